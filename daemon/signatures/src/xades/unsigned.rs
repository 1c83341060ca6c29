//! Unsigned properties: time-stamps and validation material (EN 319 132-1, 5.3 to 5.5).

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::references;
use super::stamps::{Done, Property, Stamp, Stamped, Version};
use super::{XADES, XADES_141};
use crate::algorithm::Hash;
use crate::certificate::Certificate;
use crate::material::ValidationMaterial;
use crate::report::TimestampKind;
use crate::timestamp::TimestampToken;
use crate::validation::{self, references::Reference};
use crate::xml::{Canonicalization, Document, ElementId};
use crate::xmldsig::{DS, ReadSignature, Resolver, base64};

/// Properties of one signature that are looked at.
const MAX_PROPERTIES: usize = 256;

/// Values of one kind that are looked at.
const MAX_VALUES: usize = 1024;

/// The unsigned properties of one signature, and the time-stamps among its signed ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unsigned {
    /// `UnsignedSignatureProperties`, in their order.
    properties: Vec<ElementId>,
    stamps: Vec<Stamp>,
    references: Vec<Reference>,
    material: ValidationMaterial,
    /// The names of those that nothing here looks at.
    not_evaluated: Vec<String>,
}

/// The QualifyingProperties of a signature.
pub(super) fn qualifying(document: &Document<'_>, signature: &ReadSignature) -> Option<ElementId> {
    let mut found = signature
        .objects
        .iter()
        .filter_map(|object| document.child(*object, XADES, "QualifyingProperties"));
    found.next()
}

/// Its UnsignedSignatureProperties.
pub(super) fn place(document: &Document<'_>, signature: &ReadSignature) -> Option<ElementId> {
    let unsigned = document.child(qualifying(document, signature)?, XADES, "UnsignedProperties")?;
    document.child(unsigned, XADES, "UnsignedSignatureProperties")
}

impl Unsigned {
    pub(crate) fn read(document: &Document<'_>, signature: &ReadSignature) -> Self {
        let mut read = Self::default();
        let Some(qualifying) = qualifying(document, signature) else {
            return read;
        };
        let below = |element: ElementId, names: [&str; 2]| {
            let mut names = names.into_iter();
            let found = names.try_fold(element, |outer, name| document.child(outer, XADES, name));
            let children = found.into_iter().flat_map(|found| document.children(found));
            children.take(MAX_PROPERTIES).collect::<Vec<_>>()
        };
        for property in below(qualifying, ["SignedProperties", "SignedDataObjectProperties"]) {
            if let Some(kind) = Property::signed(document, property) {
                read.stamps.extend(Stamp::read(document, property, kind));
            }
        }
        read.properties = below(qualifying, ["UnsignedProperties", "UnsignedSignatureProperties"]);
        for property in read.properties.clone() {
            read.property(document, property);
        }
        let of_data = below(qualifying, ["UnsignedProperties", "UnsignedDataObjectProperties"]);
        let names = of_data.into_iter().map(|property| document.local_name(property));
        read.not_evaluated.extend(names.map(str::to_owned));
        read
    }

    fn property(&mut self, document: &Document<'_>, property: ElementId) {
        if let Some(kind) = Property::unsigned(document, property) {
            self.stamps.extend(Stamp::read(document, property, kind));
            return;
        }
        if references::is_one(document, property) {
            self.references.extend(references::read(document, property));
            return;
        }
        match (&*document.namespace(property), document.local_name(property)) {
            (XADES, "CertificateValues" | "RevocationValues") | (XADES_141, "TimeStampValidationData") => {
                self.values(document, property);
            }
            // Every Signature of a document is judged for itself, this one too.
            (XADES, "CounterSignature") => {}
            (_, other) => self.not_evaluated.push(other.to_owned()),
        }
    }

    /// Every encapsulated value below a property.
    fn values(&mut self, document: &Document<'_>, property: ElementId) {
        let below = document
            .elements()
            .skip_while(|element| *element <= property)
            .take_while(|element| document.contains(property, *element))
            .take(MAX_VALUES);
        for element in below {
            let list = match document.local_name(element) {
                "EncapsulatedX509Certificate" => &mut self.material.certificates,
                "EncapsulatedCRLValue" => &mut self.material.crls,
                "EncapsulatedOCSPValue" => &mut self.material.ocsp_responses,
                _ => continue,
            };
            list.extend(base64(&document.text_of(element)));
        }
    }

    /// What the properties bring to prove the signature with.
    pub(crate) const fn material(&self) -> &ValidationMaterial {
        &self.material
    }

