//! AES (FIPS 197) in its modes of operation (NIST SP 800-38A, 38C, 38D, 38F), and DES (FIPS 46-3), single and triple,
//! in two of them.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::{NonNull, null, null_mut};

use aws_lc_sys::*;
use zeroize::Zeroize;

use super::forget_errors;
use crate::error::{Error, Result};

/// The length of a block of AES, and of most of its initialisation vectors, in bytes; no cipher has a longer one.
pub(crate) const BLOCK: usize = 16;

/// A value that is a key of AES: 16, 24 or 32 bytes.
#[derive(Clone, Copy)]
pub(crate) struct AesKey<'a>(&'a [u8]);

impl<'a> AesKey<'a> {
    pub(crate) fn new(value: &'a [u8]) -> Result<Self> {
        match value.len() {
            16 | 24 | 32 => Ok(Self(value)),
            _ => Err(Error::KeySizeRange),
        }
    }

    pub(crate) fn bytes(self) -> &'a [u8] {
        self.0
    }
}

/// A value that is a key of DES, or two or three of them, for triple DES.
#[derive(Clone, Copy)]
pub(crate) struct DesKey<'a>(&'a [u8]);

impl<'a> DesKey<'a> {
    /// The length of a block, and of one of the keys, in bytes.
    pub(crate) const BLOCK: usize = 8;

    pub(crate) fn new(value: &'a [u8]) -> Result<Self> {
        match value.len() {
            8 | 16 | 24 => Ok(Self(value)),
            _ => Err(Error::KeySizeRange),
        }
    }
}

/// A key of a cipher that works on blocks.
#[derive(Clone, Copy)]
pub(crate) enum BlockKey<'a> {
    Aes(AesKey<'a>),
    Des(DesKey<'a>),
}

impl<'a> BlockKey<'a> {
    fn block_len(self) -> usize {
        match self {
            Self::Aes(_) => BLOCK,
            Self::Des(_) => DesKey::BLOCK,
        }
    }

    pub(super) fn bytes(self) -> &'a [u8] {
        match self {
            Self::Aes(key) => key.0,
            Self::Des(key) => key.0,
        }
    }

    /// The library's description of a mode without authentication; DES has two.
    fn description(self, mode: Mode) -> Result<*const EVP_CIPHER> {
        // SAFETY: these functions take nothing and give a static description.
        unsafe {
            match (self, mode) {
                (Self::Aes(key), mode) => Ok(description(mode, key)),
                (Self::Des(DesKey(value)), mode) => match (mode, value.len()) {
                    (Mode::Ecb, 8) => Ok(EVP_des_ecb()),
                    (Mode::Ecb, 16) => Ok(EVP_des_ede()),
                    (Mode::Ecb, _) => Ok(EVP_des_ede3()),
                    (Mode::Cbc, 8) => Ok(EVP_des_cbc()),
                    (Mode::Cbc, 16) => Ok(EVP_des_ede_cbc()),
                    (Mode::Cbc, _) => Ok(EVP_des_ede3_cbc()),
                    _ => Err(Error::MechanismInvalid),
                },
            }
        }
    }

    /// The description of its CBC mode, which CMAC is made of.
    pub(super) fn cbc(self) -> Result<*const EVP_CIPHER> {
        self.description(Mode::Cbc)
    }
}

impl<'a> From<AesKey<'a>> for BlockKey<'a> {
    fn from(key: AesKey<'a>) -> Self {
        Self::Aes(key)
    }
}

impl<'a> From<DesKey<'a>> for BlockKey<'a> {
    fn from(key: DesKey<'a>) -> Self {
        Self::Des(key)
    }
}

/// A mode of operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Ecb,
    Cbc,
    Ctr,
    Ofb,
    Cfb8,
    Cfb128,
    Gcm,
    Ccm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Encrypt,
    Decrypt,
}

/// What is done with the last block of a mode that knows only whole blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Padding {
    /// Nothing: the data is whole blocks, or a stream.
    None,
    /// PKCS #7 (RFC 5652, 6.3).
    Pkcs7,
}

/// An encryption or decryption in the making.
pub(crate) struct CipherContext {
    state: NonNull<EVP_CIPHER_CTX>,
    mode: Mode,
    padding: Padding,
    direction: Direction,
    /// The length of the cipher's blocks.
    block: usize,
    /// How many bytes it withholds, because they do not fill a block or may be the last.
    withheld: usize,
}

