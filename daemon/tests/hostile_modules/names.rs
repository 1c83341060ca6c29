//! Labels that pretend, and which tokens are one.

use std::path::Path;
use std::process::Command;

use trien::tokens::{Modules, TokenError, TokenSource};
use trien_signatures::algorithm::SignatureValue;

use crate::stage::{
    PIN, PROGRAM, Stage, TOKENS, answer, deadlines, name, pipe, rule, sign, signable, token_of,
};

/// The longest label that is shown, in characters.
const MAX_LABEL: usize = 255;

#[tokio::test]
async fn n101_labels_cannot_pretend() {
    let stage = Stage::new();
    let label = |text: &str| rule("C_GetTokenInfo", &format!("do = \"label\"\nvalue = \"{text}\""));
    for (text, shown) in [
        ("a\\u0000\\u0000", "a"),
        ("a\\u202eb\\u0007", "a\u{fffd}b\u{fffd}"),
        ("", ""),
    ] {
        let token = token_of(&stage.alone(&label(text))).await.unwrap();
        assert_eq!(token.entry().id.label, shown);
    }
    // Octets that are no UTF-8, or cut in the middle of a character, or controls and marks of direction, in every text
    // up to its end: none of them is lost to the person, none works on him, and the token is still one that signs.
    for (octets, shown) in [
        ("fffec328", "\u{fffd}\u{fffd}\u{fffd}("),
        ("e1bb87c3", "ệ\u{fffd}"),
        ("41e280ae", "A\u{fffd}"),
        ("0a1b5b00", "\u{fffd}\u{fffd}[\u{fffd}"),
        ("20", ""),
    ] {
        let modules = stage.alone(&rule(
            "C_GetTokenInfo",
            &format!("do = \"octets\"\nvalue = \"{octets}\""),
        ));
        let token = token_of(&modules).await.unwrap();
        let entry = token.entry();
        for text in [
            &entry.id.label,
            &entry.id.serial,
            &entry.manufacturer,
            &entry.model,
        ] {
            // Blanks to the end of the field are its padding; all else fills it.
            let is_shown = match shown {
                "" => text.is_empty(),
                shown => text.starts_with(shown),
            };
            assert!(is_shown && text.chars().count() <= 32, "{octets}: {text:?}");
            let neutral = |character: char| !character.is_control() && character != '\u{202e}';
            assert!(text.chars().all(neutral), "{octets}: {text:?}");
        }
        assert_eq!(name(&sign(&modules).await), "signed", "{octets}");
    }
}

