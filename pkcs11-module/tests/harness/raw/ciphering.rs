//! Encryption, decryption and signatures with any parameter, any split of the data and any room for the output.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::{Given, Library, Result, answer, array};

/// A mechanism with its parameter, and what the parameter points to.
pub(crate) struct Call {
    kind: CK_MECHANISM_TYPE,
    parameter: Vec<u8>,
    /// The addresses of these boxes stand in the parameter.
    _held: Vec<Box<[u8]>>,
}

impl Call {
    pub(crate) fn plain(kind: CK_MECHANISM_TYPE) -> Self {
        Self::flat(kind, &[])
    }

    /// With an initialisation vector, or another flat parameter.
    pub(crate) fn flat(kind: CK_MECHANISM_TYPE, parameter: &[u8]) -> Self {
        Self {
            kind,
            parameter: parameter.to_vec(),
            _held: Vec::new(),
        }
    }

    pub(crate) fn number(kind: CK_MECHANISM_TYPE, number: CK_ULONG) -> Self {
        Self::flat(kind, &number.to_ne_bytes())
    }

    pub(crate) fn counter(bits: CK_ULONG, block: [u8; 16]) -> Self {
        Self::flat(CKM_AES_CTR, &[&bits.to_ne_bytes()[..], &block].concat())
    }

    pub(crate) fn gcm(iv: &[u8], additional: &[u8], tag_bits: CK_ULONG) -> Self {
        let held: Vec<Box<[u8]>> = vec![iv.into(), additional.into()];
        let words = [
            held[0].as_ptr() as CK_ULONG,
            iv.len() as CK_ULONG,
            iv.len() as CK_ULONG * 8,
            held[1].as_ptr() as CK_ULONG,
            additional.len() as CK_ULONG,
            tag_bits,
        ];
        Self::structure(CKM_AES_GCM, &words, held)
    }

    pub(crate) fn ccm(data_len: usize, nonce: &[u8], additional: &[u8], tag_len: CK_ULONG) -> Self {
        let held: Vec<Box<[u8]>> = vec![nonce.into(), additional.into()];
        let words = [
            data_len as CK_ULONG,
            held[0].as_ptr() as CK_ULONG,
            nonce.len() as CK_ULONG,
            held[1].as_ptr() as CK_ULONG,
            additional.len() as CK_ULONG,
            tag_len,
        ];
        Self::structure(CKM_AES_CCM, &words, held)
    }

    /// A structure of pointers and numbers alone.
    fn structure(kind: CK_MECHANISM_TYPE, words: &[CK_ULONG], held: Vec<Box<[u8]>>) -> Self {
        Self {
            kind,
            parameter: words.iter().flat_map(|word| word.to_ne_bytes()).collect(),
            _held: held,
        }
    }

    pub(crate) fn of_kind(mut self, kind: CK_MECHANISM_TYPE) -> Self {
        self.kind = kind;
        self
    }

    fn mechanism(&self) -> CK_MECHANISM {
        CK_MECHANISM {
            mechanism: self.kind,
            pParameter: if self.parameter.is_empty() {
                null_mut()
            } else {
                self.parameter.as_ptr().cast_mut().cast()
            },
            ulParameterLen: self.parameter.len() as CK_ULONG,
        }
    }
}

/// Which operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Encrypt,
    Decrypt,
    Sign,
}

/// What a call wrote: return value, length, buffer.
pub(crate) type Written = (CK_RV, usize, Vec<u8>);

macro_rules! call {
    ($library:expr, $name:ident($($argument:expr),*)) => {
        // SAFETY: the methods pass pointers to values of their own, or NULL.
        unsafe { $library.0.$name.expect(stringify!($name))($($argument),*) }
    };
}

impl Library {
    pub(crate) fn begin(
        self,
        session: CK_SESSION_HANDLE,
        way: Way,
        with: &Call,
        key: CK_OBJECT_HANDLE,
    ) -> CK_RV {
        let mut mechanism = with.mechanism();
        match way {
            Way::Encrypt => call!(self, C_EncryptInit(session, &raw mut mechanism, key)),
            Way::Decrypt => call!(self, C_DecryptInit(session, &raw mut mechanism, key)),
            Way::Sign => call!(self, C_SignInit(session, &raw mut mechanism, key)),
        }
    }

