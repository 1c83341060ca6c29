//! Hostile and malformed SignedData, each with the rule it breaks. The same table is run twice: over signatures made
//! now with new keys, and over the files in `vectors/cms`, which were made the same way once and stay.
//!
//! | module | what |
//! |---|---|
//! | `changes` | what breaks a rule before the signature is made |
//! | `encodings` | octets that are no SignedData, and what nobody encodes |
//! | `paddings` | parameters and trailers of RSA signatures |
//! | `people` | signatures by people who are not right for it, one bad one among two, and one who does not expire |
//! | `vectors` | the whole table, made now and as it lies in the folder |
//! | `content` | what is not signed as content |

#![allow(clippy::unwrap_used, reason = "what cannot be set up is a test that fails")]

mod changes;
mod content;
mod encodings;
#[path = "../forge/mod.rs"]
mod forge;
#[path = "../openssl/mod.rs"]
mod openssl;
mod paddings;
mod people;
#[path = "../processor/mod.rs"]
mod processor;
mod vectors;

use forge::CONTENT;
use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, SignatureAlgorithm};
use trien_signatures::cades;
use trien_signatures::cms::FormatError;
use trien_signatures::report::{Reason as R, SubIndication as S};
use trien_signatures::trust::{Anchors, Reliance};

/// What has to come of a vector.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Valid,
    Broken(S, R),
    Unreadable(FormatError),
}

use Outcome::{Broken, Unreadable, Valid};

struct Vector {
    name: &'static str,
    bytes: Vec<u8>,
    /// Whether the content is handed in beside it.
    detached: bool,
    outcome: Outcome,
}

const ECDSA: SignatureAlgorithm = SignatureAlgorithm::Ecdsa(Hash::Sha256);
const RSA_PSS: SignatureAlgorithm = SignatureAlgorithm::RsaPss(Hash::Sha256);

fn judged(vector: &Vector, anchors: &Anchors, at: OffsetDateTime) -> Outcome {
    let reliance = Reliance::new(anchors, &[], at);
    match cades::verify(&vector.bytes, vector.detached.then_some(CONTENT), &reliance) {
        Err(error) => Unreadable(error),
        Ok(report) if report.valid() => Valid,
        Ok(report) => {
            let signature = &report.signatures[0];
            Broken(signature.sub_indication.unwrap(), signature.reason.unwrap())
        }
    }
}
