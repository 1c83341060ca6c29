//! Making a Signature: its text is written in the place where it will stand, without its value; what is hashed and
//! signed is the canonical form in that place.

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use time::{OffsetDateTime, UtcOffset};

use super::DS;
use super::algorithms::{ENVELOPED, digest_uri, signature_uri};
use super::read::ReadSignature;
use super::template::{Reference, ReferenceTarget, Template, TimeFormat};
use crate::algorithm::{Hash, PublicKeyKind, SignatureAlgorithm, SignatureValue};
use crate::certificate::Certificate;
use crate::cms::{self, PrepareError};
use crate::signing::{FinishError, Prepared};
use crate::xml::{Canonicalization, Document, ElementId, Outer, XmlError, attribute_value, text_content};

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
    /// An element that is to be signed has no Id, and the template gives it none.
    #[error("the element {0} has no Id")]
    NoId(String),
    /// Two elements have the Id of what is to be signed.
    #[error("more than one element has the Id {0}")]
    IdAmbiguous(String),
    /// A namespace is no absolute URI: there is no canonical form that all verifiers agree on.
    #[error("a namespace of the document is not an absolute URI")]
    RelativeNamespace,
    /// A signature that is there covers the place of this one and would become invalid.
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
    document: Vec<u8>,
    /// What the signature replaces; empty but for `/>`.
    place: Range<usize>,
    before: String,
    after: String,
    signed_info: Vec<u8>,
    signer: Certificate,
    algorithm: SignatureAlgorithm,
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
        let (mut document, before, after) = (self.document, self.before, self.after);
        let text = [
            before.as_bytes(),
            BASE64.encode(octets).as_bytes(),
            after.as_bytes(),
        ]
        .concat();
        document.splice(self.place, text);
        Ok(document)
    }
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
    let hash = request.algorithm.hash();
    let mut draft = Draft::new(request.signer, request.chain, request.algorithm, canonicalization);
    draft.subject_name = template.subject_name;
    draft.id = template
        .signature_id
        .then(|| fresh_id(&document, "Signature", request.signer, request.signing_time));
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

/// An Id that the document does not have; the same for the same signer and second.
pub(crate) fn fresh_id(
    document: &Document<'_>,
    stem: &str,
    signer: &Certificate,
    time: OffsetDateTime,
) -> String {
    let mut seed = signer.sha256().to_vec();
    seed.extend(time.unix_timestamp_nanos().to_be_bytes());
    for number in 0_u32.. {
        let mut input = seed.clone();
        input.extend(number.to_be_bytes());
        let digest = hex::encode(&Hash::Sha256.digest(&input)[..8]);
        let id = format!("{stem}-{digest}");
        if document.with_id(&id).is_empty() {
            return id;
        }
    }
    unreachable!("there are more Ids than a document has bytes")
}

/// Gives each referenced element the Id that the template has for it, where it has none.
fn with_ids(bytes: Vec<u8>, template: &Template) -> Result<Vec<u8>, XmlPrepareError> {
    let document = Document::parse(&bytes)?;
    let mut edits: Vec<(usize, String)> = Vec::new();
    for reference in &template.references {
        let ReferenceTarget::Element(path) = &reference.target else {
            continue;
        };
        let Some(element) = walk(&document, path)
            .filter(|(_, rest)| rest.is_empty())
            .map(|(found, _)| found)
        else {
            continue;
        };
        if document.id(element).is_none() {
            let id = reference
                .id
                .clone()
                .ok_or_else(|| XmlPrepareError::NoId(path.join("/")))?;
            if !document.with_id(&id).is_empty() {
                return Err(XmlPrepareError::IdAmbiguous(id));
            }
            let at = document.span(element).start + 1 + document.name(element).len();
            edits.push((at, format!(" {}=\"{id}\"", reference.id_attribute.name())));
        }
    }
    if edits.is_empty() {
        return Ok(bytes);
    }
    edits.sort();
    let mut bytes = bytes;
    for (at, text) in edits.into_iter().rev() {
        bytes.splice(at..at, text.into_bytes());
    }
    Ok(bytes)
}

