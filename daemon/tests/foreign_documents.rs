//! Documents that other people's software wrote, signed with a token through the command line, and put before judges
//! that nobody here wrote: pyHanko, poppler, qpdf, mutool; OpenSSL for CMS.
//!
//! `make documents` makes the documents, `make test` the judges' environment; without them these tests say so and fail.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use support::daemon::{Daemon, PORTAL, Page, allow};
use support::office::Office;
use support::{Desk, PIN, error_code, fail, repository, succeed};

/// A document of `testdata/documents/make.sh`.
struct Foreign {
    path: PathBuf,
    producer: String,
    expected: String,
}

fn foreign() -> Vec<Foreign> {
    let folder = repository().join("target/documents");
    let manifest = std::fs::read_to_string(folder.join("MANIFEST.tsv")).expect("run `make documents` first");
    let documents: Vec<Foreign> = manifest
        .lines()
        .map(|line| {
            let [file, producer, expected] = line
                .split('\t')
                .collect::<Vec<_>>()
                .try_into()
                .expect("three columns");
            Foreign {
                path: folder.join(file),
                producer: producer.to_owned(),
                expected: expected.to_owned(),
            }
        })
        .collect();
    assert!(documents.len() >= 20, "only {} documents", documents.len());
    documents
}

/// What pyHanko says of documents that we sign and it does not accept, by file: part of `disputed.tsv`.
fn disputed() -> BTreeMap<String, String> {
    let table = std::fs::read_to_string(repository().join("testdata/documents/disputed.tsv")).unwrap();
    let lines = table
        .lines()
        .filter(|line| !line.starts_with('#') && !line.starts_with("corpus/"));
    lines
        .map(|line| {
            let [file, said, why] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("three columns: {line}")
            };
            assert!(!said.is_empty() && !why.is_empty(), "no reason: {line}");
            (file.to_owned(), said.to_owned())
        })
        .collect()
}

fn judge(desk: &Desk, kind: &str, words: &[&Path]) -> Value {
    let python = repository().join("target/judges/bin/python");
    assert!(python.exists(), "run `make target/judges/.made` first");
    let mut command = Command::new(python);
    command
        .arg("-B")
        .arg(repository().join("daemon/tests/judges/judge.py"))
        .arg(kind)
        .args(words);
    command.arg("--trust").arg(desk.pki().join("root.pem"));
    // Some documents came signed: by a key of the authority that was made with them.
    let theirs = repository().join("target/documents/root.pem");
    command.args(theirs.exists().then_some(theirs));
    let output = command.output().expect("the judges");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    serde_json::from_str(&text)
        .unwrap_or_else(|_| panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr)))
}

/// What `trien verify` says of the newest signature. An older one may be by somebody whom this desk does not trust.
fn last_indication(desk: &Desk, signed: &Path) -> String {
    let output = desk
        .trien(["verify", "--json"])
        .arg(signed)
        .output()
        .expect("trien runs");
    let reports: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let newest = reports[0]["signatures"]
        .as_array()
        .and_then(|signatures| signatures.last());
    newest
        .and_then(|signature| signature["indication"].as_str())
        .unwrap_or("no signature")
        .to_owned()
}

/// The judges that do not accept.
fn refusing(verdict: &Value) -> Vec<&str> {
    let judges = verdict["judges"].as_array().expect("a list of judges");
    assert!(judges.len() >= 4, "{verdict:#}");
    judges
        .iter()
        .filter(|judge| judge["ok"] != true)
        .filter_map(|judge| judge["judge"].as_str())
        .collect()
}

