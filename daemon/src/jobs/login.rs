//! The one loop that asks for PINs. One PIN typed by the person is one try; after a wrong one the same window says so
//! and lets him type again, or end it.

use std::os::fd::OwnedFd;
use std::time::Instant;

use crate::consent::{Approved, AskError, Window};
use crate::tokens::{LoginError, PinNeed, PinState, Signable, SigningSession};

use super::JobError;

/// A token that is logged in for one approved request.
pub struct Unlocked(Box<dyn SigningSession>);

/// Opens the approved key and logs in, as often as the person wants to try and the token lets him.
///
/// # Errors
/// [`JobError`]: the page learns *cancelled*, *incorrect* or *locked*, never a count.
pub async fn login<C>(approved: &mut Approved<C>) -> Result<Unlocked, JobError> {
    let began = Instant::now();
    let session = open(approved).await?;
    let unlocked = unlocked(session, approved).await;
    approved.spent_on_login(began.elapsed());
    unlocked
}

/// As [`login`], for a token that was pulled and is back: the person is told, and types its PIN anew.
///
/// # Errors
/// As [`login`]; [`JobError::Token`] as long as it is not back, before the person is told anything.
pub async fn login_again<C>(approved: &mut Approved<C>) -> Result<Unlocked, JobError> {
    let mut session = open(approved).await?;
    let last = match session.pin().await {
        Ok(PinNeed::NotNeeded) => return Ok(Unlocked(session)),
        Ok(PinNeed::Pipe { state, .. }) => state == PinState::LastTry,
        Ok(PinNeed::Reader | PinNeed::Locked) => false,
        Err(error) => {
            session.close().await;
            return Err(error.into());
        }
    };
    if let Err(no) = approved.window().resumed(last).await {
        session.close().await;
        return Err(no.into());
    }
    unlocked(session, approved).await
}

async fn open<C>(approved: &Approved<C>) -> Result<Box<dyn SigningSession>, JobError> {
    let candidate = approved.candidate();
    let key = candidate
        .held
        .key
        .clone()
        .ok_or(JobError::CertificateUnsuitable)?;
    Ok(candidate.token.open(&key).await?)
}

async fn unlocked<C>(
    mut session: Box<dyn SigningSession>,
    approved: &mut Approved<C>,
) -> Result<Unlocked, JobError> {
    let shown = approved.candidate().pin;
    let pin = approved
        .pin()
        .map_err(|error| JobError::Internal(error.to_string()))?;
    match unlock(&mut *session, pin, shown, approved.window()).await {
        Ok(()) => Ok(Unlocked(session)),
        Err(error) => {
            session.close().await;
            Err(error)
        }
    }
}

/// The loop itself: `pin` is the pipe with the first try, which was typed by a person who had been `shown` how the token
/// takes its PIN; `window` has the further ones.
///
/// # Errors
/// As [`login`].
pub async fn unlock(
    session: &mut dyn SigningSession,
    pin: Option<OwnedFd>,
    shown: PinNeed,
    window: &mut dyn Window,
) -> Result<(), JobError> {
    let state = match session.pin().await? {
        PinNeed::NotNeeded => return Ok(()),
        PinNeed::Locked => return Err(LoginError::Locked.into()),
        // The reader asks. A wrong PIN there ends the request: nothing is tried again unseen.
        PinNeed::Reader => return Ok(session.login().await?),
        PinNeed::Pipe { state, .. } => state,
    };
    let pipe = pin.ok_or(JobError::Login(LoginError::NoPin))?;
    session.attach_pin_pipe(pipe).await?;
    if state == PinState::LastTry && !is_last_try(shown) {
        // Another program spent tries while the question was open. This PIN was not typed for the last one.
        session.skip_pin().await?;
        window.pin_incorrect(true).await?;
    }
    loop {
        let (given_up, again) = match session.login().await {
            Ok(()) => return Ok(()),
            Err(LoginError::Incorrect {
                now: PinState::Locked,
            }) => return Err(LoginError::Locked.into()),
            Err(LoginError::Incorrect { now }) => {
                let final_try = now == PinState::LastTry;
                (JobError::PinIncorrect, window.pin_incorrect(final_try).await)
            }
            Err(LoginError::Invalid) => (JobError::PinInvalid, window.pin_invalid().await),
            Err(error) => return Err(error.into()),
        };
        match again {
            Ok(()) => {}
            Err(AskError::Refused) => return Err(given_up),
            Err(error) => return Err(error.into()),
        }
    }
}

fn is_last_try(need: PinNeed) -> bool {
    let last = PinState::LastTry;
    matches!(need, PinNeed::Pipe { state, .. } if state == last)
}

impl Unlocked {
    /// The token's signature, not yet verified.
    ///
    /// # Errors
    /// [`JobError::Token`].
    pub async fn sign(&mut self, signable: &Signable) -> Result<Vec<u8>, JobError> {
        Ok(self.0.sign(signable).await?)
    }

    /// Logs out.
    pub async fn close(self) {
        self.0.close().await;
    }
}
