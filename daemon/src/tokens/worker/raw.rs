//! The module's own function list, for what the crate `cryptoki` does not do as tokens need it:
//!
//! - a bare `C_Sign` after `C_SignInit` and a context-specific login (PKCS #11 3.1, 5.6.8, 5.13.2), which keys with
//!   `CKA_ALWAYS_AUTHENTICATE` want; `C_SignUpdate`, which the crate has, is refused by SoftHSM and opencryptoki;
//! - `C_GetTokenInfo` of a token whose clock tells no time (opencryptoki), and texts padded with NUL (tpm2-pkcs11);
//! - `C_SetPIN` at a reader with a PIN pad, where both PINs are NULL;
//! - `C_GetSlotList` (which has to be asked without room for an answer first), `C_GetMechanismList`, `C_FindObjects` and
//!   `C_GetAttributeValue` with a limit on what a module may have us allocate, and without belief in its counts.
//!
//! This is the only file of the daemon with unsafe code. What is assumed of a module is what loading it assumes: that
//! the addresses in its function list are those of its functions, and that a function does not write past the length
//! it is given. A module that breaks this breaks its own process.

#![allow(
    unsafe_code,
    reason = "the address of unsafe code in this crate; each block is argued"
)]

use std::path::Path;
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;

use cryptoki::context::Pkcs11;
use cryptoki::mechanism::MechanismType;
use cryptoki::object::{Attribute, AttributeType, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::slot::Slot;
use cryptoki_sys::{
    CK_ATTRIBUTE, CK_C_GetFunctionList, CK_C_GetInterface, CK_FUNCTION_LIST, CK_FUNCTION_LIST_3_0,
    CK_FUNCTION_LIST_3_2, CK_INVALID_HANDLE, CK_RV, CK_SLOT_INFO, CK_TOKEN_INFO, CK_TRUE, CK_ULONG,
    CK_UNAVAILABLE_INFORMATION, CKF_HW_SLOT, CKF_REMOVABLE_DEVICE, CKR_BUFFER_TOO_SMALL, CKR_OK,
};
use region::Region;

use super::failure::meaning;
use crate::tokens::TokenError;
use crate::tokens::wire::MAX_SLOTS;

/// The longest value of an attribute that is read, in bytes.
const MAX_ATTRIBUTE: usize = 256 * 1024;

/// The longest signature that is passed on, in bytes: RSA with 8192 bits.
const MAX_SIGNATURE: usize = 1024;

/// How often a list is asked for that grows between the question for its length and the question for itself.
const PATIENCE: u32 = 3;

/// Mechanisms that there is room for at first; no known token has half as many.
const MECHANISMS: usize = 512;

/// Objects that are asked for at once.
const OBJECTS: usize = 16;

/// A loaded module: all of it by the crate, and beside that its function list.
#[derive(Clone)]
pub(super) struct Module {
    pkcs11: Pkcs11,
    functions: Functions,
    stays_unlocked: bool,
}

impl std::ops::Deref for Module {
    type Target = Pkcs11;

    fn deref(&self) -> &Pkcs11 {
        &self.pkcs11
    }
}

#[derive(Clone)]
struct Functions {
    list: NonNull<CK_FUNCTION_LIST>,
    /// Keeps the list where it is.
    _library: Arc<libloading::Library>,
}

/// `CK_TOKEN_INFO` (PKCS #11 3.1, 3.2) without its padding and its clock.
#[derive(Debug, Clone)]
pub(super) struct TokenInfo {
    pub(super) label: String,
    pub(super) manufacturer: String,
    pub(super) model: String,
    pub(super) serial: String,
    pub(super) flags: u64,
    pub(super) min_pin: usize,
    pub(super) max_pin: usize,
}

/// What a slot is (`CK_SLOT_INFO.flags`).
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// `CKF_HW_SLOT`: a reader for hardware.
    pub(super) hardware: bool,
    /// `CKF_REMOVABLE_DEVICE`: what is in it can be taken away.
    pub(super) removable: bool,
}

