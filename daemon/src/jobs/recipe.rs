//! How each document of a request is prepared: everything that its format needs but its bytes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use trien_protocol::call::{self, SignDocuments, SignatureFormat};
use trien_protocol::limits::{MAX_ADDED, MAX_DOCUMENT, MAX_LOCKED, MAX_TEXT};
use trien_protocol::prompt::ShownSignature;
use trien_signatures::algorithm::{Hash, PublicKeyKind, RsaPadding, SignatureAlgorithm, SignatureValue};
use trien_signatures::asic::{self, AsicRequest, File, Inside, Kind, PreparedAsic};
use trien_signatures::cades::{
    self, CadesRequest, Container, FurtherError, FurtherRequest, PreparedCades, PreparedFurther,
};
use trien_signatures::certificate::Certificate;
use trien_signatures::cms::{ATTRIBUTES_BEGIN, FormatError, PrepareError, begins_like_signed_attributes};
use trien_signatures::jades::{self, JadesRequest, PreparedJades, Serialization};
use trien_signatures::ooxml::{self, OoxmlRequest, PreparedOoxml};
use trien_signatures::pades::{self, Allowed, AppendedPades, Drawings, FieldChoice, FieldLock, PadesRequest};
use trien_signatures::signing::{FinishError, Prepared, Rehearse};
use trien_signatures::xades::{self, Packaging, XadesRequest};
use trien_signatures::xmldsig::{self, PreparedXml, Template, XmlDsigRequest};

use super::JobError;
use super::appearance::Appearance;
use super::augment::{MAX_RAISED_JWS, MAX_RAISED_ZIP};
use super::documents::{Changed, Sealed};
use super::error::{Argument, Fault};
use super::read_back;
use crate::tokens::RsaSchemes;

/// The part of a request that is the same for each document, with the signer's certificate.
#[derive(Debug, Clone)]
pub(super) struct Recipe {
    format: SignatureFormat,
    /// Whether the level of what is signed is raised.
    raised: bool,
    /// Whether that takes more than what goes into the signature itself.
    goes_on: bool,
    signer: Certificate,
    chain: Vec<Certificate>,
    algorithm: SignatureAlgorithm,
    reason: Option<String>,
    location: Option<String>,
    appearance: Option<Appearance>,
    drawings: Arc<Drawings>,
    field: Option<String>,
    certify: Option<Allowed>,
    lock: Option<FieldLock>,
    /// There for XML-DSig.
    template: Option<Template>,
}

/// What a request names, read once for all its documents.
#[derive(Debug, Clone, Default)]
pub(super) struct Data {
    /// There for XML-DSig.
    pub(super) template: Option<Template>,
    /// There for what is seen.
    pub(super) appearance: Option<Appearance>,
    pub(super) drawings: Arc<Drawings>,
}

/// A document between *prepare* and *finish*.
pub(super) enum PreparedDocument {
    Pades(Box<AppendedPades>),
    Cades(Box<PreparedCades>),
    /// The content, of so many bytes, comes into it.
    CadesAttached(Box<PreparedCades>, u64),
    /// In a signature that is there, which may hold its content.
    Further(Box<PreparedFurther>, Option<Box<Enclosed>>),
    Xml(Box<PreparedXml>),
    Jades(Box<PreparedJades>),
    Asic(Box<PreparedAsic>),
    Ooxml(Box<PreparedOoxml>),
}

/// What a signature makes of a document.
pub(super) enum Made {
    /// Something of its own.
    Whole(Vec<u8>),
    /// The document as it was, with this before it and behind.
    Around { head: Vec<u8>, tail: Vec<u8> },
    /// What the document holds, with something else around it.
    Anew {
        head: Vec<u8>,
        content: Sealed,
        tail: Vec<u8>,
    },
}

/// What a CMS holds, and where it stands there.
pub(super) struct Enclosed {
    container: Container,
    content: Sealed,
}

/// Of documents whose sort nobody told.
const MEDIA_TYPE: &str = "application/octet-stream";

