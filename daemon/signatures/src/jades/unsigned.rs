//! `etsiU` of the unprotected header (TS 119 182-1, 5.3): time-stamps, and what proves a signature later.
//!
//! Its components stand in the order they were added, each as an object in Base64url, or all as plain objects. What an
//! archive time-stamp of plain ones covers depends on a canonical form of JSON that it names; none is known here.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Map, Value, json};

use super::read::JoseError;
use super::{bounds, references};
use crate::algorithm::{Hash, Hasher};
use crate::certificate::Certificate;
use crate::material::ValidationMaterial;
use crate::report::TimestampKind;
use crate::timestamp::TimestampToken;
use crate::validation::references::{MAX_REFERENCES, Reference};
use crate::validation::{self, MAX_TIMESTAMPS, Stamped};

/// Components that are looked at.
const MAX_COMPONENTS: usize = 256;

/// Values of one kind in one component that are looked at.
const MAX_VALUES: usize = 1024;

/// Text of all components of one signature, in bytes: there are some copies of it, taken apart further and further.
const MAX_TEXT: usize = 32 << 20;

/// A time-stamp token.
#[derive(Debug, Clone)]
struct Stamp {
    kind: TimestampKind,
    /// Components that stand before it.
    before: usize,
    /// None where it cannot be read, or covers something else than everything before it.
    token: Option<TimestampToken>,
}

/// The components of one signature.
#[derive(Debug, Clone, Default)]
pub(super) struct Unsigned {
    components: Vec<Value>,
    /// The name of each; of one with several names, none.
    names: Vec<String>,
    stamps: Vec<Stamp>,
    material: ValidationMaterial,
    references: Vec<Reference>,
    /// Names of components that nothing here looks at.
    not_evaluated: Vec<String>,
}

/// The three texts of a signature, each in Base64url.
#[derive(Debug, Clone, Copy)]
pub(super) struct Texts<'a> {
    pub(super) payload: &'a str,
    pub(super) protected: &'a str,
    pub(super) signature: &'a str,
}

impl Texts<'_> {
    /// A hash over what an archive time-stamp covers of the signature itself.
    fn begin(self, hash: Hash) -> Hasher {
        let mut hashing = hash.hasher();
        for text in [self.payload, self.protected, self.signature] {
            hashing.update(text.as_bytes());
            hashing.update(b".");
        }
        hashing
    }
}

impl Unsigned {
    /// Reads the `etsiU` of a signature's unprotected header.
    pub(super) fn read(components: Option<Value>) -> Result<Self, JoseError> {
        let components = match components {
            None => return Ok(Self::default()),
            Some(Value::Array(components)) if components.len() <= MAX_COMPONENTS => components,
            Some(_) => return Err(JoseError::Malformed),
        };
        if components.iter().map(text_len).sum::<usize>() > MAX_TEXT {
            return Err(JoseError::TooComplex);
        }
        let mut read = Self::default();
        for (place, component) in components.iter().enumerate() {
            let component = opened(component)?;
            let object = component.as_object().ok_or(JoseError::Malformed)?;
            for (name, value) in object {
                read.component(place, name, value);
            }
            let mut names = object.keys();
            let name = names.next().filter(|_| object.len() == 1);
            read.names.push(name.cloned().unwrap_or_default());
        }
        read.components = components;
        Ok(read)
    }

    fn component(&mut self, place: usize, name: &str, value: &Value) {
        match name {
            "sigTst" => self.stamp(TimestampKind::Signature, place, value),
            "sigRTst" => self.stamp(TimestampKind::SignatureAndReferences, place, value),
            "rfsTst" => self.stamp(TimestampKind::References, place, value),
            "arcTst" => self.stamp(TimestampKind::Archive, place, value),
            "xVals" => self.certificates(value),
            "rVals" => self.revocations(value),
            "xRefs" => self.refers(references::certificates(value)),
            "rRefs" => self.refers(references::revocation(value)),
            "tstVD" => {
                value
                    .get("xVals")
                    .into_iter()
                    .for_each(|values| self.certificates(values));
                value
                    .get("rVals")
                    .into_iter()
                    .for_each(|values| self.revocations(values));
            }
            other => self.not_evaluated.push(other.to_owned()),
        }
    }

    fn stamp(&mut self, kind: TimestampKind, before: usize, container: &Value) {
        // `previousArcTst` covers less than what has to be proven here.
        let whole = container.get("timeStamped").is_none_or(|what| what == "all");
        let tokens = tokens(container).into_iter();
        self.stamps.extend(tokens.map(|token| Stamp {
            kind,
            before,
            token: token.filter(|_| whole),
        }));
    }

