//! The truth table: what each return value of PKCS #11 and of PC/SC means to a page and to a person. One row each.
//!
//! A row names the stable [`ErrorCode`], whose text and remedy are in the message files, and says whether the same
//! request may succeed if it is simply made again. No other place gives a return value a code. What a few of them say of a
//! PIN in particular, where a login, a change of the PIN or an unblocking returned them, is read before that, in
//! `worker/session.rs` and `worker/pin_change.rs`.

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
}

/// Writes a table, and one test for each of its rows.
macro_rules! table {
    ($($name:ident = $number:literal => $code:ident $(, $retry:ident)?;)+) => {
        use super::Row;
        use trien_protocol::error::ErrorCode;

        /// The rows, in the order of their numbers.
        pub(super) static ROWS: &[Row] = &[$(Row {
            number: $number,
            name: stringify!($name),
            code: ErrorCode::$code,
            retry: table!(@retry $($retry)?),
        }),+];

        #[cfg(test)]
        #[allow(non_snake_case, reason = "a test is called what its row is called")]
        mod rows {
            $(#[test] fn $name() { super::tests::check($number, stringify!($name)); })+
        }
    };
    (@retry) => { false };
    (@retry again) => { true };
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
