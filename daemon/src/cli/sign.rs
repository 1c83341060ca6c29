//! `trien sign`: the same job as a page's, with the person at the shell as his own consent.

mod appearance;
mod arguments;
mod choice;
mod replacing;
mod warnings;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{MemfdFlags, memfd_create};
use serde_json::{Value, json};
use trien_protocol::call::{
    self, Certification, DocumentRef, HashAlgorithm, Language, OnError, RsaPadding, SignDocuments,
    SignatureFormat,
};
use trien_protocol::error::{ErrorCode, ErrorData};
use trien_protocol::event::Stage;
use trien_protocol::limits::MAX_DOCUMENT;
use trien_protocol::reply::{Reply, SignedDocument, SignedDocuments};
use trien_signatures::pdf::Limits;
use trien_signatures::report::Level;

use super::augment;
use super::output::{self, Outputs};
use super::pin::no_pin;
use super::token::{Hiding, reveal_these};
use super::verify::{open, read_bounded, unreadable};
use super::{CliError, Exit, Shell, wording};
use crate::consent::shell::{Chooser, Teller};
use crate::consent::{AskError, ShellPrompter};
use crate::jobs::augment::{Containing, Enclosing, PdfEnd, Whole};
use crate::jobs::documents::{Changed, Sealed};
use crate::jobs::{self, Caller, Context, Holdings, Job, JobError, Report, error_object};
use crate::language::arguments;
use crate::network::{Authority, Network};
use crate::queue::{MAX_WAITING, Queue, QueueError};
use crate::transport::Channel;

use appearance::appearance;
use arguments::{CertifyArgument, HashArgument, OnErrorArgument, PaddingArgument, extension, format};
pub use arguments::{LevelArgument, SignArguments};
use choice::AtTerminal;
use warnings::BeforePin;

