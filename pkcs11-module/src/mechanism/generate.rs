//! RSA key pairs made on the token: `CKM_RSA_PKCS_KEY_PAIR_GEN` (PKCS #11, section 6.1.4).

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::RsaKeyPair;
use cryptoki_sys::*;

use super::{Call, Mechanism, Table};
use crate::draft::Draft;
use crate::error::{Error, Result};
use crate::ffi::crypto::RsaKey;
use crate::key::GeneratedPair;

/// The only public exponent that keys are made with: F4 (65537), as every certificate policy has it.
const PUBLIC_EXPONENT: [u8; 3] = [1, 0, 1];

pub(super) struct Rsa;

impl Mechanism for Rsa {
    fn info(&self) -> CK_MECHANISM_INFO {
        CK_MECHANISM_INFO {
            ulMinKeySize: 2048,
            ulMaxKeySize: RsaKey::MAX_BITS as CK_ULONG,
            flags: CKF_GENERATE_KEY_PAIR,
        }
    }

    fn pair_type(&self) -> Result<CK_KEY_TYPE> {
        Ok(CKK_RSA)
    }

    fn generate_pair(&self, call: &Call<'_>, public: &Draft) -> Result<GeneratedPair> {
        call.no_parameter()?;
        let size = match public.ulong(CKA_MODULUS_BITS) {
            Some(2048) => KeySize::Rsa2048,
            Some(3072) => KeySize::Rsa3072,
            Some(4096) => KeySize::Rsa4096,
            _ => return Err(Error::KeySizeRange),
        };
        if public
            .bytes(CKA_PUBLIC_EXPONENT)
            .is_some_and(|exponent| exponent != PUBLIC_EXPONENT)
        {
            return Err(Error::AttributeValueInvalid);
        }
        let pair = RsaKeyPair::generate(size).map_err(|_| Error::FunctionFailed)?;
        // The buffer wipes itself when it is dropped.
        let pkcs8 = pair.as_der().map_err(|_| Error::FunctionFailed)?;
        GeneratedPair::from_rsa(pkcs8.as_ref())
    }
}

pub(super) static MECHANISMS: Table = &[(CKM_RSA_PKCS_KEY_PAIR_GEN, &Rsa)];