/// Follows a path as far as it goes: the element, and the steps that are left. None when not even the first fits.
fn walk<'p>(document: &Document<'_>, path: &'p [String]) -> Option<(ElementId, &'p [String])> {
    let fits =
        |element: ElementId, step: &str| match step.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((namespace, local)) => document.is(element, namespace, local),
            None => step == "*" || document.local_name(element) == step,
        };
    let (first, mut rest) = path.split_first()?;
    let mut at = document.elements().find(|element| fits(*element, first))?;
    while let Some((step, after)) = rest.split_first() {
        let Some(child) = document.children(at).find(|child| fits(*child, step)) else {
            break;
        };
        (at, rest) = (child, after);
    }
    Some((at, rest))
}

fn document_reference(
    document: &Document<'_>,
    reference: &Reference,
    hash: Hash,
) -> Result<Option<DraftReference>, XmlPrepareError> {
    let (uri, apex) = match &reference.target {
        ReferenceTarget::Document(_) => (String::new(), None),
        ReferenceTarget::Element(path) => {
            let found = walk(document, path).filter(|(_, rest)| rest.is_empty());
            let Some((element, _)) = found else {
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
    Ok(Some(DraftReference {
        id: None,
        uri,
        kind: None,
        transforms: reference.transforms.clone(),
        digest,
        own: false,
    }))
}

/// The digest of the canonical form, comments left out as same-document references do.
pub(crate) fn element_digest(
    document: &Document<'_>,
    apex: Option<ElementId>,
    form: &Canonicalization,
    outer: &Outer,
    hash: Hash,
) -> Result<Vec<u8>, XmlError> {
    let form = Canonicalization {
        comments: false,
        ..form.clone()
    };
    let mut hashing = hash.hasher();
    form.write(document, apex, None, outer, &mut |piece| hashing.update(piece))?;
    Ok(hashing.finalize())
}

/// Where a signature will stand.
pub(crate) struct Place {
    /// The element that is there and that it becomes part of; none for a document of its own.
    parent: Option<ElementId>,
    range: Range<usize>,
    open: String,
    close: String,
}

impl Place {
    /// A document of its own.
    pub(crate) const fn alone() -> Self {
        Self {
            parent: None,
            range: 0..0,
            open: String::new(),
            close: String::new(),
        }
    }

    /// As the last child of an element.
    pub(crate) fn last_in(document: &Document<'_>, parent: ElementId) -> Self {
        let end = document.content_span(parent).end;
        if document.is_one_tag(parent) && document.text()[..end].ends_with("/>") {
            let name = document.name(parent);
            return Self {
                parent: Some(parent),
                range: end - 2..end,
                open: ">".to_owned(),
                close: format!("</{name}>"),
            };
        }
        Self {
            parent: Some(parent),
            range: end..end,
            open: String::new(),
            close: String::new(),
        }
    }

    fn find(document: &Document<'_>, path: &[String], create: bool) -> Result<Self, XmlPrepareError> {
        let nowhere = || XmlPrepareError::NoPlace(path.join("/"));
        let (parent, missing) = walk(document, path).ok_or_else(nowhere)?;
        if !missing.is_empty() && !create {
            return Err(nowhere());
        }
        let mut place = Self::last_in(document, parent);
        let prefix = document
            .name(parent)
            .rsplit_once(':')
            .map_or("", |(prefix, _)| prefix);
        let colon = if prefix.is_empty() { "" } else { ":" };
        for step in missing {
            place.open += &format!("<{prefix}{colon}{step}>");
        }
        let closing: String = missing
            .iter()
            .rev()
            .map(|step| format!("</{prefix}{colon}{step}>"))
            .collect();
        place.close = closing + &place.close;
        Ok(place)
    }

    /// Refuses to stand in what another signature covers, unless that one is a counter-signature's business.
    pub(crate) fn check_signatures(&self, document: &Document<'_>) -> Result<(), XmlPrepareError> {
        let Some(parent) = self.parent else {
            return Ok(());
        };
        for element in super::verify::signature_elements(document) {
            let Ok(signature) = ReadSignature::read(document, element) else {
                continue;
            };
            let covers = |uri: &str| {
                uri.is_empty()
                    || uri.strip_prefix('#').is_some_and(|id| {
                        document
                            .with_id(id)
                            .iter()
                            .any(|signed| document.contains(*signed, parent))
                    })
            };
            let uris = signature
                .references
                .iter()
                .filter_map(|reference| reference.uri.as_deref());
            if uris.into_iter().any(covers) {
                return Err(XmlPrepareError::WouldBreakSignature);
            }
        }
        Ok(())
    }
}

/// A Reference that is being made.
#[derive(Debug, Clone)]
pub(crate) struct DraftReference {
    pub(crate) id: Option<String>,
    pub(crate) uri: String,
    pub(crate) kind: Option<&'static str>,
    pub(crate) transforms: Vec<String>,
    pub(crate) digest: Vec<u8>,
    /// Whether it points into the signature itself; then its digest is not known yet.
    own: bool,
}

impl DraftReference {
    /// To something in the signature itself.
    pub(crate) fn own(id: &str, kind: Option<&'static str>, transforms: Vec<String>) -> Self {
        Self {
            id: None,
            uri: format!("#{id}"),
            kind,
            transforms,
            digest: Vec::new(),
            own: true,
        }
    }

    /// To something whose digest is known.
    pub(crate) const fn known(uri: String, transforms: Vec<String>, digest: Vec<u8>) -> Self {
        Self {
            id: None,
            uri,
            kind: None,
            transforms,
            digest,
            own: false,
        }
    }

    fn write(&self, out: &mut String, prefix: &str, hash: Hash) {
        *out += &format!("<{prefix}Reference");
        if let Some(id) = &self.id {
            *out += &format!(" Id=\"{id}\"");
        }
        *out += &format!(" URI=\"{}\"", attribute_value(&self.uri));
        if let Some(kind) = self.kind {
            *out += &format!(" Type=\"{kind}\"");
        }
        *out += ">";
        if !self.transforms.is_empty() {
            *out += &format!("<{prefix}Transforms>");
            for transform in &self.transforms {
                if transform.starts_with('<') {
                    *out += transform;
                } else {
                    *out += &format!("<{prefix}Transform Algorithm=\"{transform}\"></{prefix}Transform>");
                }
            }
            *out += &format!("</{prefix}Transforms>");
        }
        let (method, digest) = (digest_uri(hash), BASE64.encode(&self.digest));
        *out += &format!(
            "<{prefix}DigestMethod Algorithm=\"{method}\"></{prefix}DigestMethod><{prefix}DigestValue>{digest}</{prefix}DigestValue></{prefix}Reference>"
        );
    }
}

/// A Signature that is being made.
pub(crate) struct Draft<'a> {
    signer: &'a Certificate,
    chain: &'a [Certificate],
    algorithm: SignatureAlgorithm,
    canonicalization: Canonicalization,
    /// `ds:`, or nothing for a default namespace.
    pub(crate) prefix: &'static str,
    pub(crate) id: Option<String>,
    pub(crate) value_id: Option<String>,
    pub(crate) subject_name: bool,
    pub(crate) references: Vec<DraftReference>,
    /// The Object elements, as text, in the namespaces of Signature.
    pub(crate) objects: String,
}

/// A Signature without its value.
pub(crate) struct Drafted {
    before: String,
    after: String,
    signed_info: Vec<u8>,
    signer: Certificate,
    algorithm: SignatureAlgorithm,
}

impl<'a> Draft<'a> {
    pub(crate) const fn new(
        signer: &'a Certificate,
        chain: &'a [Certificate],
        algorithm: SignatureAlgorithm,
        canonicalization: Canonicalization,
    ) -> Self {
        Self {
            signer,
            chain,
            algorithm,
            canonicalization,
            prefix: "",
            id: None,
            value_id: None,
            subject_name: false,
            references: Vec::new(),
            objects: String::new(),
        }
    }

    /// Digests what the signature has inside, then gives the octets to sign.
    pub(crate) fn prepare(
        mut self,
        document: &Document<'_>,
        place: &Place,
    ) -> Result<Drafted, XmlPrepareError> {
        if !document.has_absolute_namespaces() {
            return Err(XmlPrepareError::RelativeNamespace);
        }
        let outer = place
            .parent
            .map_or_else(Outer::default, |parent| Outer::inside(document, parent));
        let hash = self.algorithm.hash();
        let (before, after) = self.text();
        let text = before + &after;
        let fragment = Document::parse(text.as_bytes())?;
        for reference in self.references.iter_mut().filter(|reference| reference.own) {
            let id = reference.uri.trim_start_matches('#');
            let [element] = fragment.with_id(id)[..] else {
                return Err(XmlPrepareError::IdAmbiguous(id.to_owned()));
            };
            let form = reference
                .transforms
                .iter()
                .find_map(|uri| Canonicalization::from_uri(uri))
                .unwrap_or(Canonicalization::INCLUSIVE);
            reference.digest = element_digest(&fragment, Some(element), &form, &outer, hash)?;
        }
        let (before, after) = self.text();
        let text = format!("{before}{after}");
        let fragment = Document::parse(text.as_bytes())?;
        let signed_info = fragment.children(fragment.root()).next();
        let signed_info = self
            .canonicalization
            .to_vec(&fragment, signed_info, None, &outer)?;
        Ok(Drafted {
            before,
            after,
            signed_info,
            signer: self.signer.clone(),
            algorithm: self.algorithm,
        })
    }

    /// The text up to the signature value, and from there on.
    fn text(&self) -> (String, String) {
        let prefix = self.prefix;
        let declared = match prefix.strip_suffix(':') {
            None => "xmlns".to_owned(),
            Some(name) => format!("xmlns:{name}"),
        };
        let mut out = format!("<{prefix}Signature {declared}=\"{DS}\"");
        if let Some(id) = &self.id {
            out += &format!(" Id=\"{id}\"");
        }
        let (form, method) = (self.canonicalization.uri(), signature_uri(self.algorithm));
        out += &format!(
            "><{prefix}SignedInfo><{prefix}CanonicalizationMethod Algorithm=\"{form}\"></{prefix}CanonicalizationMethod><{prefix}SignatureMethod Algorithm=\"{method}\"></{prefix}SignatureMethod>"
        );
        for reference in &self.references {
            reference.write(&mut out, prefix, self.algorithm.hash());
        }
        out += &format!("</{prefix}SignedInfo><{prefix}SignatureValue");
        if let Some(id) = &self.value_id {
            out += &format!(" Id=\"{id}\"");
        }
        out += ">";
        let after = format!(
            "</{prefix}SignatureValue>{}{}</{prefix}Signature>",
            self.key_info(),
            self.objects
        );
        (out, after)
    }

    fn key_info(&self) -> String {
        let prefix = self.prefix;
        let mut out = format!("<{prefix}KeyInfo><{prefix}X509Data>");
        if self.subject_name {
            let subject = self.signer.subject().rfc4514;
            out += &format!(
                "<{prefix}X509SubjectName>{}</{prefix}X509SubjectName>",
                text_content(&subject)
            );
        }
        let mut written: Vec<&[u8]> = Vec::new();
        for certificate in std::iter::once(self.signer).chain(self.chain) {
            if !written.contains(&certificate.as_der()) {
                written.push(certificate.as_der());
                let text = BASE64.encode(certificate.as_der());
                out += &format!("<{prefix}X509Certificate>{text}</{prefix}X509Certificate>");
            }
        }
        out + &format!("</{prefix}X509Data></{prefix}KeyInfo>")
    }
}

impl Drafted {
    /// With the document that it goes into.
    pub(crate) fn into_prepared(self, document: Vec<u8>, place: &Place) -> PreparedXml {
        PreparedXml {
            document,
            place: place.range.clone(),
            before: format!("{}{}", place.open, self.before),
            after: format!("{}{}", self.after, place.close),
            signed_info: self.signed_info,
            signer: self.signer,
            algorithm: self.algorithm,
        }
    }
}

/// What a text is in XML, for those who write objects.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    text_content(text)
}

/// The transforms of an enveloped signature over a whole document.
pub(crate) fn enveloped_transforms() -> Vec<String> {
    vec![ENVELOPED.to_owned(), Canonicalization::EXCLUSIVE.uri().to_owned()]
}