#[test]
fn every_foreign_document_is_signed_and_judged_or_refused_by_name() {
    let desk = Desk::with_keys(&[("rsa", "rsa:2048", "citizen")]);
    let documents = foreign();
    let (good, bad): (Vec<_>, Vec<_>) = documents.iter().partition(|document| document.expected == "sign");
    let out = desk.path("signed");
    std::fs::create_dir(&out).unwrap();

    // One batch, one PIN.
    let mut batch = desk.trien(["sign", "--format", "pades", "--json", "--out"]);
    batch
        .arg(&out)
        .args(desk.pin())
        .args(good.iter().map(|document| &document.path));
    let answer: Value = serde_json::from_str(&succeed(&mut batch)).unwrap();
    assert_eq!(answer["documents"].as_array().unwrap().len(), good.len());

    let (mut rejected, mut disputed) = (Vec::new(), disputed());
    for document in &good {
        let signed = out.join(document.path.file_name().unwrap());
        let (before, after) = (
            std::fs::read(&document.path).unwrap(),
            std::fs::read(&signed).unwrap(),
        );
        assert!(
            after.starts_with(&before) && after.len() > before.len(),
            "{}",
            document.producer
        );
        let words = [&signed, Path::new("--original"), &document.path];
        let verdict = judge(&desk, "pdf", &words);
        let refusing = refusing(&verdict);
        let name = document.path.file_name().unwrap().to_str().unwrap();
        // One that pyHanko has learnt to read, or refuses for another reason, fails the test.
        let fits = match disputed.remove(name) {
            None => refusing.is_empty(),
            Some(said) => {
                let theirs = verdict["judges"].as_array().into_iter().flatten();
                let mut theirs = theirs.filter(|judge| judge["judge"] == "pyhanko");
                refusing == ["pyhanko"] && theirs.all(|theirs| theirs.to_string().contains(&said))
            }
        };
        if !fits {
            rejected.push(format!("{name} ({}): {verdict:#}", document.producer));
        }
        assert_eq!(last_indication(&desk, &signed), "TOTAL-PASSED", "{name}");
    }
    assert!(
        rejected.is_empty(),
        "{} rejected:\n{}",
        rejected.len(),
        rejected.join("\n")
    );

    assert!(
        disputed.is_empty(),
        "in disputed.tsv, and not signed: {disputed:?}"
    );

    for document in bad {
        let mut sign = desk.trien(["sign", "--format", "pades", "--json", "--out"]);
        sign.arg(desk.path("refused.pdf"))
            .args(desk.pin())
            .arg(&document.path);
        let output = sign.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!output.status.success(), "{} was signed", document.producer);
        assert!(said.contains(&document.expected), "{}: {said}", document.producer);
        assert!(!desk.path("refused.pdf").exists());
    }
}

#[test]
fn every_kind_of_key_and_scheme_signs_a_visible_signature_and_a_second_one() {
    let desk = Desk::with_keys(&[
        ("rsa2", "rsa:2048", "citizen"),
        ("rsa3", "rsa:3072", "agency"),
        ("p256", "ec:p256", "official"),
        ("p384", "ec:p384", "citizen"),
    ]);
    let dossier = repository().join("testdata/documents/dossier.pdf");
    let mut last = dossier.clone();
    for (index, (label, padding)) in [
        ("rsa2", "pkcs1"),
        ("rsa3", "pss"),
        ("p256", "pkcs1"),
        ("p384", "pkcs1"),
    ]
    .into_iter()
    .enumerate()
    {
        let signed = desk.path(&format!("signed-{index}.pdf"));
        let rectangle = format!("320,{},560,{}", 60 + 90 * index, 140 + 90 * index);
        let words = [
            "sign",
            "--cert",
            label,
            "--padding",
            padding,
            "--appearance",
            "plain",
            "--rectangle",
            &rectangle,
        ];
        succeed(
            desk.trien(words)
                .args(["--reason", "Đồng ý", "--out"])
                .arg(&signed)
                .arg(&last)
                .args(desk.pin()),
        );
        last = signed;
    }
    let verdict = judge(&desk, "pdf", &[&last, Path::new("--original"), &dossier]);
    assert_eq!(verdict["ok"], true, "{verdict:#}");
    let reports: Value = serde_json::from_str(&succeed(desk.trien(["verify", "--json"]).arg(&last))).unwrap();
    let signatures = reports[0]["signatures"].as_array().unwrap();
    assert_eq!(signatures.len(), 4);
    assert!(
        signatures
            .iter()
            .all(|signature| signature["indication"] == "TOTAL-PASSED"),
        "{signatures:#?}"
    );
    let text = succeed(Command::new("pdftotext").arg("-layout").arg(&last).arg("-"));
    assert_eq!(text.matches("Nguyễn Văn An").count(), 4, "{text}");
}

