//! `trien sign`: the same job as a page's, with the person at the shell as his own consent.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use trien_protocol::call::{
    self, Appearance, Certification, DocumentRef, OnError, RsaPadding, SignDocuments, SignatureFormat,
};
use trien_protocol::error::ErrorCode;
use trien_protocol::event::Stage;
use trien_protocol::limits::{MAX_DOCUMENT, MAX_IMAGE};
use trien_protocol::reply::{Reply, SignedDocument, SignedDocuments};
use trien_signatures::pdf::Limits;
use trien_signatures::report::Level;

use super::augment;
use super::output::{self, Outputs};
use super::pin::{PinArguments, no_pin};
use super::token::reveal;
use super::verify::read_document;
use super::{CliError, Exit, Shell};
use crate::consent::{AskError, ShellPrompter};
use crate::jobs::augment::{PdfEnd, RaiseError, Whole};
use crate::jobs::documents::Sealed;
use crate::jobs::{self, Caller, Context, Holdings, Job, JobError, Report, error_object};
use crate::language::arguments;
use crate::network::{Authority, Network};
use crate::queue::Queue;
use crate::transport::Channel;

/// Of `trien sign`.
#[derive(Debug, Args)]
pub struct SignArguments {
    /// What is signed.
    #[arg(required = true, value_name = "IN")]
    pub inputs: Vec<PathBuf>,
    /// File, or folder for several.
    #[arg(long, value_name = "FILE|DIR")]
    pub out: PathBuf,
    /// Signature format; by the names of the inputs where it is not said.
    #[arg(long, value_enum)]
    pub format: Option<FormatArgument>,
    /// Baseline level.
    #[arg(long, value_enum, default_value_t = LevelArgument::B)]
    pub level: LevelArgument,
    /// Who stamps the time.
    #[arg(long, value_name = "URL")]
    pub tsa: Option<String>,
    /// Offline, the level is raised later.
    #[arg(long)]
    pub queue: bool,
    /// Which certificate.
    #[arg(long, value_name = "SELECTOR")]
    pub cert: Option<String>,
    /// Scheme of RSA keys; what the token makes, if none is named.
    #[arg(long, value_enum)]
    pub padding: Option<PaddingArgument>,
    /// The signature alone.
    #[arg(long)]
    pub detached: bool,
    /// One more signature in a signature.
    #[arg(long, conflicts_with_all = ["detached", "countersign"])]
    pub parallel: bool,
    /// What a signature that stands alone is about.
    #[arg(long, value_name = "FILE", requires = "parallel")]
    pub content: Option<PathBuf>,
    /// A signature over a signature.
    #[arg(long, conflicts_with = "detached")]
    pub countersign: bool,
    /// The content inside the signature.
    #[arg(long, conflicts_with_all = ["detached", "parallel", "countersign"])]
    pub enveloping: bool,
    /// How an XML document is signed.
    #[arg(long, value_name = "NAME")]
    pub template: Option<String>,
    /// How it shows.
    #[arg(long, value_name = "PRESET")]
    pub appearance: Option<String>,
    /// Where it shows: page.
    #[arg(long, value_name = "N|last", requires = "appearance")]
    pub page: Option<PageArgument>,
    /// Where it shows: rectangle.
    #[arg(
        long,
        alias = "rect",
        value_name = "X1,Y1,X2,Y2",
        requires = "appearance",
        conflicts_with = "at_keyword"
    )]
    pub rectangle: Option<String>,
    /// Where it shows: beside a text.
    #[arg(long, value_name = "TEXT", requires = "appearance")]
    pub at_keyword: Option<String>,
    /// A picture.
    #[arg(long, value_name = "PNG", requires = "appearance")]
    pub image: Option<PathBuf>,
    /// A QR code.
    #[arg(long, value_name = "URL", requires = "appearance")]
    pub qr: Option<String>,
    /// Values of the preset.
    #[arg(long, value_name = "NAME=TEXT", requires = "appearance")]
    pub value: Vec<String>,
    /// A field that is there.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["page", "rectangle", "at_keyword", "lock"])]
    pub field: Option<String>,
    /// Certification.
    #[arg(long, value_enum)]
    pub certify: Option<CertifyArgument>,
    /// Fields that are locked.
    #[arg(long, value_name = "FIELDS")]
    pub lock: Option<String>,
    /// Earlier signatures do not hold.
    #[arg(long)]
    pub despite_changes: bool,
    /// Why.
    #[arg(long)]
    pub reason: Option<String>,
    /// Where.
    #[arg(long)]
    pub location: Option<String>,
    /// The PIN.
    #[command(flatten)]
    pub pin: PinArguments,
}

