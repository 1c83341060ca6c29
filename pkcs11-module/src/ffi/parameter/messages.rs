//! The parameters of messages (3.0), and of keys that are wrapped with data which is authenticated (3.2). Both tell the
//! host what the token has made: a nonce, a tag.

use std::ffi::c_void;
use std::ptr::copy_nonoverlapping;

use cryptoki_sys::*;

use super::super::{bytes, read};
use super::Place;
use crate::api::messages::ciphers::Told;
use crate::error::{Error, Result};
use crate::mechanism::{MessageParameter, WrapParameter};

/// No associated data is longer; every pointer is higher, because systems leave the first 64 KiB unmapped.
const LONGEST_ADDITIONAL: CK_ULONG = 1 << 16;

/// The mechanism of `C_MessageEncryptInit` and `C_MessageDecryptInit`, whose parameter belongs to the messages and is
/// not read; `None` for NULL.
///
/// # Safety
/// If `pointer` is not NULL it points to a `CK_MECHANISM`.
pub(in crate::ffi) unsafe fn kind_or_none(pointer: *const CK_MECHANISM) -> Result<Option<CK_MECHANISM_TYPE>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise is ours.
    unsafe { read(pointer) }.map(|mechanism| Some(mechanism.mechanism))
}

/// A message's parameter; which one it is shows in its size.
///
/// # Safety
/// If `pointer` is not NULL it points to `length` bytes, and what the structure there points to is as long as it says,
/// during `'a`.
pub(in crate::ffi) unsafe fn message<'a>(
    pointer: *mut c_void,
    length: CK_ULONG,
) -> Result<MessageParameter<'a>> {
    let place = Place { pointer, length };
    // SAFETY: the caller's promise is ours.
    unsafe { read_message(&place) }.map_err(|_| Error::MechanismParamInvalid)
}

/// # Safety
/// As for [`message`].
unsafe fn read_message<'a>(place: &Place) -> Result<MessageParameter<'a>> {
    if usize::try_from(place.length) == Ok(size_of::<CK_CCM_MESSAGE_PARAMS>()) {
        // SAFETY: the caller's promise is ours.
        let given: CK_CCM_MESSAGE_PARAMS = unsafe { place.structure() }?;
        return Ok(MessageParameter {
            // SAFETY: likewise.
            nonce: unsafe { bytes(given.pNonce, given.ulNonceLen) }?,
            fixed_bits: given.ulNonceFixedBits,
            generator: given.nonceGenerator,
            // SAFETY: likewise.
            tag: unsafe { bytes(given.pMAC, given.ulMACLen) }?,
            data_len: Some(given.ulDataLen),
        });
    }
    // SAFETY: likewise.
    let given: CK_GCM_MESSAGE_PARAMS = unsafe { place.structure() }?;
    if !given.ulTagBits.is_multiple_of(8) {
        return Err(Error::MechanismParamInvalid);
    }
    Ok(MessageParameter {
        // SAFETY: likewise.
        nonce: unsafe { bytes(given.pIv, given.ulIvLen) }?,
        fixed_bits: given.ulIvFixedBits,
        generator: given.ivGenerator,
        // SAFETY: likewise.
        tag: unsafe { bytes(given.pTag, given.ulTagBits / 8) }?,
        data_len: None,
    })
}

/// Writes what a message tells the host into its parameter.
///
/// # Safety
/// `pointer` and `length` are what [`message`] has read before in the same call.
pub(in crate::ffi) unsafe fn write_message(
    pointer: *mut c_void,
    length: CK_ULONG,
    told: &Told,
) -> Result<()> {
    let place = Place { pointer, length };
    let (nonce, tag) = if usize::try_from(length) == Ok(size_of::<CK_CCM_MESSAGE_PARAMS>()) {
        // SAFETY: the caller's promise is ours.
        let given: CK_CCM_MESSAGE_PARAMS = unsafe { place.structure() }?;
        (given.pNonce, given.pMAC)
    } else {
        // SAFETY: likewise.
        let given: CK_GCM_MESSAGE_PARAMS = unsafe { place.structure() }?;
        (given.pIv, given.pTag)
    };
    for (to, from) in [(nonce, &told.nonce), (tag, &told.tag)] {
        if let Some(from) = from {
            // SAFETY: nonce and tag were made as long as the places that `message` has read, none of them NULL then.
            unsafe { copy_nonoverlapping(from.as_ptr(), to, from.len()) };
        }
    }
    Ok(())
}

