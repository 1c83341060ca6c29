//! Judging certificates and signatures in time (EN 319 102-1, clauses 5.2 to 5.6): what the verifiers of all formats
//! call once they have found that a signature value is genuine.
//!
//! A format hands in [`Evidence`]; [`judge`] goes from the outermost time-stamp inwards. Each that can be believed moves
//! the time at which everything inside it has to be valid: the proof of existence (POE). What is left at the end is the
//! best-signature-time, at which the signer's certificate has to be valid and not revoked.

pub(crate) mod references;

use time::OffsetDateTime;

use crate::certificate::Certificate;
use crate::report::{
    CertificateReport, Level, Reason, RevocationStatus, SignatureReport, SigningTime, SubIndication,
    TimeSource, TimestampKind, TimestampReport, Warning,
};
use crate::revocation::{Asked, CLOCK_SKEW, CertificateStatus, Revocations, status};
use crate::timestamp::TimestampToken;
use crate::trust::{self, Policies, Reliance};

/// The rule that is broken, and what EN 319 102-1 calls it.
pub type Finding = (SubIndication, Reason);

/// Time-stamps of one signature that are looked at.
pub const MAX_TIMESTAMPS: usize = 64;

/// What came of judging a certificate at a time.
#[derive(Debug, Clone)]
pub struct CertificateVerdict {
    /// From the certificate to the anchor; empty where there is no path.
    pub path: Vec<Certificate>,
    /// What is known of each certificate of the path but the anchor.
    pub statuses: Vec<CertificateStatus>,
    /// Whether it can be relied on.
    pub finding: Result<(), Finding>,
}

/// Judges a certificate at [`Reliance::at`]: a path to an anchor, and the revocation of every certificate on it.
/// `embedded` and `brought` are what the document holds.
///
/// Where nothing is known about a revocation, the verdict stands and [`CertificateVerdict::statuses`] says so, unless
/// [`Reliance::require_revocation`] wants it known.
#[must_use]
pub fn certificate(
    leaf: &Certificate,
    embedded: &[Certificate],
    brought: &Revocations,
    reliance: &Reliance<'_>,
) -> CertificateVerdict {
    let (paths, obstacle) = trust::valid_paths(leaf, embedded, reliance);
    let mut best: Option<CertificateVerdict> = None;
    for path in paths {
        let verdict = revocation(path, embedded, brought, reliance);
        if verdict.finding.is_ok() {
            return verdict;
        }
        best.get_or_insert(verdict);
    }
    best.unwrap_or(CertificateVerdict {
        path: Vec::new(),
        statuses: Vec::new(),
        finding: Err(obstacle),
    })
}

fn revocation(
    path: Vec<Certificate>,
    embedded: &[Certificate],
    brought: &Revocations,
    reliance: &Reliance<'_>,
) -> CertificateVerdict {
    let mut statuses = Vec::new();
    let mut finding = Ok(());
    for (place, pair) in path.windows(2).enumerate() {
        let [certificate, issuer] = pair else { continue };
        let status = status(
            &Asked {
                certificate,
                issuer,
                anchor: path.last().unwrap_or(issuer),
                embedded,
                brought,
                at: reliance.at,
                depth: 0,
            },
            reliance,
        );
        let found = match (&status, place) {
            (CertificateStatus::Good(_), _) => Ok(()),
            // EN 319 102-1, 5.2.6.4: the hold may end, and then the certificate was good all the time.
            (CertificateStatus::Revoked { .. }, 0) if status.is_on_hold() => {
                Err((SubIndication::TryLater, Reason::CertificateOnHold))
            }
            (CertificateStatus::Revoked { .. }, 0) => {
                Err((SubIndication::RevokedNoPoe, Reason::CertificateRevoked))
            }
            (CertificateStatus::Revoked { .. }, _) => {
                Err((SubIndication::RevokedCaNoPoe, Reason::AuthorityRevoked))
            }
            (CertificateStatus::Unknown, _) if reliance.require_revocation => {
                Err((SubIndication::TryLater, Reason::RevocationUnknown))
            }
            (CertificateStatus::Unknown, _) => Ok(()),
        };
        // A certificate that is revoked is worse than one of which nothing is known, or that is suspended.
        let is_open = |finding: &Result<(), Finding>| matches!(finding, Err((SubIndication::TryLater, _)));
        let graver = finding.is_ok() || is_open(&finding) && !is_open(&found);
        if found.is_err() && graver {
            finding = found;
        }
        statuses.push(status);
    }
    CertificateVerdict {
        path,
        statuses,
        finding,
    }
}

