//! Reading and judging JSON Web Signatures: compact, flattened or general; nobody's names are taken twice.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64URL};
use serde::Deserialize;
use serde::de::{self, MapAccess, Visitor};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::bounds;
use super::unsigned::{self, Texts, Unsigned};
use crate::algorithm::{Hash, MIN_RSA_BITS, PublicKeyKind, SignatureAlgorithm, SignatureValue};
use crate::certificate::Certificate;
use crate::report::{
    Coverage, Format, Integrity, Reason, Report, SignatureReport, SigningTime, SubIndication, TimeSource,
    TimestampKind,
};
use crate::revocation::Revocations;
use crate::timestamp::TimestampToken;
use crate::trust::Reliance;
use crate::validation::{self, Evidence, Finding, Stamped, references};

/// Signatures of one JWS that are looked at.
pub const MAX_SIGNATURES: usize = 64;

/// The longest JWS that is read, in bytes.
const MAX_LEN: usize = 256 * 1024 * 1024;

/// The longest protected header, in bytes of JSON.
const MAX_HEADER: usize = 256 * 1024;

/// The longest signature value, in characters of Base64url.
const MAX_SIGNATURE: usize = 4096;

/// What is decoded at once of a payload, in characters of Base64url; a multiple of four.
const PIECE: usize = 64 * 1024;

const MAX_CERTIFICATES: usize = 32;

/// Why bytes are no JWS that can be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoseError {
    /// Longer than 256 MiB.
    #[error("{0} bytes are too long for a JWS")]
    TooLong(usize),
    /// Neither the compact nor a JSON serialisation.
    #[error("not a JSON Web Signature")]
    Malformed,
    /// More signatures than are looked at.
    #[error("more signatures than are looked at")]
    TooMany,
    /// More than 131,072 values in one JSON text, a string of more than 16 MiB with escapes, or more than 32 MiB of
    /// unsigned parts.
    #[error("more values, or longer ones, than are read")]
    TooComplex,
}

/// A JSON object none of whose names stands twice: two readers would take different ones.
struct Single(Map<String, Value>);

