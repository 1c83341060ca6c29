//! A CMS about a gibibyte, inside or beside it.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::peak;
use crate::support::office::Office;
use crate::support::{Desk, succeed};

/// The same for a content that is only hashed, in KiB.
pub(crate) const MORE_FOR_CMS: u64 = 8 * 1024;

/// OpenSSL takes the CMS, about a content beside it or inside.
pub(crate) fn openssl_verifies(desk: &Desk, signed: &Path, content: Option<&PathBuf>) {
    let mut openssl = Command::new("openssl");
    openssl
        .args([
            "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-purpose", "any", "-in",
        ])
        .arg(signed)
        .arg("-CAfile")
        .arg(desk.pki().join("root.pem"))
        .args(["-out", "/dev/null"]);
    if let Some(content) = content {
        openssl.arg("-content").arg(content);
    }
    succeed(&mut openssl);
}

#[test]
fn the_shell_signs_checks_and_raises_a_gibibyte_in_little_memory() {
    let office = Office::new(&[("k", "ec:p256", "citizen")]);
    let (desk, server) = (&office.desk, office.server());
    office.import(&["root.crl", "ca.crl"]);
    let small = desk.path("small.bin");
    std::fs::write(&small, "small").unwrap();
    // The attached one is written as a whole, holes and all.
    for (detached, name, mebibytes) in [(true, "p7s", 1024), (false, "p7m", 1024)] {
        let large = desk.path(&format!("{name}.bin"));
        // A file with holes: all of it is read, little is on the disk.
        let mut file = File::create(&large).unwrap();
        file.set_len((mebibytes << 20) + 12_345).unwrap();
        file.write_all(b"large").unwrap();
        drop(file);
        let sign = |input: &Path, output: &str| {
            let mut sign = desk.trien(["sign", "--format", "cades"]);
            sign.args(detached.then_some("--detached"))
                .arg("--out")
                .arg(desk.path(output))
                .arg(input)
                .args(desk.pin());
            peak(&mut sign)
        };
        let signed = format!("large.{name}");
        let (usual, most) = (sign(&small, "small.cms"), sign(&large, &signed));
        println!("{name}: {usual} KiB for a small content, {most} KiB for {mebibytes} MiB");
        assert!(most < usual + MORE_FOR_CMS, "{usual} KiB, then {most} KiB");
        openssl_verifies(desk, &desk.path(&signed), detached.then_some(&large));
        let beside = |content: &Path| detached.then(|| ["--content".into(), content.as_os_str().to_owned()]);
        let raise = |content: &Path, input: &str, output: &str| {
            let mut raise = desk.trien(["augment", "--level", "lta", "--tsa", &server.url("tsa")]);
            raise.args(beside(content).into_iter().flatten());
            peak(raise.arg("--out").arg(desk.path(output)).arg(desk.path(input)))
        };
        let verify = |content: &Path, input: &str| {
            let mut verify = desk.trien(["verify"]);
            verify.args(beside(content).into_iter().flatten());
            peak(verify.arg(desk.path(input)))
        };
        let raised = format!("raised.{name}");
        let (usual, most) = (
            raise(&small, "small.cms", "small-lta.cms"),
            raise(&large, &signed, &raised),
        );
        println!("{name}: raising {usual} KiB, {most} KiB");
        assert!(
            most < usual + MORE_FOR_CMS,
            "raising: {usual} KiB, then {most} KiB"
        );
        std::fs::remove_file(desk.path(&signed)).unwrap();
        // At once, in one run, it takes no more.
        let at_once = |input: &Path, output: &str| {
            let mut sign = desk.trien(["sign", "--format", "cades", "--level", "lta"]);
            sign.args(detached.then_some("--detached"))
                .args(["--tsa", &server.url("tsa"), "--out"])
                .arg(desk.path(output))
                .arg(input)
                .args(desk.pin());
            peak(&mut sign)
        };
        let direct = format!("direct.{name}");
        let (usual, most) = (at_once(&small, "small-direct.cms"), at_once(&large, &direct));
        println!("{name}: signing up to B-LTA {usual} KiB, {most} KiB");
        assert!(
            most < usual + MORE_FOR_CMS,
            "signing up to B-LTA: {usual} KiB, then {most} KiB"
        );
        let report = succeed(
            desk.trien(["verify", "--json"])
                .args(beside(&large).into_iter().flatten())
                .arg(desk.path(&direct)),
        );
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report[0]["signatures"][0]["level"], "B-LTA", "{report:#}");
        std::fs::remove_file(desk.path(&direct)).unwrap();
        let (usual, most) = (verify(&small, "small-lta.cms"), verify(&large, &raised));
        println!("{name}: checking {usual} KiB, {most} KiB");
        assert!(
            most < usual + MORE_FOR_CMS,
            "checking: {usual} KiB, then {most} KiB"
        );
    }
}
