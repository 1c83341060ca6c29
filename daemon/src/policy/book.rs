//! The permissions in force: the user's file, read again when it changes, under the administrator's rules.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use time::OffsetDateTime;
use tokio::sync::watch;

use super::grants::{self, Grants, GrantsError, Scope, Terms};
use super::origin::{Origin, Schemes};

/// What the administrator allows one origin. What has run out is allowed no more, and is still his word: it is not put to
/// the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Who.
    pub origin: Origin,
    /// What.
    pub scopes: Terms,
}

impl Rule {
    fn of<'a>(rules: &'a [Self], origin: &Origin) -> Option<&'a Self> {
        rules.iter().find(|rule| rule.origin == *origin)
    }

    /// What has not run out.
    #[must_use]
    pub fn in_force(&self, now: OffsetDateTime) -> Vec<Scope> {
        grants::in_force(&self.scopes, now)
    }
}

/// What the administrator says about origins. Wins over the user's file.
#[derive(Debug, Clone, Default)]
pub struct OriginRules {
    /// Allowed whatever the user's file says, with these scopes and no others.
    pub allow: Vec<Rule>,
    /// Allowed these scopes without the user's doing; he may take some or all of them away, and add none.
    pub pregrant: Vec<Rule>,
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
    /// Grows with each change of the user's file that was seen.
    changes: watch::Sender<u64>,
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
            changes: watch::Sender::new(0),
        }
    }

    /// Tells of changes of the user's file: as soon as anybody looks into it, which [`super::news::follow`] does at once.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Looks whether the user's file has changed.
    pub(super) fn look(&self) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh(&mut read);
    }

    /// The user's file.
    pub(super) fn file(&self) -> &Path {
        &self.file
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
        self.ruled(origin, now, || self.users(origin, now))
    }

    /// What the origin might do now if the user's file allowed it this.
    #[must_use]
    pub fn would_allow(&self, origin: &Origin, scopes: Vec<Scope>, now: OffsetDateTime) -> Vec<Scope> {
        self.ruled(origin, now, || Some(scopes))
    }

    fn ruled(
        &self,
        origin: &Origin,
        now: OffsetDateTime,
        users: impl FnOnce() -> Option<Vec<Scope>>,
    ) -> Vec<Scope> {
        if self.schemes == Schemes::Https && !origin.is_https() || self.rules.forbid.contains(origin) {
            return Vec::new();
        }
        if let Some(rule) = Rule::of(&self.rules.allow, origin) {
            return rule.in_force(now);
        }
        let users = users();
        if let Some(rule) = Rule::of(&self.rules.pregrant, origin) {
            let mut scopes = rule.in_force(now);
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

    /// When the next of an origin's permissions ends; none if none of them does.
    #[must_use]
    pub fn next_end(&self, origin: &Origin) -> Option<OffsetDateTime> {
        let now = OffsetDateTime::now_utc();
        let ends = self.ends(origin).into_values();
        ends.filter(|end| *end > now).min()
    }

    /// When what the origin may do ends; what is not in it has no end.
    #[must_use]
    pub fn ends(&self, origin: &Origin) -> BTreeMap<Scope, OffsetDateTime> {
        let timed = |terms: &Terms| {
            let timed = terms.iter().filter_map(|(scope, end)| Some((*scope, (*end)?)));
            timed.collect::<BTreeMap<_, _>>()
        };
        if let Some(rule) = Rule::of(&self.rules.allow, origin) {
            return timed(&rule.scopes);
        }
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh(&mut read);
        let users = read.grants.of(origin);
        let mut ends = users.map_or_else(BTreeMap::new, |grant| timed(&grant.scopes));
        drop(read);
        if let Some(rule) = Rule::of(&self.rules.pregrant, origin) {
            // Whichever comes first.
            for (scope, end) in timed(&rule.scopes) {
                let known = ends.entry(scope).or_insert(end);
                *known = end.min(*known);
            }
        }
        ends
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
        let named = |list: &[Rule]| Rule::of(list, origin).is_some();
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
        let mut offered = Scope::ALL.to_vec();
        offered.retain(|scope| self.limit().contains(scope));
        let usable = !settled && !refused && !self.knows(origin, now) && !offered.is_empty();
        usable.then_some(offered)
    }

    /// Whether the user allowed it something whose time is over.
    #[must_use]
    pub fn has_ended(&self, origin: &Origin, now: OffsetDateTime) -> bool {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh(&mut read);
        let over = |end: &Option<OffsetDateTime>| end.is_some_and(|end| end <= now);
        read.grants
            .of(origin)
            .is_some_and(|grant| grant.scopes.values().any(over))
    }

    /// Changes the user's file, as [`Grants::try_edit`]. Waits for whoever changes it as well.
    ///
    /// # Errors
    /// As there.
    pub fn edit<T, E: From<GrantsError>>(
        &self,
        change: impl FnOnce(&mut Grants) -> Result<T, E>,
    ) -> Result<T, E> {
        Grants::try_edit(&self.file, change)
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
        let loaded = Grants::load(&self.file);
        // What kept the file from being read may pass without the file changing: no file descriptor was free, for instance.
        read.stamp = match &loaded {
            Err(GrantsError::Io { .. }) => None,
            _ => stamp,
        };
        // That it still cannot be used is no news.
        if std::mem::replace(&mut read.unusable, loaded.is_err()) && read.unusable {
            return;
        }
        read.grants = loaded.unwrap_or_else(|error| {
            tracing::error!(%error, "permissions cannot be read: no origin is allowed");
            Grants::default()
        });
        self.changes
            .send_modify(|changes| *changes = changes.wrapping_add(1));
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::policy::grants::Grant;
    use crate::policy::judge;
    use crate::transport::Channel;
    use crate::transport::program::Peer;

    const NOW: OffsetDateTime = datetime!(2026-06-01 00:00 UTC);

    fn origin(text: &str) -> Origin {
        Origin::parse(text, Schemes::HttpsAndLoopbackHttp).unwrap()
    }

    fn rule(text: &str, scopes: &[Scope], end: Option<OffsetDateTime>) -> Rule {
        Rule {
            origin: origin(text),
            scopes: scopes.iter().map(|scope| (*scope, end)).collect(),
        }
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
            allow: vec![rule("https://a.gov.vn", &[Scope::Verify], None)],
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
            pregrant: vec![rule("https://a.gov.vn", &[Scope::SignIn, Scope::Sign], None)],
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
    fn what_the_administrator_allows_ends_when_he_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("origins.toml");
        let [fixed, given] = ["https://a.gov.vn", "https://b.gov.vn"];
        let [sooner, later] = [1, 2].map(|days| NOW + time::Duration::days(days));
        let mut differing = rule(fixed, &[Scope::Verify], Some(later));
        differing.scopes.insert(Scope::Sign, None);
        let rules = OriginRules {
            allow: vec![differing],
            pregrant: vec![rule(given, &[Scope::SignIn, Scope::Sign], Some(later))],
            ..OriginRules::default()
        };
        let book = GrantBook::new(path.clone(), rules, Schemes::Https);
        // Whatever he writes down, it lasts no longer for that.
        let user = Grant::until(origin(given), [Scope::Sign], NOW, Some(sooner));
        Grants::edit(&path, |grants| {
            grants.allow(user);
            grants.add(Grant::until(origin(given), [Scope::SignIn], NOW, None));
            grants.allow(Grant::until(origin(fixed), Scope::ALL, NOW, None));
        })
        .unwrap();
        assert_eq!(book.scopes(&origin(fixed), NOW), [Scope::Sign, Scope::Verify]);
        assert_eq!(book.scopes(&origin(fixed), later), [Scope::Sign]);
        assert_eq!(book.scopes(&origin(given), NOW), [Scope::SignIn, Scope::Sign]);
        assert_eq!(book.scopes(&origin(given), sooner), [Scope::SignIn]);
        assert!(!book.knows(&origin(given), later));
        assert_eq!(
            book.offers(&origin(given), later),
            None,
            "it is not the user's to say"
        );
        assert_eq!(
            book.ends(&origin(fixed)),
            BTreeMap::from([(Scope::Verify, later)])
        );
        let ends = BTreeMap::from([(Scope::SignIn, later), (Scope::Sign, sooner)]);
        assert_eq!(book.ends(&origin(given)), ends);
        assert_eq!(book.would_allow(&origin(given), Scope::ALL.to_vec(), later), []);
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
        assert_eq!(offers(free(), &page), Some(Scope::ALL.to_vec()));
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
                allow: vec![rule("https://new.gov.vn", &[], None)],
                ..free()
            },
            OriginRules {
                pregrant: vec![rule("https://new.gov.vn", &[Scope::Sign], Some(NOW))],
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
