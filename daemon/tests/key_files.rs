//! Private keys in files as OpenSSL writes them: every form gives the same key, and what is wrong is told apart.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;
use trien::tokens::key_file::{self, KeyFile, KeyFileError};

const PASSWORD: &str = "Mật khẩu 1234";

/// A folder with one key and its chain of two certificates.
struct Bench(TempDir);

impl Bench {
    /// `algorithm` as `openssl genpkey` takes it.
    fn new(algorithm: &[&str]) -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        let words = [&["genpkey", "-out", "key.pem"], algorithm].concat();
        bench.openssl(&words);
        bench.openssl(&[
            "pkey",
            "-in",
            "key.pem",
            "-pubout",
            "-outform",
            "DER",
            "-out",
            "public.der",
        ]);
        bench
    }

    fn with_chain(self) -> Self {
        self.openssl(&[
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj",
            "/CN=CA",
        ]);
        self.openssl(&[
            "req", "-new", "-key", "key.pem", "-subj", "/CN=An", "-out", "key.csr",
        ]);
        self.openssl(&[
            "x509",
            "-req",
            "-in",
            "key.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-out",
            "key.crt",
        ]);
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn openssl(&self, words: &[&str]) {
        let output = Command::new("openssl")
            .args(words)
            .current_dir(self.0.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
    }

    fn read(&self, name: &str, password: Option<&str>) -> Result<KeyFile, KeyFileError> {
        key_file::read(
            &std::fs::read(self.path(name)).unwrap(),
            password.map(str::as_bytes),
        )
    }

    /// The file holds this bench's key.
    #[track_caller]
    fn holds(&self, name: &str, password: Option<&str>) -> KeyFile {
        let found = self
            .read(name, password)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(
            found.public_key,
            std::fs::read(self.path("public.der")).unwrap(),
            "{name}"
        );
        found
    }

    fn pkcs12(&self, name: &str, password: &str, options: &[&str]) {
        let password = format!("pass:{password}");
        let words = [
            "pkcs12",
            "-export",
            "-inkey",
            "key.pem",
            "-in",
            "key.crt",
            "-certfile",
            "ca.pem",
            "-name",
            "Ký số",
            "-out",
            name,
            "-passout",
            &password,
        ];
        self.openssl(&[&words, options].concat());
    }
}

#[test]
fn plain_keys_of_every_form_are_read() {
    let rsa = Bench::new(&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
    assert_eq!(rsa.holds("key.pem", None).algorithm, "rsa:2048");
    for (words, name) in [
        (&["pkey", "-outform", "DER"][..], "pkcs8.der"),
        (&["rsa", "-traditional"], "pkcs1.pem"),
        (&["rsa", "-traditional", "-outform", "DER"], "pkcs1.der"),
    ] {
        rsa.openssl(&[words, &["-in", "key.pem", "-out", name]].concat());
        rsa.holds(name, None);
    }
    for (curve, algorithm) in [("P-256", "ec:p256"), ("P-384", "ec:p384"), ("P-521", "ec:p521")] {
        let option = format!("ec_paramgen_curve:{curve}");
        let ec = Bench::new(&["-algorithm", "EC", "-pkeyopt", &option]);
        assert_eq!(ec.holds("key.pem", None).algorithm, algorithm);
        ec.openssl(&["ec", "-in", "key.pem", "-out", "sec1.pem"]);
        ec.holds("sec1.pem", None);
        ec.openssl(&["ec", "-in", "key.pem", "-outform", "DER", "-out", "sec1.der"]);
        ec.holds("sec1.der", None);
        // As some programs write it: without the public half.
        ec.openssl(&["ec", "-in", "key.pem", "-no_public", "-out", "alone.pem"]);
        ec.holds("alone.pem", None);
    }
    assert_eq!(
        Bench::new(&["-algorithm", "ED25519"])
            .holds("key.pem", None)
            .algorithm,
        "ed25519"
    );
}

#[test]
fn encrypted_keys_open_with_their_password_only() {
    let bench = Bench::new(&["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    let password = format!("pass:{PASSWORD}");
    for (index, options) in [
        &["-v2", "aes-256-cbc"][..],
        &["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA512"],
        &["-v2", "des3", "-v2prf", "hmacWithSHA1"],
        &["-scrypt"],
        &["-v1", "PBE-SHA1-3DES"],
    ]
    .into_iter()
    .enumerate()
    {
        for form in ["PEM", "DER"] {
            let name = format!("{index}.{form}");
            let words = [
                "pkcs8", "-topk8", "-in", "key.pem", "-out", &name, "-outform", form, "-passout", &password,
            ];
            bench.openssl(&[&words, options].concat());
            bench.holds(&name, Some(PASSWORD));
            assert_eq!(
                bench.read(&name, None).unwrap_err(),
                KeyFileError::PasswordNeeded,
                "{options:?}"
            );
            assert_eq!(
                bench.read(&name, Some("wrong")).unwrap_err(),
                KeyFileError::PasswordWrong,
                "{options:?}"
            );
        }
    }
    bench.openssl(&[
        "ec", "-in", "key.pem", "-aes128", "-passout", &password, "-out", "old.pem",
    ]);
    assert!(matches!(
        bench.read("old.pem", Some(PASSWORD)),
        Err(KeyFileError::Unsupported(_))
    ));
}

/// One key of Ed25519 under the password `right`, by PBES2 with AES and by the old scheme of PKCS #12.
const UNDER_AES: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGaMFYGCSqGSIb3DQEFDTBJMCgGCSqGSIb3DQEFDDAbBAgE/Pe9XFM+zAIBATAM
BggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQp/u4Hm0lOYIwJ1tYsKgutgRAUI0g
rxvAyJI9TqUAptgWya1wKsLrub1c6xa4v9SvfmXLbEpZ4LDD/MbXrdIYr3QvXNgs
RpSGjq+wkOCS3sNe5g==
-----END ENCRYPTED PRIVATE KEY-----
";
const UNDER_TRIPLE_DES: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MFcwGwYKKoZIhvcNAQwBAzANBAh6X5hEHKj5hgIBAQQ4y3TfJaCnRZvVO416n14D
6ojSiMKpGjxDbv16YnlivmD3zUFrAgGtx6nS3FH+JRwXKARFj1xrMrE=
-----END ENCRYPTED PRIVATE KEY-----
";

/// Nothing in these files tells a wrong password but what comes of it. One in 256 gives a last octet of 1, which is the
/// padding of something that is no key: of some thousand passwords these do.
#[test]
fn a_wrong_password_is_called_wrong_also_where_the_padding_fits_by_chance() {
    for (file, wrong) in [
        (UNDER_AES, ["wrong 270", "wrong 271", "wrong 388"]),
        (UNDER_TRIPLE_DES, ["wrong 523", "wrong 1535", "wrong 1608"]),
    ] {
        let read = |password: &str| key_file::read(file.as_bytes(), Some(password.as_bytes()));
        assert_eq!(read("right").unwrap().algorithm, "ed25519");
        for password in wrong {
            assert_eq!(
                read(password).unwrap_err(),
                KeyFileError::PasswordWrong,
                "{password}"
            );
        }
    }
}

#[test]
fn pkcs12_files_of_old_and_new_programs_give_key_and_chain() {
    let bench = Bench::new(&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]).with_chain();
    for (name, options) in [
        ("new.p12", &[][..]),
        ("legacy.p12", &["-legacy"]),
        ("windows.pfx", &["-legacy", "-certpbe", "PBE-SHA1-3DES"]),
        (
            "two-key.p12",
            &[
                "-legacy",
                "-keypbe",
                "PBE-SHA1-2DES",
                "-certpbe",
                "PBE-SHA1-RC2-128",
            ],
        ),
        ("sha512.p12", &["-macalg", "SHA512"]),
        ("no-mac.p12", &["-nomac"]),
        ("open-certificates.p12", &["-certpbe", "NONE"]),
    ] {
        bench.pkcs12(name, PASSWORD, options);
        let found = bench.holds(name, Some(PASSWORD));
        assert_eq!(found.name.as_deref(), Some("Ký số"), "{name}");
        let names: Vec<_> = found
            .certificates
            .iter()
            .map(|held| held.subject().rfc4514)
            .collect();
        assert_eq!(names, ["CN=An", "CN=CA"], "{name}");
        assert_eq!(bench.read(name, None).unwrap_err(), KeyFileError::PasswordNeeded);
        assert_eq!(
            bench.read(name, Some("wrong")).unwrap_err(),
            KeyFileError::PasswordWrong,
            "{name}"
        );
    }
    bench.pkcs12("empty.p12", "", &[]);
    bench.holds("empty.p12", Some(""));

    let mut changed = std::fs::read(bench.path("new.p12")).unwrap();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    std::fs::write(bench.path("changed.p12"), changed).unwrap();
    assert_eq!(
        bench.read("changed.p12", Some(PASSWORD)).unwrap_err(),
        KeyFileError::PasswordWrong
    );
}

#[test]
fn what_is_no_key_or_not_one_key_is_told() {
    let bench = Bench::new(&["-algorithm", "ED25519"]).with_chain();
    assert_eq!(bench.read("key.crt", None).unwrap_err(), KeyFileError::NoKey);
    assert_eq!(bench.read("public.der", None).unwrap_err(), KeyFileError::NoKey);
    let key = std::fs::read(bench.path("key.pem")).unwrap();
    std::fs::write(bench.path("two.pem"), [key.as_slice(), &key].concat()).unwrap();
    assert_eq!(
        bench.read("two.pem", None).unwrap_err(),
        KeyFileError::SeveralKeys
    );
    bench.openssl(&["genpkey", "-algorithm", "X448", "-out", "x448.pem"]);
    assert!(matches!(
        bench.read("x448.pem", None),
        Err(KeyFileError::Unsupported(_))
    ));
    // It is sound, as many an old one is; whoever reads that it is damaged looks for another copy.
    for bits in ["1024", "2047"] {
        let size = format!("rsa_keygen_bits:{bits}");
        bench.openssl(&[
            "genpkey",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            &size,
            "-out",
            "short.pem",
        ]);
        let short = KeyFileError::Unsupported(format!("rsa:{bits}"));
        assert_eq!(bench.read("short.pem", None).unwrap_err(), short);
    }
    bench.pkcs12("costly.p12", "x", &["-iter", "5000001", "-nomac", "-legacy"]);
    assert_eq!(
        bench.read("costly.p12", Some("x")).unwrap_err(),
        KeyFileError::TooCostly
    );
    for length in [0, 1, 7, 20, 40] {
        let der = std::fs::read(bench.path("public.der")).unwrap();
        std::fs::write(bench.path("cut"), &der[..length.min(der.len())]).unwrap();
        assert_eq!(bench.read("cut", Some("x")).unwrap_err(), KeyFileError::NoKey);
    }
}

/// DER of one element.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    match u8::try_from(length) {
        Ok(short @ 0..0x80) => out.push(short),
        _ => {
            out.push(0x84);
            out.extend(u32::try_from(length).unwrap().to_be_bytes());
        }
    }
    out.extend_from_slice(content);
    out
}

/// A bag whose kind is that of the last number below `1.2.840.113549.1.12.10.1`, in a list of its own.
fn bags(kind: u8, value: &[u8]) -> Vec<u8> {
    let oid = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, kind];
    let bag = [element(0x06, &oid), element(0xa0, value)].concat();
    element(0x30, &element(0x30, &bag))
}

