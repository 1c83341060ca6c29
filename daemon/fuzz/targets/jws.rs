//! JSON Web Signatures from strangers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trien_signatures::trust::{Anchors, Reliance};

fuzz_target!(|bytes: &[u8]| {
    let anchors = Anchors::default();
    let reliance = Reliance::new(&anchors, &[], time::OffsetDateTime::UNIX_EPOCH);
    for content in [None, Some(&b"content"[..])] {
        if let Ok(report) = trien_signatures::jades::verify(bytes, content, &reliance) {
            assert!(!report.valid(), "nothing is valid without an anchor");
        }
    }
});
