//! Tokens made for tests and build servers, from one file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{Desk, fail, read_json, repository, specified, succeed};
use crate::{issued, openssl, sign_and_verify, token_folders};

const SPEC: &str = r#"
[[token]]
label = "CA"
pin = "24681357"

[[token.key]]
label = "root"
algorithm = "rsa:2048"
certificate = { subject = "C=VN,O=Thử nghiệm,CN=Gốc", ca = true, days = 3650, out = "trust/root.pem" }

[[token]]
label = "Ký"
pin_file = "pin"
so_pin_env = "SO_PIN"
profile = "pkcs1-only"

[[token.key]]
label = "an"
id = "01"
algorithm = "rsa:2048"
certificate = { subject = "C=VN,CN=Nguyễn Văn An,UID=CCCD:079085000123", issuer = "root", out = "an.pem" }

[[token.key]]
label = "cũ"
file = "old.p12"
password = "x"
"#;

fn desk_with_old_key() -> Desk {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("trust")).unwrap();
    issued(
        &desk,
        "old",
        &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    );
    let words = [
        "pkcs12", "-export", "-inkey", "old.key", "-in", "old.pem", "-out", "old.p12", "-passout", "pass:x",
    ];
    openssl(&desk, &words);
    desk
}

#[test]
fn a_specification_makes_tokens_keys_and_certificates_once() {
    let desk = desk_with_old_key();
    let told = read_json(&succeed(specified(&desk, SPEC).arg("--json")));
    let states = |told: &Value| -> Vec<String> {
        let tokens = told["tokens"].as_array().unwrap().iter();
        tokens
            .map(|token| format!("{} {} {}", token["label"], token["state"], token["keys"]))
            .collect()
    };
    assert_eq!(states(&told), [r#""CA" "made" 1"#, r#""Ký" "made" 2"#]);
    assert_eq!(told["certificates"].as_array().unwrap().len(), 2);
    let trust = desk.path("trust").display().to_string();
    openssl(
        &desk,
        &["verify", "-CAfile", "trust/root.pem", "-x509_strict", "an.pem"],
    );

    std::fs::write(desk.path("x.txt"), "x").unwrap();
    let mut signing = desk.trien(["sign", "--format", "cades", "--cert", "an"]);
    signing
        .arg("--out")
        .arg(desk.path("x.p7m"))
        .arg(desk.path("x.txt"));
    succeed(signing.args(desk.pin()));
    succeed(desk.trien(["verify", "--trust", &trust]).arg(desk.path("x.p7m")));
    sign_and_verify(&desk, &desk.home(), "cũ");

    let before = token_folders(&desk);
    std::fs::remove_file(desk.path("an.pem")).unwrap();
    let again = read_json(&succeed(specified(&desk, SPEC).arg("--json")));
    assert_eq!(states(&again), [r#""CA" "kept" 0"#, r#""Ký" "kept" 0"#]);
    assert_eq!(token_folders(&desk), before);
    openssl(&desk, &["verify", "-CAfile", "trust/root.pem", "an.pem"]);

    // A token that is added is certified by one that was there.
    let more = SPEC.to_owned()
        + r#"
[[token]]
label = "Thêm"
pin = "24681357"
[[token.key]]
label = "binh"
algorithm = "ec:p256"
certificate = { subject = "C=VN,CN=Lê Bình", issuer = "root", out = "binh.pem" }
"#;
    let told = succeed(&mut specified(&desk, &more));
    assert!(
        told.contains("\"Thêm\" was made") && told.contains("\"CA\" (serial"),
        "{told}"
    );
    openssl(&desk, &["verify", "-CAfile", "trust/root.pem", "binh.pem"]);
    let left: BTreeSet<_> = std::fs::read_dir(desk.home().join("data"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(
        left,
        ["audit.jsonl", "evidence", "tokens", "tokens.lock"]
            .map(str::to_owned)
            .into()
    );
}

/// Whoever looks for a label and makes what is not there is not disturbed in between.
#[test]
fn a_label_is_one_tokens_however_many_make_it_at_once() {
    let desk = Desk::new();
    let spec = "[[token]]\nlabel = \"Cùng\"\npin = \"24681357\"\n[[token.key]]\nlabel = \"k\"\nalgorithm = \"ec:p256\"\n";
    for (label, from_file) in [("Một", false), ("Cùng", true)] {
        let command = || match from_file {
            true => specified(&desk, spec),
            false => {
                let mut init = desk.trien(["token", "init", "--label", label, "--so-pin-file"]);
                init.arg(desk.pin_file()).args(desk.pin());
                init
            }
        };
        let mut commands = [command(), command(), command(), command()];
        let silent = std::process::Stdio::null;
        let begun: Vec<_> = commands
            .iter_mut()
            .map(|init| init.stdout(silent()).stderr(silent()).spawn().unwrap())
            .collect();
        let mut codes: Vec<_> = begun
            .into_iter()
            .map(|mut one| one.wait().unwrap().code().unwrap())
            .collect();
        codes.sort_unstable();
        let listed = read_json(&succeed(desk.trien(["token", "list"]).arg("--json")));
        let of_label = listed
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["label"] == label);
        assert_eq!(of_label.count(), 1, "{listed}");
        assert_eq!(codes, if from_file { [0, 0, 0, 0] } else { [0, 2, 2, 2] });
    }
}

#[test]
fn a_specification_that_cannot_be_met_makes_nothing_and_says_where() {
    let desk = desk_with_old_key();
    for (wrong, right, place) in [
        (
            "algorithm = \"rsa:512\"",
            "algorithm = \"rsa:2048\"",
            "there is no algorithm \"rsa:512\"",
        ),
        (
            "labl = \"root\"",
            "label = \"root\"",
            "tokens.toml\", line 7: unknown field",
        ),
        (
            "issuer = \"nobody\"",
            "issuer = \"root\"",
            "token \"Ký\", key \"an\": there is no key \"nobody\"",
        ),
        (
            "profile = \"none\"",
            "profile = \"pkcs1-only\"",
            "there is no profile \"none\"",
        ),
        (
            "subject = \"=\"",
            "subject = \"C=VN,CN=Nguyễn Văn An,UID=CCCD:079085000123\"",
            "\"=\" is no subject",
        ),
        (
            "file = \"none.p12\"",
            "file = \"old.p12\"",
            "none.p12\" cannot be read",
        ),
        ("password = \"y\"", "password = \"x\"", "old.p12\" is wrong"),
        (
            "ca = true, sign_in = true",
            "ca = true",
            "\"ca\" and \"sign_in\" cannot stand together",
        ),
        (
            "so_pin_env = \"NOT_SET\"",
            "so_pin_env = \"SO_PIN\"",
            "NOT_SET is not set",
        ),
        (
            "out = \"no/an.pem\"",
            "out = \"an.pem\"",
            "no/an.pem\" cannot be written",
        ),
        // Only the token itself can tell: the first one is made by then, and must not stay.
        ("pin = \"123\"\n#", "pin_file = \"pin\"", "PIN"),
    ] {
        let text = SPEC.replacen(right, wrong, 1);
        assert_ne!(text, SPEC, "{right}");
        let output = specified(&desk, &text).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && told.contains(place),
            "{wrong}: {told}"
        );
        assert_eq!(token_folders(&desk), Vec::<PathBuf>::new(), "{wrong}");
        assert!(!desk.path("trust/root.pem").exists(), "{wrong}");
    }
    let both = desk.trien(["token", "init", "--from-spec", "x", "--label", "y"]);
    fail(&mut { both }, 2);
    fail(&mut desk.trien(["token", "init"]), 2);
}

#[test]
fn a_pin_of_a_specification_is_told_with_its_token() {
    let desk = Desk::bare();
    let token = |more: &str| format!("[[token]]\nlabel = \"Của An\"\n{more}");
    for (text, exit, code, said) in [
        (
            token(""),
            2,
            "token-spec-no-pin",
            ["The token \"Của An\"", "Token \"Của An\""],
        ),
        (
            token("pin = \"1\"\n"),
            3,
            "token-spec-pin-invalid",
            ["The PIN of the token \"Của An\"", "Mã PIN của token \"Của An\""],
        ),
        (
            token("pin = \"12345678\"\nso_pin = \"1\"\n"),
            3,
            "token-spec-so-pin-invalid",
            [
                "(so_pin) of the token \"Của An\"",
                "(so_pin) của token \"Của An\"",
            ],
        ),
    ] {
        for (language, said) in ["en", "vi"].into_iter().zip(said) {
            let told = fail(specified(&desk, &text).args(["--lang", language]), exit);
            assert!(told.contains(said), "{told}");
            let told = fail(specified(&desk, &text).args(["--lang", language, "--json"]), exit);
            let told = read_json(&told);
            assert_eq!(told["error"]["code"], code);
            assert!(
                told["error"]["message"].as_str().unwrap().contains(said),
                "{told}"
            );
        }
    }
    let made = token("pin = \"12345678\"\n[[token.key]]\nlabel = \"k\"\nalgorithm = \"ec:p256\"\n");
    let told = succeed(&mut specified(&desk, &made));
    assert!(told.contains("was made (keys: 1)"), "{told}");
}

/// The commands of the example for build servers in the README.
fn readme_commands() -> String {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let (_, behind) = readme
        .split_once("        run: |\n")
        .expect("the example has a run block");
    let lines = behind.lines().take_while(|line| line.starts_with("          "));
    lines.map(|line| format!("{}\n", line.trim_start())).collect()
}

#[test]
fn the_example_for_build_servers_signs_a_pdf() {
    let desk = Desk::bare();
    let commands = readme_commands();
    assert!(commands.contains("trien sign dossier.pdf"), "{commands}");
    std::fs::copy(
        repository().join("testdata/documents/dossier.pdf"),
        desk.path("dossier.pdf"),
    )
    .unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_trien")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    for round in ["first", "again"] {
        let mut build = Command::new("bash");
        build.args(["-e", "-c", &commands]).current_dir(desk.path(""));
        build
            .env("PATH", &path)
            .env("TRIEN_HOME", desk.path("runner"))
            .env("SIGNING_PIN", "24681357");
        let told = succeed(build.env("LC_ALL", "en_US.UTF-8"));
        assert!(told.contains("TOTAL-PASSED"), "{round}: {told}");
    }
}
