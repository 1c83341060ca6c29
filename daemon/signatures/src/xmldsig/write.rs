//! Making a Signature by a template: its text is written in the place where it will stand, without its value; what is
//! hashed and signed is the canonical form in that place.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use time::{OffsetDateTime, UtcOffset};

use super::draft::{Draft, DraftReference, element_digest, fresh_id, numbered_id};
use super::place::{Place, walk, with_ids};
use super::template::{Reference, ReferenceTarget, SignatureId, Template, TimeFormat};
use crate::algorithm::{Hash, PublicKeyKind, SignatureAlgorithm, SignatureValue};
use crate::certificate::Certificate;
use crate::cms::{self, PrepareError};
use crate::signing::{FinishError, Prepared, Rehearse};
use crate::xml::{Canonicalization, Document, Outer, XmlError};

/// Why nothing can be prepared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum XmlPrepareError {
    /// The document cannot be read.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// Key, certificate or time do not do.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The document has no place for the signature.
    #[error("the document has no element {0} for the signature to stand in")]
    NoPlace(String),
    /// The document has nothing of what is to be signed.
    #[error("the document has no element {0} to sign")]
    NoTarget(String),
    /// The document has more than one element that is meant by a path, and no path says which: it has several invoices,
    /// say, and is to be signed as one.
    #[error("the document has more than one element {0}")]
    Several(String),
    /// An element that is to be signed has no Id, and the template gives it none.
    #[error("the element {0} has no Id")]
    NoId(String),
    /// Two elements have the Id of what is to be signed.
    #[error("more than one element has the Id {0}")]
    IdAmbiguous(String),
    /// A namespace is no absolute URI: there is no canonical form that all verifiers agree on.
    #[error("a namespace of the document is not an absolute URI")]
    RelativeNamespace,
    /// A signature that is there covers the place of this one, or stands around it, and would become invalid.
    #[error("the document has a signature that covers the place of the new one: it would become invalid")]
    WouldBreakSignature,
}

/// What an XML signature by a template is made from.
#[derive(Debug, Clone)]
pub struct XmlDsigRequest<'a> {
    /// How documents of this kind are signed.
    pub template: &'a Template,
    /// Whose signature it will be.
    pub signer: &'a Certificate,
    /// The certificates up to the root that go with it.
    pub chain: &'a [Certificate],
    /// With what.
    pub algorithm: SignatureAlgorithm,
    /// The time on the signer's clock, where the template has a place for it.
    pub signing_time: OffsetDateTime,
}

/// An XML document on its way to being signed.
#[derive(Debug, Clone)]
pub struct PreparedXml {
    pub(super) document: Vec<u8>,
    /// What the signature replaces; empty but for `/>`.
    pub(super) place: Range<usize>,
    pub(super) before: String,
    pub(super) after: String,
    pub(super) signed_info: Vec<u8>,
    pub(super) signer: Certificate,
    pub(super) algorithm: SignatureAlgorithm,
}