/// Signature formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatArgument {
    /// PDF
    Pades,
    /// CMS
    Cades,
    /// XML
    Xades,
    /// XML by a template
    Xmldsig,
    /// JSON, compact
    Jades,
    /// JSON as an object
    JadesJson,
    /// A container with XAdES
    AsicE,
    /// A container with CAdES
    AsicECades,
    /// A container for one file, with XAdES
    AsicS,
    /// A container for one file, with CAdES
    AsicSCades,
    /// Office documents
    Ooxml,
}

/// Extensions of Office documents, in lower case.
const OFFICE: [&str; 6] = ["docx", "docm", "xlsx", "xlsm", "pptx", "pptm"];

impl SignArguments {
    /// The format that was asked for, else CAdES where a signature is to be put into another, else the one of Office
    /// documents if all inputs have such names, else PDF.
    fn format(&self) -> FormatArgument {
        let office = |input: &PathBuf| {
            let extension = input.extension().unwrap_or_default().to_string_lossy();
            OFFICE.contains(&extension.to_lowercase().as_str())
        };
        let usual = || {
            if self.parallel || self.countersign {
                FormatArgument::Cades
            } else if self.inputs.iter().all(office) {
                FormatArgument::Ooxml
            } else {
                FormatArgument::Pades
            }
        };
        self.format.unwrap_or_else(usual)
    }
}

/// Baseline levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LevelArgument {
    /// B-B
    B,
    /// B-T
    T,
    /// B-LT
    Lt,
    /// B-LTA
    Lta,
}

impl From<LevelArgument> for Level {
    fn from(level: LevelArgument) -> Self {
        match level {
            LevelArgument::B => Self::BB,
            LevelArgument::T => Self::BT,
            LevelArgument::Lt => Self::BLT,
            LevelArgument::Lta => Self::BLTA,
        }
    }
}

/// RSA signature schemes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PaddingArgument {
    /// RSASSA-PKCS1-v1_5
    Pkcs1,
    /// RSASSA-PSS
    Pss,
}

/// A page by its number or `last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageArgument(u32);

impl std::str::FromStr for PageArgument {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "last" => Ok(Self(0)),
            text => text.parse::<std::num::NonZeroU32>().map(|page| Self(page.get())),
        }
    }
}

