//! `trien cert`: the certificates on the tokens in reach.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::issuer::{self, Issuer};
use super::pin::PinArguments;
use super::token::{reveal, tell_failure};
use super::{CliError, Shell};
use crate::language::{Arguments, arguments};
use crate::tokens::{HeldCertificate, Sight, Token};
use crate::trust::Trust;

/// The verbs under `trien cert`.
#[derive(Debug, clap::Subcommand)]
pub enum CertCommand {
    /// Lists the certificates.
    List(ListArguments),
}

/// What to list.
#[derive(Debug, clap::Args)]
pub struct ListArguments {
    /// First log in to each token that shows no certificate, and have those remembered that show then.
    #[arg(long)]
    reveal: bool,
    #[command(flatten)]
    pin: PinArguments,
}

/// Runs one of them.
///
/// # Errors
/// What the person has to know.
pub async fn run(command: CertCommand, shell: &Shell) -> Result<(), CliError> {
    match command {
        CertCommand::List(arguments) => list(&arguments, shell).await,
    }
}

async fn list(arguments: &ListArguments, shell: &Shell) -> Result<(), CliError> {
    if arguments.reveal {
        reveal(&arguments.pin, shell).await?;
    }
    let Sight { tokens, failures } = crate::service::modules(shell)?.look().await;
    for (module, error) in failures {
        tell_failure(shell, &module, &error);
    }
    let trust = issuer::trust(shell);
    let mut held = Vec::new();
    for token in tokens.iter().filter(|token| token.entry().initialized) {
        match token.certificates().await {
            Ok(certificates) => held.extend(with_issuers(certificates, &trust)),
            Err(error) => tell_failure(shell, &token.entry().id.module, &error),
        }
    }
    let now = OffsetDateTime::now_utc();
    let values: Vec<Value> = held
        .iter()
        .map(|(held, issuer)| as_json(held, issuer, now))
        .collect();
    shell.answer(&values, || match held.is_empty() {
        true => shell.text("cert-none", &Arguments::new()),
        false => held
            .iter()
            .map(|(held, issuer)| lines(held, issuer, now, shell))
            .collect(),
    });
    Ok(())
}

/// Each with who issued it, for which those on the same token may be needed.
fn with_issuers(held: Vec<HeldCertificate>, trust: &Trust) -> Vec<(HeldCertificate, Issuer)> {
    let beside: Vec<_> = held.iter().map(|held| held.certificate.clone()).collect();
    let with_issuer = |held: HeldCertificate| {
        let issuer = Issuer::of(&held.certificate, &beside, trust);
        (held, issuer)
    };
    held.into_iter().map(with_issuer).collect()
}

/// The status is what this program knows of revocation: for a certificate alone, nothing.
fn as_json(held: &HeldCertificate, issuer: &Issuer, now: OffsetDateTime) -> Value {
    let certificate = &held.certificate;
    json!({
        "label": held.label,
        "subject": certificate.subject(),
        "issuer": issuer.name,
        "issuer_proven": issuer.proven,
        "serial": certificate.serial_hex(),
        "sha256": certificate.sha256_hex(),
        "key": held.key.is_some(),
        "algorithm": certificate.public_key().to_string(),
        "roca": certificate.key().is_roca(),
        "not_before": instant(certificate.not_before()),
        "not_after": instant(certificate.not_after()),
        "valid_now": certificate.is_valid_at(now),
        "status": "unknown",
        "status_as_of": null,
        "token": { "module": held.token.module, "label": held.token.label, "serial": held.token.serial },
    })
}

/// RFC 3339, UTC
fn instant(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}

fn lines(held: &HeldCertificate, issuer: &Issuer, now: OffsetDateTime, shell: &Shell) -> String {
    let certificate = &held.certificate;
    let subject = certificate.subject();
    let name = subject
        .common_name
        .clone()
        .unwrap_or_else(|| subject.rfc4514.clone());
    let mut text = shell.text(
        "cert-line",
        &arguments([("name", name), ("label", held.label.clone())]),
    ) + "\n";
    let facts = [
        ("cert-organization", subject.organization),
        ("cert-tax-code", subject.tax_code),
        ("cert-citizen-id", subject.citizen_id),
        ("cert-old-identity-card", subject.old_identity_card),
        ("cert-issuer", Some(issuer.text(shell))),
        ("cert-serial", Some(certificate.serial_hex())),
        ("cert-sha256", Some(certificate.sha256_hex())),
        (
            "cert-token",
            Some(format!("{} ({})", held.token.label, held.token.module)),
        ),
    ];
    for (key, value) in facts {
        if let Some(value) = value {
            text += &format!("  {}\n", shell.text(key, &arguments([("value", value)])));
        }
    }
    let validity = if certificate.is_valid_at(now) {
        "cert-valid"
    } else {
        "cert-not-valid"
    };
    let days = arguments([
        ("from", day(certificate.not_before())),
        ("to", day(certificate.not_after())),
    ]);
    text += &format!("  {}\n", shell.text(validity, &days));
    if certificate.key().is_roca() {
        text += &format!("  {}\n", shell.text("cert-roca-key", &Arguments::new()));
    }
    if held.key.is_none() {
        text += &format!("  {}\n", shell.text("cert-no-key", &Arguments::new()));
    }
    text
}

fn day(time: OffsetDateTime) -> String {
    time.date().to_string()
}
