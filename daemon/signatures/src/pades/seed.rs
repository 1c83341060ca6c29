//! Seed values: what a field's author asks of the signature (ISO 32000-1, 12.7.4.5, table 234).

use super::{PadesError, PadesRequest};
use crate::algorithm::Hash;
use crate::pdf::{Dictionary, Document, PdfError, Value};

/// Bits of `/Ff`: which of the entries bind.
const FILTER: i64 = 1;
const SUB_FILTER: i64 = 1 << 1;
const REASONS: i64 = 1 << 3;
const LEGAL_ATTESTATION: i64 = 1 << 4;
const ADD_REVOCATION: i64 = 1 << 5;
const DIGEST_METHOD: i64 = 1 << 6;

/// Refuses what the author of the field does not want. What only recommends is not looked at.
pub(super) fn check(
    document: &Document<'_>,
    field: &Dictionary,
    request: &PadesRequest<'_>,
) -> Result<(), PadesError> {
    let Some(seed) = document.get(field, b"SV")? else {
        return Ok(());
    };
    let Some(seed) = seed.dictionary() else {
        return Err(PadesError::SeedValue("SV"));
    };
    let integer = |dictionary: &Dictionary, key: &[u8]| -> Result<i64, PdfError> {
        Ok(document
            .get(dictionary, key)?
            .and_then(|value| value.integer())
            .unwrap_or(0))
    };
    let binding = integer(seed, b"Ff")?;
    let binds = |bit: i64| binding & bit != 0;
    let has = |key: &[u8], fits: &dyn Fn(&Value) -> bool| -> Result<bool, PdfError> {
        let Some(value) = document.get(seed, key)? else {
            return Ok(true);
        };
        Ok(match value.array() {
            None => fits(&value),
            Some(nodes) => {
                let mut any = false;
                for node in nodes {
                    any |= fits(&*document.resolve(node)?);
                }
                any
            }
        })
    };
    let is_name = |name: &'static [u8]| move |value: &Value| value.name() == Some(name);
    if binds(FILTER) && !has(b"Filter", &is_name(b"Adobe.PPKLite"))? {
        return Err(PadesError::SeedValue("Filter"));
    }
    if binds(SUB_FILTER) && !has(b"SubFilter", &is_name(b"ETSI.CAdES.detached"))? {
        return Err(PadesError::SeedValue("SubFilter"));
    }
    let digest: &[u8] = match request.algorithm.hash() {
        Hash::Sha384 => b"SHA384",
        Hash::Sha512 => b"SHA512",
        _ => b"SHA256",
    };
    // The names of table 234 are upper-case; some producers write them otherwise.
    let is_digest = |value: &Value| {
        let named = value.string().or(value.name());
        named.is_some_and(|named| named.eq_ignore_ascii_case(digest))
    };
    if binds(DIGEST_METHOD) && !has(b"DigestMethod", &is_digest)? {
        return Err(PadesError::SeedValue("DigestMethod"));
    }
    let is_reason = |value: &Value| {
        let wanted = value.string().map(crate::pdf::decode_text_string);
        // A full stop alone asks for no reason at all.
        match wanted.as_deref() {
            Some(".") => request.reason.is_none(),
            wanted => wanted == request.reason,
        }
    };
    if binds(REASONS) && !has(b"Reasons", &is_reason)? {
        return Err(PadesError::SeedValue("Reasons"));
    }
    if binds(LEGAL_ATTESTATION) && document.get(seed, b"LegalAttestation")?.is_some() {
        return Err(PadesError::SeedValue("LegalAttestation"));
    }
    if binds(ADD_REVOCATION) {
        return Err(PadesError::SeedValue("AddRevInfo"));
    }
    if let Some(certificate) = document.get(seed, b"Cert")?
        && certificate
            .dictionary()
            .map_or(Ok(1), |certificate| integer(certificate, b"Ff"))?
            != 0
    {
        return Err(PadesError::SeedValue("Cert"));
    }
    if let Some(permissions) = document.get(seed, b"MDP")? {
        let wanted = match permissions.dictionary() {
            Some(permissions) => integer(permissions, b"P")?,
            None => 0,
        };
        let certify = request.certify.map_or(0, |certify| i64::from(certify.level()));
        if wanted != certify {
            return Err(PadesError::SeedValue("MDP"));
        }
    }
    Ok(())
}
