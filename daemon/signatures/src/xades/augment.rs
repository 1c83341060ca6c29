//! Raising a XAdES signature from B-B to B-T, B-LT and B-LTA (EN 319 132-1, clause 6).

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::stamps;
use super::unsigned::{self, Unsigned};
use super::{Qualifying, XADES, countersigned};
use crate::algorithm::Hash;
use crate::augment::{Augment, AugmentError, PreparedTimestamp, ToBeProven};
use crate::material::ValidationMaterial;
use crate::report::TimestampKind;
use crate::timestamp::{Imprint, TimestampToken};
use crate::xml::{Canonicalization, Document};
use crate::xmldsig::{ReadSignature, Resolver, Target, signature_elements, target};

/// An XML document whose last XAdES signature that lacks something gets it.
#[derive(Debug, Clone)]
pub struct XadesSignature {
    bytes: Arc<Vec<u8>>,
    /// What detached signatures are about; only archive time-stamps need it.
    beside: Arc<dyn Resolver + Send + Sync>,
}

/// The one content of a detached signature, whatever it is called.
#[derive(Debug)]
struct Content(Option<Vec<u8>>);

impl Resolver for Content {
    fn find(&self, _: &str) -> Option<Cow<'_, [u8]>> {
        self.0.as_deref().map(Cow::Borrowed)
    }
}

/// The same, fetched when it is needed.
struct Fetched<F>(F);

impl<F> fmt::Debug for Fetched<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Fetched")
    }
}

impl<F: Fn() -> Option<Vec<u8>>> Resolver for Fetched<F> {
    fn find(&self, _: &str) -> Option<Cow<'_, [u8]>> {
        self.0().map(Cow::Owned)
    }
}

impl XadesSignature {
    /// Reads a document with at least one XAdES signature. `content` is what a detached one is about.
    ///
    /// # Errors
    /// [`AugmentError::NotSigned`]
    pub fn open(bytes: impl Into<Arc<Vec<u8>>>, content: Option<Vec<u8>>) -> Result<Self, AugmentError> {
        Self::open_beside(bytes, Arc::new(Content(content)))
    }

    /// As [`Self::open`], with a content that is fetched when an archive time-stamp needs it, and held no longer.
    ///
    /// # Errors
    /// [`AugmentError::NotSigned`]
    pub fn open_fetching(
        bytes: impl Into<Arc<Vec<u8>>>,
        content: impl Fn() -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Result<Self, AugmentError> {
        Self::open_beside(bytes, Arc::new(Fetched(content)))
    }

    /// Prepares the time-stamp of one of its signatures; without a place, of the one that is raised next.
    fn prepare_at(
        &self,
        place: Option<usize>,
        kind: TimestampKind,
        hash: Hash,
    ) -> Result<Box<dyn PreparedTimestamp>, AugmentError> {
        let document = parse(&self.bytes)?;
        let all = signatures(&document)?;
        let place = place.unwrap_or_else(|| chosen(&document, &all, kind));
        let signature = all.get(place).ok_or(AugmentError::Unsupported)?;
        let form = Canonicalization::EXCLUSIVE;
        let digest = match kind {
            TimestampKind::Signature => stamps::value_digest(&document, signature, &form, hash),
            TimestampKind::Archive => {
                let properties = Unsigned::read(&document, signature);
                properties.next_archive_digest(&document, signature, &*self.beside, &form, hash)
            }
            _ => return Err(AugmentError::Unsupported),
        };
        Ok(Box::new(Stamping {
            bytes: Arc::clone(&self.bytes),
            place,
            kind,
            imprint: Imprint {
                hash,
                digest: digest.ok_or(AugmentError::ContentMissing)?,
            },
        }))
    }

    /// The same with the files that its references name.
    ///
    /// # Errors
    /// [`AugmentError::NotSigned`]
    pub(crate) fn open_beside(
        bytes: impl Into<Arc<Vec<u8>>>,
        beside: Arc<dyn Resolver + Send + Sync>,
    ) -> Result<Self, AugmentError> {
        let bytes = bytes.into();
        let document = parse(&bytes)?;
        signatures(&document)?;
        Ok(Self { bytes, beside })
    }
}

fn parse(bytes: &[u8]) -> Result<Document<'_>, AugmentError> {
    Document::parse(bytes).map_err(|error| AugmentError::NotSigned(error.to_string()))
}

/// The XAdES signatures of a document, at least one; a confirmation of one of them stays as it is.
fn signatures(document: &Document<'_>) -> Result<Vec<ReadSignature>, AugmentError> {
    let found: Vec<ReadSignature> = signature_elements(document)
        .into_iter()
        .filter_map(|element| ReadSignature::read(document, element).ok())
        .filter(|signature| matches!(Qualifying::read(document, signature), Ok(Some(_))))
        .filter(|signature| countersigned(document, signature).is_none())
        .collect();
    if found.is_empty() {
        return Err(AugmentError::NotSigned("no XAdES signature".into()));
    }
    Ok(found)
}

/// The place of the signature that is raised: the last one without such a time-stamp, else the last one.
fn chosen(document: &Document<'_>, all: &[ReadSignature], kind: TimestampKind) -> usize {
    let lacking = all
        .iter()
        .rposition(|signature| !Unsigned::read(document, signature).has(kind));
    lacking.unwrap_or(all.len() - 1)
}

