//! `trien verify`: checks signatures, and tells what a clerk has to know.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use trien_protocol::limits::MAX_DOCUMENT;
use trien_signatures::algorithm::Hash;
use trien_signatures::cades::{self, Container, Digests};
use trien_signatures::report::{Format, Reason, Report};
use trien_signatures::trust::Reliance;
use trien_signatures::{asic, cms, pades};

use super::report::{self, FileReport, Outcome};
use super::{CliError, Exit, Shell, output, wording};
use crate::jobs::augment::{lying_container, lying_pdf};
use crate::jobs::verify_documents::{self, Unreadable};
use crate::language::arguments;
use crate::trust::revocation::Cache;
use crate::trust::{Rules, Trust};

/// Of `trien verify`.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// Signed files.
    #[arg(required = true, value_name = "IN")]
    pub inputs: Vec<PathBuf>,
    /// Certificates to trust.
    #[arg(long, value_name = "FILE|DIR")]
    pub trust: Option<PathBuf>,
    /// Time to judge for.
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// What detached signatures are about.
    #[arg(long, value_name = "FILE")]
    pub content: Option<PathBuf>,
    /// SHA-1 counts.
    #[arg(long)]
    pub allow_sha1: bool,
    /// Unknown revocation is no pass.
    #[arg(long)]
    pub require_revocation: bool,
    /// Report as a web page.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// Runs it.
///
/// # Errors
/// Misuse if the page would replace an input; no unless every signature of every file is TOTAL-PASSED, as which document
/// time-stamps do not count; failure if a file or the configuration cannot be read.
pub fn run(arguments: &VerifyArguments, shell: &Shell) -> Result<(), CliError> {
    let at = match &arguments.at {
        None => OffsetDateTime::now_utc(),
        Some(text) => read_time(text)?,
    };
    if let Some(file) = &arguments.html {
        let originals = arguments.inputs.iter().chain(&arguments.content);
        if output::replaces(file, originals) {
            let shown = self::arguments([("file", file.display().to_string())]);
            return Err(CliError::misuse("verify-over-input", shown));
        }
        output::check_writable(file)?;
    }
    let configured = crate::service::rules(shell)?;
    let rules = Rules {
        require_revocation: configured.require_revocation || arguments.require_revocation,
        sha1: configured.sha1 || arguments.allow_sha1,
    };
    let cache = Cache::new(shell.places.revocation_folder());
    let trust = load_trust(arguments.trust.as_deref(), shell)?
        .with_cache(&cache)
        .with_rules(rules);
    let content = arguments.content.as_deref();
    // A content that cannot be had is no fault of any file.
    if let Some(content) = content.filter(|content| *content != Path::new(output::STANDARD)) {
        std::fs::metadata(content).map_err(|error| CliError::file("cli-unreadable", content, &error))?;
    }
    // One file that cannot be had does not keep the others from being judged.
    let mut reports = Vec::with_capacity(arguments.inputs.len());
    for input in &arguments.inputs {
        let outcome = match judge(input, content, &trust.reliance(at)) {
            Ok(Ok(report)) => Outcome::Report(without_nobody(report)),
            Ok(Err(unreadable)) => Outcome::Unreadable {
                error: wording::when_verifying(unreadable.code()),
            },
            Err(error) if arguments.inputs.len() == 1 => return Err(unreadable(input, &error)),
            Err(error) => Outcome::Unreadable {
                error: wording::not_had(input, &error),
            },
        };
        reports.push(FileReport {
            sha256: (arguments.html.is_some() || !shell.json)
                .then(|| digest(input))
                .flatten(),
            file: input.display().to_string(),
            passed_over: trust.faults().to_vec(),
            valid: matches!(&outcome, Outcome::Report(report) if report.valid()),
            outcome,
        });
    }
    if let Some(file) = &arguments.html {
        let page = report::as_html(&reports, &summary(&reports, shell), shell.language);
        output::write(file, page.as_bytes())?;
    }
    let on_pipe = arguments.html.as_deref().is_some_and(output::is_standard);
    shell.answer_beside(on_pipe, &reports, || {
        report::as_text(&reports, shell.language) + &summary(&reports, shell)
    });
    if reports
        .iter()
        .any(|report| matches!(report.outcome, Outcome::Unreadable { .. }))
    {
        Err(CliError::answered(Exit::Failed))
    } else if reports.iter().all(|report| report.valid) {
        Ok(())
    } else {
        Err(CliError::answered(Exit::No))
    }
}

