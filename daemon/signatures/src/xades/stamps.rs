//! What each time-stamp property is about (EN 319 132-1, 5.2.8, 5.3, 5.5.2 and A.1.5; TS 101 903 V1.3.2 and V1.4.2 for
//! the older ones): which parts of the signature, each in canonical form, one after the other.

use std::collections::HashMap;

use super::{XADES, XADES_141};
use crate::algorithm::Hash;
use crate::report::TimestampKind;
use crate::timestamp::TimestampToken;
use crate::validation::MAX_TIMESTAMPS;
use crate::xml::{Canonicalization, Document, ElementId, Outer};
use crate::xmldsig::{
    DS, ReadAlgorithm, ReadSignature, Resolver, Target, base64, canonicalization, feed, target,
};

/// `Include` elements of one property that are looked at.
const MAX_INCLUDES: usize = 256;

/// Octets that are put together for the time-stamps of one signature: what is not begun within them is not judged.
const MAX_OCTETS: u64 = 1 << 30;

/// The properties with time-stamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Property {
    AllDataObjects,
    IndividualDataObjects,
    Signature,
    SignatureAndReferences(Version),
    References(Version),
    Archive(Version),
}

/// The namespace of 1.3.2, or what came in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    First,
    Second,
}

impl Property {
    /// What a signed property is.
    pub(super) fn signed(document: &Document<'_>, element: ElementId) -> Option<Self> {
        match (&*document.namespace(element), document.local_name(element)) {
            (XADES, "AllDataObjectsTimeStamp") => Some(Self::AllDataObjects),
            (XADES, "IndividualDataObjectsTimeStamp") => Some(Self::IndividualDataObjects),
            _ => None,
        }
    }

    /// What an unsigned property is.
    pub(super) fn unsigned(document: &Document<'_>, element: ElementId) -> Option<Self> {
        match (&*document.namespace(element), document.local_name(element)) {
            (XADES, "SignatureTimeStamp") => Some(Self::Signature),
            (XADES, "SigAndRefsTimeStamp") => Some(Self::SignatureAndReferences(Version::First)),
            (XADES_141, "SigAndRefsTimeStampV2") => Some(Self::SignatureAndReferences(Version::Second)),
            (XADES, "RefsOnlyTimeStamp") => Some(Self::References(Version::First)),
            (XADES_141, "RefsOnlyTimeStampV2") => Some(Self::References(Version::Second)),
            (XADES, "ArchiveTimeStamp") => Some(Self::Archive(Version::First)),
            (XADES_141, "ArchiveTimeStamp") => Some(Self::Archive(Version::Second)),
            _ => None,
        }
    }

    pub(super) const fn kind(self) -> TimestampKind {
        match self {
            Self::AllDataObjects | Self::IndividualDataObjects => TimestampKind::Content,
            Self::Signature => TimestampKind::Signature,
            Self::SignatureAndReferences(_) => TimestampKind::SignatureAndReferences,
            Self::References(_) => TimestampKind::References,
            Self::Archive(_) => TimestampKind::Archive,
        }
    }
}

/// A time-stamp property, with one of its tokens.
#[derive(Debug, Clone)]
pub(super) struct Stamp {
    pub(super) property: Property,
    element: ElementId,
    form: Canonicalization,
    /// None where it cannot be read.
    pub(super) token: Option<TimestampToken>,
}

impl Stamp {
    /// One for each token: a property may hold those of several authorities, all about the same.
    pub(super) fn read(document: &Document<'_>, element: ElementId, property: Property) -> Vec<Self> {
        let form = document
            .child(element, DS, "CanonicalizationMethod")
            .and_then(|method| ReadAlgorithm::read(document, method).ok())
            .map_or(Some(Canonicalization::INCLUSIVE), |method| {
                canonicalization(document, &method)
            });
        let mut tokens: Vec<Option<TimestampToken>> = document
            .children(element)
            .filter(|child| document.is(*child, XADES, "EncapsulatedTimeStamp"))
            .take(MAX_TIMESTAMPS)
            .map(|text| base64(&document.text_of(text)).and_then(|der| TimestampToken::from_der(&der).ok()))
            .collect();
        if tokens.is_empty() {
            tokens.push(None);
        }
        tokens
            .into_iter()
            .map(|token| Self {
                property,
                element,
                token: token.filter(|_| form.is_some()),
                form: form.clone().unwrap_or(Canonicalization::INCLUSIVE),
            })
            .collect()
    }
}

