//! Tokens that imitate what is met in the field (`--profile`), at the command line: each signs, or says what it cannot.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::process::Command;

use serde_json::json;
use support::daemon::{Daemon, PORTAL, Page, allow, code};
use support::{Desk, error_code, fail, put_behind, read_json, specified, succeed};

/// A desk with one token of each of these profiles; its keys have its name, and certificates of one authority where
/// the profile lets them be made.
fn field(profiles: &[(&str, &str)]) -> Desk {
    let desk = Desk::bare();
    std::fs::create_dir(desk.path("trust")).unwrap();
    std::fs::write(desk.pin_file(), "24681357\n").unwrap();
    let certificate = |words: &str| format!("certificate = {{ subject = \"C=VN,CN=Thử\", {words} }}\n");
    let token = |label: &str, more: &str| {
        format!(
            "[[token]]\nlabel = \"{label}\"\npin = \"24681357\"\n{more}[[token.key]]\nlabel = \"{label}\"\n"
        )
    };
    let mut text = token("root", "") + "algorithm = \"ec:p256\"\n";
    text += &certificate("ca = true, out = \"trust/root.pem\"");
    for (profile, algorithm) in profiles {
        text += &token(profile, &format!("profile = \"{profile}\"\n"));
        text += &format!("algorithm = \"{algorithm}\"\n");
        text += &certificate("issuer = \"root\"");
    }
    succeed(&mut specified(&desk, &text));
    desk
}

fn signing(desk: &Desk, label: &str) -> Command {
    std::fs::write(desk.path("x.txt"), "x").unwrap();
    let mut command = desk.trien(["sign", "--format", "cades", "--cert", label, "--out"]);
    command
        .arg(desk.path(&format!("{label}.p7m")))
        .arg(desk.path("x.txt"));
    command
}

#[test]
fn tokens_of_the_field_sign() {
    let profiles = [
        ("enter-safe", "rsa:2048"),
        ("vgca", "rsa:3072"),
        ("pkcs1-only", "rsa:2048"),
        ("pss-only", "rsa:2048"),
        ("raw-only", "rsa:2048"),
        ("slow", "ec:p256"),
        ("no-matching-id", "ec:p256"),
        ("always-authenticate", "ec:p256"),
        ("private-certificate", "ec:p256"),
    ];
    let desk = field(&profiles);
    for (profile, _) in profiles {
        succeed(signing(&desk, profile).args(desk.pin()));
        let signed = desk.path(&format!("{profile}.p7m"));
        succeed(
            desk.trien(["verify", "--trust"])
                .arg(desk.path("trust"))
                .arg(signed),
        );
    }
}

/// Nobody names a scheme, and the token makes only one: that is what is signed with, and what OpenSSL finds.
#[test]
fn the_scheme_is_chosen_from_what_the_token_offers() {
    let desk = field(&[
        ("pkcs1-only", "rsa:2048"),
        ("pss-only", "rsa:2048"),
        ("raw-only", "rsa:2048"),
    ]);
    for (profile, asked, expected) in [
        ("pkcs1-only", None, "rsaencryption"),
        ("pss-only", None, "rsassapss"),
        ("raw-only", None, "rsaencryption"),
        ("pss-only", Some("pss"), "rsassapss"),
        ("raw-only", Some("pss"), "rsassapss"),
    ] {
        let mut command = signing(&desk, profile);
        let asked = asked.map(|padding| ["--padding", padding]);
        succeed(command.args(asked.iter().flatten()).args(desk.pin()));
        let signed = desk.path(&format!("{profile}.p7m"));
        let mut openssl = Command::new("openssl");
        openssl.args(["cms", "-verify", "-binary", "-noverify", "-inform", "DER", "-in"]);
        assert_eq!(succeed(openssl.arg(&signed)), "x", "{profile}");
        let mut openssl = Command::new("openssl");
        openssl.args(["cms", "-cmsout", "-print", "-noout", "-inform", "DER", "-in"]);
        let shown = succeed(openssl.arg(&signed));
        let (_, scheme) = shown.rsplit_once("signatureAlgorithm:").unwrap();
        let scheme = scheme.lines().nth(1).unwrap();
        assert!(
            scheme.to_lowercase().contains(expected),
            "{profile} {asked:?}: {scheme}"
        );
        std::fs::remove_file(signed).unwrap();
    }
    // What was asked for, and cannot be, is said rather than something else made.
    let mut pkcs1 = signing(&desk, "pss-only");
    pkcs1.args(["--padding", "pkcs1"]).args(desk.pin());
    assert_eq!(error_code(&mut pkcs1, 3), "unsupported_by_token");
}