impl TokenInfo {
    /// True if the flag (`CKF_…`) is set.
    pub(super) const fn has(&self, flag: u64) -> bool {
        self.flags & flag != 0
    }
}

impl Module {
    /// Loads the library twice, which is once for the system: the second time only counts it. `stays_unlocked` is what
    /// its row says of its logout.
    pub(super) fn load(path: &Path, stays_unlocked: bool) -> Result<Self, TokenError> {
        let functions = Functions::load(path)?;
        let pkcs11 = Pkcs11::new(path).map_err(|error| match super::failure::token_error(&error) {
            load @ TokenError::Load(_) => load,
            other => TokenError::Load(other.to_string()),
        })?;
        Ok(Self {
            pkcs11,
            functions,
            stays_unlocked,
        })
    }

    /// Its logout leaves cards logged in, as is known of it.
    pub(super) const fn stays_unlocked(&self) -> bool {
        self.stays_unlocked
    }

    /// Ends the module.
    pub(super) fn finalize(self) {
        // There is nobody left to tell.
        let _ = self.pkcs11.finalize();
    }

    /// The slots that hold a token: at most [`MAX_SLOTS`], whatever the module says their number is.
    pub(super) fn slots(&self) -> Result<Vec<Slot>, TokenError> {
        let get = self.functions.get("C_GetSlotList", |list| list.C_GetSlotList)?;
        for _ in 0..PATIENCE {
            let mut unused = 0;
            // Only a question without a place for the answer has a module look for readers that were plugged in since
            // (5.5.1): OpenSC would never see them, nor a service that came up after it.
            // SAFETY: with NULL, the function writes the count alone.
            match unsafe { get(CK_TRUE, null_mut(), &raw mut unused) } {
                CKR_OK | CKR_BUFFER_TOO_SMALL => {}
                other => return Err(meaning(other)),
            }
            let mut slots = [0; MAX_SLOTS];
            let mut count = MAX_SLOTS as CK_ULONG;
            // SAFETY: the function writes at most `count` numbers where there is room for as many, and the count.
            match unsafe { get(CK_TRUE, slots.as_mut_ptr(), &raw mut count) } {
                CKR_OK => return Ok(of_numbers(&slots[..slots.len().min(len(count))])),
                CKR_BUFFER_TOO_SMALL => {}
                other => return Err(meaning(other)),
            }
            // It has more than are looked at: they are read, and most of them thrown away.
            let mut all = vec![0; len(count).min(MAX_ATTRIBUTE)];
            count = all.len() as CK_ULONG;
            // SAFETY: as above.
            match unsafe { get(CK_TRUE, all.as_mut_ptr(), &raw mut count) } {
                CKR_OK => {
                    all.truncate(MAX_SLOTS.min(len(count)));
                    return Ok(of_numbers(&all));
                }
                CKR_BUFFER_TOO_SMALL => {}
                other => return Err(meaning(other)),
            }
        }
        Err(TokenError::Failed("the list of slots never ends".to_owned()))
    }

    /// The mechanisms of the token in a slot, as far as they are known here. No more are read than there is room for,
    /// whatever the module says their number is.
    pub(super) fn mechanisms(&self, slot: Slot) -> Result<Vec<MechanismType>, TokenError> {
        let get = self
            .functions
            .get("C_GetMechanismList", |list| list.C_GetMechanismList)?;
        let mut room = MECHANISMS;
        for _ in 0..PATIENCE {
            let mut list = vec![0; room];
            let mut count = list.len() as CK_ULONG;
            // SAFETY: the function writes at most `count` numbers where there is room for as many, and the count.
            match unsafe { get(slot.id(), list.as_mut_ptr(), &raw mut count) } {
                CKR_OK => {
                    list.truncate(len(count));
                    let known = list.into_iter().filter_map(|number| number.try_into().ok());
                    return Ok(known.collect());
                }
                CKR_BUFFER_TOO_SMALL => room = len(count).clamp(2 * room, MAX_ATTRIBUTE),
                other => return Err(meaning(other)),
            }
        }
        Err(TokenError::Failed("the list of mechanisms never ends".to_owned()))
    }

