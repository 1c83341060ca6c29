//! The PIN of a PIV card by our own driver: each state of it, and who may use it for how long. The card's own counter of
//! tries is the judge.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::os::unix::fs::FileExt;
use std::path::Path;

use support::cards::piv::*;
use support::cards::{CARD_PIN, CARD_PUK, ReaderPlan, on_readers};
use support::{Desk, at_terminal, at_terminal_while, fail, succeed};
use trien::tokens::{LoginError, PinNeed, PinState, Token, TokenError};

#[test]
fn every_state_of_the_pin_is_told_and_only_deliberate_tries_are_spent() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules();
            let token = only_token(&modules).await;
            let nine_a = key(&token, 0x9a, 0x07);
            let mut session = token.open(&nine_a).await.unwrap();
            // What cannot be a PIN never reaches the card.
            session
                .attach_pin_pipe(lines("12345\n123456789\n12345\u{1ebf}\n\n"))
                .await
                .unwrap();
            for _ in 0..4 {
                assert!(matches!(session.login().await, Err(LoginError::Invalid)));
            }
            assert_eq!(tries_left(&readers), 3);
            session
                .attach_pin_pipe(lines("111111\n222222\n123456\n"))
                .await
                .unwrap();
            let wrong = session.login().await;
            assert!(
                matches!(
                    wrong,
                    Err(LoginError::Incorrect {
                        now: PinState::Tries(2)
                    })
                ),
                "{wrong:?}"
            );
            assert_eq!(tries_left(&readers), 2);
            assert!(matches!(
                session.pin().await.unwrap(),
                PinNeed::Pipe {
                    state: PinState::Tries(2),
                    ..
                }
            ));
            let wrong = session.login().await;
            assert!(
                matches!(
                    wrong,
                    Err(LoginError::Incorrect {
                        now: PinState::LastTry
                    })
                ),
                "{wrong:?}"
            );
            assert_eq!(tries_left(&readers), 1);
            session.login().await.unwrap();
            session.sign(&signable(RSA, b"x"), false).await.unwrap();
            session.close().await;
            assert_eq!(
                tries_left(&readers),
                3,
                "a right one gives all tries back, and we have logged out"
            );

            let mut session = token.open(&nine_a).await.unwrap();
            session
                .attach_pin_pipe(lines("111111\n111111\n111111\n123456\n"))
                .await
                .unwrap();
            for _ in 0..2 {
                assert!(matches!(session.login().await, Err(LoginError::Incorrect { .. })));
            }
            let locked = session.login().await;
            assert!(
                matches!(
                    locked,
                    Err(LoginError::Locked
                        | LoginError::Incorrect {
                            now: PinState::Locked
                        })
                ),
                "{locked:?}"
            );
            session.close().await;
            assert_eq!(token.pin().await.unwrap(), PinNeed::Locked);
            assert_eq!(only_token(&modules).await.entry().pin, PinState::Locked);
        });
        // The PUK unblocks it, a wrong one does not; then the PIN is changed.
        let desk = Desk::new();
        let file = |name: &str, content: &str| {
            std::fs::write(desk.path(name), content).unwrap();
            desk.path(name)
        };
        let (puk, new, other) = (
            file("puk", CARD_PUK),
            file("new", "246810"),
            file("other", "135790"),
        );
        let bad = file("bad", "87654321");
        let label = json(&mut desk.trien(["token", "list"]))[0]["label"]
            .as_str()
            .unwrap()
            .to_owned();
        let unblock = |code: &Path| {
            let mut command = desk.trien(["token", "unblock", "--token", &label, "--so-pin-file"]);
            command.arg(code).arg("--new-pin-file").arg(&new);
            command
        };
        for (language, said) in [
            ("vi", "(PUK) còn 2 lần thử"),
            ("en", "ONE try of the security officer's PIN (PUK) is left"),
        ] {
            let told = fail(unblock(&bad).args(["--lang", language]), 1);
            assert!(told.contains(said), "{told}");
        }
        // Without it the card would be lost. Cards that tell how many tries are left are asked before, as a YubiKey answers.
        card.order("reset-stats");
        for (left, said) in [(1, "without --so-pin-file"), (0, "can no longer be unblocked")] {
            card.order(&format!("answer f7 0602030{left}9000"));
            let told = fail(unblock(&puk).args(["--lang", "en"]), 1);
            assert!(told.contains(said), "{told}");
        }
        let unblock_typed = || {
            let mut command = desk.trien(["token", "unblock", "--lang", "en", "--token", &label]);
            command.arg("--new-pin-file").arg(&new);
            command
        };
        let confirmed = "type \"ok\":";
        card.order("answer f7 060203019000");
        let (exit, told) = at_terminal(&unblock_typed(), &[(confirmed, "\r")]);
        assert!(exit == 1 && told.contains("ONE try is left"), "{exit}: {told}");
        assert_eq!(card.stats().of("2c"), 0, "{:?}", card.stats());
        card.order("answer f7 060203019000");
        let typed = format!("{CARD_PUK}\r");
        let (exit, told) = at_terminal(&unblock_typed(), &[(confirmed, "ok\r"), ("(PUK):", &typed)]);
        assert_eq!(exit, 0, "{told}");
        let change = |old: &Path| {
            let mut command = desk.trien(["token", "change-pin", "--token", &label, "--pin-file"]);
            command.arg(old).arg("--new-pin-file").arg(&other);
            command
        };
        for (language, said) in [("vi", "Còn 2 lần thử"), ("en", "ONE try is left")] {
            let told = fail(change(&puk).args(["--lang", language]), 1);
            assert!(told.contains(said), "{told}");
        }
        succeed(&mut unblock(&puk));
        succeed(&mut change(&new));
        assert_eq!(tries_left(&readers), 3);
        drop(card);
    });
}

