//! Everything beside one another in one program: cards by two vendors' modules, tokens of SoftHSM, of a TPM and of
//! opencryptoki, and our own, each in a process of its own. OpenSSL judges.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use support::cards::{
    CARD_PIN, OPENSC, Opencryptoki, ReaderPlan, SoftHsm, TpmToken, YKCS11, on_opencryptoki, on_readers,
};
use support::daemon::{Daemon, PORTAL, Page, allow, child_pids};
use support::{Desk, succeed};

const YUBIKEY: &str = "Yubico YubiKey CCID";

/// A desk whose configuration names all these modules, and no driver of ours.
struct Office {
    desk: Desk,
    _soft: SoftHsm,
    _tpm: TpmToken,
}

impl Office {
    fn new() -> Self {
        let (soft, tpm) = (SoftHsm::new("soft"), TpmToken::new("tpm"));
        // What its modules find their tokens by.
        let settings = ("SOFTHSM2_CONF", soft.settings().display().to_string());
        let desk = Desk::with_keys(&[("own", "ec:p256", "citizen")])
            .with_variables([settings])
            .with_variables(tpm.environment());
        std::fs::write(desk.path("card-pin"), CARD_PIN).unwrap();
        let ours = Path::new(env!("CARGO_BIN_EXE_trien")).with_file_name("libtrien_pkcs11.so");
        let libraries = [
            ("software", ours.as_path()),
            ("opensc", OPENSC.as_ref()),
            ("ykcs11", YKCS11.as_ref()),
            ("softhsm2", SoftHsm::MODULE.as_ref()),
            ("tpm2", TpmToken::MODULE.as_ref()),
            ("opencryptoki", Opencryptoki::MODULE.as_ref()),
        ];
        let rows = libraries.map(|(name, path)| {
            let path = path.display().to_string();
            format!("[[modules]]\nname = {name:?}\npath = {path:?}\n")
        });
        let config = format!(
            "[websocket]\nport = 0\n[cards]\npiv = false\n[prompt]\nseconds = 20\n{}",
            rows.concat()
        );
        std::fs::create_dir_all(desk.home().join("config")).unwrap();
        std::fs::write(desk.home().join("config/config.toml"), config).unwrap();
        Self {
            desk,
            _soft: soft,
            _tpm: tpm,
        }
    }

    fn trien(&self, words: &[&str]) -> Command {
        self.desk.trien(words.iter().copied())
    }

    fn json(&self, words: &[&str]) -> Vec<Value> {
        let told = succeed(self.trien(words).arg("--json"));
        serde_json::from_str(&told).unwrap()
    }

    /// Has the key of that label certified by the demo authority, and puts the certificate beside it.
    fn certify(&self, token: &str, key: &str) {
        let (request, certificate) = (self.desk.path("request.pem"), self.desk.path("certificate.pem"));
        let subject = format!("C=VN,CN=Nguyen Van {key},UID=CCCD:079085000123");
        let words = [
            "token",
            "request",
            "--token",
            token,
            "--key",
            key,
            "--subject",
            &subject,
            "--out",
        ];
        let pin = self.desk.path("card-pin");
        succeed(self.trien(&words).arg(&request).arg("--pin-file").arg(&pin));
        let mut issue = Command::new(support::repository().join("testdata/pki/issue.sh"));
        succeed(
            issue
                .arg(self.desk.pki())
                .arg("citizen")
                .arg(&request)
                .arg(&certificate),
        );
        let install = ["token", "install", "--token", token, "--cert"];
        succeed(self.trien(&install).arg(&certificate).arg("--pin-file").arg(&pin));
    }

    /// Signs with the certificate that this names, and has OpenSSL verify.
    fn sign(&self, certificate: &str, pin: &Path) {
        let (data, signed) = (self.desk.path("data"), self.desk.path("signed.p7s"));
        std::fs::write(&data, format!("content for {certificate}")).unwrap();
        let words = [
            "sign",
            "--format",
            "cades",
            "--detached",
            "--cert",
            certificate,
            "--out",
        ];
        succeed(
            self.trien(&words)
                .arg(&signed)
                .arg(&data)
                .arg("--pin-file")
                .arg(pin),
        );
        let mut verify = Command::new("openssl");
        verify.args(["cms", "-verify", "-binary", "-noverify", "-inform", "DER", "-in"]);
        succeed(verify.arg(&signed).arg("-content").arg(&data));
        std::fs::remove_file(signed).unwrap();
    }
}

