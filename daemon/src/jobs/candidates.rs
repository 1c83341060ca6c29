//! Which certificates a request may be answered with. Read without a PIN.

use std::collections::BTreeMap;
use std::sync::Arc;

use time::{Duration, OffsetDateTime};
use trien_protocol::limits::MAX_CANDIDATES;
use trien_protocol::prompt::{QuestionKind, ShownDocument, Warning};
use trien_signatures::certificate::Certificate;
use trien_signatures::report::SubIndication;
use trien_signatures::revocation::CertificateStatus;
use trien_signatures::validation::CertificateVerdict;

use super::recent::Held;
use super::{Context, JobError, augment};
use crate::consent::{Candidate, Offer};
use crate::tokens::{AtHand, HeldCertificate, InReach, PinNeed, Token, TokenError, may_hide_more};
use crate::trust::Trust;

/// From when on a person is told that a certificate ends.
const SOON: Duration = Duration::days(30);

/// How long the responders and lists of all certificates together may take, while the person waits for the question.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(15);

/// `CKR_FUNCTION_FAILED`
const FUNCTION_FAILED: u64 = 0x06;

/// What a request needs.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// Only this certificate: SHA-256, lower-case hexadecimal.
    pub sha256: Option<&'a str>,
    /// Only certificates of this tax code.
    pub tax_code: Option<&'a str>,
    /// Whether the certificate is for what is asked.
    pub suits: &'a (dyn Fn(&Certificate) -> bool + Sync),
    /// A PIN will be needed: certificates whose PIN is locked are not offered.
    pub signing: bool,
}

/// What there is to choose from, and what goes with a signature by each.
pub struct Found {
    /// Never empty.
    pub candidates: Vec<Candidate>,
    /// Those that would fit but for the date; the person is told of them, and a page is not.
    pub not_valid_now: Vec<Certificate>,
    /// Anchors, intermediates and what is known of revocations, as they were now.
    pub trust: Arc<Trust>,
    /// Every certificate on the tokens: issuers may be among them.
    pub beside: Arc<Vec<Certificate>>,
    /// What was known of each candidate's certificate, by its SHA-256.
    pub verdicts: BTreeMap<String, CertificateVerdict>,
    /// The time all this was judged at.
    pub now: OffsetDateTime,
    /// Until when responders and lists are waited for.
    patience: tokio::time::Instant,
}

/// Looks through the tokens. Where certificates at hand fit, and nothing is signed yet, no card is asked for those that
/// take longer: they are on offer a moment later.
///
/// # Errors
/// Why nothing can be offered, the most helpful reason first: nothing fits, the certificate has expired, is unsuitable,
/// or locked, or a token or the smart card service failed. Of certificates that were asked for by a tax code, none of
/// this: whether one carries it that cannot be used is not for a page to find out.
pub async fn find(context: &Context, wanted: Wanted<'_>) -> Result<Found, JobError> {
    // The trust folder is looked at while the modules look at their tokens.
    let (sight, trust) = tokio::join!(look(context, wanted, wanted.signing), async { context.trust() });
    let more = sight.more;
    match among(context, wanted, sight, Arc::clone(&trust)).await {
        Err(_) if more => among(context, wanted, look(context, wanted, true).await, trust).await,
        done => done,
    }
}

async fn among(
    context: &Context,
    wanted: Wanted<'_>,
    sight: Sight,
    trust: Arc<Trust>,
) -> Result<Found, JobError> {
    let now = OffsetDateTime::now_utc();
    let Sight {
        held,
        hidden,
        failure,
        ..
    } = sight;
    let mut found = Found {
        candidates: Vec::new(),
        not_valid_now: Vec::new(),
        trust,
        verdicts: BTreeMap::new(),
        beside: Arc::new(held.iter().map(|(_, one)| one.certificate.clone()).collect()),
        now,
        patience: tokio::time::Instant::now() + PATIENCE,
    };
    let mut unfit = None;
    for (token, one) in held
        .into_iter()
        .filter(|(_, one)| wanted.names(one) && context.prompter.considers(one))
    {
        if found.candidates.len() >= MAX_CANDIDATES {
            tracing::warn!("more than {MAX_CANDIDATES} certificates fit: the rest are not offered");
            break;
        }
        match candidate(token, one, wanted, context, &mut found).await {
            Ok((candidate, verdict)) => {
                let name = candidate.held.certificate.sha256_hex();
                found.verdicts.insert(name, verdict);
                found.candidates.push(candidate);
            }
            Err(_) if wanted.tax_code.is_some() => {}
            Err(error) => unfit = Some(error),
        }
    }
    if found.candidates.is_empty() {
        let none = match wanted.sha256 {
            Some(_) => JobError::CertificateNotFound,
            None if hidden => JobError::CertificatesHidden,
            None => JobError::NoCertificate,
        };
        return Err(match unfit.or(failure.map(JobError::from)) {
            Some(JobError::CertificateExpired(_)) => JobError::CertificateExpired(found.not_valid_now),
            Some(error) => error,
            None => none,
        });
    }
    Ok(found)
}

