//! Making an object from a template (PKCS #11, section 4.1): rules checked, defaults filled in, and what the
//! class wants beyond them.

mod certificate;
mod keys;
mod public_key_info;

use cryptoki_sys::*;

use crate::attribute::{RawAttribute, Value};
use crate::error::{Error, Result};
use crate::object::{self, Attributes, Object};
use crate::rules::{self, Rule, Rules};

/// Where an object comes from; the rules differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `C_CreateObject`.
    Import,
    /// `C_GenerateKey`, or one half of `C_GenerateKeyPair`.
    Generation {
        class: CK_OBJECT_CLASS,
        key_type: CK_KEY_TYPE,
        mechanism: CK_MECHANISM_TYPE,
    },
    /// `C_UnwrapKey`.
    Unwrapping,
    #[allow(dead_code)] // for the key functions
    /// `C_DeriveKey`, `C_EncapsulateKey` and `C_DecapsulateKey`, from a key with these two flags.
    Derivation {
        always_sensitive: bool,
        never_extractable: bool,
    },
}

impl Origin {
    #[allow(dead_code)] // for the key functions
    /// A derivation from this key.
    pub(crate) fn derived_from(base: &Object) -> Self {
        Self::Derivation {
            always_sensitive: base.is(CKA_ALWAYS_SENSITIVE),
            never_extractable: base.is(CKA_NEVER_EXTRACTABLE),
        }
    }

    fn takes(self, rule: &Rule) -> bool {
        match self {
            Self::Import => rule.on_create(),
            Self::Generation { .. } => rule.on_generate(),
            Self::Unwrapping | Self::Derivation { .. } => rule.on_unwrap(),
        }
    }

    fn needs(self, rule: &Rule) -> bool {
        match self {
            Self::Import => rule.needed_on_create(),
            Self::Generation { .. } => rule.needed_on_generate(),
            Self::Unwrapping => rule.needed_on_unwrap(),
            Self::Derivation { .. } => false,
        }
    }

    /// The class, and what stands for it when the template does not say.
    fn class(self, given: Option<CK_OBJECT_CLASS>) -> Result<CK_OBJECT_CLASS> {
        match (self, given) {
            (Self::Generation { class, .. }, Some(given)) if given != class => {
                Err(Error::TemplateInconsistent)
            }
            (Self::Generation { class, .. }, _) => Ok(class),
            (_, Some(given)) => Ok(given),
            // Most programs unwrap and derive secret keys without saying so.
            (Self::Unwrapping | Self::Derivation { .. }, None) => Ok(CKO_SECRET_KEY),
            (Self::Import, None) => Err(Error::TemplateIncomplete),
        }
    }

    /// The same for the type of a key or certificate.
    fn subtype(self, given: Option<CK_ULONG>) -> Result<CK_ULONG> {
        match (self, given) {
            (Self::Generation { key_type, .. }, Some(given)) if given != key_type => {
                Err(Error::TemplateInconsistent)
            }
            (Self::Generation { key_type, .. }, _) => Ok(key_type),
            (_, Some(given)) => Ok(given),
            (Self::Derivation { .. }, None) => Ok(CKK_GENERIC_SECRET),
            (Self::Import | Self::Unwrapping, None) => Err(Error::TemplateIncomplete),
        }
    }
}

/// An object in the making: the template's values, checked one by one.
pub(crate) struct Draft {
    attributes: Attributes,
    rules: Rules,
    origin: Origin,
}