/// Refuses parameters that cannot be right, before anything else is done.
pub(super) fn check(call: &SignDocuments) -> Result<(), JobError> {
    let texts = [("reason", &call.reason), ("location", &call.location)];
    for (name, value) in texts {
        if value
            .as_ref()
            .is_some_and(|value| value.chars().count() > MAX_TEXT)
        {
            return Err(JobError::TooLarge(format!(
                "{name}: more than {MAX_TEXT} characters"
            )));
        }
    }
    let for_pdf = call.appearance.is_some()
        || [&call.location, &call.field].iter().any(|text| text.is_some())
        || call.certify.is_some()
        || call.lock.is_some();
    if for_pdf && call.format != SignatureFormat::Pades {
        return Err(Argument::PdfOnly.into());
    }
    if call.reason.is_some() && !matches!(call.format, SignatureFormat::Pades | SignatureFormat::Ooxml) {
        return Err(Argument::NoReason.into());
    }
    if call.content.is_some() && (call.format != SignatureFormat::CadesParallel || call.documents.len() != 1)
    {
        let what = "content: for one more signature beside one that stands alone";
        return Err(JobError::BadRequest(what.into()));
    }
    if call.template.is_some() && call.format != SignatureFormat::Xmldsig {
        return Err(JobError::BadRequest("template: for XML-DSig only".into()));
    }
    let long = |name: &String| name.chars().count() > MAX_TEXT;
    let locked = call.lock.as_deref().unwrap_or_default();
    if locked.len() > MAX_LOCKED || locked.iter().chain(&call.field).any(long) {
        return Err(JobError::TooLarge("field, lock: too many or too long".to_owned()));
    }
    let placed = |appearance: &call::Appearance| {
        appearance.page.is_some() || appearance.rectangle.is_some() || appearance.keyword.is_some()
    };
    if call.field.is_some() && call.appearance.as_ref().is_some_and(placed) {
        let what = "appearance: a field has a place of its own";
        return Err(JobError::BadRequest(what.into()));
    }
    Ok(())
}

/// The template of a request: one of the user's, else one that is built in. A name is a name, never a path.
pub(super) fn template(call: &SignDocuments, folder: &Path) -> Result<Option<Template>, JobError> {
    if call.format != SignatureFormat::Xmldsig {
        return Ok(None);
    }
    let name = call.template.as_deref().unwrap_or("general");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        return Err(Argument::Template(Fault::Name).into());
    }
    let own = folder.join(format!("{name}.toml"));
    match std::fs::read_to_string(&own) {
        Ok(text) => Ok(Some(Template::read(&text)?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Template::named(name).map(Some).ok_or_else(|| {
                let known: Vec<_> = Template::names().collect();
                Argument::NoTemplate(known.join(", ")).into()
            })
        }
        Err(error) => Err(Argument::Template(error.into()).into()),
    }
}

/// What of it the person must see, because [`Recipe`] has it signed.
pub(super) fn shown(call: &SignDocuments) -> ShownSignature {
    ShownSignature {
        format: call.format,
        reason: call.reason.clone(),
        location: call.location.clone(),
        visible: call.appearance.is_some(),
        certify: call.certify,
        locks: call.lock.is_some(),
    }
}

/// How much more is held, in bytes, when a document of this size is signed. What is put around a document, or beside it,
/// does not hold it once more.
pub(super) fn added(call: &SignDocuments, size: u64) -> u64 {
    let own = match call.format {
        SignatureFormat::Pades => {
            let image = call
                .appearance
                .as_ref()
                .and_then(|appearance| appearance.image.as_ref());
            image.map_or(0, |image| image.len() as u64)
        }
        SignatureFormat::CadesAttached | SignatureFormat::CadesDetached | SignatureFormat::XadesDetached => 0,
        // base64
        SignatureFormat::XadesEnveloping | SignatureFormat::JadesCompact | SignatureFormat::JadesJson => {
            size.saturating_add(size / 3)
        }
        SignatureFormat::CadesParallel
        | SignatureFormat::CadesCounter
        | SignatureFormat::XadesEnveloped
        | SignatureFormat::Xmldsig
        | SignatureFormat::AsicE
        | SignatureFormat::AsicECades
        | SignatureFormat::AsicS
        | SignatureFormat::AsicSCades
        | SignatureFormat::Ooxml => size,
    };
    own.saturating_add(MAX_ADDED)
}

/// How large, in bytes, the result is at least that a document of this size goes into.
fn made_of(format: SignatureFormat, size: u64) -> u64 {
    match format {
        SignatureFormat::XadesEnveloping | SignatureFormat::JadesCompact | SignatureFormat::JadesJson => {
            size.saturating_add(size / 3)
        }
        SignatureFormat::XadesDetached => 0,
        _ => size,
    }
}

