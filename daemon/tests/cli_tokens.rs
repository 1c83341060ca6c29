//! Tokens made for tests and build servers: from a specification, from key files, out of a backup or a repository.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::{Desk, PIN, TOKEN, error_code, fail, read_json, repository, specified, succeed};

fn openssl(desk: &Desk, words: &[&str]) {
    succeed(Command::new("openssl").args(words).current_dir(desk.path("")));
}

/// A key with a certificate of the demo PKI, as files.
fn issued(desk: &Desk, name: &str, algorithm: &[&str]) {
    let [key, csr] = ["key", "csr"].map(|kind| format!("{name}.{kind}"));
    openssl(desk, &[&["genpkey", "-out", &key], algorithm].concat());
    let subject = format!("/C=VN/ST=Hà Nội/CN=Trần Thị {name}/UID=CCCD:001084000123");
    openssl(
        desk,
        &[
            "req", "-new", "-utf8", "-key", &key, "-subj", &subject, "-out", &csr,
        ],
    );
    succeed(
        Command::new(repository().join("testdata/pki/issue.sh"))
            .arg(desk.pki())
            .arg("citizen")
            .arg(desk.path(&csr))
            .arg(desk.path(&format!("{name}.pem"))),
    );
}

fn import(desk: &Desk, words: &[&str]) -> Command {
    let mut command = desk.trien(["token", "import", "--token", TOKEN]);
    command.args(words).args(desk.pin()).current_dir(desk.path(""));
    command
}

/// With the key of a chip whose keys can be computed from their public half (CVE-2017-15361).
#[test]
fn n107_a_roca_key_is_told_before_it_is_used() {
    let desk = Desk::with_token();
    let key = repository().join("daemon/signatures/tests/vectors/roca/key.p12");
    std::fs::write(desk.path("password"), "roca\n").unwrap();
    succeed(
        import(&desk, &["--password-file", "password"])
            .arg("--key")
            .arg(key),
    );
    let listed = read_json(&succeed(desk.trien(["cert", "list"]).arg("--json")));
    assert_eq!(listed[0]["roca"], true, "{listed}");
    let listed = succeed(&mut desk.trien(["cert", "list"]));
    assert!(listed.contains("ROCA"), "{listed}");
    let doctor = desk.trien(["doctor"]).output().unwrap();
    let said = String::from_utf8(doctor.stdout).unwrap();
    assert!(said.contains("CVE-2017-15361"), "{said}");
}

/// Signs a file with the certificate of that label, and has it verified.
#[track_caller]
fn sign_and_verify(desk: &Desk, home: &Path, label: &str) {
    let (input, output) = (desk.path("văn bản.txt"), desk.path(&format!("{label}.p7m")));
    std::fs::write(&input, "Quyết định").unwrap();
    let mut signing = desk.trien(["sign", "--format", "cades", "--cert", label]);
    signing
        .env("TRIEN_HOME", home)
        .arg("--out")
        .arg(&output)
        .arg(&input);
    succeed(signing.args(desk.pin()));
    // What this desk trusts, whichever home the token was in.
    succeed(desk.trien(["verify"]).arg(&output));
}

/// Below the person's own home a module reaches nothing that it is not let into, and what is not there yet it cannot be.
#[test]
fn the_first_token_makes_the_folder_that_it_lies_in() {
    support::module::software_token();
    let desk = Desk::bare();
    std::fs::write(desk.pin_file(), format!("{PIN}\n")).unwrap();
    let (home, new) = (desk.path(""), desk.path("new/home"));
    let words = ["token", "init", "--label", TOKEN, "--so-pin-file"];
    let mut init = desk.trien(words);
    init.arg(desk.pin_file()).args(desk.pin());
    succeed(init.env("HOME", home).env("TRIEN_HOME", &new));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&new), mode(new.parent().unwrap())), (0o700, 0o700));
}

/// What cannot be asked for is named by its own option.
#[test]
fn where_nobody_types_the_missing_option_is_named() {
    let desk = Desk::new();
    let alone = |words: &[&str]| {
        let command = desk.trien(words.iter().copied());
        let mut alone = Command::new("setsid");
        alone
            .arg("--wait")
            .arg(command.get_program())
            .args(command.get_args())
            .args(desk.pin());
        for (name, value) in command.get_envs() {
            alone.env(name, value.unwrap());
        }
        alone.stdin(std::process::Stdio::null());
        alone
    };
    let told = fail(&mut alone(&["token", "init", "--label", "x"]), 2);
    assert!(
        told.contains("with --so-pin-file") && !told.contains("--pin-fd"),
        "{told}"
    );
    openssl(
        &desk,
        &[
            "genpkey",
            "-algorithm",
            "RSA",
            "-aes256",
            "-pass",
            "pass:secret",
            "-out",
            "k.pem",
        ],
    );
    let key = desk.path("k.pem");
    let words = ["token", "import", "--token", "x", "--key", key.to_str().unwrap()];
    let told = fail(&mut alone(&words), 2);
    assert!(told.contains("with --password-file"), "{told}");
}

