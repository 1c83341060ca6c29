//! Archive time-stamps of containers (EN 319 162-1, A.7): a manifest over the files of a container, and a time-stamp of
//! that manifest. The newest manifest has a name of its own; each names the one before it.

use super::manifest::{self, Listed};
use crate::algorithm::Hash;
use crate::report::Reason;
use crate::timestamp::TimestampToken;
use crate::validation::MAX_TIMESTAMPS;
use crate::zip::{Archive, Container, ZipError};

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
    pub(super) fn all(container: &Container, sha1: bool) -> Vec<Self> {
        let manifests = container
            .entries()
            .iter()
            .filter(|entry| is_manifest(&entry.name));
        let mut all: Vec<Self> = manifests
            .take(MAX_TIMESTAMPS)
            .map(|entry| Self::read(container, &entry.bytes, sha1))
            .collect();
        all.sort_by_key(|stamp| stamp.token.as_ref().map(TimestampToken::time));
        all
    }

    fn read(container: &Container, manifest: &[u8], sha1: bool) -> Self {
        let file = manifest::made_by(manifest);
        let bytes = file.as_deref().and_then(|file| container.get(file));
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
    pub(super) fn of(container: &Container, hash: Hash) -> Self {
        let free = |stem: &str, end: &str| {
            let names = (1..).map(|number| format!("META-INF/{stem}{number:03}.{end}"));
            let mut free = names.filter(|name| container.get(name).is_none());
            free.next().unwrap_or_default()
        };
        let file = free("timestamp", "tst");
        let previous = container.get(NEWEST).map(|_| free("ASiCArchiveManifest", "xml"));
        let files = container
            .entries()
            .iter()
            .filter(|entry| entry.name != "mimetype");
        let listed = files.map(|entry| {
            let root = entry.name == NEWEST;
            Listed {
                name: previous.as_deref().filter(|_| root).unwrap_or(&entry.name),
                bytes: &entry.bytes,
                media_type: None,
                root,
            }
        });
        let by = (file.as_str(), "application/vnd.etsi.timestamp-token");
        let manifest = manifest::write(by, listed, hash);
        Self {
            manifest,
            file,
            previous,
        }
    }

    pub(super) fn manifest(&self) -> &[u8] {
        &self.manifest
    }

    /// The container with it.
    pub(super) fn put(
        &self,
        container: &Container,
        original: &[u8],
        token: &TimestampToken,
    ) -> Result<Vec<u8>, ZipError> {
        let mut archive = Archive::of(container, original, NEWEST)?;
        if let (Some(name), Some(previous)) = (&self.previous, container.get(NEWEST)) {
            archive.store(name, previous)?;
        }
        archive.store(NEWEST, &self.manifest)?;
        archive.store(&self.file, token.as_der())?;
        archive.finish()
    }
}
