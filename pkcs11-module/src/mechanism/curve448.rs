//! The curves over 2⁴⁴⁸ − 2²²⁴ − 1: Ed448 (RFC 8032) and X448 (RFC 7748).
//!
//! AWS-LC does not have them. They come from `crrl`, whose arithmetic runs in constant time; its working values are
//! plain copies, so only the seed is kept, in memory that wipes itself, and expanded for each signature.

use crrl::ed448::{PrivateKey, PublicKey};
use crrl::x448::{x448, x448_base};
use zeroize::Zeroizing;

use super::eddsa::Variant;
use crate::error::Result;
use crate::ffi::crypto::Shake256;

/// The length of an Ed448 seed and of a public key.
pub(crate) const ED448_LEN: usize = 57;
/// The length of an X448 scalar and of a point.
pub(crate) const X448_LEN: usize = 56;
/// The length of an Ed448 signature.
pub(crate) const ED448_SIGNATURE_LEN: usize = 114;

/// The length of what Ed448ph signs (RFC 8032, 5.2).
const PREHASH_LEN: usize = 64;

/// The public key of a seed.
pub(crate) fn ed448_public(seed: &[u8; ED448_LEN]) -> [u8; ED448_LEN] {
    PrivateKey::from_seed(seed).public_key.encoded
}

/// Signs a message; its context is at most 255 bytes long.
pub(crate) fn sign_ed448(seed: &[u8; ED448_LEN], variant: &Variant, message: &[u8]) -> Result<Vec<u8>> {
    let key = PrivateKey::from_seed(seed);
    let signature = match variant {
        Variant::Pure => key.sign_ctx(&[], message),
        Variant::Context(context) => key.sign_ctx(context, message),
        Variant::Prehashed(context) => key.sign_ph(context, &prehash(message)?),
    };
    Ok(signature.to_vec())
}

/// Whether it is a signature of the message; a public key that is no point has none.
pub(crate) fn verify_ed448(
    public: &[u8; ED448_LEN],
    variant: &Variant,
    message: &[u8],
    signature: &[u8],
) -> Result<bool> {
    let Some(key) = PublicKey::decode(public) else {
        return Ok(false);
    };
    Ok(match variant {
        Variant::Pure => key.verify_ctx(signature, &[], message),
        Variant::Context(context) => key.verify_ctx(signature, context, message),
        Variant::Prehashed(context) => key.verify_ph(signature, context, &prehash(message)?),
    })
}

fn prehash(message: &[u8]) -> Result<[u8; PREHASH_LEN]> {
    let mut shake = Shake256::new()?;
    shake.update(message)?;
    shake.finish()
}

/// The public key of an X448 scalar.
pub(crate) fn x448_public(scalar: &[u8; X448_LEN]) -> [u8; X448_LEN] {
    x448_base(scalar)
}

/// The shared secret of a scalar and a point; none if it is all zeros, which no honest point gives (RFC 7748, 6.2).
pub(crate) fn agree_x448(
    scalar: &[u8; X448_LEN],
    point: &[u8; X448_LEN],
) -> Option<Zeroizing<[u8; X448_LEN]>> {
    let secret = Zeroizing::new(x448(point, scalar));
    let is_zero = secret.iter().fold(0, |sum, byte| sum | byte) == 0;
    (!is_zero).then_some(secret)
}
