//! What only the management key may do (SP 800-73-4 part 2, 3.3): generate keys, put certificates beside them.

use std::fmt;
use std::io::Write;

use cbc::cipher::{Block, BlockCipherEncrypt, KeyInit};
use der::asn1::{AnyRef, BitString, Null, ObjectIdentifier, UintRef};
use der::{Decode, Encode, Sequence};
use spki::{AlgorithmIdentifier, SubjectPublicKeyInfo};
use trien_signatures::certificate::Certificate;
use zeroize::Zeroizing;

use super::super::apdu::{Command, Malformed, Status};
use super::super::failure::CardError;
use super::objects::KEY_HISTORY;
use super::slot::{CardAlgorithm, Slot};
use super::{Piv, data, tlv};

/// What cards are delivered with, in the documents of their makers.
pub const DEFAULT_MANAGEMENT_KEY: [u8; 24] = [
    1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8,
];

/// The reference of the management key.
const REFERENCE: u8 = 0x9b;

/// rsaEncryption (RFC 3279, 2.3.1)
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// id-ecPublicKey, secp256r1, secp384r1 (RFC 5480, 2.1.1)
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// The management key of a card: 16, 24 or 32 bytes.
pub struct ManagementKey(Zeroizing<Vec<u8>>);

impl fmt::Debug for ManagementKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ManagementKey([redacted])")
    }
}

/// Ciphers of the management key (SP 800-78-4, table 6-2).
#[derive(Debug, Clone, Copy)]
enum KeyCipher {
    TripleDes = 0x03,
    Aes128 = 0x08,
    Aes192 = 0x0a,
    Aes256 = 0x0c,
}

impl ManagementKey {
    /// The key that cards are delivered with.
    #[must_use]
    pub fn usual() -> Self {
        Self(Zeroizing::new(DEFAULT_MANAGEMENT_KEY.to_vec()))
    }

    /// Of its hexadecimal form.
    #[must_use]
    pub fn of_hexadecimal(text: &[u8]) -> Option<Self> {
        let mut key = Zeroizing::new(vec![0; text.len() / 2]);
        hex::decode_to_slice(text, &mut key).ok()?;
        matches!(key.len(), 16 | 24 | 32).then_some(Self(key))
    }

    /// The ciphers that a key of this length may be for, the usual one first.
    fn ciphers(&self) -> &'static [KeyCipher] {
        match self.0.len() {
            16 => &[KeyCipher::Aes128],
            32 => &[KeyCipher::Aes256],
            _ => &[KeyCipher::TripleDes, KeyCipher::Aes192],
        }
    }

    fn encrypt(&self, cipher: KeyCipher, block: &[u8]) -> Option<Vec<u8>> {
        match cipher {
            KeyCipher::TripleDes => one_block::<des::TdesEde3>(&self.0, block),
            KeyCipher::Aes128 => one_block::<aes::Aes128>(&self.0, block),
            KeyCipher::Aes192 => one_block::<aes::Aes192>(&self.0, block),
            KeyCipher::Aes256 => one_block::<aes::Aes256>(&self.0, block),
        }
    }
}

fn one_block<C: KeyInit + BlockCipherEncrypt>(key: &[u8], block: &[u8]) -> Option<Vec<u8>> {
    let cipher = C::new_from_slice(key).ok()?;
    let mut block = Block::<C>::try_from(block).ok()?;
    cipher.encrypt_block(&mut block);
    Some(block.to_vec())
}

/// `RSAPublicKey` (RFC 8017, A.1.1)
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
}

impl Piv<'_, '_> {
    /// Proves to the card that we have its management key: it gives a challenge, we return it encrypted (part 2,
    /// appendix A.1).
    ///
    /// # Errors
    /// [`CardError::ManagementKey`] if it is another one.
    pub fn administer(&mut self, key: &ManagementKey) -> Result<(), CardError> {
        for cipher in key.ciphers() {
            let asked = tlv::object(0x7c, &tlv::object(0x81, &[]));
            let header = [0, 0x87, *cipher as u8, REFERENCE];
            let answer = self.send(&Command::asking(header, &asked))?;
            if answer.status != Status::SUCCESS {
                // The card's key is for another cipher.
                continue;
            }
            let challenge = tlv::get(tlv::get(&answer.data, 0x7c)?, 0x81)?;
            let response = key.encrypt(*cipher, challenge).ok_or(Malformed::Shape)?;
            let proof = tlv::object(0x7c, &tlv::object(0x82, &response));
            let judged = self.send(&Command::telling(header, Zeroizing::new(proof)))?;
            return match judged.status {
                Status::SUCCESS => Ok(()),
                _ => Err(CardError::ManagementKey),
            };
        }
        Err(CardError::ManagementKey)
    }

    /// GENERATE ASYMMETRIC KEY PAIR (3.3.2), in place of whatever key is there: see [`Self::is_taken`]. Gives the DER of the
    /// `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// [`CardError::Unsupported`] if the card does not have the algorithm.
    pub fn generate(&mut self, slot: Slot, algorithm: CardAlgorithm) -> Result<Vec<u8>, CardError> {
        let template = tlv::object(0xac, &tlv::object(0x80, &[algorithm.identifier()]));
        let header = [0, 0x47, 0, slot.reference()];
        let answer = self.send(&Command::asking(header, &template))?;
        if let Status(0x6a80 | 0x6a86 | 0x6a81) = answer.status {
            return Err(CardError::Unsupported("keys of this algorithm"));
        }
        let answer = data(answer)?;
        let key = tlv::get(&answer, 0x7f49)?;
        public_key(algorithm, key).ok_or_else(|| Malformed::Shape.into())
    }

