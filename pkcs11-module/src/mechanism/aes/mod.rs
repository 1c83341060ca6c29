//! AES (FIPS 197; PKCS #11, section 6.13): its keys, and what its mechanisms have in common. One file a group of
//! modes; each mode that encrypts also wraps keys.

mod blocks;
mod ccm;
mod cmac;
mod gcm;
mod key_wrap;
mod streams;

use std::mem::MaybeUninit;

use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::{Call, Cipher, Table, secret};
use crate::error::{Error, Result};
use crate::ffi::crypto::{AesKey, BLOCK};
use crate::object::Object;

pub(super) static TABLES: &[Table] = &[
    blocks::MECHANISMS,
    ccm::MECHANISMS,
    cmac::MECHANISMS,
    gcm::MECHANISMS,
    key_wrap::MECHANISMS,
    streams::MECHANISMS,
];

/// What each mode of encryption can do.
const CIPHERING: CK_FLAGS = CKF_ENCRYPT | CKF_DECRYPT | CKF_WRAP | CKF_UNWRAP;

/// The key sizes are counted in bytes.
const fn info(flags: CK_FLAGS) -> CK_MECHANISM_INFO {
    CK_MECHANISM_INFO {
        ulMinKeySize: 16,
        ulMaxKeySize: 32,
        flags,
    }
}

/// The key that an object holds: `CKR_KEY_TYPE_INCONSISTENT` if it is another's, `CKR_KEY_SIZE_RANGE` if it is none.
fn key(object: &Object) -> Result<AesKey<'_>> {
    AesKey::new(secret::value(object, &[CKK_AES])?)
}

/// The initialisation vector that is the whole parameter.
fn iv<'a>(call: &Call<'a>) -> Result<&'a [u8]> {
    let iv = call.bytes()?;
    if iv.len() == BLOCK {
        Ok(iv)
    } else {
        Err(Error::MechanismParamInvalid)
    }
}

/// Wraps by an encryption (section 5.18.3, `C_WrapKey`); `api::wrapping` says of keys what is said of data here.
fn wrap(cipher: &mut dyn Cipher, plain: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(cipher.most_of_rest(plain.len()));
    let made = cipher
        .update(plain, &mut out)
        .and_then(|()| cipher.finish(&mut out));
    made.map(|()| out)
}

/// Unwraps by a decryption (section 5.18.4, `C_UnwrapKey`).
fn unwrap(cipher: &mut dyn Cipher, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(Vec::with_capacity(cipher.most_of_rest(wrapped.len())));
    let made = cipher
        .update(wrapped, &mut out)
        .and_then(|()| cipher.finish(&mut out));
    made.map(|()| out)
}

/// Writes what ends an output behind the `written` bytes that are there: the length of all.
fn end_with(end: &[u8], written: usize, out: &mut [MaybeUninit<u8>]) -> Result<usize> {
    let places = out.get_mut(written..written + end.len()).ok_or(Error::General)?;
    for (place, byte) in places.iter_mut().zip(end) {
        place.write(*byte);
    }
    Ok(written + end.len())
}
