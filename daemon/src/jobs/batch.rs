//! Many signatures with one question and one PIN. While the token signs one item, the next is prepared and the one
//! before is checked and put together: the token never waits for us.
//!
//! A token that is pulled pauses the batch. The window and the page are told; when the same token is back the person types
//! his PIN again, and the batch goes on where it was. If he gives up instead, or it does not come back, what was signed
//! before is reported: he had approved it, and it is made. A window that is closed while the token works is another
//! matter: then he wants none of it, and nothing leaves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use trien_protocol::call::OnError;
use trien_protocol::event::Stage;

use super::candidates::is_lost;
use super::login::{NotAgain, Unlocked, login, login_again};
use super::{Caller, Context, JobError};
use crate::consent::{Approved, AskError};
use crate::tokens::{PinNeed, Signable, TokenError};

/// How long a batch waits for a token that was pulled.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often the token is looked for.
const LOOK: Duration = Duration::from_millis(400);

/// How often it is looked for in other places, if nothing tells that one has changed.
const ELSEWHERE: Duration = Duration::from_secs(2);

/// How often the person is shown how far it has come.
const SHOWING: Duration = Duration::from_millis(50);

/// What a batch does with each item beside the token's part. Runs where it keeps nobody waiting.
pub(super) trait Work: Send + Sync + 'static {
    /// True if an item costs less than another thread takes to wake up for it: it is then done while the token works,
    /// by the thread that waits for the token.
    const LIGHT: bool;

    /// An item between *prepare* and *finish*.
    type Prepared: Send + 'static;
    /// An item that is signed.
    type Signed: Send + 'static;

    /// What the token has to sign.
    fn prepare(&self, index: usize) -> Result<(Signable, Self::Prepared), JobError>;

    /// Checks the token's answer with the certificate's public key and makes the result of it.
    fn finish(&self, index: usize, prepared: Self::Prepared, raw: &[u8]) -> Result<Self::Signed, JobError>;
}

/// What became of each item; none for those that were not come to.
pub(super) type Outcomes<T> = Vec<Option<Result<T, JobError>>>;

/// Logs in and signs the items of these numbers, in their order. `total` is how many the person saw.
///
/// # Errors
/// [`JobError`] if the login failed, or the person closed the window: then what was signed stays here.
pub(super) async fn sign_all<C, W: Work>(
    context: &Context,
    caller: &Caller,
    approved: &mut Approved<C>,
    work: &Arc<W>,
    items: &[usize],
    on_error: OnError,
) -> Result<Outcomes<W::Signed>, JobError> {
    let count = items.iter().max().map_or(0, |last| last + 1);
    let mut unlocked = Some(login(approved).await?);
    let mut course = Course {
        outcomes: (0..count).map(|_| None).collect(),
        finishing: None,
        on_error,
    };
    let whose = (context, caller);
    let ended = course.run(whose, approved, work, items, &mut unlocked).await;
    if let Some(unlocked) = unlocked {
        unlocked.close().await;
    }
    ended?;
    Ok(course.outcomes)
}

type Finishing<T> = (usize, Beside<Result<T, JobError>>);

struct Course<T> {
    outcomes: Outcomes<T>,
    finishing: Option<Finishing<T>>,
    on_error: OnError,
}

