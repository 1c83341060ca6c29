//! Checking the signatures of a PDF.

use time::OffsetDateTime;

use super::byte_range::{self, Covered};
use super::changes::{self, Judgement};
use super::form::{self, Field};
use super::lock::Lock;
use super::{findings, store};
use crate::algorithm::Hash;
use crate::certificate::Certificate;
use crate::cms::{self, FormatError, Message, SignedData};
use crate::pdf::{
    Dictionary, Document, Limits, Located, Node, PdfError, Source, Value, decode_text_string, parse_date,
};
use crate::report::{
    Coverage, Format, Integrity, Reason, Report, SignatureReport, SigningTime, SubIndication, TimeSource,
    TimestampKind, Warning,
};
use crate::revocation::Revocations;
use crate::timestamp::TimestampToken;
use crate::trust::{Policies, Reliance};
use crate::validation::{MAX_TIMESTAMPS, Stamped};

/// Bytes that all signatures of a document together may cover. Each is hashed and compared on its own.
const MAX_COVERED: usize = 1 << 30;
/// How much more may be read of a document with signatures than of one without, in bytes as [`Limits::work`] counts.
const MAX_COMPARED: usize = 512 << 20;
/// Signatures of a document.
const MAX_SIGNATURES: usize = 100;

/// Judges every signature that the form of a PDF names, in the order they were made.
///
/// Beside the signature itself the document is judged: the byte range has to be exact, and what later revisions changed
/// has to be permitted (further signatures and what belongs to them; see EN 319 142-1, clause 5.5, and the report's
/// [`Reason::ForbiddenChange`]). Document time-stamps are judged like signatures, and prove the time of what they cover;
/// see [`Format::DocumentTimeStamp`].
///
/// # Errors
/// [`PdfError`] when the document itself cannot be read; limits are those of [`Limits::default`].
pub fn verify(bytes: &[u8], reliance: &Reliance<'_>) -> Result<Report, PdfError> {
    verify_within(bytes, Limits::default(), reliance)
}

/// As [`verify`], within other limits. Of a signature whose later changes cannot be looked at within them nothing is
/// known: [`Reason::TooComplex`].
///
/// # Errors
/// As [`verify`].
pub fn verify_within(bytes: &[u8], limits: Limits, reliance: &Reliance<'_>) -> Result<Report, PdfError> {
    judge(&Document::open(bytes, limits)?, reliance)
}

/// As [`verify`], for a document that is not in memory.
///
/// # Errors
/// As [`verify`], and [`PdfError::Unreadable`].
pub fn verify_source(document: &dyn Source, reliance: &Reliance<'_>) -> Result<Report, PdfError> {
    let document = Document::open_source(document, Limits::default())?;
    let report = judge(&document, reliance);
    document.check_readable()?;
    report
}

/// Whether all signatures of a document can be looked at for what came after them, within the bounds of [`verify`].
///
/// # Errors
/// [`PdfError`] of a bound, or of a document that cannot be read. What is wrong with a signature is none.
pub(super) fn check_bounds(document: &Document<'_>) -> Result<(), PdfError> {
    let found = find(document)?;
    allow(document, &found);
    Store::read(document);
    for (_, found) in &found {
        let Found::Signature(judged) = found else { continue };
        let Ok(covered) = &judged.covered else { continue };
        // A time-stamp is looked at once more, for what it proves.
        if judged.is_time_stamp() {
            judged.covers_material(covered);
            judged.is_of_revision(covered).ok();
        }
        if let Err(error) = judged.is_of_revision(covered)
            && is_bound(&error)
        {
            return Err(error);
        }
    }
    Ok(())
}

/// Lets more be read the more the signatures cover: each is compared with what came later on its own.
fn allow(document: &Document<'_>, found: &[(usize, Found<'_, '_>)]) {
    let ends = found.iter().map(|(end, _)| *end);
    let covered = ends.fold(0_usize, usize::saturating_add);
    document.allow(covered.saturating_mul(4).min(MAX_COMPARED));
}

