//! What `trien verify` tells a clerk: the same in JSON, as text and as a web page, in both languages; and the schema of the
//! JSON, judged by the library jsonschema.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::office::Office;
use support::{Desk, add_active_content, add_what_is_shown_otherwise, alter_page, fail, repository, succeed};
use trien_signatures::report::{Indication, SubIndication};
use trien_signatures::zip;

const UNIT: &str = "Ủy ban nhân dân phường Trình Diễn";

/// A document of one empty paragraph's room, with properties.
const DOCX: [(&str, &str); 4] = [
    (
        "[Content_Types].xml",
        r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Override PartName="/word/document.xml"
 ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/>
<Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/></Types>"#,
    ),
    (
        "_rels/.rels",
        r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="a" Target="word/document.xml"
 Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/>
<Relationship Id="b" Target="docProps/core.xml"
 Type="http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties"/></Relationships>"#,
    ),
    (
        "word/document.xml",
        r#"<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body/></w:document>"#,
    ),
    (
        "docProps/core.xml",
        r#"<p:coreProperties xmlns:p="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"/>"#,
    ),
];

/// An official's PDF at level B-LT, with another signature after it.
fn signed() -> (Office, PathBuf) {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let subject = format!("C=VN,ST=Thành phố Hồ Chí Minh,O={UNIT},CN=Trần Thị Bình,UID=CCCD:079190000456");
    office.desk.add_key_of("binh", "ec:p256", "official", &subject);
    office.import(&["root.crl", "ca.crl"]);
    let server = office.server();
    let tsa = server.url("tsa");
    let sign = |cert: &str, level: &[&str], input: &Path, out: &Path| {
        let mut command = office.desk.trien(["sign", "--format", "pades", "--cert", cert]);
        command.args(level).arg("--out").arg(out).arg(input);
        succeed(command.args(office.desk.pin()));
    };
    let (first, both) = (office.desk.path("first.pdf"), office.desk.path("both.pdf"));
    let dossier = repository().join("testdata/documents/dossier.pdf");
    sign(
        "Trần Thị Bình",
        &["--level", "lt", "--tsa", &tsa],
        &dossier,
        &first,
    );
    sign("Nguyễn Văn An an", &[], &first, &both);
    (office, both)
}

/// The report on the first signature: as JSON, and in words in a language, as text and as a page without its marks.
fn told((office, signed): &(Office, PathBuf), language: &str) -> (Value, String, String) {
    let page = office.desk.path(&format!("{language}.html"));
    let mut verify = office.desk.trien(["verify", "--lang", language]);
    let text = succeed(verify.arg(signed).arg("--html").arg(&page));
    let json = succeed(office.desk.trien(["verify", "--json"]).arg(signed));
    let json: Value = serde_json::from_str(&json).unwrap();
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains(&format!("<html lang=\"{language}\"")), "{page}");
    let page = page
        .replace("</dt><dd>", ": ")
        .replace("</dd>", "\n")
        .replace("&#39;", "'");
    (json[0].clone(), text, page)
}

/// Each line has to be there, as text and in the page.
fn assert_told(signed: &(Office, PathBuf), lines: [(&str, &[&str]); 2]) -> Value {
    let mut report = Value::Null;
    for (language, lines) in lines {
        let (json, text, page) = told(signed, language);
        for line in lines {
            assert!(text.contains(line), "{language}: {line}: {text}");
            assert!(page.contains(line), "{language}: {line}: {page}");
        }
        report = json["signatures"][0].clone();
    }
    report
}

#[test]
fn a_report_says_who_signed_and_for_which_unit() {
    let report = assert_told(
        &signed(),
        [
            (
                "vi",
                &[
                    "Người ký: Trần Thị Bình",
                    &format!("Đơn vị quản lý: {UNIT}"),
                    "Định danh: CCCD 079190000456",
                ],
            ),
            (
                "en",
                &[
                    "Signer: Trần Thị Bình",
                    &format!("Managing unit: {UNIT}"),
                    "CCCD 079190000456",
                ],
            ),
        ],
    );
    assert_eq!(report["signer"]["subject"]["common_name"], "Trần Thị Bình");
    assert_eq!(report["signer"]["managing_unit"], UNIT);
}

#[test]
fn a_report_says_which_authority_certified_the_signer() {
    let report = assert_told(
        &signed(),
        [
            (
                "vi",
                &[
                    "CA cấp chứng thư: CA Công cộng Trình diễn",
                    "Đường dẫn chứng thực: ",
                ],
            ),
            ("en", &["Issuing CA: CA Công cộng Trình diễn", "Path: "]),
        ],
    );
    assert_eq!(report["signer"]["issuer"], "CA Công cộng Trình diễn");
    assert_eq!(report["path"].as_array().unwrap().len(), 3);
}

