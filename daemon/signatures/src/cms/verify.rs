//! Judging one signer (EN 319 102-1, clause 5.3, for signatures without timestamps).

use time::OffsetDateTime;

use super::ID_DATA;
use super::attributes::{self, Attribute};
use super::read::{SignedData, SignerInfo};
use super::tlv::{self, Elements, Malformed, tag};
use crate::algorithm::{Declared, Hash, MIN_RSA_BITS, PublicKeyKind, SignatureValue, UnknownAlgorithm};
use crate::certificate::Certificate;
use crate::report::{
    Coverage, Format, Integrity, Level, Reason, SignatureReport, Signer, SigningTime, SubIndication,
    TimeSource, Warning,
};
use crate::trust::{self, PathVerdict, Reliance};

type Finding = (SubIndication, Reason);

/// What was signed, as the format around the SignedData knows it.
pub struct Message<'a> {
    /// The digest of the signed bytes with a hash; none when the bytes are not there.
    pub digest: &'a dyn Fn(Hash) -> Option<Vec<u8>>,
    /// Whether those bytes stand outside of the SignedData. Then there must be none inside.
    pub given_apart: bool,
    /// Whether those bytes are themselves a set of signed attributes
    /// ([`looks_like_signed_attributes`](super::looks_like_signed_attributes)).
    pub is_signed_attributes: bool,
    /// A signing time that stands outside of the SignedData.
    pub signing_time: Option<SigningTime>,
    /// The format, for the report.
    pub format: Format,
    /// How much of the document the bytes are, for the report.
    pub coverage: Option<Coverage>,
}

/// Judges one signer of a SignedData.
#[must_use]
pub fn verify_signer(
    signed_data: &SignedData,
    signer: &SignerInfo,
    message: &Message<'_>,
    reliance: &Reliance<'_>,
) -> SignatureReport {
    let mut report = SignatureReport::new(message.format);
    report.coverage = message.coverage;
    report.warn(Warning::RevocationNotChecked);
    let judged = Judgement {
        signed_data,
        signer,
        message,
        reliance,
    }
    .run(&mut report);
    match judged {
        Ok(()) => {
            let level = report.signing_time.map(|_| Level::BB);
            report.pass(level);
        }
        Err((sub_indication, reason)) => report.fail(sub_indication, reason),
    }
    report
}

struct Judgement<'a> {
    signed_data: &'a SignedData,
    signer: &'a SignerInfo,
    message: &'a Message<'a>,
    reliance: &'a Reliance<'a>,
}

