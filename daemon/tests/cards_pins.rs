//! The states of a PIN on cards nobody here wrote, through the modules of OpenSC and Yubico; PINs typed on the reader.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::Write;

use serde_json::json;
use support::Desk;
use support::cards::piv::{count_of_tries, left_verified, spend, tries_left};
use support::cards::scene::{
    Judge, RSA, desk_with_opensc, key, lines, modules, only_token, opensc, ready_opencryptoki, runtime,
    signable, token_in_time, ykcs11,
};
use support::cards::{
    CARD_PIN, CARD_PUK, ReaderPlan, SoftHsm, TpmToken, on_opencryptoki, on_readers, public_key, wait_until,
};
use support::daemon::{Daemon, PORTAL, Page, allow, code};
use trien::config::ModuleConfig;
use trien::tokens::{
    Deadlines, KeyRef, LoginError, ModuleToken, Modules, PinNeed, PinState, Token, TokenError,
};

const YUBIKEY: &str = "Yubico YubiKey CCID";

/// What each of these PINs, one a line, comes to in one session.
async fn tries(token: &ModuleToken, key: &KeyRef, pins: &[&str]) -> Vec<String> {
    let mut session = token.open(key).await.unwrap();
    let all: String = pins.iter().map(|pin| format!("{pin}\n")).collect();
    session.attach_pin_pipe(lines(&all)).await.unwrap();
    let mut said = Vec::new();
    for _ in pins {
        said.push(match session.login().await {
            Ok(()) => "in".to_owned(),
            Err(LoginError::Incorrect { now }) => format!("wrong, now {now:?}"),
            Err(LoginError::Token(TokenError::Answered { number })) => format!("{number:#x}"),
            Err(other) => format!("{other:?}"),
        });
    }
    session.close().await;
    said
}

fn long(length: usize) -> String {
    "1".repeat(length)
}

#[test]
fn opensc_on_piv_tells_each_state() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules(&[opensc()]);
            let token = only_token(&modules).await;
            let nine_a = key(&token, &[1]);
            // What cannot be a PIN spends no try: three are left for what follows.
            let out_of_form = tries(&token, &nine_a, &["12", &long(80), ""]).await;
            assert_eq!(out_of_form, ["Invalid", "Invalid", "Invalid"]);
            let said = tries(&token, &nine_a, &["111111", "222222", CARD_PIN]).await;
            assert_eq!(said, ["wrong, now Ready", "wrong, now LastTry", "in"]);
            let said = tries(&token, &nine_a, &["111111", "222222", "333333", CARD_PIN]).await;
            assert_eq!(
                said,
                ["wrong, now Ready", "wrong, now LastTry", "Locked", "Locked"]
            );
            assert_eq!(token.pin().await.unwrap(), PinNeed::Locked);
            assert_eq!(only_token(&modules).await.entry().pin, PinState::Locked);

            // OpenSC unblocks no PIV card over PKCS #11 as it comes, and says nothing better than this; our driver does.
            let unblocked = token.unblock(lines("12345678\n"), lines("246810\n")).await;
            assert!(
                matches!(
                    unblocked,
                    Err(LoginError::Token(TokenError::Answered { number: 5 }))
                ),
                "{unblocked:?}"
            );
            let direct = only_token(&with_driver()).await;
            let puk = format!("{CARD_PUK}\n");
            direct.unblock(lines(&puk), lines("246810\n")).await.unwrap();
            assert_eq!(only_token(&modules).await.entry().pin, PinState::Ready);
            // To a wrong old PIN it says no more either; one try is spent.
            let wrong = token.change_pin(lines("111111\n"), lines("135790\n")).await;
            assert!(
                matches!(wrong, Err(LoginError::Token(TokenError::Answered { number: 5 }))),
                "{wrong:?}"
            );
            token
                .change_pin(lines("246810\n"), lines("135790\n"))
                .await
                .unwrap();
            assert_eq!(tries_left(&readers), 3, "nobody is let in by the change");
            let said = tries(&token, &nine_a, &["135790", "246810"]).await;
            assert_eq!(said, ["in", "wrong, now Ready"]);
        });
    });
}

