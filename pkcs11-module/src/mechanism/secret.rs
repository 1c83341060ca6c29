//! Secret keys made on the token: `CKM_AES_KEY_GEN`, `CKM_GENERIC_SECRET_KEY_GEN` (sections 6.13.3 and 6.8.4),
//! `CKM_SHA…_KEY_GEN` for the HMAC of one hash function and `CKM_HKDF_KEY_GEN` (section 6.62.5).

use aws_lc_rs::rand;
use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::{Call, Mechanism, Table};
use crate::attribute::Value;
use crate::draft::Draft;
use crate::error::{Error, Result};
use crate::object::{Attributes, Object};

/// The longest secret that is made, or that authenticates messages, in bytes.
pub(super) const MAX_LEN: usize = 4096;

/// The value of a secret key of one of these types.
pub(super) fn value<'a>(object: &'a Object, types: &[CK_KEY_TYPE]) -> Result<&'a [u8]> {
    let is_of_type = object
        .ulong(CKA_KEY_TYPE)
        .is_some_and(|kind| types.contains(&kind));
    if object.class() != CKO_SECRET_KEY || !is_of_type {
        return Err(Error::KeyTypeInconsistent);
    }
    object.bytes(CKA_VALUE)
}

/// Makes keys of one type.
struct Generation {
    types: &'static [CK_KEY_TYPE],
    /// The unit of the sizes in [`Mechanism::info`], in bits: the standard counts those of generic secrets in bits.
    unit: usize,
}

impl Generation {
    const fn of(types: &'static [CK_KEY_TYPE]) -> Self {
        Self { types, unit: 8 }
    }

    fn sizes(&self) -> (usize, usize) {
        if self.types[0] == CKK_AES {
            (16, 32)
        } else {
            (1, MAX_LEN)
        }
    }

    fn makes(&self, len: usize) -> bool {
        let (least, most) = self.sizes();
        (least..=most).contains(&len) && (self.types[0] != CKK_AES || len.is_multiple_of(8))
    }
}

impl Mechanism for Generation {
    fn info(&self) -> CK_MECHANISM_INFO {
        let (least, most) = self.sizes();
        let size = |bytes| (bytes * 8 / self.unit) as CK_ULONG;
        CK_MECHANISM_INFO {
            ulMinKeySize: size(least),
            ulMaxKeySize: size(most),
            flags: CKF_GENERATE,
        }
    }

    fn secret_types(&self) -> Result<&'static [CK_KEY_TYPE]> {
        Ok(self.types)
    }

    fn generate_secret(&self, call: &Call<'_>, template: &Draft) -> Result<Attributes> {
        call.no_parameter()?;
        let len = template.ulong(CKA_VALUE_LEN).ok_or(Error::TemplateIncomplete)?;
        let len = usize::try_from(len).ok().filter(|&len| self.makes(len));
        let mut value = Zeroizing::new(vec![0; len.ok_or(Error::AttributeValueInvalid)?]);
        rand::fill(&mut value).map_err(|_| Error::FunctionFailed)?;
        Ok([(CKA_VALUE, Value::Bytes(value))].into_iter().collect())
    }
}

pub(super) static MECHANISMS: Table = &[
    (CKM_AES_KEY_GEN, &Generation::of(&[CKK_AES])),
    (
        CKM_GENERIC_SECRET_KEY_GEN,
        &Generation {
            types: &[CKK_GENERIC_SECRET],
            unit: 1,
        },
    ),
    (CKM_HKDF_KEY_GEN, &Generation::of(&[CKK_HKDF])),
    (CKM_SHA_1_KEY_GEN, &Generation::of(&[CKK_SHA_1_HMAC])),
    (CKM_SHA224_KEY_GEN, &Generation::of(&[CKK_SHA224_HMAC])),
    (CKM_SHA256_KEY_GEN, &Generation::of(&[CKK_SHA256_HMAC])),
    (CKM_SHA384_KEY_GEN, &Generation::of(&[CKK_SHA384_HMAC])),
    (CKM_SHA512_KEY_GEN, &Generation::of(&[CKK_SHA512_HMAC])),
    (CKM_SHA512_224_KEY_GEN, &Generation::of(&[CKK_SHA512_224_HMAC])),
    (CKM_SHA512_256_KEY_GEN, &Generation::of(&[CKK_SHA512_256_HMAC])),
    (CKM_SHA3_224_KEY_GEN, &Generation::of(&[CKK_SHA3_224_HMAC])),
    (CKM_SHA3_256_KEY_GEN, &Generation::of(&[CKK_SHA3_256_HMAC])),
    (CKM_SHA3_384_KEY_GEN, &Generation::of(&[CKK_SHA3_384_HMAC])),
    (CKM_SHA3_512_KEY_GEN, &Generation::of(&[CKK_SHA3_512_HMAC])),
];
