//! Smart cards through the modules that others wrote: OpenSC's and Yubico's in our workers, on applets nobody here wrote,
//! with OpenSSL as the judge of each signature.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use support::cards::pairs::{Pair, cac, openpgp, piv};
use support::cards::piv::{left_verified, tries_left};
use support::cards::scene::{
    ECDSA, Judge, RSA, key, logged_in_with, modules, only_token, opensc, runtime, sign_once, signable,
    token_in_time, tokens, ykcs11,
};
use support::cards::{CARD_PIN, ReaderPlan, Readers, on_readers, openpgp_key, public_key};
use trien::tokens::{LoginError, ModuleToken, PinState, Token, TokenEntry, TokenError};
use trien_signatures::algorithm::{Hash, PublicKeyKind, SignatureAlgorithm};

const YUBIKEY: &str = "Yubico YubiKey CCID";

/// The reader that a token is in, and who made it.
fn chip(entry: &TokenEntry) -> (String, String) {
    assert!(entry.hardware);
    assert_eq!(entry.pin, PinState::Ready);
    (entry.reader.clone().unwrap(), entry.manufacturer.clone())
}

/// Signs twice with each key of a token that has a certificate; gives how many there are.
async fn sign_with_all(readers: &Readers, token: &ModuleToken) -> usize {
    let judge = Judge {
        folder: &readers.path(""),
    };
    let held = token.certificates().await.unwrap();
    let mut keys = 0;
    for one in held.iter().filter(|one| one.key.is_some()) {
        let key = one.key.as_ref().unwrap();
        let public = judge.key_of(one);
        let algorithm = match one.certificate.public_key() {
            PublicKeyKind::Rsa { .. } => RSA,
            _ => ECDSA,
        };
        let mut session = logged_in_with(token, key, &format!("{CARD_PIN}\n{CARD_PIN}\n"))
            .await
            .unwrap();
        for message in [&b"first"[..], b"second"] {
            let signed = match session.sign(&signable(algorithm, message), false).await {
                // It wants its PIN for each signature.
                Err(LoginError::NoPin) => session.sign(&signable(algorithm, message), true).await,
                other => other,
            };
            let signed = signed.unwrap_or_else(|error| panic!("{}: {error:?}", one.label));
            judge.verify(&public, algorithm, message, &signed);
        }
        session.close().await;
        keys += 1;
    }
    keys
}

#[test]
fn opensc_signs_on_piv_openpgp_and_cac_cards_and_openssl_agrees() {
    let plans = [YUBIKEY, "OpenPGP Reader", "CAC Reader"].map(ReaderPlan::plain);
    on_readers(&plans, |readers| {
        let _cards = (readers.piv(0), readers.openpgp(1), readers.cac(2));
        runtime().block_on(async {
            let modules = modules(&[opensc()]);
            let found = tokens(&modules).await;
            // What module, which reader and whose chip, each told by itself.
            let mut shown: Vec<_> = found.iter().map(|token| chip(token.entry())).collect();
            shown.sort();
            let expected = [
                ("CAC Reader 00 00", "Common Access Card"),
                ("OpenPGP Reader 00 00", "OpenPGP project"),
                ("OpenPGP Reader 00 00", "OpenPGP project"),
                ("Yubico YubiKey CCID 00 00", "piv_II"),
            ];
            assert_eq!(
                shown,
                expected.map(|(reader, maker)| (reader.to_owned(), maker.to_owned()))
            );
            let mut keys = Vec::new();
            for token in &found {
                keys.push((chip(token.entry()).1, sign_with_all(&readers, token).await));
            }
            keys.sort();
            let expected = [
                ("Common Access Card", 3),
                ("OpenPGP project", 0),
                ("OpenPGP project", 1),
                ("piv_II", 4),
            ];
            assert_eq!(keys, expected.map(|(maker, count)| (maker.to_owned(), count)));
            // The OpenPGP card's signature key has no certificate under OpenSC.
            let judge = Judge {
                folder: &readers.path(""),
            };
            let token = found
                .iter()
                .find(|token| token.entry().id.label.contains("(sig)"))
                .unwrap();
            let signature_key = key(token, &[1]);
            let signed = sign_once(token, &signature_key, RSA, b"m").await.unwrap();
            judge.verify(&openpgp_key("01"), RSA, b"m", &signed);
            // What the card does not make is said.
            assert!(!token.entry().rsa.pss);
            let pss = SignatureAlgorithm::RsaPss(Hash::Sha256);
            let refused = sign_once(token, &signature_key, pss, b"m").await;
            assert!(
                matches!(refused, Err(LoginError::Token(TokenError::Unsupported(_)))),
                "{refused:?}"
            );
        });
    });
}

