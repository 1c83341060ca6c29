//! Signing and verifying at the shell: formats, reports, pipes, names, folders, and what is told of a mistake.

use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::daemon::under;
use crate::support::{Desk, TOKEN, error_code, fail, put_behind, read_json, repository, succeed};
use crate::{desk_with_key, sign};
use serde_json::json;
use sha2::{Digest, Sha256};

#[test]
fn a_signature_is_judged_at_a_time_and_reported_as_a_page() {
    let desk = desk_with_key();
    succeed(sign(&desk).args(desk.pin()));
    let verify = |words: &[&str]| {
        let mut command = desk.trien(["verify"]);
        command.args(words).arg(desk.path("đơn.p7m"));
        command
    };
    let valid = succeed(&mut verify(&[]));
    let sha256 = hex::encode(Sha256::digest(std::fs::read(desk.path("đơn.p7m")).unwrap()));
    assert!(
        valid.contains("TOTAL-PASSED") && valid.contains(&format!("SHA-256 of the file: {sha256}\n")),
        "{valid}"
    );
    let nowhere = error_code(verify(&[]).arg("--trust").arg(desk.path("nofolder")), 3);
    assert_eq!(nowhere, "cli-unreadable");
    // A file of certificates is as good as a folder of them; one that holds none is no reason to call a signature
    // undetermined.
    succeed(verify(&[]).arg("--trust").arg(desk.trust().join("root.pem")));
    let none = error_code(verify(&[]).arg("--trust").arg(desk.path("đơn.txt")), 3);
    assert_eq!(none, "verify-bad-trust-file");
    for (language, said) in [
        ("vi", "đơn.txt: không phải là chứng thư dạng PEM hay DER"),
        ("en", "đơn.txt: it is no certificate in PEM or DER"),
    ] {
        let mut none = verify(&["--lang", language]);
        let told = fail(none.arg("--trust").arg(desk.path("đơn.txt")), 3);
        assert!(told.contains(said), "{told}");
        // In a folder it is passed over, which programs are told as well.
        let folder = desk.path("trusted");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy(desk.trust().join("root.pem"), folder.join("root.pem")).unwrap();
        std::fs::copy(desk.path("đơn.txt"), folder.join("đơn.txt")).unwrap();
        let output = verify(&["--lang", language])
            .arg("--trust")
            .arg(&folder)
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && told.contains(said), "{told}");
        let told = read_json(&succeed(verify(&["--json"]).arg("--trust").arg(&folder)));
        let passed_over = told[0]["passed_over"][0][language].as_str().unwrap();
        assert!(passed_over.contains(said), "{told:#}");
    }
    let before = fail(&mut verify(&["--at", "2001-02-03T04:05:06Z"]), 1);
    assert!(before.contains("2001-02-03T11:05:06+07:00"), "{before}");
    assert!(before.contains("not valid yet"), "{before}");
    let end = fail(&mut verify(&["--at", "9999-12-31T23:59:59Z"]), 1);
    assert!(end.contains("9999-12-31T23:59:59Z"), "{end}");
    assert_eq!(
        error_code(&mut verify(&["--at", "yesterday"]), 2),
        "verify-bad-time"
    );

    let signed = desk.path("đơn.p7m");
    let over = error_code(verify(&[]).arg("--html").arg(&signed), 2);
    assert_eq!(over, "verify-over-input");
    let page = desk.path("report.html");
    succeed(verify(&["--lang", "vi"]).arg("--html").arg(&page));
    let page = std::fs::read_to_string(page).unwrap();
    assert!(
        page.contains("Nguyễn Văn An an") && page.contains("CCCD 079085000123"),
        "{page}"
    );
    assert!(
        page.contains("lang=\"vi\"") && page.contains("Thời điểm kiểm tra"),
        "{page}"
    );

    let code = error_code(desk.trien(["verify"]).arg(desk.path("none.p7m")), 3);
    assert_eq!(code, "cli-unreadable");
}

