//! Files that were signed offline and wait for their time-stamp: remembered on disk, raised when an authority can be
//! reached again, by the daemon or by `trien augment --queued`.
//!
//! A file that is no longer what was signed is left alone, also when somebody changed it while an authority was asked. One
//! that is out of reach (a stick that was pulled, a share that is not mounted) is waited for. A file goes up step by step,
//! as far as there are answers. The queue is bounded; what could not be raised in thirty days is given up and named.
//!
//! Several processes may go through the queue at once, while another one adds to it: who takes the time to ask an
//! authority changes only the entry that he read.

use std::fs;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use time::OffsetDateTime;
use trien_signatures::augment::AugmentError;
use trien_signatures::report::Level;

use crate::jobs::Context;
use crate::jobs::augment::{OnDisk, OnDiskError, RaiseError, Raiser};
use crate::network::{Authority, Network};
use crate::transport::Halt;
use crate::trust::Trust;
use crate::trust::revocation::Cache;

/// Files that may wait.
pub const MAX_WAITING: usize = 1000;

/// The largest file of a format that is held whole while it is raised (XML, JSON, a container), in bytes: more than what is
/// signed here. A PDF and a CMS may have any size.
const MAX_WHOLE: u64 = 256 * 1024 * 1024;

/// How long a file waits before it is given up.
const LONGEST: time::Duration = time::Duration::days(30);

/// One file that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Waiting {
    file: PathBuf,
    /// Of a detached signature.
    content: Option<PathBuf>,
    /// Of the file as it was signed, or came to be since.
    sha256: String,
    /// Of the file as it is about to be.
    #[serde(default)]
    next: Option<String>,
    level: Level,
    tsa: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
}

impl Waiting {
    /// Whether what has this SHA-256 is the file that waits.
    fn is(&self, sha256: &str) -> bool {
        self.sha256 == sha256 || self.next.as_deref() == Some(sha256)
    }
}

/// The queue of one user.
#[derive(Debug, Clone)]
pub struct Queue {
    folder: PathBuf,
}

/// Why a file cannot wait.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// [`MAX_WAITING`] files wait.
    #[error("too many files wait already")]
    Full,
    /// Of the file system.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What one run did.
#[derive(Debug, Default)]
pub struct Done {
    /// At their level now.
    pub raised: Vec<PathBuf>,
    /// Still waiting, and for what; none where another process is at work on it.
    pub waiting: Vec<(PathBuf, Option<Obstacle>)>,
    /// Not to be raised, or out of reach for too long.
    pub given_up: Vec<(PathBuf, Obstacle)>,
}