/// A card that cannot verify a PIN just now has not said that it is wrong, whatever its module makes of that.
#[test]
fn a_card_that_fails_at_the_pin_has_not_called_it_wrong() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules(&[opensc()]);
            for status in ["6f00", "6985", "6581", "6a81"] {
                // Nor where it had called others wrong before: the tries that it has counted are not of this one.
                for wrong in [&[][..], &["111111", "222222"]] {
                    let token = only_token(&modules).await;
                    let nine_a = key(&token, &[1]);
                    let mut session = token.open(&nine_a).await.unwrap();
                    let typed = [wrong, &[CARD_PIN, CARD_PIN, ""]].concat().join("\n");
                    session.attach_pin_pipe(lines(&typed)).await.unwrap();
                    for _ in wrong {
                        let told = session.login().await;
                        assert!(matches!(told, Err(LoginError::Incorrect { .. })), "{told:?}");
                    }
                    card.order(&format!("sw 20 {status} 9"));
                    let failed = session.login().await;
                    card.order("clear");
                    assert!(
                        matches!(failed, Err(LoginError::Token(_))),
                        "{status}: {failed:?}"
                    );
                    session.close().await;
                    let token = only_token(&modules).await;
                    assert_eq!(tries(&token, &nine_a, &[CARD_PIN]).await, ["in"]);
                }
            }
        });
    });
}

#[test]
fn yubicos_module_tells_each_state() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules(&[ykcs11()]);
            let token = only_token(&modules).await;
            let nine_a = key(&token, &[1]);
            let out_of_form = tries(&token, &nine_a, &["12", &long(80), ""]).await;
            assert_eq!(out_of_form, ["Invalid", "Invalid", "Invalid"]);
            let said = tries(&token, &nine_a, &["111111", "222222", CARD_PIN]).await;
            assert_eq!(said, ["wrong, now FewTries", "wrong, now LastTry", "in"]);
            token
                .change_pin(lines(&format!("{CARD_PIN}\n")), lines("246810\n"))
                .await
                .unwrap();
            assert_eq!(tries_left(&readers), 3, "nobody is let in by the change");
            let said = tries(&token, &nine_a, &["111111", "222222", "333333", "246810"]).await;
            assert_eq!(
                said,
                ["wrong, now FewTries", "wrong, now LastTry", "Locked", "Locked"]
            );
            assert_eq!(token.pin().await.unwrap(), PinNeed::Locked);
            assert_eq!(only_token(&modules).await.entry().pin, PinState::Locked);
        });
    });
}

#[test]
fn openpgp_and_cac_tell_what_they_tell_and_no_try_is_spent_unasked() {
    let plans = ["OpenPGP Reader", "CAC Reader"].map(ReaderPlan::plain);
    on_readers(&plans, |readers| {
        let _cards = (readers.openpgp(0), readers.cac(1));
        runtime().block_on(async {
            let modules = modules(&[opensc()]);
            let openpgp = token_in_time(&modules, |entry| entry.id.label.contains("(User PIN)")).await;
            let auth = key(&openpgp, &[3]);
            // The card takes PINs of up to 127 characters. OpenSC calls a wrong one wrong even when it was the last;
            // the flags say more.
            let said = tries(&openpgp, &auth, &["12", &long(80), "111111", CARD_PIN]).await;
            assert_eq!(said, ["Invalid", "wrong, now Ready", "wrong, now LastTry", "in"]);
            let said = tries(&openpgp, &auth, &["111111", "222222", "333333", CARD_PIN]).await;
            let expected = [
                "wrong, now Ready",
                "wrong, now LastTry",
                "wrong, now Locked",
                "Locked",
            ];
            assert_eq!(said, expected);
            assert_eq!(openpgp.pin().await.unwrap(), PinNeed::Locked);
            let unblocked = openpgp.unblock(lines("12345678\n"), lines("246810\n")).await;
            assert!(
                matches!(unblocked, Err(LoginError::Token(TokenError::Unsupported(_)))),
                "{unblocked:?}"
            );
            let cac = token_in_time(&modules, |entry| entry.manufacturer == "Common Access Card").await;
            let held = cac.certificates().await.unwrap();
            let id = held[0].key.clone().unwrap();
            // This card answers 6985 to a wrong PIN, of which OpenSC makes CKR_GENERAL_ERROR. The card has stayed where it
            // was, and so has the session. It counts nothing.
            let wrong = ["12", "111111", "222222", "333333", "444444", CARD_PIN];
            let said = tries(&cac, &id, &wrong).await;
            let told = ["Invalid"].into_iter().chain(["wrong, now Ready"; 4]);
            assert_eq!(said, told.chain(["in"]).collect::<Vec<_>>());
        });
    });
}

