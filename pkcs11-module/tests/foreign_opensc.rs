//! OpenSC's `pkcs11-tool`: its own test runs, and what it makes, signs, wraps and derives, by OpenSSL's judgement.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test may fail, and says what it found

mod harness;

use std::path::Path;

use harness::opensc::{tool, user};
use harness::stocked::{LABEL, stock};
use harness::{PIN, attempt, module, run};

const IV: &str = "00112233445566778899aabbccddeeff";

/// What stands before the 32 bytes of a public key in its `SubjectPublicKeyInfo` (RFC 8410).
const ED25519_KEY: [u8; 12] = [0x30, 42, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 33, 0];

/// Writes the public key of a stocked pair as PEM.
fn public_key(home: &Path, name: &str) -> String {
    let pem = run(
        home,
        "openssl",
        &["x509", "-in", &format!("{name}.pem"), "-noout", "-pubkey"],
    )
    .stdout;
    let file = format!("{name}.pub");
    std::fs::write(home.join(&file), pem).unwrap();
    file
}

/// Signs `text` and lets OpenSSL verify with the hash function and options.
#[track_caller]
fn sign_and_verify(home: &Path, id: &str, mechanism: &str, key: &str, hash: &str, options: &[&str]) {
    let sign = [
        "--sign",
        "-m",
        mechanism,
        "--id",
        id,
        "-f",
        "openssl",
        "-i",
        "text",
        "-o",
        "signature",
    ];
    user(home, &sign);
    let fixed = ["dgst", hash, "-verify", key, "-signature", "signature"];
    let judged = run(home, "openssl", &[&fixed[..], options, &["text"]].concat());
    assert_eq!(judged.stdout, b"Verified OK\n", "{mechanism}");
}