#[test]
fn a_key_from_a_file_signs_with_its_chain_beside_it() {
    let desk = Desk::with_token();
    issued(
        &desk,
        "rsa",
        &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    );
    issued(
        &desk,
        "ec",
        &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    );
    std::fs::write(desk.path("password"), "Mật khẩu\n").unwrap();
    let ca = desk.pki().join("ca.pem").display().to_string();
    let words = [
        "pkcs12",
        "-export",
        "-legacy",
        "-inkey",
        "rsa.key",
        "-in",
        "rsa.pem",
        "-certfile",
        &ca,
        "-name",
        "Ký số",
        "-out",
        "rsa.p12",
        "-passout",
        "pass:Mật khẩu",
    ];
    openssl(&desk, &words);

    let told = succeed(import(&desk, &["--key", "rsa.p12", "--password-file", "password"]).arg("--json"));
    let told = read_json(&told);
    assert_eq!(
        (&told["label"], &told["algorithm"]),
        (&"Ký số".into(), &"rsa:2048".into())
    );
    assert_eq!(told["certificates"].as_array().unwrap().len(), 2);
    assert_eq!(told["id"].as_str().unwrap().len(), 40, "SHA-1 of the public key");
    let again = import(
        &desk,
        &["--key", "rsa.p12", "--password-file", "password", "--label", "x"],
    );
    assert_eq!(error_code(&mut { again }, 2), "token-import-there");
    sign_and_verify(&desk, &desk.home(), "Ký số");

    let wrong = import(&desk, &["--key", "ec.key", "--cert", "rsa.pem"]);
    assert_eq!(error_code(&mut { wrong }, 3), "token-import-no-match");
    let bad_id = import(&desk, &["--key", "ec.key", "--cert", "ec.pem", "--id", "0x01"]);
    assert_eq!(error_code(&mut { bad_id }, 2), "token-import-bad-id");
    succeed(&mut import(
        &desk,
        &[
            "--key", "ec.key", "--cert", "ec.pem", "--label", "ec", "--id", "01",
        ],
    ));
    sign_and_verify(&desk, &desk.home(), "ec");

    issued(
        &desk,
        "next",
        &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    );
    let words = ["--key", "next.key", "--label"];
    let same_id = import(&desk, &[&words[..], &["next", "--id", "01"]].concat());
    assert_eq!(error_code(&mut { same_id }, 2), "token-import-id-taken");
    assert_eq!(
        error_code(&mut import(&desk, &[&words[..], &["ec"]].concat()), 2),
        "token-key-taken"
    );
    openssl(&desk, &["genpkey", "-algorithm", "ED25519", "-out", "ed.key"]);
    let told = succeed(import(&desk, &["--key", "ed.key"]).arg("--json"));
    assert_eq!(
        read_json(&told)["label"],
        "ed",
        "without another name, the file's"
    );
    let none = import(&desk, &["--key", "rsa.pem"]);
    assert_eq!(error_code(&mut { none }, 3), "token-import-no-key");
    std::fs::write(desk.path("password"), "falsch\n").unwrap();
    let wrong = import(&desk, &["--key", "rsa.p12", "--password-file", "password"]);
    assert_eq!(error_code(&mut { wrong }, 3), "token-import-password-wrong");
}

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