// SAFETY: the state is owned by this value alone and used by one thread at a time.
unsafe impl Send for CipherContext {}

impl CipherContext {
    /// A mode without authentication. The initialisation vector is as long as a block; ECB has none.
    pub(crate) fn new<'a>(
        mode: Mode,
        direction: Direction,
        key: impl Into<BlockKey<'a>>,
        iv: &[u8],
        padding: Padding,
    ) -> Result<Self> {
        let key = key.into();
        let block = key.block_len();
        if iv.len() != if mode == Mode::Ecb { 0 } else { block } {
            return Err(Error::MechanismParamInvalid);
        }
        let mut context = Self::empty(mode, direction, padding)?;
        context.block = block;
        context.begin(Some(key.description(mode)?), Some(key), Some(iv))?;
        // SAFETY: the state lives and has its cipher.
        unsafe { EVP_CIPHER_CTX_set_padding(context.state.as_ptr(), c_int::from(padding == Padding::Pkcs7)) };
        Ok(context)
    }

    /// GCM (SP 800-38D) with an initialisation vector of any length but zero.
    pub(crate) fn gcm(direction: Direction, key: AesKey<'_>, iv: &[u8]) -> Result<Self> {
        let length = c_int::try_from(iv.len()).map_err(|_| Error::MechanismParamInvalid)?;
        let context = Self::empty(Mode::Gcm, direction, Padding::None)?;
        context.begin(Some(description(Mode::Gcm, key)), None, None)?;
        context.control(EVP_CTRL_AEAD_SET_IVLEN, length, null_mut())?;
        context.begin(None, Some(key.into()), Some(iv))?;
        Ok(context)
    }

    /// CCM (SP 800-38C), which has to know all lengths at its beginning: a nonce of 7 to 13 bytes, a tag of 4, 6,
    /// up to 16, which a decryption gets here. What follows is one [`Self::update`] with all the data.
    pub(crate) fn ccm(
        direction: Direction,
        key: AesKey<'_>,
        nonce: &[u8],
        tag_len: usize,
        tag: Option<&[u8]>,
        data_len: usize,
    ) -> Result<Self> {
        let wrong = |_| Error::MechanismParamInvalid;
        let nonce_len = c_int::try_from(nonce.len()).map_err(wrong)?;
        let tag_len = c_int::try_from(tag_len).map_err(wrong)?;
        let data_len = c_int::try_from(data_len).map_err(|_| Error::DataLenRange)?;
        if tag.is_some_and(|tag| c_int::try_from(tag.len()) != Ok(tag_len)) {
            return Err(Error::EncryptedDataLenRange);
        }
        let context = Self::empty(Mode::Ccm, direction, Padding::None)?;
        context.begin(Some(description(Mode::Ccm, key)), None, None)?;
        context.control(EVP_CTRL_AEAD_SET_IVLEN, nonce_len, null_mut())?;
        // The library only reads the tag, and it is as long as is said.
        let tag = tag.map_or(null_mut(), |tag| tag.as_ptr().cast_mut().cast());
        context.control(EVP_CTRL_AEAD_SET_TAG, tag_len, tag)?;
        context.begin(None, Some(key.into()), Some(nonce))?;
        let mut done = 0;
        // SAFETY: the state lives; without both buffers the call tells only the length of the data.
        let told = unsafe {
            EVP_CipherUpdate(
                context.state.as_ptr(),
                null_mut(),
                &raw mut done,
                null(),
                data_len,
            )
        };
        checked(told)?;
        Ok(context)
    }

    fn empty(mode: Mode, direction: Direction, padding: Padding) -> Result<Self> {
        // SAFETY: takes nothing and gives a new state or NULL.
        let state = NonNull::new(unsafe { EVP_CIPHER_CTX_new() }).ok_or(Error::HostMemory)?;
        Ok(Self {
            state,
            mode,
            padding,
            direction,
            block: BLOCK,
            withheld: 0,
        })
    }

    fn begin(
        &self,
        cipher: Option<*const EVP_CIPHER>,
        key: Option<BlockKey<'_>>,
        iv: Option<&[u8]>,
    ) -> Result<()> {
        let direction = c_int::from(self.direction == Direction::Encrypt);
        // SAFETY: the state lives; the description is static and was chosen by the key's length, so the library
        // reads no more of the key than there is; the initialisation vector has the length that the mode has, or
        // that was set for it before; NULL leaves a part for a later call, or the implementation to the library.
        checked(unsafe {
            EVP_CipherInit_ex(
                self.state.as_ptr(),
                cipher.unwrap_or(null()),
                null_mut(),
                key.map_or(null(), |key| key.bytes().as_ptr()),
                iv.map_or(null(), <[u8]>::as_ptr),
                direction,
            )
        })
    }

    /// `pointer` is NULL or to as many bytes as `length` says.
    fn control(&self, command: i32, length: c_int, pointer: *mut c_void) -> Result<()> {
        // SAFETY: the state lives and has its cipher; the three callers here keep the promise above.
        let outcome = unsafe { EVP_CIPHER_CTX_ctrl(self.state.as_ptr(), command, length, pointer) };
        checked(outcome).map_err(|_| Error::MechanismParamInvalid)
    }

    /// Takes additional data before any other: of GCM in pieces or not, of CCM at once; at most [`PIECE`] bytes.
    pub(crate) fn associate(&mut self, additional: &[u8]) -> Result<()> {
        if additional.is_empty() {
            return Ok(());
        }
        let length = piece_len(additional)?;
        let mut done = 0;
        // SAFETY: the state lives; a slice's pointer and length; no output means additional data.
        checked(unsafe {
            EVP_CipherUpdate(
                self.state.as_ptr(),
                null_mut(),
                &raw mut done,
                additional.as_ptr(),
                length,
            )
        })
    }

    /// How much [`Self::update`] gives for so many bytes.
    pub(crate) fn output_len(&self, len: usize) -> usize {
        let all = self.withheld + len;
        if !self.in_blocks() {
            len
        } else if self.padding == Padding::Pkcs7 && self.direction == Direction::Decrypt {
            // The last block is withheld: it may be the one with the padding.
            all.saturating_sub(1) / self.block * self.block
        } else {
            all / self.block * self.block
        }
    }

    /// How many bytes are withheld for the next call.
    pub(crate) fn withheld(&self) -> usize {
        self.withheld
    }

    fn in_blocks(&self) -> bool {
        matches!(self.mode, Mode::Ecb | Mode::Cbc)
    }

    /// Takes the next piece and writes what it gives, whose length it tells; `out` has room for
    /// [`Self::output_len`].
    pub(crate) fn update(&mut self, part: &[u8], out: &mut [MaybeUninit<u8>]) -> Result<usize> {
        let mut written = 0;
        for piece in part.chunks(PIECE) {
            let out = out.get_mut(written..).ok_or(Error::General)?;
            written += self.step(piece, out)?;
        }
        if part.is_empty() && self.mode == Mode::Ccm {
            // The tag of no data is computed here too.
            self.step(part, out)?;
        }
        Ok(written)
    }

    fn step(&mut self, piece: &[u8], out: &mut [MaybeUninit<u8>]) -> Result<usize> {
        let expected = self.output_len(piece.len());
        if out.len() < expected {
            return Err(Error::General);
        }
        let mut done = 0;
        // SAFETY: the state lives; the slices give their own pointers, and the input its length; the library writes
        // as many bytes as it tells, which is what `output_len` counts, and they have room.
        checked(unsafe {
            EVP_CipherUpdate(
                self.state.as_ptr(),
                out.as_mut_ptr().cast(),
                &raw mut done,
                piece.as_ptr(),
                piece_len(piece)?,
            )
        })?;
        if usize::try_from(done) != Ok(expected) {
            return Err(Error::General);
        }
        if self.in_blocks() {
            self.withheld = self.withheld + piece.len() - expected;
        }
        Ok(expected)
    }

    /// As [`Self::update`], at the end of a vector.
    pub(crate) fn append(&mut self, part: &[u8], out: &mut Vec<u8>) -> Result<()> {
        out.reserve(self.output_len(part.len()));
        let written = self.update(part, out.spare_capacity_mut())?;
        // SAFETY: so many bytes were written behind those that were there, within the capacity.
        unsafe { out.set_len(out.len() + written) };
        Ok(())
    }

    /// Ends a mode without authentication, of which nothing is withheld that is not padded: the padded last block,
    /// or a last block without its padding; or, for GCM, computes the tag or compares it with the expected one.
    pub(crate) fn finish(&mut self) -> Result<LastBlock> {
        let mut last = LastBlock {
            bytes: [0; BLOCK],
            len: 0,
        };
        let mut done = 0;
        // SAFETY: the state lives; there is room for the one block that the library may write.
        let outcome =
            unsafe { EVP_CipherFinal_ex(self.state.as_ptr(), last.bytes.as_mut_ptr(), &raw mut done) };
        checked(outcome)?;
        last.len = usize::try_from(done).map_err(|_| Error::General)?.min(BLOCK);
        self.withheld = 0;
        Ok(last)
    }

    /// The first `len` bytes of the tag that [`Self::finish`] computed, at most [`BLOCK`].
    pub(crate) fn tag(&self, len: usize) -> Result<Vec<u8>> {
        let mut tag = vec![0; len.min(BLOCK)];
        self.control(EVP_CTRL_AEAD_GET_TAG, tag.len() as c_int, tag.as_mut_ptr().cast())?;
        Ok(tag)
    }

    /// Tells a decryption by GCM the tag that [`Self::finish`] compares, in constant time, with its own.
    pub(crate) fn expect_tag(&mut self, tag: &[u8]) -> Result<()> {
        let length = c_int::try_from(tag.len()).map_err(|_| Error::EncryptedDataLenRange)?;
        // The library only reads it.
        self.control(EVP_CTRL_AEAD_SET_TAG, length, tag.as_ptr().cast_mut().cast())
    }
}