/// Of an error that says nothing of the document but that it is more than is looked at.
const fn is_bound(error: &PdfError) -> bool {
    matches!(
        error,
        PdfError::TooDeep | PdfError::TooLarge { .. } | PdfError::TooMany(_)
    )
}

fn judge(document: &Document<'_>, reliance: &Reliance<'_>) -> Result<Report, PdfError> {
    let found = find(document)?;
    allow(document, &found);
    let store = Store::read(document);
    // Each with where it ends; what proves a signature has to come after it.
    let stamps = found.iter().filter_map(|(_, found)| found.stamp(document));
    let stamps: Vec<(usize, Stamped)> = stamps.collect();
    let mut signatures = Vec::new();
    for (_, found) in &found {
        let report = match found {
            Found::Unreadable => unreadable(),
            Found::Signature(judged) => judged.report(&store, &stamps, reliance),
        };
        signatures.push(report);
    }
    Ok(Report {
        validated_at: reliance.at,
        signatures,
        // Last, for it takes from what may be read.
        findings: findings::of(document),
    })
}

/// The values of all signature fields, in the order they were made, each with where it ends.
fn find<'a, 'd>(document: &'a Document<'d>) -> Result<Vec<(usize, Found<'a, 'd>)>, PdfError> {
    let total = document.size();
    let mut found = Vec::new();
    let mut covered_bytes = 0_usize;
    for field in form::fields(document)? {
        if found.len() > MAX_SIGNATURES {
            return Err(PdfError::TooMany("signatures"));
        }
        let (holder, node) = match signature_of(document, &field) {
            Ok(Some(found)) => found,
            Ok(None) => continue,
            Err(_) => {
                found.push((total, Found::Unreadable));
                continue;
            }
        };
        let covered = byte_range::check(&holder, &node, total);
        let end = covered.as_ref().map_or(total, |covered| covered.end);
        covered_bytes = covered_bytes.saturating_add(end);
        if covered_bytes > MAX_COVERED {
            return Err(PdfError::TooMany("signatures"));
        }
        let judged = Judged {
            document,
            field,
            holder,
            node,
            covered,
        };
        found.push((end, Found::Signature(Box::new(judged))));
    }
    found.sort_by_key(|(end, _)| *end);
    Ok(found)
}

/// The value of a signature field.
enum Found<'a, 'd> {
    Unreadable,
    Signature(Box<Judged<'a, 'd>>),
}

impl Found<'_, '_> {
    /// The document time-stamp it is, as evidence, with where what it covers ends.
    fn stamp(&self, document: &Document<'_>) -> Option<(usize, Stamped)> {
        let Self::Signature(judged) = self else {
            return None;
        };
        let covered = judged.covered.as_ref().ok().filter(|_| judged.is_time_stamp())?;
        let token = judged.token();
        let about_this = token
            .as_ref()
            .is_some_and(|token| token.is_about_digest(|hash| covered.digest(document, hash)));
        // One whose revision is not what it says proves nothing of what lies before it.
        let about_this = about_this && matches!(judged.is_of_revision(covered), Ok(Some(_)));
        // Only what covers the material proves it later; before that a document time-stamp stands for the one of the
        // signature (EN 319 142-1, 6.3).
        let kind = if about_this && judged.covers_material(covered) {
            TimestampKind::Archive
        } else {
            TimestampKind::Signature
        };
        let stamped = Stamped {
            kind,
            token,
            about_this: Some(about_this),
        };
        Some((covered.end, stamped))
    }
}

/// What the document's security store holds.
#[derive(Default)]
struct Store {
    certificates: Vec<Certificate>,
    revocations: Revocations,
}

impl Store {
    /// What of it cannot be read proves nothing.
    fn read(document: &Document<'_>) -> Self {
        let material = store::read(document).unwrap_or_default();
        let certificates = material.certificates.iter();
        Self {
            certificates: certificates
                .filter_map(|der| Certificate::from_der(der).ok())
                .collect(),
            revocations: Revocations::read(&material),
        }
    }
}

