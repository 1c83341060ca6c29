//! Raising the level of what is signed: time-stamps, validation material, archive time-stamps. Nobody is asked and no key
//! is used; what leaves is only a digest, to an authority that is configured.
//!
//! A level is claimed only when our own validation finds it: what is raised is validated as a whole before anybody gets
//! it, and it is never silently at a lower level.

mod form;
mod on_disk;

use std::sync::Arc;

use time::OffsetDateTime;
use trien_signatures::algorithm::Hash;
use trien_signatures::augment::{Augment, AugmentError};
use trien_signatures::certificate::Certificate;
use trien_signatures::material::ValidationMaterial;
use trien_signatures::report::{
    Format, Indication, Integrity, Level, Reason, Report, SignatureReport, TimestampKind,
};
use trien_signatures::revocation::{CertificateStatus, Revocations};
use trien_signatures::timestamp::{Imprint, TimestampToken};
use trien_signatures::trust::Reliance;
use trien_signatures::validation::{self, CertificateVerdict};

pub(super) use form::begins_container;
pub use form::{
    Beside, ContainerEnd, Containing, Enclosing, Form, MAX_RAISED_JWS, MAX_RAISED_ZIP, PdfEnd, Skeleton,
    Whole,
};
pub use on_disk::{LyingFile, OnDisk, OnDiskError, lying_container, lying_pdf};

use crate::jobs::verify_documents::Unreadable;
use crate::network::{Doubt, Network, NetworkError};
use crate::trust::Trust;
use crate::trust::revocation::Cache;

/// The hash of our time-stamps.
const HASH: Hash = Hash::Sha256;

/// Time-stamps of one kind that a document gets in one go at the most: one for each signature beside the first.
const MAX_STAMPS: usize = 63;

/// Why a level was not reached.
#[derive(Debug, thiserror::Error)]
pub enum RaiseError {
    /// Of the format.
    #[error(transparent)]
    Augment(#[from] AugmentError),
    /// No time-stamp was to be had.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A certificate that would have to be proven leads to no anchor.
    #[error("{0} leads to no anchor")]
    NoPath(String),
    /// Nothing is known about the revocation of a certificate that would have to be proven.
    #[error("nothing is known about the revocation of {0}")]
    StatusUnknown(String),
    /// The certificate is revoked.
    #[error("{0} was revoked")]
    Revoked(String),
    /// Nothing that is signed can be read in what is to be raised.
    #[error("the document cannot be read: {0}")]
    Input(Unreadable),
    /// Our own validation cannot read the result.
    #[error("the document cannot be validated: {0}")]
    Unreadable(String),
    /// The result has another number of signatures.
    #[error("{after} signatures where {before} were")]
    Lost {
        /// Signatures of the document.
        before: usize,
        /// Signatures of what would have become of it.
        after: usize,
    },
    /// Our own validation does not find in the result what it should be.
    #[error("the raised document does not validate: {indication:?} at level {level:?} ({reason:?})")]
    NotValidated {
        /// What it finds of a signature.
        indication: Indication,
        /// Its level.
        level: Option<Level>,
        /// Why it is no better.
        reason: Option<Reason>,
    },
}

impl RaiseError {
    /// Whether the same may succeed later.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::Network(_) | Self::StatusUnknown(_))
    }
}

/// What became of a document.
#[derive(Debug)]
pub struct Augmented {
    /// The document, or the part of it that was handed in.
    pub document: Vec<u8>,
    /// The lowest level that our validation finds in it. None if it finds none: nobody whom it trusts vouches for the
    /// signer, say.
    pub level: Option<Level>,
    /// Signatures of which it finds no level.
    pub without_level: usize,
}

/// What raising works with.
pub struct Raiser<'a> {
    /// Who is asked.
    pub network: &'a Network,
    /// What the new parts are judged by.
    pub trust: &'a mut Trust,
    /// Where answers are kept.
    pub cache: Option<&'a Cache>,
}

