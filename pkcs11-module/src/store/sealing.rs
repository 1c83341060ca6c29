//! PINs, the keys made from them, and AES-256-GCM.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{digest, rand};
use zeroize::Zeroizing;

use super::parts::{Epoch, Role};
use super::{Result, StoreError};

pub(crate) const KEY_LEN: usize = 32;
const TAG_LEN: usize = 16;
const SALT_LEN: usize = 16;

/// A PIN on its way into the key derivation. It lives for one call, is wiped, and has no `Debug` and no `Clone`.
pub(crate) struct Pin(Zeroizing<Vec<u8>>);

impl Pin {
    /// The shortest PIN that can be set, in bytes.
    pub(crate) const MIN_LEN: usize = 4;
    /// The longest.
    pub(crate) const MAX_LEN: usize = 64;

    /// A PIN of a length that can be one.
    pub(crate) fn new(pin: &[u8]) -> Option<Self> {
        (Self::MIN_LEN..=Self::MAX_LEN)
            .contains(&pin.len())
            .then(|| Self(Zeroizing::new(pin.to_vec())))
    }

    /// Whether the standard allows it as a new PIN: a PIN is UTF-8 (PKCS #11, section 3.5, `CK_UTF8CHAR`).
    pub(crate) fn is_text(&self) -> bool {
        std::str::from_utf8(&self.0).is_ok()
    }
}

/// Tells one setting of a PIN from every other: the random salt of its key derivation.
pub(crate) type Seal = [u8; SALT_LEN];

/// The key of a token's private objects, of one epoch.
pub(crate) struct DataKey {
    pub(super) epoch: Epoch,
    /// The setting of the PIN that opened it.
    pub(super) seal: Seal,
    bytes: Zeroizing<[u8; KEY_LEN]>,
}

impl DataKey {
    pub(super) fn random(epoch: Epoch) -> Result<Self> {
        Ok(Self {
            epoch,
            seal: Seal::default(),
            bytes: Zeroizing::new(random()?),
        })
    }

    /// The same key as another setting of the PIN opens it.
    pub(crate) fn under(&self, seal: Seal) -> Self {
        Self {
            epoch: self.epoch,
            seal,
            bytes: self.bytes.clone(),
        }
    }

    /// The setting of the PIN that opened it.
    pub(crate) fn seal(&self) -> Seal {
        self.seal
    }

    /// The epoch of the token that it is the key of.
    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_LEN] {
        &self.bytes
    }
}

/// Argon2id's parameters and salt, as a PIN's part stores them.
pub(super) struct Derivation {
    memory: u32,
    passes: u32,
    lanes: u32,
    salt: Seal,
}

impl Derivation {
    /// What new PINs get: about 60 ms of one core of 2024, within what a login may take.
    const MEMORY: u32 = 32 * 1024;
    const PASSES: u32 = 3;
    const LANES: u32 = 1;

    /// The least of the parameters that are recommended for passwords (RFC 9106 and the usual guidance: 19 MiB,
    /// two passes), and the most that a login may cost.
    const MEMORY_BOUNDS: std::ops::RangeInclusive<u32> = 19 * 1024..=256 * 1024;
    const PASSES_BOUNDS: std::ops::RangeInclusive<u32> = 2..=10;
    const LANES_BOUNDS: std::ops::RangeInclusive<u32> = 1..=4;

    const LEN: usize = 12 + SALT_LEN;

    fn new() -> Result<Self> {
        Ok(Self {
            memory: Self::MEMORY,
            passes: Self::PASSES,
            lanes: Self::LANES,
            salt: random()?,
        })
    }

    fn encode(&self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        for (place, number) in out
            .chunks_exact_mut(4)
            .zip([self.memory, self.passes, self.lanes])
        {
            place.copy_from_slice(&number.to_le_bytes());
        }
        out[12..].copy_from_slice(&self.salt);
        out
    }

