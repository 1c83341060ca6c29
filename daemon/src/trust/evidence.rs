//! What was known of a signer's certificate when it signed (Circular 15/2025/TT-BKHCN, articles 5.4 and 6): the
//! certificate, its path, the revocation information and what came of it. Stored beside nothing else, listed and erased
//! by the person.
//!
//! One file a request, and in a folder beside them the certificates, lists and answers that they name, each once: a list
//! of many megabytes speaks for every signature until the next one is published.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use trien_signatures::certificate::Certificate;
use trien_signatures::material::ValidationMaterial;
use trien_signatures::report::CertificateReport;
use trien_signatures::validation::CertificateVerdict;

/// Pieces of evidence that are kept; the oldest go first.
const MAX_KEPT: usize = 10_000;

/// How many go at once: what they alone had named is looked for among all that stay.
const GOING: usize = 500;

/// The folder of what evidence names.
const MATERIAL: &str = "material";

/// Whoever writes or erases holds this file.
const LOCK: &str = ".lock";

/// One approval's evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// When it was signed, RFC 3339.
    #[serde(with = "time::serde::rfc3339")]
    pub signed_at: OffsetDateTime,
    /// SHA-256 of each signed document, or of the value of each signature over a bare digest, lower-case hexadecimal, as
    /// the record has it; empty for one that was not signed.
    pub results: Vec<String>,
    /// The signer's certificate, DER in base64.
    pub certificate: String,
    /// From the signer's certificate to the anchor, each with what was known of its revocation; empty without a path.
    pub path: Vec<CertificateReport>,
    /// The rule that was broken, if one was.
    pub finding: Option<String>,
    /// The certificates of the path, and the lists and answers that were at hand about them, as they came: names of
    /// files in the folder `material` beside this one, of the SHA-256 of each and `cer`, `crl` or `ocsp`.
    #[serde(default)]
    pub material: Vec<String>,
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
            material: Vec::new(),
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

    /// Keeps one, with what it rests on.
    ///
    /// # Errors
    /// Of the file system.
    pub fn keep(&self, evidence: &Evidence, material: &ValidationMaterial) -> io::Result<()> {
        create_folder(&self.folder)?;
        let _alone = self.alone()?;
        self.make_room()?;
        let evidence = Evidence {
            material: self.keep_material(material)?,
            ..evidence.clone()
        };
        let mut file = tempfile::Builder::new()
            .prefix(&format!("{:020}-", evidence.signed_at.unix_timestamp_nanos()))
            .suffix(".json")
            .tempfile_in(&self.folder)?;
        file.write_all(&serde_json::to_vec_pretty(&evidence)?)?;
        file.as_file().sync_all()?;
        file.keep().map_err(|error| error.error)?;
        Ok(())
    }

    /// Until it is dropped, nobody else writes or erases here: what has just been written has no evidence that names it.
    fn alone(&self) -> io::Result<fs::File> {
        let mut open = fs::File::options();
        let file = open
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.folder.join(LOCK))?;
        file.lock()?;
        Ok(file)
    }

    /// Puts down what is not here yet, and gives the names of all of it.
    fn keep_material(&self, material: &ValidationMaterial) -> io::Result<Vec<String>> {
        let folder = self.folder.join(MATERIAL);
        create_folder(&folder)?;
        let kinds = [
            (&material.certificates, "cer"),
            (&material.crls, "crl"),
            (&material.ocsp_responses, "ocsp"),
        ];
        let mut names = Vec::new();
        for (pieces, kind) in kinds {
            for piece in pieces {
                let name = format!("{}.{kind}", hex::encode(Sha256::digest(piece)));
                let path = folder.join(&name);
                // It has its name only when it is whole.
                if !path.exists() {
                    let mut file = tempfile::NamedTempFile::new_in(&folder)?;
                    file.write_all(piece)?;
                    file.as_file().sync_all()?;
                    file.persist(&path).map_err(|error| error.error)?;
                }
                names.push(name);
            }
        }
        Ok(names)
    }

    fn make_room(&self) -> io::Result<()> {
        let mut files = self.files()?;
        if files.len() < MAX_KEPT {
            return Ok(());
        }
        files.sort();
        for file in files.iter().take(files.len() - MAX_KEPT + GOING) {
            fs::remove_file(file)?;
        }
        self.sweep()
    }

    /// Erases what no evidence names any more.
    fn sweep(&self) -> io::Result<()> {
        let named: BTreeSet<String> = self.list()?.into_iter().flat_map(|one| one.material).collect();
        let entries = match fs::read_dir(self.folder.join(MATERIAL)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if !entry
                .file_name()
                .to_str()
                .is_some_and(|name| named.contains(name))
            {
                fs::remove_file(entry.path())?;
            }
        }
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

    /// Erases what is older than this time, with what it alone rests on, and says how much that was.
    ///
    /// # Errors
    /// Of the file system.
    pub fn erase_before(&self, time: OffsetDateTime) -> io::Result<usize> {
        if !self.folder.exists() {
            return Ok(0);
        }
        let _alone = self.alone()?;
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
        self.sweep()?;
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

fn create_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
