//! References by digest to what proves a signature (CompleteCertificateRefs, complete-certificate-references and their
//! like): whoever made them meant these certificates, CRLs and OCSP responses and no others.

use super::Evidence;
use crate::algorithm::Hash;
use crate::report::{SignatureReport, Warning};
use crate::trust::Reliance;

/// References of one kind, in one signature, that are looked at.
pub(crate) const MAX_REFERENCES: usize = 1024;

/// What a reference is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Referenced {
    Certificate,
    Crl,
    OcspResponse,
}

/// One reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) to: Referenced,
    /// None where the hash is not known, or the reference cannot be read.
    pub(crate) digest: Option<(Hash, Vec<u8>)>,
}

/// Warns when something is referred to that is neither in the document nor known here: what its maker proved the
/// signature with may then have been something else than what it is judged by.
pub(crate) fn compare(
    references: &[Reference],
    evidence: &Evidence<'_>,
    reliance: &Reliance<'_>,
    report: &mut SignatureReport,
) {
    let missing = [Referenced::Certificate, Referenced::Crl, Referenced::OcspResponse]
        .into_iter()
        .any(|to| {
            let digests: Vec<_> = references
                .iter()
                .filter(|reference| reference.to == to)
                .map(|reference| reference.digest.as_ref())
                .collect();
            // Each piece is hashed once for each hash that is in use, however many references there are.
            let known: Vec<(Hash, Vec<Vec<u8>>)> = Hash::KNOWN
                .into_iter()
                .filter(|hash| digests.iter().flatten().any(|(used, _)| used == hash))
                .map(|hash| (hash, digests_of(to, hash, evidence, reliance)))
                .collect();
            digests.iter().any(|digest| {
                digest.is_none_or(|(hash, digest)| {
                    !known
                        .iter()
                        .any(|(used, all)| used == hash && all.contains(digest))
                })
            })
        });
    if missing {
        report.warn(Warning::ReferencedMaterialMissing);
    }
}

/// The digests of everything of a kind that is here.
fn digests_of(to: Referenced, hash: Hash, evidence: &Evidence<'_>, reliance: &Reliance<'_>) -> Vec<Vec<u8>> {
    let revocations = [evidence.brought, reliance.revocations];
    match to {
        Referenced::Certificate => evidence
            .embedded
            .iter()
            .chain([evidence.signer])
            .chain(reliance.intermediates)
            .chain(reliance.anchors.certificates())
            .map(|certificate| certificate.digest(hash))
            .collect(),
        Referenced::Crl => revocations
            .iter()
            .flat_map(|revocations| revocations.crls())
            .map(|crl| hash.digest(crl.as_der()))
            .collect(),
        // Makers differ in which of the two they take the digest of.
        Referenced::OcspResponse => revocations
            .iter()
            .flat_map(|revocations| revocations.responses())
            .flat_map(|response| [response.as_der(), response.basic_der()])
            .map(|der| hash.digest(der))
            .collect(),
    }
}