    /// Puts a certificate into the slot's object, in place of whatever is there: compressed if the card has no room for
    /// it otherwise.
    ///
    /// # Errors
    /// [`CardError`]
    pub fn put_certificate(&mut self, slot: Slot, certificate: &Certificate) -> Result<(), CardError> {
        let der = certificate.as_der();
        match self.put(slot, der, 0) {
            // Not enough memory; wrong length, or wrong data, for an object that is too large.
            Err(CardError::Refused(Status(0x6a84 | 0x6700 | 0x6a80))) => {
                self.put(slot, &compressed(der).ok_or(Malformed::TooLong)?, 1)
            }
            done => done,
        }
    }

    /// Says in the Key History Object that there is a retired key up to this slot, so that it is looked for.
    ///
    /// # Errors
    /// [`CardError`]
    pub fn announce(&mut self, slot: Slot) -> Result<(), CardError> {
        let Some(count) = slot
            .retired_count()
            .filter(|count| self.retired_keys().is_ok_and(|known| known < Some(*count)))
        else {
            return Ok(());
        };
        let history = [
            tlv::object(0xc1, &[count]),
            tlv::object(0xc2, &[0]),
            tlv::object(0xfe, &[]),
        ];
        self.put_object(KEY_HISTORY, &history.concat())
    }

    /// PUT DATA of a certificate (part 1, table 10).
    fn put(&mut self, slot: Slot, value: &[u8], info: u8) -> Result<(), CardError> {
        let object = [
            tlv::object(0x70, value),
            tlv::object(0x71, &[info]),
            tlv::object(0xfe, &[]),
        ];
        self.put_object(slot.object(), &object.concat())
    }

    /// PUT DATA (3.3.1)
    fn put_object(&mut self, tag: u32, content: &[u8]) -> Result<(), CardError> {
        let data = [
            tlv::object(0x5c, &tag.to_be_bytes()[1..]),
            tlv::object(0x53, content),
        ];
        let put = self.send(&Command::telling(
            [0, 0xdb, 0x3f, 0xff],
            Zeroizing::new(data.concat()),
        ))?;
        match put.status {
            Status::SUCCESS => Ok(()),
            Status::SECURITY => Err(CardError::ManagementKey),
            status => Err(CardError::Refused(status)),
        }
    }
}

fn compressed(der: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(der).ok()?;
    encoder.finish().ok()
}

/// The public key in a template 7F49 (part 2, table 11).
fn public_key(algorithm: CardAlgorithm, template: &[u8]) -> Option<Vec<u8>> {
    let (oid, curve, key) = match algorithm {
        CardAlgorithm::Rsa(length) => {
            let modulus = tlv::get(template, 0x81).ok()?;
            let key = RsaPublicKey {
                modulus: UintRef::new(modulus).ok()?,
                public_exponent: UintRef::new(tlv::get(template, 0x82).ok()?).ok()?,
            };
            if key.modulus.as_bytes().len() != length {
                return None;
            }
            (RSA_ENCRYPTION, None, key.to_der().ok()?)
        }
        CardAlgorithm::Curve(length) => {
            let point = tlv::get(template, 0x86).ok()?;
            if point.len() != 1 + 2 * length {
                return None;
            }
            let curve = if length == 48 { P384 } else { P256 };
            (EC_PUBLIC_KEY, Some(curve), point.to_vec())
        }
    };
    let parameters = match curve {
        Some(curve) => curve.to_der().ok()?,
        None => Null.to_der().ok()?,
    };
    SubjectPublicKeyInfo {
        algorithm: AlgorithmIdentifier {
            oid,
            parameters: Some(AnyRef::from_der(&parameters).ok()?),
        },
        subject_public_key: BitString::from_bytes(&key).ok()?,
    }
    .to_der()
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_management_key_has_one_of_three_lengths() {
        for (digits, fits) in [
            (32, true),
            (48, true),
            (64, true),
            (0, false),
            (16, false),
            (47, false),
        ] {
            assert_eq!(
                ManagementKey::of_hexadecimal(&vec![b'a'; digits]).is_some(),
                fits,
                "{digits}"
            );
        }
        assert!(ManagementKey::of_hexadecimal(&[b'x'; 48]).is_none());
    }

    #[test]
    fn triple_des_and_aes_encrypt_one_block() {
        // FIPS 197, appendix C.1; NIST SP 800-67: three equal keys are single DES (FIPS 46-3 vector).
        let key = ManagementKey::of_hexadecimal(b"000102030405060708090a0b0c0d0e0f").unwrap();
        let block = hex::decode("00112233445566778899aabbccddeeff").unwrap();
        let encrypted = key.encrypt(KeyCipher::Aes128, &block).unwrap();
        assert_eq!(hex::encode(encrypted), "69c4e0d86a7b0430d8cdb78070b4c55a");
        let key = ManagementKey::of_hexadecimal("133457799bbcdff1".repeat(3).as_bytes()).unwrap();
        let block = hex::decode("0123456789abcdef").unwrap();
        let encrypted = key.encrypt(KeyCipher::TripleDes, &block).unwrap();
        assert_eq!(hex::encode(encrypted), "85e813540f0ab405");
        assert!(key.encrypt(KeyCipher::TripleDes, &[0; 7]).is_none());
    }

    #[test]
    fn n118_public_keys_of_another_length_are_refused() {
        let short = tlv::object(0x86, &[4; 64]);
        assert!(public_key(CardAlgorithm::Curve(32), &short).is_none());
        let rsa = [tlv::object(0x81, &[0xff; 255]), tlv::object(0x82, &[1, 0, 1])].concat();
        assert!(public_key(CardAlgorithm::Rsa(256), &rsa).is_none());
        assert!(public_key(CardAlgorithm::Rsa(256), &[]).is_none());
    }
}