/// A time-stamp of a signature, as the format found it.
#[derive(Debug, Clone)]
pub struct Stamped {
    /// What it is for.
    pub kind: TimestampKind,
    /// None where it cannot be read.
    pub token: Option<TimestampToken>,
    /// Whether it is about what it should be about; none where that cannot be told from what is here.
    pub about_this: Option<bool>,
}

/// What a format found about one signature whose value is genuine.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// Whose signature it is.
    pub signer: &'a Certificate,
    /// What the signer's clock said.
    pub claimed: Option<SigningTime>,
    /// The certificates in the document.
    pub embedded: &'a [Certificate],
    /// The revocation information in the document.
    pub brought: &'a Revocations,
    /// Its time-stamps, in the order they were made: the innermost first.
    pub timestamps: &'a [Stamped],
}

/// Judges a genuine signature in time and writes what it found into the report: time-stamps, path, revocation, warnings
/// and the level that is reached ([`SignatureReport::pass`] is called with it).
///
/// # Errors
/// The finding that keeps it from TOTAL-PASSED; the caller hands it to [`SignatureReport::fail`].
pub fn judge(
    evidence: &Evidence<'_>,
    reliance: &Reliance<'_>,
    report: &mut SignatureReport,
) -> Result<(), Finding> {
    let proven = timestamps(evidence, reliance, report);
    let best = proven.unwrap_or(reliance.at);
    report.best_signature_time = proven.map(|time| SigningTime {
        time,
        source: TimeSource::TimestampAuthority,
    });
    warn_about_time(evidence, proven, reliance, report);
    constraints(evidence, report)?;
    let verdict = certificate(
        evidence.signer,
        evidence.embedded,
        evidence.brought,
        &Reliance {
            at: best,
            ..*reliance
        },
    );
    let ended = (SubIndication::OutOfBoundsNoPoe, Reason::CertificateExpired);
    let at_its_end = match verdict.finding {
        Err(finding) if finding == ended => good_to_its_end(evidence, reliance),
        _ => None,
    };
    let judged_at = at_its_end.as_ref().map_or(best, |_| evidence.signer.not_after());
    let verdict = at_its_end.unwrap_or(verdict);
    describe(&verdict, report);
    let judged_at = Reliance {
        at: judged_at,
        ..*reliance
    };
    tell_of_sha1(hangs_on_sha1(&verdict, evidence, &judged_at), reliance, report);
    verdict
        .finding
        .map_err(|finding| past(finding, &verdict.statuses, report))?;
    if !in_order(&report.timestamps) {
        return Err((SubIndication::TimestampOrderFailure, Reason::TimestampOrder));
    }
    let level = level(
        evidence,
        verdict,
        &Reliance {
            at: best,
            ..*reliance
        },
        report,
    );
    report.pass(level);
    Ok(())
}

/// EN 319 102-1, 5.2.6.4: the signer's certificate has ended, and what is known says that it was not revoked until then.
fn good_to_its_end(evidence: &Evidence<'_>, reliance: &Reliance<'_>) -> Option<CertificateVerdict> {
    let reliance = Reliance {
        at: evidence.signer.not_after(),
        ..*reliance
    };
    let verdict = certificate(evidence.signer, evidence.embedded, evidence.brought, &reliance);
    let good = matches!(verdict.statuses.first(), Some(CertificateStatus::Good(_)));
    (verdict.finding.is_ok() && good).then_some(CertificateVerdict {
        finding: Err((SubIndication::OutOfBoundsNotRevoked, Reason::CertificateExpired)),
        ..verdict
    })
}

