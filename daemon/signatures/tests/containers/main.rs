//! ASiC containers and JSON Web Signatures: made, judged by openssl and jwcrypto, taken apart by hand.
//!
//! | module | what |
//! |---|---|
//! | `made` | containers of every kind, by us and by others |
//! | `signed` | what is in a container and signed by nobody, or signed and not there (154) |
//! | `hostile` | more than one reading, places that are not theirs, bombs (151 to 153, 155) |
//! | `jws` | JSON Web Signatures |

#![allow(clippy::unwrap_used, reason = "what cannot be set up is a test that fails")]

#[path = "../archive/mod.rs"]
mod archive;
#[path = "../confirm/mod.rs"]
mod confirm;
mod hostile;
#[path = "../judge/mod.rs"]
mod judge;
mod jws;
mod made;
#[path = "../openssl/mod.rs"]
mod openssl;
#[path = "../processor/mod.rs"]
mod processor;
mod signed;

use openssl::{Identity, Pki};
use trien_signatures::algorithm::{Hash, RsaPadding, SignatureAlgorithm};
use trien_signatures::asic;
use trien_signatures::report::Report;

fn algorithm(who: &Identity, padding: RsaPadding, hash: Hash) -> SignatureAlgorithm {
    SignatureAlgorithm::for_key(who.certificate.public_key(), padding, hash).unwrap()
}

fn verified(pki: &Pki, bytes: &[u8]) -> Report {
    asic::verify(bytes, &pki.reliance()).unwrap()
}
