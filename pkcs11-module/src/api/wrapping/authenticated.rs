//! Keys that leave the token and come back together with data that is not encrypted but has to be the same
//! (`C_WrapKeyAuthenticated` and `C_UnwrapKeyAuthenticated`, 3.2).

use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::{Unwrapping, check_use, of_unwrapping_key, of_wrapping_key, plain, wrappable_key};
use crate::api::messages::ciphers::Told;
use crate::api::signing::usable_key;
use crate::attribute::RawAttribute;
use crate::error::{Error, Result};
use crate::library::Library;
use crate::mechanism::{self, WrapParameter};
use crate::output::{Answer, Room};

/// Associated data may stand in the parameter, beside the call, or in both places if it is the same.
fn agreed<'a>(parameter: &WrapParameter<'a>, additional: &'a [u8]) -> Result<&'a [u8]> {
    match (parameter.additional, additional) {
        (one, []) => Ok(one),
        ([], other) => Ok(other),
        (one, other) if one == other => Ok(one),
        _ => Err(Error::MechanismParamInvalid),
    }
}

/// `C_WrapKeyAuthenticated`. A length query makes nothing.
pub(crate) fn wrap<'a>(
    library: &Library,
    session: CK_SESSION_HANDLE,
    (kind, parameter): (CK_MECHANISM_TYPE, &WrapParameter<'a>),
    [wrapping, key]: [CK_OBJECT_HANDLE; 2],
    additional: &'a [u8],
    room: Room,
) -> Result<(Answer<u8>, Told)> {
    let session = library.session(session)?;
    let mechanism = mechanism::find(kind)?;
    check_use(mechanism, CKF_WRAP)?;
    let wrapping = usable_key(&session.token, wrapping, CKA_WRAP, kind).map_err(of_wrapping_key)?;
    mechanism.check_message_key(&wrapping).map_err(of_wrapping_key)?;
    let key = wrappable_key(&session.token, key, &wrapping)?;
    if !mechanism.wraps(key.class()) {
        return Err(Error::KeyNotWrappable);
    }
    let plain = plain(&key)?;
    let additional = agreed(parameter, additional)?;
    let tag_len = parameter.message.tag.len();
    let needed = plain.len() + if parameter.tag_follows { tag_len } else { 0 };
    if !room.takes(needed) {
        let answer = room.answer(needed, || Err(Error::General))?;
        return Ok((answer, Told::default()));
    }
    let message = parameter.message.of_len(plain.len());
    let nonce = message.fresh_nonce()?;
    let mut cipher = mechanism
        .seal_message(&wrapping, &message, &nonce, additional)
        .map_err(of_wrapping_key)?;
    let mut wrapped = Zeroizing::new(Vec::with_capacity(needed));
    cipher.update(&plain, &mut wrapped)?;
    let tag = cipher.tag(tag_len)?;
    let mut told = Told {
        nonce: Some(nonce),
        tag: None,
    };
    if parameter.tag_follows {
        wrapped.extend_from_slice(&tag);
    } else {
        told.tag = Some(tag);
    }
    Ok((Answer::Secret(wrapped), told))
}

/// `C_UnwrapKeyAuthenticated`.
pub(crate) fn unwrap<'a>(
    library: &Library,
    session: CK_SESSION_HANDLE,
    (kind, parameter): (CK_MECHANISM_TYPE, &WrapParameter<'a>),
    unwrapping: CK_OBJECT_HANDLE,
    [wrapped, additional]: [&'a [u8]; 2],
    template: &[RawAttribute<'_>],
) -> Result<CK_OBJECT_HANDLE> {
    let session = library.session(session)?;
    let mechanism = mechanism::find(kind)?;
    let unwrapping = Unwrapping::begin(&session, mechanism, kind, unwrapping, template)?;
    let key = &unwrapping.key;
    mechanism.check_message_key(key).map_err(of_unwrapping_key)?;
    let additional = agreed(parameter, additional)?;
    let (wrapped, tag) = if parameter.tag_follows {
        let split = wrapped.len().checked_sub(parameter.message.tag.len());
        wrapped.split_at(split.ok_or(Error::WrappedKeyLenRange)?)
    } else {
        (wrapped, parameter.message.tag)
    };
    let message = parameter.message.of_len(wrapped.len()).with_tag(tag);
    let mut plain = Zeroizing::new(Vec::with_capacity(wrapped.len()));
    mechanism
        .open_message(key, &message, message.nonce, additional)
        .and_then(|mut cipher| {
            cipher.update(wrapped, &mut plain)?;
            cipher.check(tag)
        })
        .map_err(of_unwrapping_key)?;
    unwrapping.finish(&session, plain, mechanism.filling())
}
