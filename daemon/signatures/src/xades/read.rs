//! Reading qualifying properties (EN 319 132-1, 4.4 and 5).

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

use super::{XADES, XADES_141};
use crate::algorithm::Hash;
use crate::certificate::Certificate;
use crate::report::{Reason, SigningTime, SubIndication, TimeSource};
use crate::xml::{Document, ElementId};
use crate::xmldsig::{DS, ReadSignature, Target, algorithms::digest_from_uri, base64, target};

type Finding = (SubIndication, Reason);

const MALFORMED: Finding = (SubIndication::FormatFailure, Reason::SignedPropertiesMalformed);

/// References to certificates that are looked at.
const MAX_CERTIFICATES: usize = 32;

/// Whether it is one of the namespaces of XAdES.
pub(crate) fn is_namespace(namespace: &str) -> bool {
    namespace == XADES || namespace == XADES_141
}

/// The properties of one signature.
#[derive(Debug, Clone)]
pub(crate) struct Qualifying {
    signed_properties: ElementId,
    signing_time: Option<OffsetDateTime>,
    /// The first certificate that the signing-certificate property names, by its digest.
    certificate: Option<(Hash, Vec<u8>)>,
}

impl Qualifying {
    /// Reads them, if the signature has some.
    pub(crate) fn read(document: &Document<'_>, signature: &ReadSignature) -> Result<Option<Self>, Finding> {
        let mut found = signature
            .objects
            .iter()
            .flat_map(|object| document.children(*object).collect::<Vec<_>>())
            .filter(|element| document.is(*element, XADES, "QualifyingProperties"));
        let Some(qualifying) = found.next() else {
            return Ok(None);
        };
        let id = document.attribute(signature.element, "Id").ok_or(MALFORMED)?;
        let target = document.attribute(qualifying, "Target").ok_or(MALFORMED)?;
        if found.next().is_some() || target.strip_prefix('#') != Some(&*id) {
            return Err(MALFORMED);
        }
        let signed_properties = document
            .child(qualifying, XADES, "SignedProperties")
            .ok_or(MALFORMED)?;
        let properties = document.child(signed_properties, XADES, "SignedSignatureProperties");
        let property = |name: &str| properties.and_then(|properties| document.child(properties, XADES, name));
        let signing_time = property("SigningTime")
            .map(|element| read_time(&document.text_of(element)).ok_or(MALFORMED))
            .transpose()?;
        let reference = property("SigningCertificateV2").or_else(|| property("SigningCertificate"));
        Ok(Some(Self {
            signed_properties,
            signing_time,
            certificate: reference
                .map(|element| certificate(document, element))
                .transpose()?,
        }))
    }

    pub(crate) const fn signed_properties(&self) -> ElementId {
        self.signed_properties
    }

    pub(crate) fn signing_time(&self) -> Option<SigningTime> {
        self.signing_time.map(|time| SigningTime {
            time,
            source: TimeSource::SignerProperty,
        })
    }

    /// The certificate whose digest is among the properties.
    pub(crate) fn signing_certificate<'c>(
        &self,
        known: &[&'c Certificate],
        sha1: bool,
    ) -> Result<&'c Certificate, Finding> {
        let Some((method, digest)) = &self.certificate else {
            return Err((
                SubIndication::NoSigningCertificateFound,
                Reason::SigningCertificateMissing,
            ));
        };
        if *method == Hash::Sha1 && !sha1 {
            return Err((SubIndication::CryptoConstraintsFailure, Reason::Sha1NotAccepted));
        }
        let found = known
            .iter()
            .find(|certificate| method.digest(certificate.as_der()) == *digest);
        found.copied().ok_or((
            SubIndication::NoSigningCertificateFound,
            Reason::SigningCertificateMismatch,
        ))
    }
}

impl Qualifying {
    /// Whether the signer's certificate is named by its SHA-1.
    pub(crate) fn names_signer_by_sha1(&self) -> bool {
        self.certificate
            .as_ref()
            .is_some_and(|(method, _)| *method == Hash::Sha1)
    }
}

/// The first `Cert` of a signing-certificate property, of either version.
fn certificate(document: &Document<'_>, property: ElementId) -> Result<(Hash, Vec<u8>), Finding> {
    let mut certificates = document.children(property).take(MAX_CERTIFICATES);
    let first = certificates
        .next()
        .filter(|element| document.is(*element, XADES, "Cert"));
    let digest = first
        .and_then(|element| document.child(element, XADES, "CertDigest"))
        .ok_or(MALFORMED)?;
    let method = document.child(digest, DS, "DigestMethod").ok_or(MALFORMED)?;
    let uri = document.attribute(method, "Algorithm").ok_or(MALFORMED)?;
    let method = digest_from_uri(&uri).ok_or((
        SubIndication::CryptoConstraintsFailure,
        Reason::AlgorithmNotAccepted,
    ))?;
    let value = document.child(digest, DS, "DigestValue").ok_or(MALFORMED)?;
    Ok((method, base64(&document.text_of(value)).ok_or(MALFORMED)?))
}

/// `xs:dateTime`. Without a zone it is the time in Việt Nam: that is how e-invoices have it.
pub(crate) fn read_time(text: &str) -> Option<OffsetDateTime> {
    let text = text.trim();
    if text.len() > 64 {
        return None;
    }
    if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
        return Some(time);
    }
    let local = time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    let vietnam = UtcOffset::from_hms(7, 0, 0).ok()?;
    PrimitiveDateTime::parse(whole, &local)
        .ok()
        .map(|time| time.assume_offset(vietnam))
}

/// The SignatureValue that a counter-signature is about: that of the signature whose property it is (EN 319 132-1, 5.2.7).
/// None for any other signature, also for one that stands there and is about something else.
pub(crate) fn countersigned(document: &Document<'_>, signature: &ReadSignature) -> Option<ElementId> {
    const AROUND: [(&str, &str); 6] = [
        (XADES, "CounterSignature"),
        (XADES, "UnsignedSignatureProperties"),
        (XADES, "UnsignedProperties"),
        (XADES, "QualifyingProperties"),
        (DS, "Object"),
        (DS, "Signature"),
    ];
    let around: Vec<ElementId> = document
        .lineage(signature.element)
        .skip(1)
        .take(AROUND.len())
        .collect();
    let mut named = around.iter().zip(AROUND);
    let outer = *around.get(AROUND.len() - 1)?;
    let stands_there = named.all(|(element, (namespace, name))| document.is(*element, namespace, name));
    let value = document
        .child(outer, DS, "SignatureValue")
        .filter(|_| stands_there)?;
    let mut references = signature.references.iter();
    references
        .any(|reference| target(document, reference) == Ok(Target::Element(value)))
        .then_some(value)
}
