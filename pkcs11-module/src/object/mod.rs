//! Objects: what one is, what may be asked of it and changed in it.

pub(crate) mod check_value;
mod parsed;

use std::collections::BTreeMap;
use std::sync::Arc;

use cryptoki_sys::*;

use crate::attribute::{Answer, Form, Query, RawAttribute, Value, array_len};
use crate::error::{Error, Result};
use crate::key::Key;
use crate::output::Room;
use crate::rules::{self, Rule, Rules};
use crate::store::ValueRef;
use parsed::Parsed;

/// The attributes of an object, by type.
pub(crate) type Attributes = BTreeMap<CK_ATTRIBUTE_TYPE, Value>;

/// The longest value of an attribute, in bytes; certificates and data are far below it.
pub(crate) const MAX_VALUE: usize = 1 << 20;

/// An object that keeps the rules of its class. Never changed: a changed one takes its place, so whoever works
/// with the old one goes on undisturbed.
pub(crate) struct Object {
    attributes: Attributes,
    key: Arc<Parsed>,
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
        self.key.get(|| Key::of(self))
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
        let (needed, answer) = match value {
            Value::Template(attributes) => {
                let attributes = attributes.iter().map(|(kind, value)| (*kind, value.to_host()));
                (
                    array_len(attributes.len()),
                    Answer::Template(attributes.collect()),
                )
            }
            value => {
                let value = value.to_host();
                (value.len(), Answer::Value(value))
            }
        };
        match query.room {
            room if room.takes(needed) => answer,
            Room::Query => Answer::Length(needed),
            Room::Items(_) => Answer::Refused(Error::BufferTooSmall),
        }
    }

    fn is_hidden(&self, kind: CK_ATTRIBUTE_TYPE) -> bool {
        // A private key that does not say that it may be told may not.
        let open =
            self.attributes.get(&CKA_SENSITIVE) == Some(&Value::Bool(false)) && self.is(CKA_EXTRACTABLE);
        !open
            && self
                .rules()
                .and_then(|rules| rules.find(kind))
                .is_some_and(Rule::is_secret)
    }

    fn rules(&self) -> Option<Rules> {
        let class = self.class();
        rules::of(
            class,
            rules::subtype_attribute(class).and_then(|kind| self.ulong(kind)),
        )
    }

    /// Whether a mechanism may be used with this key (`CKA_ALLOWED_MECHANISMS`, section 4.7).
    pub(crate) fn allows(&self, mechanism: CK_MECHANISM_TYPE) -> bool {
        match self.attributes.get(&CKA_ALLOWED_MECHANISMS) {
            Some(Value::Ulongs(allowed)) => allowed.contains(&mechanism),
            _ => true,
        }
    }

    /// The template that this key lays on others (`CKA_WRAP_TEMPLATE`, `CKA_UNWRAP_TEMPLATE`,
    /// `CKA_DERIVE_TEMPLATE`); empty if it has none.
    pub(crate) fn template(&self, kind: CK_ATTRIBUTE_TYPE) -> &[(CK_ATTRIBUTE_TYPE, Value)] {
        match self.attributes.get(&kind) {
            Some(Value::Template(template)) => template,
            _ => &[],
        }
    }

    /// Whether the object has every value of another's template: what a key with `CKA_WRAP_TEMPLATE` wraps.
    pub(crate) fn fits(&self, template: &[(CK_ATTRIBUTE_TYPE, Value)]) -> bool {
        template
            .iter()
            .all(|(kind, value)| self.attributes.get(kind) == Some(value))
    }

    /// Whether it is sealed with the user's key, and there only after login: a private object, and a key of the token
    /// that has something to hide. Such a key may call itself public (`CKA_PRIVATE`), which the standard allows, but
    /// what everybody may read is sealed with a key that everybody has. A secret key that is neither private nor
    /// sensitive has nothing to hide, whether it may be wrapped or not.
    pub(crate) fn is_guarded(&self) -> bool {
        let hides = match self.class() {
            CKO_PRIVATE_KEY => self.is(CKA_SENSITIVE) || !self.is(CKA_EXTRACTABLE),
            CKO_SECRET_KEY => self.is(CKA_SENSITIVE),
            _ => false,
        };
        self.is_private() || (hides && self.is_token())
    }

    /// The object with other values, for `C_SetAttributeValue` or `C_CopyObject` (sections 5.7.6 and 5.7.2).
    pub(crate) fn changed(&self, template: &[RawAttribute<'_>], change: Change) -> Result<Self> {
        let rules = self.rules().ok_or(Error::General)?;
        let mut given = Attributes::new();
        for raw in template {
            let rule = rules.find(raw.kind).ok_or(Error::AttributeTypeInvalid)?;
            let value = parse(rule.form, raw)?;
            self.check_change(rule, &value, change)?;
            match given.get(&raw.kind) {
                Some(other) if *other != value => return Err(Error::TemplateInconsistent),
                _ => given.insert(raw.kind, value),
            };
        }
        let mut attributes = self.attributes.clone();
        attributes.extend(given);
        if change == Change::Copy {
            attributes.insert(CKA_UNIQUE_ID, new_unique_id()?);
        }
        Ok(Self {
            attributes,
            key: self.key.clone(),
        })
    }

    fn check_change(&self, rule: &Rule, value: &Value, change: Change) -> Result<()> {
        let current = self.attributes.get(&rule.kind);
        let allowed = match change {
            Change::InPlace => rule.on_set(),
            // A copy may say again what it is a copy of.
            Change::Copy => rule.on_copy() || (current == Some(value) && rule.on_create()),
        };
        if allowed && !self.goes_back(rule, value) {
            self.check_check_value(rule.kind, value)
        } else {
            Err(Error::AttributeReadOnly)
        }
    }

    /// Protection only grows: sensitive stays sensitive, not extractable stays not extractable (footnotes 11 and 12),
    /// and a private object has no public copy.
    fn goes_back(&self, rule: &Rule, value: &Value) -> bool {
        let last = match rule.kind {
            CKA_PRIVATE => Some(true),
            _ => rule.final_value(),
        };
        last.is_some_and(|last| {
            self.attributes.get(&rule.kind) == Some(&Value::Bool(last)) && *value != Value::Bool(last)
        })
    }

    /// A check value can be taken away, and not changed (4.10.2).
    fn check_check_value(&self, kind: CK_ATTRIBUTE_TYPE, value: &Value) -> Result<()> {
        let is_right = self.attributes.get(&kind) == Some(value) || *value == Value::bytes([]);
        if kind != CKA_CHECK_VALUE || is_right {
            Ok(())
        } else {
            Err(Error::AttributeValueInvalid)
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

/// A value of a template in the form that its attribute has.
pub(crate) fn parse(form: Form, raw: &RawAttribute<'_>) -> Result<Value> {
    if raw.value.len() > MAX_VALUE {
        return Err(Error::AttributeValueInvalid);
    }
    if form != Form::Template {
        return Value::parse(form, raw.value);
    }
    let template = raw.template.as_ref().ok_or(Error::AttributeValueInvalid)?;
    let attributes = template.iter().map(|inner| {
        let form = rules::form(inner.kind).ok_or(Error::AttributeValueInvalid)?;
        Ok((inner.kind, parse(form, inner)?))
    });
    Ok(Value::Template(attributes.collect::<Result<_>>()?))
}

/// A value for `CKA_UNIQUE_ID` (section 4.4.1): 128 random bits as text, so no two objects ever share one.
pub(crate) fn new_unique_id() -> Result<Value> {
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| Error::General)?;
    let text: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Value::bytes(text))
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
        let value = |raw: &RawAttribute<'_>| parse(rules::form(raw.kind)?, raw).ok();
        Self(template.iter().map(|raw| (raw.kind, value(raw))).collect())
    }

    /// What it looks for, as far as an object can have it.
    pub(crate) fn values(&self) -> impl Iterator<Item = (CK_ATTRIBUTE_TYPE, ValueRef<'_>)> {
        let criteria = self.0.iter();
        criteria.filter_map(|(kind, value)| Some((*kind, ValueRef::of(value.as_ref()?)?)))
    }

    /// Whether an object has all that is looked for, as far as bytes can tell; `value` gives what it has of a type.
    pub(crate) fn may_match<'a>(&self, value: impl Fn(CK_ATTRIBUTE_TYPE) -> Option<ValueRef<'a>>) -> bool {
        self.0.iter().all(|(kind, wanted)| {
            let (Some(wanted), Some(value)) = (wanted, value(*kind)) else {
                return false;
            };
            ValueRef::of(wanted).is_none_or(|wanted| wanted == value)
        })
    }

    /// Whether bytes cannot tell: it looks for a value that some objects keep to themselves, or for a list.
    pub(crate) fn needs_objects(&self) -> bool {
        self.0.iter().any(|(kind, value)| {
            rules::may_be_secret(*kind) || value.as_ref().is_some_and(|value| ValueRef::of(value).is_none())
        })
    }

    /// Whether it asks for this class by name.
    pub(crate) fn names(&self, class: CK_OBJECT_CLASS) -> bool {
        let class = Value::Ulong(class.into());
        self.0
            .iter()
            .any(|(kind, value)| *kind == CKA_CLASS && value.as_ref() == Some(&class))
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
