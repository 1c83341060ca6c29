//! Unsigned properties: time-stamps and validation material (EN 319 132-1, 5.3 to 5.5).

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{XADES, XADES_141};
use crate::algorithm::Hash;
use crate::certificate::Certificate;
use crate::material::ValidationMaterial;
use crate::report::TimestampKind;
use crate::timestamp::TimestampToken;
use crate::validation::{MAX_TIMESTAMPS, Stamped};
use crate::xml::{Canonicalization, Document, ElementId, Outer};
use crate::xmldsig::{DS, ReadAlgorithm, ReadSignature, Resolver, base64, canonicalization, feed, target};

/// Properties of one signature that are looked at.
const MAX_PROPERTIES: usize = 256;

/// Values of one kind that are looked at.
const MAX_VALUES: usize = 1024;

/// A time-stamp property.
#[derive(Debug, Clone)]
struct Stamp {
    kind: TimestampKind,
    element: ElementId,
    form: Canonicalization,
    token: Option<TimestampToken>,
}

/// The unsigned properties of one signature.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unsigned {
    /// `UnsignedSignatureProperties`, in their order.
    properties: Vec<ElementId>,
    stamps: Vec<Stamp>,
    material: ValidationMaterial,
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
        let Some(place) = place(document, signature) else {
            return read;
        };
        read.properties = document.children(place).take(MAX_PROPERTIES).collect();
        for property in read.properties.clone() {
            read.property(document, property);
        }
        read
    }

    fn property(&mut self, document: &Document<'_>, property: ElementId) {
        let namespace = document.namespace(property);
        match (&*namespace, document.local_name(property)) {
            (XADES, "SignatureTimeStamp") => self.stamp(document, property, TimestampKind::Signature),
            (XADES_141, "ArchiveTimeStamp") => self.stamp(document, property, TimestampKind::Archive),
            (XADES, "CertificateValues") | (XADES_141, "TimeStampValidationData") => {
                self.values(document, property);
            }
            (XADES, "RevocationValues") => self.values(document, property),
            _ => {}
        }
    }

    fn stamp(&mut self, document: &Document<'_>, element: ElementId, kind: TimestampKind) {
        let form = document
            .child(element, DS, "CanonicalizationMethod")
            .and_then(|method| ReadAlgorithm::read(document, method).ok())
            .map_or(Some(Canonicalization::INCLUSIVE), |method| {
                canonicalization(document, &method)
            });
        // One property may hold tokens of several authorities, all about the same.
        let encapsulated = document
            .children(element)
            .filter(|child| {
                &*document.namespace(*child) == XADES
                    && document.local_name(*child) == "EncapsulatedTimeStamp"
            })
            .take(MAX_TIMESTAMPS)
            .map(|text| base64(&document.text_of(text)).and_then(|der| TimestampToken::from_der(&der).ok()));
        let mut tokens: Vec<Option<TimestampToken>> = encapsulated.collect();
        if tokens.is_empty() {
            tokens.push(None);
        }
        self.stamps.extend(tokens.into_iter().map(|token| Stamp {
            kind,
            element,
            token: token.filter(|_| form.is_some()),
            form: form.clone().unwrap_or(Canonicalization::INCLUSIVE),
        }));
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
        self.stamps.iter().any(|stamp| stamp.kind == kind)
    }

    /// The time-stamps, the innermost first.
    pub(crate) fn timestamps(
        &self,
        document: &Document<'_>,
        signature: &ReadSignature,
        resolver: &dyn Resolver,
    ) -> Vec<Stamped> {
        let mut stamps: Vec<&Stamp> = self.stamps.iter().collect();
        stamps.sort_by_key(|stamp| stamp.kind == TimestampKind::Archive);
        stamps
            .into_iter()
            .map(|stamp| Stamped {
                kind: stamp.kind,
                about_this: stamp.token.as_ref().is_some_and(|token| {
                    token.is_about_digest(|hash| match stamp.kind {
                        TimestampKind::Signature => value_digest(document, signature, &stamp.form, hash),
                        _ => self.archive_digest(
                            document,
                            signature,
                            resolver,
                            &stamp.form,
                            hash,
                            Some(stamp.element),
                        ),
                    })
                }),
                token: stamp.token.clone(),
            })
            .collect()
    }

    /// What an archive time-stamp covers (EN 319 132-1, 5.5.2.2): what the references point to, SignedInfo,
    /// SignatureValue, KeyInfo, the properties before it, and the objects that hold no properties.
    pub(super) fn archive_digest(
        &self,
        document: &Document<'_>,
        signature: &ReadSignature,
        resolver: &dyn Resolver,
        form: &Canonicalization,
        hash: Hash,
        before: Option<ElementId>,
    ) -> Option<Vec<u8>> {
        let mut hashing = hash.hasher();
        let mut out = |piece: &[u8]| hashing.update(piece);
        for reference in &signature.references {
            let target = target(document, reference).ok()?;
            feed(
                document,
                signature,
                reference,
                &target,
                resolver,
                Some(form),
                &mut out,
            )
            .ok()?;
        }
        let mut elements = vec![signature.signed_info, signature.value_element];
        elements.extend(signature.key_info);
        elements.extend(
            self.properties
                .iter()
                .copied()
                .take_while(|property| before.is_none_or(|before| *property < before)),
        );
        let holds = qualifying(document, signature);
        let other = |object: &&ElementId| holds.is_none_or(|holds| !document.contains(**object, holds));
        elements.extend(signature.objects.iter().filter(other));
        for element in elements {
            form.write(document, Some(element), None, &Outer::default(), &mut out)
                .ok()?;
        }
        Some(hashing.finalize())
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
    let mut out = |piece: &[u8]| hashing.update(piece);
    form.write(
        document,
        Some(signature.value_element),
        None,
        &Outer::default(),
        &mut out,
    )
    .ok()?;
    Some(hashing.finalize())
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
