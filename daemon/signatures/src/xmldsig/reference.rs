//! What a Reference points to, and its digest (XML-DSig, 4.4.3). Same-document references are `""` and `#Id`; whatever
//! else is a name that the caller knows or does not: nothing is ever fetched. Transforms are those of the allow-list.

use std::borrow::Cow;

use super::algorithms::{BASE64_DECODED, ENVELOPED, digest_from_uri};
use super::read::{self, ReadAlgorithm, ReadReference, ReadSignature};
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
pub(crate) trait Resolver: std::fmt::Debug {
    /// The octets that a URI names.
    fn find(&self, uri: &str) -> Option<Cow<'_, [u8]>>;

    /// The same in pieces.
    fn feed(&self, uri: &str, out: &mut dyn FnMut(&[u8])) -> Option<()> {
        out(&self.find(uri)?);
        Some(())
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
    let mut hashing = method.hasher();
    feed(
        document,
        signature,
        reference,
        target,
        resolver,
        None,
        &mut |piece| {
            hashing.update(piece);
        },
    )?;
    Ok(hashing.finalize())
}

/// What a Reference points to, after its transforms, piece by piece. A node-set that no transform made octets of takes
/// the form `usual`, or else that of XML-DSig.
pub(crate) fn feed(
    document: &Document<'_>,
    signature: &ReadSignature,
    reference: &ReadReference,
    target: &Target,
    resolver: &dyn Resolver,
    usual: Option<&Canonicalization>,
    out: &mut dyn FnMut(&[u8]),
) -> Result<(), Finding> {
    match target {
        Target::Document => nodes(document, signature, reference, None, usual, out),
        Target::Element(element) => nodes(document, signature, reference, Some(*element), usual, out),
        Target::External(uri) => {
            let not_found = (SubIndication::SignedDataNotFound, Reason::ExternalReference);
            // As it is, it need not be held.
            if reference.transforms.is_empty() {
                return resolver.feed(uri, out).ok_or(not_found);
            }
            let octets = resolver.find(uri).ok_or(not_found)?;
            external(document, reference, &octets, out)
        }
    }
}

const NOT_ALLOWED: Finding = (SubIndication::FormatFailure, Reason::TransformNotAllowed);

/// Of what is no Base64: no octets come of it, and those that were signed are not to be had.
const NOT_WHAT_WAS_SIGNED: Finding = (SubIndication::HashFailure, Reason::ReferenceDigestMismatch);

fn nodes(
    document: &Document<'_>,
    signature: &ReadSignature,
    reference: &ReadReference,
    apex: Option<ElementId>,
    usual: Option<&Canonicalization>,
    out: &mut dyn FnMut(&[u8]),
) -> Result<(), Finding> {
    let mut omitted = None;
    let mut form = None;
    let mut decoded = false;
    for transform in &reference.transforms {
        // Octets are the end: to parse them again would be another document.
        if form.is_some() || decoded {
            return Err(NOT_ALLOWED);
        }
        if transform.uri == ENVELOPED {
            omitted = Some(signature.element);
        } else if transform.uri == BASE64_DECODED {
            decoded = true;
        } else {
            form = Some(canonicalization(document, transform).ok_or(NOT_ALLOWED)?);
        }
    }
    if decoded {
        out(&decoded_text(document, apex)?);
        return Ok(());
    }
    let mut form = form
        .or_else(|| usual.cloned())
        .unwrap_or(Canonicalization::INCLUSIVE);
    // "" and "#Id" leave comments out of the node-set, whatever the method would do with them (4.4.3.3).
    form.comments = false;
    form.write(document, apex, omitted, &Outer::default(), out)
        .map_err(|_| (SubIndication::FormatFailure, Reason::CanonicalizationNotAccepted))
}

/// What the text of an element says in Base64 (XML-DSig, 6.6.2). The transform looks through the tags of what stands in
/// the element, and so nobody would have signed them: there must be none.
fn decoded_text(document: &Document<'_>, apex: Option<ElementId>) -> Result<Vec<u8>, Finding> {
    let element = apex
        .filter(|element| document.children(*element).next().is_none())
        .ok_or(NOT_ALLOWED)?;
    read::base64(&document.text_of(element)).ok_or(NOT_WHAT_WAS_SIGNED)
}

fn external(
    document: &Document<'_>,
    reference: &ReadReference,
    octets: &[u8],
    out: &mut dyn FnMut(&[u8]),
) -> Result<(), Finding> {
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
            None if transform.uri == BASE64_DECODED => std::str::from_utf8(before)
                .ok()
                .and_then(read::base64)
                .ok_or(NOT_WHAT_WAS_SIGNED)?,
            None => return Err(NOT_ALLOWED),
        };
        made = Some(after);
    }
    out(made.as_deref().unwrap_or(octets));
    Ok(())
}
