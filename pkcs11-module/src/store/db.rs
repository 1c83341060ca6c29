//! The rows in SQLite: `token.db`, application id `0x54524E54`, user version 2.
//!
//! ```sql
//! CREATE TABLE part(name TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
//! CREATE TABLE object(id INTEGER PRIMARY KEY, revision INTEGER NOT NULL, private INTEGER NOT NULL,
//!                     class INTEGER NOT NULL, record BLOB NOT NULL);
//! ```
//!
//! Why a rollback journal and not a write-ahead log, which would need fewer flushes: its locks are held only within
//! a transaction, so a host that forks between calls leaves its child a database that the child can open (a log
//! keeps a shared lock for the life of the connection, which a child believes to have and has not); there is no
//! shared memory that somebody could truncate under the host's feet; and what was committed is in one file, where a
//! flipped bit is found by its seal instead of ending the log early and taking later transactions along.
//!
//! # What a commit flushes
//!
//! `synchronous=FULL`, four times `fdatasync`: the journal's pages, the journal's head that counts them, the database,
//! and the journal's head once more when it is made void, which is the commit. So a commit that was reported survives
//! a power cut, and one that was not is undone by whoever opens the token next. The journal stays (`PERSIST`) and is
//! written over: a flush of bytes in place is cheaper than one of a length that changes, and no folder has to be
//! flushed. It shows what the pages were
//! before the last transactions, so a transaction that is to leave no trace (an object destroyed, a PIN changed, the
//! token emptied) cuts it to nothing when it commits, and what is deleted is overwritten in the database itself
//! (`secure_delete`).

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior, params};
use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;

use super::rows::{Head, Kind, Rows, Transaction, Version};
use super::{Result, StoreError};
use crate::ffi::sqlite;

const APPLICATION_ID: i32 = 0x5452_4e54;
const USER_VERSION: i32 = 2;

/// How long another process may hold the store before a call fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// The journal's modes: what stays, and what is cut.
const KEPT: &str = "PERSIST";
const CUT: &str = "TRUNCATE";
/// What a journal may keep of a larger transaction, in bytes.
const JOURNAL_LIMIT: i64 = 64 * 1024;
/// The most memory for pages; SQLite reads a negative number as KiB.
const CACHE: i64 = -512;

const SCHEMA: &str = "
    CREATE TABLE part(name TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE object(id INTEGER PRIMARY KEY, revision INTEGER NOT NULL, private INTEGER NOT NULL,
                        class INTEGER NOT NULL, record BLOB NOT NULL);
";

/// One connection to a token's database.
pub(crate) struct Database {
    path: PathBuf,
    connection: Connection,
    /// Counts the files that were opened at the path.
    file: u32,
}

impl Database {
    /// Makes an empty database; the file must not exist.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        // SQLite would make the file with the rights that the host's umask leaves.
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        make_journal(path)?;
        let connection = Self::connect(path)?;
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        connection.pragma_update(None, "user_version", USER_VERSION)?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self {
            path: path.to_owned(),
            connection,
            file: 0,
        })
    }

    /// Opens a database that [`Self::create`] made.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            connection: Self::connect_to_token(path)?,
            file: 0,
        })
    }

    fn connect_to_token(path: &Path) -> Result<Connection> {
        match make_journal(path) {
            // Who may not write needs no journal.
            Ok(()) | Err(StoreError::ReadOnly) => {}
            Err(error) => return Err(error),
        }
        let connection = Self::connect(path).map_err(|error| {
            // SQLite says no more than that it cannot open one of them.
            let is_barred =
                |file: &Path| accessat(CWD, file, Access::READ_OK, AtFlags::EACCESS) == Err(Errno::ACCESS);
            match is_barred(path) || is_barred(&journal_of(path)) {
                true => StoreError::Barred,
                false => error,
            }
        })?;
        let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
        if number("application_id")? != APPLICATION_ID || number("user_version")? != USER_VERSION {
            return Err(StoreError::Corrupt("not a token database of this version"));
        }
        Ok(connection)
    }

    fn connect(path: &Path) -> Result<Connection> {
        // The vault has a lock around the connection, so SQLite needs none.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(PATIENCE)?;
        journal(&connection, KEPT)?;
        connection.pragma_update_and_check(None, "journal_size_limit", JOURNAL_LIMIT, |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        // What is deleted is overwritten: a destroyed key does not stay in a free page.
        connection.pragma_update_and_check(None, "secure_delete", "ON", |_| Ok(()))?;
        // The objects are kept by the table; the pages they came from are not needed twice.
        connection.pragma_update(None, "cache_size", CACHE)?;
        connection.pragma_update(None, "cache_spill", "OFF")?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "trusted_schema", "OFF")?;
        connection.pragma_update(None, "cell_size_check", "ON")?;
        Ok(connection)
    }
}