/// Where a wrapping tells the host its nonce and tag; NULL where there is nothing to tell.
pub(in crate::ffi) struct WrapPlaces {
    nonce: *mut u8,
    tag: *mut u8,
}

impl WrapPlaces {
    /// # Safety
    /// The places are those that [`wrapping_parameter`] has read before in the same call.
    pub(in crate::ffi) unsafe fn write(&self, told: &Told) -> Result<()> {
        for (to, from) in [(self.nonce, &told.nonce), (self.tag, &told.tag)] {
            if let (false, Some(from)) = (to.is_null(), from) {
                // SAFETY: nonce and tag were made as long as the places that `wrapping_parameter` has read.
                unsafe { copy_nonoverlapping(from.as_ptr(), to, from.len()) };
            }
        }
        Ok(())
    }
}

/// The mechanism of `C_WrapKeyAuthenticated` and `C_UnwrapKeyAuthenticated`. Each cipher has three structures for it:
/// the one of its encryption, after which the tag follows the wrapped key; the same with a nonce that the token may
/// make; and that of its messages, where the tag has a place of its own.
///
/// # Safety
/// As for [`super::mechanism_or_none`].
pub(in crate::ffi) unsafe fn wrapping_parameter<'a>(
    pointer: *const CK_MECHANISM,
) -> Result<(CK_MECHANISM_TYPE, WrapParameter<'a>, WrapPlaces)> {
    // SAFETY: the caller's promise is ours.
    let mechanism = unsafe { read(pointer) }?;
    let place = Place {
        pointer: mechanism.pParameter,
        length: mechanism.ulParameterLen,
    };
    // SAFETY: likewise.
    let parameter = unsafe {
        match mechanism.mechanism {
            CKM_AES_GCM => gcm_wrapping(&place),
            CKM_AES_CCM => ccm_wrapping(&place),
            _ => return Err(Error::MechanismInvalid),
        }
    };
    let (parameter, places) = parameter.map_err(|_| Error::MechanismParamInvalid)?;
    Ok((mechanism.mechanism, parameter, places))
}

/// As many bytes as a tag has that is not there yet.
fn no_tag(len: CK_ULONG) -> Result<&'static [u8]> {
    static NO_TAG: [u8; 16] = [0; 16];
    let len = usize::try_from(len).map_err(|_| Error::MechanismParamInvalid)?;
    NO_TAG.get(..len).ok_or(Error::MechanismParamInvalid)
}

