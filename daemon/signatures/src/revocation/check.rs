//! What the revocation information at hand says about a certificate at a time, and whether who says it may
//! (RFC 5280, 6.3; RFC 6960, 4.2.2.2).

use std::collections::BTreeMap;

use time::OffsetDateTime;

use super::crl::{Crl, Entry};
use super::ocsp::{OcspResponse, Verdict};
use super::scope::{self, ALL_REASONS};
use super::{CLOCK_SKEW, CertificateStatus, FRESH, HOLD, Revocations, Source, SourceKind};
use crate::certificate::extension::PURPOSE_OCSP_SIGNING;
use crate::certificate::{Certificate, name};
use crate::cms::tlv::Malformed;
use crate::trust::{self, PathVerdict, Policies, Reliance};

/// `removeFromCRL` (RFC 5280, 5.3.1)
const REMOVED: u8 = 8;

/// How many signers of revocation information may stand behind each other.
const MAX_DEPTH: usize = 3;

/// Certificates that are tried as the signer of one list or response.
const MAX_SIGNERS: usize = 8;

/// Whose status is wanted.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) certificate: &'a Certificate,
    /// The next one on the path.
    pub(crate) issuer: &'a Certificate,
    /// The end of the path.
    pub(crate) anchor: &'a Certificate,
    /// Certificates of the document, among which signers of lists may be.
    pub(crate) embedded: &'a [Certificate],
    /// What the document brings.
    pub(crate) brought: &'a Revocations,
    /// For which time.
    pub(crate) at: OffsetDateTime,
    /// How many signers of revocation information this one stands behind.
    pub(crate) depth: usize,
}

/// The status of a certificate at a time. Of several sources the newest counts; of equally new ones the one that says
/// it is revoked.
pub(crate) fn status(asked: &Asked<'_>, reliance: &Reliance<'_>) -> CertificateStatus {
    if asked.depth > MAX_DEPTH {
        return CertificateStatus::Unknown;
    }
    let sources = [asked.brought, reliance.revocations];
    let mut known: Vec<(OffsetDateTime, CertificateStatus)> = Vec::new();
    for response in sources.iter().flat_map(|source| &source.responses) {
        known.extend(by_response(asked, response, reliance));
    }
    let crls: Vec<&Crl> = sources.iter().flat_map(|source| &source.crls).collect();
    known.extend(by_lists(asked, &crls, reliance));
    let revoked = |status: &CertificateStatus| matches!(status, CertificateStatus::Revoked { .. });
    let newest = known
        .into_iter()
        .max_by_key(|(this_update, status)| (*this_update, revoked(status)));
    newest.map_or(CertificateStatus::Unknown, |(_, status)| status)
}

/// Whether information of these times speaks about the time that is asked for: made after it, or in force then; and not
/// from the future.
fn in_force(
    asked: &Asked<'_>,
    reliance: &Reliance<'_>,
    this_update: OffsetDateTime,
    next_update: Option<OffsetDateTime>,
) -> bool {
    let until = next_update.unwrap_or(this_update + FRESH);
    is_past(this_update, reliance) && (this_update >= asked.at || until >= asked.at)
}

fn is_past(this_update: OffsetDateTime, reliance: &Reliance<'_>) -> bool {
    this_update <= reliance.now + CLOCK_SKEW
}

/// Whether it says that the certificate was revoked for good before the time that is asked for. That stays true, however
/// old the information is, and is said of a certificate that has expired as well: it is what is *not* said that counts only
/// as long as it would be said.
fn is_for_good(asked: &Asked<'_>, entry: Option<Entry>) -> bool {
    entry.is_some_and(|entry| entry.since <= asked.at && ![HOLD, REMOVED].contains(&entry.reason))
}

/// As a status at the time that is asked for: what was revoked later was not revoked then.
fn verdict(asked: &Asked<'_>, entry: Option<Entry>, source: Source) -> CertificateStatus {
    match entry {
        Some(Entry { since, reason }) if since <= asked.at => CertificateStatus::Revoked {
            since,
            reason,
            source,
        },
        _ => CertificateStatus::Good(source),
    }
}

