//! The record of approvals and signatures: one JSON object a line, each chained to the one before.
//!
//! `h(n) = SHA-256(h(n-1) ‖ record(n))`, with `h(0)` 32 zero bytes and `record(n)` the bytes between `{"record":` and
//! `,"hash":…}` of its line. What counts is on the disk in time: the intent before a PIN reaches the token, the signature
//! before it leaves. The disk works on the intent while the person reads the question, so that a request waits for it
//! once. There is no PIN in the record, no content, no file name and no subject.
//!
//! Who can write the file can also write it anew from the beginning: without an anchor elsewhere the chain shows
//! accidents and clumsy hands, and the program that signs cannot forget.

mod chain;
mod entry;
mod receipt;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Instant;

use rustix::fs::{FlockOperation, OFlags};
use rustix::io::Errno;
use time::OffsetDateTime;
use tokio::task::JoinHandle;
use trien_protocol::reply::Receipt;

pub use chain::{Broken, Checked};
pub use entry::{Action, Entry, Subject};
pub use receipt::{Mismatch, manifest_hash};

use crate::briefly::briefly;
use crate::policy::ownership::create_private_folder;
use crate::timing::{self, Part};

/// What a link leads to is not the record.
const NO_LINK: i32 = OFlags::NOFOLLOW.bits().cast_signed();

/// A block of a file system, and more than an entry.
const TRIAL: [u8; 4096] = [b'.'; 4096];

/// The record cannot be written; nothing may be signed then.
#[derive(Debug, thiserror::Error)]
#[error("the record of approvals and signatures cannot be written: {0}")]
pub struct AuditError(#[from] io::Error);

impl AuditError {
    /// What the system said.
    #[must_use]
    pub const fn cause(&self) -> &io::Error {
        &self.0
    }
}

/// The record of this user.
#[derive(Debug)]
pub struct Audit {
    path: PathBuf,
    /// As this process left it.
    left: Mutex<Option<Left>>,
}

/// The file as it was left: if nobody else has written since, its end need not be read again.
#[derive(Debug)]
struct Left {
    file: File,
    length: u64,
    link: chain::Link,
}

/// Where an entry stands in the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Counted from 1.
    pub seq: u64,
    /// RFC 3339, UTC.
    pub time: String,
    /// The entry's hash in the chain, lower-case hexadecimal.
    pub hash: String,
}