    /// The token in a slot.
    pub(super) fn token_info(&self, slot: Slot) -> Result<TokenInfo, TokenError> {
        let get = self.functions.get("C_GetTokenInfo", |list| list.C_GetTokenInfo)?;
        let mut info = CK_TOKEN_INFO::default();
        // SAFETY: the structure is of the module's version of the standard; its layout is the same in all of them.
        check(unsafe { get(slot.id(), &raw mut info) })?;
        Ok(TokenInfo {
            label: super::catalogue::legible(&String::from_utf8_lossy(&info.label)),
            manufacturer: super::catalogue::legible(&String::from_utf8_lossy(&info.manufacturerID)),
            model: super::catalogue::legible(&String::from_utf8_lossy(&info.model)),
            serial: super::catalogue::legible(&String::from_utf8_lossy(&info.serialNumber)),
            flags: info.flags,
            min_pin: len(info.ulMinPinLen),
            max_pin: len(info.ulMaxPinLen),
        })
    }

    /// What sort of place a slot is; of one that does not say, nothing is.
    pub(super) fn place_of(&self, slot: Slot) -> Place {
        let mut info = CK_SLOT_INFO::default();
        let told = self
            .functions
            .get("C_GetSlotInfo", |list| list.C_GetSlotInfo)
            // SAFETY: as for `token_info`.
            .is_ok_and(|get| unsafe { get(slot.id(), &raw mut info) } == CKR_OK);
        Place {
            hardware: told && info.flags & CKF_HW_SLOT != 0,
            removable: told && info.flags & CKF_REMOVABLE_DEVICE != 0,
        }
    }

    /// The bare `C_Sign`, after `C_SignInit`.
    pub(super) fn sign(&self, session: &Session, data: &[u8]) -> Result<Vec<u8>, TokenError> {
        let sign = self.functions.get("C_Sign", |list| list.C_Sign)?;
        let mut signature = vec![0; MAX_SIGNATURE];
        let mut length = MAX_SIGNATURE as CK_ULONG;
        // SAFETY: the function reads `data` and writes at most `length` bytes where there is room for as many. The
        // standard's pointer to the data is not const, but nothing is written there (5.13.2).
        let answer = unsafe {
            sign(
                session.handle(),
                data.as_ptr().cast_mut(),
                data.len() as CK_ULONG,
                signature.as_mut_ptr(),
                &raw mut length,
            )
        };
        check(answer)?;
        // A length that no signature has: none is handed on, which is refused where each signature is verified.
        let length = Some(len(length)).filter(|length| *length <= MAX_SIGNATURE);
        signature.truncate(length.unwrap_or(0));
        Ok(signature)
    }

    /// `C_SetPIN` at a reader that asks for both PINs itself.
    pub(super) fn set_pin_at_reader(&self, session: &Session) -> Result<(), TokenError> {
        let set = self.functions.get("C_SetPIN", |list| list.C_SetPIN)?;
        // SAFETY: with a protected authentication path the PINs are NULL (5.6.5).
        check(unsafe { set(session.handle(), null_mut(), 0, null_mut(), 0) })
    }

