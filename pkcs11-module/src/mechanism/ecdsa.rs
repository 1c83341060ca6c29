//! ECDSA (FIPS 186-5, section 6; PKCS #11, sections 2.3.6 and 2.3.7): `CKM_ECDSA` and `CKM_ECDSA_SHA…`.
//!
//! A signature is r and s, each as long as the order of the curve, one after the other.

use std::sync::Arc;

use cryptoki_sys::*;
use der::asn1::UintRef;
use der::{Decode, Encode, Sequence};

use super::input::{Input, Operation, Scheme};
use super::{Call, Hash, Mechanism, Signing, Table, Verifying};
use crate::error::{Error, Result};
use crate::key::Key;
use crate::object::Object;

/// More than any hash function gives; only the leftmost bits count.
const MAX_DIGEST: usize = 128;

/// A curve this token offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
}

impl Curve {
    /// Reads `CKA_EC_PARAMS`: the DER of a named curve's object identifier.
    pub(crate) fn from_parameters(parameters: &[u8]) -> Result<Self> {
        [Self::P256, Self::P384]
            .into_iter()
            .find(|curve| curve.parameters() == parameters)
            .ok_or(Error::CurveNotSupported)
    }

    /// The DER of its object identifier (RFC 5480, 2.1.1.1).
    pub(crate) fn parameters(self) -> &'static [u8] {
        match self {
            Self::P256 => &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
            Self::P384 => &[0x06, 5, 0x2b, 0x81, 4, 0, 0x22],
        }
    }

    /// The length of a field element, and of a scalar, in bytes.
    pub(crate) fn field_len(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }

    /// The length of an uncompressed point (SEC 1, 2.3.3).
    pub(crate) fn point_len(self) -> usize {
        2 * self.field_len() + 1
    }
}

/// With a hash function, or over a digest that the host has made.
pub(super) struct Ecdsa(pub(super) Option<Hash>);

impl Ecdsa {
    fn begin(&self, call: &Call<'_>, object: &Object) -> Result<Operation<Signature>> {
        call.no_parameter()?;
        let key = object.key()?;
        key.ec()?;
        Ok(Operation {
            input: Input::new(self.0, MAX_DIGEST)?,
            scheme: Signature(key),
        })
    }
}

impl Mechanism for Ecdsa {
    fn info(&self) -> CK_MECHANISM_INFO {
        info(CKF_SIGN | CKF_VERIFY)
    }

    fn sign(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Signing>> {
        Ok(Box::new(self.begin(call, key)?))
    }

    fn verify(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Verifying>> {
        Ok(Box::new(self.begin(call, key)?))
    }
}

/// Named prime curves, points uncompressed.
pub(super) fn info(uses: CK_FLAGS) -> CK_MECHANISM_INFO {
    let flags = uses | CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS;
    CK_MECHANISM_INFO {
        ulMinKeySize: 256,
        ulMaxKeySize: 384,
        flags,
    }
}

struct Signature(Arc<Key>);

/// `ECDSA-Sig-Value` (RFC 3279, 2.2.3).
#[derive(Sequence)]
struct SigValue<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

impl Scheme for Signature {
    fn signature_len(&self) -> usize {
        self.0.ec().map_or(0, |(curve, _)| 2 * curve.field_len())
    }

    fn sign(&self, input: &[u8]) -> Result<Vec<u8>> {
        let (curve, key) = self.0.ec()?;
        if input.is_empty() {
            return Err(Error::DataLenRange);
        }
        let der = key.sign(input)?;
        let value = SigValue::from_der(&der).map_err(|_| Error::FunctionFailed)?;
        let mut signature = vec![0; 2 * curve.field_len()];
        let (r, s) = signature.split_at_mut(curve.field_len());
        for (half, number) in [(r, value.r.as_bytes()), (s, value.s.as_bytes())] {
            let start = half
                .len()
                .checked_sub(number.len())
                .ok_or(Error::FunctionFailed)?;
            half[start..].copy_from_slice(number);
        }
        Ok(signature)
    }

    fn verify(&self, input: &[u8], signature: &[u8]) -> Result<bool> {
        let (curve, key) = self.0.ec()?;
        if input.is_empty() {
            return Err(Error::DataLenRange);
        }
        let (r, s) = signature
            .split_at_checked(curve.field_len())
            .ok_or(Error::SignatureLenRange)?;
        let number = |half| UintRef::new(half).map_err(|_| Error::SignatureInvalid);
        let der = SigValue {
            r: number(r)?,
            s: number(s)?,
        }
        .to_der()
        .map_err(|_| Error::SignatureInvalid)?;
        Ok(key.verify(input, &der))
    }
}

pub(super) static MECHANISMS: Table = &[
    (CKM_ECDSA, &Ecdsa(None)),
    (CKM_ECDSA_SHA256, &Ecdsa(Some(Hash::Sha256))),
    (CKM_ECDSA_SHA384, &Ecdsa(Some(Hash::Sha384))),
    (CKM_ECDSA_SHA512, &Ecdsa(Some(Hash::Sha512))),
];
