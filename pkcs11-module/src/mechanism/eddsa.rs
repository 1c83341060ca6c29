//! EdDSA on edwards25519 and edwards448 (RFC 8032; PKCS #11, sections 6.3.14 and 6.3.15): `CKM_EDDSA`.
//!
//! The parameter chooses the variant: none is Ed25519, a context makes it Ed25519ctx, the flag Ed25519ph. An empty
//! context without the flag is Ed25519 again, as RFC 8032 (8.3) wants no Ed25519ctx without a context. Ed448 has a context
//! always, and it may be empty.

use std::sync::Arc;

use cryptoki_sys::*;

use super::curve448::{ED448_SIGNATURE_LEN, ed448_public, sign_ed448, verify_ed448};
use super::input::{Input, Operation, Scheme};
use super::{Call, Hash, Mechanism, Parameter, Signing, Table, Verifying, ec_key_pair};
use crate::error::{Error, Result};
use crate::ffi::crypto::{SIGNATURE_LEN, verify_ed25519};
use crate::key::Key;
use crate::object::Object;

/// EdDSA goes over its message twice, so one in parts is kept until it is complete: at most 64 MiB of it. The
/// prehashed variant of Ed25519 has no such limit.
const MAX_MESSAGE: usize = 64 << 20;

/// The longest context (RFC 8032, 5.1).
const MAX_CONTEXT: usize = 255;

/// What is signed (RFC 8032, 5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Variant {
    /// Ed25519, or Ed448 without a context: the message.
    Pure,
    /// Ed25519ctx, or Ed448: the message, in a context.
    Context(Vec<u8>),
    /// Ed25519ph, Ed448ph: the message's SHA-512 or SHAKE256, in a context that may be empty.
    Prehashed(Vec<u8>),
}

impl Variant {
    fn of(call: &Call<'_>) -> Result<Self> {
        let Parameter::EdDsa { prehash, context } = call.parameter else {
            return call.no_parameter().map(|()| Self::Pure);
        };
        match (prehash, context) {
            (_, context) if context.len() > MAX_CONTEXT => Err(Error::MechanismParamInvalid),
            (true, context) => Ok(Self::Prehashed(context.to_vec())),
            (false, []) => Ok(Self::Pure),
            (false, context) => Ok(Self::Context(context.to_vec())),
        }
    }
}

struct EdDsa;

impl EdDsa {
    fn begin(call: &Call<'_>, object: &Object) -> Result<Operation<Signature>> {
        let key = object.key()?;
        let is_448 = match *key {
            Key::Ed25519(_) | Key::Ed25519Public(_) => false,
            Key::Ed448(_) | Key::Ed448Public(_) => true,
            _ => return Err(Error::KeyTypeInconsistent),
        };
        let variant = Variant::of(call)?;
        let input = match variant {
            Variant::Prehashed(_) if !is_448 => Input::new(Some(Hash::Sha512), 0)?,
            _ => Input::collected(MAX_MESSAGE),
        };
        Ok(Operation {
            input,
            scheme: Signature { key, variant },
        })
    }
}

impl Mechanism for EdDsa {
    fn info(&self) -> CK_MECHANISM_INFO {
        ec_key_pair::info_edwards(CKF_SIGN | CKF_VERIFY)
    }

    fn sign(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Signing>> {
        Ok(Box::new(Self::begin(call, key)?))
    }

    fn verify(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Verifying>> {
        Ok(Box::new(Self::begin(call, key)?))
    }
}

struct Signature {
    key: Arc<Key>,
    variant: Variant,
}

impl Scheme for Signature {
    fn signature_len(&self) -> usize {
        match *self.key {
            Key::Ed448(_) | Key::Ed448Public(_) => ED448_SIGNATURE_LEN,
            _ => SIGNATURE_LEN,
        }
    }

    fn sign(&self, input: &[u8]) -> Result<Vec<u8>> {
        match &*self.key {
            Key::Ed25519(key) => key.sign(&self.variant, input),
            Key::Ed448(seed) => sign_ed448(seed, &self.variant, input),
            _ => Err(Error::KeyTypeInconsistent),
        }
    }

    fn verify(&self, input: &[u8], signature: &[u8]) -> Result<bool> {
        match &*self.key {
            Key::Ed448Public(key) => return verify_ed448(key, &self.variant, input, signature),
            Key::Ed448(seed) => return verify_ed448(&ed448_public(seed), &self.variant, input, signature),
            _ => {}
        }
        let signature = signature.try_into().map_err(|_| Error::SignatureLenRange)?;
        match &*self.key {
            Key::Ed25519Public(key) => Ok(verify_ed25519(key, &self.variant, input, signature)),
            Key::Ed25519(key) => Ok(verify_ed25519(&key.public(), &self.variant, input, signature)),
            _ => Err(Error::KeyTypeInconsistent),
        }
    }
}

pub(super) static MECHANISMS: Table = &[(CKM_EDDSA, &EdDsa)];
