//! SignedData (RFC 5652): read leniently, written by hand, verified over the bytes that came.

pub(crate) mod tlv;
