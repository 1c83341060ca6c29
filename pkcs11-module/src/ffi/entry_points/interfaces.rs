//! The interfaces of the library: the function lists of 2.40, 3.0 and 3.2, and the three symbols that hand them out.

use cryptoki_sys::*;

use super::super::{read, write, write_out};
use super::asynchronous::*;
use super::ciphering::*;
use super::general::*;
use super::keys::*;
use super::messages::*;
use super::objects::*;
use super::sessions::*;
use super::signing::*;
use crate::entry::enter;
use crate::error::{Error, Result};

/// Makes the lists out of the functions' names: a later list has all of the earlier ones.
macro_rules! function_lists {
    (2.40: $($first:ident)+; 3.0: $($second:ident)+; 3.2: $($third:ident)+;) => {
        /// What `C_GetFunctionList` hands out: every function, none NULL, in the version they belong to.
        static LIST_2_40: CK_FUNCTION_LIST = CK_FUNCTION_LIST {
            version: CK_VERSION { major: 2, minor: 40 },
            C_GetFunctionList: Some(C_GetFunctionList),
            $($first: Some($first),)+
        };

        static LIST_3_0: CK_FUNCTION_LIST_3_0 = CK_FUNCTION_LIST_3_0 {
            version: CK_VERSION { major: 3, minor: 0 },
            C_GetFunctionList: Some(C_GetFunctionList),
            C_GetInterfaceList: Some(C_GetInterfaceList),
            C_GetInterface: Some(C_GetInterface),
            $($first: Some($first),)+
            $($second: Some($second),)+
        };

        static LIST_3_2: CK_FUNCTION_LIST_3_2 = CK_FUNCTION_LIST_3_2 {
            version: CK_VERSION { major: 3, minor: 2 },
            C_GetFunctionList: Some(C_GetFunctionList),
            C_GetInterfaceList: Some(C_GetInterfaceList),
            C_GetInterface: Some(C_GetInterface),
            $($first: Some($first),)+
            $($second: Some($second),)+
            $($third: Some($third),)+
        };
    };
}

function_lists! {
    2.40:
        C_Initialize C_Finalize C_GetInfo C_GetSlotList C_GetSlotInfo C_GetTokenInfo C_GetMechanismList
        C_GetMechanismInfo C_InitToken C_InitPIN C_SetPIN C_OpenSession C_CloseSession C_CloseAllSessions
        C_GetSessionInfo C_GetOperationState C_SetOperationState C_Login C_Logout C_CreateObject C_CopyObject
        C_DestroyObject C_GetObjectSize C_GetAttributeValue C_SetAttributeValue C_FindObjectsInit C_FindObjects
        C_FindObjectsFinal C_EncryptInit C_Encrypt C_EncryptUpdate C_EncryptFinal C_DecryptInit C_Decrypt
        C_DecryptUpdate C_DecryptFinal C_DigestInit C_Digest C_DigestUpdate C_DigestKey C_DigestFinal C_SignInit
        C_Sign C_SignUpdate C_SignFinal C_SignRecoverInit C_SignRecover C_VerifyInit C_Verify C_VerifyUpdate
        C_VerifyFinal C_VerifyRecoverInit C_VerifyRecover C_DigestEncryptUpdate C_DecryptDigestUpdate
        C_SignEncryptUpdate C_DecryptVerifyUpdate C_GenerateKey C_GenerateKeyPair C_WrapKey C_UnwrapKey C_DeriveKey
        C_SeedRandom C_GenerateRandom C_GetFunctionStatus C_CancelFunction C_WaitForSlotEvent;
    3.0:
        C_LoginUser C_SessionCancel C_MessageEncryptInit C_EncryptMessage C_EncryptMessageBegin C_EncryptMessageNext
        C_MessageEncryptFinal C_MessageDecryptInit C_DecryptMessage C_DecryptMessageBegin C_DecryptMessageNext
        C_MessageDecryptFinal C_MessageSignInit C_SignMessage C_SignMessageBegin C_SignMessageNext
        C_MessageSignFinal C_MessageVerifyInit C_VerifyMessage C_VerifyMessageBegin C_VerifyMessageNext
        C_MessageVerifyFinal;
    3.2:
        C_EncapsulateKey C_DecapsulateKey C_VerifySignatureInit C_VerifySignature C_VerifySignatureUpdate
        C_VerifySignatureFinal C_GetSessionValidationFlags C_AsyncComplete C_AsyncGetID C_AsyncJoin
        C_WrapKeyAuthenticated C_UnwrapKeyAuthenticated;
}

/// The only name of an interface that the standard has (3.0, section 5.4.5).
const NAME: &[u8] = b"PKCS 11\0";