impl Queue {
    /// In this folder, which need not exist yet.
    #[must_use]
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Remembers a file.
    ///
    /// # Errors
    /// [`QueueError`]
    pub fn add(
        &self,
        file: &Path,
        content: Option<&Path>,
        level: Level,
        tsa: Option<&str>,
    ) -> Result<(), QueueError> {
        use std::os::unix::fs::DirBuilderExt;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)?;
        if fs::read_dir(&self.folder)?.count() >= MAX_WAITING {
            return Err(QueueError::Full);
        }
        let file = file.canonicalize()?;
        let waiting = Waiting {
            sha256: sha256_of(&fs::File::open(&file)?)?,
            next: None,
            content: content.map(Path::canonicalize).transpose()?,
            level,
            tsa: tsa.map(str::to_owned),
            since: OffsetDateTime::now_utc(),
            file,
        };
        let _alone = self.lock()?;
        Ok(self.write(&waiting)?)
    }

    /// While it is held, no other process reads or changes an entry or the file of one.
    fn lock(&self) -> io::Result<fs::File> {
        let lock = fs::File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.folder.with_extension("lock"))?;
        lock.lock()?;
        Ok(lock)
    }

    /// Where the entry of a file is.
    fn entry(&self, file: &Path) -> PathBuf {
        let name = hex::encode(Sha256::digest(file.as_os_str().as_encoded_bytes()));
        self.folder.join(format!("{name}.json"))
    }

    fn write(&self, waiting: &Waiting) -> io::Result<()> {
        let mut entry = NamedTempFile::new_in(&self.folder)?;
        entry.write_all(&serde_json::to_vec(waiting)?)?;
        entry.as_file().sync_all()?;
        entry
            .persist(self.entry(&waiting.file))
            .map_err(|error| error.error)?;
        Ok(())
    }

    /// Whether it is still this that waits, and not what was signed in its place since, or what another process has
    /// brought further.
    fn still_waits(&self, waiting: &Waiting) -> bool {
        read_entry(&self.entry(&waiting.file)).is_some_and(|entry| entry == *waiting)
    }

    /// Takes out what waits no longer.
    fn remove(&self, waiting: &Waiting) -> io::Result<()> {
        let _alone = self.lock()?;
        match self.still_waits(waiting) {
            true => fs::remove_file(self.entry(&waiting.file)),
            false => Ok(()),
        }
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        fs::read_dir(&self.folder).map_or(true, |mut entries| entries.next().is_none())
    }

    /// Tries every file once.
    pub async fn run(&self, network: &Network, mut trust: Trust, cache: &Cache) -> Done {
        let mut done = Done::default();
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return done;
        };
        for entry in entries.flatten().take(MAX_WAITING) {
            let Some(mut waiting) = read_entry(&entry.path()) else {
                continue;
            };
            let given_up = match self.raise(&mut waiting, network, &mut trust, cache).await {
                Ok(End::Raised) => None,
                Ok(End::GivenUp(obstacle)) => Some(obstacle),
                Ok(End::Superseded) => {
                    if self.entry(&waiting.file).exists() {
                        done.waiting.push((waiting.file, None));
                    }
                    continue;
                }
                Err(obstacle) => {
                    tracing::info!(file = ?waiting.file, reason = %obstacle, "waits for its time-stamp");
                    if OffsetDateTime::now_utc() - waiting.since < LONGEST {
                        done.waiting.push((waiting.file, Some(obstacle)));
                        continue;
                    }
                    Some(obstacle)
                }
            };
            if let Err(error) = self.remove(&waiting) {
                tracing::warn!(%error, "the queue cannot be cleared");
            }
            match given_up {
                Some(obstacle) => done.given_up.push((waiting.file, obstacle)),
                None => done.raised.push(waiting.file),
            }
        }
        for (file, reason) in &done.given_up {
            tracing::warn!(?file, %reason, "is not raised");
        }
        done
    }

    /// What waits becomes what it is once a step is made.
    async fn raise(
        &self,
        waiting: &mut Waiting,
        network: &Network,
        trust: &mut Trust,
        cache: &Cache,
    ) -> Result<End, Obstacle> {
        let file = {
            let _alone = self.lock().map_err(Obstacle::Read)?;
            if !self.still_waits(waiting) {
                return Ok(End::Superseded);
            }
            // Who raises it puts another file in its place: this one stays what it is.
            fs::File::open(&waiting.file).map_err(Obstacle::Read)?
        };
        let before = sha256_of(&file).map_err(Obstacle::Read)?;
        if !waiting.is(&before) {
            return Ok(End::GivenUp(Obstacle::Changed));
        }
        let lying = match OnDisk::open(file, waiting.content.as_deref(), MAX_WHOLE) {
            Ok(lying) => lying,
            Err(OnDiskError::TooLarge(_)) => {
                return Ok(End::GivenUp(Obstacle::Read(io::ErrorKind::FileTooLarge.into())));
            }
            Err(OnDiskError::File(error) | OnDiskError::Content(error)) => return Err(Obstacle::Read(error)),
            Err(OnDiskError::Format(error)) => {
                return Ok(End::GivenUp(Obstacle::Raise(error.into())));
            }
        };
        let network = match &waiting.tsa {
            Some(url) => network.with_authority(Authority::at(url)),
            None => network.clone(),
        };
        let mut raiser = Raiser {
            network: &network,
            trust,
            cache: Some(cache),
        };
        let (raised, delay) = match raiser
            .climb(lying.part().to_vec(), waiting.level, lying.form())
            .await
        {
            Ok(climbed) => climbed,
            Err(error) => {
                let beside = waiting.content.as_deref().map(fs::File::open);
                let needs_it = matches!(error, RaiseError::Augment(AugmentError::ContentMissing));
                if let (true, Some(Err(away))) = (needs_it, beside) {
                    return Err(Obstacle::Read(away));
                }
                return Ok(End::GivenUp(error.into()));
            }
        };
        if raised != lying.part() {
            let (written, after) = write_beside(&waiting.file, |output| lying.write(&raised, output))?;
            let _alone = self.lock()?;
            if !self.still_waits(waiting) {
                return Ok(End::Superseded);
            }
            // Whatever ends this process meanwhile, the file is one of the two.
            let known = Waiting {
                sha256: before,
                next: Some(after),
                ..waiting.clone()
            };
            self.write(&known)?;
            *waiting = known;
            if !replace(waiting, written)? {
                return Ok(End::GivenUp(Obstacle::Changed));
            }
        }
        delay.map_or(Ok(End::Raised), |error| Err(error.into()))
    }
}