#[test]
fn a_report_says_when_it_was_signed_and_by_whose_clock() {
    let report = assert_told(
        &signed(),
        [
            (
                "vi",
                &[
                    "Thời điểm ký: ",
                    "(theo đồng hồ của người ký)",
                    "Đã tồn tại muộn nhất vào: ",
                    "(theo tổ chức cấp dấu thời gian)",
                ],
            ),
            (
                "en",
                &[
                    "Signing time: ",
                    "(by the signer's own clock)",
                    "Existed at the latest: ",
                    "(by a time-stamp authority)",
                ],
            ),
        ],
    );
    assert_eq!(report["signing_time"]["source"], "signer_dictionary");
    assert_eq!(report["best_signature_time"]["source"], "timestamp_authority");
}

#[test]
fn what_cannot_be_concluded_is_not_called_invalid_and_what_was_altered_is() {
    let (office, signed) = signed();
    let nobody = office.desk.path("nobody");
    std::fs::create_dir(&nobody).unwrap();
    let altered = office.desk.path("altered.pdf");
    // A byte of the comment behind the header: nothing that a reader would show.
    let mut bytes = std::fs::read(&signed).unwrap();
    bytes[11] ^= 1;
    std::fs::write(&altered, bytes).unwrap();
    let trusted = office.desk.trust();
    for (language, file, trust, headline, class) in [
        ("vi", &signed, &nobody, "CHƯA THỂ KẾT LUẬN", "undetermined"),
        ("en", &signed, &nobody, "UNDETERMINED", "undetermined"),
        ("vi", &altered, &trusted, "KHÔNG hợp lệ", "invalid"),
        ("en", &altered, &trusted, "NOT valid", "invalid"),
    ] {
        let page = office.desk.path("verdict.html");
        let mut verify = office.desk.trien(["verify", "--lang", language, "--trust"]);
        let text = fail(verify.arg(trust).arg(file).arg("--html").arg(&page), 1);
        let page = std::fs::read_to_string(page).unwrap();
        assert!(text.lines().next().unwrap().contains(headline), "{text}");
        assert!(
            page.contains(&format!("<section class=\"{class}\">")) && page.contains(headline),
            "{page}"
        );
        // What would decide it is named where it is missing.
        assert_eq!(
            text.contains("trien trust add"),
            class == "undetermined",
            "{text}"
        );
    }
    // A detached signature alone says nothing of what it is for.
    let (text, detached) = (office.desk.path("a.txt"), office.desk.path("a.p7s"));
    std::fs::write(&text, "Đơn đề nghị").unwrap();
    let mut sign = office.desk.trien([
        "sign",
        "--format",
        "cades",
        "--detached",
        "--cert",
        "Nguyễn Văn An an",
    ]);
    succeed(
        sign.arg("--out")
            .arg(&detached)
            .arg(&text)
            .args(office.desk.pin()),
    );
    let told = fail(office.desk.trien(["verify"]).arg(&detached), 1);
    assert!(
        told.contains("UNDETERMINED") && told.contains("--content FILE"),
        "{told}"
    );
}

#[test]
fn a_report_says_whether_what_was_signed_is_intact() {
    let report = assert_told(
        &signed(),
        [
            (
                "vi",
                &["Tính toàn vẹn: nguyên vẹn: phần được ký không bị thay đổi"],
            ),
            ("en", &["Integrity: intact: the signed bytes are unchanged"]),
        ],
    );
    assert_eq!(report["integrity"], "intact");
}

#[test]
fn a_report_says_whether_the_certificate_was_valid_then_and_is_now() {
    let scene = signed();
    let report = assert_told(
        &scene,
        [
            (
                "vi",
                &[
                    "Còn hiệu lực lúc ký: có",
                    "Còn hiệu lực lúc kiểm tra: có",
                    "không bị thu hồi, theo CRL lúc ",
                ],
            ),
            (
                "en",
                &[
                    "Valid at the signing time: yes",
                    "Valid at the time judged: yes",
                    ": not revoked, CRL of ",
                ],
            ),
        ],
    );
    assert_eq!(report["signer"]["valid_at_signing_time"], true);
    assert_eq!(report["signer"]["valid_at_validation_time"], true);
    assert_eq!(report["revocation_status"], "good");
    // Long after the certificate has ended: valid then, not now.
    let (office, signed) = &scene;
    let mut later = office
        .desk
        .trien(["verify", "--at", "2049-01-01T00:00:00Z", "--json"]);
    let output = later.arg(signed).output().unwrap();
    let later: Value = serde_json::from_slice(&output.stdout).unwrap();
    let signer = &later[0]["signatures"][0]["signer"];
    assert_eq!(signer["valid_at_signing_time"], true);
    assert_eq!(signer["valid_at_validation_time"], false);
}

