//! Key pairs made on the token: `CKM_RSA_PKCS_KEY_PAIR_GEN` (PKCS #11, section 2.1.4) and `CKM_EC_KEY_PAIR_GEN`
//! (section 2.3.5).

use aws_lc_rs::encoding::{AsBigEndian, AsDer};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RsaKeyPair,
};
use cryptoki_sys::*;

use super::{Call, Curve, Mechanism, Table, ecdsa};
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

pub(super) struct Ec;

impl Mechanism for Ec {
    fn info(&self) -> CK_MECHANISM_INFO {
        ecdsa::info(CKF_GENERATE_KEY_PAIR)
    }

    fn pair_type(&self) -> Result<CK_KEY_TYPE> {
        Ok(CKK_EC)
    }

    fn generate_pair(&self, call: &Call<'_>, public: &Draft) -> Result<GeneratedPair> {
        call.no_parameter()?;
        let curve = Curve::from_parameters(public.bytes(CKA_EC_PARAMS).ok_or(Error::TemplateIncomplete)?)?;
        let algorithm = match curve {
            Curve::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
            Curve::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        };
        let pair = EcdsaKeyPair::generate(algorithm).map_err(|_| Error::FunctionFailed)?;
        let scalar = pair
            .private_key()
            .as_be_bytes()
            .map_err(|_| Error::FunctionFailed)?;
        GeneratedPair::from_ec(curve, scalar.as_ref(), pair.public_key().as_ref())
    }
}

pub(super) static MECHANISMS: Table = &[(CKM_RSA_PKCS_KEY_PAIR_GEN, &Rsa), (CKM_EC_KEY_PAIR_GEN, &Ec)];
