//! Keys that leave the token and come back, encrypted with another key (3.1, sections 5.18.3 and 5.18.4): a secret key
//! as its value, a private key as its `PrivateKeyInfo`.

pub(crate) mod authenticated;

use std::sync::Arc;

use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::signing::{object_as_key, usable_at_once, usable_key};
use crate::attribute::{RawAttribute, Value};
use crate::draft::{Draft, Origin};
use crate::error::{Error, Result};
use crate::key::pkcs8;
use crate::library::Library;
use crate::mechanism::{self, Call, Filling, Mechanism, natural_len};
use crate::object::Object;
use crate::output::{Answer, Room};
use crate::recent::InUse;
use crate::session::Session;
use crate::token::Token;

/// `C_WrapKey`. A length query wraps too: the length is known only then, and nothing is used up.
pub(crate) fn wrap(
    library: &Library,
    session: CK_SESSION_HANDLE,
    call: &Call<'_>,
    wrapping: CK_OBJECT_HANDLE,
    key: CK_OBJECT_HANDLE,
    room: Room,
) -> Result<Answer<u8>> {
    let session = library.session(session)?;
    let mechanism = mechanism::find(call.kind)?;
    check_use(mechanism, CKF_WRAP)?;
    let wrapping = usable_key(&session.token, wrapping, CKA_WRAP, call.kind).map_err(of_wrapping_key)?;
    let key = wrappable_key(&session.token, key, &wrapping)?;
    if !mechanism.wraps(key.class()) {
        return Err(Error::KeyNotWrappable);
    }
    let plain = plain(&key)?;
    let wrapped = mechanism
        .wrap(call, &wrapping, &plain)
        .map_err(|error| match error {
            Error::DataLenRange | Error::DataInvalid => Error::KeySizeRange,
            other => of_wrapping_key(other),
        })?;
    room.answer(wrapped.len(), || Ok(wrapped))
}