#[test]
fn what_a_token_of_the_field_cannot_do_is_said() {
    let desk = field(&[("pkcs1-only", "rsa:2048"), ("vgca", "rsa:3072")]);
    let mut pss = signing(&desk, "pkcs1-only");
    pss.args(["--padding", "pss"]).args(desk.pin());
    assert_eq!(error_code(&mut pss, 3), "unsupported_by_token");

    let words = [
        "token",
        "generate-key",
        "--token",
        "vgca",
        "--algorithm",
        "rsa:2048",
        "--label",
        "short",
    ];
    assert_eq!(
        error_code(desk.trien(words).args(desk.pin()), 3),
        "unsupported_by_token"
    );
    let vgca = || {
        let tokens = read_json(&succeed(&mut desk.trien(["token", "list", "--json"])));
        let tokens = tokens.as_array().unwrap().clone();
        tokens.into_iter().find(|token| token["label"] == "vgca").unwrap()
    };
    assert_eq!(vgca()["model"], "VGCA-like");
    std::fs::write(desk.path("wrong"), "99999999\n").unwrap();
    for _ in 0..2 {
        let mut command = signing(&desk, "vgca");
        command.arg("--pin-file").arg(desk.path("wrong"));
        assert_eq!(error_code(&mut command, 1), "pin_incorrect");
    }
    assert_eq!(vgca()["pin"], "last_try", "three tries in all");
}