#[test]
fn a_person_signs_above_the_name_and_an_agency_seals_it_by_presets() {
    let desk = Desk::with_keys(&[("rsa", "rsa:2048", "citizen")]);
    let dossier = repository().join("testdata/documents/dossier.pdf");
    // Any picture will do: a small page.
    let picture = desk.path("picture");
    succeed(
        Command::new("pdftoppm")
            .args(["-png", "-r", "20", "-singlefile"])
            .args([&dossier, &picture]),
    );
    let picture = desk.path("picture.png");
    let mut last = dossier.clone();
    for (name, more) in [
        ("person", vec!["--at-keyword", "NGUYỄN VĂN AN"]),
        ("agency", vec!["--qr", "https://tracuu.example.vn/15"]),
        ("copy", vec!["--value", "form=TRÍCH SAO"]),
        ("number-and-date", vec!["--value", "number=15/QĐ-UBND"]),
    ] {
        let signed = desk.path(&format!("{name}.pdf"));
        let mut sign = desk.trien(["sign", "--appearance", name, "--out"]);
        sign.arg(&signed).arg(&last).args(desk.pin()).args(more);
        if matches!(name, "person" | "agency") {
            sign.arg("--image").arg(&picture);
        }
        succeed(&mut sign);
        last = signed;
    }
    let verdict = judge(&desk, "pdf", &[&last, Path::new("--original"), &dossier]);
    assert_eq!(verdict["ok"], true, "{verdict:#}");
    let text = succeed(Command::new("pdftotext").arg("-layout").arg(&last).arg("-"));
    assert!(
        text.contains("TRÍCH SAO") && text.contains("15/QĐ-UBND"),
        "{text}"
    );

    let mut sign = desk.trien(["sign", "--json", "--appearance", "agency", "--out"]);
    sign.arg(desk.path("none.pdf")).arg(&dossier).args(desk.pin());
    let said = fail(&mut sign, 2);
    assert!(
        said.contains("bad_request") && !desk.path("none.pdf").exists(),
        "{said}"
    );
}

/// Adds a text field and two signature fields that nobody signed.
const FORM: &str = r"
import sys
from pyhanko.pdf_utils import generic, incremental_writer
from pyhanko.sign import fields
source, target = sys.argv[1:]
name = generic.pdf_name
with open(source, 'rb') as file:
    out = incremental_writer.IncrementalPdfFileWriter(file)
    for field, box in (('NguoiKy', (60, 60, 240, 120)), ('LanhDao', (320, 60, 500, 120))):
        fields.append_signature_field(out, fields.SigFieldSpec(field, box=box))
    page = out.root['/Pages']['/Kids'][0]
    text = out.add_object(generic.DictionaryObject({
        name('/Type'): name('/Annot'), name('/Subtype'): name('/Widget'), name('/FT'): name('/Tx'),
        name('/T'): generic.TextStringObject('Số văn bản'), name('/F'): generic.NumberObject(4),
        name('/Rect'): generic.ArrayObject(map(generic.NumberObject, (60, 130, 240, 150))),
    }))
    page['/Annots'].append(text)
    out.root['/AcroForm']['/Fields'].append(text)
    out.update_container(page['/Annots'])
    out.update_container(out.root['/AcroForm']['/Fields'])
    with open(target, 'wb') as made:
        out.write(made)
";

/// The dossier with a form as pyHanko makes it: a text field `Số văn bản` and two signature fields that nobody signed.
fn form(desk: &Desk) -> PathBuf {
    let form = desk.path("form.pdf");
    let python = repository().join("target/judges/bin/python");
    let dossier = repository().join("testdata/documents/dossier.pdf");
    succeed(
        Command::new(python)
            .args(["-B", "-c", FORM])
            .args([&dossier, &form]),
    );
    form
}

