//! `trien doctor` before a real pcscd: what it says of the service, of cards and of what is on them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;
use support::cards::piv::YUBIKEY;
use support::cards::{CARD_PIN, ReaderPlan, on_proxied_readers, on_readers};
use support::{Desk, repository, succeed};

/// Its findings, with their texts in English.
fn findings(desk: &Desk) -> Vec<Value> {
    let output = desk.trien(["doctor", "--json", "--lang", "en"]).output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    told["findings"].as_array().unwrap().clone()
}

#[track_caller]
fn finding<'a>(findings: &'a [Value], code: &str) -> &'a Value {
    let found = findings.iter().find(|finding| finding["code"] == code);
    found.unwrap_or_else(|| panic!("no {code}: {findings:?}"))
}

#[test]
fn a_service_that_has_stopped_and_one_that_refuses_are_told_apart_with_a_remedy_each() {
    on_proxied_readers(&[ReaderPlan::plain(YUBIKEY)], |mut readers| {
        let _card = readers.piv(0);
        let desk = Desk::new();
        assert_eq!(finding(&findings(&desk), "pcscd")["state"], "ok");
        readers.proxy("refuse");
        let refused = findings(&desk);
        let refused = finding(&refused, "pcscd_not_allowed");
        assert!(
            refused["remedy"].as_str().unwrap().contains("polkit"),
            "{refused}"
        );
        readers.proxy("admit");
        assert_eq!(finding(&findings(&desk), "pcscd")["state"], "ok");
        readers.stop_service(Signal::TERM);
        std::fs::remove_file(readers.socket()).unwrap();
        let stopped = findings(&desk);
        let stopped = finding(&stopped, "pcscd_stopped");
        assert!(
            stopped["remedy"].as_str().unwrap().contains("systemctl start"),
            "{stopped}"
        );
    });
}

/// It was killed, and its socket is still there: cards may be, too, and nobody sees them. That is said in the list of tokens
/// as well, in both languages, and no more once it runs again.
#[test]
fn n113_a_service_that_broke_off_is_told_in_the_list_of_tokens_too() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |mut readers| {
        let _card = readers.piv(0);
        let desk = Desk::new();
        let listed = |language: &str| {
            let output = desk
                .trien(["token", "list", "--lang", language])
                .output()
                .unwrap();
            (output.status.success(), String::from_utf8(output.stderr).unwrap())
        };
        readers.stop_service(Signal::KILL);
        assert!(readers.socket().exists());
        let (went, told) = listed("en");
        assert!(
            went && told.contains("(pcscd) of this computer does not run")
                && told.contains("systemctl start"),
            "{told}"
        );
        let (went, told) = listed("vi");
        assert!(
            went && told.contains("(pcscd) của máy không hoạt động") && told.contains("systemctl start"),
            "{told}"
        );
        assert_eq!(finding(&findings(&desk), "pcscd_stopped")["state"], "warning");
        readers.start_service();
        support::cards::wait_until_present(YUBIKEY);
        let (went, told) = listed("en");
        assert!(went && !told.contains("pcscd"), "{told}");
    });
}

#[test]
fn a_card_is_shown_with_its_certificates_and_how_far_its_process_is_closed_in() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        let desk = Desk::new();
        let told = findings(&desk);
        assert_eq!(finding(&told, "token")["state"], "ok");
        assert_eq!(finding(&told, "certificate")["state"], "ok");
        let of_card = told.iter().find(|finding| {
            let message = finding["message"].as_str().unwrap();
            finding["code"].as_str().unwrap().starts_with("sandbox") && message.contains(YUBIKEY)
        });
        // How far is the kernel's matter: closed wherever the modules' processes can be.
        assert!(of_card.is_some(), "{told:?}");
        // The same card with a certificate that is over.
        std::fs::write(desk.path("card-pin"), CARD_PIN).unwrap();
        let pin = desk.path("card-pin");
        let listed = succeed(desk.trien(["token", "list"]).arg("--json"));
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let label = listed[0]["label"].as_str().unwrap();
        let (request, certificate) = (desk.path("request.pem"), desk.path("certificate.pem"));
        let mut generate = desk.trien([
            "token",
            "generate-key",
            "--token",
            label,
            "--algorithm",
            "ec:p256",
        ]);
        generate
            .args(["--label", "82", "--subject", "C=VN,CN=Hết Hạn", "--out"])
            .arg(&request);
        succeed(generate.arg("--pin-file").arg(&pin));
        let issue = repository().join("testdata/pki/issue.sh");
        succeed(
            Command::new(issue)
                .arg(desk.pki())
                .arg("expired")
                .arg(&request)
                .arg(&certificate),
        );
        let mut install = desk.trien(["token", "install", "--token", label, "--cert"]);
        succeed(install.arg(&certificate).arg("--pin-file").arg(&pin));
        let told = findings(&desk);
        let expired = finding(&told, "certificate_expired");
        assert!(
            expired["message"].as_str().unwrap().contains("Hết Hạn"),
            "{expired}"
        );
        drop(card);
    });
}

