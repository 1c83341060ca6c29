//! `trien augment`: raises the level of a signature that is there. No key and no PIN: an authority stamps the time, and
//! what proves the certificates is put in.

mod reason;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use trien_signatures::algorithm::Hash;
use trien_signatures::asic::{self, AsicSignature};
use trien_signatures::augment::{Augment, AugmentError};
use trien_signatures::cades::{CadesSignature, Container, Digests};
use trien_signatures::jades::JadesSignature;
use trien_signatures::ooxml::{self, OoxmlSignature};
use trien_signatures::pades::{self, PadesDocument};
use trien_signatures::pdf::Source;
use trien_signatures::report::Level;
use trien_signatures::xades::XadesSignature;

use super::revocation::trust;
use super::sign::{LevelArgument, check_authority};
use super::verify::{LyingFile, judge_pdf, read_document};
use super::{CliError, Exit, Shell, output};
use crate::jobs::augment::{Augmented, Form, PdfEnd, RaiseError, Raiser, Skeleton, Whole};
use crate::language::{Arguments, arguments};
use crate::network::{Authority, Network, NetworkError};
use crate::queue::Queue;
use crate::trust::Trust;
use crate::trust::revocation::Cache;

/// Of `trien augment`.
#[derive(Debug, Args)]
pub struct AugmentArguments {
    /// Signed file.
    #[arg(value_name = "IN", required_unless_present = "queued")]
    pub input: Option<PathBuf>,
    /// Baseline level.
    #[arg(long, value_enum, default_value_t = LevelArgument::T)]
    pub level: LevelArgument,
    /// File.
    #[arg(long, value_name = "FILE", required_unless_present = "queued")]
    pub out: Option<PathBuf>,
    /// What a detached signature is about.
    #[arg(long, value_name = "FILE")]
    pub content: Option<PathBuf>,
    /// Who stamps the time.
    #[arg(long, value_name = "URL")]
    pub tsa: Option<String>,
    /// Everything that waits.
    #[arg(long, conflicts_with_all = ["input", "out", "content"])]
    pub queued: bool,
}

/// Runs it.
///
/// # Errors
/// Misuse if the result would replace an input or the authority's address is none; failure if the level is not reached.
pub async fn run(arguments: AugmentArguments, shell: &Shell) -> Result<(), CliError> {
    check_authority(arguments.tsa.as_deref())?;
    let network = crate::service::network(shell)?;
    let network = match &arguments.tsa {
        Some(url) => network.with_authority(Authority::at(url)),
        None => network,
    };
    let (Some(input), Some(out)) = (&arguments.input, &arguments.out) else {
        return queued(&network, shell).await;
    };
    if output::replaces(out, [input].into_iter().chain(&arguments.content)) {
        let shown = self::arguments([("file", out.display().to_string())]);
        return Err(CliError::misuse("sign-over-input", shown));
    }
    output::check_writable(out)?;
    let (level, content) = (Level::from(arguments.level), arguments.content.as_deref());
    // What is no regular file can be read only once, so it is read whole.
    let found = if !is_regular(input)? {
        let whole = raise_whole(input, content, level, &network, shell).await?;
        output::write(out, &whole.document)?;
        Found::of(&whole)
    } else if let Some((raised, found)) = raise_stream(input, content, level, &network, shell).await? {
        output::write_with(out, |file| raised.write(file))?;
        found
    } else if let Some(pdf) = PdfFile::open(input)? {
        let end = raise(pdf.end()?, &pdf.form(), level, &network, shell).await;
        let end = end.map_err(|error| failed(&error))?;
        output::write_with(out, |file| pdf.write(&end.document, file))?;
        Found::of(&end)
    } else {
        let whole = raise_whole(input, content, level, &network, shell).await?;
        output::write(out, &whole.document)?;
        Found::of(&whole)
    };
    found.tell(input, out, shell);
    Ok(())
}

/// What our validation finds in the result: what is claimed of it.
#[derive(Clone, Copy)]
struct Found {
    level: Option<Level>,
    without_level: usize,
}

impl Found {
    const fn of(augmented: &Augmented) -> Self {
        Self {
            level: augmented.level,
            without_level: augmented.without_level,
        }
    }

    fn tell(self, input: &Path, out: &Path, shell: &Shell) {
        let shown = |path: &Path| path.display().to_string();
        let value = json!({
            "input": shown(input), "output": shown(out), "level": self.level, "without_level": self.without_level,
        });
        shell.answer_beside(output::is_standard(out), &value, || {
            let mut lines = shell.text("augment-done", &arguments([("file", shown(out))])) + "\n";
            if self.without_level > 0 {
                let count = arguments([("count", self.without_level.to_string())]);
                lines += &format!("{}\n", shell.text("augment-without-level", &count));
            }
            lines
        });
    }
}