fn token_folders(desk: &Desk) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(desk.home().join("data/tokens"))
        .into_iter()
        .flatten();
    folder.map(|entry| entry.unwrap().path()).collect()
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
fn a_token_comes_back_from_its_backup() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    let saved = desk.path("saved.tar");
    let export = || {
        let mut command = desk.trien(["token", "export-store", "--token", TOKEN, "--out"]);
        command.arg(&saved);
        command
    };
    succeed(&mut export());
    assert_eq!(
        std::fs::metadata(&saved).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(error_code(&mut export(), 2), "token-export-there");
    let restore = |home: &Path, file: &Path| {
        let mut command = desk.trien(["token", "import-store"]);
        command.arg(file).env("TRIEN_HOME", home);
        command
    };
    assert_eq!(
        error_code(&mut restore(&desk.home(), &saved), 2),
        "token-import-store-there"
    );

    let elsewhere = desk.path("elsewhere");
    succeed(&mut restore(&elsewhere, &saved));
    sign_and_verify(&desk, &elsewhere, "an");
    let folder = std::fs::read_dir(elsewhere.join("data/tokens"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        assert_eq!(
            file.unwrap().metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    let whole = std::fs::read(&saved).unwrap();
    let bad = desk.path("bad.tar");
    let nowhere = desk.path("nowhere");
    for (what, bytes) in [
        ("cut", whole[..whole.len() / 2].to_vec()),
        ("empty", Vec::new()),
        // A byte of the token's label, in a part that only its own check covers.
        ("changed", {
            let mut bytes = whole.clone();
            let label = TOKEN.as_bytes();
            let found = bytes.windows(label.len()).position(|window| window == label);
            bytes[found.unwrap()] ^= 1;
            bytes
        }),
        ("flipped", {
            let mut bytes = whole.clone();
            bytes[4608..8704].iter_mut().for_each(|byte| *byte ^= 0x55);
            bytes
        }),
    ] {
        std::fs::write(&bad, bytes).unwrap();
        assert_eq!(
            error_code(&mut restore(&nowhere, &bad), 3),
            "token-import-store-bad",
            "{what}"
        );
        assert!(!nowhere.join("data/tokens").exists(), "{what}");
        // The sentence is the person's; what SQLite says of a database stands on a line of its own.
        let told = fail(restore(&nowhere, &bad).args(["--lang", "vi"]), 3);
        let sentence = told.lines().next().unwrap();
        let reasons = ["tệp lưu trữ", "thiếu một phần", "đã bị thay đổi", "cơ sở dữ liệu"];
        assert!(
            reasons.iter().any(|reason| sentence.contains(reason)),
            "{what}: {told}"
        );
    }
    succeed(
        Command::new("tar")
            .args(["-C", "/etc", "-cf"])
            .arg(&bad)
            .arg("hostname"),
    );
    assert_eq!(
        error_code(&mut restore(&nowhere, &bad), 3),
        "token-import-store-bad"
    );
    let told = fail(restore(&nowhere, &bad).args(["--lang", "vi"]), 3);
    assert!(told.contains("bên trong không phải là một token"), "{told}");
}

#[test]
fn a_backup_taken_while_others_write_is_whole() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 0..6 {
                let label = format!("khóa {number}");
                let words = [
                    "token",
                    "generate-key",
                    "--token",
                    TOKEN,
                    "--algorithm",
                    "ec:p256",
                    "--label",
                    &label,
                ];
                succeed(desk.trien(words).args(desk.pin()));
            }
        });
        let mut number = 0;
        while !writer.is_finished() {
            let (saved, home) = (
                desk.path(&format!("{number}.tar")),
                desk.path(&format!("home {number}")),
            );
            succeed(
                desk.trien(["token", "export-store", "--token", TOKEN, "--out"])
                    .arg(&saved),
            );
            succeed(
                desk.trien(["token", "import-store"])
                    .arg(&saved)
                    .env("TRIEN_HOME", &home),
            );
            sign_and_verify(&desk, &home, "an");
            number += 1;
        }
    });
}

