//! What breaks a rule before the signature is made.

use trien_signatures::algorithm::{Hash, SignatureAlgorithm};
use trien_signatures::cms::FormatError;
use trien_signatures::report::{Reason as R, SubIndication as S};

use crate::Outcome;
use crate::Outcome::{Broken, Unreadable, Valid};
use crate::forge::{
    CONTENT, CONTENT_TYPE, Forge, INTEGER, MESSAGE_DIGEST, OCTETS, PROTECTION, SEQUENCE, SET, SHA_1,
    SIGNED_DATA, SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2, SIGNING_TIME, TIMESTAMP_INFO, attribute, der,
    identifier, message_digest, oid, reference, signing_time,
};

/// Changes a good detached ECDSA signature before it is made.
type Change = fn(&mut Forge<'_>);

/// What breaks a rule before the signature is made.
pub(crate) const CHANGES: &[(&str, Change, Outcome)] = &[
    ("good", |_| (), Valid),
    (
        "no-signed-attributes",
        |f| f.attributes = None,
        Broken(S::FormatFailure, R::SignedAttributesMissing),
    ),
    (
        "no-signers",
        |f| f.times = 0,
        Broken(S::FormatFailure, R::NoSigners),
    ),
    (
        "signer-twice",
        |f| f.times = 2,
        Broken(S::FormatFailure, R::DuplicateSigner),
    ),
    (
        "65-signers",
        |f| (f.times, f.value) = (65, Some(vec![0])),
        Unreadable(FormatError::TooMany),
    ),
    (
        "129-certificates",
        |f| f.certificates = vec![vec![0x30, 0]; 129],
        Unreadable(FormatError::TooMany),
    ),
    (
        "message-digest-missing",
        |f| f.remove(MESSAGE_DIGEST),
        Broken(S::FormatFailure, R::MessageDigestMissing),
    ),
    (
        "message-digest-twice",
        |f| f.attributes().push(message_digest(b"other")),
        Broken(S::FormatFailure, R::AttributeDuplicated),
    ),
    (
        "message-digest-two-values",
        |f| {
            let [one, two] = [CONTENT, b"other"].map(|content| der(OCTETS, &[&Hash::Sha256.digest(content)]));
            f.replace(MESSAGE_DIGEST, attribute(MESSAGE_DIGEST, &[&one, &two]));
        },
        Broken(S::FormatFailure, R::AttributeNotSingleValued),
    ),
    (
        "message-digest-no-value",
        |f| f.replace(MESSAGE_DIGEST, attribute(MESSAGE_DIGEST, &[])),
        Broken(S::FormatFailure, R::AttributeNotSingleValued),
    ),
    (
        "message-digest-of-other-content",
        |f| f.replace(MESSAGE_DIGEST, message_digest(b"other")),
        Broken(S::HashFailure, R::MessageDigestMismatch),
    ),
    (
        "message-digest-empty",
        |f| f.replace(MESSAGE_DIGEST, attribute(MESSAGE_DIGEST, &[&der(OCTETS, &[])])),
        Broken(S::HashFailure, R::MessageDigestMismatch),
    ),
    (
        "message-digest-an-integer",
        |f| {
            f.replace(
                MESSAGE_DIGEST,
                attribute(MESSAGE_DIGEST, &[&der(INTEGER, &[&[1]])]),
            )
        },
        Broken(S::FormatFailure, R::AttributeMalformed),
    ),
    (
        "content-type-missing",
        |f| f.remove(CONTENT_TYPE),
        Broken(S::FormatFailure, R::ContentTypeMissing),
    ),
    (
        "content-type-other",
        |f| f.replace(CONTENT_TYPE, attribute(CONTENT_TYPE, &[&oid(SIGNED_DATA)])),
        Broken(S::FormatFailure, R::ContentTypeMismatch),
    ),
    (
        "econtent-type-other",
        |f| f.content_type = oid(SIGNED_DATA),
        Broken(S::FormatFailure, R::ContentTypeMismatch),
    ),
    (
        "timestamp-token-as-document",
        |f| {
            f.content_type = oid(TIMESTAMP_INFO);
            f.replace(CONTENT_TYPE, attribute(CONTENT_TYPE, &[&oid(TIMESTAMP_INFO)]));
        },
        Broken(S::FormatFailure, R::ContentTypeNotData),
    ),
    (
        "attributes-not-in-order",
        |f| {
            f.attributes().sort();
            f.attributes().reverse();
            f.sorted = false;
        },
        Broken(S::FormatFailure, R::SignedAttributesNotDer),
    ),
    (
        "unknown-attribute-twice",
        |f| {
            f.attributes()
                .extend([attribute("2a03", &[&[5, 0]]), attribute("2a03", &[&[5, 0]])])
        },
        Broken(S::FormatFailure, R::AttributeDuplicated),
    ),
    (
        "unknown-attribute",
        |f| f.attributes().push(attribute("2a03", &[&[5, 0]])),
        Valid,
    ),
    (
        "attribute-with-trailing-element",
        |f| {
            f.attributes()
                .push(der(SEQUENCE, &[&oid("2a03"), &der(SET, &[&[5, 0]]), &[5, 0]]))
        },
        Broken(S::FormatFailure, R::AttributeMalformed),
    ),
    (
        "65-attributes",
        |f| {
            f.attributes()
                .extend((0..62).map(|at| attribute(&format!("2a{at:02x}"), &[&[5, 0]])))
        },
        Broken(S::FormatFailure, R::AttributeMalformed),
    ),
    (
        "signed-under-context-tag",
        |f| f.signed_tag = 0xA0,
        Broken(S::SigCryptoFailure, R::SignatureValueWrong),
    ),
    (
        "signing-time-twice",
        |f| f.attributes().push(signing_time()),
        Broken(S::FormatFailure, R::AttributeDuplicated),
    ),
    (
        "signing-time-not-a-time",
        |f| {
            f.replace(
                SIGNING_TIME,
                attribute(SIGNING_TIME, &[&der(0x17, &[b"261301000000Z"])]),
            )
        },
        Broken(S::FormatFailure, R::AttributeMalformed),
    ),
    ("signing-time-missing", |f| f.remove(SIGNING_TIME), Valid),
    (
        "signing-certificate-missing",
        |f| f.remove(SIGNING_CERTIFICATE_V2),
        Broken(S::SigConstraintsFailure, R::SigningCertificateMissing),
    ),
    (
        "signing-certificate-sha1-only",
        |f| {
            let identifier = der(SEQUENCE, &[&der(OCTETS, &[&[7; 20]])]);
            let value = der(SEQUENCE, &[&der(SEQUENCE, &[&identifier])]);
            f.replace(SIGNING_CERTIFICATE_V2, attribute(SIGNING_CERTIFICATE, &[&value]));
        },
        Broken(S::CryptoConstraintsFailure, R::Sha1NotAccepted),
    ),
    (
        "signing-certificate-hash-of-another",
        |f| f.replace(SIGNING_CERTIFICATE_V2, reference(&f.pki.ca, f.signer)),
        Broken(S::NoSigningCertificateFound, R::SigningCertificateMismatch),
    ),
    (
        "signing-certificate-issuer-serial-of-another",
        |f| f.replace(SIGNING_CERTIFICATE_V2, reference(f.signer, &f.pki.ca)),
        Broken(S::NoSigningCertificateFound, R::SigningCertificateMismatch),
    ),
    (
        "signing-certificate-empty",
        |f| {
            let value = der(SEQUENCE, &[&der(SEQUENCE, &[])]);
            f.replace(
                SIGNING_CERTIFICATE_V2,
                attribute(SIGNING_CERTIFICATE_V2, &[&value]),
            );
        },
        Broken(S::FormatFailure, R::AttributeMalformed),
    ),
    (
        "certificate-missing",
        |f| drop(f.certificates.remove(0)),
        Broken(S::NoSigningCertificateFound, R::SignerCertificateMissing),
    ),
    (
        "intermediate-missing",
        |f| drop(f.certificates.remove(1)),
        Broken(S::NoCertificateChainFound, R::NoPathToAnchor),
    ),
    (
        "digest-algorithm-other-than-signature",
        |f| f.digest_identifier = Hash::Sha384.identifier_der(),
        Broken(S::FormatFailure, R::DigestAlgorithmMismatch),
    ),
    (
        "digest-algorithm-sha1",
        |f| f.digest_identifier = identifier(SHA_1, &[5, 0]),
        Broken(S::CryptoConstraintsFailure, R::Sha1NotAccepted),
    ),
    (
        "digest-algorithm-with-parameters",
        |f| f.digest_identifier = identifier("608648016503040201", &[4, 0]),
        Broken(S::CryptoConstraintsFailure, R::AlgorithmParameters),
    ),
    (
        "signature-algorithm-ecdsa-sha1",
        |f| f.signature_identifier = identifier("2a8648ce3d0401", &[]),
        Broken(S::CryptoConstraintsFailure, R::AlgorithmNotAccepted),
    ),
    (
        "signature-algorithm-ed25519",
        |f| f.signature_identifier = identifier("2b6570", &[]),
        Broken(S::CryptoConstraintsFailure, R::AlgorithmNotAccepted),
    ),
    (
        "signature-algorithm-rsa-with-ec-key",
        |f| f.signature_identifier = SignatureAlgorithm::RsaPkcs1(Hash::Sha256).identifier_der(),
        Broken(S::SigCryptoFailure, R::SignatureValueWrong),
    ),
    (
        "signature-empty",
        |f| f.value = Some(Vec::new()),
        Broken(S::SigCryptoFailure, R::SignatureValueWrong),
    ),
    (
        "signature-r-and-s-zero",
        |f| f.value = Some(vec![0x30, 6, 2, 1, 0, 2, 1, 0]),
        Broken(S::SigCryptoFailure, R::SignatureValueWrong),
    ),
    (
        "algorithm-protection-other",
        |f| {
            let signature = der(0xA1, &[&oid("2a8648ce3d040303")]);
            let value = der(SEQUENCE, &[&Hash::Sha256.identifier_der(), &signature]);
            f.attributes().push(attribute(PROTECTION, &[&value]));
        },
        Broken(S::FormatFailure, R::AlgorithmProtectionMismatch),
    ),
    (
        "algorithm-protection-of-a-mac",
        |f| {
            let mac = der(0xA2, &[&oid("2a8648ce3d040302")]);
            let value = der(SEQUENCE, &[&Hash::Sha256.identifier_der(), &mac]);
            f.attributes().push(attribute(PROTECTION, &[&value]));
        },
        Broken(S::FormatFailure, R::AttributeMalformed),
    ),
    (
        "content-given-twice",
        |f| f.content = Some(CONTENT.to_vec()),
        Broken(S::FormatFailure, R::ContentGivenTwice),
    ),
    (
        "revocation-values-of-other-formats",
        |f| f.revocation = vec![der(0xA1, &[&oid("2b0601050507301001"), &der(SEQUENCE, &[])])],
        Valid,
    ),
    (
        "attribute-certificates",
        |f| {
            f.certificates
                .extend([der(0xA1, &[&[2, 1, 1]]), der(0xA2, &[&[2, 1, 1]])])
        },
        Valid,
    ),
    (
        "certificate-that-is-none",
        |f| f.certificates.push(der(SEQUENCE, &[&[5, 0]])),
        Valid,
    ),
];