    fn certificates(&mut self, values: &Value) {
        let values = values.as_array().into_iter().flatten().take(MAX_VALUES);
        let all = values.filter_map(|one| one.get("x509Cert").and_then(value));
        self.material.certificates.extend(all);
    }

    fn revocations(&mut self, values: &Value) {
        self.material
            .crls
            .extend(list(values, "crlVals").filter_map(value));
        self.material
            .ocsp_responses
            .extend(list(values, "ocspVals").filter_map(value));
    }

    fn refers(&mut self, more: Vec<Reference>) {
        let room = MAX_REFERENCES.saturating_sub(self.references.len());
        self.references.extend(more.into_iter().take(room));
    }

    pub(super) fn has(&self, kind: TimestampKind) -> bool {
        self.stamps.iter().any(|stamp| stamp.kind == kind)
    }

    pub(super) fn tokens(&self) -> impl Iterator<Item = &TimestampToken> {
        self.stamps.iter().filter_map(|stamp| stamp.token.as_ref())
    }

    pub(super) fn not_evaluated(&self) -> &[String] {
        &self.not_evaluated
    }

    /// To what was meant to prove the signature.
    pub(super) fn references(&self) -> &[Reference] {
        &self.references
    }

    pub(super) const fn material(&self) -> &ValidationMaterial {
        &self.material
    }

    /// The certificates it brings, those of the time-stamps among them.
    pub(super) fn brought_certificates(&self) -> Vec<Certificate> {
        let values = self.material.certificates.iter();
        let own = values.filter_map(|der| Certificate::from_der(der).ok());
        let stamped = self.tokens().flat_map(|token| token.certificates().to_vec());
        own.chain(stamped).collect()
    }

    /// The time-stamps, the innermost first.
    pub(super) fn timestamps(&self, texts: Texts<'_>) -> Vec<Stamped> {
        let mut stamps: Vec<&Stamp> = self.stamps.iter().take(MAX_TIMESTAMPS).collect();
        stamps.sort_by_key(|stamp| validation::rank(stamp.kind));
        // However many there are, the payload is hashed once.
        let mut begun = HashMap::new();
        let mut about = |stamp: &Stamp, token: &TimestampToken| {
            token.is_about_digest(|hash| match stamp.kind {
                TimestampKind::Archive => {
                    let begun = begun.entry(hash).or_insert_with(|| texts.begin(hash));
                    self.archive_digest(begun.clone(), stamp.before)
                }
                TimestampKind::SignatureAndReferences | TimestampKind::References => {
                    self.references_digest(texts, hash, stamp)
                }
                _ => Some(hash.digest(texts.signature.as_bytes())),
            })
        };
        stamps
            .into_iter()
            .map(|stamp| {
                let right = stamp.token.as_ref().is_some_and(|token| about(stamp, token));
                // What one over plain components covers depends on a canonical form of JSON.
                let plain = stamp.kind != TimestampKind::Signature
                    && stamp.token.is_some()
                    && self.components[..stamp.before].iter().any(Value::is_object);
                Stamped {
                    kind: stamp.kind,
                    about_this: (right || !plain).then_some(right),
                    token: stamp.token.clone(),
                }
            })
            .collect()
    }

    /// What a time-stamp over references covers (A.1.5.1 and A.1.5.2): the signature and its time-stamps, if they are
    /// meant, and the references before it.
    fn references_digest(&self, texts: Texts<'_>, hash: Hash, stamp: &Stamp) -> Option<Vec<u8>> {
        let mut named = vec!["xRefs", "rRefs", "axRefs", "arRefs"];
        let mut hashing = hash.hasher();
        if stamp.kind == TimestampKind::SignatureAndReferences {
            hashing.update(texts.signature.as_bytes());
            hashing.update(b".");
            named.push("sigTst");
        }
        let mut covered = 0;
        for (component, name) in self.components.iter().zip(&self.names).take(stamp.before) {
            if named.contains(&name.as_str()) {
                hashing.update(component.as_str()?.as_bytes());
                covered += 1;
            }
        }
        (covered > 0).then(|| hashing.finalize())
    }

    /// What an archive time-stamp behind so many components covers (5.3.6.3): the signature, and they.
    fn archive_digest(&self, mut hashing: Hasher, before: usize) -> Option<Vec<u8>> {
        for component in self.components.get(..before)? {
            hashing.update(component.as_str()?.as_bytes());
        }
        Some(hashing.finalize())
    }

