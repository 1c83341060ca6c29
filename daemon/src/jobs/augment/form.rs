//! How signed documents are read and judged while their level is raised: held whole, or as far as it is needed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use time::OffsetDateTime;
use trien_protocol::limits::MAX_DOCUMENT;
use trien_signatures::algorithm::Hash;
use trien_signatures::asic::{self, AsicSignature};
use trien_signatures::augment::{Augment, AugmentError};
use trien_signatures::cades::{self, CadesSignature, Container, Digests};
use trien_signatures::cms;
use trien_signatures::jades::JadesSignature;
use trien_signatures::ooxml::{self, OoxmlSignature};
use trien_signatures::pades::{self, PadesDocument};
use trien_signatures::pdf::{Ended, Source};
use trien_signatures::report::{Integrity, Report};
use trien_signatures::trust::Reliance;
use trien_signatures::xades::XadesSignature;

use crate::jobs::documents::{Documents, Sealed};
use crate::jobs::verify_documents::{self, Unreadable};

/// What of a container tells what it is, in bytes.
const HEAD: usize = 256;

/// A form in which signed documents come. What is handed in is what is raised: the document, or the part of it that
/// changes.
pub trait Form: Send + Sync {
    /// Reads it, anew after each step.
    ///
    /// # Errors
    /// [`AugmentError`]
    fn open(&self, document: &Arc<Vec<u8>>) -> Result<Box<dyn Augment>, AugmentError>;

    /// Judges it as a whole.
    ///
    /// # Errors
    /// [`Unreadable`]
    fn verify(&self, document: &[u8], reliance: &Reliance<'_>) -> Result<Report, Unreadable>;
}

/// Held whole; the file of what a detached signature is about stands beside it.
pub struct Whole {
    /// Of a detached signature.
    pub content: Option<PathBuf>,
}

impl Form for Whole {
    fn open(&self, document: &Arc<Vec<u8>>) -> Result<Box<dyn Augment>, AugmentError> {
        read(document, self.content.as_deref())
    }

    fn verify(&self, document: &[u8], reliance: &Reliance<'_>) -> Result<Report, Unreadable> {
        let alone = verify_documents::verify(document, None, reliance);
        let Some(path) = &self.content else {
            return alone;
        };
        // The file beside it is what was signed, and only a detached signature needs it.
        let is_whole = |report: &Report| {
            report
                .signatures
                .iter()
                .all(|one| one.integrity == Integrity::Intact)
        };
        if alone.as_ref().is_ok_and(is_whole) {
            return alone;
        }
        if document.first() == Some(&0x30) {
            let digests = File::open(path).and_then(|mut file| Digests::of(&mut file, &Hash::ALL));
            let digests = digests.ok();
            return Skeleton {
                digests,
                detached: true,
            }
            .verify(document, reliance);
        }
        match std::fs::read(path) {
            Ok(content) => verify_documents::verify(document, Some(&content), reliance),
            Err(_) => alone,
        }
    }
}

/// The largest document of a kind that is raised, in bytes, of which all is held: what it was and what it becomes are
/// both in memory then, and so are the text of a JWS and the files of an Office document.
pub(super) fn largest_held(document: &[u8]) -> u64 {
    match document.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{' | b'e') => MAX_RAISED_JWS,
        Some(b'P') => MAX_RAISED_ZIP,
        _ => MAX_DOCUMENT,
    }
}

/// The largest JWS whose level is raised, in bytes.
pub const MAX_RAISED_JWS: u64 = 144 * 1024 * 1024;

/// The largest ZIP file that is held while it is raised, in bytes: an Office document.
pub const MAX_RAISED_ZIP: u64 = 96 * 1024 * 1024;

/// Reads a signed document in its format.
///
/// # Errors
/// [`AugmentError`]
fn read(document: &Arc<Vec<u8>>, content: Option<&Path>) -> Result<Box<dyn Augment>, AugmentError> {
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
        return Ok(Box::new(OoxmlSignature::open(Arc::clone(document))?));
    }
    if document.starts_with(b"%PDF-") {
        let now = OffsetDateTime::now_utc();
        return Ok(Box::new(PadesDocument::open(document.to_vec(), now)?));
    }
    let held = || {
        content
            .map(std::fs::read)
            .transpose()
            .map_err(|_| AugmentError::ContentMissing)
    };
    match document.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'<' | 0xEF) => {
            let path = content.map(Path::to_owned);
            // What is away is told at once, whether or not it is needed already.
            if let Some(path) = &path {
                File::open(path).map_err(|_| AugmentError::ContentMissing)?;
            }
            let fetch = move || std::fs::read(path.as_ref()?).ok();
            Ok(Box::new(XadesSignature::open_fetching(
                Arc::clone(document),
                fetch,
            )?))
        }
        Some(b'{' | b'e') => Ok(Box::new(JadesSignature::open(document, held()?.as_deref())?)),
        _ if cms::of_text(document).is_some() => Err(AugmentError::InText),
        _ => Err(AugmentError::Unsupported),
    }
}

/// A PDF whose end alone is in memory: what is raised is the end.
pub struct PdfEnd {
    /// What stands before the end, and does not change.
    pub base: Arc<dyn Source + Send + Sync>,
}

impl Form for PdfEnd {
    fn open(&self, end: &Arc<Vec<u8>>) -> Result<Box<dyn Augment>, AugmentError> {
        let now = OffsetDateTime::now_utc();
        let document = PadesDocument::open_end(Arc::clone(&self.base), end.to_vec(), now)?;
        Ok(Box::new(document))
    }

