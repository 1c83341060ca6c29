//! A thousand signatures in a row, after one login, through our own driver and through each vendor's module, on each kind of
//! card and token: each is one by the public key, and its process, and the daemon's own side of it (which is this one),
//! keep no more descriptors and no more memory than after the first hundred.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use support::cards::pairs::{self, Pair};
use support::cards::piv;
use support::cards::scene::{
    ECDSA, RSA, anonymous, descriptors, key, lines, logged_in, modules, opensc, ready_opencryptoki, runtime,
    signable, token_in_time, worker, ykcs11,
};
use support::cards::{CARD_PIN, ReaderPlan, Readers, SoftHsm, TpmToken, on_opencryptoki, on_readers};
use trien::config::ModuleConfig;
use trien::tokens::{HeldCertificate, KeyRef, ModuleToken, SigningSession, Token};
use trien_signatures::algorithm::{PublicKey, SignatureAlgorithm, SignatureValue};

const SIGNATURES: usize = 1000;

/// KiB that the process may grow by: less than 180 bytes a signature. The most that was seen is 84, of tpm2-pkcs11.
const GROWTH: u64 = 160;

/// What a process holds.
struct Held {
    process: u32,
    descriptors: usize,
    /// In KiB.
    memory: u64,
}

impl Held {
    fn by(process: u32) -> Self {
        Self {
            process,
            descriptors: descriptors(process),
            memory: anonymous(process),
        }
    }

    /// The process of that word, and this one.
    #[track_caller]
    fn by_both(word: &str) -> [Self; 2] {
        [worker(word), std::process::id()].map(Self::by)
    }

    /// The same process holds no more now.
    #[track_caller]
    fn still(self) {
        let now = Self::by(self.process);
        let is_ours = self.process == std::process::id();
        assert_eq!(now.descriptors, self.descriptors, "ours: {is_ours}");
        let (then, now) = (self.memory, now.memory);
        assert!(now < then + GROWTH, "{then} KiB, then {now} KiB; ours: {is_ours}");
    }
}

async fn sign_many(module: &ModuleConfig, token: &ModuleToken, key: &KeyRef, algorithm: SignatureAlgorithm) {
    // What was checked is loaded: the file behind the links.
    let word = module.path.canonicalize().unwrap().display().to_string();
    sign_in_a_row(&word, token, key, algorithm).await;
}

/// After one login, by the process of that word.
async fn sign_in_a_row(word: &str, token: &ModuleToken, key: &KeyRef, algorithm: SignatureAlgorithm) {
    let public = public_key(token, key).await;
    let mut session = logged_in(token, key).await.unwrap();
    let mut before = None;
    for number in 0..SIGNATURES {
        let message = number.to_string();
        let signable = signable(algorithm, message.as_bytes());
        let raw = session.sign(&signable, false).await.unwrap();
        let value = SignatureValue::from_token(algorithm, &raw).unwrap();
        let verified = public.verify(algorithm, message.as_bytes(), &value);
        assert!(verified.is_ok(), "{number}");
        // What is made at the first signatures is there to stay.
        if number == SIGNATURES / 10 {
            before = Some(Held::by_both(word));
        }
    }
    before.unwrap().into_iter().for_each(Held::still);
    session.close().await;
}

/// Of its certificate; of a key without one, as the token shows it to whom it has let in.
async fn public_key(token: &ModuleToken, key: &KeyRef) -> PublicKey {
    let held = token.certificates().await.unwrap();
    let is_its = |held: &&HeldCertificate| held.key.as_ref().is_some_and(|own| own.id == key.id);
    if let Some(held) = held.iter().find(is_its) {
        return PublicKey::from_spki_der(held.certificate.public_key_der());
    }
    let mut session = token.administer().await.unwrap();
    session
        .attach_pin_pipe(lines(&format!("{CARD_PIN}\n")))
        .await
        .unwrap();
    session.login().await.unwrap();
    let mut keys = session.keys().await.unwrap().into_iter();
    let shown = keys.find(|one| one.key.id == key.id).unwrap().public_key;
    Box::new(session).close().await;
    PublicKey::from_spki_der(&shown.unwrap())
}

/// What the person types at the reader, if it has a pad.
fn type_at_pad(readers: &Readers, plan: &ReaderPlan) {
    if *plan == ReaderPlan::with_pad(&plan.name) {
        assert_eq!(readers.order(0, &format!("pin {CARD_PIN}")), "ok");
    }
}