/// By when what ends there was there, as the document time-stamps after it prove: the outermost is judged at the time of
/// validation, and each further in at what those around it prove (EN 319 102-1, 5.6.2.3).
fn proven_by_later(
    end: usize,
    stamps: &[(usize, Stamped)],
    store: &Store,
    reliance: &Reliance<'_>,
) -> Option<OffsetDateTime> {
    let later = stamps
        .iter()
        .rev()
        .filter(|(other, stamp)| *other > end && stamp.about_this == Some(true))
        .filter_map(|(_, stamp)| stamp.token.as_ref())
        .take(MAX_TIMESTAMPS);
    later.fold(None, |proven, token| {
        let judging = Reliance {
            at: proven.unwrap_or(reliance.at),
            policies: Policies::ANY,
            ..*reliance
        };
        let holds = token.validate(&store.certificates, &store.revocations, &judging);
        match holds {
            Ok(_) => proven.into_iter().chain([token.time()]).min(),
            Err(_) => proven,
        }
    })
}

/// The report on a signature whose dictionary cannot be read.
fn unreadable() -> SignatureReport {
    let mut report = SignatureReport::new(Format::Pades);
    report.fail(SubIndication::FormatFailure, Reason::MalformedPdf);
    report
}

/// The signature dictionary of a field, with the object it stands in; `None` for other fields and unsigned ones.
///
/// A value that is anything but a dictionary is an error and no missing signature: readers may show the field as signed.
fn signature_of<'d>(
    document: &Document<'d>,
    field: &Field<'d>,
) -> Result<Option<(Located<'d>, Node)>, PdfError> {
    let value = field
        .located
        .dictionary()
        .filter(|_| field.is_signature())
        .and_then(|field| field.get(b"V"));
    let found = match value {
        None => return Ok(None),
        Some(Node {
            value: Value::Reference(id),
            ..
        }) => document.object(*id)?.map(|holder| (holder.clone(), holder.node)),
        Some(node) => Some((field.located.clone(), node.clone())),
    };
    let found = found.filter(|(_, node)| node.value.dictionary().is_some());
    found
        .map(Some)
        .ok_or(PdfError::Missing("the signature dictionary of a field"))
}

/// A signature on its way to a report.
struct Judged<'a, 'd> {
    document: &'a Document<'d>,
    field: Field<'d>,
    holder: Located<'d>,
    node: Node,
    covered: Result<Covered, Reason>,
}

type Finding = (SubIndication, Reason);

impl Judged<'_, '_> {
    fn report(&self, store: &Store, stamps: &[(usize, Stamped)], reliance: &Reliance<'_>) -> SignatureReport {
        let covered = self.covered.as_ref();
        let covered = covered.map_err(|reason| (SubIndication::FormatFailure, *reason));
        let judged = covered.and_then(|covered| {
            let report = if self.is_time_stamp() {
                self.time_stamp(covered, store, stamps, reliance)
            } else {
                let kind = self.kind()?;
                self.signature(covered, reliance, kind, store, stamps)?
            };
            Ok((report, covered))
        });
        match judged {
            Ok((mut report, covered)) => {
                self.judge_changes(covered, &mut report);
                report
            }
            Err((sub_indication, reason)) => {
                let format = if self.is_time_stamp() {
                    Format::DocumentTimeStamp
                } else {
                    Format::Pades
                };
                let mut report = SignatureReport::new(format);
                report.signing_time = self.signing_time();
                report.fail(sub_indication, reason);
                report
            }
        }
    }

    fn is_time_stamp(&self) -> bool {
        form::is_time_stamp(self.dictionary())
    }

