//! Making an object from a template (PKCS #11, section 4.1): rules checked, defaults filled in, and what the
//! class wants beyond them.

use cryptoki_sys::*;
use der::asn1::{AnyRef, OctetString};
use der::{Decode, Encode, Reader, SliceReader};

use crate::attribute::{RawAttribute, Value};
use crate::error::{Error, Result};
use crate::mechanism::Curve;
use crate::object::{Attributes, MAX_VALUE, Object};
use crate::rules::{self, Rule};

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
    /// `C_UnwrapKey`, `C_DecapsulateKey`: the key comes from outside, in another key's protection.
    Unwrapping,
    /// `C_DeriveKey`, `C_EncapsulateKey`: what was always true of the base key may be of this one.
    Derivation {
        always_sensitive: bool,
        never_extractable: bool,
    },
}

/// An object in the making: the template's values, checked one by one.
pub(crate) struct Draft {
    attributes: Attributes,
    rules: Vec<&'static Rule>,
    origin: Origin,
}

impl Draft {
    /// Reads a template.
    pub(crate) fn new(template: &[RawAttribute<'_>], origin: Origin) -> Result<Self> {
        let mut attributes = Attributes::new();
        let (class, key_type) = match origin {
            Origin::Import => class_and_type(template, None)?,
            // Most programs derive secret keys without saying so.
            Origin::Unwrapping | Origin::Derivation { .. } => {
                let (class, key_type) = class_and_type(template, Some(CKO_SECRET_KEY))?;
                let key_type = key_type.ok_or(Error::TemplateInconsistent)?;
                attributes.insert(CKA_CLASS, Value::Ulong(class));
                attributes.insert(CKA_KEY_TYPE, Value::Ulong(key_type));
                (class, Some(key_type))
            }
            Origin::Generation { class, key_type, .. } => {
                attributes.insert(CKA_CLASS, Value::Ulong(class));
                attributes.insert(CKA_KEY_TYPE, Value::Ulong(key_type));
                (class, Some(key_type))
            }
        };
        let rules = rules::of(class, key_type).ok_or(Error::AttributeValueInvalid)?;
        let mut draft = Self {
            attributes,
            rules,
            origin,
        };
        template.iter().try_for_each(|raw| draft.take(raw))?;
        draft.check_needed()?;
        Ok(draft)
    }

    fn take(&mut self, raw: &RawAttribute<'_>) -> Result<()> {
        let rule = self
            .rules
            .iter()
            .find(|rule| rule.kind == raw.kind)
            .ok_or(Error::AttributeTypeInvalid)?;
        if raw.value.len() > MAX_VALUE {
            return Err(Error::AttributeValueInvalid);
        }
        let value = Value::parse(rule.form, raw.value)?;
        let taken = match self.origin {
            Origin::Import => rule.on_create(),
            Origin::Generation { .. } | Origin::Unwrapping | Origin::Derivation { .. } => rule.on_generate(),
        };
        if !taken {
            return Err(Error::AttributeReadOnly);
        }
        match self.attributes.insert(raw.kind, value.clone()) {
            Some(other) if other != value => Err(Error::TemplateInconsistent),
            _ => Ok(()),
        }
    }

    fn check_needed(&self) -> Result<()> {
        let missing = self.rules.iter().any(|rule| {
            let needed = match self.origin {
                Origin::Import => rule.needed_on_create(),
                Origin::Generation { .. } => rule.needed_on_generate(),
                Origin::Unwrapping | Origin::Derivation { .. } => false,
            };
            needed && !self.attributes.contains_key(&rule.kind)
        });
        if missing {
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

    /// Adds what a generation made.
    pub(crate) fn insert(&mut self, kind: CK_ATTRIBUTE_TYPE, value: Value) {
        self.attributes.insert(kind, value);
    }

    /// Fills in what is missing and checks what belongs together.
    pub(crate) fn finish(mut self) -> Result<Object> {
        for rule in &self.rules {
            if let (false, Some(value)) = (self.attributes.contains_key(&rule.kind), rule.default()) {
                self.attributes.insert(rule.kind, value);
            }
        }
        let private_by_default = self.ulong(CKA_CLASS) == Some(CKO_PRIVATE_KEY);
        self.attributes
            .entry(CKA_PRIVATE)
            .or_insert(Value::Bool(private_by_default));
        match self.origin {
            Origin::Import | Origin::Unwrapping => {}
            Origin::Generation { mechanism, .. } => {
                self.insert(CKA_LOCAL, Value::Bool(true));
                self.insert(CKA_KEY_GEN_MECHANISM, Value::Ulong(mechanism));
                self.mark_history(true, true);
            }
            Origin::Derivation {
                always_sensitive,
                never_extractable,
            } => self.mark_history(always_sensitive, never_extractable),
        }
        if self.attributes.get(&CKA_TRUSTED) == Some(&Value::Bool(true)) {
            // Only the security officer may trust (4.6.3), who has no business with the making of objects here.
            return Err(Error::AttributeReadOnly);
        }
        match self.ulong(CKA_CLASS) {
            Some(CKO_CERTIFICATE) => self.complete_certificate()?,
            Some(CKO_PUBLIC_KEY) if self.origin == Origin::Import => self.complete_public_key()?,
            _ => {}
        }
        let object = Object::new(self.attributes);
        if matches!(object.class(), CKO_PUBLIC_KEY | CKO_PRIVATE_KEY) {
            // A key that cannot be used is refused now, not when somebody wants a signature.
            object.key()?;
        }
        Ok(object)
    }

    /// What can be said of the key's whole life (`CKA_ALWAYS_SENSITIVE`, `CKA_NEVER_EXTRACTABLE`), which for a
    /// derived one began with its base key.
    fn mark_history(&mut self, sensitive_before: bool, unextractable_before: bool) {
        if !matches!(self.ulong(CKA_CLASS), Some(CKO_PRIVATE_KEY | CKO_SECRET_KEY)) {
            return;
        }
        let is = |kind| self.attributes.get(&kind) == Some(&Value::Bool(true));
        let sensitive = sensitive_before && is(CKA_SENSITIVE);
        let unextractable = unextractable_before && !is(CKA_EXTRACTABLE);
        self.insert(CKA_ALWAYS_SENSITIVE, Value::Bool(sensitive));
        self.insert(CKA_NEVER_EXTRACTABLE, Value::Bool(unextractable));
    }

    /// X.509 only; subject, issuer and serial number come from the certificate where the host left them out, so
    /// that everybody can find it by them.
    fn complete_certificate(&mut self) -> Result<()> {
        if self.ulong(CKA_CERTIFICATE_TYPE) != Some(CKC_X_509) {
            return Err(Error::AttributeValueInvalid);
        }
        let value = self.bytes(CKA_VALUE).unwrap_or_default().to_vec();
        let names = CertificateNames::read(&value).map_err(|_| Error::AttributeValueInvalid)?;
        for (kind, found) in [
            (CKA_SUBJECT, names.subject),
            (CKA_ISSUER, names.issuer),
            (CKA_SERIAL_NUMBER, names.serial_number),
        ] {
            if self.bytes(kind).is_none_or(<[u8]>::is_empty) {
                self.insert(kind, Value::bytes(found));
            }
        }
        Ok(())
    }

    fn complete_public_key(&mut self) -> Result<()> {
        if let Some(modulus) = self.bytes(CKA_MODULUS) {
            let bits = modulus.first().map_or(0, |first| {
                modulus.len() as u64 * 8 - u64::from(first.leading_zeros())
            });
            self.insert(CKA_MODULUS_BITS, Value::Ulong(bits));
        }
        if let (Some(parameters), Some(point)) = (self.bytes(CKA_EC_PARAMS), self.bytes(CKA_EC_POINT)) {
            // The standard wants the point in an OCTET STRING; some hosts give it bare. One form is kept.
            let curve = Curve::from_parameters(parameters)?;
            if point.len() == curve.point_len() {
                let wrapped = OctetString::new(point).and_then(|point| point.to_der());
                let wrapped = wrapped.map_err(|_| Error::AttributeValueInvalid)?;
                self.insert(CKA_EC_POINT, Value::bytes(wrapped));
            }
        }
        Ok(())
    }
}

/// Class and key type of a template; `default` stands for a class that is not given.
fn class_and_type(
    template: &[RawAttribute<'_>],
    default: Option<CK_OBJECT_CLASS>,
) -> Result<(CK_OBJECT_CLASS, Option<CK_KEY_TYPE>)> {
    let class = given_ulong(template, CKA_CLASS)?.or(default);
    let class = class.ok_or(Error::TemplateIncomplete)?;
    let keyed = matches!(class, CKO_PUBLIC_KEY | CKO_PRIVATE_KEY | CKO_SECRET_KEY);
    let key_type = given_ulong(template, CKA_KEY_TYPE)?;
    if keyed && key_type.is_none() {
        return Err(Error::TemplateIncomplete);
    }
    Ok((class, key_type.filter(|_| keyed)))
}

fn given_ulong(template: &[RawAttribute<'_>], kind: CK_ATTRIBUTE_TYPE) -> Result<Option<CK_ULONG>> {
    let Some(raw) = template.iter().find(|raw| raw.kind == kind) else {
        return Ok(None);
    };
    let raw = raw.value.try_into().map_err(|_| Error::AttributeValueInvalid)?;
    Ok(Some(CK_ULONG::from_ne_bytes(raw)))
}

/// The DER of the parts of a certificate that PKCS #11 searches by (RFC 5280, 4.1).
struct CertificateNames {
    serial_number: Vec<u8>,
    issuer: Vec<u8>,
    subject: Vec<u8>,
}

impl CertificateNames {
    fn read(certificate: &[u8]) -> der::Result<Self> {
        let mut outer = SliceReader::new(certificate)?;
        let names = outer.sequence(|certificate| {
            let names = certificate.sequence(|tbs: &mut SliceReader<'_>| {
                if tbs.peek_byte() == Some(0xa0) {
                    AnyRef::decode(tbs)?; // version
                }
                let serial_number = tbs.tlv_bytes()?.to_vec();
                tbs.tlv_bytes()?; // signature algorithm
                let issuer = tbs.tlv_bytes()?.to_vec();
                tbs.tlv_bytes()?; // validity
                let subject = tbs.tlv_bytes()?.to_vec();
                while !tbs.is_finished() {
                    tbs.tlv_bytes()?;
                }
                Ok::<_, der::Error>(Self {
                    serial_number,
                    issuer,
                    subject,
                })
            })?;
            certificate.tlv_bytes()?; // signature algorithm
            certificate.tlv_bytes()?; // signature
            Ok::<_, der::Error>(names)
        })?;
        outer.finish()?;
        Ok(names)
    }
}