/// By our own driver, and then with twenty logins.
fn by_our_driver(plan: &ReaderPlan, slot: u8, key_algorithm: u8, algorithm: SignatureAlgorithm) {
    on_readers(std::slice::from_ref(plan), |readers| {
        let _card = readers.piv(0);
        runtime().block_on(async {
            let modules = piv::modules();
            let token = piv::token_in_time(&modules).await;
            let key = piv::key(&token, slot, key_algorithm);
            type_at_pad(&readers, plan);
            sign_in_a_row("card-worker", &token, &key, algorithm).await;
            let mut before = None;
            for round in 0..20 {
                type_at_pad(&readers, plan);
                let mut session = logged_in(&token, &key).await.unwrap();
                for _ in 0..5 {
                    session.sign(&signable(algorithm, b"m"), false).await.unwrap();
                }
                session.close().await;
                if round == 2 {
                    before = Some(Held::by_both("card-worker"));
                }
            }
            before.unwrap().into_iter().for_each(Held::still);
        });
    });
}

#[test]
fn by_our_driver_with_rsa_on_piv() {
    by_our_driver(&ReaderPlan::plain(piv::YUBIKEY), 0x9a, 0x07, RSA);
}

#[test]
fn by_our_driver_with_a_curve_on_piv() {
    by_our_driver(&ReaderPlan::plain(piv::YUBIKEY), 0x9d, 0x11, ECDSA);
}

#[test]
fn by_our_driver_with_a_curve_on_piv_in_a_reader_with_a_pad() {
    by_our_driver(&ReaderPlan::with_pad(piv::YUBIKEY), 0x9d, 0x11, ECDSA);
}

fn on_a_card(pair: &Pair) {
    on_a_card_in(&ReaderPlan::plain(pair.reader), pair);
}

fn on_a_card_in(plan: &ReaderPlan, pair: &Pair) {
    on_readers(std::slice::from_ref(plan), |readers| {
        let _card = (pair.put)(&readers);
        type_at_pad(&readers, plan);
        runtime().block_on(async {
            let modules = modules(std::slice::from_ref(&pair.module));
            let token = token_in_time(&modules, pair.wanted).await;
            sign_many(&pair.module, &token, &key(&token, pair.key), pair.algorithm).await;
        });
    });
}

#[test]
fn by_opensc_with_rsa_on_piv() {
    on_a_card(&pairs::piv(opensc()));
}

#[test]
fn by_opensc_with_a_curve_on_piv_in_a_reader_with_a_pad() {
    let pair = pairs::piv_curve(opensc());
    on_a_card_in(&ReaderPlan::with_pad(pair.reader), &pair);
}

#[test]
fn by_opensc_with_a_curve_on_piv() {
    on_a_card(&pairs::piv_curve(opensc()));
}

#[test]
fn by_ykcs11_with_rsa_on_piv() {
    on_a_card(&pairs::piv(ykcs11()));
}

#[test]
fn by_ykcs11_with_a_curve_on_piv() {
    on_a_card(&pairs::piv_curve(ykcs11()));
}

#[test]
fn by_opensc_on_openpgp() {
    on_a_card(&pairs::openpgp());
}

#[test]
fn by_opensc_on_cac() {
    on_a_card(&pairs::cac());
}

fn on_a_token(module: &ModuleConfig, label: &str) {
    runtime().block_on(async {
        let modules = modules(std::slice::from_ref(module));
        let token = token_in_time(&modules, |entry| entry.id.label == label).await;
        sign_many(module, &token, &key(&token, &[1]), RSA).await;
    });
}

#[test]
fn by_tpm2_pkcs11() {
    let tpm = TpmToken::new("tpm");
    on_a_token(&tpm.module(), "tpm");
}

#[test]
fn by_softhsm() {
    let hsm = SoftHsm::new("soft");
    on_a_token(&hsm.module(), "soft");
}

#[test]
fn by_opencryptoki() {
    on_opencryptoki(|ock| {
        runtime().block_on(async {
            let module = ock.module();
            let modules = modules(std::slice::from_ref(&module));
            let token = ready_opencryptoki(&ock, &modules).await;
            sign_many(&module, &token, &key(&token, &[1]), RSA).await;
        });
    });
}
