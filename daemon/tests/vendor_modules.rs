//! Modules that others wrote, through our workers: many signatures in a row, keys that want their PIN each time.

#![allow(
    clippy::unwrap_used,
    reason = "what a test's own helpers cannot do fails the test"
)]

#[path = "support/module.rs"]
mod module;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Command;

use module::software_token;
use trien::config::ModuleConfig;
use trien::tokens::{
    Deadlines, KeyAlgorithm, KeyRef, LoginError, ModuleSession, ModuleToken, Modules, PinState, Signable,
    SigningSession, Token, TokenError,
};
use trien_signatures::algorithm::{Hash, SignatureAlgorithm};

const PROGRAM: &str = env!("CARGO_BIN_EXE_trien");
const PIN: &str = "12345678";
const SIGNATURES: usize = 1000;

fn pipe(lines: &str) -> OwnedFd {
    let (reading, writing) = rustix::pipe::pipe().unwrap();
    rustix::io::write(&writing, lines.as_bytes()).unwrap();
    reading
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
}

/// SoftHSM with a token of its own, and a key that wants its PIN for each signature.
fn softhsm(folder: &Path) -> ModuleConfig {
    let library = PathBuf::from("/usr/lib/softhsm/libsofthsm2.so");
    assert!(library.exists(), "install softhsm2: .ci/packages.sh test");
    std::fs::create_dir(folder.join("softhsm")).unwrap();
    let config = folder.join("softhsm2.conf");
    std::fs::write(
        &config,
        format!("directories.tokendir = {}\n", folder.join("softhsm").display()),
    )
    .unwrap();
    run(Command::new("softhsm2-util")
        .args([
            "--init-token",
            "--free",
            "--label",
            "soft",
            "--pin",
            PIN,
            "--so-pin",
            PIN,
        ])
        .env("SOFTHSM2_CONF", &config));
    run(Command::new("pkcs11-tool")
        .arg("--module")
        .arg(&library)
        .args([
            "--login",
            "--pin",
            PIN,
            "--keypairgen",
            "--key-type",
            "EC:prime256v1",
        ])
        .args(["--always-auth", "--label", "always", "--id", "a1"])
        .env("SOFTHSM2_CONF", &config));
    let mut module = ModuleConfig::new("softhsm2", library);
    module.folders.push(folder.to_owned());
    module.variables = vec![("SOFTHSM2_CONF".to_owned(), config.into())];
    module
}

/// Our own, as one vendor's module among others.
fn ours(folder: &Path) -> ModuleConfig {
    std::fs::write(folder.join("pin"), format!("{PIN}\n")).unwrap();
    run(Command::new(PROGRAM)
        .args(["token", "init", "--label", "ours", "--pin-file"])
        .arg(folder.join("pin"))
        .arg("--so-pin-file")
        .arg(folder.join("pin"))
        .env("TRIEN_HOME", folder));
    let mut module = ModuleConfig::new("software", software_token());
    module.folders.push(folder.to_owned());
    module.variables = vec![("TRIEN_HOME".to_owned(), folder.into())];
    module
}

async fn token(modules: &Modules, label: &str) -> ModuleToken {
    let sight = modules.look().await;
    let mut found = sight
        .tokens
        .into_iter()
        .filter(|token| token.entry().id.label == label);
    found
        .next()
        .unwrap_or_else(|| panic!("{label}: {:?}", sight.failures))
}

async fn administered(token: &ModuleToken) -> ModuleSession {
    let mut session = token.administer().await.unwrap();
    session.attach_pin_pipe(pipe(&format!("{PIN}\n"))).await.unwrap();
    session.login().await.unwrap();
    session
}

fn signable(number: usize) -> Signable {
    Signable {
        algorithm: SignatureAlgorithm::Ecdsa(Hash::Sha256),
        digest: Hash::Sha256.digest(&number.to_be_bytes()),
        message: None,
    }
}

