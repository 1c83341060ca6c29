//! References to certificates and revocation data by their digests (EN 319 132-1, A.1.1 and A.1.2; TS 101 903 V1.4.2,
//! 7.4.1 and 7.4.2).

use super::{XADES, XADES_141};
use crate::validation::references::{MAX_REFERENCES, Reference, Referenced};
use crate::xml::{Document, ElementId};
use crate::xmldsig::{DS, algorithms::digest_from_uri, base64};

/// Whether it is a property with such references.
pub(super) fn is_one(document: &Document<'_>, property: ElementId) -> bool {
    matches!(
        (&*document.namespace(property), document.local_name(property)),
        (XADES, "CompleteCertificateRefs" | "CompleteRevocationRefs")
            | (XADES_141, "CompleteCertificateRefsV2")
    )
}

/// Those in a property.
pub(super) fn read(document: &Document<'_>, property: ElementId) -> Vec<Reference> {
    let below = document
        .elements()
        .skip_while(|element| *element <= property)
        .take_while(|element| document.contains(property, *element));
    below
        .filter_map(|element| {
            let to = match document.local_name(element) {
                "Cert" => Referenced::Certificate,
                "CRLRef" => Referenced::Crl,
                "OCSPRef" => Referenced::OcspResponse,
                _ => return None,
            };
            let holder = match to {
                Referenced::Certificate => "CertDigest",
                _ => "DigestAlgAndValue",
            };
            let digest = document.child(element, XADES, holder);
            // An OCSP response may be named without its digest (7.4.2); there is nothing to compare then.
            if to == Referenced::OcspResponse && digest.is_none() {
                return None;
            }
            let digest = digest.and_then(|holder| {
                let method = document.child(holder, DS, "DigestMethod")?;
                let method = digest_from_uri(&document.attribute(method, "Algorithm")?)?;
                let value = document.child(holder, DS, "DigestValue")?;
                Some((method, base64(&document.text_of(value))?))
            });
            Some(Reference { to, digest })
        })
        .take(MAX_REFERENCES)
        .collect()
}
