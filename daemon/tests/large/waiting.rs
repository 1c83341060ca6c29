//! What waits for an authority.

use std::fs::File;
use std::path::Path;

use serde_json::Value;

use crate::cms::openssl_verifies;
use crate::pdf::{judged, write_pdf};
use crate::support::office::{Office, Server, free_port};
use crate::support::{repository, succeed};
use crate::{LARGEST, MORE_FOR_PDF, peak};

/// What waits is raised as it lies, whatever its size.
#[test]
fn what_waits_for_an_authority_is_raised_in_little_memory() {
    let office = Office::new(&[("k", "ec:p256", "citizen")]);
    let desk = &office.desk;
    let [text, zeros, pdf] = ["small.txt", "large.bin", "large.pdf"].map(|name| desk.path(name));
    std::fs::write(&text, "small").unwrap();
    File::create(&zeros).unwrap().set_len(300 << 20).unwrap();
    write_pdf(&pdf, LARGEST);
    let queue = |port: u16, format: &str, input: &Path, output: &str| {
        let tsa = format!("http://127.0.0.1:{port}/tsa");
        let mut sign = desk.trien([
            "sign", "--format", format, "--level", "t", "--queue", "--tsa", &tsa,
        ]);
        sign.arg("--out").arg(desk.path(output)).arg(input);
        sign.args(desk.pin());
        sign
    };
    let level = |signed: &str| {
        let report = succeed(desk.trien(["verify", "--json"]).arg(desk.path(signed)));
        let report: Value = serde_json::from_str(&report).unwrap();
        report[0]["signatures"][0]["level"].clone()
    };
    let raise = |files: &[(&str, &Path, &str)]| {
        let port = free_port();
        for (format, input, output) in files {
            succeed(&mut queue(port, format, input, output));
            assert_eq!(level(output), "B-B", "{output}");
        }
        let _server = Server::start(desk.pki(), port);
        let most = peak(&mut desk.trien(["augment", "--queued"]));
        for (_, _, output) in files {
            assert_eq!(level(output), "B-T", "{output}");
        }
        most
    };
    let dossier = repository().join("testdata/documents/dossier.pdf");
    let usual = raise(&[("cades", &text, "small.p7m"), ("pades", &dossier, "small.pdf")]);
    let most = raise(&[("cades", &zeros, "large.p7m"), ("pades", &pdf, "signed.pdf")]);
    println!("from the queue: {usual} KiB for small files, {most} KiB for large ones");
    assert!(most < usual + MORE_FOR_PDF, "{usual} KiB, then {most} KiB");
    openssl_verifies(desk, &desk.path("large.p7m"), None);
    judged(desk, &desk.path("signed.pdf"), &pdf);
}
