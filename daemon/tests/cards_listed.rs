//! What a PIV card is asked for its list of certificates, and what only later: a page whose card was put in just now waits
//! for the first alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::process::Command;
use std::time::Duration;

use support::cards::piv::*;
use support::cards::{CARD_PIN, ReaderPlan, on_readers, wait_until_empty};
use support::daemon::{Daemon, PORTAL, Page, allow};
use support::{Desk, succeed};
use trien::tokens::{PinNeed, PinState, TokenSource};

/// A key in the slot of a retired one, with a certificate for a company of this tax code.
fn certify_a_retired_key(desk: &Desk, slot: &str, tax_code: &str) {
    std::fs::write(desk.path("card-pin"), CARD_PIN).unwrap();
    let pin = desk.path("card-pin");
    let label = json(&mut desk.trien(["token", "list"]))[0]["label"]
        .as_str()
        .unwrap()
        .to_owned();
    let (request, certificate) = (desk.path("request.pem"), desk.path("certificate.pem"));
    let subject = format!("C=VN,CN=Công ty Cũ,UID=MST:{tax_code}");
    let mut generate = desk.trien([
        "token",
        "generate-key",
        "--token",
        &label,
        "--algorithm",
        "ec:p256",
    ]);
    generate
        .args(["--label", slot, "--subject", &subject, "--out"])
        .arg(&request);
    succeed(generate.arg("--pin-file").arg(&pin));
    let issue = support::repository().join("testdata/pki/issue.sh");
    let mut issued = Command::new(issue);
    issued
        .arg(desk.pki())
        .arg("agency")
        .arg(&request)
        .arg(&certificate);
    succeed(&mut issued);
    let mut install = desk.trien(["token", "install", "--token", &label, "--cert"]);
    succeed(install.arg(&certificate).arg("--pin-file").arg(&pin));
}

/// Neither the tries of the PIN nor retired keys are asked for before the list is there; both are told when they are wanted,
/// as they are then, and asked for once.
#[test]
fn a_list_of_certificates_waits_for_no_tries_and_no_retired_keys() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        let desk = Desk::new();
        certify_a_retired_key(&desk, "82", "0101234567");
        runtime().block_on(async {
            let modules = modules();
            let surveyed = async || {
                let mut tokens = modules.tokens().await.tokens;
                assert_eq!(tokens.len(), 1);
                tokens.remove(0)
            };
            card.order("reset-stats");
            let token = surveyed().await;
            let at_hand = token.certificates_at_hand().await.unwrap();
            let stats = card.stats();
            let slots = |held: &[trien::tokens::HeldCertificate]| -> Vec<String> {
                held.iter().map(|one| one.label.clone()).collect()
            };
            assert_eq!(slots(&at_hand.certificates), ["9c", "9a", "9d", "9e"]);
            assert!(at_hand.more);
            assert_eq!(stats.of("20"), 0, "VERIFY: {stats:?}");
            assert_eq!(stats.of("cb"), 5, "GET DATA, of the number and four: {stats:?}");
            for _ in 0..2 {
                let pin = PinNeed::Pipe {
                    min: 6,
                    max: 8,
                    state: PinState::Tries(3),
                };
                assert_eq!(token.pin().await.unwrap(), pin);
            }
            assert_eq!(card.stats().of("20"), 1, "asked for once");
            let all = token.certificates().await.unwrap();
            assert_eq!(slots(&all), ["9c", "9a", "9d", "9e", "82"]);
            // From now on they are all at hand.
            let again = surveyed().await.certificates_at_hand().await.unwrap();
            assert_eq!((again.certificates.len(), again.more), (5, false));
            // What another program does to the PIN is seen by the next who looks.
            let wrong = "00:20:00:80:08:31:31:31:31:31:31:FF:FF";
            let select = "00:A4:04:00:09:A0:00:00:03:08:00:00:10:00";
            readers.run(
                "opensc-tool",
                &["-s", select, "-s", wrong, "-s", wrong, "-s", wrong],
            );
            assert_eq!(surveyed().await.pin().await.unwrap(), PinNeed::Locked);
        });
        let listed = json(&mut desk.trien(["cert", "list"]));
        assert_eq!(listed.as_array().unwrap().len(), 5, "{listed}");
        assert_eq!(json(&mut desk.trien(["token", "list"]))[0]["pin"], "locked");
    });
}

/// A page that asks for what only a retired key has gets it, however soon it asks.
#[test]
fn a_page_gets_the_certificate_of_a_retired_key_of_a_card_put_in_just_now() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        let desk = Desk::new();
        certify_a_retired_key(&desk, "82", "0101234567");
        allow(&desk, PORTAL, &["certificates"]);
        let daemon = Daemon::start(&desk, "[[answer]]\ndecision = \"approve\"\nrepeat = true\n");
        let mut page = Page::over_websocket(&daemon);
        page.hello();
        let wanted = serde_json::json!({ "tax_code": "0101234567" });
        for _ in 0..5 {
            assert!(page.call("certificates", &wanted)["result"].is_object());
            std::thread::sleep(Duration::from_millis(400));
            card.eject();
            wait_until_empty(YUBIKEY);
            card.insert();
            support::cards::wait_until_present(YUBIKEY);
        }
        assert!(daemon.answers());
    });
}
