//! What was known of a certificate when it signed, kept beside the record of its signatures.

use std::sync::Arc;

use time::OffsetDateTime;
use trien_signatures::certificate::Certificate;

use super::Context;
use super::candidates::Found;
use crate::trust::Trust;
use crate::trust::evidence::{Evidence, EvidenceStore};

/// Evidence on its way to the disk.
pub(super) struct Knowledge {
    store: EvidenceStore,
    evidence: Evidence,
    trust: Arc<Trust>,
    path: Vec<Certificate>,
}

impl Knowledge {
    /// What is `found` of the signer, without the results.
    pub(super) fn of(context: &Context, found: &Found, signer: &Certificate) -> Self {
        let verdict = found.verdicts.get(&signer.sha256_hex());
        Self {
            store: context.evidence.clone(),
            evidence: Evidence::of(signer, verdict, Vec::new(), OffsetDateTime::now_utc()),
            trust: Arc::clone(&found.trust),
            path: verdict.map(|verdict| verdict.path.clone()).unwrap_or_default(),
        }
    }

    /// Keeps it with the results, as the record has them. The record has the signature by now; that the evidence beside it
    /// is missing is told and no reason to lose it.
    pub(super) fn keep(mut self, results: Vec<String>) {
        self.evidence.results = results;
        self.evidence.signed_at = OffsetDateTime::now_utc();
        let material = self.trust.revocations().about(&self.path);
        if let Err(error) = self.store.keep(&self.evidence, &material) {
            tracing::error!(%error, "the evidence of a signature is not kept");
        }
    }

    /// The same, while the reply is on its way already: a second write to the disk would take as long as the first.
    pub(super) fn keep_meanwhile(self, results: Vec<String>) {
        drop(tokio::task::spawn_blocking(|| self.keep(results)));
    }
}
