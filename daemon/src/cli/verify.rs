//! `trien verify`: checks signatures, and tells what a clerk has to know.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use trien_protocol::limits::MAX_DOCUMENT;
use trien_signatures::cades::{self, Container, Digests};
use trien_signatures::pades;
use trien_signatures::pdf::Source;
use trien_signatures::report::Report;
use trien_signatures::trust::Reliance;

use super::report::{self, FileReport, Outcome};
use super::{CliError, Exit, Shell, output};
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
    /// Folder of certificates to trust.
    #[arg(long, value_name = "DIR")]
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
/// Misuse if the page would replace an input; no unless every signature of every file is TOTAL-PASSED; failure if a file cannot be read.
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
    let folder = arguments
        .trust
        .clone()
        .unwrap_or_else(|| shell.places.trust_folder());
    let rules = Rules {
        require_revocation: arguments.require_revocation,
        sha1: arguments.allow_sha1,
    };
    let cache = Cache::new(shell.places.revocation_folder());
    let trust = load_trust(&folder, shell).with_cache(&cache).with_rules(rules);
    // One file that cannot be read does not keep the others from being judged.
    let reports: Vec<FileReport> = arguments
        .inputs
        .iter()
        .map(|input| judge(input, arguments.content.as_deref(), &trust.reliance(at)))
        .collect::<Result<_, _>>()?;
    if let Some(file) = &arguments.html {
        output::write(file, report::as_html(&reports, shell.language).as_bytes())?;
    }
    shell.answer(&reports, || report::as_text(&reports, shell.language));
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

fn judge(input: &Path, content: Option<&Path>, reliance: &Reliance<'_>) -> Result<FileReport, CliError> {
    let file = input.display().to_string();
    let judged = match judge_stream(input, content, reliance)? {
        Some(judged) => judged,
        None => {
            let content = content.map(read_document).transpose()?;
            verify_documents::verify(&read_document(input)?, content.as_deref(), reliance)
        }
    };
    Ok(match judged {
        Ok(report) => FileReport {
            file,
            valid: report.valid(),
            outcome: Outcome::Report(report),
        },
        Err(unreadable) => {
            let error = crate::jobs::error::text(unreadable.code());
            FileReport {
                file,
                valid: false,
                outcome: Outcome::Unreadable { error },
            }
        }
    })
}

/// A CMS file of any size, with its content inside or beside it; none when it is something else. The content is read once
/// and not held.
fn judge_stream(
    input: &Path,
    content: Option<&Path>,
    reliance: &Reliance<'_>,
) -> Result<Option<Result<Report, Unreadable>>, CliError> {
    use std::io::{Read, Seek, SeekFrom};
    let failed = |error: std::io::Error| CliError::file("cli-unreadable", input, &error);
    let mut file = std::fs::File::open(input).map_err(failed)?;
    let mut first = [0];
    let read = file.read(&mut first).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    if read == 1 && first == *b"%" && content.is_none() && about.is_file() {
        return judge_pdf(file)
            .map_err(failed)
            .map(|pdf| pdf.map(|pdf| pades::verify_source(&pdf, reliance).map_err(Unreadable::from)));
    }
    if read == 0 || first != [0x30] {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    let Ok(container) = Container::open(&mut file) else {
        // Whatever is wrong with it is told by the one who reads it whole.
        return Ok(None);
    };
    let hashes = container.hashes();
    let inside = container.content(&mut file);
    let given = content.map(std::fs::File::open).transpose();
    let given = given.map_err(|error| CliError::file("cli-unreadable", content.unwrap_or(input), &error))?;
    let twice = inside.is_some() && given.is_some();
    let digests = match (given, inside) {
        (Some(mut given), _) => Some(Digests::of(&mut given, &hashes).map_err(failed)?),
        (None, Some(mut inside)) => Some(Digests::of(&mut inside, &hashes).map_err(failed)?),
        (None, None) => None,
    };
    if twice {
        // The one report on a content that is given twice is that it is.
        return Ok(None);
    }
    let judged = cades::verify_digests(
        container.skeleton(),
        digests.as_ref(),
        content.is_some(),
        reliance,
    );
    Ok(Some(judged.map_err(Unreadable::from)))
}

/// A PDF as it lies on the disk; none when it is something else.
pub(super) fn judge_pdf(file: std::fs::File) -> std::io::Result<Option<LyingFile>> {
    use std::os::unix::fs::FileExt;
    let mut head = [0; 5];
    let size = file.metadata()?.len();
    let is_pdf = size >= 5 && file.read_exact_at(&mut head, 0).is_ok() && head == *b"%PDF-";
    Ok(is_pdf.then(|| LyingFile {
        file: Arc::new(file),
        size,
    }))
}

/// A file that is read in pieces, as large as it was when it was opened.
#[derive(Clone)]
pub(super) struct LyingFile {
    file: Arc<std::fs::File>,
    size: u64,
}

impl LyingFile {
    /// Its beginning.
    pub(super) const fn until(mut self, size: u64) -> Self {
        self.size = size;
        self
    }
}

impl Source for LyingFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&*self.file, buffer, offset)
    }
}

pub(super) fn read_time(text: &str) -> Result<OffsetDateTime, CliError> {
    OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|_| CliError::misuse("verify-bad-time", arguments([("value", text.to_owned())])))
}

/// What is passed over is said: a clerk who wonders why a path was not found should know of a broken file.
fn load_trust(folder: &Path, shell: &Shell) -> Trust {
    let trust = Trust::load(folder);
    for fault in trust.faults() {
        shell.note("verify-bad-trust", &arguments([("reason", fault.clone())]));
    }
    if trust.is_empty() {
        shell.note(
            "verify-nothing-to-trust",
            &arguments([("file", folder.display().to_string())]),
        );
    }
    trust
}

/// Reads a file that may be a document, and no larger than one may be.
pub(super) fn read_document(path: &Path) -> Result<Vec<u8>, CliError> {
    use std::io::Read;
    let failed = |error: std::io::Error| CliError::file("cli-unreadable", path, &error);
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_DOCUMENT + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_DOCUMENT {
        let values = [
            ("file", path.display().to_string()),
            ("limit", MAX_DOCUMENT.to_string()),
        ];
        return Err(CliError::failed("cli-too-large", arguments(values)));
    }
    Ok(bytes)
}
