//! ECDSA (FIPS 186-5, section 6; PKCS #11, section 6.3.12): `CKM_ECDSA` and `CKM_ECDSA_SHA…`.
//!
//! A signature is r and s, each as long as the order of the curve, one after the other.

use std::sync::Arc;

use cryptoki_sys::*;
use der::asn1::UintRef;
use der::{Decode, Encode, Sequence};

use super::input::{Input, Operation, Scheme};
use super::{Call, Hash, Mechanism, Signing, Table, Verifying, ec_key_pair, sha1};
use crate::error::{Error, Result};
use crate::key::Key;
use crate::object::Object;

/// More than any hash function gives; only the leftmost bits count.
const MAX_DIGEST: usize = 128;

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
        ec_key_pair::info(self.0.map_or(CKF_SIGN | CKF_VERIFY, sha1::uses))
    }

    fn sign(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Signing>> {
        self.0.map_or(Ok(()), sha1::check_signing)?;
        Ok(Box::new(self.begin(call, key)?))
    }

    fn verify(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Verifying>> {
        Ok(Box::new(self.begin(call, key)?))
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
    (CKM_ECDSA_SHA1, &Ecdsa(Some(Hash::Sha1))),
    (CKM_ECDSA_SHA224, &Ecdsa(Some(Hash::Sha224))),
    (CKM_ECDSA_SHA256, &Ecdsa(Some(Hash::Sha256))),
    (CKM_ECDSA_SHA384, &Ecdsa(Some(Hash::Sha384))),
    (CKM_ECDSA_SHA512, &Ecdsa(Some(Hash::Sha512))),
    (CKM_ECDSA_SHA3_224, &Ecdsa(Some(Hash::Sha3_224))),
    (CKM_ECDSA_SHA3_256, &Ecdsa(Some(Hash::Sha3_256))),
    (CKM_ECDSA_SHA3_384, &Ecdsa(Some(Hash::Sha3_384))),
    (CKM_ECDSA_SHA3_512, &Ecdsa(Some(Hash::Sha3_512))),
];