impl Rows for Database {
    fn version(&mut self) -> Result<Option<Version>> {
        if sqlite::has_moved(&self.connection) {
            if !self.path.exists() {
                return Err(StoreError::Gone);
            }
            self.connection = Self::connect_to_token(&self.path)?;
            self.file += 1;
        }
        let counter = sqlite::change_counter(&self.connection);
        Ok(counter.map(|counter| Version {
            file: self.file,
            counter,
        }))
    }

    fn transaction(
        &mut self,
        kind: Kind,
        work: &mut dyn FnMut(&dyn Transaction) -> Result<()>,
    ) -> Result<()> {
        if kind != Kind::Erase {
            return self.run(kind, work);
        }
        journal(&self.connection, CUT)?;
        let outcome = self.run(kind, work);
        // The next transaction works in either mode.
        let _ = journal(&self.connection, KEPT);
        outcome
    }
}

impl Database {
    fn run(&mut self, kind: Kind, work: &mut dyn FnMut(&dyn Transaction) -> Result<()>) -> Result<()> {
        let behavior = match kind {
            Kind::Read => TransactionBehavior::Deferred,
            Kind::Write | Kind::Erase => TransactionBehavior::Immediate,
        };
        let transaction = self.connection.transaction_with_behavior(behavior)?;
        let rolling = Rolling {
            connection: &transaction,
            file: self.file,
        };
        work(&rolling)?; // dropped without a commit, the transaction rolls back
        transaction.commit()?;
        Ok(())
    }
}

/// Makes the journal if there is none, and flushes the folder that it is in: SQLite is built not to do that at every
/// transaction (`SQLITE_DISABLE_DIRSYNC`), because the journal stays. A token that comes from a repository or a
/// backup may have lost it.
fn make_journal(database: &Path) -> Result<()> {
    let journal = journal_of(database);
    if journal.exists() || !database.exists() {
        return Ok(());
    }
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&journal);
    match made {
        // As SQLite would: who may use the token has to use the journal, and root looks at tokens of others.
        Ok(journal) => {
            let token = std::fs::metadata(database)?;
            let _ = fchown(&journal, Some(token.uid()), Some(token.gid()));
            journal.set_permissions(token.permissions())?;
        }
        // Another process was faster, and flushes; a second time does no harm.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.into()),
    }
    let folder = database.parent().unwrap_or(Path::new("."));
    Ok(File::open(folder)?.sync_all()?)
}

/// What SQLite calls the journal of a database.
fn journal_of(database: &Path) -> PathBuf {
    let mut journal = database.as_os_str().to_owned();
    journal.push("-journal");
    journal.into()
}

fn journal(connection: &Connection, mode: &str) -> Result<()> {
    Ok(connection.pragma_update_and_check(None, "journal_mode", mode, |_| Ok(()))?)
}

struct Rolling<'a> {
    connection: &'a Connection,
    file: u32,
}

