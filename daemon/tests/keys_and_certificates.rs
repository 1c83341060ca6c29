//! Which key a certificate is about, on tokens whose objects do not fit together: never another one, and always the
//! same.
//!
//! The tokens are the software token's; `pkcs11-tool` puts on them what our own commands would refuse to.

#![allow(
    clippy::unwrap_used,
    reason = "what a test's own helpers cannot do fails the test"
)]

#[path = "support/module.rs"]
mod module;
#[path = "support/stage.rs"]
mod stage;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use module::software_token;
use stage::{PIN, Stage, name, pipe, rule, signable, token_of};
use trien::tokens::{HeldCertificate, LoginError, Modules, TokenError};
use trien_signatures::algorithm::SignatureValue;

/// Two keys with their certificates, and one that has none.
const TOKENS: &str = r#"
[[token]]
label = "mixed"
pin = "12345678"
[[token.key]]
label = "an"
id = "a1"
algorithm = "ec:p256"
certificate = { subject = "C=VN,CN=An", out = "an.pem" }
[[token.key]]
label = "binh"
id = "b1"
algorithm = "ec:p256"
certificate = { subject = "C=VN,CN=Bình", out = "binh.pem" }
[[token.key]]
label = "bare"
id = "c1"
algorithm = "ec:p256"
"#;

fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
}

/// The tool at work on an object of this class and label.
fn object(stage: &Stage, class: &str, label: &str) -> Command {
    let mut tool = Command::new("pkcs11-tool");
    tool.env("TRIEN_HOME", stage.0.path())
        .arg("--module")
        .arg(software_token())
        .args(["--token-label", "mixed", "--login", "--pin", PIN])
        .args(["--type", class, "--label", label]);
    tool
}

/// Puts a certificate on the token, with whatever `CKA_ID` these words give it.
fn put(stage: &Stage, file: &Path, label: &str, id: &[&str]) {
    let der = stage.0.path().join(format!("{label}.der"));
    succeed(
        Command::new("openssl")
            .args(["x509", "-outform", "DER", "-in"])
            .arg(file)
            .arg("-out")
            .arg(&der),
    );
    succeed(
        object(stage, "cert", label)
            .arg("--write-object")
            .arg(&der)
            .args(id),
    );
}

async fn held(modules: &Modules) -> Vec<HeldCertificate> {
    let token = token_of(modules).await.unwrap();
    token.certificates().await.unwrap()
}

/// What becomes of a signature with the certificate of this label.
async fn sign(modules: &Modules, label: &str) -> Result<(), LoginError> {
    let token = token_of(modules).await?;
    let all = token.certificates().await?;
    let chosen = all.into_iter().find(|held| held.label == label).unwrap();
    let key = chosen.key.ok_or(TokenError::NoSuchKey)?;
    let mut session = token.open(&key).await?;
    session.attach_pin_pipe(pipe(&format!("{PIN}\n"))).await?;
    session.login().await?;
    let signature = session.sign(&signable(), false).await?;
    let algorithm = signable().algorithm;
    let value = SignatureValue::from_token(algorithm, &signature).unwrap();
    let verified = chosen
        .certificate
        .verify_digest(algorithm, &signable().digest, &value);
    session.close().await;
    verified.map_err(|_| TokenError::Failed("another key's signature".to_owned()).into())
}