/// Of the tokens without a card, SoftHSM's warns and never locks, a TPM's says nothing before it is locked, and opencryptoki's
/// tells each state.
#[test]
fn softhsm_a_tpm_and_opencryptoki_tell_what_they_tell() {
    on_opencryptoki(|ock| {
        let (hsm, tpm) = (SoftHsm::new("soft"), TpmToken::new("tpm"));
        runtime().block_on(async {
            let modules = modules(&[hsm.module(), tpm.module(), ock.module()]);
            let ock = ready_opencryptoki(&ock, &modules).await;
            let soft = token_in_time(&modules, |entry| entry.id.label == "soft").await;
            let tpm = token_in_time(&modules, |entry| entry.id.label == "tpm").await;
            // What cannot be a PIN spends no try: all are left for what follows, also where the token tells no number.
            for token in [&soft, &tpm, &ock] {
                refuses_what_cannot_be_a_pin(token).await;
            }
            let said = |token: &ModuleToken, pins: &[&str]| {
                let (token, pins) = (
                    token.clone(),
                    pins.iter().map(|pin| (*pin).to_owned()).collect::<Vec<_>>(),
                );
                async move {
                    let pins: Vec<_> = pins.iter().map(String::as_str).collect();
                    tries(&token, &key(&token, &[1]), &pins).await
                }
            };
            let twelve: Vec<_> = std::iter::repeat_n("111111", 12).chain([CARD_PIN]).collect();
            let mut told = vec!["wrong, now FewTries"; 12];
            told.push("in");
            assert_eq!(said(&soft, &twelve).await, told);
            let four = ["111111", "222222", "333333", CARD_PIN];
            let tells_nothing = ["wrong, now Ready"; 3].into_iter().chain(["Locked"]);
            assert_eq!(said(&tpm, &four).await, tells_nothing.collect::<Vec<_>>());
            let expected = [
                "wrong, now FewTries",
                "wrong, now LastTry",
                "wrong, now Locked",
                "Locked",
            ];
            assert_eq!(said(&ock, &four).await, expected);
        });
    });
}

/// More often than any token has tries: nothing, too short, too long, a control character, octets that are no UTF-8.
async fn refuses_what_cannot_be_a_pin(token: &ModuleToken) {
    let before = token.pin().await.unwrap();
    let PinNeed::Pipe { min, max, .. } = before else {
        panic!("{before:?}")
    };
    let digits = |length: u32| "1".repeat(length as usize).into_bytes();
    let octets = [b"\xff", &digits(min)[..]].concat();
    let bad = [
        digits(0),
        digits(min - 1),
        digits(max + 1),
        digits(300),
        b"12\x0734".into(),
        octets,
    ];
    let mut session = token.open(&key(token, &[1])).await.unwrap();
    for line in bad.iter().cycle().take(4 * bad.len()) {
        let (reading, mut writing) = std::io::pipe().unwrap();
        writing.write_all(&[line, &b"\n"[..]].concat()).unwrap();
        session.attach_pin_pipe(reading.into()).await.unwrap();
        let refused = session.login().await;
        assert!(
            matches!(refused, Err(LoginError::Invalid)),
            "{}: {line:?}: {refused:?}",
            token.entry().id.label
        );
    }
    session.close().await;
    assert_eq!(token.pin().await.unwrap(), before);
}

fn with_driver() -> Modules {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_trien"));
    Modules::new(&[], program, Deadlines::default()).with_cards(program, Deadlines::default())
}

