//! Functions of 3.0 and 3.2 that the `cryptoki` crate leaves out, with any parameter.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::{Given, Library, Result, answer, array, exports};

/// The newest list of functions.
pub(crate) fn functions() -> &'static CK_FUNCTION_LIST_3_2 {
    let mut found = null_mut();
    // SAFETY: the place is ours; the interface that comes first is that of 3.2, and constant.
    unsafe {
        let rv = exports().C_GetInterface(null_mut(), null_mut(), &raw mut found, 0);
        assert_eq!(rv, CKR_OK);
        &*(*found).pFunctionList.cast::<CK_FUNCTION_LIST_3_2>()
    }
}

macro_rules! call {
    ($name:ident($($argument:expr),*)) => {
        // SAFETY: the methods pass pointers to values of their own, or what the test answers for.
        unsafe { functions().$name.expect(stringify!($name))($($argument),*) }
    };
}

fn mechanism<P>(kind: CK_MECHANISM_TYPE, parameter: &mut P) -> CK_MECHANISM {
    CK_MECHANISM {
        mechanism: kind,
        pParameter: std::ptr::from_mut(parameter).cast(),
        ulParameterLen: size_of::<P>() as CK_ULONG,
    }
}

impl Library {
    /// `C_WrapKeyAuthenticated`, after a length query and a try with too little room.
    pub(crate) fn wrap_authenticated<P>(
        self,
        session: CK_SESSION_HANDLE,
        (kind, parameter): (CK_MECHANISM_TYPE, &mut P),
        [wrapping, key]: [CK_OBJECT_HANDLE; 2],
        additional: &[u8],
    ) -> Result<Vec<u8>> {
        let mut mechanism = mechanism(kind, parameter);
        let (data, len) = (additional.as_ptr().cast_mut(), additional.len() as CK_ULONG);
        let mut wrap = |out: *mut u8, room: &mut CK_ULONG| {
            let mechanism = &raw mut mechanism;
            call!(C_WrapKeyAuthenticated(
                session,
                mechanism,
                wrapping,
                key,
                data,
                len,
                out,
                &raw mut *room
            ))
        };
        let mut needed = 0;
        answer(wrap(null_mut(), &mut needed), ())?;
        let (mut out, mut short) = (vec![0; 8192], needed - 1);
        assert_eq!(
            (wrap(out.as_mut_ptr(), &mut short), short),
            (CKR_BUFFER_TOO_SMALL, needed)
        );
        let mut room = 8192;
        answer(wrap(out.as_mut_ptr(), &mut room), ())?;
        assert_eq!(room, needed);
        out.truncate(usize::try_from(room).unwrap());
        Ok(out)
    }

    /// The bare call.
    pub(crate) fn wrap_authenticated_into(
        self,
        session: CK_SESSION_HANDLE,
        mechanism: &mut CK_MECHANISM,
        [wrapping, key]: [CK_OBJECT_HANDLE; 2],
        out: &mut [u8],
        room: &mut CK_ULONG,
    ) -> CK_RV {
        let (data, place) = (null_mut(), out.as_mut_ptr());
        call!(C_WrapKeyAuthenticated(
            session,
            &raw mut *mechanism,
            wrapping,
            key,
            data,
            0,
            place,
            &raw mut *room
        ))
    }

    pub(crate) fn unwrap_authenticated<P>(
        self,
        session: CK_SESSION_HANDLE,
        (kind, parameter): (CK_MECHANISM_TYPE, &mut P),
        unwrapping: CK_OBJECT_HANDLE,
        [wrapped, additional]: [&[u8]; 2],
        template: &[Given],
    ) -> Result<CK_OBJECT_HANDLE> {
        let (mut mechanism, mut list, mut key) = (mechanism(kind, parameter), array(template), 0);
        let rv = call!(C_UnwrapKeyAuthenticated(
            session,
            &raw mut mechanism,
            unwrapping,
            wrapped.as_ptr().cast_mut(),
            wrapped.len() as CK_ULONG,
            list.as_mut_ptr(),
            list.len() as CK_ULONG,
            additional.as_ptr().cast_mut(),
            additional.len() as CK_ULONG,
            &raw mut key
        ));
        answer(rv, key)
    }