/// Every format of the command line, read back by `trien verify`; and what does not go together.
#[test]
fn xml_json_and_containers_are_signed_and_verified() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    let input = desk.path("hóa đơn.xml");
    std::fs::write(
        &input,
        "<HDon><DLHDon Id=\"d\"><a>1</a></DLHDon><DSCKS><NBan/></DSCKS></HDon>",
    )
    .unwrap();
    let own =
        include_str!("../../signatures/templates/general.toml").replace("[\"*\"]", "[\"HDon\", \"DSCKS\"]");
    let folder = desk.home().join("config/templates");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("own.toml"), own).unwrap();
    std::fs::write(folder.join("bad.toml"), "title = 1").unwrap();
    let out = desk.path("signed");
    let sign = |words: &[&str]| {
        let mut command = desk.trien(["sign", "--cert", "an", "--format"]);
        command
            .args(words)
            .args(desk.pin())
            .arg("--out")
            .arg(&out)
            .arg(&input);
        command
    };
    for words in [
        &["xades"][..],
        &["xades", "--enveloping"],
        &["xades", "--detached"],
        &["xmldsig"],
        &["xmldsig", "--template", "e-invoice"],
        &["xmldsig", "--template", "own"],
        &["jades"],
        &["jades-json"],
        &["asic-e"],
        &["asic-e-cades"],
        &["asic-s"],
        &["asic-s-cades"],
    ] {
        succeed(&mut sign(words));
        let mut verify = desk.trien(["verify"]);
        if words.contains(&"--detached") {
            verify.arg("--content").arg(&input);
        }
        let report = succeed(verify.arg(&out));
        assert!(report.contains("TOTAL-PASSED"), "{words:?}: {report}");
    }
    let office = desk.path("don.docx");
    let types = r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>"#;
    let list = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="document.xml"/></Relationships>"#;
    let files: [(&str, &[u8]); 3] = [
        ("[Content_Types].xml", types.as_bytes()),
        ("_rels/.rels", list.as_bytes()),
        ("document.xml", "<doc>Đơn đề nghị</doc>".as_bytes()),
    ];
    std::fs::write(&office, trien_signatures::zip::write(&files).unwrap()).unwrap();
    let mut command = desk.trien(["sign", "--cert", "an", "--reason", "Duyệt"]);
    succeed(command.args(desk.pin()).arg("--out").arg(&out).arg(&office));
    let report = read_json(&succeed(desk.trien(["verify", "--json"]).arg(&out)));
    let signature = &report[0]["signatures"][0];
    assert_eq!(
        (&signature["format"], &signature["level"]),
        (&json!("ooxml"), &json!("B-B"))
    );
    assert_eq!(signature["covered"], json!(["/_rels/.rels", "/document.xml"]));
    let html = desk.path("report.html");
    let text = succeed(
        desk.trien(["verify", "--lang", "vi", "--html"])
            .arg(&html)
            .arg(&out),
    );
    assert!(text.contains("Tài liệu Office (OOXML)"), "{text}");
    assert!(
        std::fs::read_to_string(&html)
            .unwrap()
            .contains("Tài liệu Office (OOXML)")
    );

    for (words, code) in [
        (&["jades", "--detached"][..], "sign-not-detached"),
        (&["cades", "--enveloping"], "sign-not-enveloping"),
        (&["xades", "--template", "general"], "sign-template-format"),
        (&["xmldsig", "--template", "none"], "bad_request"),
        (&["xmldsig", "--template", "../own"], "bad_request"),
        (&["xmldsig", "--template", "bad"], "bad_request"),
    ] {
        assert_eq!(error_code(&mut sign(words), 2), code, "{words:?}");
    }
    std::fs::write(&input, "<!DOCTYPE a><a/>").unwrap();
    assert_eq!(error_code(&mut sign(&["xades"]), 3), "document_unreadable");
}

/// What is in a pipe that nobody writes to any more.
fn drained(pipe: &mut std::fs::File) -> Vec<u8> {
    let mut bytes = Vec::new();
    // It is held open for writing here too, so that it has no end: it is only empty.
    let end = std::io::Read::read_to_end(pipe, &mut bytes).unwrap_err();
    assert_eq!(end.kind(), std::io::ErrorKind::WouldBlock);
    bytes
}

