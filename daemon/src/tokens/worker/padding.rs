//! The paddings of RSA signatures (RFC 8017, 9), for tokens that only raise to the power of the key.

use trien_signatures::algorithm::{Hash, SignatureAlgorithm};

use crate::tokens::TokenError;

/// The block that is signed: as long as the modulus, which is an unsigned big-endian number.
pub(super) fn pad(
    algorithm: SignatureAlgorithm,
    digest: &[u8],
    modulus: &[u8],
) -> Result<Vec<u8>, TokenError> {
    let modulus = &modulus[modulus.iter().take_while(|byte| **byte == 0).count()..];
    let Some(first) = modulus.first() else {
        return Err(TokenError::Unsupported(
            "a key whose modulus cannot be read".to_owned(),
        ));
    };
    let bits = 8 * modulus.len() - first.leading_zeros() as usize;
    let block = match algorithm {
        SignatureAlgorithm::RsaPkcs1(hash) => pkcs1(&hash.digest_info(digest), modulus.len()),
        SignatureAlgorithm::RsaPss(hash) => pss(hash, digest, &salt(hash)?, bits - 1),
        SignatureAlgorithm::Ecdsa(_) => None,
    };
    let mut block = block.ok_or_else(|| TokenError::Unsupported("a key that is too short".to_owned()))?;
    // A modulus of 8n + 1 bits leaves the block of PSS one octet short.
    while block.len() < modulus.len() {
        block.insert(0, 0);
    }
    Ok(block)
}

/// EMSA-PKCS1-v1_5 (9.2), from the `DigestInfo`.
fn pkcs1(digest_info: &[u8], length: usize) -> Option<Vec<u8>> {
    let padding = length
        .checked_sub(digest_info.len() + 3)
        .filter(|padding| *padding >= 8)?;
    let mut block = vec![0, 1];
    block.resize(2 + padding, 0xff);
    block.push(0);
    block.extend_from_slice(digest_info);
    Some(block)
}

/// EMSA-PSS (9.1.1) with MGF1 by the same hash function.
fn pss(hash: Hash, digest: &[u8], salt: &[u8], bits: usize) -> Option<Vec<u8>> {
    let length = bits.div_ceil(8);
    let zeros = length.checked_sub(hash.len() + salt.len() + 2)?;
    let h = hash.digest(&[&[0; 8], digest, salt].concat());
    let mut masked = vec![0; zeros];
    masked.push(1);
    masked.extend_from_slice(salt);
    for (byte, mask) in masked.iter_mut().zip(mgf1(hash, &h, length)) {
        *byte ^= mask;
    }
    masked[0] &= 0xff >> (8 * length - bits);
    masked.extend_from_slice(&h);
    masked.push(0xbc);
    Some(masked)
}

/// MGF1 (B.2.1).
fn mgf1(hash: Hash, seed: &[u8], length: usize) -> Vec<u8> {
    let block = |counter: u32| hash.digest(&[seed, &counter.to_be_bytes()].concat());
    (0..).flat_map(block).take(length).collect()
}

fn salt(hash: Hash) -> Result<Vec<u8>, TokenError> {
    let mut salt = vec![0; hash.len()];
    match rustix::rand::getrandom(&mut salt, rustix::rand::GetRandomFlags::empty()) {
        Ok(filled) if filled == salt.len() => Ok(salt),
        _ => Err(TokenError::Failed("no random numbers".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey};
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
    use der::{Decode, asn1::Uint};

    use super::*;

    /// `m^d mod n` (which OpenSSL calls decryption), with the numbers as OpenSSL has them: the judge's arithmetic, not ours.
    fn raise(pem: &std::path::Path, block: &[u8]) -> Vec<u8> {
        let folder = pem.parent().expect("a folder");
        std::fs::write(folder.join("block"), block).expect("written");
        let output = std::process::Command::new("openssl")
            .args([
                "pkeyutl",
                "-decrypt",
                "-pkeyopt",
                "rsa_padding_mode:none",
                "-inkey",
            ])
            .arg(pem)
            .arg("-in")
            .arg(folder.join("block"))
            .output()
            .expect("openssl");
        assert!(output.status.success(), "{output:?}");
        output.stdout
    }

    #[test]
    fn others_verify_what_a_raw_token_signs() {
        let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).expect("a key");
        let folder = tempfile::tempdir().expect("a folder");
        let pem = folder.path().join("key.der");
        let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = key.as_der().expect("DER");
        std::fs::write(&pem, der.as_ref()).expect("written");
        let spki: aws_lc_rs::encoding::PublicKeyX509Der<'_> = key.public_key().as_der().expect("DER");
        let info = spki::SubjectPublicKeyInfoRef::from_der(spki.as_ref()).expect("a public key");
        let public = info.subject_public_key.raw_bytes();
        let modulus = {
            #[derive(der::Sequence)]
            struct Numbers {
                modulus: Uint,
                exponent: Uint,
            }
            let numbers = Numbers::from_der(public).expect("numbers");
            assert_eq!(numbers.exponent.as_bytes(), [1, 0, 1]);
            numbers.modulus.as_bytes().to_vec()
        };
        let message = b"message";
        let digest = Hash::Sha256.digest(message);
        let block = pad(SignatureAlgorithm::RsaPkcs1(Hash::Sha256), &digest, &modulus).expect("a block");
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public)
            .verify(message, &raise(&pem, &block))
            .expect("PKCS #1 v1.5");
        let block = pad(SignatureAlgorithm::RsaPss(Hash::Sha256), &digest, &modulus).expect("a block");
        UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, public)
            .verify(message, &raise(&pem, &block))
            .expect("PSS");
    }

    #[test]
    fn a_key_that_is_too_short_is_refused() {
        let digest = [7; 64];
        for algorithm in [
            SignatureAlgorithm::RsaPkcs1(Hash::Sha512),
            SignatureAlgorithm::RsaPss(Hash::Sha512),
        ] {
            assert!(pad(algorithm, &digest, &[0xff; 64]).is_err());
            assert!(pad(algorithm, &digest, &[]).is_err());
        }
    }
}