/// What the host is handed: its type has no `const`, and nobody writes through it.
struct Interfaces([CK_INTERFACE; 3]);

// SAFETY: the pointers are to constants.
unsafe impl Sync for Interfaces {}

/// The newest first, which is the default.
static INTERFACES: Interfaces = Interfaces([
    interface((&raw const LIST_3_2).cast()),
    interface((&raw const LIST_3_0).cast()),
    interface((&raw const LIST_2_40).cast()),
]);

/// An interface without flags: after a fork the child starts anew, which is not what `CKF_INTERFACE_FORK_SAFE` says.
const fn interface(list: *const std::ffi::c_void) -> CK_INTERFACE {
    CK_INTERFACE {
        pInterfaceName: NAME.as_ptr().cast_mut().cast(),
        pFunctionList: list.cast_mut(),
        flags: 0,
    }
}

/// Gives the host the list of the functions of 2.40 (PKCS #11 2.40, section 5.4).
///
/// # Safety
/// `list` is NULL or points to room for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: CK_FUNCTION_LIST_PTR_PTR) -> CK_RV {
    // SAFETY: the caller's promise is ours. The list is never written through, though the standard's type has
    // no `const`.
    enter("C_GetFunctionList", || unsafe {
        write(list, || Ok((&raw const LIST_2_40).cast_mut()))
    })
}

/// Gives the host all interfaces (PKCS #11 3.0, section 5.4.5).
///
/// # Safety
/// `count` is NULL or points to a number; `list` is NULL or has room for as many interfaces as the number says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetInterfaceList(list: *mut CK_INTERFACE, count: *mut CK_ULONG) -> CK_RV {
    // SAFETY: the caller's promise is ours.
    enter("C_GetInterfaceList", || unsafe {
        write_out(list.cast(), count, |room| {
            room?.answer(INTERFACES.0.len(), || Ok(INTERFACES.0.map(Bits::from).to_vec()))
        })
    })
}

/// Gives the host the interface of a name and version, each NULL for the default (PKCS #11 3.0, section 5.4.6).
///
/// # Safety
/// `name` is NULL or ends with a zero; `version` is NULL or points to one; `interface` is NULL or points to room for
/// a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetInterface(
    name: *mut CK_UTF8CHAR,
    version: *mut CK_VERSION,
    interface: *mut *mut CK_INTERFACE,
    flags: CK_FLAGS,
) -> CK_RV {
    // SAFETY: the caller's promise is ours.
    enter("C_GetInterface", || unsafe {
        super::super::place(interface)?;
        let found = find(name, version, flags)?;
        write(interface, || Ok((&raw const *found).cast_mut()))
    })
}

/// # Safety
/// As for [`C_GetInterface`].
unsafe fn find(
    name: *mut CK_UTF8CHAR,
    version: *mut CK_VERSION,
    flags: CK_FLAGS,
) -> Result<&'static CK_INTERFACE> {
    // SAFETY: the caller's promise is ours.
    let known = unsafe { name.is_null() || is_ours(name) };
    let version = if version.is_null() {
        None
    } else {
        // SAFETY: likewise.
        Some(unsafe { read(version) }?)
    };
    let fits = |interface: &&CK_INTERFACE| {
        // SAFETY: every list begins with its version.
        let of_list = unsafe { read(interface.pFunctionList.cast::<CK_VERSION>()) };
        version.is_none_or(|wanted| {
            of_list.is_ok_and(|list| (list.major, list.minor) == (wanted.major, wanted.minor))
        })
    };
    // No interface has a flag, so a host that needs one gets none.
    (known && flags == 0)
        .then(|| INTERFACES.0.iter().find(fits))
        .flatten()
        .ok_or(Error::FunctionFailed)
}

/// Whether a name is ours, read no further than the first byte that is not.
///
/// # Safety
/// `name` ends with a zero.
unsafe fn is_ours(name: *const CK_UTF8CHAR) -> bool {
    // SAFETY: a byte is read only if all before it were those of our name, none of them zero.
    (0..NAME.len()).all(|i| unsafe { name.add(i).read() } == NAME[i])
}

/// An interface as numbers, which the host is written as bytes.
#[derive(Clone, Copy)]
#[repr(C)]
struct Bits([usize; 3]);

impl zeroize::Zeroize for Bits {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl From<CK_INTERFACE> for Bits {
    fn from(interface: CK_INTERFACE) -> Self {
        Self([
            interface.pInterfaceName.expose_provenance(),
            interface.pFunctionList.expose_provenance(),
            interface.flags as usize,
        ])
    }
}

const _: () = assert!(size_of::<Bits>() == size_of::<CK_INTERFACE>());
