//! Whom this computer trusts: certificates of root and issuing CAs, as files in one folder.

use std::io::Read;
use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use trien_signatures::certificate::{Certificate, CertificateError};
use trien_signatures::trust::{Anchors, MAX_DEPTH, Reliance};

/// The most files that are read from a folder of certificates.
const MAX_FILES: usize = 1000;

/// The largest file of certificates, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// Endings of files that are taken for certificates; others may lie beside them.
const ENDINGS: [&str; 4] = ["cer", "crt", "der", "pem"];

/// Anchors, and the certificates between them and signers.
#[derive(Debug, Clone, Default)]
pub struct TrustStore {
    anchors: Anchors,
    intermediates: Vec<Certificate>,
}

/// A folder of certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// It, or a file in it, cannot be read.
    #[error("{}: {cause}", file.display())]
    Io {
        /// Which.
        file: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// A file with the ending of a certificate is none.
    #[error("{}: {cause}", file.display())]
    Certificate {
        /// Which.
        file: PathBuf,
        /// Why.
        cause: CertificateError,
    },
    /// More files, or a larger one, than is read.
    #[error("{}: too large", file.display())]
    TooLarge {
        /// Which.
        file: PathBuf,
    },
}

impl TrustStore {
    /// Reads every certificate of a folder, DER or PEM. A self-issued one is an anchor; any other is only a step on the
    /// way to one, and is trusted for nothing by itself. A folder that does not exist trusts nobody.
    ///
    /// # Errors
    /// [`TrustError`]: a broken file is told, not passed over, or an anchor would be missing silently.
    pub fn load(folder: &Path) -> Result<Self, TrustError> {
        let mut store = Self::default();
        for file in certificate_files(folder)? {
            for certificate in read_certificates(&file)? {
                store.add(certificate);
            }
        }
        Ok(store)
    }

    fn add(&mut self, certificate: Certificate) {
        if certificate.is_self_issued() {
            self.anchors.add(certificate);
        } else if !self.intermediates.contains(&certificate) {
            self.intermediates.push(certificate);
        }
    }

    /// True if there is no anchor: then no signature can be found valid.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.anchors.certificates().is_empty()
    }

    /// What a validation at that time relies on.
    #[must_use]
    pub fn reliance(&self, at: OffsetDateTime) -> Reliance<'_> {
        Reliance { anchors: &self.anchors, intermediates: &self.intermediates, at }
    }

    /// The certificates between a signer and his root, as far as they are known, the issuer's first: what goes into a
    /// signature beside the signer's own. Which path is *valid* is for the one who verifies to find out.
    #[must_use]
    pub fn chain_of(&self, signer: &Certificate) -> Vec<Certificate> {
        let mut chain: Vec<Certificate> = Vec::new();
        while chain.len() < MAX_DEPTH {
            let last = chain.last().unwrap_or(signer);
            let next = self.intermediates.iter().find(|next| last.may_be_issued_by(next) && !chain.contains(next));
            match next.cloned() {
                Some(next) => chain.push(next),
                None => break,
            }
        }
        chain
    }
}

fn certificate_files(folder: &Path) -> Result<Vec<PathBuf>, TrustError> {
    let error = |cause| TrustError::Io { file: folder.to_owned(), cause };
    let entries = match std::fs::read_dir(folder) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(error)?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(error)?.path();
        let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
        if path.is_file() && ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str())) {
            files.push(path);
        }
        if files.len() > MAX_FILES {
            return Err(TrustError::TooLarge { file: folder.to_owned() });
        }
    }
    // The order of a folder is anybody's guess; that of a chain must not be.
    files.sort();
    Ok(files)
}

fn read_certificates(file: &Path) -> Result<Vec<Certificate>, TrustError> {
    let io = |cause| TrustError::Io { file: file.to_owned(), cause };
    let mut contents = Vec::new();
    let opened = std::fs::File::open(file).map_err(io)?;
    opened.take(MAX_FILE + 1).read_to_end(&mut contents).map_err(io)?;
    if contents.len() as u64 > MAX_FILE {
        return Err(TrustError::TooLarge { file: file.to_owned() });
    }
    let mut read = Anchors::default();
    read.add_file(&contents).map_err(|cause| TrustError::Certificate { file: file.to_owned(), cause })?;
    Ok(read.certificates().to_vec())
}
