//! What is still done with SHA-1 in signatures: they are verified, by whoever names such a mechanism; none is made.
//!
//! `TRIEN_PKCS11_SHA1_SIGNATURES=1` in the environment asks for making them too, for the sake of old peers and of test
//! suites that know no other hash function. `C_GetMechanismInfo` says what holds. Where the host has hashed by itself
//! (`CKM_RSA_PKCS`, `CKM_RSA_PKCS_PSS`, `CKM_ECDSA`) this token signs what it is given.

use std::sync::OnceLock;

use cryptoki_sys::*;

use super::Hash;
use crate::error::{Error, Result};

/// The flags of a signature mechanism with this hash function.
pub(super) fn uses(hash: Hash) -> CK_FLAGS {
    if may_sign(hash) {
        CKF_SIGN | CKF_VERIFY
    } else {
        CKF_VERIFY
    }
}

/// `CKR_MECHANISM_INVALID` where a mechanism with this hash function only verifies.
pub(super) fn check_signing(hash: Hash) -> Result<()> {
    if may_sign(hash) {
        Ok(())
    } else {
        Err(Error::MechanismInvalid)
    }
}

fn may_sign(hash: Hash) -> bool {
    static ASKED: OnceLock<bool> = OnceLock::new();
    let is_asked = || std::env::var_os("TRIEN_PKCS11_SHA1_SIGNATURES").is_some_and(|value| value == "1");
    hash != Hash::Sha1 || *ASKED.get_or_init(is_asked)
}
