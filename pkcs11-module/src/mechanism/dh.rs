//! Diffie-Hellman over integers (PKCS #3; PKCS #11, section 6.4): `CKM_DH_PKCS_DERIVE`, keys and their parameters. For
//! programs that have it; curves do the same faster.

use cryptoki_sys::*;

use super::derivation::{Derived, Wanted};
use super::{Call, Mechanism, Table};
use crate::attribute::Value;
use crate::draft::Draft;
use crate::error::{Error, Result};
use crate::ffi::crypto::DhKey;
use crate::key::{FiniteField, GeneratedPair, Key};
use crate::object::{Attributes, Object};

/// Sizes of the prime, in bits.
const fn info(flags: CK_FLAGS) -> CK_MECHANISM_INFO {
    CK_MECHANISM_INFO {
        ulMinKeySize: *DhKey::PRIME_BITS.start() as CK_ULONG,
        ulMaxKeySize: *DhKey::PRIME_BITS.end() as CK_ULONG,
        flags,
    }
}

/// `CKM_DH_PKCS_DERIVE`: the parameter is the other side's public value.
struct Derivation;

impl Mechanism for Derivation {
    fn info(&self) -> CK_MECHANISM_INFO {
        info(CKF_DERIVE)
    }

    fn derive(&self, call: &Call<'_>, base: &Object, wanted: &Wanted<'_>) -> Result<Derived> {
        let key = base.key()?;
        let Key::Dh(key) = &*key else {
            return Err(Error::KeyTypeInconsistent);
        };
        let secret = key.agree(call.bytes()?).map_err(|error| match error {
            Error::AttributeValueInvalid => Error::MechanismParamInvalid,
            other => other,
        })?;
        // "The truncation removes bytes from the leading end of the secret value."
        wanted.last(&secret)
    }
}

/// `CKM_DH_PKCS_KEY_PAIR_GEN`.
struct KeyPair;

impl Mechanism for KeyPair {
    fn info(&self) -> CK_MECHANISM_INFO {
        info(CKF_GENERATE_KEY_PAIR)
    }

    fn pair_type(&self) -> Result<CK_KEY_TYPE> {
        Ok(CKK_DH)
    }

    fn generate_pair(&self, call: &Call<'_>, public: &Draft, private: &Draft) -> Result<GeneratedPair> {
        /// Fewer bits than this are found by trying (PKCS #3 has no bound, NIST's is 224).
        const MIN_BITS: u32 = 160;
        call.no_parameter()?;
        let numbers = FiniteField::of(CKK_DH, |kind| public.bytes(kind)).ok_or(Error::TemplateIncomplete)?;
        let bits = match private.ulong(CKA_VALUE_BITS) {
            None | Some(0) => None,
            Some(bits) => {
                let bits = u32::try_from(bits)
                    .ok()
                    .filter(|&bits| (MIN_BITS..=*DhKey::PRIME_BITS.end()).contains(&bits));
                Some(bits.ok_or(Error::AttributeValueInvalid)?)
            }
        };
        let (private, value) = DhKey::generate(&numbers.dh(), bits)?;
        Ok(numbers.pair(&private, &value))
    }
}

/// `CKM_DH_PKCS_PARAMETER_GEN`.
struct Parameters;

impl Mechanism for Parameters {
    fn info(&self) -> CK_MECHANISM_INFO {
        CK_MECHANISM_INFO {
            ulMaxKeySize: 4096,
            ..info(CKF_GENERATE)
        }
    }

    fn generated_class(&self) -> CK_OBJECT_CLASS {
        CKO_DOMAIN_PARAMETERS
    }

    fn secret_types(&self) -> Result<&'static [CK_KEY_TYPE]> {
        Ok(&[CKK_DH])
    }

    fn generate_secret(&self, call: &Call<'_>, template: &Draft) -> Result<Attributes> {
        call.no_parameter()?;
        let bits = template.ulong(CKA_PRIME_BITS).ok_or(Error::TemplateIncomplete)?;
        let bits = u32::try_from(bits).map_err(|_| Error::AttributeValueInvalid)?;
        let [prime, base] = DhKey::generate_parameters(bits).map_err(|error| match error {
            Error::KeySizeRange => Error::AttributeValueInvalid,
            other => other,
        })?;
        Ok([(CKA_PRIME, Value::bytes(prime)), (CKA_BASE, Value::bytes(base))]
            .into_iter()
            .collect())
    }
}

pub(super) static MECHANISMS: Table = &[
    (CKM_DH_PKCS_KEY_PAIR_GEN, &KeyPair),
    (CKM_DH_PKCS_PARAMETER_GEN, &Parameters),
    (CKM_DH_PKCS_DERIVE, &Derivation),
];