    /// `C_Encrypt`, `C_Decrypt`, `C_Sign`; `room` is the buffer's length, or none to ask for it.
    pub(crate) fn whole(
        self,
        session: CK_SESSION_HANDLE,
        way: Way,
        data: &[u8],
        room: Option<usize>,
    ) -> Written {
        let (pointer, len) = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
        negotiated(room, |out, out_len| match way {
            Way::Encrypt => call!(self, C_Encrypt(session, pointer, len, out, out_len)),
            Way::Decrypt => call!(self, C_Decrypt(session, pointer, len, out, out_len)),
            Way::Sign => call!(self, C_Sign(session, pointer, len, out, out_len)),
        })
    }

    /// `C_EncryptUpdate`, `C_DecryptUpdate`.
    pub(crate) fn part(
        self,
        session: CK_SESSION_HANDLE,
        way: Way,
        data: &[u8],
        room: Option<usize>,
    ) -> Written {
        let (pointer, len) = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
        negotiated(room, |out, out_len| match way {
            Way::Encrypt => call!(self, C_EncryptUpdate(session, pointer, len, out, out_len)),
            Way::Decrypt => call!(self, C_DecryptUpdate(session, pointer, len, out, out_len)),
            Way::Sign => call!(self, C_SignUpdate(session, pointer, len)),
        })
    }

    /// `C_EncryptFinal`, `C_DecryptFinal`, `C_SignFinal`.
    pub(crate) fn last(self, session: CK_SESSION_HANDLE, way: Way, room: Option<usize>) -> Written {
        negotiated(room, |out, out_len| match way {
            Way::Encrypt => call!(self, C_EncryptFinal(session, out, out_len)),
            Way::Decrypt => call!(self, C_DecryptFinal(session, out, out_len)),
            Way::Sign => call!(self, C_SignFinal(session, out, out_len)),
        })
    }

    /// All at once, with the room that the library asks for.
    pub(crate) fn at_once(
        self,
        session: CK_SESSION_HANDLE,
        way: Way,
        with: &Call,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
    ) -> Result<Vec<u8>> {
        answer(self.begin(session, way, with, key), ())?;
        let (asked, room, _) = self.whole(session, way, data, None);
        answer(asked, ())?;
        let (rv, length, mut out) = self.whole(session, way, data, Some(room));
        out.truncate(length);
        answer(rv, out)
    }

    /// In parts, each with the room that the library asks for.
    pub(crate) fn in_parts(
        self,
        session: CK_SESSION_HANDLE,
        way: Way,
        with: &Call,
        key: CK_OBJECT_HANDLE,
        parts: &[&[u8]],
    ) -> Result<Vec<u8>> {
        answer(self.begin(session, way, with, key), ())?;
        let mut all = Vec::new();
        for part in parts {
            let room = if way == Way::Sign {
                0
            } else {
                self.part(session, way, part, None).1
            };
            let (rv, length, out) = self.part(session, way, part, Some(room));
            answer(rv, ())?;
            all.extend_from_slice(&out[..length]);
        }
        let (asked, room, _) = self.last(session, way, None);
        answer(asked, ())?;
        let (rv, length, out) = self.last(session, way, Some(room));
        answer(rv, ())?;
        all.extend_from_slice(&out[..length]);
        Ok(all)
    }

    /// Input and output in one buffer, which has room for both.
    pub(crate) fn in_place(self, session: CK_SESSION_HANDLE, way: Way, data: &[u8], room: usize) -> Written {
        let mut buffer = data.to_vec();
        buffer.resize(room.max(data.len()), 0);
        let (pointer, len, mut length) = (
            buffer.as_mut_ptr(),
            data.len() as CK_ULONG,
            buffer.len() as CK_ULONG,
        );
        let rv = match way {
            Way::Encrypt => call!(self, C_Encrypt(session, pointer, len, pointer, &raw mut length)),
            Way::Decrypt => call!(self, C_Decrypt(session, pointer, len, pointer, &raw mut length)),
            Way::Sign => call!(self, C_Sign(session, pointer, len, pointer, &raw mut length)),
        };
        (rv, length as usize, buffer)
    }

