//! The token on disk: what is kept, how it is protected, and how it changes.
//!
//! # Format, version 2
//!
//! A token is a folder named after its serial number (16 lower-case hexadecimal digits), mode 0700, with three files,
//! mode 0600: the SQLite database `token.db` (see [`db`] for the tables and why they are written as they are), its
//! journal `token.db-journal`, and the try counter `tries` (see [`tries`]). All numbers below are little-endian.
//!
//! **Parts** are the rows of `part`. Each body is followed by a check, SHA-256 of `"trien-token/2" ‖ 0 ‖
//! name ‖ 0 ‖ serial ‖ body`: it finds damage, so that damage is never taken for a wrong PIN.
//!
//! | part | body |
//! |---|---|
//! | `header` | version u16 = 2 · serial 16 · epoch 16 · created u64 (ms since 1970) · label 32 (blank padded) · profile 32 (ASCII, zero padded) · wrong PINs that lock u8 (1 to 10) · public key 32 |
//! | `pin.so`, `pin.user` | memory u32 (KiB) · passes u32 · lanes u32 · salt 16 · nonce 12 · sealed data key 32 + 16 |
//! | `manifest` | revision u64 · last id u64 · number of objects u64 · XOR of SHA-256(id u64 ‖ revision u64) of all objects 32 |
//!
//! **Keys.** Every token has a random *data key* of 256 bits, made with the token and again when it is
//! initialised anew (then with a new random *epoch*). Each PIN seals it: key-encryption key =
//! Argon2id(PIN, salt, parameters) (RFC 9106), sealed = AES-256-GCM(kek, nonce, data key), additional
//! data = `"trien-token/2 pin" ‖ 0 ‖ role u8 ‖ SHA-256(header) ‖ memory ‖ passes ‖ lanes ‖ salt`. The
//! parameters have a floor, so nobody can weaken them, and a ceiling, so nobody can make a login exhaust
//! the machine. A PIN change seals the same key anew and touches no object.
//!
//! **The security officer's PIN seals the data key too.** `C_InitPIN` must set a new user PIN without
//! losing the keys, and PKCS #11 gives the officer no other secret. So whoever knows the SO PIN can set a
//! user PIN and then use the keys, as on a card; the SO PIN deserves the same care.
//!
//! **Objects** are the rows of `object`: id, revision, private flag, class, and the record = nonce 12 ‖
//! AES-256-GCM(key, nonce, attributes) with tag 16, where the attributes are encoded as [`record`] says
//! and additional data = `"trien-token/2 object" ‖ 0 ‖ serial ‖ epoch ‖ id u64 ‖ revision u64 ‖ private
//! u8 ‖ class u64`. The key of a private object is the data key. The key of a public object is the
//! *public key* of the header, because PKCS #11 lets everybody read public objects, and write them in a
//! public read/write session: their seal finds every accident and every record moved to another place,
//! token or time, but not the deliberate forger who can write the file. A certificate is proved by its
//! own signature, and by the private key that answers for it. Keys that are sensitive or not
//! extractable are never public objects.
//!
//! Ids count up and are never used again. The manifest changes with every object in the same transaction,
//! so an object that has vanished, or an old record that was put back in its row, is noticed even though the rest
//! reads well. Not noticed is the whole file, or a PIN's part with the same epoch, put back as it was before: nothing
//! outside the file says how new it is, so an old copy brings its old objects, and an old PIN opens it again.
//!
//! **Tries.** A login first writes the incremented counter, durably, then derives the key; the right PIN sets it to
//! zero. As many wrong ones as the header says lock the PIN. It limits guessing through this library; against whoever
//! copies the files only the PIN's own strength and Argon2id stand.
//!
//! # What is flushed when
//!
//! | call | before it returns |
//! |---|---|
//! | `C_CreateObject`, `C_CopyObject`, key generation (both halves in one), `C_SetAttributeValue` | one transaction: four `fdatasync` ([`db`]) |
//! | `C_DestroyObject`, `C_SetPIN`, `C_InitPIN`, `C_InitToken` of a token | the same, and the journal is cut |
//! | `C_Login` and every other try of a PIN | the counter, one `fdatasync`; its return to zero is not flushed |
//! | `C_InitToken` in a free slot | the new files, their folder, and the folder of all tokens |
//!
//! # Several processes
//!
//! Every process keeps the objects that it has read. Searches and changes first look at the file's change counter,
//! one read of four bytes, and read the objects again when it has changed; a signature does so at most once a second.
//! So an object that was made elsewhere is found at once, a key that was destroyed elsewhere is used for at most a
//! second more, and so is a login whose PIN was changed elsewhere: it ends. A file that was put in the place of
//! another (renamed there, not written over) is opened anew.
//!
//! # Copies
//!
//! A consistent copy of a token that is in use is `token.db` as SQLite's backup or `VACUUM INTO` writes it, and `tries`,
//! under the token's own serial number; the journal is not part of it. A plain copy of the files is right only while
//! nobody writes. Whoever brings one back checks first that there is no token of this serial number, that the database
//! has the application id and the user version, and that each part matches its check, the header with the serial
//! number of the folder; he puts the folder in its place by renaming it, whole.
//!
//! A token's folder may be kept in a repository: a login and a signature leave `token.db` and `tries` byte for byte as
//! they were. Version control keeps neither modes nor, usually, the journal; both are tolerated, the rights of the
//! files are for whoever checks them out to set, and a missing journal is made. Where the folder cannot be written, the
//! public objects can be read and nobody can log in, because no try could be counted (`CKR_TOKEN_WRITE_PROTECTED`).
//! What may not be read is told as that (`CKR_TOKEN_NOT_RECOGNIZED`, and the slot's description), and not as damage.