#[test]
fn a_report_says_what_was_covered_and_what_was_not() {
    let scene = signed();
    let report = assert_told(
        &scene,
        [
            (
                "vi",
                &[
                    "Phạm vi ký: phiên bản 2 trên ",
                    "phần thêm sau không được chữ ký này bảo đảm",
                    "Phạm vi ký: toàn bộ tài liệu",
                ],
            ),
            ("en", &["Covered: revision 2 of ", "Covered: the whole document"]),
        ],
    );
    assert_eq!(report["coverage"]["whole"], false);
    // Formats that sign parts name them: the properties of an Office document are not signed.
    let (office, _) = &scene;
    let docx = office.desk.path("office.docx");
    let mut package = zip::Archive::default();
    for (name, text) in DOCX {
        package.store(name, text.as_bytes()).unwrap();
    }
    std::fs::write(&docx, package.finish().unwrap()).unwrap();
    let signed = office.desk.path("signed.docx");
    let mut sign = office.desk.trien(["sign", "--cert", "Trần Thị Bình", "--out"]);
    succeed(sign.arg(&signed).arg(docx).args(office.desk.pin()));
    for (language, covered, not) in [
        ("vi", "Các phần được ký: ", "Phần KHÔNG được ký: "),
        ("en", "Covered parts: ", "NOT covered: "),
    ] {
        let page = office.desk.path("docx.html");
        let mut verify = office.desk.trien(["verify", "--lang", language]);
        let text = succeed(verify.arg(&signed).arg("--html").arg(&page));
        let page = std::fs::read_to_string(page).unwrap().replace("</dt><dd>", ": ");
        for said in [covered, not, "docProps/core.xml", "word/document.xml"] {
            assert!(
                text.contains(said) && page.contains(said),
                "{language}: {said}: {text}"
            );
        }
    }
    let report = succeed(office.desk.trien(["verify", "--json"]).arg(&signed));
    let report: Value = serde_json::from_str(&report).unwrap();
    let names = |key: &str| report[0]["signatures"][0][key].to_string();
    assert!(
        names("covered").contains("word/document.xml") && names("not_covered").contains("docProps/core.xml")
    );
}

#[test]
fn a_report_says_what_was_changed_after_each_signature() {
    let (office, signed) = signed();
    let later = "Thay đổi sau chữ ký: phiên bản ";
    let report = assert_told(
        &(office, signed),
        [
            ("vi", &[later, ", được phép: ", "thêm chữ ký (Signature2)"]),
            (
                "en",
                &[
                    "Changed later: revision ",
                    ", permitted: ",
                    "signature added (Signature2)",
                ],
            ),
        ],
    );
    let changes = report["changes"].as_array().unwrap();
    assert!(
        changes.iter().all(|change| change["permitted"] == true),
        "{report:#}"
    );
    // Validation data came in a revision of its own.
    let kinds: BTreeSet<_> = changes
        .iter()
        .map(|change| (change["revision"].as_u64(), change["kind"].as_str().unwrap()))
        .collect();
    for kind in [(Some(3), "validation_data"), (Some(4), "signature_added")] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }

    // Whoever writes over the page is told on, in words.
    let (office, signed) = self::signed();
    let altered = office.desk.path("altered.pdf");
    alter_page(&signed, &altered);
    for (language, said) in [
        ("vi", "KHÔNG ĐƯỢC PHÉP: nội dung trang (trang 1, /MediaBox"),
        ("en", "NOT PERMITTED: content of a page (page 1, /MediaBox"),
    ] {
        let page = office.desk.path("altered.html");
        let mut verify = office.desk.trien(["verify", "--lang", language]);
        let output = verify.arg(&altered).arg("--html").arg(&page).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(said), "{text}");
        assert!(std::fs::read_to_string(page).unwrap().contains(said));
    }
}

