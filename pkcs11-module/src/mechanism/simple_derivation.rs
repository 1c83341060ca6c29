//! Simple derivations: keys put together, taken apart (PKCS #11, section 6.43) and hashed (section 6.21 and its
//! like for the other hash functions).

use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::derivation::{self, Derived, Inheritance, Wanted, secret_value};
use super::{Call, Hash, Mechanism, Parameter, Table};
use crate::error::{Error, Result};
use crate::ffi::crypto::Context;
use crate::object::{MAX_VALUE, Object};

/// What becomes of the base key's value. Where a template asks for less than there is, the first bytes are taken.
enum Simple {
    /// Another key behind it.
    BaseAndKey,
    /// Data behind it.
    BaseAndData,
    /// Data before it.
    DataAndBase,
    /// Data over it, as far as the shorter one reaches.
    XorData,
    /// Bits of it, counted from the first byte's highest, and from there again at the end.
    Extract,
}

impl Mechanism for Simple {
    fn info(&self) -> CK_MECHANISM_INFO {
        derivation::info(1, MAX_VALUE as CK_ULONG)
    }

    fn inheritance(&self) -> Inheritance {
        Inheritance::Protection
    }

    fn derive(&self, call: &Call<'_>, base: &Object, wanted: &Wanted<'_>) -> Result<Derived> {
        let value = secret_value(base)?;
        if let Self::Extract = self {
            let (start, len) = (call.ulong()?, wanted.needed_len()?);
            return extract(value, start, len).map(Derived::one);
        }
        let material = match (self, &call.parameter) {
            (Self::BaseAndKey, _) => {
                let other = (wanted.key)(call.ulong()?)?;
                [value, secret_value(&other)?].concat()
            }
            (Self::BaseAndData, Parameter::Data(data)) => [value, data].concat(),
            (Self::DataAndBase, Parameter::Data(data)) => [data, value].concat(),
            (Self::XorData, Parameter::Data(data)) => value
                .iter()
                .zip(*data)
                .map(|(left, right)| left ^ right)
                .collect(),
            _ => return Err(Error::MechanismParamInvalid),
        };
        wanted.first(Zeroizing::new(material))
    }
}

fn extract(value: &[u8], start: CK_ULONG, len: usize) -> Result<Zeroizing<Vec<u8>>> {
    if len > value.len() {
        return Err(Error::KeySizeRange);
    }
    let start = usize::try_from(start)
        .ok()
        .filter(|&start| start < 8 * value.len());
    let start = start.ok_or(Error::MechanismParamInvalid)?;
    let (first, shift) = (start / 8, start % 8);
    let byte = |i: usize| {
        let at = |i: usize| u16::from(value[i % value.len()]);
        let pair = at(first + i) << 8 | at(first + i + 1);
        (pair >> (8 - shift)) as u8
    };
    Ok(Zeroizing::new((0..len).map(byte).collect()))
}

/// `CKM_SHA…_KEY_DERIVATION`: the digest of the base key's value.
struct Hashed(Hash);

impl Mechanism for Hashed {
    fn info(&self) -> CK_MECHANISM_INFO {
        derivation::info(1, MAX_VALUE as CK_ULONG)
    }

    fn derive(&self, call: &Call<'_>, base: &Object, wanted: &Wanted<'_>) -> Result<Derived> {
        let value = secret_value(base)?;
        call.no_parameter()?;
        let mut context = Context::new(self.0)?;
        context.update(value)?;
        wanted.first(Zeroizing::new(context.finish()?))
    }
}

pub(super) static MECHANISMS: Table = &[
    (CKM_CONCATENATE_BASE_AND_KEY, &Simple::BaseAndKey),
    (CKM_CONCATENATE_BASE_AND_DATA, &Simple::BaseAndData),
    (CKM_CONCATENATE_DATA_AND_BASE, &Simple::DataAndBase),
    (CKM_XOR_BASE_AND_DATA, &Simple::XorData),
    (CKM_EXTRACT_KEY_FROM_KEY, &Simple::Extract),
    (CKM_SHA1_KEY_DERIVATION, &Hashed(Hash::Sha1)),
    (CKM_SHA224_KEY_DERIVATION, &Hashed(Hash::Sha224)),
    (CKM_SHA256_KEY_DERIVATION, &Hashed(Hash::Sha256)),
    (CKM_SHA384_KEY_DERIVATION, &Hashed(Hash::Sha384)),
    (CKM_SHA512_KEY_DERIVATION, &Hashed(Hash::Sha512)),
    (CKM_SHA512_224_KEY_DERIVATION, &Hashed(Hash::Sha512_224)),
    (CKM_SHA512_256_KEY_DERIVATION, &Hashed(Hash::Sha512_256)),
    (CKM_SHA3_224_KEY_DERIVATION, &Hashed(Hash::Sha3_224)),
    (CKM_SHA3_256_KEY_DERIVATION, &Hashed(Hash::Sha3_256)),
    (CKM_SHA3_384_KEY_DERIVATION, &Hashed(Hash::Sha3_384)),
    (CKM_SHA3_512_KEY_DERIVATION, &Hashed(Hash::Sha3_512)),
];
