//! A signed file that is raised where it lies: no more of it is in memory than changes with its level, as far as its
//! format lets that be told apart.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use trien_signatures::algorithm::Hash;
use trien_signatures::augment::AugmentError;
use trien_signatures::cades::{Container, Digests};
use trien_signatures::pades;
use trien_signatures::pdf::Source;

use super::form::{Form, PdfEnd, Skeleton, Whole};

/// The first octet of a CMS: a SEQUENCE (X.690, 8.9.1).
const CMS: u8 = 0x30;

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
    /// The content of a CMS, if it is inside.
    Content(File, Container, Skeleton),
    Nothing(Whole),
}

/// Why a file cannot be raised.
#[derive(Debug, thiserror::Error)]
pub enum OnDiskError {
    /// It cannot be read; [`io::ErrorKind::FileTooLarge`] when its format is held whole, and it is too large for that.
    #[error(transparent)]
    File(io::Error),
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
            _ => {}
        }
        let mut part = Vec::new();
        let mut read = || {
            file.rewind()?;
            (&mut file).take(most + 1).read_to_end(&mut part)
        };
        read().map_err(OnDiskError::File)?;
        if part.len() as u64 > most {
            return Err(OnDiskError::File(io::ErrorKind::FileTooLarge.into()));
        }
        let content = content.map(Path::to_owned);
        Ok(Self {
            part,
            rest: Rest::Nothing(Whole { content }),
        })
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

    /// How it is read.
    #[must_use]
    pub fn form(&self) -> &dyn Form {
        match &self.rest {
            Rest::Begin(_, form) => form,
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
                begin.copy(output)?;
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
    let size = file.metadata()?.len();
    Ok(begins_pdf(&file).then(|| LyingFile {
        file: Arc::new(file),
        size,
    }))
}

/// A file that is read in pieces, as large as it was when it was opened.
#[derive(Clone)]
pub struct LyingFile {
    file: Arc<File>,
    size: u64,
}

impl LyingFile {
    /// Its beginning.
    const fn until(mut self, size: u64) -> Self {
        self.size = size;
        self
    }

    fn copy(&self, output: &mut dyn Write) -> io::Result<()> {
        let mut at = 0;
        let mut piece = vec![0; 1 << 16];
        while at < self.size {
            let len = usize::try_from(self.size - at)
                .unwrap_or(usize::MAX)
                .min(piece.len());
            self.read_exact_at(&mut piece[..len], at)?;
            output.write_all(&piece[..len])?;
            at += len as u64;
        }
        Ok(())
    }
}

impl Source for LyingFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(&*self.file, buffer, offset)
    }
}
