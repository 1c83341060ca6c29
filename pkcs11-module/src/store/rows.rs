//! What the vault asks of the database under it: rows of opaque bytes, in transactions.

use super::Result;

/// The clear columns of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) id: u64,
    pub(crate) revision: u64,
    pub(crate) private: bool,
    pub(crate) class: u64,
}

impl Head {
    /// Stands for the head of an object that is there but cannot be read: no class, and everybody is told.
    pub(crate) fn unreadable(id: u64) -> Self {
        Self {
            id,
            revision: u64::MAX,
            private: false,
            class: u64::MAX,
        }
    }
}

/// Which state of which file: when two are equal, nobody has written in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Version {
    /// Counts the files that this process has opened at the place.
    pub(super) file: u32,
    /// The change counter that is in the file.
    pub(super) counter: u32,
}

impl Version {
    /// After one more transaction that has written.
    pub(super) fn next(self) -> Self {
        Self {
            counter: self.counter.wrapping_add(1),
            ..self
        }
    }
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    /// Excludes every other writer from its beginning.
    Write,
    /// The same, and nothing of what was before stays in the folder.
    Erase,
}

/// A database of one token.
pub(crate) trait Rows: Send {
    /// The version that the file has now; `None` if it cannot be read, which a transaction will explain. It takes no
    /// lock: a version that is just being committed may be told before it is certain, so only a [`Transaction`]'s
    /// version may be remembered, and one that differs from it means: read again. If another file is at the place,
    /// that one is opened; if none is, the token is `Gone`.
    fn version(&mut self) -> Result<Option<Version>>;

    /// Runs `work` in one transaction: all of it is on disk when this returns `Ok`, none of it otherwise.
    fn transaction(&mut self, kind: Kind, work: &mut dyn FnMut(&dyn Transaction) -> Result<()>)
    -> Result<()>;
}

/// What can be done in a transaction.
pub(crate) trait Transaction {
    /// The version that is read; for a transaction that writes, the one on which it builds.
    fn version(&self) -> Result<Version>;

    fn part(&self, name: &str) -> Result<Option<Vec<u8>>>;
    fn put_part(&self, name: &str, body: &[u8]) -> Result<()>;
    fn delete_part(&self, name: &str) -> Result<()>;

    /// All objects in the order of their ids.
    fn heads(&self) -> Result<Vec<Head>>;
    fn head(&self, id: u64) -> Result<Option<Head>>;
    fn record(&self, id: u64) -> Result<Option<Vec<u8>>>;
    fn put_object(&self, head: &Head, record: &[u8]) -> Result<()>;
    /// Whether there was one.
    fn delete_object(&self, id: u64) -> Result<bool>;
    fn clear_objects(&self) -> Result<()>;
}
