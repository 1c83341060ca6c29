//! Answers of time-stamp authorities, and tokens out of documents.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trien_signatures::algorithm::Hash;
use trien_signatures::revocation::Revocations;
use trien_signatures::timestamp::{Imprint, TimestampRequest, TimestampToken};
use trien_signatures::trust::{Anchors, Reliance};

fuzz_target!(|bytes: &[u8]| {
    let now = time::OffsetDateTime::UNIX_EPOCH;
    if let Ok(request) = TimestampRequest::new(Imprint::of(Hash::Sha256, b"x"), &[0x41; 8], None) {
        assert!(request.accept(bytes, &[], now).is_err(), "nobody signed this");
    }
    let anchors = Anchors::default();
    if let Ok(token) = TimestampToken::from_der(bytes) {
        let judged = token.validate(&[], Revocations::NONE, &Reliance::new(&anchors, &[], now));
        assert!(judged.is_err(), "nothing is valid without an anchor");
    }
});
