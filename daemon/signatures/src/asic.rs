//! ASiC baseline containers (EN 319 162-1): files and the signatures over them in one ZIP, with XAdES or CAdES.
//!
//! | module | what |
//! |---|---|
//! | `manifest` | the list of files that a CAdES signature or a time-stamp is about |
//! | `archive` | time-stamps over the container as it is |
//! | `augment` | B-B → B-T → B-LT → B-LTA |
//! | `verify` | judging each signature of a container |
//!
//! A container that lies somewhere is read piece by piece; of what it holds, only what serves the container itself is in
//! memory ([`part`], [`verify_source`]).

mod archive;
mod augment;
mod manifest;
mod verify;

use time::OffsetDateTime;

use crate::algorithm::{SignatureAlgorithm, SignatureValue};
use crate::cades::{self, CadesRequest, PreparedCades};
use crate::certificate::Certificate;
use crate::cms::PrepareError;
use crate::signing::{FinishError, Prepared, Rehearse};
use crate::xades::{SignedFile, XadesRequest, prepare_files, uri_of};
use crate::xml::attribute_value;
use crate::xmldsig::{PreparedXml, XmlPrepareError};
use crate::zip::{Archive, ZipError};

use manifest::Listed;

pub use augment::{AsicSignature, part};
pub use verify::{holds_signatures, looks_like, verify, verify_parts, verify_source};

const ASIC: &str = "http://uri.etsi.org/02918/v1.2.1#";
/// The namespace of ODF's list of files.
const MANIFEST: &str = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0";

/// The two kinds of container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// ASiC-S: one file.
    Simple,
    /// ASiC-E: any number.
    Extended,
}

impl Kind {
    const fn media_type(self) -> &'static str {
        match self {
            Self::Simple => "application/vnd.etsi.asic-s+zip",
            Self::Extended => "application/vnd.etsi.asic-e+zip",
        }
    }
}

/// What signs in the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inside {
    /// XAdES
    Xades,
    /// CAdES
    Cades,
}

/// A file that is signed.
#[derive(Debug, Clone, Copy)]
pub struct File<'a> {
    /// Its name in the container.
    pub name: &'a str,
    /// Its contents.
    pub bytes: &'a [u8],
    /// Its media type.
    pub media_type: &'a str,
}

/// What a container is made from.
#[derive(Debug, Clone)]
pub struct AsicRequest<'a> {
    /// Which kind.
    pub kind: Kind,
    /// What signs.
    pub inside: Inside,
    /// What is signed; one file for ASiC-S.
    pub files: &'a [File<'a>],
    /// Whose signature it will be.
    pub signer: &'a Certificate,
    /// The certificates up to the root that go with it.
    pub chain: &'a [Certificate],
    /// With what.
    pub algorithm: SignatureAlgorithm,
    /// The time on the signer's clock; B-B requires it.
    pub signing_time: OffsetDateTime,
}