impl Judgement<'_> {
    /// The rules in their order. What can be told before the first broken rule is in the report then; the rules about
    /// people and paths come last, so that a report on an intact signature says who signed.
    fn run(&self, report: &mut SignatureReport) -> Result<(), Finding> {
        self.form()?;
        let attributes = self.attributes()?;
        let claimed = self.signing_time(&attributes)?;
        let declared = self.algorithm()?;
        report.algorithm = Some(declared.algorithm);
        report.signing_time = claimed;
        let (certificate, unproven) = self.certificate(&attributes)?;
        let at = self.reliance.at;
        report.signer = Some(Signer::of(certificate, claimed.map(|claimed| claimed.time), at));

        let verdict = self.integrity(&attributes, declared, certificate);
        report.integrity = match verdict {
            Ok(()) => Integrity::Intact,
            Err((SubIndication::HashFailure | SubIndication::SigCryptoFailure, _)) => Integrity::Broken,
            Err(_) => Integrity::NotChecked,
        };
        verdict?;
        self.algorithm_protection(&attributes)?;
        warn_about_time(report, claimed, at);
        unproven.map_or(Ok(()), Err)?;
        constraints(certificate, claimed)?;
        match trust::validate_path(certificate, self.signed_data.certificates(), self.reliance) {
            PathVerdict::Trusted { path } => {
                report.path = path
                    .iter()
                    .map(|certificate| certificate.subject().rfc4514)
                    .collect();
                Ok(())
            }
            PathVerdict::Untrusted {
                sub_indication,
                reason,
            } => Err((sub_indication, reason)),
        }
    }

    /// One signature, one reading.
    fn form(&self) -> Result<(), Finding> {
        let same = self
            .signed_data
            .signers()
            .iter()
            .filter(|other| *other == self.signer)
            .count();
        if same > 1 {
            return Err((SubIndication::FormatFailure, Reason::DuplicateSigner));
        }
        if self.message.given_apart && self.signed_data.content().is_some() {
            return Err((SubIndication::FormatFailure, Reason::ContentGivenTwice));
        }
        if self.message.is_signed_attributes {
            return Err((SubIndication::FormatFailure, Reason::ContentIsSignedAttributes));
        }
        Ok(())
    }

    /// Signed attributes have to be there, in DER, none twice (RFC 5652, section 5.3), and say the type of the content.
    /// That type is data (EN 319 122-1 and EN 319 142-1, clause 6.3): a timestamp token is no signed document.
    fn attributes(&self) -> Result<Vec<Attribute<'_>>, Finding> {
        let failure = |reason| (SubIndication::FormatFailure, reason);
        let contents = self
            .signer
            .signed_attributes
            .as_deref()
            .ok_or(failure(Reason::SignedAttributesMissing))?;
        let attributes = attributes::read(contents).map_err(|_| failure(Reason::AttributeMalformed))?;
        if !attributes::in_der_order(contents) {
            return Err(failure(Reason::SignedAttributesNotDer));
        }
        for (at, attribute) in attributes.iter().enumerate() {
            if attributes[..at]
                .iter()
                .any(|earlier| earlier.oid == attribute.oid)
            {
                return Err(failure(Reason::AttributeDuplicated));
            }
            if attribute.values.len() != 1 {
                return Err(failure(Reason::AttributeNotSingleValued));
            }
        }
        let content_type = attributes::value(&attributes, attributes::CONTENT_TYPE)
            .ok_or(failure(Reason::ContentTypeMissing))?;
        if content_type.raw != tlv::oid(&self.signed_data.content_type()) {
            return Err(failure(Reason::ContentTypeMismatch));
        }
        if self.signed_data.content_type() != ID_DATA {
            return Err(failure(Reason::ContentTypeNotData));
        }
        Ok(attributes)
    }

    fn algorithm(&self) -> Result<Declared, Finding> {
        let hash = self
            .signer
            .digest_algorithm()
            .map_err(|error| algorithm_finding(&error))?;
        Declared::in_signer(&self.signer.signature_algorithm, hash).map_err(|error| algorithm_finding(&error))
    }

    /// The time the format says, else the one of the attribute.
    fn signing_time(&self, attributes: &[Attribute<'_>]) -> Result<Option<SigningTime>, Finding> {
        let attribute = match attributes::value(attributes, attributes::SIGNING_TIME) {
            None => None,
            Some(value) => {
                let time = attributes::read_time(value)
                    .map_err(|_| (SubIndication::FormatFailure, Reason::AttributeMalformed))?;
                Some(SigningTime {
                    time,
                    source: TimeSource::SignerAttribute,
                })
            }
        };
        Ok(self.message.signing_time.or(attribute))
    }

    /// The certificate that the signer names and that the signing-certificate attribute holds the digest of. The
    /// identifier alone is not signed, so a certificate that only it names may have been put in its place: where the
    /// attribute is missing, the certificate is for showing, and the finding beside it stands.
    fn certificate(&self, attributes: &[Attribute<'_>]) -> Result<(&Certificate, Option<Finding>), Finding> {
        let mut named = self
            .signed_data
            .certificates()
            .iter()
            .chain(self.reliance.intermediates)
            .chain(self.reliance.anchors.certificates())
            .filter(|certificate| self.signer.identifier.names(certificate))
            .peekable();
        let missing = (
            SubIndication::NoSigningCertificateFound,
            Reason::SignerCertificateMissing,
        );
        let first = *named.peek().ok_or(missing)?;
        let Some(reference) = attributes::value(attributes, attributes::SIGNING_CERTIFICATE_V2) else {
            // The first version knows SHA-1 only.
            let unproven = match attributes::value(attributes, attributes::SIGNING_CERTIFICATE) {
                Some(_) => (
                    SubIndication::CryptoConstraintsFailure,
                    Reason::AlgorithmNotAccepted,
                ),
                None => (
                    SubIndication::SigConstraintsFailure,
                    Reason::SigningCertificateMissing,
                ),
            };
            return Ok((first, Some(unproven)));
        };
        let reference = CertificateReference::read(reference.raw)?;
        let mismatch = (
            SubIndication::NoSigningCertificateFound,
            Reason::SigningCertificateMismatch,
        );
        let certificate = named
            .find(|certificate| reference.fits(certificate))
            .ok_or(mismatch)?;
        Ok((certificate, None))
    }

    /// Digest of the content, then the signature over the attributes as they came, with the tag of SET OF.
    fn integrity(
        &self,
        attributes: &[Attribute<'_>],
        declared: Declared,
        certificate: &Certificate,
    ) -> Result<(), Finding> {
        let stated = attributes::value(attributes, attributes::MESSAGE_DIGEST)
            .ok_or((SubIndication::FormatFailure, Reason::MessageDigestMissing))?;
        if stated.tag != tag::OCTET_STRING {
            return Err((SubIndication::FormatFailure, Reason::AttributeMalformed));
        }
        let hash = declared.algorithm.hash();
        let actual =
            (self.message.digest)(hash).ok_or((SubIndication::SignedDataNotFound, Reason::ContentMissing))?;
        if actual != stated.value {
            return Err((SubIndication::HashFailure, Reason::MessageDigestMismatch));
        }
        match certificate.public_key() {
            PublicKeyKind::Other => {
                return Err((
                    SubIndication::CryptoConstraintsFailure,
                    Reason::AlgorithmNotAccepted,
                ));
            }
            PublicKeyKind::Rsa { bits } if bits < MIN_RSA_BITS => {
                return Err((SubIndication::CryptoConstraintsFailure, Reason::KeyTooShort));
            }
            _ => {}
        }
        let signed = tlv::write(
            tag::SET,
            self.signer.signed_attributes.as_deref().unwrap_or_default(),
        );
        let value = SignatureValue(self.signer.signature.clone());
        certificate
            .key()
            .verify_declared(declared, &hash.digest(&signed), &value)
            .map_err(|_| (SubIndication::SigCryptoFailure, Reason::SignatureValueWrong))
    }

    /// Where the attribute is there, it says the algorithms of the SignerInfo (RFC 6211, section 3).
    fn algorithm_protection(&self, attributes: &[Attribute<'_>]) -> Result<(), Finding> {
        let Some(value) = attributes::value(attributes, attributes::ALGORITHM_PROTECTION) else {
            return Ok(());
        };
        let (digest, signature) = attributes::read_algorithm_protection(value)
            .map_err(|_| (SubIndication::FormatFailure, Reason::AttributeMalformed))?;
        if digest == self.signer.digest_algorithm && signature == self.signer.signature_algorithm {
            Ok(())
        } else {
            Err((SubIndication::FormatFailure, Reason::AlgorithmProtectionMismatch))
        }
    }
}

/// The first `ESSCertIDv2` of a signing-certificate-v2 attribute.
struct CertificateReference<'a> {
    hash: Hash,
    digest: &'a [u8],
    /// Contents of `IssuerSerial`, if it is there.
    issuer_serial: Option<&'a [u8]>,
}

impl<'a> CertificateReference<'a> {
    fn read(der: &'a [u8]) -> Result<Self, Finding> {
        let read = || -> Result<_, Malformed> {
            let mut attribute = Elements::of_single(der)?.next_tagged(tag::SEQUENCE)?.children();
            let mut first = attribute
                .next_tagged(tag::SEQUENCE)?
                .children()
                .next_tagged(tag::SEQUENCE)?
                .children();
            let algorithm = first.next_if(tag::SEQUENCE)?.map(|element| element.raw);
            let digest = first.next_tagged(tag::OCTET_STRING)?.value;
            let issuer_serial = first.next_if(tag::SEQUENCE)?.map(|element| element.value);
            first.finish()?;
            Ok((algorithm, digest, issuer_serial))
        };
        let (algorithm, digest, issuer_serial) =
            read().map_err(|_| (SubIndication::FormatFailure, Reason::AttributeMalformed))?;
        let hash = algorithm
            .map_or(Ok(Hash::Sha256), Hash::from_identifier_der)
            .map_err(|error| algorithm_finding(&error))?;
        Ok(Self {
            hash,
            digest,
            issuer_serial,
        })
    }

    fn fits(&self, certificate: &Certificate) -> bool {
        let named = self
            .issuer_serial
            .is_none_or(|stated| attributes::issuer_serial(certificate) == stated);
        named && certificate.digest(self.hash) == self.digest
    }
}

fn algorithm_finding(error: &UnknownAlgorithm) -> Finding {
    match error {
        UnknownAlgorithm::Malformed => (SubIndication::FormatFailure, Reason::MalformedCms),
        UnknownAlgorithm::NotAccepted(_) => (
            SubIndication::CryptoConstraintsFailure,
            Reason::AlgorithmNotAccepted,
        ),
        UnknownAlgorithm::Parameters(_) => (
            SubIndication::CryptoConstraintsFailure,
            Reason::AlgorithmParameters,
        ),
        UnknownAlgorithm::HashMismatch => (SubIndication::FormatFailure, Reason::DigestAlgorithmMismatch),
    }
}

fn warn_about_time(report: &mut SignatureReport, claimed: Option<SigningTime>, at: OffsetDateTime) {
    match claimed {
        None => report.warn(Warning::SigningTimeMissing),
        Some(claimed) => {
            report.warn(Warning::SigningTimeNotProven);
            if claimed.time > at {
                report.warn(Warning::SigningTimeInFuture);
            }
        }
    }
}

/// What the certificate has to allow: documents by its key usage, and the signing time by its validity
/// (Circular 15/2025/TT-BKHCN, Annex II, 1.1).
fn constraints(certificate: &Certificate, claimed: Option<SigningTime>) -> Result<(), Finding> {
    if !certificate.may_sign_documents() {
        return Err((
            SubIndication::ChainConstraintsFailure,
            Reason::KeyUsageNotForSigning,
        ));
    }
    if claimed.is_some_and(|claimed| !certificate.is_valid_at(claimed.time)) {
        return Err((
            SubIndication::SigConstraintsFailure,
            Reason::SigningTimeOutsideValidity,
        ));
    }
    Ok(())
}
