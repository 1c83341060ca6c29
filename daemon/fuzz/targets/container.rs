//! ASiC containers and Office documents from strangers, and what can be signed of these signed. What was written is read.
#![no_main]

mod signer;

use libfuzzer_sys::fuzz_target;
use trien_signatures::ooxml::{self, OoxmlRequest};
use trien_signatures::trust::{Anchors, Reliance};

fuzz_target!(|bytes: &[u8]| {
    let anchors = Anchors::default();
    let reliance = Reliance::new(&anchors, &[], signer::now());
    if let Ok(report) = trien_signatures::asic::verify(bytes, &reliance) {
        assert!(!report.valid(), "nothing is valid without an anchor");
    }
    let before = ooxml::verify(bytes, &reliance);
    if let Ok(report) = &before {
        assert!(!report.valid(), "nothing is valid without an anchor");
    }
    let request = OoxmlRequest {
        signer: &signer::CERTIFICATE,
        chain: &[],
        algorithm: signer::ALGORITHM,
        signing_time: signer::now(),
        reason: None,
    };
    let Ok(prepared) = ooxml::prepare(bytes, &request) else {
        return;
    };
    let signed = signer::finish(prepared);
    let report = signer::judge(|reliance| ooxml::verify(&signed, reliance));
    let before = before.expect("what can be signed can be read");
    assert_eq!(report.signatures.len(), before.signatures.len() + 1);
    assert_eq!(signer::intact(&report), signer::intact(&before) + 1, "{report:?}");
});