/// Open descriptors, and the memory that was written to and is kept (in kB), of the process below this one that loads a
/// library; none where the system does not let us look into it. How many pages of programs and libraries are there is between
/// the kernel and its cache.
fn costs(library: &Path) -> Option<(usize, u64)> {
    // What was checked is loaded: the file behind the links.
    let word = library.canonicalize().ok()?.display().to_string();
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    let worker = processes.map(|entry| entry.path()).find(|path| {
        let line = std::fs::read_to_string(path.join("cmdline")).unwrap_or_default();
        line.contains("module-worker") && line.contains(&word) && is_child(path)
    })?;
    let sums = std::fs::read_to_string(worker.join("smaps_rollup")).ok()?;
    let kept = sums.lines().find_map(|line| line.strip_prefix("Anonymous:"))?;
    let kept = kept.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some((std::fs::read_dir(worker.join("fd")).ok()?.count(), kept))
}

fn is_child(process: &Path) -> bool {
    let stat = std::fs::read_to_string(process.join("stat")).unwrap_or_default();
    let parent = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.split_whitespace().nth(1));
    parent == Some(std::process::id().to_string().as_str())
}

#[tokio::test]
async fn a_thousand_signatures_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let configs = [softhsm(folder.path()), ours(folder.path())];
    let modules = Modules::new(&configs, Path::new(PROGRAM), Deadlines::default());
    for (label, config) in ["soft", "ours"].into_iter().zip(&configs) {
        let token = token(&modules, label).await;
        let session = administered(&token).await;
        let key = session
            .generate(KeyAlgorithm::P256, "many", None)
            .await
            .unwrap()
            .key;
        Box::new(session).close().await;
        let mut session = token.open(&key).await.unwrap();
        session.attach_pin_pipe(pipe(&format!("{PIN}\n"))).await.unwrap();
        session.login().await.unwrap();
        let mut before = None;
        for number in 0..SIGNATURES {
            let signature = session.sign(&signable(number), false).await.unwrap();
            assert_eq!(signature.len(), 64);
            // What is made at the first signatures is there to stay.
            if number == 100 {
                before = costs(&config.path);
            }
        }
        let after = costs(&config.path);
        session.close().await;
        let [(files, memory), (files_now, memory_now)] =
            [before, after].map(|cost| cost.expect("the module's process is there"));
        assert_eq!(files, files_now, "{label}");
        assert!(
            memory_now < memory + 160,
            "{label}: {memory} kB, then {memory_now} kB"
        );
    }
}

#[tokio::test]
async fn a_key_of_others_that_wants_its_pin_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let modules = Modules::new(
        &[softhsm(folder.path())],
        Path::new(PROGRAM),
        Deadlines::default(),
    );
    let token = token(&modules, "soft").await;
    let key = KeyRef {
        token: token.entry().id.clone(),
        id: vec![0xa1],
        public_key: None,
    };
    let mut session = token.open(&key).await.unwrap();
    session
        .attach_pin_pipe(pipe(&format!("{PIN}\n{PIN}\n99999999\n{PIN}\n")))
        .await
        .unwrap();
    session.login().await.unwrap();
    assert_eq!(
        session.sign(&signable(1), false).await.unwrap().len(),
        64,
        "with the PIN of the login"
    );
    assert!(matches!(
        session.sign(&signable(2), false).await,
        Err(LoginError::NoPin)
    ));
    assert_eq!(session.sign(&signable(2), true).await.unwrap().len(), 64);
    // A wrong one leaves the operation as it is, and the next one ends it.
    assert!(matches!(
        session.sign(&signable(3), true).await,
        Err(LoginError::Incorrect {
            now: PinState::FewTries | PinState::Ready
        })
    ));
    assert_eq!(session.sign(&signable(3), true).await.unwrap().len(), 64);
    session.close().await;
}

/// `pkcs11-tool` at SoftHSM, logged in.
fn softhsm_tool(folder: &Path) -> Command {
    let mut tool = Command::new("pkcs11-tool");
    tool.args([
        "--module",
        "/usr/lib/softhsm/libsofthsm2.so",
        "--login",
        "--pin",
        PIN,
    ])
    .env("SOFTHSM2_CONF", folder.join("softhsm2.conf"));
    tool
}