/// Runs it.
///
/// # Errors
/// No if a document was not signed or the PIN was refused; failure if a file or a token fails. What was signed before is
/// written all the same.
pub async fn run(arguments: SignArguments, shell: &Shell) -> Result<(), CliError> {
    let format = format(&arguments)?;
    let extension = extension(format);
    if arguments
        .cert
        .as_ref()
        .is_some_and(|selector| selector.trim().is_empty())
    {
        return Err(CliError::misuse("sign-empty-selector", self::arguments([])));
    }
    check_authority(arguments.tsa.as_deref())?;
    let appearance = appearance(&arguments, shell)?;
    let outputs = Outputs::plan(&arguments.inputs, &arguments.out, extension)?;
    check_content(&arguments, &outputs)?;
    if arguments.queue && outputs.iter().any(output::is_stream) {
        return Err(CliError::misuse("sign-queue-stream", self::arguments([])));
    }
    let stands_alone = matches!(
        format,
        SignatureFormat::CadesDetached | SignatureFormat::XadesDetached
    );
    let about: &[PathBuf] = match &arguments.content {
        Some(content) => std::slice::from_ref(content),
        None if stands_alone => &arguments.inputs,
        None => &[],
    };
    if arguments.queue && about.iter().any(|path| output::is_stream(path)) {
        return Err(CliError::misuse("sign-queue-content", self::arguments([])));
    }
    outputs.check_writable()?;
    // Where the PIN is not typed, nobody may be there to answer.
    let at_terminal = !shell.json && !arguments.pin.is_given();
    if !arguments.force {
        replacing::agreed(&outputs.present(), at_terminal, shell).await?;
    }
    let holdings = Arc::new(Holdings::with_quota(u64::MAX));
    let documents = arguments
        .inputs
        .iter()
        .map(|input| hold(&holdings, input, largest(format)))
        .collect::<Result<Vec<_>, _>>()?;
    let content = arguments.content.as_deref();
    let content = content.map(|content| hold(&holdings, content, MAX_STREAMED));
    let content = content.transpose()?;
    let signed_of = match &content {
        Some(content) => vec![content.clone()],
        None => documents.clone(),
    };
    let call = SignDocuments {
        documents,
        format,
        content,
        certificate: None,
        padding: arguments.padding.map(|padding| match padding {
            PaddingArgument::Pkcs1 => RsaPadding::Pkcs1,
            PaddingArgument::Pss => RsaPadding::Pss,
        }),
        hash: arguments.hash.map(|hash| match hash {
            HashArgument::Sha256 => HashAlgorithm::Sha256,
            HashArgument::Sha384 => HashAlgorithm::Sha384,
            HashArgument::Sha512 => HashAlgorithm::Sha512,
        }),
        appearance,
        reason: arguments.reason,
        location: arguments.location,
        template: arguments.template,
        field: arguments.field,
        certify: arguments.certify.map(|certify| match certify {
            CertifyArgument::Nothing => Certification::Nothing,
            CertifyArgument::Forms => Certification::Forms,
            CertifyArgument::Comments => Certification::Comments,
        }),
        lock: arguments.lock.map(|names| match names.as_str() {
            "all" => Vec::new(),
            names => names.split(',').map(|name| name.trim().to_owned()).collect(),
        }),
        level: Some(match arguments.level {
            LevelArgument::B => call::Level::BB,
            LevelArgument::T => call::Level::BT,
            LevelArgument::Lt => call::Level::BLt,
            LevelArgument::Lta => call::Level::BLta,
        }),
        on_error: match arguments.on_error {
            OnErrorArgument::GoOn => OnError::GoOn,
            OnErrorArgument::Stop => OnError::Stop,
        },
        idempotency_key: None,
    };
    let selector = arguments.cert.clone();
    let chooser = at_terminal.then(|| {
        let language = shell.language;
        Arc::new(AtTerminal { language }) as Arc<dyn Chooser>
    });
    let told = Arc::new(BeforePin::new((!shell.json).then_some(shell.language)));
    let teller = Some(Arc::clone(&told) as Arc<dyn Teller>);
    let prompter = ShellPrompter::new(arguments.cert, arguments.pin.source(shell)?)
        .choosing(chooser)
        .telling(teller)
        .despite_changes(arguments.despite_changes);
    let context = Arc::new(crate::service::shell_context(shell, Arc::new(prompter))?);
    let is_raised = !matches!(arguments.level, LevelArgument::B);
    // Before a PIN is spent. Who has the files wait may name somebody meanwhile.
    if is_raised && !arguments.queue && arguments.tsa.is_none() && !context.network.has_authorities() {
        return Err(augment::no_authority());
    }
    let signed = match sign(&context, &holdings, call.clone(), shell).await {
        // A token may show its certificates only after login.
        Err(error) if error.is(ErrorCode::NoCertificate) => {
            let hiding = Hiding::look(shell).await?;
            match hiding.meant(selector.as_deref(), arguments.pin.is_given()) {
                Some(tokens) if reveal_these(&tokens, &arguments.pin, shell).await? => {
                    sign(&context, &holdings, call, shell).await?
                }
                _ => return Err(hiding.instead_of(error, selector.as_deref())),
            }
        }
        outcome => outcome?,
    };
    let raising = Raising {
        level: arguments.level.into(),
        content: arguments.content.as_deref(),
        held: arguments
            .content
            .iter()
            .chain(&arguments.inputs)
            .map(PathBuf::as_path)
            .zip(signed_of)
            .collect(),
        tsa: arguments.tsa.as_deref(),
        queue: arguments.queue,
        network: &context.network,
    };
    let files = Files {
        inputs: &arguments.inputs,
        outputs: &outputs,
        format,
        told: &told,
    };
    keep(&signed, &files, &holdings, &raising, shell).await
}

/// What is no address of the web is told before a PIN is spent on what cannot be raised.
///
/// # Errors
/// Misuse.
pub(super) fn check_authority(address: Option<&str>) -> Result<(), CliError> {
    let is_one = |address: &str| {
        let read = url::Url::parse(address);
        read.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
    };
    match address.filter(|address| !is_one(address)) {
        Some(address) => {
            let value = arguments([("value", address.to_owned())]);
            Err(CliError::misuse("sign-bad-tsa", value))
        }
        None => Ok(()),
    }
}

/// The content of one signature, which no result takes the place of.
fn check_content(arguments: &SignArguments, outputs: &Outputs) -> Result<(), CliError> {
    if arguments.content.is_some() && arguments.inputs.len() > 1 {
        return Err(CliError::misuse("sign-content-for-several", self::arguments([])));
    }
    let mut outputs = outputs.iter();
    match outputs.find(|output| output::replaces(output, &arguments.content)) {
        Some(output) => {
            let file = output.display().to_string();
            Err(CliError::misuse(
                "sign-over-input",
                self::arguments([("file", file)]),
            ))
        }
        None => Ok(()),
    }
}

