//! Keys that are what AES makes of given data (PKCS #11, section 6.28): `CKM_AES_ECB_ENCRYPT_DATA` and
//! `CKM_AES_CBC_ENCRYPT_DATA`. Of more ciphertext than is wanted the first bytes are taken.

use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::derivation::{self, Derived, Wanted};
use super::{Call, Mechanism, Parameter, Table, secret};
use crate::error::{Error, Result};
use crate::ffi::crypto::{AesKey, BLOCK, CipherContext, Direction, Mode, Padding};
use crate::object::Object;

enum EncryptData {
    Ecb,
    Cbc,
}

impl Mechanism for EncryptData {
    fn info(&self) -> CK_MECHANISM_INFO {
        derivation::info(16, 32)
    }

    fn derive(&self, call: &Call<'_>, base: &Object, wanted: &Wanted<'_>) -> Result<Derived> {
        let key = AesKey::new(secret::value(base, &[CKK_AES])?)?;
        let (mode, iv, data): (_, &[u8], _) = match (self, &call.parameter) {
            (Self::Ecb, Parameter::Data(data)) => (Mode::Ecb, &[], *data),
            (Self::Cbc, Parameter::EncryptData { iv, data }) => (Mode::Cbc, iv, *data),
            _ => return Err(Error::MechanismParamInvalid),
        };
        let is_too_short = wanted.len.is_some_and(|len| len > data.len());
        if data.is_empty() || !data.len().is_multiple_of(BLOCK) || is_too_short {
            return Err(Error::MechanismParamInvalid);
        }
        let (encrypt, whole) = (Direction::Encrypt, Padding::None);
        let mut context = CipherContext::new(mode, encrypt, key, iv, whole)?;
        let mut ciphertext = Zeroizing::new(Vec::with_capacity(data.len()));
        context.append(data, &mut ciphertext)?;
        wanted.first(ciphertext)
    }
}

pub(super) static MECHANISMS: Table = &[
    (CKM_AES_ECB_ENCRYPT_DATA, &EncryptData::Ecb),
    (CKM_AES_CBC_ENCRYPT_DATA, &EncryptData::Cbc),
];