#[tokio::test]
async fn n106_a_certificate_is_signed_with_by_its_own_key_whatever_its_id_says() {
    let stage = Stage::with(TOKENS);
    let (an, binh) = (stage.0.path().join("an.pem"), stage.0.path().join("binh.pem"));
    // One id for the certificates of two keys; one certificate under two ids; an id that no key has; and none.
    put(&stage, &binh, "binh-as-an", &["--id", "a1"]);
    put(&stage, &an, "an-elsewhere", &["--id", "77"]);
    put(&stage, &an, "an-without", &[]);
    let modules = stage.alone("");
    for label in ["an", "binh", "binh-as-an", "an-elsewhere", "an-without"] {
        assert_eq!(name(&sign(&modules, label).await), "signed", "{label}");
    }
    let listed = held(&modules).await;
    assert_eq!(listed.len(), 5, "the key without a certificate is not among them");
    for (one, other) in [("an", "an-without"), ("binh", "binh-as-an")] {
        let key = |label: &str| {
            listed
                .iter()
                .find(|held| held.label == label)
                .unwrap()
                .key
                .clone()
        };
        assert_eq!(key(one), key(other));
    }
    let again = held(&modules).await;
    let order = |held: &[HeldCertificate]| {
        held.iter()
            .map(|held| (held.label.clone(), held.key.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(order(&listed), order(&again));
}

/// Without public keys the certificate's id is all there is before the login. After it, the private keys say which one it is.
#[tokio::test]
async fn n106_the_only_key_of_a_certificates_id_is_not_taken_if_it_is_another() {
    let stage = Stage::with(TOKENS);
    put(
        &stage,
        &stage.0.path().join("binh.pem"),
        "binh-as-an",
        &["--id", "a1"],
    );
    for label in ["an", "binh", "bare"] {
        succeed(object(&stage, "pubkey", label).arg("--delete-object"));
    }
    let modules = stage.alone("");
    for label in ["binh-as-an", "an", "binh"] {
        assert_eq!(name(&sign(&modules, label).await), "signed", "{label}");
    }
}

/// Puts a key pair and its certificate on the token, made by OpenSSL: without a `CKA_ID`, all three.
fn put_nameless(stage: &Stage, label: &str) {
    let file = |kind: &str| stage.0.path().join(format!("{label}.{kind}"));
    let openssl = |words: &[&str]| succeed(Command::new("openssl").args(words).current_dir(stage.0.path()));
    let [key, private, public, certificate] =
        ["pem", "key.der", "pub.der", "crt"].map(|kind| format!("{label}.{kind}"));
    openssl(&[
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-out",
        &key,
    ]);
    openssl(&["ec", "-in", &key, "-outform", "DER", "-out", &private]);
    openssl(&["ec", "-in", &key, "-pubout", "-outform", "DER", "-out", &public]);
    let subject = format!("/CN={label}");
    openssl(&[
        "req",
        "-x509",
        "-new",
        "-key",
        &key,
        "-subj",
        &subject,
        "-addext",
        "basicConstraints=CA:FALSE",
        "-out",
        &certificate,
    ]);
    for (kind, from) in [("privkey", "key.der"), ("pubkey", "pub.der")] {
        let mut write = object(stage, kind, label);
        succeed(write.args(["--usage-sign", "--write-object"]).arg(file(from)));
    }
    put(stage, &file("crt"), label, &[]);
}

#[tokio::test]
async fn n106_keys_without_an_id_are_told_apart_by_their_public_halves() {
    let stage = Stage::with(TOKENS);
    for label in ["cuc", "dao", "lan"] {
        put_nameless(&stage, label);
    }
    let modules = stage.alone("");
    let listed = held(&modules).await;
    let nameless = listed
        .iter()
        .filter(|held| held.key.as_ref().is_some_and(|key| key.id.is_empty()));
    assert_eq!(nameless.count(), 3, "{listed:?}");
    for label in ["dao", "cuc", "lan", "an", "dao"] {
        assert_eq!(name(&sign(&modules, label).await), "signed", "{label}");
    }
}

#[tokio::test]
async fn n106_a_certificate_without_a_key_signs_nothing() {
    let stage = Stage::with(TOKENS);
    // Of a key that is on another token.
    let elsewhere = Stage::with(TOKENS);
    let stranger = elsewhere.0.path().join("an.pem");
    put(&stage, &stranger, "alone", &["--id", "77"]);
    put(&stage, &stranger, "nameless", &[]);
    // The id of a key that is not its own.
    put(&stage, &stranger, "beside-an", &["--id", "a1"]);
    let modules = stage.alone("");
    for label in ["alone", "nameless", "beside-an"] {
        assert_eq!(name(&sign(&modules, label).await), "NoSuchKey", "{label}");
    }
    assert_eq!(name(&sign(&modules, "an").await), "signed");
}

#[tokio::test]
async fn n106_five_hundred_certificates_are_read_up_to_a_limit() {
    let stage = Stage::with(TOKENS);
    let modules = stage.alone(&rule("C_FindObjects", "do = \"repeat\"\nvalue = 250"));
    let began = Instant::now();
    let listed = held(&modules).await;
    assert_eq!(listed.len(), 256, "of five hundred");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(name(&sign(&modules, "an").await), "signed");
}
