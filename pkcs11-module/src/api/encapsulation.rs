//! Shared secrets that travel in a ciphertext (3.2, section 5.18.8 and 5.18.9).

use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::signing::{usable_at_once, usable_key};
use crate::attribute::{RawAttribute, Value};
use crate::draft::{Draft, Origin};
use crate::error::{Error, Result};
use crate::library::Library;
use crate::mechanism::{self, Call};
use crate::object::Object;
use crate::output::{Answer, Room};

/// `C_EncapsulateKey`: the ciphertext, and the key if the ciphertext fits.
pub(crate) fn encapsulate(
    library: &Library,
    session: CK_SESSION_HANDLE,
    call: &Call<'_>,
    public: CK_OBJECT_HANDLE,
    template: &[RawAttribute<'_>],
    room: Room,
) -> Result<(Answer<u8>, Option<CK_OBJECT_HANDLE>)> {
    let session = library.session(session)?;
    let mechanism = mechanism::find(call.kind)?;
    let public = usable_key(&session.token, public, CKA_ENCAPSULATE, call.kind)?;
    let made = mechanism.encapsulate(call, &public)?;
    if !room.takes(made.ciphertext.len()) {
        let answer = room.answer(made.ciphertext.len(), || Err(Error::General))?;
        return Ok((answer, None));
    }
    let key = shared_key(public.template(CKA_ENCAPSULATE_TEMPLATE), template, made.secret)?;
    let handle = session.token.add(vec![key], session.asker())?.pop();
    Ok((Answer::Items(made.ciphertext), handle))
}

/// `C_DecapsulateKey`.
pub(crate) fn decapsulate(
    library: &Library,
    session: CK_SESSION_HANDLE,
    call: &Call<'_>,
    private: CK_OBJECT_HANDLE,
    template: &[RawAttribute<'_>],
    ciphertext: &[u8],
) -> Result<CK_OBJECT_HANDLE> {
    let session = library.session(session)?;
    let mechanism = mechanism::find(call.kind)?;
    let private = usable_at_once(&session.token, private, CKA_DECAPSULATE, call.kind)?;
    let secret = mechanism.decapsulate(call, &private, ciphertext)?;
    let key = shared_key(private.template(CKA_DECAPSULATE_TEMPLATE), template, secret)?;
    let handle = session.token.add(vec![key], session.asker())?.pop();
    handle.ok_or(Error::General)
}

/// The secret as a key. A template may ask for fewer bytes, which are the first.
fn shared_key(
    imposed: &[(CK_ATTRIBUTE_TYPE, Value)],
    template: &[RawAttribute<'_>],
    mut secret: Zeroizing<Vec<u8>>,
) -> Result<Object> {
    // It comes from outside, so nothing can be said of its life so far.
    let origin = Origin::Derivation {
        always_sensitive: false,
        never_extractable: false,
    };
    let mut draft = Draft::under(imposed, template, origin)?;
    if draft.ulong(CKA_CLASS) != Some(CKO_SECRET_KEY) {
        return Err(Error::TemplateInconsistent);
    }
    if let Some(wanted) = draft.ulong(CKA_VALUE_LEN) {
        let wanted = usize::try_from(wanted)
            .ok()
            .filter(|&wanted| wanted <= secret.len());
        secret.truncate(wanted.ok_or(Error::KeySizeRange)?);
    }
    if !draft.gives(CKA_EXTRACTABLE) {
        // 5.18.8; what comes of other derivations is protected as its key was.
        draft.insert(CKA_EXTRACTABLE, Value::Bool(true));
    }
    draft.insert(CKA_VALUE_LEN, Value::Ulong(secret.len() as u64));
    draft.insert(CKA_VALUE, Value::Bytes(secret));
    draft.finish()
}
