//! A smart card service that stands still for longer than a signature may take: whoever waits for a card is told so in
//! time, nobody else notices, and when it goes on everything is as it was, by itself.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use support::cards::piv::tries_left;
use support::cards::{CARD_PIN, OPENSC, ReaderPlan, on_readers, wait_until};
use support::daemon::{Daemon, PORTAL, Page, allow, code};
use support::module::software_token;
use support::{Desk, specified, succeed};

const YUBIKEY: &str = "Yubico YubiKey CCID";

/// A token of software, whose PIN the person has at hand after the card's.
const SOFTWARE: &str = r#"
[[token]]
label = "soft"
pin = "24681357"
[[token.key]]
label = "own"
algorithm = "rsa:2048"
certificate = { subject = "C=VN,CN=Nguyễn Văn An" }
"#;

/// With that in its configuration, which is where the card's driver stands.
fn desk_with(driver: &str) -> Desk {
    let desk = Desk::new();
    allow(&desk, PORTAL, &["certificates", "sign", "blind_digest"]);
    std::fs::create_dir_all(desk.home().join("config")).unwrap();
    let software = software_token();
    let config = format!(
        "discover = false\n[websocket]\nport = 0\n{driver}[[modules]]\nname = \"software\"\npath = {software:?}\n"
    );
    std::fs::write(desk.home().join("config/config.toml"), config).unwrap();
    succeed(&mut specified(&desk, SOFTWARE));
    desk
}

/// What a page asks for to have the digest of nothing signed by that certificate.
fn by(certificate: &str) -> Value {
    let digest = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    json!({ "certificate": certificate, "hash": "SHA-256", "digest": digest })
}

/// Until the card in 9A and the token of software show their certificates.
fn wait_for_both(desk: &Desk) {
    wait_until("card and software are there", || {
        let listed = desk.trien(["cert", "list", "--json"]).output().unwrap();
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        listed.contains("Văn An") && listed.contains("9a")
    });
}

/// The certificate that the person chooses for this page.
fn certificate(page: &mut Page) -> String {
    let shared = page.call("certificates", &json!({}));
    let named = shared["result"]["sha256"].as_str();
    named.unwrap_or_else(|| panic!("{shared}")).to_owned()
}

fn signs_at_the_shell(desk: &Desk, certificate: &str) {
    let [data, pin, signed] = ["data", "soft-pin", "signed.p7s"].map(|name| desk.path(name));
    std::fs::write(&data, "content").unwrap();
    std::fs::write(&pin, "24681357").unwrap();
    let words = [
        "sign",
        "--format",
        "cades",
        "--detached",
        "--cert",
        certificate,
        "--out",
    ];
    let mut sign = desk.trien(words);
    succeed(sign.arg(&signed).arg(&data).arg("--pin-file").arg(&pin));
}

fn stands_still(driver: &str) {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        let desk = desk_with(driver);
        wait_for_both(&desk);
        let chosen = ["9a", "Nguyễn", "9a"]
            .map(|name| format!("[[answer]]\ndecision = \"approve\"\ncertificate = {name:?}\n"));
        let script = format!(
            "{}[[answer]]\ndecision = \"approve\"\npins = [{CARD_PIN:?}, \"24681357\"]\nrepeat = true\n",
            chosen.concat()
        );
        let daemon = Daemon::start(&desk, &script);
        let [mut signing, mut other, mut third] = [(); 3].map(|()| {
            let mut page = Page::over_websocket(&daemon);
            page.hello();
            page
        });
        let [on_card, of_software, again] = [&mut signing, &mut other, &mut third].map(certificate);
        assert_eq!(on_card, again);
        for (page, named) in [(&mut signing, &on_card), (&mut other, &of_software)] {
            let signed = page.call("sign_digest", &by(named));
            assert!(signed["result"].is_object(), "{signed}");
        }
        // GENERAL AUTHENTICATE
        card.order("hold 87");
        card.order("reset-stats");
        let asked = signing.ask("sign_digest", &by(&on_card));
        wait_until("the card is at it", || card.stats().of("87") > 0);
        readers.signal_service(Signal::STOP);
        card.order("release");
        // Whoever needs no card goes on, a signature at the shell by the token of software, too.
        signs_at_the_shell(&desk, &of_software);
        for _ in 0..5 {
            let nothing = other.call("cancel", &json!({ "request": 0 }));
            assert!(nothing["error"].is_null(), "{nothing}");
            assert!(daemon.answers());
            std::thread::sleep(Duration::from_secs(2));
        }
        // The page that waits for the card is told, and lets the next one have the person: while all stands still.
        let hung = signing.reply(asked);
        assert_eq!(code(&hung), "module_hung", "{hung}");
        // So does one that begins only now.
        let none = third.call("sign_digest", &by(&on_card));
        assert!(none["error"].is_object(), "{none}");
        let signed = other.call("sign_digest", &by(&of_software));
        assert!(signed["result"].is_object(), "{signed}");
        assert!(daemon.answers());
        readers.signal_service(Signal::CONT);
        card.order("clear");
        // Nobody has done anything, and no module was switched off for it.
        wait_until("the card signs again", || {
            let signed = signing.call("sign_digest", &by(&on_card));
            signed["result"].is_object()
        });
        assert!(daemon.answers());
        drop(daemon);
        assert_eq!(tries_left(&readers), 3);
    });
}

#[test]
fn a_service_that_stands_still_longer_than_a_signature_may_take_is_told_and_comes_back_under_our_driver() {
    stands_still("");
}

#[test]
fn a_service_that_stands_still_longer_than_a_signature_may_take_is_told_and_comes_back_under_opensc() {
    stands_still(&format!(
        "[cards]\npiv = false\n[[modules]]\nname = \"opensc\"\npath = {OPENSC:?}\n"
    ));
}
