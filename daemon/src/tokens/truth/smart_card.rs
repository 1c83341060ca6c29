//! The rows of PC/SC: every return value of its resource manager but success (PC/SC part 10; pcsclite.h).
//!
//! pcsc-lite says `SCARD_E_NO_SERVICE` of every service that does not answer; here it is one that is not there, and
//! `SCARD_E_SERVICE_STOPPED` one that does not run (`pcsc/outage.rs`). A handle, a reader or a card that the service no longer knows is a token that was removed: with a USB token, card
//! and reader go together. 0x1f is `SCARD_E_UNEXPECTED`, too, in pcsc-lite.

table! {
    SCARD_F_INTERNAL_ERROR = 0x8010_0001 => TokenFailed, again;
    SCARD_E_CANCELLED = 0x8010_0002 => Cancelled;
    SCARD_E_INVALID_HANDLE = 0x8010_0003 => TokenRemoved, again;
    SCARD_E_INVALID_PARAMETER = 0x8010_0004 => TokenFailed;
    SCARD_E_INVALID_TARGET = 0x8010_0005 => TokenFailed;
    SCARD_E_NO_MEMORY = 0x8010_0006 => TokenFailed, again;
    SCARD_F_WAITED_TOO_LONG = 0x8010_0007 => ReaderFailed, again;
    SCARD_E_INSUFFICIENT_BUFFER = 0x8010_0008 => TokenFailed;
    SCARD_E_UNKNOWN_READER = 0x8010_0009 => TokenRemoved, again;
    SCARD_E_TIMEOUT = 0x8010_000a => TokenBusy, again;
    SCARD_E_SHARING_VIOLATION = 0x8010_000b => TokenBusy, again;
    SCARD_E_NO_SMARTCARD = 0x8010_000c => TokenRemoved, again;
    SCARD_E_UNKNOWN_CARD = 0x8010_000d => UnsupportedByToken;
    SCARD_E_CANT_DISPOSE = 0x8010_000e => TokenFailed, again;
    SCARD_E_PROTO_MISMATCH = 0x8010_000f => ReaderFailed, again;
    SCARD_E_NOT_READY = 0x8010_0010 => ReaderFailed, again;
    SCARD_E_INVALID_VALUE = 0x8010_0011 => TokenRemoved, again;
    SCARD_E_SYSTEM_CANCELLED = 0x8010_0012 => ReaderServiceStopped, again;
    SCARD_F_COMM_ERROR = 0x8010_0013 => ReaderServiceStopped, again;
    SCARD_F_UNKNOWN_ERROR = 0x8010_0014 => TokenFailed, again;
    SCARD_E_INVALID_ATR = 0x8010_0015 => ReaderFailed, again;
    SCARD_E_NOT_TRANSACTED = 0x8010_0016 => ReaderFailed, again;
    SCARD_E_READER_UNAVAILABLE = 0x8010_0017 => TokenRemoved, again;
    SCARD_P_SHUTDOWN = 0x8010_0018 => ReaderServiceStopped, again;
    SCARD_E_PCI_TOO_SMALL = 0x8010_0019 => TokenFailed;
    SCARD_E_READER_UNSUPPORTED = 0x8010_001a => ReaderFailed;
    SCARD_E_DUPLICATE_READER = 0x8010_001b => ReaderFailed;
    SCARD_E_CARD_UNSUPPORTED = 0x8010_001c => UnsupportedByToken;
    SCARD_E_NO_SERVICE = 0x8010_001d => ReaderServiceAbsent;
    SCARD_E_SERVICE_STOPPED = 0x8010_001e => ReaderServiceStopped, again;
    SCARD_E_UNSUPPORTED_FEATURE = 0x8010_001f => UnsupportedByToken;
    SCARD_E_ICC_INSTALLATION = 0x8010_0020 => UnsupportedByToken;
    SCARD_E_ICC_CREATEORDER = 0x8010_0021 => UnsupportedByToken;
    SCARD_E_DIR_NOT_FOUND = 0x8010_0023 => UnsupportedByToken;
    SCARD_E_FILE_NOT_FOUND = 0x8010_0024 => UnsupportedByToken;
    SCARD_E_NO_DIR = 0x8010_0025 => UnsupportedByToken;
    SCARD_E_NO_FILE = 0x8010_0026 => UnsupportedByToken;
    SCARD_E_NO_ACCESS = 0x8010_0027 => ReaderNotAllowed;
    SCARD_E_WRITE_TOO_MANY = 0x8010_0028 => TokenFull;
    SCARD_E_BAD_SEEK = 0x8010_0029 => TokenFailed;
    SCARD_E_INVALID_CHV = 0x8010_002a => PinInvalid | Invalid;
    SCARD_E_UNKNOWN_RES_MNG = 0x8010_002b => ReaderFailed, again;
    SCARD_E_NO_SUCH_CERTIFICATE = 0x8010_002c => CertificateNotFound;
    SCARD_E_CERTIFICATE_UNAVAILABLE = 0x8010_002d => CertificateNotFound;
    SCARD_E_NO_READERS_AVAILABLE = 0x8010_002e => TokenRemoved, again;
    SCARD_E_COMM_DATA_LOST = 0x8010_002f => ReaderFailed, again;
    SCARD_E_NO_KEY_CONTAINER = 0x8010_0030 => CertificateUnsuitable;
    SCARD_E_SERVER_TOO_BUSY = 0x8010_0031 => TokenBusy, again;
    SCARD_W_UNSUPPORTED_CARD = 0x8010_0065 => UnsupportedByToken;
    SCARD_W_UNRESPONSIVE_CARD = 0x8010_0066 => ReaderFailed, again;
    SCARD_W_UNPOWERED_CARD = 0x8010_0067 => TokenBusy, again;
    SCARD_W_RESET_CARD = 0x8010_0068 => TokenBusy, again;
    SCARD_W_REMOVED_CARD = 0x8010_0069 => TokenRemoved, again;
    SCARD_W_SECURITY_VIOLATION = 0x8010_006a => ReaderNotAllowed;
    SCARD_W_WRONG_CHV = 0x8010_006b => PinIncorrect | Incorrect;
    SCARD_W_CHV_BLOCKED = 0x8010_006c => PinLocked | Locked;
    SCARD_W_EOF = 0x8010_006d => TokenFailed;
    SCARD_W_CANCELLED_BY_USER = 0x8010_006e => Cancelled | NotTyped;
    SCARD_W_CARD_NOT_AUTHENTICATED = 0x8010_006f => TokenFailed, again;
    SCARD_W_CACHE_ITEM_NOT_FOUND = 0x8010_0070 => TokenFailed;
    SCARD_W_CACHE_ITEM_STALE = 0x8010_0071 => TokenFailed;
    SCARD_W_CACHE_ITEM_TOO_BIG = 0x8010_0072 => TokenFailed;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::JobError;
    use crate::tokens::pcsc::failure::CardError;
    use crate::tokens::pcsc::piv::Verified;
    use crate::tokens::wire::LoginOutcome;
    use crate::tokens::{LoginError, PinState, TokenError, truth};

    /// From the number that PC/SC returns to what a page gets, through all that lies between: where a PIN was given, and
    /// anywhere else.
    pub(super) fn check(number: u64, name: &str) {
        let row = truth::smart_card(number).expect("the row");
        assert_eq!(row.name, name);
        truth::tests::check_row(row);
        let returned = truth::tests::pcsc_error(number);
        let told = TokenError::from(CardError::Service(returned));
        truth::tests::check_wire(row, &JobError::from(told));
        // The service has nobody whom it could ask for the state of a PIN.
        let (code, _) = truth::tests::at_login(row, PinState::Ready);
        let told = match Verified::or_failed(Err(CardError::Service(returned))) {
            Ok(verified) => LoginOutcome::from(verified).into_result().expect_err("no login"),
            Err(error) => LoginError::Token(error.into()),
        };
        assert_eq!(JobError::from(told).code(), code, "{name}");
    }

    /// The constants are read out of the source of the bindings, so that a newer version fails here.
    #[test]
    fn every_return_value_of_the_service_has_a_row() {
        let source = truth::tests::source_of("pcsc-sys", "lib.rs");
        let mut seen = std::collections::BTreeSet::new();
        let mut for_windows = false;
        for line in source.lines().map(str::trim) {
            if line.starts_with("#[cfg(") {
                for_windows = line == "#[cfg(target_os = \"windows\")]";
                continue;
            }
            let constant = line
                .strip_prefix("pub const ")
                .and_then(|rest| rest.trim_end_matches(';').split_once(": LONG = 0x"));
            let skipped = std::mem::take(&mut for_windows);
            let Some((name, value)) = constant.filter(|(name, _)| *name != "SCARD_S_SUCCESS" && !skipped)
            else {
                continue;
            };
            let number = u64::from_str_radix(&value.replace('_', ""), 16).expect("a number");
            let row = truth::smart_card(number).map(|row| row.name);
            let other_name = name == "SCARD_E_UNEXPECTED" && row == Some("SCARD_E_UNSUPPORTED_FEATURE");
            assert!(row == Some(name) || other_name, "{name}: {row:?}");
            seen.insert(number);
        }
        assert_eq!(seen.len(), ROWS.len());
    }
}