/// # Safety
/// As for [`super::parameter`].
unsafe fn gcm_wrapping<'a>(place: &Place) -> Result<(WrapParameter<'a>, WrapPlaces)> {
    let given: CK_GCM_WRAP_PARAMS = if usize::try_from(place.length) == Ok(size_of::<CK_GCM_WRAP_PARAMS>()) {
        // SAFETY: the caller's promise is ours.
        unsafe { place.structure() }?
    } else {
        // SAFETY: likewise.
        let plain: CK_GCM_PARAMS = unsafe { place.structure() }?;
        // The structure of messages has the same size: a generator, which is a small number, where the other has an
        // address or nothing, and an address where the other has a length.
        if (plain.pAAD.addr() as CK_ULONG) <= CKG_GENERATE_COUNTER_XOR && plain.ulAADLen > LONGEST_ADDITIONAL
        {
            // SAFETY: likewise.
            let message = unsafe { read_message(place) }?;
            // SAFETY: likewise.
            let given: CK_GCM_MESSAGE_PARAMS = unsafe { place.structure() }?;
            return Ok(apart(message, given.pIv, given.pTag));
        }
        CK_GCM_WRAP_PARAMS {
            pIv: plain.pIv,
            ulIvLen: plain.ulIvLen,
            ulIvFixedBits: 0,
            ivGenerator: CKG_NO_GENERATE,
            pAAD: plain.pAAD,
            ulAADLen: plain.ulAADLen,
            ulTagBits: plain.ulTagBits,
        }
    };
    if !given.ulTagBits.is_multiple_of(8) {
        return Err(Error::MechanismParamInvalid);
    }
    let message = MessageParameter {
        // SAFETY: the caller's promise is ours.
        nonce: unsafe { bytes(given.pIv, given.ulIvLen) }?,
        fixed_bits: given.ulIvFixedBits,
        generator: given.ivGenerator,
        tag: no_tag(given.ulTagBits / 8)?,
        data_len: None,
    };
    // SAFETY: likewise.
    let additional = unsafe { bytes(given.pAAD, given.ulAADLen) }?;
    Ok(following(message, additional, given.pIv))
}

/// # Safety
/// As for [`super::parameter`].
unsafe fn ccm_wrapping<'a>(place: &Place) -> Result<(WrapParameter<'a>, WrapPlaces)> {
    let is_of = |size: usize| usize::try_from(place.length) == Ok(size);
    if is_of(size_of::<CK_CCM_MESSAGE_PARAMS>()) {
        // SAFETY: the caller's promise is ours.
        let message = unsafe { read_message(place) }?;
        // SAFETY: likewise.
        let given: CK_CCM_MESSAGE_PARAMS = unsafe { place.structure() }?;
        return Ok(apart(message, given.pNonce, given.pMAC));
    }
    let given: CK_CCM_WRAP_PARAMS = if is_of(size_of::<CK_CCM_WRAP_PARAMS>()) {
        // SAFETY: likewise.
        unsafe { place.structure() }?
    } else {
        // SAFETY: likewise.
        let plain: CK_CCM_PARAMS = unsafe { place.structure() }?;
        CK_CCM_WRAP_PARAMS {
            ulDataLen: plain.ulDataLen,
            pNonce: plain.pNonce,
            ulNonceLen: plain.ulNonceLen,
            ulNonceFixedBits: 0,
            nonceGenerator: CKG_NO_GENERATE,
            pAAD: plain.pAAD,
            ulAADLen: plain.ulAADLen,
            ulMACLen: plain.ulMACLen,
        }
    };
    let message = MessageParameter {
        // SAFETY: likewise.
        nonce: unsafe { bytes(given.pNonce, given.ulNonceLen) }?,
        fixed_bits: given.ulNonceFixedBits,
        generator: given.nonceGenerator,
        tag: no_tag(given.ulMACLen)?,
        data_len: Some(given.ulDataLen),
    };
    // SAFETY: likewise.
    let additional = unsafe { bytes(given.pAAD, given.ulAADLen) }?;
    Ok(following(message, additional, given.pNonce))
}

fn following<'a>(
    message: MessageParameter<'a>,
    additional: &'a [u8],
    nonce: *mut u8,
) -> (WrapParameter<'a>, WrapPlaces) {
    let parameter = WrapParameter {
        message,
        additional,
        tag_follows: true,
    };
    let tag = std::ptr::null_mut();
    (parameter, WrapPlaces { nonce, tag })
}

fn apart(message: MessageParameter<'_>, nonce: *mut u8, tag: *mut u8) -> (WrapParameter<'_>, WrapPlaces) {
    let parameter = WrapParameter {
        message,
        additional: &[],
        tag_follows: false,
    };
    (parameter, WrapPlaces { nonce, tag })
}
