//! What came later, or was prepared before, is found.

use crate::drafts::{Draft, update};
use crate::openssl::Pki;
use time::Duration;
use trien_signatures::pades::verify;
use trien_signatures::pdf::PdfError;
use trien_signatures::report::{FindingKind, Indication, Integrity, Reason, SubIndication, Warning};

use crate::{OFFICE, check, refusal, sign};

fn failure(document: &[u8]) -> (Indication, SubIndication, Reason, bool) {
    let report = check(document);
    assert!(!report.valid());
    let first = &report.signatures[0];
    let warned = first.warnings.contains(&Warning::ChangedAfterSigning);
    (
        first.indication,
        first.sub_indication.unwrap(),
        first.reason.unwrap(),
        warned,
    )
}

const CHANGED: (Indication, SubIndication, Reason, bool) = (
    Indication::Indeterminate,
    SubIndication::SigConstraintsFailure,
    Reason::ForbiddenChange,
    true,
);

#[test]
fn n130_a_later_unsigned_change_is_found() {
    let signed = sign(&Draft::new().classic());
    let content = "<< /Length 44 >>\nstream\nBT /F1 18 Tf 40 200 Td (Khac han) Tj ET      \nendstream";
    for (name, objects) in [
        ("content", vec![(4, content)]),
        (
            "catalog",
            vec![(
                1,
                "<< /Type /Catalog /Pages 2 0 R /AcroForm 9 0 R /OpenAction [3 0 R /Fit] >>",
            )],
        ),
        (
            "page",
            vec![(
                3,
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 40 30] /Contents 4 0 R >>",
            )],
        ),
        (
            "tree",
            vec![(2, "<< /Type /Pages /Kids [3 0 R 3 0 R] /Count 2 >>")],
        ),
        (
            "font",
            vec![(
                5,
                "<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /ZapfDingbats >> >> >>",
            )],
        ),
    ] {
        let changed = update(&signed, &objects);
        assert_eq!(failure(&changed), CHANGED, "{name}");
        assert!(!check(&changed).signatures[0].coverage.unwrap().whole);
    }
}

#[test]
fn n130_a_change_between_two_signatures_is_found() {
    let signed = sign(&Draft::new().classic());
    let font = "<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /ZapfDingbats >> >> >>";
    let twice = sign(&update(&signed, &[(5, font)]));
    assert_eq!(failure(&twice), CHANGED);
    let report = check(&twice);
    assert_eq!(
        report.signatures[1].indication,
        Indication::TotalPassed,
        "it signs what it was shown"
    );
}

#[test]
fn n125_content_prepared_before_signing_is_found() {
    // The page refers to an object that comes only after the signature.
    let mut draft = Draft::new();
    draft.set(
        3,
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 300] /Contents [4 0 R 150 0 R] /Resources 5 0 R >>",
    );
    // It is told before it is signed.
    let told = |document: &[u8]| -> Vec<_> {
        let findings = check(document).findings.into_iter();
        findings
            .map(|finding| (finding.kind, finding.count, finding.object))
            .collect()
    };
    assert_eq!(told(&draft.classic()), [(FindingKind::MissingObject, 1, Some(3))]);
    let signed = sign(&draft.classic());
    assert_eq!(told(&signed), told(&draft.classic()));
    assert!(check(&signed).valid());
    let more = "<< /Length 37 >>\nstream\nBT /F1 18 Tf 40 100 Td (them) Tj ET   \nendstream";
    assert_eq!(failure(&update(&signed, &[(150, more)])), CHANGED);
    // An object nobody refers to changes nothing that is seen.
    assert!(check(&update(&signed, &[(151, more)])).valid());
}

#[test]
fn bytes_behind_the_end_are_found() {
    let mut signed = sign(&Draft::new().classic());
    signed.extend(b"<script>more</script>");
    assert_eq!(failure(&signed), CHANGED);
    assert_eq!(refusal(&signed), PdfError::TrailingBytes(21).into());
    let twice = [sign(&Draft::new().classic()), sign(&Draft::new().classic())].concat();
    assert!(!check(&twice).valid());
}

#[test]
fn one_changed_byte_breaks_the_signature() {
    let signed = sign(&Draft::new().classic());
    let at = signed.windows(3).position(|window| window == b"Don").unwrap();
    let mut changed = signed;
    changed[at] = b'B';
    let report = check(&changed);
    assert_eq!(report.signatures[0].integrity, Integrity::Broken);
    assert_eq!(
        report.signatures[0].sub_indication,
        Some(SubIndication::HashFailure)
    );
}

#[test]
fn another_root_is_not_trusted_and_a_later_time_is_expired() {
    let signed = sign(&Draft::new().classic());
    let other = Pki::new();
    let judge = |reliance: &trien_signatures::trust::Reliance<'_>| {
        verify(&signed, reliance).unwrap().signatures[0].clone()
    };
    let untrusted = judge(&other.reliance());
    assert_eq!(untrusted.indication, Indication::Indeterminate);
    assert_eq!(untrusted.integrity, Integrity::Intact);
    let mut later = OFFICE.pki.reliance();
    later.at += Duration::days(365 * 30);
    assert_ne!(judge(&later).indication, Indication::TotalPassed);
}

#[test]
fn a_document_without_signatures_is_not_valid() {
    let report = check(&Draft::new().classic());
    assert!(report.signatures.is_empty() && !report.valid());
}
