//! Triple DES (SP 800-67, withdrawn; PKCS #11, section 6.16): `CKM_DES2_KEY_GEN`, `CKM_DES3_KEY_GEN`, `CKM_DES3_ECB`,
//! `CKM_DES3_CBC` and `CKM_DES3_CBC_PAD`; its codes are in `cbc_mac` and `cmac`. For old data, and programs that have
//! it. DES with one key is not offered: anybody can find that.

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

/// The key that an object holds: `CKR_KEY_TYPE_INCONSISTENT` if it is another cipher's.
pub(super) fn key(object: &Object) -> Result<DesKey<'_>> {
    DesKey::new(secret::value(object, &[CKK_DES2, CKK_DES3])?)
}

/// The key sizes are counted in bytes, with their parity.
pub(super) const fn info(flags: CK_FLAGS) -> CK_MECHANISM_INFO {
    CK_MECHANISM_INFO {
        ulMinKeySize: 16,
        ulMaxKeySize: 24,
        flags,
    }
}

/// The length of the only keys that there are of a type, in bytes.
pub(crate) fn natural_len(key_type: Option<CK_KEY_TYPE>) -> Option<usize> {
    match key_type? {
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
        CK_MECHANISM_INFO {
            ulMinKeySize: len,
            ulMaxKeySize: len,
            flags: CKF_GENERATE,
        }
    }

    fn secret_types(&self) -> Result<&'static [CK_KEY_TYPE]> {
        Ok(if self.0 == CKK_DES2 {
            &[CKK_DES2]
        } else {
            &[CKK_DES3]
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

const fn blocks(mode: Mode, padding: Padding) -> Blocks {
    Blocks {
        cipher: BlockCipher::TripleDes,
        mode,
        padding,
    }
}

pub(super) static MECHANISMS: Table = &[
    (CKM_DES2_KEY_GEN, &Generation(CKK_DES2)),
    (CKM_DES3_KEY_GEN, &Generation(CKK_DES3)),
    (CKM_DES3_ECB, &blocks(Mode::Ecb, Padding::None)),
    (CKM_DES3_CBC, &blocks(Mode::Cbc, Padding::None)),
    (CKM_DES3_CBC_PAD, &blocks(Mode::Cbc, Padding::Pkcs7)),
];
