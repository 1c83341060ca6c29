//! AES (FIPS 197; PKCS #11, section 6.13): its keys, and what its mechanisms have in common. One file a group of
//! modes, but for those that other ciphers have too; each mode that encrypts also wraps keys.

mod ccm;
mod gcm;
mod key_wrap;
mod streams;

use std::mem::MaybeUninit;

use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::blocks::{BlockCipher, Blocks};
use super::{Call, Cipher, Table, secret};
use crate::error::{Error, Result};
use crate::ffi::crypto::{AesKey, BLOCK, Mode, Padding};
use crate::object::Object;

pub(super) static TABLES: &[Table] = &[
    BLOCKS,
    ccm::MECHANISMS,
    gcm::MECHANISMS,
    key_wrap::MECHANISMS,
    streams::MECHANISMS,
];

static BLOCKS: Table = &[
    (CKM_AES_ECB, &blocks(Mode::Ecb, Padding::None)),
    (CKM_AES_CBC, &blocks(Mode::Cbc, Padding::None)),
    (CKM_AES_CBC_PAD, &blocks(Mode::Cbc, Padding::Pkcs7)),
];

const fn blocks(mode: Mode, padding: Padding) -> Blocks {
    Blocks {
        cipher: BlockCipher::Aes,
        mode,
        padding,
    }
}

/// What each mode of encryption can do.
pub(super) const CIPHERING: CK_FLAGS = CKF_ENCRYPT | CKF_DECRYPT | CKF_WRAP | CKF_UNWRAP;

/// The key sizes are counted in bytes.
pub(super) const fn info(flags: CK_FLAGS) -> CK_MECHANISM_INFO {
    CK_MECHANISM_INFO {
        ulMinKeySize: 16,
        ulMaxKeySize: 32,
        flags,
    }
}

/// The key that an object holds: `CKR_KEY_TYPE_INCONSISTENT` if it is another's, `CKR_KEY_SIZE_RANGE` if it is none.
pub(super) fn key(object: &Object) -> Result<AesKey<'_>> {
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
pub(super) fn wrap(cipher: &mut dyn Cipher, plain: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(cipher.most_of_rest(plain.len()));
    let made = cipher
        .update(plain, &mut out)
        .and_then(|()| cipher.finish(&mut out));
    made.map(|()| out)
}

/// Unwraps by a decryption (section 5.18.4, `C_UnwrapKey`).
pub(super) fn unwrap(cipher: &mut dyn Cipher, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(Vec::with_capacity(cipher.most_of_rest(wrapped.len())));
    let made = cipher
        .update(wrapped, &mut out)
        .and_then(|()| cipher.finish(&mut out));
    made.map(|()| out)
}

/// Writes what ends an output behind the `written` bytes that are there: the length of all.
pub(super) fn end_with(end: &[u8], written: usize, out: &mut [MaybeUninit<u8>]) -> Result<usize> {
    let places = out.get_mut(written..written + end.len()).ok_or(Error::General)?;
    for (place, byte) in places.iter_mut().zip(end) {
        place.write(*byte);
    }
    Ok(written + end.len())
}
