//! Every format at every level, and who signs beside whom.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::office::Office;
use crate::support::{error_code, fail, read_json, repository, succeed};
use crate::{judged, level_alone, of_two, openssl_verifies, sign_as, with_authority};
use serde_json::Value;

#[test]
fn every_level_is_reached_and_openssl_agrees() {
    let (office, _server, tsa) = with_authority("ec:p256");
    succeed(&mut office.sign(&["--level", "t", "--tsa", &tsa], "t.p7s"));
    assert_eq!(office.level("t.p7s"), "B-T");
    // Without lists nothing proves that nobody was revoked: B-LT is refused, not lowered.
    let refused = fail(
        &mut office.augment("t.p7s", "lt.p7s", &["--level", "lt", "--tsa", &tsa]),
        3,
    );
    assert!(refused.contains("revocation"), "{refused}");
    assert!(!office.desk.path("lt.p7s").exists());
    office.import(&["root.crl", "ca.crl"]);
    let listed = succeed(&mut office.desk.trien(["trust", "list", "--json"]));
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["crls"].as_array().unwrap().len(), 2);
    assert!(
        listed["crls"]
            .as_array()
            .unwrap()
            .iter()
            .all(|crl| crl["fresh"] == true)
    );
    succeed(&mut office.augment("t.p7s", "lt.p7s", &["--level", "lt", "--tsa", &tsa]));
    assert_eq!(office.level("lt.p7s"), "B-LT");
    succeed(&mut office.augment("lt.p7s", "lta.p7s", &["--level", "lta", "--tsa", &tsa]));
    assert_eq!(office.level("lta.p7s"), "B-LTA");
    succeed(&mut office.sign(&["--level", "lta", "--tsa", &tsa], "direct.p7s"));
    assert_eq!(office.level("direct.p7s"), "B-LTA");
    for signed in ["t.p7s", "lt.p7s", "lta.p7s"] {
        succeed(
            Command::new("openssl")
                .args([
                    "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-purpose", "any", "-in",
                ])
                .arg(office.desk.path(signed))
                .arg("-content")
                .arg(office.desk.path("đơn.txt"))
                .arg("-CAfile")
                .arg(office.desk.pki().join("root.pem"))
                .args(["-out", "/dev/null"]),
        );
    }
    let text = succeed(
        office
            .desk
            .trien(["verify", "--lang", "vi", "--content"])
            .arg(office.desk.path("đơn.txt"))
            .arg(office.desk.path("lta.p7s")),
    );
    for said in [
        "Dấu thời gian",
        "Đã tồn tại muộn nhất vào",
        "không bị thu hồi",
        "B-LTA",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[test]
fn a_pdf_is_signed_at_every_level_with_the_time_in_the_signature_itself() {
    let (office, _server, tsa) = with_authority("rsa:2048");
    office.import(&["root.crl", "ca.crl"]);
    for (word, level) in [("t", "B-T"), ("lt", "B-LT"), ("lta", "B-LTA")] {
        let out = format!("{word}.pdf");
        succeed(
            office
                .desk
                .trien(["sign", "--level", word, "--tsa", &tsa, "--out"])
                .arg(office.desk.path(&out))
                .arg(repository().join("testdata/documents/dossier.pdf"))
                .args(office.desk.pin()),
        );
        assert_eq!(level_alone(&office, &out), level);
        let bytes = std::fs::read(office.desk.path(&out)).unwrap();
        let stamps = bytes
            .windows(12)
            .filter(|window| window == b"ETSI.RFC3161")
            .count();
        assert_eq!(stamps, usize::from(level == "B-LTA"), "{level}");
    }
    assert_eq!(judged(&office, "lta.pdf")["now"], "OK");
}

#[test]
fn what_is_broken_is_not_raised_and_a_document_time_stamp_before_the_material_is_no_archive() {
    let (office, server, tsa) = with_authority("ec:p256");
    office.import(&["root.crl", "ca.crl"]);
    office.large_certificate();
    let large = server.url("large");
    let dossier = repository().join("testdata/documents/dossier.pdf");
    let sign = |out: &str| {
        let mut sign = office.desk.trien(["sign", "--out"]);
        succeed(
            sign.arg(office.desk.path(out))
                .arg(&dossier)
                .args(office.desk.pin()),
        );
    };
    let raise = |(input, out): (&str, &str), level: &str, tsa: &str| {
        let mut raise = office.desk.trien(["augment", "--level", level, "--tsa", tsa]);
        raise
            .arg(office.desk.path(input))
            .arg("--out")
            .arg(office.desk.path(out));
        raise
    };
    sign("b.pdf");
    let mut bytes = std::fs::read(office.desk.path("b.pdf")).unwrap();
    // Within the comment of the header.
    bytes[10] ^= 1;
    std::fs::write(office.desk.path("broken.pdf"), bytes).unwrap();
    let refused = fail(&mut raise(("broken.pdf", "x.pdf"), "t", &tsa), 3);
    assert!(refused.contains("did not find it"), "{refused}");
    assert!(!office.desk.path("x.pdf").exists());
    // What is larger than the room in the signature is a time-stamp of the document, and stands for its own.
    for (input, out, word, level, tsa) in [
        ("b.pdf", "t.pdf", "t", "B-T", &large),
        ("t.pdf", "lt.pdf", "lt", "B-LT", &tsa),
        ("lt.pdf", "lta.pdf", "lta", "B-LTA", &tsa),
    ] {
        succeed(&mut raise((input, out), word, tsa));
        assert_eq!(level_alone(&office, out), level);
    }
}

/// Who signs today without a network raises it tomorrow: the room for a time-stamp is there from the start.
#[test]
fn a_pdf_that_was_signed_without_a_level_is_raised_to_what_pyhanko_takes_for_the_archive() {
    let (office, _server, tsa) = with_authority("rsa:2048");
    office.import(&["root.crl", "ca.crl"]);
    let dossier = repository().join("testdata/documents/dossier.pdf");
    let mut sign = office.desk.trien(["sign", "--out"]);
    sign.arg(office.desk.path("b.pdf")).arg(&dossier);
    succeed(sign.args(office.desk.pin()));
    assert_eq!(level_alone(&office, "b.pdf"), "B-B");
    for (input, out, word, level) in [
        ("b.pdf", "t.pdf", "t", "B-T"),
        ("t.pdf", "lt.pdf", "lt", "B-LT"),
        ("lt.pdf", "lta.pdf", "lta", "B-LTA"),
    ] {
        succeed(&mut office.augment(input, out, &["--level", word, "--tsa", &tsa]));
        assert_eq!(level_alone(&office, out), level);
    }
    assert_eq!(judged(&office, "lta.pdf")["now"], "OK");
}

#[test]
fn n134_a_time_stamp_that_is_larger_than_its_room_becomes_one_of_the_document() {
    let (office, server, _) = with_authority("ec:p256");
    office.import(&["root.crl", "ca.crl"]);
    office.large_certificate();
    let large = server.url("large");
    let dossier = repository().join("testdata/documents/dossier.pdf");
    let mut sign = office
        .desk
        .trien(["sign", "--level", "t", "--tsa", &large, "--out"]);
    sign.arg(office.desk.path("t.pdf"));
    succeed(sign.arg(&dossier).args(office.desk.pin()));
    assert_eq!(level_alone(&office, "t.pdf"), "B-T");
    assert_eq!(
        server.requests(),
        2,
        "once for the signature, once for the document"
    );
    let mut raise = office
        .desk
        .trien(["augment", "--level", "lta", "--tsa", &large, "--out"]);
    succeed(
        raise
            .arg(office.desk.path("lta.pdf"))
            .arg(office.desk.path("t.pdf")),
    );
    assert_eq!(level_alone(&office, "lta.pdf"), "B-LTA");
    // One signature, and two time-stamps of the document, each in a revision of its own.
    let report = office
        .desk
        .trien(["verify", "--json"])
        .arg(office.desk.path("lta.pdf"))
        .output();
    let report: Value = serde_json::from_slice(&report.unwrap().stdout).unwrap();
    let signatures = report[0]["signatures"].as_array().unwrap();
    assert_eq!(signatures.len(), 3, "{report:#}");
    assert!(
        signatures.iter().all(|one| one["indication"] == "TOTAL-PASSED"),
        "{report:#}"
    );
    let mut pdfsig = Command::new("pdfsig");
    let judged = succeed(pdfsig.arg("-nocert").arg(office.desk.path("lta.pdf")));
    assert_eq!(judged.matches("Signature is Valid").count(), 1, "{judged}");
    assert!(judged.contains("Total document signed"), "{judged}");
    succeed(
        Command::new("qpdf")
            .arg("--check")
            .arg(office.desk.path("lta.pdf")),
    );
}

#[test]
fn an_attached_cades_signature_reaches_every_level_and_keeps_its_content() {
    let (office, _server, tsa) = with_authority("rsa:2048");
    office.import(&["root.crl", "ca.crl"]);
    let content = std::fs::read(office.desk.path("đơn.txt")).unwrap();
    let check = |signed: &str, level: &str| {
        assert_eq!(level_alone(&office, signed), level, "{signed}");
        assert_eq!(openssl_verifies(&office, signed), content, "{signed}");
    };
    succeed(&mut sign_as(&office, "cades", ("đơn.txt", "b.p7m"), &[]));
    check("b.p7m", "B-B");
    for (from, word, level) in [
        ("b.p7m", "t", "B-T"),
        ("t.p7m", "lt", "B-LT"),
        ("lt.p7m", "lta", "B-LTA"),
    ] {
        let raised = format!("{word}.p7m");
        let mut augment = office
            .desk
            .trien(["augment", "--level", word, "--tsa", &tsa, "--out"]);
        succeed(augment.arg(office.desk.path(&raised)).arg(office.desk.path(from)));
        check(&raised, level);
        let direct = ["--level", word, "--tsa", tsa.as_str()];
        succeed(&mut sign_as(&office, "cades", ("đơn.txt", "direct.p7m"), &direct));
        check("direct.p7m", level);
    }
    // Through the standard input and output.
    let dossier = repository().join("testdata/documents/dossier.pdf");
    std::fs::copy(dossier, office.desk.path("đơn.pdf")).unwrap();
    succeed(&mut sign_as(&office, "pades", ("đơn.pdf", "b.pdf"), &[]));
    for (input, name, out) in [("b.p7m", "-", "piped.p7m"), ("b.pdf", "/dev/stdin", "piped.pdf")] {
        let words = ["augment", "--tsa", &tsa, "--out", "-", name];
        let mut augment = office.desk.trien(words);
        augment.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = augment.spawn().unwrap();
        let signed = std::fs::read(office.desk.path(input)).unwrap();
        running.stdin.take().unwrap().write_all(&signed).unwrap();
        let raised = running.wait_with_output().unwrap();
        assert!(raised.status.success(), "{input}");
        std::fs::write(office.desk.path(out), raised.stdout).unwrap();
        assert_eq!(level_alone(&office, out), "B-T");
    }
    check("piped.p7m", "B-T");
    let mut changed = std::fs::read(office.desk.path("lta.p7m")).unwrap();
    let place = changed
        .windows(content.len())
        .position(|window| window == content)
        .unwrap();
    changed[place] ^= 1;
    std::fs::write(office.desk.path("changed.p7m"), changed).unwrap();
    let told = fail(
        office.desk.trien(["verify"]).arg(office.desk.path("changed.p7m")),
        1,
    );
    assert!(told.contains("HASH_FAILURE"), "{told}");
}

#[test]
fn a_second_person_signs_beside_the_first_or_confirms_the_signature() {
    let (office, _server, tsa) = of_two();
    let sign = |cert: &str, from: &str, to: &str, words: &[&str]| {
        let mut sign = office.desk.trien(["sign", "--cert", cert]);
        sign.args(words).arg("--out").arg(office.desk.path(to));
        sign.arg(office.desk.path(from)).args(office.desk.pin());
        sign
    };
    let formats = |signed: &str| -> Vec<String> {
        let report = succeed(
            office
                .desk
                .trien(["verify", "--json"])
                .arg(office.desk.path(signed)),
        );
        let report: Value = serde_json::from_str(&report).unwrap();
        let signatures = report[0]["signatures"].as_array().unwrap().iter();
        let format = signatures.map(|one| one["format"].as_str().unwrap().to_owned());
        let mut formats: Vec<_> = format.collect();
        formats.sort();
        formats
    };
    let content = std::fs::read(office.desk.path("đơn.txt")).unwrap();
    succeed(&mut sign("first", "đơn.txt", "one.p7m", &["--format", "cades"]));
    succeed(&mut sign("second", "one.p7m", "two.p7m", &["--parallel"]));
    assert_eq!(formats("two.p7m"), ["cades", "cades"]);
    assert_eq!(openssl_verifies(&office, "two.p7m"), content);
    // Both are stamped.
    let stamped = ["--parallel", "--level", "t", "--tsa", &tsa];
    succeed(&mut sign("second", "one.p7m", "stamped.p7m", &stamped));
    assert_eq!(level_alone(&office, "stamped.p7m"), "B-T");
    assert_eq!(openssl_verifies(&office, "stamped.p7m"), content);

    // The same key again and again, faster than seconds go by: RSA by PKCS #1 v1.5 would make the same signature of one
    // second, so each is of a second of its own.
    succeed(&mut sign("second", "two.p7m", "three.p7m", &["--parallel"]));
    succeed(&mut sign("second", "three.p7m", "four.p7m", &["--parallel"]));
    succeed(&mut sign("second", "four.p7m", "five.p7m", &["--parallel"]));
    assert_eq!(formats("five.p7m"), ["cades"; 5]);

    let detached = ["--format", "cades", "--detached"];
    succeed(&mut sign("first", "đơn.txt", "one.p7s", &detached));
    for (from, to) in [("one.p7m", "confirmed.p7m"), ("one.p7s", "confirmed.p7s")] {
        succeed(&mut sign("second", from, to, &["--countersign"]));
        let python = repository().join("target/judges/bin/python");
        let told = succeed(
            Command::new(python)
                .arg("-B")
                .arg(repository().join("daemon/tests/judges/counter.py"))
                .arg(office.desk.path(to)),
        );
        let (by, whom) = told.split_once("confirms").unwrap();
        assert!(by.contains("An second") && whom.contains("An first"), "{told}");
    }
    // One more beside a signature that stands alone, with the content that it is about; and stamped.
    let name = office.desk.path("đơn.txt").to_str().unwrap().to_owned();
    let beside = ["--parallel", "--content", &name];
    succeed(&mut sign("second", "one.p7s", "two.p7s", &beside));
    let stamped = [&beside[..], &["--level", "t", "--tsa", &tsa]].concat();
    succeed(&mut sign("second", "one.p7s", "stamped.p7s", &stamped));
    for both in ["two.p7s", "stamped.p7s"] {
        let said = succeed(&mut office.verify(both));
        let report: Value = serde_json::from_str(&said).unwrap();
        let signatures = report[0]["signatures"].as_array().unwrap();
        assert_eq!(signatures.len(), 2, "{said}");
        let level = if both == "two.p7s" { "B-B" } else { "B-T" };
        assert!(signatures.iter().all(|one| one["level"] == level), "{said}");
        let [signature, root] = [both, "pki/root.pem"].map(|file| office.desk.path(file));
        succeed(
            Command::new("openssl")
                .args([
                    "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-purpose", "any", "-in",
                ])
                .arg(signature)
                .args(["-content", &name, "-CAfile"])
                .arg(root),
        );
    }
    assert_eq!(formats("confirmed.p7m"), ["cades", "counter_signature"]);
    assert_eq!(openssl_verifies(&office, "confirmed.p7m"), content);
    succeed(&mut office.verify("confirmed.p7s"));

    // What cannot be meant is refused, and costs no PIN: it is a wrong one.
    std::fs::write(office.desk.path("wrong"), "11111111\n").unwrap();
    let other = office.desk.path("one.p7m").to_str().unwrap().to_owned();
    for (from, words, code) in [
        ("two.p7m", &["--countersign"][..], "bad_request"),
        ("one.p7s", &["--parallel"], "bad_request"),
        ("one.p7s", &["--parallel", "--content", &other], "bad_request"),
        ("one.p7m", &["--parallel", "--content", &name], "bad_request"),
        ("đơn.txt", &["--parallel"], "document_unreadable"),
        ("đơn.txt", &["--countersign"], "document_unreadable"),
    ] {
        let mut refused = office.desk.trien(["sign", "--cert", "second", "--json", "--out"]);
        refused
            .arg(office.desk.path("none"))
            .args(words)
            .arg(office.desk.path(from))
            .arg("--pin-file")
            .arg(office.desk.path("wrong"));
        let told = refused.output().unwrap().stdout;
        let told = String::from_utf8_lossy(&told);
        assert!(told.contains(code), "{from} {words:?}: {told}");
        assert!(!office.desk.path("none").exists(), "{from} {words:?}");
    }
    let mut mixed = sign("second", "one.p7m", "none", &["--parallel", "--format", "pades"]);
    assert_eq!(error_code(&mut mixed, 2), "sign-not-further");
    std::fs::create_dir(office.desk.path("several")).unwrap();
    let mut several = sign("second", "one.p7s", "several", &beside);
    let several = several.arg(office.desk.path("two.p7s"));
    assert_eq!(error_code(several, 2), "sign-content-for-several");
    let mut over = sign("second", "one.p7s", "đơn.txt", &beside);
    assert_eq!(error_code(&mut over, 2), "sign-over-input");
}

#[test]
fn containers_office_documents_and_jades_reach_their_levels() {
    let (office, _server, tsa) = with_authority("ec:p256");
    office.import(&["root.crl", "ca.crl"]);
    let formats = [
        "asic-e",
        "asic-s",
        "asic-e-cades",
        "asic-s-cades",
        "jades",
        "jades-json",
    ];
    for format in formats {
        let at = |level| ["--level", level, "--tsa", tsa.as_str()];
        succeed(&mut sign_as(&office, format, ("đơn.txt", "t"), &at("t")));
        assert_eq!(level_alone(&office, "t"), "B-T", "{format}");
        for (input, out, level, reached) in [("t", "lt", "lt", "B-LT"), ("lt", "lta", "lta", "B-LTA")] {
            let mut augment = office.desk.trien(["augment", "--out"]);
            augment
                .arg(office.desk.path(out))
                .arg(office.desk.path(input))
                .args(at(level));
            succeed(&mut augment);
            assert_eq!(level_alone(&office, out), reached, "{format}");
        }
        succeed(&mut sign_as(&office, format, ("đơn.txt", "direct"), &at("lta")));
        assert_eq!(level_alone(&office, "direct"), "B-LTA", "{format}");
    }
}

#[test]
fn xades_reaches_every_level_within_around_and_beside_its_document() {
    let (office, _server, tsa) = with_authority("ec:p256");
    office.import(&["root.crl", "ca.crl"]);
    let document = "<đơn><nội-dung>Đề nghị</nội-dung></đơn>";
    std::fs::write(office.desk.path("đơn.xml"), document).unwrap();
    let at = |level| ["--level", level, "--tsa", tsa.as_str()];
    for (form, beside) in [
        (None, false),
        (Some("--enveloping"), false),
        (Some("--detached"), true),
    ] {
        let sign = |out: &str, words: &[&str]| {
            let mut sign = sign_as(&office, "xades", ("đơn.xml", out), words);
            succeed(sign.args(form));
        };
        let level_of = |signed: &str| {
            let mut verify = office.desk.trien(["verify", "--json"]);
            if beside {
                verify.arg("--content").arg(office.desk.path("đơn.xml"));
            }
            let report = read_json(&succeed(verify.arg(office.desk.path(signed))));
            report[0]["signatures"][0]["level"].clone()
        };
        sign("b", &[]);
        assert_eq!(level_of("b"), "B-B", "{form:?}");
        for (input, level, reached) in [("b", "t", "B-T"), ("t", "lt", "B-LT"), ("lt", "lta", "B-LTA")] {
            let mut augment = office.desk.trien(["augment", "--out"]);
            augment.arg(office.desk.path(level)).arg(office.desk.path(input));
            if beside {
                augment.arg("--content").arg(office.desk.path("đơn.xml"));
            }
            succeed(augment.args(at(level)));
            assert_eq!(level_of(level), reached, "{form:?}");
            sign("direct", &at(level));
            assert_eq!(level_of("direct"), reached, "{form:?}");
        }
    }
}

/// Makes `dossier.docx`, by LibreOffice.
pub(crate) fn dossier_of_office(office: &Office) {
    let mut soffice = Command::new("soffice");
    soffice.arg(format!(
        "-env:UserInstallation=file://{}",
        office.desk.path("profile").display()
    ));
    soffice.args(["--headless", "--convert-to", "docx:MS Word 2007 XML", "--outdir"]);
    soffice
        .arg(office.desk.path(""))
        .arg(repository().join("testdata/documents/dossier.fodt"));
    succeed(&mut soffice);
}

#[test]
fn an_office_document_reaches_b_lt_and_is_refused_more_before_anybody_is_asked() {
    let (office, _server, tsa) = with_authority("ec:p256");
    office.import(&["root.crl", "ca.crl"]);
    dossier_of_office(&office);
    let files = ("dossier.docx", "signed.docx");
    let said = fail(
        &mut sign_as(
            &office,
            "ooxml",
            files,
            &["--json", "--level", "lta", "--tsa", &tsa],
        ),
        2,
    );
    assert!(
        said.contains("bad_request") && !office.desk.path("signed.docx").exists(),
        "{said}"
    );
    succeed(&mut sign_as(
        &office,
        "ooxml",
        files,
        &["--level", "lt", "--tsa", &tsa],
    ));
    assert_eq!(level_alone(&office, "signed.docx"), "B-LT");
}

/// A field whose author, through pyHanko, takes a signature with SHA-512 alone.
const DEMANDING: &str = r#"
import sys
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, SigSeedValFlags, SigSeedValueSpec, append_signature_field
seed = SigSeedValueSpec(flags=SigSeedValFlags.DIGEST_METHOD, digest_methods=["SHA512"])
with open(sys.argv[1], "rb") as source, open(sys.argv[2], "wb") as out:
    writer = IncrementalPdfFileWriter(source)
    append_signature_field(writer, SigFieldSpec("ChoKy", seed_value_dict=seed))
    writer.write(out)
"#;

/// The algorithm that our own verification finds.
pub(crate) fn algorithm_of(office: &Office, signed: &str) -> Value {
    let mut verify = office.desk.trien(["verify", "--json"]);
    let report = succeed(verify.arg(office.desk.path(signed)));
    let report: Value = serde_json::from_str(&report).unwrap();
    report[0]["signatures"][0]["algorithm"].clone()
}

#[test]
fn the_person_names_the_hash_function_and_openssl_and_poppler_find_it() {
    let office = Office::new(&[("an", "rsa:2048", "citizen")]);
    office.import(&["root.crl", "ca.crl"]);
    let asked = ["--hash", "sha512"];
    let content = std::fs::read(office.desk.path("đơn.txt")).unwrap();
    succeed(&mut sign_as(&office, "cades", ("đơn.txt", "x.p7m"), &asked));
    assert_eq!(openssl_verifies(&office, "x.p7m"), content);
    let mut print = Command::new("openssl");
    print.args(["cms", "-cmsout", "-print", "-noout", "-inform", "DER", "-in"]);
    let shown = succeed(print.arg(office.desk.path("x.p7m")));
    let (_, of_signer) = shown.rsplit_once("signerInfos:").unwrap();
    assert!(
        of_signer.contains("algorithm: sha512 ") && !of_signer.contains("algorithm: sha256 "),
        "{of_signer}"
    );

    let dossier = repository().join("testdata/documents/dossier.pdf");
    let mut author = Command::new(repository().join("target/judges/bin/python"));
    author.args(["-B", "-c", DEMANDING]).arg(&dossier);
    succeed(author.arg(office.desk.path("demanding.pdf")));
    let in_field = ["--field", "ChoKy"];
    let mut usual = sign_as(&office, "pades", ("demanding.pdf", "x.pdf"), &in_field);
    assert_eq!(error_code(&mut usual, 1), "document_locked");
    let words = [&in_field[..], &asked].concat();
    succeed(&mut sign_as(&office, "pades", ("demanding.pdf", "x.pdf"), &words));
    let judged = succeed(
        Command::new("pdfsig")
            .arg("-nocert")
            .arg(office.desk.path("x.pdf")),
    );
    for said in [
        "Signature is Valid",
        "Signing Hash Algorithm: SHA-512",
        "Total document signed",
    ] {
        assert!(judged.contains(said), "{said}: {judged}");
    }

    std::fs::write(
        office.desk.path("đơn.xml"),
        "<đơn><nội-dung>Đề nghị</nội-dung></đơn>",
    )
    .unwrap();
    dossier_of_office(&office);
    let formats = [
        ("ooxml", "dossier.docx"),
        ("cades", "đơn.txt"),
        ("xades", "đơn.xml"),
        ("xmldsig", "đơn.xml"),
        ("jades", "đơn.txt"),
        ("jades-json", "đơn.txt"),
        ("asic-e", "đơn.txt"),
        ("asic-e-cades", "đơn.txt"),
        ("asic-s", "đơn.txt"),
        ("asic-s-cades", "đơn.txt"),
    ];
    for (format, input) in formats {
        for (word, padding) in [("pkcs1", "rsa_pkcs1"), ("pss", "rsa_pss")] {
            let words = ["--hash", "sha384", "--padding", word];
            succeed(&mut sign_as(&office, format, (input, "signed"), &words));
            let expected = serde_json::json!({ padding: "sha384" });
            assert_eq!(algorithm_of(&office, "signed"), expected, "{format}");
        }
    }
}

#[test]
fn a_hash_function_that_does_not_fit_the_key_is_refused() {
    // In JOSE the hash function says the curve (RFC 7518, 3.4).
    for (algorithm, format, hash) in [
        ("ec:p384", "jades-json", "sha256"),
        ("ec:p256", "jades", "sha512"),
    ] {
        let office = Office::new(&[("an", algorithm, "citizen")]);
        let mut sign = sign_as(&office, format, ("đơn.txt", "x"), &["--hash", hash]);
        assert_eq!(error_code(&mut sign, 1), "certificate_unsuitable", "{algorithm}");
        assert!(!office.desk.path("x").exists());
    }
}

#[test]
fn p_521_signs_with_sha_384_and_sha_512_and_with_nothing_shorter() {
    let office = Office::new(&[]);
    office.import(&["root.crl", "ca.crl"]);
    let p_521 = ["ec", "-pkeyopt", "ec_paramgen_curve:P-521"];
    office.desk.import_key("an", &p_521, "citizen");
    dossier_of_office(&office);
    std::fs::write(office.desk.path("đơn.xml"), "<đơn>Đề nghị</đơn>").unwrap();
    std::fs::copy(
        repository().join("testdata/documents/dossier.pdf"),
        office.desk.path("đơn.pdf"),
    )
    .unwrap();
    for (format, input) in [
        ("cades", "đơn.txt"),
        ("pades", "đơn.pdf"),
        ("xades", "đơn.xml"),
        ("ooxml", "dossier.docx"),
        ("asic-e", "đơn.txt"),
    ] {
        let mut short = sign_as(&office, format, (input, "short"), &["--hash", "sha256"]);
        assert_eq!(error_code(&mut short, 1), "certificate_unsuitable", "{format}");
        assert!(!office.desk.path("short").exists(), "{format}");
        for (words, hash) in [
            (&["--hash", "sha384"][..], "sha384"),
            (&["--hash", "sha512"], "sha512"),
            (&[], "sha512"),
        ] {
            succeed(&mut sign_as(&office, format, (input, "signed"), words));
            let expected = serde_json::json!({ "ecdsa": hash });
            assert_eq!(algorithm_of(&office, "signed"), expected, "{format} {words:?}");
            match format {
                "cades" => assert_eq!(openssl_verifies(&office, "signed"), "Đơn đề nghị".as_bytes()),
                "pades" => {
                    let said = succeed(
                        Command::new("pdfsig")
                            .arg("-nocert")
                            .arg(office.desk.path("signed")),
                    );
                    assert!(said.contains("Signature is Valid"), "{said}");
                }
                _ => {}
            }
        }
    }
}