impl Audit {
    /// The record in this file, which need not exist yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            left: Mutex::default(),
        }
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends an entry and waits until the disk has it. Several processes may write; they wait for each other.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn append(&self, subject: &Subject, action: &Action) -> Result<Place, AuditError> {
        briefly(|| self.write(subject, action))
    }

    fn write(&self, subject: &Subject, action: &Action) -> Result<Place, AuditError> {
        let (place, file) = self.put(subject, action)?;
        file.sync_data()?;
        Ok(place)
    }

    /// Appends an entry; the disk has it when the file that comes back has been synced.
    fn put(&self, subject: &Subject, action: &Action) -> Result<(Place, File), AuditError> {
        let mut left = self.left.try_lock().unwrap_or_else(|held| match held {
            TryLockError::Poisoned(left) => left.into_inner(),
            // By who waits for another process.
            TryLockError::WouldBlock => briefly(|| self.left.lock().unwrap_or_else(PoisonError::into_inner)),
        });
        let kept = left.take();
        let untouched = kept.as_ref().map_or(Ok(false), |kept| self.is_untouched(kept))?;
        let mut kept = match kept {
            Some(kept) if untouched => kept,
            stale => {
                // It holds the lock that the same file is to be opened with.
                drop(stale);
                briefly(|| self.open())?
            }
        };
        let outcome = self.push(&mut kept, subject, action);
        // Another process may write between our entries.
        let unlocked = rustix::fs::flock(&kept.file, FlockOperation::Unlock);
        let place = outcome?;
        unlocked.map_err(io::Error::from)?;
        let file = kept.file.try_clone()?;
        *left = Some(kept);
        Ok((place, file))
    }

    fn push(&self, kept: &mut Left, subject: &Subject, action: &Action) -> Result<Place, AuditError> {
        let mut text = String::new();
        let (link, time) = chain::push(&mut text, &kept.link, subject, action, now())?;
        io::Write::write_all(&mut kept.file, text.as_bytes())?;
        kept.length += text.len() as u64;
        let place = link.place(time);
        kept.link = link;
        Ok(place)
    }

    /// Locks the file that was kept. False if somebody else has written to it, or put another in its place.
    fn is_untouched(&self, kept: &Left) -> Result<bool, AuditError> {
        lock(&kept.file)?;
        let ours = kept.file.metadata()?;
        let named = std::fs::symlink_metadata(&self.path);
        Ok(ours.len() == kept.length && named.is_ok_and(|named| named.ino() == ours.ino()))
    }

    /// Whether an entry could be appended, as far as that can be seen without writing one: a file without a name is made
    /// beside the record and written to, for who asks the system how much is free hears nothing of the user's quota.
    /// Gives what keeps new files from being made there, which only a record that is not there yet needs.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn can_be_carried_on(&self) -> Result<Option<io::Error>, AuditError> {
        let is_missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        let opened = OpenOptions::new()
            .append(true)
            .custom_flags(NO_LINK)
            .open(&self.path);
        let is_there = match opened {
            Ok(_) => true,
            Err(error) if is_missing(&error) => false,
            Err(error) => return Err(error.into()),
        };
        // The nearest folder that is there: the others are made in it.
        let folders = self.path.ancestors().skip(1);
        let there =
            |folder: &&Path| std::fs::metadata(folder).map_or_else(|error| !is_missing(&error), |_| true);
        let folder = folders.into_iter().find(there).unwrap_or(Path::new("/"));
        let mut trial = match tempfile::tempfile_in(folder) {
            Ok(trial) => trial,
            Err(error) if is_there => return Ok(Some(error)),
            Err(error) => return Err(error.into()),
        };
        io::Write::write_all(&mut trial, &TRIAL)?;
        trial.sync_data()?;
        Ok(None)
    }

    /// Begins the record of one request: its intent. What becomes of it must be told by [`Intent::conclude`]. The disk
    /// works on it during [`Intent::settle_during`]; [`Intent::approve`] waits for that.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn intend(self: &Arc<Self>, subject: Subject) -> Result<Intent, AuditError> {
        let (_, file) = self.put(&subject, &Action::Asked)?;
        Ok(Intent {
            audit: Arc::clone(self),
            subject,
            open: true,
            written: Some(file),
            settling: None,
        })
    }

    /// Reads the whole record and checks the chain. A file that does not exist is an empty record.
    ///
    /// # Errors
    /// [`Broken`] names the first entry that does not follow from the one before.
    pub fn verify(&self) -> Result<Checked, Broken> {
        self.read(|_| {})
    }

    /// Checks the chain, and that the record holds what a receipt says.
    ///
    /// # Errors
    /// [`Mismatch`].
    pub fn check_receipt(&self, receipt: &Receipt) -> Result<Entry, Mismatch> {
        let mut found = None;
        self.walk(|entry, place| {
            if place.seq == receipt.entry {
                found = Some((entry, place.clone()));
            }
        })?;
        receipt::check(receipt, found)
    }

    /// As [`Audit::verify`], and hands every entry to `see` on the way.
    ///
    /// # Errors
    /// [`Broken`]; the entries before it have been seen.
    pub fn read(&self, mut see: impl FnMut(Entry)) -> Result<Checked, Broken> {
        self.walk(|entry, _| see(entry))
    }

    fn walk(&self, see: impl FnMut(Entry, &Place)) -> Result<Checked, Broken> {
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

    /// The file, locked and mended.
    fn open(&self) -> Result<Left, AuditError> {
        create_private_folder(self.path.parent().unwrap_or(Path::new("/")))?;
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(NO_LINK)
            .open(&self.path)?;
        rustix::fs::flock(&file, FlockOperation::LockExclusive).map_err(io::Error::from)?;
        let tail = chain::mend(&mut file)?;
        let mut left = Left {
            length: file.metadata()?.len(),
            file,
            link: tail.link,
        };
        if tail.cut > 0 {
            let repaired = Action::Repaired { bytes: tail.cut };
            self.push(&mut left, &Subject::of_daemon(), &repaired)?;
        }
        Ok(left)
    }
}

