//! Where the PIN of a verb comes from.
