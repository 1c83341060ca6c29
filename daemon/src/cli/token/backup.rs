//! `trien token export-store` and `import-store`: a whole software token in one file, and back.
//!
//! The file is a tar archive with the two files of the token's folder, which the module's `store` specifies:
//! `SERIAL/token.db` and `SERIAL/tries`. Nothing in it is opened: it is sealed by the PINs as the token is, and whoever
//! unpacks it among the tokens has done what `import-store` does, without its checks.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use serde_json::json;

use super::access::find;
use super::staging::Staging;
use crate::cli::{CliError, Shell, output};
use crate::language::{Arguments, arguments, system_said, text};
use crate::tokens::{Token, TokenEntry};

const DATABASE: &str = "token.db";
const TRIES: &str = "tries";

/// The try counter has 128 bytes; more are somebody's, and copied no further than this.
const MAX_TRIES_FILE: u64 = 4096;

/// The largest file of a token that is brought back, in bytes.
const MAX_FILE: u64 = 4 * 1024 * 1024 * 1024;

/// How long others may hold the token before we give up, as the module itself waits.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a token cannot be saved, or what was saved is none.
enum Fault {
    /// The archive holds something else than one token's two files.
    Other,
    /// One of the two is not in it.
    Incomplete,
    /// Its seals do not hold.
    Corrupt,
    /// It is no archive. What the reader of archives says of it has pieces of the file in it.
    Archive,
    /// The database is damaged, or cannot be used; in SQLite's words.
    Database(String),
    System(std::io::Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::System(std::io::ErrorKind::StorageFull.into()),
            _ => Self::Database(error.to_string()),
        }
    }
}

impl Fault {
    fn told(self, key: &'static str, file: &Path) -> CliError {
        let reason = |language| match &self {
            Self::Other => text(language, "token-store-other", &Arguments::new()),
            Self::Incomplete => text(language, "token-store-incomplete", &Arguments::new()),
            Self::Corrupt => text(language, "token-store-corrupt", &Arguments::new()),
            Self::Archive => text(language, "token-store-archive", &Arguments::new()),
            Self::Database(_) => text(language, "token-store-database", &Arguments::new()),
            Self::System(error) => system_said(error, language),
        };
        let facts =
            |language| arguments([("file", file.display().to_string()), ("reason", reason(language))]);
        let told = CliError::failed_in_each(key, facts);
        match self {
            Self::Database(said) => told.detailed(Some(said)),
            _ => told,
        }
    }
}

/// Saves a token as it is between two changes, also while others work with it.
pub(super) async fn export(wanted: &str, out: &Path, shell: &Shell) -> Result<(), CliError> {
    let token = find(wanted, shell).await?;
    let TokenEntry { id, .. } = token.entry();
    let folder = shell.places.tokens_folder().join(&id.serial);
    if !is_serial(&id.serial) || !folder.join(DATABASE).is_file() {
        let facts = arguments([("token", wanted.to_owned())]);
        return Err(CliError::failed("token-export-not-software", facts));
    }
    let streams = output::is_stream(out);
    if !streams && out.symlink_metadata().is_ok() {
        return Err(there(out));
    }
    let staging = Staging::below(shell.places.data_folder())?;
    copy_token(&folder, staging.home()).map_err(|fault| fault.told("token-export-failed", out))?;
    match streams {
        true => output::write_with(out, |stream| {
            archive(staging.home(), &id.serial, stream).map(drop)
        })?,
        false => write_archive(staging.home(), &id.serial, out)?,
    }
    let value = json!({ "label": id.label, "serial": id.serial, "out": out.display().to_string() });
    shell.answer_beside(output::is_standard(out), &value, || {
        let facts = [("label", id.label.clone()), ("file", out.display().to_string())];
        shell.text("token-exported", &arguments(facts))
    });
    Ok(())
}

fn there(out: &Path) -> CliError {
    CliError::misuse(
        "token-export-there",
        arguments([("file", out.display().to_string())]),
    )
}

/// Sixteen lower-case hexadecimal digits: what a token's folder is called.
pub(super) fn is_serial(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The database as one transaction sees it, and the try counter under its lock.
fn copy_token(folder: &Path, to: &Path) -> Result<(), Fault> {
    let copy = to.join(DATABASE);
    let database = open(&folder.join(DATABASE))?;
    check(&database)?;
    database.execute("VACUUM INTO ?1", [copy.to_string_lossy()])?;
    let counter = || -> std::io::Result<Vec<u8>> {
        let file = File::open(folder.join(TRIES))?;
        file.lock_shared()?;
        let mut bytes = Vec::new();
        (&file).take(MAX_TRIES_FILE).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    counter()
        .and_then(|bytes| std::fs::write(to.join(TRIES), bytes))
        .map_err(Fault::System)
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(path, flags)?;
    database.busy_timeout(PATIENCE)?;
    database.pragma_update(None, "trusted_schema", "OFF")?;
    database.pragma_update(None, "cell_size_check", "ON")?;
    Ok(database)
}

/// Finds damage that SQLite can see; what the seals of the records say is the module's to find.
fn check(database: &Connection) -> Result<(), Fault> {
    let told: Result<String, _> = database.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0));
    match told {
        Ok(verdict) if verdict == "ok" => Ok(()),
        Ok(verdict) => Err(Fault::Database(verdict)),
        Err(error) => Err(error.into()),
    }
}

