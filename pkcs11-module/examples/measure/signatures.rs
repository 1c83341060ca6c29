//! What a signature costs: `C_SignInit` and `C_Sign` with a key of the token, beside the library called directly.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use aws_lc_rs::rsa::KeySize;
use cryptoki_sys::*;

use crate::calls::{Failed, KeyKind, Result, Session};
use crate::contestants::{Contestant, Named, Token};
use crate::direct;
use crate::table::{Table, head, line, micros};
use crate::turns::{Figures, Work, by_turns, median, tell};

/// What is signed: as long as a digest, or as the attributes of a CMS signature.
const DATA: [u8; 32] = [0x37; 32];

/// How many turns each contestant has.
const ROUNDS: usize = 15;

/// The name of the limit's column.
const LIMIT: &str = "AWS-LC";

/// A key and how it signs.
struct Kind {
    name: &'static str,
    key: KeyKind,
    mechanism: CK_MECHANISM_TYPE,
    direct: fn() -> Result<Work<'static>>,
}

const P256: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[0x06, 5, 0x2b, 0x81, 4, 0, 0x22];
/// id-Ed25519 (RFC 8410).
const ED25519: &[u8] = &[0x06, 3, 0x2b, 0x65, 0x70];

const KINDS: [Kind; 5] = [
    Kind {
        name: "RSA-2048, PKCS #1 v1.5, SHA-256",
        key: KeyKind::Rsa(2048),
        mechanism: CKM_SHA256_RSA_PKCS,
        direct: || direct::rsa(KeySize::Rsa2048, &DATA),
    },
    Kind {
        name: "RSA-3072, PKCS #1 v1.5, SHA-256",
        key: KeyKind::Rsa(3072),
        mechanism: CKM_SHA256_RSA_PKCS,
        direct: || direct::rsa(KeySize::Rsa3072, &DATA),
    },
    Kind {
        name: "ECDSA P-256",
        key: KeyKind::Curve(P256, CKM_EC_KEY_PAIR_GEN),
        mechanism: CKM_ECDSA,
        direct: || direct::p256(&DATA),
    },
    Kind {
        name: "ECDSA P-384",
        key: KeyKind::Curve(P384, CKM_EC_KEY_PAIR_GEN),
        mechanism: CKM_ECDSA,
        direct: || direct::p384(&DATA),
    },
    Kind {
        name: "Ed25519",
        key: KeyKind::Curve(ED25519, CKM_EC_EDWARDS_KEY_PAIR_GEN),
        mechanism: CKM_EDDSA,
        direct: || direct::ed25519(&DATA),
    },
];

/// One thread: processor time a signature.
pub(crate) fn compare(modules: &[Named], token: &Token) {
    let contestants = Contestant::prepare(modules, token);
    let names: Vec<&str> = modules.iter().map(|named| named.name.as_str()).collect();
    let sessions = open(&contestants, token);
    let table = Table::new("processor time of a signature", Some(LIMIT), &names, micros);
    for kind in &KINDS {
        let works = sessions
            .iter()
            .map(|session| session.as_ref().and_then(|session| signing(session, kind)));
        let works = [ok((kind.direct)()).flatten()].into_iter().chain(works).collect();
        table.row(kind.name, &by_turns(ROUNDS, works));
    }
    let table = Table::new("processor time of a verification", None, &names, micros);
    for kind in &KINDS {
        let works = sessions
            .iter()
            .map(|session| session.as_ref().and_then(|session| verifying(session, kind)));
        table.row(kind.name, &by_turns(ROUNDS / 3, works.collect()));
    }
}

/// A session with each module that has one.
pub(crate) fn open<'a>(contestants: &'a [Option<Contestant>], token: &Token) -> Vec<Option<Session<'a>>> {
    contestants
        .iter()
        .map(|contestant| contestant.as_ref().and_then(|module| ok(module.session(token))))
        .collect()
}

fn signing<'a>(session: &'a Session<'a>, kind: &Kind) -> Work<'a> {
    let pair = ok(session.generate_pair(kind.key))?;
    let mechanism = kind.mechanism;
    let mut out = [0; 512];
    Some(Box::new(move || {
        session.sign(mechanism, pair.private, &DATA, &mut out).map(drop)
    }))
}

fn verifying<'a>(session: &'a Session<'a>, kind: &Kind) -> Work<'a> {
    let pair = ok(session.generate_pair(kind.key))?;
    let mechanism = kind.mechanism;
    let mut out = [0; 512];
    let length = ok(session.sign(mechanism, pair.private, &DATA, &mut out))?;
    Some(Box::new(move || {
        session.verify(mechanism, pair.public, &DATA, &out[..length])
    }))
}

/// How long threads sign side by side in one turn.
const SPELL: Duration = Duration::from_millis(200);

/// Makes the work of one thread, with a session or a key of its own.
type Maker<'a> = Box<dyn Fn() -> Result<Work<'a>> + Sync + 'a>;

/// Two threads beside one, each with a session of its own and all with one key: how much more is signed.
pub(crate) fn threads(modules: &[Named], token: &Token) {
    let contestants = Contestant::prepare(modules, token);
    let names = modules.iter().map(|named| named.name.as_str());
    let names: Vec<&str> = ["signatures of 2 threads by those of 1", LIMIT]
        .into_iter()
        .chain(names)
        .collect();
    head(&names);
    for kind in &KINDS {
        let control: Maker<'_> = Box::new(kind.direct);
        let makers: Vec<Option<Maker<'_>>> = contestants
            .iter()
            .map(|contestant| {
                contestant
                    .as_ref()
                    .and_then(|contestant| ok(maker(contestant, token, kind)))
            })
            .collect();
        let gains = [Some(control)]
            .into_iter()
            .chain(makers)
            .map(|maker| match maker {
                Some(maker) => format!("{:.2}×", median(gain(&maker).into_iter().flatten())),
                None => "–".into(),
            });
        line(
            &[kind.name.to_string()]
                .into_iter()
                .chain(gains)
                .collect::<Vec<_>>(),
        );
    }
}

fn maker<'a>(contestant: &'a Contestant, token: &'a Token, kind: &Kind) -> Result<Maker<'a>> {
    let pair = contestant.session(token)?.generate_pair(kind.key)?;
    let mechanism = kind.mechanism;
    Ok(Box::new(move || {
        let session = contestant.session(token)?;
        let mut out = [0; 512];
        Ok(Some(Box::new(move || {
            session.sign(mechanism, pair.private, &DATA, &mut out).map(drop)
        })))
    }))
}

/// The ratio in each round.
fn gain(maker: &Maker<'_>) -> Figures {
    let rounds = (0..ROUNDS / 2).map(|_| Ok(throughput(maker, 2)? / throughput(maker, 1)?));
    ok(rounds.collect())
}

/// Signatures a second.
fn throughput(maker: &Maker<'_>, threads: usize) -> Result<f64> {
    let start = Barrier::new(threads);
    let one = || {
        let work = maker();
        start.wait();
        let mut work = work?.ok_or_else(|| Failed::Because("there is nothing to do".into()))?;
        let (started, mut count) = (Instant::now(), 0);
        while started.elapsed() < SPELL {
            work()?;
            count += 1;
        }
        Ok(f64::from(count) / started.elapsed().as_secs_f64())
    };
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        running
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(Failed::Because("a thread panicked".into())))
            })
            .sum()
    })
}

/// The value, or a word about why there is none.
pub(crate) fn ok<T>(result: Result<T>) -> Option<T> {
    result.inspect_err(|error| tell(error)).ok()
}