/// What the tokens show.
#[derive(Default)]
struct Sight {
    held: Vec<Held>,
    /// A token that shows no certificate of a key may have some.
    hidden: bool,
    failure: Option<TokenError>,
    /// Tokens may hold more certificates than these.
    more: bool,
}

/// Looks at every token, unless the one that a signature is wanted of was looked at a moment ago; `all` certificates, or
/// those at hand.
async fn look(context: &Context, wanted: Wanted<'_>, all: bool) -> Sight {
    let changes = *context.changes.borrow();
    let named = wanted.sha256.filter(|_| wanted.signing);
    if let Some(certificate) = named
        && let Some(held) = context.recent.anew(certificate, changes).await
    {
        return Sight {
            held,
            ..Sight::default()
        };
    }
    let in_reach = match all {
        true => context.tokens.tokens().await,
        false => context.tokens.glance().await,
    };
    let InReach { tokens, hindrance } = in_reach;
    let mut sight = Sight {
        failure: hindrance,
        ..Sight::default()
    };
    for token in tokens {
        let read = match all {
            true => token.certificates().await.map(AtHand::all),
            false => token.certificates_at_hand().await,
        };
        match read {
            Ok(AtHand { certificates, more }) => {
                sight.hidden |= may_hide_more(&certificates) && hides(&*token).await;
                sight.more |= more;
                let held = certificates.into_iter().map(|one| (Arc::clone(&token), one));
                sight.held.extend(held);
            }
            Err(error) => {
                tracing::warn!(token = ?token.entry().id.label, %error, "certificates cannot be read");
                sight.failure = Some(error);
            }
        }
    }
    // Nobody signs with a token by a name that is not its own.
    if sight.held.iter().all(|(token, _)| token.is_named()) {
        context.recent.keep(&sight.held, changes);
    }
    sight
}

/// Whether a token that shows no certificate of a key may have some that show after login. A page cannot have anybody log in for
/// that: the person does it once, at the command line.
async fn hides(token: &dyn Token) -> bool {
    matches!(
        token.pin().await,
        Ok(PinNeed::Pipe { .. } | PinNeed::Reader { .. })
    )
}

impl Wanted<'_> {
    fn names(&self, held: &HeldCertificate) -> bool {
        let subject_fits = |code| held.certificate.subject().tax_code.as_deref() == Some(code);
        held.key.is_some()
            && !held.certificate.is_ca()
            && self
                .sha256
                .is_none_or(|wanted| held.certificate.sha256_hex() == wanted)
            && self.tax_code.is_none_or(subject_fits)
    }
}

async fn candidate(
    token: Arc<dyn Token>,
    held: HeldCertificate,
    wanted: Wanted<'_>,
    context: &Context,
    found: &mut Found,
) -> Result<(Candidate, CertificateVerdict), JobError> {
    let suits = (wanted.suits)(&held.certificate);
    if !held.certificate.is_valid_at(found.now) {
        if suits && found.not_valid_now.len() < MAX_CANDIDATES {
            found.not_valid_now.push(held.certificate);
        }
        return Err(JobError::CertificateExpired(Vec::new()));
    }
    if !suits {
        return Err(JobError::CertificateUnsuitable);
    }
    let pin = if wanted.signing {
        token.pin().await?
    } else {
        PinNeed::NotNeeded
    };
    if pin == PinNeed::Locked {
        return Err(JobError::Login(crate::tokens::LoginError::Locked));
    }
    let status = status(&held.certificate, context, found).await?;
    let warnings = warnings(&held.certificate, token.entry().hardware, &status, found);
    let candidate = Candidate {
        held,
        token,
        pin,
        warnings,
        good_as_of: good_as_of(&status),
    };
    Ok((candidate, status))
}