#[test]
fn yubicos_module_signs_on_a_piv_card_and_openssl_agrees() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules(&[ykcs11()]);
            let token = only_token(&modules).await;
            assert_eq!(chip(token.entry()).1, "Yubico (www.yubico.com)");
            assert_eq!(sign_with_all(&readers, &token).await, 4);
        });
    });
}

/// A wrong PIN for one signature of 9C spends one try and leaves the operation as it is: the right one ends it.
#[test]
fn a_wrong_pin_for_one_signature_keeps_the_operation_under_both_modules() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        let judge = Judge {
            folder: &readers.path(""),
        };
        runtime().block_on(async {
            for module in [opensc(), ykcs11()] {
                let name = module.name.clone();
                let modules = modules(&[module]);
                let token = only_token(&modules).await;
                let pins = format!("{CARD_PIN}\n111111\n{CARD_PIN}\n");
                let mut session = logged_in_with(&token, &key(&token, &[2]), &pins).await.unwrap();
                let signed = session.sign(&signable(RSA, b"first"), false).await;
                judge.verify(&public_key("9c"), RSA, b"first", &signed.unwrap());
                let second = signable(RSA, b"second");
                let unasked = session.sign(&second, false).await;
                assert!(matches!(unasked, Err(LoginError::NoPin)), "{name}: {unasked:?}");
                let wrong = session.sign(&second, true).await;
                assert!(
                    matches!(wrong, Err(LoginError::Incorrect { .. })),
                    "{name}: {wrong:?}"
                );
                let signed = session.sign(&second, true).await;
                let signed = signed.unwrap_or_else(|error| panic!("{name}: {error:?}"));
                judge.verify(&public_key("9c"), RSA, b"second", &signed);
                session.close().await;
            }
        });
    });
}

#[test]
fn n108_a_card_that_two_modules_show_is_one_token_and_either_signs_alone() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        runtime().block_on(async {
            for order in [[opensc(), ykcs11()], [ykcs11(), opensc()]] {
                let modules = modules(&order);
                for _ in 0..2 {
                    let token = only_token(&modules).await;
                    assert_eq!(token.entry().id.module, order[0].name);
                }
                let token = only_token(&modules).await;
                assert_eq!(sign_with_all(&readers, &token).await, 4);
            }
        });
    });
}

/// After the work the card is logged out, though the module's process stays: another session has to log in again, and
/// another program finds a card that nobody has verified a PIN of.
fn logged_out(pair: &Pair, is_piv: bool) {
    on_readers(&[ReaderPlan::plain(pair.reader)], |readers| {
        let _card = (pair.put)(&readers);
        runtime().block_on(async {
            let modules = modules(std::slice::from_ref(&pair.module));
            let token = token_in_time(&modules, pair.wanted).await;
            let key = key(&token, pair.key);
            for round in 0..3 {
                if is_piv {
                    // Another program has verified the PIN: ours is looked at all the same.
                    left_verified(&readers);
                    let wrong = logged_in_with(&token, &key, "111111\n").await.err();
                    assert!(
                        matches!(wrong, Some(LoginError::Incorrect { .. })),
                        "round {round}: {wrong:?}"
                    );
                }
                sign_once(&token, &key, pair.algorithm, b"m").await.unwrap();
                if is_piv {
                    assert_eq!(tries_left(&readers), 3, "one that is logged in names no count");
                }
                let mut other = token.open(&key).await.unwrap();
                let unasked = other.sign(&signable(pair.algorithm, b"m"), false).await;
                assert!(
                    matches!(unasked, Err(LoginError::Token(TokenError::LoginNeeded))),
                    "round {round}: {unasked:?}"
                );
                other.close().await;
                if is_piv {
                    assert_eq!(tries_left(&readers), 3, "nor has anything logged in by itself");
                }
            }
        });
    });
}

#[test]
fn n120_opensc_logs_a_piv_card_out_after_the_work() {
    logged_out(&piv(opensc()), true);
}

#[test]
fn n120_ykcs11_logs_a_piv_card_out_after_the_work() {
    logged_out(&piv(ykcs11()), true);
}

#[test]
fn n120_opensc_wants_a_login_for_each_session_on_openpgp_and_cac() {
    logged_out(&openpgp(), false);
    logged_out(&cac(), false);
}

/// Another program's connection to a card, with which it has done something before and goes on afterwards.
struct Beside(pcsc::Card);