    fn decode(raw: &[u8; Self::LEN]) -> Result<Self> {
        let number = |i: usize| u32::from_le_bytes([raw[i], raw[i + 1], raw[i + 2], raw[i + 3]]);
        let mut salt = [0; SALT_LEN];
        salt.copy_from_slice(&raw[12..]);
        let derivation = Self {
            memory: number(0),
            passes: number(4),
            lanes: number(8),
            salt,
        };
        let sane = Self::MEMORY_BOUNDS.contains(&derivation.memory)
            && Self::PASSES_BOUNDS.contains(&derivation.passes)
            && Self::LANES_BOUNDS.contains(&derivation.lanes);
        if sane {
            Ok(derivation)
        } else {
            Err(StoreError::Corrupt("key derivation parameters out of bounds"))
        }
    }

    fn parameters(&self) -> Result<Params> {
        Params::new(self.memory, self.passes, self.lanes, Some(KEY_LEN))
            .map_err(|_| StoreError::Corrupt("key derivation parameters"))
    }

    fn blocks(&self) -> Result<Blocks> {
        let count = self.parameters()?.block_count();
        let mut blocks = Zeroizing::new(Vec::new());
        blocks.try_reserve_exact(count).map_err(|_| StoreError::Memory)?;
        blocks.resize(count, Block::new());
        Ok(Blocks(blocks))
    }

    fn derive(&self, pin: &Pin, mut blocks: Blocks) -> Result<Zeroizing<[u8; KEY_LEN]>> {
        let mut key = Zeroizing::new([0; KEY_LEN]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, self.parameters()?)
            .hash_password_into_with_memory(&pin.0, &self.salt, &mut *key, blocks.0.as_mut_slice())
            .map_err(|_| StoreError::Corrupt("key derivation"))?;
        Ok(key)
    }
}

/// The memory of one derivation, written to once, so that the system has given it. Whoever finds it afterwards can try
/// PINs against it without paying for the derivation: it is wiped.
pub(super) struct Blocks(Zeroizing<Vec<Block>>);

/// The data key under a PIN: the body of `pin.so` and `pin.user`.
pub(super) struct Wrap {
    derivation: Derivation,
    sealed: Vec<u8>,
}

impl Wrap {
    /// The length of the body.
    const LEN: usize = Derivation::LEN + NONCE_LEN + KEY_LEN + TAG_LEN;

    /// Seals a data key under a PIN. Takes as long as a login.
    pub(crate) fn seal(role: Role, header: &[u8], key: &DataKey, pin: &Pin) -> Result<Self> {
        let derivation = Derivation::new()?;
        let kek = derivation.derive(pin, derivation.blocks()?)?;
        let sealed = seal(&kek, &additional_data(role, header, &derivation), key.bytes())?;
        Ok(Self { derivation, sealed })
    }

    /// The memory that [`Self::open`] works in.
    pub(super) fn blocks(&self) -> Result<Blocks> {
        self.derivation.blocks()
    }

    /// Opens the data key with a PIN. Takes as long as a login.
    pub(super) fn open(
        &self,
        role: Role,
        header: &[u8],
        epoch: Epoch,
        pin: &Pin,
        blocks: Blocks,
    ) -> Result<DataKey> {
        let kek = self.derivation.derive(pin, blocks)?;
        let key = open(
            &kek,
            &additional_data(role, header, &self.derivation),
            &self.sealed,
        );
        let key = key.ok_or(StoreError::PinIncorrect)?;
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        bytes.copy_from_slice(key.get(..KEY_LEN).ok_or(StoreError::Corrupt("data key"))?);
        Ok(DataKey {
            epoch,
            seal: self.name(),
            bytes,
        })
    }

    /// Which setting of the PIN this is.
    pub(super) fn name(&self) -> Seal {
        self.derivation.salt
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        [&self.derivation.encode()[..], &self.sealed].concat()
    }

    pub(super) fn decode(body: &[u8]) -> Result<Self> {
        match body.split_first_chunk() {
            Some((derivation, sealed)) if body.len() == Self::LEN => Ok(Self {
                derivation: Derivation::decode(derivation)?,
                sealed: sealed.to_vec(),
            }),
            _ => Err(StoreError::Corrupt("a PIN's part")),
        }
    }
}

