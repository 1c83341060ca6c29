//! cades