#[test]
fn a_token_directory_in_a_repository_signs_after_a_clone() {
    let desk = Desk::with_keys(&[("an", "rsa:2048", "citizen")]);
    let git = |folder: &Path, words: &[&str]| {
        let identity = ["-c", "user.name=An", "-c", "user.email=an@example.vn"];
        succeed(Command::new("git").args(identity).args(words).current_dir(folder));
    };
    git(&desk.home(), &["init", "-q"]);
    git(&desk.home(), &["add", "data/tokens"]);
    git(&desk.home(), &["commit", "-q", "-m", "A token to test with"]);
    let clone = desk.path("clone").display().to_string();
    git(&desk.home(), &["clone", "-q", ".", &clone]);
    sign_and_verify(&desk, Path::new(&clone), "an");
    let output = Command::new("git")
        .args(["status", "--porcelain", "data/tokens"])
        .current_dir(&clone)
        .output();
    assert_eq!(
        String::from_utf8(output.unwrap().stdout).unwrap(),
        "",
        "signing changes no byte of it"
    );
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

/// What `trien token list` and `trien doctor` say, in English and in Vietnamese; the doctor answers no.
fn told_of_damage(desk: &Desk) -> [String; 4] {
    let list = |locale: &str| succeed(desk.trien(["token", "list"]).env("LC_ALL", locale));
    let doctor = |locale: &str| fail(desk.trien(["doctor"]).env("LC_ALL", locale), 1);
    let [english, vietnamese] = ["en_US.UTF-8", "vi_VN.UTF-8"];
    [
        list(english),
        doctor(english),
        list(vietnamese),
        doctor(vietnamese),
    ]
}

#[track_caller]
fn is_told_with_a_remedy(told: &[String; 4], name: &str) {
    for (told, corrupt) in told.iter().zip(["corrupt", "corrupt", "hỏng", "hỏng"]) {
        let about = |line: &&str| line.contains(name) && line.to_lowercase().contains(corrupt);
        assert!(told.lines().any(|line| about(&line)), "{told}");
        assert!(told.contains("trien token import-store"), "{told}");
    }
}

#[test]
fn a_token_with_a_damaged_record_is_told_until_a_backup_is_restored() {
    let desk = Desk::with_keys(&[("ký", "ec:p256", "citizen")]);
    let archive = desk.path("saved.tar");
    succeed(
        desk.trien(["token", "export-store", "--token", TOKEN, "--out"])
            .arg(&archive),
    );
    let folder = token_folders(&desk).remove(0);
    let store = rusqlite::Connection::open(folder.join("token.db")).unwrap();
    let zeroed =
        "UPDATE object SET record = zeroblob(length(record)) WHERE id = (SELECT min(id) FROM object)";
    assert_eq!(store.execute(zeroed, []), Ok(1));
    drop(store);
    is_told_with_a_remedy(&told_of_damage(&desk), TOKEN);
    let listed = read_json(&succeed(desk.trien(["token", "list"]).arg("--json")));
    assert_eq!(
        (&listed[0]["damaged"], &listed[0]["label"]),
        (&true.into(), &TOKEN.into())
    );

    std::fs::rename(&folder, desk.path("damaged")).unwrap();
    succeed(desk.trien(["token", "import-store"]).arg(&archive));
    let listed = succeed(&mut desk.trien(["token", "list"]));
    assert!(listed.contains(TOKEN) && !listed.contains("corrupt"), "{listed}");
    sign_and_verify(&desk, &desk.home(), "ký");
}

#[test]
fn a_token_whose_store_is_cut_off_is_told_and_stands_in_nobodys_way() {
    let desk = Desk::with_token();
    let folder = token_folders(&desk).remove(0);
    let serial = folder.file_name().unwrap().to_str().unwrap();
    // The header is sound here, and what the PIN opens is not.
    let pins = rusqlite::Connection::open(folder.join("token.db")).unwrap();
    let zeroed = "UPDATE part SET body = zeroblob(length(body)) WHERE name = 'pin.user'";
    assert_eq!(pins.execute(zeroed, []), Ok(1));
    drop(pins);
    is_told_with_a_remedy(&told_of_damage(&desk), serial);
    let store = std::fs::OpenOptions::new()
        .write(true)
        .open(folder.join("token.db"))
        .unwrap();
    for length in [5000, 100, 0] {
        store.set_len(length).unwrap();
        let _ = std::fs::remove_file(folder.join("token.db-wal"));
        is_told_with_a_remedy(&told_of_damage(&desk), serial);
    }
    let listed = read_json(&succeed(desk.trien(["token", "list"]).arg("--json")));
    let damaged: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .filter(|token| token["damaged"] == true)
        .collect();
    assert_eq!(damaged.len(), 1, "{listed}");
    assert_eq!(damaged[0]["initialized"], false, "{listed}");
    assert!(damaged[0]["label"].as_str().unwrap().contains(serial), "{listed}");

    // It is not taken for the free slot, nor does its name go to another one.
    let pin = desk.pin_file();
    let so_pin = ["--so-pin-file".as_ref(), pin.as_os_str()];
    let mut init = desk.trien(["token", "init", "--label", "mới"]);
    succeed(init.args(desk.pin()).args(so_pin));
    let listed = succeed(&mut desk.trien(["token", "list"]));
    assert!(listed.contains("mới") && listed.contains(serial), "{listed}");
}

#[test]
fn the_longest_rsa_key_that_is_offered_signs() {
    let desk = Desk::with_keys(&[("dài", "rsa:4096", "citizen")]);
    sign_and_verify(&desk, &desk.home(), "dài");
    let certificate = desk.path("dài.pem");
    let told = succeed(
        Command::new("openssl")
            .args(["x509", "-noout", "-text", "-in"])
            .arg(certificate),
    );
    assert!(told.contains("Public-Key: (4096 bit)"), "{told}");
}

/// The command where this folder is a disk of its own, of so many bytes or (`ro`) read-only as it is.
fn on_a_disk(folder: &Path, options: &str, command: &Command) -> Command {
    let mount = match options {
        "ro" => "mount --bind \"$1\" \"$1\"; mount -o remount,ro,bind \"$1\"".to_owned(),
        size => format!("mount -t tmpfs -o mode=700,size={size} none \"$1\""),
    };
    let mut inside = Command::new("unshare");
    inside
        .args(["--map-root-user", "--mount", "sh", "-euc"])
        .arg(format!("{mount}; shift; exec \"$@\""))
        .arg("sh")
        .arg(folder)
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        inside.env(name, value.unwrap_or_default());
    }
    inside.stdin(std::process::Stdio::null());
    inside
}

