//! What each origin may do, until when: the file `origins.toml`.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use trien_protocol::call::Language;

use super::origin::{Origin, Schemes};
use crate::language::{Remark, in_toml, is_no_text};

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// The most origins a file may have.
const MAX_ORIGINS: usize = 2000;

/// What an origin may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Ask the person to share a certificate.
    Certificates,
    /// Ask the person to sign in.
    SignIn,
    /// Ask the person to sign documents.
    Sign,
    /// Ask for several signatures with one question and one PIN.
    Batch,
    /// Have documents checked.
    Verify,
    /// Ask the person to sign a digest that nobody can look behind.
    BlindDigest,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 6] = [
        Self::Certificates,
        Self::SignIn,
        Self::Sign,
        Self::Batch,
        Self::Verify,
        Self::BlindDigest,
    ];

    /// What an origin gets when nothing else is said. Never blind signing.
    pub const USUAL: [Self; 5] = [
        Self::Certificates,
        Self::SignIn,
        Self::Sign,
        Self::Batch,
        Self::Verify,
    ];

    /// As it stands in the file and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Certificates => "certificates",
            Self::SignIn => "sign_in",
            Self::Sign => "sign",
            Self::Batch => "batch",
            Self::Verify => "verify",
            Self::BlindDigest => "blind_digest",
        }
    }

    /// The scope of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// What is permitted, and until when each; for good if there is no time.
pub type Terms = BTreeMap<Scope, Option<OffsetDateTime>>;

/// What of it has not run out.
#[must_use]
pub fn in_force(terms: &Terms, now: OffsetDateTime) -> Vec<Scope> {
    let alive = |end: &Option<OffsetDateTime>| end.is_none_or(|end| now < end);
    let scopes = terms.iter().filter(|(_, end)| alive(end));
    scopes.map(|(scope, _)| *scope).collect()
}

/// The one time all of it ends at, if it does.
#[must_use]
pub fn common_end(terms: &Terms) -> Option<Option<OffsetDateTime>> {
    let mut ends = terms.values();
    let first = ends.next()?;
    ends.all(|end| end == first).then_some(*first)
}

/// What one origin may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Who.
    pub origin: Origin,
    /// What. Nothing at all means that the person wants no questions of this origin, whatever the administrator allows it.
    pub scopes: Terms,
    /// Since when.
    pub granted: OffsetDateTime,
}

impl Grant {
    /// These scopes until one time.
    #[must_use]
    pub fn until(
        origin: Origin,
        scopes: impl IntoIterator<Item = Scope>,
        granted: OffsetDateTime,
        expires: Option<OffsetDateTime>,
    ) -> Self {
        Self {
            origin,
            scopes: scopes.into_iter().map(|scope| (scope, expires)).collect(),
            granted,
        }
    }

    /// What has not run out.
    #[must_use]
    pub fn in_force(&self, now: OffsetDateTime) -> Vec<Scope> {
        in_force(&self.scopes, now)
    }
}

/// All permissions of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants(Vec<Grant>);

/// The file cannot be used. Then nobody is allowed anything.
#[derive(Debug, thiserror::Error)]
pub enum GrantsError {
    /// It cannot be read or written.
    #[error("{}: {cause}", file.display())]
    Io {
        /// Which file.
        file: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Others than its owner may write it, or it is a link or another's.
    #[error("{}: must be a file of its user alone, not writable by group or others", file.display())]
    Rights {
        /// Which file.
        file: PathBuf,
    },
    /// It is no list of permissions.
    #[error("{}, line {line}: {reason}", file.display())]
    Content {
        /// Which file.
        file: PathBuf,
        /// Counted from 1; 1 if the trouble is with the whole.
        line: usize,
        /// What is wrong there.
        reason: Wrong,
    },
}

/// What is wrong with a list of permissions. Displays in English, for the log.
#[derive(Debug)]
pub enum Wrong {
    /// No TOML, an unknown key, a wrong type: the reader's word.
    Toml(String),
    /// What makes no sense.
    Entry(Remark),
}

impl Wrong {
    fn entry<const N: usize>(key: &'static str, facts: [(&'static str, String); N]) -> Self {
        Self::Entry(Remark::new(key, facts))
    }

    /// In this language.
    #[must_use]
    pub fn said(&self, language: Language) -> String {
        match self {
            Self::Toml(said) => in_toml(said, language),
            Self::Entry(remark) => remark.said(language),
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said(Language::En))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default, rename = "origin")]
    origins: Vec<RawGrant>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGrant {
    origin: toml::Spanned<String>,
    scopes: Vec<Scope>,
    granted: String,
    /// Of the scopes that have no time of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    /// Of single scopes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    until: BTreeMap<Scope, String>,
}

