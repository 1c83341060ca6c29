//! Attacks of the threat model that no other test file has, each named after its number there.
//!
//! | module | what |
//! |---|---|
//! | `connections` | who may connect, how often, and with what frames |
//! | `requests` | what a page may ask for, and what its questions come to |
//! | `manifests` | documents that differ from what was shown |
//! | `pins` | PINs that are typed, and the prompt that asks for them |

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod connections;
mod manifests;
mod pins;
mod requests;
#[path = "../support/mod.rs"]
mod support;

use support::Desk;
use support::daemon::{ALL, Daemon, PORTAL, allow};

const HANG: &str = "[[answer]]\ndecision = \"hang\"\nrepeat = true\n";
fn portal(scopes: &[&str]) -> (Desk, Daemon) {
    let desk = Desk::bare();
    allow(&desk, PORTAL, scopes);
    let daemon = Daemon::start(&desk, "");
    (desk, daemon)
}

fn with_key(profile: &str, script: &str) -> (Desk, Daemon) {
    let desk = Desk::with_keys(&[("k", "ec:p256", profile)]);
    allow(&desk, PORTAL, &ALL);
    let daemon = Daemon::start(&desk, script);
    (desk, daemon)
}
