//! The arguments of `trien sign`, and which of them go together.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use trien_protocol::call::SignatureFormat;
use trien_signatures::report::Level;

use crate::cli::CliError;
use crate::cli::pin::PinArguments;

/// Of `trien sign`.
#[derive(Debug, Args)]
pub struct SignArguments {
    /// What is signed.
    #[arg(required = true, value_name = "IN")]
    pub inputs: Vec<PathBuf>,
    /// File, or folder for several.
    #[arg(long, value_name = "FILE|DIR")]
    pub out: PathBuf,
    /// What is there is replaced without a question.
    #[arg(long)]
    pub force: bool,
    /// Signature format; by the names of the inputs where it is not said.
    #[arg(long, value_enum)]
    pub format: Option<FormatArgument>,
    /// Baseline level.
    #[arg(long, value_enum, default_value_t = LevelArgument::B)]
    pub level: LevelArgument,
    /// Who stamps the time.
    #[arg(long, value_name = "URL", requires = "level")]
    pub tsa: Option<String>,
    /// Offline, the level is raised later.
    #[arg(long, requires = "level")]
    pub queue: bool,
    /// Which certificate.
    #[arg(long, value_name = "SELECTOR")]
    pub cert: Option<String>,
    /// Scheme of RSA keys; what the token makes, if none is named.
    #[arg(long, value_enum)]
    pub padding: Option<PaddingArgument>,
    /// Hash function; the one that fits the key, if none is named.
    #[arg(long, value_enum)]
    pub hash: Option<HashArgument>,
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
    /// What becomes of the others when one cannot be signed.
    #[arg(long, value_enum, default_value_t = OnErrorArgument::GoOn)]
    pub on_error: OnErrorArgument,
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

/// What becomes of the other files when one cannot be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnErrorArgument {
    /// They are signed
    GoOn,
    /// They are not
    Stop,
}

/// RSA signature schemes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PaddingArgument {
    /// RSASSA-PKCS1-v1_5
    Pkcs1,
    /// RSASSA-PSS
    Pss,
}

/// Hash functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HashArgument {
    /// SHA-256
    Sha256,
    /// SHA-384
    Sha384,
    /// SHA-512
    Sha512,
}

/// A page by its number or `last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageArgument(pub(super) u32);

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

/// The format on the wire; what does not go together is misuse.
pub(super) fn format(arguments: &SignArguments) -> Result<SignatureFormat, CliError> {
    let misuse = |key| Err(CliError::misuse(key, crate::language::arguments([])));
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
pub(super) const fn extension(format: SignatureFormat) -> Option<&'static str> {
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
