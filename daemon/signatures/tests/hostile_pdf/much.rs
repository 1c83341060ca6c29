//! What is more than is looked at: nobody calls it forged, and nobody is let to make it.

use crate::drafts::Draft;
use crate::{OFFICE, check, try_to_sign};
use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, SignatureAlgorithm};
use trien_signatures::pades::{self, PadesError, PadesRequest};
use trien_signatures::pdf::{Limits, PdfError};
use trien_signatures::report::{Indication, Integrity, Reason};

#[test]
fn what_cannot_be_compared_within_the_bounds_is_undecided_and_never_failed() {
    let mut draft = Draft::new();
    draft.set(
        3,
        &format!("<< /Type /Page /Parent 2 0 R /A [{}] >>", "0 ".repeat(100_000)),
    );
    // Packed, it takes far more to read than it has bytes.
    let twice = try_to_sign(&try_to_sign(&draft.streams()).unwrap()).unwrap();
    let (mut undecided, mut decided) = (0, 0);
    for work in [
        0,
        1 << 18,
        1 << 19,
        1 << 20,
        1 << 21,
        1 << 22,
        1 << 23,
        1 << 24,
        1 << 26,
    ] {
        let limits = Limits {
            work,
            ..Limits::default()
        };
        // A document that cannot be read at all is refused as a whole.
        let Ok(report) = pades::verify_within(&twice, limits, &OFFICE.0.reliance()) else {
            continue;
        };
        for signature in &report.signatures {
            assert_eq!(signature.integrity, Integrity::Intact, "{signature:?}");
            match signature.indication {
                Indication::TotalPassed => decided += 1,
                Indication::Indeterminate => {
                    assert_eq!(signature.reason, Some(Reason::TooComplex), "{signature:?}");
                    undecided += 1;
                }
                Indication::TotalFailed => panic!("{work}: {signature:?}"),
            }
        }
    }
    assert!(undecided > 0 && decided > 0, "{undecided} {decided}");
}

#[test]
fn as_many_as_can_be_checked_are_made_and_not_one_more() {
    let (pki, signer) = &*OFFICE;
    let may_be_signed = |document: &Vec<u8>| {
        let algorithm = SignatureAlgorithm::Ecdsa(Hash::Sha256);
        let request = PadesRequest {
            chain: std::slice::from_ref(&pki.ca.certificate),
            ..PadesRequest::new(&signer.certificate, algorithm, OffsetDateTime::now_utc())
        };
        pades::check(document, &request)
    };
    let mut document = Draft::new().classic();
    assert_eq!(may_be_signed(&document), Ok(()));
    for _ in 0..101 {
        document = try_to_sign(&document).unwrap();
    }
    let report = check(&document);
    assert!(report.valid(), "{report:?}");
    assert_eq!(report.signatures.len(), 101);
    let refused = may_be_signed(&document);
    assert_eq!(refused, Err(PadesError::Pdf(PdfError::TooMany("signatures"))));
}
