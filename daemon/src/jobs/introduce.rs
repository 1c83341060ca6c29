//! The first use: a page that nobody has decided about is put to the person, who may allow it some things for some
//! time. Through the extension only, and only when the person has just done something in the page: a page alone opens no
//! window.

use time::{Duration, OffsetDateTime};
use trien_protocol::prompt::Permission;

use super::sign_documents::end;
use super::{Context, JobError};
use crate::audit::{Action, Subject};
use crate::consent::AskError;
use crate::policy::grants::Grant;
use crate::policy::{NotAllowed, Scope};
use crate::transport::Channel;

/// Asks the person, and writes down what he allows.
///
/// # Errors
/// [`JobError::NotAllowed`] if the origin is not to be put to him, by the administrator's rules or his own; else why
/// there is no yes.
pub async fn run(context: &Context, channel: &Channel) -> Result<(), JobError> {
    let now = OffsetDateTime::now_utc();
    let origin = channel.origin().ok_or(NotAllowed)?;
    context.grants.offers(origin, now).ok_or(NotAllowed)?;
    let turn = context.prompter.turn(channel).await?;
    // Somebody may have decided while this question waited for another.
    if context.grants.knows(origin, now) {
        return Ok(());
    }
    let offered = context.grants.offers(origin, now).ok_or(NotAllowed)?;
    let permissions: Vec<Permission> = offered.iter().map(|scope| permission(*scope)).collect();
    let intent = context
        .audit
        .intend(Subject::of_request(channel, "allow_origin"))?;
    let (granted, days) = match context.prompter.introduce(turn, channel, permissions).await {
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
    let names = scopes.iter().map(|scope| scope.name().to_owned()).collect();
    // Without an end it would be for good, which nobody has said.
    let Some(expires) = now.checked_add(Duration::days(days.into())) else {
        let endless = AskError::Failed(format!("{days} days have no end in the calendar"));
        return Err(end(intent, endless.into()));
    };
    let grant = Grant::until(origin.clone(), scopes, now, Some(expires));
    if let Err(error) = context.grants.allow(grant) {
        return Err(end(intent, JobError::Internal(error.to_string())));
    }
    intent.conclude(&Action::Granted { scopes: names, days })?;
    Ok(())
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
