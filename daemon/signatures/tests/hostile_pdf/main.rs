//! Documents made to hurt. Each is refused with its error, or reported as invalid, within bounded time; none panics.
//!
//! | module | what |
//! |---|---|
//! | `broken` | cut off, not a PDF, two things at once |
//! | `bounds` | loops, bombs, depth, counts |
//! | `ambiguous` | two answers to one question; encryption |
//! | `byte_ranges` | byte ranges and contents that lie (universal signature forgery) |
//! | `appended` | updates and wrapping after the signature; what acts when it is opened |
//! | `much` | more signatures, or more behind one, than are looked at |
//! | `shown` | what is not shown to everybody, or is not what it shows |

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod ambiguous;
mod appended;
mod bounds;
mod broken;
mod byte_ranges;
#[path = "../drafts/mod.rs"]
mod drafts;
mod much;
#[path = "../openssl/mod.rs"]
mod openssl;
#[path = "../processor/mod.rs"]
mod processor;
mod shown;

use std::sync::LazyLock;
use std::time::Duration;

use drafts::{Draft, finish, object_with, stream, update};
use openssl::{Identity, Pki};
use processor::Work;
use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, SignatureAlgorithm};
use trien_signatures::pades::{Appearance, PadesError, PadesRequest, prepare, verify};
use trien_signatures::pdf::PdfError;
use trien_signatures::report::{Indication, Reason, Report};
use trien_signatures::signing::Prepared;

static OFFICE: LazyLock<(Pki, Identity)> = LazyLock::new(|| {
    let pki = Pki::new();
    let signer = pki.leaf("hostile-signer", "ec:P-256");
    (pki, signer)
});

/// How a signature dictionary that we write begins, and a form.
const SIGNATURE: &str = "<< /Type /Sig ";
const FORM: &str = "<< /Fields [";

/// A document that takes a processor longer hangs the daemon. Far above what any of these needs without optimisation.
const BOUND: Duration = Duration::from_secs(10);

fn try_to_sign(document: &[u8]) -> Result<Vec<u8>, PadesError> {
    try_to_show(document, None)
}

/// The same, with a signature that shows so.
fn try_to_show(document: &[u8], look: Option<&Appearance>) -> Result<Vec<u8>, PadesError> {
    let (pki, signer) = &*OFFICE;
    let algorithm = SignatureAlgorithm::Ecdsa(Hash::Sha256);
    let request = PadesRequest {
        chain: std::slice::from_ref(&pki.ca.certificate),
        appearance: look,
        ..PadesRequest::new(&signer.certificate, algorithm, OffsetDateTime::now_utc())
    };
    let started = Work::begin();
    let prepared = prepare(document.to_vec(), &request);
    assert!(started.so_far() < BOUND, "{:?}", started.so_far());
    let prepared = prepared?;
    let value = pki
        .workshop
        .sign(signer, prepared.algorithm(), prepared.to_be_signed());
    Ok(prepared.finish(value).unwrap())
}

/// Signing and checking both refuse, signing with this error.
fn refusal(document: &[u8]) -> PdfError {
    // Whoever is first makes the office; that is not what is timed.
    let reliance = OFFICE.0.reliance();
    let started = Work::begin();
    let checked = verify(document, &reliance);
    assert!(started.so_far() < BOUND);
    assert!(checked.is_err() || checked.is_ok_and(|report| !report.valid()));
    match try_to_sign(document).unwrap_err() {
        PadesError::Pdf(error) => error,
        other => panic!("{other:?}"),
    }
}

fn signed() -> Vec<u8> {
    static SIGNED: LazyLock<Vec<u8>> = LazyLock::new(|| try_to_sign(&Draft::new().classic()).unwrap());
    SIGNED.clone()
}

fn check(document: &[u8]) -> Report {
    let reliance = OFFICE.0.reliance();
    let started = Work::begin();
    let report = verify(document, &reliance).unwrap();
    assert!(started.so_far() < BOUND);
    report
}

fn only_reason(document: &[u8]) -> Reason {
    let report = check(document);
    let [one] = report.signatures.as_slice() else {
        panic!("{report:?}")
    };
    assert_ne!(one.indication, Indication::TotalPassed);
    one.reason.unwrap()
}

fn replace(document: &[u8], from: &str, to: &str) -> Vec<u8> {
    let at = document
        .windows(from.len())
        .position(|window| window == from.as_bytes());
    let at = at.unwrap_or_else(|| panic!("{from} is not in the document"));
    [&document[..at], to.as_bytes(), &document[at + from.len()..]].concat()
}

fn with_xref_stream(dictionary: &str, data: &[u8]) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n".to_vec();
    let start = file.len();
    file.extend(stream(1, &format!("/Type /XRef /Root 1 0 R {dictionary}"), data));
    finish(file, start)
}

/// A revision in which the form has these fields, and other objects.
fn with_fields(document: &[u8], fields: &str, objects: &[(u32, &str)]) -> Vec<u8> {
    let (form, _) = object_with(document, FORM);
    let form = (form, &*format!("{FORM}{fields}] /SigFlags 3 >>"));
    update(document, &[&[form], objects].concat())
}

/// The numbers of the byte range as they stand, and the whole of it.
fn byte_range(document: &[u8]) -> (String, Vec<usize>) {
    let text: String = document.iter().map(|byte| char::from(*byte)).collect();
    let start = text.find("/ByteRange [").unwrap() + "/ByteRange ".len();
    let range = text[start..start + text[start..].find(']').unwrap() + 1].to_owned();
    let numbers = range
        .trim_matches(['[', ']'])
        .split_whitespace()
        .map(|number| number.parse().unwrap())
        .collect();
    (range, numbers)
}
