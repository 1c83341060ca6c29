//! Which certificates a request may be answered with. Read without a PIN.

use std::sync::Arc;

use time::{Duration, OffsetDateTime};
use trien_protocol::limits::MAX_CANDIDATES;
use trien_protocol::prompt::Warning;
use trien_signatures::certificate::Certificate;

use super::{Context, JobError, blocking};
use crate::consent::Candidate;
use crate::tokens::{HeldCertificate, PinNeed, Token, TokenError};
use crate::trust::Trust;

/// From when on a person is told that a certificate ends.
const SOON: Duration = Duration::days(30);

/// What a request needs.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Only this certificate: SHA-256, lower-case hexadecimal.
    pub sha256: Option<&'a str>,
    /// Only certificates of this tax code.
    pub tax_code: Option<&'a str>,
    /// Whether the certificate is for what is asked.
    pub suits: fn(&Certificate) -> bool,
    /// A PIN will be needed: certificates whose PIN is locked are not offered.
    pub signing: bool,
}

/// What there is to choose from, and what goes with a signature by each.
pub struct Found {
    /// Never empty.
    pub candidates: Vec<Candidate>,
    /// Anchors and intermediates, as they were now.
    pub trust: Arc<Trust>,
    /// Every certificate on the tokens: issuers may be among them.
    pub beside: Arc<Vec<Certificate>>,
    /// The time all this was judged at.
    pub now: OffsetDateTime,
}

/// Looks through the tokens.
///
/// # Errors
/// Why nothing can be offered, the most helpful reason first: nothing fits, the certificate has expired, is unsuitable,
/// or locked, or a token failed.
pub async fn find(context: &Context, wanted: Wanted<'_>) -> Result<Found, JobError> {
    let now = OffsetDateTime::now_utc();
    let mut failure = None;
    let mut held = Vec::new();
    for token in context.tokens.tokens().await {
        match token.certificates().await {
            Ok(certificates) => held.extend(certificates.into_iter().map(|one| (Arc::clone(&token), one))),
            Err(error) => {
                tracing::warn!(token = ?token.entry().id.label, %error, "certificates cannot be read");
                failure = Some(error);
            }
        }
    }
    let mut found = Found {
        candidates: Vec::new(),
        trust: Arc::new(context.trust().await?),
        beside: Arc::new(held.iter().map(|(_, one)| one.certificate.clone()).collect()),
        now,
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
        match candidate(token, one, wanted, &found).await {
            Ok(candidate) => found.candidates.push(candidate),
            Err(error) => unfit = Some(error),
        }
    }
    if found.candidates.is_empty() {
        let none = if wanted.sha256.is_some() {
            JobError::CertificateNotFound
        } else {
            JobError::NoCertificate
        };
        return Err(unfit.or(failure.map(JobError::from)).unwrap_or(none));
    }
    Ok(found)
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
    found: &Found,
) -> Result<Candidate, JobError> {
    if !held.certificate.is_valid_at(found.now) {
        return Err(JobError::CertificateExpired);
    }
    if !(wanted.suits)(&held.certificate) {
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
    let warnings = warnings(&held.certificate, token.entry().hardware, found).await?;
    Ok(Candidate {
        held,
        token,
        pin,
        warnings,
    })
}

async fn warnings(
    certificate: &Certificate,
    hardware: bool,
    found: &Found,
) -> Result<Vec<Warning>, JobError> {
    let (trust, beside) = (Arc::clone(&found.trust), Arc::clone(&found.beside));
    let (judged, now) = (certificate.clone(), found.now);
    let reaches = blocking(move || Ok(trust.reaches(&judged, &beside, now))).await?;
    let doubts = [
        (certificate.not_after() - found.now < SOON, Warning::ExpiresSoon),
        // Revocation is not looked up yet: nothing here may look as if it were.
        (true, Warning::StatusUnknown),
        (!reaches, Warning::PathUnknown),
        (!hardware, Warning::SoftwareToken),
    ];
    let warnings = doubts
        .into_iter()
        .filter_map(|(doubtful, warning)| doubtful.then_some(warning));
    Ok(warnings.collect())
}

impl Found {
    /// The certificates between this one and its root.
    ///
    /// # Errors
    /// [`JobError::Internal`] if looking for them broke.
    pub async fn chain(&self, certificate: &Certificate) -> Result<Vec<Certificate>, JobError> {
        let (trust, beside) = (Arc::clone(&self.trust), Arc::clone(&self.beside));
        let (certificate, now) = (certificate.clone(), self.now);
        blocking(move || Ok(trust.chain(&certificate, &beside, now))).await
    }
}

/// A token that failed outright is of no use for what is left of a request.
#[must_use]
pub fn is_lost(error: &TokenError) -> bool {
    !matches!(error, TokenError::Unsupported(_) | TokenError::NoSuchKey)
}
