//! CBC-MAC (FIPS 113; sections 6.13.9 and 6.16.8): `CKM_AES_MAC`, `CKM_DES_MAC` and `CKM_DES3_MAC`, half a block long,
//! and `CKM_…_MAC_GENERAL` with a length of the host's choice. The last block is filled up with zeros.
//!
//! It is no code for messages of different lengths: CMAC mends that. It is here for programs that have it.

use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::blocks::BlockCipher;
use super::mac::{Length, Mac, Tagging};
use super::{Call, Mechanism, Signing, Table, Verifying};
use crate::error::Result;
use crate::ffi::crypto::{BLOCK, CipherContext, Direction, Mode, Padding};
use crate::object::Object;

/// How much is encrypted at once, of which only the last block is kept; whole blocks of every cipher.
const PIECE: usize = 4096;

struct CbcMac(BlockCipher, Length);

impl CbcMac {
    fn begin(&self, call: &Call<'_>, object: &Object) -> Result<Tagging<Chain>> {
        let Self(cipher, length) = *self;
        let key = cipher.key(object)?;
        let block = cipher.block_len();
        let len = match length {
            Length::Whole => call.no_parameter().map(|()| block / 2),
            Length::Given => length.read(call, block),
        };
        let iv = &[0; BLOCK][..block];
        Ok(Tagging {
            len: len?,
            mac: Chain {
                context: CipherContext::new(Mode::Cbc, Direction::Encrypt, key, iv, Padding::None)?,
                block,
                last: Zeroizing::default(),
            },
        })
    }
}

impl Mechanism for CbcMac {
    fn info(&self) -> CK_MECHANISM_INFO {
        self.0.info(CKF_SIGN | CKF_VERIFY)
    }

    fn sign(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Signing>> {
        Ok(Box::new(self.begin(call, key)?))
    }

    fn verify(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Verifying>> {
        Ok(Box::new(self.begin(call, key)?))
    }
}

/// The encryption, and the last block that came out of it.
struct Chain {
    context: CipherContext,
    block: usize,
    last: Zeroizing<Vec<u8>>,
}

impl Mac for Chain {
    fn update(&mut self, part: &[u8]) -> Result<()> {
        let mut out = Zeroizing::new(Vec::with_capacity(PIECE + BLOCK));
        for piece in part.chunks(PIECE) {
            out.clear();
            self.context.append(piece, &mut out)?;
            if let Some(start) = out.len().checked_sub(self.block) {
                self.last = Zeroizing::new(out[start..].to_vec());
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<u8>> {
        let withheld = self.context.withheld();
        // Nothing at all is one block of zeros.
        if withheld > 0 || self.last.is_empty() {
            self.update(&[0; BLOCK][..self.block - withheld])?;
        }
        Ok(self.last.to_vec())
    }
}

pub(super) static MECHANISMS: Table = &[
    (CKM_AES_MAC, &CbcMac(BlockCipher::Aes, Length::Whole)),
    (CKM_AES_MAC_GENERAL, &CbcMac(BlockCipher::Aes, Length::Given)),
    (CKM_DES_MAC, &CbcMac(BlockCipher::Des, Length::Whole)),
    (CKM_DES_MAC_GENERAL, &CbcMac(BlockCipher::Des, Length::Given)),
    (CKM_DES3_MAC, &CbcMac(BlockCipher::TripleDes, Length::Whole)),
    (
        CKM_DES3_MAC_GENERAL,
        &CbcMac(BlockCipher::TripleDes, Length::Given),
    ),
];
