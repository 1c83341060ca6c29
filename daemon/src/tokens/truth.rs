//! The truth table: what each return value of PKCS #11 and of PC/SC means to a page and to a person. One row each.
//!
//! A row names the stable [`ErrorCode`], whose text and remedy are in the message files, and says whether the same
//! request may succeed if it is simply made again; and what the value says of a PIN, where a login, a change of the PIN or
//! an unblocking returned it. No other place gives a return value a meaning.

use trien_protocol::error::ErrorCode;

/// One return value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// `CK_RV` (PKCS #11 3.2, 5.1) or the `LONG` of PC/SC (part 10), without its sign.
    pub number: u64,
    /// As the standard writes it.
    pub name: &'static str,
    /// What the page learns.
    pub code: ErrorCode,
    /// Whether trying again helps, with nothing else done.
    pub retry: bool,
    /// What it means where a PIN was given.
    pub at_login: AtLogin,
}

/// What a return value means where a login returned it, or a change of the PIN, or an unblocking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtLogin {
    /// The same as everywhere.
    Same,
    /// The PIN is wrong: a try was spent.
    Incorrect,
    /// What was typed cannot be a PIN of this token: no try was spent.
    Invalid,
    /// No try is left.
    Locked,
    /// The PIN has to be changed first.
    Expired,
    /// At the reader: the person cancelled, or typed nothing in time.
    NotTyped,
    /// [`Locked`](Self::Locked) if the token says so when it is asked then, and else the same as everywhere: some tokens
    /// say nothing better when they have counted a wrong PIN.
    PerhapsLocked,
    /// The module holds a login that is not this session's, and has not looked at the PIN: that login is ended, and the
    /// PIN looked at, once.
    OtherLogin,
    /// What a card that was pulled makes modules say, among other things. The module is not asked for more, at a login or
    /// at a signature: a new process of it knows whether the card is there.
    PerhapsRemoved,
    /// As [`PerhapsRemoved`](Self::PerhapsRemoved); and where the reader says that the card has stayed, a PIN that was
    /// refused, for which the module has no word.
    Unclear,
}

/// Writes a table, and one test for each of its rows: `NAME = number => Code, again | AtLogin;`, of which the last two may
/// be absent.
macro_rules! table {
    ($($name:ident = $number:literal => $code:ident $(, $retry:ident)? $(| $at_login:ident)?;)+) => {
        use super::{AtLogin, Row};
        use trien_protocol::error::ErrorCode;

        /// The rows, in the order of their numbers.
        pub(super) static ROWS: &[Row] = &[$(Row {
            number: $number,
            name: stringify!($name),
            code: ErrorCode::$code,
            retry: table!(@retry $($retry)?),
            at_login: table!(@at_login $($at_login)?),
        }),+];

        #[cfg(test)]
        #[allow(non_snake_case, reason = "a test is called what its row is called")]
        mod rows {
            $(#[test] fn $name() { super::tests::check($number, stringify!($name)); })+
        }
    };
    (@retry) => { false };
    (@retry again) => { true };
    (@at_login) => { AtLogin::Same };
    (@at_login $at_login:ident) => { AtLogin::$at_login };
}

mod cryptoki;
mod smart_card;

/// What a return value of a PKCS #11 module means; none if no standard knows it.
#[must_use]
pub fn cryptoki(number: u64) -> Option<&'static Row> {
    find(cryptoki::ROWS, number)
}

/// The same by its name.
#[must_use]
pub fn cryptoki_named(name: &str) -> Option<&'static Row> {
    cryptoki::ROWS.iter().find(|row| row.name == name)
}

/// What a return value of PC/SC means; none if no standard knows it.
#[must_use]
pub fn smart_card(number: u64) -> Option<&'static Row> {
    find(smart_card::ROWS, number)
}

