//! The limit: the same operations called directly in AWS-LC, which is the fastest of the libraries that were compared
//! (beside OpenSSL, ring and the RustCrypto crates) for every one of them.

use std::hint::black_box;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::digest::{Digest, SHA256, SHA384, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};

use crate::calls::{Failed, Result};
use crate::turns::Work;

impl From<aws_lc_rs::error::Unspecified> for Failed {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self::Because("the library called directly refuses".into())
    }
}

impl From<aws_lc_rs::error::KeyRejected> for Failed {
    fn from(error: aws_lc_rs::error::KeyRejected) -> Self {
        Self::Because(error.to_string())
    }
}

/// RSASSA-PKCS1-v1_5 with SHA-256 over `data`.
pub(crate) fn rsa(size: KeySize, data: &[u8]) -> Result<Work<'_>> {
    let key = RsaKeyPair::generate(size)?;
    let (random, mut out) = (SystemRandom::new(), vec![0; key.public_modulus_len()]);
    Ok(Some(Box::new(move || {
        Ok(key.sign(&RSA_PKCS1_SHA256, &random, data, &mut out)?)
    })))
}

/// ECDSA over a digest that was made before.
fn ecdsa<'a>(algorithm: &'static EcdsaSigningAlgorithm, digest: Digest) -> Result<Work<'a>> {
    let key = EcdsaKeyPair::generate(algorithm)?;
    Ok(Some(Box::new(move || Ok(key.sign_digest(&digest).map(drop)?))))
}

/// ECDSA on P-256 over the digest of `data`.
pub(crate) fn p256<'a>(data: &[u8]) -> Result<Work<'a>> {
    ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING, digest(&SHA256, data))
}

/// ECDSA on P-384 over the digest of `data`.
pub(crate) fn p384<'a>(data: &[u8]) -> Result<Work<'a>> {
    ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING, digest(&SHA384, data))
}

/// Ed25519.
pub(crate) fn ed25519(data: &[u8]) -> Result<Work<'_>> {
    let key = Ed25519KeyPair::generate()?;
    Ok(Some(Box::new(move || {
        black_box(key.sign(data));
        Ok(())
    })))
}

/// SHA-256 over `data`.
pub(crate) fn sha256(data: &[u8]) -> Work<'_> {
    Some(Box::new(move || {
        black_box(digest(&SHA256, data));
        Ok(())
    }))
}

/// AES-256-GCM over so many bytes, in place.
pub(crate) fn gcm<'a>(length: usize) -> Result<Work<'a>> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32])?);
    let (mut data, mut count) = (vec![7; length], 0u64);
    Ok(Some(Box::new(move || {
        count += 1;
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&count.to_le_bytes());
        let nonce = Nonce::assume_unique_for_key(nonce);
        Ok(key
            .seal_in_place_separate_tag(nonce, Aad::empty(), &mut data)
            .map(drop)?)
    })))
}