impl Grants {
    /// Reads the file. One that does not exist allows nobody.
    ///
    /// # Errors
    /// [`GrantsError`].
    pub fn load(path: &Path) -> Result<Self, GrantsError> {
        let error = |cause| GrantsError::Io {
            file: path.to_owned(),
            cause,
        };
        let file = match super::ownership::open_ours(path) {
            Ok(file) => file,
            Err(super::ownership::NotOurs::Io(cause)) if cause.kind() == io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(super::ownership::NotOurs::Io(cause)) => return Err(error(cause)),
            Err(super::ownership::NotOurs::Rights) => {
                return Err(GrantsError::Rights {
                    file: path.to_owned(),
                });
            }
        };
        let mut text = String::new();
        let whole = |key| GrantsError::Content {
            file: path.to_owned(),
            line: 1,
            reason: Wrong::entry(key, []),
        };
        let length = file.take(MAX_FILE + 1).read_to_string(&mut text);
        let length = length.map_err(|cause| match is_no_text(&cause) {
            true => whole("io-no-utf8"),
            false => error(cause),
        })?;
        if length as u64 > MAX_FILE {
            return Err(whole("io-too-large"));
        }
        Self::parse(&text).map_err(|(at, reason)| GrantsError::Content {
            file: path.to_owned(),
            line: 1 + text.as_bytes()[..at.min(text.len())]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count(),
            reason,
        })
    }

    /// The text of a file; on failure the byte offset of the trouble, and what it is.
    fn parse(text: &str) -> Result<Self, (usize, Wrong)> {
        let raw: RawFile = toml::from_str(text).map_err(|error| {
            (
                error.span().map_or(0, |span| span.start),
                Wrong::Toml(error.message().to_owned()),
            )
        })?;
        if raw.origins.len() > MAX_ORIGINS {
            let most = ("most", MAX_ORIGINS.to_string());
            return Err((0, Wrong::entry("grants-too-many", [most])));
        }
        let mut grants = Self::default();
        for entry in raw.origins {
            let at = entry.origin.span().start;
            let written = entry.origin.get_ref();
            let origin = Origin::parse(written, Schemes::HttpsAndLoopbackHttp).map_err(|_| {
                (
                    at,
                    Wrong::entry("grants-bad-origin", [("value", written.clone())]),
                )
            })?;
            if grants.of(&origin).is_some() {
                return Err((at, Wrong::entry("grants-twice", [("value", written.clone())])));
            }
            let bad_time = |key: &str| (at, Wrong::entry("grants-bad-time", [("key", key.to_owned())]));
            let granted = read_time(&entry.granted).ok_or_else(|| bad_time("granted"))?;
            let expires = entry
                .expires
                .map(|text| read_time(&text).ok_or_else(|| bad_time("expires")));
            let expires = expires.transpose()?;
            let mut scopes: BTreeMap<_, _> = entry.scopes.iter().map(|scope| (*scope, expires)).collect();
            for (scope, text) in &entry.until {
                let time = read_time(text).ok_or_else(|| bad_time("until"))?;
                let not_its = || {
                    let facts = [("scope", scope.name().to_owned())];
                    (at, Wrong::entry("grants-until-no-scope", facts))
                };
                let known = scopes.get_mut(scope).ok_or_else(not_its)?;
                *known = Some(time);
            }
            grants.0.push(Grant {
                origin,
                scopes,
                granted,
            });
        }
        Ok(grants)
    }

