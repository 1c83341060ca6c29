//! The first use: a page that nobody has decided about is put to the person, who may allow it some things for some
//! time. Through the extension only, and only when the person has just done something in the page: a page alone opens no
//! window.

use std::sync::Arc;

use time::{Duration, OffsetDateTime};
use trien_protocol::prompt::{Outcome, Permission};

use super::sign_documents::{end, window_outcome};
use super::{Context, JobError};
use crate::audit::{Action, Intent, Subject};
use crate::consent::{AskError, Introduced};
use crate::policy::grants::Grant;
use crate::policy::{GrantBook, NotAllowed, Scope};
use crate::transport::Channel;

/// Asks the person, and writes down what he allows.
///
/// # Errors
/// [`JobError::NotAllowed`] if the origin is not to be put to him, by the administrator's rules or his own; else why
/// there is no yes.
pub async fn run(context: &Context, channel: &Channel) -> Result<(), JobError> {
    let origin = channel.origin().ok_or(NotAllowed)?;
    let now = OffsetDateTime::now_utc();
    context.grants.offers(origin, now).ok_or(NotAllowed)?;
    let turn = context.prompter.turn_for_stranger(channel).await?;
    // Somebody may have decided while this question waited for another, and what he decided may have ended.
    let now = OffsetDateTime::now_utc();
    if context.grants.knows(origin, now) {
        return Ok(());
    }
    let offered = context.grants.offers(origin, now).ok_or(NotAllowed)?;
    let permissions: Vec<Permission> = offered.iter().map(|scope| permission(*scope)).collect();
    let mut intent = context
        .audit
        .intend(Subject::of_request(channel, "allow_origin"))?;
    let known_before = context.grants.has_ended(origin, now);
    let introduced = context
        .prompter
        .introduce(turn, channel, permissions, known_before);
    let Introduced {
        permissions: granted,
        days,
        window,
    } = match intent.settle_during(introduced).await {
        Ok(introduced) => introduced,
        Err(error) => return Err(end(intent, error.into())),
    };
    let scopes: Vec<Scope> = offered
        .into_iter()
        .filter(|scope| granted.contains(&permission(*scope)))
        .collect();
    if scopes.is_empty() {
        let nothing = AskError::Failed("nothing was allowed".into());
        return Err(end(intent, nothing.into()));
    }
    let now = OffsetDateTime::now_utc();
    // Without an end it would be for good, which nobody has said.
    let Some(expires) = now.checked_add(Duration::days(days.into())) else {
        let endless = AskError::Failed(format!("{days} days have no end in the calendar"));
        return Err(end(intent, endless.into()));
    };
    let names = scopes.iter().map(|scope| scope.name().to_owned()).collect();
    let granted = Action::Granted { scopes: names, days };
    let grant = Grant::until(origin.clone(), scopes, now, Some(expires));
    let grants = Arc::clone(&context.grants);
    // Another program may hold the file for a while; and whoever hangs up now does not leave one written without the other,
    // nor the person without a word.
    let writing = tokio::spawn(async move {
        let writing = tokio::task::spawn_blocking(move || write(&grants, grant, now, intent, &granted));
        let written = writing
            .await
            .unwrap_or_else(|panic| Err(JobError::Internal(panic.to_string())));
        let outcome = written.as_ref().err().map_or(Outcome::Done, window_outcome);
        window.finish(outcome).await;
        written
    });
    writing
        .await
        .unwrap_or_else(|panic| Err(JobError::Internal(panic.to_string())))
}

/// Puts what was granted on the record and into the user's file: into the file only what is on the record.
fn write(
    grants: &GrantBook,
    grant: Grant,
    now: OffsetDateTime,
    intent: Intent,
    granted: &Action,
) -> Result<(), JobError> {
    let mut open = Some(intent);
    let written = grants.edit(|grants| {
        if !grants.introduce(grant, now) {
            return Err(NotAllowed.into());
        }
        if let Some(intent) = open.take() {
            intent.conclude(granted)?;
        }
        Ok(())
    });
    match (written, open) {
        (Err(error), Some(intent)) => Err(end(intent, error)),
        (written, _) => written,
    }
}

fn permission(scope: Scope) -> Permission {
    match scope {
        Scope::Certificates => Permission::Certificates,
        Scope::SignIn => Permission::SignIn,
        Scope::Sign => Permission::Sign,
        Scope::Batch => Permission::Batch,
        Scope::Verify => Permission::Verify,
        Scope::BlindDigest => Permission::BlindDigest,
    }
}
