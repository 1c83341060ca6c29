//! DES (FIPS 46-3, withdrawn; PKCS #11 Historical Mechanisms, section 2.9): `CKM_DES_KEY_GEN`, `CKM_DES_ECB`,
//! `CKM_DES_CBC` and `CKM_DES_CBC_PAD`; and triple DES (SP 800-67, withdrawn; PKCS #11, section 6.16), which has the
//! same and keys of two lengths. Their codes are in `cbc_mac` and `cmac`.
//!
//! For old data, and for programs that have them. Anybody can find a key of single DES: it is here because conformance
//! suites make one wherever they want some secret key.

use aws_lc_rs::rand;
use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::blocks::{BlockCipher, Blocks};
use super::{Call, Mechanism, Table, secret};
use crate::attribute::Value;
use crate::draft::Draft;
use crate::error::{Error, Result};
use crate::ffi::crypto::{DesKey, Mode, Padding};
use crate::object::{Attributes, Object};

/// The key types of single DES.
pub(super) const SINGLE: &[CK_KEY_TYPE] = &[CKK_DES];

/// The key types of triple DES.
pub(super) const TRIPLE: &[CK_KEY_TYPE] = &[CKK_DES2, CKK_DES3];

/// The key that an object holds: `CKR_KEY_TYPE_INCONSISTENT` if it is another cipher's.
pub(super) fn key<'a>(object: &'a Object, types: &[CK_KEY_TYPE]) -> Result<DesKey<'a>> {
    DesKey::new(secret::value(object, types)?)
}

/// The key sizes are counted in bytes, with their parity.
pub(super) const fn info(least: CK_ULONG, most: CK_ULONG, flags: CK_FLAGS) -> CK_MECHANISM_INFO {
    CK_MECHANISM_INFO {
        ulMinKeySize: least,
        ulMaxKeySize: most,
        flags,
    }
}

/// The length of the only keys that there are of a type, in bytes.
pub(crate) fn natural_len(key_type: Option<CK_KEY_TYPE>) -> Option<usize> {
    match key_type? {
        CKK_DES => Some(DesKey::BLOCK),
        CKK_DES2 => Some(2 * DesKey::BLOCK),
        CKK_DES3 => Some(3 * DesKey::BLOCK),
        _ => None,
    }
}

/// Gives each byte an odd number of bits (FIPS 46-3): the lowest is there for that. Whether one had not.
pub(crate) fn set_parity(value: &mut [u8]) -> bool {
    let mut was_wrong = false;
    for byte in value {
        if byte.count_ones().is_multiple_of(2) {
            *byte ^= 1;
            was_wrong = true;
        }
    }
    was_wrong
}

/// Makes keys of one type.
struct Generation(CK_KEY_TYPE);

impl Mechanism for Generation {
    fn info(&self) -> CK_MECHANISM_INFO {
        let len = natural_len(Some(self.0)).unwrap_or_default() as CK_ULONG;
        info(len, len, CKF_GENERATE)
    }

    fn secret_types(&self) -> Result<&'static [CK_KEY_TYPE]> {
        Ok(match self.0 {
            CKK_DES => &[CKK_DES],
            CKK_DES2 => &[CKK_DES2],
            _ => &[CKK_DES3],
        })
    }

    fn generate_secret(&self, call: &Call<'_>, _template: &Draft) -> Result<Attributes> {
        call.no_parameter()?;
        let len = natural_len(Some(self.0)).ok_or(Error::General)?;
        let mut value = Zeroizing::new(vec![0; len]);
        rand::fill(&mut value).map_err(|_| Error::FunctionFailed)?;
        set_parity(&mut value);
        Ok([(CKA_VALUE, Value::Bytes(value))].into_iter().collect())
    }
}

const fn blocks(cipher: BlockCipher, mode: Mode, padding: Padding) -> Blocks {
    Blocks {
        cipher,
        mode,
        padding,
    }
}

const fn single(mode: Mode, padding: Padding) -> Blocks {
    blocks(BlockCipher::Des, mode, padding)
}

const fn triple(mode: Mode, padding: Padding) -> Blocks {
    blocks(BlockCipher::TripleDes, mode, padding)
}

pub(super) static MECHANISMS: Table = &[
    (CKM_DES_KEY_GEN, &Generation(CKK_DES)),
    (CKM_DES_ECB, &single(Mode::Ecb, Padding::None)),
    (CKM_DES_CBC, &single(Mode::Cbc, Padding::None)),
    (CKM_DES_CBC_PAD, &single(Mode::Cbc, Padding::Pkcs7)),
    (CKM_DES2_KEY_GEN, &Generation(CKK_DES2)),
    (CKM_DES3_KEY_GEN, &Generation(CKK_DES3)),
    (CKM_DES3_ECB, &triple(Mode::Ecb, Padding::None)),
    (CKM_DES3_CBC, &triple(Mode::Cbc, Padding::None)),
    (CKM_DES3_CBC_PAD, &triple(Mode::Cbc, Padding::Pkcs7)),
];