#[test]
fn a_page_says_of_which_files_it_is_and_how_many_are_valid() {
    use sha2::{Digest, Sha256};
    let (office, signed) = self::signed();
    let other = office.desk.path("x<y.xml");
    std::fs::write(&other, "<a/>").unwrap();
    for (language, labelled, counted) in [
        ("vi", "SHA-256 của tệp", "Trong 2 tệp: 1 hợp lệ"),
        ("en", "SHA-256 of the file", "Of 2 files: 1 valid"),
    ] {
        let page = office.desk.path("page.html");
        let mut verify = office.desk.trien(["verify", "--lang", language, "--html"]);
        let output = verify.arg(&page).args([&signed, &other]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let page = std::fs::read_to_string(page).unwrap();
        for file in [&signed, &other] {
            let digest = hex::encode(Sha256::digest(std::fs::read(file).unwrap()));
            assert!(
                page.contains(&format!("<dt>{labelled}</dt><dd>{digest}</dd>")),
                "{page}"
            );
        }
        let before = page.split("<section").next().unwrap();
        assert!(
            before.contains(counted) && before.contains("x&lt;y.xml"),
            "{before}"
        );
    }
}

#[test]
fn n127_n128_a_report_lists_what_a_document_would_do_by_itself_or_shows_otherwise() {
    let desk = Desk::new();
    let dossier = repository().join("testdata/documents/dossier.pdf");
    let (active, otherwise) = (desk.path("active.pdf"), desk.path("otherwise.pdf"));
    add_active_content(&dossier, &active);
    add_what_is_shown_otherwise(&dossier, &otherwise);
    for (document, language, said) in [
        (
            &active,
            "vi",
            "Ngoài các trang, tài liệu còn có: tập lệnh; thao tác tự chạy khi mở; tệp nằm bên trong\n",
        ),
        (
            &active,
            "en",
            "Beside its pages the document has: scripts; an action when it is opened; files inside it\n",
        ),
        (
            &otherwise,
            "vi",
            "Ngoài các trang, tài liệu còn có: lớp không phải lúc nào cũng hiện; chú thích che nội dung trang\n",
        ),
        (
            &otherwise,
            "en",
            "Beside its pages the document has: layers that are not always shown; annotations that cover the page\n",
        ),
    ] {
        let page = desk.path("report.html");
        let mut verify = desk.trien(["verify", "--lang", language]);
        let output = verify.arg(document).arg("--html").arg(&page).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(said), "{text}");
        let page = std::fs::read_to_string(page).unwrap().replace("</dt><dd>", ": ");
        assert!(page.contains(said.trim()), "{page}");
    }
    let output = desk
        .trien(["verify", "--json"])
        .args([&active, &otherwise])
        .output()
        .unwrap();
    let reports: Value = serde_json::from_slice(&output.stdout).unwrap();
    let kinds = [0, 1].map(|index: usize| {
        let kinds = reports[index]["findings"].as_array().unwrap().iter();
        let kinds = kinds.map(|finding| finding["kind"].as_str().unwrap().to_owned());
        kinds.collect::<Vec<_>>()
    });
    assert_eq!(kinds[0], ["javascript", "open_action", "embedded_file"]);
    assert_eq!(kinds[1], ["hidden_layer", "covering_annotation"]);
}