/// The PIN is tried for each signature: out of a file it is the same one, out of a pipe the next line.
#[test]
fn a_key_that_wants_its_pin_for_each_signature_signs_a_batch() {
    let desk = field(&[("always-authenticate", "ec:p256")]);
    let inputs = ["one", "two", "three"].map(|name| {
        std::fs::write(desk.path(name), name).unwrap();
        desk.path(name)
    });
    let batch = |out: &str| {
        std::fs::create_dir(desk.path(out)).unwrap();
        let mut command = desk.trien([
            "sign",
            "--format",
            "cades",
            "--cert",
            "always-authenticate",
            "--out",
        ]);
        command.arg(desk.path(out)).args(&inputs);
        command
    };
    succeed(batch("by-file").args(desk.pin()));
    assert_eq!(std::fs::read_dir(desk.path("by-file")).unwrap().count(), 3);
    // Two lines for three signatures: what was signed by then is there.
    std::fs::write(desk.path("lines"), "24681357\n24681357\n").unwrap();
    let pipe = format!("cat '{}' | \"$@\"", desk.path("lines").display());
    let mut words = batch("by-pipe");
    words.args(["--pin-fd", "0", "--json"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", &pipe, "sh"]);
    let output = put_behind(shell, &words).output().unwrap();
    assert_ne!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(std::fs::read_dir(desk.path("by-pipe")).unwrap().count(), 2);
    // A wrong PIN is one try for all of them.
    std::fs::write(desk.path("wrong"), "99999999\n").unwrap();
    let mut wrong = batch("wrong-pin");
    wrong.arg("--pin-file").arg(desk.path("wrong"));
    assert_eq!(error_code(&mut wrong, 1), "pin_incorrect");
}

/// A certificate's name that was mistyped is no reason to try a PIN at a token that may be somebody else's.
#[test]
fn a_mistyped_selector_spends_no_try_of_another_token() {
    let desk = field(&[("slow", "ec:p256"), ("private-certificate", "ec:p256")]);
    std::fs::write(desk.path("wrong"), "99999999\n").unwrap();
    for _ in 0..3 {
        let mut command = signing(&desk, "slwo");
        command.arg("--pin-file").arg(desk.path("wrong"));
        assert_eq!(error_code(&mut command, 3), "no_certificate");
    }
    for (language, said) in [
        ("vi", "Không có chứng thư số nào khớp"),
        ("en", "No certificate matches"),
    ] {
        let mut command = signing(&desk, "slwo");
        let told = fail(command.args(desk.pin()).args(["--lang", language]), 3);
        assert!(told.contains(said) && told.contains("\n  slow ("), "{told}");
        assert!(
            told.contains("(private-certificate)") && told.contains("trien cert list --reveal"),
            "{told}"
        );
    }
    let tokens = read_json(&succeed(&mut desk.trien(["token", "list", "--json"])));
    let held = tokens
        .as_array()
        .unwrap()
        .iter()
        .filter(|token| token["initialized"] == true);
    assert_eq!(
        held.filter(|token| token["pin"] == "ready").count(),
        3,
        "{tokens}"
    );
    // One PIN is for one token.
    let text = "[[token]]\nlabel = \"other\"\npin = \"13572468\"\n";
    succeed(&mut specified(&desk, text));
    let mut reveal = desk.trien(["cert", "list", "--reveal"]);
    assert_eq!(error_code(reveal.args(desk.pin()), 2), "token-hide-several");
}

/// A page cannot have anybody log in to look: it is told what to do once, and so is who asks the doctor.
#[test]
fn certificates_that_show_only_after_login_are_shown_to_a_page_once_they_were_revealed() {
    let desk = field(&[("private-certificate", "ec:p256")]);
    allow(&desk, PORTAL, &["certificates", "sign"]);
    let script = "[[answer]]\ndecision = \"approve\"\nrepeat = true\npins = [\"24681357\"]\n";
    let daemon = Daemon::start(&desk, script);
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    let document = page.upload("x.txt", b"x");
    let mut sign = || {
        page.call(
            "sign_documents",
            &json!({ "documents": [document], "format": "cades_detached" }),
        )
    };
    let command = "trien cert list --reveal";
    let none = sign();
    assert_eq!(code(&none), "no_certificate", "{none}");
    for language in ["vi", "en"] {
        let remedy = none["error"]["data"]["remedy"][language].as_str().unwrap();
        assert!(remedy.contains(command), "{remedy}");
    }
    let doctor = |language: &str| {
        let told = desk
            .trien(["doctor", "--json", "--lang", language])
            .output()
            .unwrap();
        let told = read_json(&String::from_utf8(told.stdout).unwrap());
        let mut findings = told["findings"].as_array().unwrap().clone();
        findings.retain(|finding| finding["code"] == "token_no_certificate");
        findings
    };
    for language in ["vi", "en"] {
        let [hidden] = &doctor(language)[..] else {
            panic!("the token of the authority shows its certificate");
        };
        assert_eq!(hidden["state"], "warning");
        assert!(
            hidden["message"]
                .as_str()
                .unwrap()
                .contains("private-certificate"),
            "{hidden}"
        );
        assert!(hidden["remedy"].as_str().unwrap().contains(command), "{hidden}");
    }
    let without = succeed(&mut desk.trien(["cert", "list"]));
    assert!(!without.contains("private-certificate"), "{without}");
    let revealed = succeed(desk.trien(["cert", "list", "--reveal"]).args(desk.pin()));
    assert!(revealed.contains("private-certificate"), "{revealed}");
    let signed = sign();
    assert_eq!(signed["result"]["documents"][0]["status"], "signed", "{signed}");
    assert!(doctor("en").is_empty());
}