fn secret_value(home: &Path, id: &str) -> Vec<u8> {
    user(
        home,
        &["--read-object", "--type", "secrkey", "--id", id, "-o", "value"],
    );
    std::fs::read(home.join("value")).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const HASHES: [&str; 8] = [
    "SHA224", "SHA256", "SHA384", "SHA512", "SHA3-224", "SHA3-256", "SHA3-384", "SHA3-512",
];

fn openssl_name(hash: &str) -> String {
    format!("-{}", hash.to_lowercase())
}

alone! {
    fn its_test_runs_find_no_error(home) {
        stock(home);
        for login in [&[][..], &["--login", "--pin", PIN]] {
            let said = tool(home, &[login, &["--test"]].concat());
            assert!(said.contains("No errors") && !said.contains("ERR"), "{said}");
            for digest in ["SHA-1: OK", "SHA256: OK", "all 4 digest functions seem to work"] {
                assert!(said.contains(digest), "{said}");
            }
            // With the keys: two mechanisms each, and OAEP besides for decryption.
            for mechanism in ["RSA-X-509: OK", "RSA-PKCS: OK"] {
                let expected = if login.is_empty() { 0 } else { 2 };
                assert_eq!(said.matches(mechanism).count(), expected, "{said}");
            }
            let said = tool(home, &[login, &["--test-fork"]].concat());
            assert!(said.contains("C_Initialize in forked child process"), "{said}");
        }
    }

    fn its_hotplug_test_comes_to_its_end(home) {
        stock(home);
        // It asks before each look; whoever says nothing lets it go on to the end.
        let said = tool(home, &["--test-hotplug"]);
        for way in ["card detection using C_GetSlotList()", "card detection using C_WaitForSlotEvent()"] {
            assert!(said.contains(way), "{said}");
        }
    }

    fn its_threads_share_the_library(home) {
        stock(home);
        // Each initialises the library with its own locks and reads its information, its slots, and the first token
        // twice, while the tool itself logs in and runs its tests.
        let each = ["--test-threads", "ILGISLT0T0"];
        let module = module();
        let fixed = ["--module", module.to_str().unwrap(), "--use-locking", "--login", "--pin", PIN, "--test"];
        let output = run(home, "pkcs11-tool", &[&fixed[..], &each.repeat(4)].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said.matches("C_GetInfo returned CKR_OK").count(), 4, "{said}");
        assert_eq!(said.matches("C_GetSlotList returned CKR_OK").count(), 8, "{said}");
        assert!(said.contains("all threads have ended with CKR_OK") && !said.contains("Unknown test"), "{said}");
        let shown = String::from_utf8_lossy(&output.stdout);
        assert_eq!(shown.matches(LABEL).count(), 8, "{shown}");
        assert!(shown.contains("No errors"), "{shown}");
    }

    fn its_ec_test_makes_a_pair_and_renames_it(home) {
        stock(home);
        let module = module();
        let arguments = [
            "--module", module.to_str().unwrap(), "--login", "--pin", PIN, "--session-rw", "--test-ec", "--id", "44",
            "--key-type", "EC:prime256v1",
        ];
        let output = attempt(home, "pkcs11-tool", &arguments);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("Key pair generated") && said.contains("*** Doing a signature ***"), "{said}");
        // OpenSC 0.23 then signs with the mechanism that it has generated the pair with; there is no such signature.
        if !output.status.success() {
            let complaint = String::from_utf8_lossy(&output.stderr);
            assert!(complaint.contains("C_SignInit failed: rv = CKR_MECHANISM_INVALID"), "{complaint}");
        }
    }

    fn each_signature_is_what_openssl_expects(home) {
        stock(home);
        std::fs::write(home.join("text"), "Hồ sơ số 79").unwrap();
        let [rsa, ec] = ["rsa1", "ec1"].map(|name| public_key(home, name));
        for hash in HASHES {
            let name = openssl_name(hash);
            sign_and_verify(home, "01", &format!("{hash}-RSA-PKCS"), &rsa, &name, &[]);
            sign_and_verify(home, "02", &format!("ECDSA-{hash}"), &ec, &name, &[]);
        }
        for hash in &HASHES[..4] {
            let pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"];
            sign_and_verify(home, "01", &format!("{hash}-RSA-PKCS-PSS"), &rsa, &openssl_name(hash), &pss);
        }
        // Raw RSA: a number as long as the modulus and less than it.
        std::fs::write(home.join("number"), [&[0][..], &[0x5a; 255]].concat()).unwrap();
        user(home, &["--sign", "-m", "RSA-X-509", "--id", "01", "-i", "number", "-o", "signature"]);
        let recover = ["pkeyutl", "-verifyrecover", "-pubin", "-inkey", &rsa, "-pkeyopt", "rsa_padding_mode:none", "-in", "signature"];
        assert_eq!(run(home, "openssl", &recover).stdout, std::fs::read(home.join("number")).unwrap());
    }

    fn an_edwards_key_signs(home) {
        stock(home);
        std::fs::write(home.join("text"), "Hồ sơ số 79").unwrap();
        user(home, &["--keypairgen", "--key-type", "EC:edwards25519", "--id", "05", "--label", "ed"]);
        user(home, &["--sign", "-m", "EDDSA", "--id", "05", "-i", "text", "-o", "signature"]);
        // OpenSC 0.23 does not write a public key that OpenSSL reads, but it shows the point: an OCTET STRING of 32 bytes.
        let shown = tool(home, &["--list-objects", "--type", "pubkey", "--id", "05"]);
        let point = shown.lines().find_map(|line| line.trim().strip_prefix("EC_POINT:   0420")).unwrap();
        let point = (0..point.len()).step_by(2).map(|at| u8::from_str_radix(&point[at..at + 2], 16).unwrap());
        let key: Vec<u8> = ED25519_KEY.iter().copied().chain(point).collect();
        std::fs::write(home.join("ed.der"), key).unwrap();
        let verify = ["pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "ed.der", "-rawin", "-in", "text", "-sigfile", "signature"];
        assert!(String::from_utf8_lossy(&run(home, "openssl", &verify).stdout).contains("Verified Successfully"));
    }

    fn each_kind_of_key_is_made(home) {
        stock(home);
        let pairs = ["rsa:2048", "rsa:3072", "EC:prime256v1", "EC:secp384r1", "EC:secp521r1", "EC:edwards25519"];
        for (number, kind) in (0x10..).zip(pairs) {
            let said = user(home, &["--keypairgen", "--key-type", kind, "--id", &format!("{number:02x}"), "--label", kind]);
            assert!(said.contains("never extractable, local"), "{kind}: {said}");
        }
        let secrets = [("AES:16", 16), ("AES:24", 24), ("AES:32", 32), ("GENERIC:64", 64)];
        for (number, (kind, length)) in (0x20..).zip(secrets) {
            let id = format!("{number:02x}");
            user(home, &["--keygen", "--key-type", kind, "--id", &id, "--label", kind, "--private", "--extractable"]);
            assert_eq!(secret_value(home, &id).len(), length);
        }
        let listed = user(home, &["--list-objects"]);
        for kind in pairs.into_iter().chain(secrets.map(|(kind, _)| kind)) {
            assert!(listed.contains(kind), "{listed}");
        }
    }

    fn keys_are_wrapped_and_unwrapped(home) {
        stock(home);
        user(home, &["--keygen", "--key-type", "AES:32", "--id", "51", "--label", "kek", "--private", "--extractable", "--usage-wrap"]);
        user(home, &["--keygen", "--key-type", "AES:16", "--id", "52", "--label", "wrapped", "--private", "--extractable"]);
        let (kek, value) = (hex(&secret_value(home, "51")), secret_value(home, "52"));
        // 0x210B is CKM_AES_KEY_WRAP_KWP, which OpenSC 0.23 does not know by name.
        let mechanisms = [
            ("AES-KEY-WRAP", "51", "-id-aes256-wrap", "A6A6A6A6A6A6A6A6"),
            ("0x210B", "51", "-id-aes256-wrap-pad", "A65959A6"),
            ("AES-CBC-PAD", "51", "-aes-256-cbc", IV),
            ("RSA-PKCS", "01", "", ""),
        ];
        for (mechanism, id, cipher, iv) in mechanisms {
            let with = ["-m", mechanism, "--id", id, "--iv", IV];
            user(home, &[&["--wrap", "--application-id", "52", "-o", "wrapped"], &with[..]].concat());
            if !cipher.is_empty() {
                let judged = run(home, "openssl", &["enc", "-d", cipher, "-K", &kek, "-iv", iv, "-in", "wrapped"]);
                assert_eq!(judged.stdout, value, "{mechanism}");
            }
            let back = ["--unwrap", "-i", "wrapped", "--key-type", "AES:", "--application-id", "60", "--private", "--extractable"];
            user(home, &[&back[..], &with].concat());
            assert_eq!(secret_value(home, "60"), value, "{mechanism}");
            user(home, &["--delete-object", "--type", "secrkey", "--id", "60"]);
        }
    }

    fn a_shared_secret_is_what_openssl_derives(home) {
        stock(home);
        user(home, &["--keypairgen", "--key-type", "EC:prime256v1", "--id", "06", "--usage-derive"]);
        tool(home, &["--read-object", "--type", "pubkey", "--id", "06", "-o", "own.der"]);
        run(home, "openssl", &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "peer.key"]);
        run(home, "openssl", &["pkey", "-in", "peer.key", "-pubout", "-outform", "DER", "-out", "peer.der"]);
        user(home, &["--derive", "-m", "ECDH1-DERIVE", "--id", "06", "-i", "peer.der", "-o", "secret"]);
        let judged = run(home, "openssl", &["pkeyutl", "-derive", "-inkey", "peer.key", "-peerkey", "own.der"]);
        assert_eq!(std::fs::read(home.join("secret")).unwrap(), judged.stdout);
    }

    fn messages_are_authenticated_and_encrypted(home) {
        stock(home);
        std::fs::write(home.join("text"), "Hồ sơ số 79").unwrap();
        for (kind, id) in [("GENERIC:64", "53"), ("AES:32", "54")] {
            user(home, &["--keygen", "--key-type", kind, "--id", id, "--private", "--extractable"]);
        }
        let key = format!("hexkey:{}", hex(&secret_value(home, "53")));
        for hash in ["SHA224", "SHA256", "SHA384", "SHA512"] {
            user(home, &["--sign", "-m", &format!("{hash}-HMAC"), "--id", "53", "-i", "text", "-o", "tag"]);
            let judged = run(home, "openssl", &["dgst", &openssl_name(hash), "-mac", "HMAC", "-macopt", &key, "-binary", "text"]);
            assert_eq!(std::fs::read(home.join("tag")).unwrap(), judged.stdout, "{hash}");
        }
        let key = hex(&secret_value(home, "54"));
        user(home, &["--encrypt", "-m", "AES-CBC-PAD", "--id", "54", "--iv", IV, "-i", "text", "-o", "hidden"]);
        let judged = run(home, "openssl", &["enc", "-d", "-aes-256-cbc", "-K", &key, "-iv", IV, "-in", "hidden"]);
        assert_eq!(judged.stdout, "Hồ sơ số 79".as_bytes());
        user(home, &["--decrypt", "-m", "AES-CBC-PAD", "--id", "54", "--iv", IV, "-i", "hidden", "-o", "shown"]);
        assert_eq!(std::fs::read(home.join("shown")).unwrap(), "Hồ sơ số 79".as_bytes());
    }

    fn random_bytes_are_drawn(home) {
        stock(home);
        let draw = || {
            tool(home, &["--generate-random", "4096", "-o", "random"]);
            std::fs::read(home.join("random")).unwrap()
        };
        let [first, second] = [draw(), draw()];
        assert_eq!([first.len(), second.len()], [4096; 2]);
        assert_ne!(first, second);
    }
}
