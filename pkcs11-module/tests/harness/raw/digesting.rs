//! Digests in parts, and their saved states.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::{Library, Result, answer, mechanism};

macro_rules! call {
    ($library:expr, $name:ident($($argument:expr),*)) => {
        // SAFETY: the methods pass pointers to values of their own, or NULL.
        unsafe { $library.0.$name.expect(stringify!($name))($($argument),*) }
    };
}

impl Library {
    pub(crate) fn digest_init(self, session: CK_SESSION_HANDLE, kind: CK_MECHANISM_TYPE) -> CK_RV {
        let mut mechanism = mechanism(kind);
        call!(self, C_DigestInit(session, &raw mut mechanism))
    }

    pub(crate) fn digest_update(self, session: CK_SESSION_HANDLE, part: &[u8]) -> CK_RV {
        let (pointer, length) = (part.as_ptr().cast_mut(), part.len() as CK_ULONG);
        call!(self, C_DigestUpdate(session, pointer, length))
    }

    pub(crate) fn digest_key(self, session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) -> CK_RV {
        call!(self, C_DigestKey(session, key))
    }

    pub(crate) fn digest_final(self, session: CK_SESSION_HANDLE) -> Result<Vec<u8>> {
        let (mut out, mut length) = (vec![0; 64], 64);
        let rv = call!(self, C_DigestFinal(session, out.as_mut_ptr(), &raw mut length));
        out.truncate(usize::try_from(length).unwrap());
        answer(rv, out)
    }

    pub(crate) fn digest(self, session: CK_SESSION_HANDLE, data: &[u8]) -> Result<Vec<u8>> {
        let (mut out, mut length) = (vec![0; 64], 64);
        let (pointer, data_len) = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
        let rv = call!(
            self,
            C_Digest(session, pointer, data_len, out.as_mut_ptr(), &raw mut length)
        );
        out.truncate(usize::try_from(length).unwrap());
        answer(rv, out)
    }

    /// What `C_Digest` answers where it is only asked for the length.
    pub(crate) fn digest_len(self, session: CK_SESSION_HANDLE, data: &[u8]) -> Result<CK_ULONG> {
        let (pointer, data_len, mut length) = (data.as_ptr().cast_mut(), data.len() as CK_ULONG, 0);
        let rv = call!(
            self,
            C_Digest(session, pointer, data_len, null_mut(), &raw mut length)
        );
        answer(rv, length)
    }

    pub(crate) fn sign_init(
        self,
        session: CK_SESSION_HANDLE,
        kind: CK_MECHANISM_TYPE,
        key: CK_OBJECT_HANDLE,
    ) -> CK_RV {
        let mut mechanism = mechanism(kind);
        call!(self, C_SignInit(session, &raw mut mechanism, key))
    }

    pub(crate) fn sign_update(self, session: CK_SESSION_HANDLE, part: &[u8]) -> CK_RV {
        let (pointer, length) = (part.as_ptr().cast_mut(), part.len() as CK_ULONG);
        call!(self, C_SignUpdate(session, pointer, length))
    }

    pub(crate) fn find_init(self, session: CK_SESSION_HANDLE) -> CK_RV {
        call!(self, C_FindObjectsInit(session, null_mut(), 0))
    }

    pub(crate) fn find_final(self, session: CK_SESSION_HANDLE) -> CK_RV {
        call!(self, C_FindObjectsFinal(session))
    }

    /// Asks with a buffer of this length, or without one; what was answered, and the length that was told.
    pub(crate) fn state_into(self, session: CK_SESSION_HANDLE, buffer: Option<&mut [u8]>) -> (CK_RV, usize) {
        let (pointer, mut length) = match buffer {
            Some(buffer) => (buffer.as_mut_ptr(), buffer.len() as CK_ULONG),
            None => (null_mut(), 0),
        };
        let rv = call!(self, C_GetOperationState(session, pointer, &raw mut length));
        (rv, usize::try_from(length).unwrap())
    }

    pub(crate) fn state(self, session: CK_SESSION_HANDLE) -> Result<Vec<u8>> {
        let mut buffer = vec![0; 1024];
        let (rv, length) = self.state_into(session, Some(&mut buffer));
        buffer.truncate(length);
        answer(rv, buffer)
    }

    pub(crate) fn set_state(
        self,
        session: CK_SESSION_HANDLE,
        state: &[u8],
        keys: [CK_OBJECT_HANDLE; 2],
    ) -> CK_RV {
        let (pointer, length) = (state.as_ptr().cast_mut(), state.len() as CK_ULONG);
        call!(
            self,
            C_SetOperationState(session, pointer, length, keys[0], keys[1])
        )
    }
}
