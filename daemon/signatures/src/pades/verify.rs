//! Checking the signatures of a PDF.

use super::byte_range::{self, Covered};
use super::changes;
use super::form::{self, Field};
use super::lock::Lock;
use crate::algorithm::Hash;
use crate::cms::{self, FormatError, Message, SignedData};
use crate::pdf::{
    Dictionary, Document, Limits, Located, Node, PdfError, Value, decode_text_string, parse_date,
};
use crate::report::{
    Coverage, Format, Reason, Report, SignatureReport, SigningTime, SubIndication, TimeSource, Warning,
};
use crate::trust::Reliance;

/// Bytes that all signatures of a document together may cover. Each is hashed and compared on its own.
const MAX_COVERED: usize = 1 << 30;
/// Signatures of a document.
const MAX_SIGNATURES: usize = 100;

/// Judges every signature that the form of a PDF names, in the order they were made.
///
/// Beside the signature itself the document is judged: the byte range has to be exact, and what later revisions changed
/// has to be permitted (further signatures and what belongs to them; see EN 319 142-1, clause 5.5, and the report's
/// [`Reason::ForbiddenChange`]). Document time-stamps are named and not judged: see [`Format::DocumentTimeStamp`].
///
/// # Errors
/// [`PdfError`] when the document itself cannot be read; limits are those of [`Limits::default`].
pub fn verify(bytes: &[u8], reliance: &Reliance<'_>) -> Result<Report, PdfError> {
    let document = Document::open(bytes, Limits::default())?;
    let mut signatures = Vec::new();
    let mut covered_bytes = 0_usize;
    for field in form::fields(&document)? {
        if signatures.len() > MAX_SIGNATURES {
            return Err(PdfError::TooMany("signatures"));
        }
        let (holder, node) = match signature_of(&document, &field) {
            Ok(Some(found)) => found,
            Ok(None) => continue,
            Err(_) => {
                signatures.push((bytes.len(), unreadable()));
                continue;
            }
        };
        let covered = byte_range::check(&holder, &node, bytes.len());
        let end = covered.as_ref().map_or(bytes.len(), |covered| covered.end);
        covered_bytes = covered_bytes.saturating_add(end);
        if covered_bytes > MAX_COVERED {
            return Err(PdfError::TooMany("signatures"));
        }
        let judged = Judged {
            document: &document,
            field: &field,
            holder: &holder,
            node: &node,
        };
        signatures.push((end, judged.report(covered, reliance)));
    }
    signatures.sort_by_key(|(end, _)| *end);
    let signatures = signatures.into_iter().map(|(_, report)| report).collect();
    Ok(Report {
        validated_at: reliance.at,
        signatures,
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
    field: &'a Field<'d>,
    holder: &'a Located<'d>,
    node: &'a Node,
}

type Finding = (SubIndication, Reason);

impl Judged<'_, '_> {
    fn report(&self, covered: Result<Covered, Reason>, reliance: &Reliance<'_>) -> SignatureReport {
        if form::is_time_stamp(self.dictionary()) {
            let mut report = SignatureReport::new(Format::DocumentTimeStamp);
            report.fail(SubIndication::SigConstraintsFailure, Reason::UnsupportedSubFilter);
            return report;
        }
        let covered = covered.map_err(|reason| (SubIndication::FormatFailure, reason));
        let judged = covered.and_then(|covered| {
            let kind = self.kind()?;
            Ok((self.signature(&covered, reliance, kind)?, covered))
        });
        match judged {
            Ok((mut report, covered)) => {
                self.judge_changes(&covered, &mut report);
                report
            }
            Err((sub_indication, reason)) => {
                let mut report = SignatureReport::new(Format::Pades);
                report.signing_time = self.signing_time();
                report.fail(sub_indication, reason);
                report
            }
        }
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
    ) -> Result<SignatureReport, Finding> {
        let malformed = |reason| (SubIndication::FormatFailure, reason);
        let contents = self
            .dictionary()
            .get(b"Contents")
            .and_then(|node| node.value.string())
            .unwrap_or_default();
        let len = cms::element_len(contents).map_err(|_| malformed(Reason::MalformedCms))?;
        let (cms, padding) = contents
            .split_at_checked(len)
            .ok_or(malformed(Reason::MalformedCms))?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(malformed(Reason::MalformedCms));
        }
        let signed_data = SignedData::parse(cms).map_err(|error| malformed(cms_reason(&error)))?;
        // One signature dictionary, one signer (EN 319 142-1, clause 4.1).
        let signer = match signed_data.signers() {
            [signer] => signer,
            [] => return Err(malformed(Reason::NoSigners)),
            _ => return Err(malformed(Reason::DuplicateSigner)),
        };
        let digest = |hash: Hash| {
            let mut hasher = hash.hasher();
            covered
                .pieces(self.document.bytes())
                .into_iter()
                .for_each(|piece| hasher.update(piece));
            Some(hasher.finalize())
        };
        let message = Message {
            digest: &digest,
            given_apart: true,
            is_signed_attributes: false,
            signing_time: self.signing_time(),
            format: Format::Pades,
            coverage: Some(self.coverage(covered)),
            beside: cms::Beside::default(),
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
        let total = self.document.bytes().len();
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
            Ok(Some(changed)) => {
                if changed {
                    report.warn(Warning::ChangedAfterSigning);
                    report.fail(SubIndication::SigConstraintsFailure, Reason::ForbiddenChange);
                }
            }
            Ok(None) => report.fail(SubIndication::FormatFailure, Reason::MalformedByteRange),
            Err(_) => report.fail(SubIndication::FormatFailure, Reason::MalformedPdf),
        }
    }

    /// `None` if the covered bytes are no revision that has the signature; else whether forbidden changes came later.
    fn is_of_revision(&self, covered: &Covered) -> Result<Option<bool>, PdfError> {
        let signed = self.document.revision(covered.end)?;
        let changed = self.is_changed(&signed);
        self.document.charge(&signed);
        changed
    }

    fn is_changed(&self, signed: &Document<'_>) -> Result<Option<bool>, PdfError> {
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
        Ok(Some(!changes::are_permitted(signed, self.document, &lock)?))
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
