//! The rows of PC/SC: return values of its resource manager (PC/SC part 10; pcsclite.h).

table! {
    SCARD_E_CANCELLED = 0x8010_0002 => Cancelled;
    SCARD_E_TIMEOUT = 0x8010_000a => TokenBusy, again;
    SCARD_E_SHARING_VIOLATION = 0x8010_000b => TokenBusy, again;
    SCARD_E_NO_SMARTCARD = 0x8010_000c => TokenRemoved, again;
    SCARD_E_READER_UNAVAILABLE = 0x8010_0017 => ReaderFailed, again;
    SCARD_E_NO_SERVICE = 0x8010_001d => ReaderServiceStopped, again;
    SCARD_E_SERVICE_STOPPED = 0x8010_001e => ReaderServiceStopped, again;
    SCARD_E_NO_READERS_AVAILABLE = 0x8010_002e => TokenRemoved, again;
    SCARD_W_UNRESPONSIVE_CARD = 0x8010_0066 => ReaderFailed, again;
    SCARD_W_RESET_CARD = 0x8010_0068 => TokenBusy, again;
    SCARD_W_REMOVED_CARD = 0x8010_0069 => TokenRemoved, again;
    SCARD_W_SECURITY_VIOLATION = 0x8010_006a => ReaderNotAllowed;
}

#[cfg(test)]
mod tests {
    use crate::tokens::truth;

    pub(super) fn check(number: u64, name: &str) {
        let row = truth::smart_card(number).expect("the row");
        assert_eq!(row.name, name);
        truth::tests::check_row(row);
    }
}