/// What a certified document still takes (DocMDP).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CertifyArgument {
    /// P = 1
    #[value(name = "1", alias = "nothing")]
    Nothing,
    /// P = 2
    #[value(name = "2", alias = "forms")]
    Forms,
    /// P = 3
    #[value(name = "3", alias = "comments")]
    Comments,
}

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
    let appearance = appearance(&arguments, shell)?;
    let outputs = Outputs::plan(&arguments.inputs, &arguments.out, extension)?;
    check_content(&arguments, &outputs)?;
    outputs.check_writable()?;
    let holdings = Arc::new(Holdings::with_quota(u64::MAX));
    let documents = arguments
        .inputs
        .iter()
        .map(|input| hold(&holdings, input, arguments.content.as_deref(), format))
        .collect::<Result<_, _>>()?;
    let call = SignDocuments {
        documents,
        format,
        certificate: None,
        padding: arguments.padding.map(|padding| match padding {
            PaddingArgument::Pkcs1 => RsaPadding::Pkcs1,
            PaddingArgument::Pss => RsaPadding::Pss,
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
        on_error: OnError::default(),
        idempotency_key: None,
    };
    let prompter = ShellPrompter::new(arguments.cert, arguments.pin.source(shell)?)
        .despite_changes(arguments.despite_changes);
    let context = Arc::new(crate::service::shell_context(shell, Arc::new(prompter))?);
    let signed = match sign(&context, &holdings, call.clone(), shell).await {
        // A token may show its certificates only after login.
        Err(error) if error.is(ErrorCode::NoCertificate) && reveal(&arguments.pin, shell).await? => {
            sign(&context, &holdings, call, shell).await?
        }
        outcome => outcome?,
    };
    let raising = Raising {
        level: arguments.level.into(),
        content: arguments.content.as_deref(),
        tsa: arguments.tsa.as_deref(),
        queue: arguments.queue,
        network: &context.network,
    };
    keep(&signed, &arguments.inputs, &outputs, &holdings, &raising, shell).await
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
        let raised = match signed.appended() {
            Some((base, tail)) => {
                let form = PdfEnd {
                    base: Arc::new(base.clone()),
                };
                let raised = augment::raise(tail.to_vec(), &form, self.level, &network, shell).await;
                raised.map(|tail| documents.seal_around(Vec::new(), base, tail, None))
            }
            None => {
                let bytes = signed.bytes().map_err(|error| failed(error.to_string()))?;
                let form = Whole {
                    content: Some(self.content.unwrap_or(input).to_owned()),
                };
                let raised = augment::raise(bytes, &form, self.level, &network, shell).await;
                raised.map(|raised| documents.seal(&raised, None))
            }
        };
        match raised {
            Ok(raised) => raised.map(Some).map_err(|error| failed(error.to_string())),
            Err(RaiseError::Network(_)) if self.queue => Ok(None),
            Err(error) => Err(augment::failed(&error)),
        }
    }

    /// Remembers a result that waits.
    fn wait(&self, output: &Path, input: &Path, shell: &Shell) -> Result<(), CliError> {
        let queue = Queue::new(shell.places.queue_folder());
        queue
            .add(output, Some(self.content.unwrap_or(input)), self.level, self.tsa)
            .map_err(|error| {
                CliError::failed("queue-failed", self::arguments([("reason", error.to_string())]))
            })
    }
}

/// The format on the wire; what does not go together is misuse.
fn format(arguments: &SignArguments) -> Result<SignatureFormat, CliError> {
    let misuse = |key| Err(CliError::misuse(key, self::arguments([])));
    let format = arguments.format();
    let can_be_detached = matches!(format, FormatArgument::Cades | FormatArgument::Xades);
    match format {
        FormatArgument::Pades if arguments.detached => return misuse("sign-detached-pdf"),
        other if (arguments.parallel || arguments.countersign) && other != FormatArgument::Cades => {
            return misuse("sign-not-further");
        }
        _ if arguments.detached && !can_be_detached => return misuse("sign-not-detached"),
        other if arguments.enveloping && other != FormatArgument::Xades => {
            return misuse("sign-not-enveloping");
        }
        other if arguments.template.is_some() && other != FormatArgument::Xmldsig => {
            return misuse("sign-template-format");
        }
        _ => {}
    }
    Ok(match format {
        FormatArgument::Pades => SignatureFormat::Pades,
        FormatArgument::Cades if arguments.detached => SignatureFormat::CadesDetached,
        FormatArgument::Cades if arguments.parallel => SignatureFormat::CadesParallel,
        FormatArgument::Cades if arguments.countersign => SignatureFormat::CadesCounter,
        FormatArgument::Cades => SignatureFormat::CadesAttached,
        FormatArgument::Xades if arguments.detached => SignatureFormat::XadesDetached,
        FormatArgument::Xades if arguments.enveloping => SignatureFormat::XadesEnveloping,
        FormatArgument::Xades => SignatureFormat::XadesEnveloped,
        FormatArgument::Xmldsig => SignatureFormat::Xmldsig,
        FormatArgument::Jades => SignatureFormat::JadesCompact,
        FormatArgument::JadesJson => SignatureFormat::JadesJson,
        FormatArgument::AsicE => SignatureFormat::AsicE,
        FormatArgument::AsicECades => SignatureFormat::AsicECades,
        FormatArgument::AsicS => SignatureFormat::AsicS,
        FormatArgument::AsicSCades => SignatureFormat::AsicSCades,
        FormatArgument::Ooxml => SignatureFormat::Ooxml,
    })
}

