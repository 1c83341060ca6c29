//! Java uses the token through SunPKCS11: `keytool` lists it and makes keys on it, `jarsigner` signs with it.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test may fail, and says what it found

mod harness;

use std::path::Path;

use harness::stocked::stock;
use harness::{PIN, module, run};

/// SunPKCS11's configuration; the token is in the first slot.
fn configure(home: &Path) {
    let text = format!(
        "name = judged\nlibrary = {}\nslotListIndex = 0\n",
        module().display()
    );
    std::fs::write(home.join("java.cfg"), text).unwrap();
}

const TOKEN: [&str; 8] = [
    "-storetype",
    "PKCS11",
    "-providerClass",
    "sun.security.pkcs11.SunPKCS11",
    "-providerArg",
    "java.cfg",
    "-storepass",
    PIN,
];

fn java(home: &Path, program: &str, arguments: &[&str]) -> String {
    let output = run(home, program, arguments);
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

alone! {
    fn keytool_lists_the_keys_and_makes_others(home) {
        stock(home);
        configure(home);
        let listed = java(home, "keytool", &[&["-list", "-v"], &TOKEN[..]].concat());
        assert_eq!(listed.matches("Entry type: PrivateKeyEntry").count(), 2, "{listed}");
        assert!(listed.contains("Alias name: rsa1") && listed.contains("Alias name: ec1"), "{listed}");
        for (alias, kind) in [("javarsa", ["-keyalg", "RSA", "-keysize", "2048"]), ("javaec", ["-keyalg", "EC", "-groupname", "secp384r1"])] {
            let make = ["-genkeypair", "-alias", alias, "-dname", "CN=Java", "-validity", "30"];
            java(home, "keytool", &[&make[..], &kind, &TOKEN].concat());
            java(home, "keytool", &[&["-certreq", "-alias", alias, "-file", "request.pem"], &TOKEN[..]].concat());
            run(home, "openssl", &["req", "-in", "request.pem", "-noout", "-verify"]);
        }
        let listed = java(home, "keytool", &[&["-list"], &TOKEN[..]].concat());
        assert_eq!(listed.matches("PrivateKeyEntry").count(), 4, "{listed}");
        java(home, "keytool", &[&["-delete", "-alias", "javaec"], &TOKEN[..]].concat());
        let listed = java(home, "keytool", &[&["-list"], &TOKEN[..]].concat());
        assert!(!listed.contains("javaec") && listed.contains("javarsa"), "{listed}");
    }

    fn jarsigner_signs_an_archive(home) {
        stock(home);
        configure(home);
        std::fs::write(home.join("note.txt"), "Hồ sơ").unwrap();
        run(home, "jar", &["--create", "--file", "plain.jar", "note.txt"]);
        for name in ["ca", "rsa1", "ec1"] {
            let file = format!("{name}.pem");
            let import = ["-importcert", "-noprompt", "-alias", name, "-file", &file];
            run(home, "keytool", &[&import[..], &["-keystore", "trust.p12", "-storepass", "changeit"]].concat());
        }
        for alias in ["rsa1", "ec1"] {
            let signed = format!("{alias}.jar");
            java(home, "jarsigner", &[&TOKEN[..], &["-signedjar", &signed, "plain.jar", alias]].concat());
            let trust = ["-verify", "-strict", "-keystore", "trust.p12", "-storepass", "changeit", &signed];
            let verified = java(home, "jarsigner", &trust);
            assert!(verified.contains("jar verified."), "{verified}");
        }
    }
}
