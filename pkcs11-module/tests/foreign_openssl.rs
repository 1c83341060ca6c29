//! OpenSSL uses the token through libp11's engine, and so do the programs built on it: requests and certificates,
//! CMS, signed Windows programs (`osslsigncode`) and signed boot loaders (`sbsign`).

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test may fail, and says what it found

mod harness;

use std::path::Path;
use std::process::Output;

use harness::stocked::{ENGINE, engine_configuration, key_with_pin, stock};
use harness::{command, module, run, succeeded};

/// A program whose OpenSSL has the engine.
#[track_caller]
fn with_engine(home: &Path, program: &str, arguments: &[&str]) -> Output {
    let mut command = command(home, program, arguments);
    command.env("OPENSSL_CONF", engine_configuration(home));
    succeeded(&mut command)
}

const KEYS: [&str; 2] = ["rsa1", "ec1"];

/// A 64-bit Windows program that does nothing: the headers that a signer reads, and one page of code.
fn windows_program() -> Vec<u8> {
    let mut image = vec![0; 0x400];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x3c, &0x80_u32.to_le_bytes());
    put(0x80, b"PE\0\0\x64\x86\x01\0"); // x86-64, one section
    put(0x94, &240_u16.to_le_bytes()); // size of the optional header
    put(0x96, &0x22_u16.to_le_bytes()); // executable, large addresses
    put(0x98, &0x20b_u16.to_le_bytes()); // PE32+
    put(0x98 + 16, &0x1000_u32.to_le_bytes()); // entry point
    put(0x98 + 24, &0x0001_4000_0000_u64.to_le_bytes()); // base
    put(0x98 + 32, &0x1000_u32.to_le_bytes()); // alignment in memory
    put(0x98 + 36, &0x200_u32.to_le_bytes()); // alignment in the file
    put(0x98 + 48, &6_u16.to_le_bytes()); // subsystem version
    put(0x98 + 56, &0x2000_u32.to_le_bytes()); // size in memory
    put(0x98 + 60, &0x200_u32.to_le_bytes()); // size of the headers
    put(0x98 + 68, &10_u16.to_le_bytes()); // an EFI application
    put(0x98 + 108, &16_u32.to_le_bytes()); // data directories
    let section = 0x98 + 240;
    put(section, b".text\0\0\0");
    put(section + 8, &1_u32.to_le_bytes());
    put(section + 12, &0x1000_u32.to_le_bytes());
    put(section + 16, &0x200_u32.to_le_bytes());
    put(section + 20, &0x200_u32.to_le_bytes());
    put(section + 36, &0x6000_0020_u32.to_le_bytes());
    put(0x200, b"\xc3"); // return
    image
}

alone! {
    fn openssl_signs_digests_requests_and_certificates(home) {
        stock(home);
        std::fs::write(home.join("text"), "Hồ sơ").unwrap();
        for name in KEYS {
            let key = key_with_pin(name);
            let engine = ["-engine", "pkcs11", "-keyform", "engine"];
            let sign = ["dgst", "-sha256", "-sign", &key, "-out", "signature", "text"];
            with_engine(home, "openssl", &[&sign[..2], &engine, &sign[2..]].concat());
            run(home, "sh", &["-c", &format!("openssl x509 -in {name}.pem -noout -pubkey > public.pem")]);
            let verified = run(home, "openssl", &["dgst", "-sha256", "-verify", "public.pem", "-signature", "signature", "text"]);
            assert_eq!(verified.stdout, b"Verified OK\n");

            let request = ["req", "-new", "-key", &key, "-subj", "/C=VN/CN=An", "-out", "request.pem"];
            with_engine(home, "openssl", &[&request[..2], &engine, &request[2..]].concat());
            run(home, "openssl", &["req", "-in", "request.pem", "-noout", "-verify"]);

            let own = ["req", "-x509", "-new", "-key", &key, "-sha384", "-subj", "/CN=own", "-out", "own.pem"];
            with_engine(home, "openssl", &[&own[..3], &engine, &own[3..]].concat());
            run(home, "openssl", &["verify", "-check_ss_sig", "-CAfile", "own.pem", "own.pem"]);
        }
    }

    fn openssl_signs_cms_and_pss(home) {
        stock(home);
        std::fs::write(home.join("text"), "Hồ sơ số 79").unwrap();
        for name in KEYS {
            let key = key_with_pin(name);
            let certificate = format!("{name}.pem");
            let mut arguments = vec![
                "cms", "-sign", "-engine", "pkcs11", "-keyform", "engine", "-inkey", &key, "-signer", &certificate,
                "-binary", "-in", "text", "-nodetach", "-outform", "DER", "-out", "signed.p7m",
            ];
            with_engine(home, "openssl", &arguments);
            let verify = ["cms", "-verify", "-inform", "DER", "-in", "signed.p7m", "-CAfile", "ca.pem", "-out", "back"];
            run(home, "openssl", &verify);
            assert_eq!(std::fs::read(home.join("back")).unwrap(), "Hồ sơ số 79".as_bytes());
            if name == "rsa1" {
                arguments.extend(["-keyopt", "rsa_padding_mode:pss"]);
                with_engine(home, "openssl", &arguments);
                run(home, "openssl", &verify);
                let shown = run(home, "openssl", &["asn1parse", "-inform", "DER", "-in", "signed.p7m"]);
                assert!(String::from_utf8_lossy(&shown.stdout).contains("rsassaPss"));
            }
        }
    }

    fn osslsigncode_signs_a_windows_program(home) {
        stock(home);
        std::fs::write(home.join("program.exe"), windows_program()).unwrap();
        let module = module();
        for name in KEYS {
            let key = key_with_pin(name);
            let signed = format!("{name}.exe");
            let arguments = [
                "sign", "-pkcs11engine", ENGINE, "-pkcs11module", module.to_str().unwrap(), "-certs", &format!("{name}.pem"),
                "-key", &key, "-h", "sha256", "-in", "program.exe", "-out", &signed,
            ];
            run(home, "osslsigncode", &arguments);
            let verified = run(home, "osslsigncode", &["verify", "-CAfile", "ca.pem", "-in", &signed]);
            let said = String::from_utf8_lossy(&verified.stdout);
            assert!(said.contains("Signature verification: ok"), "{said}");
        }
    }

    fn sbsign_signs_a_boot_loader(home) {
        stock(home);
        std::fs::write(home.join("loader.efi"), windows_program()).unwrap();
        // Secure Boot knows RSA only.
        let key = key_with_pin("rsa1");
        let arguments = ["--engine", "pkcs11", "--key", &key, "--cert", "rsa1.pem", "--output", "signed.efi", "loader.efi"];
        with_engine(home, "sbsign", &arguments);
        let verified = run(home, "sbverify", &["--cert", "rsa1.pem", "signed.efi"]);
        assert!(String::from_utf8_lossy(&verified.stdout).contains("Signature verification OK"));
    }
}
