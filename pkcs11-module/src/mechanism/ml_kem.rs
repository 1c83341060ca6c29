//! ML-KEM (FIPS 203; PKCS #11 3.2, section 6.68): key pairs, and shared secrets carried to their holder.

use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::{Call, Encapsulated, Mechanism, Table};
use crate::attribute::Value;
use crate::draft::Draft;
use crate::error::{Error, Result};
use crate::ffi::crypto::MlKey;
use crate::key::GeneratedPair;
use crate::object::Object;

/// A parameter set (FIPS 203, section 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MlKemSet {
    Kem512,
    Kem768,
    Kem1024,
}

impl MlKemSet {
    /// Reads `CKA_PARAMETER_SET`.
    pub(crate) fn from_parameter(set: u64) -> Result<Self> {
        match CK_ULONG::try_from(set) {
            Ok(CKP_ML_KEM_512) => Ok(Self::Kem512),
            Ok(CKP_ML_KEM_768) => Ok(Self::Kem768),
            Ok(CKP_ML_KEM_1024) => Ok(Self::Kem1024),
            _ => Err(Error::ParameterSetNotSupported),
        }
    }

    /// Where the encapsulation key stands in a decapsulation key: k polynomials of 384 bytes come before it, and it
    /// has as many again and a seed of 32 bytes (FIPS 203, algorithm 16, line 3).
    pub(crate) fn public_in_private(self) -> std::ops::Range<usize> {
        let polynomials = 384
            * match self {
                Self::Kem512 => 2,
                Self::Kem768 => 3,
                Self::Kem1024 => 4,
            };
        polynomials..2 * polynomials + 32
    }
}

struct Generate;

impl Mechanism for Generate {
    fn info(&self) -> CK_MECHANISM_INFO {
        info(CKF_GENERATE_KEY_PAIR)
    }

    fn pair_type(&self) -> Result<CK_KEY_TYPE> {
        Ok(CKK_ML_KEM)
    }

    fn generate_pair(&self, call: &Call<'_>, public: &Draft, _private: &Draft) -> Result<GeneratedPair> {
        call.no_parameter()?;
        let number = public.ulong(CKA_PARAMETER_SET).ok_or(Error::TemplateIncomplete)?;
        GeneratedPair::from_ml(
            Value::Ulong(number),
            &MlKey::generate_kem(MlKemSet::from_parameter(number)?)?,
        )
    }
}

struct MlKem;

impl Mechanism for MlKem {
    fn info(&self) -> CK_MECHANISM_INFO {
        info(CKF_ENCAPSULATE | CKF_DECAPSULATE)
    }

    fn encapsulate(&self, call: &Call<'_>, public: &Object) -> Result<Encapsulated> {
        call.no_parameter()?;
        let (ciphertext, secret) = public.key()?.ml_kem()?.encapsulate()?;
        Ok(Encapsulated { ciphertext, secret })
    }

    fn decapsulate(
        &self,
        call: &Call<'_>,
        private: &Object,
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        call.no_parameter()?;
        private.key()?.ml_kem()?.decapsulate(ciphertext)
    }
}

/// Sizes are those of encapsulation keys, in bytes (FIPS 203, table 3).
fn info(flags: CK_FLAGS) -> CK_MECHANISM_INFO {
    CK_MECHANISM_INFO {
        ulMinKeySize: 800,
        ulMaxKeySize: 1568,
        flags,
    }
}

pub(super) static MECHANISMS: Table = &[(CKM_ML_KEM_KEY_PAIR_GEN, &Generate), (CKM_ML_KEM, &MlKem)];
