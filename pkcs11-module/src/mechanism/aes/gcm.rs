//! Galois/Counter Mode (SP 800-38D; sections 6.13.12 and 6.13.13): `CKM_AES_GCM`, and `CKM_AES_GMAC`, which
//! authenticates without encrypting anything.

use std::mem::MaybeUninit;

use cryptoki_sys::*;
use zeroize::{Zeroize, Zeroizing};

use super::{CIPHERING, end_with, info, key, unwrap, wrap};
use crate::error::{Error, Result};
use crate::ffi::crypto::{BLOCK, CipherContext, Direction};
use crate::mechanism::mac::{Mac, Tagging};
use crate::mechanism::{
    Call, Cipher, Mechanism, MessageCipher, MessageParameter, Parameter, Signing, Table, Verifying,
};
use crate::object::Object;

/// The longest initialisation vector; the standard's own limit, 2³² - 1 bytes, is no use to anybody.
const MAX_IV: usize = 1 << 16;

/// How much ciphertext is held back until its tag has been seen.
const MAX_HELD: usize = 256 << 20;

/// What the parameter says.
struct Given<'a> {
    iv: &'a [u8],
    additional: &'a [u8],
    tag_len: usize,
}

impl<'a> Given<'a> {
    fn read(call: &Call<'a>) -> Result<Self> {
        let Parameter::Gcm {
            iv,
            additional,
            tag_bits,
        } = call.parameter
        else {
            return Err(Error::MechanismParamInvalid);
        };
        if !(1..=MAX_IV).contains(&iv.len()) {
            return Err(Error::MechanismParamInvalid);
        }
        Ok(Self {
            iv,
            additional,
            tag_len: tag_len(tag_bits)?,
        })
    }

    fn begin(&self, object: &Object, direction: Direction) -> Result<CipherContext> {
        let mut context = CipherContext::gcm(direction, key(object)?, self.iv)?;
        context.associate(self.additional)?;
        Ok(context)
    }
}

/// A tag's length in bytes: four at least, as SP 800-38D, 5.2.1.2 has it.
pub(in crate::mechanism) fn tag_len(bits: CK_ULONG) -> Result<usize> {
    match bits {
        32..=128 if bits.is_multiple_of(8) => Ok(bits as usize / 8),
        _ => Err(Error::MechanismParamInvalid),
    }
}

struct Gcm;

impl Gcm {
    fn sealing(call: &Call<'_>, object: &Object) -> Result<Sealing> {
        key(object)?;
        let given = Given::read(call)?;
        Ok(Sealing {
            context: given.begin(object, Direction::Encrypt)?,
            tag_len: given.tag_len,
        })
    }

    fn opening(call: &Call<'_>, object: &Object) -> Result<Opening> {
        key(object)?;
        let given = Given::read(call)?;
        Ok(Opening {
            context: given.begin(object, Direction::Decrypt)?,
            tag_len: given.tag_len,
            held: Vec::new(),
        })
    }
}

impl Mechanism for Gcm {
    fn info(&self) -> CK_MECHANISM_INFO {
        info(CIPHERING | CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT | CKF_MULTI_MESSAGE)
    }