    fn verify(&self, end: &[u8], reliance: &Reliance<'_>) -> Result<Report, Unreadable> {
        let whole = Ended {
            base: &*self.base,
            end,
        };
        Ok(pades::verify_source(&whole, reliance)?)
    }
}

/// A container of which no more is in memory than serves it: what is raised is the end.
pub struct ContainerEnd {
    /// What stands before the end, and does not change.
    pub base: Arc<dyn Source + Send + Sync>,
}

impl Form for ContainerEnd {
    fn open(&self, end: &Arc<Vec<u8>>) -> Result<Box<dyn Augment>, AugmentError> {
        let signature = AsicSignature::open_end(Arc::clone(&self.base), end.to_vec())?;
        Ok(Box::new(signature))
    }

    fn verify(&self, end: &[u8], reliance: &Reliance<'_>) -> Result<Report, Unreadable> {
        Ok(asic::verify_parts(&*self.base, end, reliance)?)
    }
}

/// A container that was made of a document: raised without the document being held.
pub struct Containing {
    base: Sealed,
    end: Vec<u8>,
    form: ContainerEnd,
}

impl Containing {
    /// None when it is something else, or out of form.
    ///
    /// # Errors
    /// Of the system.
    pub fn of(signed: &Sealed) -> std::io::Result<Option<Self>> {
        if !begins_container(signed) {
            return Ok(None);
        }
        // Whatever is wrong with it is told by the one who reads it whole.
        let Ok(Some(parted)) = asic::part(Arc::new(signed)) else {
            return Ok(None);
        };
        let base = Sealed::part(signed, &parted.base)?;
        Ok(Some(Self {
            form: ContainerEnd {
                base: Arc::new(base.clone()),
            },
            base,
            end: parted.end,
        }))
    }

    /// What is raised, and how it is read.
    #[must_use]
    pub fn parts(&self) -> (Vec<u8>, &ContainerEnd) {
        (self.end.clone(), &self.form)
    }

    /// The same document with another end behind it.
    ///
    /// # Errors
    /// Of the system.
    pub fn seal(&self, end: Vec<u8>, documents: &Documents) -> std::io::Result<Sealed> {
        let sealed = documents.seal_around(Vec::new(), &self.base, end, None);
        sealed.map_err(|error| std::io::Error::other(error.to_string()))
    }
}

/// Whether something begins as an ASiC container does.
pub(in crate::jobs) fn begins_container(source: &dyn Source) -> bool {
    let mut head = vec![0; usize::try_from(source.size()).unwrap_or(HEAD).min(HEAD)];
    source.read_exact_at(&mut head, 0).is_ok() && asic::looks_like(&head)
}

/// A CMS without its content ([`trien_signatures::cades::Container`]), or beside it.
pub struct Skeleton {
    /// Of the content, where there is one.
    pub digests: Option<Digests>,
    /// Whether the content is not inside.
    pub detached: bool,
}

impl Form for Skeleton {
    fn open(&self, skeleton: &Arc<Vec<u8>>) -> Result<Box<dyn Augment>, AugmentError> {
        let imprints = self.digests.as_ref().map(Digests::imprints).unwrap_or_default();
        Ok(Box::new(CadesSignature::open(skeleton, imprints.to_vec())?))
    }

    fn verify(&self, skeleton: &[u8], reliance: &Reliance<'_>) -> Result<Report, Unreadable> {
        let digests = self.digests.as_ref();
        Ok(cades::verify_digests(skeleton, digests, self.detached, reliance)?)
    }
}

/// A CMS that was put around a document: raised without the document being held.
pub struct Enclosing {
    content: Sealed,
    container: Container,
    form: Skeleton,
}

impl Enclosing {
    /// None when it is something else.
    ///
    /// # Errors
    /// Of the system; [`std::io::ErrorKind::InvalidData`] when it is around something, and no CMS.
    pub fn of(signed: &Sealed) -> std::io::Result<Option<Self>> {
        let Some(content) = signed.enclosed() else {
            return Ok(None);
        };
        let digests = Digests::of(&mut content.reader(), &Hash::ALL)?;
        Ok(Some(Self {
            content: content.clone(),
            container: Container::open(&mut signed.reader())?,
            form: Skeleton {
                digests: Some(digests),
                detached: false,
            },
        }))
    }

    /// What is raised, and how it is read.
    #[must_use]
    pub fn parts(&self) -> (Vec<u8>, &Skeleton) {
        (self.container.skeleton().to_vec(), &self.form)
    }

    /// The raised signature around the same document.
    ///
    /// # Errors
    /// Of the system; [`std::io::ErrorKind::InvalidData`] when the skeleton is none.
    pub fn seal(&self, skeleton: &[u8], documents: &Documents) -> std::io::Result<Sealed> {
        let around = self.container.around(skeleton);
        let (head, tail) =
            around.map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))?;
        let sealed = documents.seal_around(head, &self.content, tail, None);
        sealed.map_err(|error| std::io::Error::other(error.to_string()))
    }
}

/// XAdES beside a document in memory.
pub struct Beside {
    /// What is signed.
    pub content: Vec<u8>,
}

impl Form for Beside {
    fn open(&self, document: &Arc<Vec<u8>>) -> Result<Box<dyn Augment>, AugmentError> {
        let signature = XadesSignature::open(Arc::clone(document), Some(self.content.clone()))?;
        Ok(Box::new(signature))
    }

    fn verify(&self, document: &[u8], reliance: &Reliance<'_>) -> Result<Report, Unreadable> {
        verify_documents::verify(document, Some(&self.content), reliance)
    }
}
