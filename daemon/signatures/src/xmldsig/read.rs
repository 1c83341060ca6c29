//! A Signature as it came (XML-DSig, 4): in the order of its schema, within limits.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::DS;
use crate::certificate::Certificate;
use crate::xml::{Document, ElementId};

/// Signatures of one document that are looked at.
pub const MAX_SIGNATURES: usize = 64;

/// References of one signature, and of its manifests together.
pub(crate) const MAX_REFERENCES: usize = 1024;

const MAX_TRANSFORMS: usize = 8;
const MAX_CERTIFICATES: usize = 32;

/// The elements are not those of a Signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotASignature;

/// A Signature taken apart.
#[derive(Debug, Clone)]
pub(crate) struct ReadSignature {
    pub(crate) element: ElementId,
    pub(crate) signed_info: ElementId,
    pub(crate) canonicalization: ReadAlgorithm,
    pub(crate) method: ReadAlgorithm,
    pub(crate) references: Vec<ReadReference>,
    pub(crate) value: Vec<u8>,
    pub(crate) value_element: ElementId,
    pub(crate) key_info: Option<ElementId>,
    /// The certificates of KeyInfo that could be read, in their order.
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) objects: Vec<ElementId>,
}

/// An element with an `Algorithm`.
#[derive(Debug, Clone)]
pub(crate) struct ReadAlgorithm {
    pub(crate) uri: String,
    pub(crate) element: ElementId,
}

/// A Reference taken apart.
#[derive(Debug, Clone)]
pub(crate) struct ReadReference {
    pub(crate) element: ElementId,
    pub(crate) uri: Option<String>,
    pub(crate) transforms: Vec<ReadAlgorithm>,
    pub(crate) digest_method: String,
    pub(crate) digest: Vec<u8>,
}

/// Base64 with the white space that XML lets stand in it.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    let dense: String = text.split_ascii_whitespace().collect();
    BASE64.decode(dense).ok()
}

impl ReadSignature {
    pub(crate) fn read(document: &Document<'_>, element: ElementId) -> Result<Self, NotASignature> {
        let mut children = document.children(element).peekable();
        let mut next = |name: &str| {
            children
                .next_if(|child| document.is(*child, DS, name))
                .ok_or(NotASignature)
        };
        let signed_info = next("SignedInfo")?;
        let value_element = next("SignatureValue")?;
        let key_info = next("KeyInfo").ok();
        let mut objects = Vec::new();
        while let Ok(object) = next("Object") {
            objects.push(object);
        }
        if children.next().is_some() {
            return Err(NotASignature);
        }
        let mut info = document.children(signed_info).peekable();
        let mut algorithm = |name: &str| {
            let found = info
                .next_if(|child| document.is(*child, DS, name))
                .ok_or(NotASignature)?;
            ReadAlgorithm::read(document, found)
        };
        let canonicalization = algorithm("CanonicalizationMethod")?;
        let method = algorithm("SignatureMethod")?;
        let references = info
            .map(|child| ReadReference::read(document, child))
            .collect::<Result<Vec<_>, _>>()?;
        if references.len() > MAX_REFERENCES {
            return Err(NotASignature);
        }
        Ok(Self {
            element,
            signed_info,
            canonicalization,
            method,
            references,
            value: base64(&document.text_of(value_element)).ok_or(NotASignature)?,
            value_element,
            key_info,
            certificates: key_info.map_or_else(Vec::new, |key_info| certificates(document, key_info)),
            objects,
        })
    }

    /// Whether an element stands in one of its own objects.
    pub(crate) fn has_inside(&self, document: &Document<'_>, element: ElementId) -> bool {
        document.contains(self.element, element) && element != self.element
    }
}

fn certificates(document: &Document<'_>, key_info: ElementId) -> Vec<Certificate> {
    let data = document
        .children(key_info)
        .filter(|child| document.is(*child, DS, "X509Data"));
    data.flat_map(|data| document.children(data).collect::<Vec<_>>())
        .filter(|child| document.is(*child, DS, "X509Certificate"))
        .take(MAX_CERTIFICATES)
        .filter_map(|element| Certificate::from_der(&base64(&document.text_of(element))?).ok())
        .collect()
}

impl ReadAlgorithm {
    pub(crate) fn read(document: &Document<'_>, element: ElementId) -> Result<Self, NotASignature> {
        let uri = document.attribute(element, "Algorithm").ok_or(NotASignature)?;
        Ok(Self {
            uri: uri.into_owned(),
            element,
        })
    }
}

impl ReadReference {
    pub(crate) fn read(document: &Document<'_>, element: ElementId) -> Result<Self, NotASignature> {
        if !document.is(element, DS, "Reference") {
            return Err(NotASignature);
        }
        let mut children = document.children(element).peekable();
        let transforms = match children.next_if(|child| document.is(*child, DS, "Transforms")) {
            None => Vec::new(),
            Some(transforms) => document
                .children(transforms)
                .take(MAX_TRANSFORMS + 1)
                .map(|child| ReadAlgorithm::read(document, child))
                .collect::<Result<_, _>>()?,
        };
        let method = children
            .next_if(|child| document.is(*child, DS, "DigestMethod"))
            .ok_or(NotASignature)?;
        let value = children
            .next_if(|child| document.is(*child, DS, "DigestValue"))
            .ok_or(NotASignature)?;
        if children.next().is_some() || transforms.len() > MAX_TRANSFORMS {
            return Err(NotASignature);
        }
        let owned = |name: &str| {
            document
                .attribute(element, name)
                .map(std::borrow::Cow::into_owned)
        };
        Ok(Self {
            element,
            uri: owned("URI"),
            transforms,
            digest_method: ReadAlgorithm::read(document, method)?.uri,
            digest: base64(&document.text_of(value)).ok_or(NotASignature)?,
        })
    }
}