/// Writes the archive whole or not at all, for its owner only, and never over another file.
fn write_archive(from: &Path, serial: &str, out: &Path) -> Result<(), CliError> {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    let unwritable = |error: std::io::Error| CliError::file("cli-unwritable", out, &error);
    let write = || -> std::io::Result<tempfile::NamedTempFile> {
        let mut builder = tempfile::Builder::new();
        let builder = builder
            .prefix(".trien-")
            .permissions(Permissions::from_mode(0o600));
        let file = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?;
        let file = archive(from, serial, file)?;
        file.as_file().sync_all()?;
        Ok(file)
    };
    let file = write().map_err(unwritable)?;
    file.persist_noclobber(out).map(drop).map_err(|error| {
        if error.error.kind() == std::io::ErrorKind::AlreadyExists {
            there(out)
        } else {
            unwritable(error.error)
        }
    })
}

fn archive<W: Write>(from: &Path, serial: &str, to: W) -> std::io::Result<W> {
    let mut archive = tar::Builder::new(to);
    for name in [DATABASE, TRIES] {
        let mut content = File::open(from.join(name))?;
        let mut header = tar::Header::new_gnu();
        header.set_size(content.metadata()?.len());
        header.set_mode(0o600);
        header.set_entry_type(tar::EntryType::Regular);
        archive.append_data(&mut header, format!("{serial}/{name}"), &mut content)?;
    }
    archive.into_inner()
}

/// Brings a token back, if it is whole and nothing like it is there.
pub(super) async fn restore(file: &Path, shell: &Shell) -> Result<(), CliError> {
    let opened = File::open(file).map_err(|error| CliError::file("cli-unreadable", file, &error))?;
    let tokens = shell.places.tokens_folder();
    let bad = |fault: Fault| match fault {
        Fault::System(error) if is_of_the_disk(&error) => {
            CliError::file("token-import-store-no-room", &tokens, &error)
        }
        fault => fault.told("token-import-store-bad", file),
    };
    let staging = Staging::below(shell.places.data_folder())?;
    let serial = unpack(opened, &staging.home().join("data/tokens")).map_err(bad)?;
    let database = staging.home().join("data/tokens").join(&serial).join(DATABASE);
    let opened = open(&database).map_err(Fault::from);
    opened.and_then(|database| check(&database)).map_err(bad)?;

    let modules = crate::service::modules(shell)?;
    let restored = modules.software_at(staging.home(), None).look().await.tokens;
    let restored = restored.iter().find(|token| token.entry().id.serial == serial);
    let is_sound = |entry: &TokenEntry| entry.initialized && !entry.damaged;
    let Some(restored) = restored.filter(|token| is_sound(token.entry())) else {
        return Err(bad(Fault::Corrupt));
    };
    let id = restored.entry().id.clone();
    let present = modules.look().await.tokens;
    let same =
        |entry: &TokenEntry| entry.id.serial == serial || (entry.initialized && entry.id.label == id.label);
    let in_place = tokens.join(&serial).symlink_metadata().is_ok();
    if in_place || present.iter().any(|token| same(token.entry())) {
        let facts = arguments([("token", id.label)]);
        return Err(CliError::misuse("token-import-store-there", facts));
    }
    staging.move_in(&tokens)?;
    shell.answer(&json!({ "label": id.label, "serial": id.serial }), || {
        let facts = [("label", id.label.clone()), ("serial", id.serial.clone())];
        shell.text("token-restored", &arguments(facts))
    });
    Ok(())
}

/// True for what the disk says that is written to, and no file that is read.
fn is_of_the_disk(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(
        error.kind(),
        StorageFull | QuotaExceeded | ReadOnlyFilesystem | FileTooLarge
    )
}

/// Takes exactly the two files of one token out of an archive; gives its serial number.
fn unpack(archive: File, tokens: &Path) -> Result<String, Fault> {
    // What the system has no number for is the archive's own fault.
    let told = |error: std::io::Error| match error.raw_os_error() {
        Some(_) => Fault::System(error),
        None => Fault::Archive,
    };
    let mut serial: Option<String> = None;
    let mut names = Vec::new();
    for entry in tar::Archive::new(archive).entries().map_err(told)? {
        let mut entry = entry.map_err(told)?;
        let path = entry.path().map_err(told)?.into_owned();
        let (of, name) = parts(&path).ok_or(Fault::Other)?;
        let is_next = serial.as_ref().is_none_or(|serial| *serial == of) && !names.contains(&name);
        if !is_next || entry.header().entry_type() != tar::EntryType::Regular || entry.size() > MAX_FILE {
            return Err(Fault::Other);
        }
        let folder = tokens.join(&of);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(told)?;
        let mut options = OpenOptions::new();
        let created = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(folder.join(name));
        let mut file = created.map_err(told)?;
        std::io::copy(&mut entry, &mut file).map_err(told)?;
        file.flush().and_then(|()| file.sync_all()).map_err(told)?;
        serial = Some(of);
        names.push(name);
    }
    match serial {
        Some(serial) if names.len() == 2 => Ok(serial),
        _ => Err(Fault::Incomplete),
    }
}

/// `SERIAL/token.db` or `SERIAL/tries`, and nothing else.
fn parts(path: &Path) -> Option<(String, &'static str)> {
    let mut components = path.components();
    let (Some(Component::Normal(serial)), Some(Component::Normal(name)), None) =
        (components.next(), components.next(), components.next())
    else {
        return None;
    };
    let serial = serial.to_str().filter(|text| is_serial(text))?;
    let name = [DATABASE, TRIES].into_iter().find(|known| name == *known)?;
    Some((serial.to_owned(), name))
}
