//! Derivations and generations with any parameter.

use cryptoki_sys::*;

use super::{Given, Library, Result, answer, array};

macro_rules! call {
    ($library:expr, $name:ident($($argument:expr),*)) => {
        // SAFETY: the methods pass pointers to values of their own, or what the test answers for.
        unsafe { $library.0.$name.expect(stringify!($name))($($argument),*) }
    };
}

/// A mechanism with a structure that the test keeps.
fn mechanism<P>(kind: CK_MECHANISM_TYPE, parameter: &P) -> CK_MECHANISM {
    CK_MECHANISM {
        mechanism: kind,
        pParameter: if size_of::<P>() == 0 {
            std::ptr::null_mut()
        } else {
            std::ptr::from_ref(parameter).cast_mut().cast()
        },
        ulParameterLen: size_of::<P>() as CK_ULONG,
    }
}

impl Library {
    /// `C_DeriveKey`; the parameter is a structure, or `&()` for none.
    pub(crate) fn derive<P>(
        self,
        session: CK_SESSION_HANDLE,
        kind: CK_MECHANISM_TYPE,
        parameter: &P,
        base: CK_OBJECT_HANDLE,
        template: &[Given],
    ) -> Result<CK_OBJECT_HANDLE> {
        let (mut mechanism, mut list, mut key) = (mechanism(kind, parameter), array(template), 0);
        let count = list.len() as CK_ULONG;
        let rv = call!(
            self,
            C_DeriveKey(
                session,
                &raw mut mechanism,
                base,
                list.as_mut_ptr(),
                count,
                &raw mut key
            )
        );
        answer(rv, key)
    }

    /// `C_GenerateKey`, likewise.
    pub(crate) fn generate_with<P>(
        self,
        session: CK_SESSION_HANDLE,
        kind: CK_MECHANISM_TYPE,
        parameter: &P,
        template: &[Given],
    ) -> Result<CK_OBJECT_HANDLE> {
        let (mut mechanism, mut list, mut key) = (mechanism(kind, parameter), array(template), 0);
        let count = list.len() as CK_ULONG;
        let rv = call!(
            self,
            C_GenerateKey(
                session,
                &raw mut mechanism,
                list.as_mut_ptr(),
                count,
                &raw mut key
            )
        );
        answer(rv, key)
    }
}

/// Data for `CK_KEY_DERIVATION_STRING_DATA`.
pub(crate) fn string_data(data: &[u8]) -> CK_KEY_DERIVATION_STRING_DATA {
    CK_KEY_DERIVATION_STRING_DATA {
        pData: data.as_ptr().cast_mut(),
        ulLen: data.len() as CK_ULONG,
    }
}