/// To which level the results are raised, by whom, and whether that may wait.
struct Raising<'a> {
    level: Level,
    /// What was signed, if that is not the input.
    content: Option<&'a Path>,
    /// What was read of each file that was signed.
    held: HashMap<&'a Path, DocumentRef>,
    tsa: Option<&'a str>,
    queue: bool,
    network: &'a Network,
}

impl Raising<'_> {
    /// Raises what was signed. None if it waits for the network, and is at level B-B until then.
    async fn raise(
        &self,
        signed: &Sealed,
        holdings: &Holdings,
        input: &Path,
        shell: &Shell,
    ) -> Result<Option<Sealed>, CliError> {
        if self.level == Level::BB {
            return Ok(Some(signed.clone()));
        }
        let network = match self.tsa {
            Some(url) => self.network.with_authority(Authority::at(url)),
            None => self.network.clone(),
        };
        let failed = |reason: String| CliError::file("cli-unreadable", input, &std::io::Error::other(reason));
        let documents = holdings.documents();
        let enclosing = Enclosing::of(signed).map_err(|error| failed(error.to_string()))?;
        let containing = Containing::of(signed).map_err(|error| failed(error.to_string()))?;
        let raised = match (signed.appended(), enclosing, containing) {
            (Some((base, tail)), _, _) => {
                let form = PdfEnd {
                    base: Arc::new(base.clone()),
                };
                let raised = augment::raise(tail.to_vec(), &form, self.level, &network, shell).await;
                raised.map(|end| {
                    let sealed = documents.seal_around(Vec::new(), base, end.document, None);
                    sealed.map_err(|error| error.to_string())
                })
            }
            (None, Some(enclosing), _) => {
                let (skeleton, form) = enclosing.parts();
                let raised = augment::raise(skeleton, form, self.level, &network, shell).await;
                raised.map(|raised| {
                    let sealed = enclosing.seal(&raised.document, documents);
                    sealed.map_err(|error| error.to_string())
                })
            }
            (None, None, Some(containing)) => {
                let (end, form) = containing.parts();
                let raised = augment::raise(end, form, self.level, &network, shell).await;
                raised.map(|raised| {
                    let sealed = containing.seal(raised.document, documents);
                    sealed.map_err(|error| error.to_string())
                })
            }
            (None, None, None) => {
                let bytes = signed.bytes().map_err(|error| failed(error.to_string()))?;
                let content = self.content.unwrap_or(input);
                let again = self.read_once(content, holdings);
                let again = again.map_err(|error| failed(error.to_string()))?;
                let path = again.as_ref().map_or_else(|| content.to_owned(), name_of_open);
                let form = Whole { content: Some(path) };
                let raised = augment::raise(bytes, &form, self.level, &network, shell).await;
                raised.map(|raised| {
                    documents
                        .seal(&raised.document, None)
                        .map_err(|error| error.to_string())
                })
            }
        };
        match raised {
            Ok(raised) => raised.map(Some).map_err(failed),
            Err(error) if self.queue && error.may_pass() => Ok(None),
            Err(error) => Err(augment::failed(&error, augment::Begun::Signed)),
        }
    }

    /// What came out of a pipe, in a file of its own: it cannot be read there a second time. None for a file.
    fn read_once(&self, path: &Path, holdings: &Holdings) -> io::Result<Option<File>> {
        let Some(held) = self.held.get(path).filter(|_| output::is_stream(path)) else {
            return Ok(None);
        };
        let found = holdings.documents().find(&held.sha256, held.size);
        let sealed = found.map_err(io::Error::other)?;
        // In memory, as it was: it was never meant to lie on a disk.
        let mut file = File::from(memfd_create("content", MemfdFlags::CLOEXEC)?);
        sealed.write_to(&mut file)?;
        Ok(Some(file))
    }

    /// Remembers a result that waits.
    fn wait(&self, output: &Path, input: &Path, shell: &Shell) -> Result<(), CliError> {
        let queue = Queue::new(shell.places.queue_folder());
        // Nobody needs again what came out of a pipe: what does was refused before.
        let content = Some(self.content.unwrap_or(input)).filter(|path| !output::is_stream(path));
        let added = queue.add(output, content, self.level, self.tsa);
        added.map_err(|error| match error {
            QueueError::Full => CliError::failed(
                "queue-full",
                self::arguments([("count", MAX_WAITING.to_string())]),
            ),
            QueueError::Io(error) => CliError::io("queue-failed", &error),
        })
    }
}

