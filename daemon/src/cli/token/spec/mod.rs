//! `trien token init --from-spec`: tokens, keys and certificates from one file, in one go.
//!
//! A token whose label is there already is left exactly as it is, so the second run of the same file changes nothing.
//! All new tokens are made in a folder of their own beside the tokens and moved to their places when everything is
//! done: whoever fails, or kills the program, finds no token that is half made. Keys, serial numbers and times differ
//! from run to run; everything else is what the file says.

mod model;
mod workshop;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use trien_signatures::certificate::Certificate;

use self::model::{CertificateSpec, KeySpec, Spec, TokenSpec};
use self::workshop::Workshop;
use super::import::{Import, password_in};
use super::pin;
use super::staging::{self, Staging};
use crate::cli::{CliError, Shell, output};
use crate::language::arguments;
use crate::places::Places;
use crate::tokens::{HeldCertificate, ModuleToken, Sight, Token};

/// What came of a token of the file.
struct Outcome {
    label: String,
    serial: String,
    is_new: bool,
    keys: usize,
}

/// Everything is read and checked before anything is made.
pub(super) async fn run(file: &Path, shell: &Shell) -> Result<(), CliError> {
    let (outcomes, files) = make_all(file, &shell.places, shell).await?;
    tell(&outcomes, &files, shell);
    Ok(())
}

/// The same with the tokens elsewhere, and nothing on standard output.
pub(in crate::cli) async fn make(file: &Path, places: &Places, shell: &Shell) -> Result<(), CliError> {
    make_all(file, places, shell).await.map(drop)
}

async fn make_all(
    file: &Path,
    places: &Places,
    shell: &Shell,
) -> Result<(Vec<Outcome>, Vec<PathBuf>), CliError> {
    let spec = Spec::read(file, shell)?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let imports = prepare_imports(&spec, folder)?;
    for certificate in written(&spec) {
        output::check_writable(&folder.join(certificate))?;
    }
    let modules = crate::service::modules(shell)?;
    let _alone = staging::alone(places)?;
    let Sight { tokens: there, .. } = modules.look().await;
    let staging = Staging::below(places.data_folder())?;
    let mut workshop = Workshop::new(modules, staging.home(), folder);
    let mut outcomes = Vec::with_capacity(spec.token.len());
    let mut imports = imports.into_iter();
    for token in &spec.token {
        let own_imports: Vec<_> = imports.by_ref().take(count_imports(token)).collect();
        let kept = there.iter().find(|held| is_called(held, &token.label.0));
        let outcome = match kept {
            Some(held) => {
                workshop.keep(token, held).await;
                Outcome {
                    label: token.label.0.clone(),
                    serial: held.entry().id.serial.clone(),
                    is_new: false,
                    keys: 0,
                }
            }
            None => {
                shell.note(
                    "token-spec-making",
                    &arguments([("label", token.label.0.clone())]),
                );
                let serial = workshop.make(token, own_imports, shell).await?;
                Outcome {
                    label: token.label.0.clone(),
                    serial,
                    is_new: true,
                    keys: token.key.len(),
                }
            }
        };
        outcomes.push(outcome);
    }
    let certificates = workshop.finish().await;
    staging.move_in(&places.tokens_folder())?;
    let files = write_certificates(&spec, &certificates, folder)?;
    Ok((outcomes, files))
}

fn is_called(token: &ModuleToken, label: &str) -> bool {
    let entry = token.entry();
    entry.initialized && entry.id.label == label
}

fn count_imports(token: &TokenSpec) -> usize {
    token.key.iter().filter(|key| key.file.is_some()).count()
}

fn written(spec: &Spec) -> impl Iterator<Item = &PathBuf> {
    certificates(spec).filter_map(|(_, _, certificate)| certificate.out.as_ref())
}

fn certificates(spec: &Spec) -> impl Iterator<Item = (&TokenSpec, &KeySpec, &CertificateSpec)> {
    spec.token.iter().flat_map(|token| {
        let keys = token.key.iter();
        keys.filter_map(move |key| Some((token, key, key.certificate.as_ref()?)))
    })
}

/// The keys that come out of files, in the order of the specification.
fn prepare_imports(spec: &Spec, folder: &Path) -> Result<Vec<Import>, CliError> {
    let mut prepared = Vec::new();
    for key in spec.token.iter().flat_map(|token| &token.key) {
        let Some(file) = &key.file else { continue };
        let beside: Vec<_> = key
            .certificate_files
            .iter()
            .map(|file| folder.join(file))
            .collect();
        let password = || match (&key.password, &key.password_file, &key.password_env) {
            (Some(password), ..) => Ok(password.0.as_bytes().to_vec().into()),
            (None, Some(file), _) => password_in(&folder.join(file)),
            (None, None, Some(variable)) => {
                workshop::variable(variable).map(|text| text.as_bytes().to_vec().into())
            }
            (None, None, None) => Ok(Vec::new().into()),
        };
        let id = key.id.as_ref().map(|id| hex::encode(&id.0));
        prepared.push(Import::prepare(
            &folder.join(file),
            &beside,
            Some(&key.label.0),
            id.as_deref(),
            password,
        )?);
    }
    Ok(prepared)
}

/// Also those of tokens that were kept: a program that keeps its tokens between runs need not keep the files.
fn write_certificates(
    spec: &Spec,
    held: &[HeldCertificate],
    folder: &Path,
) -> Result<Vec<PathBuf>, CliError> {
    let mut files = Vec::new();
    for (token, key, certificate) in certificates(spec) {
        let Some(out) = &certificate.out else { continue };
        let out = folder.join(out);
        let own = held
            .iter()
            .find(|held| held.token.label == token.label.0 && held.label == key.label.0);
        if let Some(own) = own {
            output::write(&out, pem(&own.certificate).as_bytes())?;
            files.push(out);
        }
    }
    Ok(files)
}

/// RFC 7468, section 5
fn pem(certificate: &Certificate) -> String {
    der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, certificate.as_der())
        .expect("the label is one, and a certificate is short")
}

fn tell(outcomes: &[Outcome], files: &[PathBuf], shell: &Shell) {
    let tokens: Vec<Value> = outcomes
        .iter()
        .map(|outcome| {
            let made = if outcome.is_new { "made" } else { "kept" };
            json!({ "label": outcome.label, "serial": outcome.serial, "state": made, "keys": outcome.keys })
        })
        .collect();
    shell.answer(&json!({ "tokens": tokens, "certificates": files }), || {
        let mut lines: Vec<String> = outcomes
            .iter()
            .map(|outcome| {
                let key = if outcome.is_new {
                    "token-spec-made"
                } else {
                    "token-spec-kept"
                };
                let facts = [
                    ("label", outcome.label.clone()),
                    ("serial", outcome.serial.clone()),
                    ("keys", outcome.keys.to_string()),
                ];
                shell.text(key, &arguments(facts))
            })
            .collect();
        let written = |file: &PathBuf| {
            shell.text(
                "token-spec-certificate",
                &arguments([("file", file.display().to_string())]),
            )
        };
        lines.extend(files.iter().map(written));
        lines.join("\n")
    });
}
