//! B-LTA goes on: archive time-stamps that are renewed before their authority ends.

use std::process::Command;

use crate::of_two;
use crate::support::office::Office;
use crate::support::{repository, succeed};
use serde_json::Value;

/// How many archive time-stamps each signature of a document has; all of them have to be valid, and at B-LTA.
fn archive_stamps(verify: &mut Command) -> Vec<usize> {
    let report: Value = serde_json::from_str(&succeed(verify)).unwrap();
    let stamps = |one: &Value| {
        assert_eq!(
            (&one["indication"], &one["level"]),
            (&"TOTAL-PASSED".into(), &"B-LTA".into()),
            "{report:#}"
        );
        let stamps = one["timestamps"].as_array().unwrap().iter();
        stamps.filter(|stamp| stamp["kind"] == "archive").count()
    };
    report[0]["signatures"]
        .as_array()
        .unwrap()
        .iter()
        .map(stamps)
        .collect()
}

#[test]
fn a_renewed_archive_time_stamp_goes_to_every_signature_and_not_to_the_last_one_only() {
    let (office, _server, tsa) = of_two();
    office.import(&["root.crl", "ca.crl"]);
    let sign = |cert: &str, from: &str, to: &str, words: &[&str]| {
        let mut sign = office.desk.trien(["sign", "--cert", cert]);
        sign.args(words).arg("--out").arg(office.desk.path(to));
        sign.arg(office.desk.path(from)).args(office.desk.pin());
        succeed(&mut sign);
    };
    sign("first", "đơn.txt", "one.p7m", &["--format", "cades"]);
    sign("second", "one.p7m", "two.p7m", &["--parallel"]);
    let raise = |from: &str, to: &str| {
        let mut raise = office.desk.trien(["augment", "--level", "lta", "--tsa", &tsa]);
        raise
            .arg("--out")
            .arg(office.desk.path(to))
            .arg(office.desk.path(from));
        succeed(&mut raise);
        archive_stamps(office.desk.trien(["verify", "--json"]).arg(office.desk.path(to)))
    };
    assert_eq!(raise("two.p7m", "once.p7m"), [1, 1]);
    assert_eq!(raise("once.p7m", "again.p7m"), [2, 2]);
    assert_eq!(raise("again.p7m", "third.p7m"), [3, 3]);
}

/// What lxml puts together anew for each time-stamp of an XML document, and OpenSSL verifies the token over: their kinds,
/// in the order of the signatures. The XML is about the letter beside it.
fn judged_by_openssl(office: &Office, signed: &str) -> Vec<String> {
    let file = office.desk.path(signed);
    let beside = file.with_extension("beside");
    std::fs::create_dir_all(&beside).unwrap();
    std::fs::copy(office.desk.path("đơn.txt"), beside.join("đơn.txt")).unwrap();
    let into = office.desk.path("stamps");
    std::fs::create_dir_all(&into).unwrap();
    let mut stamps = Command::new(repository().join("target/judges/bin/python"));
    stamps
        .arg("-B")
        .arg(repository().join("daemon/tests/judges/stamps.py"));
    let said = succeed(stamps.arg(&file).arg("--into").arg(&into));
    let judge = |(line, said): (usize, &str)| {
        let [_, kind, verdict] = said.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{said}");
        };
        assert_eq!(verdict, "right", "{said}");
        let [data, token] = ["data", "tst"].map(|end| into.join(format!("{line}.{end}")));
        let mut verify = Command::new("openssl");
        verify.args(["ts", "-verify", "-token_in", "-data"]).arg(data);
        verify.arg("-in").arg(token);
        succeed(verify.arg("-CAfile").arg(office.desk.pki().join("root.pem")));
        kind.to_owned()
    };
    said.lines().enumerate().map(judge).collect()
}

