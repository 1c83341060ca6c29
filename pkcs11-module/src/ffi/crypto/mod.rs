//! The cryptographic library, used where its safe interface (`aws-lc-rs`) has no way.
//!
//! `aws-lc-rs` signs messages and digests of the scheme's own hash function. PKCS #11 also wants raw PKCS #1 v1.5
//! padding of any data (`CKM_RSA_PKCS`), PSS with any salt length and mask hash, ECDSA over data of any length,
//! and much that the safe interface leaves out; so these operations call the C library under `aws-lc-rs` (the same
//! copy). One file an algorithm.

mod cipher;
mod curve25519;
mod dh;
mod digest;
mod dsa;
mod ec;
mod kdf;
mod key_wrap;
mod mac;
mod ml;
mod number;
mod rsa;
mod rsa_encryption;
mod rsa_generation;
mod rsa_numbers;

use aws_lc_sys::*;

use crate::mechanism::Hash;

pub(crate) use cipher::{
    AesKey, BLOCK, BlockKey, CipherContext, DesKey, Direction, LastBlock, Mode, Padding,
};
pub(crate) use curve25519::{Ed25519Key, KEY_LEN, SIGNATURE_LEN, verify_ed25519, x25519, x25519_public};
pub(crate) use dh::{DhKey, DhParameters};
pub(crate) use digest::{Context, Shake256};
pub(crate) use dsa::{DsaKey, DsaParameters};
pub(crate) use ec::{EcKey, Equation};
pub(crate) use kdf::{hkdf_expand, pbkdf2};
pub(crate) use key_wrap::{HALF_BLOCK, KeyWrap};
pub(crate) use mac::{CmacContext, HmacContext};
pub(crate) use ml::MlKey;
pub(crate) use rsa::{RsaKey, RsaPrivateNumbers};
pub(crate) use rsa_encryption::OaepPadding;
pub(crate) use rsa_numbers::RsaNumbers;

/// The library's description of a hash function.
fn description(hash: Hash) -> *const EVP_MD {
    // SAFETY: these functions take nothing and give a static description.
    unsafe {
        match hash {
            Hash::Sha1 => EVP_sha1(),
            Hash::Sha224 => EVP_sha224(),
            Hash::Sha256 => EVP_sha256(),
            Hash::Sha384 => EVP_sha384(),
            Hash::Sha512 => EVP_sha512(),
            Hash::Sha512_224 => EVP_sha512_224(),
            Hash::Sha512_256 => EVP_sha512_256(),
            Hash::Sha3_224 => EVP_sha3_224(),
            Hash::Sha3_256 => EVP_sha3_256(),
            Hash::Sha3_384 => EVP_sha3_384(),
            Hash::Sha3_512 => EVP_sha3_512(),
        }
    }
}

/// The library queues its reasons per thread; nobody reads them here, and they would pile up.
fn forget_errors() {
    // SAFETY: acts on the library's own queue of this thread.
    unsafe { ERR_clear_error() };
}
