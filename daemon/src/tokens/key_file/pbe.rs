//! Encryption under a password: PBES2 (RFC 8018) and the older schemes of PKCS #12 (RFC 7292, appendices B and C).

use aws_lc_rs::digest::{self, Algorithm};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, InnerIvInit, KeyIvInit};
use der::asn1::{ObjectIdentifier, OctetStringRef};
use der::{Decode, Encode, Sequence};
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::Kdf;
use rc2::Rc2;
use spki::AlgorithmIdentifierRef;
use zeroize::Zeroizing;

use super::KeyFileError;

/// The most rounds of a derivation: a thousand times what programs of today write, and a few seconds of one core.
pub(super) const MAX_ROUNDS: u32 = 5_000_000;

/// The most memory scrypt may ask for, in bytes.
const MAX_SCRYPT_MEMORY: u64 = 256 * 1024 * 1024;

/// id-PBES2 (RFC 8018, A.4)
const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");

/// `EncryptedPrivateKeyInfo` (RFC 5958, 3) under any scheme.
#[derive(Sequence)]
struct EncryptedKey<'a> {
    algorithm: AlgorithmIdentifierRef<'a>,
    data: &'a OctetStringRef,
}

/// `pkcs-12PbeParams` (RFC 7292, appendix C)
#[derive(Sequence)]
struct PbeParameters<'a> {
    salt: &'a OctetStringRef,
    rounds: u32,
}

pub(super) fn is_encrypted_key(der: &[u8]) -> bool {
    EncryptedKey::from_der(der).is_ok()
}

pub(super) fn open_encrypted_key(
    der: &[u8],
    password: Option<&[u8]>,
) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let sealed = EncryptedKey::from_der(der).map_err(|_| KeyFileError::NoKey)?;
    open(&sealed.algorithm, sealed.data.as_bytes(), password)
}

/// Decrypts by whichever scheme the algorithm names.
pub(super) fn open(
    algorithm: &AlgorithmIdentifierRef<'_>,
    sealed: &[u8],
    password: Option<&[u8]>,
) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    if algorithm.oid == PBES2 {
        let unsupported = |_| KeyFileError::Unsupported(algorithm.oid.to_string());
        let encoded = algorithm.to_der().map_err(unsupported)?;
        let scheme = EncryptionScheme::from_der(&encoded).map_err(unsupported)?;
        return open_pbes2(&scheme, sealed, password);
    }
    let cipher = Legacy::of(algorithm.oid)?;
    let parameters = algorithm
        .parameters
        .and_then(|any| any.decode_as::<PbeParameters<'_>>().ok())
        .ok_or(KeyFileError::NoKey)?;
    check_rounds(parameters.rounds)?;
    let password = bmp(password.ok_or(KeyFileError::PasswordNeeded)?)?;
    let salt = parameters.salt.as_bytes();
    let derive = |purpose, length| {
        derived(
            &digest::SHA1_FOR_LEGACY_USE_ONLY,
            &password,
            salt,
            parameters.rounds,
            purpose,
            length,
        )
    };
    cipher.open(
        &derive(Purpose::Key, cipher.key_len()),
        &derive(Purpose::Iv, 8),
        sealed,
    )
}

/// Decrypts by PBES2, once its cost is known to be bearable.
pub(super) fn open_pbes2(
    scheme: &EncryptionScheme,
    sealed: &[u8],
    password: Option<&[u8]>,
) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let EncryptionScheme::Pbes2(parameters) = scheme else {
        return Err(KeyFileError::Unsupported("PBES1".to_owned()));
    };
    match &parameters.kdf {
        Kdf::Pbkdf2(kdf) => check_rounds(kdf.iteration_count)?,
        Kdf::Scrypt(kdf) => {
            let memory = u64::from(kdf.block_size) * 128 * kdf.cost_parameter;
            if memory > MAX_SCRYPT_MEMORY || kdf.parallelization > 16 {
                return Err(KeyFileError::TooCostly);
            }
        }
        other => return Err(KeyFileError::Unsupported(other.oid().to_string())),
    }
    let password = password.ok_or(KeyFileError::PasswordNeeded)?;
    let mut buffer = Zeroizing::new(sealed.to_vec());
    let length = scheme
        .decrypt_in_place(password, &mut buffer)
        .map_err(|error| match error {
            pkcs8::pkcs5::Error::UnsupportedAlgorithm { oid } => KeyFileError::Unsupported(oid.to_string()),
            _ => KeyFileError::PasswordWrong,
        })?
        .len();
    buffer.truncate(length);
    Ok(buffer)
}

pub(super) fn check_rounds(rounds: u32) -> Result<(), KeyFileError> {
    match rounds {
        1..=MAX_ROUNDS => Ok(()),
        _ => Err(KeyFileError::TooCostly),
    }
}