#[test]
fn every_xades_signature_of_a_document_gets_its_own_material_and_each_renewed_archive_time_stamp() {
    let (office, _server, tsa) = of_two();
    office.import(&["root.crl", "ca.crl"]);
    // Two persons sign the letter, each for himself, and an office puts both signatures into one file.
    let signatures = ["first", "second"].map(|cert| {
        let mut sign = office.desk.trien(["sign", "--cert", cert, "--format", "xades"]);
        sign.arg("--detached")
            .arg("--out")
            .arg(office.desk.path("one.xml"));
        sign.arg(office.desk.path("đơn.txt")).args(office.desk.pin());
        succeed(&mut sign);
        let signature = std::fs::read_to_string(office.desk.path("one.xml")).unwrap();
        signature[signature.find("<ds:Signature").unwrap()..].to_owned()
    });
    let both = format!("<chữ-ký>\n{}\n</chữ-ký>\n", signatures.join("\n"));
    std::fs::write(office.desk.path("two.xml"), both).unwrap();
    let mut from = "two.xml";
    for (to, renewals) in [("once.xml", 1), ("again.xml", 2), ("third.xml", 3)] {
        succeed(&mut office.augment(from, to, &["--level", "lta", "--tsa", &tsa]));
        assert_eq!(archive_stamps(&mut office.verify(to)), [renewals; 2]);
        let one = [&["signature"][..], &vec!["archive"; renewals]].concat();
        assert_eq!(
            judged_by_openssl(&office, to),
            [one.clone(), one].concat(),
            "{to}"
        );
        from = to;
    }
}

/// Puts the signature of the second container into the first, as whoever adds a signature to a container does.
const TOGETHER: &str = r#"
import sys, zipfile
first, second, out = sys.argv[1:]
with zipfile.ZipFile(second) as container:
    signature = container.read("META-INF/signatures0.xml")
with zipfile.ZipFile(first) as container, zipfile.ZipFile(out, "w") as both:
    for entry in container.infolist():
        both.writestr(entry, container.read(entry), zipfile.ZIP_STORED)
    both.writestr("META-INF/signatures1.xml", signature)
"#;

#[test]
fn a_signature_that_came_later_into_a_container_gets_the_material_that_the_first_one_has() {
    let (office, _server, tsa) = of_two();
    office.import(&["root.crl", "ca.crl"]);
    let at = |name: &str| office.desk.path(name);
    for (cert, level) in [("first", "lta"), ("second", "b")] {
        let words = ["--format", "asic-e", "--level", level, "--tsa", &tsa];
        let mut sign = office.desk.trien(["sign", "--cert", cert]);
        sign.args(words).arg("--out").arg(at(&format!("{cert}.asice")));
        succeed(sign.arg(at("đơn.txt")).args(office.desk.pin()));
    }
    let mut together = Command::new("python3");
    together.args(["-c", TOGETHER]);
    succeed(together.args(["first.asice", "second.asice", "b.asice"].map(at)));
    let mut from = "b.asice";
    // At first only the one that has no archive time-stamp gets one.
    for (to, stamps) in [("lta.asice", [1, 1]), ("again.asice", [2, 2])] {
        let mut raise = office.desk.trien(["augment", "--level", "lta", "--tsa", &tsa]);
        succeed(raise.arg("--out").arg(at(to)).arg(at(from)));
        let found = archive_stamps(office.desk.trien(["verify", "--json"]).arg(at(to)));
        assert_eq!(found, stamps, "{to}");
        from = to;
    }
}

#[test]
fn what_another_signature_covers_stays_as_it_is_when_that_one_is_raised() {
    let (office, _server, tsa) = of_two();
    office.import(&["root.crl", "ca.crl"]);
    let at = |name: &str| office.desk.path(name);
    let at_lt = ["--level", "lt", "--tsa", &tsa];
    let sign = |cert: &str, from: &str, to: &str, words: &[&str]| {
        let mut sign = office.desk.trien(["sign", "--cert", cert, "--format", "xades"]);
        sign.args(words).arg("--out").arg(at(to)).arg(at(from));
        succeed(sign.args(office.desk.pin()));
    };
    // A signature of the letter is put on file, and a second person signs for the file.
    let one = [&["--detached"][..], &at_lt].concat();
    sign("first", "đơn.txt", "one.xml", &one);
    let signature = std::fs::read_to_string(at("one.xml")).unwrap();
    let signature = &signature[signature.find("<ds:Signature").unwrap()..];
    std::fs::write(at("file.xml"), format!("<tệp>{signature}</tệp>")).unwrap();
    sign("second", "file.xml", "both.xml", &[]);
    succeed(&mut office.augment("both.xml", "raised.xml", &at_lt));
    let report: Value = serde_json::from_str(&succeed(&mut office.verify("raised.xml"))).unwrap();
    let signatures = report[0]["signatures"].as_array().unwrap();
    let levels: Vec<_> = signatures.iter().map(|one| &one["level"]).collect();
    assert_eq!(levels, ["B-LT"; 2], "{report:#}");
    let raised = std::fs::read_to_string(at("raised.xml")).unwrap();
    assert!(raised.contains(signature), "the first one is as it was");
}
