//! A document that is read piece by piece is the document that is read in memory: the same signatures are made and the same
//! reports given, over the documents of other makers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod openssl;

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};

use openssl::Pki;
use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, SignatureAlgorithm};
use trien_signatures::pades::{PadesError, PadesRequest, prepare, prepare_append, verify, verify_source};
use trien_signatures::pdf::{PdfError, Source};
use trien_signatures::signing::Prepared;

fn documents() -> Vec<PathBuf> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    for folder in ["target/documents", "testdata/documents"] {
        let files = walk(&repository.join(folder));
        found.extend(
            files
                .into_iter()
                .filter(|path| path.extension().is_some_and(|end| end == "pdf")),
        );
    }
    found.sort();
    assert!(found.len() > 100, "make documents: {}", found.len());
    found
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else {
            files.push(path);
        }
    }
    files
}

#[test]
fn signatures_and_reports_are_those_of_a_document_in_memory() {
    let pki = Pki::new();
    let signer = pki.leaf("signer", "ec:P-256");
    let now = OffsetDateTime::now_utc();
    let reliance = pki.reliance();
    let request = PadesRequest::new(&signer.certificate, SignatureAlgorithm::Ecdsa(Hash::Sha256), now);
    let (mut signed, mut refused) = (0, 0);
    for path in documents() {
        let bytes = std::fs::read(&path).unwrap();
        let here = verify(&bytes, &reliance).map(|report| serde_json::to_value(report).unwrap());
        let elsewhere = verify_source(&bytes, &reliance).map(|report| serde_json::to_value(report).unwrap());
        assert_eq!(elsewhere, here, "{}", path.display());
        let mut begun = Hash::Sha256.hasher();
        begun.update(&bytes);
        let appended = prepare_append(&bytes, Some((Hash::Sha256, begun)), &request);
        match (prepare(bytes.clone(), &request), appended) {
            (Ok(whole), Ok(appended)) => {
                assert_eq!(
                    appended.to_be_signed(),
                    whole.to_be_signed(),
                    "{}",
                    path.display()
                );
                let anew = prepare_append(&bytes, None, &request).unwrap();
                assert_eq!(anew.to_be_signed(), whole.to_be_signed(), "{}", path.display());
                signed += 1;
            }
            (Err(whole), Err(appended)) => {
                assert_eq!(appended, whole, "{}", path.display());
                refused += 1;
            }
            (whole, appended) => panic!("{}: {whole:?} and {appended:?}", path.display()),
        }
    }
    println!("{signed} signed, {refused} refused");
    assert!(signed > 100);
}

/// Fails from the n-th reading on.
struct Broken(Vec<u8>, Cell<usize>);

impl Source for Broken {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let left = self.1.get().checked_sub(1).ok_or(io::ErrorKind::InvalidData)?;
        self.1.set(left);
        self.0.read_exact_at(buffer, offset)
    }
}

#[test]
fn what_cannot_be_read_is_said_and_never_a_verdict() {
    let pki = Pki::new();
    let signer = pki.leaf("signer", "ec:P-256");
    let now = OffsetDateTime::now_utc();
    let algorithm = SignatureAlgorithm::Ecdsa(Hash::Sha256);
    let request = PadesRequest::new(&signer.certificate, algorithm, now);
    // Of several pages of the reader.
    let mut long = documents().into_iter().filter_map(|path| {
        let bytes = std::fs::read(path).unwrap();
        (bytes.len() > 300_000).then_some(())?;
        prepare(bytes, &request).ok()
    });
    let prepared = long.next().unwrap();
    let value = pki.workshop.sign(&signer, algorithm, prepared.to_be_signed());
    let signed = prepared.finish(value).unwrap();
    let unreadable = PdfError::Unreadable(io::ErrorKind::InvalidData);
    let reliance = pki.reliance();
    let mut needed = 0;
    loop {
        match verify_source(&Broken(signed.clone(), Cell::new(needed)), &reliance) {
            Ok(report) => {
                let here = verify(&signed, &reliance).unwrap();
                assert_eq!(
                    serde_json::to_value(report).unwrap(),
                    serde_json::to_value(here).unwrap()
                );
                break;
            }
            Err(error) => assert_eq!(error, unreadable, "{needed}"),
        }
        match prepare_append(&Broken(signed.clone(), Cell::new(needed)), None, &request) {
            Ok(_) => {}
            Err(error) => assert_eq!(error, PadesError::Pdf(unreadable.clone()), "{needed}"),
        }
        needed += 1;
    }
    assert!(needed > 1);
}