    fn encrypt(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Cipher>> {
        Ok(Box::new(Self::sealing(call, key)?))
    }

    fn decrypt(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Cipher>> {
        Ok(Box::new(Self::opening(call, key)?))
    }

    fn wrap(&self, call: &Call<'_>, wrapping: &Object, plain: &[u8]) -> Result<Vec<u8>> {
        wrap(&mut Self::sealing(call, wrapping)?, plain)
    }

    fn unwrap(&self, call: &Call<'_>, unwrapping: &Object, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        unwrap(&mut Self::opening(call, unwrapping)?, wrapped)
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
        message(key, Direction::Encrypt, parameter, nonce, additional)
    }

    fn open_message(
        &self,
        key: &Object,
        parameter: &MessageParameter<'_>,
        nonce: &[u8],
        additional: &[u8],
    ) -> Result<Box<dyn MessageCipher>> {
        message(key, Direction::Decrypt, parameter, nonce, additional)
    }
}

fn message(
    object: &Object,
    direction: Direction,
    parameter: &MessageParameter<'_>,
    nonce: &[u8],
    additional: &[u8],
) -> Result<Box<dyn MessageCipher>> {
    if parameter.data_len.is_some() {
        return Err(Error::MechanismParamInvalid);
    }
    tag_len(8 * parameter.tag.len() as CK_ULONG)?;
    let given = Given {
        iv: nonce,
        additional,
        tag_len: parameter.tag.len(),
    };
    if !(1..=MAX_IV).contains(&nonce.len()) {
        return Err(Error::MechanismParamInvalid);
    }
    Ok(Box::new(Message(given.begin(object, direction)?)))
}

/// A message, its tag apart from it.
struct Message(CipherContext);

impl MessageCipher for Message {
    fn update(&mut self, part: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.0.append(part, out).map_err(|_| Error::DataLenRange)
    }

    fn tag(&mut self, len: usize) -> Result<Vec<u8>> {
        self.0.finish()?;
        self.0.tag(len)
    }

    fn check(&mut self, tag: &[u8]) -> Result<()> {
        self.0.expect_tag(tag)?;
        self.0.finish().map(drop).map_err(|_| Error::AeadDecryptFailed)
    }
}

/// Encrypts as the data comes; the tag comes last.
struct Sealing {
    context: CipherContext,
    tag_len: usize,
}

impl Sealing {
    fn tag(&mut self) -> Result<Vec<u8>> {
        self.context.finish()?;
        self.context.tag(self.tag_len)
    }
}

impl Cipher for Sealing {
    fn takes_parts(&self) -> bool {
        true
    }

    fn most_of_part(&self, len: usize) -> usize {
        len
    }

    fn most_of_rest(&self, len: usize) -> usize {
        len + self.tag_len
    }

    fn update(&mut self, part: &[u8], out: &mut Vec<u8>) -> Result<()> {
        // Only the mode's own limit, 2³⁶ - 32 bytes, can be in the way.
        self.context.append(part, out).map_err(|_| Error::DataLenRange)
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(&self.tag()?);
        Ok(())
    }

    fn update_into(&mut self, part: &[u8], out: &mut [MaybeUninit<u8>]) -> Option<Result<usize>> {
        Some(self.context.update(part, out).map_err(|_| Error::DataLenRange))
    }

    fn whole_into(&mut self, data: &[u8], out: &mut [MaybeUninit<u8>]) -> Option<Result<usize>> {
        let written = self.update_into(data, out)?;
        Some(written.and_then(|written| end_with(&self.tag()?, written, out)))
    }
}

/// Holds the ciphertext back until the tag has been seen, which comes last: nobody gets a plaintext that nobody
/// vouches for.
struct Opening {
    context: CipherContext,
    tag_len: usize,
    held: Vec<u8>,
}

impl Opening {
    /// Compares the tag of what has been decrypted.
    fn check(&mut self, tag: &[u8]) -> Result<()> {
        self.context.expect_tag(tag)?;
        self.context
            .finish()
            .map(drop)
            .map_err(|_| Error::EncryptedDataInvalid)
    }

    /// Ciphertext and tag of all that there is.
    fn split<'a>(&self, all: &'a [u8]) -> Result<(&'a [u8], &'a [u8])> {
        let split = all.len().checked_sub(self.tag_len);
        Ok(all.split_at(split.ok_or(Error::EncryptedDataLenRange)?))
    }
}

impl Cipher for Opening {
    fn takes_parts(&self) -> bool {
        true
    }

    /// Nothing comes out of a part; but a host that asks first and is told so has no buffer to point at when it hands
    /// the part over, and would only ask again.
    fn most_of_part(&self, len: usize) -> usize {
        len
    }

    fn most_of_rest(&self, len: usize) -> usize {
        (self.held.len() + len).saturating_sub(self.tag_len)
    }

    fn update(&mut self, part: &[u8], _out: &mut Vec<u8>) -> Result<()> {
        if self.held.len() + part.len() > MAX_HELD {
            return Err(Error::EncryptedDataLenRange);
        }
        self.held.extend_from_slice(part);
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let held = std::mem::take(&mut self.held);
        let (ciphertext, tag) = self.split(&held)?;
        self.context.append(ciphertext, out)?;
        self.check(tag).inspect_err(|_| out.zeroize())
    }

    /// The caller wipes what it does not vouch for.
    fn whole_into(&mut self, data: &[u8], out: &mut [MaybeUninit<u8>]) -> Option<Result<usize>> {
        Some(self.split(data).and_then(|(ciphertext, tag)| {
            let written = self.context.update(ciphertext, out)?;
            self.check(tag).map(|()| written)
        }))
    }
}

struct Gmac;

impl Gmac {
    /// The parameter is that of GCM without additional data, or an initialisation vector alone, with the whole tag.
    fn begin(call: &Call<'_>, object: &Object) -> Result<Tagging<Gmacing>> {
        let key = key(object)?;
        let (iv, len) = match call.parameter {
            Parameter::Gcm {
                iv,
                additional: [],
                tag_bits,
            } => (iv, tag_len(tag_bits)?),
            Parameter::Bytes(iv) => (iv, BLOCK),
            _ => return Err(Error::MechanismParamInvalid),
        };
        if !(1..=MAX_IV).contains(&iv.len()) {
            return Err(Error::MechanismParamInvalid);
        }
        let mac = Gmacing(CipherContext::gcm(Direction::Encrypt, key, iv)?);
        Ok(Tagging { mac, len })
    }
}

impl Mechanism for Gmac {
    fn info(&self) -> CK_MECHANISM_INFO {
        info(CKF_SIGN | CKF_VERIFY)
    }

    fn sign(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Signing>> {
        Ok(Box::new(Self::begin(call, key)?))
    }

    fn verify(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Verifying>> {
        Ok(Box::new(Self::begin(call, key)?))
    }
}

struct Gmacing(CipherContext);

impl Mac for Gmacing {
    fn update(&mut self, part: &[u8]) -> Result<()> {
        self.0.associate(part)
    }

    fn finish(mut self) -> Result<Vec<u8>> {
        self.0.finish()?;
        self.0.tag(BLOCK)
    }
}

pub(super) static MECHANISMS: Table = &[(CKM_AES_GCM, &Gcm), (CKM_AES_GMAC, &Gmac)];