    /// Changes the file: reads it, lets `change` work on it, and puts the result in its place at once. Two that change
    /// it at the same time wait for each other.
    ///
    /// # Errors
    /// [`GrantsError`]; the file is as it was then.
    pub fn edit<T>(path: &Path, change: impl FnOnce(&mut Self) -> T) -> Result<T, GrantsError> {
        Self::try_edit(path, |grants| Ok(change(grants)))
    }

    /// As [`Grants::edit`], and nothing is written if `change` fails.
    ///
    /// # Errors
    /// That of `change`, or a [`GrantsError`]; the file is as it was then.
    pub fn try_edit<T, E: From<GrantsError>>(
        path: &Path,
        change: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let error = |cause| GrantsError::Io {
            file: path.to_owned(),
            cause,
        };
        let folder = path
            .parent()
            .ok_or_else(|| error(io::ErrorKind::NotFound.into()))?;
        super::ownership::create_private_folder(folder).map_err(error)?;
        let lock = File::open(folder).map_err(error)?;
        rustix::fs::flock(&lock, FlockOperation::LockExclusive).map_err(|errno| error(errno.into()))?;
        let mut grants = Self::load(path)?;
        let outcome = change(&mut grants)?;
        grants.save(path, folder, &lock).map_err(error)?;
        Ok(outcome)
    }

    fn save(&self, path: &Path, folder: &Path, folder_handle: &File) -> io::Result<()> {
        let text = toml::to_string(&self.raw()).map_err(io::Error::other)?;
        let new = folder.join(".origins.toml.new");
        // The lock is ours, so a file of that name was left by a writer that ended early.
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let put = || {
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&new, path)
        };
        if let Err(error) = put() {
            // The first failure is the one to tell.
            let _ = std::fs::remove_file(&new);
            return Err(error);
        }
        folder_handle.sync_all()
    }

    fn raw(&self) -> RawFile {
        let text = |time: OffsetDateTime| time.format(&Rfc3339).unwrap_or_default();
        let until = |grant: &Grant| match common_end(&grant.scopes) {
            Some(_) => BTreeMap::new(),
            None => {
                let timed = grant
                    .scopes
                    .iter()
                    .filter_map(|(scope, end)| Some((*scope, (*end)?)));
                timed.map(|(scope, end)| (scope, text(end))).collect()
            }
        };
        RawFile {
            origins: self
                .0
                .iter()
                .map(|grant| RawGrant {
                    origin: toml::Spanned::new(0..0, grant.origin.to_string()),
                    scopes: grant.scopes.keys().copied().collect(),
                    granted: text(grant.granted),
                    expires: common_end(&grant.scopes).flatten().map(text),
                    until: until(grant),
                })
                .collect(),
        }
    }

    /// Gives an origin these scopes, instead of those it had.
    pub fn allow(&mut self, grant: Grant) {
        self.revoke(&grant.origin);
        self.0.push(grant);
        self.0.sort_by(|one, other| one.origin.cmp(&other.origin));
    }

    /// Gives an origin these scopes, beside those it has.
    pub fn add(&mut self, mut grant: Grant) {
        if let Some(before) = self.of(&grant.origin) {
            for (scope, end) in &before.scopes {
                grant.scopes.entry(*scope).or_insert(*end);
            }
        }
        self.allow(grant);
    }

    /// Gives an origin what a person has allowed it who was asked while it had nothing. What was decided elsewhere while he
    /// was asked stands beside it, and of two ends the later one. False if it was decided that there are to be no questions
    /// of this origin: then it has nothing.
    pub fn introduce(&mut self, mut grant: Grant, now: OffsetDateTime) -> bool {
        if let Some(meanwhile) = self.of(&grant.origin) {
            if meanwhile.scopes.is_empty() {
                return false;
            }
            for scope in meanwhile.in_force(now) {
                let end = meanwhile.scopes.get(&scope).copied().flatten();
                let own = grant.scopes.entry(scope).or_insert(end);
                *own = own.zip(end).map(|(own, end)| own.max(end));
            }
        }
        self.allow(grant);
        true
    }

    /// Takes these scopes from an origin. False if it had none of them.
    pub fn narrow(&mut self, origin: &Origin, scopes: &[Scope]) -> bool {
        let Some(grant) = self.0.iter_mut().find(|grant| grant.origin == *origin) else {
            return false;
        };
        let before = grant.scopes.len();
        grant.scopes.retain(|scope, _| !scopes.contains(scope));
        let narrowed = grant.scopes.len() != before;
        self.0
            .retain(|grant| !grant.scopes.is_empty() || grant.origin != *origin);
        narrowed
    }

    /// Takes everything from an origin. False if it had nothing.
    pub fn revoke(&mut self, origin: &Origin) -> bool {
        let before = self.0.len();
        self.0.retain(|grant| grant.origin != *origin);
        self.0.len() != before
    }

    /// What the origin was given, in force or not.
    #[must_use]
    pub fn of(&self, origin: &Origin) -> Option<&Grant> {
        self.0.iter().find(|grant| grant.origin == *origin)
    }

    /// All of them, by origin.
    pub fn iter(&self) -> impl Iterator<Item = &Grant> {
        self.0.iter()
    }
}

