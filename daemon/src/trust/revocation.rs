//! Revocation lists and OCSP answers that were fetched or imported: one file each, replaced only by newer ones.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};
use trien_protocol::error::Bilingual;
use trien_signatures::certificate::Certificate;
use trien_signatures::material::MAX_CRL;
use trien_signatures::revocation::{Crl, OcspResponse, RevocationError, Revocations};

use super::Passed;

/// The most files that are kept; the oldest go first.
const MAX_FILES: usize = 2000;

/// A folder of lists and answers.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// In this folder, which need not exist yet.
    #[must_use]
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where they lie.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Keeps a list that this issuer's key made, unless one by the same key for the same scope is there that is not
    /// older. True if it is kept.
    ///
    /// # Errors
    /// Of the file system.
    pub fn keep_crl(&self, crl: &Crl, issuer: &Certificate) -> io::Result<bool> {
        let path = self.folder.join(format!("{}.crl", name(crl, issuer)));
        let newer = fs::read(&path)
            .ok()
            .and_then(|bytes| Crl::from_der(&bytes).ok())
            .is_some_and(|present| present.this_update() >= crl.this_update());
        if newer {
            return Ok(false);
        }
        self.write(&path, crl.as_der())?;
        Ok(true)
    }

    /// Keeps an answer about a certificate, unless one that was made later is there.
    ///
    /// # Errors
    /// Of the file system.
    pub fn keep_response(&self, certificate: &Certificate, response: &OcspResponse) -> io::Result<()> {
        let path = self.folder.join(format!("{}.ocsp", certificate.sha256_hex()));
        let newer = fs::read(&path)
            .ok()
            .and_then(|bytes| OcspResponse::from_der(&bytes).ok())
            .is_some_and(|present| present.produced_at() > response.produced_at());
        if newer {
            return Ok(());
        }
        self.write(&path, response.as_der())
    }

    /// Adds everything that can be read; the rest is named in `faults`.
    pub(super) fn fill(&self, revocations: &mut Revocations, faults: &mut Vec<Bilingual>) {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return;
        };
        for entry in entries.flatten().take(MAX_FILES) {
            let path = entry.path();
            let read = read(&path).and_then(|bytes| {
                match path.extension().and_then(|extension| extension.to_str()) {
                    Some("crl") => Crl::from_der(&bytes).map(|crl| revocations.add_crl(crl)).ok(),
                    Some("ocsp") => OcspResponse::from_der(&bytes)
                        .map(|response| revocations.add_response(response))
                        .ok(),
                    _ => Some(()),
                }
            });
            if read.is_none() {
                faults.push(Passed::NoAnswer.of(&path));
            }
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)?;
        self.make_room()?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }

    fn make_room(&self) -> io::Result<()> {
        let mut files: Vec<_> = fs::read_dir(&self.folder)?
            .flatten()
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        if files.len() >= MAX_FILES {
            files.sort();
            for (_, path) in files.iter().take(files.len() + 1 - MAX_FILES) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).ok()?;
    file.take(MAX_CRL as u64 + 1).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Lists of one issuer for different scopes, and deltas, are different files; so are lists by different keys under one
/// name.
fn name(crl: &Crl, issuer: &Certificate) -> String {
    let scope = crl.scope();
    hex::encode(
        Sha256::new()
            .chain_update(Sha256::digest(issuer.public_key_der()))
            .chain_update(crl.issuer_der())
            .chain_update(scope)
            .finalize(),
    )
}

/// The lists of a file, in its order: one in DER, or all of a PEM text (`X509 CRL`), which may hold other things beside
/// them. An error stands for a block that calls itself a list and is none; a file without a list gives nothing.
#[must_use]
pub fn read_crls(bytes: &[u8]) -> Vec<Result<Crl, RevocationError>> {
    const BEGIN: &str = "-----BEGIN X509 CRL-----";
    const END: &str = "-----END X509 CRL-----";
    if bytes.first() == Some(&0x30) {
        return Crl::from_der(bytes).ok().map(Ok).into_iter().collect();
    }
    let mut blocks = std::str::from_utf8(bytes).unwrap_or_default().split(BEGIN);
    blocks.next();
    let lists = blocks.map(|block| {
        let (body, _) = block.split_once(END).ok_or(RevocationError::Malformed)?;
        let dense: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let der = BASE64.decode(dense).map_err(|_| RevocationError::Malformed)?;
        Crl::from_der(&der)
    });
    lists.collect()
}

/// Whether a PEM text holds anything but lists.
#[must_use]
pub fn holds_others(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let count = |label: &str| text.matches(label).count();
    count("-----BEGIN ") > count("-----BEGIN X509 CRL-----")
}