/// Whether another signature of the document is about this one as well: by a reference to what it stands in, or, where it
/// is a property of that one, by an archive time-stamp.
fn is_covered(document: &Document<'_>, signature: &ReadSignature, others: &[ReadSignature]) -> bool {
    let element = signature.element;
    let covers = |other: &ReadSignature| {
        let around = other.has_inside(document, element);
        let targets = other.references.iter();
        let mut targets = targets.filter_map(|reference| target(document, reference).ok());
        let refers = targets.any(|target| match target {
            Target::Document => !around,
            Target::Element(signed) => {
                document.contains(signed, element) && (!around || other.has_inside(document, signed))
            }
            Target::External(_) => false,
        });
        refers || around && Unsigned::read(document, other).has(TimestampKind::Archive)
    };
    let mut others = others.iter().filter(|other| other.element != element);
    others.any(covers)
}

/// Where a property goes, with what has to stand around it.
fn insertion(
    document: &Document<'_>,
    signature: &ReadSignature,
    property: &str,
) -> Result<(usize, String), AugmentError> {
    if let Some(place) = unsigned::place(document, signature) {
        if document.is_one_tag(place) {
            return Err(AugmentError::Unsupported);
        }
        return Ok((document.content_span(place).end, property.to_owned()));
    }
    let qualifying = unsigned::qualifying(document, signature).ok_or(AugmentError::Unsupported)?;
    if document.child(qualifying, XADES, "UnsignedProperties").is_some() {
        return Err(AugmentError::Unsupported);
    }
    let around = format!(
        "<xades:UnsignedProperties xmlns:xades=\"{XADES}\"><xades:UnsignedSignatureProperties>{property}\
         </xades:UnsignedSignatureProperties></xades:UnsignedProperties>"
    );
    Ok((document.content_span(qualifying).end, around))
}

/// A text with others in it, each at its place of the original, in their order.
fn spliced(text: &str, insertions: &[(usize, String)]) -> Vec<u8> {
    let more: usize = insertions.iter().map(|(_, more)| more.len()).sum();
    let mut bytes = Vec::with_capacity(text.len() + more);
    let (text, mut from) = (text.as_bytes(), 0);
    for (at, more) in insertions {
        bytes.extend_from_slice(&text[from..*at]);
        bytes.extend_from_slice(more.as_bytes());
        from = *at;
    }
    bytes.extend_from_slice(&text[from..]);
    bytes
}

/// A document on its way to a time-stamp.
struct Stamping {
    bytes: Arc<Vec<u8>>,
    /// Of the signature among those of the document.
    place: usize,
    kind: TimestampKind,
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
        let document = parse(&self.bytes)?;
        let all = signatures(&document)?;
        let signature = all.get(self.place).ok_or(AugmentError::Unsupported)?;
        let (at, text) = insertion(&document, signature, &unsigned::stamp_text(self.kind, token))?;
        Ok(spliced(document.text(), &[(at, text)]))
    }
}

impl Augment for XadesSignature {
    fn prepare_timestamp(
        &self,
        kind: TimestampKind,
        hash: Hash,
    ) -> Result<Box<dyn PreparedTimestamp>, AugmentError> {
        self.prepare_at(None, kind, hash)
    }

    fn places(&self) -> Result<usize, AugmentError> {
        Ok(signatures(&parse(&self.bytes)?)?.len())
    }

    fn prepare_renewal(&self, place: usize, hash: Hash) -> Result<Box<dyn PreparedTimestamp>, AugmentError> {
        self.prepare_at(Some(place), TimestampKind::Archive, hash)
    }

    fn has_timestamp(&self, kind: TimestampKind) -> Result<bool, AugmentError> {
        let document = parse(&self.bytes)?;
        let all = signatures(&document)?;
        Ok(all
            .iter()
            .all(|signature| Unsigned::read(&document, signature).has(kind)))
    }

    fn to_be_proven(&self) -> Result<ToBeProven, AugmentError> {
        let document = parse(&self.bytes)?;
        let mut proven = ToBeProven::default();
        for signature in signatures(&document)? {
            let properties = Unsigned::read(&document, &signature);
            let mut embedded = signature.certificates.clone();
            embedded.extend(properties.certificates());
            if let Ok(Some(qualifying)) = Qualifying::read(&document, &signature) {
                let known: Vec<_> = embedded.iter().collect();
                proven
                    .leaves
                    .extend(qualifying.signing_certificate(&known, true).ok().cloned());
            }
            for token in properties.tokens() {
                let authority = token.authority(&embedded, true);
                proven
                    .leaves
                    .extend(authority.ok().map(|(authority, _)| authority));
            }
            proven.embedded.extend(embedded);
            proven.material.merge(properties.material());
        }
        Ok(proven)
    }

    /// Each signature gets it for itself: the values in one are about that one (EN 319 132-1, 5.4). One that could not
    /// change without another one breaking stays as it is.
    fn add_material(&self, material: &ValidationMaterial) -> Result<Vec<u8>, AugmentError> {
        let document = parse(&self.bytes)?;
        let others: Vec<ReadSignature> = signature_elements(&document)
            .into_iter()
            .filter_map(|element| ReadSignature::read(&document, element).ok())
            .collect();
        let mut insertions = Vec::new();
        for signature in signatures(&document)? {
            if is_covered(&document, &signature, &others) {
                continue;
            }
            let mut known = Unsigned::read(&document, &signature).material().clone();
            let certificates = signature.certificates.iter();
            known
                .certificates
                .extend(certificates.map(|certificate| certificate.as_der().to_vec()));
            let text = unsigned::material_text(&material.beyond(&known));
            if !text.is_empty() {
                insertions.push(insertion(&document, &signature, &text)?);
            }
        }
        if insertions.is_empty() {
            return Ok(self.bytes.to_vec());
        }
        insertions.sort_by_key(|(at, _)| *at);
        Ok(spliced(document.text(), &insertions))
    }
}