impl Raiser<'_> {
    /// Raises a document to a level, and validates the result as a whole.
    ///
    /// # Errors
    /// [`RaiseError`]; nothing has been made then.
    pub async fn raise(
        &mut self,
        document: impl Into<Arc<Vec<u8>>>,
        level: Level,
        form: &dyn Form,
    ) -> Result<Augmented, RaiseError> {
        let mut document = document.into();
        let before = self.judge(&document, form).map_err(RaiseError::Input)?;
        has_levels(&before)?;
        let several = before.signatures.len() > 1;
        if level >= Level::BT {
            let opened = form.open(&document)?;
            if !opened.has_timestamp(TimestampKind::Signature)? {
                document = self.stamp(&*opened, TimestampKind::Signature).await?.into();
                drop(opened);
                if several {
                    document = self
                        .stamp_others(document, TimestampKind::Signature, form)
                        .await?;
                }
            }
        }
        if level >= Level::BLT {
            document = self.prove(&*form.open(&document)?).await?.into();
        }
        if level >= Level::BLTA {
            let opened = form.open(&document)?;
            if several && opened.places()? > 1 && opened.has_timestamp(TimestampKind::Archive)? {
                drop(opened);
                document = self.renew(document, form).await?;
            } else {
                document = self.stamp(&*opened, TimestampKind::Archive).await?.into();
                drop(opened);
                if several {
                    document = self.stamp_others(document, TimestampKind::Archive, form).await?;
                }
            }
        }
        let after = self.validate(&document, form)?;
        compare(&before, &after, level)?;
        Ok(Augmented {
            document: Arc::unwrap_or_clone(document),
            level: lowest(&after),
            without_level: raised(&after).filter(|one| one.level.is_none()).count(),
        })
    }

    /// Raises a document as far as it goes now, for who goes on later: what is stamped once is not stamped again then.
    /// Gives what it became, and what keeps it from the level if that may pass.
    ///
    /// # Errors
    /// [`RaiseError`] that does not pass; nothing has been made then.
    pub async fn climb(
        &mut self,
        document: Vec<u8>,
        level: Level,
        form: &dyn Form,
    ) -> Result<(Vec<u8>, Option<RaiseError>), RaiseError> {
        let mut document = Arc::new(document);
        let reached = lowest(&self.judge(&document, form).map_err(RaiseError::Input)?);
        let steps = [Level::BT, Level::BLT, Level::BLTA];
        for step in steps
            .into_iter()
            .filter(|step| *step <= level && reached.is_none_or(|reached| reached < *step))
        {
            match self.raise(Arc::clone(&document), step, form).await {
                Ok(raised) => document = raised.document.into(),
                Err(error) if error.may_pass() => {
                    return Ok((Arc::unwrap_or_clone(document), Some(error)));
                }
                Err(error) => return Err(error),
            }
        }
        Ok((Arc::unwrap_or_clone(document), None))
    }

    fn judge(&self, document: &[u8], form: &dyn Form) -> Result<Report, Unreadable> {
        form.verify(document, &self.trust.reliance(OffsetDateTime::now_utc()))
    }

    fn validate(&self, document: &[u8], form: &dyn Form) -> Result<Report, RaiseError> {
        let judged = self.judge(document, form);
        judged.map_err(|error| RaiseError::Unreadable(error.to_string()))
    }

    /// Stamps what one time-stamp did not stamp: in some formats each signature has its own.
    async fn stamp_others(
        &mut self,
        mut document: Arc<Vec<u8>>,
        kind: TimestampKind,
        form: &dyn Form,
    ) -> Result<Arc<Vec<u8>>, RaiseError> {
        for _ in 0..MAX_STAMPS {
            let opened = form.open(&document)?;
            if opened.has_timestamp(kind)? {
                break;
            }
            document = self.stamp(&*opened, kind).await?.into();
        }
        Ok(document)
    }

    /// Gives each signature that has its own archive time-stamp another one, before the authority of the last one ends
    /// (EN 319 102-1, 5.6.3). One that another signature covers cannot change any more: what covers it is stamped.
    async fn renew(
        &mut self,
        mut document: Arc<Vec<u8>>,
        form: &dyn Form,
    ) -> Result<Arc<Vec<u8>>, RaiseError> {
        let before = self.validate(&document, form)?;
        let mut last_error = None;
        let mut renewed = false;
        let places = form.open(&document)?.places()?;
        for place in (0..places).rev().take(MAX_STAMPS + 1) {
            let opened = form.open(&document)?;
            let prepared = opened.prepare_renewal(place, HASH)?;
            drop(opened);
            let token = self.token(prepared.imprint()).await?;
            let stamped = prepared.finish(&token)?;
            match compare(&before, &self.validate(&stamped, form)?, Level::BLTA) {
                Ok(()) => (document, renewed) = (stamped.into(), true),
                Err(error) => {
                    tracing::info!(%error, place, "a signature cannot be stamped without another one breaking");
                    last_error = Some(error);
                }
            }
        }
        match last_error {
            Some(error) if !renewed => Err(error),
            _ => Ok(document),
        }
    }

    async fn stamp(&mut self, signed: &dyn Augment, kind: TimestampKind) -> Result<Vec<u8>, RaiseError> {
        let prepared = signed.prepare_timestamp(kind, HASH)?;
        let token = self.token(prepared.imprint()).await?;
        match prepared.finish(&token) {
            // How large the answers of an authority are is known from its first one.
            Err(AugmentError::NoRoom { needed, reserved }) => {
                tracing::info!(needed, reserved, "a time-stamp found no room");
                let larger = signed.prepare_larger_timestamp(kind, HASH, token.as_der().len())?;
                let token = self.token(larger.imprint()).await?;
                Ok(larger.finish(&token)?)
            }
            finished => Ok(finished?),
        }
    }

    async fn token(&self, imprint: &Imprint) -> Result<TimestampToken, NetworkError> {
        let known = self.trust.intermediates().to_vec();
        let believe = |token: &TimestampToken| self.believe(token);
        self.network.timestamp(imprint, &known, believe).await
    }

    /// What we cannot validate ourselves is not embedded.
    fn believe(&self, token: &TimestampToken) -> Result<(), Doubt> {
        let now = OffsetDateTime::now_utc().max(token.time());
        let verdict = token.validate(&[], Revocations::NONE, &self.trust.reliance(now));
        verdict.map(drop).map_err(|(_, reason)| {
            let named = token.certificates().first().map(|one| one.subject().rfc4514);
            Doubt {
                authority: named.unwrap_or_default(),
                reason,
            }
        })
    }

    /// Adds the paths of signers and authorities and the status of every certificate on them.
    async fn prove(&mut self, signed: &dyn Augment) -> Result<Vec<u8>, RaiseError> {
        let material = self.gather(signed).await?;
        Ok(signed.add_material(&material)?)
    }

    async fn gather(&mut self, signed: &dyn Augment) -> Result<ValidationMaterial, RaiseError> {
        let proven = signed.to_be_proven()?;
        let mut material = ValidationMaterial::default();
        let now = OffsetDateTime::now_utc();
        let brought = Revocations::read(&proven.material);
        for leaf in &proven.leaves {
            let judge = |trust: &Trust| {
                validation::certificate(leaf, &proven.embedded, &brought, &trust.reliance(now))
            };
            let path = judge(self.trust).path;
            if path.is_empty() {
                return Err(RaiseError::NoPath(leaf.subject().rfc4514));
            }
            for certificate in &path {
                material.certificates.push(certificate.as_der().to_vec());
            }
            for pair in path.windows(2) {
                if let [certificate, issuer] = pair {
                    self.look_up(certificate, issuer, &mut material).await;
                }
            }
            all_good(&judge(self.trust))?;
            // Whoever validates it elsewhere has what is in it, and nothing else.
            let mut inside = proven.material.clone();
            inside.merge(&material);
            let reliance = Reliance {
                revocations: Revocations::NONE,
                ..self.trust.reliance(now)
            };
            let inside = Revocations::read(&inside);
            all_good(&validation::certificate(
                leaf,
                &proven.embedded,
                &inside,
                &reliance,
            ))?;
        }
        let mut once = ValidationMaterial::default();
        once.merge(&material);
        Ok(once)
    }

    /// Puts in what says whether a certificate of a path to an anchor is revoked: fetched where that is allowed, else
    /// what is at hand.
    async fn look_up(
        &mut self,
        certificate: &Certificate,
        issuer: &Certificate,
        material: &mut ValidationMaterial,
    ) {
        let fetched = match self.network.rules().revocation {
            true => fetch(self.network, certificate, issuer, self.cache).await,
            false => Revocations::default(),
        };
        let known = self.trust.revocations_mut();
        for response in fetched.responses() {
            material.ocsp_responses.push(response.as_der().to_vec());
            known.add_response(response.clone());
        }
        for crl in fetched.crls() {
            known.add_crl(crl.clone());
        }
        if fetched.responses().is_empty() {
            let known = self.trust.reliance(OffsetDateTime::now_utc()).revocations;
            let lists = known.crls().iter().filter(|crl| crl.is_signed_by(issuer, false));
            material.crls.extend(lists.map(|crl| crl.as_der().to_vec()));
            let answers = known.responses().iter();
            let about_it = answers.filter(|answer| answer.answers(certificate, issuer));
            let newest = about_it.max_by_key(|answer| answer.produced_at());
            material
                .ocsp_responses
                .extend(newest.map(|answer| answer.as_der().to_vec()));
        }
    }
}