#[test]
fn every_report_fits_the_schema_and_the_schema_knows_every_name() {
    let (office, signed) = signed();
    let schema = repository().join("daemon/signatures/schema/report.v1.json");
    let mut inputs: Vec<PathBuf> = vec![signed, repository().join("testdata/documents/dossier.pdf")];
    for folder in [
        "testdata/documents/hostile",
        "daemon/signatures/tests/vectors/cms",
    ] {
        let files = std::fs::read_dir(repository().join(folder)).unwrap().flatten();
        inputs.extend(files.map(|entry| entry.path()).filter(|path| path.is_file()));
    }
    inputs.sort();
    let output = office
        .desk
        .trien(["verify", "--json"])
        .args(&inputs)
        .output()
        .unwrap();
    let reports: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(reports.as_array().unwrap().len(), inputs.len());
    let file = office.desk.path("reports.json");
    std::fs::write(&file, &output.stdout).unwrap();
    succeed(
        Command::new(repository().join("target/judges/bin/python"))
            .arg("-B")
            .arg(repository().join("daemon/tests/judges/report.py"))
            .args([&schema, &file]),
    );
    // The schema lets in names that it does not know; ours it has to know.
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    let known: BTreeSet<&String> = schema["$defs"]["File"]["properties"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    let mut kinds = BTreeSet::new();
    for report in reports.as_array().unwrap() {
        let report = report.as_object().unwrap();
        assert!(report.keys().all(|name| known.contains(name)), "{report:?}");
        kinds.insert((report.contains_key("error"), report["valid"] == true));
    }
    let all = [(false, false), (false, true), (true, false)];
    assert_eq!(kinds, BTreeSet::from(all), "unreadable, valid and not valid");
}

/// One that cannot be had or read does not keep the others from being judged, and nobody is told to make it anew.
#[test]
fn the_readme_names_every_sub_indication_that_is_reported_under_its_indication_and_no_other() {
    let schema =
        std::fs::read_to_string(repository().join("daemon/signatures/schema/report.v1.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let known = schema["$defs"]["SubIndication"]["enum"].as_array().unwrap();
    let mut expected: [BTreeSet<&str>; 2] = Default::default();
    for name in known {
        let indication = serde_json::from_value::<SubIndication>(name.clone())
            .unwrap()
            .indication();
        expected[usize::from(indication != Indication::TotalFailed)].insert(name.as_str().unwrap());
    }
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let row = |indication: &str| {
        let begin = format!("| {indication} | ");
        let row = readme
            .lines()
            .find_map(|line| line.strip_prefix(begin.as_str()))
            .unwrap();
        let names = row.split('`').skip(1).step_by(2);
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    for (indication, expected) in ["TOTAL-FAILED", "INDETERMINATE"].into_iter().zip(expected) {
        let told = row(indication);
        assert_eq!(told.len(), expected.len(), "each once: {told:?}");
        assert_eq!(
            told.iter().map(String::as_str).collect::<BTreeSet<_>>(),
            expected,
            "{indication}"
        );
    }
}

#[test]
fn each_of_many_files_has_its_verdict() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    let path = |name: &str| desk.path(name);
    std::fs::write(path("text.txt"), "Đơn đề nghị").unwrap();
    std::fs::write(path("empty.pdf"), "").unwrap();
    std::fs::write(path("unsigned.xml"), "<a/>").unwrap();
    std::fs::create_dir(path("folder")).unwrap();
    let large = std::fs::File::create(path("large.zip")).unwrap();
    large.set_len(trien_protocol::limits::MAX_DOCUMENT + 1).unwrap();
    let hostile = repository().join("testdata/documents/hostile/encrypted_unknown.pdf");
    std::fs::copy(hostile, path("password.pdf")).unwrap();
    let mut sign = desk.trien(["sign", "--format", "cades", "--cert", "an", "--out"]);
    succeed(
        sign.arg(path("signed.p7m"))
            .arg(path("text.txt"))
            .args(desk.pin()),
    );
    let files = [
        ("none.pdf", "document_missing"),
        ("folder", "document_unreadable"),
        ("large.zip", "too_large"),
        ("text.txt", "document_unreadable"),
        ("empty.pdf", "document_unreadable"),
        ("password.pdf", "document_encrypted"),
        ("unsigned.xml", ""),
        ("signed.p7m", ""),
    ];
    let verify = |words: &[&str]| {
        let mut command = desk.trien(["verify"]);
        command.args(words).args(files.map(|(name, _)| desk.path(name)));
        fail(&mut command, 3)
    };
    let json = verify(&["--json"]);
    let reports: Value = serde_json::from_str(&json).unwrap();
    for (index, (name, code)) in files.iter().enumerate() {
        let report = &reports[index];
        assert_eq!(report["valid"], *name == "signed.p7m", "{report}");
        assert_eq!(
            report["error"]["code"].as_str().unwrap_or_default(),
            *code,
            "{report}"
        );
    }
    assert_eq!(reports[6]["signatures"], serde_json::json!([]));
    let page = path("report.html");
    let vi = verify(&["--lang", "vi", "--html", page.to_str().unwrap()]);
    assert!(
        vi.contains("unsigned.xml: KHÔNG hợp lệ: không có chữ ký nào\n"),
        "{vi}"
    );
    assert!(
        vi.contains("Trong 8 tệp: 1 hợp lệ, 1 không hợp lệ hoặc chưa kết luận được, 6 không kiểm tra được."),
        "{vi}"
    );
    for wrong in ["xuất lại thành PDF", "rồi ký", "Hãy tách", "byte", "os error"] {
        assert!(!vi.contains(wrong), "{wrong}: {vi}");
    }
    assert!(std::fs::read_to_string(page).unwrap().contains("none.pdf"));
    assert!(
        verify(&["--lang", "en"])
            .contains("Of 8 files: 1 valid, 1 not valid or not to be concluded, 6 could not be checked.")
    );

    let mut piped = Command::new("sh");
    piped
        .args(["-c", "cat \"$1\" | \"$0\" verify /dev/stdin"])
        .arg(desk.trien([]).get_program())
        .arg(path("signed.p7m"))
        .env("TRIEN_HOME", desk.home());
    assert!(succeed(&mut piped).contains("TOTAL-PASSED"));
}
