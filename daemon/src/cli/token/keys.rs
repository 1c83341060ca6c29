//! Key pairs on a token, from the generation to the certificate.

use std::io::Read;
use std::path::Path;

use serde_json::json;
use trien_signatures::certificate::{self, Certificate};
use x509_cert::name::Name;

use super::access::{enter, find};
use super::check_label;
use crate::cli::pin::{self, PinArguments};
use crate::cli::report::printable;
use crate::cli::sign::failed;
use crate::cli::{CliError, Shell, output};
use crate::jobs::JobError;
use crate::language::{Arguments, arguments};
use crate::tokens::distinguished_name::{self, BadName};
use crate::tokens::pcsc::DRIVER;
use crate::tokens::pcsc::piv::slot::Slot;
use crate::tokens::request::{PreparedRequest, RequestError};
use crate::tokens::{KeyAlgorithm, ModuleSession, SigningSession, Token, TokenEntry, TokenError, TokenKey};

/// `CKA_LABEL` has no limit of its own; tokens have.
pub(super) const MAX_KEY_LABEL: usize = 64;

/// What is to be generated.
pub(super) struct NewKey<'a> {
    pub(super) algorithm: &'a str,
    pub(super) label: &'a str,
    pub(super) subject: Option<&'a str>,
    /// The file with the card's management key, for cards that have one.
    pub(super) management_key: Option<&'a Path>,
}

pub(super) async fn generate(
    token: &str,
    wanted: &NewKey<'_>,
    out: Option<&Path>,
    pin: &PinArguments,
    shell: &Shell,
) -> Result<(), CliError> {
    check_label(wanted.label, MAX_KEY_LABEL)?;
    let algorithm: KeyAlgorithm = wanted.algorithm.parse().map_err(|_| {
        CliError::misuse(
            "token-bad-algorithm",
            arguments([("value", wanted.algorithm.to_owned())]),
        )
    })?;
    let subject = wanted.subject.map(name).transpose()?;
    out.map_or(Ok(()), output::check_writable)?;
    let token = find(token, shell).await?;
    check_manageable(token.entry(), wanted.management_key)?;
    let label = match token.entry().id.module == DRIVER {
        true => slot(wanted.label, shell)?,
        false => wanted.label.to_owned(),
    };
    let session = enter(&token, pin, shell).await?;
    let made = match manage(&session, wanted.management_key).await {
        Ok(()) => new_key(&session, algorithm, &label, subject).await,
        Err(error) => Err(error),
    };
    Box::new(session).close().await;
    let (key, request) = made?;
    if let (Some(out), Some(request)) = (out, &request) {
        output::write(out, request.as_bytes())?;
    }
    let value = json!({
        "token": token.entry().id.label,
        "label": key.label,
        "id": hex::encode(&key.key.id),
        "algorithm": algorithm.name(),
        "request": request,
    });
    let taken = out.is_some_and(output::is_standard);
    shell.answer_beside(taken, &value, || {
        let facts = arguments([
            ("label", key.label.clone()),
            ("algorithm", algorithm.name().to_owned()),
        ]);
        let told = shell.text("token-key-made", &facts);
        match request.filter(|_| out.is_none()) {
            Some(request) => format!("{told}\n{request}"),
            None => told,
        }
    });
    Ok(())
}

/// The slot of a card that is called so, by its own name. Whatever is in it that the card does not show is told of before
/// the PIN is asked for.
fn slot(name: &str, shell: &Shell) -> Result<String, CliError> {
    let slot = Slot::named(name).ok_or_else(|| no_such_slot(name))?.to_string();
    shell.note("token-slot-unseen", &arguments([("slot", slot.clone())]));
    Ok(slot)
}

fn no_such_slot(name: &str) -> CliError {
    CliError::misuse("token-no-such-slot", arguments([("label", name.to_owned())]))
}

/// A management key is a card's; of another token this is told before a PIN is asked for.
fn check_manageable(token: &TokenEntry, management_key: Option<&Path>) -> Result<(), CliError> {
    if management_key.is_some() && token.id.module != DRIVER {
        let facts = arguments([("token", token.id.label.clone())]);
        return Err(CliError::misuse("token-no-management-key", facts));
    }
    Ok(())
}

/// Hands over the card's management key, if one was named.
async fn manage(session: &ModuleSession, file: Option<&Path>) -> Result<(), CliError> {
    let Some(file) = file else {
        return Ok(());
    };
    session.manage(pin::open(file)?).await.map_err(of_card)
}

/// Only whoever looks after the card can do something about its management key.
fn of_card(error: TokenError) -> CliError {
    match error {
        TokenError::ManagementKey => CliError::refused("token-management-key", Arguments::new()),
        other => failed(&other.into()),
    }
}

async fn new_key(
    session: &ModuleSession,
    algorithm: KeyAlgorithm,
    label: &str,
    subject: Option<Name>,
) -> Result<(TokenKey, Option<String>), CliError> {
    let keys = session.keys().await.map_err(|error| failed(&error.into()))?;
    if keys.iter().any(|key| key.label == label) {
        return Err(CliError::misuse(
            "token-key-taken",
            arguments([("label", label.to_owned())]),
        ));
    }
    let facts = || arguments([("label", label.to_owned())]);
    let key = session
        .generate(algorithm, label, None)
        .await
        .map_err(|error| match error {
            TokenError::NoSuchSlot => no_such_slot(label),
            TokenError::SlotTaken => CliError::misuse("token-slot-taken", facts()),
            other => of_card(other),
        })?;
    let request = match subject {
        Some(subject) => Some(signed_request(session, &key, subject).await?),
        None => None,
    };
    Ok((key, request))
}