/// A time as it stands in the files (RFC 3339).
pub(crate) fn read_time(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use time::macros::datetime;

    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::parse(text, Schemes::Https).unwrap()
    }

    fn grant(text: &str) -> Grant {
        let (granted, expires) = (
            datetime!(2026-01-02 03:04:05 UTC),
            datetime!(2027-01-02 03:04:05 UTC),
        );
        let scopes = [Scope::Verify, Scope::Sign, Scope::Sign];
        Grant::until(origin(text), scopes, granted, Some(expires))
    }

    #[test]
    fn what_is_allowed_is_read_back_and_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config/origins.toml");
        Grants::edit(&path, |grants| grants.allow(grant("https://a.gov.vn"))).unwrap();
        Grants::edit(&path, |grants| grants.allow(grant("https://b.gov.vn"))).unwrap();
        let read = Grants::load(&path).unwrap();
        let a = read.of(&origin("https://a.gov.vn")).unwrap();
        assert_eq!(
            a.in_force(datetime!(2027-01-02 03:04:04 UTC)),
            [Scope::Sign, Scope::Verify]
        );
        assert_eq!(a.in_force(datetime!(2027-01-02 03:04:05 UTC)), []);
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(Grants::edit(&path, |grants| grants.revoke(&origin("https://a.gov.vn"))).unwrap());
        assert!(!Grants::edit(&path, |grants| grants.revoke(&origin("https://a.gov.vn"))).unwrap());
        assert_eq!(Grants::load(&path).unwrap().iter().count(), 1);
    }

    #[test]
    fn each_scope_has_its_own_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("origins.toml");
        let a = origin("https://a.gov.vn");
        let blind = Grant::until(
            a.clone(),
            [Scope::BlindDigest],
            datetime!(2026-03-01 00:00 UTC),
            Some(datetime!(2026-03-02 00:00 UTC)),
        );
        let forever = Grant::until(a.clone(), [Scope::SignIn], datetime!(2026-03-01 00:00 UTC), None);
        for more in [grant("https://a.gov.vn"), blind, forever] {
            Grants::edit(&path, |grants| grants.add(more)).unwrap();
        }
        let scopes = |now| Grants::load(&path).unwrap().of(&a).unwrap().in_force(now);
        assert_eq!(
            scopes(datetime!(2026-03-01 12:00 UTC)),
            [Scope::SignIn, Scope::Sign, Scope::Verify, Scope::BlindDigest]
        );
        assert_eq!(
            scopes(datetime!(2026-03-02 00:00 UTC)),
            [Scope::SignIn, Scope::Sign, Scope::Verify]
        );
        assert_eq!(scopes(datetime!(2030-01-01 00:00 UTC)), [Scope::SignIn]);
        assert!(Grants::edit(&path, |grants| grants.narrow(&a, &[Scope::SignIn])).unwrap());
        assert!(!Grants::edit(&path, |grants| grants.narrow(&a, &[Scope::SignIn])).unwrap());
        assert_eq!(scopes(datetime!(2030-01-01 00:00 UTC)), []);
        let rest = [Scope::Sign, Scope::Verify, Scope::BlindDigest];
        assert!(Grants::edit(&path, |grants| grants.narrow(&a, &rest)).unwrap());
        assert_eq!(Grants::load(&path).unwrap().of(&a), None);
    }

    #[test]
    fn what_was_decided_while_the_person_was_asked_stands() {
        let a = origin("https://a.gov.vn");
        let now = datetime!(2026-03-01 00:00 UTC);
        let [sooner, later, past] = [
            datetime!(2026-03-08 00:00 UTC),
            datetime!(2026-04-01 00:00 UTC),
            datetime!(2026-02-01 00:00 UTC),
        ];
        let until = |scopes: &[Scope], end| Grant::until(a.clone(), scopes.iter().copied(), now, end);
        let window = || until(&[Scope::Sign, Scope::SignIn, Scope::Batch], Some(sooner));
        let mut grants = Grants::default();
        grants.allow(until(&[Scope::Sign, Scope::Verify], None));
        grants.add(until(&[Scope::SignIn], Some(later)));
        grants.add(until(&[Scope::BlindDigest], Some(past)));
        assert!(grants.introduce(window(), now));
        let expected = [
            (Scope::SignIn, Some(later)),
            (Scope::Sign, None),
            (Scope::Batch, Some(sooner)),
            (Scope::Verify, None),
        ];
        assert_eq!(grants.of(&a).unwrap().scopes, Terms::from(expected));
        grants.allow(until(&[], None));
        assert!(!grants.introduce(window(), now), "no questions of it are wanted");
        assert!(grants.of(&a).unwrap().scopes.is_empty());
        let mut grants = Grants::default();
        assert!(grants.introduce(window(), now));
        assert_eq!(grants.of(&a), Some(&window()));
    }

    #[test]
    fn what_cannot_be_done_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("origins.toml");
        Grants::edit(&path, |grants| grants.allow(grant("https://a.gov.vn"))).unwrap();
        let before = std::fs::read(&path).unwrap();
        let failed = Grants::try_edit(&path, |grants| {
            grants.allow(grant("https://b.gov.vn"));
            Err::<(), _>(GrantsError::Rights { file: path.clone() })
        });
        assert!(failed.is_err());
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn a_missing_file_allows_nobody() {
        assert_eq!(
            Grants::load(Path::new("/nonexistent/origins.toml")).unwrap(),
            Grants::default()
        );
    }

    #[test]
    fn a_file_others_may_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("origins.toml");
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(Grants::load(&path), Err(GrantsError::Rights { .. })));
        let link = folder.path().join("link.toml");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(Grants::load(&link).is_err());
    }

    #[test]
    fn bad_entries_are_named_by_line() {
        let good = "[[origin]]\norigin = \"https://a.gov.vn\"\nscopes = [\"sign\"]\ngranted = \"2026-01-02T03:04:05Z\"\n";
        assert!(Grants::parse(good).is_ok());
        for (bad, line) in [
            (good.replace("https://a.gov.vn", "*"), 2),
            (good.replace("https://a.gov.vn", "https://*.gov.vn"), 2),
            (good.replace("https://a.gov.vn", "http://a.gov.vn"), 2),
            (good.replace("https://a.gov.vn", "https://a.gov.vn/path"), 2),
            (good.replace("[\"sign\"]", "[\"everything\"]"), 3),
            (format!("{good}{good}"), 6),
            (format!("{good}extra = 1\n"), 5),
            (good.replace("2026-01-02", "yesterday"), 2),
            (format!("{good}[origin.until]\nsign = \"soon\"\n"), 2),
            (
                format!("{good}[origin.until]\nverify = \"2026-01-02T03:04:05Z\"\n"),
                2,
            ),
        ] {
            let (at, reason) = Grants::parse(&bad).unwrap_err();
            assert_eq!(1 + bad[..at].matches('\n').count(), line, "{bad} {reason}");
        }
    }
}