    /// The CMS in `/Contents`; none if something other than padding follows it.
    fn cms(&self) -> Option<&[u8]> {
        let contents = self
            .dictionary()
            .get(b"Contents")
            .and_then(|node| node.value.string())
            .unwrap_or_default();
        let len = cms::element_len(contents).ok()?;
        let (cms, padding) = contents.split_at_checked(len)?;
        padding.iter().all(|byte| *byte == 0).then_some(cms)
    }

    fn token(&self) -> Option<TimestampToken> {
        TimestampToken::from_der(self.cms()?).ok()
    }

    /// A document time-stamp, judged like a signature: what it covers, who made it, what came later.
    fn time_stamp(
        &self,
        covered: &Covered,
        store: &Store,
        stamps: &[(usize, Stamped)],
        reliance: &Reliance<'_>,
    ) -> SignatureReport {
        let mut report = SignatureReport::new(Format::DocumentTimeStamp);
        report.coverage = Some(self.coverage(covered));
        let Some(token) = self.token() else {
            report.fail(SubIndication::FormatFailure, Reason::TimestampMalformed);
            return report;
        };
        report.signing_time = Some(SigningTime {
            time: token.time(),
            source: TimeSource::TimestampAuthority,
        });
        if !token.is_about_digest(|hash| covered.digest(self.document, hash)) {
            report.integrity = Integrity::Broken;
            report.fail(SubIndication::HashFailure, Reason::TimestampImprintMismatch);
            return report;
        }
        let judging = Reliance {
            at: proven_by_later(covered.end, stamps, store, reliance).unwrap_or(reliance.at),
            policies: Policies::ANY,
            ..*reliance
        };
        match token.validate(&store.certificates, &store.revocations, &judging) {
            Ok(verdict) => {
                let authority = verdict.path.first();
                if let Some(authority) = authority {
                    report.signed_by(authority, Some(token.time()), reliance.at);
                }
                report.integrity = Integrity::Intact;
                report.pass(None);
            }
            Err((sub_indication, reason)) => report.fail(sub_indication, reason),
        }
        report
    }

    /// What `/SubFilter` says (12.8.3.3; EN 319 142-1, clause 5.3).
    fn kind(&self) -> Result<SubFilter, Finding> {
        match self
            .dictionary()
            .get(b"SubFilter")
            .and_then(|node| node.value.name())
        {
            Some(b"ETSI.CAdES.detached") => Ok(SubFilter::Cades),
            Some(b"adbe.pkcs7.detached") => Ok(SubFilter::Pkcs7),
            _ => Err((SubIndication::FormatFailure, Reason::UnsupportedSubFilter)),
        }
    }

    fn dictionary(&self) -> &Dictionary {
        self.node
            .value
            .dictionary()
            .expect("signature_of gives dictionaries")
    }

    /// The time in `/M`.
    fn signing_time(&self) -> Option<SigningTime> {
        let text = self.document.get(self.dictionary(), b"M").ok()??;
        let time = parse_date(&decode_text_string(text.string()?))?;
        Some(SigningTime {
            time,
            source: TimeSource::SignerDictionary,
        })
    }

    fn signature(
        &self,
        covered: &Covered,
        reliance: &Reliance<'_>,
        kind: SubFilter,
        store: &Store,
        stamps: &[(usize, Stamped)],
    ) -> Result<SignatureReport, Finding> {
        let malformed = |reason| (SubIndication::FormatFailure, reason);
        let cms = self.cms().ok_or(malformed(Reason::MalformedCms))?;
        let signed_data = SignedData::parse(cms).map_err(|error| malformed(cms_reason(&error)))?;
        // One signature dictionary, one signer (EN 319 142-1, clause 4.1).
        let signer = match signed_data.signers() {
            [signer] => signer,
            [] => return Err(malformed(Reason::NoSigners)),
            _ => return Err(malformed(Reason::DuplicateSigner)),
        };
        let digest = |hash: Hash| covered.digest(self.document, hash);
        let later: Vec<Stamped> = stamps
            .iter()
            .filter(|(end, _)| *end > covered.end)
            .map(|(_, stamp)| stamp.clone())
            .collect();
        let message = Message {
            digest: &digest,
            content: None,
            given_apart: true,
            is_signed_attributes: false,
            signing_time: self.signing_time(),
            format: Format::Pades,
            coverage: Some(self.coverage(covered)),
            beside: cms::Beside {
                certificates: &store.certificates,
                revocations: Some(&store.revocations),
                timestamps: &later,
            },
        };
        let mut report = cms::verify_signer(&signed_data, signer, &message, reliance);
        match kind {
            SubFilter::Pkcs7 => report.level = None,
            // Two times for one signature (EN 319 142-1, clause 6.3).
            SubFilter::Cades if signer.has_signing_time() => {
                report.warn(Warning::SigningTimeAttributeInPades);
                report.level = None;
            }
            SubFilter::Cades => {}
        }
        Ok(report)
    }