#[test]
fn a_pin_is_typed_on_the_reader() {
    on_readers(&[ReaderPlan::with_pad(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        runtime().block_on(async {
            for (modules, nine_a, nine_c) in [
                (modules(&[opensc()]), vec![1], vec![2]),
                (with_driver(), vec![0x9a, 7], vec![0x9c, 7]),
            ] {
                let token = only_token(&modules).await;
                let module = token.entry().id.module.clone();
                assert!(token.pin().await.unwrap().is_at_reader(), "{module}");
                let key_9a = key(&token, &nine_a);
                let judge = Judge {
                    folder: &readers.path(""),
                };
                let asked = || readers.order(0, "asked").parse::<u32>().unwrap();
                let entries = [
                    ("pin 123456", "in"),
                    ("pin 111111", "wrong"),
                    ("cancel", "none"),
                    ("timeout", "none"),
                    ("pin 12", "invalid"),
                    ("pin 123456", "in"),
                ];
                for (typed, expected) in entries {
                    readers.order(0, typed);
                    let before = asked();
                    let mut session = token.open(&key_9a).await.unwrap();
                    let said = match session.login().await {
                        Ok(()) => "in",
                        Err(LoginError::Incorrect { .. }) => "wrong",
                        Err(LoginError::NoPin) => "none",
                        Err(LoginError::Invalid) => "invalid",
                        Err(other) => panic!("{module} {typed}: {other:?}"),
                    };
                    assert_eq!(said, expected, "{module} {typed}");
                    if said == "in" {
                        let signed = session.sign(&signable(RSA, b"m"), false).await.unwrap();
                        judge.verify(&public_key("9a"), RSA, b"m", &signed);
                    }
                    session.close().await;
                    assert_eq!(asked(), before + 1, "{module} {typed}: once asked, once typed");
                    readers.order(0, "forget");
                }
                // 9C wants its PIN for each signature, and the reader asks for each.
                readers.order(0, "pin 123456");
                let mut session = token.open(&key(&token, &nine_c)).await.unwrap();
                session.login().await.unwrap();
                for message in [&b"first"[..], b"second", b"third"] {
                    readers.order(0, "forget");
                    let before = asked();
                    readers.order(0, "pin 123456");
                    let signed = session.sign(&signable(RSA, message), false).await.unwrap();
                    judge.verify(&public_key("9c"), RSA, message, &signed);
                    assert!(message == b"first" || asked() == before + 1, "{module}");
                }
                readers.order(0, "forget");
                session.close().await;
            }
        });
    });
}

/// Wrong ones typed on the reader, until none is left: each state is told, and for a locked PIN nobody is asked any more.
fn typed_down_to_the_lock(modules: fn() -> Modules, nine_a: &[u8], expected: [&str; 6]) {
    on_readers(&[ReaderPlan::with_pad(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules();
            let token = only_token(&modules).await;
            let module = token.entry().id.module.clone();
            let asked = || readers.order(0, "asked").parse::<u32>().unwrap();
            let mut told = Vec::new();
            for pin in ["111111", "222222", "333333"] {
                assert!(token.pin().await.unwrap().is_at_reader(), "{module}");
                readers.order(0, &format!("pin {pin}"));
                let mut session = token.open(&key(&token, nine_a)).await.unwrap();
                told.push(match session.login().await {
                    Err(LoginError::Incorrect { now }) => format!("wrong, now {now:?}"),
                    other => format!("{other:?}"),
                });
                session.close().await;
                readers.order(0, "forget");
                let state = only_token(&modules).await.entry().pin;
                told.push(format!("{state:?}"));
            }
            assert_eq!(told, expected, "{module}");
            assert_eq!(asked(), 3, "{module}");
            assert_eq!(token.pin().await.unwrap(), PinNeed::Locked, "{module}");
            readers.order(0, &format!("pin {CARD_PIN}"));
            let mut session = token.open(&key(&token, nine_a)).await.unwrap();
            let locked = session.login().await;
            assert!(matches!(locked, Err(LoginError::Locked)), "{module}: {locked:?}");
            session.close().await;
            readers.order(0, "forget");
        });
    });
}

#[test]
fn wrong_pins_typed_on_the_reader_lock_the_card_under_opensc() {
    let told = [
        "wrong, now Ready",
        "Ready",
        "wrong, now LastTry",
        "LastTry",
        "Err(Locked)",
        "Locked",
    ];
    typed_down_to_the_lock(|| modules(&[opensc()]), &[1], told);
}

