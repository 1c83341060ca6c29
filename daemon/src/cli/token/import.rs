//! `trien token import`: a key out of a file, with its certificates, onto a token.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha1::{Digest, Sha1};
use spki::SubjectPublicKeyInfoRef;
use trien_signatures::certificate::Certificate;
use zeroize::Zeroizing;

use super::access::{enter, find};
use super::check_label;
use super::keys::{MAX_KEY_LABEL, read_certificates};
use crate::cli::pin::{self, PinArguments};
use crate::cli::sign::failed;
use crate::cli::{CliError, Shell, wording};
use crate::language::{Arguments, arguments};
use crate::tokens::key_file::{self, KeyFile, KeyFileError};
use crate::tokens::{ModuleSession, SigningSession, Token, TokenError, TokenKey};

/// The longest `--id`, in bytes.
const MAX_ID: usize = 64;

/// The longest password that is taken, in bytes.
const MAX_PASSWORD: usize = 1024;

/// Of `trien token import`.
#[derive(Debug, clap::Args)]
pub struct ImportArguments {
    /// The token's label or serial number.
    #[arg(long)]
    token: String,
    /// The file with the key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Files with certificates.
    #[arg(long, value_name = "FILE")]
    cert: Vec<PathBuf>,
    /// What the key is called.
    #[arg(long)]
    label: Option<String>,
    /// `CKA_ID`, hexadecimal.
    #[arg(long)]
    id: Option<String>,
    /// The password of the file is the first line of this file.
    #[arg(long)]
    password_file: Option<PathBuf>,
    /// The PIN.
    #[command(flatten)]
    pin: PinArguments,
}

/// A key and what goes onto the token with it.
pub(super) struct Import {
    key: KeyFile,
    label: String,
    id: Vec<u8>,
    /// Label, `CKA_ID` and certificate; the key's own first.
    certificates: Vec<(String, Vec<u8>, Certificate)>,
}

impl Import {
    /// Reads everything and sees that it belongs together, before any token is touched.
    pub(super) fn prepare(
        key: &Path,
        certificates: &[PathBuf],
        label: Option<&str>,
        id: Option<&str>,
        password: impl FnOnce() -> Result<Zeroizing<Vec<u8>>, CliError>,
    ) -> Result<Self, CliError> {
        let mut file = read_key(key, password)?;
        let mut beside = std::mem::take(&mut file.certificates);
        for certificate in certificates {
            beside.extend(read_certificates(certificate)?);
        }
        let id = match id {
            Some(text) => given_id(text)?,
            None => key_id(&file.public_key),
        };
        let own = beside
            .iter()
            .position(|certificate| certificate.public_key_der() == file.public_key);
        if let (Some(own), false) = (own, beside.is_empty()) {
            beside.swap(0, own);
        } else if !beside.is_empty() {
            return Err(CliError::failed("token-import-no-match", in_file(key)));
        }
        let label = match label.map(str::to_owned).or_else(|| file.name.take()) {
            Some(label) => label,
            None => beside
                .first()
                .map_or_else(|| stem(key), |own| common_name(own).unwrap_or_else(|| stem(key))),
        };
        check_label(&label, MAX_KEY_LABEL)?;
        let certificates = named(beside, &file, &label, &id);
        Ok(Self {
            key: file,
            label,
            id,
            certificates,
        })
    }

    /// Puts it on the token, if nothing like it is there.
    pub(super) async fn put(&self, session: &ModuleSession) -> Result<TokenKey, CliError> {
        let there = session.keys().await.map_err(|error| failed(&error.into()))?;
        let taken = |key, label: &str| CliError::misuse(key, arguments([("label", label.to_owned())]));
        for key in &there {
            if key.public_key.as_deref() == Some(&self.key.public_key) {
                return Err(taken("token-import-there", &key.label));
            }
            if key.key.id == self.id {
                return Err(taken("token-import-id-taken", &key.label));
            }
            if key.label == self.label {
                return Err(taken("token-key-taken", &key.label));
            }
        }
        let certificates: Vec<_> = self
            .certificates
            .iter()
            .map(|(label, id, certificate)| (label.clone(), id.clone(), certificate))
            .collect();
        session
            .import(&self.key, &self.label, &self.id, &certificates)
            .await
            .map_err(|error| match error {
                // Nothing is being signed.
                TokenError::Unsupported(_) => {
                    let facts = arguments([("algorithm", self.key.algorithm.clone())]);
                    CliError::failed("token-import-not-taken", facts)
                }
                other => failed(&other.into()),
            })
    }
}