impl Drop for CipherContext {
    fn drop(&mut self) {
        // SAFETY: made by the library, owned by this value alone; the library wipes what it frees.
        unsafe { EVP_CIPHER_CTX_free(self.state.as_ptr()) };
    }
}

/// What the end of a ciphering gives.
pub(crate) struct LastBlock {
    bytes: [u8; BLOCK],
    len: usize,
}

impl LastBlock {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Drop for LastBlock {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// The library counts in `int`; a piece of whole blocks, so that nothing is withheld between two.
const PIECE: usize = 1 << 30;

fn piece_len(piece: &[u8]) -> Result<c_int> {
    match c_int::try_from(piece.len()) {
        Ok(length) if piece.len() <= PIECE => Ok(length),
        _ => Err(Error::DataLenRange),
    }
}

fn checked(outcome: c_int) -> Result<()> {
    if outcome == 1 {
        return Ok(());
    }
    forget_errors();
    Err(Error::FunctionFailed)
}

/// The library's description of a mode with keys of this length.
fn description(mode: Mode, key: AesKey<'_>) -> *const EVP_CIPHER {
    use Mode::{Cbc, Ccm, Cfb8, Cfb128, Ctr, Ecb, Gcm, Ofb};
    // SAFETY: these functions take nothing and give a static description.
    unsafe {
        match (mode, key.0.len()) {
            (Ecb, 16) => EVP_aes_128_ecb(),
            (Ecb, 24) => EVP_aes_192_ecb(),
            (Ecb, _) => EVP_aes_256_ecb(),
            (Cbc, 16) => EVP_aes_128_cbc(),
            (Cbc, 24) => EVP_aes_192_cbc(),
            (Cbc, _) => EVP_aes_256_cbc(),
            (Ctr, 16) => EVP_aes_128_ctr(),
            (Ctr, 24) => EVP_aes_192_ctr(),
            (Ctr, _) => EVP_aes_256_ctr(),
            (Ofb, 16) => EVP_aes_128_ofb(),
            (Ofb, 24) => EVP_aes_192_ofb(),
            (Ofb, _) => EVP_aes_256_ofb(),
            (Cfb8, 16) => EVP_aes_128_cfb8(),
            (Cfb8, 24) => EVP_aes_192_cfb8(),
            (Cfb8, _) => EVP_aes_256_cfb8(),
            (Cfb128, 16) => EVP_aes_128_cfb128(),
            (Cfb128, 24) => EVP_aes_192_cfb128(),
            (Cfb128, _) => EVP_aes_256_cfb128(),
            (Gcm, 16) => EVP_aes_128_gcm(),
            (Gcm, 24) => EVP_aes_192_gcm(),
            (Gcm, _) => EVP_aes_256_gcm(),
            (Ccm, 16) => EVP_aes_128_ccm(),
            (Ccm, 24) => EVP_aes_192_ccm(),
            (Ccm, _) => EVP_aes_256_ccm(),
        }
    }
}
