//! What the mechanisms of RSA share (PKCS #11 3.1, section 6.1): key generation, the sizes of keys, and operations on
//! one piece of data.
//!
//! **Key sizes.** Keys are made from 1024 to 4096 bits; how weak a key may be is the caller's choice, and a profile
//! may refuse what its token would (`trien` itself makes none below 2048). Smaller public keys, from 512 bits, and
//! larger ones, to 8192, can be imported, and do what old data and others' keys need: those too small to be made here
//! verify and recover, but do not encrypt or wrap (NIST SP 800-131A, "legacy use").

use std::sync::Arc;

use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::{Call, Cipher, Mechanism, Table};
use crate::draft::Draft;
use crate::error::{Error, Result};
use crate::ffi::crypto::RsaKey;
use crate::key::{GeneratedPair, Key};
use crate::object::Object;

/// The smallest modulus, in bits, that something new is protected with.
const MIN_NEW_BITS: u32 = RsaKey::MIN_BITS;
/// Moduli are made in steps of this many bits.
const STEP: u32 = 128;
/// The public exponent of a template that names none: F4, as every certificate policy has it.
const F4: u32 = 65537;

/// `CKM_RSA_PKCS_KEY_PAIR_GEN`.
struct KeyPair;

impl Mechanism for KeyPair {
    fn info(&self) -> CK_MECHANISM_INFO {
        CK_MECHANISM_INFO {
            ulMinKeySize: MIN_NEW_BITS.into(),
            ..info(CKF_GENERATE_KEY_PAIR)
        }
    }

    fn pair_type(&self) -> Result<CK_KEY_TYPE> {
        Ok(CKK_RSA)
    }

    fn generate_pair(&self, call: &Call<'_>, public: &Draft, _private: &Draft) -> Result<GeneratedPair> {
        call.no_parameter()?;
        let bits = public.ulong(CKA_MODULUS_BITS).ok_or(Error::TemplateIncomplete)?;
        let bits = u32::try_from(bits).map_err(|_| Error::KeySizeRange)?;
        if !(MIN_NEW_BITS..=RsaKey::MAX_BITS).contains(&bits) || !bits.is_multiple_of(STEP) {
            return Err(Error::KeySizeRange);
        }
        let exponent = public.bytes(CKA_PUBLIC_EXPONENT).map_or(Ok(F4), exponent)?;
        GeneratedPair::from_rsa(&RsaKey::generate(bits, exponent)?)
    }
}

/// Exponents from F4 on, odd (FIPS 186-5, A.1.1), of at most 32 bits, which is what all libraries read.
fn exponent(bytes: &[u8]) -> Result<u32> {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    let exponent = bytes[zeros..].iter().try_fold(0_u32, |number, &byte| {
        Some(number.checked_mul(256)? | u32::from(byte))
    });
    exponent
        .filter(|exponent| *exponent >= F4 && exponent % 2 == 1)
        .ok_or(Error::AttributeValueInvalid)
}

/// Sizes in bits, those of private keys.
pub(super) fn info(flags: CK_FLAGS) -> CK_MECHANISM_INFO {
    CK_MECHANISM_INFO {
        ulMinKeySize: RsaKey::MIN_BITS.into(),
        ulMaxKeySize: RsaKey::MAX_BITS.into(),
        flags,
    }
}

/// A key for a use that protects something new.
pub(super) fn key_for_new(object: &Object) -> Result<Arc<Key>> {
    let key = object.key()?;
    if key.rsa()?.len() * 8 < MIN_NEW_BITS as usize {
        Err(Error::KeySizeRange)
    } else {
        Ok(key)
    }
}

/// A key for a use that opens or checks what there is.
pub(super) fn key_for_old(object: &Object) -> Result<Arc<Key>> {
    let key = object.key()?;
    key.rsa()?;
    Ok(key)
}

/// What is done with the one piece.
pub(super) type Work = Box<dyn Fn(&RsaKey, &[u8]) -> Result<Zeroizing<Vec<u8>>> + Send>;

/// An operation on one piece of data: none of RSA's takes many.
pub(super) struct OnePiece {
    pub(super) key: Arc<Key>,
    /// The longest data, and what longer data is.
    pub(super) longest: (usize, Error),
    /// The longest output.
    pub(super) most: usize,
    pub(super) work: Work,
    pub(super) data: Zeroizing<Vec<u8>>,
}

impl OnePiece {
    pub(super) fn begin(key: Arc<Key>, longest: (usize, Error), most: usize, work: Work) -> Box<dyn Cipher> {
        Box::new(Self {
            key,
            data: Zeroizing::new(Vec::with_capacity(longest.0)),
            longest,
            most,
            work,
        })
    }
}

impl Cipher for OnePiece {
    fn takes_parts(&self) -> bool {
        false
    }

    fn most_of_part(&self, _len: usize) -> usize {
        0
    }

    fn most_of_rest(&self, _len: usize) -> usize {
        self.most
    }

    fn update(&mut self, part: &[u8], _out: &mut Vec<u8>) -> Result<()> {
        let (longest, too_long) = self.longest;
        if part.len() > longest - self.data.len() {
            return Err(too_long);
        }
        self.data.extend_from_slice(part);
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(&(self.work)(self.key.rsa()?, &self.data)?);
        Ok(())
    }
}

pub(super) static MECHANISMS: Table = &[(CKM_RSA_PKCS_KEY_PAIR_GEN, &KeyPair)];