/// Raises a document of any other kind.
async fn raise_whole(
    input: &Path,
    content: Option<&Path>,
    level: Level,
    network: &Network,
    shell: &Shell,
) -> Result<Augmented, CliError> {
    let form = Whole {
        content: content.map(Path::to_owned),
    };
    let raised = raise(read_document(input)?, &form, level, network, shell).await;
    raised.map_err(|error| failed(&error))
}

/// False for the standard input, a pipe or a device.
fn is_regular(input: &Path) -> Result<bool, CliError> {
    if input == Path::new(output::STANDARD) {
        return Ok(false);
    }
    let about = input.metadata();
    about
        .map(|about| about.is_file())
        .map_err(|error| CliError::file("cli-unreadable", input, &error))
}

/// Does now what the daemon would do by itself.
async fn queued(network: &Network, shell: &Shell) -> Result<(), CliError> {
    let queue = Queue::new(shell.places.queue_folder());
    let done = queue.run(network, trust(shell), &cache(shell)).await;
    let shown =
        |paths: &[PathBuf]| -> Vec<_> { paths.iter().map(|path| path.display().to_string()).collect() };
    let value = json!({
        "raised": shown(&done.raised), "waiting": shown(&done.waiting), "given_up": shown(&done.given_up),
    });
    shell.answer(&value, || {
        let count = |paths: &[PathBuf]| paths.len().to_string();
        let values = self::arguments([
            ("raised", count(&done.raised)),
            ("waiting", count(&done.waiting)),
            ("given_up", count(&done.given_up)),
        ]);
        shell.text("augment-queued", &values) + "\n"
    });
    if done.waiting.is_empty() && done.given_up.is_empty() {
        Ok(())
    } else {
        Err(CliError::answered(Exit::No))
    }
}

fn cache(shell: &Shell) -> Cache {
    Cache::new(shell.places.revocation_folder())
}

/// Raises what is in memory: a document, or the part of it that changes.
///
/// # Errors
/// [`RaiseError`]
pub(super) async fn raise(
    bytes: Vec<u8>,
    form: &dyn Form,
    level: Level,
    network: &Network,
    shell: &Shell,
) -> Result<Augmented, RaiseError> {
    let (cache, mut trust) = (cache(shell), trust(shell));
    raiser(network, &mut trust, &cache)
        .raise(bytes, level, form)
        .await
}

const fn raiser<'a>(network: &'a Network, trust: &'a mut Trust, cache: &'a Cache) -> Raiser<'a> {
    Raiser {
        network,
        trust,
        cache: Some(cache),
    }
}

/// Reads a signed document in its format.
///
/// # Errors
/// [`AugmentError`]
pub(crate) fn open(document: &[u8], content: Option<&Path>) -> Result<Box<dyn Augment>, AugmentError> {
    if document.first() == Some(&0x30) {
        let digests =
            content.map(|path| File::open(path).and_then(|mut file| Digests::of(&mut file, &Hash::ALL)));
        let digests = digests.transpose().map_err(|_| AugmentError::ContentMissing)?;
        let imprints = digests
            .map(|digests| digests.imprints().to_vec())
            .unwrap_or_default();
        return Ok(Box::new(CadesSignature::open(document, imprints)?));
    }
    // Containers first: a PDF that lies in one near its start makes no PDF of it.
    if asic::looks_like(document) {
        return Ok(Box::new(AsicSignature::open(document.to_vec())?));
    }
    if ooxml::looks_like(document) {
        return Ok(Box::new(OoxmlSignature::open(document.to_vec())?));
    }
    if document.starts_with(b"%PDF-") {
        let now = time::OffsetDateTime::now_utc();
        return Ok(Box::new(PadesDocument::open(document.to_vec(), now)?));
    }
    let held = || {
        content
            .map(std::fs::read)
            .transpose()
            .map_err(|_| AugmentError::ContentMissing)
    };
    match document.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'<' | 0xEF) => Ok(Box::new(XadesSignature::open(document.to_vec(), held()?)?)),
        Some(b'{' | b'e') => Ok(Box::new(JadesSignature::open(document, held()?.as_deref())?)),
        _ => Err(AugmentError::Unsupported),
    }
}

/// A signed PDF that is read where it lies, but for its end.
struct PdfFile {
    path: PathBuf,
    file: LyingFile,
    /// Where the end begins that is in memory.
    end_at: u64,
}

