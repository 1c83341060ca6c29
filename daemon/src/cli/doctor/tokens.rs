//! The configuration, the modules, what is on their tokens, and the clock that certificates are judged by.

use std::path::Path;

use time::{Duration, OffsetDateTime};
use trien_protocol::error::ErrorCode;

use super::super::report::printable;
use super::super::revocation::{self, Revocation};
use super::super::{Shell, wording};
use super::{Finding, Weight};
use crate::config::{ADMIN_POLICY, Config, ModuleConfig};
use crate::jobs::JobError;
use crate::jobs::error::HIDDEN_REMEDY;
use crate::language::{self, Arguments, Remark};
use crate::tokens::known::{self, KnownModule};
use crate::tokens::pcsc::DRIVER;
use crate::tokens::{
    Level, Modules, PinNeed, PinState, Token, TokenEntry, TokenError, library, may_hide_more,
};
use crate::trust::Trust;

/// From when on a person is told that a certificate ends.
const SOON: Duration = Duration::days(30);

/// So far a clock may run ahead of what files say that were written by it.
const TOLERANCE: Duration = Duration::minutes(10);

/// The files, and what in them was passed over.
pub(super) fn configuration(shell: &Shell) -> Vec<Finding> {
    match Config::load(&shell.places.config_file(), Path::new(ADMIN_POLICY)) {
        Ok(config) => {
            let notice = |notice: &Remark| {
                Finding::new(
                    Weight::Warning,
                    "doctor-config-notice",
                    [("notice", notice.said(shell.language))],
                )
            };
            config.notices.iter().map(notice).collect()
        }
        Err(error) => vec![Finding::new(
            Weight::Trouble,
            "doctor-config",
            [("reason", error.said(shell.language))],
        )],
    }
}

/// Each module: its file, whether it answers, how far it is closed in; and what is on its tokens.
pub(super) async fn look(shell: &Shell) -> Vec<Finding> {
    let Ok(config) = Config::load(&shell.places.config_file(), Path::new(ADMIN_POLICY)) else {
        return Vec::new();
    };
    let Ok(modules) = crate::service::modules_by(&config, shell) else {
        return Vec::new();
    };
    let sight = modules.look().await;
    let mut findings = Vec::new();
    for module in &config.modules {
        let failure = sight.failures.iter().find(|(name, _)| *name == module.name);
        let error = failure.map(|(_, error)| error);
        findings.push(of_module(module, &config.rows, error, shell));
    }
    let of_cards = sight.failures.iter().filter(|(name, _)| name == DRIVER);
    findings.extend(of_cards.filter_map(|(_, error)| of_card(error, shell)));
    findings.extend(super::cards::look(&sight, &config.rows, shell).await);
    findings.extend(confinement(&modules));
    if !sight.tokens.iter().any(|token| token.entry().initialized) {
        findings.push(
            Finding::new(Weight::Trouble, "doctor-no-token", []).with_remedy("error-no-certificate-remedy"),
        );
    }
    let trust = revocation::trust(shell);
    if trust.is_empty() {
        let folder = shell.places.trust_folder().display().to_string();
        findings.push(Finding::new(
            Weight::Warning,
            "doctor-no-anchor",
            [("folder", folder)],
        ));
    }
    for token in &sight.tokens {
        findings.extend(damage(token.entry(), shell));
        if token.entry().initialized {
            findings.extend(of_token(token, &trust).await);
        }
    }
    findings
}

