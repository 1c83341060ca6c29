//! `CKA_CHECK_VALUE` (sections 4.6.2 and 4.10.2): three bytes by which people compare keys and certificates.

use aws_lc_rs::cipher::{AES_128, AES_192, AES_256, EncryptingKey, UnboundCipherKey};
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use crate::error::{Error, Result};
use crate::ffi::crypto::{CipherContext, DesKey, Direction, Mode, Padding};

/// Of a certificate: the first bytes of its SHA-1.
pub(crate) fn of_certificate(certificate: &[u8]) -> [u8; 3] {
    first_of_sha1(certificate)
}

/// Of a secret that belongs to no cipher: the same of its value.
pub(crate) fn of_secret(value: &[u8]) -> [u8; 3] {
    first_of_sha1(value)
}

/// Of an AES key: the first bytes of a block of zeros, encrypted (6.13.2). A key of another length is an impossible
/// value.
pub(crate) fn of_aes(value: &[u8]) -> Result<[u8; 3]> {
    let algorithm = match value.len() {
        16 => &AES_128,
        24 => &AES_192,
        32 => &AES_256,
        _ => return Err(Error::AttributeValueInvalid),
    };
    let mut block = [0; 16];
    UnboundCipherKey::new(algorithm, value)
        .and_then(EncryptingKey::ecb)
        .and_then(|key| key.encrypt(&mut block))
        .map_err(|_| Error::FunctionFailed)?;
    let [first, second, third, ..] = block;
    Ok([first, second, third])
}

/// Of a key of DES, likewise (6.16.1).
pub(crate) fn of_des(value: &[u8]) -> Result<[u8; 3]> {
    let key = DesKey::new(value).map_err(|_| Error::AttributeValueInvalid)?;
    let mut context = CipherContext::new(Mode::Ecb, Direction::Encrypt, key, &[], Padding::None)?;
    let mut block = Vec::with_capacity(DesKey::BLOCK);
    context.append(&[0; DesKey::BLOCK], &mut block)?;
    block.first_chunk().copied().ok_or(Error::General)
}

fn first_of_sha1(bytes: &[u8]) -> [u8; 3] {
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes);
    let mut first = [0; 3];
    first.copy_from_slice(&digest.as_ref()[..3]);
    first
}
