//! The permissions in force: the user's file, read again when it changes, under the administrator's rules.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use time::OffsetDateTime;

use super::grants::{Grants, Scope};
use super::origin::{Origin, Schemes};

/// What the administrator says about origins. Wins over the user's file.
#[derive(Debug, Clone, Default)]
pub struct OriginRules {
    /// Allowed whatever the user's file says, with these scopes and no others.
    pub allow: Vec<(Origin, Vec<Scope>)>,
    /// Allowed nothing, whatever the user's file says.
    pub forbid: Vec<Origin>,
    /// The user's file counts for nothing.
    pub only_these: bool,
}

/// Answers what an origin may do now.
#[derive(Debug)]
pub struct GrantBook {
    file: PathBuf,
    rules: OriginRules,
    schemes: Schemes,
    read: Mutex<Read>,
}

#[derive(Debug, Default)]
struct Read {
    stamp: Option<Stamp>,
    grants: Grants,
}

/// Tells one state of a file from another: renaming a new file into place changes the inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    length: u64,
    changed: (i64, i64),
}

impl GrantBook {
    /// Of this file, under these rules.
    #[must_use]
    pub fn new(file: PathBuf, rules: OriginRules, schemes: Schemes) -> Self {
        Self {
            file,
            rules,
            schemes,
            read: Mutex::default(),
        }
    }

    /// Which origins may be spoken of at all.
    #[must_use]
    pub fn schemes(&self) -> Schemes {
        self.schemes
    }

    /// True if the origin may do anything at all.
    #[must_use]
    pub fn knows(&self, origin: &Origin, now: OffsetDateTime) -> bool {
        !self.scopes(origin, now).is_empty()
    }

    /// What the origin may do now. A file that cannot be read or used allows nothing.
    #[must_use]
    pub fn scopes(&self, origin: &Origin, now: OffsetDateTime) -> Vec<Scope> {
        if self.schemes == Schemes::Https && !origin.is_https() || self.rules.forbid.contains(origin) {
            return Vec::new();
        }
        if let Some((_, scopes)) = self.rules.allow.iter().find(|(allowed, _)| allowed == origin) {
            return scopes.clone();
        }
        if self.rules.only_these {
            return Vec::new();
        }
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh(&mut read);
        let grant = read.grants.of(origin).filter(|grant| grant.in_force(now));
        grant.map(|grant| grant.scopes.clone()).unwrap_or_default()
    }

    fn refresh(&self, read: &mut Read) {
        let stamp = std::fs::symlink_metadata(&self.file).ok().map(|metadata| Stamp {
            inode: metadata.ino(),
            length: metadata.len(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        });
        if stamp == read.stamp {
            return;
        }
        read.stamp = stamp;
        read.grants = Grants::load(&self.file).unwrap_or_else(|error| {
            tracing::error!(%error, "permissions cannot be read: no origin is allowed");
            Grants::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::policy::grants::Grant;
    use crate::policy::judge;
    use crate::transport::Channel;

    const NOW: OffsetDateTime = datetime!(2026-06-01 00:00 UTC);

    fn origin(text: &str) -> Origin {
        Origin::parse(text, Schemes::HttpsAndLoopbackHttp).unwrap()
    }

    fn allow(path: &std::path::Path, text: &str, scopes: &[Scope]) {
        let grant = Grant {
            origin: origin(text),
            scopes: scopes.to_vec(),
            granted: NOW,
            expires: None,
        };
        Grants::edit(path, |grants| grants.allow(grant)).unwrap();
    }

    #[test]
    fn a_change_of_the_file_counts_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("origins.toml");
        let book = GrantBook::new(path.clone(), OriginRules::default(), Schemes::Https);
        let page = origin("https://a.gov.vn");
        assert!(!book.knows(&page, NOW));
        allow(&path, "https://a.gov.vn", &Scope::USUAL);
        assert!(book.knows(&page, NOW));
        Grants::edit(&path, |grants| grants.revoke(&page)).unwrap();
        assert!(!book.knows(&page, NOW));
        std::fs::write(&path, "[[origin]\n").unwrap();
        assert!(!book.knows(&page, NOW));
    }

    #[test]
    fn the_administrator_wins() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("origins.toml");
        for text in ["https://a.gov.vn", "https://b.gov.vn"] {
            allow(&path, text, &Scope::ALL);
        }
        let rules = OriginRules {
            allow: vec![(origin("https://a.gov.vn"), vec![Scope::Verify])],
            forbid: vec![origin("https://b.gov.vn")],
            only_these: false,
        };
        let book = GrantBook::new(path.clone(), rules, Schemes::Https);
        assert_eq!(book.scopes(&origin("https://a.gov.vn"), NOW), [Scope::Verify]);
        assert!(!book.knows(&origin("https://b.gov.vn"), NOW));
        allow(&path, "https://c.gov.vn", &Scope::USUAL);
        assert!(book.knows(&origin("https://c.gov.vn"), NOW));
        let only = OriginRules {
            only_these: true,
            ..OriginRules::default()
        };
        assert!(!GrantBook::new(path, only, Schemes::Https).knows(&origin("https://c.gov.vn"), NOW));
    }

    #[test]
    fn blind_signing_needs_its_own_permission_and_the_shell_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("origins.toml");
        allow(&path, "https://a.gov.vn", &Scope::USUAL);
        allow(&path, "http://localhost:8080", &Scope::USUAL);
        let book = GrantBook::new(path, OriginRules::default(), Schemes::Https);
        let digest = || trien_protocol::call::SignDigest {
            certificate: String::new(),
            hash: trien_protocol::call::HashAlgorithm::Sha256,
            digest: String::new(),
            padding: None,
        };
        let list = || trien_protocol::call::Certificates::default();
        let page = Channel::WebSocket {
            origin: origin("https://a.gov.vn"),
        };
        assert!(judge(&page, list(), &book, NOW).is_ok());
        assert!(judge(&page, digest(), &book, NOW).is_err());
        assert!(judge(&Channel::Shell, digest(), &book, NOW).is_ok());
        let plain = Channel::Extension {
            origin: origin("http://localhost:8080"),
            top: None,
        };
        assert!(judge(&plain, list(), &book, NOW).is_err());
    }
}