fn of_module(
    module: &ModuleConfig,
    rows: &[KnownModule],
    failure: Option<&TokenError>,
    shell: &Shell,
) -> Finding {
    let configured = rows.iter().find(|row| row.name == module.name);
    let row = configured.or_else(|| known::of_library(&module.path));
    let names = row.map(|row| [Some(&row.maker), row.ca.as_ref()]);
    let names: Vec<_> = names
        .into_iter()
        .flatten()
        .flatten()
        .filter(|name| !name.is_empty())
        .collect();
    let maker = match names[..] {
        [] => String::new(),
        [one] => format!(" ({one})"),
        [maker, ca, ..] => format!(" ({maker}, {ca})"),
    };
    let facts = |reason: String| {
        [
            ("module", module.name.clone()),
            ("library", module.path.display().to_string()),
            ("maker", maker.clone()),
            ("reason", reason),
        ]
    };
    if let Err(fault) = library::check(&module.path, module.sha256.as_deref()) {
        return Finding::new(
            Weight::Trouble,
            "doctor-module-library",
            facts(shell.text(fault.key(), &Arguments::new())),
        )
        .with_remedy(format!("{}-remedy", fault.key()));
    }
    match failure {
        None => Finding::fine("doctor-module", facts(String::new())),
        Some(error) => {
            let failed = JobError::from(error.clone());
            let reason = wording::failure(error, shell.language);
            let finding = Finding::new(Weight::Trouble, "doctor-module-failed", facts(reason));
            match failed.object().data.code {
                // Others are sent to the doctor with it.
                ErrorCode::ModuleUnusable => finding,
                ErrorCode::ModuleDisabled => finding.with_remedy("doctor-module-disabled-remedy"),
                _ => finding.with_remedy(failed.remedy()),
            }
        }
    }
}

/// A card that our own driver could not look at. How it stands with the service itself is said elsewhere.
fn of_card(error: &TokenError, shell: &Shell) -> Option<Finding> {
    let object = JobError::from(error.clone()).object();
    let code = object.data.code;
    if matches!(
        code,
        ErrorCode::ReaderServiceAbsent | ErrorCode::ReaderServiceStopped | ErrorCode::ReaderNotAllowed
    ) {
        return None;
    }
    let reason = wording::failure(error, shell.language);
    let finding = Finding::new(Weight::Trouble, "doctor-card-failed", [("reason", reason)]);
    Some(finding.with_remedy(format!("error-{}-remedy", code.name().replace('_', "-"))))
}

/// How far each process that drives tokens is closed in: the modules', and for each reader that of the card driver.
fn confinement(modules: &Modules) -> Vec<Finding> {
    let of_module = modules
        .states()
        .into_iter()
        .filter_map(|state| Some((state.name, state.confinement?)));
    let of_reader = modules
        .card_drivers()
        .into_iter()
        .map(|(reader, confinement)| (format!("piv ({reader})"), confinement));
    let mut findings = Vec::new();
    for (name_of, confinement) in of_module.chain(of_reader) {
        let facts = [
            ("module", name_of),
            ("files", name(confinement.files).to_owned()),
            ("network", name(confinement.network).to_owned()),
        ];
        let closed = confinement.files == Level::Closed && confinement.network == Level::Closed;
        findings.push(match closed {
            true => Finding::fine("doctor-sandbox", facts),
            false => Finding::new(Weight::Warning, "doctor-sandbox-open", facts),
        });
    }
    findings
}

const fn name(level: Level) -> &'static str {
    match level {
        Level::Closed => "closed",
        Level::Partly => "partly",
        Level::Open => "open",
    }
}

/// A token whose store is corrupt, some of what is on it or all; or may not be read.
fn damage(entry: &TokenEntry, shell: &Shell) -> Option<Finding> {
    let (key, remedy) = match (entry.damaged, entry.initialized) {
        _ if entry.barred => ("doctor-token-barred", "token-barred-remedy"),
        (false, _) => return None,
        (true, true) => ("doctor-token-damaged", "token-damaged-remedy"),
        (true, false) => ("doctor-token-unreadable", "token-damaged-remedy"),
    };
    let facts = [
        ("token", entry.id.label.clone()),
        ("folder", shell.places.tokens_folder().display().to_string()),
    ];
    Some(Finding::new(Weight::Trouble, key, facts).with_remedy(remedy))
}