/// What is put behind an input's name, where the result is not of the input's kind.
const fn extension(format: SignatureFormat) -> Option<&'static str> {
    match format {
        SignatureFormat::Pades
        | SignatureFormat::CadesParallel
        | SignatureFormat::CadesCounter
        | SignatureFormat::XadesEnveloped
        | SignatureFormat::Xmldsig
        | SignatureFormat::Ooxml => None,
        SignatureFormat::CadesAttached => Some("p7m"),
        SignatureFormat::CadesDetached => Some("p7s"),
        SignatureFormat::XadesEnveloping | SignatureFormat::XadesDetached => Some("xml"),
        SignatureFormat::JadesCompact => Some("jws"),
        SignatureFormat::JadesJson => Some("json"),
        SignatureFormat::AsicE | SignatureFormat::AsicECades => Some("asice"),
        SignatureFormat::AsicS | SignatureFormat::AsicSCades => Some("asics"),
    }
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
    let caller = Caller {
        channel: Channel::Shell,
        holdings: Arc::clone(holdings),
        report,
        commitment: Arc::default(),
    };
    match jobs::run(context, caller, Job::SignDocuments(call)).await {
        Ok(Reply::Documents(signed)) => Ok(signed),
        Ok(_) => Err(CliError::wire(
            Exit::Failed,
            error_object(ErrorCode::Internal, None),
        )),
        Err(error) => Err(failed(&error)),
    }
}

/// A refusal is an answer; a machine that does not do its part is a failure.
pub(super) fn failed(error: &JobError) -> CliError {
    if let JobError::Ask(AskError::NoPin(none)) = error {
        return no_pin(none);
    }
    if let JobError::Ask(AskError::Altered(names)) = error {
        return CliError::refused("sign-altered", arguments([("files", names.join("; "))]));
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
        | ErrorCode::NotAllowed => Exit::No,
        ErrorCode::BadRequest => Exit::Misuse,
        _ => Exit::Failed,
    };
    CliError::wire(exit, object)
}

/// From this size on, in bytes, a file stays where it is, and is read in pieces.
const LARGE: u64 = 1 << 20;

/// The largest file of which a signature takes only the digest, in bytes.
const MAX_STREAMED: u64 = 1 << 40;

fn hold(
    holdings: &Holdings,
    input: &Path,
    content: Option<&Path>,
    format: SignatureFormat,
) -> Result<DocumentRef, CliError> {
    let limit = match format {
        SignatureFormat::CadesAttached | SignatureFormat::CadesDetached => MAX_STREAMED,
        // One that was signed before may have grown past the largest that a page can send.
        SignatureFormat::Pades => Limits::default().document as u64,
        _ => MAX_DOCUMENT,
    };
    let mut sealed = seal(holdings, input, limit)?;
    if let Some(content) = content {
        sealed = sealed.with_content(&seal(holdings, content, MAX_STREAMED)?);
    }
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
    let file = std::fs::File::open(input).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    // What is no regular file has no size, and can be read only once.
    if about.is_file() && (LARGE..=limit).contains(&about.len()) {
        return Sealed::of_file(file).map_err(failed);
    }
    let bytes = read_document(input)?;
    let sealed = holdings.documents().seal(&bytes, None);
    sealed.map_err(|error| failed(std::io::Error::other(error.to_string())))
}