impl Draft {
    /// Reads a template. What is wrong with it is told in the order of section 4.1.1: an attribute that the class
    /// does not have, a value that it cannot have, one that may not be given, one that is missing.
    pub(crate) fn new(template: &[RawAttribute<'_>], origin: Origin) -> Result<Self> {
        Self::under(&[], template, origin)
    }

    /// The same under the template that an unwrapping, deriving or encapsulating key lays on all that come from it
    /// (`CKA_UNWRAP_TEMPLATE` and its like, section 4.8): what both say has to be the same.
    pub(crate) fn under(
        imposed: &[(CK_ATTRIBUTE_TYPE, Value)],
        template: &[RawAttribute<'_>],
        origin: Origin,
    ) -> Result<Self> {
        let given =
            |kind| -> Result<_> { Ok(given_ulong(template, kind)?.or_else(|| imposed_ulong(imposed, kind))) };
        let class = origin.class(given(CKA_CLASS)?)?;
        let mut attributes = Attributes::new();
        attributes.insert(CKA_CLASS, Value::Ulong(class));
        let mut subtype = None;
        if let Some(kind) = rules::subtype_attribute(class) {
            let value = origin.subtype(given(kind)?)?;
            attributes.insert(kind, Value::Ulong(value));
            subtype = Some(value);
        }
        let rules = rules::of(class, subtype).ok_or(Error::AttributeValueInvalid)?;
        let mut draft = Self {
            attributes,
            rules,
            origin,
        };
        template.iter().try_for_each(|raw| draft.take(raw))?;
        for (kind, value) in imposed {
            rules.find(*kind).ok_or(Error::TemplateInconsistent)?;
            draft.agree(*kind, value.clone())?;
        }
        draft.check_needed()?;
        Ok(draft)
    }

    fn take(&mut self, raw: &RawAttribute<'_>) -> Result<()> {
        let rule = self.rules.find(raw.kind).ok_or(Error::AttributeTypeInvalid)?;
        let value = object::parse(rule.form, raw)?;
        if !self.origin.takes(rule) {
            // 4.4.1 calls this attribute read-only too; who tests `C_CreateObject` takes it for one that no template
            // can have.
            let is_never_given = raw.kind == CKA_UNIQUE_ID && self.origin == Origin::Import;
            return Err(if is_never_given {
                Error::AttributeTypeInvalid
            } else {
                Error::AttributeReadOnly
            });
        }
        self.agree(raw.kind, value)
    }

    /// Takes a value over. The same one given twice counts once; two that differ contradict each other.
    fn agree(&mut self, kind: CK_ATTRIBUTE_TYPE, value: Value) -> Result<()> {
        match self.attributes.get(&kind) {
            Some(other) if *other != value => Err(Error::TemplateInconsistent),
            _ => {
                self.attributes.insert(kind, value);
                Ok(())
            }
        }
    }

    fn check_needed(&self) -> Result<()> {
        let is_missing = |rule: &Rule| self.origin.needs(rule) && !self.attributes.contains_key(&rule.kind);
        if self.rules.iter().any(is_missing) {
            Err(Error::TemplateIncomplete)
        } else {
            Ok(())
        }
    }

    /// A number of the template, if it is given.
    pub(crate) fn ulong(&self, kind: CK_ATTRIBUTE_TYPE) -> Option<u64> {
        match self.attributes.get(&kind) {
            Some(Value::Ulong(value)) => Some(*value),
            _ => None,
        }
    }

    /// The bytes of the template, if they are given.
    pub(crate) fn bytes(&self, kind: CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
        match self.attributes.get(&kind) {
            Some(Value::Bytes(value)) => Some(value),
            _ => None,
        }
    }

    /// Whether an attribute is given and true.
    fn is(&self, kind: CK_ATTRIBUTE_TYPE) -> bool {
        self.attributes.get(&kind) == Some(&Value::Bool(true))
    }

    /// Whether the template, or what is laid on it, says anything of an attribute.
    pub(crate) fn gives(&self, kind: CK_ATTRIBUTE_TYPE) -> bool {
        self.attributes.contains_key(&kind)
    }

    /// The class of the object.
    pub(crate) fn class(&self) -> Option<CK_OBJECT_CLASS> {
        self.ulong(CKA_CLASS)
    }

    /// The type of the key.
    pub(crate) fn key_type(&self) -> Option<CK_KEY_TYPE> {
        self.ulong(CKA_KEY_TYPE)
    }

    /// Adds what the token made: the numbers of a generated key, the value of one unwrapped or derived.
    pub(crate) fn insert(&mut self, kind: CK_ATTRIBUTE_TYPE, value: Value) {
        self.attributes.insert(kind, value);
    }

    /// Fills in what is missing and checks what belongs together.
    pub(crate) fn finish(mut self) -> Result<Object> {
        self.fill_in();
        self.mark_history();
        if self.is(CKA_ALWAYS_AUTHENTICATE) && !self.is(CKA_PRIVATE) {
            // Nobody could be asked for a PIN (4.9).
            return Err(Error::TemplateInconsistent);
        }
        match self.class() {
            Some(CKO_CERTIFICATE) => self.complete_certificate()?,
            Some(CKO_PUBLIC_KEY) => self.complete_public_key()?,
            Some(CKO_PRIVATE_KEY) => self.complete_private_key()?,
            Some(CKO_SECRET_KEY) => self.complete_secret_key()?,
            Some(CKO_DOMAIN_PARAMETERS) => self.complete_parameters()?,
            _ => {}
        }
        self.insert(CKA_UNIQUE_ID, object::new_unique_id()?);
        let object = Object::new(self.attributes);
        if matches!(object.class(), CKO_PUBLIC_KEY | CKO_PRIVATE_KEY) {
            // A key that cannot be used is refused now, not when somebody wants a signature.
            object.key()?.check()?;
        }
        Ok(object)
    }

    /// The defaults of the table, and those that depend on other attributes.
    fn fill_in(&mut self) {
        // A derivation that says what its key is for means that and nothing else; keys are made apart by their use.
        let is_derived = matches!(self.origin, Origin::Derivation { .. });
        let says_use = is_derived
            && self
                .rules
                .iter()
                .any(|rule| rule.is_usage() && self.is(rule.kind));
        for rule in self.rules.iter() {
            let default = match self.rules.default(rule) {
                Some(Value::Bool(_)) if says_use && rule.is_usage() => Some(Value::Bool(false)),
                other => other,
            };
            if let (false, Some(value)) = (self.attributes.contains_key(&rule.kind), default) {
                self.attributes.insert(rule.kind, value);
            }
        }
        let is_secret = matches!(self.class(), Some(CKO_PRIVATE_KEY | CKO_SECRET_KEY));
        let private = self.attributes.entry(CKA_PRIVATE);
        private.or_insert(Value::Bool(is_secret));
        if is_secret {
            let extractable = Value::Bool(self.extractable_by_default());
            self.attributes.entry(CKA_EXTRACTABLE).or_insert(extractable);
        }
    }

    /// An unwrapped key may be wrapped again (5.18.5). A secret key of the session goes where its host wants, and so
    /// does one that everybody may see, unless the template protects it; all others stay in the token.
    fn extractable_by_default(&self) -> bool {
        let is_open = self.class() == Some(CKO_SECRET_KEY) && !self.is(CKA_SENSITIVE);
        self.origin == Origin::Unwrapping || (is_open && !(self.is(CKA_TOKEN) && self.is(CKA_PRIVATE)))
    }

    /// What the token says of a key's past (4.7, 4.9, 4.10): where it was made, and whether its value was ever out.
    fn mark_history(&mut self) {
        let keyed = matches!(
            self.class(),
            Some(CKO_PUBLIC_KEY | CKO_PRIVATE_KEY | CKO_SECRET_KEY)
        );
        let (sensitive, extractable) = (self.is(CKA_SENSITIVE), self.is(CKA_EXTRACTABLE));
        let (always_sensitive, never_extractable) = match self.origin {
            Origin::Import | Origin::Unwrapping => return,
            Origin::Generation { mechanism, .. } if keyed => {
                self.insert(CKA_LOCAL, Value::Bool(true));
                self.insert(CKA_KEY_GEN_MECHANISM, Value::Ulong(mechanism));
                (true, true)
            }
            Origin::Generation { .. } => {
                self.insert(CKA_LOCAL, Value::Bool(true));
                return;
            }
            Origin::Derivation {
                always_sensitive,
                never_extractable,
            } => (always_sensitive, never_extractable),
        };
        if matches!(self.class(), Some(CKO_PRIVATE_KEY | CKO_SECRET_KEY)) {
            self.insert(CKA_ALWAYS_SENSITIVE, Value::Bool(always_sensitive && sensitive));
            self.insert(
                CKA_NEVER_EXTRACTABLE,
                Value::Bool(never_extractable && !extractable),
            );
        }
    }
}

fn imposed_ulong(imposed: &[(CK_ATTRIBUTE_TYPE, Value)], kind: CK_ATTRIBUTE_TYPE) -> Option<CK_ULONG> {
    imposed.iter().find_map(|(known, value)| match value {
        Value::Ulong(value) if *known == kind => CK_ULONG::try_from(*value).ok(),
        _ => None,
    })
}

fn given_ulong(template: &[RawAttribute<'_>], kind: CK_ATTRIBUTE_TYPE) -> Result<Option<CK_ULONG>> {
    let Some(raw) = template.iter().find(|raw| raw.kind == kind) else {
        return Ok(None);
    };
    let raw = raw.value.try_into().map_err(|_| Error::AttributeValueInvalid)?;
    Ok(Some(CK_ULONG::from_ne_bytes(raw)))
}