impl<T: Send + 'static> Course<T> {
    async fn run<C, W: Work<Signed = T>>(
        &mut self,
        (context, caller): (&Context, &Caller),
        approved: &mut Approved<C>,
        work: &Arc<W>,
        items: &[usize],
        unlocked: &mut Option<Unlocked>,
    ) -> Result<(), JobError> {
        let total = u32::try_from(items.len()).unwrap_or(u32::MAX);
        let mut ahead = items.first().map(|first| prepare(work, *first));
        let mut told = None;
        for (done, (place, index)) in (0..).zip(items.iter().enumerate()) {
            if told.is_none_or(|told: Instant| told.elapsed() >= SHOWING) {
                caller.report.stage(Stage::Signing, done, total);
                told = Some(Instant::now());
                approved.window().progress(done, total).await?;
            } else {
                approved.window().look()?;
            }
            let Some(prepared) = ahead.take() else { break };
            let prepared = prepared.await?;
            ahead = items.get(place + 1).map(|next| prepare(work, *next));
            let signed = self.signed();
            let signing = async {
                let (signable, prepared) = prepared.map_err(Unsigned::AtWork)?;
                let raw = sign(
                    (context, caller),
                    approved,
                    unlocked,
                    &signable,
                    (done, signed, total),
                )
                .await?;
                Ok((prepared, raw))
            };
            // The token first: it is at work while the item before is put together.
            let (signed, mut goes_on) = tokio::join!(biased; signing, self.settle());
            match signed {
                Ok((prepared, raw)) => {
                    let (work, index) = (Arc::clone(work), *index);
                    let finish = move || work.finish(index, prepared, &raw);
                    self.finishing = Some((index, beside(W::LIGHT, finish)));
                }
                // His window may have closed with that, which is no word on what is signed already.
                Err(Unsigned::AtWork(error)) if is_given_up(&error) => {
                    self.note(*index, Err(error));
                    return Ok(());
                }
                // The person's no is for all of them.
                Err(Unsigned::AtWork(JobError::Ask(no))) => return Err(JobError::Ask(no)),
                Err(Unsigned::AtWork(error)) => goes_on &= self.note(*index, Err(error)),
                Err(Unsigned::Away(error)) => {
                    self.note(*index, Err(error));
                    return Ok(());
                }
            }
            if !goes_on {
                break;
            }
        }
        self.settle().await;
        approved.window().progress(total, total).await?;
        Ok(())
    }

    /// So many the token has signed.
    fn signed(&self) -> u32 {
        let made = self
            .outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Some(Ok(_))));
        u32::try_from(made.count() + usize::from(self.finishing.is_some())).unwrap_or(u32::MAX)
    }

    /// Waits for the item that is being put together. False if the batch ends with it.
    async fn settle(&mut self) -> bool {
        let Some((index, finishing)) = self.finishing.take() else {
            return true;
        };
        let finished = finishing.await.and_then(|finished| finished);
        self.note(index, finished)
    }

    /// False if the batch ends with this outcome: the token is lost, or the page wants no more after a failure.
    fn note(&mut self, index: usize, outcome: Result<T, JobError>) -> bool {
        let goes_on = match &outcome {
            Ok(_) => true,
            Err(JobError::Token(error)) if is_lost(error) => false,
            Err(JobError::BadSignature | JobError::Finish(_)) => false,
            Err(error) if is_given_up(error) => false,
            Err(_) => self.on_error == OnError::GoOn,
        };
        self.outcomes[index] = Some(outcome);
        goes_on
    }
}

/// A PIN that was wrong, or refused, or that nobody has, is the last word for what is left, too.
const fn is_given_up(error: &JobError) -> bool {
    matches!(
        error,
        JobError::Login(_)
            | JobError::PinIncorrect
            | JobError::PinInvalid
            | JobError::Ask(AskError::NoPin(_))
    )
}

type Preparing<W> = Beside<Result<(Signable, <W as Work>::Prepared), JobError>>;

fn prepare<W: Work>(work: &Arc<W>, index: usize) -> Preparing<W> {
    let work = Arc::clone(work);
    beside(W::LIGHT, move || work.prepare(index))
}

/// Work beside the token's, and [`JobError::Internal`] if it broke.
type Beside<T> = BoxFuture<'static, Result<T, JobError>>;

/// Light work is done when it is waited for, other work begins at once, elsewhere.
fn beside<T: Send + 'static>(light: bool, work: impl FnOnce() -> T + Send + 'static) -> Beside<T> {
    if light {
        return async { Ok(work()) }.boxed();
    }
    let begun = tokio::task::spawn_blocking(work);
    async { begun.await.map_err(|error| JobError::Internal(error.to_string())) }.boxed()
}

/// Why an item is not signed.
enum Unsigned {
    /// While the token was there.
    AtWork(JobError),
    /// The token was pulled, and the batch did not go on after it.
    Away(JobError),
}