#[test]
fn n120_a_pin_that_another_program_verified_is_asked_for_all_the_same_and_ours_is_forgotten() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules();
            left_verified(&readers);
            let token = only_token(&modules).await;
            let mut session = token.open(&key(&token, 0x9a, 0x07)).await.unwrap();
            assert!(matches!(session.pin().await.unwrap(), PinNeed::Pipe { .. }));
            let refused = session.sign(&signable(RSA, b"x"), false).await;
            assert!(
                matches!(refused, Err(LoginError::Token(TokenError::LoginNeeded))),
                "{refused:?}"
            );
            // Nor does a wrong PIN pass, because the card has let somebody in.
            session.attach_pin_pipe(lines("111111\n")).await.unwrap();
            let wrong = session.login().await;
            assert!(matches!(wrong, Err(LoginError::Incorrect { .. })), "{wrong:?}");
            session.close().await;
            assert_eq!(tries_left(&readers), 2);
            sign_once(&modules, 0x9a).await.unwrap();
            // Nobody can sign with what we verified.
            assert_eq!(tries_left(&readers), 3, "a card that is logged in names no count");
        });
        drop(card);
    });
}

/// Whether the PIN stands anywhere in a process's memory, in the form the card takes.
fn remembers_the_pin(process: u32) -> bool {
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let memory = std::fs::File::open(format!("/proc/{process}/mem")).unwrap();
    let writable = maps.lines().filter(|line| line.contains(" rw"));
    let mut regions = writable.filter_map(|line| {
        let (from, to) = line.split_once(' ')?.0.split_once('-')?;
        let from = u64::from_str_radix(from, 16).ok()?;
        let length = usize::try_from(u64::from_str_radix(to, 16).ok()? - from).ok()?;
        let mut bytes = vec![0; length];
        memory.read_exact_at(&mut bytes, from).ok().map(|()| bytes)
    });
    regions.any(|bytes| bytes.windows(8).any(|window| window == b"135790\xff\xff"))
}

