//! CMS signatures from strangers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trien_signatures::trust::Anchors;

fuzz_target!(|bytes: &[u8]| {
    let at = time::OffsetDateTime::UNIX_EPOCH;
    for content in [None, Some(&b"content"[..])] {
        if let Ok(report) = trien_signatures::cades::verify(bytes, content, &Anchors::default(), &[], at) {
            assert!(!report.valid(), "nothing is valid without an anchor");
        }
    }
});
