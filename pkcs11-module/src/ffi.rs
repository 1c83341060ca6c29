//! The only unsafe code of the library: C pointers in and out, and the calls of the cryptographic library.
//!
//! What the host passes is read here into safe values before any work, and what it gets is written here after
//! the work is done. No reference to the host's memory is alive while its output is written, so a host may pass
//! one buffer for both.
//!
//! Everything rests on the contract of PKCS #11, section 2: a pointer that is not NULL points to as many
//! elements as the length beside it says, and nobody else changes them during the call. What can be checked is
//! checked: NULL, lengths, counts. Elements are read unaligned, because hosts pack their structures.

pub(crate) mod crypto;
mod entry_points;
pub(crate) mod fork;
pub(crate) mod mutex;
mod parameter;
pub(crate) mod sqlite;

pub use entry_points::{C_GetFunctionList, C_GetInterface, C_GetInterfaceList};

use std::ffi::c_void;
use std::ptr::{copy_nonoverlapping, read_unaligned, write_unaligned};

use cryptoki_sys::*;
use zeroize::{Zeroize, Zeroizing};

use crate::attribute::{Answer as AttributeAnswer, Form, Query, RawAttribute};
use crate::error::{Error, Result};
use crate::library::Threading;
use crate::output::{Answer, InPlace, Room};
use crate::rules;

/// More attributes than any template has a use for.
const MAX_TEMPLATE: usize = 1024;

/// The host's bytes. NULL is no bytes when the length agrees.
///
/// # Safety
/// If `pointer` is not NULL it points to `length` bytes that nobody changes during `'a`.
unsafe fn bytes<'a>(pointer: *const u8, length: CK_ULONG) -> Result<&'a [u8]> {
    let length = usize::try_from(length).map_err(|_| Error::ArgumentsBad)?;
    match (pointer.is_null(), length) {
        (true, 0) => Ok(&[]),
        (true, _) => Err(Error::ArgumentsBad),
        (false, _) if length > isize::MAX as usize => Err(Error::ArgumentsBad),
        // SAFETY: not NULL, of a length that a slice can have, and the caller vouches for the rest.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts(pointer, length) }),
    }
}

/// The host's bytes where NULL is an error even with length zero: data to sign, a PIN.
///
/// # Safety
/// As for [`bytes`].
unsafe fn present<'a>(pointer: *const u8, length: CK_ULONG) -> Result<&'a [u8]> {
    if pointer.is_null() {
        return Err(Error::ArgumentsBad);
    }
    // SAFETY: the caller's promise is ours.
    unsafe { bytes(pointer, length) }
}

/// One element of the host's.
///
/// # Safety
/// If `pointer` is not NULL it points to one `T`.
unsafe fn read<T: Copy>(pointer: *const T) -> Result<T> {
    if pointer.is_null() {
        return Err(Error::ArgumentsBad);
    }
    // SAFETY: not NULL, and the caller vouches for the rest.
    Ok(unsafe { read_unaligned(pointer) })
}

/// Writes one element to the host; `value` runs only if there is a place for it.
///
/// # Safety
/// If `pointer` is not NULL there is room for one `T`.
unsafe fn write<T: Copy>(pointer: *mut T, value: impl FnOnce() -> Result<T>) -> Result<()> {
    if pointer.is_null() {
        return Err(Error::ArgumentsBad);
    }
    let value = value()?;
    // SAFETY: not NULL, and the caller vouches for the rest.
    unsafe { write_unaligned(pointer, value) };
    Ok(())
}

/// Whether there is a place to write to, where work must not begin without one.
fn place<T>(pointer: *mut T) -> Result<()> {
    if pointer.is_null() {
        Err(Error::ArgumentsBad)
    } else {
        Ok(())
    }
}

/// The label of `C_InitToken`: 32 bytes, blank padded, without a length of its own.
///
/// # Safety
/// If `pointer` is not NULL it points to 32 bytes.
unsafe fn label(pointer: *const u8) -> Result<[u8; 32]> {
    // SAFETY: the caller's promise is ours.
    unsafe { read(pointer.cast::<[u8; 32]>()) }
}

/// # Safety
/// If `pointer` is not NULL it points to `count` attributes.
unsafe fn attributes(pointer: *const CK_ATTRIBUTE, count: CK_ULONG) -> Result<Vec<CK_ATTRIBUTE>> {
    let count = usize::try_from(count).map_err(|_| Error::ArgumentsBad)?;
    if (pointer.is_null() && count > 0) || count > MAX_TEMPLATE {
        return Err(Error::ArgumentsBad);
    }
    // SAFETY: `i` is below the count that the caller vouches for.
    Ok((0..count)
        .map(|i| unsafe { read_unaligned(pointer.add(i)) })
        .collect())
}