impl<'de> Deserialize<'de> for Single {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Single;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object without duplicate names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Single, A::Error> {
                let mut members = Map::new();
                while let Some((name, value)) = access.next_entry::<String, Value>()? {
                    if members.insert(name, value).is_some() {
                        return Err(de::Error::custom("duplicate name"));
                    }
                }
                Ok(Single(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// One signature of a JWS.
pub(super) struct ReadSignature {
    pub(super) protected: String,
    pub(super) signature: String,
    /// `etsiU`
    pub(super) unsigned: Unsigned,
    /// Names in the unprotected header.
    unprotected: Vec<String>,
}

/// A JWS taken apart.
pub(super) struct Jws {
    /// The payload in Base64url; none when it is detached.
    payload: Option<String>,
    pub(super) signatures: Vec<ReadSignature>,
}

/// Whether bytes may be a JWS: three parts of Base64url, or a JSON object with a signature.
#[must_use]
pub fn looks_like(bytes: &[u8]) -> bool {
    let start = bytes.trim_ascii_start();
    if start.starts_with(b"{") {
        return memchr::memmem::find(bytes, b"\"signature").is_some();
    }
    start.starts_with(b"eyJ") && start.iter().filter(|byte| **byte == b'.').count() == 2
}

impl Jws {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, JoseError> {
        match Self::members(bytes)? {
            Ok(members) => Self::of(members),
            Err(compact) => Self::compact(compact),
        }
    }

    /// The members of a JSON serialisation, each name once, for [`Self::of`]; else the text of a compact one.
    pub(super) fn members(bytes: &[u8]) -> Result<Result<Map<String, Value>, &str>, JoseError> {
        if bytes.len() > MAX_LEN {
            return Err(JoseError::TooLong(bytes.len()));
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|_| JoseError::Malformed)?
            .trim();
        if !text.starts_with('{') {
            return Ok(Err(text));
        }
        let Single(members) = bounds::parse(text.as_bytes())?;
        Ok(Ok(members))
    }

    /// The payload in Base64url, of which nothing is left here; none when it is detached.
    pub(super) fn take_payload(&mut self) -> Option<String> {
        self.payload.take()
    }

    pub(super) fn compact(text: &str) -> Result<Self, JoseError> {
        let parts: Vec<&str> = text.splitn(4, '.').collect();
        let [protected, payload, signature] = parts[..] else {
            return Err(JoseError::Malformed);
        };
        Ok(Self {
            payload: Some(payload.to_owned()).filter(|payload| !payload.is_empty()),
            signatures: vec![ReadSignature {
                protected: protected.to_owned(),
                signature: signature.to_owned(),
                unsigned: Unsigned::default(),
                unprotected: Vec::new(),
            }],
        })
    }

    /// Of the members of a JSON serialisation.
    pub(super) fn of(mut members: Map<String, Value>) -> Result<Self, JoseError> {
        let payload = match members.remove("payload") {
            None => None,
            Some(Value::String(payload)) => Some(payload),
            Some(_) => return Err(JoseError::Malformed),
        };
        // What is large is moved, not copied.
        let one = |mut members: Map<String, Value>| -> Result<ReadSignature, JoseError> {
            let mut header = match members.remove("header") {
                None => Map::new(),
                Some(Value::Object(header)) => header,
                Some(_) => return Err(JoseError::Malformed),
            };
            let text = |members: &mut Map<String, Value>, name| match members.remove(name) {
                Some(Value::String(text)) => Ok(text),
                _ => Err(JoseError::Malformed),
            };
            // RFC 7515, 7.2.1: absent when it is empty. Such a signature is judged as the others are.
            let protected = match members.contains_key("protected") {
                true => text(&mut members, "protected")?,
                false => String::new(),
            };
            Ok(ReadSignature {
                protected,
                signature: text(&mut members, "signature")?,
                unprotected: header.keys().cloned().collect(),
                unsigned: Unsigned::read(header.remove("etsiU"))?,
            })
        };
        let signatures = match members.remove("signatures") {
            Some(Value::Array(all)) if !members.contains_key("signature") => {
                if all.len() > MAX_SIGNATURES {
                    return Err(JoseError::TooMany);
                }
                all.into_iter()
                    .map(|each| match each {
                        Value::Object(each) => one(each),
                        _ => Err(JoseError::Malformed),
                    })
                    .collect::<Result<_, _>>()?
            }
            None => vec![one(members)?],
            Some(_) => return Err(JoseError::Malformed),
        };
        Ok(Self { payload, signatures })
    }
}

/// Validates every signature of a JWS. `content` is what a detached one is about; for an attached one there must be
/// none.
///
/// # Errors
/// [`JoseError`] when the bytes are no JWS; everything else is in the report.
pub fn verify(bytes: &[u8], content: Option<&[u8]>, reliance: &Reliance<'_>) -> Result<Report, JoseError> {
    let jws = Jws::parse(bytes)?;
    let mut signatures: Vec<SignatureReport> = jws
        .signatures
        .iter()
        .map(|signature| judge(&jws, signature, content, reliance))
        .collect();
    if signatures.is_empty() {
        let mut nobody = SignatureReport::new(Format::Jws);
        nobody.fail(SubIndication::FormatFailure, Reason::NoSigners);
        signatures.push(nobody);
    }
    Ok(Report {
        validated_at: reliance.at,
        signatures,
        findings: Vec::new(),
    })
}

fn judge(
    jws: &Jws,
    signature: &ReadSignature,
    content: Option<&[u8]>,
    reliance: &Reliance<'_>,
) -> SignatureReport {
    let mut report = SignatureReport::new(Format::Jws);
    if let Err((sub_indication, reason)) = run(jws, signature, content, reliance, &mut report) {
        report.fail(sub_indication, reason);
    }
    report
}

const MALFORMED: Finding = (SubIndication::FormatFailure, Reason::MalformedSignature);

fn run(
    jws: &Jws,
    signature: &ReadSignature,
    content: Option<&[u8]>,
    reliance: &Reliance<'_>,
    report: &mut SignatureReport,
) -> Result<(), Finding> {
    let header = Header::read(&signature.protected)?;
    // RFC 7515, section 4: no name stands in both headers, and what is critical is signed.
    let twice = |name: &String| name == "crit" || header.names.contains(name);
    if signature.unprotected.iter().any(twice) {
        return Err(MALFORMED);
    }
    if header.is_jades {
        report.format = Format::Jades;
    }
    report.algorithm = Some(header.algorithm);
    report.signing_time = header.time;
    let payload = match (&jws.payload, content) {
        (Some(_), Some(_)) => return Err((SubIndication::FormatFailure, Reason::ContentGivenTwice)),
        (Some(payload), None) => Cow::Borrowed(payload.as_str()),
        (None, Some(content)) => Cow::Owned(BASE64URL.encode(content)),
        (None, None) => return Err((SubIndication::SignedDataNotFound, Reason::ContentMissing)),
    };
    report.coverage = Some(Coverage::whole(decoded_len(&payload).ok_or(MALFORMED)?));
    let certificate = header.certificates.first().ok_or((
        SubIndication::NoSigningCertificateFound,
        Reason::SignerCertificateMissing,
    ))?;
    report.signed_by(certificate, header.time.map(|claimed| claimed.time), reliance.at);
    let verdict = value(&header, certificate, signature, &payload);
    report.integrity = match verdict {
        Ok(()) => Integrity::Intact,
        Err((SubIndication::SigCryptoFailure, _)) => Integrity::Broken,
        Err(_) => Integrity::NotChecked,
    };
    verdict?;
    match &header.thumbprint {
        Some(thumbprint) if *thumbprint == certificate.digest(Hash::Sha256) => {}
        Some(_) => {
            return Err((
                SubIndication::NoSigningCertificateFound,
                Reason::SigningCertificateMismatch,
            ));
        }
        None => {}
    }
    let texts = Texts {
        payload: &payload,
        protected: &signature.protected,
        signature: &signature.signature,
    };
    let mut timestamps = header.content_stamps(&payload);
    let mut embedded = header.certificates.clone();
    for stamp in &timestamps {
        let token = stamp.token.iter();
        embedded.extend(token.flat_map(|token| token.certificates().to_vec()));
    }
    timestamps.extend(signature.unsigned.timestamps(texts));
    embedded.extend(signature.unsigned.brought_certificates());
    for name in signature.unsigned.not_evaluated() {
        report.leaves_out(name);
    }
    let brought = Revocations::read(signature.unsigned.material());
    let evidence = Evidence {
        signer: certificate,
        claimed: header.time,
        embedded: &embedded,
        brought: &brought,
        timestamps: &timestamps,
    };
    references::compare(signature.unsigned.references(), &evidence, reliance, report);
    validation::judge(&evidence, reliance, report)?;
    if !header.is_jades {
        report.level = None;
    }
    Ok(())
}

/// The octets of a Base64url text, which are not kept; none where it is not such a text.
fn decoded_len(text: &str) -> Option<u64> {
    let mut octets = Vec::with_capacity(PIECE);
    let mut len = 0;
    for piece in text.as_bytes().chunks(PIECE) {
        octets.clear();
        BASE64URL.decode_vec(piece, &mut octets).ok()?;
        len += octets.len() as u64;
    }
    Some(len)
}

fn value(
    header: &Header,
    certificate: &Certificate,
    signature: &ReadSignature,
    payload: &str,
) -> Result<(), Finding> {
    let key = certificate.public_key();
    if matches!(key, PublicKeyKind::Rsa { bits } if bits < MIN_RSA_BITS) {
        return Err((SubIndication::CryptoConstraintsFailure, Reason::KeyTooShort));
    }
    if !curve_fits(header.algorithm, key) {
        return Err((
            SubIndication::CryptoConstraintsFailure,
            Reason::AlgorithmParameters,
        ));
    }
    let wrong = (SubIndication::SigCryptoFailure, Reason::SignatureValueWrong);
    if signature.signature.len() > MAX_SIGNATURE {
        return Err(MALFORMED);
    }
    let octets = BASE64URL.decode(&signature.signature).map_err(|_| MALFORMED)?;
    let value = SignatureValue::from_fixed(header.algorithm, key, &octets).ok_or(wrong)?;
    // The signing input of RFC 7515, 5.2, which may be as long as a document.
    let mut hashing = header.algorithm.hash().hasher();
    for part in [signature.protected.as_str(), ".", payload] {
        hashing.update(part.as_bytes());
    }
    certificate
        .verify_digest(header.algorithm, &hashing.finalize(), &value)
        .map_err(|_| wrong)
}

/// ES256 is P-256 and nothing else, and so on (RFC 7518, 3.4).
pub(super) fn curve_fits(algorithm: SignatureAlgorithm, key: PublicKeyKind) -> bool {
    match (algorithm, key) {
        (SignatureAlgorithm::Ecdsa(Hash::Sha256), key) => key == PublicKeyKind::P256,
        (SignatureAlgorithm::Ecdsa(Hash::Sha384), key) => key == PublicKeyKind::P384,
        (SignatureAlgorithm::Ecdsa(Hash::Sha512), key) => key == PublicKeyKind::P521,
        (_, key) => matches!(key, PublicKeyKind::Rsa { .. }),
    }
}

/// A protected header.
pub(super) struct Header {
    /// The names of its parameters.
    names: Vec<String>,
    algorithm: SignatureAlgorithm,
    pub(super) certificates: Vec<Certificate>,
    thumbprint: Option<Vec<u8>>,
    time: Option<SigningTime>,
    is_jades: bool,
    /// `adoTst`: time-stamps of the payload (TS 119 182-1, 5.2.6).
    stamps: Vec<Option<TimestampToken>>,
}

/// Header parameters that may be critical: those that are understood here.
const UNDERSTOOD: [&str; 3] = ["sigT", "x5t#S256", "adoTst"];

impl Header {
    pub(super) fn read(protected: &str) -> Result<Self, Finding> {
        if protected.len() > MAX_HEADER.div_ceil(3) * 4 {
            return Err(MALFORMED);
        }
        let bytes = BASE64URL.decode(protected).map_err(|_| MALFORMED)?;
        let Single(members) = bounds::parse(&bytes).map_err(|_| MALFORMED)?;
        if let Some(critical) = members.get("crit") {
            check_critical(critical, &members)?;
        }
        // RFC 7797 would have another signing input; it has to be critical, and is not understood.
        if members.contains_key("b64") {
            return Err((SubIndication::FormatFailure, Reason::CriticalHeaderUnknown));
        }
        let name = members.get("alg").and_then(Value::as_str).ok_or(MALFORMED)?;
        let algorithm = algorithm(name).ok_or((
            SubIndication::CryptoConstraintsFailure,
            Reason::AlgorithmNotAccepted,
        ))?;
        let thumbprint = match members.get("x5t#S256") {
            None => None,
            Some(value) => {
                let text = value.as_str().ok_or(MALFORMED)?;
                Some(BASE64URL.decode(text).map_err(|_| MALFORMED)?)
            }
        };
        let time = time(&members)?;
        Ok(Self {
            algorithm,
            certificates: certificates(&members)?,
            names: members.keys().cloned().collect(),
            stamps: members.get("adoTst").map(unsigned::tokens).unwrap_or_default(),
            is_jades: thumbprint.is_some() && time.is_some(),
            thumbprint,
            time,
        })
    }

    /// The time-stamps of the payload; where that is put together from parts (`sigD`), they are not judged.
    fn content_stamps(&self, payload: &str) -> Vec<Stamped> {
        let apart = self.names.iter().any(|name| name == "sigD");
        let mut digests = HashMap::new();
        let mut digest = |hash: Hash| {
            let known = digests.entry(hash);
            known.or_insert_with(|| hash.digest(payload.as_bytes())).clone()
        };
        self.stamps
            .iter()
            .map(|token| Stamped {
                kind: TimestampKind::Content,
                about_this: match token {
                    Some(_) if apart => None,
                    Some(token) => Some(token.is_about_digest(|hash| Some(digest(hash)))),
                    None => Some(false),
                },
                token: token.clone(),
            })
            .collect()
    }
}

/// A list of names, none twice, all of parameters that are there and understood (RFC 7515, 4.1.11).
fn check_critical(critical: &Value, members: &Map<String, Value>) -> Result<(), Finding> {
    let names = critical
        .as_array()
        .filter(|names| !names.is_empty() && names.len() <= members.len())
        .ok_or(MALFORMED)?;
    for (place, name) in names.iter().enumerate() {
        let text = name.as_str().ok_or(MALFORMED)?;
        if !members.contains_key(text) || names[..place].contains(name) {
            return Err(MALFORMED);
        }
        if !UNDERSTOOD.contains(&text) {
            return Err((SubIndication::FormatFailure, Reason::CriticalHeaderUnknown));
        }
    }
    Ok(())
}

fn algorithm(name: &str) -> Option<SignatureAlgorithm> {
    let schemes: [fn(Hash) -> SignatureAlgorithm; 3] = [
        SignatureAlgorithm::RsaPkcs1,
        SignatureAlgorithm::RsaPss,
        SignatureAlgorithm::Ecdsa,
    ];
    let mut all = schemes.iter().flat_map(|scheme| Hash::ALL.map(scheme));
    all.find(|algorithm| algorithm.jose_name() == name)
}

/// `x5c` (RFC 7515, 4.1.6): standard Base64, the signer's first.
fn certificates(members: &Map<String, Value>) -> Result<Vec<Certificate>, Finding> {
    let Some(list) = members.get("x5c") else {
        return Ok(Vec::new());
    };
    let list = list
        .as_array()
        .filter(|list| list.len() <= MAX_CERTIFICATES)
        .ok_or(MALFORMED)?;
    list.iter()
        .map(|text| {
            let der = BASE64.decode(text.as_str()?).ok()?;
            Certificate::from_der(&der).ok()
        })
        .collect::<Option<_>>()
        .ok_or(MALFORMED)
}

/// `iat` in seconds (TS 119 182-1 V1.2.1, 5.1.11), or `sigT` as text (V1.1.1, 5.2.1).
fn time(members: &Map<String, Value>) -> Result<Option<SigningTime>, Finding> {
    let claimed = |time| SigningTime {
        time,
        source: TimeSource::SignerProperty,
    };
    if let Some(seconds) = members.get("iat") {
        let seconds = seconds.as_i64().ok_or(MALFORMED)?;
        let time = OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| MALFORMED)?;
        return Ok(Some(claimed(time)));
    }
    match members.get("sigT") {
        None => Ok(None),
        Some(text) => {
            let time = text.as_str().and_then(crate::xades::read_time).ok_or(MALFORMED)?;
            Ok(Some(claimed(time)))
        }
    }
}
