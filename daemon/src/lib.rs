//! The daemon: it lets a web page ask the person at this computer for a signature, and lets nothing else happen.
//!
//! A request goes through the modules in the order of this table, enters each once and leaves it once:
//!
//! | module | what |
//! |---|---|
//! | [`transport`] | who is at the other end and how we know; messages in, messages out |
//! | [`policy`] | may this origin ask for this? gives [`policy::Permitted`] |
//! | [`consent`] | does the person agree? gives [`consent::Approved`] |
//! | [`jobs`] | one file an operation; reads like the story of a request |
//! | [`tokens`] | certificates and signatures from PKCS #11 modules, each in a process of its own |
//! | [`trust`] | the anchors certificates are judged by, revocation lists and answers |
//! | [`network`] | the only outgoing HTTP: time-stamps, OCSP, CRL |
//! | [`queue`] | signed files that wait for their time-stamp |
//! | [`audit`] | the hash-chained record of approvals and signatures |
//! | [`cli`] | the same jobs from a shell |
//!
//! # Invariants
//!
//! 1. `transport` never names a token; `tokens` never names an origin; `trien-signatures` and `trien-protocol` name no
//!    other crate of ours.
//! 2. `Permitted` is constructed only in `policy`, `Approved` only in `consent`; no job can sign without both. A
//!    forgotten check does not compile.
//! 3. One request enters each stage once and leaves it once; nothing below calls back up. A token that wants a PIN
//!    *returns* that it needs one; the one loop that asks is `jobs/login.rs`.
//! 4. Signing is three steps with values between them: prepare (format → bytes to sign) → sign (token) → finish
//!    (format). No format code ever calls a token.
//! 5. A PIN exists in the prompt process, in the pipe from it, and in the module worker. The daemon passes the pipe,
//!    not the PIN. A page can never send one. One PIN typed by the person is one try; after a wrong one the same window
//!    says so and lets the person type again, the last try only after a second confirmation; the page learns
//!    *cancelled*, *incorrect* or *locked*, never a count.
//! 6. The origin comes from the channel (browser-attested `sender.origin`, or the WebSocket handshake), never from a
//!    message.
//! 7. Every signature is verified with the certificate's public key before it leaves.
//! 8. Unsafe code lives in the module `ffi` of `trien-pkcs11`, and here in one file of the module's process
//!    (`tokens/worker/raw.rs`), which calls what a module exports; each block states why it is sound.
//! 9. What arrives from outside has a limit on size, depth, count and time, and gets a typed error that says who can
//!    act on it.
//! 10. Refuse by default: unknown origin, unknown field, unknown mechanism, empty allow list. The only thing that
//!     listens is the WebSocket; there is no health, status or version endpoint for strangers.

#![deny(unsafe_code)]

pub mod audit;
mod briefly;
pub mod cli;
pub mod config;
pub mod consent;
mod descriptors;
pub mod jobs;
pub mod language;
mod legible;
pub mod network;
pub mod places;
pub mod policy;
pub mod queue;
pub mod service;
mod timing;
pub mod tokens;
pub mod transport;
pub mod trust;
mod wall_clock;
