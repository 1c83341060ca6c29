//! Judging the signatures of an XML document (EN 319 102-1, clause 5.3; XML-DSig, 3.2), wrapping included: what is
//! reported as covered is the very element whose digest was computed, and nothing else of its name may pass for it.

use std::borrow::Cow;

use super::DS;
use super::algorithms::{digest_from_uri, signature_from_uri};
use super::cover::{Cover, OfDocument, OfValue};
use super::read::{MAX_SIGNATURES, ReadReference, ReadSignature};
use super::reference::{self, Resolver, Target};
use crate::algorithm::{Declared, Hash, MIN_RSA_BITS, PublicKeyKind, SignatureValue};
use crate::certificate::Certificate;
use crate::report::{
    Format, Integrity, Reason, Report, SignatureReport, SigningTime, SubIndication, TimeSource, Warning,
};
use crate::revocation::Revocations;
use crate::trust::Reliance;
use crate::validation::{self, Evidence, Finding, references};
use crate::xades;
use crate::xml::{Document, ElementId, Outer, XmlError};

/// What stands beside the document.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// What the one reference to something outside of the document is about. Where there is no such reference, there must
    /// be none.
    pub content: Option<&'a [u8]>,
}

/// Every Signature of a document.
pub(crate) fn signature_elements(document: &Document<'_>) -> Vec<ElementId> {
    document
        .elements()
        .filter(|element| document.local_name(*element) == "Signature" && document.namespace(*element) == DS)
        .take(MAX_SIGNATURES + 1)
        .collect()
}

/// The content that a person handed in beside the document.
#[derive(Debug)]
struct Beside<'a>(Option<&'a [u8]>);

impl Resolver for Beside<'_> {
    fn find(&self, _: &str) -> Option<Cow<'_, [u8]>> {
        self.0.map(Cow::Borrowed)
    }
}

/// Validates every signature of an XML document, XML-DSig or XAdES.
///
/// # Errors
/// [`XmlError`] when the bytes are no document; everything else is in the report.
pub fn verify(bytes: &[u8], options: &Options<'_>, reliance: &Reliance<'_>) -> Result<Report, XmlError> {
    let document = Document::parse(bytes)?;
    let mut signatures = verify_in(&document, &Beside(options.content), reliance, &OfDocument);
    // Whoever hands a content in wants to know whether that is signed.
    if options.content.is_some() && !refers_outside(&document) {
        let of_content = signatures
            .iter_mut()
            .filter(|one| one.format != Format::CounterSignature);
        of_content.for_each(|one| one.fail(SubIndication::FormatFailure, Reason::ContentGivenTwice));
    }
    Ok(Report {
        validated_at: reliance.at,
        signatures,
        findings: Vec::new(),
    })
}

/// Whether a signature of the document is about something beside it.
fn refers_outside(document: &Document<'_>) -> bool {
    signature_elements(document)
        .into_iter()
        .filter_map(|element| ReadSignature::read(document, element).ok())
        .flat_map(|signature| signature.references)
        .any(|reference| matches!(reference::target(document, &reference), Ok(Target::External(_))))
}

/// Judges every signature of a document that is read, with what stands beside it, and by what it has to cover.
pub(crate) fn verify_in(
    document: &Document<'_>,
    resolver: &dyn Resolver,
    reliance: &Reliance<'_>,
    cover: &dyn Cover,
) -> Vec<SignatureReport> {
    let elements = signature_elements(document);
    let read: Vec<_> = elements
        .iter()
        .map(|element| ReadSignature::read(document, *element).map_err(|_| *element))
        .collect();
    let mut signatures: Vec<SignatureReport> = read
        .iter()
        .map(|signature| match signature {
            Ok(signature) => judge(document, signature, resolver, reliance, cover),
            Err(_) => malformed(),
        })
        .collect();
    let is_more = elements.len() > MAX_SIGNATURES;
    if signatures.is_empty() || is_more {
        let mut nobody = SignatureReport::new(Format::XmlDsig);
        let reason = if is_more {
            Reason::TooManySignatures
        } else {
            Reason::NoSigners
        };
        nobody.fail(SubIndication::FormatFailure, reason);
        signatures.push(nobody);
    }
    let good: Vec<&ReadSignature> = read.iter().filter_map(|read| read.as_ref().ok()).collect();
    against_wrapping(document, &good, &mut signatures, &read);
    signatures
}