#[test]
fn a_disk_that_takes_nothing_is_told_to_be_at_fault_and_not_the_backup_or_the_token() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    let saved = desk.path("saved.tar");
    succeed(
        desk.trien(["token", "export-store", "--token", TOKEN, "--out"])
            .arg(&saved),
    );
    let elsewhere = desk.path("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::set_permissions(&elsewhere, std::fs::Permissions::from_mode(0o700)).unwrap();
    let restore = |language: &str| {
        let mut restore = desk.trien(["token", "import-store", "--lang", language]);
        restore.arg(&saved).env("TRIEN_HOME", &elsewhere);
        on_a_disk(&elsewhere, "8k", &restore)
    };
    assert_eq!(error_code(&mut restore("en"), 3), "token-import-store-no-room");
    for (language, said) in [("en", "there is no room left"), ("vi", "hết dung lượng")] {
        let told = fail(&mut restore(language), 3);
        assert!(told.contains(said), "{told}");
        for blame in ["damaged", "hỏng", "another copy", "bản lưu khác"] {
            assert!(!told.contains(blame), "{told}");
        }
    }
    let init = |options: &str, language: &str| {
        let mut init = desk.trien(["token", "init", "--label", "mới", "--lang", language]);
        init.args(desk.pin())
            .arg("--so-pin-file")
            .arg(desk.pin_file())
            .env("TRIEN_HOME", &elsewhere);
        on_a_disk(&elsewhere, options, &init)
    };
    for (options, said) in [("8k", ["disk", "đĩa"]), ("ro", ["disk", "đĩa"])] {
        for (language, said) in ["en", "vi"].into_iter().zip(said) {
            let told = fail(&mut init(options, language), 3);
            assert!(told.contains(said), "{told}");
            assert!(
                !told.contains("provider") && !told.contains("nhà cung cấp"),
                "{told}"
            );
        }
    }
    let evidence = desk.home().join("data/evidence");
    std::fs::create_dir_all(&evidence).unwrap();
    std::fs::write(evidence.join("1.json"), "{}").unwrap();
    let erase = |language: &str| {
        let erase = desk.trien(["trust", "evidence", "--erase", "--lang", language]);
        on_a_disk(&evidence, "ro", &erase)
    };
    assert_eq!(error_code(&mut erase("en"), 3), "trust-evidence-not-erased");
    for (language, said) in [("en", "cannot be erased"), ("vi", "Không xóa được bằng chứng")] {
        let told = fail(&mut erase(language), 3);
        assert!(told.contains(said), "{told}");
    }
    assert!(evidence.join("1.json").exists());
    let told = succeed(&mut desk.trien(["trust", "evidence", "--erase", "--lang", "vi"]));
    assert!(told.contains("Đã xóa"), "{told}");
}

#[test]
fn a_saved_token_goes_to_standard_output_and_what_is_none_is_not_shown_in_pieces() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    let mut export = desk.trien(["token", "export-store", "--token", TOKEN, "--out", "-"]);
    let saved = export.current_dir(desk.path("")).output().unwrap();
    assert!(saved.status.success() && !desk.path("-").exists(), "{saved:?}");
    std::fs::write(desk.path("saved.tar"), &saved.stdout).unwrap();
    let restored = desk.path("restored");
    succeed(
        desk.trien(["token", "import-store"])
            .arg(desk.path("saved.tar"))
            .env("TRIEN_HOME", &restored),
    );
    sign_and_verify(&desk, &restored, "an");

    std::fs::write(
        desk.path("none"),
        [b"none of it\nis shown\xff".as_slice(); 200].concat(),
    )
    .unwrap();
    let told = fail(desk.trien(["token", "import-store"]).arg(desk.path("none")), 3);
    assert!(!told.contains("is shown") && told.lines().count() == 2, "{told}");
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