/// Writes what was signed, tells what was not.
async fn keep(
    signed: &SignedDocuments,
    inputs: &[PathBuf],
    outputs: &Outputs,
    holdings: &Holdings,
    raising: &Raising<'_>,
    shell: &Shell,
) -> Result<(), CliError> {
    let mut told: Vec<Value> = Vec::with_capacity(inputs.len());
    let mut lines = String::new();
    let mut all = true;
    for ((document, input), output) in signed.documents.iter().zip(inputs).zip(outputs.iter()) {
        match document {
            SignedDocument::Signed { sha256, size, .. } => {
                let found = holdings
                    .documents()
                    .find(sha256, *size)
                    .map_err(|error| error.to_string());
                let signed = found.map_err(|reason| {
                    CliError::file("cli-unreadable", output, &std::io::Error::other(reason))
                })?;
                // At level B-B first: a signature that cost a PIN is not lost to a network that fails.
                output::write_with(output, |file| signed.write_to(file))?;
                let raised = raising.raise(&signed, holdings, input, shell).await?;
                let waits = raised.is_none();
                if waits {
                    raising.wait(output, input, shell)?;
                    shell.note(
                        "sign-queued",
                        &arguments([("file", output.display().to_string())]),
                    );
                }
                let kept = raised.unwrap_or_else(|| signed.clone());
                if kept.sha256() != sha256 {
                    output::write_with(output, |file| kept.write_to(file))?;
                }
                let (sha256, size) = (kept.sha256(), kept.size());
                told.push(json!({
                    "input": input, "output": output, "sha256": sha256, "size": size, "waits_for_time_stamp": waits,
                }));
                lines += &shell.text("sign-done", &arguments([("file", output.display().to_string())]));
            }
            SignedDocument::Failed { error, .. } => {
                all = false;
                told.push(json!({ "input": input, "error": error.data }));
                let reason = error.data.message.text(shell.language).to_owned();
                let values = [("file", input.display().to_string()), ("reason", reason)];
                lines += &format!(
                    "{}\n  {}",
                    shell.text("sign-failed", &arguments(values)),
                    error.data.remedy.text(shell.language)
                );
            }
        }
        lines.push('\n');
    }
    shell.answer(
        &json!({ "documents": told, "certificate": signed.certificate }),
        || lines,
    );
    if all {
        Ok(())
    } else {
        Err(CliError::answered(Exit::No))
    }
}

/// What the arguments say of it. A field that is there shows who signed it unless another look is asked for.
fn appearance(arguments: &SignArguments, shell: &Shell) -> Result<Option<Appearance>, CliError> {
    if arguments.appearance.is_none() && arguments.field.is_none() {
        return Ok(None);
    }
    let rectangle = arguments.rectangle.as_ref().map(|text| {
        rectangle(text)
            .ok_or_else(|| CliError::misuse("sign-bad-rectangle", self::arguments([("value", text.clone())])))
    });
    let mut values = BTreeMap::new();
    for text in &arguments.value {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| CliError::misuse("sign-bad-value", self::arguments([("value", text.clone())])))?;
        values.insert(name.trim().to_owned(), value.to_owned());
    }
    let image = arguments.image.as_deref().map(picture).transpose()?;
    Ok(Some(Appearance {
        preset: arguments.appearance.clone(),
        page: arguments.page.map(|page| page.0),
        rectangle: rectangle.transpose()?,
        keyword: arguments.at_keyword.clone(),
        image,
        qr: arguments.qr.clone(),
        values,
        language: shell.language,
    }))
}

/// A picture's file as the call wants it.
fn picture(path: &Path) -> Result<String, CliError> {
    let failed = |error: std::io::Error| CliError::file("cli-unreadable", path, &error);
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_IMAGE as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(base64::engine::general_purpose::STANDARD.encode(bytes))
}

fn rectangle(text: &str) -> Option<[f32; 4]> {
    let numbers: Vec<f32> = text
        .split(',')
        .map(|part| part.trim().parse().ok())
        .collect::<Option<_>>()?;
    let corners: [f32; 4] = numbers.try_into().ok()?;
    let [x1, y1, x2, y2] = corners;
    (corners.iter().all(|number| number.is_finite()) && x1 < x2 && y1 < y2).then_some(corners)
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

#[cfg(test)]
mod tests {
    use super::rectangle;

    #[test]
    fn a_rectangle_has_four_numbers_in_order() {
        assert_eq!(rectangle("1, 2,3.5,4"), Some([1.0, 2.0, 3.5, 4.0]));
        for bad in [
            "",
            "1,2,3",
            "1,2,3,4,5",
            "a,2,3,4",
            "3,2,1,4",
            "1,4,3,2",
            "1,2,inf,4",
            "NaN,2,3,4",
        ] {
            assert_eq!(rectangle(bad), None, "{bad}");
        }
    }
}