/// `C_UnwrapKey`. The template is checked before anything is decrypted.
pub(crate) fn unwrap(
    library: &Library,
    session: CK_SESSION_HANDLE,
    call: &Call<'_>,
    unwrapping: CK_OBJECT_HANDLE,
    wrapped: &[u8],
    template: &[RawAttribute<'_>],
) -> Result<CK_OBJECT_HANDLE> {
    let session = library.session(session)?;
    let mechanism = mechanism::find(call.kind)?;
    let unwrapping = Unwrapping::begin(&session, mechanism, call.kind, unwrapping, template)?;
    let plain = mechanism
        .unwrap(call, &unwrapping.key, wrapped)
        .map_err(of_unwrapping_key)?;
    unwrapping.finish(&session, plain, mechanism.filling())
}

/// An unwrapping before anything is decrypted: the key for it, and the new one's template, which can be had.
struct Unwrapping {
    key: InUse,
    draft: Draft,
}

impl Unwrapping {
    fn begin(
        session: &Session,
        mechanism: &dyn Mechanism,
        kind: CK_MECHANISM_TYPE,
        key: CK_OBJECT_HANDLE,
        template: &[RawAttribute<'_>],
    ) -> Result<Self> {
        check_use(mechanism, CKF_UNWRAP)?;
        let key = usable_at_once(&session.token, key, CKA_UNWRAP, kind).map_err(of_unwrapping_key)?;
        let draft = Draft::under(key.template(CKA_UNWRAP_TEMPLATE), template, Origin::Unwrapping)?;
        let class = draft.class().ok_or(Error::TemplateIncomplete)?;
        if !matches!(class, CKO_SECRET_KEY | CKO_PRIVATE_KEY) || !mechanism.wraps(class) {
            return Err(Error::TemplateInconsistent);
        }
        Ok(Self { key, draft })
    }

    fn finish(
        self,
        session: &Session,
        plain: Zeroizing<Vec<u8>>,
        filling: Filling,
    ) -> Result<CK_OBJECT_HANDLE> {
        let key = opened(self.draft, plain, filling)?;
        let handles = session.token.add(vec![key], session.asker())?;
        handles.first().copied().ok_or(Error::General)
    }
}

/// A mechanism for other uses is none for this one, whatever the handles say.
fn check_use(mechanism: &dyn Mechanism, flag: CK_FLAGS) -> Result<()> {
    if mechanism.info().flags & flag == 0 {
        Err(Error::MechanismInvalid)
    } else {
        Ok(())
    }
}

/// The key to be wrapped, if it may leave the token under this wrapping key.
pub(super) fn wrappable_key(
    token: &Token,
    handle: CK_OBJECT_HANDLE,
    wrapping: &Object,
) -> Result<Arc<Object>> {
    let key = object_as_key(token, handle)?;
    if key.class() == CKO_PUBLIC_KEY {
        return Err(Error::KeyNotWrappable);
    }
    if !key.is(CKA_EXTRACTABLE) {
        return Err(Error::KeyUnextractable);
    }
    if key.is(CKA_WRAP_WITH_TRUSTED) && !wrapping.is(CKA_TRUSTED) {
        return Err(Error::KeyNotWrappable);
    }
    // 5.18.3: a key that the wrapping key's template does not fit is as good as not there.
    if key.fits(wrapping.template(CKA_WRAP_TEMPLATE)) {
        Ok(key.object())
    } else {
        Err(Error::KeyHandleInvalid)
    }
}

/// What is encrypted of a key.
pub(super) fn plain(key: &Object) -> Result<Zeroizing<Vec<u8>>> {
    match key.class() {
        CKO_SECRET_KEY => Ok(Zeroizing::new(key.bytes(CKA_VALUE)?.to_vec())),
        _ => pkcs8::encode(key),
    }
}

/// The key that came out, as the template wants it.
pub(super) fn opened(mut draft: Draft, plain: Zeroizing<Vec<u8>>, filling: Filling) -> Result<Object> {
    if draft.class() == Some(CKO_PRIVATE_KEY) {
        let (key_type, attributes) = pkcs8::decode(&plain).ok_or(Error::WrappedKeyInvalid)?;
        if draft.key_type() != Some(key_type) {
            return Err(Error::WrappedKeyInvalid);
        }
        for (kind, value) in attributes {
            draft.insert(kind, value);
        }
    } else {
        let natural = natural_len(draft.key_type()).map(|len| len as u64);
        let len = draft.ulong(CKA_VALUE_LEN).or(natural);
        let value = unfilled(plain, len, filling)?;
        if len.is_some_and(|len| len != value.len() as u64) {
            return Err(Error::WrappedKeyLenRange);
        }
        draft.insert(CKA_VALUE, Value::Bytes(value));
    }
    draft.finish().map_err(|error| match error {
        // The template was found right before; what is wrong now was wrapped.
        Error::AttributeValueInvalid | Error::KeySizeRange => Error::WrappedKeyInvalid,
        other => other,
    })
}

/// The value without what filled it up to the length that the mechanism takes. What is cut off has to be zeros.
fn unfilled(plain: Zeroizing<Vec<u8>>, wanted: Option<u64>, filling: Filling) -> Result<Zeroizing<Vec<u8>>> {
    let wanted = match (wanted, filling) {
        (None, Filling::Before) => return Err(Error::TemplateIncomplete),
        (None, _) | (_, Filling::None) => return Ok(plain),
        (Some(wanted), _) => usize::try_from(wanted).map_err(|_| Error::WrappedKeyLenRange)?,
    };
    let surplus = plain.len().checked_sub(wanted).ok_or(Error::WrappedKeyLenRange)?;
    let (value, rest) = match filling {
        Filling::Before => (&plain[surplus..], &plain[..surplus]),
        _ => plain.split_at(wanted),
    };
    if rest.iter().any(|&byte| byte != 0) {
        return Err(Error::WrappedKeyInvalid);
    }
    Ok(Zeroizing::new(value.to_vec()))
}

fn of_wrapping_key(error: Error) -> Error {
    match error {
        Error::KeyHandleInvalid => Error::WrappingKeyHandleInvalid,
        Error::KeyTypeInconsistent => Error::WrappingKeyTypeInconsistent,
        Error::KeySizeRange => Error::WrappingKeySizeRange,
        other => other,
    }
}

/// What is said of a decryption otherwise, said of an unwrapping.
pub(super) fn of_unwrapping_key(error: Error) -> Error {
    match error {
        Error::KeyHandleInvalid => Error::UnwrappingKeyHandleInvalid,
        Error::KeyTypeInconsistent => Error::UnwrappingKeyTypeInconsistent,
        Error::KeySizeRange => Error::UnwrappingKeySizeRange,
        Error::EncryptedDataInvalid | Error::AeadDecryptFailed => Error::WrappedKeyInvalid,
        Error::EncryptedDataLenRange => Error::WrappedKeyLenRange,
        other => other,
    }
}