/// What pyHanko reads of each signature, when every judge accepts all of them: the field, what the document still takes
/// (DocMDP) and which fields are locked (FieldMDP).
#[track_caller]
fn bound(desk: &Desk, signed: &Path) -> Vec<(String, Value, Value)> {
    let verdict = judge(
        desk,
        "pdf",
        &[signed, Path::new("--original"), &desk.path("form.pdf")],
    );
    assert_eq!(verdict["ok"], true, "{verdict:#}");
    assert_eq!(last_indication(desk, signed), "TOTAL-PASSED");
    let signatures = verdict["judges"][0]["signatures"]
        .as_array()
        .into_iter()
        .flatten();
    let bound = signatures.map(|one| {
        let field = one["field"].as_str().unwrap_or_default().to_owned();
        (field, one["docmdp"].clone(), one["fieldmdp"].clone())
    });
    bound.collect()
}

#[test]
fn what_is_certified_locked_or_put_into_a_field_that_is_there_binds_as_others_read_it() {
    let desk = Desk::with_keys(&[("rsa", "rsa:2048", "citizen")]);
    let form = form(&desk);
    let sign = |from: &Path, to: &str, words: &[&str]| {
        let mut sign = desk.trien(["sign", "--out"]);
        sign.arg(desk.path(to)).arg(from).args(desk.pin()).args(words);
        sign
    };
    let second = |from: &str, to: &str| sign(&desk.path(from), to, &["--field", "LanhDao"]);
    let in_field = ["--field", "NguoiKy"];
    let all = json!(["ALL"]);
    let cases: [(&[&str], Value, Value, bool); 5] = [
        (&["--certify", "1"], json!("NO_CHANGES"), Value::Null, false),
        (
            &["--certify", "2", "--lock", "all"],
            json!("FILL_FORMS"),
            all,
            false,
        ),
        (&["--certify", "3"], json!("ANNOTATE"), Value::Null, true),
        (
            &["--lock", "LanhDao, Số văn bản"],
            Value::Null,
            json!(["INCLUDE", "LanhDao", "Số văn bản"]),
            false,
        ),
        (
            &["--lock", "Số văn bản"],
            Value::Null,
            json!(["INCLUDE", "Số văn bản"]),
            true,
        ),
    ];
    for (words, certified, locked, open) in cases {
        let mut first = sign(&form, "first.pdf", words);
        // A field that is there keeps the lock that its author gave it.
        let named = words.contains(&"--lock");
        first.args(in_field.iter().filter(|_| !named));
        succeed(&mut first);
        let mut second = second("first.pdf", "second.pdf");
        let judged = if open {
            succeed(&mut second);
            let judged = bound(&desk, &desk.path("second.pdf"));
            assert_eq!(judged.len(), 2, "{words:?}: {judged:?}");
            assert_eq!(judged[1], ("LanhDao".to_owned(), Value::Null, Value::Null));
            judged
        } else {
            assert_eq!(error_code(&mut second, 1), "document_locked", "{words:?}");
            bound(&desk, &desk.path("first.pdf"))
        };
        assert_eq!(judged[0].0 == "NguoiKy", !named, "{words:?}: {judged:?}");
        assert_eq!((&judged[0].1, &judged[0].2), (&certified, &locked), "{words:?}");
    }
    // Only the first signature certifies.
    let again = &mut sign(&desk.path("second.pdf"), "third.pdf", &["--certify", "2"]);
    assert_eq!(error_code(again, 1), "document_locked");
    // A field that is not there, is no signature field, or is signed.
    succeed(&mut second("form.pdf", "signed.pdf"));
    for (from, field) in [
        ("form.pdf", "Nobody"),
        ("form.pdf", "Số văn bản"),
        ("signed.pdf", "LanhDao"),
    ] {
        let refused = &mut sign(&desk.path(from), "none.pdf", &["--field", field]);
        assert_eq!(error_code(refused, 2), "bad_request", "{field}");
    }
}

