//! PDF files from strangers: their signatures checked, and what can be signed of them signed. What was written is read.
#![no_main]

mod signer;

use libfuzzer_sys::fuzz_target;
use trien_signatures::pades::{self, Appearance, PadesRequest, Place, Side, TIME_STAMP_ROOM};
use trien_signatures::report::{Finding, FindingKind, Indication, Integrity, Report};
use trien_signatures::trust::{Anchors, Reliance};

fuzz_target!(|bytes: &[u8]| {
    let anchors = Anchors::default();
    let reliance = Reliance::new(&anchors, &[], signer::now());
    let before = pades::verify(bytes, &reliance);
    if let Ok(report) = &before {
        assert!(!report.valid(), "nothing is valid without an anchor");
    }
    sign(bytes, before.ok().as_ref().map_or(0, not_failed));
});

/// How many signatures nothing is wrong with but that nobody is trusted. What came after a signature cannot be judged where
/// objects cannot be read.
fn not_failed(report: &Report) -> usize {
    let unsearched = |finding: &Finding| finding.kind == FindingKind::Unsearched;
    if report.findings.iter().any(unsearched) {
        return 0;
    }
    let signatures = report.signatures.iter();
    signatures
        .filter(|one| one.indication == Indication::Indeterminate)
        .count()
}

/// Invisibly, in a place, or where a word stands, as the length has it.
fn sign(bytes: &[u8], before: usize) {
    let place = match bytes.len() % 4 {
        0 => Some(Place::on(1, [20.0, 20.0, 160.0, 80.0])),
        1 => Some(Place::Keyword {
            text: "a".to_owned(),
            page: None,
            backwards: false,
            side: Side::Below,
            size: [100.0, 40.0],
        }),
        _ => None,
    };
    let look = place.map(|place| Appearance::plain(place, vec!["Ký".to_owned()]));
    let request = PadesRequest {
        appearance: look.as_ref(),
        extra_room: if bytes.len() % 8 < 4 { TIME_STAMP_ROOM } else { 0 },
        ..PadesRequest::new(&signer::CERTIFICATE, signer::ALGORITHM, signer::now())
    };
    let Ok(prepared) = pades::prepare(bytes.to_vec(), &request) else {
        return;
    };
    let signed = signer::finish(prepared);
    assert!(signed.starts_with(bytes), "it is only appended to");
    let report = signer::judge(|reliance| pades::verify(&signed, reliance));
    let ours = report.signatures.iter().find(|one| {
        let coverage = one.coverage.as_ref();
        coverage.is_some_and(|coverage| coverage.whole) && one.integrity == Integrity::Intact
    });
    assert!(ours.is_some(), "{report:?}");
    assert!(before == 0 || not_failed(&report) > before, "those that were there stay as good: {report:?}");
}
