//! The function lists: each entry point reads its arguments, calls the chapter of the standard that it belongs to,
//! and writes the answer. One file for some chapters each; the lists name the functions in all of them.
//!
//! Arguments of a call that ends an operation when it fails are passed on as results, so that a bad pointer ends
//! it too (section 5.11: only a length query and `CKR_BUFFER_TOO_SMALL` leave an operation alive).

#![allow(non_snake_case)] // the standard's names

mod asynchronous;
mod ciphering;
mod general;
mod interfaces;
mod keys;
mod messages;
mod objects;
mod sessions;
mod signing;

pub use interfaces::{C_GetFunctionList, C_GetInterface, C_GetInterfaceList};

use cryptoki_sys::*;

/// Declares entry points. Those with `|library|` need `C_Initialize` first; those whose first argument is a `Session`
/// say first that there is none.
macro_rules! entry_points {
    ($($name:ident($($arguments:tt)*) $(|$library:ident|)? => $body:expr;)+) => {
        $($crate::ffi::entry_points::entry_points!(@one $name($($arguments)*) $(|$library|)? => $body);)+
    };
    (@one $name:ident($session:ident: Session $(, $argument:ident: $kind:ty)*) |$library:ident| => $body:expr) => {
        pub(super) unsafe extern "C" fn $name($session: Session $(, $argument: $kind)*) -> cryptoki_sys::CK_RV {
            #[allow(unused_unsafe)] // some entry points take no pointer
            // SAFETY: as below.
            $crate::entry::enter_session(stringify!($name), $session, |$library| unsafe { $body })
        }
    };
    (@one $name:ident($($argument:ident: $kind:ty),*) |$library:ident| => $body:expr) => {
        pub(super) unsafe extern "C" fn $name($($argument: $kind),*) -> cryptoki_sys::CK_RV {
            #[allow(unused_unsafe)] // some entry points take no pointer
            // SAFETY: the pointers are the host's, who answers for them as the head of `ffi` says; each goes
            // into one of the functions there, together with the length that belongs to it.
            $crate::entry::enter_initialized(stringify!($name), |$library| unsafe { $body })
        }
    };
    (@one $name:ident($($argument:ident: $kind:ty),*) => $body:expr) => {
        pub(super) unsafe extern "C" fn $name($($argument: $kind),*) -> cryptoki_sys::CK_RV {
            // SAFETY: as above.
            $crate::entry::enter(stringify!($name), || unsafe { $body })
        }
    };
}

use entry_points;

type Session = CK_SESSION_HANDLE;
type Object = CK_OBJECT_HANDLE;
type Bytes = *mut CK_BYTE;
type Length = *mut CK_ULONG;
type Attributes = *mut CK_ATTRIBUTE;
type Mechanism = *mut CK_MECHANISM;
type Slot = CK_SLOT_ID;
