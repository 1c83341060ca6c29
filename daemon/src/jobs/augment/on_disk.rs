//! A signed file that is raised where it lies: no more of it is in memory than changes with its level, as far as its
//! format lets that be told apart.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use trien_signatures::algorithm::Hash;
use trien_signatures::asic;
use trien_signatures::augment::AugmentError;
use trien_signatures::cades::{Container, Digests};
use trien_signatures::pades;
use trien_signatures::pdf::{Pieces, Source};
use trien_signatures::zip::ZipError;

use super::form::{ContainerEnd, Form, PdfEnd, Skeleton, Whole, begins_container, largest_held};

/// The first octet of a CMS: a SEQUENCE (X.690, 8.9.1).
const CMS: u8 = 0x30;

/// The first octet of a ZIP file (APPNOTE 4.3.7).
const ZIP: u8 = b'P';

/// What a PDF begins with (ISO 32000-2, 7.5.2).
const PDF: &[u8; 5] = b"%PDF-";

/// A file as it was when it was opened, and the part of it that its level changes.
pub struct OnDisk {
    part: Vec<u8>,
    rest: Rest,
}

/// What of the file is not in memory.
enum Rest {
    /// What stands before the end of a PDF.
    Begin(LyingFile, PdfEnd),
    /// The files of a container, but for those that serve it.
    Files(ContainerEnd),
    /// The content of a CMS, if it is inside.
    Content(File, Container, Skeleton),
    Nothing(Whole),
}

/// Why a file cannot be raised.
#[derive(Debug, thiserror::Error)]
pub enum OnDiskError {
    /// It cannot be read.
    #[error(transparent)]
    File(io::Error),
    /// Its format is held whole, and it is larger than so many bytes.
    #[error("larger than {0} bytes")]
    TooLarge(u64),
    /// What it is about cannot be read.
    #[error(transparent)]
    Content(io::Error),
    /// It is nothing that can be raised.
    #[error(transparent)]
    Format(#[from] AugmentError),
}

impl OnDisk {
    /// Opens a regular file. What a detached signature is about lies at `content`; of a file that has to be held whole no
    /// more than `most` bytes are.
    ///
    /// # Errors
    /// [`OnDiskError`]
    pub fn open(mut file: File, content: Option<&Path>, most: u64) -> Result<Self, OnDiskError> {
        match first(&file).map_err(OnDiskError::File)? {
            Some(CMS) => return Self::cms(file, content),
            Some(b'%') => {
                let again = file.try_clone().map_err(OnDiskError::File)?;
                if let Some(pdf) = lying_pdf(again).map_err(OnDiskError::File)? {
                    return Self::pdf(&pdf);
                }
            }
            Some(ZIP) => {
                let again = file.try_clone().and_then(LyingFile::of);
                if let Ok(container) = Self::container(again.map_err(OnDiskError::File)?)? {
                    return Ok(container);
                }
            }
            _ => {}
        }
        let mut part = Vec::new();
        let mut read = || {
            file.rewind()?;
            (&mut file).take(most + 1).read_to_end(&mut part)
        };
        read().map_err(OnDiskError::File)?;
        if part.len() as u64 > most {
            return Err(OnDiskError::TooLarge(most));
        }
        Self::whole(part, content)
    }

    fn pdf(pdf: &LyingFile) -> Result<Self, OnDiskError> {
        let end_at = pades::end_of(pdf)?;
        let mut part = vec![0; usize::try_from(pdf.size - end_at).unwrap_or(0)];
        let read = pdf.read_exact_at(&mut part, end_at);
        read.map_err(OnDiskError::File)?;
        let base = pdf.clone().until(end_at);
        let form = PdfEnd {
            base: Arc::new(base.clone()),
        };
        Ok(Self {
            part,
            rest: Rest::Begin(base, form),
        })
    }

    /// The same of what is in memory already.
    ///
    /// # Errors
    /// [`OnDiskError`]
    pub fn held(bytes: Vec<u8>, content: Option<&Path>) -> Result<Self, OnDiskError> {
        match Self::container(bytes)? {
            Ok(container) => Ok(container),
            Err(part) => Self::whole(part, content),
        }
    }

    fn whole(part: Vec<u8>, content: Option<&Path>) -> Result<Self, OnDiskError> {
        let most = largest_held(&part);
        if part.len() as u64 > most {
            return Err(OnDiskError::TooLarge(most));
        }
        let content = content.map(Path::to_owned);
        Ok(Self {
            part,
            rest: Rest::Nothing(Whole { content }),
        })
    }