/// How large, in bytes, a signed document may be whose level is raised.
const fn largest_raised(format: SignatureFormat) -> u64 {
    match format {
        SignatureFormat::JadesCompact | SignatureFormat::JadesJson => MAX_RAISED_JWS,
        SignatureFormat::Ooxml => MAX_RAISED_ZIP,
        // Of these, what is signed is not held.
        SignatureFormat::CadesParallel | SignatureFormat::CadesCounter => u64::MAX,
        _ => MAX_DOCUMENT,
    }
}

/// The scheme a certificate's key signs documents with: padding and hash function asked for, else of those that its
/// token makes, and that fit the key.
pub(super) fn algorithm(
    certificate: &Certificate,
    (padding, hash): (Option<call::RsaPadding>, Option<call::HashAlgorithm>),
    offered: RsaSchemes,
) -> Result<SignatureAlgorithm, JobError> {
    let key = certificate.public_key();
    let hash = match (hash, key) {
        (Some(asked), _) => super::sign_digest::hash(asked),
        // The one that is as strong as the curve (FIPS 186-5, 6.1.1).
        (None, PublicKeyKind::P384) => Hash::Sha384,
        (None, PublicKeyKind::P521) => Hash::Sha512,
        (None, _) => Hash::Sha256,
    };
    SignatureAlgorithm::for_key(key, rsa_padding(padding, offered), hash)
        .map_err(|_| JobError::CertificateUnsuitable)
}

pub(super) fn rsa_padding(padding: Option<call::RsaPadding>, offered: RsaSchemes) -> RsaPadding {
    match padding {
        Some(call::RsaPadding::Pss) => RsaPadding::Pss,
        Some(call::RsaPadding::Pkcs1) => RsaPadding::Pkcs1,
        None => offered.usual(),
    }
}

impl Recipe {
    pub(super) fn new(
        call: &SignDocuments,
        (signer, offered): (Certificate, RsaSchemes),
        chain: Vec<Certificate>,
        data: Data,
    ) -> Result<Self, JobError> {
        Ok(Self {
            format: call.format,
            raised: call.level.is_some_and(|level| level != call::Level::BB),
            goes_on: call.level.is_some_and(|level| level > call::Level::BT),
            algorithm: algorithm(&signer, (call.padding, call.hash), offered)?,
            signer,
            chain,
            reason: call.reason.clone(),
            location: call.location.clone(),
            appearance: data.appearance,
            drawings: data.drawings,
            template: data.template,
            field: call.field.clone(),
            certify: call.certify.map(|certify| match certify {
                call::Certification::Nothing => Allowed::Nothing,
                call::Certification::Forms => Allowed::Signing,
                call::Certification::Comments => Allowed::Comments,
            }),
            lock: call.lock.as_ref().map(|names| match names.as_slice() {
                [] => FieldLock::All,
                names => FieldLock::Include(names.to_vec()),
            }),
        })
    }

    /// Finds out whether a document can be prepared, as far as that needs no hash of all of it; and, of what is held whole,
    /// whether what becomes of it can be verified.
    pub(super) fn rehearse(
        &self,
        name: &str,
        document: &Sealed,
        signing_time: OffsetDateTime,
    ) -> Result<(), JobError> {
        match self.format {
            SignatureFormat::Pades => {
                self.pades(signing_time, |request| pades::check(document, request))?;
                Ok(())
            }
            SignatureFormat::CadesAttached | SignatureFormat::CadesDetached => {
                self.cades(document, vec![0; self.algorithm.hash().len()], signing_time)?;
                Ok(())
            }
            _ => {
                let further = matches!(
                    self.format,
                    SignatureFormat::CadesParallel | SignatureFormat::CadesCounter
                );
                // Its content is not held.
                let made_of = made_of(self.format, document.size());
                if !further && made_of > MAX_DOCUMENT {
                    return Err(read_back::too_large());
                }
                if self.raised && made_of > largest_raised(self.format) {
                    let limit = largest_raised(self.format) / (1024 * 1024);
                    return Err(JobError::TooLarge(format!(
                        "no signed document of more than {limit} MiB is raised in this format"
                    )));
                }
                let made = match self.prepare(name, document, signing_time) {
                    // By then it is another second: see [`Self::prepare_now`].
                    Err(JobError::Further(FurtherError::AlreadySigned)) => None,
                    prepared => prepared?.rehearse()?,
                };
                let Some(made) = made else {
                    return Ok(());
                };
                let bytes = || document.bytes().map_err(unreadable);
                let content = match self.format {
                    SignatureFormat::XadesDetached => Some(bytes()?),
                    _ => None,
                };
                read_back::check(made, content.as_deref(), bytes, signing_time)
            }
        }
    }