    fn coverage(&self, covered: &Covered) -> Coverage {
        let total = self.document.size();
        let ends = self.document.revision_ends();
        // A revision's end counts the line end behind %%EOF, which a signer may have left out.
        let revision = ends.iter().filter(|end| **end <= covered.end + 2).count();
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        Coverage {
            whole: covered.end == total,
            signed_bytes: count(covered.signed_bytes()),
            total_bytes: count(total - covered.gap_len()),
            revision: u32::try_from(revision).ok(),
            revisions: u32::try_from(ends.len()).ok(),
        }
    }

    /// Whether the covered bytes are a revision with this very signature, and only permitted things came later.
    fn judge_changes(&self, covered: &Covered, report: &mut SignatureReport) {
        match self.is_of_revision(covered) {
            Ok(Some(judgement)) => {
                report.changes = judgement.changes;
                report.changes_unlisted = judgement.unlisted;
                if !judgement.permitted {
                    report.warn(Warning::ChangedAfterSigning);
                    report.fail(SubIndication::SigConstraintsFailure, Reason::ForbiddenChange);
                }
            }
            Ok(None) => report.fail(SubIndication::FormatFailure, Reason::MalformedByteRange),
            // Nothing is known against it then.
            Err(error) if is_bound(&error) => {
                report.fail(SubIndication::SigConstraintsFailure, Reason::TooComplex);
            }
            Err(_) => report.fail(SubIndication::FormatFailure, Reason::MalformedPdf),
        }
    }

    /// `None` if the covered bytes are no revision that has the signature; else what came later.
    fn is_of_revision(&self, covered: &Covered) -> Result<Option<Judgement>, PdfError> {
        let signed = self.document.revision(covered.end)?;
        let changed = self.later_changes(&signed);
        self.document.charge(&signed);
        changed
    }

    /// Whether the document held revocation information when these bytes were all of it.
    fn covers_material(&self, covered: &Covered) -> bool {
        let signed = self.document.revision(covered.end);
        let material = signed.and_then(|signed| {
            let material = store::read(&signed);
            self.document.charge(&signed);
            material
        });
        material.is_ok_and(|material| material.has_revocation())
    }

    fn later_changes(&self, signed: &Document<'_>) -> Result<Option<Judgement>, PdfError> {
        let known = form::fields(signed)?
            .into_iter()
            .find(|field| field.located.id == self.field.located.id);
        let same = signed
            .object(self.holder.id)?
            .is_some_and(|holder| holder.node.span == self.holder.node.span);
        let Some(field) = known.filter(|_| signed.trailing() == 0 && same) else {
            return Ok(None);
        };
        let lock = Lock::of(signed, &field)?;
        changes::judge(signed, self.document, &lock).map(Some)
    }
}

fn cms_reason(error: &FormatError) -> Reason {
    match error {
        FormatError::NotSignedData(_) => Reason::NotSignedData,
        _ => Reason::MalformedCms,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SubFilter {
    /// ETSI.CAdES.detached
    Cades,
    /// adbe.pkcs7.detached
    Pkcs7,
}