fn by_response(
    asked: &Asked<'_>,
    response: &OcspResponse,
    reliance: &Reliance<'_>,
) -> Option<(OffsetDateTime, CertificateStatus)> {
    let answer = response.about(asked.certificate, asked.issuer)?;
    let source = Source {
        source: SourceKind::Ocsp,
        this_update: answer.this_update,
        next_update: answer.next_update,
    };
    let entry = match answer.verdict {
        Verdict::Good => None,
        Verdict::Revoked { since, reason } => Some(Entry { since, reason }),
        Verdict::Unknown => return None,
    };
    let in_force =
        answer.knows(asked.certificate) && in_force(asked, reliance, answer.this_update, answer.next_update);
    let counts = in_force || is_past(answer.this_update, reliance) && is_for_good(asked, entry);
    (counts && is_authorised(asked, response, reliance))
        .then(|| (answer.this_update, verdict(asked, entry, source)))
}

/// A response is made by the issuer itself, or by whom the issuer certified for it (RFC 6960, 4.2.2.2).
fn is_authorised(asked: &Asked<'_>, response: &OcspResponse, reliance: &Reliance<'_>) -> bool {
    let sha1 = reliance.sha1;
    if response.names(asked.issuer) && response.is_signed_by(asked.issuer, sha1) {
        return true;
    }
    let known = response
        .certificates()
        .iter()
        .chain(asked.embedded)
        .chain(reliance.intermediates);
    known
        .filter(|certificate| response.names(certificate))
        .take(MAX_SIGNERS)
        .any(|responder| {
            speaks_for(responder, response, asked.issuer, sha1)
                && (responder.has_ocsp_no_check()
                    || !is_revoked(asked, responder, asked.issuer, response.produced_at(), reliance))
        })
}

/// Whether this certificate's key made a response, and is certified by the issuer to make such.
fn speaks_for(responder: &Certificate, response: &OcspResponse, issuer: &Certificate, sha1: bool) -> bool {
    let for_it = responder
        .purposes()
        .is_some_and(|(_, purposes)| purposes.contains(&PURPOSE_OCSP_SIGNING));
    for_it
        && responder.is_valid_at(response.produced_at())
        && responder.may_be_issued_by(issuer)
        && responder.is_signed_by(issuer, sha1) == Ok(true)
        && response.is_signed_by(responder, sha1)
}

/// Whether a response that has just come is the issuer's, or of a responder that came with it and is the issuer's.
pub(super) fn is_of(response: &OcspResponse, issuer: &Certificate) -> bool {
    let by_the_issuer = response.names(issuer) && response.is_signed_by(issuer, false);
    let mut others = response.certificates().iter().filter(|one| response.names(one));
    by_the_issuer || others.any(|responder| speaks_for(responder, response, issuer, false))
}

/// Whether information of these times is in force now.
pub(super) fn is_fresh(
    now: OffsetDateTime,
    this_update: OffsetDateTime,
    next_update: Option<OffsetDateTime>,
) -> bool {
    this_update <= now + CLOCK_SKEW && next_update.unwrap_or(this_update + FRESH) >= now
}

/// Whether a signer of revocation information is itself known to have been revoked when it made it, which may be long
/// after the time that is asked for.
fn is_revoked(
    asked: &Asked<'_>,
    signer: &Certificate,
    issuer: &Certificate,
    made: OffsetDateTime,
    reliance: &Reliance<'_>,
) -> bool {
    let question = Asked {
        certificate: signer,
        issuer,
        at: asked.at.max(made),
        depth: asked.depth + 1,
        ..*asked
    };
    matches!(status(&question, reliance), CertificateStatus::Revoked { .. })
}

/// A list that counts, for which reasons, and who made it.
struct Kept<'a> {
    crl: &'a Crl,
    mask: u16,
    signer: &'a Certificate,
    /// Whether it also counts that it says nothing of the certificate.
    silent: bool,
}