#[test]
fn a_signature_in_9c_takes_one_line_each_and_nothing_keeps_the_pin() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        readers.run(
            "yubico-piv-tool",
            &[
                "-r",
                "YubiKey",
                "-a",
                "change-pin",
                "-P",
                "123456",
                "-N",
                "135790",
            ],
        );
        runtime().block_on(async {
            let modules = modules();
            let token = only_token(&modules).await;
            let mut session = token.open(&key(&token, 0x9c, 0x07)).await.unwrap();
            session
                .attach_pin_pipe(lines("135790\n135790\n12\n111111\n135790\n"))
                .await
                .unwrap();
            session.login().await.unwrap();
            let worker = support::daemon::child_pids(std::process::id(), "card-worker")[0];
            card.order("reset-stats");
            let first = session.sign(&signable(RSA, b"first"), false).await.unwrap();
            judge(&readers, "9c", RSA, b"first", &first);
            assert_eq!(card.stats().of("20"), 0, "the login was for this signature");
            // The person is asked for the next one, and meanwhile nobody can sign.
            for _ in 0..2 {
                let unasked = session.sign(&signable(RSA, b"x"), false).await;
                assert!(matches!(unasked, Err(LoginError::NoPin)), "{unasked:?}");
            }
            assert_eq!(tries_left(&readers), 3, "the card was logged out");
            assert!(!remembers_the_pin(worker), "the process keeps the PIN");
            let second = session.sign(&signable(RSA, b"second"), true).await.unwrap();
            judge(&readers, "9c", RSA, b"second", &second);
            let invalid = session.sign(&signable(RSA, b"x"), true).await;
            assert!(matches!(invalid, Err(LoginError::Invalid)), "{invalid:?}");
            let wrong = session.sign(&signable(RSA, b"x"), true).await;
            assert!(
                matches!(
                    wrong,
                    Err(LoginError::Incorrect {
                        now: PinState::Tries(2)
                    })
                ),
                "{wrong:?}"
            );
            assert_eq!(tries_left(&readers), 2);
            let third = session.sign(&signable(RSA, b"third"), true).await.unwrap();
            judge(&readers, "9c", RSA, b"third", &third);
            let ended = session.sign(&signable(RSA, b"x"), true).await;
            assert!(matches!(ended, Err(LoginError::NoPin)), "{ended:?}");
            assert!(!remembers_the_pin(worker), "the process keeps the PIN");
            session.close().await;
            assert_eq!(tries_left(&readers), 3);
        });
    });
}

/// Where no request comes, others have the card after half a minute, and nobody is logged in. Who goes on then is asked for
/// the PIN; the work that he began is not lost.
#[test]
fn a_login_that_ended_while_nothing_was_asked_of_it_is_made_anew_with_the_next_pin() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        runtime().block_on(async {
            let token = only_token(&modules()).await;
            let mut session = token.open(&key(&token, 0x9a, 0x07)).await.unwrap();
            let pins = format!("{CARD_PIN}\n{CARD_PIN}\n");
            session.attach_pin_pipe(lines(&pins)).await.unwrap();
            session.login().await.unwrap();
            session.sign(&signable(RSA, b"first"), false).await.unwrap();
            // Another program's question waits until the card is let go of.
            assert_eq!(tries_left(&readers), 3, "it has been logged out");
            let unasked = session.sign(&signable(RSA, b"second"), false).await;
            assert!(matches!(unasked, Err(LoginError::NoPin)), "{unasked:?}");
            let signed = session.sign(&signable(RSA, b"second"), true).await.unwrap();
            judge(&readers, "9a", RSA, b"second", &signed);
            session.close().await;
            assert_eq!(tries_left(&readers), 3);
        });
    });
}