impl PdfFile {
    /// None when it is something else.
    fn open(path: &Path) -> Result<Option<Self>, CliError> {
        let unreadable = |error: io::Error| CliError::file("cli-unreadable", path, &error);
        let file = File::open(path).map_err(unreadable)?;
        if !file.metadata().map_err(unreadable)?.is_file() {
            return Ok(None);
        }
        let Some(file) = judge_pdf(file).map_err(unreadable)? else {
            return Ok(None);
        };
        let end_at = pades::end_of(&file).map_err(|error| failed(&error.into()))?;
        Ok(Some(Self {
            path: path.to_owned(),
            file,
            end_at,
        }))
    }

    fn form(&self) -> PdfEnd {
        PdfEnd {
            base: Arc::new(self.file.clone().until(self.end_at)),
        }
    }

    fn end(&self) -> Result<Vec<u8>, CliError> {
        let read = || {
            let mut end = vec![0; usize::try_from(self.file.size() - self.end_at).unwrap_or(0)];
            self.file.read_exact_at(&mut end, self.end_at)?;
            Ok(end)
        };
        read().map_err(|error: io::Error| CliError::file("cli-unreadable", &self.path, &error))
    }

    /// Writes the document with its new end.
    fn write(&self, end: &[u8], output: &mut dyn Write) -> io::Result<()> {
        let mut at = 0;
        let mut piece = vec![0; 1 << 16];
        while at < self.end_at {
            let len = usize::try_from(self.end_at - at)
                .unwrap_or(usize::MAX)
                .min(piece.len());
            self.file.read_exact_at(&mut piece[..len], at)?;
            output.write_all(&piece[..len])?;
            at += len as u64;
        }
        output.write_all(end)
    }
}

/// A CMS with its content inside, raised without the content being held.
struct Raised {
    file: std::cell::RefCell<File>,
    container: Container,
    skeleton: Vec<u8>,
}

impl Raised {
    fn write(&self, output: &mut dyn Write) -> io::Result<()> {
        let mut output = io::BufWriter::new(output);
        self.container
            .write(&self.skeleton, &mut *self.file.borrow_mut(), &mut output)?;
        output.flush()
    }
}

/// Raises a CMS file of any size; none when it is something else.
async fn raise_stream(
    input: &Path,
    content: Option<&Path>,
    level: Level,
    network: &Network,
    shell: &Shell,
) -> Result<Option<(Raised, Found)>, CliError> {
    let unreadable = |error: io::Error| CliError::file("cli-unreadable", input, &error);
    let mut file = File::open(input).map_err(unreadable)?;
    let mut first = [0];
    let read = file.read(&mut first).map_err(unreadable)?;
    if read == 0 || first != [0x30] {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let container = Container::open(&mut file).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => failed(&AugmentError::NotSigned(error.to_string()).into()),
        _ => unreadable(error),
    })?;
    let digests = match (container.content(&mut file), content) {
        (Some(mut inside), _) => Some(Digests::of(&mut inside, &Hash::ALL).map_err(unreadable)?),
        (None, Some(path)) => {
            let digests = File::open(path).and_then(|mut file| Digests::of(&mut file, &Hash::ALL));
            Some(digests.map_err(|error| CliError::file("cli-unreadable", path, &error))?)
        }
        (None, None) => None,
    };
    let form = Skeleton {
        digests,
        detached: content.is_some(),
    };
    let raised = raise(container.skeleton().to_vec(), &form, level, network, shell).await;
    let raised = raised.map_err(|error| failed(&error))?;
    let found = Found::of(&raised);
    let raised = Raised {
        file: std::cell::RefCell::new(file),
        container,
        skeleton: raised.document,
    };
    Ok(Some((raised, found)))
}

/// What happened, and what to do.
pub(super) fn failed(error: &RaiseError) -> CliError {
    let key = match error {
        RaiseError::Network(NetworkError::NoAddress) => {
            return CliError::failed("augment-no-authority", Arguments::new());
        }
        RaiseError::Network(NetworkError::Untrusted(..)) | RaiseError::NoPath(_) => "augment-untrusted",
        RaiseError::Network(_) => "augment-network",
        RaiseError::StatusUnknown(_) => "augment-status-unknown",
        RaiseError::Revoked(_) => "augment-revoked",
        RaiseError::Augment(_) => "augment-format",
        RaiseError::Unreadable(_) | RaiseError::Lost { .. } | RaiseError::NotValidated { .. } => {
            "augment-not-validated"
        }
    };
    let facts = |language| arguments([("reason", reason::reason(error, language))]);
    CliError::failed_in_each(key, facts).detailed(reason::detail(error))
}
