//! Modes that make a stream of the cipher (SP 800-38A; sections 6.13.7, 6.13.9 and 6.13.10): `CKM_AES_CTR`,
//! `CKM_AES_OFB`, `CKM_AES_CFB8`, `CKM_AES_CFB128`.

use std::mem::MaybeUninit;

use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::{CIPHERING, info, iv, key, unwrap, wrap};
use crate::error::{Error, Result};
use crate::ffi::crypto::{BLOCK, CipherContext, Direction, Mode, Padding};
use crate::mechanism::{Call, Cipher, Mechanism, Parameter, Table};
use crate::object::Object;

struct Stream(Mode);

impl Stream {
    fn begin(&self, call: &Call<'_>, object: &Object, direction: Direction) -> Result<Ciphering> {
        let key = key(object)?;
        let (block, left) = if self.0 == Mode::Ctr {
            counter(call)?
        } else {
            let block = iv(call)?.try_into().map_err(|_| Error::MechanismParamInvalid)?;
            (block, u128::MAX)
        };
        let context = CipherContext::new(self.0, direction, key, &block, Padding::None)?;
        Ok(Ciphering { context, left })
    }
}

/// The first counter block, and how many bytes can be ciphered until the counter bits overflow.
fn counter(call: &Call<'_>) -> Result<([u8; BLOCK], u128)> {
    let Parameter::Counter { bits, block } = call.parameter else {
        return Err(Error::MechanismParamInvalid);
    };
    let mask = match bits {
        1..=127 => (1 << bits) - 1,
        128 => u128::MAX,
        _ => return Err(Error::MechanismParamInvalid),
    };
    // The last block is that of the counter with all bits set; incrementing it afterwards does no harm.
    let blocks = (mask - (u128::from_be_bytes(block) & mask)).saturating_add(1);
    Ok((block, blocks.saturating_mul(BLOCK as u128)))
}

impl Mechanism for Stream {
    fn info(&self) -> CK_MECHANISM_INFO {
        info(CIPHERING)
    }

    fn encrypt(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Cipher>> {
        Ok(Box::new(self.begin(call, key, Direction::Encrypt)?))
    }

    fn decrypt(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Cipher>> {
        Ok(Box::new(self.begin(call, key, Direction::Decrypt)?))
    }

    fn wrap(&self, call: &Call<'_>, wrapping: &Object, plain: &[u8]) -> Result<Vec<u8>> {
        wrap(&mut self.begin(call, wrapping, Direction::Encrypt)?, plain)
    }

    fn unwrap(&self, call: &Call<'_>, unwrapping: &Object, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        unwrap(&mut self.begin(call, unwrapping, Direction::Decrypt)?, wrapped)
    }
}

struct Ciphering {
    context: CipherContext,
    /// So many bytes more, then the counter's bits overflow and the key stream would repeat itself (6.13.7).
    left: u128,
}

impl Ciphering {
    fn count(&mut self, len: usize) -> Result<()> {
        let left = self.left.checked_sub(len as u128);
        self.left = left.ok_or(Error::DataLenRange)?;
        Ok(())
    }
}

impl Cipher for Ciphering {
    fn takes_parts(&self) -> bool {
        true
    }

    fn most_of_part(&self, len: usize) -> usize {
        len
    }

    fn most_of_rest(&self, len: usize) -> usize {
        len
    }

    fn update(&mut self, part: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.count(part.len())?;
        self.context.append(part, out)
    }

    fn finish(&mut self, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }

    fn update_into(&mut self, part: &[u8], out: &mut [MaybeUninit<u8>]) -> Option<Result<usize>> {
        let counted = self.count(part.len());
        Some(counted.and_then(|()| self.context.update(part, out)))
    }

    fn whole_into(&mut self, data: &[u8], out: &mut [MaybeUninit<u8>]) -> Option<Result<usize>> {
        self.update_into(data, out)
    }
}

pub(super) static MECHANISMS: Table = &[
    (CKM_AES_CTR, &Stream(Mode::Ctr)),
    (CKM_AES_OFB, &Stream(Mode::Ofb)),
    (CKM_AES_CFB8, &Stream(Mode::Cfb8)),
    (CKM_AES_CFB128, &Stream(Mode::Cfb128)),
];