/// By which a file that has no name can be opened, as long as it is open here.
fn name_of_open(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

async fn sign(
    context: &Arc<Context>,
    holdings: &Arc<Holdings>,
    call: SignDocuments,
    shell: &Shell,
) -> Result<SignedDocuments, CliError> {
    let report = Box::new(Progress {
        quiet: shell.json || call.documents.len() < 2,
    });
    let format = call.format;
    let caller = Caller {
        channel: Channel::Shell,
        holdings: Arc::clone(holdings),
        manifest: None,
        report,
        commitment: Arc::default(),
        needed: None,
        halt: None,
    };
    match jobs::run(context, caller, Job::SignDocuments(call)).await {
        Ok(Reply::Documents(signed)) => Ok(signed),
        Ok(_) => Err(CliError::wire(
            Exit::Failed,
            error_object(ErrorCode::Internal, None),
        )),
        Err(JobError::Ask(AskError::Ambiguous(choices))) => {
            let error = failed(&JobError::CertificateNotFound);
            Err(error.reworded(|object| wording::ambiguous(object, &choices)))
        }
        Err(JobError::CertificateExpired(certificates)) if !certificates.is_empty() => {
            let error = failed(&JobError::CertificateExpired(Vec::new()));
            Err(error.reworded(|object| wording::not_valid_now(object, &certificates)))
        }
        Err(JobError::OfDocument(name, error)) => {
            let error = failed(&error).reworded(|object| wording::when_signing(object, format));
            Err(error.reworded(|object| wording::of_document(object, &name)))
        }
        Err(error) => Err(failed(&error).reworded(|object| wording::when_signing(object, format))),
    }
}

/// A refusal is an answer; a machine that does not do its part is a failure.
pub(super) fn failed(error: &JobError) -> CliError {
    if let JobError::Ask(AskError::NoPin(none)) = error {
        return no_pin(none);
    }
    if let JobError::Altered(names) = error {
        return CliError::wire(Exit::No, wording::altered(error.object(), names));
    }
    if let JobError::Forbidden(names, refused) = error {
        return CliError::wire(Exit::No, wording::forbidden(error.object(), names, refused));
    }
    let object = error.object();
    let exit = match object.data.code {
        ErrorCode::Cancelled
        | ErrorCode::PinIncorrect
        | ErrorCode::PinLocked
        | ErrorCode::PinInvalid
        | ErrorCode::PinExpired
        | ErrorCode::CertificateExpired
        | ErrorCode::CertificateUnsuitable
        | ErrorCode::CertificateRevoked
        | ErrorCode::CertificateStatusUnknown
        | ErrorCode::DocumentLocked
        | ErrorCode::DocumentForbidden
        | ErrorCode::DocumentAltered
        | ErrorCode::NotAllowed => Exit::No,
        ErrorCode::BadRequest => Exit::Misuse,
        _ => Exit::Failed,
    };
    CliError::wire(exit, wording::at_the_shell(object))
}

/// From this size on, in bytes, a file stays where it is, and is read in pieces.
const LARGE: u64 = 1 << 20;

/// The largest file of which a signature takes only the digest, in bytes.
const MAX_STREAMED: u64 = 1 << 40;

/// The largest file that stays where it is in this format, in bytes.
fn largest(format: SignatureFormat) -> u64 {
    match format {
        SignatureFormat::CadesAttached
        | SignatureFormat::CadesDetached
        | SignatureFormat::CadesParallel
        | SignatureFormat::CadesCounter => MAX_STREAMED,
        // One that was signed before may have grown past the largest that a page can send.
        SignatureFormat::Pades => Limits::default().document as u64,
        _ => MAX_DOCUMENT,
    }
}

fn hold(holdings: &Holdings, input: &Path, limit: u64) -> Result<DocumentRef, CliError> {
    let sealed = seal(holdings, input, limit)?;
    let name = input
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let document = DocumentRef {
        name,
        sha256: sealed.sha256().to_owned(),
        size: sealed.size(),
    };
    holdings.documents().publish(sealed);
    Ok(document)
}

/// A file that stays as it is from here on, or is found to have changed; up to so many bytes it may stay where it is.
fn seal(holdings: &Holdings, input: &Path, limit: u64) -> Result<Sealed, CliError> {
    let failed = |error: std::io::Error| CliError::file("cli-unreadable", input, &error);
    let file = open(input).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    // What is no regular file has no size, and can be read only once.
    if about.is_file() && (LARGE..=limit).contains(&about.len()) {
        return Sealed::of_file(file).map_err(failed);
    }
    let bytes = read_bounded(file).map_err(|error| unreadable(input, &error))?;
    let sealed = holdings.documents().seal(&bytes, None);
    sealed.map_err(|error| failed(std::io::Error::other(error.to_string())))
}

/// What was signed, and where it goes.
struct Files<'a> {
    inputs: &'a [PathBuf],
    outputs: &'a Outputs,
    format: SignatureFormat,
    /// What was told before the PIN.
    told: &'a BeforePin,
}