/// Whether it is only what it is because SHA-1 was let in: for a certificate of the path, or for what says that none of
/// them was revoked. Or because it was not: of that path, for a path with SHA-1 is found only where it is let in.
fn hangs_on_sha1(verdict: &CertificateVerdict, evidence: &Evidence<'_>, reliance: &Reliance<'_>) -> bool {
    if verdict.path.is_empty() {
        return false;
    }
    let other = Reliance {
        sha1: !reliance.sha1,
        ..*reliance
    };
    if reliance.sha1 {
        let without = certificate(evidence.signer, evidence.embedded, evidence.brought, &other);
        return without.path != verdict.path || without.statuses != verdict.statuses;
    }
    let known = [evidence.brought, reliance.revocations];
    if !known.iter().any(|known| known.has_sha1()) {
        return false;
    }
    let path = verdict.path.clone();
    revocation(path, evidence.embedded, evidence.brought, &other).statuses != verdict.statuses
}

/// Tells of SHA-1 on which the verdict hangs: it was let in, or it was passed over.
pub(crate) fn tell_of_sha1(hangs_on_it: bool, reliance: &Reliance<'_>, report: &mut SignatureReport) {
    if hangs_on_it {
        report.warn(match reliance.sha1 {
            true => Warning::Sha1,
            false => Warning::Sha1NotCounted,
        });
    }
}

/// How far out a time-stamp of this kind lies: what lies further in was there before it (EN 319 102-1, 5.5.4).
pub(crate) const fn rank(kind: TimestampKind) -> u8 {
    match kind {
        TimestampKind::Content => 0,
        TimestampKind::Signature => 1,
        TimestampKind::SignatureAndReferences | TimestampKind::References => 2,
        TimestampKind::Archive => 3,
    }
}

/// EN 319 102-1, 5.5.4: content, signature, references, archive, as far as they can be believed; and each of the archive
/// after the one before it. The clocks of two authorities may differ a little.
fn in_order(stamps: &[TimestampReport]) -> bool {
    let archive = rank(TimestampKind::Archive);
    let believed: Vec<_> = stamps
        .iter()
        .filter(|stamp| stamp.valid)
        .filter_map(|stamp| Some((rank(stamp.kind), stamp.time?)))
        .collect();
    believed.iter().enumerate().all(|(place, (rank, time))| {
        let over = |other: &(usize, &(u8, OffsetDateTime))| {
            let (other_place, (inner, _)) = other;
            inner < rank || *rank == archive && *inner == archive && *other_place < place
        };
        let mut inner = believed.iter().enumerate().filter(over);
        inner.all(|(_, (_, earlier))| *earlier <= *time + CLOCK_SKEW)
    })
}

/// Judges the time-stamps from the outermost inwards, and gives the earliest time that is proven.
fn timestamps(
    evidence: &Evidence<'_>,
    reliance: &Reliance<'_>,
    report: &mut SignatureReport,
) -> Option<OffsetDateTime> {
    let mut poe: Option<OffsetDateTime> = None;
    let mut reports = Vec::new();
    for stamped in evidence.timestamps.iter().take(MAX_TIMESTAMPS).rev() {
        let reliance = Reliance {
            at: poe.unwrap_or(reliance.at),
            policies: Policies::ANY,
            ..*reliance
        };
        let judged = judge_stamp(stamped, evidence, &reliance);
        if judged.valid && (reliance.sha1 || has_sha1(stamped, evidence, &reliance)) {
            let other = Reliance {
                sha1: !reliance.sha1,
                ..reliance
            };
            let other = judge_stamp(stamped, evidence, &other);
            tell_of_sha1(other != judged, &reliance, report);
        }
        // What is about the content, or about references alone, says nothing of when the signature was there.
        let of_signature = !matches!(stamped.kind, TimestampKind::Content | TimestampKind::References);
        if judged.valid && of_signature {
            poe = judged.time.into_iter().chain(poe).min();
        }
        reports.push(judged);
    }
    reports.reverse();
    if reports.iter().any(|stamp| !stamp.valid) {
        report.warn(Warning::TimestampNotValid);
    }
    report.timestamps = reports;
    poe
}