/// The schemes of PKCS #12 that files in use have: keys under triple DES, certificates under RC2 with 40 bits.
#[derive(Clone, Copy)]
enum Legacy {
    TripleDes3,
    TripleDes2,
    Rc2_128,
    Rc2_40,
}

impl Legacy {
    fn of(oid: ObjectIdentifier) -> Result<Self, KeyFileError> {
        const SCHEMES: [(ObjectIdentifier, Legacy); 4] = [
            (
                ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.3"),
                Legacy::TripleDes3,
            ),
            (
                ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.4"),
                Legacy::TripleDes2,
            ),
            (
                ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.5"),
                Legacy::Rc2_128,
            ),
            (
                ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.6"),
                Legacy::Rc2_40,
            ),
        ];
        let known = SCHEMES.iter().find(|(known, _)| *known == oid);
        known
            .map(|(_, scheme)| *scheme)
            .ok_or_else(|| KeyFileError::Unsupported(oid.to_string()))
    }

    const fn key_len(self) -> usize {
        match self {
            Self::TripleDes3 => 24,
            Self::TripleDes2 | Self::Rc2_128 => 16,
            Self::Rc2_40 => 5,
        }
    }

    fn open(self, key: &[u8], iv: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
        let mut buffer = Zeroizing::new(sealed.to_vec());
        let opened = match self {
            Self::TripleDes3 => cbc::Decryptor::<des::TdesEde3>::new_from_slices(key, iv)
                .map(|cipher| cipher.decrypt_padded::<Pkcs7>(&mut buffer).map(<[u8]>::len)),
            Self::TripleDes2 => cbc::Decryptor::<des::TdesEde2>::new_from_slices(key, iv)
                .map(|cipher| cipher.decrypt_padded::<Pkcs7>(&mut buffer).map(<[u8]>::len)),
            Self::Rc2_128 | Self::Rc2_40 => {
                let cipher = Rc2::new_with_eff_key_len(key, 8 * key.len());
                cbc::Decryptor::inner_iv_slice_init(cipher, iv)
                    .map(|cipher| cipher.decrypt_padded::<Pkcs7>(&mut buffer).map(<[u8]>::len))
            }
        };
        let length = opened
            .map_err(|_| KeyFileError::PasswordWrong)?
            .map_err(|_| KeyFileError::PasswordWrong)?;
        buffer.truncate(length);
        Ok(buffer)
    }
}

/// A password as PKCS #12 wants it: UTF-16, big-endian, with a zero behind (RFC 7292, B.1).
pub(super) fn bmp(password: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let text = std::str::from_utf8(password).map_err(|_| KeyFileError::PasswordWrong)?;
    let mut encoded = Zeroizing::new(Vec::with_capacity(2 * password.len() + 2));
    encoded.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
    encoded.extend([0, 0]);
    Ok(encoded)
}

/// What derived bytes are for (RFC 7292, B.3).
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Key = 1,
    Iv = 2,
    Mac = 3,
}

/// The derivation of RFC 7292, B.2.
pub(super) fn derived(
    hash: &'static Algorithm,
    password: &[u8],
    salt: &[u8],
    rounds: u32,
    purpose: Purpose,
    length: usize,
) -> Zeroizing<Vec<u8>> {
    let block = hash.block_len();
    let diversifier = vec![purpose as u8; block];
    // With room for all from the start, nothing is moved and left behind unwiped.
    let whole = |text: &[u8]| text.len().div_ceil(block) * block;
    let mut state = Zeroizing::new(Vec::with_capacity(whole(salt) + whole(password)));
    for text in [salt, password] {
        state.extend(text.iter().cycle().take(whole(text)));
    }
    let mut out = Zeroizing::new(Vec::with_capacity(length + hash.output_len()));
    loop {
        let mut context = digest::Context::new(hash);
        context.update(&diversifier);
        context.update(&state);
        let mut round = Zeroizing::new(context.finish().as_ref().to_vec());
        for _ in 1..rounds {
            let next = digest::digest(hash, &round);
            round.copy_from_slice(next.as_ref());
        }
        out.extend_from_slice(&round);
        if out.len() >= length {
            out.truncate(length);
            return out;
        }
        let mut addend = Zeroizing::new(Vec::with_capacity(block));
        addend.extend(round.iter().cycle().take(block));
        for part in state.chunks_exact_mut(block) {
            add_one_more(part, &addend);
        }
    }
}

/// part = part + addend + 1, as big-endian numbers, modulo their length (step 6C).
fn add_one_more(part: &mut [u8], addend: &[u8]) {
    let mut carry = 1;
    for (place, byte) in part.iter_mut().zip(addend).rev() {
        let sum = u16::from(*place) + u16::from(*byte) + carry;
        [_, *place] = sum.to_be_bytes();
        carry = sum >> 8;
    }
}