fn signatures(report: &Report) -> impl Iterator<Item = &SignatureReport> {
    let all = report.signatures.iter();
    all.filter(|one| one.format != Format::DocumentTimeStamp)
}

/// Signatures of the document itself, which are what is raised: a confirmation of one of them stays as it is.
fn raised(report: &Report) -> impl Iterator<Item = &SignatureReport> {
    signatures(report).filter(|one| one.format != Format::CounterSignature)
}

/// The level that every valid signature has reached which has levels.
fn lowest(report: &Report) -> Option<Level> {
    let valid = raised(report).filter(|one| one.indication == Indication::TotalPassed);
    valid.filter_map(|one| one.level).min()
}

/// Valid signatures of a form that has no levels (`adbe.pkcs7.detached`, say) are raised only beside others.
fn has_levels(report: &Report) -> Result<(), RaiseError> {
    let mut valid = raised(report).filter(|one| one.indication == Indication::TotalPassed);
    match lowest(report).is_none() && valid.next().is_some() {
        true => Err(AugmentError::Unsupported.into()),
        false => Ok(()),
    }
}

/// No signature may be broken or worse than it was, and what is valid has to be at the level, if its form has levels.
///
/// A signature that did not pass before (its signer leads to no anchor of ours, say) may be raised all the same, as long
/// as it stays intact.
fn compare(before: &Report, after: &Report, level: Level) -> Result<(), RaiseError> {
    has_levels(after)?;
    let (before, after): (Vec<_>, Vec<_>) = (signatures(before).collect(), signatures(after).collect());
    if before.len() != after.len() {
        return Err(RaiseError::Lost {
            before: before.len(),
            after: after.len(),
        });
    }
    for (was, is) in before.into_iter().zip(after) {
        let broken = is.integrity == Integrity::Broken
            || was.integrity == Integrity::Intact && is.integrity != Integrity::Intact;
        let failed = was.indication == Indication::TotalPassed && is.indication != Indication::TotalPassed;
        let below = is.level.map_or(was.level.is_some(), |reached| reached < level);
        let has_to = is.format != Format::CounterSignature;
        let is_low = has_to && is.indication == Indication::TotalPassed && below;
        if broken || failed || is_low {
            return Err(RaiseError::NotValidated {
                indication: is.indication,
                level: is.level,
                reason: is.reason,
            });
        }
    }
    Ok(())
}