fn malformed() -> SignatureReport {
    let mut report = SignatureReport::new(Format::XmlDsig);
    report.fail(SubIndication::FormatFailure, Reason::MalformedSignature);
    report
}

/// Judges one signature.
pub(crate) fn judge(
    document: &Document<'_>,
    signature: &ReadSignature,
    resolver: &dyn Resolver,
    reliance: &Reliance<'_>,
    cover: &dyn Cover,
) -> SignatureReport {
    let qualifying = xades::Qualifying::read(document, signature);
    let confirmed = xades::countersigned(document, signature).map(OfValue);
    let format = match (&confirmed, &qualifying) {
        (Some(_), _) => Format::CounterSignature,
        (None, Ok(None)) => Format::XmlDsig,
        (None, _) => Format::Xades,
    };
    let cover = confirmed.as_ref().map_or(cover, |value| value as &dyn Cover);
    let mut report = SignatureReport::new(format);
    let mut judgement = Judgement {
        document,
        signature,
        resolver,
        reliance,
        cover,
        targets: Vec::new(),
    };
    if let Err((sub_indication, reason)) = judgement.run(qualifying, &mut report) {
        report.fail(sub_indication, reason);
    }
    report
}

struct Judgement<'a> {
    document: &'a Document<'a>,
    signature: &'a ReadSignature,
    resolver: &'a dyn Resolver,
    reliance: &'a Reliance<'a>,
    cover: &'a dyn Cover,
    targets: Vec<Target>,
}

