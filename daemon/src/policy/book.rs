//! The permissions in force: the user's file, read again when it changes, under the administrator's rules.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use time::OffsetDateTime;

use super::grants::{Grant, Grants, GrantsError, Scope};
use super::origin::{Origin, Schemes};

/// What the administrator says about origins. Wins over the user's file.
#[derive(Debug, Clone, Default)]
pub struct OriginRules {
    /// Allowed whatever the user's file says, with these scopes and no others.
    pub allow: Vec<(Origin, Vec<Scope>)>,
    /// Allowed these scopes without the user's doing; he may take some or all of them away, and add none.
    pub pregrant: Vec<(Origin, Vec<Scope>)>,
    /// Allowed nothing, whatever the user's file says.
    pub forbid: Vec<Origin>,
    /// The user's file counts for nothing.
    pub only_these: bool,
    /// The most a user may allow an origin; anything if absent.
    pub user_scopes: Option<Vec<Scope>>,
    /// Pages that are not known yet are not put to the user.
    pub no_first_use: bool,
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
    /// The file is there and cannot be used.
    unusable: bool,
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
        self.ruled(origin, || self.users(origin, now))
    }

    /// What the origin might do if the user's file allowed it this.
    #[must_use]
    pub fn would_allow(&self, origin: &Origin, scopes: Vec<Scope>) -> Vec<Scope> {
        self.ruled(origin, || Some(scopes))
    }

    fn ruled(&self, origin: &Origin, users: impl FnOnce() -> Option<Vec<Scope>>) -> Vec<Scope> {
        if self.schemes == Schemes::Https && !origin.is_https() || self.rules.forbid.contains(origin) {
            return Vec::new();
        }
        if let Some((_, scopes)) = self.rules.allow.iter().find(|(allowed, _)| allowed == origin) {
            return scopes.clone();
        }
        let users = users();
        if let Some((_, scopes)) = self.rules.pregrant.iter().find(|(granted, _)| granted == origin) {
            let mut scopes = scopes.clone();
            scopes.retain(|scope| users.as_ref().is_none_or(|users| users.contains(scope)));
            return scopes;
        }
        if self.rules.only_these {
            return Vec::new();
        }
        let mut scopes = users.unwrap_or_default();
        scopes.retain(|scope| self.limit().contains(scope));
        scopes
    }

    /// When what the origin may do ends, by the user's file; what is not in it has no end.
    #[must_use]
    pub fn ends(&self, origin: &Origin) -> BTreeMap<Scope, OffsetDateTime> {
        if self.rules.allow.iter().any(|(allowed, _)| allowed == origin) {
            return BTreeMap::new();
        }
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh(&mut read);
        let grant = read.grants.of(origin);
        let timed = grant.into_iter().flat_map(|grant| &grant.scopes);
        timed.filter_map(|(scope, end)| Some((*scope, (*end)?))).collect()
    }

    /// What the user's file says of it; none if it does not name it. Of a file that cannot be used: nothing.
    fn users(&self, origin: &Origin, now: OffsetDateTime) -> Option<Vec<Scope>> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh(&mut read);
        if read.unusable {
            return Some(Vec::new());
        }
        read.grants.of(origin).map(|grant| grant.in_force(now))
    }

    /// The most a user may allow.
    fn limit(&self) -> &[Scope] {
        self.rules.user_scopes.as_deref().unwrap_or(&Scope::ALL)
    }

    /// What a page that is not known yet may be allowed by the user, if it may be put to him: none for an origin that
    /// somebody has decided about.
    #[must_use]
    pub fn offers(&self, origin: &Origin, now: OffsetDateTime) -> Option<Vec<Scope>> {
        let rules = &self.rules;
        let named = |list: &[(Origin, Vec<Scope>)]| list.iter().any(|(named, _)| named == origin);
        let settled = rules.only_these
            || rules.no_first_use
            || rules.forbid.contains(origin)
            || named(&rules.allow)
            || named(&rules.pregrant)
            || self.schemes == Schemes::Https && !origin.is_https();
        // One that he allowed once and whose time is over may ask again; one that he wants nothing of may not.
        let refused = {
            let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
            self.refresh(&mut read);
            read.unusable
                || read
                    .grants
                    .of(origin)
                    .is_some_and(|grant| grant.scopes.is_empty())
        };
        let mut offered = Scope::USUAL.to_vec();
        offered.retain(|scope| self.limit().contains(scope));
        let usable = !settled && !refused && !self.knows(origin, now) && !offered.is_empty();
        usable.then_some(offered)
    }

    /// Writes what the user has just allowed into his file.
    ///
    /// # Errors
    /// [`GrantsError`].
    pub fn allow(&self, grant: Grant) -> Result<(), GrantsError> {
        Grants::edit(&self.file, |grants| grants.allow(grant))
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
        let loaded = Grants::load(&self.file);
        read.unusable = loaded.is_err();
        read.grants = loaded.unwrap_or_else(|error| {
            tracing::error!(%error, "permissions cannot be read: no origin is allowed");
            Grants::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::policy::judge;
    use crate::transport::Channel;
    use crate::transport::program::Peer;

    const NOW: OffsetDateTime = datetime!(2026-06-01 00:00 UTC);

    fn origin(text: &str) -> Origin {
        Origin::parse(text, Schemes::HttpsAndLoopbackHttp).unwrap()
    }

    fn allow(path: &std::path::Path, text: &str, scopes: &[Scope]) {
        let grant = Grant::until(origin(text), scopes.iter().copied(), NOW, None);
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
            ..OriginRules::default()
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
    fn what_is_pregranted_the_user_narrows_and_never_widens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("origins.toml");
        let page = origin("https://a.gov.vn");
        let rules = OriginRules {
            pregrant: vec![(page.clone(), vec![Scope::SignIn, Scope::Sign])],
            user_scopes: Some(vec![Scope::Certificates, Scope::Sign]),
            ..OriginRules::default()
        };
        let book = GrantBook::new(path.clone(), rules, Schemes::Https);
        assert_eq!(book.scopes(&page, NOW), [Scope::SignIn, Scope::Sign]);
        allow(&path, "https://a.gov.vn", &[Scope::Sign, Scope::BlindDigest]);
        assert_eq!(book.scopes(&page, NOW), [Scope::Sign]);
        allow(&path, "https://a.gov.vn", &[]);
        assert_eq!(book.scopes(&page, NOW), []);
        // What the user allows by himself has its bounds, too.
        allow(&path, "https://b.gov.vn", &Scope::ALL);
        assert_eq!(
            book.scopes(&origin("https://b.gov.vn"), NOW),
            [Scope::Certificates, Scope::Sign]
        );
    }

    #[test]
    fn only_an_origin_nobody_has_decided_about_is_put_to_the_user() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("origins.toml");
        let page = origin("https://new.gov.vn");
        let offers = |rules: OriginRules, page: &Origin| {
            GrantBook::new(path.clone(), rules, Schemes::Https).offers(page, NOW)
        };
        let free = OriginRules::default;
        assert_eq!(offers(free(), &page), Some(Scope::USUAL.to_vec()));
        assert_eq!(offers(free(), &origin("http://localhost:8080")), None);
        for rules in [
            OriginRules {
                only_these: true,
                ..free()
            },
            OriginRules {
                no_first_use: true,
                ..free()
            },
            OriginRules {
                forbid: vec![page.clone()],
                ..free()
            },
            OriginRules {
                allow: vec![(page.clone(), Vec::new())],
                ..free()
            },
            OriginRules {
                pregrant: vec![(page.clone(), Vec::new())],
                ..free()
            },
            OriginRules {
                user_scopes: Some(Vec::new()),
                ..free()
            },
        ] {
            assert_eq!(offers(rules.clone(), &page), None, "{rules:?}");
        }
        allow(&path, "https://new.gov.vn", &[Scope::Sign]);
        assert_eq!(offers(free(), &page), None, "known");
        allow(&path, "https://new.gov.vn", &[]);
        assert_eq!(offers(free(), &page), None, "refused for good");
        std::fs::write(&path, "[[origin]\n").unwrap();
        assert_eq!(
            offers(free(), &origin("https://other.vn")),
            None,
            "an unusable file"
        );
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
            idempotency_key: None,
        };
        let list = || trien_protocol::call::Certificates::default();
        let page = Channel::WebSocket {
            origin: origin("https://a.gov.vn"),
            peer: Peer::default(),
        };
        assert!(judge(&page, list(), &book, NOW).is_ok());
        assert!(judge(&page, digest(), &book, NOW).is_err());
        assert!(judge(&Channel::Shell, digest(), &book, NOW).is_ok());
        let plain = Channel::Extension {
            origin: origin("http://localhost:8080"),
            top: None,
            peer: Peer::default(),
        };
        assert!(judge(&plain, list(), &book, NOW).is_err());
    }
}
