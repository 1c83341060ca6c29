//! Our own PIV driver beside OpenSC on one card, by turns: what each adds to the card's own computing.

use std::time::{Duration, Instant};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectClass};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use trien_signatures::algorithm::Hash;

use crate::support::cards::piv::{RSA, YUBIKEY, key, logged_in, modules, runtime, signable, token_in_time};
use crate::support::cards::{CARD_PIN, OPENSC, ReaderPlan, VirtualCard, on_readers};
use crate::{median, rounds, row};

/// Signatures in a row by one of the two.
const BLOCK: usize = 10;

#[derive(Default)]
struct Times {
    first: Vec<Duration>,
    warm: Vec<Duration>,
    first_apdus: u64,
    warm_apdus: u64,
}

/// Wall time less the card's own, and the APDUs.
fn beside(card: &VirtualCard, began: Instant) -> (Duration, u64) {
    let wall = began.elapsed();
    let stats = card.stats();
    (
        wall.saturating_sub(Duration::from_micros(stats.busy_us)),
        stats.apdus,
    )
}

pub(crate) fn measure() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        let (mut ours, mut opensc) = (Times::default(), Times::default());
        for round in 0..rounds(20) {
            // Whoever is first has no advantage over all rounds.
            if round % 2 == 0 {
                by_our_driver(&card, &mut ours);
                by_opensc(&card, &mut opensc);
            } else {
                by_opensc(&card, &mut opensc);
                by_our_driver(&card, &mut ours);
            }
        }
        println!("\n## Our PIV driver beside OpenSC, RSA-2048, wall time less the card's own\n");
        println!("| | ours, ms | OpenSC, ms | ratio | limit | |\n|---|---|---|---|---|---|");
        for (what, own, other) in [
            (
                "fresh, to the first signature",
                &mut ours.first,
                &mut opensc.first,
            ),
            ("warm", &mut ours.warm, &mut opensc.warm),
        ] {
            let (own, other) = (median(own), median(other));
            row(
                what,
                &[format!("{own:.3}"), format!("{other:.3}")],
                own / other,
                1.0,
            );
        }
        println!("\n| APDUs | OpenSC | ours | limit | |\n|---|---|---|---|---|");
        let apdus = [
            (
                "fresh, to the first signature",
                opensc.first_apdus,
                ours.first_apdus,
                8,
            ),
            ("warm", opensc.warm_apdus, ours.warm_apdus, 3),
        ];
        for (what, other, own, limit) in apdus {
            let verdict = if own <= limit { "holds" } else { "MISSED" };
            println!("| {what} | {other} | {own} | ≤ {limit} | {verdict} |");
        }
    });
}

fn by_our_driver(card: &VirtualCard, times: &mut Times) {
    runtime().block_on(async {
        let modules = modules();
        card.order("reset-stats");
        let began = Instant::now();
        let token = token_in_time(&modules).await;
        let mut session = logged_in(&token, &key(&token, 0x9a, 0x07)).await.unwrap();
        session.sign(&signable(RSA, b"first"), false).await.unwrap();
        let (time, apdus) = beside(card, began);
        times.first.push(time);
        times.first_apdus = times.first_apdus.max(apdus);
        for _ in 0..BLOCK {
            card.order("reset-stats");
            let began = Instant::now();
            session.sign(&signable(RSA, b"next"), false).await.unwrap();
            let (time, apdus) = beside(card, began);
            times.warm.push(time);
            times.warm_apdus = times.warm_apdus.max(apdus);
        }
        session.close().await;
    });
}

fn by_opensc(card: &VirtualCard, times: &mut Times) {
    card.order("reset-stats");
    let began = Instant::now();
    let module = Pkcs11::new(OPENSC).unwrap();
    module
        .initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
        .unwrap();
    let slot = module.get_slots_with_token().unwrap()[0];
    let session = module.open_ro_session(slot).unwrap();
    session
        .login(UserType::User, Some(&AuthPin::new(CARD_PIN.into())))
        .unwrap();
    // 9A
    let wanted = [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Id(vec![1])];
    let private = session.find_objects(&wanted).unwrap()[0];
    let sign = |session: &Session| {
        let input = Hash::Sha256.digest_info(&Hash::Sha256.digest(b"next"));
        session.sign(&Mechanism::RsaPkcs, private, &input).unwrap()
    };
    sign(&session);
    let (time, apdus) = beside(card, began);
    times.first.push(time);
    times.first_apdus = times.first_apdus.max(apdus);
    for _ in 0..BLOCK {
        card.order("reset-stats");
        let began = Instant::now();
        sign(&session);
        let (time, apdus) = beside(card, began);
        times.warm.push(time);
        times.warm_apdus = times.warm_apdus.max(apdus);
    }
    session.logout().unwrap();
    drop(session);
    module.finalize().unwrap();
}