/// Why no container can be prepared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AsicError {
    /// ASiC-S has one file, ASiC-E at least one.
    #[error("{0} files do not make such a container")]
    Files(usize),
    /// A name that a container cannot have, or that is its own.
    #[error("a file cannot have this name in the container: {0:?}")]
    Name(String),
    /// The container cannot be written.
    #[error(transparent)]
    Zip(#[from] ZipError),
    /// The XML signature cannot be prepared.
    #[error(transparent)]
    Xml(#[from] XmlPrepareError),
    /// The CMS signature cannot be prepared.
    #[error(transparent)]
    Cms(#[from] PrepareError),
}

/// The most that a signature over as many files as a container has takes, in bytes.
const MAX_SIGNATURE: u64 = 4 * 1024 * 1024;

/// A container on its way to being signed.
#[derive(Debug, Clone)]
pub struct PreparedAsic {
    /// Everything but the signature.
    archive: Archive,
    /// The name of the file that the signature goes into.
    signature: &'static str,
    inner: Inner,
}

#[derive(Debug, Clone)]
enum Inner {
    Xades(Box<PreparedXml>),
    Cades(Box<PreparedCades>),
}

/// Prepares a container.
///
/// # Errors
/// [`AsicError`]
pub fn prepare(request: &AsicRequest<'_>) -> Result<PreparedAsic, AsicError> {
    check_files(request)?;
    let mut archive = Archive::default();
    archive.store("mimetype", request.kind.media_type().as_bytes())?;
    for file in request.files {
        archive.store(file.name, file.bytes)?;
    }
    let (signature, inner) = match (request.kind, request.inside) {
        (kind, Inside::Xades) => {
            archive.store("META-INF/manifest.xml", &package_manifest(request))?;
            let name = match kind {
                Kind::Simple => "META-INF/signatures.xml",
                Kind::Extended => "META-INF/signatures0.xml",
            };
            (name, Inner::Xades(Box::new(xades(request)?)))
        }
        (Kind::Simple, Inside::Cades) => (
            "META-INF/signature.p7s",
            Inner::Cades(Box::new(cades_over(request, request.files[0].bytes)?)),
        ),
        (Kind::Extended, Inside::Cades) => {
            let name = "META-INF/signature001.p7s";
            let files = request.files.iter().map(|file| Listed {
                name: file.name,
                digest: request.algorithm.hash().digest(file.bytes),
                media_type: Some(file.media_type),
                root: false,
            });
            let by = (name, "application/pkcs7-signature");
            let manifest = manifest::write(by, files, request.algorithm.hash());
            let inner = cades_over(request, &manifest)?;
            archive.store("META-INF/ASiCManifest001.xml", &manifest)?;
            (name, Inner::Cades(Box::new(inner)))
        }
    };
    // What cannot be written is found before anything is signed.
    if !archive.has_room(MAX_SIGNATURE) {
        return Err(ZipError::TooLarge.into());
    }
    Ok(PreparedAsic {
        archive,
        signature,
        inner,
    })
}

fn check_files(request: &AsicRequest<'_>) -> Result<(), AsicError> {
    let count = request.files.len();
    if count == 0 || request.kind == Kind::Simple && count != 1 {
        return Err(AsicError::Files(count));
    }
    for (at, file) in request.files.iter().enumerate() {
        let folded = file.name.to_lowercase();
        let own = folded == "mimetype" || folded.starts_with("meta-inf/") || folded.ends_with('/');
        let twice = request.files[..at]
            .iter()
            .any(|other| other.name.to_lowercase() == folded);
        if own || twice {
            return Err(AsicError::Name(file.name.to_owned()));
        }
    }
    Ok(())
}

fn xades(request: &AsicRequest<'_>) -> Result<PreparedXml, XmlPrepareError> {
    let hash = request.algorithm.hash();
    let files: Vec<SignedFile> = request
        .files
        .iter()
        .map(|file| SignedFile {
            uri: uri_of(file.name),
            digest: hash.digest(file.bytes),
            media_type: file.media_type.to_owned(),
        })
        .collect();
    let open = format!("<asic:XAdESSignatures xmlns:asic=\"{ASIC}\">");
    let inner = XadesRequest {
        signer: request.signer,
        chain: request.chain,
        algorithm: request.algorithm,
        signing_time: request.signing_time,
    };
    prepare_files(&files, Some((&open, "</asic:XAdESSignatures>")), &inner)
}

fn cades_over(request: &AsicRequest<'_>, content: &[u8]) -> Result<PreparedCades, PrepareError> {
    cades::prepare(&CadesRequest {
        content,
        detached: true,
        signer: request.signer,
        chain: request.chain,
        algorithm: request.algorithm,
        signing_time: request.signing_time,
    })
}

/// The list of files that ODF has, which readers of ASiC with XAdES look for.
fn package_manifest(request: &AsicRequest<'_>) -> Vec<u8> {
    let entry = |path: &str, media_type: &str| {
        let (path, media_type) = (attribute_value(path), attribute_value(media_type));
        format!("<manifest:file-entry manifest:full-path=\"{path}\" manifest:media-type=\"{media_type}\"/>")
    };
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<manifest:manifest xmlns:manifest=\"{MANIFEST}\" manifest:version=\"1.2\">"
    );
    out += &entry("/", request.kind.media_type());
    for file in request.files {
        out += &entry(file.name, file.media_type);
    }
    (out + "</manifest:manifest>").into_bytes()
}

impl Prepared for PreparedAsic {
    fn to_be_signed(&self) -> &[u8] {
        match &self.inner {
            Inner::Xades(inner) => inner.to_be_signed(),
            Inner::Cades(inner) => inner.to_be_signed(),
        }
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match &self.inner {
            Inner::Xades(inner) => inner.algorithm(),
            Inner::Cades(inner) => inner.algorithm(),
        }
    }

    fn finish(self, signature: SignatureValue) -> Result<Vec<u8>, FinishError> {
        let bytes = match self.inner {
            Inner::Xades(inner) => inner.finish(signature)?,
            Inner::Cades(inner) => inner.finish(signature)?,
        };
        with_signature(self.archive, self.signature, &bytes)
    }
}

impl Rehearse for PreparedAsic {
    fn rehearse(self) -> Result<Vec<u8>, FinishError> {
        let bytes = match self.inner {
            Inner::Xades(inner) => inner.rehearse()?,
            Inner::Cades(inner) => inner.rehearse()?,
        };
        with_signature(self.archive, self.signature, &bytes)
    }
}

fn with_signature(mut archive: Archive, name: &str, signature: &[u8]) -> Result<Vec<u8>, FinishError> {
    let no_room = |_| FinishError::NoRoom {
        needed: signature.len(),
        reserved: 0,
    };
    archive.store(name, signature).map_err(no_room)?;
    archive.finish().map_err(no_room)
}
