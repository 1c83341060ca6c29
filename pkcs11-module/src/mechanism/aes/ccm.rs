//! Counter with CBC-MAC (SP 800-38C; section 6.13.14): `CKM_AES_CCM`.
//!
//! The mode has to know the length of its data before it begins, so the data is held until there is all of it.

use cryptoki_sys::*;
use zeroize::{Zeroize, Zeroizing};

use super::{CIPHERING, info, key, unwrap, wrap};
use crate::error::{Error, Result};
use crate::ffi::crypto::{AesKey, BLOCK, CipherContext, Direction, Mode, Padding};
use crate::mechanism::{Call, Cipher, Mechanism, MessageCipher, MessageParameter, Parameter, Table};
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
        info(CIPHERING | CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT | CKF_MULTI_MESSAGE)
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

    fn check_message_key(&self, object: &Object) -> Result<()> {
        key(object).map(drop)
    }

    fn seal_message(
        &self,
        key: &Object,
        parameter: &MessageParameter<'_>,
        nonce: &[u8],
        additional: &[u8],
    ) -> Result<Box<dyn MessageCipher>> {
        Message::begin(key, Direction::Encrypt, parameter, nonce, additional)
    }

    fn open_message(
        &self,
        key: &Object,
        parameter: &MessageParameter<'_>,
        nonce: &[u8],
        additional: &[u8],
    ) -> Result<Box<dyn MessageCipher>> {
        Message::begin(key, Direction::Decrypt, parameter, nonce, additional)
    }
}

/// A message. Its parts come out as they go in, by the keystream that the mode has (SP 800-38C, A.3); the tag is that of
/// all of it, which is held for that.
struct Message {
    all: Ciphering,
    stream: CipherContext,
}

impl Message {
    fn begin(
        object: &Object,
        direction: Direction,
        parameter: &MessageParameter<'_>,
        nonce: &[u8],
        additional: &[u8],
    ) -> Result<Box<dyn MessageCipher>> {
        let call = Call {
            kind: CKM_AES_CCM,
            parameter: Parameter::Ccm {
                data_len: parameter.data_len.ok_or(Error::MechanismParamInvalid)?,
                nonce,
                additional,
                tag_len: parameter.tag.len() as CK_ULONG,
            },
        };
        let all = Ccm::begin(&call, object, direction)?;
        // The block that the first bytes of data are encrypted with has the counter 1.
        let mut first = [0; BLOCK];
        first[0] = (BLOCK - 2 - nonce.len()) as u8;
        first[1..=nonce.len()].copy_from_slice(nonce);
        first[BLOCK - 1] = 1;
        let stream = CipherContext::new(Mode::Ctr, direction, key(object)?, &first, Padding::None)?;
        Ok(Box::new(Self { all, stream }))
    }
}

impl MessageCipher for Message {
    fn update(&mut self, part: &[u8], out: &mut Vec<u8>) -> Result<()> {
        if part.len() > self.all.data_len - self.all.held.len() {
            return Err(self.all.wrong_length());
        }
        self.all.update(part, &mut Vec::new())?;
        self.stream.append(part, out)
    }

    fn tag(&mut self, len: usize) -> Result<Vec<u8>> {
        let mut sealed = Vec::with_capacity(self.all.data_len + len);
        self.all.finish(&mut sealed)?;
        Ok(sealed.split_off(self.all.data_len))
    }

    fn check(&mut self, tag: &[u8]) -> Result<()> {
        self.all.update(tag, &mut Vec::new())?;
        let mut plain = Zeroizing::new(Vec::with_capacity(self.all.data_len));
        self.all.finish(&mut plain).map_err(|error| match error {
            Error::EncryptedDataInvalid => Error::AeadDecryptFailed,
            other => other,
        })
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
