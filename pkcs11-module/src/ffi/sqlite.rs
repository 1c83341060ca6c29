//! Two questions that SQLite's safe interface does not ask: what the file's change counter is, and whether the file
//! is still at its place.
//!
//! Both go through SQLite's own handle of the file. A second one would be simpler and wrong: closing any handle of a
//! file drops all locks that the process has on it, also those of the connection (`fcntl(2)`, record locks).

use std::ffi::{c_int, c_void};
use std::ptr::null_mut;

use rusqlite::Connection;
use rusqlite::ffi::{
    SQLITE_FCNTL_FILE_POINTER, SQLITE_FCNTL_HAS_MOVED, SQLITE_OK, sqlite3_file, sqlite3_file_control,
};

/// Where the change counter is: a number of four bytes, big-endian, counted up by every transaction that has
/// changed the database in a rollback journal mode (SQLite's file format, 1.3.7).
const COUNTER_AT: i64 = 24;

/// The change counter as it is in the file now, without a lock; `None` if it cannot be read.
pub(crate) fn change_counter(connection: &Connection) -> Option<u32> {
    let mut file: *mut sqlite3_file = null_mut();
    control(connection, SQLITE_FCNTL_FILE_POINTER, (&raw mut file).cast())?;
    if file.is_null() {
        return None;
    }
    // SAFETY: SQLite's handle of the main database lives as long as the connection, which is borrowed; its table of
    // methods is NULL only while the file is not open.
    let methods = unsafe { (*file).pMethods.as_ref() }?;
    let mut counter = [0; 4];
    let length = counter.len() as c_int;
    // SAFETY: the method is called as SQLite calls it, with its own handle and room for as many bytes as asked for.
    // A connection is used by one thread at a time, and reading at a place leaves no state behind.
    let outcome = unsafe { methods.xRead?(file, counter.as_mut_ptr().cast(), length, COUNTER_AT) };
    (outcome == SQLITE_OK).then(|| u32::from_be_bytes(counter))
}

/// Whether another file, or none, is where the database was opened.
pub(crate) fn has_moved(connection: &Connection) -> bool {
    let mut moved: c_int = 0;
    control(connection, SQLITE_FCNTL_HAS_MOVED, (&raw mut moved).cast());
    moved != 0
}

fn control(connection: &Connection, question: c_int, answer: *mut c_void) -> Option<()> {
    // SAFETY: the connection is open as long as it is borrowed, the name is a C string, and `answer` is room for
    // what both questions give: a pointer, an int.
    let outcome = unsafe { sqlite3_file_control(connection.handle(), c"main".as_ptr(), question, answer) };
    (outcome == SQLITE_OK).then_some(())
}
