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

/// Why there is no copy of a document.
#[derive(Debug, thiserror::Error)]
pub(super) enum ViewError {
    /// There are [`MAX_VIEWS`] of this question.
    #[error("{MAX_VIEWS} documents were looked at already")]
    TooMany,
    /// Of the document, or of the system.
    #[error(transparent)]
    Io(#[from] io::Error),
}

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
    ///
    /// # Errors
    /// [`ViewError`]; nothing is left of a copy that could not be made whole, so that it can be tried again.
    pub(super) fn show(&mut self, contents: &dyn Contents, document: usize) -> Result<PathBuf, ViewError> {
        if let Some((_, path)) = self.made.iter().find(|(made, _)| *made == document) {
            return Ok(path.clone());
        }
        if self.made.len() >= MAX_VIEWS {
            return Err(ViewError::TooMany);
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
        if let Err(error) = write(contents, document, &path) {
            // That it cannot be removed either is told when it is tried again.
            let _ = std::fs::remove_file(&path);
            return Err(error.into());
        }
        self.made.push((document, path.clone()));
        Ok(path)
    }
}

fn write(contents: &dyn Contents, document: usize, path: &Path) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)?;
    contents.copy(document, &mut file)?;
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o400))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// Documents on a disk that is full until there is room.
    #[derive(Default)]
    struct Cramped {
        room: AtomicBool,
    }

    impl Contents for Cramped {
        fn copy(&self, document: usize, to: &mut dyn Write) -> io::Result<()> {
            to.write_all(b"the first half")?;
            if !self.room.load(Ordering::SeqCst) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            write!(to, " of {document}")
        }

        fn kind(&self, _document: usize) -> DocumentKind {
            DocumentKind::Text
        }
    }

    #[test]
    fn a_copy_that_failed_can_be_made_when_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let (mut viewing, contents) = (Viewing::below(&folder.path().join("views")), Cramped::default());
        for _ in 0..2 {
            let failed = viewing.show(&contents, 7).unwrap_err();
            assert!(
                matches!(&failed, ViewError::Io(error) if error.kind() == io::ErrorKind::StorageFull),
                "{failed}"
            );
        }
        contents.room.store(true, Ordering::SeqCst);
        let path = viewing.show(&contents, 7).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"the first half of 7");
        // It is the same that is shown again.
        assert_eq!(viewing.show(&contents, 7).unwrap(), path);
    }

    #[test]
    fn so_many_are_shown_and_no_more_but_those_as_often_as_one_likes() {
        let folder = tempfile::tempdir().unwrap();
        let mut viewing = Viewing::below(&folder.path().join("views"));
        let contents = Cramped {
            room: AtomicBool::new(true),
        };
        for document in 0..MAX_VIEWS {
            viewing.show(&contents, document).unwrap();
        }
        assert!(matches!(
            viewing.show(&contents, MAX_VIEWS),
            Err(ViewError::TooMany)
        ));
        viewing.show(&contents, 0).unwrap();
    }
}