#[test]
fn a_page_certifies_locks_and_signs_a_field_that_is_there() {
    let desk = Desk::with_keys(&[("rsa", "rsa:2048", "citizen")]);
    let form = std::fs::read(form(&desk)).unwrap();
    allow(&desk, PORTAL, &[]);
    let script = format!("[[answer]]\ndecision = \"approve\"\nrepeat = true\npins = [\"{PIN}\"]\n");
    let daemon = Daemon::start(&desk, &script);
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    let mut sign = |document: &[u8], more: Value| {
        let document = page.upload("đơn.pdf", document);
        let mut call = json!({ "documents": [document], "format": "pades" });
        call.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let reply = page.call("sign_documents", &call);
        let one = &reply["result"]["documents"][0];
        match one["sha256"].as_str() {
            Some(sha256) => Ok(page.download(sha256, one["size"].as_u64().unwrap())),
            None => Err(reply),
        }
    };
    let first = sign(
        &form,
        json!({ "certify": "forms", "field": "NguoiKy", "appearance": { "language": "vi" } }),
    )
    .unwrap();
    let second = sign(&first, json!({ "field": "LanhDao" })).unwrap();
    let third = sign(&second, json!({ "lock": ["Số văn bản"] })).unwrap();
    let signed = desk.path("page.pdf");
    std::fs::write(&signed, third).unwrap();
    let none = Value::Null;
    let judged = bound(&desk, &signed);
    assert_eq!(
        judged[..2],
        [
            ("NguoiKy".to_owned(), json!("FILL_FORMS"), none.clone()),
            ("LanhDao".to_owned(), none.clone(), none.clone())
        ]
    );
    assert_eq!(judged[2].2, json!(["INCLUDE", "Số văn bản"]));
    let text = succeed(Command::new("pdftotext").arg("-layout").arg(&signed).arg("-"));
    assert!(
        text.contains("Nguyễn Văn An rsa"),
        "a field shows who signed it: {text}"
    );
    let locked = sign(&form, json!({ "lock": [] })).unwrap();
    std::fs::write(&signed, &locked).unwrap();
    assert_eq!(bound(&desk, &signed)[0].2, json!(["ALL"]));
    let refused = sign(&locked, json!({ "field": "LanhDao" })).unwrap_err();
    assert!(refused.to_string().contains("document_locked"), "{refused}");
}

/// What Apache Preflight says of a file as PDF/A-1b: it knows no other part. Files of parts 2 and 3 have no judge here
/// (no package of Debian, PyPI or npm is one); what they must keep is tested by our own reading (`looks.rs`).
fn preflight(path: &Path) -> String {
    let names = [
        "preflight",
        "pdfbox2",
        "fontbox2",
        "xmpbox",
        "commons-logging",
        "javax.activation",
        "jaxb-api",
    ];
    let jars = names.map(|name| format!("/usr/share/java/{name}.jar")).join(":");
    let mut java = Command::new("java");
    java.args(["-cp", &jars, "org.apache.pdfbox.preflight.Validator_A1b"])
        .arg(path);
    String::from_utf8_lossy(&java.output().expect("java").stdout).into_owned()
}

/// A preset of the person's own.
const FREE: &str = r#"
[place]
page = "last"
corner = "bottom-left"
size-mm = [90, 40]
margin-mm = [10, 10]
[look]
frame = true
mark = "picture"
[text]
vi = ["Đã đối chiếu với {what}", "{signer}", "{time}"]
en = ["Compared with {what}", "{signer}", "{time}"]
"#;

