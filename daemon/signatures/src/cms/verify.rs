//! Judging one signer (EN 319 102-1, clause 5.2): form, attributes, digest, signature value. What remains, the judgement
//! in time, is [`crate::validation`]'s.

use der::asn1::ObjectIdentifier;

use super::ID_DATA;
use super::attributes::{self, Attribute};
use super::read::{SignedData, SignerInfo};
use super::tlv::{self, Elements, Malformed, tag};
use crate::algorithm::SignatureAlgorithm;
use crate::algorithm::{Declared, Hash, MIN_RSA_BITS, PublicKeyKind, SignatureValue, UnknownAlgorithm};
use crate::certificate::Certificate;
use crate::report::{
    Coverage, Format, Integrity, Reason, RevocationStatus, SignatureReport, SigningTime, SubIndication,
    TimeSource, Warning,
};
use crate::revocation::Revocations;
use crate::trust::Reliance;
use crate::validation::{self, Evidence, Stamped, references};

type Finding = (SubIndication, Reason);

/// What was signed, as the format around the SignedData knows it.
pub struct Message<'a> {
    /// The digest of the signed bytes with a hash; none when the bytes are not there.
    pub digest: &'a dyn Fn(Hash) -> Option<Vec<u8>>,
    /// The signed bytes, where they are at hand in one piece. Only an archive-time-stamp-v2, which is about them and not
    /// about their digest, needs them.
    pub content: Option<&'a [u8]>,
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
    /// What the document holds outside of the SignedData.
    pub beside: Beside<'a>,
}

/// What a document holds for its signatures outside of a SignedData, as the DSS dictionary of PDF does.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside<'a> {
    /// Certificates.
    pub certificates: &'a [Certificate],
    /// CRLs and OCSP responses.
    pub revocations: Option<&'a Revocations>,
    /// Time-stamps over the whole, later than those in the SignedData; in the order they were made.
    pub timestamps: &'a [Stamped],
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
    let judged = Judgement {
        signed_data,
        signer,
        message,
        known: &[],
        reliance: Some(reliance),
        content_type: Some(ID_DATA),
        sha1: reliance.sha1,
    }
    .run(&mut report, reliance);
    if let Err((sub_indication, reason)) = judged {
        if report.revocation_status == RevocationStatus::NotChecked {
            report.warn(Warning::RevocationNotChecked);
        }
        report.fail(sub_indication, reason);
    }
    report
}

/// Who made the one signature of a SignedData with its content inside, and with what: form, attributes, digest and
/// signature value are checked, trust is not. `known` are certificates that are looked through beside its own.
pub(crate) fn authenticate(
    signed_data: &SignedData,
    content_type: ObjectIdentifier,
    known: &[Certificate],
    sha1: bool,
) -> Result<(Certificate, SignatureAlgorithm), Finding> {
    let content = signed_data
        .content()
        .ok_or((SubIndication::SignedDataNotFound, Reason::ContentMissing))?;
    let [signer] = signed_data.signers() else {
        return Err((SubIndication::FormatFailure, Reason::NoSigners));
    };
    let message = Message {
        digest: &|hash| Some(hash.digest(content)),
        content: Some(content),
        given_apart: false,
        is_signed_attributes: false,
        signing_time: None,
        format: Format::Cades,
        coverage: None,
        beside: Beside::default(),
    };
    let judgement = Judgement {
        signed_data,
        signer,
        message: &message,
        known,
        reliance: None,
        content_type: Some(content_type),
        sha1,
    };
    judgement.authenticate()
}

/// Who made a counter-signature (RFC 5652, 11.4), with the same checks; `value` is the signature value that it signs. It
/// has no content type, and its certificates are those of the SignedData around it.
pub(crate) fn authenticate_counter(
    signed_data: &SignedData,
    signer: &SignerInfo,
    value: &[u8],
    reliance: &Reliance<'_>,
    report: &mut SignatureReport,
) -> Result<(), Finding> {
    let message = Message {
        digest: &|hash| Some(hash.digest(value)),
        content: Some(value),
        given_apart: false,
        is_signed_attributes: false,
        signing_time: None,
        format: Format::Cades,
        coverage: None,
        beside: Beside::default(),
    };
    let judgement = Judgement {
        signed_data,
        signer,
        message: &message,
        known: &[],
        reliance: Some(reliance),
        content_type: None,
        sha1: reliance.sha1,
    };
    judgement.run(report, reliance)
}

