//! Operations on messages (3.0): one `C_Message…Init`, then many messages, each whole or in parts and each with a
//! parameter of its own, then one `C_Message…Final`. A message that fails is over; the work on messages goes on.

pub(crate) mod ciphers;
pub(crate) mod signatures;