    /// Gives back what is another ZIP file, or a container out of form.
    fn container<S>(source: S) -> Result<Result<Self, S>, OnDiskError>
    where
        S: Source + Send + Sync + 'static,
    {
        if !begins_container(&source) {
            return Ok(Err(source));
        }
        let parted = match asic::part(Arc::new(&source)) {
            Ok(Some(parted)) => parted,
            Ok(None) => return Ok(Err(source)),
            Err(ZipError::Unreadable(kind)) => return Err(OnDiskError::File(kind.into())),
            // Whatever is wrong with it is told by the one who reads it whole.
            Err(_) => return Ok(Err(source)),
        };
        let base = Arc::new(Pieces::of(source, &parted.base));
        Ok(Ok(Self {
            part: parted.end,
            rest: Rest::Files(ContainerEnd { base }),
        }))
    }

    fn cms(mut file: File, content: Option<&Path>) -> Result<Self, OnDiskError> {
        file.rewind().map_err(OnDiskError::File)?;
        let container = Container::open(&mut file).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => AugmentError::NotSigned(error.to_string()).into(),
            _ => OnDiskError::File(error),
        })?;
        let digests = match (container.content(&mut file), content) {
            (Some(mut inside), _) => {
                let digests = Digests::of(&mut inside, &Hash::ALL);
                Some(digests.map_err(OnDiskError::File)?)
            }
            (None, Some(path)) => {
                let digests = File::open(path).and_then(|mut file| Digests::of(&mut file, &Hash::ALL));
                Some(digests.map_err(OnDiskError::Content)?)
            }
            (None, None) => None,
        };
        let form = Skeleton {
            digests,
            detached: !container.is_attached(),
        };
        Ok(Self {
            part: container.skeleton().to_vec(),
            rest: Rest::Content(file, container, form),
        })
    }

    /// What is raised.
    #[must_use]
    pub fn part(&self) -> &[u8] {
        &self.part
    }

    /// The same, of which nothing is left here.
    #[must_use]
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.part)
    }

    /// How it is read.
    #[must_use]
    pub fn form(&self) -> &dyn Form {
        match &self.rest {
            Rest::Begin(_, form) => form,
            Rest::Files(form) => form,
            Rest::Content(_, _, form) => form,
            Rest::Nothing(form) => form,
        }
    }

    /// Writes the file with another part in the place of its own.
    ///
    /// # Errors
    /// Of the file and of `output`.
    pub fn write(&self, part: &[u8], output: &mut dyn Write) -> io::Result<()> {
        match &self.rest {
            Rest::Begin(begin, _) => {
                copy(begin, output)?;
                output.write_all(part)
            }
            Rest::Files(form) => {
                copy(&*form.base, output)?;
                output.write_all(part)
            }
            Rest::Content(file, container, _) => {
                let mut output = io::BufWriter::new(output);
                container.write(part, &mut &*file, &mut output)?;
                output.flush()
            }
            Rest::Nothing(_) => output.write_all(part),
        }
    }
}

fn first(file: &File) -> io::Result<Option<u8>> {
    let mut first = [0];
    let read = file.read_at(&mut first, 0)?;
    Ok((read == 1).then_some(first[0]))
}

fn begins_pdf(file: &File) -> bool {
    let mut head = [0; PDF.len()];
    file.read_exact_at(&mut head, 0).is_ok() && head == *PDF
}

/// A PDF as it lies on the disk; none when it is something else.
///
/// # Errors
/// Of the file.
pub fn lying_pdf(file: File) -> io::Result<Option<LyingFile>> {
    begins_pdf(&file).then(|| LyingFile::of(file)).transpose()
}

/// An ASiC container as it lies on the disk; none when it is something else.
///
/// # Errors
/// Of the file.
pub fn lying_container(file: File) -> io::Result<Option<LyingFile>> {
    let file = LyingFile::of(file)?;
    Ok(begins_container(&file).then_some(file))
}

/// A file that is read in pieces, as large as it was when it was opened.
#[derive(Clone)]
pub struct LyingFile {
    file: Arc<File>,
    size: u64,
}

impl LyingFile {
    fn of(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        let file = Arc::new(file);
        Ok(Self { file, size })
    }

    /// Its beginning.
    const fn until(mut self, size: u64) -> Self {
        self.size = size;
        self
    }
}

fn copy(source: &dyn Source, output: &mut dyn Write) -> io::Result<()> {
    let mut at = 0;
    let mut piece = vec![0; 1 << 16];
    while at < source.size() {
        let rest = usize::try_from(source.size() - at).unwrap_or(usize::MAX);
        let len = rest.min(piece.len());
        source.read_exact_at(&mut piece[..len], at)?;
        output.write_all(&piece[..len])?;
        at += len as u64;
    }
    Ok(())
}

impl Source for LyingFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(&*self.file, buffer, offset)
    }
}