    /// `C_MessageEncryptInit` or `C_MessageDecryptInit`.
    pub(crate) fn messages_begin(
        self,
        session: CK_SESSION_HANDLE,
        encrypts: bool,
        kind: CK_MECHANISM_TYPE,
        key: CK_OBJECT_HANDLE,
    ) -> CK_RV {
        let mut mechanism = super::mechanism(kind);
        if encrypts {
            call!(C_MessageEncryptInit(session, &raw mut mechanism, key))
        } else {
            call!(C_MessageDecryptInit(session, &raw mut mechanism, key))
        }
    }

    /// One message, in one call or in these parts.
    pub(crate) fn message<P>(
        self,
        session: CK_SESSION_HANDLE,
        encrypts: bool,
        parameter: &mut P,
        additional: &[u8],
        parts: &[&[u8]],
    ) -> Result<Vec<u8>> {
        let (given, size) = (std::ptr::from_mut(parameter).cast(), size_of::<P>() as CK_ULONG);
        let (data, data_len) = (additional.as_ptr().cast_mut(), additional.len() as CK_ULONG);
        let (mut out, mut room) = (vec![0_u8; 8192], 8192);
        if let [whole] = parts {
            let (text, len) = (whole.as_ptr().cast_mut(), whole.len() as CK_ULONG);
            let place = out.as_mut_ptr();
            let rv = if encrypts {
                call!(C_EncryptMessage(
                    session,
                    given,
                    size,
                    data,
                    data_len,
                    text,
                    len,
                    place,
                    &raw mut room
                ))
            } else {
                call!(C_DecryptMessage(
                    session,
                    given,
                    size,
                    data,
                    data_len,
                    text,
                    len,
                    place,
                    &raw mut room
                ))
            };
            answer(rv, ())?;
            out.truncate(usize::try_from(room).unwrap());
            return Ok(out);
        }
        let rv = if encrypts {
            call!(C_EncryptMessageBegin(session, given, size, data, data_len))
        } else {
            call!(C_DecryptMessageBegin(session, given, size, data, data_len))
        };
        answer(rv, ())?;
        let mut all = Vec::new();
        for (i, part) in parts.iter().enumerate() {
            let (text, len) = (part.as_ptr().cast_mut(), part.len() as CK_ULONG);
            let flags = if i + 1 == parts.len() {
                CKF_END_OF_MESSAGE
            } else {
                0
            };
            let (place, mut room) = (out.as_mut_ptr(), 8192);
            let rv = if encrypts {
                call!(C_EncryptMessageNext(
                    session,
                    given,
                    size,
                    text,
                    len,
                    place,
                    &raw mut room,
                    flags
                ))
            } else {
                call!(C_DecryptMessageNext(
                    session,
                    given,
                    size,
                    text,
                    len,
                    place,
                    &raw mut room,
                    flags
                ))
            };
            answer(rv, ())?;
            all.extend_from_slice(&out[..usize::try_from(room).unwrap()]);
        }
        Ok(all)
    }

    /// `C_MessageEncryptFinal` or `C_MessageDecryptFinal`.
    pub(crate) fn messages_end(self, session: CK_SESSION_HANDLE, encrypts: bool) -> CK_RV {
        if encrypts {
            call!(C_MessageEncryptFinal(session))
        } else {
            call!(C_MessageDecryptFinal(session))
        }
    }
}

/// `C_MessageSignInit`, one `C_SignMessage` and `C_MessageSignFinal`.
pub(crate) fn sign_message(
    session: CK_SESSION_HANDLE,
    kind: CK_MECHANISM_TYPE,
    key: CK_OBJECT_HANDLE,
    data: &[u8],
) -> Result<Vec<u8>> {
    let mut mechanism = super::mechanism(kind);
    answer(call!(C_MessageSignInit(session, &raw mut mechanism, key)), ())?;
    let (mut out, mut room) = (vec![0; 8192], 8192);
    let (text, len) = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
    let rv = call!(C_SignMessage(
        session,
        null_mut(),
        0,
        text,
        len,
        out.as_mut_ptr(),
        &raw mut room
    ));
    answer(rv, ())?;
    answer(call!(C_MessageSignFinal(session)), ())?;
    out.truncate(usize::try_from(room).unwrap());
    Ok(out)
}
