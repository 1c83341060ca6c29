//! Levels of what is about as large as a document may be: a container is raised where it lies, other formats are held.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use serde_json::Value;

use crate::support::Desk;
use crate::support::office::Office;
use crate::support::succeed;
use crate::{MORE_FOR_PDF, MOST, peak, ran};

/// XML of so many bytes if it is to be, else a file with holes.
fn write(path: &Path, size: u64, is_xml: bool) {
    let mut file = File::create(path).unwrap();
    if !is_xml {
        file.set_len(size).unwrap();
        return;
    }
    file.write_all(b"<a>").unwrap();
    std::io::copy(&mut std::io::repeat(b'x').take(size - 7), &mut file).unwrap();
    file.write_all(b"</a>").unwrap();
}

fn level(desk: &Desk, signed: &Path) -> String {
    let report = succeed(desk.trien(["verify", "--json"]).arg(signed));
    let report: Value = serde_json::from_str(&report).unwrap();
    report[0]["signatures"][0]["level"].as_str().unwrap().to_owned()
}

fn office() -> Office {
    let office = Office::new(&[("k", "ec:p256", "citizen")]);
    office.import(&["root.crl", "ca.crl"]);
    office
}

#[test]
fn a_container_of_the_largest_size_is_raised_in_little_memory() {
    let office = office();
    let (desk, server) = (&office.desk, office.server());
    for format in ["asic-e", "asic-s-cades"] {
        let raise = |size: u64, name: &str| {
            let [input, signed, raised] =
                ["input", "signed", "raised"].map(|what| desk.path(&format!("{name}-{what}")));
            write(&input, size, false);
            let mut sign = desk.trien(["sign", "--force", "--format", format]);
            sign.args(desk.pin()).arg("--out").arg(&signed).arg(&input);
            succeed(&mut sign);
            let mut raise = desk.trien(["augment", "--level", "lta", "--tsa", &server.url("tsa")]);
            let most = peak(raise.arg(&signed).arg("--out").arg(&raised));
            assert_eq!(level(desk, &raised), "B-LTA", "{format}");
            most
        };
        let (usual, most) = (raise(5, "small"), raise(199 << 20, "large"));
        println!("{format}: raising {usual} KiB for a small container, {most} KiB for a large one");
        assert!(
            most < usual + MORE_FOR_PDF,
            "{format}: {usual} KiB, then {most} KiB"
        );
        let mut verify = desk.trien(["verify"]);
        let checking = peak(verify.arg(desk.path("large-raised")));
        println!("{format}: checking {checking} KiB");
        assert!(
            checking < usual + MORE_FOR_PDF,
            "{format}: {usual} KiB, then {checking} KiB"
        );
    }
}

/// What a level is asked for at once is signed and raised, and what is held of it, too.
#[test]
fn what_is_held_is_raised_in_no_more_memory_than_is_allowed() {
    let office = office();
    let (desk, server) = (&office.desk, office.server());
    let (input, out) = (desk.path("large"), desk.path("signed"));
    for (words, mebibytes, is_xml) in [
        (&["asic-e-cades"][..], 199, false),
        (&["xades"], 199, true),
        (&["xades", "--detached"], 199, false),
        (&["jades-json"], 107, false),
    ] {
        write(&input, mebibytes << 20, is_xml);
        let mut sign = desk.trien(["sign", "--force", "--level", "lta", "--tsa", &server.url("tsa")]);
        sign.args(desk.pin()).arg("--format").args(words);
        let most = peak(sign.arg("--out").arg(&out).arg(&input));
        println!("{words:?}: {mebibytes} MiB: signing up to B-LTA {most} KiB");
        assert!(most <= MOST, "{words:?}: {most} KiB");
    }
}

/// Before a PIN is spent, or an authority is asked.
#[test]
fn what_is_too_large_to_be_raised_is_told() {
    let desk = Desk::with_keys(&[("k", "ec:p256", "citizen")]);
    let (input, wrong) = (desk.path("large"), desk.path("wrong"));
    std::fs::write(&wrong, "99999999\n").unwrap();
    write(&input, 120 << 20, false);
    let nobody = ["--tsa", "http://127.0.0.1:9/tsa", "--lang", "en", "--out"];
    for format in ["jades", "jades-json"] {
        let mut sign = desk.trien(["sign", "--format", format, "--level", "t", "--pin-file"]);
        sign.arg(&wrong).args(nobody).arg(desk.path("signed")).arg(&input);
        let (peak, _, code, said) = ran(&mut sign);
        assert!(
            said.contains("larger than is accepted") && code == Some(3),
            "{format}: {code:?} {said}"
        );
        assert!(peak <= MOST, "{format}: {peak} KiB");
    }
    // A compact one begins so.
    for (begin, limit) in [
        ("eyJhbGciOiJFUzI1NiJ9.", "144 MiB"),
        ("{\"payload\":\"", "144 MiB"),
        ("PK", "96 MiB"),
    ] {
        write(&input, 150 << 20, false);
        let mut file = File::options().write(true).open(&input).unwrap();
        file.write_all(begin.as_bytes()).unwrap();
        let mut raise = desk.trien(["augment", "--level", "t"]);
        raise.args(nobody).arg(desk.path("raised")).arg(&input);
        let (peak, _, code, said) = ran(&mut raise);
        assert!(
            said.contains(limit) && code == Some(3),
            "{begin}: {code:?} {said}"
        );
        assert!(peak <= MOST, "{begin}: {peak} KiB");
    }
}