    /// The objects that fit a template, at most `limit`, whatever the module says how many it has written.
    ///
    /// # Errors
    /// The module's; [`TokenError::Unsupported`] also where a search could not be ended, which keeps the session from the
    /// next one, and where attributes cannot be asked for: those are not attributes that are absent.
    pub(super) fn objects(
        &self,
        session: &Session,
        template: &[Attribute],
        limit: usize,
    ) -> Result<Vec<ObjectHandle>, TokenError> {
        let functions = &self.functions;
        functions.get("C_GetAttributeValue", |list| list.C_GetAttributeValue)?;
        let begin = functions.get("C_FindObjectsInit", |list| list.C_FindObjectsInit)?;
        let find = functions.get("C_FindObjects", |list| list.C_FindObjects)?;
        let end = functions.get("C_FindObjectsFinal", |list| list.C_FindObjectsFinal)?;
        let mut wanted: Vec<CK_ATTRIBUTE> = template.iter().map(Into::into).collect();
        // SAFETY: the values are those of `template`, which outlives the call; nothing is written to them (5.7.6).
        check(unsafe { begin(session.handle(), wanted.as_mut_ptr(), wanted.len() as CK_ULONG) })?;
        let mut found = Vec::new();
        let searched = loop {
            let mut handles = [CK_INVALID_HANDLE; OBJECTS];
            let mut count = 0;
            // SAFETY: the function writes at most as many handles as it is told that there is room for, and the count.
            let answer = unsafe {
                find(
                    session.handle(),
                    handles.as_mut_ptr(),
                    handles.len() as CK_ULONG,
                    &raw mut count,
                )
            };
            if let Err(error) = check(answer) {
                break Err(error);
            }
            let before = found.len();
            let given = handles.iter().take(len(count));
            found.extend(given.filter(|handle| **handle != CK_INVALID_HANDLE));
            if found.len() - before < handles.len() || found.len() >= limit {
                break Ok(());
            }
        };
        // SAFETY: it takes a number. What it answers changes nothing here.
        unsafe { end(session.handle()) };
        searched?;
        found.truncate(limit);
        // SAFETY: the handles are the module's own; what it makes of one that is none is its answer.
        let object = |handle| unsafe { ObjectHandle::new_from_raw(handle) };
        Ok(found.into_iter().map(object).collect())
    }

    /// One attribute of an object; none where the token will not show it, or says a length that makes no sense.
    pub(super) fn attribute(
        &self,
        session: &Session,
        object: ObjectHandle,
        attribute: AttributeType,
    ) -> Option<Vec<u8>> {
        let get = self
            .functions
            .get("C_GetAttributeValue", |list| list.C_GetAttributeValue)
            .ok()?;
        let mut wanted = CK_ATTRIBUTE {
            type_: attribute.into(),
            pValue: null_mut(),
            ulValueLen: 0,
        };
        // SAFETY: one attribute is asked for, whose value is to go nowhere: only its length is written.
        if unsafe { get(session.handle(), object.handle(), &raw mut wanted, 1) } != CKR_OK {
            return None;
        }
        let length = len(wanted.ulValueLen);
        if wanted.ulValueLen == CK_UNAVAILABLE_INFORMATION || length > MAX_ATTRIBUTE {
            return None;
        }
        let mut value = vec![0u8; length];
        wanted.pValue = value.as_mut_ptr().cast();
        wanted.ulValueLen = value.len() as CK_ULONG;
        // SAFETY: the value goes to where there is room for the length that is said with it.
        if unsafe { get(session.handle(), object.handle(), &raw mut wanted, 1) } != CKR_OK {
            return None;
        }
        // A value that has shrunk meanwhile is as long as it is now.
        (len(wanted.ulValueLen) <= length).then(|| {
            value.truncate(len(wanted.ulValueLen));
            value
        })
    }
}

impl Functions {
    fn load(path: &Path) -> Result<Self, TokenError> {
        let failed = |error: libloading::Error| TokenError::Load(error.to_string());
        // SAFETY: the library's constructors run: that is what this process is for, and why it is one of its own.
        let library = unsafe { libloading::Library::new(path) }.map_err(failed)?;
        check_interface(&library)?;
        // SAFETY: a symbol of that name has this type by the standard (5.4.3).
        let get = unsafe { library.get::<CK_C_GetFunctionList>(b"C_GetFunctionList\0") }
            .map_err(failed)?
            .ok_or_else(|| TokenError::Load("no C_GetFunctionList".to_owned()))?;
        let mut list = null_mut();
        // SAFETY: the function writes one pointer.
        let answer = unsafe { get(&raw mut list) };
        let list = NonNull::new(list)
            .filter(|_| answer == CKR_OK)
            .ok_or_else(|| TokenError::Load("it has no list of functions".to_owned()))?;
        if !is_readable(list.as_ptr().cast_const()) {
            return Err(TokenError::Load("its list of functions is nowhere".to_owned()));
        }
        Ok(Self {
            list,
            _library: Arc::new(library),
        })
    }