/// Whether what is known of the revocation of a time-stamp's authority is made with SHA-1.
fn has_sha1(stamped: &Stamped, evidence: &Evidence<'_>, reliance: &Reliance<'_>) -> bool {
    let own = stamped
        .token
        .as_ref()
        .map(|token| Revocations::read(&token.signed_data().material()));
    let known = [evidence.brought, reliance.revocations];
    known.into_iter().chain(own.as_ref()).any(Revocations::has_sha1)
}

fn judge_stamp(stamped: &Stamped, evidence: &Evidence<'_>, reliance: &Reliance<'_>) -> TimestampReport {
    let mut report = TimestampReport::new(stamped.kind);
    let Some(token) = &stamped.token else {
        report.reason = Some(Reason::TimestampMalformed);
        return report;
    };
    report.time = Some(token.time());
    report.policy = Some(token.policy());
    if stamped.about_this != Some(true) {
        report.reason = Some(match stamped.about_this {
            Some(_) => Reason::TimestampImprintMismatch,
            None => Reason::TimestampNotEvaluated,
        });
        return report;
    }
    match token.validate(evidence.embedded, evidence.brought, reliance) {
        Ok(verdict) => {
            report.valid = true;
            report.authority = verdict.path.first().map(|authority| {
                let subject = authority.subject();
                subject.common_name.unwrap_or(subject.rfc4514)
            });
            report.certificates = reports(&verdict);
        }
        Err((sub_indication, reason)) => {
            report.sub_indication = Some(sub_indication);
            report.reason = Some(reason);
        }
    }
    report
}

fn warn_about_time(
    evidence: &Evidence<'_>,
    proven: Option<OffsetDateTime>,
    reliance: &Reliance<'_>,
    report: &mut SignatureReport,
) {
    match evidence.claimed {
        None => report.warn(Warning::SigningTimeMissing),
        Some(claimed) => {
            if proven.is_none() {
                report.warn(Warning::SigningTimeNotProven);
            }
            if claimed.time > reliance.now {
                report.warn(Warning::SigningTimeInFuture);
            }
            // Some Vietnamese signers write the local time as UTC: told, never mended.
            if proven.is_some_and(|proven| claimed.time > proven + CLOCK_SKEW) {
                report.warn(Warning::SigningTimeAfterTimestamp);
            }
        }
    }
}

/// What the certificate has to allow: documents by its key usage, and the signing time by its validity
/// (Circular 15/2025/TT-BKHCN, Annex II, 1.1).
fn constraints(evidence: &Evidence<'_>, report: &SignatureReport) -> Result<(), Finding> {
    if !evidence.signer.may_sign_documents() {
        return Err((
            SubIndication::ChainConstraintsFailure,
            Reason::KeyUsageNotForSigning,
        ));
    }
    // EN 319 102-1, 5.5.4: the signature holds a time-stamp of its content, so it was made after that time.
    if content_stamped(report).any(|time| time > evidence.signer.not_after()) {
        return Err((SubIndication::Expired, Reason::SigningTimeOutsideValidity));
    }
    match (report.best_signature_time, evidence.claimed) {
        (Some(best), _) if best.time < evidence.signer.not_before() => {
            Err((SubIndication::NotYetValid, Reason::SigningTimeOutsideValidity))
        }
        // EN 319 102-1, 5.5.4: that it was there by a time after the certificate's end does not mean that it was made then;
        // the path is judged at that time.
        (Some(_), _) => Ok(()),
        (None, Some(claimed)) if !evidence.signer.is_valid_at(claimed.time) => Err((
            SubIndication::SigConstraintsFailure,
            Reason::SigningTimeOutsideValidity,
        )),
        (None, _) => Ok(()),
    }
}

