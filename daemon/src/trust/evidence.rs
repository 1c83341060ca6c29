//! What was known of a signer's certificate when it signed (Circular 15/2025/TT-BKHCN, articles 5.4 and 6): the
//! certificate, its path, the revocation information and what came of it. Stored beside nothing else, listed and erased
//! by the person.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use trien_signatures::certificate::Certificate;
use trien_signatures::report::CertificateReport;
use trien_signatures::validation::CertificateVerdict;

/// Pieces of evidence that are kept; the oldest go first.
const MAX_KEPT: usize = 10_000;

/// One approval's evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// When it was signed, RFC 3339.
    #[serde(with = "time::serde::rfc3339")]
    pub signed_at: OffsetDateTime,
    /// SHA-256 of what was signed, lower-case hexadecimal.
    pub results: Vec<String>,
    /// The signer's certificate, DER in base64.
    pub certificate: String,
    /// From the signer's certificate to the anchor, each with what was known of its revocation; empty without a path.
    pub path: Vec<CertificateReport>,
    /// The rule that was broken, if one was.
    pub finding: Option<String>,
}

impl Evidence {
    /// What a verdict says about the certificate that signed.
    #[must_use]
    pub fn of(
        certificate: &Certificate,
        verdict: Option<&CertificateVerdict>,
        results: Vec<String>,
        signed_at: OffsetDateTime,
    ) -> Self {
        let path = verdict.map(|verdict| {
            let links = verdict.path.iter().enumerate();
            links
                .map(|(place, link)| CertificateReport::of(link, verdict.statuses.get(place)))
                .collect()
        });
        Self {
            signed_at,
            results,
            certificate: BASE64.encode(certificate.as_der()),
            path: path.unwrap_or_default(),
            finding: verdict
                .and_then(|verdict| verdict.finding.err())
                .map(|(sub_indication, reason)| format!("{sub_indication:?} {reason:?}")),
        }
    }
}

impl Evidence {
    /// The certificate that signed; none where the file does not hold one.
    #[must_use]
    pub fn signer(&self) -> Option<Certificate> {
        let der = BASE64.decode(&self.certificate).ok()?;
        Certificate::from_der(&der).ok()
    }
}

/// The folder of one user's evidence.
#[derive(Debug, Clone)]
pub struct EvidenceStore {
    folder: PathBuf,
}

impl EvidenceStore {
    /// In this folder, which need not exist yet.
    #[must_use]
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Keeps one.
    ///
    /// # Errors
    /// Of the file system.
    pub fn keep(&self, evidence: &Evidence) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)?;
        let mut files = self.files()?;
        files.sort();
        for file in files.iter().take((files.len() + 1).saturating_sub(MAX_KEPT)) {
            fs::remove_file(file)?;
        }
        let mut file = tempfile::Builder::new()
            .prefix(&format!("{:020}-", evidence.signed_at.unix_timestamp_nanos()))
            .suffix(".json")
            .tempfile_in(&self.folder)?;
        file.write_all(&serde_json::to_vec_pretty(evidence)?)?;
        file.as_file().sync_all()?;
        file.keep().map_err(|error| error.error)?;
        Ok(())
    }

    /// All of it, the oldest first.
    ///
    /// # Errors
    /// Of the file system.
    pub fn list(&self) -> io::Result<Vec<Evidence>> {
        let mut files = self.files()?;
        files.sort();
        Ok(files
            .iter()
            .filter_map(|file| serde_json::from_slice(&fs::read(file).ok()?).ok())
            .collect())
    }

    /// Erases what is older than this time, and says how much that was.
    ///
    /// # Errors
    /// Of the file system.
    pub fn erase_before(&self, time: OffsetDateTime) -> io::Result<usize> {
        let mut erased = 0;
        for file in self.files()? {
            let evidence = fs::read(&file)
                .ok()
                .and_then(|bytes| serde_json::from_slice::<Evidence>(&bytes).ok());
            if evidence.is_none_or(|evidence| evidence.signed_at < time) {
                fs::remove_file(file)?;
                erased += 1;
            }
        }
        Ok(erased)
    }

    fn files(&self) -> io::Result<Vec<PathBuf>> {
        match fs::read_dir(&self.folder) {
            Ok(entries) => Ok(entries
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
                .collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}