impl Judgement<'_> {
    fn run(
        &mut self,
        qualifying: Result<Option<xades::Qualifying>, Finding>,
        report: &mut SignatureReport,
    ) -> Result<(), Finding> {
        let method = self.method(report)?;
        let digests = self.references(report);
        // What is refused for its form may be intact; that was not looked at.
        if matches!(digests, Err((SubIndication::HashFailure, _))) {
            report.integrity = Integrity::Broken;
        }
        digests?;
        let qualifying = qualifying?;
        let claimed = match &qualifying {
            Some(qualifying) => qualifying.signing_time(),
            None => self.signing_time_object(),
        };
        report.signing_time = claimed;
        let (certificate, unproven) = self.certificate(qualifying.as_ref(), method)?;
        if qualifying
            .as_ref()
            .is_some_and(xades::Qualifying::names_signer_by_sha1)
        {
            report.warn(Warning::Sha1);
        }
        let at = self.reliance.at;
        report.signed_by(&certificate, claimed.map(|claimed| claimed.time), at);
        let verdict = self.value(method, &certificate);
        report.integrity = match verdict {
            Ok(()) => Integrity::Intact,
            Err((SubIndication::SigCryptoFailure, _)) => Integrity::Broken,
            Err(_) => Integrity::NotChecked,
        };
        verdict?;
        if let Some(qualifying) = &qualifying {
            self.signed_properties(qualifying)?;
        } else {
            report.warn(Warning::SigningCertificateNotSigned);
        }
        unproven.map_or(Ok(()), Err)?;
        let unsigned = match &qualifying {
            Some(_) => xades::Unsigned::read(self.document, self.signature),
            None => xades::Unsigned::default(),
        };
        let mut embedded = self.signature.certificates.clone();
        embedded.extend(unsigned.certificates());
        let timestamps = unsigned.timestamps(self.document, self.signature, self.resolver);
        let brought = Revocations::read(unsigned.material());
        let evidence = Evidence {
            signer: &certificate,
            claimed,
            embedded: &embedded,
            brought: &brought,
            timestamps: &timestamps,
        };
        references::compare(unsigned.references(), &evidence, self.reliance, report);
        for name in unsigned.not_evaluated() {
            report.leaves_out(name);
        }
        validation::judge(&evidence, self.reliance, report)?;
        // Baseline levels are those of XAdES.
        if qualifying.is_none() {
            report.level = None;
        }
        Ok(())
    }

    fn method(&self, report: &mut SignatureReport) -> Result<Declared, Finding> {
        let method = signature_from_uri(&self.signature.method.uri).ok_or((
            SubIndication::CryptoConstraintsFailure,
            Reason::AlgorithmNotAccepted,
        ))?;
        report.algorithm = Some(method.algorithm);
        let weak = self
            .signature
            .references
            .iter()
            .any(|reference| digest_from_uri(&reference.digest_method) == Some(Hash::Sha1));
        if weak || method.algorithm.hash() == Hash::Sha1 {
            report.warn(Warning::Sha1);
            if !self.reliance.sha1 {
                return Err((SubIndication::CryptoConstraintsFailure, Reason::Sha1NotAccepted));
            }
        }
        Ok(method)
    }

    /// Every digest fits, and something else than the signature itself is signed.
    fn references(&mut self, report: &mut SignatureReport) -> Result<(), Finding> {
        if self.signature.references.is_empty() {
            return Err((SubIndication::SignedDataNotFound, Reason::NothingSigned));
        }
        for reference in &self.signature.references {
            let target = reference::target(self.document, reference)?;
            self.check(reference, &target)?;
            self.targets.push(target);
        }
        self.cover
            .cover(self.document, self.signature, &self.targets, report)
    }

    fn check(&self, reference: &ReadReference, target: &Target) -> Result<(), Finding> {
        let actual = reference::digest(self.document, self.signature, reference, target, self.resolver)?;
        if actual == reference.digest {
            Ok(())
        } else {
            Err((SubIndication::HashFailure, Reason::ReferenceDigestMismatch))
        }
    }

    /// The signer's certificate: by XAdES the one whose digest is signed, otherwise the one whose key fits.
    fn certificate(
        &self,
        qualifying: Option<&xades::Qualifying>,
        method: Declared,
    ) -> Result<(Certificate, Option<Finding>), Finding> {
        let missing = (
            SubIndication::NoSigningCertificateFound,
            Reason::SignerCertificateMissing,
        );
        let known: Vec<&Certificate> = self
            .signature
            .certificates
            .iter()
            .chain(self.reliance.intermediates)
            .chain(self.reliance.anchors.certificates())
            .collect();
        let Some(qualifying) = qualifying else {
            let embedded = &self.signature.certificates;
            let fitting = embedded
                .iter()
                .find(|certificate| self.value(method, certificate).is_ok());
            // With a key of a kind that nothing here verifies, the value is not known to be wrong.
            let unknown = embedded
                .iter()
                .find(|certificate| !certificate.key().verifies(method.algorithm));
            let found = fitting.or(unknown).or(embedded.first()).ok_or(missing)?;
            return Ok((found.clone(), None));
        };
        match qualifying.signing_certificate(&known, self.reliance.sha1) {
            Ok(found) => Ok((found.clone(), None)),
            Err(finding) => {
                let shown = self.signature.certificates.first().ok_or(missing)?;
                Ok((shown.clone(), Some(finding)))
            }
        }
    }

    fn value(&self, method: Declared, certificate: &Certificate) -> Result<(), Finding> {
        match certificate.public_key() {
            PublicKeyKind::Other => {
                return Err((
                    SubIndication::CryptoConstraintsFailure,
                    Reason::AlgorithmNotAccepted,
                ));
            }
            PublicKeyKind::Rsa { bits }
                if bits < MIN_RSA_BITS
                    && !(self.reliance.sha1 && certificate.key().verifies(method.algorithm)) =>
            {
                return Err((SubIndication::CryptoConstraintsFailure, Reason::KeyTooShort));
            }
            _ => {}
        }
        let form = reference::canonicalization(self.document, &self.signature.canonicalization);
        let form = form.ok_or((SubIndication::FormatFailure, Reason::CanonicalizationNotAccepted))?;
        let mut hashing = method.algorithm.hash().hasher();
        form.write(
            self.document,
            Some(self.signature.signed_info),
            None,
            &Outer::default(),
            &mut |piece| hashing.update(piece),
        )
        .map_err(|_| (SubIndication::FormatFailure, Reason::CanonicalizationNotAccepted))?;
        let digest = hashing.finalize();
        let wrong = (SubIndication::SigCryptoFailure, Reason::SignatureValueWrong);
        let value =
            SignatureValue::from_fixed(method.algorithm, certificate.public_key(), &self.signature.value)
                .ok_or(wrong)?;
        let verified = certificate.key().verify_declared(method, &digest, &value);
        verified.map_err(|_| wrong)
    }

    /// The properties count only when they are signed (EN 319 132-1, 4.4.2).
    fn signed_properties(&self, qualifying: &xades::Qualifying) -> Result<(), Finding> {
        let signed = self
            .targets
            .iter()
            .any(|target| *target == Target::Element(qualifying.signed_properties()));
        if signed {
            Ok(())
        } else {
            Err((SubIndication::FormatFailure, Reason::SignedPropertiesNotSigned))
        }
    }

    /// The time in a signed SignatureProperty, as e-invoices have it (SigningTime; without a zone it is the time in
    /// Việt Nam) or Office (the Value of SignatureTime; ECMA-376-2, 12.2.4.20).
    fn signing_time_object(&self) -> Option<SigningTime> {
        let document = self.document;
        let inside = |element: &ElementId| {
            self.targets.iter().any(|target| match target {
                Target::Element(signed) => document.contains(*signed, *element),
                _ => false,
            })
        };
        let element = document
            .elements()
            .skip_while(|element| *element <= self.signature.element)
            .take_while(|element| document.contains(self.signature.element, *element))
            .find(|element| {
                let named = match document.local_name(*element) {
                    "SigningTime" => true,
                    "Value" => document.parent(*element).is_some_and(|parent| {
                        document.is(parent, crate::ooxml::SIGNATURE_NS, "SignatureTime")
                    }),
                    _ => false,
                };
                named && inside(element)
            })?;
        Some(SigningTime {
            time: xades::read_time(&document.text_of(element))?,
            source: TimeSource::SignerProperty,
        })
    }
}

