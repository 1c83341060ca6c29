//! What a Reference points to, and its digest (XML-DSig, 4.4.3). Same-document references are `""` and `#Id`; whatever
//! else is a name that the caller knows or does not: nothing is ever fetched. Transforms are those of the allow-list.

use super::algorithms::{ENVELOPED, digest_from_uri};
use super::read::{ReadAlgorithm, ReadReference, ReadSignature};
use crate::algorithm::Hash;
use crate::report::{Reason, SubIndication};
use crate::xml::{Canonicalization, Document, ElementId, Method, Outer};

type Finding = (SubIndication, Reason);

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// The whole document.
    Document,
    /// An element of it.
    Element(ElementId),
    /// Something beside it, by its URI.
    External(String),
}

/// Knows what stands beside the document.
pub(crate) trait Resolver {
    /// The octets that a URI names.
    fn find(&self, uri: &str) -> Option<&[u8]>;

    /// Another transform than those of the allow-list, for what stands beside the document. `None`: not allowed.
    fn transform(
        &self,
        document: &Document<'_>,
        transform: &ReadAlgorithm,
        octets: &[u8],
    ) -> Option<Vec<u8>> {
        let _ = (document, transform, octets);
        None
    }
}

/// The method of an element with an `Algorithm`, with its `InclusiveNamespaces`.
pub(crate) fn canonicalization(
    document: &Document<'_>,
    algorithm: &ReadAlgorithm,
) -> Option<Canonicalization> {
    let mut method = Canonicalization::from_uri(&algorithm.uri)?;
    if let Method::Exclusive { inclusive_prefixes } = &mut method.method {
        let exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#";
        if let Some(list) = document.child(algorithm.element, exclusive, "InclusiveNamespaces") {
            let prefixes = document.attribute(list, "PrefixList").unwrap_or_default();
            *inclusive_prefixes = prefixes.split_whitespace().map(str::to_owned).collect();
        }
    }
    Some(method)
}

/// Whose digest a Reference holds.
pub(crate) fn target(document: &Document<'_>, reference: &ReadReference) -> Result<Target, Finding> {
    let Some(uri) = &reference.uri else {
        return Err((SubIndication::SignedDataNotFound, Reason::ReferenceWithoutUri));
    };
    if uri.is_empty() {
        return Ok(Target::Document);
    }
    let Some(id) = uri.strip_prefix('#') else {
        return Ok(Target::External(uri.clone()));
    };
    match document.with_id(id)[..] {
        [element] => Ok(Target::Element(element)),
        [] => Err((SubIndication::SignedDataNotFound, Reason::ReferenceNotFound)),
        _ => Err((SubIndication::FormatFailure, Reason::IdAmbiguous)),
    }
}

/// The digest of what a Reference points to.
pub(crate) fn digest(
    document: &Document<'_>,
    signature: &ReadSignature,
    reference: &ReadReference,
    target: &Target,
    resolver: &dyn Resolver,
) -> Result<Vec<u8>, Finding> {
    let method = digest_from_uri(&reference.digest_method).ok_or((
        SubIndication::CryptoConstraintsFailure,
        Reason::AlgorithmNotAccepted,
    ))?;
    match target {
        Target::Document => node_digest(document, signature, reference, None, method),
        Target::Element(element) => node_digest(document, signature, reference, Some(*element), method),
        Target::External(uri) => {
            let octets = resolver
                .find(uri)
                .ok_or((SubIndication::SignedDataNotFound, Reason::ExternalReference))?;
            external_digest(document, reference, octets, method, resolver)
        }
    }
}

const NOT_ALLOWED: Finding = (SubIndication::FormatFailure, Reason::TransformNotAllowed);

fn node_digest(
    document: &Document<'_>,
    signature: &ReadSignature,
    reference: &ReadReference,
    apex: Option<ElementId>,
    method: Hash,
) -> Result<Vec<u8>, Finding> {
    let mut omitted = None;
    let mut form = None;
    for transform in &reference.transforms {
        // Octets are the end: to parse them again would be another document.
        if form.is_some() {
            return Err(NOT_ALLOWED);
        }
        if transform.uri == ENVELOPED {
            omitted = Some(signature.element);
        } else {
            form = Some(canonicalization(document, transform).ok_or(NOT_ALLOWED)?);
        }
    }
    let mut form = form.unwrap_or(Canonicalization::INCLUSIVE);
    // "" and "#Id" leave comments out of the node-set, whatever the method would do with them (4.4.3.3).
    form.comments = false;
    let mut hashing = method.hasher();
    form.write(document, apex, omitted, &Outer::default(), &mut |piece| {
        hashing.update(piece)
    })
    .map_err(|_| (SubIndication::FormatFailure, Reason::CanonicalizationNotAccepted))?;
    Ok(hashing.finalize())
}

fn external_digest(
    document: &Document<'_>,
    reference: &ReadReference,
    octets: &[u8],
    method: Hash,
    resolver: &dyn Resolver,
) -> Result<Vec<u8>, Finding> {
    let mut made: Option<Vec<u8>> = None;
    for transform in &reference.transforms {
        let before = made.as_deref().unwrap_or(octets);
        let after = match canonicalization(document, transform) {
            Some(form) => {
                let malformed = (SubIndication::FormatFailure, Reason::MalformedXml);
                let parsed = Document::parse(before).map_err(|_| malformed)?;
                form.to_vec(&parsed, None, None, &Outer::default())
                    .map_err(|_| malformed)?
            }
            None => resolver
                .transform(document, transform, before)
                .ok_or(NOT_ALLOWED)?,
        };
        made = Some(after);
    }
    Ok(method.digest(made.as_deref().unwrap_or(octets)))
}
