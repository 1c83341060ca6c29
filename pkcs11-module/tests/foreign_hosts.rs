//! Programs nobody here wrote use the token: OpenSC's `pkcs11-tool`, GnuTLS's `p11tool` and `certtool`, p11-kit's server
//! for programs elsewhere, and OpenSSL, which verifies.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test may fail, and says what it found

mod harness;

use std::path::Path;

use harness::opensc::{tool, user};
use harness::stocked::{LABEL, stock};
use harness::{PIN, SO_PIN, Started, attempt, command, module, run, succeeded};

fn p11tool(home: &Path, arguments: &[&str]) -> String {
    let module = module();
    let output = run(
        home,
        "p11tool",
        &[&["--provider", module.to_str().unwrap()], arguments].concat(),
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The module through which programs reach p11-kit's server.
const P11_KIT_CLIENT: &str = "/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so";

fn make_token(home: &Path) {
    tool(
        home,
        &[
            "--init-token",
            "--slot-index",
            "0",
            "--label",
            "Nguyễn Văn An",
            "--so-pin",
            SO_PIN,
        ],
    );
    tool(
        home,
        &[
            "--init-pin",
            "--login",
            "--login-type",
            "so",
            "--so-pin",
            SO_PIN,
            "--pin",
            PIN,
        ],
    );
}

fn verify(home: &Path, options: &[&str]) {
    let fixed = ["dgst", "-sha256", "-signature", "signature"];
    let judged = run(home, "openssl", &[&fixed[..], options, &["text"]].concat());
    assert_eq!(judged.stdout, b"Verified OK\n");
}

alone! {
    fn opensc_makes_a_token_with_keys_and_signs(home) {
        make_token(home);
        let listed = tool(home, &["--list-token-slots"]);
        assert!(listed.contains("Nguyễn Văn An") && listed.contains("Trien SoftToken"), "{listed}");
        for (kind, id) in [("rsa:2048", "01"), ("rsa:3072", "02"), ("EC:prime256v1", "03"), ("EC:secp384r1", "04")] {
            user(home, &["--keypairgen", "--key-type", kind, "--id", id, "--label", kind]);
            // OpenSC 0.23 cannot write P-384 public keys into files; GnuTLS can.
            let url = format!("pkcs11:model=Trien%20SoftToken;id=%{id};type=public");
            let key = p11tool(home, &["--export-pubkey", &url]);
            std::fs::write(home.join(format!("{id}.pem")), key).unwrap();
        }
        std::fs::write(home.join("text"), "Hồ sơ").unwrap();
        let pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"];
        for id in ["01", "02"] {
            let key = format!("{id}.pem");
            let sign = |mechanism: &str, input: &str| {
                user(home, &["--sign", "-m", mechanism, "--id", id, "-i", input, "-o", "signature"]);
            };
            sign("SHA256-RSA-PKCS", "text");
            verify(home, &["-verify", &key]);
            sign("SHA256-RSA-PKCS-PSS", "text");
            verify(home, &[&["-verify", &key][..], &pss].concat());
            run(home, "openssl", &["dgst", "-sha256", "-binary", "-out", "digest", "text"]);
            user(home, &[
                "--sign", "-m", "RSA-PKCS-PSS", "--hash-algorithm", "SHA256", "--mgf", "MGF1-SHA256",
                "--salt-len", "32", "--id", id, "-i", "digest", "-o", "signature",
            ]);
            verify(home, &[&["-verify", &key][..], &pss].concat());
            let digest = std::fs::read(home.join("digest")).unwrap();
            let prefix = [0x30, 49, 0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 32];
            std::fs::write(home.join("info"), [&prefix[..], &digest].concat()).unwrap();
            sign("RSA-PKCS", "info");
            verify(home, &["-verify", &key]);
        }
        for id in ["03", "04"] {
            for (mechanism, input) in [("ECDSA-SHA256", "text"), ("ECDSA", "digest")] {
                user(home, &[
                    "--sign", "-m", mechanism, "--signature-format", "openssl", "--id", id, "-i", input, "-o", "signature",
                ]);
                verify(home, &["-verify", &format!("{id}.pem")]);
            }
        }
        // A big file goes in parts.
        std::fs::write(home.join("text"), vec![0x61; 1_000_000]).unwrap();
        user(home, &["--sign", "-m", "SHA256-RSA-PKCS", "--id", "01", "-i", "text", "-o", "signature"]);
        verify(home, &["-verify", "01.pem"]);
    }

    fn opensc_stores_a_certificate_and_data_and_changes_the_pin(home) {
        make_token(home);
        user(home, &["--keypairgen", "--key-type", "EC:prime256v1", "--id", "01", "--label", "khóa"]);
        let certificate = harness::certificate(home, "/C=VN/CN=Nguyễn Văn An");
        user(home, &[
            "--write-object", "certificate.der", "--type", "cert", "--id", "01", "--label", "chứng thư",
        ]);
        // No PIN is needed to read it.
        let listed = tool(home, &["--list-objects", "--type", "cert"]);
        assert!(listed.contains("chứng thư") && listed.contains("C=VN"), "{listed}");
        tool(home, &["--read-object", "--type", "cert", "--id", "01", "-o", "back.der"]);
        assert_eq!(std::fs::read(home.join("back.der")).unwrap(), certificate);
        std::fs::write(home.join("note"), "ghi chú").unwrap();
        user(home, &["--write-object", "note", "--type", "data", "--label", "note", "--private"]);
        assert!(!tool(home, &["--list-objects"]).contains("note"));
        assert!(user(home, &["--list-objects"]).contains("note"));
        user(home, &["--delete-object", "--type", "data", "--label", "note"]);
        tool(home, &["--change-pin", "--login", "--pin", PIN, "--new-pin", "mới 2026"]);
        let module = module();
        let old = ["--module", module.to_str().unwrap(), "--login", "--pin", PIN, "--list-objects"];
        let refused = attempt(home, "pkcs11-tool", &old);
        assert!(String::from_utf8_lossy(&refused.stderr).contains("CKR_PIN_INCORRECT"));
        tool(home, &["--login", "--pin", "mới 2026", "--list-objects"]);
    }

    fn gnutls_lists_and_signs(home) {
        make_token(home);
        user(home, &["--keypairgen", "--key-type", "rsa:2048", "--id", "01", "--label", "rsa"]);
        user(home, &["--keypairgen", "--key-type", "EC:prime256v1", "--id", "02", "--label", "ec"]);
        let tokens = p11tool(home, &["--list-tokens"]);
        assert!(tokens.contains("Manufacturer: Trien") && tokens.contains("Trien SoftToken"), "{tokens}");
        let all = p11tool(home, &["--login", "--list-all"]);
        assert!(all.contains("Label: rsa") && all.contains("Label: ec") && all.contains("CKA_SENSITIVE"), "{all}");
        for key in ["rsa", "ec"] {
            let url = format!("pkcs11:model=Trien%20SoftToken;object={key};type=private");
            let module = module();
            let arguments = ["--provider", module.to_str().unwrap(), "--login", "--test-sign", &url];
            let output = run(home, "p11tool", &arguments);
            let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
            assert!(said.contains("ok"), "{said}");
        }
        p11tool(home, &["--login", "--generate-privkey", "ecdsa", "--curve", "secp256r1", "--label", "theirs", "pkcs11:model=Trien%20SoftToken"]);
        assert!(p11tool(home, &["--login", "--list-privkeys"]).contains("theirs"));
    }

    fn gnutls_issues_a_certificate_with_a_key_of_the_token(home) {
        stock(home);
        std::fs::write(home.join("template"), "cn = own\norganization = Trien\nserial = 7\nexpiration_days = 20\nca\n").unwrap();
        let module = module();
        for name in ["rsa1", "ec1"] {
            let [private, public] = ["private", "public"].map(|kind| format!("pkcs11:token={LABEL};object={name};type={kind}"));
            run(home, "certtool", &[
                "--provider", module.to_str().unwrap(), "--generate-self-signed", "--template", "template", "--hash", "SHA256",
                "--load-privkey", &private, "--load-pubkey", &public, "--outfile", "own.pem",
            ]);
            run(home, "openssl", &["verify", "-check_ss_sig", "-CAfile", "own.pem", "own.pem"]);
            let shown = run(home, "openssl", &["x509", "-in", "own.pem", "-noout", "-pubkey"]).stdout;
            assert_eq!(shown, run(home, "openssl", &["x509", "-in", &format!("{name}.pem"), "-noout", "-pubkey"]).stdout);
        }
    }

    fn p11_kit_serves_the_token_to_another_process(home) {
        stock(home);
        let (module, socket) = (module(), home.join("socket"));
        let serve = [
            "server", "--foreground", "--name", socket.to_str().unwrap(), "--provider", module.to_str().unwrap(),
            &format!("pkcs11:token={LABEL}"),
        ];
        let _server = Started::program(command(home, "p11-kit", &serve));
        harness::until("the server listens", || socket.exists());
        std::fs::write(home.join("text"), "Hồ sơ").unwrap();
        run(home, "openssl", &["dgst", "-sha256", "-binary", "-out", "digest", "text"]);
        // The client has the socket, and no way to the token's folder.
        let client = |arguments: &[&str]| {
            let fixed = ["--module", P11_KIT_CLIENT, "--login", "--pin", PIN];
            let mut client = command(home, "pkcs11-tool", &[&fixed[..], arguments].concat());
            client.env("P11_KIT_SERVER_ADDRESS", format!("unix:path={}", socket.display()));
            String::from_utf8(succeeded(client.env_remove("TRIEN_HOME")).stdout).unwrap()
        };
        let listed = client(&["--list-objects"]);
        for name in ["rsa1", "ec1"] {
            // Certificate, public and private key.
            assert_eq!(listed.matches(&format!("label:      {name}")).count(), 3, "{listed}");
            let pem = run(home, "openssl", &["x509", "-in", &format!("{name}.pem"), "-noout", "-pubkey"]).stdout;
            std::fs::write(home.join("public.pem"), pem).unwrap();
            // p11-kit 0.24 passes on only mechanisms that it knows, and of ECDSA's only the one without a hash function.
            let (id, mechanism, input) = if name == "rsa1" { ("01", "SHA256-RSA-PKCS", "text") } else { ("02", "ECDSA", "digest") };
            client(&["--sign", "-m", mechanism, "-f", "openssl", "--id", id, "-i", input, "-o", "signature"]);
            verify(home, &["-verify", "public.pem"]);
        }
    }
}