/// A template that gives values.
///
/// # Safety
/// If `pointer` is not NULL it points to `count` attributes, each with a value as long as it says, during `'a`; the
/// value of an attribute that is a template itself is again such an array.
unsafe fn template<'a>(pointer: *const CK_ATTRIBUTE, count: CK_ULONG) -> Result<Vec<RawAttribute<'a>>> {
    // SAFETY: the caller's promise is ours.
    unsafe { attributes(pointer, count) }?
        .into_iter()
        .map(|attribute| {
            // SAFETY: likewise.
            let template = unsafe { inner_template(&attribute) }?;
            // SAFETY: likewise.
            unsafe { raw_attribute(&attribute, template) }
        })
        .collect()
}

/// The template that an attribute is, if it is one, and no templates in that.
///
/// # Safety
/// As for [`template`].
unsafe fn inner_template<'a>(attribute: &CK_ATTRIBUTE) -> Result<Option<Vec<RawAttribute<'a>>>> {
    let size = size_of::<CK_ATTRIBUTE>() as CK_ULONG;
    if rules::form(attribute.type_) != Some(Form::Template) || !attribute.ulValueLen.is_multiple_of(size) {
        return Ok(None);
    }
    // SAFETY: the caller's promise is ours.
    let attributes = unsafe { attributes(attribute.pValue.cast(), attribute.ulValueLen / size) }?;
    let inner = attributes.iter().map(|attribute| {
        // SAFETY: likewise.
        unsafe { raw_attribute(attribute, None) }
    });
    inner.collect::<Result<_>>().map(Some)
}

/// # Safety
/// The attribute has a value as long as it says, during `'a`.
unsafe fn raw_attribute<'a>(
    attribute: &CK_ATTRIBUTE,
    template: Option<Vec<RawAttribute<'a>>>,
) -> Result<RawAttribute<'a>> {
    Ok(RawAttribute {
        kind: attribute.type_,
        // SAFETY: the caller's promise is ours.
        value: unsafe { bytes(attribute.pValue.cast(), attribute.ulValueLen) }?,
        template,
    })
}

/// Answers a template that asks for values (`C_GetAttributeValue`): every attribute gets its length or
/// `CK_UNAVAILABLE_INFORMATION`, whatever happens to the others, and the first refusal is the return value.
///
/// # Safety
/// If `pointer` is not NULL it points to `count` attributes that may be written, each with the room it says.
unsafe fn answer_template(
    pointer: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
    work: impl FnOnce(&[Query]) -> Result<Vec<AttributeAnswer>>,
) -> Result<()> {
    if pointer.is_null() {
        return Err(Error::ArgumentsBad);
    }
    // SAFETY: the caller's promise is ours.
    let asked = unsafe { attributes(pointer, count) }?;
    let queries: Vec<Query> = asked
        .iter()
        .map(|attribute| Query {
            kind: attribute.type_,
            room: Room::new(attribute.pValue.is_null(), attribute.ulValueLen),
        })
        .collect();
    let mut outcome = Ok(());
    for (i, (mut attribute, answer)) in asked.into_iter().zip(work(&queries)?).enumerate() {
        attribute.ulValueLen = answer.length();
        let mut written = answer.outcome();
        if let AttributeAnswer::Value(value) = &answer {
            // SAFETY: `Room` compared the value with the room that the caller vouches for.
            unsafe { copy_nonoverlapping(value.as_ptr(), attribute.pValue.cast::<u8>(), value.len()) };
        }
        if let AttributeAnswer::Template(inner) = &answer {
            // SAFETY: `Room` compared their number with the room that the caller vouches for.
            written = unsafe { answer_inner(attribute.pValue.cast(), inner) };
        }
        // SAFETY: `i` is below `count`.
        unsafe { write_unaligned(pointer.add(i), attribute) };
        outcome = outcome.and(written);
    }
    outcome
}

/// Answers the attributes of a template (section 5.7.5): each has its type and length set, and its value where
/// there is a buffer for it.
///
/// # Safety
/// `pointer` points to as many attributes as `inner` has, each NULL or with the room it says.
unsafe fn answer_inner(
    pointer: *mut CK_ATTRIBUTE,
    inner: &[(CK_ATTRIBUTE_TYPE, Zeroizing<Vec<u8>>)],
) -> Result<()> {
    let mut outcome = Ok(());
    for (i, (kind, value)) in inner.iter().enumerate() {
        // SAFETY: `i` is below the number that the caller vouches for.
        let mut attribute = unsafe { read_unaligned(pointer.add(i)) };
        let room = Room::new(attribute.pValue.is_null(), attribute.ulValueLen);
        attribute.type_ = *kind;
        attribute.ulValueLen = value.len() as CK_ULONG;
        if room.takes(value.len()) {
            // SAFETY: `Room` compared the value with the room that the caller vouches for.
            unsafe { copy_nonoverlapping(value.as_ptr(), attribute.pValue.cast::<u8>(), value.len()) };
        } else if room != Room::Query {
            attribute.ulValueLen = CK_UNAVAILABLE_INFORMATION;
            outcome = Err(Error::BufferTooSmall);
        }
        // SAFETY: as above.
        unsafe { write_unaligned(pointer.add(i), attribute) };
    }
    outcome
}