#[test]
fn a_pipe_is_written_to_and_stays_one() {
    use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
    let desk = desk_with_key();
    let pipe = desk.path("pipe");
    succeed(Command::new("mkfifo").arg(&pipe));
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap();
    let mut held = std::fs::File::options()
        .read(true)
        .write(true)
        .custom_flags(nonblocking)
        .open(&pipe)
        .unwrap();
    let mut came = || {
        assert!(std::fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
        drained(&mut held)
    };
    let mut signing = desk.trien(["sign", "--format", "cades", "--cert", "an", "--out"]);
    succeed(signing.arg(&pipe).arg(desk.path("đơn.txt")).args(desk.pin()));
    let signed = desk.path("đơn.p7m");
    std::fs::write(&signed, came()).unwrap();
    succeed(desk.trien(["verify"]).arg(&signed));
    succeed(desk.trien(["verify", "--html"]).arg(&pipe).arg(&signed));
    assert!(came().starts_with(b"<!doctype html>"));
    let words = [
        "token",
        "request",
        "--token",
        TOKEN,
        "--key",
        "an",
        "--subject",
        "CN=x",
        "--out",
    ];
    succeed(desk.trien(words).arg(&pipe).args(desk.pin()));
    assert!(came().starts_with(b"-----BEGIN CERTIFICATE REQUEST-----"));
    // What goes into a pipe cannot be replaced when the time-stamp is there.
    let mut waiting = desk.trien(["sign", "--format", "cades", "--level", "t", "--queue", "--out"]);
    waiting.arg(&pipe).arg(desk.path("đơn.txt")).args(desk.pin());
    assert_eq!(error_code(&mut waiting, 2), "sign-queue-stream");
    assert!(came().is_empty());

    let mut through = Command::new("sh");
    through
        .args(["-c", "\"$0\" \"$@\" < \"$IN\" | \"$0\" verify -"])
        .env("IN", desk.path("đơn.txt"));
    let mut signing = desk.trien(["sign", "--format", "cades", "--cert", "an", "--out", "-", "-"]);
    let mut through = put_behind(through, signing.args(desk.pin()));
    assert!(succeed(&mut through).contains("TOTAL-PASSED"));
}

/// A PIN is spent on nothing that cannot be had, and nothing that was asked for is passed over.
#[test]
fn a_level_that_nobody_can_give_is_refused_before_the_pin() {
    let desk = desk_with_key();
    let wrong = desk.path("wrong-pin");
    std::fs::write(&wrong, "00000000\n").unwrap();
    let signing = |words: &[&str]| {
        let mut sign = sign(&desk);
        sign.args(words).arg("--pin-file").arg(&wrong);
        sign
    };
    for level in ["t", "lt", "lta"] {
        assert_eq!(
            error_code(&mut signing(&["--level", level]), 3),
            "augment-no-authority"
        );
    }
    for words in [&["--tsa", "http://127.0.0.1:9/"][..], &["--queue"]] {
        assert!(fail(&mut signing(words), 2).contains("--level"), "{words:?}");
    }
    assert!(!desk.path("đơn.p7m").exists());
    assert_eq!(error_code(&mut signing(&["--level", "b"]), 1), "pin_incorrect");
}

#[test]
fn a_name_that_is_no_utf8_is_signed_and_told() {
    use std::os::unix::ffi::OsStrExt;
    let desk = desk_with_key();
    let name = |name: &[u8]| desk.path("").join(std::ffi::OsStr::from_bytes(name));
    let (input, out) = (name(b"\xc4on.txt"), name(b"\xc4on.p7m"));
    std::fs::write(&input, "x").unwrap();
    let mut signing = desk.trien(["sign", "--format", "cades", "--cert", "an", "--json", "--out"]);
    let told = read_json(&succeed(signing.arg(&out).arg(&input).args(desk.pin())));
    assert!(
        told["documents"][0]["output"]
            .as_str()
            .unwrap()
            .ends_with("on.p7m")
    );
    succeed(desk.trien(["verify"]).arg(&out));
    let request = name(b"\xc4.csr");
    let words = [
        "token",
        "request",
        "--token",
        TOKEN,
        "--key",
        "an",
        "--subject",
        "CN=x",
        "--out",
    ];
    succeed(desk.trien(words).arg(&request).args(desk.pin()));
    let mut backup = desk.trien(["token", "export-store", "--token", TOKEN, "--out"]);
    succeed(backup.arg(name(b"\xc4.tar")));
}

/// What the person or the administrator requires of signatures here counts for those that are checked at the shell, too.
#[test]
fn what_is_required_of_revocation_is_required_of_what_is_verified() {
    let desk = desk_with_key();
    succeed(sign(&desk).args(desk.pin()));
    let verify = || {
        let mut verify = desk.trien(["verify"]);
        verify.arg(desk.path("đơn.p7m"));
        verify
    };
    succeed(&mut verify());
    fail(verify().arg("--require-revocation"), 1);
    let required = "require_revocation = true\n";
    let told = fail(&mut under(required, &verify()), 1);
    assert!(told.contains("revo"), "{told}");
    let config = desk.home().join("config/config.toml");
    std::fs::write(&config, required).unwrap();
    fail(&mut verify(), 1);
    succeed(&mut under("require_revocation = false\n", &verify()));
    // What cannot be understood is not passed over here either.
    for wrong in ["require_revocation = 1\n", "unheard = 1\n"] {
        let told = fail(&mut under(wrong, &verify()), 3);
        let signing = fail(&mut under(wrong, &sign(&desk)), 3);
        assert!(signing.ends_with(&told), "{signing} {told}");
        assert!(told.contains("/etc/trien/policy.toml"), "{told}");
    }
}

#[test]
fn an_answer_that_is_lost_is_a_failure() {
    let desk = Desk::bare();
    std::fs::write(desk.path("x.xml"), "<a/>").unwrap();
    for (words, exit, end) in [
        (&["origin", "list", "--json"][..], 3, "> /dev/full"),
        (&["verify", "x.xml"], 3, "> /dev/full"),
        (&["--help"], 3, "> /dev/full"),
        // Who reads no further has seen enough.
        (&["verify", "x.xml"], 1, "| true"),
    ] {
        let command = desk.trien(words.iter().copied());
        let mut shell = Command::new("bash");
        shell
            .args(["-o", "pipefail", "-c", &format!("\"$0\" \"$@\" {end}")])
            .current_dir(desk.path(""));
        let told = fail(&mut put_behind(shell, &command), exit);
        assert_eq!(
            told.contains("could be written to the standard output"),
            exit == 3,
            "{told}"
        );
    }
}

/// A PDF of one empty page with this media box.
fn one_page(media_box: &str) -> Vec<u8> {
    let mut pdf = String::from("%PDF-1.7\n");
    let mut places = Vec::new();
    for (number, body) in [
        (1, "<< /Type /Catalog /Pages 2 0 R >>".to_owned()),
        (2, "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned()),
        (
            3,
            format!("<< /Type /Page /Parent 2 0 R /MediaBox [{media_box}] >>"),
        ),
    ] {
        places.push(pdf.len());
        pdf += &format!("{number} 0 obj\n{body}\nendobj\n");
    }
    let table = pdf.len();
    pdf += "xref\n0 4\n0000000000 65535 f \n";
    for place in places {
        pdf += &format!("{place:010} 00000 n \n");
    }
    pdf += &format!("trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n");
    pdf.into_bytes()
}

/// Nobody at the shell is told of a web page, or to make a PDF of what is none.
#[test]
fn a_mistake_at_the_shell_is_told_as_one() {
    let desk = desk_with_key();
    let dossier = repository().join("testdata/documents/dossier.pdf");
    let told = |words: &[&str], input: &std::path::Path, exit: i32, language: &str| {
        let mut command = desk.trien(["sign", "--lang", language, "--cert", "an", "--out"]);
        command
            .arg(desk.path("none"))
            .arg(input)
            .args(words)
            .args(desk.pin());
        fail(&mut command, exit)
    };
    for (words, said) in [
        (&["--appearance", "plian"][..], "plain, copy"),
        (&["--appearance", "person"], "--image"),
        (&["--appearance", "incoming"], "incoming ("),
        (&["--level", "t", "--tsa", "ftp://x"], "ftp://x"),
        (&["--level", "t", "--tsa", "tsa.example.vn"], "https://"),
        (&["--appearance", "plain", "--at-keyword", "Nowhere"], "keyword"),
        (
            &["--format", "xmldsig", "--template", "e-invoise"],
            "e-invoice-buyer",
        ),
    ] {
        let (vi, en) = (told(words, &dossier, 2, "vi"), told(words, &dossier, 2, "en"));
        assert!(!vi.contains("Trang web") && !vi.contains("vận hành"), "{vi}");
        assert!(vi.contains(said) && en.contains(said), "{vi}\n{en}");
    }
    let tsa = desk
        .trien(["sign", "--tsa", "ftp://x", "--out", "x", "x"])
        .output()
        .unwrap();
    let tsa = String::from_utf8(tsa.stderr).unwrap();
    assert_eq!(tsa.lines().count(), 2, "no line of a log: {tsa}");
    // A page of a stamp's size, alone and beside one where the signature fits.
    let small = desk.path("small.pdf");
    std::fs::write(&small, one_page("0 0 30 20")).unwrap();
    std::fs::create_dir(desk.path("shown")).unwrap();
    for (language, said) in [("vi", "quá nhỏ"), ("en", "too small")] {
        let shown = ["--appearance", "plain"];
        let alone = told(&shown, &small, 2, language);
        let mut both = desk.trien(["sign", "--lang", language, "--cert", "an", "--out"]);
        both.arg(desk.path("shown"))
            .args([&small, &dossier])
            .args(shown)
            .args(desk.pin());
        // What is signed, and what was not, are told on one list.
        let output = both.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        for told in [alone, String::from_utf8(output.stdout).unwrap()] {
            assert!(told.contains(said) && told.contains("--rectangle"), "{told}");
            assert!(
                !told.contains("Trang web") && !told.contains("The page sent"),
                "{told}"
            );
        }
    }
    let record = succeed(&mut desk.trien(["audit", "show", "--lang", "en"]));
    assert!(record.contains("signed (1/2)"), "{record}");
    let page = ["--appearance", "plain", "--page", "99"];
    assert!(told(&page, &dossier, 2, "vi").contains("trien sign --help"));
    let text = desk.path("đơn.txt");
    for (words, said) in [
        (&[][..], "--format cades"),
        (&["--format", "xades"], "XML"),
        (&["--format", "ooxml"], "Office"),
        (&["--parallel"], ".p7m"),
    ] {
        let vi = told(words, &text, 3, "vi");
        assert!(vi.contains(said) && !vi.contains("xuất lại"), "{vi}");
    }
    assert!(!desk.path("none").exists());
}

/// The example of the help: several files into a folder that its name says to be one.
#[test]
fn a_folder_for_the_results_is_made_and_does_not_stay_empty() {
    let desk = desk_with_key();
    std::fs::write(desk.path("hai.txt"), "hai").unwrap();
    let sign = |out: &str, pin: &std::path::Path| {
        let mut command = desk.trien(["sign", "--format", "cades", "--cert", "an", "--out", out]);
        command
            .args([desk.path("đơn.txt"), desk.path("hai.txt")])
            .arg("--pin-file")
            .arg(pin);
        command
    };
    let folder = desk.path("signed");
    let (plain, named) = (folder.display().to_string(), format!("{}/", folder.display()));
    let pin = desk.pin_file();
    let told = fail(&mut sign(&plain, &pin), 2);
    assert!(told.contains("\"/\" ends its name"), "{told}");
    let wrong = desk.path("wrong");
    std::fs::write(&wrong, "99999999\n").unwrap();
    assert_eq!(error_code(&mut sign(&named, &wrong), 1), "pin_incorrect");
    assert!(!folder.exists());
    succeed(&mut sign(&named, &pin));
    for name in ["đơn.txt.p7m", "hai.txt.p7m"] {
        assert!(folder.join(name).is_file(), "{name}");
    }
}

#[test]
fn what_was_known_of_an_untrusted_signer_names_him() {
    let desk = desk_with_key();
    std::fs::remove_dir_all(desk.home().join("config/trust")).unwrap();
    succeed(sign(&desk).args(desk.pin()));
    let kept = succeed(&mut desk.trien(["trust", "evidence"]));
    assert!(kept.contains("Nguyễn Văn An"), "{kept}");
    let words = ["trust", "evidence", "--before", "2026-01-01T00:00:00Z"];
    assert_eq!(error_code(&mut desk.trien(words), 2), "trust-evidence-before");
}

#[test]
fn a_second_signature_that_would_break_the_first_in_an_xml_document_is_refused_in_words() {
    let desk = desk_with_key();
    std::fs::write(desk.path("đơn.xml"), "<đơn>Đề nghị</đơn>").unwrap();
    let sign = |format: &str, input: &str, out: &str, words: &[&str]| {
        let mut sign = desk.trien(["sign", "--format", format]);
        sign.args(words).arg("--out").arg(desk.path(out));
        sign.arg(desk.path(input)).args(desk.pin());
        sign
    };
    let general = ["--template", "general"];
    succeed(&mut sign("xmldsig", "đơn.xml", "first.xml", &general));
    succeed(desk.trien(["verify"]).arg(desk.path("first.xml")));
    for (format, template) in [("xades", &[][..]), ("xmldsig", &general)] {
        for (language, said) in [
            ("vi", "bao trùm cả tài liệu XML"),
            ("en", "covers the whole XML document"),
        ] {
            let words = [template, &["--lang", language]].concat();
            let told = fail(&mut sign(format, "first.xml", "second.xml", &words), 1);
            assert!(told.contains(said), "{told}");
        }
        let mut second = sign(format, "first.xml", "second.xml", template);
        assert_eq!(error_code(&mut second, 1), "document_locked", "{format}");
        assert!(!desk.path("second.xml").exists(), "{format}");
    }
    // Around it there is room for another: the first stays what it is, byte for byte.
    succeed(&mut sign("xades", "first.xml", "second.xml", &["--enveloping"]));
    succeed(desk.trien(["verify"]).arg(desk.path("second.xml")));
    let first = STANDARD.encode(std::fs::read(desk.path("first.xml")).unwrap());
    let second = std::fs::read_to_string(desk.path("second.xml")).unwrap();
    assert!(second.contains(&first), "{second}");
}

/// What a template does not say, or what is signed already and must stay as it is.
#[test]
fn what_no_verification_would_accept_is_refused_before_the_pin() {
    let desk = desk_with_key();
    let invoice = |id: &str| {
        format!("<HDon xmlns:n=\"urn:n\"><DLHDon Id=\"{id}\"><NDHDon/></DLHDon><DSCKS><NBan/></DSCKS></HDon>")
    };
    let [one, two] = ["a", "b"].map(invoice);
    std::fs::write(desk.path("one.xml"), &one).unwrap();
    std::fs::write(desk.path("two.xml"), format!("<TDiep>{one}{two}</TDiep>")).unwrap();
    std::fs::write(desk.path("other.xml"), "<Khac/>").unwrap();
    std::fs::write(desk.path("empty.xml"), "<HDon><DSCKS/></HDon>").unwrap();
    let folder = desk.home().join("config/templates");
    std::fs::create_dir_all(&folder).unwrap();
    let buyer = include_str!("../../signatures/templates/e-invoice-buyer.toml");
    let part = buyer.replace(
        "\"DLHDon\"]\nid = \"DLHDon\"",
        "\"DLHDon\", \"NDHDon\"]\nid = \"N\"",
    );
    std::fs::write(folder.join("part.toml"), part).unwrap();
    let sign = |words: &[&str], input: &str, out: &str| {
        let mut sign = desk.trien(["sign", "--format"]);
        sign.args(words).arg("--out").arg(desk.path(out));
        sign.arg(desk.path(input));
        sign
    };
    let template = |name: &'static str| ["xmldsig", "--template", name];
    succeed(sign(&template("e-invoice"), "one.xml", "signed.xml").args(desk.pin()));
    // Around it nothing of it changes, though C14N takes along the namespaces around.
    succeed(sign(&["xades", "--enveloping"], "signed.xml", "around.xml").args(desk.pin()));
    succeed(desk.trien(["verify"]).arg(desk.path("around.xml")));
    // A PIN that is spent would be told to be wrong.
    let wrong = desk.path("wrong");
    std::fs::write(&wrong, "99999999\n").unwrap();
    for (input, name, code, exit, said) in [
        (
            "two.xml",
            "e-invoice",
            "document_unreadable",
            3,
            [
                ("vi", "nhiều phần tử HDon/DLHDon"),
                ("en", "more than one element HDon/DLHDon"),
            ],
        ),
        (
            "other.xml",
            "e-invoice",
            "document_unreadable",
            3,
            [
                (
                    "vi",
                    "cần phần tử HDon/DSCKS/NBan để đặt chữ ký, nhưng tài liệu không có",
                ),
                (
                    "en",
                    "wants the element HDon/DSCKS/NBan for the signature to stand in, which the document lacks",
                ),
            ],
        ),
        (
            "empty.xml",
            "e-invoice",
            "document_unreadable",
            3,
            [
                ("vi", "cần phần tử HDon/DLHDon để ký, nhưng tài liệu không có"),
                (
                    "en",
                    "wants the element HDon/DLHDon to sign, which the document lacks",
                ),
            ],
        ),
        (
            "signed.xml",
            "part",
            "document_locked",
            1,
            [
                ("vi", "phần sẽ bị thay đổi"),
                ("en", "what would be changed in it"),
            ],
        ),
    ] {
        let refused = |words: &[&str]| {
            let mut sign = sign(&template(name), input, "none.xml");
            sign.args(words).arg("--pin-file").arg(&wrong);
            sign
        };
        assert_eq!(error_code(&mut refused(&[]), exit), code);
        for (language, said) in said {
            let told = fail(&mut refused(&["--lang", language]), exit);
            assert!(told.contains(said), "{told}");
        }
        assert!(!desk.path("none.xml").exists());
    }
}

#[test]
fn an_empty_file_makes_no_compact_jws_and_costs_no_pin() {
    let desk = desk_with_key();
    let empty = desk.path("rỗng.txt");
    std::fs::write(&empty, "").unwrap();
    let wrong = desk.path("wrong");
    std::fs::write(&wrong, "99999999\n").unwrap();
    let sign = |format: &str, pin: &std::path::Path, words: &[&str]| {
        let mut sign = desk.trien(["sign", "--format", format, "--cert", "an"]);
        sign.args(words)
            .arg("--out")
            .arg(desk.path("rỗng.jws"))
            .arg(&empty);
        sign.arg("--pin-file").arg(pin);
        sign
    };
    // A PIN that is spent would be told to be wrong.
    let code = error_code(&mut sign("jades", &wrong, &[]), 3);
    assert_eq!(code, "document_unreadable");
    for (language, said) in [("vi", "Tệp rỗng"), ("en", "The file is empty")] {
        let told = fail(&mut sign("jades", &wrong, &["--lang", language]), 3);
        assert!(told.contains(said), "{told}");
    }
    assert!(!desk.path("rỗng.jws").exists());
    succeed(&mut sign("jades-json", &desk.pin_file(), &[]));
    let report = succeed(desk.trien(["verify"]).arg(desk.path("rỗng.jws")));
    assert!(report.contains("TOTAL-PASSED"), "{report}");
}

#[test]
fn a_pdf_takes_no_notice_of_a_content_beside_it() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    let dossier = repository().join("testdata/documents/dossier.pdf");
    let signed = desk.path("signed.pdf");
    succeed(
        desk.trien(["sign", "--out"])
            .arg(&signed)
            .arg(&dossier)
            .args(desk.pin()),
    );
    for piped in [false, true] {
        let mut verify = desk.trien(["verify", "--content"]);
        verify.arg(&dossier);
        match piped {
            false => verify.arg(&signed),
            true => verify.arg("-").stdin(std::fs::File::open(&signed).unwrap()),
        };
        let report = succeed(&mut verify);
        assert!(report.contains("TOTAL-PASSED"), "{report}");
    }
}