pub(crate) mod db;
pub(crate) mod folder;
mod parts;
mod profile;
mod record;
mod rows;
mod sealing;
mod seen;
mod tries;
mod vault;

pub(crate) use parts::{LABEL_LEN, PinState, Role, Serial};
pub(crate) use profile::Profile;
pub(crate) use record::{Packed, ValueRef};
pub(crate) use rows::Head;
pub(crate) use sealing::{DataKey, KEY_LEN, Pin, open, random, seal};
pub(crate) use seen::Seen;
pub(crate) use vault::{Changes, Content, Vault, Written};

/// Why the store cannot do what is asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Stored bytes are not what was written: a flipped bit, a cut file, somebody's edit.
    #[error("store corrupt: {0}")]
    Corrupt(&'static str),
    /// No space left, or a limit of the token reached.
    #[error("no space left for the token")]
    Full,
    /// The token was removed or initialised anew by somebody else.
    #[error("the token is gone or was initialised anew")]
    Gone,
    /// The PIN is wrong; a try is spent.
    #[error("the PIN is wrong")]
    PinIncorrect,
    /// Too many wrong PINs.
    #[error("the PIN is locked")]
    PinLocked,
    /// There is no such PIN yet.
    #[error("the PIN is not set")]
    PinNotSet,
    /// The host's environment asks for a profile that cannot be.
    #[error("TRIEN_TOKEN_PROFILE or TRIEN_TOKEN_TRIES is not usable")]
    Profile,
    /// The folder or file may not be read.
    #[error("the token may not be read")]
    Barred,
    /// The folder or file may not be written.
    #[error("the token may not be written")]
    ReadOnly,
    /// Another process has held the store for too long.
    #[error("another process holds the token")]
    Busy,
    /// The operating system failed.
    #[error("token folder: {0}")]
    Io(String),
    /// The host has too little memory left.
    #[error("no memory for the key derivation")]
    Memory,
    /// The system's random numbers failed.
    #[error("no random numbers")]
    Random,
}

pub(crate) type Result<T> = std::result::Result<T, StoreError>;

impl StoreError {
    /// Why something cannot be opened that is only to be read.
    fn of_reading(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::PermissionDenied => Self::Barred,
            _ => error.into(),
        }
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::Full,
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            _ => Self::Io(error.to_string()),
        }
    }
}

/// A panic in the middle of the store's work: nothing half is on disk, but nothing in memory is trusted either.
impl<T> From<std::sync::PoisonError<T>> for StoreError {
    fn from(_: std::sync::PoisonError<T>) -> Self {
        Self::Io("an earlier call was interrupted".to_owned())
    }
}
