//! Raising the level of what is signed: time-stamps, validation material, archive time-stamps. Nobody is asked and no key
//! is used; what leaves is only a digest, to an authority that is configured.
//!
//! A level is claimed only when our own validation finds it: it is never silently a lower one.

use time::OffsetDateTime;
use trien_signatures::algorithm::Hash;
use trien_signatures::augment::{Augment, AugmentError};
use trien_signatures::certificate::Certificate;
use trien_signatures::material::ValidationMaterial;
use trien_signatures::report::{Level, TimestampKind};
use trien_signatures::revocation::{CertificateStatus, Revocations};
use trien_signatures::timestamp::TimestampToken;
use trien_signatures::validation::{self, CertificateVerdict};

use crate::network::{Network, NetworkError};
use crate::trust::Trust;
use crate::trust::revocation::Cache;

/// The hash of our time-stamps.
const HASH: Hash = Hash::Sha256;

/// Why a level was not reached.
#[derive(Debug, thiserror::Error)]
pub enum RaiseError {
    /// Of the format.
    #[error(transparent)]
    Augment(#[from] AugmentError),
    /// No time-stamp was to be had.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The time-stamp that came is not one that we could validate later.
    #[error("the authority {0} is not trusted")]
    Authority(String),
    /// A certificate that would have to be proven leads to no anchor.
    #[error("{0} leads to no anchor")]
    NoPath(String),
    /// Nothing is known about the revocation of a certificate that would have to be proven.
    #[error("nothing is known about the revocation of {0}")]
    StatusUnknown(String),
    /// The certificate is revoked.
    #[error("{0} was revoked")]
    Revoked(String),
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

/// Reads a signed document anew after each step.
pub type Open<'a> = dyn Fn(&[u8]) -> Result<Box<dyn Augment>, AugmentError> + Send + Sync + 'a;

impl Raiser<'_> {
    /// Raises a document to a level. `open` reads it in its format.
    ///
    /// # Errors
    /// [`RaiseError`]; nothing has been made then.
    pub async fn raise(
        &mut self,
        mut document: Vec<u8>,
        level: Level,
        open: &Open<'_>,
    ) -> Result<Vec<u8>, RaiseError> {
        if level >= Level::BT && !has_timestamp(&*open(&document)?)? {
            document = self.stamp(&*open(&document)?, TimestampKind::Signature).await?;
        }
        if level >= Level::BLT {
            document = self.prove(&*open(&document)?).await?;
        }
        if level >= Level::BLTA {
            document = self.stamp(&*open(&document)?, TimestampKind::Archive).await?;
        }
        Ok(document)
    }

    async fn stamp(&mut self, signed: &dyn Augment, kind: TimestampKind) -> Result<Vec<u8>, RaiseError> {
        let prepared = signed.prepare_timestamp(kind, HASH)?;
        let imprint = prepared.imprint().clone();
        let known = self.trust.intermediates().to_vec();
        let token = self.network.timestamp(&imprint, &known).await?;
        self.believe(&token)?;
        Ok(prepared.finish(&token)?)
    }

    /// What we cannot validate ourselves is not embedded.
    fn believe(&self, token: &TimestampToken) -> Result<(), RaiseError> {
        let now = OffsetDateTime::now_utc().max(token.time());
        let verdict = token.validate(&[], Revocations::NONE, &self.trust.reliance(now));
        verdict.map(drop).map_err(|(_, reason)| {
            let named = token.certificates().first().map(|one| one.subject().rfc4514);
            RaiseError::Authority(format!("{} ({reason:?})", named.unwrap_or_default()))
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
        }
        let mut once = ValidationMaterial::default();
        once.merge(&material);
        Ok(once)
    }

    /// Puts in what says whether a certificate of a path to an anchor is revoked: fetched, else the lists at hand.
    async fn look_up(
        &mut self,
        certificate: &Certificate,
        issuer: &Certificate,
        material: &mut ValidationMaterial,
    ) {
        let fetched = fetch(self.network, certificate, issuer, self.cache).await;
        let known = self.trust.revocations_mut();
        for response in fetched.responses() {
            material.ocsp_responses.push(response.as_der().to_vec());
            known.add_response(response.clone());
        }
        for crl in fetched.crls() {
            known.add_crl(crl.clone());
        }
        if fetched.responses().is_empty() {
            let lists = self
                .trust
                .crls()
                .iter()
                .filter(|crl| crl.is_signed_by(issuer, false));
            material.crls.extend(lists.map(|crl| crl.as_der().to_vec()));
        }
    }
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

/// Whether every signer has a time-stamp already.
fn has_timestamp(signed: &dyn Augment) -> Result<bool, RaiseError> {
    Ok(signed.has_timestamp(TimestampKind::Signature)?)
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
            if let Some(Err(error)) = cache.map(|cache| cache.keep_crl(&crl)) {
                tracing::warn!(%error, "a CRL is not kept");
            }
            found.add_crl(crl);
        }
        Err(NetworkError::NoAddress) => {}
        Err(error) => tracing::info!(%error, "no CRL"),
    }
    found
}