pub(super) async fn run(import: &ImportArguments, shell: &Shell) -> Result<(), CliError> {
    let password = || match &import.password_file {
        Some(file) => password_in(file),
        None => pin::secret(shell, "token-import-password"),
    };
    let (label, id) = (import.label.as_deref(), import.id.as_deref());
    let prepared = Import::prepare(&import.key, &import.cert, label, id, password)?;
    let token = find(&import.token, shell).await?;
    let session = enter(&token, &import.pin, shell).await?;
    let put = prepared.put(&session).await;
    Box::new(session).close().await;
    let key = put?;
    let certificates = &prepared.certificates;
    let value = json!({
        "token": token.entry().id.label,
        "label": key.label,
        "id": hex::encode(&key.key.id),
        "algorithm": prepared.key.algorithm,
        "certificates": certificates.iter().map(|(_, _, held)| held.sha256_hex()).collect::<Vec<_>>(),
    });
    shell.answer(&value, || {
        let facts = arguments([
            ("label", key.label.clone()),
            ("algorithm", prepared.key.algorithm.clone()),
            ("certificates", certificates.len().to_string()),
        ]);
        shell.text("token-imported", &facts)
    });
    Ok(())
}

/// Tries without a password first, so that nobody is asked for one that is not needed.
fn read_key(
    path: &Path,
    password: impl FnOnce() -> Result<Zeroizing<Vec<u8>>, CliError>,
) -> Result<KeyFile, CliError> {
    let bytes = read_limited(path, key_file::MAX_FILE)?;
    let read = match key_file::read(&bytes, None) {
        Err(KeyFileError::PasswordNeeded) => key_file::read(&bytes, Some(&password()?)),
        other => other,
    };
    read.map_err(|error| {
        let key = match &error {
            KeyFileError::NoKey => "token-import-no-key",
            KeyFileError::SeveralKeys => "token-import-several-keys",
            KeyFileError::PasswordNeeded | KeyFileError::PasswordWrong => "token-import-password-wrong",
            KeyFileError::Unsupported(_) => "token-import-unsupported",
            KeyFileError::TooCostly => "token-import-too-costly",
            KeyFileError::Inconsistent => "token-import-inconsistent",
        };
        let mut facts = in_file(path);
        if let KeyFileError::Unsupported(what) = error {
            facts.insert("what".into(), what.into());
        }
        CliError::failed(key, facts)
    })
}

fn read_limited(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let unreadable = |error| CliError::file("cli-unreadable", path, &error);
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    // With room for all from the start, nothing is moved and left behind unwiped.
    let mut bytes = Zeroizing::new(vec![0; limit + 1]);
    let mut length = 0;
    loop {
        match file.read(&mut bytes[length..]).map_err(unreadable)? {
            0 => break,
            more => length += more,
        }
    }
    if length > limit {
        let facts = [
            ("file", path.display().to_string()),
            ("limit", wording::size(limit as u64)),
        ];
        return Err(CliError::failed("cli-too-large", arguments(facts)));
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// The first line of a file.
pub(super) fn password_in(path: &Path) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let mut bytes = read_limited(path, MAX_PASSWORD)?;
    let line = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    if let Some(end) = line {
        bytes.truncate(end);
    }
    Ok(bytes)
}

fn given_id(text: &str) -> Result<Vec<u8>, CliError> {
    match hex::decode(text) {
        Ok(id) if (1..=MAX_ID).contains(&id.len()) => Ok(id),
        _ => Err(CliError::misuse(
            "token-import-bad-id",
            arguments([("value", text.to_owned())]),
        )),
    }
}

/// SHA-1 of the public key's bits, as certificates name keys (RFC 5280, 4.2.1.2, method 1): the same key gets the same
/// `CKA_ID` on every token.
fn key_id(public_key: &[u8]) -> Vec<u8> {
    let bits = der::Decode::from_der(public_key)
        .ok()
        .and_then(|info: SubjectPublicKeyInfoRef<'_>| info.subject_public_key.as_bytes().map(<[u8]>::to_vec));
    Sha1::digest(bits.as_deref().unwrap_or(public_key)).to_vec()
}

/// The key's own certificates get its name and id, those of its issuers their own.
fn named(
    certificates: Vec<Certificate>,
    key: &KeyFile,
    label: &str,
    id: &[u8],
) -> Vec<(String, Vec<u8>, Certificate)> {
    let with_name = |certificate: Certificate| {
        let certified = certificate.public_key_der();
        if certified == key.public_key {
            (label.to_owned(), id.to_vec(), certificate)
        } else {
            let name = common_name(&certificate).unwrap_or_else(|| certificate.subject().rfc4514);
            let id = key_id(certified);
            (name, id, certificate)
        }
    };
    certificates.into_iter().map(with_name).collect()
}

fn common_name(certificate: &Certificate) -> Option<String> {
    let name = certificate.subject().common_name?;
    check_label(&name, MAX_KEY_LABEL).is_ok().then_some(name)
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn in_file(path: &Path) -> Arguments {
    arguments([("file", path.display().to_string())])
}