/// Every certificate of a path is known not to be revoked.
fn all_good(verdict: &CertificateVerdict) -> Result<(), RaiseError> {
    for (status, certificate) in verdict.statuses.iter().zip(&verdict.path) {
        let name = || certificate.subject().rfc4514;
        match status {
            CertificateStatus::Good(_) => {}
            CertificateStatus::Revoked { .. } => return Err(RaiseError::Revoked(name())),
            CertificateStatus::Unknown => return Err(RaiseError::StatusUnknown(name())),
        }
    }
    Ok(())
}

/// What responders and lists say about a certificate of a path to an anchor: an answer if there is one, else the list.
pub async fn fetch(
    network: &Network,
    certificate: &Certificate,
    issuer: &Certificate,
    cache: Option<&Cache>,
) -> Revocations {
    let mut found = Revocations::default();
    match network.ocsp(certificate, issuer).await {
        Ok(response) => {
            let kept = cache.map(|cache| cache.keep_response(certificate, &response));
            if let Some(Err(error)) = kept {
                tracing::warn!(%error, "an OCSP answer is not kept");
            }
            found.add_response(response);
            return found;
        }
        Err(NetworkError::NoAddress) => {}
        Err(error) => tracing::info!(%error, "no OCSP answer"),
    }
    match network.crl(certificate).await {
        Ok(crl) => {
            // Plain HTTP: a list by nobody knows who must not take the place of one that is kept.
            let kept = cache.filter(|_| crl.is_signed_by(issuer, false));
            if let Some(Err(error)) = kept.map(|cache| cache.keep_crl(&crl, issuer)) {
                tracing::warn!(%error, "a CRL is not kept");
            }
            found.add_crl(crl);
        }
        Err(NetworkError::NoAddress) => {}
        Err(error) => tracing::info!(%error, "no CRL"),
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use trien_signatures::report::SubIndication;

    type Row = (Integrity, Indication, Option<Level>);

    fn report(all: &[Row]) -> Report {
        let signatures = all.iter().map(|(integrity, indication, level)| SignatureReport {
            integrity: *integrity,
            indication: *indication,
            sub_indication: (*indication != Indication::TotalPassed)
                .then_some(SubIndication::NoCertificateChainFound),
            level: *level,
            ..SignatureReport::new(Format::Pades)
        });
        Report {
            validated_at: OffsetDateTime::UNIX_EPOCH,
            signatures: signatures.collect(),
            findings: Vec::new(),
        }
    }

    #[test]
    fn what_is_raised_is_at_its_level_and_no_worse_than_it_was() {
        let passed = |level| (Integrity::Intact, Indication::TotalPassed, level);
        let strange = (Integrity::Intact, Indication::Indeterminate, None);
        let broken = (Integrity::Broken, Indication::TotalFailed, None);
        let basic = passed(Some(Level::BB));
        let without = passed(None);
        let passed = |level| passed(Some(level));
        let rows: [(&[Row], &[Row], bool); 13] = [
            (&[basic], &[passed(Level::BT)], true),
            // The level is not reached, or a signature is lost on the way.
            (&[basic], &[basic], false),
            (&[basic], &[], false),
            (&[basic], &[passed(Level::BT), passed(Level::BT)], false),
            // One that nobody here trusts stays what it was, and may not fall.
            (&[basic, strange], &[passed(Level::BLT), strange], true),
            (
                &[strange],
                &[(Integrity::NotChecked, Indication::Indeterminate, None)],
                false,
            ),
            (&[basic], &[strange], false),
            (&[broken], &[broken], false),
            // A form without levels is at none, and stands beside one that is.
            (&[without], &[without], false),
            (&[basic], &[without], false),
            (&[basic, without], &[passed(Level::BT), without], true),
            (&[basic, without], &[without, passed(Level::BT)], false),
            (&[strange, without], &[strange, without], false),
        ];
        for (before, after, fits) in rows {
            let compared = compare(&report(before), &report(after), Level::BT);
            assert_eq!(compared.is_ok(), fits, "{before:?} {after:?}: {compared:?}");
        }
    }

    #[test]
    fn a_confirmation_stays_at_its_level_and_may_not_be_broken() {
        let passed = |level| (Integrity::Intact, Indication::TotalPassed, Some(level));
        let with = |signature: Row, confirmation: Row| {
            let mut both = report(&[signature, confirmation]);
            both.signatures[1].format = Format::CounterSignature;
            both
        };
        let before = with(passed(Level::BB), passed(Level::BB));
        let after = with(passed(Level::BT), passed(Level::BB));
        assert!(compare(&before, &after, Level::BT).is_ok());
        assert_eq!(lowest(&after), Some(Level::BT));
        assert!(
            compare(&before, &before, Level::BT).is_err(),
            "the signature itself"
        );
        for worse in [
            (Integrity::Broken, Indication::TotalFailed, None),
            (Integrity::Intact, Indication::Indeterminate, None),
        ] {
            let after = with(passed(Level::BT), worse);
            assert!(compare(&before, &after, Level::BT).is_err(), "{worse:?}");
        }
    }

    #[test]
    fn time_stamps_of_the_document_are_nobodys_signature() {
        let mut after = report(&[(Integrity::Intact, Indication::TotalPassed, Some(Level::BLTA))]);
        after
            .signatures
            .push(SignatureReport::new(Format::DocumentTimeStamp));
        let before = report(&[(Integrity::Intact, Indication::TotalPassed, Some(Level::BB))]);
        assert!(compare(&before, &after, Level::BLTA).is_ok());
    }
}
