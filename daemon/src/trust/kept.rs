//! The trust folder and what is cached of revocations, read when first needed and again when a file has changed: what an
//! administrator puts there counts at once, and a request does not pay for reading lists of many megabytes again.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::revocation::Cache;
use super::{Rules, Trust};

/// A file that changed so lately may change again without its times showing it.
const GRAIN: Duration = Duration::from_secs(2);

/// Where anchors lie, and how it stood with them.
#[derive(Debug)]
pub struct Kept {
    folder: PathBuf,
    cache: Cache,
    rules: Rules,
    grain: Duration,
    last: Mutex<Option<(Stamp, Arc<Trust>)>>,
}

/// What tells that a file is another one, or has been written, renamed or given away (`st_ctime` shows all of it).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    path: PathBuf,
    changed: (i64, i64),
    inode: u64,
    size: u64,
}

type Stamp = Vec<Seen>;

impl Kept {
    /// Of this folder, with the lists and answers of this cache; neither needs to exist yet.
    #[must_use]
    pub fn new(folder: PathBuf, cache: Cache, rules: Rules) -> Self {
        Self {
            folder,
            cache,
            rules,
            grain: GRAIN,
            last: Mutex::default(),
        }
    }

    /// As it stands now. Looks at every file's times; reads them where one has changed.
    #[must_use]
    pub fn now(&self) -> Arc<Trust> {
        let stamp = self.stamp();
        if let Some((seen, trust)) = &*self.last.lock().unwrap_or_else(PoisonError::into_inner)
            && *seen == stamp
        {
            return Arc::clone(trust);
        }
        let read = Trust::load_ours(&self.folder)
            .with_cache(&self.cache)
            .with_rules(self.rules);
        for fault in read.faults() {
            tracing::warn!(fault = fault.en, "passed over in the trust folder");
        }
        let trust = Arc::new(read);
        // Nothing may have changed while it was read, nor be so new that the next change would look the same.
        let settled = self.stamp() == stamp && stamp.iter().all(|seen| seen.is_settled(self.grain));
        let kept = settled.then(|| (stamp, Arc::clone(&trust)));
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        trust
    }

    fn stamp(&self) -> Stamp {
        let mut stamp: Stamp = [self.folder.as_path(), self.cache.folder()]
            .into_iter()
            .flat_map(|folder| {
                let entries = fs::read_dir(folder).into_iter().flatten().flatten();
                let files = entries.map(|entry| entry.path());
                files
                    .chain([folder.to_owned()])
                    .filter_map(|path| Seen::at(&path))
            })
            .collect();
        stamp.sort();
        stamp
    }
}

impl Seen {
    /// Follows links: what is read is what they lead to.
    fn at(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            path: path.to_owned(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
            size: metadata.size(),
        })
    }

    fn is_settled(&self, grain: Duration) -> bool {
        let seconds = u64::try_from(self.changed.0).unwrap_or(0);
        let changed = UNIX_EPOCH + Duration::from_secs(seconds);
        // A time that is yet to come settles when it has passed.
        SystemTime::now()
            .duration_since(changed)
            .is_ok_and(|age| age > grain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(folder: &Path) -> Kept {
        let cache = Cache::new(folder.join("cache"));
        Kept {
            grain: Duration::ZERO,
            ..Kept::new(folder.join("trust"), cache, Rules::default())
        }
    }

    #[test]
    fn what_changes_is_read_again_and_what_stays_is_not() {
        let home = tempfile::tempdir().unwrap();
        let trust = home.path().join("trust");
        crate::policy::ownership::create_private_folder(&trust).unwrap();
        let kept = kept(home.path());
        assert!(kept.now().faults().is_empty());
        let put = |name: &str| {
            std::fs::write(trust.join(name), "no certificate").unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(trust.join(name), mode).unwrap();
        };
        put("a.pem");
        assert_eq!(kept.now().faults().len(), 1, "at once");
        put("b.pem");
        assert_eq!(kept.now().faults().len(), 2);
        let settled = kept.now();
        assert!(Arc::ptr_eq(&settled, &kept.now()), "nothing has changed");
        std::fs::remove_file(trust.join("a.pem")).unwrap();
        assert_eq!(kept.now().faults().len(), 1, "one is gone");
    }
}
