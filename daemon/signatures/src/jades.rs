//! JSON Web Signatures (RFC 7515) and JAdES baseline (ETSI TS 119 182-1), in the compact and the flattened JSON
//! serialisation.
//!
//! The protected header says with what, by whom (`x5t#S256`, `x5c`) and when (`iat`, or `sigT` in older ones) it was
//! signed; what is signed is the text that is sent, never one written again.

mod augment;
mod bounds;
mod read;
mod references;
mod unsigned;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::algorithm::{Hash, SignatureAlgorithm, SignatureValue};
use crate::certificate::Certificate;
use crate::cms::{self, PrepareError};
use crate::signing::{FinishError, Prepared, Rehearse};
use crate::xmldsig::write::{field_len, no_value};

pub use augment::JadesSignature;
pub use read::{JoseError, MAX_SIGNATURES, looks_like, verify};

/// The two serialisations of RFC 7515, section 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serialization {
    /// `header.payload.signature`
    Compact,
    /// A JSON object with one signature.
    Json,
}

/// What a JAdES signature is made from.
#[derive(Debug, Clone)]
pub struct JadesRequest<'a> {
    /// What is signed.
    pub content: &'a [u8],
    /// Whether the content stays outside (RFC 7515, appendix F).
    pub detached: bool,
    /// How it is written.
    pub serialization: Serialization,
    /// Whose signature it will be.
    pub signer: &'a Certificate,
    /// The certificates up to the root that go with it.
    pub chain: &'a [Certificate],
    /// With what.
    pub algorithm: SignatureAlgorithm,
    /// The time on the signer's clock; B-B requires it (TS 119 182-1, table 1).
    pub signing_time: OffsetDateTime,
}

/// A JAdES signature on its way to being signed.
#[derive(Debug, Clone)]
pub struct PreparedJades {
    /// `BASE64URL(header) || '.' || BASE64URL(payload)`
    signing_input: String,
    header_len: usize,
    detached: bool,
    serialization: Serialization,
    algorithm: SignatureAlgorithm,
    signer: Certificate,
}

/// Prepares a JAdES B-B signature.
///
/// # Errors
/// [`PrepareError`]; also when the algorithm has no name in JOSE for the signer's curve (RFC 7518, 3.4), and when the content
/// is empty where nobody could tell that from one that lies beside the signature.
pub fn prepare(request: &JadesRequest<'_>) -> Result<PreparedJades, PrepareError> {
    cms::suitable(request.signer, request.algorithm)?;
    if !read::curve_fits(request.algorithm, request.signer.public_key()) {
        return Err(PrepareError::UnsuitableKey(request.signer.public_key()));
    }
    let compact = request.serialization == Serialization::Compact;
    if compact && !request.detached && request.content.is_empty() {
        return Err(PrepareError::EmptyContent);
    }
    let header = header(request)?;
    let mut signing_input = BASE64URL.encode(header.to_string());
    let header_len = signing_input.len();
    signing_input.push('.');
    BASE64URL.encode_string(request.content, &mut signing_input);
    Ok(PreparedJades {
        signing_input,
        header_len,
        detached: request.detached,
        serialization: request.serialization,
        algorithm: request.algorithm,
        signer: request.signer.clone(),
    })
}

fn header(request: &JadesRequest<'_>) -> Result<Value, PrepareError> {
    let mut certificates: Vec<String> = Vec::new();
    for certificate in std::iter::once(request.signer).chain(request.chain) {
        let text = BASE64.encode(certificate.as_der());
        if !certificates.contains(&text) {
            certificates.push(text);
        }
    }
    let seconds = request.signing_time.unix_timestamp();
    if !(0..=253_402_300_799).contains(&seconds) {
        return Err(PrepareError::SigningTime);
    }
    Ok(json!({
        "alg": request.algorithm.jose_name(),
        "iat": seconds,
        "x5c": certificates,
        "x5t#S256": BASE64URL.encode(request.signer.digest(Hash::Sha256)),
    }))
}

impl Prepared for PreparedJades {
    fn to_be_signed(&self) -> &[u8] {
        self.signing_input.as_bytes()
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    fn finish(self, signature: SignatureValue) -> Result<Vec<u8>, FinishError> {
        self.signer
            .verify(self.algorithm, self.signing_input.as_bytes(), &signature)
            .map_err(|_| FinishError::BadSignature)?;
        let octets = signature
            .to_fixed(self.algorithm, field_len(self.signer.public_key()))
            .map_err(|_| FinishError::BadSignature)?;
        Ok(self.with_value(&octets))
    }
}

impl Rehearse for PreparedJades {
    fn rehearse(self) -> Result<Vec<u8>, FinishError> {
        let zeros = no_value(&self.signer);
        Ok(self.with_value(&zeros))
    }
}

impl PreparedJades {
    fn with_value(self, octets: &[u8]) -> Vec<u8> {
        let signature = BASE64URL.encode(octets);
        let (header, rest) = self.signing_input.split_at(self.header_len);
        let payload = rest.strip_prefix('.').unwrap_or_default();
        let shown = if self.detached { "" } else { payload };
        let text = match self.serialization {
            Serialization::Compact => format!("{header}.{shown}.{signature}"),
            Serialization::Json if self.detached => {
                json!({ "protected": header, "signature": signature }).to_string()
            }
            // Base64url has nothing that JSON would write otherwise; the payload is not copied once more.
            Serialization::Json => {
                format!(r#"{{"payload":"{payload}","protected":"{header}","signature":"{signature}"}}"#)
            }
        };
        text.into_bytes()
    }
}
