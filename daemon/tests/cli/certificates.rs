//! Which certificate is meant, which are named when it is not clear, and where a request for one goes.

use crate::support::{Desk, PIN, TOKEN, error_code, fail, read_json, succeed};
use crate::{at_terminal, desk_with_key};

#[test]
fn where_a_request_goes_is_looked_at_before_a_key_is_made() {
    let desk = Desk::with_token();
    let generate = |out: &str, key: &str| {
        let words = [
            "token",
            "generate-key",
            "--token",
            TOKEN,
            "--algorithm",
            "ec:p256",
            "--label",
            key,
            "--subject",
            "CN=x",
        ];
        let mut command = desk.trien(words);
        command.arg("--out").arg(desk.path(out)).args(desk.pin());
        command
    };
    assert_eq!(error_code(&mut generate("none/x.csr", "k"), 3), "cli-unwritable");
    let words = [
        "token",
        "request",
        "--token",
        TOKEN,
        "--key",
        "k",
        "--subject",
        "CN=x",
    ];
    let mut request = desk.trien(words);
    request.arg("--out").arg(desk.path("none/x.csr")).args(desk.pin());
    assert_eq!(error_code(&mut request, 3), "cli-unwritable");
    // The name is free: no key was made.
    succeed(&mut generate("x.csr", "k"));
}

#[test]
fn a_certificate_that_is_not_clear_is_chosen_from_those_there_are() {
    let desk = desk_with_key();
    desk.add_key("binh", "ec:p256", "citizen");
    let told = |words: &[&str], language: &str| {
        let mut command = desk.trien(["sign", "--format", "cades", "--lang", language, "--out"]);
        command
            .arg(desk.path("none"))
            .arg(desk.path("đơn.txt"))
            .args(words)
            .args(desk.pin());
        fail(&mut command, 3)
    };
    for language in ["vi", "en"] {
        for words in [&[][..], &["--cert", "bính"]] {
            let told = told(words, language);
            assert!(
                told.contains("\n  an (Nguyễn Văn An an") && told.contains("\n  binh ("),
                "{told}"
            );
            assert!(
                told.contains("--cert") && !told.contains("cắm thiết bị chứa"),
                "{told}"
            );
        }
    }
}

#[test]
fn one_of_several_certificates_is_chosen_by_its_number_or_by_the_beginning_of_its_sha_256() {
    let desk = desk_with_key();
    desk.add_key("binh", "ec:p256", "citizen");
    let listed = read_json(&succeed(&mut desk.trien(["cert", "list", "--json"])));
    let sha256 = |label: &str| -> String {
        let all = listed.as_array().unwrap();
        let one = all.iter().find(|one| one["label"] == label).unwrap();
        one["sha256"].as_str().unwrap().to_owned()
    };
    let (an, binh) = (sha256("an"), sha256("binh"));
    let sign = |words: &[&str]| {
        let mut command = desk.trien(["sign", "--format", "cades", "--lang", "en", "--out"]);
        command
            .arg(desk.path("đơn.p7m"))
            .arg(desk.path("đơn.txt"))
            .arg("--force")
            .args(words);
        command
    };
    let signer = || {
        let mut verify = desk.trien(["verify", "--json"]);
        let told = read_json(&succeed(verify.arg(desk.path("đơn.p7m"))));
        told[0]["signatures"][0]["signer"]["subject"]["common_name"].to_string()
    };
    let colons = binh[..12].to_uppercase();
    let colons = format!("{}:{}:{}", &colons[..4], &colons[4..8], &colons[8..]);
    for (selector, name) in [(&an[..8], " an\""), (&binh[..8], " binh\""), (&colons, " binh\"")] {
        succeed(sign(&["--cert", selector]).args(desk.pin()));
        assert!(signer().ends_with(name), "{selector}: {}", signer());
    }
    // Shorter, it could be anything.
    let short = fail(sign(&["--cert", &an[..7]]).args(desk.pin()), 3);
    assert!(short.contains("the first 8 digits"), "{short}");

    let pin = format!("{PIN}\r");
    let asked = format!("PIN of \"{TOKEN}\": ");
    let (exit, told) = at_terminal(
        &sign(&[]),
        &[("1 to 2:", "3\r"), ("1 to 2:", "2\r"), (&asked, &pin)],
    );
    assert_eq!(exit, 0, "{told}");
    assert!(told.contains("1. ") && told.contains("2. "), "{told}");
    assert!(
        told.contains("\"3\" is none of the numbers. Ctrl-C leaves."),
        "{told}"
    );
    let second = told
        .lines()
        .find(|line| line.trim_start().starts_with("2. "))
        .unwrap();
    let label = second.trim_start()[3..].split(' ').next().unwrap().to_owned();
    assert!(
        signer().ends_with(&format!(" {label}\"")),
        "{second}: {}",
        signer()
    );
    let (exit, told) = at_terminal(&sign(&[]), &[("1 to 2:", "\u{3}")]);
    assert_eq!(exit, 1, "Ctrl-C is a no: {told}");
    // A program is not asked.
    let (exit, told) = at_terminal(&sign(&["--json"]), &[]);
    assert_eq!(exit, 3, "{told}");
    assert!(told.contains("certificate_not_found"), "{told}");
}

#[test]
fn a_certificate_that_is_not_valid_now_is_named_with_its_date() {
    let desk = Desk::with_keys(&[
        ("old", "ec:p256", "expired"),
        ("early", "ec:p256", "not_yet_valid"),
    ]);
    std::fs::write(desk.path("đơn.txt"), "x").unwrap();
    let told = |language: &str, selector: &[&str]| {
        let mut sign = desk.trien(["sign", "--format", "cades", "--lang", language, "--out"]);
        sign.arg(desk.path("none"))
            .arg(desk.path("đơn.txt"))
            .args(selector);
        fail(sign.args(desk.pin()), 1)
    };
    let both = told("en", &[]);
    assert!(
        both.contains(": expired at 20") && both.contains(": valid from 20"),
        "{both}"
    );
    let one = told("vi", &["--cert", "old"]);
    assert!(
        one.contains(": hết hạn lúc ") && !one.contains("có hiệu lực từ"),
        "{one}"
    );
}