    /// What the next archive time-stamp covers; none where components stand there plain.
    pub(super) fn next_archive_digest(&self, texts: Texts<'_>, hash: Hash) -> Option<Vec<u8>> {
        self.archive_digest(texts.begin(hash), self.components.len())
    }

    /// The components with one more, in the form that those have that are there.
    pub(super) fn with(&self, name: &str, value: &Value) -> Value {
        let mut components = self.components.clone();
        components.push(self.encoded(name, value));
        Value::Array(components)
    }

    fn encoded(&self, name: &str, value: &Value) -> Value {
        let component = json!({ name: value });
        if self.components.iter().any(Value::is_object) {
            component
        } else {
            json!(BASE64URL.encode(component.to_string()))
        }
    }

    /// The components with this material: behind an archive time-stamp as what proves that (`tstVD`), else in the one
    /// place for certificates and the one for revocation (`xVals`, `rVals`).
    pub(super) fn with_material(&self, missing: &ValidationMaterial) -> Result<Value, JoseError> {
        if self.has(TimestampKind::Archive) {
            let parts = [("xVals", x_vals(missing)), ("rVals", r_vals(missing))];
            let parts = parts
                .into_iter()
                .filter_map(|(name, part)| Some((name.to_owned(), part?)));
            return Ok(self.with("tstVD", &Value::Object(parts.collect())));
        }
        let mut all = self.material.clone();
        all.merge(missing);
        let mut kept = Self::default();
        for component in &self.components {
            let old = opened(component)?;
            if old.get("xVals").is_none() && old.get("rVals").is_none() {
                kept.components.push(component.clone());
            }
        }
        for (name, part) in [("xVals", x_vals(&all)), ("rVals", r_vals(&all))] {
            kept.components.extend(part.map(|part| kept.encoded(name, &part)));
        }
        Ok(Value::Array(kept.components))
    }
}

/// The bytes of all strings in a value.
fn text_len(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(text_len).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| name.len() + text_len(value))
            .sum(),
        _ => 0,
    }
}

/// A component as the object that it is.
fn opened(component: &Value) -> Result<Value, JoseError> {
    match component {
        Value::String(text) => {
            let bytes = BASE64URL.decode(text).map_err(|_| JoseError::Malformed)?;
            bounds::parse(&bytes)
        }
        other => Ok(other.clone()),
    }
}

fn list<'v>(container: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    let values = container.get(name).and_then(Value::as_array);
    values.into_iter().flatten().take(MAX_VALUES)
}

/// The tokens of a container of time-stamps (5.4.3.3); none in the place of one that cannot be read.
pub(super) fn tokens(container: &Value) -> Vec<Option<TimestampToken>> {
    let mut tokens: Vec<_> = list(container, "tstTokens")
        .take(MAX_TIMESTAMPS)
        .map(|token| TimestampToken::from_der(&value(token)?).ok())
        .collect();
    if tokens.is_empty() {
        tokens.push(None);
    }
    tokens
}

/// The octets of a `pkiOb` or of a time-stamp token (5.4.1, 5.4.3).
fn value(object: &Value) -> Option<Vec<u8>> {
    BASE64.decode(object.get("val")?.as_str()?).ok()
}

fn objects(values: &[Vec<u8>]) -> Vec<Value> {
    values
        .iter()
        .map(|der| json!({ "val": BASE64.encode(der) }))
        .collect()
}

/// `xVals` (5.3.5.2); none where there is no certificate.
fn x_vals(material: &ValidationMaterial) -> Option<Value> {
    let all = objects(&material.certificates);
    (!all.is_empty()).then(|| all.into_iter().map(|one| json!({ "x509Cert": one })).collect())
}

/// `rVals` (5.3.5.3); none where nothing says what is revoked.
fn r_vals(material: &ValidationMaterial) -> Option<Value> {
    let parts = [
        ("crlVals", &material.crls),
        ("ocspVals", &material.ocsp_responses),
    ];
    let parts = parts.into_iter().filter(|(_, values)| !values.is_empty());
    let object: Map<String, Value> = parts
        .map(|(name, values)| (name.to_owned(), Value::Array(objects(values))))
        .collect();
    (!object.is_empty()).then_some(Value::Object(object))
}

/// A container of one time-stamp (5.4.3.3).
pub(super) fn tst_container(token: &TimestampToken) -> Value {
    json!({ "tstTokens": objects(&[token.as_der().to_vec()]) })
}
