//! `trien cert`: the certificates on the tokens in reach.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::issuer::Issuer;
use super::pin::PinArguments;
use super::report::printable;
use super::revocation::{self, Revocation};
use super::token::{reveal, tell_failure};
use super::{CliError, Shell};
use crate::language::{Arguments, arguments, in_vietnam};
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
    let trust = revocation::trust(shell);
    let mut held = Vec::new();
    for token in tokens.iter().filter(|token| token.entry().initialized) {
        match token.certificates().await {
            Ok(certificates) => held.extend(judged(certificates, &trust)),
            Err(error) => tell_failure(shell, &token.entry().id.module, &error),
        }
    }
    let now = OffsetDateTime::now_utc();
    let values: Vec<Value> = held
        .iter()
        .map(|(held, known)| as_json(held, known, now))
        .collect();
    shell.answer(&values, || match held.is_empty() {
        true => shell.text("cert-none", &Arguments::new()),
        false => held
            .iter()
            .map(|(held, known)| lines(held, known, now, shell))
            .collect(),
    });
    Ok(())
}

/// What is known of a certificate beside what it says itself.
struct Known {
    issuer: Issuer,
    revocation: Revocation,
}

/// Each with what is known of it, for which those on the same token may be needed.
fn judged(held: Vec<HeldCertificate>, trust: &Trust) -> Vec<(HeldCertificate, Known)> {
    let beside: Vec<_> = held.iter().map(|held| held.certificate.clone()).collect();
    let judge = |held: HeldCertificate| {
        let known = Known {
            issuer: Issuer::of(&held.certificate, &beside, trust),
            revocation: Revocation::of(&held.certificate, &beside, trust),
        };
        (held, known)
    };
    held.into_iter().map(judge).collect()
}

fn as_json(held: &HeldCertificate, known: &Known, now: OffsetDateTime) -> Value {
    let (status, as_of) = known.revocation.as_json();
    let certificate = &held.certificate;
    json!({
        "label": held.label,
        "subject": certificate.subject(),
        "issuer": known.issuer.name,
        "issuer_proven": known.issuer.proven,
        "serial": certificate.serial_hex(),
        "sha256": certificate.sha256_hex(),
        "key": held.key.is_some(),
        "algorithm": certificate.public_key().to_string(),
        "roca": certificate.key().is_roca(),
        "not_before": instant(certificate.not_before()),
        "not_after": instant(certificate.not_after()),
        "valid_now": certificate.is_valid_at(now),
        "status": status,
        "status_as_of": as_of,
        "token": { "module": held.token.module, "label": held.token.label, "serial": held.token.serial },
    })
}

/// RFC 3339, UTC
fn instant(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}

fn lines(held: &HeldCertificate, known: &Known, now: OffsetDateTime, shell: &Shell) -> String {
    let certificate = &held.certificate;
    let subject = certificate.subject();
    let name = subject
        .common_name
        .clone()
        .unwrap_or_else(|| subject.rfc4514.clone());
    let mut text = shell.text(
        "cert-line",
        &arguments([("name", printable(&name)), ("label", held.label.clone())]),
    ) + "\n";
    let facts = [
        ("cert-organization", subject.organization),
        ("cert-tax-code", subject.tax_code),
        ("cert-citizen-id", subject.citizen_id),
        ("cert-old-identity-card", subject.old_identity_card),
        ("cert-issuer", Some(known.issuer.text(shell))),
        ("cert-serial", Some(certificate.serial_hex())),
        ("cert-sha256", Some(certificate.sha256_hex())),
        (
            "cert-token",
            Some(format!("{} ({})", held.token.label, held.token.module)),
        ),
    ];
    for (key, value) in facts {
        if let Some(value) = value {
            text += &format!(
                "  {}\n",
                shell.text(key, &arguments([("value", printable(&value))]))
            );
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
    text += &format!("  {}\n", known.revocation.text(shell));
    if certificate.key().is_roca() {
        text += &format!("  {}\n", shell.text("cert-roca-key", &Arguments::new()));
    }
    if held.key.is_none() {
        text += &format!("  {}\n", shell.text("cert-no-key", &Arguments::new()));
    }
    text
}

/// As the doctor and the window say it: one that begins at midnight in Hà Nội does not begin the day before.
fn day(time: OffsetDateTime) -> String {
    in_vietnam(time).date().to_string()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_certificate_begins_on_the_day_on_which_it_begins_in_vietnam() {
        for (time, said) in [
            (datetime!(2026-12-31 17:00:00 UTC), "2027-01-01"),
            (datetime!(2026-12-31 16:59:59 UTC), "2026-12-31"),
        ] {
            assert_eq!(day(time), said);
        }
    }
}