#[test]
fn a_card_whose_pin_is_locked_is_a_trouble_with_the_remedy() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        let wrong = "00:20:00:80:08:31:31:31:31:31:31:FF:FF";
        let select = "00:A4:04:00:09:A0:00:00:03:08:00:00:10:00";
        readers.run("opensc-tool", &["-s", select, "-s", wrong, "-s", wrong]);
        let desk = Desk::new();
        assert_eq!(finding(&findings(&desk), "pin_last_try")["state"], "warning");
        readers.run("opensc-tool", &["-s", select, "-s", wrong]);
        assert_eq!(finding(&findings(&desk), "pin_locked")["state"], "error");
    });
}

#[test]
fn a_mute_card_is_a_finding_and_the_rest_is_told_all_the_same() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        card.order("mute a4");
        let desk = Desk::new();
        let told = findings(&desk);
        let failed = finding(&told, "card_failed");
        assert_eq!(failed["state"], "error");
        assert_eq!(finding(&told, "pcscd")["state"], "ok");
        finding(&told, "clock");
        card.eject();
    });
}

#[test]
fn a_clock_that_is_behind_what_was_written_here_is_a_trouble() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        let desk = Desk::with_token();
        succeed(&mut desk.trien(["token", "list"]));
        let desk_home = desk.home();
        let tomorrow = std::time::SystemTime::now() + std::time::Duration::from_secs(86_400);
        std::fs::create_dir_all(desk_home.join("data")).unwrap();
        let audit = desk_home.join("data/audit.jsonl");
        std::fs::File::options()
            .create(true)
            .append(true)
            .open(&audit)
            .unwrap()
            .set_modified(tomorrow)
            .unwrap();
        let told = findings(&desk);
        let behind = finding(&told, "clock_behind");
        assert!(behind["remedy"].as_str().unwrap().contains("set-ntp"), "{behind}");
    });
}

#[test]
fn a_module_that_hangs_is_named_with_a_remedy_and_the_rest_is_told_all_the_same() {
    let desk = Desk::with_token();
    let script = desk.path("hang.toml");
    std::fs::write(&script, "[[rule]]\nfunction = \"C_GetSlotList\"\ndo = \"hang\"\n").unwrap();
    let config = format!(
        "[websocket]\nport = 0\n[[modules]]\nname = \"sluggish\"\npath = {:?}\nfolders = [{:?}]\nenvironment = \
         [\"TRIEN_SIMULATE\"]\n",
        support::module::simulator(),
        desk.path("")
    );
    std::fs::create_dir_all(desk.home().join("config")).unwrap();
    std::fs::write(desk.home().join("config/config.toml"), config).unwrap();
    let mut doctor = desk.trien(["doctor", "--json", "--lang", "en"]);
    let output = doctor.env("TRIEN_SIMULATE", script).output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let told = told["findings"].as_array().unwrap();
    let failed = finding(told, "module_failed");
    let message = failed["message"].as_str().unwrap();
    assert!(
        message.contains("sluggish") && message.contains("did not answer"),
        "{message}"
    );
    assert!(failed["remedy"].is_string());
    assert_eq!(finding(told, "clock")["state"], "ok");
}

/// An answer to reset of the ePass2003, whose applet this card has not.
const EPASS2003: &str = "3b9f958131fe9f006646530512343371df00000102030405";