fn find(rows: &'static [Row], number: u64) -> Option<&'static Row> {
    rows.binary_search_by_key(&number, |row| row.number)
        .ok()
        .map(|index| &rows[index])
}

/// What a module answered, as people look it up: `CKR_DEVICE_ERROR`, or its number if no standard names it.
#[must_use]
pub fn cryptoki_name(number: u64) -> String {
    cryptoki(number).map_or_else(|| format!("CKR {number:#x}"), |row| row.name.to_owned())
}

/// What the smart card service answered, likewise.
#[must_use]
pub fn smart_card_name(number: u64) -> String {
    smart_card(number).map_or_else(|| format!("PC/SC {number:#x}"), |row| row.name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language;
    use crate::tokens::PinState;
    use trien_protocol::call::Language;

    /// What holds for a row of either table: its code has a text and a remedy in both languages, and trying again
    /// never helps where the person's PIN is at stake.
    pub(super) fn check_row(row: &Row) {
        let key = format!("error-{}", row.code.name().replace('_', "-"));
        for language in [Language::Vi, Language::En] {
            assert!(language::exists(language, &key), "{}: {key}", row.name);
            assert!(
                language::exists(language, &format!("{key}-remedy")),
                "{}: {key}",
                row.name
            );
        }
        let pin = matches!(
            row.code,
            ErrorCode::PinIncorrect | ErrorCode::PinLocked | ErrorCode::PinExpired | ErrorCode::PinInvalid
        );
        assert!(
            !(pin && row.retry),
            "{}: a PIN is never tried again unasked",
            row.name
        );
        let at_login = match row.code {
            ErrorCode::PinIncorrect => Some(AtLogin::Incorrect),
            ErrorCode::PinInvalid => Some(AtLogin::Invalid),
            ErrorCode::PinLocked => Some(AtLogin::Locked),
            ErrorCode::PinExpired => Some(AtLogin::Expired),
            _ => None,
        };
        assert!(
            at_login.is_none_or(|at_login| at_login == row.at_login),
            "{}: it speaks of a PIN and says something else where one was given",
            row.name
        );
    }

    /// What a page gets of a row that a login returned, with how the token says its PIN stands then; and whether that
    /// may be asked for.
    pub(super) const fn at_login(row: &Row, state: PinState) -> (ErrorCode, bool) {
        match (row.at_login, state) {
            (AtLogin::Incorrect | AtLogin::PerhapsLocked, PinState::Locked) => (ErrorCode::PinLocked, true),
            (AtLogin::Incorrect, _) => (ErrorCode::PinIncorrect, true),
            (AtLogin::PerhapsLocked, _) => (row.code, true),
            (AtLogin::Invalid, _) => (ErrorCode::PinInvalid, false),
            (AtLogin::Locked, _) => (ErrorCode::PinLocked, false),
            (AtLogin::Expired, _) => (ErrorCode::PinExpired, false),
            (AtLogin::NotTyped, _) => (ErrorCode::Cancelled, false),
            (AtLogin::Same | AtLogin::OtherLogin | AtLogin::PerhapsRemoved | AtLogin::Unclear, _) => {
                (row.code, false)
            }
        }
    }

    /// What a page gets of a row: its code, and whether trying again helps.
    pub(super) fn check_wire(row: &Row, told: &crate::jobs::JobError) {
        let wire = serde_json::to_value(told.object()).expect("an error object");
        assert_eq!(wire["data"]["code"], row.code.name(), "{}", row.name);
        assert_eq!(wire["data"]["retry"], row.retry, "{}", row.name);
    }

    /// A file below `src` of a crate that this one is built with.
    pub(super) fn source_of(package: &str, file: &str) -> String {
        let metadata = std::process::Command::new(env!("CARGO"))
            .args([
                "metadata",
                "--format-version=1",
                "--offline",
                "--locked",
                "--manifest-path",
            ])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
            .output()
            .expect("cargo metadata");
        let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).expect("metadata");
        let packages = metadata["packages"].as_array().expect("packages");
        let found = packages.iter().find(|found| found["name"] == package);
        let manifest = found.expect("the package")["manifest_path"].as_str();
        let source = std::path::Path::new(manifest.expect("a path"))
            .with_file_name("src")
            .join(file);
        std::fs::read_to_string(source).expect("the source")
    }

    /// The crate's name for what PC/SC returns.
    pub(super) fn pcsc_error(number: u64) -> pcsc::Error {
        const ALL: [pcsc::Error; 62] = [
            pcsc::Error::InternalError,
            pcsc::Error::Cancelled,
            pcsc::Error::InvalidHandle,
            pcsc::Error::InvalidParameter,
            pcsc::Error::InvalidTarget,
            pcsc::Error::NoMemory,
            pcsc::Error::WaitedTooLong,
            pcsc::Error::InsufficientBuffer,
            pcsc::Error::UnknownReader,
            pcsc::Error::Timeout,
            pcsc::Error::SharingViolation,
            pcsc::Error::NoSmartcard,
            pcsc::Error::UnknownCard,
            pcsc::Error::CantDispose,
            pcsc::Error::ProtoMismatch,
            pcsc::Error::NotReady,
            pcsc::Error::InvalidValue,
            pcsc::Error::SystemCancelled,
            pcsc::Error::CommError,
            pcsc::Error::UnknownError,
            pcsc::Error::InvalidAtr,
            pcsc::Error::NotTransacted,
            pcsc::Error::ReaderUnavailable,
            pcsc::Error::Shutdown,
            pcsc::Error::PciTooSmall,
            pcsc::Error::ReaderUnsupported,
            pcsc::Error::DuplicateReader,
            pcsc::Error::CardUnsupported,
            pcsc::Error::NoService,
            pcsc::Error::ServiceStopped,
            pcsc::Error::IccInstallation,
            pcsc::Error::IccCreateorder,
            pcsc::Error::UnsupportedFeature,
            pcsc::Error::DirNotFound,
            pcsc::Error::FileNotFound,
            pcsc::Error::NoDir,
            pcsc::Error::NoFile,
            pcsc::Error::NoAccess,
            pcsc::Error::WriteTooMany,
            pcsc::Error::BadSeek,
            pcsc::Error::InvalidChv,
            pcsc::Error::UnknownResMng,
            pcsc::Error::NoSuchCertificate,
            pcsc::Error::CertificateUnavailable,
            pcsc::Error::NoReadersAvailable,
            pcsc::Error::CommDataLost,
            pcsc::Error::NoKeyContainer,
            pcsc::Error::ServerTooBusy,
            pcsc::Error::UnsupportedCard,
            pcsc::Error::UnresponsiveCard,
            pcsc::Error::UnpoweredCard,
            pcsc::Error::ResetCard,
            pcsc::Error::RemovedCard,
            pcsc::Error::SecurityViolation,
            pcsc::Error::WrongChv,
            pcsc::Error::ChvBlocked,
            pcsc::Error::Eof,
            pcsc::Error::CancelledByUser,
            pcsc::Error::CardNotAuthenticated,
            pcsc::Error::CacheItemNotFound,
            pcsc::Error::CacheItemStale,
            pcsc::Error::CacheItemTooBig,
        ];
        let is_it = |error: &&pcsc::Error| u64::from(**error as u32) == number;
        *ALL.iter().find(is_it).expect("an error of PC/SC")
    }

    #[test]
    fn the_tables_are_in_order_so_that_every_row_is_found() {
        for rows in [cryptoki::ROWS, smart_card::ROWS] {
            assert!(rows.is_sorted_by(|one, next| one.number < next.number));
        }
    }

    #[test]
    fn what_no_standard_knows_has_its_number() {
        assert_eq!(cryptoki_name(0x30), "CKR_DEVICE_ERROR");
        assert_eq!(cryptoki_name(0x8000_1234), "CKR 0x80001234");
        assert!(cryptoki(0xdead_beef).is_none());
    }
}
