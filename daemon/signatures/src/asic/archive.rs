//! Archive time-stamps of containers (EN 319 162-1, A.7): a manifest over the files of a container, and a time-stamp of
//! that manifest. The newest manifest has a name of its own; each names the one before it.

use super::manifest::{self, Listed};
use crate::algorithm::Hash;
use crate::report::Reason;
use crate::timestamp::TimestampToken;
use crate::validation::MAX_TIMESTAMPS;
use crate::zip::{Archive, Directory, ZipError};

/// The newest archive manifest.
const NEWEST: &str = "META-INF/ASiCArchiveManifest.xml";

/// An archive manifest with its time-stamp.
pub(super) struct ArchiveStamp {
    /// The file that the time-stamp is in.
    pub(super) file: Option<String>,
    pub(super) token: Option<TimestampToken>,
    /// Whether the time-stamp is about the manifest, and the files are what the manifest says.
    pub(super) about_this: bool,
    /// Whether the manifest names a file by its SHA-1.
    pub(super) by_sha1: bool,
    /// The files of the manifest; none where it cannot be read, or a file is another one.
    files: Option<Vec<String>>,
}

impl ArchiveStamp {
    /// All of a container, the oldest first.
    pub(super) fn all(container: &Directory<'_>, sha1: bool) -> Vec<Self> {
        let manifests = container.files().iter().filter(|entry| is_manifest(&entry.name));
        let mut all: Vec<Self> = manifests
            .take(MAX_TIMESTAMPS)
            .map(|entry| Self::read(container, entry.held(), sha1))
            .collect();
        all.sort_by_key(|stamp| stamp.token.as_ref().map(TimestampToken::time));
        all
    }

    fn read(container: &Directory<'_>, manifest: &[u8], sha1: bool) -> Self {
        let file = manifest::made_by(manifest);
        let bytes = file.as_deref().and_then(|file| container.held(file));
        let token = bytes.and_then(|der| TimestampToken::from_der(der).ok());
        let files = manifest::files_of(container, manifest, sha1);
        let by_sha1 = match &files {
            Ok(_) => sha1 && manifest::files_of(container, manifest, false).is_err(),
            Err((_, reason)) => *reason == Reason::Sha1NotAccepted,
        };
        let files = files.ok();
        let fits = |token: &TimestampToken| token.is_about_digest(|hash| Some(hash.digest(manifest)));
        Self {
            file,
            about_this: files.is_some() && token.as_ref().is_some_and(fits),
            by_sha1,
            token,
            files,
        }
    }

    /// Whether its manifest names a file. One whose files are not known may name any.
    pub(super) fn names(&self, file: &str) -> bool {
        let files = self.files.as_ref();
        files.is_none_or(|files| files.iter().any(|name| name == file))
    }
}

fn is_manifest(name: &str) -> bool {
    name.starts_with("META-INF/") && name.contains("ASiCArchiveManifest") && name.ends_with(".xml")
}

/// An archive time-stamp that is not there yet.
pub(super) struct Next {
    manifest: Vec<u8>,
    /// The file that the time-stamp goes into.
    file: String,
    /// What the manifest that was the newest is called from now on.
    previous: Option<String>,
}

impl Next {
    /// Over every file of the container but the media type, which no signature covers either.
    ///
    /// # Errors
    /// [`ZipError`] where one cannot be read any more.
    pub(super) fn of(container: &Directory<'_>, hash: Hash) -> Result<Self, ZipError> {
        let free = |stem: &str, end: &str| {
            let names = (1..).map(|number| format!("META-INF/{stem}{number:03}.{end}"));
            let mut free = names.filter(|name| container.find(name).is_none());
            free.next().unwrap_or_default()
        };
        let file = free("timestamp", "tst");
        let previous = container.find(NEWEST).map(|_| free("ASiCArchiveManifest", "xml"));
        let files = container.files().iter().filter(|entry| entry.name != "mimetype");
        let listed = files.map(|entry| {
            let root = entry.name == NEWEST;
            Ok(Listed {
                name: previous.as_deref().filter(|_| root).unwrap_or(&entry.name),
                digest: container.digest(entry, hash)?,
                media_type: None,
                root,
            })
        });
        let listed = listed.collect::<Result<Vec<_>, ZipError>>()?;
        let by = (file.as_str(), "application/vnd.etsi.timestamp-token");
        let manifest = manifest::write(by, listed.into_iter(), hash);
        Ok(Self {
            manifest,
            file,
            previous,
        })
    }

    pub(super) fn manifest(&self) -> &[u8] {
        &self.manifest
    }

    /// The container with it, from `start` on.
    pub(super) fn put(
        &self,
        container: &Directory<'_>,
        start: u64,
        token: &TimestampToken,
    ) -> Result<Vec<u8>, ZipError> {
        let mut archive = Archive::behind(start, container, NEWEST)?;
        if let (Some(name), Some(previous)) = (&self.previous, container.held(NEWEST)) {
            archive.store(name, previous)?;
        }
        archive.store(NEWEST, &self.manifest)?;
        archive.store(&self.file, token.as_der())?;
        archive.finish()
    }
}