    /// A function of the list; lists of version 3 begin with that of version 2.
    fn get<F>(
        &self,
        name: &str,
        which: impl FnOnce(&CK_FUNCTION_LIST) -> Option<F>,
    ) -> Result<F, TokenError> {
        // SAFETY: the list is the library's, which is loaded for as long as this is; it does not change (5.4.3).
        which(unsafe { self.list.as_ref() })
            .ok_or_else(|| TokenError::Unsupported(format!("the module lacks {name}")))
    }
}

/// The crate takes what `C_GetInterface` hands out as it is (5.4.6): a list of functions that is NULL, or that ends where
/// there is no more memory, would end this process, and nobody would know why.
fn check_interface(library: &libloading::Library) -> Result<(), TokenError> {
    // SAFETY: a symbol of that name has this type by the standard. Modules of version 2 have none.
    let Ok(Some(get)) =
        (unsafe { library.get::<CK_C_GetInterface>(b"C_GetInterface\0") }).map(|found| *found)
    else {
        return Ok(());
    };
    let mut interface = null_mut();
    // SAFETY: without a name and a version the default one is wanted; the function writes one pointer.
    check(unsafe { get(null_mut(), null_mut(), &raw mut interface, 0) })
        .map_err(|error| TokenError::Load(error.to_string()))?;
    if interface.is_null() {
        return Ok(());
    }
    let unreadable = |what: &str| Err(TokenError::Load(what.to_owned()));
    if !is_readable(interface.cast_const()) {
        return unreadable("its interface is nowhere");
    }
    // SAFETY: it can be read, and is the library's, which stays.
    let list = unsafe { (*interface).pFunctionList.cast_const() };
    if list.is_null() {
        return unreadable("its interface has no list of functions");
    }
    // Lists of version 3 begin with that of version 2, which begins with the version.
    let list = list.cast::<CK_FUNCTION_LIST>();
    if !is_readable(list) {
        return unreadable("its list of functions is nowhere");
    }
    // SAFETY: it can be read.
    let version = unsafe { (*list).version };
    let whole = match (version.major, version.minor) {
        (..3, _) => true,
        (_, ..2) => is_readable(list.cast::<CK_FUNCTION_LIST_3_0>()),
        _ => is_readable(list.cast::<CK_FUNCTION_LIST_3_2>()),
    };
    match whole {
        true => Ok(()),
        false => unreadable("its list of functions ends before its version says"),
    }
}

/// True unless the system says that there is no memory to read one of these from (proc(5), maps). A list that ends early
/// and has other memory behind it is not told from a longer one: what is read there as addresses of functions of
/// version 3 is called by nobody here.
fn is_readable<T>(from: *const T) -> bool {
    let Some(end) = from
        .addr()
        .checked_add(size_of::<T>())
        .filter(|_| from.is_aligned())
    else {
        return false;
    };
    let Ok(regions) = region::query_range(from, size_of::<T>()) else {
        return true;
    };
    let mut known = from.addr();
    for region in regions.flatten().filter(Region::is_readable) {
        let mapped = region.as_range();
        if mapped.contains(&known) {
            known = mapped.end;
        }
    }
    known >= end
}

fn check(answer: CK_RV) -> Result<(), TokenError> {
    match answer {
        CKR_OK => Ok(()),
        other => Err(meaning(other)),
    }
}

fn len(number: CK_ULONG) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn of_numbers(numbers: &[CK_ULONG]) -> Vec<Slot> {
    numbers
        .iter()
        .filter_map(|number| Slot::try_from(*number).ok())
        .collect()
}
