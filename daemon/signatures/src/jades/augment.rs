//! Raising a JAdES signature from B-B to B-T (TS 119 182-1, 5.3.4): a time-stamp of the signature value goes into the
//! unprotected header, which only the JSON serialisation has.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Value, json};

use super::read::Jws;
use crate::algorithm::Hash;
use crate::augment::{Augment, AugmentError, PreparedTimestamp, ToBeProven};
use crate::material::ValidationMaterial;
use crate::report::TimestampKind;
use crate::timestamp::{Imprint, TimestampToken};

/// A JAdES signature in the JSON serialisation, with one signature.
#[derive(Debug, Clone)]
pub struct JadesSignature {
    members: Value,
    signature: String,
    stamped: bool,
}

impl JadesSignature {
    /// Reads a signature. A compact one becomes a JSON object with the same signature.
    ///
    /// # Errors
    /// [`AugmentError::NotSigned`]; [`AugmentError::Unsupported`] where there is more than one.
    pub fn open(bytes: &[u8]) -> Result<Self, AugmentError> {
        let jws = Jws::parse(bytes).map_err(|error| AugmentError::NotSigned(error.to_string()))?;
        let [one] = &jws.signatures[..] else {
            return Err(AugmentError::Unsupported);
        };
        let members = match serde_json::from_slice::<Value>(bytes) {
            Ok(members) if members.get("signature").is_some() => members,
            Ok(_) => return Err(AugmentError::Unsupported),
            Err(_) => {
                let mut members = json!({ "protected": one.protected, "signature": one.signature });
                if let Some(payload) = jws.payload() {
                    members["payload"] = json!(payload);
                }
                members
            }
        };
        Ok(Self {
            members,
            signature: one.signature.clone(),
            stamped: !one.timestamps.is_empty(),
        })
    }
}

struct Stamping {
    members: Value,
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
        let mut members = self.members;
        let stamp = json!({ "sigTst": { "tstTokens": [{ "val": BASE64.encode(token.as_der()) }] } });
        let component = json!(BASE64URL.encode(stamp.to_string()));
        let header = members
            .as_object_mut()
            .ok_or(AugmentError::Unsupported)?
            .entry("header")
            .or_insert_with(|| json!({}));
        let unsigned = header
            .as_object_mut()
            .ok_or(AugmentError::Unsupported)?
            .entry("etsiU")
            .or_insert_with(|| json!([]));
        unsigned
            .as_array_mut()
            .ok_or(AugmentError::Unsupported)?
            .push(component);
        Ok(members.to_string().into_bytes())
    }
}

impl Augment for JadesSignature {
    fn prepare_timestamp(
        &self,
        kind: TimestampKind,
        hash: Hash,
    ) -> Result<Box<dyn PreparedTimestamp>, AugmentError> {
        if kind != TimestampKind::Signature {
            return Err(AugmentError::Unsupported);
        }
        Ok(Box::new(Stamping {
            members: self.members.clone(),
            imprint: Imprint::of(hash, self.signature.as_bytes()),
        }))
    }

    fn has_timestamp(&self, kind: TimestampKind) -> Result<bool, AugmentError> {
        match kind {
            TimestampKind::Signature => Ok(self.stamped),
            _ => Err(AugmentError::Unsupported),
        }
    }

    fn to_be_proven(&self) -> Result<ToBeProven, AugmentError> {
        Err(AugmentError::Unsupported)
    }

    fn add_material(&self, _: &ValidationMaterial) -> Result<Vec<u8>, AugmentError> {
        Err(AugmentError::Unsupported)
    }
}