/// The token's signature; after a pause, if it was pulled. The person is told how many are signed: so many stay if he
/// gives up.
async fn sign<C>(
    (context, caller): (&Context, &Caller),
    approved: &mut Approved<C>,
    unlocked: &mut Option<Unlocked>,
    signable: &Signable,
    (done, signed, total): (u32, u32, u32),
) -> Result<Vec<u8>, Unsigned> {
    loop {
        let Some(session) = unlocked.as_mut() else {
            return Err(Unsigned::Away(JobError::Token(TokenError::Removed)));
        };
        match session.sign(signable, approved.window(), (signed, total)).await {
            // A single signature is quickly asked for again; a batch is not.
            Err(JobError::Token(TokenError::Removed)) if total > 1 => {
                caller.report.stage(Stage::Paused, done, total);
                // Its login is gone with it, and a token lets nobody in beside a session that is still open.
                if let Some(session) = unlocked.take() {
                    session.close().await;
                }
                *unlocked = Some(
                    resume(context, approved, (signed, total))
                        .await
                        .map_err(Unsigned::Away)?,
                );
                caller.report.stage(Stage::Signing, done, total);
                let wanted = approved.window().progress(done, total).await;
                wanted.map_err(|no| Unsigned::AtWork(no.into()))?;
            }
            other => return other.map_err(Unsigned::AtWork),
        }
    }
}

/// Waits until the token is back, and for its PIN; anew if it goes again while that is typed.
async fn resume<C>(
    context: &Context,
    approved: &mut Approved<C>,
    (signed, total): (u32, u32),
) -> Result<Unlocked, JobError> {
    if !approved.window().paused(signed, total).await {
        return Err(JobError::Token(TokenError::Removed));
    }
    tracing::info!("the token was pulled: the batch waits for it");
    let mut deadline = Instant::now() + PATIENCE;
    let mut looked = None;
    loop {
        tokio::time::sleep(LOOK).await;
        approved.window().look()?;
        match login_again(approved).await {
            Ok(unlocked) => return Ok(unlocked),
            Err(NotAgain::Away(error)) if Instant::now() < deadline => {
                tracing::debug!(%error, "the token is not back yet");
                let changes = *context.changes.borrow();
                let again = |(at, before): (Instant, u64)| before != changes || at.elapsed() >= ELSEWHERE;
                if looked.is_none_or(again) {
                    looked = Some((Instant::now(), changes));
                    look_elsewhere(context, approved).await;
                }
            }
            Err(NotAgain::GoneAgain(error)) => {
                tracing::info!("the token was pulled again: the batch waits for it");
                // Nobody knows whether the line was read; and it was typed for a login that there is none of.
                let forgotten = approved.forget_typed();
                forgotten.map_err(|error| JobError::Internal(error.to_string()))?;
                if !approved.window().paused(signed, total).await {
                    return Err(error.into());
                }
                deadline = Instant::now() + PATIENCE;
            }
            Err(NotAgain::Away(error)) => return Err(error.into()),
            Err(NotAgain::Over(error)) => return Err(error),
        }
    }
}

/// The token may have come back in another reader, where it takes its PIN as it did in the first.
async fn look_elsewhere<C>(context: &Context, approved: &mut Approved<C>) {
    for token in context.tokens.tokens().await.tokens {
        let candidate = approved.candidate();
        if token.entry().id != candidate.entry().id {
            continue;
        }
        let typed_at_reader = candidate.pin.is_at_reader();
        let Ok(need) = token.pin().await else { continue };
        if need == PinNeed::Locked || need.is_at_reader() == typed_at_reader {
            let held = token.certificates().await.unwrap_or_default();
            if approved.found_again(&token, &held) {
                return;
            }
        }
    }
}

/// Of `sign_documents` and `sign_digests`: what nobody came to has failed like the item the batch ended at.
///
/// # Errors
/// The last failure, if nothing was signed at all.
pub(super) fn complete<T>(outcomes: Outcomes<T>, count: usize) -> Result<Vec<Result<T, JobError>>, JobError> {
    let mut outcomes = outcomes;
    outcomes.resize_with(count, || None);
    if !outcomes.iter().any(|outcome| matches!(outcome, Some(Ok(_)))) {
        let last = outcomes.into_iter().rev().find_map(|outcome| outcome?.err());
        return Err(last.unwrap_or_else(|| JobError::Internal("nothing was tried".into())));
    }
    let stopped = |outcome: Option<Result<T, JobError>>| outcome.unwrap_or(Err(JobError::Stopped));
    Ok(outcomes.into_iter().map(stopped).collect())
}
