//! PDF files from strangers: checked, and prepared for nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trien_signatures::trust::Anchors;

fuzz_target!(|bytes: &[u8]| {
    let at = time::OffsetDateTime::UNIX_EPOCH;
    if let Ok(report) = trien_signatures::pades::verify(bytes, &Anchors::default(), &[], at) {
        assert!(!report.valid(), "nothing is valid without an anchor");
    }
});
