//! Some hundred documents of other makers (`testdata/documents/corpus.py`), signed and verified: each without one
//! failure, or refused with the reason that `testdata/documents/refused.tsv` has. Judged by pyHanko in one process, by
//! pdfsig and by qpdf.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod drafts;
mod openssl;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};

use drafts::{pdfsig, run};
use openssl::{Identity, Pki};
use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, SignatureAlgorithm};
use trien_signatures::pades::{PadesError, PadesRequest, prepare, verify};
use trien_signatures::pdf::PdfError;
use trien_signatures::report::{FindingKind, Indication};
use trien_signatures::signing::Prepared;

static OFFICE: LazyLock<(Pki, Identity)> = LazyLock::new(|| {
    let pki = Pki::new();
    let signer = pki.leaf("corpus-signer", "ec:P-256");
    (pki, signer)
});

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// First column to the rest.
fn table(path: &Path) -> BTreeMap<String, Vec<String>> {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|_| panic!("run `make documents` first: {path:?}"));
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut columns = line.split('\t').map(str::to_owned);
            (columns.next().unwrap(), columns.collect())
        })
        .collect()
}

fn sign(document: &[u8]) -> Result<Vec<u8>, PadesError> {
    let (pki, signer) = &*OFFICE;
    let request = PadesRequest {
        chain: std::slice::from_ref(&pki.ca.certificate),
        ..PadesRequest::new(
            &signer.certificate,
            SignatureAlgorithm::Ecdsa(Hash::Sha256),
            OffsetDateTime::now_utc(),
        )
    };
    let prepared = prepare(document.to_vec(), &request)?;
    let value = pki
        .workshop
        .sign(signer, prepared.algorithm(), prepared.to_be_signed());
    Ok(prepared.finish(value).unwrap())
}

/// The name of the reason, without the numbers in it.
fn reason(error: &PadesError) -> &'static str {
    match error {
        PadesError::Pdf(error) => match error {
            PdfError::AmbiguousHybrid(_) => "AmbiguousHybrid",
            PdfError::DuplicateObject(_) => "DuplicateObject",
            PdfError::Encrypted => "Encrypted",
            PdfError::FieldLocked => "FieldLocked",
            PdfError::FormLoop => "FormLoop",
            PdfError::LeadingBytes(_) => "LeadingBytes",
            PdfError::Locked => "Locked",
            PdfError::Malformed(_) => "Malformed",
            PdfError::Missing(_) => "Missing",
            PdfError::NoPages => "NoPages",
            PdfError::NotPdf => "NotPdf",
            PdfError::PageOutOfRange { .. } => "PageOutOfRange",
            PdfError::TrailingBytes(_) => "TrailingBytes",
            PdfError::Truncated => "Truncated",
            PdfError::UnsupportedFilter => "UnsupportedFilter",
            PdfError::XrefDamaged(_) => "XrefDamaged",
            PdfError::XrefLoop => "XrefLoop",
            _ => "another",
        },
        _ => "another",
    }
}

