//! Objects: what one is, what may be asked of it and changed in it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use cryptoki_sys::*;

use crate::attribute::{Answer, Query, RawAttribute, Value};
use crate::error::{Error, Result};
use crate::key::Key;
use crate::output::Room;
use crate::rules::{self, Rule};

/// The attributes of an object, by type.
pub(crate) type Attributes = BTreeMap<CK_ATTRIBUTE_TYPE, Value>;

/// The longest value of an attribute, in bytes; certificates and data are far below it.
pub(crate) const MAX_VALUE: usize = 1 << 20;

/// An object that keeps the rules of its class. Never changed: a changed one takes its place, so whoever works
/// with the old one goes on undisturbed.
pub(crate) struct Object {
    attributes: Attributes,
    /// The key, parsed at its first use: building it costs more than a signature does.
    key: Arc<OnceLock<Arc<Key>>>,
}

impl Object {
    /// For attributes that the token has checked before: a finished draft, or a record of the store.
    pub(crate) fn new(attributes: Attributes) -> Self {
        Self {
            attributes,
            key: Arc::default(),
        }
    }

    pub(crate) fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    pub(crate) fn class(&self) -> CK_OBJECT_CLASS {
        self.ulong(CKA_CLASS).unwrap_or(CK_UNAVAILABLE_INFORMATION)
    }

    /// Whether only the user sees it. What does not say so is private.
    pub(crate) fn is_private(&self) -> bool {
        !matches!(self.attributes.get(&CKA_PRIVATE), Some(Value::Bool(false)))
    }

    /// Whether it outlives its session.
    pub(crate) fn is_token(&self) -> bool {
        self.is(CKA_TOKEN)
    }

    /// Whether the attribute is there and true.
    pub(crate) fn is(&self, kind: CK_ATTRIBUTE_TYPE) -> bool {
        matches!(self.attributes.get(&kind), Some(Value::Bool(true)))
    }

    /// Whether the key may be used with a mechanism (`CKA_ALLOWED_MECHANISMS`); one that does not say may with all.
    pub(crate) fn allows(&self, mechanism: CK_MECHANISM_TYPE) -> bool {
        let Some(Value::Bytes(allowed)) = self.attributes.get(&CKA_ALLOWED_MECHANISMS) else {
            return true;
        };
        allowed
            .chunks_exact(size_of::<CK_MECHANISM_TYPE>())
            .any(|allowed| allowed == mechanism.to_ne_bytes())
    }

    pub(crate) fn ulong(&self, kind: CK_ATTRIBUTE_TYPE) -> Option<CK_ULONG> {
        match self.attributes.get(&kind) {
            Some(Value::Ulong(value)) => CK_ULONG::try_from(*value).ok(),
            _ => None,
        }
    }

    /// The bytes of an attribute that the class cannot be without; their absence is damage.
    pub(crate) fn bytes(&self, kind: CK_ATTRIBUTE_TYPE) -> Result<&[u8]> {
        match self.attributes.get(&kind) {
            Some(Value::Bytes(value)) => Ok(value),
            _ => Err(Error::General),
        }
    }

    /// The key this object holds, ready for use.
    pub(crate) fn key(&self) -> Result<Arc<Key>> {
        if let Some(key) = self.key.get() {
            return Ok(key.clone());
        }
        let key = Arc::new(Key::of(self)?);
        // Two threads may have built it at once; both copies are right.
        Ok(self.key.get_or_init(|| key).clone())
    }

    /// Whether the object has every value of a search. Values that may not be told cannot be searched for.
    pub(crate) fn matches(&self, search: &Search) -> bool {
        search.0.iter().all(|(kind, value)| {
            value.is_some() && self.attributes.get(kind) == value.as_ref() && !self.is_hidden(*kind)
        })
    }

    /// Answers one attribute of `C_GetAttributeValue` (section 5.7).
    pub(crate) fn answer(&self, query: &Query) -> Answer {
        if self.is_hidden(query.kind) {
            return Answer::Refused(Error::AttributeSensitive);
        }
        let Some(value) = self.attributes.get(&query.kind) else {
            return Answer::Refused(Error::AttributeTypeInvalid);
        };
        let value = value.to_host();
        match query.room {
            room if room.takes(value.len()) => Answer::Value(value),
            Room::Query => Answer::Length(value.len()),
            Room::Items(_) => Answer::Refused(Error::BufferTooSmall),
        }
    }