/// A key and its certificate by OpenSSL, put on SoftHSM's token; gives the file of the public half.
fn import(folder: &Path, kind: &[&str], id: &str) -> PathBuf {
    let [key, der, pem, cert, public] = ["key.pem", "key.der", "cert.pem", "cert.der", "public.pem"]
        .map(|name| folder.join(format!("{id}-{name}")));
    let openssl = || Command::new("openssl");
    run(openssl().args(["genpkey", "-out"]).arg(&key).args(kind));
    run(openssl()
        .args(["pkey", "-outform", "DER", "-in"])
        .arg(&key)
        .arg("-out")
        .arg(&der));
    run(openssl()
        .args(["pkey", "-pubout", "-in"])
        .arg(&key)
        .arg("-out")
        .arg(&public));
    let request = [
        "req",
        "-x509",
        "-extensions",
        "usr_cert",
        "-subj",
        "/C=VN/CN=An",
        "-days",
        "9",
        "-key",
    ];
    run(openssl().args(request).arg(&key).arg("-out").arg(&pem));
    run(openssl()
        .args(["x509", "-outform", "DER", "-in"])
        .arg(&pem)
        .arg("-out")
        .arg(&cert));
    for (file, sort) in [(&der, "privkey"), (&cert, "cert")] {
        let words = ["--type", sort, "--id", id, "--label", id, "--write-object"];
        run(softhsm_tool(folder).args(words).arg(file));
    }
    public
}

/// SoftHSM alone, in a `TRIEN_HOME` that is this folder.
fn configure(folder: &Path, module: &ModuleConfig) {
    std::fs::create_dir(folder.join("config")).unwrap();
    let config = format!(
        "[websocket]\nport = 0\n[cards]\npiv = false\n[[modules]]\nname = \"softhsm2\"\npath = {:?}\n\
         folders = [{folder:?}]\nenvironment = [\"SOFTHSM2_CONF\"]\n",
        module.path
    );
    std::fs::write(folder.join("config/config.toml"), config).unwrap();
}

/// The authority's certificate is there for everybody to read, and the person's own after his PIN: as some cards are given
/// out.
#[test]
fn a_certificate_that_is_private_beside_an_authoritys_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let module = softhsm(folder);
    configure(folder, &module);
    let curve = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    import(folder, &curve, "d1");
    run(softhsm_tool(folder).args(["--delete-object", "--type", "cert", "--id", "d1"]));
    let mut write = Command::new("p11tool");
    write
        .arg("--provider")
        .arg(&module.path)
        .args(["--batch", "--login", "--write"]);
    write.args([
        "--mark-private",
        "--id",
        "d1",
        "--label",
        "d1",
        "--load-certificate",
    ]);
    run(write
        .arg(folder.join("d1-cert.pem"))
        .arg("pkcs11:token=soft")
        .env("GNUTLS_PIN", PIN)
        .env("SOFTHSM2_CONF", folder.join("softhsm2.conf")));
    let authority = folder.join("authority.der");
    run(Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-nodes",
            "-newkey",
            "rsa:2048",
            "-subj",
            "/CN=Authority",
        ])
        .args(["-days", "9", "-outform", "DER", "-keyout"])
        .arg(folder.join("authority.key"))
        .arg("-out")
        .arg(&authority));
    let words = [
        "--type",
        "cert",
        "--id",
        "ca",
        "--label",
        "authority",
        "--write-object",
    ];
    run(softhsm_tool(folder).args(words).arg(&authority));
    std::fs::write(folder.join("x"), "x").unwrap();
    std::fs::write(folder.join("pin"), format!("{PIN}\n")).unwrap();
    let trien = |words: &[&str], with_pin: bool| {
        let mut command = Command::new(PROGRAM);
        command.args(words).args(["--lang", "en"]);
        if with_pin {
            command.arg("--pin-file").arg(folder.join("pin"));
        }
        command
            .env("TRIEN_HOME", folder)
            .env("SOFTHSM2_CONF", folder.join("softhsm2.conf"))
            .current_dir(folder);
        let output = command.output().unwrap();
        let told = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(told).unwrap())
    };
    let shows = |told: &str| told.contains("[d1]");
    let (_, shown) = trien(&["cert", "list"], false);
    assert!(!shows(&shown), "{shown}");
    let sign = ["sign", "--format", "cades", "--cert", "d1", "--out", "x.p7m", "x"];
    let (code, told) = trien(&sign, true);
    assert!(
        code != Some(0) && told.contains("trien cert list --reveal"),
        "{code:?}: {told}"
    );
    let (_, doctor) = trien(&["doctor"], false);
    assert!(doctor.contains("trien cert list --reveal"), "{doctor}");
    let (code, revealed) = trien(&["cert", "list", "--reveal"], true);
    assert!(code == Some(0) && shows(&revealed), "{code:?}: {revealed}");
    let (code, told) = trien(&sign, true);
    assert_eq!(code, Some(0), "{told}");
    let (_, doctor) = trien(&["doctor"], false);
    assert!(!doctor.contains("trien cert list --reveal"), "{doctor}");
}

