//! The one loop that asks for PINs. One PIN typed by the person is one try; after a wrong one the same window says so
//! and lets him type again, or end it.

use std::os::fd::OwnedFd;

use crate::consent::{Approved, AskError, Window};
use crate::tokens::{LoginError, PinNeed, PinState, Signable, SigningSession, TokenError};

use super::JobError;

/// `CKR_USER_PIN_NOT_INITIALIZED`
const PIN_NOT_SET: u64 = 0x102;

/// A token that is logged in for one approved request.
pub struct Unlocked(Box<dyn SigningSession>);

/// Opens the approved key and logs in, as often as the person wants to try and the token lets him.
///
/// # Errors
/// [`JobError`]: the page learns *cancelled*, *incorrect* or *locked*, never a count.
pub async fn login<C>(approved: &mut Approved<C>) -> Result<Unlocked, JobError> {
    let session = open(approved).await?;
    let shown = approved.candidate().pin;
    unlocked(session, approved, shown).await
}

/// Why a token that was pulled is not logged in to again.
pub enum NotAgain {
    /// It is not back, and the person was told nothing.
    Away(TokenError),
    /// It was back, the person was told and typed, and it has gone again.
    GoneAgain(TokenError),
    /// That it is back is of no use.
    Over(JobError),
}

/// As [`login`], for a token that was pulled and is back: the person is told, and types its PIN anew.
///
/// # Errors
/// [`NotAgain`]
pub async fn login_again<C>(approved: &mut Approved<C>) -> Result<Unlocked, NotAgain> {
    let mut session = open(approved).await.map_err(|error| match error {
        JobError::Token(error) => NotAgain::Away(error),
        error => NotAgain::Over(error),
    })?;
    let told = match session.pin().await {
        Ok(PinNeed::NotNeeded) => return Ok(Unlocked(session)),
        // Nobody types the PIN of a token that takes none.
        Ok(PinNeed::Locked) => Err(NotAgain::Over(LoginError::Locked.into())),
        Ok(need @ (PinNeed::Pipe { state, .. } | PinNeed::Reader { state })) => {
            let typed = approved.window().resumed(state).await;
            typed.map(|()| need).map_err(|no| NotAgain::Over(no.into()))
        }
        Err(error) => Err(NotAgain::Away(error)),
    };
    match told {
        Ok(shown) => unlocked(session, approved, shown)
            .await
            .map_err(|error| match error {
                JobError::Token(TokenError::Removed) => NotAgain::GoneAgain(TokenError::Removed),
                error => NotAgain::Over(error),
            }),
        Err(error) => {
            session.close().await;
            Err(error)
        }
    }
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
    shown: PinNeed,
) -> Result<Unlocked, JobError> {
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
        need @ PinNeed::Reader { .. } => {
            if need.is_at_last_try() && !shown.is_at_last_try() {
                // As below.
                window.pin_not_tried(PinState::LastTry).await?;
            }
            return session.login().await.map_err(|error| match error {
                LoginError::Token(error) => error.into(),
                error => error.into(),
            });
        }
        // Nothing but a new PIN would be taken; no try is spent on finding that out.
        PinNeed::Pipe {
            state: PinState::ToBeChanged,
            ..
        } => return Err(LoginError::Expired.into()),
        PinNeed::Pipe {
            state: PinState::NotSet,
            ..
        } => return Err(TokenError::Answered { number: PIN_NOT_SET }.into()),
        PinNeed::Pipe { state, .. } => state,
    };
    let pipe = pin.ok_or(JobError::Login(LoginError::NoPin))?;
    session.attach_pin_pipe(pipe).await?;
    if state == PinState::LastTry && !shown.is_at_last_try() {
        // Another program spent tries while the question was open. This PIN was not typed for the last one.
        session.skip_pin().await?;
        window.pin_not_tried(PinState::LastTry).await?;
    }
    loop {
        let (given_up, again) = match session.login().await {
            Ok(()) => return Ok(()),
            Err(error) => another_try(error, window).await?,
        };
        match again {
            Ok(()) => {}
            Err(AskError::Refused) => return Err(given_up),
            Err(error) => return Err(error.into()),
        }
    }
}

/// After a PIN that did not do: asks for another one, where there may be one. With the failure that it will have been
/// if the person does not go on.
async fn another_try(
    error: LoginError,
    window: &mut dyn Window,
) -> Result<(JobError, Result<(), AskError>), JobError> {
    match error {
        LoginError::Incorrect {
            now: PinState::Locked,
        } => Err(LoginError::Locked.into()),
        LoginError::Incorrect { now } => Ok((JobError::PinIncorrect, window.pin_incorrect(now).await)),
        LoginError::Invalid => Ok((JobError::PinInvalid, window.pin_invalid().await)),
        LoginError::NotTried { now } => Ok((error.into(), window.pin_not_tried(now).await)),
        LoginError::Token(error) => Err(error.into()),
        error => Err(error.into()),
    }
}

impl Unlocked {
    /// The token's signature, not yet verified. A key that wants a PIN for each signature has the person asked for the
    /// second one on; of `total` signatures, `done` are made.
    ///
    /// # Errors
    /// [`JobError::Token`], or as [`login`].
    pub async fn sign(
        &mut self,
        signable: &Signable,
        window: &mut dyn Window,
        (done, total): (u32, u32),
    ) -> Result<Vec<u8>, JobError> {
        let first = self.try_to_sign(signable).await;
        self.go_on(first, signable, window, (done, total)).await
    }

    /// One try, without another PIN. [`Self::go_on`] says what comes of it.
    pub async fn try_to_sign(&mut self, signable: &Signable) -> Result<Vec<u8>, LoginError> {
        self.0.sign(signable, false).await
    }

    /// What comes of the first try: as [`Self::sign`].
    ///
    /// # Errors
    /// As [`Self::sign`].
    pub async fn go_on(
        &mut self,
        first: Result<Vec<u8>, LoginError>,
        signable: &Signable,
        window: &mut dyn Window,
        (done, total): (u32, u32),
    ) -> Result<Vec<u8>, JobError> {
        let (mut tried, mut typed) = (first, false);
        loop {
            let (given_up, again) = match tried {
                Ok(signature) => return Ok(signature),
                Err(LoginError::NoPin) if !typed => (
                    JobError::Login(LoginError::NoPin),
                    window.pin_for_signature(done, total).await,
                ),
                Err(error) => another_try(error, window).await?,
            };
            match again {
                Ok(()) => typed = true,
                Err(AskError::Refused) => return Err(given_up),
                Err(error) => return Err(error.into()),
            }
            tried = self.0.sign(signable, typed).await;
        }
    }

    /// Logs out.
    pub async fn close(self) {
        self.0.close().await;
    }
}
