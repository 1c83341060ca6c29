//! Further signatures in a CMS that holds a gibibyte.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::cms::{MORE_FOR_CMS, openssl_verifies};
use crate::peak;
use crate::support::office::{Office, Server, free_port};
use crate::support::{Desk, succeed};

/// The format and level of every signature, in their order.
fn signatures(desk: &Desk, signed: &Path) -> Vec<(String, String)> {
    let report = succeed(desk.trien(["verify", "--json"]).arg(signed));
    let report: Value = serde_json::from_str(&report).unwrap();
    let signatures = report[0]["signatures"].as_array().unwrap().iter();
    let word = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    signatures
        .map(|one| (word(&one["format"]), word(&one["level"])))
        .collect()
}

/// A CMS of the first person with a content of so many bytes inside, or of a few.
fn attached(desk: &Desk, name: &str, size: u64) -> PathBuf {
    let (content, signed) = (
        desk.path(&format!("{name}.bin")),
        desk.path(&format!("{name}.p7m")),
    );
    let mut file = File::create(&content).unwrap();
    file.set_len(size).unwrap();
    file.write_all(b"content").unwrap();
    let mut sign = desk.trien(["sign", "--cert", "first", "--format", "cades"]);
    sign.args(desk.pin());
    succeed(sign.arg("--out").arg(&signed).arg(&content));
    std::fs::remove_file(content).unwrap();
    signed
}

#[test]
fn a_cms_around_a_gibibyte_takes_further_signatures_in_little_memory() {
    let office = Office::new(&[("first", "ec:p256", "citizen"), ("second", "ec:p256", "citizen")]);
    let desk = &office.desk;
    let (small, large) = (
        attached(desk, "small", 0),
        attached(desk, "large", (1 << 30) + 12_345),
    );
    for (words, expected) in [
        (&["--countersign"][..], ["cades", "counter_signature"]),
        (&["--parallel"], ["cades", "cades"]),
    ] {
        let further = |input: &Path, output: &str| {
            let mut sign = desk.trien(["sign", "--cert", "second"]);
            sign.args(words).args(desk.pin());
            peak(sign.arg("--out").arg(desk.path(output)).arg(input))
        };
        let (usual, most) = (further(&small, "small-both"), further(&large, "large-both"));
        println!("{words:?}: {usual} KiB for a small content, {most} KiB for a large one");
        assert!(most < usual + MORE_FOR_CMS, "{usual} KiB, then {most} KiB");
        let formats = signatures(desk, &desk.path("small-both")).into_iter();
        let formats: Vec<_> = formats.map(|(format, _)| format).collect();
        assert_eq!(formats, expected);
        openssl_verifies(desk, &desk.path("large-both"), None);
        std::fs::remove_file(desk.path("large-both")).unwrap();
    }
}

/// What is signed beside another one waits, too, and is raised as it lies.
#[test]
fn a_further_signature_in_a_large_cms_waits_for_an_authority() {
    let office = Office::new(&[("first", "ec:p256", "citizen"), ("second", "ec:p256", "citizen")]);
    let desk = &office.desk;
    let join = |input: &Path, output: &str| {
        let port = free_port();
        let tsa = format!("http://127.0.0.1:{port}/tsa");
        let mut sign = desk.trien([
            "sign",
            "--cert",
            "second",
            "--parallel",
            "--level",
            "t",
            "--queue",
        ]);
        sign.args(["--tsa", &tsa]).args(desk.pin());
        let signing = peak(sign.arg("--out").arg(desk.path(output)).arg(input));
        let both = desk.path(output);
        let found = signatures(desk, &both);
        assert!(
            found.len() == 2 && found.iter().all(|(_, level)| level == "B-B"),
            "{found:?}"
        );
        let _server = Server::start(desk.pki(), port);
        let raising = peak(&mut desk.trien(["augment", "--queued"]));
        let found = signatures(desk, &both);
        assert!(
            found.len() == 2 && found.iter().all(|(_, level)| level == "B-T"),
            "{found:?}"
        );
        openssl_verifies(desk, &both, None);
        [signing, raising]
    };
    let (small, large) = (attached(desk, "small", 0), attached(desk, "large", 300 << 20));
    let (usual, most) = (join(&small, "both"), join(&large, "both.p7m"));
    println!("one beside it, and raised: {usual:?} KiB for a small content, {most:?} KiB for a large one");
    for (usual, most) in usual.into_iter().zip(most) {
        assert!(most < usual + MORE_FOR_CMS, "{usual} KiB, then {most} KiB");
    }
}

/// What others write in pieces is put together.
#[test]
fn a_streamed_cms_of_openssl_takes_a_further_signature() {
    let office = Office::new(&[("k", "ec:p256", "citizen")]);
    let (desk, server) = (&office.desk, office.server());
    let [content, key, certificate, streamed, recovered] =
        ["content", "key", "certificate", "streamed.p7m", "recovered"].map(|name| desk.path(name));
    let bytes: Vec<u8> = (0..5_000_003_u32)
        .map(|n| (n.wrapping_mul(n) >> 7) as u8)
        .collect();
    std::fs::write(&content, &bytes).unwrap();
    let mut made = Command::new("openssl");
    made.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
    ]);
    made.args(["-nodes", "-subj", "/CN=Other", "-keyout"]).arg(&key);
    succeed(made.arg("-out").arg(&certificate));
    let mut signed = Command::new("openssl");
    signed.args([
        "cms",
        "-sign",
        "-cades",
        "-binary",
        "-nodetach",
        "-stream",
        "-md",
        "sha256",
        "-outform",
        "DER",
    ]);
    signed.arg("-in").arg(&content).arg("-signer").arg(&certificate);
    succeed(signed.arg("-inkey").arg(&key).arg("-out").arg(&streamed));
    // Of a length that is not known when it begins (X.690, 8.1.3.6).
    assert_eq!(std::fs::read(&streamed).unwrap()[1], 0x80);
    let tsa = server.url("tsa");
    for words in [
        &["--parallel"][..],
        &["--countersign"],
        &["--parallel", "--level", "t", "--tsa", &tsa],
    ] {
        let mut sign = desk.trien(["sign", "--force"]);
        sign.args(words).args(desk.pin());
        succeed(sign.arg("--out").arg(desk.path("both.p7m")).arg(&streamed));
        let mut openssl = Command::new("openssl");
        openssl.args(["cms", "-verify", "-binary", "-noverify", "-inform", "DER", "-in"]);
        succeed(openssl.arg(desk.path("both.p7m")).arg("-out").arg(&recovered));
        assert!(std::fs::read(&recovered).unwrap() == bytes, "{words:?}");
    }
}
