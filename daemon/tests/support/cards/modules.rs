//! Modules of other makers that need no card: SoftHSM, a TPM's, opencryptoki's.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{CARD_PIN, wait_until};

/// True if a module, or a program, of another maker is on this computer.
pub fn installed(path: &str) -> bool {
    Path::new(path).exists()
}

/// A token of SoftHSM with an RSA key of ID 01.
pub struct SoftHsm(TempDir);

impl SoftHsm {
    pub const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

    pub fn new(label: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tokens = folder.path().join("tokens");
        std::fs::create_dir_all(&tokens).unwrap();
        let settings = format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display());
        std::fs::write(folder.path().join("softhsm2.conf"), settings).unwrap();
        let hsm = Self(folder);
        let mut make = Command::new("softhsm2-util");
        make.args([
            "--init-token",
            "--free",
            "--label",
            label,
            "--so-pin",
            "12345678",
            "--pin",
            CARD_PIN,
        ])
        .env("SOFTHSM2_CONF", hsm.settings());
        crate::support::succeed(&mut make);
        let mut generate = Command::new("pkcs11-tool");
        generate
            .args([
                "--module",
                Self::MODULE,
                "--token-label",
                label,
                "--login",
                "--pin",
                CARD_PIN,
            ])
            .args([
                "--keypairgen",
                "--key-type",
                "rsa:2048",
                "--id",
                "01",
                "--label",
                "key",
            ])
            .env("SOFTHSM2_CONF", hsm.settings());
        crate::support::succeed(&mut generate);
        hsm
    }

    /// What its module reads: `SOFTHSM2_CONF`.
    pub fn settings(&self) -> PathBuf {
        self.0.path().join("softhsm2.conf")
    }
}

/// A token of tpm2-pkcs11 on a software TPM of its own.
pub struct TpmToken {
    folder: TempDir,
    tpm: Child,
}

impl TpmToken {
    pub const MODULE: &str = "/usr/lib/x86_64-linux-gnu/pkcs11/libtpm2_pkcs11.so";

    pub fn new(label: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("tpm.sock");
        std::fs::create_dir_all(folder.path().join("store")).unwrap();
        let tpm = Command::new("swtpm")
            .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"])
            .arg("--tpmstate")
            .arg(format!("dir={}", folder.path().display()))
            .arg("--server")
            .arg(format!("type=unixio,path={}", socket.display()))
            .arg("--ctrl")
            .arg(format!("type=unixio,path={}.ctrl", socket.display()))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let token = Self { folder, tpm };
        wait_until("the TPM runs", || socket.exists());
        let tool = |words: &[&str]| {
            let mut command = Command::new("pkcs11-tool");
            command.args(["--module", Self::MODULE]).args(words);
            for (name, value) in token.environment() {
                command.env(name, value);
            }
            crate::support::succeed(&mut command);
        };
        tool(&[
            "--slot-index",
            "0",
            "--init-token",
            "--label",
            label,
            "--so-pin",
            "12345678",
        ]);
        tool(&[
            "--token-label",
            label,
            "--so-pin",
            "12345678",
            "--login",
            "--login-type",
            "so",
            "--init-pin",
            "--new-pin",
            CARD_PIN,
        ]);
        tool(&[
            "--token-label",
            label,
            "--login",
            "--pin",
            CARD_PIN,
            "--keypairgen",
            "--key-type",
            "rsa:2048",
            "--id",
            "01",
        ]);
        token
    }

    /// What its module needs.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        let folder = self.folder.path().display();
        [
            ("TPM2_PKCS11_STORE", format!("{folder}/store")),
            ("TPM2_PKCS11_TCTI", format!("swtpm:path={folder}/tpm.sock")),
        ]
    }
}

impl Drop for TpmToken {
    fn drop(&mut self) {
        let _ = self.tpm.kill();
        let _ = self.tpm.wait();
    }
}

/// opencryptoki's software token: one for the whole computer, and only for root.
pub struct Opencryptoki;

impl Opencryptoki {
    pub const MODULE: &str = "/usr/lib/x86_64-linux-gnu/opencryptoki/libopencryptoki.so";
}
