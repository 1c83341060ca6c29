//! Copies of documents for the person to look at before he decides: of exactly the bytes that will be signed, in a
//! folder that only he can enter, gone when the question is over.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use trien_protocol::prompt::DocumentKind;

/// Looks at one question that are allowed: nobody reads more, and a disk has an end.
const MAX_VIEWS: usize = 50;

/// The documents of a question, as they will be signed.
pub trait Contents: Send + Sync {
    /// Writes one of them, and tells what its first bytes look like.
    ///
    /// # Errors
    /// When there is no such document, or of the system.
    fn copy(&self, document: usize, to: &mut dyn Write) -> io::Result<()>;

    /// What its first bytes look like.
    fn kind(&self, document: usize) -> DocumentKind;
}

/// How the folders of copies are called.
const PREFIX: &str = "view-";

/// The copies of one question.
#[derive(Debug)]
pub(super) struct Viewing {
    folder: PathBuf,
    copies: Option<Copies>,
    made: Vec<(usize, PathBuf)>,
}

/// A folder of copies, and the lock on it that says that somebody needs it still.
#[derive(Debug)]
struct Copies {
    folder: tempfile::TempDir,
    _lock: std::fs::File,
}

/// Removes copies that nobody needs any more, of a process that was killed.
pub(crate) fn remove_what_was_left(folder: &Path) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        let path = entry.path();
        if std::fs::File::open(&path).is_ok_and(|opened| opened.try_lock().is_ok())
            && let Err(error) = std::fs::remove_dir_all(&path)
        {
            tracing::warn!(%error, path = %path.display(), "a copy of a document stays");
        }
    }
}

impl Copies {
    fn below(folder: &Path) -> io::Result<Self> {
        crate::policy::ownership::create_private_folder(folder)?;
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700))
            .tempdir_in(folder)?;
        let lock = std::fs::File::open(folder.path())?;
        lock.lock()?;
        Ok(Self { folder, _lock: lock })
    }
}

impl Viewing {
    /// None yet; they will lie below this folder.
    pub(super) fn below(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            copies: None,
            made: Vec::new(),
        }
    }

    /// Where the copy of a document lies. The name is ours: what the page calls it could start anything.
    pub(super) fn show(&mut self, contents: &dyn Contents, document: usize) -> io::Result<PathBuf> {
        if let Some((_, path)) = self.made.iter().find(|(made, _)| *made == document) {
            return Ok(path.clone());
        }
        if self.made.len() >= MAX_VIEWS {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let copies = match self.copies.take() {
            Some(copies) => copies,
            None => Copies::below(&self.folder)?,
        };
        let copies = self.copies.insert(copies);
        let ending = match contents.kind(document) {
            DocumentKind::Pdf => "pdf",
            DocumentKind::Xml => "xml",
            DocumentKind::Zip => "zip",
            DocumentKind::Text => "txt",
            DocumentKind::Other => "bin",
        };
        let path = copies
            .folder
            .path()
            .join(format!("document-{}.{ending}", document + 1));
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)?;
        contents.copy(document, &mut file)?;
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o400))?;
        self.made.push((document, path.clone()));
        Ok(path)
    }
}