/// Whether an Object has properties of a signature and nothing else.
pub(crate) fn holds_properties(document: &Document<'_>, object: ElementId) -> bool {
    let mut children = document.children(object).peekable();
    children.peek().is_some()
        && children.all(|child| {
            document.is(child, DS, "SignatureProperties")
                || document.local_name(child) == "QualifyingProperties"
                    && xades::is_namespace(&document.namespace(child))
        })
}

/// No other element that nothing covers may have the name of one that is signed: a program that looks for the name
/// would find it. And what is signed may not be hidden inside of the signature, or of another one.
fn against_wrapping(
    document: &Document<'_>,
    signatures: &[&ReadSignature],
    reports: &mut [SignatureReport],
    read: &[Result<ReadSignature, ElementId>],
) {
    let targets_of = |signature: &ReadSignature| -> Vec<ElementId> {
        let found = signature
            .references
            .iter()
            .filter_map(|reference| reference::target(document, reference).ok());
        let mut elements = Vec::new();
        for target in found {
            match target {
                Target::Element(element) => elements.push(element),
                Target::Document => elements.push(document.root()),
                Target::External(_) => {}
            }
        }
        elements
    };
    let all: Vec<ElementId> = signatures
        .iter()
        .flat_map(|signature| targets_of(signature))
        .collect();
    // An Object that nothing covers, beside one that is signed: a program that reads the first would take it for the
    // content.
    let beside = |signature: &ReadSignature| {
        document.children(signature.element).any(|object| {
            document.is(object, DS, "Object") && !holds_properties(document, object) && !all.contains(&object)
        })
    };
    let is_covered = |element: ElementId| all.iter().any(|signed| document.contains(*signed, element));
    for (read, report) in read.iter().zip(reports) {
        let Ok(signature) = read else { continue };
        let confirmed = xades::countersigned(document, signature);
        let wrapped = targets_of(signature).into_iter().any(|signed| {
            // Every signature has a value, and nobody looks for a content under that name.
            if confirmed == Some(signed) {
                return false;
            }
            let own = document.contains(signature.element, signed);
            let hidden = document
                .lineage(signed)
                .skip(1)
                .any(|outer| document.local_name(outer) == "Object" && document.is(outer, DS, "Object"));
            let properties =
                document.namespace(signed) == DS || xades::is_namespace(&document.namespace(signed));
            if own && properties {
                return signature.element == document.root()
                    && document.is(signed, DS, "Object")
                    && beside(signature);
            }
            if hidden && !(own && signature.element == document.root()) {
                return true;
            }
            let name = document.local_name(signed);
            document
                .elements()
                .any(|other| document.local_name(other) == name && other != signed && !is_covered(other))
        });
        if wrapped {
            report.fail_in_form(Reason::SignatureWrapping);
        }
    }
}