/// The times of the time-stamps of the content that can be believed.
fn content_stamped(report: &SignatureReport) -> impl Iterator<Item = OffsetDateTime> {
    let stamps = report.timestamps.iter();
    stamps
        .filter(|stamp| stamp.valid && stamp.kind == TimestampKind::Content)
        .filter_map(|stamp| stamp.time)
}

/// EN 319 102-1, 5.5.4: the signature holds a time-stamp of its content, so it was made after that time; when that is
/// after the revocation there is nothing left to hope for.
fn past(finding: Finding, statuses: &[CertificateStatus], report: &SignatureReport) -> Finding {
    let Some(CertificateStatus::Revoked { since, .. }) = statuses.first() else {
        return finding;
    };
    let stamped_later = content_stamped(report).any(|time| time >= *since);
    match finding {
        (SubIndication::RevokedNoPoe, reason) if stamped_later => (SubIndication::Revoked, reason),
        other => other,
    }
}

fn reports(verdict: &CertificateVerdict) -> Vec<CertificateReport> {
    verdict
        .path
        .iter()
        .enumerate()
        .map(|(place, certificate)| CertificateReport::of(certificate, verdict.statuses.get(place)))
        .collect()
}

fn describe(verdict: &CertificateVerdict, report: &mut SignatureReport) {
    report.path = verdict
        .path
        .iter()
        .map(|certificate| certificate.subject().rfc4514)
        .collect();
    report.certificates = reports(verdict);
    let known = |status: &CertificateStatus| *status != CertificateStatus::Unknown;
    let revoked = |status: &CertificateStatus| matches!(status, CertificateStatus::Revoked { .. });
    report.revocation_status = if verdict.statuses.iter().any(revoked) {
        RevocationStatus::Revoked
    } else if verdict.statuses.is_empty() || !verdict.statuses.iter().any(known) {
        RevocationStatus::NotChecked
    } else if verdict.statuses.iter().all(known) {
        RevocationStatus::Good
    } else {
        RevocationStatus::Incomplete
    };
    if matches!(
        report.revocation_status,
        RevocationStatus::NotChecked | RevocationStatus::Incomplete
    ) {
        // First: the circular wants it seen.
        report.warnings.insert(0, Warning::RevocationNotChecked);
    }
}

/// The level as far as this signature can be judged: time-stamps that are not valid raise nothing, nor does what is known
/// of a revocation and not in the document (EN 319 102-1, 5.6: the validation data of B-LT is the signature's own).
fn level(
    evidence: &Evidence<'_>,
    verdict: CertificateVerdict,
    reliance: &Reliance<'_>,
    report: &SignatureReport,
) -> Option<Level> {
    evidence.claimed?;
    let has = |kind| {
        report
            .timestamps
            .iter()
            .any(|stamp| stamp.valid && stamp.kind == kind)
    };
    // In PDF a document time-stamp may stand for the one of the signature (EN 319 142-1, 6.3).
    if !has(TimestampKind::Signature) && !has(TimestampKind::Archive) {
        return Some(Level::BB);
    }
    let known = |status: &CertificateStatus| *status != CertificateStatus::Unknown;
    let by_itself = || {
        let alone = Reliance {
            revocations: Revocations::NONE,
            ..*reliance
        };
        let inside = revocation(verdict.path, evidence.embedded, evidence.brought, &alone);
        inside.statuses.iter().all(known)
    };
    let material = !evidence.brought.is_empty()
        && verdict.statuses.iter().all(known)
        && (reliance.revocations.is_empty() || by_itself());
    match (material, has(TimestampKind::Archive)) {
        (false, _) => Some(Level::BT),
        (true, false) => Some(Level::BLT),
        (true, true) => Some(Level::BLTA),
    }
}