struct Judgement<'a> {
    signed_data: &'a SignedData,
    signer: &'a SignerInfo,
    message: &'a Message<'a>,
    /// Certificates beside those of the SignedData.
    known: &'a [Certificate],
    reliance: Option<&'a Reliance<'a>>,
    /// What the signed content has to be; none for a counter-signature.
    content_type: Option<ObjectIdentifier>,
    sha1: bool,
}

impl Judgement<'_> {
    /// The rules in their order. What can be told before the first broken rule is in the report then; the rules about
    /// people and paths come last, so that a report on an intact signature says who signed.
    fn run(&self, report: &mut SignatureReport, reliance: &Reliance<'_>) -> Result<(), Finding> {
        self.form()?;
        let attributes = self.attributes()?;
        let claimed = self.signing_time(&attributes)?;
        let declared = self.algorithm()?;
        report.algorithm = Some(declared.algorithm);
        report.signing_time = claimed;
        if declared.algorithm.hash() == Hash::Sha1 {
            report.warn(Warning::Sha1);
        }
        let (certificate, unproven) = self.certificate(&attributes)?;
        if self.names_signer_by_sha1(&attributes) {
            report.warn(Warning::Sha1);
        }
        report.signed_by(certificate, claimed.map(|claimed| claimed.time), reliance.at);

        let verdict = self.integrity(&attributes, declared, certificate);
        report.integrity = match verdict {
            Ok(()) => Integrity::Intact,
            Err((SubIndication::HashFailure | SubIndication::SigCryptoFailure, _)) => Integrity::Broken,
            Err(_) => Integrity::NotChecked,
        };
        verdict?;
        self.algorithm_protection(&attributes)?;
        if let Some((sub_indication, reason)) = unproven {
            report.fail(sub_indication, reason);
            // The clerk is told whom it would lead to; it stays unproven, whatever comes of that.
            self.in_time(certificate, claimed, report, reliance).ok();
            return Err((sub_indication, reason));
        }
        self.in_time(certificate, claimed, report, reliance)
    }

    /// The judgement in time, with what the SignedData and the document around it bring.
    fn in_time(
        &self,
        certificate: &Certificate,
        claimed: Option<SigningTime>,
        report: &mut SignatureReport,
        reliance: &Reliance<'_>,
    ) -> Result<(), Finding> {
        let mut embedded = self.signed_data.certificates().to_vec();
        embedded.extend(self.message.beside.certificates.iter().cloned());
        let material = self.signed_data.material();
        let more = material.certificates.iter();
        embedded.extend(
            more.filter(|der| !embedded.iter().any(|present| present.as_der() == der.as_slice()))
                .filter_map(|der| Certificate::from_der(der).ok())
                .collect::<Vec<_>>(),
        );
        let own = Revocations::read(&material);
        let brought = self
            .message
            .beside
            .revocations
            .map_or_else(|| own.clone(), |beside| own.and(beside));
        let mut timestamps = super::stamps::of(self.signed_data, self.signer, self.message);
        timestamps.extend(self.message.beside.timestamps.iter().cloned());
        let evidence = Evidence {
            signer: certificate,
            claimed,
            embedded: &embedded,
            brought: &brought,
            timestamps: &timestamps,
        };
        references::compare(&super::references::of(self.signer), &evidence, reliance, report);
        for name in self.signer.not_evaluated() {
            report.leaves_out(&name);
        }
        validation::judge(&evidence, reliance, report)
    }

    fn authenticate(&self) -> Result<(Certificate, SignatureAlgorithm), Finding> {
        self.form()?;
        let attributes = self.attributes()?;
        let declared = self.algorithm()?;
        let (certificate, unproven) = self.certificate(&attributes)?;
        unproven.map_or(Ok(()), Err)?;
        self.integrity(&attributes, declared, certificate)?;
        self.algorithm_protection(&attributes)?;
        Ok((certificate.clone(), declared.algorithm))
    }

    /// One signature, one reading.
    fn form(&self) -> Result<(), Finding> {
        let same = self
            .signed_data
            .signers()
            .iter()
            .filter(|other| other.fields == self.signer.fields)
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
        let Some(expected) = self.content_type else {
            // RFC 5652, 11.4: a counter-signature has none.
            return match attributes::value(&attributes, attributes::CONTENT_TYPE) {
                None => Ok(attributes),
                Some(_) => Err(failure(Reason::ContentTypeMismatch)),
            };
        };
        let content_type = attributes::value(&attributes, attributes::CONTENT_TYPE)
            .ok_or(failure(Reason::ContentTypeMissing))?;
        if content_type.raw != tlv::oid(&self.signed_data.content_type()) {
            return Err(failure(Reason::ContentTypeMismatch));
        }
        if self.signed_data.content_type() != expected {
            return Err(failure(Reason::ContentTypeNotData));
        }
        Ok(attributes)
    }

    fn algorithm(&self) -> Result<Declared, Finding> {
        let hash = accepted_hash(&self.signer.digest_algorithm, self.sha1)?;
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
            .chain(self.known)
            .chain(self.message.beside.certificates)
            .chain(self.reliance.map_or(&[][..], |reliance| reliance.intermediates))
            .chain(
                self.reliance
                    .map_or(&[][..], |reliance| reliance.anchors.certificates()),
            )
            .filter(|certificate| self.signer.identifier.names(certificate))
            .peekable();
        let missing = (
            SubIndication::NoSigningCertificateFound,
            Reason::SignerCertificateMissing,
        );
        let first = *named.peek().ok_or(missing)?;
        let second = attributes::value(attributes, attributes::SIGNING_CERTIFICATE_V2);
        let first_version = attributes::value(attributes, attributes::SIGNING_CERTIFICATE);
        // The first version knows SHA-1 only. RFC 3161 wanted it in time-stamps, where it names a certificate that has
        // to be for time-stamps anyway.
        let old = self.sha1 || self.content_type == Some(crate::timestamp::TST_INFO);
        let (reference, hash) = match (second, first_version) {
            (Some(reference), _) => (reference, Hash::Sha256),
            (None, Some(reference)) if old => (reference, Hash::Sha1),
            (None, Some(_)) => {
                let finding = (SubIndication::CryptoConstraintsFailure, Reason::Sha1NotAccepted);
                return Ok((first, Some(finding)));
            }
            (None, None) => {
                let finding = (
                    SubIndication::SigConstraintsFailure,
                    Reason::SigningCertificateMissing,
                );
                return Ok((first, Some(finding)));
            }
        };
        let reference = CertificateReference::read(reference.raw, hash, self.sha1)?;
        let mismatch = (
            SubIndication::NoSigningCertificateFound,
            Reason::SigningCertificateMismatch,
        );
        let certificate = named
            .find(|certificate| reference.fits(certificate))
            .ok_or(mismatch)?;
        Ok((certificate, None))
    }

    /// Whether the signing-certificate attribute would not count without SHA-1.
    fn names_signer_by_sha1(&self, attributes: &[Attribute<'_>]) -> bool {
        let without = Self { sha1: false, ..*self };
        let found = match without.certificate(attributes) {
            Ok((_, unproven)) => unproven,
            Err(finding) => Some(finding),
        };
        self.sha1 && found.is_some_and(|(_, reason)| reason == Reason::Sha1NotAccepted)
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

/// A hash that counts. Of SHA-1 it is told apart that whoever validates may let it in.
fn accepted_hash(der: &[u8], sha1: bool) -> Result<Hash, Finding> {
    let hash = Hash::from_old_identifier_der(der, sha1);
    hash.map_err(|error| match Hash::from_old_identifier_der(der, true) {
        Ok(Hash::Sha1) => (SubIndication::CryptoConstraintsFailure, Reason::Sha1NotAccepted),
        _ => algorithm_finding(&error),
    })
}

/// The first `ESSCertIDv2` of a signing-certificate-v2 attribute.
struct CertificateReference<'a> {
    hash: Hash,
    digest: &'a [u8],
    /// Contents of `IssuerSerial`, if it is there.
    issuer_serial: Option<&'a [u8]>,
}

impl<'a> CertificateReference<'a> {
    /// `usual` is the hash where none is named.
    fn read(der: &'a [u8], usual: Hash, sha1: bool) -> Result<Self, Finding> {
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
        let hash = algorithm.map_or(Ok(usual), |der| accepted_hash(der, sha1))?;
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
        UnknownAlgorithm::NotAccepted(_) | UnknownAlgorithm::Key(_) => (
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