pub(super) async fn request(
    token: &str,
    key: &str,
    subject: &str,
    out: &Path,
    pin: &PinArguments,
    shell: &Shell,
) -> Result<(), CliError> {
    let subject = name(subject)?;
    output::check_writable(out)?;
    let token = find(token, shell).await?;
    let session = enter(&token, pin, shell).await?;
    let requested = match named(&session, key).await {
        Ok(key) => signed_request(&session, &key, subject).await,
        Err(error) => Err(error),
    };
    Box::new(session).close().await;
    output::write(out, requested?.as_bytes())?;
    let value = json!({ "token": token.entry().id.label, "key": key, "out": out.display().to_string() });
    shell.answer_beside(output::is_standard(out), &value, || {
        shell.text(
            "token-requested",
            &arguments([("file", out.display().to_string())]),
        )
    });
    Ok(())
}

/// The one key of that label.
async fn named(session: &ModuleSession, label: &str) -> Result<TokenKey, CliError> {
    let keys = session.keys().await.map_err(|error| failed(&error.into()))?;
    let mut found: Vec<_> = keys.into_iter().filter(|key| key.label == label).collect();
    let facts = || arguments([("label", label.to_owned())]);
    match (found.pop(), found.is_empty()) {
        (Some(key), true) => Ok(key),
        (Some(_), false) => Err(CliError::misuse("token-key-ambiguous", facts())),
        (None, _) => Err(CliError::failed("token-key-unknown", facts())),
    }
}

async fn signed_request(session: &ModuleSession, key: &TokenKey, subject: Name) -> Result<String, CliError> {
    let unsuitable = || CliError::failed("token-key-unsuitable", arguments([("label", key.label.clone())]));
    let public_key = key.public_key.as_deref().ok_or_else(unsuitable)?;
    let prepared =
        PreparedRequest::new(subject, public_key, session.rsa().usual()).map_err(|_| unsuitable())?;
    let signature = session
        .sign_with(&key.key, &prepared.signable())
        .await
        .map_err(|error| failed(&error.into()))?;
    prepared.finish(&signature).map_err(|error| match error {
        RequestError::BadSignature => failed(&JobError::BadSignature),
        RequestError::UnsuitableKey => unsuitable(),
    })
}

pub(super) async fn install(
    token: &str,
    file: &Path,
    management_key: Option<&Path>,
    pin: &PinArguments,
    shell: &Shell,
) -> Result<(), CliError> {
    let certificate = read_certificate(file)?;
    let token = find(token, shell).await?;
    check_manageable(token.entry(), management_key)?;
    let session = enter(&token, pin, shell).await?;
    let installed = match manage(&session, management_key).await {
        Ok(()) => beside_its_key(&session, &certificate).await,
        Err(error) => Err(error),
    };
    Box::new(session).close().await;
    let key = installed?;
    if !certificate.is_valid_at(time::OffsetDateTime::now_utc()) {
        shell.note("token-certificate-not-valid-now", &Arguments::new());
    }
    let value = json!({
        "token": token.entry().id.label,
        "key": key.label,
        "sha256": certificate.sha256_hex(),
        "subject": certificate.subject(),
    });
    shell.answer(&value, || {
        let facts = arguments([
            ("subject", printable(&certificate.subject().rfc4514)),
            ("key", key.label.clone()),
        ]);
        shell.text("token-installed", &facts)
    });
    Ok(())
}

/// The certificate goes beside the key whose public half it certifies, and nowhere else.
async fn beside_its_key(session: &ModuleSession, certificate: &Certificate) -> Result<TokenKey, CliError> {
    let keys = session.keys().await.map_err(|error| failed(&error.into()))?;
    let certified = certificate.public_key_der();
    let key = keys
        .into_iter()
        .find(|key| key.public_key.as_deref() == Some(certified));
    let key = key.ok_or_else(|| CliError::failed("token-certificate-of-no-key", Arguments::new()))?;
    session.install(&key, certificate).await.map_err(of_card)?;
    Ok(key)
}

fn read_certificate(file: &Path) -> Result<Certificate, CliError> {
    match <[Certificate; 1]>::try_from(read_certificates(file)?) {
        Ok([certificate]) => Ok(certificate),
        Err(_) => Err(no_certificate(file)),
    }
}

/// The certificates of a file, at least one: PEM, one after another, or one in DER.
pub(super) fn read_certificates(file: &Path) -> Result<Vec<Certificate>, CliError> {
    // PEM is a third longer than what it holds, and may have a few lines before it.
    let limit = 8 * certificate::MAX_LEN as u64;
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|opened| opened.take(limit).read_to_end(&mut bytes))
        .map_err(|error| CliError::file("cli-unreadable", file, &error))?;
    let read = match std::str::from_utf8(&bytes) {
        Ok(text) if text.contains("-----BEGIN") => Certificate::all_from_pem(text),
        _ => Certificate::from_der(&bytes).map(|one| vec![one]),
    };
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(no_certificate(file)),
    }
}

fn no_certificate(file: &Path) -> CliError {
    CliError::failed(
        "token-no-certificate",
        arguments([("file", file.display().to_string())]),
    )
}

pub(super) fn name(text: &str) -> Result<Name, CliError> {
    distinguished_name::parse(text).map_err(|error| {
        let key = match error {
            BadName::Length => "token-name-length",
            BadName::Syntax(_) => "token-name-syntax",
            BadName::UnknownType(_) => "token-name-type",
            BadName::Value(_) => "token-name-value",
        };
        CliError::misuse(key, arguments([("part", error.to_string())]))
    })
}
