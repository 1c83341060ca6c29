//! The record of approvals and signatures: one JSON object a line, each chained to the one before.
//!
//! `h(n) = SHA-256(h(n-1) ‖ record(n))`, with `h(0)` 32 zero bytes and `record(n)` the bytes between `{"record":` and
//! `,"hash":…}` of its line. An entry is on the disk before what it speaks of happens: the intent before the PIN is
//! asked for, the signature before it leaves. There is no PIN in it, no content, no file name and no subject.
//!
//! Who can write the file can also write it anew from the beginning: without an anchor elsewhere the chain shows
//! accidents and clumsy hands, and the program that signs cannot forget.

mod chain;
mod entry;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::FlockOperation;
use time::OffsetDateTime;

pub use chain::{Broken, Checked};
pub use entry::{Action, Entry, Subject};

use crate::policy::ownership::create_private_folder;

/// The record cannot be written; nothing may be signed then.
#[derive(Debug, thiserror::Error)]
#[error("the record of approvals and signatures cannot be written: {0}")]
pub struct AuditError(#[from] io::Error);

/// The record of this user.
#[derive(Debug)]
pub struct Audit {
    path: PathBuf,
}

impl Audit {
    /// The record in this file, which need not exist yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Appends an entry and waits until the disk has it. Several processes may write; they wait for each other.
    ///
    /// # Errors
    /// [`AuditError`].
    pub async fn append(self: &Arc<Self>, subject: &Subject, action: Action) -> Result<(), AuditError> {
        let (audit, subject) = (Arc::clone(self), subject.clone());
        let written = tokio::task::spawn_blocking(move || audit.write(&subject, &action)).await;
        written.map_err(|error| AuditError(io::Error::other(error)))?
    }

    /// As [`Audit::append`], on this thread.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn write(&self, subject: &Subject, action: &Action) -> Result<(), AuditError> {
        let mut file = self.open()?;
        let tail = chain::mend(&mut file)?;
        let mut link = tail.link;
        let mut text = String::new();
        if tail.cut > 0 {
            link = chain::push(
                &mut text,
                &link,
                &Subject::of_daemon(),
                &Action::Repaired { bytes: tail.cut },
                now(),
            )?;
        }
        chain::push(&mut text, &link, subject, action, now())?;
        io::Write::write_all(&mut file, text.as_bytes())?;
        file.sync_data()?;
        Ok(())
    }

    /// Begins the record of one request: its intent. What becomes of it must be told by [`Intent::conclude`].
    ///
    /// # Errors
    /// [`AuditError`].
    pub async fn intend(self: &Arc<Self>, subject: Subject) -> Result<Intent, AuditError> {
        self.append(&subject, Action::Asked).await?;
        Ok(Intent {
            audit: Arc::clone(self),
            subject,
            open: true,
        })
    }

    /// Reads the whole record and checks the chain. A file that does not exist is an empty record.
    ///
    /// # Errors
    /// [`Broken`] names the first entry that does not follow from the one before.
    pub fn verify(&self) -> Result<Checked, Broken> {
        self.read(|_| {})
    }

    /// As [`Audit::verify`], and hands every entry to `see` on the way.
    ///
    /// # Errors
    /// [`Broken`]; the entries before it have been seen.
    pub fn read(&self, see: impl FnMut(Entry)) -> Result<Checked, Broken> {
        match File::open(&self.path) {
            Ok(file) => {
                // A writer in another process would show a line that is not there yet.
                rustix::fs::flock(&file, FlockOperation::LockShared)
                    .map_err(|errno| Broken::Io(errno.into()))?;
                chain::check(file, see)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Checked::default()),
            Err(error) => Err(Broken::Io(error)),
        }
    }

    fn open(&self) -> io::Result<File> {
        create_private_folder(self.path.parent().unwrap_or(Path::new("/")))?;
        let no_link = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(no_link)
            .open(&self.path)?;
        rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
        Ok(file)
    }
}

/// A request whose intent is on the record and whose end is not.
#[derive(Debug)]
pub struct Intent {
    audit: Arc<Audit>,
    subject: Subject,
    open: bool,
}

impl Intent {
    /// Adds to the record what is known now.
    pub fn know(&mut self, learn: impl FnOnce(&mut Subject)) {
        learn(&mut self.subject);
    }

    /// Records a step on the way.
    ///
    /// # Errors
    /// [`AuditError`].
    pub async fn note(&self, action: Action) -> Result<(), AuditError> {
        self.audit.append(&self.subject, action).await
    }

    /// Records the end.
    ///
    /// # Errors
    /// [`AuditError`].
    pub async fn conclude(mut self, action: Action) -> Result<(), AuditError> {
        self.open = false;
        self.audit.append(&self.subject, action).await
    }
}

impl Drop for Intent {
    /// A request that ends without a word was withdrawn: the page, or its connection, went away.
    fn drop(&mut self) {
        if self.open
            && let Err(error) = self.audit.write(&self.subject, &Action::Withdrawn)
        {
            tracing::error!(%error, "a withdrawal is not on the record");
        }
    }
}

fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}
