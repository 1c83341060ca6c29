//! ASiC containers and Office documents from strangers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trien_signatures::trust::{Anchors, Reliance};

fuzz_target!(|bytes: &[u8]| {
    let anchors = Anchors::default();
    let reliance = Reliance::new(&anchors, &[], time::OffsetDateTime::UNIX_EPOCH);
    if let Ok(report) = trien_signatures::asic::verify(bytes, &reliance) {
        assert!(!report.valid(), "nothing is valid without an anchor");
    }
    if let Ok(report) = trien_signatures::ooxml::verify(bytes, &reliance) {
        assert!(!report.valid(), "nothing is valid without an anchor");
    }
});
