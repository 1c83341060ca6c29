//! The text of a Signature that is being made, whoever decides what it covers: references, objects, key info; and the
//! canonical form of its SignedInfo in the place where it will stand.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use time::OffsetDateTime;

use super::DS;
use super::algorithms::{ENVELOPED, digest_uri, signature_uri};
use super::key_info::{self, KeyInfoPart};
use super::place::Place;
use super::write::{PreparedXml, XmlPrepareError};
use crate::algorithm::{Hash, SignatureAlgorithm};
use crate::certificate::Certificate;
use crate::xml::{Canonicalization, Document, ElementId, Outer, XmlError, attribute_value, text_content};

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

/// This Id, or with the first number behind it that makes it one the document does not have.
pub(crate) fn numbered_id(document: &Document<'_>, name: &str) -> String {
    if document.with_id(name).is_empty() {
        return name.to_owned();
    }
    let numbered = (2_u32..).map(|number| format!("{name}-{number}"));
    numbered
        .into_iter()
        .find(|id| document.with_id(id).is_empty())
        .unwrap_or_else(|| unreachable!("there are more Ids than a document has bytes"))
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

    pub(crate) fn write(&self, out: &mut String, prefix: &str, hash: Hash) {
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
    pub(crate) key_info: Vec<KeyInfoPart>,
    /// Of the references.
    pub(crate) digest: Hash,
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
    pub(crate) fn new(
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
            key_info: vec![KeyInfoPart::Certificate, KeyInfoPart::Chain],
            digest: algorithm.hash(),
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
        let hash = self.digest;
        let first = self.before();
        let mut text = self.after();
        text.insert_str(0, &first);
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
        drop(fragment);
        // The digests are known now; they stand before the value, and what stands behind it stays.
        let before = self.before();
        text.drain(..first.len());
        let head = format!("{before}</{0}SignatureValue></{0}Signature>", self.prefix);
        let fragment = Document::parse(head.as_bytes())?;
        let signed_info = fragment.children(fragment.root()).next();
        let signed_info = self
            .canonicalization
            .to_vec(&fragment, signed_info, None, &outer)?;
        Ok(Drafted {
            before,
            after: text,
            signed_info,
            signer: self.signer.clone(),
            algorithm: self.algorithm,
        })
    }

    /// The text up to the signature value.
    fn before(&self) -> String {
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
            reference.write(&mut out, prefix, self.digest);
        }
        out += &format!("</{prefix}SignedInfo><{prefix}SignatureValue");
        if let Some(id) = &self.value_id {
            out += &format!(" Id=\"{id}\"");
        }
        out += ">";
        out
    }

    /// The text from the signature value on; the objects, which may be large, go into it.
    fn after(&mut self) -> String {
        let prefix = self.prefix;
        let key_info = key_info::text(prefix, &self.key_info, self.signer, self.chain);
        let mut out = std::mem::take(&mut self.objects);
        out.insert_str(0, &format!("</{prefix}SignatureValue>{key_info}"));
        out += &format!("</{prefix}Signature>");
        out
    }
}

impl Drafted {
    /// With the document that it goes into.
    pub(crate) fn into_prepared(self, document: Vec<u8>, place: &Place) -> PreparedXml {
        PreparedXml {
            document,
            place: place.range.clone(),
            before: format!("{}{}", place.open, self.before),
            after: self.after + &place.close,
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