#[test]
fn wrong_pins_typed_on_the_reader_lock_the_card_under_our_driver() {
    let told = [
        "wrong, now Tries(2)",
        "Tries(2)",
        "wrong, now LastTry",
        "LastTry",
        "Err(Locked)",
        "Locked",
    ];
    typed_down_to_the_lock(with_driver, &[0x9a, 7], told);
}

#[test]
fn a_pin_is_changed_on_the_reader() {
    on_readers(&[ReaderPlan::with_pad(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        let typed = |pins: &[&str]| pins.iter().for_each(|pin| drop(readers.order(0, pin)));
        let label = runtime().block_on(async {
            let token = token_in_time(&with_driver(), |_| true).await;
            let entries: [(&[&str], &str); 6] = [
                (&["cancel"], "none"),
                (&["pin 123456", "timeout"], "none"),
                (&["pin 123456", "pin 246810", "pin 246811"], "invalid"),
                (&["pin 123456", "pin 12"], "invalid"),
                (&["pin 111111", "pin 246810", "pin 246810"], "wrong"),
                (&["pin 123456", "pin 246810", "pin 246810"], "changed"),
            ];
            for (pins, expected) in entries {
                typed(pins);
                // Nobody types anything here.
                let said = match token.change_pin(lines(""), lines("")).await {
                    Ok(()) => "changed",
                    Err(LoginError::Incorrect { .. }) => "wrong",
                    Err(LoginError::NoPin) => "none",
                    Err(LoginError::Invalid) => "invalid",
                    Err(other) => panic!("{pins:?}: {other:?}"),
                };
                assert_eq!(said, expected, "{pins:?}");
                readers.order(0, "forget");
            }
            assert_eq!(
                tries_left(&readers),
                3,
                "the right one gave all back, and is forgotten"
            );
            token.entry().id.label.clone()
        });
        // At the shell the person is told where to type; the new PIN is the one that counts.
        let desk = Desk::new();
        typed(&["pin 246810", "pin 135790", "pin 135790"]);
        let mut change = desk.trien(["token", "change-pin", "--lang", "en", "--token", &label]);
        let output = change.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && told.contains("reader"), "{told}");
        runtime().block_on(async {
            let token = token_in_time(&with_driver(), |_| true).await;
            typed(&["pin 246810", "pin 135790"]);
            let mut session = token.open(&key(&token, &[0x9a, 7])).await.unwrap();
            assert!(matches!(session.login().await, Err(LoginError::Incorrect { .. })));
            session.login().await.unwrap();
            session.close().await;
        });
    });
}