/// `ContentInfo` of plain data.
fn data(content: &[u8]) -> Vec<u8> {
    let oid = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
    let explicit = element(0xa0, &element(0x04, content));
    element(0x30, &[element(0x06, &oid), explicit].concat())
}

/// A PKCS #12 file without a check value.
fn unchecked(bags: &[u8]) -> Vec<u8> {
    let parts = element(0x30, &data(bags));
    element(0x30, &[element(0x02, &[3]), data(&parts)].concat())
}

/// Number 173 of the hostile inputs: what nests, repeats itself or costs too much is refused before it is worked on.
#[test]
fn n173_a_hostile_pkcs12_file_is_refused() {
    const KEY_BAG: u8 = 1;
    const SAFE_CONTENTS_BAG: u8 = 6;
    let bench = Bench::new(&["-algorithm", "ED25519"]);
    bench.openssl(&["pkey", "-in", "key.pem", "-outform", "DER", "-out", "pkcs8.der"]);
    let key = std::fs::read(bench.path("pkcs8.der")).unwrap();
    let read = |file: &[u8]| key_file::read(file, Some(b"")).map(|found| found.public_key);
    // The scaffold itself is sound.
    let public_key = std::fs::read(bench.path("public.der")).unwrap();
    assert_eq!(read(&unchecked(&bags(KEY_BAG, &key))), Ok(public_key));
    // A key that lies a thousand bags deep is not looked for: behind a password, that much nesting is damage.
    let nested = (0..1000).fold(bags(KEY_BAG, &key), |inner, _| bags(SAFE_CONTENTS_BAG, &inner));
    assert_eq!(read(&unchecked(&nested)), Err(KeyFileError::PasswordWrong));
    // Nor is anybody led down a hundred thousand open ends, in the file or in one of its parts.
    let open_ends = [0x30, 0x80].repeat(100_000);
    assert_eq!(read(&open_ends), Err(KeyFileError::NoKey));
    assert!(read(&unchecked(&open_ends)).is_err());
    // More parts and bags than any honest file has, and lengths of more than there is.
    let one = &bags(KEY_BAG, &key)[2..];
    let many = element(0x30, &one.repeat(65));
    assert!(matches!(
        read(&unchecked(&many)),
        Err(KeyFileError::TooCostly | KeyFileError::SeveralKeys)
    ));
    let sound = unchecked(&bags(KEY_BAG, &key));
    for length in 0..sound.len() {
        assert_eq!(read(&sound[..length]), Err(KeyFileError::NoKey), "{length}");
    }
}