fn additional_data(role: Role, header: &[u8], derivation: &Derivation) -> Vec<u8> {
    let header = digest::digest(&digest::SHA256, header);
    [
        b"trien-token/2 pin\0",
        &[role as u8][..],
        header.as_ref(),
        &derivation.encode(),
    ]
    .concat()
}

/// Seals `plain`: nonce, ciphertext, tag. Nonces are random; at 2³² records under one key the chance of a
/// repetition is still below 2⁻³² (NIST SP 800-38D, 8.3).
pub(crate) fn seal(key: &[u8; KEY_LEN], additional_data: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
    let nonce: [u8; NONCE_LEN] = random()?;
    let key = aead_key(key)?;
    let mut out = Vec::with_capacity(NONCE_LEN + plain.len() + TAG_LEN);
    out.extend_from_slice(&nonce);
    out.extend_from_slice(plain);
    let tag = key
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(additional_data),
            &mut out[NONCE_LEN..],
        )
        .map_err(|_| StoreError::Full)?;
    out.extend_from_slice(tag.as_ref());
    Ok(out)
}

/// Opens what [`seal`] made with the same key and additional data; `None` for anything else.
pub(crate) fn open(key: &[u8; KEY_LEN], additional_data: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    Opener::new(key).ok()?.open(additional_data, sealed)
}

/// A key that opens many records.
pub(super) struct Opener(LessSafeKey);

impl Opener {
    pub(super) fn new(key: &[u8; KEY_LEN]) -> Result<Self> {
        Ok(Self(aead_key(key)?))
    }

    /// As [`open`].
    pub(super) fn open(&self, additional_data: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut plain = Zeroizing::new(sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self
            .0
            .open_in_place(nonce, Aad::from(additional_data), &mut plain);
        let length = opened.ok()?.len();
        plain.truncate(length);
        Some(plain)
    }
}

fn aead_key(key: &[u8; KEY_LEN]) -> Result<LessSafeKey> {
    let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| StoreError::Random)?;
    Ok(LessSafeKey::new(key))
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| StoreError::Random)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(memory: u32, passes: u32, lanes: u32) -> Result<Derivation> {
        let salt = [7; SALT_LEN];
        let derivation = Derivation {
            memory,
            passes,
            lanes,
            salt,
        };
        Derivation::decode(&derivation.encode())
    }

    #[test]
    fn a_login_never_costs_less_or_more_than_the_bounds() {
        for (memory, passes, lanes) in [(19 * 1024, 2, 1), (32 * 1024, 3, 1), (256 * 1024, 10, 4)] {
            assert!(decoded(memory, passes, lanes).is_ok());
        }
        for (memory, passes, lanes) in [
            (19 * 1024 - 1, 2, 1),
            (256 * 1024 + 1, 3, 1),
            (u32::MAX, 3, 1),
            (32 * 1024, 1, 1),
            (32 * 1024, 11, 1),
            (32 * 1024, 3, 0),
            (32 * 1024, 3, 5),
        ] {
            assert!(matches!(
                decoded(memory, passes, lanes),
                Err(StoreError::Corrupt(_))
            ));
        }
    }

    /// The memory is our own now, so the result is held against the library's own way of deriving.
    #[test]
    fn a_pin_gives_the_key_of_rfc_9106() {
        let derivation = decoded(19 * 1024, 2, 1).unwrap();
        let pin = Pin::new(b"123456").unwrap();
        let mut expected = [0; KEY_LEN];
        let parameters = Params::new(19 * 1024, 2, 1, Some(KEY_LEN)).unwrap();
        Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
            .hash_password_into(b"123456", &[7; SALT_LEN], &mut expected)
            .unwrap();
        let blocks = derivation.blocks().unwrap();
        assert_eq!(*derivation.derive(&pin, blocks).unwrap(), expected);
    }
}