/// Between two PINs another program has the card, and leaves one try. What was typed before anybody could know is not the
/// PIN for that one: the person is told first.
#[test]
fn n086_the_last_try_is_not_spent_on_a_pin_that_was_typed_for_another() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        let told = |outcome: Result<(), LoginError>| {
            let last = PinState::LastTry;
            let is_told = matches!(outcome, Err(LoginError::NotTried { now }) if now == last);
            assert!(is_told, "{outcome:?}");
        };
        runtime().block_on(async {
            let modules = modules();
            let token = only_token(&modules).await;
            // At the second of two signatures that want a PIN each.
            let mut session = token.open(&key(&token, 0x9c, 0x07)).await.unwrap();
            let pins = format!("{CARD_PIN}\n111111\n{CARD_PIN}\n");
            session.attach_pin_pipe(lines(&pins)).await.unwrap();
            session.login().await.unwrap();
            session.sign(&signable(RSA, b"first"), false).await.unwrap();
            let asked = session.sign(&signable(RSA, b"second"), false).await;
            assert!(matches!(asked, Err(LoginError::NoPin)), "{asked:?}");
            spend(&readers, 2);
            told(session.sign(&signable(RSA, b"second"), true).await.map(drop));
            assert_eq!(tries_left(&readers), 1, "the typing error was not sent");
            session.sign(&signable(RSA, b"second"), true).await.unwrap();
            session.close().await;
            // At the second try of a login.
            let mut session = token.open(&key(&token, 0x9a, 0x07)).await.unwrap();
            let pins = format!("111111\n222222\n{CARD_PIN}\n");
            session.attach_pin_pipe(lines(&pins)).await.unwrap();
            let wrong = session.login().await;
            let two = PinState::Tries(2);
            assert!(
                matches!(wrong, Err(LoginError::Incorrect { now }) if now == two),
                "{wrong:?}"
            );
            spend(&readers, 1);
            told(session.login().await);
            assert_eq!(tries_left(&readers), 1);
            session.login().await.unwrap();
            session.close().await;
            assert_eq!(tries_left(&readers), 3);
        });
    });
}

/// Nor where a PIN is changed: two lines take their time.
#[test]
fn n086_the_last_try_is_not_spent_on_a_change_of_pin_that_was_typed_before_it_was_the_last() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        runtime().block_on(async {
            let token = only_token(&modules()).await;
            let change = async |old: &str| {
                let old = lines(&format!("{old}\n"));
                token.change_pin(old, lines("246810\n")).await
            };
            assert!(matches!(
                token.pin().await.unwrap(),
                PinNeed::Pipe {
                    state: PinState::Tries(3),
                    ..
                }
            ));
            spend(&readers, 2);
            let told = change("111111").await;
            let last = PinState::LastTry;
            assert!(
                matches!(told, Err(LoginError::NotTried { now }) if now == last),
                "{told:?}"
            );
            assert_eq!(tries_left(&readers), 1, "the typing error was not sent");
            // Who has been told changes it with the last one.
            change(CARD_PIN).await.unwrap();
            assert_eq!(tries_left(&readers), 3);
            spend(&readers, 3);
            let locked = change("246810").await;
            assert!(matches!(locked, Err(LoginError::Locked)), "{locked:?}");
        });
    });
}

/// Who typed the right one is not told that it was wrong: he would type another.
#[test]
fn n086_a_pin_that_was_kept_back_is_told_to_be_so_and_never_called_wrong() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        let desk = Desk::new();
        let (data, signed) = (desk.path("data"), desk.path("signed"));
        std::fs::write(&data, "content").unwrap();
        let right = format!("{CARD_PIN}\r");
        for (language, asked, kept_back, wrong, confirm) in [
            (
                "en",
                "PIN of",
                "The PIN was not tried",
                "was wrong",
                "type \"ok\":",
            ),
            (
                "vi",
                "Mã PIN của",
                "Mã PIN chưa được thử",
                "không đúng",
                "hãy gõ \"ok\":",
            ),
        ] {
            let words = [
                "sign", "--lang", language, "--format", "cades", "--cert", "9a", "--force",
            ];
            let mut sign = desk.trien(words);
            sign.arg("--out").arg(&signed).arg(&data);
            let mut meanwhile = vec![asked, right.as_str(), "opensc-tool"];
            meanwhile.extend(wrong_pins(2));
            let answers = serde_json::json!([meanwhile, [confirm, "ok\r"], [asked, right]]);
            let (exit, told) = at_terminal_while(&sign, &answers);
            assert_eq!(exit, 0, "{told}");
            assert!(told.contains(kept_back) && !told.contains(wrong), "{told}");
            assert_eq!(
                tries_left(&readers),
                3,
                "the right one was the next that was sent"
            );
            // Nor is it sent who does not confirm.
            let answers = serde_json::json!([meanwhile, [confirm, "\r"]]);
            let (exit, told) = at_terminal_while(&sign, &answers);
            assert_eq!(exit, 1, "{told}");
            assert!(told.contains(kept_back) && !told.contains(wrong), "{told}");
            assert_eq!(tries_left(&readers), 1);
            let (exit, told) = at_terminal(&sign, &[(confirm, "ok\r"), (asked, right.as_str())]);
            assert_eq!(exit, 0, "{told}");
            assert_eq!(tries_left(&readers), 3);
        }
    });
}