#[test]
fn modules_of_six_makers_beside_one_another_list_request_install_and_sign() {
    on_opencryptoki(|ock| {
        let plans = [YUBIKEY, "OpenPGP Reader"].map(ReaderPlan::plain);
        on_readers(&plans, |readers| {
            let _cards = (readers.piv(0), readers.openpgp(1));
            ock.issue("ock");
            let office = Office::new();
            let (desk, pin) = (&office.desk, office.desk.path("card-pin"));
            std::fs::write(desk.path("first"), Opencryptoki::FIRST_PIN).unwrap();

            // The user has a PIN by the officer, and changes it.
            let change = ["token", "change-pin", "--token", "ock", "--pin-file"];
            succeed(
                office
                    .trien(&change)
                    .arg(desk.path("first"))
                    .arg("--new-pin-file")
                    .arg(&pin),
            );
            ock.generate();

            let tokens = office.json(&["token", "list"]);
            let ready = tokens.iter().filter(|token| token["initialized"] == true);
            let mut shown: Vec<_> = ready
                .map(|token| {
                    [&token["module"], &token["manufacturer"], &token["ca"][0]]
                        .map(|field| field.as_str().unwrap_or(""))
                })
                .collect();
            shown.sort_unstable();
            // The PIV card is one token, though two modules show it; its maker and who certified its keys are two facts.
            let expected = [
                ["opencryptoki", "IBM Corp.", ""],
                ["opensc", "OpenPGP project", ""],
                ["opensc", "OpenPGP project", "Cards Test CA"],
                ["opensc", "piv_II", "Cards Test CA"],
                ["softhsm2", "SoftHSM project", ""],
                ["software", "Trien", "CA Công cộng Trình diễn"],
                ["tpm2", "IBM", ""],
            ];
            assert_eq!(shown, expected);

            for (token, key) in [("soft", "soft-key"), ("tpm", "tpm-key"), ("ock", "ock-key")] {
                office.certify(token, key);
                office.sign(key, &pin);
            }
            office.sign("own", &desk.pin_file());
            let keys = office.json(&["cert", "list"]);
            let keys: Vec<_> = keys.iter().filter(|one| one["key"] == true).collect();
            assert_eq!(
                keys.len(),
                4 + 1 + 4,
                "four on the PIV card, one on the OpenPGP card: {keys:#?}"
            );
            for certificate in ["CN=The OpenPGP", "CCCD:079085000124"] {
                office.sign(certificate, &pin);
            }
            sign_for_a_page(&office);
        });
    });
}

/// One daemon, one page, a signature of each module's token.
fn sign_for_a_page(office: &Office) {
    let names = [
        ("The OpenPGP", CARD_PIN),
        ("9c", CARD_PIN),
        ("Nguyen Van soft-key", CARD_PIN),
        ("Nguyen Van tpm-key", CARD_PIN),
        ("Nguyen Van ock-key", CARD_PIN),
        ("Nguyễn Văn An own", support::PIN),
    ];
    let answers = names.map(|(name, pin)| {
        format!("[[answer]]\ndecision = \"approve\"\ncertificate = {name:?}\npins = [{pin:?}]\n")
    });
    allow(&office.desk, PORTAL, &[]);
    let daemon = Daemon::start(&office.desk, &answers.concat());
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    for (name, _) in names {
        let document = page.upload("data", name.as_bytes());
        let wanted = json!({ "documents": [document], "format": "cades_attached" });
        let reply = page.call("sign_documents", &wanted);
        let signed = &reply["result"]["documents"][0];
        assert_eq!(signed["status"], "signed", "{name}: {reply}");
        let size = signed["size"].as_u64().unwrap();
        let bytes = page.download(signed["sha256"].as_str().unwrap(), size);
        let file = office.desk.path("page.p7m");
        std::fs::write(&file, bytes).unwrap();
        let mut verify = Command::new("openssl");
        verify.args(["cms", "-verify", "-binary", "-noverify", "-inform", "DER", "-in"]);
        assert_eq!(succeed(verify.arg(&file)), name);
    }
    assert_eq!(
        child_pids(daemon.pid(), "module-worker").len(),
        6,
        "one process a module"
    );
}