impl Prepared for PreparedXml {
    fn to_be_signed(&self) -> &[u8] {
        &self.signed_info
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    fn finish(self, signature: SignatureValue) -> Result<Vec<u8>, FinishError> {
        self.signer
            .verify(self.algorithm, &self.signed_info, &signature)
            .map_err(|_| FinishError::BadSignature)?;
        // ECDSA is r‖s (RFC 9231, 2.3.6).
        let octets = signature
            .to_fixed(self.algorithm, field_len(self.signer.public_key()))
            .map_err(|_| FinishError::BadSignature)?;
        Ok(self.with_value(&octets))
    }
}

impl Rehearse for PreparedXml {
    fn rehearse(self) -> Result<Vec<u8>, FinishError> {
        let zeros = no_value(&self.signer);
        Ok(self.with_value(&zeros))
    }
}

impl PreparedXml {
    fn with_value(self, octets: &[u8]) -> Vec<u8> {
        let (mut document, mut text) = (self.document, self.before);
        text.reserve_exact(self.after.len() + octets.len() * 2);
        BASE64.encode_string(octets, &mut text);
        text += &self.after;
        if document.is_empty() {
            return text.into_bytes();
        }
        document.splice(self.place, text.into_bytes());
        document
    }
}

/// Zeros in the place of a signature by this key, in the form of XML and JOSE (RFC 9231, 2.3.6; RFC 7518, 3.4).
pub(crate) fn no_value(signer: &Certificate) -> Vec<u8> {
    let len = match signer.public_key() {
        PublicKeyKind::Rsa { .. } => signer.key().max_signature_len(),
        key => 2 * field_len(key),
    };
    vec![0; len]
}

/// Octets of r and of s.
pub(crate) const fn field_len(key: PublicKeyKind) -> usize {
    match key {
        PublicKeyKind::P384 => 48,
        PublicKeyKind::P521 => 66,
        _ => 32,
    }
}

/// Prepares a signature by a template.
///
/// # Errors
/// [`XmlPrepareError`]
pub fn prepare(bytes: Vec<u8>, request: &XmlDsigRequest<'_>) -> Result<PreparedXml, XmlPrepareError> {
    cms::suitable(request.signer, request.algorithm)?;
    let template = request.template;
    let bytes = with_ids(bytes, template)?;
    let document = Document::parse(&bytes)?;
    let place = Place::find(&document, &template.place, template.create)?;
    place.check_signatures(&document)?;
    let canonicalization = Canonicalization::from_uri(&template.canonicalization)
        .ok_or_else(|| XmlPrepareError::NoPlace(template.canonicalization.clone()))?;
    let mut draft = Draft::new(request.signer, request.chain, request.algorithm, canonicalization);
    draft.key_info.clone_from(&template.key_info);
    draft.digest = template.digest.map_or(draft.digest, Hash::from);
    let hash = draft.digest;
    draft.id = match &template.signature_id {
        SignatureId::Made(false) => None,
        SignatureId::Made(true) => Some(fresh_id(
            &document,
            "Signature",
            request.signer,
            request.signing_time,
        )),
        SignatureId::Named(name) => Some(numbered_id(&document, name)),
    };
    for reference in &template.references {
        if let Some(made) = document_reference(&document, reference, hash)? {
            draft.references.push(made);
        }
    }
    if draft.references.is_empty() {
        return Err(XmlPrepareError::NoTarget(String::new()));
    }
    if let Some(object) = &template.signing_time {
        let id = fresh_id(&document, "SigningTime", request.signer, request.signing_time);
        let time = time_text(request.signing_time, object.format)?;
        draft.objects = signing_time_object(&id, draft.id.as_deref(), &time);
        draft.references.push(DraftReference::own(&id, None, Vec::new()));
    }
    draft
        .prepare(&document, &place)
        .map(|made| made.into_prepared(bytes, &place))
}

fn time_text(time: OffsetDateTime, format: TimeFormat) -> Result<String, PrepareError> {
    let vietnam = UtcOffset::from_hms(7, 0, 0).map_err(|_| PrepareError::SigningTime)?;
    let local = time.to_offset(vietnam);
    if !(1950..=9999).contains(&local.year()) {
        return Err(PrepareError::SigningTime);
    }
    let (date, clock) = (local.date(), local.time());
    let zone = match format {
        TimeFormat::Local => "",
        TimeFormat::Zoned => "+07:00",
    };
    Ok(format!(
        "{date}T{:02}:{:02}:{:02}{zone}",
        clock.hour(),
        clock.minute(),
        clock.second()
    ))
}

fn signing_time_object(id: &str, signature: Option<&str>, time: &str) -> String {
    let target = signature.unwrap_or_default();
    format!(
        "<Object Id=\"{id}\"><SignatureProperties><SignatureProperty Target=\"#{target}\"><SigningTime>{time}\
         </SigningTime></SignatureProperty></SignatureProperties></Object>"
    )
}

fn document_reference(
    document: &Document<'_>,
    reference: &Reference,
    hash: Hash,
) -> Result<Option<DraftReference>, XmlPrepareError> {
    let (uri, apex) = match &reference.target {
        ReferenceTarget::Document(_) => (String::new(), None),
        ReferenceTarget::Element(path) => {
            let Some((element, [])) = walk(document, path)? else {
                return if reference.optional {
                    Ok(None)
                } else {
                    Err(XmlPrepareError::NoTarget(path.join("/")))
                };
            };
            let id = document
                .id(element)
                .ok_or_else(|| XmlPrepareError::NoId(path.join("/")))?;
            if document.with_id(id).len() != 1 {
                return Err(XmlPrepareError::IdAmbiguous(id.to_owned()));
            }
            (format!("#{id}"), Some(element))
        }
    };
    let form = reference
        .transforms
        .iter()
        .find_map(|uri| Canonicalization::from_uri(uri))
        .unwrap_or(Canonicalization::INCLUSIVE);
    let digest = element_digest(document, apex, &form, &Outer::default(), hash)?;
    Ok(Some(DraftReference::known(
        uri,
        reference.transforms.clone(),
        digest,
    )))
}
