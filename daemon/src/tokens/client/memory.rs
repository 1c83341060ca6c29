//! Certificates that a token shows only after login, kept for when nobody is logged in.

use std::io;
use std::path::{Path, PathBuf};

use super::Worker;
use crate::tokens::wire::{CertificateRecord, TokenName};

impl Worker {
    /// Keeps certificates that show only after login, for this process and for others of this user. A certificate is no
    /// secret; that a token hides it is its maker's taste.
    pub(in crate::tokens) fn remember(&self, token: &TokenName, records: &[CertificateRecord]) {
        if let Some(file) = self.memory_of(token) {
            let written = serde_json::to_vec(records)
                .map_err(io::Error::other)
                .and_then(|bytes| {
                    std::fs::create_dir_all(file.parent().unwrap_or(Path::new("/")))?;
                    let mut new = tempfile::NamedTempFile::new_in(file.parent().unwrap_or(Path::new("/")))?;
                    io::Write::write_all(&mut new, &bytes)?;
                    new.persist(&file).map_err(|error| error.error)
                });
            if let Err(error) = written {
                tracing::warn!(%error, "the certificates of this token are forgotten again");
            }
        }
    }

    /// What was kept of a token.
    pub(in crate::tokens) fn remembered(&self, token: &TokenName) -> Vec<CertificateRecord> {
        let kept = self.memory_of(token).and_then(|file| std::fs::read(file).ok());
        kept.and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// None of a token that has a twin: nobody could say whose they are.
    fn memory_of(&self, token: &TokenName) -> Option<PathBuf> {
        use sha2::Digest;
        if token.place.is_some() {
            return None;
        }
        let name = format!("{}\n{}\n{}", self.name(), token.serial, token.label);
        let name = hex::encode(&sha2::Sha256::digest(name)[..16]);
        self.0
            .switches
            .as_ref()
            .map(|folder| folder.join(format!("{name}.certificates")))
    }
}
