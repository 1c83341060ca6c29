//! NSS uses the token: its tools, `pdfsig` with its database, and a Firefox that lists the certificates.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test may fail, and says what it found

mod harness;

use std::path::Path;

use harness::stocked::{LABEL, stock};
use harness::{PIN, free_port, module, run};

const DATABASE: &str = "sql:db";

/// An NSS database with the library under test as one of its modules, and the test's authority as a trusted one.
fn database(home: &Path) {
    std::fs::create_dir(home.join("db")).unwrap();
    std::fs::write(home.join("pin"), PIN).unwrap();
    run(home, "certutil", &["-N", "-d", DATABASE, "--empty-password"]);
    let module = module();
    run(
        home,
        "modutil",
        &[
            "-dbdir",
            DATABASE,
            "-add",
            "judged module",
            "-libfile",
            module.to_str().unwrap(),
            "-force",
        ],
    );
    run(
        home,
        "certutil",
        &["-A", "-d", DATABASE, "-n", "ca", "-t", "CT,C,C", "-i", "ca.pem"],
    );
}

fn said(home: &Path, program: &str, arguments: &[&str]) -> String {
    let output = run(home, program, arguments);
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// What a program says on its standard output.
fn said_alone(home: &Path, program: &str, arguments: &[&str]) -> String {
    String::from_utf8(run(home, program, arguments).stdout).unwrap()
}

/// Subject, serial number and fingerprint of a certificate as Firefox writes them, by OpenSSL.
fn line_in_firefox(home: &Path, name: &str) -> String {
    let file = format!("{name}.pem");
    let read = |what: &str| {
        let said = said_alone(
            home,
            "openssl",
            &["x509", "-in", &file, "-noout", what, "-sha256"],
        );
        said.trim_end().split_once('=').unwrap().1.to_owned()
    };
    // Firefox writes the octets of the INTEGER (X.690, 8.3): one of zeros before a number whose first bit is set.
    let serial = read("-serial");
    let sign = if serial.as_bytes()[0] >= b'8' { "00" } else { "" };
    let octets = format!("{sign}{serial}");
    let pairs: Vec<_> = (0..octets.len())
        .step_by(2)
        .map(|at| &octets[at..at + 2])
        .collect();
    format!(
        "CN={name},O=Trien,C=VN\t{}\t{}",
        pairs.join(":"),
        read("-fingerprint")
    )
}

alone! {
    fn modutil_and_certutil_list_the_token(home) {
        stock(home);
        database(home);
        let modules = said(home, "modutil", &["-dbdir", DATABASE, "-list", "judged module"]);
        assert!(modules.contains(LABEL) && modules.contains("Trien"), "{modules}");
        let keys = said(home, "certutil", &["-K", "-d", DATABASE, "-h", LABEL, "-f", "pin"]);
        assert!(keys.contains("rsa1") && keys.contains("ec1"), "{keys}");
        let certificates = said(home, "certutil", &["-L", "-d", DATABASE, "-h", LABEL, "-f", "pin"]);
        for name in ["rsa1", "ec1"] {
            // u: there is a private key for it.
            let line = certificates.lines().find(|line| line.contains(&format!("{LABEL}:{name}")));
            assert!(line.unwrap().contains("u,u,u"), "{certificates}");
            let own = format!("{LABEL}:{name}");
            let read = run(home, "certutil", &["-L", "-d", DATABASE, "-h", LABEL, "-f", "pin", "-n", &own, "-r"]).stdout;
            assert_eq!(read, std::fs::read(home.join(format!("{name}.der"))).unwrap());
        }
    }

    fn certutil_makes_keys_and_requests_on_the_token(home) {
        stock(home);
        database(home);
        std::fs::write(home.join("noise"), [0x5a; 256]).unwrap();
        for (name, kind) in [("rsa", ["-k", "rsa", "-g", "2048"]), ("ec", ["-k", "ec", "-q", "nistp256"])] {
            let request = ["-R", "-d", DATABASE, "-h", LABEL, "-f", "pin", "-z", "noise", "-s", "CN=made by NSS", "-a", "-o", name];
            run(home, "certutil", &[&request[..], &kind].concat());
            run(home, "openssl", &["req", "-in", name, "-noout", "-verify"]);
        }
        let keys = said(home, "certutil", &["-K", "-d", DATABASE, "-h", LABEL, "-f", "pin"]);
        assert_eq!(keys.matches('<').count(), 4, "{keys}");
    }

    fn pk12util_brings_a_key_and_its_certificate(home) {
        stock(home);
        database(home);
        run(home, "openssl", &["req", "-newkey", "rsa:2048", "-nodes", "-keyout", "other.key", "-subj", "/C=VN/CN=brought", "-out", "other.csr"]);
        run(home, "openssl", &[
            "x509", "-req", "-in", "other.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "20", "-extfile", "extensions", "-out", "brought.pem",
        ]);
        run(home, "openssl", &[
            "pkcs12", "-export", "-inkey", "other.key", "-in", "brought.pem", "-name", "brought", "-passout", "pass:mật khẩu", "-out", "brought.p12",
        ]);
        run(home, "pk12util", &["-i", "brought.p12", "-d", DATABASE, "-h", LABEL, "-k", "pin", "-W", "mật khẩu"]);
        std::fs::write(home.join("text"), "Hồ sơ").unwrap();
        let name = format!("{LABEL}:brought");
        run(home, "cmsutil", &["-S", "-d", DATABASE, "-N", &name, "-G", "-f", "pin", "-i", "text", "-o", "signed.p7m"]);
        run(home, "openssl", &["cms", "-verify", "-inform", "DER", "-in", "signed.p7m", "-CAfile", "ca.pem", "-out", "back"]);
        assert_eq!(std::fs::read(home.join("back")).unwrap(), "Hồ sơ".as_bytes());
    }

    fn cmsutil_signs(home) {
        stock(home);
        database(home);
        std::fs::write(home.join("text"), "Hồ sơ").unwrap();
        for name in ["rsa1", "ec1"] {
            let key = format!("{LABEL}:{name}");
            run(home, "cmsutil", &["-S", "-d", DATABASE, "-N", &key, "-G", "-H", "SHA256", "-f", "pin", "-i", "text", "-o", "signed.p7m"]);
            run(home, "openssl", &["cms", "-verify", "-inform", "DER", "-in", "signed.p7m", "-CAfile", "ca.pem", "-out", "back"]);
            assert_eq!(std::fs::read(home.join("back")).unwrap(), "Hồ sơ".as_bytes());
        }
    }

    fn pdfsig_signs_a_document(home) {
        stock(home);
        database(home);
        let dossier = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/documents/dossier.pdf");
        // RSA only: poppler signs twice and wants both signatures to have one length, which those of ECDSA in DER have
        // only by chance.
        let key = format!("{LABEL}:rsa1");
        run(home, "pdfsig", &[
            dossier.to_str().unwrap(), "signed.pdf", "-add-signature", "-nssdir", "db", "-nss-pwd", PIN, "-kpw", PIN, "-nick", &key,
        ]);
        let judged = run(home, "pdfsig", &["-nssdir", "db", "signed.pdf"]);
        let judged = String::from_utf8_lossy(&judged.stdout);
        assert!(judged.contains("Signature is Valid.") && judged.contains("Total document signed"), "{judged}");
    }

    fn a_browser_asks_for_the_pin_and_lists_the_certificates(home) {
        stock(home);
        database(home);
        let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judges/firefox.py");
        let port = free_port().to_string();
        let listed = said_alone(home, "python3", &["-B", driver.to_str().unwrap(), "db", &port, LABEL, PIN]);
        let (asked, certificates) = listed.split_once('\n').unwrap();
        assert!(asked.contains(LABEL), "{asked}");
        let expected: Vec<_> = ["ec1", "rsa1"].iter().map(|name| line_in_firefox(home, name)).collect();
        assert_eq!(certificates.lines().collect::<Vec<_>>(), expected);
    }
}
