//! Which files and folders are ours: what others could have written is not read.

use std::fs::File;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// A file that must not be relied on.
#[derive(Debug, thiserror::Error)]
pub enum NotOurs {
    /// It cannot be opened; a symbolic link never can.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is another's, or group or others may write it, or it is no plain file.
    #[error("it must be a plain file of its owner alone")]
    Rights,
}

/// Opens a file of this user (or of root) that nobody else may write.
///
/// # Errors
/// [`NotOurs`].
pub fn open_ours(path: &Path) -> Result<File, NotOurs> {
    open_owned(path, rustix::process::geteuid().as_raw())
}

/// Opens a file that belongs to `uid` or to root and that nobody else may write. The rights are those of the opened
/// file, not of what the name stands for a moment later.
///
/// # Errors
/// [`NotOurs`].
pub fn open_owned(path: &Path, uid: u32) -> Result<File, NotOurs> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from)?);
    let metadata = file.metadata()?;
    let owned = metadata.uid() == uid || metadata.uid() == 0;
    if metadata.is_file() && owned && metadata.mode() & 0o022 == 0 {
        Ok(file)
    } else {
        Err(NotOurs::Rights)
    }
}

/// Makes a folder, and those above it, with mode 0700; leaves one that exists as it is.
///
/// # Errors
/// Of the file system.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

/// True for a folder, not a link, of this user or of root, in which nobody else may put files.
///
/// # Errors
/// Of the file system.
pub fn is_our_folder(path: &Path) -> io::Result<bool> {
    let metadata = std::fs::symlink_metadata(path)?;
    let owned = metadata.uid() == rustix::process::geteuid().as_raw() || metadata.uid() == 0;
    Ok(metadata.is_dir() && owned && metadata.mode() & 0o022 == 0)
}

/// True for a folder of ours, not a link, that neither group nor others may enter, read or write.
///
/// # Errors
/// Of the file system.
pub fn is_private_folder(path: &Path) -> io::Result<bool> {
    let metadata = std::fs::symlink_metadata(path)?;
    let ours = metadata.uid() == rustix::process::geteuid().as_raw();
    Ok(metadata.is_dir() && ours && metadata.mode() & 0o077 == 0)
}
