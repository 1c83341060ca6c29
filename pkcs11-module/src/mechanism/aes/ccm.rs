//! Counter with CBC-MAC (SP 800-38C; section 6.13.14): `CKM_AES_CCM`.
//!
//! The mode has to know the length of its data before it begins, so the data is held until there is all of it.

use cryptoki_sys::*;
use zeroize::{Zeroize, Zeroizing};

use super::{CIPHERING, info, key, unwrap, wrap};
use crate::error::{Error, Result};
use crate::ffi::crypto::{AesKey, CipherContext, Direction};
use crate::mechanism::{Call, Cipher, Mechanism, Parameter, Table};
use crate::object::Object;

/// The longest data and additional data, in bytes.
const MAX_LEN: usize = 64 << 20;

struct Ccm;

impl Ccm {
    fn begin(call: &Call<'_>, object: &Object, direction: Direction) -> Result<Ciphering> {
        let key = key(object)?;
        let Parameter::Ccm {
            data_len,
            nonce,
            additional,
            tag_len,
        } = call.parameter
        else {
            return Err(Error::MechanismParamInvalid);
        };
        let data_len = usize::try_from(data_len)
            .ok()
            .filter(|&len| fits(len, nonce.len()));
        if additional.len() > MAX_LEN || !matches!(tag_len, 4 | 6 | 8 | 10 | 12 | 14 | 16) {
            return Err(Error::MechanismParamInvalid);
        }
        Ok(Ciphering {
            direction,
            key: Zeroizing::new(key.bytes().to_vec()),
            nonce: nonce.to_vec(),
            additional: additional.to_vec(),
            tag_len: tag_len as usize,
            data_len: data_len.ok_or(Error::MechanismParamInvalid)?,
            held: Zeroizing::default(),
        })
    }
}

/// A nonce of n bytes leaves 15 - n for the length of the data (SP 800-38C, A.1).
fn fits(data_len: usize, nonce_len: usize) -> bool {
    let most = match nonce_len {
        7..=11 => MAX_LEN,
        12 => (1 << 24) - 1,
        13 => (1 << 16) - 1,
        _ => return false,
    };
    data_len <= most
}

impl Mechanism for Ccm {
    fn info(&self) -> CK_MECHANISM_INFO {
        info(CIPHERING)
    }

    fn encrypt(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Cipher>> {
        Ok(Box::new(Self::begin(call, key, Direction::Encrypt)?))
    }

    fn decrypt(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Cipher>> {
        Ok(Box::new(Self::begin(call, key, Direction::Decrypt)?))
    }

    fn wrap(&self, call: &Call<'_>, wrapping: &Object, plain: &[u8]) -> Result<Vec<u8>> {
        wrap(&mut Self::begin(call, wrapping, Direction::Encrypt)?, plain)
    }

    fn unwrap(&self, call: &Call<'_>, unwrapping: &Object, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        unwrap(&mut Self::begin(call, unwrapping, Direction::Decrypt)?, wrapped)
    }
}

struct Ciphering {
    direction: Direction,
    key: Zeroizing<Vec<u8>>,
    nonce: Vec<u8>,
    additional: Vec<u8>,
    tag_len: usize,
    /// The length of the plaintext, or of the ciphertext without its tag, as the parameter promises it.
    data_len: usize,
    /// Sized for all of it at its first use, so that no copy is left behind.
    held: Zeroizing<Vec<u8>>,
}

impl Ciphering {
    /// The length of what is fed.
    fn expected(&self) -> usize {
        match self.direction {
            Direction::Encrypt => self.data_len,
            Direction::Decrypt => self.data_len + self.tag_len,
        }
    }

    fn wrong_length(&self) -> Error {
        match self.direction {
            Direction::Encrypt => Error::DataLenRange,
            Direction::Decrypt => Error::EncryptedDataLenRange,
        }
    }

    fn context(&self, tag: Option<&[u8]>) -> Result<CipherContext> {
        let key = AesKey::new(&self.key)?;
        let mut context =
            CipherContext::ccm(self.direction, key, &self.nonce, self.tag_len, tag, self.data_len)?;
        context.associate(&self.additional)?;
        Ok(context)
    }
}

impl Cipher for Ciphering {
    fn takes_parts(&self) -> bool {
        true
    }

    /// Nothing comes out of a part; but a host that asks first and is told so has no buffer to point at when it hands
    /// the part over, and would only ask again.
    fn most_of_part(&self, len: usize) -> usize {
        len
    }

    fn most_of_rest(&self, _len: usize) -> usize {
        match self.direction {
            Direction::Encrypt => self.data_len + self.tag_len,
            Direction::Decrypt => self.data_len,
        }
    }

    fn update(&mut self, part: &[u8], _out: &mut Vec<u8>) -> Result<()> {
        let expected = self.expected();
        if self.held.len() + part.len() > expected {
            return Err(self.wrong_length());
        }
        if self.held.capacity() == 0 {
            self.held.reserve_exact(expected);
        }
        self.held.extend_from_slice(part);
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if self.held.len() != self.expected() {
            return Err(self.wrong_length());
        }
        if self.direction == Direction::Encrypt {
            let mut context = self.context(None)?;
            context.append(&self.held, out)?;
            out.extend_from_slice(&context.tag(self.tag_len)?);
            return Ok(());
        }
        let (ciphertext, tag) = self.held.split_at(self.data_len);
        // The library compares the tag at the end of the data, in constant time, and wipes what it has written.
        self.context(Some(tag))?.append(ciphertext, out).map_err(|_| {
            out.zeroize();
            Error::EncryptedDataInvalid
        })
    }
}

pub(super) static MECHANISMS: Table = &[(CKM_AES_CCM, &Ccm)];
