//! Which message has its place when: the order of the talk about one question, for whoever asks the person.

use super::ToPrompt;

/// Where the talk about one question stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The person has the question, and nobody has decided yet.
    Asking,
    /// He agreed, or has typed again: the token works.
    Working,
    /// The token was pulled, and is waited for.
    Paused,
    /// The person is to type again.
    Typing,
    /// He wants no more, and waits for the daemon's word on what was done before.
    Stopped,
    /// How it ended was said.
    Finished,
    /// It is over, and nothing is heard any more.
    Left,
}

/// A message that has no place in the turn it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message out of turn")]
pub struct OutOfTurn;

impl Turn {
    /// Where it stands after the daemon's next message.
    ///
    /// # Errors
    /// [`OutOfTurn`]: the daemon is not where it is thought to be, so nothing that it says can be relied on.
    pub const fn after(self, message: &ToPrompt) -> Result<Self, OutOfTurn> {
        match (message, self) {
            (_, Self::Left) => Ok(Self::Left),
            // Said before the daemon heard of it.
            (ToPrompt::Resumed { .. } | ToPrompt::Progress { .. }, Self::Stopped) => Ok(Self::Stopped),
            // A copy of a large document may be ready when the person has already decided.
            (ToPrompt::Opened { .. } | ToPrompt::NotOpened { .. }, turn) => Ok(turn),
            (
                ToPrompt::Finish(_),
                Self::Asking | Self::Working | Self::Paused | Self::Typing | Self::Stopped,
            ) => Ok(Self::Finished),
            (
                ToPrompt::PinIncorrect { .. }
                | ToPrompt::PinInvalid
                | ToPrompt::PinNotTried { .. }
                | ToPrompt::PinForSignature { .. },
                Self::Working,
            )
            | (ToPrompt::Resumed { .. }, Self::Paused) => Ok(Self::Typing),
            (ToPrompt::Paused { .. }, Self::Working) => Ok(Self::Paused),
            (ToPrompt::Progress { .. }, Self::Working) => Ok(Self::Working),
            _ => Err(OutOfTurn),
        }
    }
}