const PIV: &[u8] = &[
    0x00, 0xa4, 0x04, 0x00, 0x09, 0xa0, 0, 0, 0x03, 0x08, 0, 0, 0x10, 0,
];
const OPENPGP: &[u8] = &[0x00, 0xa4, 0x04, 0x00, 0x06, 0xd2, 0x76, 0, 0x01, 0x24, 0x01];

/// The OpenPGP PIN for all but signatures: 123456, and the question whether it has been verified.
const VERIFY: &[u8] = &[0x00, 0x20, 0x00, 0x82, 0x06, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36];
const VERIFIED: &[u8] = &[0x00, 0x20, 0x00, 0x82];

impl Beside {
    fn connect(reader: &str) -> Self {
        let context = pcsc::Context::establish(pcsc::Scope::User).unwrap();
        let name = context.list_readers_owned().unwrap().into_iter();
        let name = name
            .into_iter()
            .find(|name| name.to_string_lossy().starts_with(reader));
        let protocols = pcsc::Protocols::ANY;
        Self(
            context
                .connect(&name.unwrap(), pcsc::ShareMode::Shared, protocols)
                .unwrap(),
        )
    }

    /// The status word.
    fn send(&self, apdu: &[u8]) -> Result<u16, pcsc::Error> {
        let mut room = [0; pcsc::MAX_BUFFER_SIZE];
        let said = self.0.transmit(apdu, &mut room)?;
        let (_, status) = said.split_last_chunk::<2>().unwrap();
        Ok(u16::from_be_bytes(*status))
    }

    /// It leaves the card as it is.
    fn leave(self) {
        assert!(self.0.disconnect(pcsc::Disposition::LeaveCard).is_ok());
    }
}

/// The card forgets the PIN that it was told through the module, and nothing else: another program's connection goes on,
/// and what that has verified in another application of the card still counts.
#[test]
fn n120_what_another_program_does_with_another_application_outlives_our_logout() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv_with(0, &["--applet", "piv", "--applet", "openpgp"]);
        runtime().block_on(async {
            for module in [opensc(), ykcs11()] {
                let modules = modules(std::slice::from_ref(&module));
                let token = token_in_time(&modules, |entry| entry.initialized).await;
                let nine_a = key(&token, &[1]);
                let other = Beside::connect(YUBIKEY);
                assert_eq!(other.send(OPENPGP), Ok(0x9000));
                assert_eq!(other.send(VERIFY), Ok(0x9000));
                // Yubico's module takes it that nobody selects anything else.
                assert_eq!(other.send(PIV), Ok(0x9000));
                sign_once(&token, &nine_a, RSA, b"m").await.unwrap();
                assert_eq!(
                    other.send(PIV),
                    Ok(0x9000),
                    "{}: its connection lives",
                    module.name
                );
                assert_eq!(
                    other.send(&[0, 0x20, 0, 0x80]),
                    Ok(0x63c3),
                    "{}: PIV is logged out",
                    module.name
                );
                assert_eq!(other.send(OPENPGP), Ok(0x9000));
                assert_eq!(
                    other.send(VERIFIED),
                    Ok(0x9000),
                    "{}: and still logged in here",
                    module.name
                );
                other.leave();
            }
        });
    });
}

/// An OpenPGP card is told to forget as well; a card that nobody knows how to tell is reset.
#[test]
fn n120_an_openpgp_card_is_told_to_forget_and_a_cac_is_reset() {
    let pairs = [openpgp(), cac()];
    let plans = pairs.each_ref().map(|pair| ReaderPlan::plain(pair.reader));
    on_readers(&plans, |readers| {
        let _cards = (readers.openpgp(0), readers.cac(1));
        runtime().block_on(async {
            let modules = modules(&[opensc()]);
            for (pair, verified) in pairs.iter().zip([Ok(0x63c3), Err(pcsc::Error::ResetCard)]) {
                let wanted = |entry: &TokenEntry| {
                    let reader = entry.reader.as_ref();
                    (pair.wanted)(entry) && reader.is_some_and(|reader| reader.starts_with(pair.reader))
                };
                let token = token_in_time(&modules, wanted).await;
                let key = key(&token, pair.key);
                let other = Beside::connect(pair.reader);
                sign_once(&token, &key, pair.algorithm, b"m").await.unwrap();
                let selected = other.send(OPENPGP);
                assert_eq!(
                    selected.is_ok(),
                    verified.is_ok(),
                    "{}: {selected:?}",
                    pair.reader
                );
                assert_eq!(other.send(VERIFIED), verified, "{}", pair.reader);
                other.leave();
            }
        });
    });
}