/// Lists may each speak for a part of the reasons; only together they may say that a certificate is good. A revocation
/// in any of them counts.
fn by_lists(
    asked: &Asked<'_>,
    crls: &[&Crl],
    reliance: &Reliance<'_>,
) -> Option<(OffsetDateTime, CertificateStatus)> {
    let points = asked.certificate.distribution_points().ok()?;
    // Of lists by one key for the same scope the newest counts: an authority that was given a new key under its old name
    // may go on with a list by each.
    let mut newest: BTreeMap<Vec<u8>, Kept<'_>> = BTreeMap::new();
    for crl in crls.iter().filter(|crl| !crl.is_delta()) {
        let Some(mask) = scope::covered(crl, asked.certificate, &points) else {
            continue;
        };
        let in_force = in_force(asked, reliance, crl.this_update(), crl.next_update());
        let silent = in_force && keeps(crl.this_update(), crl.keeps_expired_since, asked.certificate);
        let counts = silent || {
            let listed = listed(asked, crl).ok().flatten();
            in_force && listed.is_some() || is_past(crl.this_update(), reliance) && is_for_good(asked, listed)
        };
        let Some(signer) = counts.then(|| signer(asked, crl, reliance)).flatten() else {
            continue;
        };
        let point = format!("{:?}", crl.point);
        let scope = [crl.issuer_der(), point.as_bytes(), signer.public_key_der()].concat();
        let is_newer = newest
            .get(&scope)
            .is_none_or(|other| other.crl.this_update() < crl.this_update());
        if is_newer {
            let kept = Kept {
                crl,
                mask,
                signer,
                silent,
            };
            newest.insert(scope, kept);
        }
    }
    let has_its_own = newest.values().any(|list| is_same_key(list.signer, asked.issuer));
    let mut reasons = 0;
    let mut oldest: Option<Source> = None;
    let mut unreadable = false;
    for kept in newest.into_values() {
        let Kept {
            crl,
            mask,
            signer,
            silent,
        } = kept;
        let answers = accounts_for(asked, crl, signer, has_its_own);
        let Some((entry, source)) = entry(asked, (crl, signer), crls, reliance) else {
            unreadable |= answers;
            continue;
        };
        let status = verdict(asked, entry, source);
        if matches!(status, CertificateStatus::Revoked { .. }) {
            return Some((source.this_update, status));
        }
        if !answers || !silent && entry.is_none() {
            continue;
        }
        reasons |= mask;
        if oldest.is_none_or(|oldest| source.this_update < oldest.this_update) {
            oldest = Some(source);
        }
    }
    let source = oldest.filter(|_| reasons == ALL_REASONS && !unreadable)?;
    Some((source.this_update, CertificateStatus::Good(source)))
}

fn is_same_key(one: &Certificate, other: &Certificate) -> bool {
    one.public_key_der() == other.public_key_der()
}

/// Whether a certificate that is not on this list is not revoked by it. A list by the key that issued the certificate
/// answers for it, and one of somebody whom its distribution point appoints. One by another key under the issuer's name
/// does where the issuer keeps a key for lists alone, or where one of the two keys certifies the other; two keys that
/// both issue certificates and lists, each certified by whoever is above, may each have a list of their own.
fn accounts_for(asked: &Asked<'_>, crl: &Crl, signer: &Certificate, has_its_own: bool) -> bool {
    let issuer = asked.issuer;
    if is_same_key(signer, issuer) || !name::same(crl.issuer_der(), issuer.subject_der()) {
        return true;
    }
    let certifies =
        |one: &Certificate, other: &Certificate| one.is_ca() && other.is_signed_by(one, true) == Ok(true);
    !has_its_own
        && (!issuer.may_sign_crls()
            || !signer.is_ca()
            || certifies(issuer, signer)
            || certifies(signer, issuer))
}

