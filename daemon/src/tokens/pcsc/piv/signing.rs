//! Signatures (SP 800-73-4 part 2, 3.2.4). The card computes with the bare private key: padding and hashing happen here.

use der::asn1::UintRef;
use der::{Decode, Sequence};
use trien_signatures::algorithm::{Hash, SignatureAlgorithm};

use super::super::apdu::{Command, Malformed};
use super::super::failure::CardError;
use super::slot::{CardAlgorithm, CardKey};
use super::{Piv, data, tlv};

/// `ECDSA-Sig-Value` (RFC 5480, appendix A)
#[derive(Sequence)]
struct EcdsaSignature<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

impl Piv<'_, '_> {
    /// GENERAL AUTHENTICATE: the signature over a digest; ECDSA as r‖s.
    ///
    /// # Errors
    /// [`CardError`]; the PIN, where the slot needs it, must have been verified.
    pub fn sign(
        &mut self,
        key: CardKey,
        algorithm: SignatureAlgorithm,
        digest: &[u8],
    ) -> Result<Vec<u8>, CardError> {
        let input = input(key.algorithm, algorithm, digest)?;
        // An empty 82 asks for the response, 81 holds the challenge (table 7).
        let template = [tlv::object(0x82, &[]), tlv::object(0x81, &input)].concat();
        let header = [0, 0x87, key.algorithm.identifier(), key.slot.reference()];
        let answer = self.send(&Command::asking(header, &tlv::object(0x7c, &template)))?;
        let answer = data(answer)?;
        let signature = tlv::get(tlv::get(&answer, 0x7c)?, 0x82)?;
        output(key.algorithm, signature)
    }
}

/// What the card computes with.
fn input(key: CardAlgorithm, algorithm: SignatureAlgorithm, digest: &[u8]) -> Result<Vec<u8>, CardError> {
    if digest.len() != algorithm.hash().len() {
        return Err(CardError::Unsupported("a digest of another length"));
    }
    match (key, algorithm) {
        (CardAlgorithm::Rsa(length), SignatureAlgorithm::RsaPkcs1(hash)) => {
            Ok(pkcs1(length, &hash.digest_info(digest)))
        }
        (CardAlgorithm::Rsa(length), SignatureAlgorithm::RsaPss(hash)) => pss(length, hash, digest),
        (CardAlgorithm::Curve(length), SignatureAlgorithm::Ecdsa(_)) => {
            // The leftmost bits, as many as the order has (FIPS 186-5, 6.4.1).
            let used = &digest[..digest.len().min(length)];
            Ok([&vec![0; length - used.len()], used].concat())
        }
        _ => Err(CardError::Unsupported("another kind of key")),
    }
}

/// EMSA-PKCS1-v1_5 (RFC 8017, 9.2)
fn pkcs1(length: usize, digest_info: &[u8]) -> Vec<u8> {
    let filling = vec![0xff; length.saturating_sub(3 + digest_info.len())];
    [&[0, 1], &filling[..], &[0], digest_info].concat()
}

/// EMSA-PSS (RFC 8017, 9.1.1) with MGF1 over the same hash and a salt as long as it, for a modulus of a whole number
/// of bytes.
fn pss(length: usize, hash: Hash, digest: &[u8]) -> Result<Vec<u8>, CardError> {
    let mut salt = vec![0; hash.len()];
    let filled = rustix::rand::getrandom(&mut salt[..], rustix::rand::GetRandomFlags::empty());
    if filled != Ok(salt.len()) {
        return Err(CardError::Unsupported("no random numbers"));
    }
    let h = hash.digest(&[&[0; 8], digest, &salt].concat());
    let masked_length = length - h.len() - 1;
    let mut block = vec![0; masked_length - salt.len() - 1];
    block.push(1);
    block.extend(&salt);
    for (byte, mask) in block.iter_mut().zip(mgf1(hash, &h, masked_length)) {
        *byte ^= mask;
    }
    // emBits is one less than the bits of the modulus.
    block[0] &= 0x7f;
    block.extend(h);
    block.push(0xbc);
    Ok(block)
}

/// RFC 8017, B.2.1
fn mgf1(hash: Hash, seed: &[u8], length: usize) -> Vec<u8> {
    let mut mask = Vec::with_capacity(length + hash.len());
    for counter in 0u32.. {
        if mask.len() >= length {
            break;
        }
        mask.extend(hash.digest(&[seed, &counter.to_be_bytes()].concat()));
    }
    mask.truncate(length);
    mask
}

/// A card writes ECDSA signatures as DER.
fn output(key: CardAlgorithm, signature: &[u8]) -> Result<Vec<u8>, CardError> {
    match key {
        CardAlgorithm::Rsa(length) if signature.len() == length => Ok(signature.to_vec()),
        CardAlgorithm::Rsa(_) => Err(Malformed::Shape.into()),
        CardAlgorithm::Curve(length) => {
            let EcdsaSignature { r, s } =
                EcdsaSignature::from_der(signature).map_err(|_| Malformed::Shape)?;
            let mut fixed = vec![0; 2 * length];
            for (number, half) in [r, s].iter().zip(fixed.chunks_exact_mut(length)) {
                let bytes = number.as_bytes();
                let from = length.checked_sub(bytes.len()).ok_or(Malformed::Shape)?;
                half[from..].copy_from_slice(bytes);
            }
            Ok(fixed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_as_long_as_the_modulus() {
        let digest = [7; 32];
        let block = input(
            CardAlgorithm::Rsa(256),
            SignatureAlgorithm::RsaPkcs1(Hash::Sha256),
            &digest,
        );
        let block = block.unwrap();
        assert_eq!((block.len(), &block[..4]), (256, &[0, 1, 0xff, 0xff][..]));
        let block = input(
            CardAlgorithm::Rsa(384),
            SignatureAlgorithm::RsaPss(Hash::Sha256),
            &digest,
        );
        let block = block.unwrap();
        assert_eq!((block.len(), block[383], block[0] & 0x80), (384, 0xbc, 0));
    }

    #[test]
    fn digests_are_fitted_to_the_curve() {
        let short = input(
            CardAlgorithm::Curve(48),
            SignatureAlgorithm::Ecdsa(Hash::Sha256),
            &[7; 32],
        )
        .unwrap();
        assert_eq!((short.len(), short[15], short[16]), (48, 0, 7));
        let long = input(
            CardAlgorithm::Curve(32),
            SignatureAlgorithm::Ecdsa(Hash::Sha512),
            &[7; 64],
        )
        .unwrap();
        assert_eq!(long, [7; 32]);
    }

    #[test]
    fn n118_signatures_out_of_shape_are_refused() {
        assert_eq!(
            output(CardAlgorithm::Curve(32), &[0x30, 6, 2, 1, 5, 2, 1, 6]).unwrap()[31..33],
            [5, 0]
        );
        let too_long = [&[0x30, 38, 2, 33][..], &[1; 33], &[2, 1, 1]].concat();
        for signature in [&[][..], &[0x30], &[0; 64], &too_long] {
            assert!(output(CardAlgorithm::Curve(32), signature).is_err());
        }
        assert!(output(CardAlgorithm::Rsa(256), &[1; 255]).is_err());
    }
}