#[test]
fn n129_n131_every_document_of_the_corpus_is_signed_and_judged_or_refused_with_its_reason() {
    let folder = root().join("target/documents/corpus");
    let documents: Vec<(String, Vec<String>)> = table(&folder.join("MANIFEST.tsv")).into_iter().collect();
    let refused = table(&root().join("testdata/documents/refused.tsv"));
    let out = tempfile::tempdir().unwrap();
    let (next, wrong, pairs) = (
        AtomicUsize::new(0),
        Mutex::new(Vec::new()),
        Mutex::new(Vec::new()),
    );
    let complain = |name: &str, what: String| wrong.lock().unwrap().push(format!("{name}\t{what}"));
    let work = || {
        while let Some((name, _)) = documents.get(next.fetch_add(1, Ordering::Relaxed)) {
            let original = folder.join(name);
            let bytes = std::fs::read(&original).unwrap();
            let expected = refused.get(name).map(|columns| columns[0].as_str());
            match (sign(&bytes), expected) {
                (Err(error), expected) if expected == Some(reason(&error)) => {}
                (Err(error), _) => complain(name, format!("{}\t{error}", reason(&error))),
                (Ok(_), Some(expected)) => complain(name, format!("signed, not {expected}")),
                (Ok(signed), None) => {
                    let path = out.path().join(name);
                    std::fs::write(&path, &signed).unwrap();
                    let report = verify(&signed, &OFFICE.0.reliance()).unwrap();
                    let last = report.signatures.last().unwrap();
                    let before = verify(&bytes, &OFFICE.0.reliance()).map(|before| before.signatures);
                    for (place, was) in before.into_iter().flatten().enumerate() {
                        let is = &report.signatures[place];
                        let fell =
                            was.indication != is.indication && is.indication == Indication::TotalFailed;
                        if fell || was.integrity != is.integrity {
                            complain(
                                name,
                                format!("an earlier signature: {:?}, then {:?}", was.reason, is.reason),
                            );
                        }
                    }
                    if last.indication != Indication::TotalPassed {
                        complain(name, format!("ours: {:?} {:?}", last.indication, last.reason));
                    }
                    if !pdfsig(&path).contains(&(true, true)) {
                        complain(name, "pdfsig".into());
                    }
                    let check = |path: &Path| run("qpdf", &["--check", path.to_str().unwrap()]);
                    let (code, text) = check(&path);
                    if code != Some(0) && check(&original).0 == Some(0) {
                        complain(name, format!("qpdf: {text}"));
                    }
                    pairs
                        .lock()
                        .unwrap()
                        .push(format!("{}\t{}\n", original.display(), path.display()));
                }
            }
        }
    };
    std::thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(work))));

    let pairs = pairs.into_inner().unwrap();
    let list = out.path().join("list");
    std::fs::write(&list, pairs.concat()).unwrap();
    let output = Command::new(root().join("target/judges/bin/python"))
        .arg("-B")
        .arg(root().join("daemon/tests/judges/corpus.py"))
        .arg(&list)
        .arg("--trust")
        .arg(OFFICE.0.workshop.path("root.crt"))
        .output()
        .unwrap();
    let verdicts: BTreeMap<String, Option<String>> = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let mut disputed = table(&root().join("testdata/documents/disputed.tsv"));
    disputed.retain(|name, _| name.starts_with("corpus/"));
    for (name, verdict) in verdicts {
        let known = disputed.remove(&format!("corpus/{name}"));
        match (verdict, known) {
            (Some(said), Some(known)) if said.contains(&known[0]) && !known[1].is_empty() => {}
            (Some(said), _) => complain(&name, format!("pyHanko: {said}")),
            (None, Some(_)) => complain(&name, "pyHanko accepts it: it leaves disputed.tsv".into()),
            (None, None) => {}
        }
    }
    for name in disputed.keys() {
        complain(name, "in disputed.tsv, and not signed".into());
    }
    let wrong = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        documents.len(),
        wrong.join("\n")
    );
    assert!(pairs.len() >= 300, "only {} were signed", pairs.len());
}

/// What deceives is seldom: the documents of which these are told are made for it, or have it.
#[test]
fn n125_n126_n127_ordinary_documents_give_no_finding_that_is_not_so() {
    let folder = root().join("target/documents/corpus");
    let mut told = BTreeMap::new();
    let mut looked_at = 0;
    for (name, _) in table(&folder.join("MANIFEST.tsv")) {
        let bytes = std::fs::read(folder.join(&name)).unwrap();
        let Ok(report) = verify(&bytes, &OFFICE.0.reliance()) else {
            continue;
        };
        looked_at += 1;
        for finding in report.findings {
            let is_asked_for = matches!(
                finding.kind,
                FindingKind::HiddenText
                    | FindingKind::OtherText
                    | FindingKind::MissingObject
                    | FindingKind::SecondBody
                    | FindingKind::Archive
                    | FindingKind::WebPage
            );
            if is_asked_for {
                told.insert((name.clone(), finding.kind), (finding.count, finding.object));
            }
        }
    }
    let pyhanko = |name: &str| format!("pyhanko_pyhanko_testing_commons_test_data_data_pdf_{name}.pdf");
    let expected = [
        // Text that a scanner's program would write, without the picture.
        (
            "pikepdf_tests_resources_pdfa_fpdf2_latin_tr3.pdf".to_owned(),
            FindingKind::HiddenText,
            3,
        ),
        // Labels of the form that its maker has painted by nothing.
        (
            "pypdf_resources_SF424_page2.pdf".to_owned(),
            FindingKind::HiddenText,
            4,
        ),
        // Its cross-references lead to none of its objects.
        ("pypdf_resources_toy.pdf".to_owned(), FindingKind::SecondBody, 2),
        // An object stream that has what stands beside it as well.
        (pyhanko("broken-objstream3"), FindingKind::SecondBody, 6),
        (pyhanko("broken-objstream4"), FindingKind::SecondBody, 6),
    ];
    let expected = expected.map(|(name, kind, object)| ((name, kind), (1, Some(object))));
    assert_eq!(told, BTreeMap::from(expected));
    assert!(looked_at > 400, "only {looked_at}");
}