fn read_entry(path: &Path) -> Option<Waiting> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// How a file's waiting ends.
enum End {
    Raised,
    /// It cannot be raised, whatever the network does.
    GivenUp(Obstacle),
    /// The entry is about something else by now, or another process has taken it further.
    Superseded,
}

/// Why a file is not at its level.
#[derive(Debug, thiserror::Error)]
pub enum Obstacle {
    /// It does not get what its level needs.
    #[error(transparent)]
    Raise(#[from] RaiseError),
    /// It is another file by now.
    #[error("the file was changed")]
    Changed,
    /// It, or what it is about, is out of reach for now.
    #[error("the file cannot be read: {0}")]
    Read(#[source] io::Error),
    /// There is no room for the result, say.
    #[error("the file cannot be replaced: {0}")]
    Write(#[from] io::Error),
}

/// SHA-256 of a file from its beginning, in lower-case hexadecimal.
fn sha256_of(mut file: &fs::File) -> io::Result<String> {
    file.rewind()?;
    let mut hashing = Hashing::new(io::sink());
    io::copy(&mut file, &mut hashing)?;
    Ok(hashing.sha256())
}

/// What is written is hashed on its way.
struct Hashing<W> {
    hasher: Sha256,
    output: W,
}

impl<W: Write> Hashing<W> {
    fn new(output: W) -> Self {
        Self {
            hasher: Sha256::new(),
            output,
        }
    }

    fn sha256(self) -> String {
        hex::encode(self.hasher.finalize())
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// A file in the folder of another one, with its permissions and what `fill` writes, and the SHA-256 of that.
fn write_beside(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<(NamedTempFile, String)> {
    let file = NamedTempFile::new_in(path.parent().unwrap_or(Path::new("/")))?;
    file.as_file()
        .set_permissions(fs::metadata(path)?.permissions())?;
    let mut hashing = Hashing::new(file.as_file());
    fill(&mut hashing)?;
    let sha256 = hashing.sha256();
    file.as_file().sync_all()?;
    Ok((file, sha256))
}

/// Whole or not at all, and only in the place of what was raised. False if that is another file by now, or was changed
/// while it was copied.
fn replace(waiting: &Waiting, file: NamedTempFile) -> io::Result<bool> {
    let path = &waiting.file;
    let now = |path: &Path| fs::File::open(path).and_then(|file| sha256_of(&file));
    let is_it = |path: &Path| now(path).is_ok_and(|sha256| waiting.is(&sha256));
    if !waiting.is(&now(path)?) {
        return Ok(false);
    }
    let exchange = || renameat_with(CWD, file.path(), CWD, path, RenameFlags::EXCHANGE);
    match exchange() {
        // Whoever was quicker than a look beforehand could tell is found in what was taken away.
        Ok(()) if is_it(file.path()) => Ok(true),
        Ok(()) => {
            exchange()?;
            Ok(false)
        }
        // Not every file system exchanges.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) if is_it(path) => {
            file.persist(path).map_err(|error| error.error)?;
            Ok(true)
        }
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The daemon's part: tries when it starts, for what waited while it did not run, and from time to time until it ends.
pub async fn work(queue: Queue, context: Arc<Context>, halt: Halt) {
    loop {
        if !queue.is_empty() {
            let trust = Arc::unwrap_or_clone(context.trust());
            let done = tokio::select! {
                () = halt.come() => return,
                done = queue.run(&context.network, trust, &context.revocation) => done,
            };
            if !done.raised.is_empty() {
                tracing::info!(files = done.raised.len(), "have their time-stamps");
            }
        }
        tokio::select! {
            () = halt.come() => return,
            () = tokio::time::sleep(context.network.rules().retry) => {}
        }
    }
}
