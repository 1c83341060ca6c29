//! Raising a JAdES signature from B-B to B-T, B-LT and B-LTA (TS 119 182-1, clause 6): time-stamps and validation
//! material go into the unprotected header, which only the JSON serialisation has.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::read::{Header, Jws};
use super::unsigned::{Texts, Unsigned, tst_container};
use crate::algorithm::Hash;
use crate::augment::{Augment, AugmentError, PreparedTimestamp, ToBeProven};
use crate::certificate::Certificate;
use crate::material::ValidationMaterial;
use crate::report::TimestampKind;
use crate::timestamp::{Imprint, TimestampToken};

/// The member that holds what is signed (RFC 7515, 7.2.1).
const PAYLOAD: &str = "payload";

/// What is written beside the payload at the least, in bytes.
const ROOM: usize = 64 * 1024;

/// A JAdES signature in the JSON serialisation, with one signature.
#[derive(Debug, Clone)]
pub struct JadesSignature {
    /// With an empty text where the payload stands, which is held once.
    members: Map<String, Value>,
    /// In Base64url; none where a detached content is not there.
    payload: Option<Arc<String>>,
    protected: String,
    signature: String,
    /// Those of the protected header, the signer's first.
    certificates: Vec<Certificate>,
    unsigned: Unsigned,
}

impl JadesSignature {
    /// Reads a signature. A compact one becomes a JSON object with the same signature. `content` is what a detached one
    /// is about; only archive time-stamps need it.
    ///
    /// # Errors
    /// [`AugmentError::NotSigned`]; [`AugmentError::Unsupported`] where there is more than one.
    pub fn open(bytes: &[u8], content: Option<&[u8]>) -> Result<Self, AugmentError> {
        let not_signed = |error: &dyn std::fmt::Display| AugmentError::NotSigned(error.to_string());
        // Large ones are read once.
        let (jws, members, mut payload) = match Jws::members(bytes).map_err(|error| not_signed(&error))? {
            Ok(mut members) => {
                let payload = match members.get_mut(PAYLOAD) {
                    Some(Value::String(payload)) => Some(std::mem::take(payload)),
                    _ => None,
                };
                (Jws::of(members.clone()), Some(members), payload)
            }
            Err(compact) => (Jws::compact(compact), None, None),
        };
        let mut jws = jws.map_err(|error| not_signed(&error))?;
        let [_] = &jws.signatures[..] else {
            return Err(AugmentError::Unsupported);
        };
        if members.is_none() {
            payload = jws.take_payload();
        }
        let one = jws.signatures.remove(0);
        let header =
            Header::read(&one.protected).map_err(|(_, reason)| not_signed(&format!("{reason:?}")))?;
        let members = match members {
            Some(members) if members.contains_key("signature") => members,
            Some(_) => return Err(AugmentError::Unsupported),
            None => {
                let names = [("protected", &one.protected), ("signature", &one.signature)];
                let names = names
                    .into_iter()
                    .map(|(name, text)| (name.to_owned(), json!(text)));
                let stands = payload.as_ref().map(|_| (PAYLOAD.to_owned(), json!("")));
                names.chain(stands).collect()
            }
        };
        Ok(Self {
            payload: payload
                .or_else(|| content.map(|content| BASE64URL.encode(content)))
                .map(Arc::new),
            certificates: header.certificates,
            protected: one.protected,
            signature: one.signature,
            unsigned: one.unsigned,
            members,
        })
    }

    /// The signature with these components in `etsiU`.
    fn with(&self, components: Value) -> Result<Vec<u8>, AugmentError> {
        let mut members = self.members.clone();
        let header = members.entry("header").or_insert_with(|| json!({}));
        let header = header.as_object_mut().ok_or(AugmentError::Unsupported)?;
        header.insert("etsiU".to_owned(), components);
        self.write(&members)
    }

    /// The JSON serialisation, with the payload in its place.
    fn write(&self, members: &Map<String, Value>) -> Result<Vec<u8>, AugmentError> {
        let payload = self.payload.as_ref().map_or("", |payload| payload);
        let mut out = Vec::with_capacity(payload.len() + ROOM);
        let mut before = b'{';
        for (name, value) in members {
            out.push(before);
            before = b',';
            write_json(&mut out, name)?;
            out.push(b':');
            match name == PAYLOAD {
                true => write_json(&mut out, payload)?,
                false => write_json(&mut out, value)?,
            }
        }
        out.push(b'}');
        Ok(out)
    }
}

fn write_json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), AugmentError> {
    serde_json::to_writer(out, value).map_err(|error| AugmentError::NotSigned(error.to_string()))
}

struct Stamping {
    signature: JadesSignature,
    name: &'static str,
    imprint: Imprint,
}

impl PreparedTimestamp for Stamping {
    fn imprint(&self) -> &Imprint {
        &self.imprint
    }

    fn finish(self: Box<Self>, token: &TimestampToken) -> Result<Vec<u8>, AugmentError> {
        if !token.is_about(&self.imprint) {
            return Err(AugmentError::OtherImprint);
        }
        let components = self.signature.unsigned.with(self.name, &tst_container(token));
        self.signature.with(components)
    }
}

impl Augment for JadesSignature {
    fn prepare_timestamp(
        &self,
        kind: TimestampKind,
        hash: Hash,
    ) -> Result<Box<dyn PreparedTimestamp>, AugmentError> {
        let (name, digest) = match kind {
            TimestampKind::Signature => ("sigTst", hash.digest(self.signature.as_bytes())),
            TimestampKind::Archive => {
                let texts = Texts {
                    payload: self.payload.as_ref().ok_or(AugmentError::ContentMissing)?,
                    protected: &self.protected,
                    signature: &self.signature,
                };
                let digest = self.unsigned.next_archive_digest(texts, hash);
                ("arcTst", digest.ok_or(AugmentError::Unsupported)?)
            }
            _ => return Err(AugmentError::Unsupported),
        };
        Ok(Box::new(Stamping {
            signature: self.clone(),
            name,
            imprint: Imprint { hash, digest },
        }))
    }

    fn has_timestamp(&self, kind: TimestampKind) -> Result<bool, AugmentError> {
        match kind {
            TimestampKind::Signature | TimestampKind::Archive => Ok(self.unsigned.has(kind)),
            _ => Err(AugmentError::Unsupported),
        }
    }

    fn to_be_proven(&self) -> Result<ToBeProven, AugmentError> {
        let mut embedded = self.certificates.clone();
        embedded.extend(self.unsigned.brought_certificates());
        let signer = self.certificates.first();
        let signer = signer.ok_or_else(|| AugmentError::NotSigned("no certificate of the signer".into()))?;
        let authorities = self.unsigned.tokens().filter_map(|token| {
            let authority = token.authority(&embedded, true).ok()?;
            Some(authority.0)
        });
        Ok(ToBeProven {
            leaves: std::iter::once(signer.clone()).chain(authorities).collect(),
            material: self.unsigned.material().clone(),
            embedded,
        })
    }

    fn add_material(&self, material: &ValidationMaterial) -> Result<Vec<u8>, AugmentError> {
        let mut known = self.unsigned.material().clone();
        let own = self.certificates.iter().map(|one| one.as_der().to_vec());
        known.certificates.extend(own);
        let missing = material.beyond(&known);
        let components = if missing.is_empty() {
            return self.write(&self.members);
        } else {
            self.unsigned.with_material(&missing)
        };
        self.with(components.map_err(|error| AugmentError::NotSigned(error.to_string()))?)
    }
}