/// Nor does anybody type it on the reader who has not been told.
#[test]
fn n086_the_last_try_at_a_reader_with_a_pad_is_told_before_it_is_typed() {
    on_readers(&[ReaderPlan::with_pad(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        let told = |outcome: Result<(), LoginError>| {
            let last = PinState::LastTry;
            let is_told = matches!(outcome, Err(LoginError::NotTried { now }) if now == last);
            assert!(is_told, "{outcome:?}");
        };
        let asked = || readers.order(0, "asked");
        let typed = |pins: &[&str]| {
            pins.iter()
                .for_each(|pin| drop(readers.order(0, &format!("pin {pin}"))))
        };
        runtime().block_on(async {
            let token = only_token(&modules()).await;
            let mut session = token.open(&key(&token, 0x9a, 0x07)).await.unwrap();
            // Another program has the card until the person is to type.
            spend(&readers, 2);
            typed(&["111111"]);
            told(session.login().await);
            assert_eq!(asked(), "0", "nobody was to type it");
            assert_eq!(tries_left(&readers), 1);
            readers.order(0, "forget");
            typed(&[CARD_PIN]);
            session.login().await.unwrap();
            session.close().await;
            // The same where it is changed.
            assert!(token.pin().await.unwrap().is_at_reader());
            spend(&readers, 2);
            readers.order(0, "forget");
            typed(&["111111", "246810", "246810"]);
            told(token.change_pin(lines(""), lines("")).await);
            assert_eq!(tries_left(&readers), 1);
            readers.order(0, "forget");
        });
        // At the shell, before the reader asks.
        let desk = Desk::new();
        let (data, signed) = (desk.path("data"), desk.path("signed"));
        std::fs::write(&data, "content").unwrap();
        for (language, last) in [("vi", "chỉ còn MỘT lần thử"), ("en", "ONE try is left")] {
            typed(&[CARD_PIN]);
            let words = [
                "sign", "--lang", language, "--format", "cades", "--cert", "9a", "--force",
            ];
            let mut sign = desk.trien(words);
            let output = sign.arg("--out").arg(&signed).arg(&data).output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr).to_lowercase();
            assert!(output.status.success(), "{told}");
            assert!(told.contains(&last.to_lowercase()), "{told}");
            readers.order(0, "forget");
            spend(&readers, 2);
        }
    });
}

#[test]
fn at_a_reader_with_a_pad_the_person_types_there_for_the_login_and_for_each_signature_in_9c() {
    on_readers(&[ReaderPlan::with_pad(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules();
            let token = only_token(&modules).await;
            let mut session = token.open(&key(&token, 0x9c, 0x07)).await.unwrap();
            assert!(session.pin().await.unwrap().is_at_reader());
            for order in ["cancel", "timeout"] {
                readers.order(0, order);
                let refused = session.login().await;
                assert!(matches!(refused, Err(LoginError::NoPin)), "{order}: {refused:?}");
            }
            assert_eq!(tries_left(&readers), 3);
            readers.order(0, "pin 111111");
            let wrong = session.login().await;
            assert!(
                matches!(
                    wrong,
                    Err(LoginError::Incorrect {
                        now: PinState::Tries(2)
                    })
                ),
                "{wrong:?}"
            );
            readers.order(0, &format!("pin {CARD_PIN}"));
            session.login().await.unwrap();
            for message in [&b"first"[..], b"second"] {
                let signed = session.sign(&signable(RSA, message), false).await.unwrap();
                judge(&readers, "9c", RSA, message, &signed);
                readers.order(0, &format!("pin {CARD_PIN}"));
            }
            session.close().await;
            assert_eq!(readers.order(0, "asked"), "5");
        });
    });
}

