//! A vendor's module is code of unknown quality: what it does costs one request, never the daemon, and never a PIN.
//!
//! The module is the simulator (`testdata/simulator`): the software token in the mood that a script says. Names begin
//! with the number of the case in our list of hostile inputs.
//!
//! | module | what |
//! |---|---|
//! | `processes` | calls that never return, crashes, and answers out of turn |
//! | `lies` | counts, lengths, functions and signatures that are not what they are said to be |
//! | `names` | labels that pretend, and which tokens are one |
//! | `pins` | the states of a PIN, and what reaches a token as one |
//! | `sessions` | keys that want their PIN each time, and what ends a login |

#![allow(
    clippy::unwrap_used,
    reason = "what a test's own helpers cannot do fails the test"
)]

mod lies;
#[path = "../support/module.rs"]
mod module;
mod names;
mod pins;
mod processes;
mod sessions;
#[path = "../support/stage.rs"]
mod stage;

use trien::tokens::{ModuleToken, Modules, Token};

async fn module_token(modules: &Modules) -> ModuleToken {
    let found = modules.look().await.tokens;
    found.into_iter().find(|token| token.entry().initialized).unwrap()
}

async fn key_of(token: &dyn Token) -> trien::tokens::KeyRef {
    let held = token.certificates().await.unwrap();
    held.into_iter().find_map(|held| held.key).unwrap()
}