/// A signature, and what its time-stamps may be about.
pub(super) struct Stamped<'a> {
    pub(super) document: &'a Document<'a>,
    pub(super) signature: &'a ReadSignature,
    /// UnsignedSignatureProperties, in their order.
    pub(super) properties: &'a [ElementId],
    /// The QualifyingProperties.
    pub(super) qualifying: Option<ElementId>,
    pub(super) resolver: &'a dyn Resolver,
    /// What was put together so far.
    pub(super) done: Done,
}

/// Digests of what properties are about, and how many octets that took.
#[derive(Debug, Default)]
pub(super) struct Done {
    octets: u64,
    digests: HashMap<(ElementId, Hash), Option<Vec<u8>>>,
}

type Out<'o> = &'o mut dyn FnMut(&[u8]);

impl Stamped<'_> {
    /// Whether a time-stamp is about what its property says; none where that cannot be told.
    pub(super) fn is_covered_by(&mut self, stamp: &Stamp) -> Option<bool> {
        let Some(token) = &stamp.token else {
            return Some(false);
        };
        let digest = match token.hash() {
            Some(hash) => self.digest(stamp, hash)?,
            None => None,
        };
        let right = token.is_about_digest(|_| digest);
        // One of the archive that names what it covers, in a signature whose properties lie apart (5.5.2.3), is not put
        // together here.
        let apart =
            matches!(stamp.property, Property::Archive(_)) && !self.included(stamp.element).is_empty();
        (right || !apart).then_some(right)
    }

    /// The digest of what a property is about, or that it is about nothing; none where there has been too much of it.
    fn digest(&mut self, stamp: &Stamp, hash: Hash) -> Option<Option<Vec<u8>>> {
        let key = (stamp.element, hash);
        if let Some(digest) = self.done.digests.get(&key) {
            return Some(digest.clone());
        }
        if self.done.octets > MAX_OCTETS {
            return None;
        }
        let (mut hashing, mut octets) = (hash.hasher(), 0);
        let about = self.about(stamp, &mut |piece| {
            octets += piece.len() as u64;
            hashing.update(piece);
        });
        let digest = about.map(|()| hashing.finalize());
        self.done.octets += octets;
        self.done.digests.insert(key, digest.clone());
        Some(digest)
    }

    fn about(&self, stamp: &Stamp, out: Out<'_>) -> Option<()> {
        let form = &stamp.form;
        match stamp.property {
            Property::AllDataObjects => self.all_data(form, out),
            Property::IndividualDataObjects => self.individual_data(stamp.element, form, out),
            Property::Signature => self.write(self.signature.value_element, form, out),
            Property::SignatureAndReferences(_) | Property::References(_) => self.references(stamp, out),
            Property::Archive(version) => self.archive(version, Some(stamp.element), form, out),
        }
    }

    fn write(&self, element: ElementId, form: &Canonicalization, out: Out<'_>) -> Option<()> {
        let written = form.write(self.document, Some(element), None, &Outer::default(), out);
        written.ok()
    }

    /// What the references point to (5.2.8.1), the one to the properties apart: all data objects.
    fn all_data(&self, form: &Canonicalization, out: Out<'_>) -> Option<()> {
        let properties = self
            .qualifying
            .and_then(|qualifying| self.document.child(qualifying, XADES, "SignedProperties"));
        let mut any = false;
        for place in 0..self.signature.references.len() {
            let pointed = target(self.document, &self.signature.references[place]).ok()?;
            if properties.is_none_or(|properties| pointed != Target::Element(properties)) {
                self.data(place, &pointed, form, out)?;
                any = true;
            }
        }
        any.then_some(())
    }

    /// What a reference points to, after its transforms.
    fn data(&self, place: usize, pointed: &Target, form: &Canonicalization, out: Out<'_>) -> Option<()> {
        let reference = &self.signature.references[place];
        let fed = feed(
            self.document,
            self.signature,
            reference,
            pointed,
            self.resolver,
            Some(form),
            out,
        );
        fed.ok()
    }

    /// What the references that are named point to (5.2.8.2); where only the Reference itself is meant (TS 101 903 V1.4.2,
    /// 7.1.4.3.1), that.
    fn individual_data(&self, stamp: ElementId, form: &Canonicalization, out: Out<'_>) -> Option<()> {
        let included = self.included(stamp);
        for include in &included {
            let named = self.named(*include)?;
            let mut references = self.signature.references.iter();
            let place = references.position(|reference| reference.element == named)?;
            let of_data = self.document.attribute(*include, "referencedData");
            if of_data.is_some_and(|value| matches!(&*value, "true" | "1")) {
                let pointed = target(self.document, &self.signature.references[place]).ok()?;
                self.data(place, &pointed, form, out)?;
            } else {
                self.write(named, form, out)?;
            }
        }
        (!included.is_empty()).then_some(())
    }

    fn included(&self, stamp: ElementId) -> Vec<ElementId> {
        let children = self.document.children(stamp);
        let includes = children.filter(|child| self.document.is(*child, XADES, "Include"));
        includes.take(MAX_INCLUDES + 1).collect()
    }

    /// The one element that an Include names.
    fn named(&self, include: ElementId) -> Option<ElementId> {
        let uri = self.document.attribute(include, "URI")?;
        match self.document.with_id(uri.strip_prefix('#')?)[..] {
            [element] => Some(element),
            _ => None,
        }
    }

    /// SignatureValue and time-stamps if they are meant, and the references (A.1.5.1 and A.1.5.2): those before the
    /// property, or those that it names.
    fn references(&self, stamp: &Stamp, out: Out<'_>) -> Option<()> {
        let (with_signature, version) = match stamp.property {
            Property::SignatureAndReferences(version) => (true, version),
            Property::References(version) => (false, version),
            _ => return None,
        };
        let may_be = |element: &ElementId| {
            let name = self.document.local_name(*element);
            match (&*self.document.namespace(*element), version) {
                (XADES, _) if name == "SignatureTimeStamp" => with_signature,
                (XADES, _) if matches!(name, "CompleteRevocationRefs" | "AttributeRevocationRefs") => true,
                (XADES, Version::First) => {
                    matches!(name, "CompleteCertificateRefs" | "AttributeCertificateRefs")
                }
                (XADES_141, Version::Second) => {
                    matches!(name, "CompleteCertificateRefsV2" | "AttributeCertificateRefsV2")
                }
                _ => false,
            }
        };
        let value = self.signature.value_element;
        let before = self
            .properties
            .iter()
            .copied()
            .filter(|property| *property < stamp.element && may_be(property));
        let implied: Vec<ElementId> = with_signature
            .then_some(value)
            .into_iter()
            .chain(before)
            .collect();
        let included = self.included(stamp.element);
        let elements = if included.is_empty() {
            implied
        } else {
            let named: Option<Vec<ElementId>> = included.iter().map(|one| self.named(*one)).collect();
            // Only what it could be about without naming it, the signature among it.
            let named = named.filter(|named| named.iter().all(|one| implied.contains(one)))?;
            (!with_signature || named.contains(&value)).then_some(named)?
        };
        for element in &elements {
            self.write(*element, &stamp.form, out)?;
        }
        (!elements.is_empty()).then_some(())
    }

    /// What an archive time-stamp covers (5.5.2.2): what the references point to, SignedInfo, SignatureValue, KeyInfo, the
    /// properties before it, and the objects that hold no properties; of those the first version took only what no
    /// reference points to (TS 101 903 V1.3.2, 7.7.1).
    pub(super) fn archive(
        &self,
        version: Version,
        before: Option<ElementId>,
        form: &Canonicalization,
        out: Out<'_>,
    ) -> Option<()> {
        let mut pointed_to = Vec::new();
        for (place, reference) in self.signature.references.iter().enumerate() {
            let pointed = target(self.document, reference).ok()?;
            self.data(place, &pointed, form, out)?;
            pointed_to.push(pointed);
        }
        let mut elements = vec![self.signature.signed_info, self.signature.value_element];
        elements.extend(self.signature.key_info);
        elements.extend(
            self.properties
                .iter()
                .copied()
                .take_while(|property| before.is_none_or(|before| *property < before)),
        );
        let other = |object: &&ElementId| {
            let holds = |qualifying| self.document.contains(**object, qualifying);
            let signed = version == Version::First && pointed_to.contains(&Target::Element(**object));
            !self.qualifying.is_some_and(holds) && !signed
        };
        elements.extend(self.signature.objects.iter().filter(other));
        for element in elements {
            self.write(element, form, out)?;
        }
        Some(())
    }
}

/// What a signature time-stamp covers: the SignatureValue element (EN 319 132-1, 5.3).
pub(super) fn value_digest(
    document: &Document<'_>,
    signature: &ReadSignature,
    form: &Canonicalization,
    hash: Hash,
) -> Option<Vec<u8>> {
    let mut hashing = hash.hasher();
    form.write(
        document,
        Some(signature.value_element),
        None,
        &Outer::default(),
        &mut |piece| hashing.update(piece),
    )
    .ok()?;
    Some(hashing.finalize())
}
