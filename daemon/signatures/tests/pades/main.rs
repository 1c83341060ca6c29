//! PAdES B-B: what we sign is judged by qpdf, poppler, mutool and OpenSSL; what was changed is judged by us.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod certified;
mod changed;
mod cms;
#[path = "../drafts/mod.rs"]
mod drafts;
#[path = "../openssl/mod.rs"]
mod openssl;
mod shapes;
mod visible;

use std::path::PathBuf;
use std::sync::LazyLock;

use drafts::{assert_qpdf_clean, pdfsig};
use openssl::{Identity, Pki};
use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, RsaPadding, SignatureAlgorithm};
use trien_signatures::pades::{PadesError, PadesRequest, prepare, verify};
use trien_signatures::report::Report;
use trien_signatures::signing::Prepared;

struct Office {
    pki: Pki,
    signer: Identity,
}

static OFFICE: LazyLock<Office> = LazyLock::new(|| {
    let pki = Pki::new();
    let signer = pki.leaf("pdf-signer", "ec:P-256");
    Office { pki, signer }
});

fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc().replace_nanosecond(0).unwrap()
}

fn request(signer: &Identity) -> PadesRequest<'_> {
    let key = signer.certificate.public_key();
    let algorithm = SignatureAlgorithm::for_key(key, RsaPadding::Pkcs1, Hash::Sha256).unwrap();
    PadesRequest {
        chain: std::slice::from_ref(&OFFICE.pki.ca.certificate),
        reason: Some("Phê duyệt hồ sơ"),
        location: Some("Hà Nội"),
        ..PadesRequest::new(&signer.certificate, algorithm, now())
    }
}

fn sign_as(document: &[u8], signer: &Identity, request: &PadesRequest<'_>) -> Vec<u8> {
    let prepared = prepare(document.to_vec(), request).unwrap();
    let value = OFFICE
        .pki
        .workshop
        .sign(signer, prepared.algorithm(), prepared.to_be_signed());
    let signed = prepared.finish(value).unwrap();
    assert!(signed.starts_with(document), "the original is not a prefix");
    signed
}

fn sign(document: &[u8]) -> Vec<u8> {
    sign_as(document, &OFFICE.signer, &request(&OFFICE.signer))
}

fn refusal(document: &[u8]) -> PadesError {
    prepare(document.to_vec(), &request(&OFFICE.signer)).unwrap_err()
}

fn check(document: &[u8]) -> Report {
    verify(document, &OFFICE.pki.reliance()).unwrap()
}

fn file(name: &str, document: &[u8]) -> PathBuf {
    OFFICE.pki.workshop.write(&format!("{name}.pdf"), document)
}

/// All judges agree: as many signatures, all valid, the last one over the whole file.
fn assert_good(name: &str, document: &[u8], signatures: usize) {
    let path = file(name, document);
    assert_qpdf_clean(&path);
    let poppler = pdfsig(&path);
    assert_eq!(poppler.len(), signatures, "{name}");
    assert!(poppler.iter().all(|(valid, _)| *valid), "{name}: {poppler:?}");
    assert_eq!(
        poppler.iter().filter(|(_, whole)| *whole).count(),
        1,
        "{name}: {poppler:?}"
    );
    let report = check(document);
    assert!(report.valid(), "{name}: {report:#?}");
    assert_eq!(report.signatures.len(), signatures, "{name}");
    assert!(
        report.signatures.last().unwrap().coverage.unwrap().whole,
        "{name}"
    );
}