/// SHA-256 of a file in hexadecimal; none of what can be read only once, or not at all.
fn digest(input: &Path) -> Option<String> {
    if !input.metadata().ok()?.is_file() {
        return None;
    }
    let mut hasher = Hash::Sha256.hasher();
    let (mut file, mut piece) = (File::open(input).ok()?, vec![0; 1 << 16]);
    loop {
        match file.read(&mut piece).ok()? {
            0 => return Some(hex::encode(hasher.finalize())),
            read => hasher.update(&piece[..read]),
        }
    }
}

/// Of several files: how many are valid. A list of hundreds scrolls away.
fn summary(reports: &[FileReport], shell: &Shell) -> String {
    if reports.len() < 2 {
        return String::new();
    }
    let of = |wanted: fn(&FileReport) -> bool| reports.iter().filter(|report| wanted(report)).count();
    let valid = of(|report| report.valid);
    let unread = of(|report| matches!(report.outcome, Outcome::Unreadable { .. }));
    let others: Vec<_> = reports
        .iter()
        .filter(|report| !report.valid)
        .map(|report| report::printable(&report.file))
        .collect();
    let counts = self::arguments([
        ("total", reports.len().to_string()),
        ("valid", valid.to_string()),
        ("invalid", (reports.len() - valid - unread).to_string()),
        ("unread", unread.to_string()),
    ]);
    let mut text = shell.text("verify-summary", &counts) + "\n";
    for file in others {
        text += &format!("  {file}\n");
    }
    text
}

/// A report whose only entry says that nobody signed, in a file of a kind that has signatures inside, is one on a file
/// without a signature.
fn without_nobody(mut report: Report) -> Report {
    if let [one] = report.signatures.as_slice()
        && one.reason == Some(Reason::NoSigners)
        && one.signer.is_none()
        && !matches!(one.format, Format::Pades | Format::Cades)
    {
        report.signatures.clear();
    }
    report
}

/// Reads the file as often as its kind needs: what is no regular file, once.
fn judge(
    input: &Path,
    content: Option<&Path>,
    reliance: &Reliance<'_>,
) -> io::Result<Result<Report, Unreadable>> {
    let file = open(input)?;
    let read_content = || content.map(|content| read_bounded(open(content)?)).transpose();
    if !file.metadata()?.is_file() {
        let bytes = read_bounded(file)?;
        return Ok(verify_documents::verify(
            &bytes,
            read_content()?.as_deref(),
            reliance,
        ));
    }
    match judge_stream(file, content, reliance)? {
        Some(judged) => Ok(judged),
        None => {
            let bytes = read_bounded(open(input)?)?;
            Ok(verify_documents::verify(
                &bytes,
                read_content()?.as_deref(),
                reliance,
            ))
        }
    }
}

/// A PDF or a container where it lies, or a CMS file of any size, with its content inside or beside it; none when it is
/// something else. The content is read once and not held.
fn judge_stream(
    mut file: File,
    content: Option<&Path>,
    reliance: &Reliance<'_>,
) -> io::Result<Option<Result<Report, Unreadable>>> {
    let mut first = [0];
    let read = file.read(&mut first)?;
    // A PDF holds what its signatures are about.
    if read == 1 && first == *b"%" {
        return lying_pdf(file)
            .map(|pdf| pdf.map(|pdf| pades::verify_source(&pdf, reliance).map_err(Unreadable::from)));
    }
    if read == 1 && first == *b"P" {
        return Ok(lying_container(file)?
            .map(|container| asic::verify_source(Arc::new(container), reliance).map_err(Unreadable::from)));
    }
    file.seek(SeekFrom::Start(0))?;
    if read == 1 && first == [0x30] {
        return judge_cms(file, content, reliance);
    }
    // What a text is about may be larger than what is held.
    match content {
        Some(_) if file.metadata()?.len() <= cms::MAX_TEXT => {
            let mut text = Vec::new();
            file.take(cms::MAX_TEXT).read_to_end(&mut text)?;
            cms::of_text(&text).map_or(Ok(None), |message| {
                judge_cms(Cursor::new(message), content, reliance)
            })
        }
        _ => Ok(None),
    }
}

