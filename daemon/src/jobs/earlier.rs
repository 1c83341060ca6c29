//! What the person has to know of a PDF before he signs it: whether the signatures that it carries hold, whether it
//! would act by itself, and whether it may show something else to others.
//!
//! Whom to trust does not matter here: signatures are looked at for what they cover and for what came after them. It takes
//! what a verification takes, and has the same bounds.

use time::OffsetDateTime;
use trien_protocol::call::SignatureFormat;
use trien_protocol::prompt::DocumentWarning;
use trien_signatures::pades;
use trien_signatures::report::{self, Concern, Integrity, Reason, Report, SignatureReport, SubIndication};
use trien_signatures::trust::{Anchors, Reliance};

use super::documents::Sealed;
use super::error::Refused;

/// What was seen of a document.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// What the person has to know, each kind once.
    pub(super) warnings: Vec<DocumentWarning>,
    /// Not all of it could be looked through.
    pub(super) unsearched: bool,
}

impl Seen {
    /// What of it a rule does not want signed. Whoever refuses what acts by itself or shows otherwise does not want what
    /// may do so where nobody can look, either.
    pub(super) fn refused_by(&self, rule: &[DocumentWarning]) -> Option<Refused> {
        let stands =
            |kind: &&DocumentWarning| **kind != DocumentWarning::Unsearched && self.warnings.contains(kind);
        let warnings: Vec<_> = rule.iter().filter(stands).copied().collect();
        let is_about_contents =
            |kind: &DocumentWarning| !kind.is_about_signatures() && *kind != DocumentWarning::LastSignature;
        let unsearched = self.unsearched && rule.iter().any(is_about_contents);
        (unsearched || !warnings.is_empty()).then_some(Refused { warnings, unsearched })
    }
}

/// Looks at a document, if it is a PDF.
pub(super) fn look(document: &Sealed, format: SignatureFormat, now: OffsetDateTime) -> Seen {
    let mut head = [0; 5];
    if document.size() < 5 || document.read_exact_at(&mut head, 0).is_err() || head != *b"%PDF-" {
        return Seen::default();
    }
    let (anchors, now) = (Anchors::default(), now);
    let report = match pades::verify_source(document, &Reliance::new(&anchors, &[], now)) {
        Ok(report) => report,
        Err(_) => {
            return Seen {
                // As a PDF it can be prepared; what is signed as bytes need not be one.
                warnings: match format {
                    SignatureFormat::Pades => vec![DocumentWarning::SignatureUnchecked],
                    _ => Vec::new(),
                },
                unsearched: true,
            };
        }
    };
    let mut warnings = warnings(&report);
    if format == SignatureFormat::Pades && pades::check_later(document).is_err() {
        warnings.push(DocumentWarning::LastSignature);
    }
    Seen {
        unsearched: warnings.contains(&DocumentWarning::Unsearched),
        warnings,
    }
}

fn warnings(report: &Report) -> Vec<DocumentWarning> {
    let signatures = report.signatures.as_slice();
    let concerns = |concern: Concern| {
        let mut findings = report.findings.iter();
        findings.any(|finding| finding.kind.concern() == concern)
    };
    [
        (signatures.iter().any(is_broken), DocumentWarning::SignatureBroken),
        (
            signatures.iter().any(is_changed),
            DocumentWarning::ChangedAfterSigning,
        ),
        (
            signatures.iter().any(is_unknown),
            DocumentWarning::SignatureUnchecked,
        ),
        (concerns(Concern::Acts), DocumentWarning::ActiveContent),
        (concerns(Concern::ShownOtherwise), DocumentWarning::ShownOtherwise),
        (concerns(Concern::MayCome), DocumentWarning::MayCome),
        (concerns(Concern::Unknown), DocumentWarning::Unsearched),
    ]
    .into_iter()
    .filter_map(|(is, warning)| is.then_some(warning))
    .collect()
}

/// Not what was signed, whoever signed it.
fn is_broken(signature: &SignatureReport) -> bool {
    let is_failure = matches!(
        signature.sub_indication,
        Some(SubIndication::FormatFailure | SubIndication::HashFailure | SubIndication::SigCryptoFailure)
    );
    signature.integrity == Integrity::Broken || (is_failure && !is_unknown(signature))
}

fn is_changed(signature: &SignatureReport) -> bool {
    signature.warnings.contains(&report::Warning::ChangedAfterSigning)
}

/// Of a kind that is not known here, or more than is looked at: nothing is wrong with it as far as can be told.
fn is_unknown(signature: &SignatureReport) -> bool {
    matches!(
        signature.reason,
        Some(Reason::UnsupportedSubFilter | Reason::TooComplex)
    )
}
