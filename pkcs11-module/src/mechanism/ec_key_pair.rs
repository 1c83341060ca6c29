//! Elliptic-curve key pairs made on the token (PKCS #11, sections 6.3.10 to 6.3.13): `CKM_EC_KEY_PAIR_GEN`,
//! `CKM_EC_EDWARDS_KEY_PAIR_GEN` and `CKM_EC_MONTGOMERY_KEY_PAIR_GEN`.

use aws_lc_rs::rand;
use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::curve448::{ed448_public, x448_public};
use super::{Call, Curve, Edwards, Mechanism, Montgomery, Table};
use crate::draft::Draft;
use crate::error::{Error, Result};
use crate::ffi::crypto::{EcKey, Ed25519Key, x25519_public};
use crate::key::GeneratedPair;

/// A generator of key pairs of one form of curve.
enum Generator {
    Weierstrass,
    Edwards,
    Montgomery,
}

impl Mechanism for Generator {
    fn info(&self) -> CK_MECHANISM_INFO {
        match self {
            Self::Weierstrass => info(CKF_GENERATE_KEY_PAIR),
            Self::Edwards | Self::Montgomery => info_edwards(CKF_GENERATE_KEY_PAIR),
        }
    }

    fn pair_type(&self) -> Result<CK_KEY_TYPE> {
        Ok(match self {
            Self::Weierstrass => CKK_EC,
            Self::Edwards => CKK_EC_EDWARDS,
            Self::Montgomery => CKK_EC_MONTGOMERY,
        })
    }

    fn generate_pair(&self, call: &Call<'_>, public: &Draft, _private: &Draft) -> Result<GeneratedPair> {
        call.no_parameter()?;
        let parameters = public.bytes(CKA_EC_PARAMS).ok_or(Error::TemplateIncomplete)?;
        match self {
            Self::Weierstrass => {
                let (scalar, point) = EcKey::generate(Curve::from_parameters(parameters)?)?;
                GeneratedPair::from_ec(parameters, &scalar, &point)
            }
            Self::Edwards => match Edwards::from_parameters(parameters)? {
                Edwards::Ed25519 => {
                    let seed = random()?;
                    let point = Ed25519Key::from_seed(&seed).public();
                    GeneratedPair::from_ec(parameters, &*seed, &point)
                }
                Edwards::Ed448 => {
                    let seed = random()?;
                    GeneratedPair::from_ec(parameters, &*seed, &ed448_public(&seed))
                }
            },
            Self::Montgomery => match Montgomery::from_parameters(parameters)? {
                Montgomery::X25519 => {
                    let scalar = random()?;
                    GeneratedPair::from_ec(parameters, &*scalar, &x25519_public(&scalar))
                }
                Montgomery::X448 => {
                    let scalar = random()?;
                    GeneratedPair::from_ec(parameters, &*scalar, &x448_public(&scalar))
                }
            },
        }
    }
}

/// Any bytes are a seed (RFC 8032, 5.1.5) and a scalar (RFC 7748, 5: the bits that matter are set in use).
fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    rand::fill(&mut *bytes).map_err(|_| Error::General)?;
    Ok(bytes)
}

/// Of the prime curves: named, points uncompressed or compressed; sizes are those of the field, in bits.
pub(super) fn info(uses: CK_FLAGS) -> CK_MECHANISM_INFO {
    CK_MECHANISM_INFO {
        ulMinKeySize: 192,
        ulMaxKeySize: 521,
        flags: uses | CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_CURVENAME | CKF_EC_UNCOMPRESS | CKF_EC_COMPRESS,
    }
}

/// Of the curves in Edwards and Montgomery form.
pub(super) fn info_edwards(uses: CK_FLAGS) -> CK_MECHANISM_INFO {
    CK_MECHANISM_INFO {
        ulMinKeySize: 255,
        ulMaxKeySize: 448,
        flags: uses | CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_CURVENAME | CKF_EC_COMPRESS,
    }
}

pub(super) static MECHANISMS: Table = &[
    (CKM_EC_KEY_PAIR_GEN, &Generator::Weierstrass),
    (CKM_EC_EDWARDS_KEY_PAIR_GEN, &Generator::Edwards),
    (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, &Generator::Montgomery),
];