async fn of_token(token: &crate::tokens::ModuleToken, trust: &Trust) -> Vec<Finding> {
    let entry = token.entry();
    let label = || ("token", entry.id.label.clone());
    let of_pin = match entry.pin {
        PinState::Locked => Some(
            Finding::new(Weight::Trouble, "doctor-pin-locked", [label()])
                .with_remedy("error-pin-locked-remedy"),
        ),
        PinState::ToBeChanged => Some(
            Finding::new(Weight::Trouble, "doctor-pin-to-be-changed", [label()])
                .with_remedy("error-pin-expired-remedy"),
        ),
        PinState::NotSet => Some(
            Finding::new(Weight::Trouble, "doctor-pin-not-set", [label()])
                .with_remedy("error-pin-not-set-remedy"),
        ),
        PinState::LastTry => Some(Finding::new(Weight::Warning, "doctor-pin-last-try", [label()])),
        // What is damaged is not called ready.
        _ if entry.damaged => None,
        _ => Some(Finding::fine("doctor-token", [label()])),
    };
    let mut findings: Vec<_> = of_pin.into_iter().collect();
    let now = OffsetDateTime::now_utc();
    let held = token.certificates().await;
    let shows_none = matches!(&held, Ok(held) if may_hide_more(held));
    if shows_none
        && matches!(
            token.pin().await,
            Ok(PinNeed::Pipe { .. } | PinNeed::Reader { .. })
        )
    {
        let finding = Finding::new(Weight::Warning, "doctor-token-no-certificate", [label()]);
        findings.push(finding.with_remedy(HIDDEN_REMEDY));
    }
    let held = held.unwrap_or_default();
    let beside: Vec<_> = held.iter().map(|held| held.certificate.clone()).collect();
    for held in held {
        if held.key.is_none() {
            continue;
        }
        let certificate = &held.certificate;
        let subject = certificate.subject();
        let date = language::time_in_vietnam;
        let facts = |time| {
            [
                ("token", entry.id.label.clone()),
                (
                    "name",
                    printable(subject.common_name.as_ref().unwrap_or(&subject.rfc4514)),
                ),
                ("time", date(time)),
            ]
        };
        findings.push(match Revocation::of(certificate, &beside, trust) {
            Revocation::Revoked { since, .. } => {
                let finding = Finding::new(Weight::Trouble, "doctor-certificate-revoked", facts(since));
                finding.with_remedy("error-certificate-revoked-remedy")
            }
            _ if now > certificate.not_after() => Finding::new(
                Weight::Trouble,
                "doctor-certificate-expired",
                facts(certificate.not_after()),
            ),
            _ if now < certificate.not_before() => Finding::new(
                Weight::Trouble,
                "doctor-certificate-not-yet",
                facts(certificate.not_before()),
            ),
            _ if certificate.not_after() - now < SOON => Finding::new(
                Weight::Warning,
                "doctor-certificate-soon",
                facts(certificate.not_after()),
            ),
            _ => Finding::fine("doctor-certificate", facts(certificate.not_after())),
        });
        if certificate.key().is_roca() {
            let facts = facts(certificate.not_after());
            findings.push(Finding::new(
                Weight::Trouble,
                "doctor-certificate-roca-key",
                facts,
            ));
        }
    }
    findings
}

/// A clock that runs behind is found by what was written later than it says: this program, and the record.
pub(super) fn clock(shell: &Shell) -> Vec<Finding> {
    let now = OffsetDateTime::now_utc();
    let written = |path: &Path| {
        let modified = std::fs::metadata(path).ok()?.modified().ok()?;
        Some(OffsetDateTime::from(modified))
    };
    let program = std::env::current_exe().ok();
    let latest = program
        .as_deref()
        .into_iter()
        .chain([shell.places.audit_file().as_path()])
        .filter_map(written)
        .max();
    let facts = [("time", language::time_in_vietnam(now))];
    vec![match latest {
        Some(latest) if latest > now + TOLERANCE => {
            Finding::new(Weight::Trouble, "doctor-clock-behind", facts)
        }
        _ => Finding::fine("doctor-clock", facts),
    }]
}