/// Writes what was signed, tells what was not.
async fn keep(
    signed: &SignedDocuments,
    files: &Files<'_>,
    holdings: &Holdings,
    raising: &Raising<'_>,
    shell: &Shell,
) -> Result<(), CliError> {
    // All of them at level B-B first: a signature that cost a PIN is lost neither to a network that fails nor to the file
    // of another one.
    let put = |(document, output): (&SignedDocument, &Path)| match document {
        SignedDocument::Signed { sha256, size, .. } => put(holdings, (sha256.as_str(), *size), output),
        SignedDocument::Failed { .. } => Ok(None),
    };
    let documents = signed.documents.iter();
    let all: Vec<_> = documents.clone().zip(files.outputs.iter()).map(put).collect();
    let mut told = Told::default();
    for (((document, put), input), output) in documents.zip(all).zip(files.inputs).zip(files.outputs.iter()) {
        let settled = match (document, put) {
            (SignedDocument::Failed { error, .. }, _) => {
                let error = wording::when_signing(error.clone(), files.format);
                told.failed(input, &error.data, shell);
                continue;
            }
            (SignedDocument::Signed { .. }, Ok(None)) => {
                told.failed(input, &JobError::Changed(Changed).object().data, shell);
                continue;
            }
            (SignedDocument::Signed { .. }, Ok(Some(signed))) => {
                let settled = settle(&signed, (input, output), holdings, raising, shell).await;
                settled.map_err(|error| (Some(signed), error))
            }
            (SignedDocument::Signed { .. }, Err(error)) => Err((None, error)),
        };
        match settled {
            Ok((kept, waits)) => told.signed((input, output), &kept, waits, shell),
            // Of one document there is nothing else to tell.
            Err((_, error)) if files.inputs.len() == 1 => return Err(error),
            Err((there, error)) => told.troubled((input, output), there.as_ref(), &error, shell),
        }
    }
    let taken = files.outputs.iter().any(output::is_standard);
    let (warnings, status_as_of) = files.told.certificate();
    let value = json!({
        "documents": told.values, "certificate": signed.certificate,
        "warnings": warnings, "status_as_of": status_as_of,
    });
    shell.answer_beside(taken, &value, || told.lines);
    told.exit.map_or(Ok(()), |exit| Err(CliError::answered(exit)))
}

/// Writes a signature as it was made, but for what goes into a stream, which cannot be replaced. None if the original is
/// not any more what was signed.
fn put(holdings: &Holdings, (sha256, size): (&str, u64), output: &Path) -> Result<Option<Sealed>, CliError> {
    let found = holdings.documents().find(sha256, size);
    let signed = found.map_err(|error| {
        let reason = std::io::Error::other(error.to_string());
        CliError::file("cli-unreadable", output, &reason)
    })?;
    let is_there = output::is_stream(output) || write_unless_changed(&signed, output)?;
    Ok(is_there.then_some(signed))
}

