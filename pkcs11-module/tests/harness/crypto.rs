//! The C interface with any mechanism and parameter: operations in one call, wrapping and unwrapping.

#![allow(unsafe_code)] // the C interface is what is tested

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::raw::{Given, Library, Result, answer, array};

/// A mechanism with a parameter that lives as long as it does.
pub(crate) struct With<P> {
    kind: CK_MECHANISM_TYPE,
    parameter: Option<P>,
}

impl<P> With<P> {
    pub(crate) fn new(kind: CK_MECHANISM_TYPE, parameter: P) -> Self {
        Self {
            kind,
            parameter: Some(parameter),
        }
    }

    fn raw(&self) -> CK_MECHANISM {
        let parameter = self.parameter.as_ref();
        CK_MECHANISM {
            mechanism: self.kind,
            pParameter: parameter.map_or(null_mut(), |parameter| (&raw const *parameter).cast_mut().cast()),
            ulParameterLen: parameter.map_or(0, size_of_val) as CK_ULONG,
        }
    }
}

/// A mechanism without a parameter.
pub(crate) fn plain(kind: CK_MECHANISM_TYPE) -> With<()> {
    With {
        kind,
        parameter: None,
    }
}

/// `CK_RSA_PKCS_OAEP_PARAMS`; the label has to outlive it.
pub(crate) fn oaep_params(
    hash: CK_MECHANISM_TYPE,
    mask: CK_RSA_PKCS_MGF_TYPE,
    label: &[u8],
) -> CK_RSA_PKCS_OAEP_PARAMS {
    CK_RSA_PKCS_OAEP_PARAMS {
        hashAlg: hash,
        mgf: mask,
        source: CKZ_DATA_SPECIFIED,
        pSourceData: if label.is_empty() {
            null_mut()
        } else {
            label.as_ptr().cast_mut().cast()
        },
        ulSourceDataLen: label.len() as CK_ULONG,
    }
}

/// `CK_RSA_PKCS_PSS_PARAMS`.
pub(crate) fn pss_params(
    hash: CK_MECHANISM_TYPE,
    mask: CK_RSA_PKCS_MGF_TYPE,
    salt: usize,
) -> CK_RSA_PKCS_PSS_PARAMS {
    CK_RSA_PKCS_PSS_PARAMS {
        hashAlg: hash,
        mgf: mask,
        sLen: salt as CK_ULONG,
    }
}

macro_rules! call {
    ($library:expr, $name:ident($($argument:expr),*)) => {
        // SAFETY: the methods pass pointers to values of their own, or NULL.
        unsafe { $library.0.$name.expect(stringify!($name))($($argument),*) }
    };
}

macro_rules! one_call {
    ($($(#[doc = $doc:literal])* $name:ident = $init:ident, $work:ident;)+) => {
        impl Library {
            $($(#[doc = $doc])*
            pub(crate) fn $name<P>(
                self,
                session: CK_SESSION_HANDLE,
                with: &With<P>,
                key: CK_OBJECT_HANDLE,
                data: &[u8],
            ) -> Result<Vec<u8>> {
                let (mut mechanism, mut out, mut length) = (with.raw(), vec![0; 8192], 8192);
                answer(call!(self, $init(session, &raw mut mechanism, key)), ())?;
                let (pointer, data_len) = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
                answer(call!(self, $work(session, pointer, data_len, out.as_mut_ptr(), &raw mut length)), ())?;
                out.truncate(usize::try_from(length).unwrap());
                Ok(out)
            })+
        }
    };
}

one_call! {
    encrypt_with = C_EncryptInit, C_Encrypt;
    decrypt_with = C_DecryptInit, C_Decrypt;
    sign_with = C_SignInit, C_Sign;
    sign_recover = C_SignRecoverInit, C_SignRecover;
    verify_recover = C_VerifyRecoverInit, C_VerifyRecover;
}

impl Library {
    pub(crate) fn verify_one<P>(
        self,
        session: CK_SESSION_HANDLE,
        with: &With<P>,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        let mut mechanism = with.raw();
        answer(call!(self, C_VerifyInit(session, &raw mut mechanism, key)), ())?;
        let (data_pointer, data_len) = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
        let (pointer, length) = (signature.as_ptr().cast_mut(), signature.len() as CK_ULONG);
        answer(
            call!(self, C_Verify(session, data_pointer, data_len, pointer, length)),
            (),
        )
    }

    /// Wraps a key, after a length query and a try with too little room, both of which have to say the same length.
    pub(crate) fn wrap<P>(
        self,
        session: CK_SESSION_HANDLE,
        with: &With<P>,
        wrapping: CK_OBJECT_HANDLE,
        key: CK_OBJECT_HANDLE,
    ) -> Result<Vec<u8>> {
        let (mut mechanism, mut length) = (with.raw(), 0);
        let mechanism = &raw mut mechanism;
        answer(
            call!(
                self,
                C_WrapKey(session, mechanism, wrapping, key, null_mut(), &raw mut length)
            ),
            (),
        )?;
        let (needed, mut out, mut short) = (length, vec![0; 8192], length - 1);
        let out_pointer = out.as_mut_ptr();
        assert_eq!(
            call!(
                self,
                C_WrapKey(session, mechanism, wrapping, key, out_pointer, &raw mut short)
            ),
            CKR_BUFFER_TOO_SMALL
        );
        assert_eq!(short, needed);
        let rv = call!(
            self,
            C_WrapKey(session, mechanism, wrapping, key, out_pointer, &raw mut length)
        );
        assert_eq!(length, needed);
        out.truncate(usize::try_from(length).unwrap());
        answer(rv, out)
    }

    pub(crate) fn unwrap<P>(
        self,
        session: CK_SESSION_HANDLE,
        with: &With<P>,
        unwrapping: CK_OBJECT_HANDLE,
        wrapped: &[u8],
        template: &[Given],
    ) -> Result<CK_OBJECT_HANDLE> {
        let (mut mechanism, mut list, mut key) = (with.raw(), array(template), 0);
        let (pointer, length) = (wrapped.as_ptr().cast_mut(), wrapped.len() as CK_ULONG);
        let count = list.len() as CK_ULONG;
        let rv = call!(
            self,
            C_UnwrapKey(
                session,
                &raw mut mechanism,
                unwrapping,
                pointer,
                length,
                list.as_mut_ptr(),
                count,
                &raw mut key
            )
        );
        answer(rv, key)
    }

    /// `C_WrapKey` without a place for the length.
    pub(crate) fn wrap_nowhere<P>(
        self,
        session: CK_SESSION_HANDLE,
        with: &With<P>,
        wrapping: CK_OBJECT_HANDLE,
        key: CK_OBJECT_HANDLE,
    ) -> CK_RV {
        let mut mechanism = with.raw();
        call!(
            self,
            C_WrapKey(session, &raw mut mechanism, wrapping, key, null_mut(), null_mut())
        )
    }

    /// `C_UnwrapKey` without anything to unwrap, and without a place for the handle.
    pub(crate) fn unwrap_nowhere<P>(
        self,
        session: CK_SESSION_HANDLE,
        with: &With<P>,
        unwrapping: CK_OBJECT_HANDLE,
    ) -> CK_RV {
        let mut mechanism = with.raw();
        let wrapped = null_mut();
        call!(
            self,
            C_UnwrapKey(
                session,
                &raw mut mechanism,
                unwrapping,
                wrapped,
                8,
                null_mut(),
                0,
                null_mut()
            )
        )
    }
}