    /// Prepares one document as of now. Where the same signer has signed the same at this very second, the next one is
    /// waited for: a signature without any chance in it would be the same once more, which no verification takes for two.
    pub(super) fn prepare_now(&self, name: &str, document: &Sealed) -> Result<PreparedDocument, JobError> {
        let now = OffsetDateTime::now_utc();
        match self.prepare(name, document, now) {
            Err(JobError::Further(FurtherError::AlreadySigned)) => {
                let spent = Duration::from_nanos(now.nanosecond().into());
                std::thread::sleep(Duration::from_secs(1).saturating_sub(spent));
                self.prepare(name, document, OffsetDateTime::now_utc())
            }
            prepared => prepared,
        }
    }

    /// Prepares one document. Where a signature names what it is about, it is this name.
    pub(super) fn prepare(
        &self,
        name: &str,
        document: &Sealed,
        signing_time: OffsetDateTime,
    ) -> Result<PreparedDocument, JobError> {
        let bytes = || document.bytes().map_err(unreadable);
        match self.format {
            // However large these are, little of them is in memory.
            SignatureFormat::Pades => {
                let prepared = self.pades(signing_time, |request| {
                    pades::prepare_append(document, Some(document.begun()), request)
                })?;
                Ok(PreparedDocument::Pades(Box::new(prepared)))
            }
            SignatureFormat::CadesAttached | SignatureFormat::CadesDetached => {
                let digest = document.digest(self.algorithm.hash()).map_err(unreadable)?;
                let prepared = Box::new(self.cades(document, digest, signing_time)?);
                Ok(match self.format {
                    SignatureFormat::CadesAttached => {
                        PreparedDocument::CadesAttached(prepared, document.size())
                    }
                    _ => PreparedDocument::Cades(prepared),
                })
            }
            SignatureFormat::CadesParallel | SignatureFormat::CadesCounter => {
                self.further(document, signing_time)
            }
            SignatureFormat::XadesEnveloped
            | SignatureFormat::XadesEnveloping
            | SignatureFormat::XadesDetached => self.xades(name, bytes()?, signing_time),
            SignatureFormat::Xmldsig => self.xmldsig(bytes()?, signing_time),
            SignatureFormat::JadesCompact => self.jades(Serialization::Compact, &bytes()?, signing_time),
            SignatureFormat::JadesJson => self.jades(Serialization::Json, &bytes()?, signing_time),
            SignatureFormat::AsicE => self.asic(Kind::Extended, Inside::Xades, name, &bytes()?, signing_time),
            SignatureFormat::AsicECades => {
                self.asic(Kind::Extended, Inside::Cades, name, &bytes()?, signing_time)
            }
            SignatureFormat::AsicS => self.asic(Kind::Simple, Inside::Xades, name, &bytes()?, signing_time),
            SignatureFormat::AsicSCades => {
                self.asic(Kind::Simple, Inside::Cades, name, &bytes()?, signing_time)
            }
            SignatureFormat::Ooxml => self.ooxml(&bytes()?, signing_time),
        }
    }