/// What a certificate and its key are called on the token is the token's word, too, of any length.
#[tokio::test]
async fn n101_labels_of_certificates_cannot_pretend_either() {
    let stage = Stage::with(&TOKENS.replace("Người Thử\"", "Người Thử\", out = \"sign.pem\""));
    let (certificate, der) = (stage.0.path().join("sign.pem"), stage.0.path().join("sign.der"));
    let run = |command: &mut Command| {
        let output = command.env("TRIEN_HOME", stage.0.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    run(Command::new("openssl")
        .args(["x509", "-outform", "DER", "-in"])
        .arg(certificate)
        .arg("-out")
        .arg(&der));
    let long = "n".repeat(5000);
    let mut wanted = vec!["sign"];
    for (label, shown) in [
        ("a\u{202e}b\u{7}c", "a\u{fffd}b\u{fffd}c"),
        ("\u{2066}k\u{2069}", "\u{fffd}k\u{fffd}"),
        (&long, &long[..MAX_LABEL]),
    ] {
        let mut write = Command::new("pkcs11-tool");
        write
            .arg("--module")
            .arg(crate::module::software_token())
            .args(["--login", "--pin", PIN, "--type", "cert"]);
        run(write.args(["--label", label, "--write-object"]).arg(&der));
        wanted.push(shown);
    }
    let token = token_of(&stage.alone("")).await.unwrap();
    let held = token.certificates().await.unwrap();
    let mut told: Vec<_> = held.iter().map(|held| held.label.as_str()).collect();
    told.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(told, wanted);
}

/// What a certificate says of its owner is anybody's word: at a terminal it neither colours nor turns anything, and adds no
/// line of its own to what is told of it.
#[test]
fn n101_the_name_in_a_certificate_does_not_steer_the_terminal() {
    let stage = Stage::new();
    let (pem, der) = (
        stage.0.path().join("hostile.pem"),
        stage.0.path().join("hostile.der"),
    );
    let run = |command: &mut Command| {
        let output = command.env("TRIEN_HOME", stage.0.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let subject = "/CN=\u{1b}[31ma\u{202e}b\n  Valid\u{2066}/O=c\u{200f}d";
    let new = [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "/dev/null",
        "-utf8",
    ];
    run(Command::new("openssl")
        .args(new)
        .args(["-subj", subject, "-out"])
        .arg(&pem));
    let convert = ["x509", "-outform", "DER", "-in"];
    run(Command::new("openssl")
        .args(convert)
        .arg(&pem)
        .arg("-out")
        .arg(&der));
    let mut write = Command::new("pkcs11-tool");
    write.arg("--module").arg(crate::module::software_token());
    write.args(["--login", "--pin", PIN, "--type", "cert", "--label", "hostile"]);
    run(write.arg("--write-object").arg(&der));
    std::fs::create_dir_all(stage.0.path().join("config")).unwrap();
    stage.file("config/config.toml", "discover = false\n[cards]\npiv = false\n");
    for words in [["cert", "list"], ["token", "list"], ["trust", "add"]] {
        let mut command = Command::new(PROGRAM);
        command.args(words).args(["--lang", "en"]);
        if words[0] == "trust" {
            command.arg(&pem);
        }
        let told = run(&mut command);
        let steers = |character: char| {
            character.is_control() && character != '\n' || "\u{202e}\u{2066}\u{200f}".contains(character)
        };
        assert!(!told.contains(steers), "{words:?}: {told:?}");
        assert!(!told.contains("\n  Valid\u{fffd}"), "{words:?}: {told:?}");
        if words[0] == "cert" {
            assert!(
                told.contains("\u{fffd}[31ma\u{fffd}b\u{fffd}  Valid\u{fffd}"),
                "{told:?}"
            );
            assert!(told.contains("c\u{fffd}d"), "{told:?}");
        }
    }
}

#[tokio::test]
async fn n108_one_token_through_two_modules_is_one_entry() {
    let stage = Stage::new();
    let twice = [stage.module("one", ""), stage.module("two", "")];
    let modules = Modules::new(&twice, Path::new(PROGRAM), deadlines());
    assert_eq!(modules.tokens().await.tokens.len(), 1);
    let late = rule("C_Initialize", "do = \"answer-after\"\nvalue = 0x191");
    assert_eq!(
        name(&sign(&stage.alone(&late)).await),
        "signed",
        "it initialises itself when it is loaded"
    );
    let initialized = stage.alone(&answer("C_Initialize", "CKR_CRYPTOKI_ALREADY_INITIALIZED"));
    // It says that it is, and is not: a failure of its own, not ours.
    assert!(matches!(
        token_of(&initialized).await,
        Err(TokenError::Answered { .. })
    ));
}

/// One card through two modules that call their slots as they like, and give it names of their own: its certificate tells
/// that it is one. In two readers by name it is two.
#[tokio::test]
async fn n108_a_card_is_one_whatever_its_slots_are_called() {
    let stage = Stage::new();
    let in_slot = |slot: &str| {
        rule("C_GetSlotInfo", "do = \"flags\"\nset = 4")
            + &rule("C_GetSlotInfo", &format!("do = \"label\"\nvalue = {slot:?}"))
    };
    let renamed = rule("C_GetTokenInfo", "do = \"octets\"\nvalue = \"41\"");
    for (one, two, count) in [
        ("FT ePass2003 00 00", "FT ePass2003 00 00", 1),
        ("FT ePass2003 00 00", "ES SLOT 1", 1),
        ("ES SLOT 1", "Vendor Slot", 1),
        ("FT ePass2003 00 00", "FT ePass2003 01 00", 2),
    ] {
        let twice = [
            stage.module("one", &in_slot(one)),
            stage.module("two", &(in_slot(two) + &renamed)),
        ];
        let modules = Modules::new(&twice, Path::new(PROGRAM), deadlines());
        assert_eq!(modules.tokens().await.tokens.len(), count, "{one}, {two}");
    }
}

/// A maker who writes the same number and label into each: with two of them there, each is one, and its certificate leads
/// to its own key, and its PIN to itself alone.
#[tokio::test]
async fn n122_two_tokens_of_the_same_names_are_two() {
    let second = TOKENS
        .replace("\"hostile\"", "\"other\"")
        .replace(PIN, "87654321")
        .replace("Người Thử", "Người Khác");
    let stage = Stage::with(&(TOKENS.to_owned() + &second));
    let modules = stage.alone(&rule("C_GetTokenInfo", "do = \"octets\"\nvalue = \"41\""));
    let found: Vec<_> = modules.tokens().await.tokens;
    assert_eq!(found.len(), 2);
    let ids: Vec<_> = found.iter().map(|token| token.entry().id.clone()).collect();
    assert_eq!(ids[0].serial, ids[1].serial);
    assert_ne!(ids[0], ids[1]);
    let mut signed = 0;
    for token in &found {
        let held = token.certificates().await.unwrap();
        let [held] = &held[..] else { panic!("{held:?}") };
        let other = "Người Khác".as_bytes();
        let mut parts = held.certificate.as_der().windows(other.len());
        let pin = if parts.any(|part| part == other) {
            "87654321"
        } else {
            PIN
        };
        let mut session = token.open(held.key.as_ref().unwrap()).await.unwrap();
        session.attach_pin_pipe(pipe(&format!("{pin}\n"))).await.unwrap();
        session.login().await.unwrap();
        let signature = session.sign(&signable(), false).await.unwrap();
        session.close().await;
        let algorithm = signable().algorithm;
        let value = SignatureValue::from_token(algorithm, &signature).unwrap();
        held.certificate
            .verify_digest(algorithm, &signable().digest, &value)
            .unwrap();
        signed += 1;
    }
    assert_eq!(signed, 2);
}
