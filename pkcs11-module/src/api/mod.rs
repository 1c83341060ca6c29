//! The chapters of PKCS #11 2.40, section 5, one file each: what a call means, in safe values.

pub(crate) mod absent;
pub(crate) mod ciphering;
pub(crate) mod derivation;
pub(crate) mod digesting;
pub(crate) mod dual;
pub(crate) mod encapsulation;
pub(crate) mod general;
pub(crate) mod keys;
pub(crate) mod login;
pub(crate) mod messages;
pub(crate) mod objects;
pub(crate) mod parallel;
pub(crate) mod random;
pub(crate) mod sessions;
pub(crate) mod signing;
pub(crate) mod slots;
pub(crate) mod states;
pub(crate) mod tokens;
pub(crate) mod verifying;
pub(crate) mod wrapping;