    fn pades<T>(
        &self,
        signing_time: OffsetDateTime,
        work: impl FnOnce(&PadesRequest<'_>) -> Result<T, pades::PadesError>,
    ) -> Result<T, JobError> {
        let appearance = self.appearance(signing_time);
        let request = PadesRequest {
            chain: &self.chain,
            reason: self.reason.as_deref(),
            location: self.location.as_deref(),
            appearance: appearance.as_ref(),
            drawings: Some(&self.drawings),
            field: match &self.field {
                Some(name) => FieldChoice::Existing(name),
                None => FieldChoice::New(None),
            },
            certify: self.certify,
            lock: self.lock.as_ref(),
            // Whoever signs at B-B today may raise it later: without room, the time-stamp has to be one of the document,
            // which other validators do not take for the signature's own.
            extra_room: pades::TIME_STAMP_ROOM,
            goes_on: self.goes_on,
            ..PadesRequest::new(&self.signer, self.algorithm, signing_time)
        };
        Ok(work(&request)?)
    }

    fn cades(
        &self,
        document: &Sealed,
        digest: Vec<u8>,
        signing_time: OffsetDateTime,
    ) -> Result<PreparedCades, JobError> {
        no_signed_attributes(document)?;
        let request = CadesRequest {
            content: &[],
            detached: true,
            signer: &self.signer,
            chain: &self.chain,
            algorithm: self.algorithm,
            signing_time,
        };
        Ok(cades::prepare_digest(&request, digest)?)
    }

    /// In the signature that a document is, read without what it holds.
    fn further(&self, document: &Sealed, signing_time: OffsetDateTime) -> Result<PreparedDocument, JobError> {
        let container = Container::open(&mut document.reader()).map_err(no_signature)?;
        let signed = container.skeleton();
        let inside = container.pieces().map(|pieces| Sealed::part(document, pieces));
        let inside = inside.transpose().map_err(unreadable)?;
        let request = FurtherRequest {
            signer: &self.signer,
            chain: &self.chain,
            algorithm: self.algorithm,
            signing_time,
        };
        let prepared = match self.format {
            SignatureFormat::CadesParallel => {
                if inside.is_some() && document.content().is_some() {
                    return Err(FurtherError::OtherContent.into());
                }
                let digest = inside.clone().or_else(|| document.content()).map(|content| {
                    no_signed_attributes(&content)?;
                    content.digest(self.algorithm.hash()).map_err(unreadable)
                });
                cades::prepare_parallel(signed, digest.transpose()?, &request)?
            }
            // Signers are a set: which of several is meant, no place among them says.
            _ if cades::signers(signed).is_ok_and(|signers| signers > 1) => {
                return Err(Argument::SeveralSignatures.into());
            }
            _ => cades::prepare_counter(signed, 0, &request)?,
        };
        // It was read in pieces, of which each has to be of the same file.
        if document.is_written_to() {
            return Err(JobError::Changed(Changed));
        }
        let enclosed = inside.map(|content| Box::new(Enclosed { container, content }));
        Ok(PreparedDocument::Further(Box::new(prepared), enclosed))
    }

    fn xades(
        &self,
        name: &str,
        bytes: Vec<u8>,
        signing_time: OffsetDateTime,
    ) -> Result<PreparedDocument, JobError> {
        let packaging = match self.format {
            SignatureFormat::XadesEnveloping => Packaging::Enveloping {
                content: &bytes,
                media_type: MEDIA_TYPE,
            },
            SignatureFormat::XadesDetached => Packaging::Detached {
                content: &bytes,
                name,
                media_type: MEDIA_TYPE,
            },
            _ => Packaging::Enveloped(bytes),
        };
        let request = XadesRequest {
            signer: &self.signer,
            chain: &self.chain,
            algorithm: self.algorithm,
            signing_time,
        };
        Ok(PreparedDocument::Xml(Box::new(xades::prepare(
            packaging, &request,
        )?)))
    }

    fn xmldsig(&self, bytes: Vec<u8>, signing_time: OffsetDateTime) -> Result<PreparedDocument, JobError> {
        let template = self.template.as_ref();
        let request = XmlDsigRequest {
            template: template.ok_or_else(|| JobError::Internal("no template".into()))?,
            signer: &self.signer,
            chain: &self.chain,
            algorithm: self.algorithm,
            signing_time,
        };
        Ok(PreparedDocument::Xml(Box::new(xmldsig::prepare(
            bytes, &request,
        )?)))
    }

    fn jades(
        &self,
        serialization: Serialization,
        content: &[u8],
        signing_time: OffsetDateTime,
    ) -> Result<PreparedDocument, JobError> {
        let request = JadesRequest {
            content,
            detached: false,
            serialization,
            signer: &self.signer,
            chain: &self.chain,
            algorithm: self.algorithm,
            signing_time,
        };
        Ok(PreparedDocument::Jades(Box::new(jades::prepare(&request)?)))
    }

    fn asic(
        &self,
        kind: Kind,
        inside: Inside,
        name: &str,
        bytes: &[u8],
        signing_time: OffsetDateTime,
    ) -> Result<PreparedDocument, JobError> {
        let files = [File {
            name,
            bytes,
            media_type: MEDIA_TYPE,
        }];
        let request = AsicRequest {
            kind,
            inside,
            files: &files,
            signer: &self.signer,
            chain: &self.chain,
            algorithm: self.algorithm,
            signing_time,
        };
        Ok(PreparedDocument::Asic(Box::new(asic::prepare(&request)?)))
    }

    fn ooxml(&self, bytes: &[u8], signing_time: OffsetDateTime) -> Result<PreparedDocument, JobError> {
        let request = OoxmlRequest {
            signer: &self.signer,
            chain: &self.chain,
            algorithm: self.algorithm,
            signing_time,
            reason: self.reason.as_deref(),
        };
        Ok(PreparedDocument::Ooxml(Box::new(ooxml::prepare(
            bytes, &request,
        )?)))
    }

    /// In a field that is there, its own place is meant.
    fn appearance(&self, at: OffsetDateTime) -> Option<pades::Appearance> {
        let appearance = self.appearance.as_ref()?;
        let reason = self.reason.as_deref();
        Some(match self.field {
            Some(_) => appearance.for_field(&self.signer, reason, at),
            None => appearance.of(&self.signer, reason, at),
        })
    }
}

impl PreparedDocument {
    pub(super) fn to_be_signed(&self) -> &[u8] {
        match self {
            Self::Pades(prepared) => prepared.to_be_signed(),
            Self::Cades(prepared) | Self::CadesAttached(prepared, _) => prepared.to_be_signed(),
            Self::Further(prepared, _) => prepared.to_be_signed(),
            Self::Xml(prepared) => prepared.to_be_signed(),
            Self::Jades(prepared) => prepared.to_be_signed(),
            Self::Asic(prepared) => prepared.to_be_signed(),
            Self::Ooxml(prepared) => prepared.to_be_signed(),
        }
    }