/// A page's request on a reader with a PIN pad: no PIN is asked for in the window, and what happens at the reader has
/// its own code.
#[test]
fn a_page_gets_its_signature_from_a_pin_typed_on_the_reader() {
    on_readers(&[ReaderPlan::with_pad(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        let desk = desk_with_opensc();
        allow(&desk, PORTAL, &[]);
        // A PIN in the script would be one typed in the window: there is none.
        let script = "[[answer]]\ndecision = \"approve\"\ncertificate = \"9a\"\nrepeat = true\n";
        let daemon = Daemon::start(&desk, script);
        let mut page = Page::over_websocket(&daemon);
        page.hello();
        let document = page.upload("data", b"content");
        let mut sign = |typed: &str| {
            readers.order(0, typed);
            let wanted = json!({ "documents": [document], "format": "cades_attached" });
            let reply = page.call("sign_documents", &wanted);
            readers.order(0, "forget");
            match &reply["result"]["documents"][0]["status"] {
                serde_json::Value::String(status) => status.clone(),
                _ => code(&reply).to_owned(),
            }
        };
        assert_eq!(sign("pin 123456"), "signed");
        assert_eq!(sign("pin 111111"), "pin_incorrect");
        assert_eq!(sign("cancel"), "cancelled");
        assert_eq!(sign("pin 123456"), "signed");
        // The microseconds of an entry's time may be that.
        assert!(!daemon.log().replace(".111111Z", "").contains("111111"));

        // At the shell the person is told where to type.
        readers.order(0, "pin 123456");
        std::fs::write(desk.path("data"), "content").unwrap();
        let mut shell = desk.trien(["sign", "--format", "cades", "--cert", "9a", "--out"]);
        let output = shell
            .arg(desk.path("signed"))
            .arg(desk.path("data"))
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        assert!(told.contains("reader"), "{told}");

        // The last one locks the card, which is what the page hears of it.
        let heard = ["pin 111111"; 3].map(&mut sign);
        assert_eq!(heard, ["pin_incorrect", "pin_incorrect", "pin_locked"]);
        assert_eq!(sign("pin 123456"), "pin_locked");
    });
}

/// Another program spends tries, and the next wrong PIN would be the last: what was typed before anybody could know is not sent,
/// and the person is told. (Yubico's module says nothing of tries, so that nobody can know.)
#[test]
fn n086_opensc_the_last_try_is_not_spent_on_a_pin_that_was_typed_for_another() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules(&[opensc()]);
            let token = only_token(&modules).await;
            let is_told = |outcome: Result<(), LoginError>| {
                let last = PinState::LastTry;
                let is_it = matches!(outcome, Err(LoginError::NotTried { now }) if now == last);
                assert!(is_it, "{outcome:?}");
                assert_eq!(tries_left(&readers), 1, "the typing error was not sent");
            };
            assert!(matches!(token.pin().await, Ok(PinNeed::Pipe { .. })));
            spend(&readers, 2);
            is_told(token.change_pin(lines("111111\n"), lines("246810\n")).await);
            // Who has been told changes it with the last one.
            let known = lines(&format!("{CARD_PIN}\n"));
            token.change_pin(known, lines("246810\n")).await.unwrap();
            assert_eq!(tries_left(&readers), 3);
            let mut session = token.open(&key(&token, &[1])).await.unwrap();
            session
                .attach_pin_pipe(lines("111111\n222222\n246810\n"))
                .await
                .unwrap();
            let first = session.login().await;
            assert!(matches!(first, Err(LoginError::Incorrect { .. })), "{first:?}");
            spend(&readers, 1);
            is_told(session.login().await);
            session.login().await.unwrap();
            session.close().await;
        });
    });
}

/// A key that turns out to want its PIN each time, and the person types none: the card, which took the one of the login and
/// which the module leaves as it is, lets nobody in.
fn nobody_types_the_second_pin(module: &ModuleConfig) {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules(std::slice::from_ref(module));
            let token = only_token(&modules).await;
            let mut session = token.open(&key(&token, &[1])).await.unwrap();
            let pin = lines(&format!("{CARD_PIN}\n"));
            session.attach_pin_pipe(pin).await.unwrap();
            session.login().await.unwrap();
            // GENERAL AUTHENTICATE: the security status is not satisfied.
            card.order("sw 87 6982 9");
            let unsigned = session.sign(&signable(RSA, b"m"), false).await;
            assert!(matches!(unsigned, Err(LoginError::NoPin)), "{unsigned:?}");
            assert_eq!(count_of_tries(&readers), Some(3), "while he thinks");
            session.close().await;
            assert_eq!(count_of_tries(&readers), Some(3));
        });
    });
}

#[test]
fn n120_opensc_a_card_whose_key_wanted_another_pin_lets_nobody_in() {
    nobody_types_the_second_pin(&opensc());
}

#[test]
fn n120_ykcs11_a_card_whose_key_wanted_another_pin_lets_nobody_in() {
    nobody_types_the_second_pin(&ykcs11());
}

/// A change of PIN that ends without a word of what the card made of it: whether it has let somebody in by then or not, it
/// forgets that.
#[test]
fn n120_opensc_a_card_whose_pin_could_not_be_changed_lets_nobody_in() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules(&[opensc()]);
            let token = only_token(&modules).await;
            left_verified(&readers);
            assert_eq!(count_of_tries(&readers), None, "it lets everybody in");
            // CHANGE REFERENCE DATA
            card.order("sw 24 6f00 9");
            let known = lines(&format!("{CARD_PIN}\n"));
            let changed = token.change_pin(known, lines("246810\n")).await;
            assert!(matches!(changed, Err(LoginError::Token(_))), "{changed:?}");
            wait_until("it names a count", || count_of_tries(&readers) == Some(3));
        });
    });
}