#[test]
fn a_pdf_a_stays_one_however_it_is_signed() {
    let desk = Desk::with_keys(&[("rsa", "rsa:2048", "citizen")]);
    let documents = repository().join("target/documents");
    let original = documents.join("writer_pdfa1.pdf");
    assert!(preflight(&original).contains("is a valid PDF/A-1b file"));
    assert!(preflight(&documents.join("writer.pdf")).contains("is not a valid PDF/A-1b file"));
    // Half transparent, which PDF/A-1 forbids: it is laid on white.
    let picture = desk.path("seal.png");
    let half =
        "import sys; from PIL import Image; Image.new('RGBA', (60, 60), (200, 0, 0, 128)).save(sys.argv[1])";
    let python = repository().join("target/judges/bin/python");
    succeed(Command::new(python).args(["-c", half]).arg(&picture));
    let sign = |from: &Path, name: &str, words: &[&str]| {
        let signed = desk.path(&format!("{name}.pdf"));
        let mut sign = desk.trien(["sign", "--out"]);
        sign.arg(&signed).arg(from).args(desk.pin()).args(words);
        if matches!(name, "person" | "agency" | "incoming" | "free") {
            sign.arg("--image").arg(&picture);
        }
        succeed(&mut sign);
        let said = preflight(&signed);
        assert!(said.contains("is a valid PDF/A-1b file"), "{name}: {said}");
        signed
    };
    let qr = ["--qr", "https://tracuu.example.vn/15"];
    sign(&original, "invisible", &[]);
    sign(&original, "plain", &["--appearance", "plain"]);
    let person = sign(
        &original,
        "person",
        &["--appearance", "person", "--at-keyword", "NGUYỄN VĂN AN"],
    );
    sign(&person, "agency", &["--appearance", "agency", qr[0], qr[1]]);
    let presets = desk.home().join("config/appearances");
    std::fs::create_dir_all(&presets).unwrap();
    std::fs::write(presets.join("free.toml"), FREE).unwrap();
    for (name, words) in [
        ("copy", &["form=SAO Y"][..]),
        ("attachment", &["number=15/QĐ-UBND"]),
        ("incoming", &[]),
        ("number-and-date", &["number=15/QĐ-UBND"]),
        ("free", &["what=hồ sơ giấy"]),
    ] {
        let mut more = vec!["--appearance", name, qr[0], qr[1]];
        more.extend(words.iter().flat_map(|value| ["--value", value]));
        sign(&original, name, &more);
    }
}

#[test]
fn a_pdf_a_stays_one_up_to_the_archive() {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    office.import(&["root.crl", "ca.crl"]);
    let server = office.server();
    let original = repository().join("target/documents/writer_pdfa1.pdf");
    let sign = |from: &Path, name: &str, words: &[&str]| {
        let signed = office.desk.path(name);
        let mut sign = office.desk.trien(["sign", "--tsa", &server.url("tsa"), "--out"]);
        succeed(sign.arg(&signed).arg(from).args(words).args(office.desk.pin()));
        let said = preflight(&signed);
        assert!(said.contains("is a valid PDF/A-1b file"), "{name}: {said}");
        let level = succeed(office.desk.trien(["verify", "--json"]).arg(&signed));
        let report: Value = serde_json::from_str(&level).unwrap();
        (signed, report[0]["signatures"].clone())
    };
    for level in ["t", "lt", "lta"] {
        let (_, signatures) = sign(&original, level, &["--level", level]);
        let reached = format!("B-{}", level.to_uppercase());
        assert_eq!(signatures[0]["level"], reached, "{signatures:#}");
    }
    // Another one to be seen on top of an archive, and both in the next.
    let first = office.desk.path("lta");
    let words = [
        "--level",
        "lta",
        "--appearance",
        "plain",
        "--rectangle",
        "320,60,560,140",
    ];
    let (_, signatures) = sign(&first, "twice", &words);
    let levels: Vec<&Value> = signatures
        .as_array()
        .into_iter()
        .flatten()
        .filter(|one| one["format"] == "pades")
        .map(|one| &one["level"])
        .collect();
    assert_eq!(levels, ["B-LTA", "B-LTA"], "{signatures:#}");
}