/// The person at the shell hears how many tries are left wherever he may be about to spend one; a program does not.
#[test]
fn whoever_types_a_wrong_pin_at_the_shell_is_told_how_many_tries_are_left() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        let desk = Desk::new();
        let (data, wrong) = (desk.path("data"), desk.path("wrong"));
        std::fs::write(&data, "content").unwrap();
        std::fs::write(&wrong, "111111\n").unwrap();
        let sign = |language: &str| {
            let words = [
                "sign", "--lang", language, "--format", "cades", "--cert", "9a", "--force",
            ];
            let mut sign = desk.trien(words);
            sign.arg("--out").arg(desk.path("signed")).arg(&data);
            sign
        };
        let right = format!("{CARD_PIN}\r");
        for (language, asked, [before, after]) in [
            (
                "vi",
                "Mã PIN của",
                ["Còn 3 lần thử trước khi thiết bị bị khóa.", "Còn 2 lần thử."],
            ),
            (
                "en",
                "PIN of",
                ["3 tries are left before the token locks.", "2 tries are left."],
            ),
        ] {
            let (exit, told) = at_terminal(&sign(language), &[(asked, "111111\r"), (after, right.as_str())]);
            assert_eq!(exit, 0, "{told}");
            assert!(told.split(asked).next().unwrap().contains(before), "{told}");
            assert_eq!(tries_left(&readers), 3);
        }
        let told = fail(sign("vi").arg("--pin-file").arg(&wrong), 1);
        assert!(told.contains("Còn 2 lần thử"), "{told}");
        let told = fail(sign("vi").arg("--json").arg("--pin-file").arg(&wrong), 1);
        assert!(
            told.contains("pin_incorrect") && !told.contains("lần thử"),
            "{told}"
        );
        assert_eq!(tries_left(&readers), 1);
    });
}

/// In 9C the PIN comes directly before the signature, also where another request has asked the card for its certificates
/// since: what was typed at the login is told again, and at a reader with a pad typed again.
fn asked_between_the_pin_and_the_signature(plan: ReaderPlan, asks: u32) {
    on_readers(&[plan], |readers| {
        let _card = readers.piv(0);
        runtime().block_on(async {
            for _ in 0..asks {
                readers.order(0, &format!("pin {CARD_PIN}"));
            }
            let modules = modules();
            let token = only_token(&modules).await;
            let nine_c = key(&token, 0x9c, 0x07);
            let mut session = token.open(&nine_c).await.unwrap();
            let pin = lines(&format!("{CARD_PIN}\n"));
            session.attach_pin_pipe(pin).await.unwrap();
            session.login().await.unwrap();
            assert!(!token.certificates().await.unwrap().is_empty());
            let signed = session.sign(&signable(RSA, b"m"), false).await.unwrap();
            judge(&readers, "9c", RSA, b"m", &signed);
            session.close().await;
            assert_eq!(readers.order(0, "asked"), asks.to_string());
        });
    });
}

#[test]
fn what_another_request_asks_between_the_pin_and_a_signature_in_9c_does_not_cost_it() {
    asked_between_the_pin_and_the_signature(ReaderPlan::plain(YUBIKEY), 0);
}

#[test]
fn at_a_pad_what_another_request_asks_between_the_pin_and_a_signature_in_9c_does_not_cost_it() {
    asked_between_the_pin_and_the_signature(ReaderPlan::with_pad(YUBIKEY), 2);
}
