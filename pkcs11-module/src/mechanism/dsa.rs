//! DSA (FIPS 186-4; PKCS #11, section 6.2): `CKM_DSA` and `CKM_DSA_SHA…`, keys and their parameters. It signs nothing
//! new any more (FIPS 186-5); it is here for old keys, and programs that have it.
//!
//! A signature is r and s, each as long as the subprime, one after the other.

use std::sync::Arc;

use cryptoki_sys::*;

use super::input::{Input, Operation, Scheme};
use super::{Call, Hash, Mechanism, Signing, Table, Verifying, sha1};
use crate::attribute::Value;
use crate::draft::Draft;
use crate::error::{Error, Result};
use crate::ffi::crypto::DsaKey;
use crate::key::{FiniteField, GeneratedPair, Key};
use crate::object::{Attributes, Object};

/// More than any hash function gives; only the leftmost bits count.
const MAX_DIGEST: usize = 128;

/// Sizes of the prime, in bits.
const fn info(flags: CK_FLAGS) -> CK_MECHANISM_INFO {
    CK_MECHANISM_INFO {
        ulMinKeySize: *DsaKey::PRIME_BITS.start() as CK_ULONG,
        ulMaxKeySize: *DsaKey::PRIME_BITS.end() as CK_ULONG,
        flags,
    }
}

/// With a hash function, or over a digest that the host has made.
struct Dsa(Option<Hash>);

impl Dsa {
    fn begin(&self, call: &Call<'_>, object: &Object) -> Result<Operation<Signature>> {
        call.no_parameter()?;
        let key = object.key()?;
        key.dsa()?;
        Ok(Operation {
            input: Input::new(self.0, MAX_DIGEST)?,
            scheme: Signature(key),
        })
    }
}

impl Mechanism for Dsa {
    fn info(&self) -> CK_MECHANISM_INFO {
        info(self.0.map_or(CKF_SIGN | CKF_VERIFY, sha1::uses))
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

impl Scheme for Signature {
    fn signature_len(&self) -> usize {
        self.0.dsa().map_or(0, DsaKey::signature_len)
    }

    fn sign(&self, input: &[u8]) -> Result<Vec<u8>> {
        if input.is_empty() {
            return Err(Error::DataLenRange);
        }
        self.0.dsa()?.sign(input)
    }

    fn verify(&self, input: &[u8], signature: &[u8]) -> Result<bool> {
        if input.is_empty() {
            return Err(Error::DataLenRange);
        }
        self.0.dsa()?.verify(input, signature)
    }
}

/// `CKM_DSA_KEY_PAIR_GEN`.
struct KeyPair;

impl Mechanism for KeyPair {
    fn info(&self) -> CK_MECHANISM_INFO {
        info(CKF_GENERATE_KEY_PAIR)
    }

    fn pair_type(&self) -> Result<CK_KEY_TYPE> {
        Ok(CKK_DSA)
    }

    fn generate_pair(&self, call: &Call<'_>, public: &Draft, _private: &Draft) -> Result<GeneratedPair> {
        call.no_parameter()?;
        let numbers = FiniteField::of(CKK_DSA, |kind| public.bytes(kind)).ok_or(Error::TemplateIncomplete)?;
        let (private, value) = DsaKey::generate(&numbers.dsa()?)?;
        Ok(numbers.pair(&private, &value))
    }
}

/// `CKM_DSA_PARAMETER_GEN`.
struct Parameters;

impl Mechanism for Parameters {
    fn info(&self) -> CK_MECHANISM_INFO {
        info(CKF_GENERATE)
    }

    fn generated_class(&self) -> CK_OBJECT_CLASS {
        CKO_DOMAIN_PARAMETERS
    }

    fn secret_types(&self) -> Result<&'static [CK_KEY_TYPE]> {
        Ok(&[CKK_DSA])
    }

    fn generate_secret(&self, call: &Call<'_>, template: &Draft) -> Result<Attributes> {
        /// FIPS 186-4, 4.2 has no other sizes, and longer primes take minutes.
        const SIZES: [u32; 3] = [1024, 2048, 3072];
        call.no_parameter()?;
        let bits = template.ulong(CKA_PRIME_BITS).ok_or(Error::TemplateIncomplete)?;
        let bits = u32::try_from(bits).ok().filter(|bits| SIZES.contains(bits));
        let [prime, subprime, base] = DsaKey::generate_parameters(bits.ok_or(Error::AttributeValueInvalid)?)?;
        let numbers = [(CKA_PRIME, prime), (CKA_SUBPRIME, subprime), (CKA_BASE, base)];
        let numbers = numbers.map(|(kind, number)| (kind, Value::bytes(number)));
        Ok(numbers.into_iter().collect())
    }
}

pub(super) static MECHANISMS: Table = &[
    (CKM_DSA_KEY_PAIR_GEN, &KeyPair),
    (CKM_DSA_PARAMETER_GEN, &Parameters),
    (CKM_DSA, &Dsa(None)),
    (CKM_DSA_SHA1, &Dsa(Some(Hash::Sha1))),
    (CKM_DSA_SHA224, &Dsa(Some(Hash::Sha224))),
    (CKM_DSA_SHA256, &Dsa(Some(Hash::Sha256))),
    (CKM_DSA_SHA384, &Dsa(Some(Hash::Sha384))),
    (CKM_DSA_SHA512, &Dsa(Some(Hash::Sha512))),
    (CKM_DSA_SHA3_224, &Dsa(Some(Hash::Sha3_224))),
    (CKM_DSA_SHA3_256, &Dsa(Some(Hash::Sha3_256))),
    (CKM_DSA_SHA3_384, &Dsa(Some(Hash::Sha3_384))),
    (CKM_DSA_SHA3_512, &Dsa(Some(Hash::Sha3_512))),
];
