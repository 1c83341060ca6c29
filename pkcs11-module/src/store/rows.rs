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

/// A database of one token.
pub(crate) trait Rows: Send {
    /// A number that changes when another process or connection has written.
    fn data_version(&mut self) -> Result<i64>;

    /// Runs `work` in one transaction: all of it is on disk when this returns `Ok`, none of it otherwise. One that
    /// writes excludes every other writer from its beginning.
    fn transaction(
        &mut self,
        writes: bool,
        work: &mut dyn FnMut(&dyn Transaction) -> Result<()>,
    ) -> Result<()>;
}

/// What can be done in a transaction.
pub(crate) trait Transaction {
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