/// A key on a curve that no format here has is refused for what it is, before its PIN; one beside it signs.
#[test]
fn n107_a_key_on_a_curve_that_is_unknown_here_is_refused_before_the_pin() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let module = softhsm(folder);
    for (curve, id) in [("secp256k1", "b1"), ("P-256", "b2")] {
        let option = format!("ec_paramgen_curve:{curve}");
        import(folder, &["-algorithm", "EC", "-pkeyopt", &option], id);
    }
    configure(folder, &module);
    std::fs::write(folder.join("x"), "x").unwrap();
    let sign = |id: &str, pin: &str| {
        std::fs::write(folder.join("pin"), pin).unwrap();
        let mut sign = Command::new(PROGRAM);
        sign.args(["sign", "--format", "cades", "--json", "--cert", id, "--pin-file"])
            .arg(folder.join("pin"))
            .arg("--out")
            .arg(folder.join(id))
            .arg(folder.join("x"))
            .env("TRIEN_HOME", folder)
            .env("SOFTHSM2_CONF", folder.join("softhsm2.conf"));
        let output = sign.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    // With a PIN that is wrong, which would be told if it had been tried.
    let (code, told) = sign("b1", "99999999\n");
    assert!(
        code == Some(1) && told.contains("\"certificate_unsuitable\""),
        "{code:?}: {told}"
    );
    let (code, told) = sign("b2", &format!("{PIN}\n"));
    assert_eq!(code, Some(0), "{told}");
}

/// A token that only hashes itself has the whole message, and is the only one that does.
#[tokio::test]
async fn a_token_that_only_hashes_itself_is_given_the_message() {
    let folder = tempfile::tempdir().unwrap();
    let module = softhsm(folder.path());
    let public = import(
        folder.path(),
        &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        "c1",
    );
    let config = folder.path().join("softhsm2.conf");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(
        &config,
        text + "slots.mechanisms = CKM_SHA256_RSA_PKCS,CKM_SHA384_RSA_PKCS\n",
    )
    .unwrap();
    let modules = Modules::new(&[module], Path::new(PROGRAM), Deadlines::default());
    let token = token(&modules, "soft").await;
    let key = KeyRef {
        token: token.entry().id.clone(),
        id: vec![0xc1],
        public_key: None,
    };
    let [file, value] = ["message", "signature"].map(|name| folder.path().join(name));
    std::fs::write(&file, b"message").unwrap();
    for (hash, option) in [(Hash::Sha256, "-sha256"), (Hash::Sha384, "-sha384")] {
        let algorithm = SignatureAlgorithm::RsaPkcs1(hash);
        let mut session = token.open(&key).await.unwrap();
        session.attach_pin_pipe(pipe(&format!("{PIN}\n"))).await.unwrap();
        session.login().await.unwrap();
        let mut wanted = Signable {
            algorithm,
            digest: hash.digest(b"message"),
            message: Some(b"message".to_vec()),
        };
        let signature = session.sign(&wanted, false).await.unwrap();
        std::fs::write(&value, signature).unwrap();
        let mut judge = Command::new("openssl");
        judge
            .args(["dgst", option, "-verify"])
            .arg(&public)
            .arg("-signature")
            .arg(&value);
        run(judge.arg(&file));
        // A hash alone is nothing that it can sign.
        wanted.message = None;
        let refused = session.sign(&wanted, false).await;
        assert!(
            matches!(refused, Err(LoginError::Token(TokenError::Unsupported(_)))),
            "{refused:?}"
        );
        session.close().await;
    }
}