#[test]
fn cades_is_what_openssl_calls_valid() {
    let desk = Desk::with_keys(&[("rsa", "rsa:2048", "citizen"), ("p256", "ec:p256", "citizen")]);
    let content = desk.path("tờ khai.xml");
    std::fs::write(&content, "<tờKhai>Số thuế phải nộp: 0 đồng</tờKhai>\n").unwrap();
    for (label, padding) in [("rsa", "pkcs1"), ("rsa", "pss"), ("p256", "pkcs1")] {
        for detached in [false, true] {
            let signature = desk.path("signature");
            let mut sign = desk.trien([
                "sign",
                "--format",
                "cades",
                "--cert",
                label,
                "--padding",
                padding,
                "--out",
            ]);
            sign.arg(&signature)
                .arg(&content)
                .args(desk.pin())
                .args(detached.then_some("--detached"));
            succeed(&mut sign);
            let option = Path::new("--content");
            let words: Vec<&Path> = if detached {
                vec![&signature, option, &content]
            } else {
                vec![&signature]
            };
            let verdict = judge(&desk, "cms", &words);
            assert_eq!(verdict["ok"], true, "{label} {padding} {detached}: {verdict:#}");
            let mut verify = desk.trien(["verify"]);
            verify.arg(&signature);
            if detached {
                verify.arg("--content").arg(&content);
            }
            succeed(&mut verify);
        }
    }
}

#[test]
fn a_changed_document_and_a_stranger_are_not_valid() {
    let desk = Desk::with_keys(&[("rsa", "rsa:2048", "citizen")]);
    let signed = desk.path("signed.pdf");
    let dossier = repository().join("testdata/documents/dossier.pdf");
    succeed(
        desk.trien(["sign", "--out"])
            .arg(&signed)
            .arg(&dossier)
            .args(desk.pin()),
    );
    let mut bytes = std::fs::read(&signed).unwrap();
    let middle = std::fs::read(&dossier).unwrap().len() / 2;
    bytes[middle] ^= 1;
    let changed = desk.path("changed.pdf");
    std::fs::write(&changed, bytes).unwrap();
    let said = fail(desk.trien(["verify"]).arg(&changed), 1);
    assert!(
        said.contains("TOTAL-FAILED") && said.contains("HASH_FAILURE"),
        "{said}"
    );

    let other = Desk::of_strangers();
    let said = fail(
        desk.trien(["verify"])
            .arg(&signed)
            .arg("--trust")
            .arg(other.trust()),
        1,
    );
    assert!(
        said.contains("INDETERMINATE") && said.contains("NO_CERTIFICATE_CHAIN_FOUND"),
        "{said}"
    );
    assert!(said.contains("Nguyễn Văn An"), "{said}");
    let said = fail(desk.trien(["verify"]).arg(&dossier), 1);
    assert!(said.contains("no signature"), "{said}");
}

#[test]
fn a_server_without_a_runtime_folder_verifies() {
    let desk = Desk::with_keys(&[("rsa", "rsa:2048", "citizen")]);
    let signed = desk.path("signed.pdf");
    let dossier = repository().join("testdata/documents/dossier.pdf");
    succeed(
        desk.trien(["sign", "--out"])
            .arg(&signed)
            .arg(&dossier)
            .args(desk.pin()),
    );
    let mut verify = desk.trien(["verify"]);
    verify
        .env_remove("TRIEN_HOME")
        .env_remove("XDG_RUNTIME_DIR")
        .env("HOME", desk.path("nobody"));
    succeed(
        verify
            .arg(&signed)
            .arg("--trust")
            .arg(desk.home().join("config/trust")),
    );
}

#[test]
fn an_output_that_cannot_be_written_costs_no_pin_and_leaves_nothing() {
    let desk = Desk::with_keys(&[("rsa", "rsa:2048", "citizen")]);
    let dossier = repository().join("testdata/documents/dossier.pdf");
    let mut sign = desk.trien(["sign", "--json", "--out"]);
    sign.arg(desk.path("nowhere/signed.pdf"))
        .arg(&dossier)
        .args(desk.pin());
    let said = fail(&mut sign, 3);
    assert!(said.contains("cli-unwritable"), "{said}");
    let before = std::fs::read(&dossier).unwrap();
    fail(
        desk.trien(["sign", "--out"])
            .arg(&dossier)
            .arg(&dossier)
            .args(desk.pin()),
        2,
    );
    assert_eq!(std::fs::read(&dossier).unwrap(), before);
    assert!(succeed(&mut desk.trien(["audit", "verify"])).contains("0 entries"));
}
