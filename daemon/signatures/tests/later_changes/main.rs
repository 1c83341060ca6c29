//! Changes after a signature that borrow the right to be made: what only looks like a signature field, and objects that
//! are two things at once.
//!
//! | module | what |
//! |---|---|
//! | `fields` | what only looks like a signature field |
//! | `objects` | objects that are two things at once |
//! | `locks` | fields that are locked |
//! | `forms` | forms that are filled in |
//! | `permitted` | document time-stamps, and documents of other software, stay permitted |
//! | `named` | what is said about the changes |

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[path = "../drafts/mod.rs"]
mod drafts;
mod fields;
mod forms;
mod locks;
mod named;
mod objects;
#[path = "../openssl/mod.rs"]
mod openssl;
mod permitted;

use std::sync::LazyLock;

use drafts::{Draft, object_with};
use openssl::{Identity, Pki};
use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, SignatureAlgorithm};
use trien_signatures::pades::{PadesError, PadesRequest, prepare, verify};
use trien_signatures::report::{ChangeKind, Reason, Report, SubIndication};
use trien_signatures::signing::Prepared;

static OFFICE: LazyLock<(Pki, Identity)> = LazyLock::new(|| {
    let pki = Pki::new();
    let signer = pki.leaf("later-signer", "ec:P-256");
    (pki, signer)
});

fn try_to_sign(document: &[u8]) -> Result<Vec<u8>, PadesError> {
    try_to_sign_with(document, |_| ())
}

fn try_to_sign_with<'a>(
    document: &[u8],
    change: impl FnOnce(&mut PadesRequest<'a>),
) -> Result<Vec<u8>, PadesError> {
    let (pki, signer) = &*OFFICE;
    let algorithm = SignatureAlgorithm::Ecdsa(Hash::Sha256);
    let mut request = PadesRequest {
        chain: std::slice::from_ref(&pki.ca.certificate),
        ..PadesRequest::new(&signer.certificate, algorithm, OffsetDateTime::now_utc())
    };
    change(&mut request);
    let prepared = prepare(document.to_vec(), &request)?;
    let value = pki
        .workshop
        .sign(signer, prepared.algorithm(), prepared.to_be_signed());
    Ok(prepared.finish(value).unwrap())
}

fn check(document: &[u8]) -> Report {
    verify(document, &OFFICE.0.reliance()).unwrap()
}

/// Objects: 6 the annotations of page 3, 7 the form, 8 its fields.
fn with_form() -> Draft {
    let mut draft = Draft::new();
    draft.extend(3, "/Annots 6 0 R").extend(1, "/AcroForm 7 0 R");
    draft
        .set(6, "[]")
        .set(7, "<< /Fields 8 0 R /SigFlags 3 >>")
        .set(8, "[]");
    draft
}

/// Signs, and gives the number of the new widget too.
fn sign(draft: &Draft) -> (Vec<u8>, u32) {
    let signed = try_to_sign(&draft.classic()).unwrap();
    assert!(check(&signed).valid());
    let (number, _) = object_with(
        &signed,
        "<< /Type /Annot /Subtype /Widget /FT /Sig /T (Signature1)",
    );
    (signed, number)
}

#[track_caller]
fn assert_forbidden(name: &str, document: &[u8]) {
    let report = check(document);
    assert!(!report.valid(), "{name}");
    let first = &report.signatures[0];
    assert_eq!(
        (first.sub_indication, first.reason),
        (
            Some(SubIndication::SigConstraintsFailure),
            Some(Reason::ForbiddenChange)
        ),
        "{name}"
    );
    assert!(
        first.changes.iter().any(|change| !change.permitted),
        "{name}: named"
    );
}

/// What is said about the first signature: kind, page, name, and whether it is permitted; all in the last revision.
#[track_caller]
fn told(document: &[u8]) -> Vec<(ChangeKind, Option<u32>, Option<String>, bool)> {
    let report = check(document);
    let first = &report.signatures[0];
    let all_permitted = first.changes.iter().all(|change| change.permitted);
    assert_eq!(all_permitted, first.reason != Some(Reason::ForbiddenChange));
    let last = first.coverage.as_ref().unwrap().revisions;
    assert!(
        first.changes.iter().all(|change| change.revision == last),
        "{report:#?}"
    );
    let changes = first.changes.iter();
    changes
        .map(|change| (change.kind, change.page, change.name.clone(), change.permitted))
        .collect()
}
