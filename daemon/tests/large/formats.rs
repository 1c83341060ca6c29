//! What is held whole: every format at about the largest that it takes.

use std::fs::File;
use std::io::{Read, Write};

use crate::support::Desk;
use crate::{MOST, peak, ran};

/// What is held whole: each format at about the largest that it takes, and what is refused before a PIN is spent.
#[test]
fn every_format_signs_the_largest_that_can_be_checked_afterwards() {
    let desk = Desk::with_keys(&[("k", "ec:p256", "citizen")]);
    let (input, out) = (desk.path("large"), desk.path("signed"));
    let wrong = desk.path("wrong");
    std::fs::write(&wrong, "99999999\n").unwrap();
    let sign = |words: &[&str]| {
        let mut sign = desk.trien(["sign", "--force", "--cert", "k", "--format"]);
        sign.args(words).arg("--out").arg(&out).arg(&input);
        sign
    };
    let write = |mebibytes: u64, is_xml: bool| {
        let mut file = File::create(&input).unwrap();
        let size = mebibytes << 20;
        match is_xml {
            true => {
                file.write_all(b"<a>").unwrap();
                std::io::copy(&mut std::io::repeat(b'x').take(size - 7), &mut file).unwrap();
                file.write_all(b"</a>").unwrap();
            }
            // With holes.
            false => file.set_len(size).unwrap(),
        }
    };
    for (words, mebibytes, is_xml) in [
        (&["xades", "--enveloping"][..], 149, false),
        (&["xades", "--enveloping"], 149, true),
        (&["xades", "--detached"], 199, false),
        (&["xades"], 199, true),
        (&["jades"], 149, false),
        (&["jades-json"], 149, false),
        (&["asic-e"], 199, false),
        (&["asic-e-cades"], 199, false),
        (&["asic-s"], 199, false),
        (&["asic-s-cades"], 199, false),
    ] {
        write(mebibytes, is_xml);
        let signing = peak(sign(words).args(desk.pin()));
        let mut verify = desk.trien(["verify"]);
        if words.contains(&"--detached") {
            verify.arg("--content").arg(&input);
        }
        let checking = peak(verify.arg(&out));
        println!("{words:?}: {mebibytes} MiB: signing {signing} KiB, checking {checking} KiB");
        assert!(
            signing <= MOST && checking <= MOST,
            "{words:?}: {signing} KiB, {checking} KiB"
        );
    }
    for (words, mebibytes) in [
        (&["xades", "--enveloping"][..], 151),
        (&["jades"], 151),
        (&["jades-json"], 151),
        (&["asic-e"], 200),
        (&["asic-s-cades"], 200),
    ] {
        write(mebibytes, false);
        let (peak, _, code, said) = ran(sign(words).args(["--lang", "en", "--pin-file"]).arg(&wrong));
        assert!(
            said.contains("larger than is accepted") && code == Some(3),
            "{words:?}: {code:?} {said}"
        );
        assert!(peak <= MOST, "{words:?}: {peak} KiB");
    }
}