/// What is known of a certificate before it signs (Circular 15/2025/TT-BKHCN, article 5.1a and Annex II): its path, and
/// the revocation of every certificate on it, looked up where the configuration says so. What was learnt counts for the
/// other certificates of the request too.
async fn status(
    certificate: &Certificate,
    context: &Context,
    found: &mut Found,
) -> Result<CertificateVerdict, JobError> {
    let mut verdict = found.judge(certificate);
    let unknown = |verdict: &CertificateVerdict| verdict.statuses.contains(&CertificateStatus::Unknown);
    if context.network.rules().revocation && unknown(&verdict) {
        for (pair, status) in verdict.path.windows(2).zip(&verdict.statuses) {
            let ([certificate, issuer], CertificateStatus::Unknown) = (pair, status) else {
                continue;
            };
            let asked = augment::fetch(&context.network, certificate, issuer, Some(&context.revocation));
            let Ok(fetched) = tokio::time::timeout_at(found.patience, asked).await else {
                tracing::warn!("whether certificates are revoked was not to be learnt in time");
                break;
            };
            let known = Arc::make_mut(&mut found.trust).revocations_mut();
            fetched.crls().iter().for_each(|crl| known.add_crl(crl.clone()));
            fetched
                .responses()
                .iter()
                .for_each(|response| known.add_response(response.clone()));
        }
        verdict = found.judge(certificate);
    }
    let revoked = |status: &CertificateStatus| matches!(status, CertificateStatus::Revoked { .. });
    if verdict.statuses.iter().any(revoked) {
        return Err(JobError::CertificateRevoked);
    }
    if context.rules.require_revocation && (verdict.path.is_empty() || unknown(&verdict)) {
        return Err(JobError::CertificateStatusUnknown);
    }
    Ok(verdict)
}

/// As of when nothing on the path was revoked, if that is known of all of it.
fn good_as_of(verdict: &CertificateVerdict) -> Option<OffsetDateTime> {
    let as_of = |status: &CertificateStatus| match status {
        CertificateStatus::Good(source) => Some(source.this_update),
        CertificateStatus::Revoked { .. } | CertificateStatus::Unknown => None,
    };
    let known: Option<Vec<_>> = verdict.statuses.iter().map(as_of).collect();
    known?.into_iter().min()
}

fn warnings(
    certificate: &Certificate,
    hardware: bool,
    status: &CertificateVerdict,
    found: &Found,
) -> Vec<Warning> {
    let known = !status.statuses.is_empty() && !status.statuses.contains(&CertificateStatus::Unknown);
    let weak = matches!(status.finding, Err((SubIndication::CryptoConstraintsFailure, _)));
    let doubts = [
        (certificate.key().is_roca(), Warning::RocaKey),
        (certificate.not_after() - found.now < SOON, Warning::ExpiresSoon),
        // An anchor that signs for itself has nobody who could revoke it.
        (!known && status.path.len() != 1, Warning::StatusUnknown),
        (status.path.is_empty() && !weak, Warning::PathUnknown),
        (weak, Warning::WeakAlgorithm),
        (!hardware, Warning::SoftwareToken),
    ];
    let warnings = doubts
        .into_iter()
        .filter_map(|(doubtful, warning)| doubtful.then_some(warning));
    warnings.collect()
}

impl Found {
    /// What is known of a certificate now.
    fn judge(&self, certificate: &Certificate) -> CertificateVerdict {
        self.trust.judge(certificate, &self.beside, self.now)
    }

    /// The certificates between this one and its root.
    #[must_use]
    pub fn chain(&self, certificate: &Certificate) -> Vec<Certificate> {
        self.trust.chain(certificate, &self.beside, self.now)
    }

    /// A question for one of these, about these documents and nothing else that the person would have to see.
    #[must_use]
    pub fn offer(&self, kind: QuestionKind, documents: Vec<ShownDocument>) -> Offer {
        Offer {
            kind,
            documents,
            left_out: None,
            signature: None,
            candidates: self.candidates.clone(),
            not_valid_now: self.not_valid_now.clone(),
            contents: None,
        }
    }
}

/// A token that failed outright is of no use for what is left of a request. One that only says that it could not do
/// this once, which is all that `CKR_FUNCTION_FAILED` says (PKCS #11 3.1, 5.1.1), may do the next.
#[must_use]
pub fn is_lost(error: &TokenError) -> bool {
    !matches!(
        error,
        TokenError::Unsupported(_)
            | TokenError::NoSuchKey
            | TokenError::Answered {
                number: FUNCTION_FAILED
            }
    )
}