fn judge_cms(
    mut file: impl Read + Seek,
    content: Option<&Path>,
    reliance: &Reliance<'_>,
) -> io::Result<Option<Result<Report, Unreadable>>> {
    let Ok(container) = Container::open(&mut file) else {
        // Whatever is wrong with it is told by the one who reads it whole.
        return Ok(None);
    };
    let hashes = container.hashes();
    let inside = container.content(&mut file);
    if inside.is_some() && content.is_some() {
        // The one report on a content that is given twice is that it is.
        return Ok(None);
    }
    let given = content.map(open).transpose()?;
    let digests = match (given, inside) {
        (Some(mut given), _) => Some(Digests::of(&mut given, &hashes)?),
        (None, Some(mut inside)) => Some(Digests::of(&mut inside, &hashes)?),
        (None, None) => None,
    };
    let judged = cades::verify_digests(
        container.skeleton(),
        digests.as_ref(),
        content.is_some(),
        reliance,
    );
    Ok(Some(judged.map_err(Unreadable::from)))
}

pub(super) fn read_time(text: &str) -> Result<OffsetDateTime, CliError> {
    OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|_| CliError::misuse("verify-bad-time", arguments([("value", text.to_owned())])))
}

/// What was named: without it, every signature would be undetermined for no fault of its own.
fn load_named(named: &Path) -> Result<Trust, CliError> {
    let unreadable = |error| CliError::file("cli-unreadable", named, &error);
    let is_folder = std::fs::metadata(named).map_err(unreadable)?.is_dir();
    if is_folder {
        std::fs::read_dir(named).map_err(unreadable)?;
    }
    let trust = Trust::load(named);
    match trust.faults().first() {
        Some(fault) if !is_folder => Err(CliError::failed_in_each("verify-bad-trust-file", |language| {
            arguments([("reason", fault.text(language).to_owned())])
        })),
        _ => Ok(trust),
    }
}

/// What was named, else the person's own, as the daemon reads it. What is passed over is said: a clerk who
/// wonders why a path was not found should know of a broken file.
fn load_trust(named: Option<&Path>, shell: &Shell) -> Result<Trust, CliError> {
    let own = shell.places.trust_folder();
    let (folder, trust) = match named {
        Some(named) => (named, load_named(named)?),
        None => (own.as_path(), Trust::load_ours(&own)),
    };
    for fault in trust.faults() {
        let reason = fault.text(shell.language).to_owned();
        shell.note("verify-bad-trust", &arguments([("reason", reason)]));
    }
    if trust.is_empty() {
        shell.note(
            "verify-nothing-to-trust",
            &arguments([("file", folder.display().to_string())]),
        );
    }
    Ok(trust)
}

/// Opens a file to read it; `-` is the standard input.
pub(super) fn open(path: &Path) -> io::Result<File> {
    if path == Path::new(output::STANDARD) {
        return Ok(io::stdin().as_fd().try_clone_to_owned()?.into());
    }
    File::open(path)
}

/// Reads a file that may be a document, and no larger than one may be.
pub(super) fn read_document(path: &Path) -> Result<Vec<u8>, CliError> {
    open(path)
        .and_then(read_bounded)
        .map_err(|error| unreadable(path, &error))
}

/// Reads what is open. A pipe with a name must not be opened a second time: its writer may be gone, and who opens it then
/// waits for another one (fifo(7)).
///
/// # Errors
/// [`io::ErrorKind::FileTooLarge`] for what is larger than a document may be.
pub(super) fn read_bounded(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(MAX_DOCUMENT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_DOCUMENT {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

/// What is told of a file that cannot be read, or is too large to be.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> CliError {
    if error.kind() == io::ErrorKind::FileTooLarge {
        return too_large(path, MAX_DOCUMENT);
    }
    CliError::file("cli-unreadable", path, error)
}

/// What is told of a file of more than so many bytes.
pub(super) fn too_large(path: &Path, most: u64) -> CliError {
    let values = [
        ("file", path.display().to_string()),
        ("limit", wording::size(most)),
    ];
    CliError::failed("cli-too-large", arguments(values))
}