/// A request whose intent is on the record and whose end is not.
#[derive(Debug)]
pub struct Intent {
    audit: Arc<Audit>,
    subject: Subject,
    open: bool,
    /// The file with the intent, until the disk works on it.
    written: Option<File>,
    /// The disk at work on the intent.
    settling: Option<JoinHandle<io::Result<()>>>,
}

impl Intent {
    /// Adds to the record what is known now.
    pub fn know(&mut self, learn: impl FnOnce(&mut Subject)) {
        learn(&mut self.subject);
    }

    /// Puts the question to the person, and then has the disk work on the intent: waking a thread for that would keep the
    /// question back.
    pub async fn settle_during<T>(&mut self, question: impl Future<Output = T>) -> T {
        let (answer, ()) = tokio::join!(biased; question, async { self.settle() });
        answer
    }

    fn settle(&mut self) {
        if let Some(file) = self.written.take() {
            self.settling = Some(settle(file));
        }
    }

    /// Records the person's yes, and waits until the disk has the intent: only then may a PIN reach the token. The yes
    /// itself is on the disk with the result, at the latest.
    ///
    /// # Errors
    /// [`AuditError`].
    pub async fn approve(&mut self) -> Result<(), AuditError> {
        self.audit.put(&self.subject, &Action::Approved)?;
        self.settle();
        if let Some(settling) = self.settling.take() {
            let began = Instant::now();
            settled(settling).await?;
            timing::spent(Part::Record, began.elapsed());
        }
        Ok(())
    }

    /// Records the end, and waits until the disk has it; other work of this thread goes on meanwhile. Whoever stops
    /// waiting has it on the record, but does not know when it is on the disk.
    ///
    /// # Errors
    /// [`AuditError`].
    pub async fn signed(mut self, results: Vec<String>) -> Result<(), AuditError> {
        self.open = false;
        let (_, file) = self.audit.put(&self.subject, &Action::Signed { results })?;
        let began = Instant::now();
        settled(settle(file)).await?;
        timing::spent(Part::Record, began.elapsed());
        Ok(())
    }

    /// Records that signatures were made, waits until the disk has it, and gives the page's receipt.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn receipt(self, results: Vec<String>) -> Result<Receipt, AuditError> {
        let Subject {
            manifest,
            certificate,
            origin,
            ..
        } = self.subject.clone();
        let signed = Action::Signed {
            results: results.clone(),
        };
        let place = self.conclude(&signed)?;
        Ok(Receipt {
            manifest: manifest.unwrap_or_default(),
            entry: place.seq,
            hash: place.hash,
            time: place.time,
            certificate: certificate.unwrap_or_default(),
            origin,
            results,
        })
    }

    /// Records the end, and waits until the disk has it.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn conclude(mut self, action: &Action) -> Result<Place, AuditError> {
        // Nor is there another end where this one cannot be written: an approval without one says that nobody knows, a
        // withdrawal would deny what the person may have been told.
        self.open = false;
        let began = Instant::now();
        let place = self.audit.append(&self.subject, action)?;
        timing::spent(Part::Record, began.elapsed());
        Ok(place)
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

/// Another process holds it while it writes a line, or for as long as somebody reads the whole record.
fn lock(file: &File) -> io::Result<()> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => briefly(|| rustix::fs::flock(file, FlockOperation::LockExclusive)),
        taken => taken,
    }
    .map_err(io::Error::from)
}

/// Has the disk begin to work on what was written.
fn settle(file: File) -> JoinHandle<io::Result<()>> {
    tokio::task::spawn_blocking(move || file.sync_data())
}

/// Waits until the disk has it.
async fn settled(settling: JoinHandle<io::Result<()>>) -> Result<(), AuditError> {
    let outcome = settling.await.map_err(io::Error::other)?;
    Ok(outcome?)
}

fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}