    pub(super) fn algorithm(&self) -> SignatureAlgorithm {
        match self {
            Self::Pades(prepared) => prepared.algorithm(),
            Self::Cades(prepared) | Self::CadesAttached(prepared, _) => prepared.algorithm(),
            Self::Further(prepared, _) => prepared.algorithm(),
            Self::Xml(prepared) => prepared.algorithm(),
            Self::Jades(prepared) => prepared.algorithm(),
            Self::Asic(prepared) => prepared.algorithm(),
            Self::Ooxml(prepared) => prepared.algorithm(),
        }
    }

    /// What it becomes, with zeros in place of the signature, where that is held whole.
    fn rehearse(self) -> Result<Option<Vec<u8>>, FinishError> {
        let made = match self {
            Self::Pades(_) | Self::Cades(_) | Self::CadesAttached(..) | Self::Further(..) => return Ok(None),
            Self::Xml(prepared) => prepared.rehearse(),
            Self::Jades(prepared) => prepared.rehearse(),
            Self::Asic(prepared) => prepared.rehearse(),
            Self::Ooxml(prepared) => prepared.rehearse(),
        };
        made.map(Some)
    }

    /// Checks the signature with the certificate's public key and puts it in.
    pub(super) fn finish(self, signature: SignatureValue) -> Result<Made, FinishError> {
        let whole = match self {
            Self::Pades(prepared) => {
                return prepared.finish(signature).map(|tail| Made::Around {
                    head: Vec::new(),
                    tail,
                });
            }
            Self::CadesAttached(prepared, length) => {
                let (head, tail) = prepared.finish_around(signature, length)?;
                return Ok(Made::Around { head, tail });
            }
            Self::Cades(prepared) => prepared.finish(signature),
            Self::Further(prepared, None) => prepared.finish(signature),
            Self::Further(prepared, Some(enclosed)) => {
                let signed = prepared.finish(signature)?;
                let Enclosed { container, content } = *enclosed;
                let around = container.around(&signed).map_err(|_| FinishError::BadSignature)?;
                let (head, tail) = around;
                return Ok(Made::Anew { head, content, tail });
            }
            Self::Xml(prepared) => prepared.finish(signature),
            Self::Jades(prepared) => prepared.finish(signature),
            Self::Asic(prepared) => prepared.finish(signature),
            Self::Ooxml(prepared) => prepared.finish(signature),
        };
        whole.map(Made::Whole)
    }
}

/// What could pass for the signed attributes of another signature is not signed.
fn no_signed_attributes(content: &Sealed) -> Result<(), JobError> {
    let size = content.size();
    let mut beginning = vec![
        0;
        usize::try_from(size)
            .unwrap_or(ATTRIBUTES_BEGIN)
            .min(ATTRIBUTES_BEGIN)
    ];
    content.read_exact_at(&mut beginning, 0).map_err(unreadable)?;
    if begins_like_signed_attributes(&beginning, size) {
        return Err(PrepareError::ContentIsSignedAttributes.into());
    }
    Ok(())
}

/// Of a document that should be a CMS.
fn no_signature(error: std::io::Error) -> JobError {
    match error.downcast::<FormatError>() {
        Ok(error) => FurtherError::Format(error).into(),
        Err(error) => unreadable(error),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "a function for map_err")]
fn unreadable(error: std::io::Error) -> JobError {
    match Changed::is_in(&error) {
        true => JobError::Changed(Changed),
        false => JobError::Internal(error.to_string()),
    }
}
