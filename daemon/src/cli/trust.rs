//! `trien trust`: whom this computer trusts, and what it knows about revocations.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use trien_signatures::certificate::Certificate;
use trien_signatures::revocation::Crl;
use trien_signatures::trust::Anchors;

use super::report::printable;
use super::verify::read_document;
use super::{CliError, Shell};
use crate::language::{Arguments, arguments, time_in_vietnam};
use crate::trust::evidence::EvidenceStore;
use crate::trust::revocation::{Cache, holds_others, read_crls};
use crate::trust::{Trust, published};

/// The verbs under `trien trust`.
#[derive(Debug, clap::Subcommand)]
pub enum TrustCommand {
    /// Lists anchors, intermediates and revocation lists.
    List,
    /// Adds certificates.
    Add {
        /// PEM or DER.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Removes one certificate.
    Remove {
        /// Its SHA-256, or the beginning of it.
        #[arg(value_name = "SHA256")]
        sha256: String,
    },
    /// What was known of certificates when they signed.
    Evidence {
        /// Erases it instead.
        #[arg(long)]
        erase: bool,
        /// Only what is older.
        #[arg(long, value_name = "TIME")]
        before: Option<String>,
    },
    /// Takes in revocation lists.
    ImportCrl {
        /// PEM or DER.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

/// Runs one of them.
///
/// # Errors
/// No if there is nothing to remove or a list is by nobody who is known; failure if files cannot be read or written.
pub fn run(command: TrustCommand, shell: &Shell) -> Result<(), CliError> {
    match command {
        TrustCommand::List => {
            list(shell);
            Ok(())
        }
        TrustCommand::Add { files } => add(&files, shell),
        TrustCommand::Remove { sha256 } => remove(&sha256, shell),
        TrustCommand::Evidence {
            erase: false,
            before: Some(_),
        } => Err(CliError::misuse("trust-evidence-before", Arguments::new())),
        TrustCommand::Evidence { erase: false, .. } => evidence(shell),
        TrustCommand::Evidence { before, .. } => erase_evidence(before.as_deref(), shell),
        TrustCommand::ImportCrl { files } => import(&files, shell),
    }
}

fn unusable(shell: &Shell) -> impl FnOnce(std::io::Error) -> CliError {
    let folder = shell.places.evidence_folder();
    move |error| CliError::file("cli-unreadable", &folder, &error)
}

fn evidence(shell: &Shell) -> Result<(), CliError> {
    let store = EvidenceStore::new(shell.places.evidence_folder());
    let kept = store.list().map_err(unusable(shell))?;
    shell.answer(&kept, || {
        let lines = kept.iter().map(|one| {
            let signer = one
                .path
                .first()
                .map(|signer| signer.subject.clone())
                .or_else(|| one.signer().map(|signer| signer.subject().rfc4514));
            let values = arguments([
                ("time", time_in_vietnam(one.signed_at)),
                ("signer", printable(&signer.unwrap_or_default())),
                ("documents", one.results.len().to_string()),
            ]);
            shell.text("trust-evidence", &values) + "\n"
        });
        lines.collect()
    });
    Ok(())
}

fn erase_evidence(before: Option<&str>, shell: &Shell) -> Result<(), CliError> {
    let time = match before {
        Some(text) => super::verify::read_time(text)?,
        // Everything, also what a clock that was wrong has dated ahead.
        None => OffsetDateTime::now_utc() + time::Duration::days(36_500),
    };
    let store = EvidenceStore::new(shell.places.evidence_folder());
    let erased = store.erase_before(time).map_err(|error| {
        CliError::file(
            "trust-evidence-not-erased",
            &shell.places.evidence_folder(),
            &error,
        )
    })?;
    shell.answer(&json!({ "erased": erased }), || {
        shell.text(
            "trust-evidence-erased",
            &arguments([("count", erased.to_string())]),
        ) + "\n"
    });
    Ok(())
}

fn load(shell: &Shell) -> Trust {
    let cache = Cache::new(shell.places.revocation_folder());
    let trust = Trust::load_ours(&shell.places.trust_folder()).with_cache(&cache);
    for fault in trust.faults() {
        shell.note(
            "verify-bad-trust",
            &arguments([("reason", fault.text(shell.language).to_owned())]),
        );
    }
    trust
}

fn list(shell: &Shell) {
    let (trust, now) = (load(shell), OffsetDateTime::now_utc());
    let certificates =
        |certificates: &[Certificate]| -> Vec<Value> { certificates.iter().map(as_json).collect() };
    let crls: Vec<Value> = trust
        .crls()
        .iter()
        .map(|crl| crl_json(crl, &trust, now))
        .collect();
    let value = json!({
        "anchors": certificates(trust.anchors()),
        "intermediates": certificates(trust.intermediates()),
        "crls": crls,
        "passed_over": trust.faults(),
    });
    shell.answer(&value, || {
        let mut text = String::new();
        for (key, certificates) in [
            ("trust-anchors", trust.anchors()),
            ("trust-intermediates", trust.intermediates()),
        ] {
            if certificates.is_empty() {
                continue;
            }
            text += &(shell.text(key, &Arguments::new()) + "\n");
            certificates
                .iter()
                .for_each(|one| text += &lines(one, now, shell));
        }
        if !trust.crls().is_empty() {
            text += &(shell.text("trust-crls", &Arguments::new()) + "\n");
        }
        trust
            .crls()
            .iter()
            .for_each(|crl| text += &crl_line(crl, now, shell));
        if text.is_empty() {
            text = shell.text("trust-none", &Arguments::new()) + "\n";
        }
        text
    });
}

fn as_json(certificate: &Certificate) -> Value {
    let instant = |time: OffsetDateTime| time.format(&Rfc3339).unwrap_or_default();
    json!({
        "subject": certificate.subject().rfc4514,
        "issuer": certificate.issuer().rfc4514,
        "serial": certificate.serial_hex(),
        "sha256": certificate.sha256_hex(),
        "not_before": instant(certificate.not_before()),
        "not_after": instant(certificate.not_after()),
        "published_as": published::name(&certificate.sha256_hex()),
    })
}

fn crl_json(crl: &Crl, trust: &Trust, now: OffsetDateTime) -> Value {
    let instant = |time: OffsetDateTime| time.format(&Rfc3339).unwrap_or_default();
    json!({
        "issuer": crl.issuer(),
        "this_update": instant(crl.this_update()),
        "next_update": crl.next_update().map(instant),
        "fresh": is_fresh(crl, now),
        "delta": crl.is_delta(),
        "issuer_known": trust.issuer_of(crl).is_some(),
    })
}

fn is_fresh(crl: &Crl, now: OffsetDateTime) -> bool {
    crl.next_update().is_some_and(|next| now <= next)
}

fn lines(certificate: &Certificate, now: OffsetDateTime, shell: &Shell) -> String {
    let subject = certificate.subject();
    let sha256 = certificate.sha256_hex();
    let values = arguments([
        ("name", printable(&subject.common_name.unwrap_or(subject.rfc4514))),
        ("to", time_in_vietnam(certificate.not_after())),
        ("sha256", sha256.clone()),
    ]);
    let key = if certificate.is_valid_at(now) {
        "trust-line"
    } else {
        "trust-line-invalid"
    };
    let mut text = format!("  {}\n", shell.text(key, &values));
    if let Some(name) = published::name(&sha256) {
        text += &format!(
            "    {}\n",
            shell.text("trust-published", &arguments([("name", name.to_owned())]))
        );
    }
    text
}

fn crl_line(crl: &Crl, now: OffsetDateTime, shell: &Shell) -> String {
    let values = arguments([
        ("issuer", crl.issuer()),
        ("from", time_in_vietnam(crl.this_update())),
        ("to", crl.next_update().map(time_in_vietnam).unwrap_or_default()),
    ]);
    let key = if is_fresh(crl, now) {
        "trust-crl"
    } else {
        "trust-crl-stale"
    };
    format!("  {}\n", shell.text(key, &values))
}

/// One file for each certificate, named by its fingerprint, so that it can be found and removed.
fn add(files: &[PathBuf], shell: &Shell) -> Result<(), CliError> {
    use std::os::unix::fs::DirBuilderExt;
    let folder = shell.places.trust_folder();
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder);
    made.map_err(|error| CliError::file("cli-unwritable", &folder, &error))?;
    let mut added = Vec::new();
    for file in files {
        let mut found = Anchors::default();
        let bytes = read_document(file)?;
        let shown = || arguments([("file", file.display().to_string())]);
        found
            .add_file(&bytes)
            .map_err(|_| CliError::failed("trust-no-certificate", shown()))?;
        if !read_crls(&bytes).is_empty() {
            shell.note("trust-lists-too", &shown());
        }
        for certificate in found.certificates() {
            warn_about(certificate, shell);
            let path = folder.join(format!("{}.der", certificate.sha256_hex()));
            super::output::write_private(&path, certificate.as_der())?;
            added.push(certificate.clone());
        }
    }
    let value: Vec<Value> = added.iter().map(as_json).collect();
    let now = OffsetDateTime::now_utc();
    shell.answer(&value, || {
        let lines: String = added.iter().map(|one| lines(one, now, shell)).collect();
        // A certificate that did not issue itself is trusted no further than an anchor above it.
        let is_anchor = |one: &Certificate| one.subject().rfc4514 == one.issuer().rfc4514;
        let key = match added.iter().all(is_anchor) {
            true => "trust-added",
            false => "trust-added-known",
        };
        shell.text(key, &Arguments::new()) + "\n" + &lines
    });
    Ok(())
}

/// A certificate that calls itself a Vietnamese authority and is not the published one is told.
fn warn_about(certificate: &Certificate, shell: &Shell) {
    let subject = certificate.subject().rfc4514;
    if published::calls_itself_one(&subject) && published::name(&certificate.sha256_hex()).is_none() {
        shell.note("trust-not-published", &arguments([("name", printable(&subject))]));
    }
}

fn remove(sha256: &str, shell: &Shell) -> Result<(), CliError> {
    let wanted = sha256.to_lowercase();
    let trust = load(shell);
    let known = trust.anchors().iter().chain(trust.intermediates());
    let found: Vec<&Certificate> = known
        .filter(|one| wanted.len() >= 8 && one.sha256_hex().starts_with(&wanted))
        .collect();
    let [certificate] = found.as_slice() else {
        let shown = arguments([("value", sha256.to_owned())]);
        return Err(CliError::refused("trust-unknown", shown));
    };
    let path = shell
        .places
        .trust_folder()
        .join(format!("{}.der", certificate.sha256_hex()));
    std::fs::remove_file(&path).map_err(|error| CliError::file("trust-elsewhere", &path, &error))?;
    shell.answer(&as_json(certificate), || {
        let name = arguments([("name", printable(&certificate.subject().rfc4514))]);
        shell.text("trust-removed", &name) + "\n"
    });
    Ok(())
}

/// Only lists by an authority that is known here are kept; if one is not, none is.
fn import(files: &[PathBuf], shell: &Shell) -> Result<(), CliError> {
    let trust = load(shell);
    let cache = Cache::new(shell.places.revocation_folder());
    let now = OffsetDateTime::now_utc();
    let mut found: Vec<(&Path, Crl, &Certificate)> = Vec::new();
    for file in files {
        for crl in read_lists(file, shell)? {
            let Some(issuer) = trust.issuer_of(&crl) else {
                let shown = arguments([("file", file.display().to_string()), ("issuer", crl.issuer())]);
                return Err(CliError::refused("trust-crl-by-nobody", shown));
            };
            found.push((file, crl, issuer));
        }
    }
    let mut kept: Vec<Value> = Vec::new();
    let mut text = String::new();
    for (file, crl, issuer) in found {
        let stored = cache.keep_crl(&crl, issuer);
        if stored.map_err(|error| CliError::file("cli-unwritable", file, &error))? {
            kept.push(crl_json(&crl, &trust, now));
            text += &crl_line(&crl, now, shell);
        } else {
            let shown = arguments([("file", file.display().to_string()), ("issuer", crl.issuer())]);
            shell.note("trust-crl-not-newer", &shown);
        }
    }
    shell.answer(&kept, || match text.is_empty() {
        true => text,
        false => shell.text("trust-crl-imported", &Arguments::new()) + "\n" + &text,
    });
    Ok(())
}

/// All lists of a file, of which there has to be one.
fn read_lists(file: &Path, shell: &Shell) -> Result<Vec<Crl>, CliError> {
    let bytes = read_document(file)?;
    let shown = || arguments([("file", file.display().to_string())]);
    let lists: Result<Vec<Crl>, _> = read_crls(&bytes).into_iter().collect();
    let lists = lists.ok().filter(|lists| !lists.is_empty());
    let lists = lists.ok_or_else(|| CliError::failed("trust-no-crl", shown()))?;
    if holds_others(&bytes) {
        shell.note("trust-certificates-too", &shown());
    }
    Ok(lists)
}