impl Transaction for Rolling<'_> {
    fn version(&self) -> Result<Version> {
        // A transaction that only reads takes its lock with the first row that it asks for.
        let mut any = self.connection.prepare_cached("SELECT 1 FROM part")?;
        any.query_row([], |_| Ok(())).optional()?;
        let counter = sqlite::change_counter(self.connection);
        Ok(Version {
            file: self.file,
            counter: counter.ok_or(StoreError::Corrupt("no change counter"))?,
        })
    }

    fn part(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT body FROM part WHERE name = ?1")?;
        Ok(statement.query_row([name], |row| row.get(0)).optional()?)
    }

    fn put_part(&self, name: &str, body: &[u8]) -> Result<()> {
        let mut statement = self
            .connection
            .prepare_cached("INSERT OR REPLACE INTO part(name, body) VALUES(?1, ?2)")?;
        statement.execute(params![name, body])?;
        Ok(())
    }

    fn delete_part(&self, name: &str) -> Result<()> {
        self.connection
            .execute("DELETE FROM part WHERE name = ?1", [name])?;
        Ok(())
    }

    fn heads(&self) -> Result<Vec<Head>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id, revision, private, class FROM object ORDER BY id")?;
        let heads = statement.query_map([], head)?.collect::<rusqlite::Result<_>>()?;
        Ok(heads)
    }

    fn head(&self, id: u64) -> Result<Option<Head>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id, revision, private, class FROM object WHERE id = ?1")?;
        Ok(statement.query_row([signed(id)?], head).optional()?)
    }

    fn record(&self, id: u64) -> Result<Option<Vec<u8>>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT record FROM object WHERE id = ?1")?;
        Ok(statement.query_row([signed(id)?], |row| row.get(0)).optional()?)
    }

    fn put_object(&self, head: &Head, record: &[u8]) -> Result<()> {
        let mut statement = self.connection.prepare_cached(
            "INSERT OR REPLACE INTO object(id, revision, private, class, record) VALUES(?1, ?2, ?3, ?4, ?5)",
        )?;
        // Classes are unsigned; vendors' have the highest bit set. The column keeps the bits.
        let class = head.class.cast_signed();
        statement.execute(params![
            signed(head.id)?,
            signed(head.revision)?,
            head.private,
            class,
            record
        ])?;
        Ok(())
    }

    fn delete_object(&self, id: u64) -> Result<bool> {
        let mut statement = self
            .connection
            .prepare_cached("DELETE FROM object WHERE id = ?1")?;
        Ok(statement.execute([signed(id)?])? > 0)
    }

    fn clear_objects(&self) -> Result<()> {
        self.connection.execute("DELETE FROM object", [])?;
        Ok(())
    }
}

fn head(row: &rusqlite::Row<'_>) -> rusqlite::Result<Head> {
    Ok(Head {
        id: row.get::<_, i64>(0)?.cast_unsigned(),
        revision: row.get::<_, i64>(1)?.cast_unsigned(),
        private: row.get::<_, i64>(2)? != 0,
        class: row.get::<_, i64>(3)?.cast_unsigned(),
    })
}

fn signed(number: u64) -> Result<i64> {
    i64::try_from(number).map_err(|_| StoreError::Corrupt("a number past its range"))
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let rusqlite::Error::SqliteFailure(failure, _) = &error else {
            // A value of another type than was written, or a statement that does not fit the tables.
            return Self::Corrupt("a row of another shape");
        };
        if failure.extended_code == rusqlite::ffi::SQLITE_READONLY_DBMOVED {
            return Self::Gone; // somebody has taken the file away
        }
        match failure.code {
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Corrupt("not a sound database"),
            ErrorCode::TypeMismatch | ErrorCode::TooBig | ErrorCode::Unknown => {
                Self::Corrupt("a row of another shape")
            }
            ErrorCode::DiskFull => Self::Full,
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied => Self::ReadOnly,
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Busy,
            _ => Self::Io(error.to_string()),
        }
    }
}