    /// What it refers to by digest.
    pub(crate) fn references(&self) -> &[Reference] {
        &self.references
    }

    /// The names of the properties that nothing here looks at.
    pub(crate) fn not_evaluated(&self) -> &[String] {
        &self.not_evaluated
    }

    /// The certificates among it, and those of the time-stamps.
    pub(crate) fn certificates(&self) -> Vec<Certificate> {
        let values = self.material.certificates.iter();
        let own = values.filter_map(|der| Certificate::from_der(der).ok());
        let stamped = self.tokens().flat_map(|token| token.certificates().to_vec());
        own.chain(stamped).collect()
    }

    pub(super) fn tokens(&self) -> impl Iterator<Item = &TimestampToken> {
        self.stamps.iter().filter_map(|stamp| stamp.token.as_ref())
    }

    pub(super) fn has(&self, kind: TimestampKind) -> bool {
        self.stamps.iter().any(|stamp| stamp.property.kind() == kind)
    }

    /// The time-stamps, the innermost first.
    pub(crate) fn timestamps(
        &self,
        document: &Document<'_>,
        signature: &ReadSignature,
        resolver: &dyn Resolver,
    ) -> Vec<validation::Stamped> {
        let mut stamped = self.stamped(document, signature, resolver);
        let mut stamps: Vec<&Stamp> = self.stamps.iter().collect();
        stamps.sort_by_key(|stamp| validation::rank(stamp.property.kind()));
        stamps
            .into_iter()
            .take(validation::MAX_TIMESTAMPS)
            .map(|stamp| validation::Stamped {
                kind: stamp.property.kind(),
                about_this: stamped.is_covered_by(stamp),
                token: stamp.token.clone(),
            })
            .collect()
    }

    fn stamped<'a>(
        &'a self,
        document: &'a Document<'a>,
        signature: &'a ReadSignature,
        resolver: &'a dyn Resolver,
    ) -> Stamped<'a> {
        Stamped {
            document,
            signature,
            properties: &self.properties,
            qualifying: qualifying(document, signature),
            resolver,
            done: Done::default(),
        }
    }

    /// What the next archive time-stamp covers.
    pub(super) fn next_archive_digest(
        &self,
        document: &Document<'_>,
        signature: &ReadSignature,
        resolver: &dyn Resolver,
        form: &Canonicalization,
        hash: Hash,
    ) -> Option<Vec<u8>> {
        let mut hashing = hash.hasher();
        self.stamped(document, signature, resolver)
            .archive(Version::Second, None, form, &mut |piece| hashing.update(piece))?;
        Some(hashing.finalize())
    }
}

/// A time-stamp property as text.
pub(super) fn stamp_text(kind: TimestampKind, token: &TimestampToken) -> String {
    let (name, namespace) = match kind {
        TimestampKind::Archive => ("ArchiveTimeStamp", XADES_141),
        _ => ("SignatureTimeStamp", XADES),
    };
    format!(
        "<stamp:{name} xmlns:stamp=\"{namespace}\"><ds:CanonicalizationMethod xmlns:ds=\"{DS}\" Algorithm=\"{}\">\
         </ds:CanonicalizationMethod><xades:EncapsulatedTimeStamp xmlns:xades=\"{XADES}\">{}\
         </xades:EncapsulatedTimeStamp></stamp:{name}>",
        Canonicalization::EXCLUSIVE.uri(),
        BASE64.encode(token.as_der())
    )
}

/// CertificateValues and RevocationValues as text; none of what is empty.
pub(super) fn material_text(material: &ValidationMaterial) -> String {
    let values = |name: &str, list: &[Vec<u8>]| -> String {
        list.iter()
            .map(|der| format!("<xades:{name}>{}</xades:{name}>", BASE64.encode(der)))
            .collect()
    };
    let wrapped = |name: &str, inside: String| {
        if inside.is_empty() {
            inside
        } else {
            format!("<xades:{name}>{inside}</xades:{name}>")
        }
    };
    let declared = |name: &str, inside: &str| {
        if inside.is_empty() {
            String::new()
        } else {
            format!("<xades:{name} xmlns:xades=\"{XADES}\">{inside}</xades:{name}>")
        }
    };
    let certificates = values("EncapsulatedX509Certificate", &material.certificates);
    let lists = wrapped("CRLValues", values("EncapsulatedCRLValue", &material.crls));
    let answers = wrapped(
        "OCSPValues",
        values("EncapsulatedOCSPValue", &material.ocsp_responses),
    );
    declared("CertificateValues", &certificates) + &declared("RevocationValues", &(lists + &answers))
}
