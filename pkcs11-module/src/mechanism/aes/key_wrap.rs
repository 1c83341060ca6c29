//! AES key wrap (SP 800-38F; section 6.13.17): `CKM_AES_KEY_WRAP`, which takes whole half blocks;
//! `CKM_AES_KEY_WRAP_KWP` (RFC 5649) and `CKM_AES_KEY_WRAP_PKCS7`, which pad to them. `CKM_AES_KEY_WRAP_PAD`, whose
//! padding the standard has left open, is KWP here, as in other tokens.

use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::{CIPHERING, info, key};
use crate::error::{Error, Result};
use crate::ffi::crypto::{HALF_BLOCK, KeyWrap};
use crate::mechanism::{Call, Cipher, Mechanism, Table};
use crate::object::Object;

/// The most that is wrapped or unwrapped at once, in bytes.
const MAX_LEN: usize = 1 << 20;

/// The initial value of RFC 5649, 3, the only one that is offered.
const PADDED_IV: [u8; 4] = [0xa6, 0x59, 0x59, 0xa6];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Kw,
    Kwp,
    Pkcs7,
}

impl Scheme {
    fn begin(self, call: &Call<'_>, object: &Object, is_to_wrap: bool) -> Result<Wrapping> {
        let key = key(object)?;
        let iv = match (self, call.bytes()?) {
            (_, []) => None,
            (Self::Kwp, iv) if iv == PADDED_IV => None,
            (Self::Kwp, _) => return Err(Error::MechanismParamInvalid),
            (_, iv) => Some(iv.try_into().map_err(|_| Error::MechanismParamInvalid)?),
        };
        let key = if is_to_wrap {
            KeyWrap::to_wrap(key)
        } else {
            KeyWrap::to_unwrap(key)
        }?;
        Ok(Wrapping {
            scheme: self,
            iv,
            key,
            is_to_wrap,
            held: Zeroizing::default(),
        })
    }
}

impl Mechanism for Scheme {
    fn info(&self) -> CK_MECHANISM_INFO {
        info(CIPHERING)
    }

    fn encrypt(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Cipher>> {
        Ok(Box::new(self.begin(call, key, true)?))
    }

    fn decrypt(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Cipher>> {
        Ok(Box::new(self.begin(call, key, false)?))
    }

    fn wrap(&self, call: &Call<'_>, wrapping: &Object, plain: &[u8]) -> Result<Vec<u8>> {
        super::wrap(&mut self.begin(call, wrapping, true)?, plain)
    }

    fn unwrap(&self, call: &Call<'_>, unwrapping: &Object, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        super::unwrap(&mut self.begin(call, unwrapping, false)?, wrapped)
    }
}

struct Wrapping {
    scheme: Scheme,
    iv: Option<[u8; HALF_BLOCK]>,
    key: KeyWrap,
    is_to_wrap: bool,
    held: Zeroizing<Vec<u8>>,
}

impl Wrapping {
    fn wrap(&self, plain: &[u8]) -> Result<Vec<u8>> {
        match self.scheme {
            Scheme::Kw => self.key.wrap(self.iv, plain),
            Scheme::Kwp => self.key.wrap_padded(plain),
            Scheme::Pkcs7 => self.key.wrap(self.iv, &padded(plain)),
        }
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        match self.scheme {
            Scheme::Kw => self.key.unwrap(self.iv, wrapped),
            Scheme::Kwp => self.key.unwrap_padded(wrapped),
            Scheme::Pkcs7 => unpadded(self.key.unwrap(self.iv, wrapped)?),
        }
    }
}

impl Cipher for Wrapping {
    fn takes_parts(&self) -> bool {
        false
    }

    fn most_of_part(&self, _len: usize) -> usize {
        0
    }

    fn most_of_rest(&self, len: usize) -> usize {
        match (self.is_to_wrap, self.scheme) {
            (true, Scheme::Kw) => len + HALF_BLOCK,
            (true, Scheme::Kwp) => len.next_multiple_of(HALF_BLOCK) + HALF_BLOCK,
            (true, Scheme::Pkcs7) => (len + 1).next_multiple_of(HALF_BLOCK) + HALF_BLOCK,
            (false, _) => len.saturating_sub(HALF_BLOCK),
        }
    }

    fn update(&mut self, part: &[u8], _out: &mut Vec<u8>) -> Result<()> {
        if part.len() > MAX_LEN {
            return Err(if self.is_to_wrap {
                Error::DataLenRange
            } else {
                Error::EncryptedDataLenRange
            });
        }
        self.held = Zeroizing::new(part.to_vec());
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if self.is_to_wrap {
            out.extend_from_slice(&self.wrap(&self.held)?);
        } else {
            out.extend_from_slice(&self.unwrap(&self.held)?);
        }
        Ok(())
    }
}

/// PKCS #7 padding to half blocks (RFC 5652, 6.3).
fn padded(plain: &[u8]) -> Zeroizing<Vec<u8>> {
    let padding = HALF_BLOCK - plain.len() % HALF_BLOCK;
    let mut padded = Zeroizing::new(Vec::with_capacity(plain.len() + padding));
    padded.extend_from_slice(plain);
    padded.resize(plain.len() + padding, padding as u8);
    padded
}

/// Undoes [`padded`]. The initial value has vouched for the bytes, so a wrong padding tells nobody anything.
fn unpadded(mut padded: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>> {
    let padding = usize::from(*padded.last().ok_or(Error::EncryptedDataInvalid)?);
    let start = padded.len().checked_sub(padding);
    let start = start.ok_or(Error::EncryptedDataInvalid)?;
    if !(1..=HALF_BLOCK).contains(&padding)
        || padded[start..].iter().any(|&byte| usize::from(byte) != padding)
    {
        return Err(Error::EncryptedDataInvalid);
    }
    padded.truncate(start);
    Ok(padded)
}

pub(super) static MECHANISMS: Table = &[
    (CKM_AES_KEY_WRAP, &Scheme::Kw),
    (CKM_AES_KEY_WRAP_PAD, &Scheme::Kwp),
    (CKM_AES_KEY_WRAP_KWP, &Scheme::Kwp),
    (CKM_AES_KEY_WRAP_PKCS7, &Scheme::Pkcs7),
];
