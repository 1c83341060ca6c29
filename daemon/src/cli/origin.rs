//! `trien origin`: what pages may do, by origin.

use std::path::Path;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{CliError, Exit, Shell};
use crate::language::{Arguments, arguments};
use crate::policy::grants::{Grant, Grants, GrantsError};
use crate::policy::origin::Schemes;
use crate::policy::{Origin, Scope};

/// The verbs under `trien origin`.
#[derive(Debug, clap::Subcommand)]
pub enum OriginCommand {
    /// Lists the permissions.
    List,
    /// Gives permissions, instead of those the origin had.
    Allow {
        /// Who.
        origin: String,
        /// What; the usual ones if absent.
        #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(Scope::ALL.map(Scope::name)))]
        scope: Vec<String>,
        /// Until when, RFC 3339.
        #[arg(long)]
        until: Option<String>,
    },
    /// Takes all permissions back.
    Revoke {
        /// From whom.
        origin: String,
    },
}

/// Runs one of them.
///
/// # Errors
/// Misuse if the origin or time is none, failure if the file of permissions cannot be read or written; no if there is
/// nothing to revoke.
pub fn run(command: OriginCommand, shell: &Shell) -> Result<(), CliError> {
    let file = shell.places.origins_file();
    match command {
        OriginCommand::List => list(&file, shell),
        OriginCommand::Allow { origin, scope, until } => {
            allow(&file, &origin, &scope, until.as_deref(), shell)
        }
        OriginCommand::Revoke { origin } => revoke(&file, &origin, shell),
    }
}

fn list(file: &Path, shell: &Shell) -> Result<(), CliError> {
    let grants = Grants::load(file).map_err(|error| unusable(&error))?;
    let now = OffsetDateTime::now_utc();
    let value: Vec<Value> = grants.iter().map(|grant| as_json(grant, now)).collect();
    shell.answer(&value, || {
        if value.is_empty() {
            return shell.text("origin-none", &Arguments::new());
        }
        grants.iter().map(|grant| line(grant, shell) + "\n").collect()
    });
    Ok(())
}

fn allow(
    file: &Path,
    origin: &str,
    scopes: &[String],
    until: Option<&str>,
    shell: &Shell,
) -> Result<(), CliError> {
    let granted = OffsetDateTime::now_utc();
    let expires = until.map(|text| {
        OffsetDateTime::parse(text, &Rfc3339)
            .ok()
            .filter(|time| *time > granted)
            .ok_or_else(|| CliError::misuse("origin-bad-time", arguments([("value", text.to_owned())])))
    });
    let asked: Vec<Scope> = scopes.iter().filter_map(|name| Scope::parse(name)).collect();
    let scopes = if asked.is_empty() {
        Scope::USUAL.to_vec()
    } else {
        asked
    };
    let grant = Grant {
        origin: parse(origin)?,
        scopes,
        granted,
        expires: expires.transpose()?,
    };
    Grants::edit(file, |grants| grants.allow(grant.clone())).map_err(|error| unusable(&error))?;
    if !grant.origin.is_https() {
        shell.note("origin-developer-only", &Arguments::new());
    }
    shell.answer(&as_json(&grant, granted), || {
        let names = named(&grant.scopes, shell);
        shell.text(
            "origin-allowed",
            &arguments([("origin", grant.origin.to_string()), ("scopes", names)]),
        )
    });
    Ok(())
}

fn revoke(file: &Path, origin: &str, shell: &Shell) -> Result<(), CliError> {
    let origin = parse(origin)?;
    let had = Grants::edit(file, |grants| grants.revoke(&origin)).map_err(|error| unusable(&error))?;
    let key = if had { "origin-revoked" } else { "origin-unknown" };
    shell.answer(&json!({ "origin": origin.as_str(), "revoked": had }), || {
        shell.text(key, &arguments([("origin", origin.to_string())]))
    });
    if had {
        Ok(())
    } else {
        Err(CliError::answered(Exit::No))
    }
}

fn parse(origin: &str) -> Result<Origin, CliError> {
    Origin::parse(origin, Schemes::HttpsAndLoopbackHttp)
        .map_err(|_| CliError::misuse("origin-bad", arguments([("origin", origin.to_owned())])))
}

fn unusable(error: &GrantsError) -> CliError {
    let shown = |file: &Path| ("file", file.display().to_string());
    match error {
        GrantsError::Io { file, cause } => CliError::file("origin-file-failed", file, cause),
        GrantsError::Rights { file } => CliError::failed("origin-file-rights", arguments([shown(file)])),
        GrantsError::Content { file, line, reason } => CliError::failed(
            "origin-file-content",
            arguments([
                shown(file),
                ("line", line.to_string()),
                ("reason", reason.clone()),
            ]),
        ),
    }
}

fn as_json(grant: &Grant, now: OffsetDateTime) -> Value {
    json!({
        "origin": grant.origin.as_str(),
        "scopes": grant.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>(),
        "granted": grant.granted.format(&Rfc3339).ok(),
        "expires": grant.expires.and_then(|time| time.format(&Rfc3339).ok()),
        "in_force": grant.in_force(now),
    })
}

fn line(grant: &Grant, shell: &Shell) -> String {
    let until = match grant.expires {
        Some(time) => time.format(&Rfc3339).unwrap_or_default(),
        None => shell.text("origin-forever", &Arguments::new()),
    };
    format!("{}: {} ({until})", grant.origin, named(&grant.scopes, shell))
}

fn named(scopes: &[Scope], shell: &Shell) -> String {
    let key = |scope: &Scope| format!("scope-{}", scope.name().replace('_', "-"));
    let names: Vec<String> = scopes
        .iter()
        .map(|scope| shell.text(&key(scope), &Arguments::new()))
        .collect();
    names.join(", ")
}