/// What a list and the newest delta to it say; nothing when one of them cannot be read to the end.
fn entry(
    asked: &Asked<'_>,
    (crl, maker): (&Crl, &Certificate),
    crls: &[&Crl],
    reliance: &Reliance<'_>,
) -> Option<(Option<Entry>, Source)> {
    let source = |crl: &Crl| Source {
        source: SourceKind::Crl,
        this_update: crl.this_update(),
        next_update: crl.next_update(),
    };
    let number = |number: &Option<Vec<u8>>| number.as_deref().map(magnitude);
    let delta = crls
        .iter()
        .filter(|delta| {
            let after = delta.delta_to.as_deref().map(magnitude) <= number(&crl.number)
                && number(&delta.number) > number(&crl.number);
            delta.is_delta()
                && crl.number.is_some()
                && after
                && !delta.not_understood
                && delta.point == crl.point
                && delta.authority_key == crl.authority_key
                && name::same(delta.issuer_der(), crl.issuer_der())
                && (in_force(asked, reliance, delta.this_update(), delta.next_update())
                    || is_past(delta.this_update(), reliance)
                        && is_for_good(asked, listed(asked, delta).ok().flatten()))
                && signer(asked, delta, reliance).is_some_and(|signer| is_same_key(signer, maker))
        })
        .max_by_key(|delta| delta.this_update());
    let base = listed(asked, crl).ok()?;
    let Some(delta) = delta else {
        return Some((base, source(crl)));
    };
    let entry = match listed(asked, delta).ok()? {
        Some(entry) if entry.reason == REMOVED => None,
        Some(entry) => Some(entry),
        None => base,
    };
    Some((entry, source(delta)))
}

/// The entry of a list about the certificate.
fn listed(asked: &Asked<'_>, crl: &Crl) -> Result<Option<Entry>, Malformed> {
    crl.find(asked.certificate.serial(), asked.certificate.issuer_der())
}

/// An INTEGER that sorts by its value.
fn magnitude(number: &[u8]) -> (usize, Vec<u8>) {
    let significant: Vec<u8> = number.iter().copied().skip_while(|octet| *octet == 0).collect();
    (significant.len(), significant)
}

/// Whether information of this time would name the certificate if it had been revoked. A CA may drop certificates from its
/// list once they have expired, unless the list says that it does not (X.509, `expiredCertsOnCRL`), and a responder may
/// forget them, unless its answer says how far back it remembers (RFC 6960, 4.4.4).
pub(super) fn keeps(
    this_update: OffsetDateTime,
    expired_since: Option<OffsetDateTime>,
    certificate: &Certificate,
) -> bool {
    this_update <= certificate.not_after()
        || expired_since.is_some_and(|since| since <= certificate.not_after())
}

/// Who made a list: the issuer, or somebody of the list's issuer name with a path of his own to the same anchor
/// (RFC 5280, 6.3.3 (f)).
fn signer<'a>(asked: &Asked<'a>, crl: &Crl, reliance: &Reliance<'a>) -> Option<&'a Certificate> {
    let by = |signer: &Certificate| {
        name::same(signer.subject_der(), crl.issuer_der())
            && signer.may_sign_crls()
            && crl.is_signed_by(signer, reliance.sha1)
    };
    if let Some(own) = [asked.issuer, asked.anchor].into_iter().find(|one| by(one)) {
        return Some(own);
    }
    if asked.depth >= MAX_DEPTH {
        return None;
    }
    let known = reliance.intermediates.iter().chain(asked.embedded);
    known
        .filter(|signer| **signer != *asked.certificate && by(signer))
        .take(MAX_SIGNERS)
        .find(|signer| {
            let made = crl.this_update();
            let reliance = Reliance {
                at: asked.at.max(made),
                policies: Policies::ANY,
                ..*reliance
            };
            let PathVerdict::Trusted { path } = trust::validate_any_path(signer, asked.embedded, &reliance)
            else {
                return false;
            };
            let same_anchor = path.last() == Some(asked.anchor);
            same_anchor
                && path.windows(2).all(|pair| {
                    let [signer, issuer] = pair else { return false };
                    !is_revoked(asked, signer, issuer, made, &reliance)
                })
        })
}