    /// Verifies at once, and in parts.
    pub(crate) fn verify_with(
        self,
        session: CK_SESSION_HANDLE,
        with: &Call,
        key: CK_OBJECT_HANDLE,
        parts: &[&[u8]],
        signature: &[u8],
    ) -> [CK_RV; 2] {
        let whole = parts.concat();
        let (pointer, len) = (signature.as_ptr().cast_mut(), signature.len() as CK_ULONG);
        [false, true].map(|in_parts| {
            let mut mechanism = with.mechanism();
            let begun = call!(self, C_VerifyInit(session, &raw mut mechanism, key));
            if begun != CKR_OK {
                return begun;
            }
            if !in_parts {
                let data = whole.as_ptr().cast_mut();
                return call!(
                    self,
                    C_Verify(session, data, whole.len() as CK_ULONG, pointer, len)
                );
            }
            for part in parts {
                let rv = call!(
                    self,
                    C_VerifyUpdate(session, part.as_ptr().cast_mut(), part.len() as CK_ULONG)
                );
                assert_eq!(rv, CKR_OK);
            }
            call!(self, C_VerifyFinal(session, pointer, len))
        })
    }

    pub(crate) fn wrap_key(
        self,
        session: CK_SESSION_HANDLE,
        with: &Call,
        wrapping: CK_OBJECT_HANDLE,
        key: CK_OBJECT_HANDLE,
    ) -> Result<Vec<u8>> {
        let (mut mechanism, mut room) = (with.mechanism(), None);
        loop {
            let (rv, length, mut out) = negotiated(room, |out, out_len| {
                call!(
                    self,
                    C_WrapKey(session, &raw mut mechanism, wrapping, key, out, out_len)
                )
            });
            answer(rv, ())?;
            if room.is_some() {
                out.truncate(length);
                return Ok(out);
            }
            room = Some(length);
        }
    }

    pub(crate) fn unwrap_key(
        self,
        session: CK_SESSION_HANDLE,
        with: &Call,
        unwrapping: CK_OBJECT_HANDLE,
        wrapped: &[u8],
        template: &[Given],
    ) -> Result<CK_OBJECT_HANDLE> {
        let (mut mechanism, mut list, mut key) = (with.mechanism(), array(template), 0);
        let (pointer, len) = (wrapped.as_ptr().cast_mut(), wrapped.len() as CK_ULONG);
        let (list, count) = (list.as_mut_ptr(), list.len() as CK_ULONG);
        let rv = call!(
            self,
            C_UnwrapKey(
                session,
                &raw mut mechanism,
                unwrapping,
                pointer,
                len,
                list,
                count,
                &raw mut key
            )
        );
        answer(rv, key)
    }

    pub(crate) fn mechanisms(self, slot: CK_SLOT_ID) -> Vec<CK_MECHANISM_TYPE> {
        let (mut kinds, mut count) = (vec![0; 512], 512);
        let rv = call!(self, C_GetMechanismList(slot, kinds.as_mut_ptr(), &raw mut count));
        assert_eq!(rv, CKR_OK);
        kinds.truncate(usize::try_from(count).unwrap());
        kinds
    }

    pub(crate) fn mechanism_info(
        self,
        slot: CK_SLOT_ID,
        kind: CK_MECHANISM_TYPE,
    ) -> Result<CK_MECHANISM_INFO> {
        let mut info = CK_MECHANISM_INFO::default();
        answer(call!(self, C_GetMechanismInfo(slot, kind, &raw mut info)), info)
    }
}

/// A buffer between two guards, which nobody may write over.
fn negotiated(room: Option<usize>, call: impl FnOnce(*mut u8, *mut CK_ULONG) -> CK_RV) -> Written {
    const GUARD: [u8; 32] = [0xa5; 32];
    let (mut length, len) = (room.unwrap_or_default() as CK_ULONG, room.unwrap_or_default());
    let mut buffer = [&GUARD[..], &vec![0x5a; len], &GUARD].concat();
    let out = room.map_or(null_mut(), |_| buffer[GUARD.len()..].as_mut_ptr());
    let rv = call(out, &raw mut length);
    assert_eq!((&buffer[..32], &buffer[32 + len..]), (&GUARD[..], &GUARD[..]));
    (rv, length as usize, buffer[32..32 + len].to_vec())
}
