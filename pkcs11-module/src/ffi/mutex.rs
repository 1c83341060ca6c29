//! A mutex made of the host's four functions, for hosts whose threads are not the system's.

use std::ffi::c_void;
use std::ptr::null_mut;

use cryptoki_sys::{CK_RV, CKR_OK};

use crate::error::{Error, Result};

type Create = unsafe extern "C" fn(*mut *mut c_void) -> CK_RV;
type Use = unsafe extern "C" fn(*mut c_void) -> CK_RV;

/// The host's mutex. Every call holds it from beginning to end, so the library's own locks are never contended
/// and a host with threads of its own making cannot be blocked by them.
pub(crate) struct HostMutex {
    mutex: *mut c_void,
    destroy: Use,
    lock: Use,
    unlock: Use,
}

// SAFETY: the pointer is only handed back to the host's functions, which the standard requires to be callable
// from every thread that calls the library.
unsafe impl Send for HostMutex {}
// SAFETY: likewise.
unsafe impl Sync for HostMutex {}

impl HostMutex {
    /// # Safety
    /// The functions do what PKCS #11, section 3.7, says of them.
    pub(super) unsafe fn create(create: Create, destroy: Use, lock: Use, unlock: Use) -> Result<Self> {
        let mut mutex = null_mut();
        // SAFETY: the caller's promise; the place for the mutex is ours.
        match unsafe { create(&raw mut mutex) } {
            CKR_OK => Ok(Self {
                mutex,
                destroy,
                lock,
                unlock,
            }),
            _ => Err(Error::CantLock),
        }
    }

    /// Waits for the mutex and holds it.
    pub(crate) fn hold(&self) -> Result<Held<'_>> {
        // SAFETY: the mutex was made by the functions' `create` and is destroyed only by `drop`.
        match unsafe { (self.lock)(self.mutex) } {
            CKR_OK => Ok(Held(self)),
            _ => Err(Error::General),
        }
    }
}

impl Drop for HostMutex {
    fn drop(&mut self) {
        // SAFETY: made by `create`; nobody holds it, because holders borrow `self`.
        unsafe { (self.destroy)(self.mutex) };
    }
}

/// The right to use the library, until dropped.
pub(crate) struct Held<'a>(&'a HostMutex);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // SAFETY: this value exists only while the mutex is locked by this thread.
        unsafe { (self.0.unlock)(self.0.mutex) };
    }
}