/// The one place that writes an output whose length is negotiated (PKCS #11, section 5.2): a NULL buffer asks
/// for the length; the needed length is also told with `CKR_BUFFER_TOO_SMALL`.
///
/// `work` gets the room, or the error if there is no place for the length, so that an operation which such a
/// call ends can end.
///
/// # Safety
/// If `length` is not NULL it points to a length; if `buffer` is not NULL there is room for that many elements.
unsafe fn write_out<T: Copy + Zeroize>(
    buffer: *mut T,
    length: *mut CK_ULONG,
    work: impl FnOnce(Result<Room>) -> Result<Answer<T>>,
) -> Result<()> {
    // SAFETY: the caller's promise is ours.
    let room = unsafe { read(length) }.map(|length| Room::new(buffer.is_null(), length));
    let has_length = room.is_ok();
    let answer = work(room)?;
    if !has_length {
        return Err(Error::General);
    }
    if let Some(items) = answer.items() {
        let length = size_of_val(items);
        // SAFETY: `Room` makes items only if the buffer is there and as many fit; as bytes, because the
        // buffer may be unaligned.
        unsafe { copy_nonoverlapping(items.as_ptr().cast::<u8>(), buffer.cast::<u8>(), length) };
    }
    // SAFETY: `read` has found it not NULL; the caller vouches for the rest.
    unsafe { write_unaligned(length, answer.length()) };
    answer.outcome()
}

/// The same for data that is ciphered: `work` also gets the host's buffer itself if no byte of it is the input's, for
/// an output that is not worth a copy.
///
/// # Safety
/// As for [`bytes`] and [`write_out`].
unsafe fn write_through(
    data: *const u8,
    data_len: CK_ULONG,
    buffer: *mut u8,
    length: *mut CK_ULONG,
    work: impl FnOnce(Result<&[u8]>, Result<Room>, InPlace<'_>) -> Result<Answer<u8>>,
) -> Result<()> {
    /// No ciphering gives more bytes than it is fed, and these: what was withheld, and a tag.
    const MOST_BESIDES: usize = 64;
    // SAFETY: the caller's promise is ours.
    let data = unsafe { bytes(data, data_len) };
    let in_place = |room| {
        let (data, Room::Items(room)) = (data.ok()?, room) else {
            return None;
        };
        let room = room
            .min(data.len().saturating_add(MOST_BESIDES))
            .min(isize::MAX as usize);
        let (input, output) = (data.as_ptr().addr(), buffer.addr());
        let apart = input + data.len() <= output || output.checked_add(room)? <= input;
        // SAFETY: `Room` has items only if the buffer is there; the caller vouches for the room, and nothing else
        // refers to these bytes while the slice is alive.
        apart.then(|| unsafe { std::slice::from_raw_parts_mut(buffer.cast(), room) })
    };
    // SAFETY: the caller's promise is ours.
    unsafe {
        write_out(buffer, length, |room| {
            let in_place = room.ok().and_then(in_place);
            work(data, room, in_place)
        })
    }
}

/// Fills the host's buffer with what `work` makes of its length (`C_GenerateRandom`).
///
/// # Safety
/// If `buffer` is not NULL there is room for `length` bytes.
unsafe fn fill(
    buffer: *mut u8,
    length: CK_ULONG,
    mut work: impl FnMut(&mut [u8]) -> Result<()>,
) -> Result<()> {
    let length = usize::try_from(length).map_err(|_| Error::ArgumentsBad)?;
    if buffer.is_null() {
        return Err(Error::ArgumentsBad);
    }
    let mut piece = zeroize::Zeroizing::new([0; 4096]);
    for start in (0..length).step_by(piece.len()) {
        let piece = &mut piece[..4096.min(length - start)];
        work(piece)?;
        // SAFETY: start + piece.len() is at most the length that the caller vouches for.
        unsafe { copy_nonoverlapping(piece.as_ptr(), buffer.add(start), piece.len()) };
    }
    Ok(())
}

/// What `C_Initialize` asks for (PKCS #11, section 5.4): no reserved value, and all four mutex functions or none.
///
/// # Safety
/// If `pointer` is not NULL it points to `CK_C_INITIALIZE_ARGS`; its functions do what the standard says.
unsafe fn threading(pointer: *const c_void) -> Result<Threading> {
    if pointer.is_null() {
        return Ok(Threading::Own);
    }
    // SAFETY: the caller's promise is ours.
    let arguments = unsafe { read(pointer.cast::<CK_C_INITIALIZE_ARGS>()) }?;
    if !arguments.pReserved.is_null() {
        return Err(Error::ArgumentsBad);
    }
    let functions = (
        arguments.CreateMutex,
        arguments.DestroyMutex,
        arguments.LockMutex,
        arguments.UnlockMutex,
    );
    match functions {
        (None, None, None, None) => Ok(Threading::Own),
        (Some(create), Some(destroy), Some(lock), Some(unlock)) => {
            if arguments.flags & CKF_OS_LOCKING_OK != 0 {
                return Ok(Threading::Own);
            }
            // SAFETY: the host's functions, used as the standard says.
            unsafe { mutex::HostMutex::create(create, destroy, lock, unlock) }.map(Threading::Host)
        }
        _ => Err(Error::ArgumentsBad),
    }
}
