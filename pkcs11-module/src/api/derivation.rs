//! Section 5.18.5, `C_DeriveKey`: keys from keys.

use std::cell::RefCell;
use std::sync::Arc;

use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::signing::usable_at_once;
use crate::attribute::{RawAttribute, Value};
use crate::draft::{Draft, Origin};
use crate::error::{Error, Result};
use crate::library::Library;
use crate::mechanism::{self, Call, Inheritance, Mechanism, Parameter, Wanted, natural_len};
use crate::object::{MAX_VALUE, Object};

/// The handles of the new keys.
pub(crate) struct Keys {
    pub(crate) key: CK_OBJECT_HANDLE,
    /// The keys derived along (`CK_DERIVED_KEY`), in their order.
    pub(crate) additional: Vec<CK_OBJECT_HANDLE>,
}

/// An attribute that a new key has to have.
type Imposed = (CK_ATTRIBUTE_TYPE, Value);

/// `C_DeriveKey`. All keys are kept, or none.
pub(crate) fn derive(
    library: &Library,
    session: CK_SESSION_HANDLE,
    call: &Call<'_>,
    base: CK_OBJECT_HANDLE,
    template: &[RawAttribute<'_>],
) -> Result<Keys> {
    let session = library.session(session)?;
    let mechanism = mechanism::find(call.kind)?;
    let base = usable_at_once(&session.token, base, CKA_DERIVE, call.kind)?;
    let templates = templates(call, template);
    let mut lens = templates
        .iter()
        .map(|template| wanted_len(template, &base, mechanism));
    let len = lens.next().ok_or(Error::General)??;
    let additional: Result<Vec<_>> = lens.map(|len| len?.ok_or(Error::TemplateIncomplete)).collect();
    // Every key that goes into the new ones has its say in how they are protected.
    let sources = RefCell::new(vec![base.object()]);
    let find = |handle| {
        let key = usable_at_once(&session.token, handle, CKA_DERIVE, call.kind)?.object();
        sources.borrow_mut().push(key.clone());
        Ok(key)
    };
    let derived = mechanism.derive(
        call,
        &base,
        &Wanted {
            len,
            additional: additional?,
            key: &find,
        },
    )?;
    let sources = sources.into_inner();
    let values = std::iter::once(derived.value).chain(derived.additional);
    let objects: Result<Vec<_>> = templates
        .iter()
        .zip(values)
        .map(|(template, value)| object(mechanism, template, &sources, value))
        .collect();
    let handles = session.token.add(objects?, session.asker())?;
    let (key, additional) = handles.split_first().ok_or(Error::General)?;
    Ok(Keys {
        key: *key,
        additional: additional.to_vec(),
    })
}

/// The template of the call, and those in its parameter.
fn templates<'a>(call: &'a Call<'a>, template: &'a [RawAttribute<'a>]) -> Vec<&'a [RawAttribute<'a>]> {
    let additional: &[_] = match &call.parameter {
        Parameter::Kbkdf(given) => &given.additional,
        _ => &[],
    };
    std::iter::once(template)
        .chain(additional.iter().map(Vec::as_slice))
        .collect()
}

/// The length that a template asks for, or that the base key asks of it. A key type that has several says nothing
/// about it by itself.
fn wanted_len(
    template: &[RawAttribute<'_>],
    base: &Object,
    mechanism: &dyn Mechanism,
) -> Result<Option<usize>> {
    let imposed = base.template(CKA_DERIVE_TEMPLATE);
    let said = |kind| -> Result<_> { Ok(ulong(template, kind)?.or_else(|| imposed_ulong(imposed, kind))) };
    let Some(len) = said(CKA_VALUE_LEN)? else {
        let key_type = said(CKA_KEY_TYPE)?;
        if let Some(natural) = natural_len(key_type) {
            return Ok(Some(natural));
        }
        let has_several = key_type == Some(CKK_AES);
        let is_key = mechanism.derived_class() == CKO_SECRET_KEY;
        return if has_several && is_key {
            Err(Error::TemplateIncomplete)
        } else {
            Ok(None)
        };
    };
    let len = usize::try_from(len)
        .ok()
        .filter(|len| (1..=MAX_VALUE).contains(len));
    len.map(Some).ok_or(Error::KeySizeRange)
}

fn imposed_ulong(imposed: &[Imposed], kind: CK_ATTRIBUTE_TYPE) -> Option<CK_ULONG> {
    imposed.iter().find_map(|(known, value)| match value {
        Value::Ulong(value) if *known == kind => CK_ULONG::try_from(*value).ok(),
        _ => None,
    })
}

fn ulong(template: &[RawAttribute<'_>], kind: CK_ATTRIBUTE_TYPE) -> Result<Option<CK_ULONG>> {
    let Some(raw) = template.iter().find(|raw| raw.kind == kind) else {
        return Ok(None);
    };
    let raw = raw.value.try_into().map_err(|_| Error::AttributeValueInvalid)?;
    Ok(Some(CK_ULONG::from_ne_bytes(raw)))
}

/// A new object: its template, what the keys it comes from say of it, and its value.
fn object(
    mechanism: &dyn Mechanism,
    template: &[RawAttribute<'_>],
    sources: &[Arc<Object>],
    value: Zeroizing<Vec<u8>>,
) -> Result<Object> {
    let class = mechanism.derived_class();
    if ulong(template, CKA_CLASS)?.is_some_and(|given| given != class) {
        return Err(Error::TemplateInconsistent);
    }
    let written = class.to_ne_bytes();
    let mut template = template.to_vec();
    if template.iter().all(|raw| raw.kind != CKA_CLASS) {
        template.push(RawAttribute {
            kind: CKA_CLASS,
            value: &written,
            template: None,
        });
    }
    if class == CKO_DATA {
        // Data has no such attribute, but there is no other way to say how much of it is wanted (6.62.4).
        template.retain(|raw| raw.kind != CKA_VALUE_LEN);
    }
    let inheritance = mechanism.inheritance();
    let imposed = imposed(&template, inheritance, sources)?;
    let mut draft = Draft::under(&imposed, &template, origin(inheritance, sources))?;
    draft.insert(CKA_VALUE, Value::Bytes(value));
    draft.finish()
}

/// What the keys that it comes from say of a new one. A template that says otherwise is inconsistent with them.
fn imposed(
    template: &[RawAttribute<'_>],
    inheritance: Inheritance,
    sources: &[Arc<Object>],
) -> Result<Vec<Imposed>> {
    let base = sources.first().ok_or(Error::General)?;
    let mut imposed = base.template(CKA_DERIVE_TEMPLATE).to_vec();
    match inheritance {
        Inheritance::History => {}
        Inheritance::Defaults => {
            for kind in [CKA_SENSITIVE, CKA_EXTRACTABLE] {
                let is_open = template.iter().all(|raw| raw.kind != kind)
                    && imposed.iter().all(|(known, _)| *known != kind);
                if is_open {
                    imposed.push((kind, Value::Bool(base.is(kind))));
                }
            }
        }
        Inheritance::Protection => {
            if sources.iter().any(|source| source.is(CKA_SENSITIVE)) {
                imposed.push((CKA_SENSITIVE, Value::Bool(true)));
            }
            if sources.iter().any(|source| !source.is(CKA_EXTRACTABLE)) {
                imposed.push((CKA_EXTRACTABLE, Value::Bool(false)));
            }
        }
    }
    Ok(imposed)
}

/// What has been true of the sources for all their lives.
fn origin(inheritance: Inheritance, sources: &[Arc<Object>]) -> Origin {
    let always = |kind| {
        if inheritance == Inheritance::Defaults {
            sources.iter().any(|source| source.is(kind))
        } else {
            sources.iter().all(|source| source.is(kind))
        }
    };
    Origin::Derivation {
        always_sensitive: always(CKA_ALWAYS_SENSITIVE),
        never_extractable: always(CKA_NEVER_EXTRACTABLE),
    }
}
