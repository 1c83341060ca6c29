//! A thousand signatures in a row through each vendor's module, on each kind of card and token: its process keeps no more
//! descriptors and no more memory than it had after the first hundred.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;

use support::cards::pairs::{Pair, cac, openpgp, piv, piv_curve};
use support::cards::scene::{
    RSA, descriptors, key, lines, logged_in, modules, opensc, resident, runtime, signable, token_in_time,
    worker, ykcs11,
};
use support::cards::{CARD_PIN, Opencryptoki, ReaderPlan, TpmToken, on_opencryptoki, on_readers};
use trien::config::ModuleConfig;
use trien::tokens::known::of_library;
use trien::tokens::{KeyRef, ModuleToken};
use trien_signatures::algorithm::SignatureAlgorithm;

const SIGNATURES: usize = 1000;

/// KiB that the process may grow by.
const GROWTH: u64 = 1024;

async fn sign_many(module: &ModuleConfig, token: &ModuleToken, key: &KeyRef, algorithm: SignatureAlgorithm) {
    let word = module.path.display().to_string();
    let mut session = logged_in(token, key).await.unwrap();
    let mut before = None;
    for number in 0..SIGNATURES {
        session.sign(&signable(algorithm, b"m"), false).await.unwrap();
        // What is made at the first signatures is there to stay.
        if number == SIGNATURES / 10 {
            before = Some((descriptors(worker(&word)), resident(worker(&word))));
        }
    }
    let (files, memory) = before.unwrap();
    assert_eq!(descriptors(worker(&word)), files);
    let now = resident(worker(&word));
    assert!(now < memory + GROWTH, "{memory} KiB, then {now} KiB");
    session.close().await;
}

fn on_a_card(pair: Pair) {
    on_readers(&[ReaderPlan::plain(pair.reader)], |readers| {
        let _card = (pair.put)(&readers);
        runtime().block_on(async {
            let modules = modules(std::slice::from_ref(&pair.module));
            let token = token_in_time(&modules, pair.wanted).await;
            sign_many(&pair.module, &token, &key(&token, pair.key), pair.algorithm).await;
        });
    });
}

#[test]
fn by_opensc_with_rsa_on_piv() {
    on_a_card(piv(opensc()));
}

#[test]
fn by_opensc_with_a_curve_on_piv() {
    on_a_card(piv_curve(opensc()));
}

#[test]
fn by_ykcs11_with_rsa_on_piv() {
    on_a_card(piv(ykcs11()));
}

#[test]
fn by_ykcs11_with_a_curve_on_piv() {
    on_a_card(piv_curve(ykcs11()));
}

#[test]
fn by_opensc_on_openpgp() {
    on_a_card(openpgp());
}

#[test]
fn by_opensc_on_cac() {
    on_a_card(cac());
}

/// A module as discovery finds it.
fn found(path: &str) -> ModuleConfig {
    let path = Path::new(path);
    ModuleConfig::known(of_library(path).unwrap(), path.to_path_buf())
}

#[test]
fn by_tpm2_pkcs11() {
    let tpm = TpmToken::new("tpm");
    let mut module = found(TpmToken::MODULE);
    for (name, value) in tpm.environment() {
        if name == "TPM2_PKCS11_STORE" {
            module.folders.push(value.clone().into());
        }
        module.variables.push((name.to_owned(), value.into()));
    }
    runtime().block_on(async {
        let modules = modules(std::slice::from_ref(&module));
        let token = token_in_time(&modules, |entry| entry.id.label == "tpm").await;
        sign_many(&module, &token, &key(&token, &[1]), RSA).await;
    });
}

#[test]
fn by_opencryptoki() {
    on_opencryptoki(|ock| {
        ock.issue("ock");
        let module = found(Opencryptoki::MODULE);
        runtime().block_on(async {
            let modules = modules(std::slice::from_ref(&module));
            let token = token_in_time(&modules, |entry| entry.id.label == "ock").await;
            let (first, own) = (Opencryptoki::FIRST_PIN, CARD_PIN);
            let changed = token.change_pin(lines(&format!("{first}\n")), lines(&format!("{own}\n")));
            changed.await.unwrap();
            ock.generate();
            sign_many(&module, &token, &key(&token, &[1]), RSA).await;
        });
    });
}
