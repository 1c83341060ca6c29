//! The curves over 2²⁵⁵ − 19: Ed25519 (RFC 8032) and X25519 (RFC 7748).

use std::ffi::c_int;

use aws_lc_sys::*;
use zeroize::Zeroizing;

use super::forget_errors;
use crate::error::{Error, Result};
use crate::mechanism::Variant;

/// The length of a public key, a seed, a private scalar and a shared secret, in bytes.
pub(crate) const KEY_LEN: usize = 32;
/// The length of an Ed25519 signature.
pub(crate) const SIGNATURE_LEN: usize = 64;
/// The length of the digest that Ed25519ph signs, SHA-512's.
const DIGEST_LEN: usize = 64;

/// A private Ed25519 key: the seed with the public key after it, as the library signs with it.
pub(crate) struct Ed25519Key(Zeroizing<[u8; 2 * KEY_LEN]>);

impl Ed25519Key {
    /// The key that a seed makes (RFC 8032, 5.1.5).
    pub(crate) fn from_seed(seed: &[u8; KEY_LEN]) -> Self {
        let mut key = Zeroizing::new([0; 2 * KEY_LEN]);
        let mut public = [0; KEY_LEN];
        // SAFETY: the arrays have the lengths that the library is written for.
        unsafe { ED25519_keypair_from_seed(public.as_mut_ptr(), key.as_mut_ptr(), seed.as_ptr()) };
        Self(key)
    }

    pub(crate) fn public(&self) -> [u8; KEY_LEN] {
        let mut public = [0; KEY_LEN];
        public.copy_from_slice(&self.0[KEY_LEN..]);
        public
    }

    /// Signs a message; of the prehashed variant, its SHA-512.
    pub(crate) fn sign(&self, variant: &Variant, input: &[u8]) -> Result<Vec<u8>> {
        let mut out = vec![0; SIGNATURE_LEN];
        let (key, place) = (self.0.as_ptr(), out.as_mut_ptr());
        // SAFETY: the key and the place have the lengths that the library is written for; the slices give their
        // own pointers and lengths, and the digest's length is checked before its pointer is used alone.
        let signed = unsafe {
            match variant {
                Variant::Pure => ED25519_sign(place, input.as_ptr(), input.len(), key),
                Variant::Context(context) => ED25519ctx_sign(
                    place,
                    input.as_ptr(),
                    input.len(),
                    key,
                    context.as_ptr(),
                    context.len(),
                ),
                Variant::Prehashed(context) if input.len() == DIGEST_LEN => {
                    ED25519ph_sign_digest(place, input.as_ptr(), key, context.as_ptr(), context.len())
                }
                Variant::Prehashed(_) => 0,
            }
        };
        if signed == 1 {
            return Ok(out);
        }
        forget_errors();
        Err(Error::FunctionFailed)
    }
}

/// Whether it is an Ed25519 signature of the message, or of the prehashed variant, of its SHA-512.
pub(crate) fn verify_ed25519(
    public: &[u8; KEY_LEN],
    variant: &Variant,
    input: &[u8],
    signature: &[u8; SIGNATURE_LEN],
) -> bool {
    let (key, place): (_, *const u8) = (public.as_ptr(), signature.as_ptr());
    // SAFETY: as in `Ed25519Key::sign`.
    let verdict: c_int = unsafe {
        match variant {
            Variant::Pure => ED25519_verify(input.as_ptr(), input.len(), place, key),
            Variant::Context(context) => ED25519ctx_verify(
                input.as_ptr(),
                input.len(),
                place,
                key,
                context.as_ptr(),
                context.len(),
            ),
            Variant::Prehashed(context) if input.len() == DIGEST_LEN => {
                ED25519ph_verify_digest(input.as_ptr(), place, key, context.as_ptr(), context.len())
            }
            Variant::Prehashed(_) => 0,
        }
    };
    forget_errors();
    verdict == 1
}

/// The public key of an X25519 scalar.
pub(crate) fn x25519_public(private: &[u8; KEY_LEN]) -> [u8; KEY_LEN] {
    let mut public = [0; KEY_LEN];
    // SAFETY: both arrays have the length that the library is written for.
    unsafe { X25519_public_from_private(public.as_mut_ptr(), private.as_ptr()) };
    public
}

/// The shared secret of a scalar and somebody's public key; `None` if it is zero, which a point of small order
/// makes of every scalar (RFC 7748, 6.1).
pub(crate) fn x25519(private: &[u8; KEY_LEN], public: &[u8; KEY_LEN]) -> Option<Zeroizing<[u8; KEY_LEN]>> {
    let mut secret = Zeroizing::new([0; KEY_LEN]);
    // SAFETY: the arrays have the length that the library is written for.
    let agreed = unsafe { X25519(secret.as_mut_ptr(), private.as_ptr(), public.as_ptr()) };
    (agreed == 1).then_some(secret)
}
