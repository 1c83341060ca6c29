//! `xRefs` and `rRefs` (TS 119 182-1, A.1.1 and A.1.2): references to certificates and revocation data by their digests.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::Value;

use crate::algorithm::Hash;
use crate::validation::references::{MAX_REFERENCES, Reference, Referenced};

/// Those of an `xRefs`; what is no list of them stands for one that cannot be read.
pub(super) fn certificates(value: &Value) -> Vec<Reference> {
    listed(Some(value), Referenced::Certificate)
}

/// Those of an `rRefs`, likewise.
pub(super) fn revocation(value: &Value) -> Vec<Reference> {
    let Some(kinds) = value.as_object() else {
        return listed(Some(value), Referenced::Crl);
    };
    let mut all = listed(kinds.get("crlRefs"), Referenced::Crl);
    all.extend(listed(kinds.get("ocspRefs"), Referenced::OcspResponse));
    all
}

fn listed(list: Option<&Value>, to: Referenced) -> Vec<Reference> {
    match list {
        None => Vec::new(),
        Some(Value::Array(all)) => {
            let all = all.iter().take(MAX_REFERENCES);
            all.filter_map(|one| reference(one, to)).collect()
        }
        Some(_) => vec![Reference { to, digest: None }],
    }
}

/// None where an OCSP response is named without its digest: there is nothing to compare then.
fn reference(one: &Value, to: Referenced) -> Option<Reference> {
    let [name, value] = ["digAlg", "digVal"].map(|name| one.get(name));
    if to == Referenced::OcspResponse && one.is_object() && name.is_none() && value.is_none() {
        return None;
    }
    let digest = name.zip(value).and_then(|(name, value)| {
        let hash = named(name.as_str()?)?;
        Some((hash, BASE64URL.decode(value.as_str()?).ok()?))
    });
    Some(Reference { to, digest })
}

/// The names of Annex E, as far as they are known here.
fn named(name: &str) -> Option<Hash> {
    match name {
        "S256" => Some(Hash::Sha256),
        "S384" => Some(Hash::Sha384),
        "S512" => Some(Hash::Sha512),
        _ => None,
    }
}