/// Raises a signature, and puts what became of it in its place. True if it waits for more.
async fn settle(
    signed: &Sealed,
    (input, output): (&Path, &Path),
    holdings: &Holdings,
    raising: &Raising<'_>,
    shell: &Shell,
) -> Result<(Sealed, bool), CliError> {
    let stream = output::is_stream(output);
    let raised = match raising.raise(signed, holdings, input, shell).await {
        Err(error) if stream => {
            output::write_with(output, |file| signed.write_to(file))?;
            return Err(error);
        }
        raised => raised?,
    };
    let waits = raised.is_none();
    if waits {
        raising.wait(output, input, shell)?;
        let file = arguments([("file", output.display().to_string())]);
        shell.note("sign-queued", &file);
    }
    let kept = raised.unwrap_or_else(|| signed.clone());
    if stream || kept.sha256() != signed.sha256() {
        output::write_with(output, |file| kept.write_to(file))?;
    }
    Ok((kept, waits))
}

/// Writes what was signed. False if the original is not any more what was signed: then nothing is written.
fn write_unless_changed(signed: &Sealed, output: &Path) -> Result<bool, CliError> {
    let mut changed = false;
    let written = output::write_with(output, |file| {
        let written = signed.write_to(file);
        written.inspect_err(|error| changed = Changed::is_in(error))
    });
    match written {
        Err(_) if changed => Ok(false),
        written => written.map(|()| true),
    }
}

/// What becomes of each file, for programs and for people.
#[derive(Default)]
struct Told {
    values: Vec<Value>,
    lines: String,
    /// None as long as nothing went wrong.
    exit: Option<Exit>,
}

impl Told {
    fn signed(&mut self, (input, output): (&Path, &Path), kept: &Sealed, waits: bool, shell: &Shell) {
        let shown = |path: &Path| path.display().to_string();
        self.values.push(json!({
            "input": shown(input), "output": shown(output), "sha256": kept.sha256(), "size": kept.size(),
            "waits_for_time_stamp": waits,
        }));
        self.lines += &shell.text("sign-done", &arguments([("file", shown(output))]));
        self.lines.push('\n');
    }

    /// A file that was signed and could not be written, or one that is there and could not be raised.
    fn troubled(
        &mut self,
        (input, output): (&Path, &Path),
        there: Option<&Sealed>,
        error: &CliError,
        shell: &Shell,
    ) {
        let said = [Language::Vi, Language::En].map(|language| error.words(language));
        let ([Some(vi), Some(en)], Some(words)) = (said, error.words(shell.language)) else {
            return;
        };
        let shown = |path: &Path| path.display().to_string();
        let mut value = json!({ "input": shown(input), "error": {
            "code": en.code,
            "message": { "vi": vi.message, "en": en.message },
            "remedy": { "vi": vi.remedy, "en": en.remedy },
        } });
        if let Some(detail) = en.detail {
            value["error"]["detail"] = detail.into();
        }
        let (key, file) = match there {
            Some(signed) => {
                value["output"] = shown(output).into();
                value["sha256"] = signed.sha256().into();
                value["size"] = signed.size().into();
                ("sign-not-raised", shown(output))
            }
            None => ("sign-failed", shown(input)),
        };
        let reason = words.message.trim_end_matches('.').to_owned();
        let facts = arguments([("file", file), ("reason", reason)]);
        self.lines += &format!("{}\n  {}\n", shell.text(key, &facts), words.remedy);
        self.values.push(value);
        self.exit = Some(error.exit());
    }

    fn failed(&mut self, input: &Path, error: &ErrorData, shell: &Shell) {
        let file = input.display().to_string();
        let reason = error.message.text(shell.language).to_owned();
        let values = arguments([("file", file.clone()), ("reason", reason)]);
        self.lines += &format!(
            "{}\n  {}\n",
            shell.text("sign-failed", &values),
            error.remedy.text(shell.language)
        );
        self.values.push(json!({ "input": file, "error": error }));
        self.exit.get_or_insert(Exit::No);
    }
}

/// Tells a person how far a batch has come.
struct Progress {
    quiet: bool,
}

impl Report for Progress {
    fn stage(&self, stage: Stage, done: u32, total: u32) {
        if !self.quiet && stage == Stage::Signing {
            super::shell::complain(&format!("{done}/{total}"));
        }
    }
}