#[test]
fn a_card_that_no_driver_shows_is_named_with_the_drivers_that_its_chip_has() {
    on_readers(
        &[
            ReaderPlan::plain("Feitian ePass2003 00 00"),
            ReaderPlan::plain(YUBIKEY),
        ],
        |readers| {
            let _other = readers.piv_with(0, &["--applet", "openpgp", "--atr", EPASS2003]);
            let _shown = readers.piv(1);
            let desk = Desk::new();
            std::fs::create_dir_all(desk.home().join("config")).unwrap();
            // A row of the user's, whose library is not here either.
            let row = "[[modules]]\nname = \"other-ca\"\nlibraries = [\"libotherca.so\"]\nca = \"Viettel-CA\"\n\
                       chips = [\"Feitian ePass2003\"]\n";
            std::fs::write(
                desk.home().join("config/config.toml"),
                format!("[websocket]\nport = 0\n{row}"),
            )
            .unwrap();
            let described = findings(&desk);
            let remedy = finding(&described, "card_unseen")["remedy"].as_str().unwrap();
            assert!(
                remedy.contains("other-ca (libotherca.so)") && remedy.contains("feitian-epass2003"),
                "{remedy}"
            );
            let none = finding(&described, "none_on_linux")["message"].as_str().unwrap();
            assert!(!none.contains("Viettel-CA"), "the user knows of one: {none}");
            std::fs::remove_file(desk.home().join("config/config.toml")).unwrap();
            let told = findings(&desk);
            let unseen = finding(&told, "card_unseen");
            let message = unseen["message"].as_str().unwrap();
            assert_eq!(unseen["state"], "warning");
            assert!(
                message.contains("Card in Feitian ePass2003")
                    && message.contains(": Feitian ePass2003. No driver shows it"),
                "{message}"
            );
            let remedy = unseen["remedy"].as_str().unwrap();
            assert!(
                remedy.contains("feitian-epass2003 (libcastle.so.1.0.0)")
                    && remedy
                        .contains("For 32-bit programs alone, and not loaded here: fpt-ca (fptca_v4.so)."),
                "{remedy}"
            );
            assert_eq!(remedy.matches("fptca").count(), 1, "{remedy}");
            for vendor in ["viettel", "vnpt"] {
                assert!(
                    !remedy.contains(vendor),
                    "none of it is known for Linux: {remedy}"
                );
            }
            let none = finding(&told, "none_on_linux")["message"].as_str().unwrap();
            for vendor in [
                "VNPT-CA (Feitian ePass2003, WatchData)",
                "Viettel-CA (Feitian ePass2003)",
                "Bkav-CA (SecureMetric ST3)",
            ] {
                assert!(none.contains(vendor), "{none}");
            }
            let shown = finding(&told, "card")["message"].as_str().unwrap();
            assert!(
                shown.contains(YUBIKEY) && shown.contains("shown by piv"),
                "{shown}"
            );
        },
    );
}

#[test]
fn a_card_whose_answer_to_reset_is_in_no_table_is_told_by_it() {
    on_readers(&[ReaderPlan::plain("Reader 00 00")], |readers| {
        let _card = readers.piv_with(0, &["--applet", "openpgp", "--atr", "3b0201aa"]);
        let told = findings(&Desk::new());
        let unseen = finding(&told, "card_unseen");
        assert!(
            unseen["message"].as_str().unwrap().contains("ATR 3b0201aa"),
            "{unseen}"
        );
        assert!(
            unseen["remedy"].as_str().unwrap().contains("Install the driver"),
            "{unseen}"
        );
    });
}

#[test]
fn who_finds_no_token_is_told_which_vendors_have_no_driver_for_linux() {
    let desk = Desk::bare();
    for (language, words) in [
        ("en", "no driver for Linux"),
        ("vi", "trình điều khiển cho Linux"),
    ] {
        let output = desk
            .trien(["doctor", "--json", "--lang", language])
            .output()
            .unwrap();
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let none = finding(told["findings"].as_array().unwrap(), "none_on_linux").clone();
        let message = none["message"].as_str().unwrap();
        for vendor in ["Viettel-CA", "CA2", "MISA-CA", "TrustCA"] {
            assert!(message.contains(vendor) && message.contains(words), "{message}");
        }
        assert!(none["remedy"].is_string());
    }
    let ready = findings(&Desk::with_token());
    assert!(
        !ready.iter().any(|finding| finding["code"] == "none_on_linux"),
        "nothing is amiss: {ready:?}"
    );
}

/// The system's own program says whether anybody keeps the clock; here it is one of the test's.
#[test]
fn a_clock_that_nobody_keeps_is_a_warning_with_a_remedy() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::with_token();
    let programs = desk.path("programs");
    std::fs::create_dir(&programs).unwrap();
    let answer = |said: &str| {
        let program = programs.join("timedatectl");
        std::fs::write(
            &program,
            format!("#!/bin/sh\n[ \"$2\" = --property=NTPSynchronized ] && {said}\n"),
        )
        .unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        let mut doctor = desk.trien(["doctor", "--json", "--lang", "en"]);
        let output = doctor.env("PATH", path).output().unwrap();
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        told["findings"].as_array().unwrap().clone()
    };
    let told = answer("echo no");
    let unkept = finding(&told, "clock_unkept");
    assert_eq!(unkept["state"], "warning");
    assert!(unkept["remedy"].as_str().unwrap().contains("set-ntp"), "{unkept}");
    // One that is kept, one of which nothing is known, and a system that does not answer in time.
    for said in ["echo yes", "exit 1", "exec sleep 20"] {
        let told = answer(said);
        let unkept = told.iter().any(|finding| finding["code"] == "clock_unkept");
        assert!(!unkept, "{said}: {told:?}");
    }
}
