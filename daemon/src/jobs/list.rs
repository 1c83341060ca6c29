//! Every certificate in reach, for the person himself at the command line. Pages never get a list.

use std::sync::Arc;

use time::OffsetDateTime;

use super::Context;
use crate::tokens::{HeldCertificate, Token, TokenError};

/// A certificate, and how it stands with it.
pub struct Listed {
    /// The certificate.
    pub held: HeldCertificate,
    /// Valid now, by its own dates.
    pub valid: bool,
    /// A path to an anchor of the trust folder is valid now.
    pub trusted: bool,
}

/// What the tokens hold; a token that fails costs its own certificates only.
pub async fn run(context: &Context) -> (Vec<Listed>, Vec<(Arc<dyn Token>, TokenError)>) {
    let now = OffsetDateTime::now_utc();
    let trust = context.trust();
    let (mut held, mut failed) = (Vec::new(), Vec::new());
    for token in context.tokens.tokens().await {
        match token.certificates().await {
            Ok(certificates) => held.extend(certificates),
            Err(error) => failed.push((token, error)),
        }
    }
    let beside: Vec<_> = held.iter().map(|one| one.certificate.clone()).collect();
    let listed = held.into_iter().map(|held| Listed {
        valid: held.certificate.is_valid_at(now),
        trusted: trust.reaches(&held.certificate, &beside, now),
        held,
    });
    (listed.collect(), failed)
}
