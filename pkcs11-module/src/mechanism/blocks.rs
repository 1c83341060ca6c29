//! Modes that know only whole blocks (SP 800-38A; sections 6.13.4 to 6.13.6, 6.16.4): `CKM_…_ECB`, `CKM_…_CBC`, and
//! `CKM_…_CBC_PAD`, which pads, with any block cipher.

use std::mem::MaybeUninit;

use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::aes::{self, CIPHERING, end_with, unwrap, wrap};
use super::{Call, Cipher, Filling, Mechanism, des};
use crate::error::{Error, Result};
use crate::ffi::crypto::{BLOCK, BlockKey, CipherContext, DesKey, Direction, LastBlock, Mode, Padding};
use crate::object::Object;

/// A cipher that works on blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockCipher {
    Aes,
    Des,
    TripleDes,
}

impl BlockCipher {
    pub(super) const fn block_len(self) -> usize {
        match self {
            Self::Aes => BLOCK,
            Self::Des | Self::TripleDes => DesKey::BLOCK,
        }
    }

    /// Its key in an object, which says whose key it is.
    pub(super) fn key(self, object: &Object) -> Result<BlockKey<'_>> {
        Ok(match self {
            Self::Aes => aes::key(object)?.into(),
            Self::Des => des::key(object, des::SINGLE)?.into(),
            Self::TripleDes => des::key(object, des::TRIPLE)?.into(),
        })
    }

    pub(super) const fn info(self, flags: CK_FLAGS) -> CK_MECHANISM_INFO {
        match self {
            Self::Aes => aes::info(flags),
            Self::Des => des::info(8, 8, flags),
            Self::TripleDes => des::info(16, 24, flags),
        }
    }
}

/// A cipher in one of the modes.
pub(super) struct Blocks {
    pub(super) cipher: BlockCipher,
    pub(super) mode: Mode,
    pub(super) padding: Padding,
}

impl Blocks {
    fn begin(&self, call: &Call<'_>, object: &Object, direction: Direction) -> Result<Ciphering> {
        let key = self.cipher.key(object)?;
        let iv = call.bytes()?;
        let expected = if self.mode == Mode::Ecb {
            0
        } else {
            self.cipher.block_len()
        };
        if iv.len() != expected {
            return Err(Error::MechanismParamInvalid);
        }
        Ok(Ciphering {
            block: self.cipher.block_len(),
            context: CipherContext::new(self.mode, direction, key, iv, self.padding)?,
            padding: self.padding,
            direction,
        })
    }
}

impl Mechanism for Blocks {
    fn info(&self) -> CK_MECHANISM_INFO {
        self.cipher.info(CIPHERING)
    }

    fn encrypt(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Cipher>> {
        Ok(Box::new(self.begin(call, key, Direction::Encrypt)?))
    }

    fn decrypt(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Cipher>> {
        Ok(Box::new(self.begin(call, key, Direction::Decrypt)?))
    }

    fn filling(&self) -> Filling {
        match self.padding {
            Padding::None => Filling::After,
            Padding::Pkcs7 => Filling::None,
        }
    }

    fn wrap(&self, call: &Call<'_>, wrapping: &Object, plain: &[u8]) -> Result<Vec<u8>> {
        let mut cipher = self.begin(call, wrapping, Direction::Encrypt)?;
        if self.padding == Padding::Pkcs7 {
            return wrap(&mut cipher, plain);
        }
        // A key that does not fill its last block gets zeros, which the template of the unwrapping cuts off by its
        // CKA_VALUE_LEN (6.13.4 and 6.13.5).
        let mut filled = Zeroizing::new(Vec::with_capacity(
            plain.len().next_multiple_of(self.cipher.block_len()),
        ));
        filled.extend_from_slice(plain);
        filled.resize(plain.len().next_multiple_of(self.cipher.block_len()), 0);
        wrap(&mut cipher, &filled)
    }

    fn unwrap(&self, call: &Call<'_>, unwrapping: &Object, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        unwrap(&mut self.begin(call, unwrapping, Direction::Decrypt)?, wrapped)
    }
}

struct Ciphering {
    block: usize,
    context: CipherContext,
    padding: Padding,
    direction: Direction,
}

impl Ciphering {
    /// What is left, if it is whole.
    fn last(&mut self) -> Result<LastBlock> {
        let whole = match self.padding {
            Padding::Pkcs7 if self.direction == Direction::Decrypt => self.context.withheld() == self.block,
            Padding::Pkcs7 => true,
            Padding::None => self.context.withheld() == 0,
        };
        match self.direction {
            Direction::Encrypt if !whole => Err(Error::DataLenRange),
            Direction::Decrypt if !whole => Err(Error::EncryptedDataLenRange),
            // The padding is the only thing that can still be wrong.
            Direction::Decrypt => self.context.finish().map_err(|_| Error::EncryptedDataInvalid),
            Direction::Encrypt => self.context.finish(),
        }
    }
}

impl Cipher for Ciphering {
    fn takes_parts(&self) -> bool {
        true
    }

    fn most_of_part(&self, len: usize) -> usize {
        self.context.output_len(len)
    }

    fn most_of_rest(&self, len: usize) -> usize {
        let all = self.context.withheld() + len;
        match (self.padding, self.direction) {
            // Always at least one byte of padding.
            (Padding::Pkcs7, Direction::Encrypt) => (all + 1).next_multiple_of(self.block),
            _ => all,
        }
    }

    fn update(&mut self, part: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.context.append(part, out)
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(self.last()?.bytes());
        Ok(())
    }

    fn update_into(&mut self, part: &[u8], out: &mut [MaybeUninit<u8>]) -> Option<Result<usize>> {
        Some(self.context.update(part, out))
    }

    fn whole_into(&mut self, data: &[u8], out: &mut [MaybeUninit<u8>]) -> Option<Result<usize>> {
        let written = self.context.update(data, out);
        Some(written.and_then(|written| end_with(self.last()?.bytes(), written, out)))
    }
}