    fn is_hidden(&self, kind: CK_ATTRIBUTE_TYPE) -> bool {
        // A private key that does not say that it may be told may not.
        let open =
            self.attributes.get(&CKA_SENSITIVE) == Some(&Value::Bool(false)) && self.is(CKA_EXTRACTABLE);
        !open && self.rule(kind).is_some_and(|rule| rule.is_secret())
    }

    fn rule(&self, kind: CK_ATTRIBUTE_TYPE) -> Option<&'static Rule> {
        rules::of(self.class(), self.ulong(CKA_KEY_TYPE))?
            .into_iter()
            .find(|rule| rule.kind == kind)
    }

    /// The object with other values, for `C_SetAttributeValue` or `C_CopyObject` (sections 5.7 and 4.4.1).
    pub(crate) fn changed(&self, template: &[RawAttribute<'_>], change: Change) -> Result<Self> {
        let mut attributes = self.attributes.clone();
        for raw in template {
            let rule = self.rule(raw.kind).ok_or(Error::AttributeTypeInvalid)?;
            if raw.value.len() > MAX_VALUE {
                return Err(Error::AttributeValueInvalid);
            }
            let value = Value::parse(rule.form, raw.value)?;
            let allowed = match change {
                Change::InPlace => rule.on_set(),
                Change::Copy => rule.on_copy(),
            };
            if !allowed && self.attributes.get(&raw.kind) != Some(&value) {
                return Err(Error::AttributeReadOnly);
            }
            self.check_direction(raw.kind, &value, change)?;
            attributes.insert(raw.kind, value);
        }
        Ok(Self {
            attributes,
            key: self.key.clone(),
        })
    }

    /// Protection only grows: sensitive stays sensitive, not extractable stays not extractable, and a private
    /// object has no public copy (footnotes 11 and 12 of section 4.2).
    fn check_direction(&self, kind: CK_ATTRIBUTE_TYPE, value: &Value, change: Change) -> Result<()> {
        let lowers = match (kind, value) {
            (CKA_SENSITIVE | CKA_WRAP_WITH_TRUSTED, Value::Bool(false)) => self.is(kind),
            (CKA_EXTRACTABLE | CKA_COPYABLE, Value::Bool(true)) => !self.is(kind),
            (CKA_PRIVATE, Value::Bool(false)) if change == Change::Copy => self.is_private(),
            _ => false,
        };
        if lowers {
            Err(Error::AttributeReadOnly)
        } else {
            Ok(())
        }
    }

    /// What the attributes take, roughly: the standard leaves the measure to the token.
    pub(crate) fn size(&self) -> usize {
        self.attributes
            .values()
            .map(|value| value.to_host().len() + size_of::<CK_ATTRIBUTE_TYPE>())
            .sum()
    }
}

/// How an object is being changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    InPlace,
    Copy,
}

/// A search template. A value that no object can have (an unknown attribute, a wrong length) matches nothing,
/// because hosts search for attributes of vendors they hope to meet.
pub(crate) struct Search(Vec<(CK_ATTRIBUTE_TYPE, Option<Value>)>);

impl Search {
    pub(crate) fn new(template: &[RawAttribute<'_>]) -> Self {
        let value = |raw: &RawAttribute<'_>| Value::parse(rules::form(raw.kind)?, raw.value).ok();
        Self(template.iter().map(|raw| (raw.kind, value(raw))).collect())
    }

    /// Whether it lists a whole class, or all objects, rather than looking for one.
    pub(crate) fn lists(&self, class: Option<CK_OBJECT_CLASS>) -> bool {
        self.0.iter().all(|(kind, value)| match (*kind, value) {
            (CKA_TOKEN | CKA_PRIVATE, _) => true,
            (CKA_CLASS, Some(Value::Ulong(wanted))) => class.is_none_or(|class| u64::from(class) == *wanted),
            _ => false,
        })
    }
}
