//! Does the person agree? [`ask`] answers with an [`Approved`], which nothing else can make.
//!
//! Whoever asks the person is a [`Prompter`]: the consent window ([`process`]), the same protocol answered from a file
//! ([`scripted`]), or the person at the command line ([`shell`]). A PIN goes through a pipe; here there is only the
//! pipe's end.

pub mod process;
pub mod scripted;
pub mod shell;

mod pipe;
mod standing;
mod turn;
pub(crate) mod viewing;
mod warm;

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use time::OffsetDateTime;
use trien_protocol::prompt::{
    DocumentWarning, LeftOut, Outcome, Permission, QuestionKind, ShownDocument, ShownSignature, Warning,
};
use trien_signatures::certificate::Certificate;

use crate::policy::Permitted;
use crate::timing::{self, Part};
use crate::tokens::{HeldCertificate, PinNeed, PinState, Token, TokenEntry};
use crate::transport::Channel;
pub use shell::ShellPrompter;
pub use turn::{Leaving, Turn, Turns};
pub use viewing::Contents;
pub use warm::Expectation;

/// A certificate the person may choose, and what he should know of it.
#[derive(Clone)]
pub struct Candidate {
    /// The certificate and its key.
    pub held: HeldCertificate,
    /// The token it is on.
    pub token: Arc<dyn Token>,
    /// How that token takes its PIN now.
    pub pin: PinNeed,
    /// What is doubtful.
    pub warnings: Vec<Warning>,
    /// As of when it, and each certificate above it, is known not to be revoked; the oldest of these times.
    pub good_as_of: Option<OffsetDateTime>,
}

impl Candidate {
    /// What is known of its token.
    #[must_use]
    pub fn entry(&self) -> &TokenEntry {
        self.token.entry()
    }
}

/// What is put to the person.
pub struct Offer {
    /// What is asked.
    pub kind: QuestionKind,
    /// What it is about: the manifest. Approval is for these documents and no others.
    pub documents: Vec<ShownDocument>,
    /// What the page asks for, too, and cannot be signed.
    pub left_out: Option<LeftOut>,
    /// What the page has put into each signature.
    pub signature: Option<ShownSignature>,
    /// What there is to choose from; never empty.
    pub candidates: Vec<Candidate>,
    /// What would fit but for the date.
    pub not_valid_now: Vec<Certificate>,
    /// The documents themselves, for the person to look at.
    pub contents: Option<Arc<dyn Contents>>,
}

/// Whoever asks the person.
#[async_trait]
pub trait Prompter: Send + Sync {
    /// As it stands in the record.
    fn kind(&self) -> &'static str;

    /// False for certificates that the person has ruled out beforehand.
    fn considers(&self, _certificate: &HeldCertificate) -> bool {
        true
    }

    /// True for a document that is not signed for what is doubtful about it, without anybody being asked.
    fn passes_over(&self, _warnings: &[DocumentWarning]) -> bool {
        false
    }

    /// A page that may ask is connected: what can be made ready for its questions is, as long as the return value lives.
    fn expect(&self) -> Expectation {
        Expectation::none()
    }

    /// Whether [`Prompter::turn`] would be refused now. Takes no turn.
    ///
    /// # Errors
    /// As [`Prompter::turn`].
    fn considers_asking(&self, _channel: &Channel) -> Result<(), AskError> {
        Ok(())
    }

    /// Waits until nobody else is being asked.
    ///
    /// # Errors
    /// [`AskError::Busy`] if others of the same origin wait already; [`AskError::Muted`] and [`AskError::Restless`].
    async fn turn(&self, channel: &Channel) -> Result<Turn, AskError>;

    /// The same for [`Prompter::introduce`].
    ///
    /// # Errors
    /// As [`Prompter::turn`].
    async fn turn_for_stranger(&self, channel: &Channel) -> Result<Turn, AskError> {
        self.turn(channel).await
    }

    /// Puts the offer to the person. Dropping what comes back, or this future, withdraws the question at once.
    ///
    /// # Errors
    /// [`AskError`].
    async fn ask(&self, turn: Turn, channel: &Channel, offer: &Offer) -> Result<Yes, AskError>;

    /// Puts a page to the person that nobody has decided about, or that he allowed something before whose time is over
    /// (`known_before`): what may it ask for, and for how many days? The same is true of dropping it. The window is told
    /// when it is written down.
    ///
    /// # Errors
    /// [`AskError`].
    async fn introduce(
        &self,
        _turn: Turn,
        _channel: &Channel,
        _permissions: Vec<Permission>,
        _known_before: bool,
    ) -> Result<Introduced, AskError> {
        Err(AskError::NobodyToAsk(
            "a page is put to a person at a window".into(),
        ))
    }
}

/// The person said yes.
pub struct Yes {
    /// Index into [`Offer::candidates`].
    pub candidate: usize,
    /// The end of the pipe that PINs come out of, if the token takes one that way.
    pub pin: Option<OwnedFd>,
    /// What is still on the screen.
    pub window: Box<dyn Window>,
}

/// The person allowed a page something.
pub struct Introduced {
    /// What.
    pub permissions: Vec<Permission>,
    /// For how many days.
    pub days: u32,
    /// What is still on the screen.
    pub window: Box<dyn Window>,
}

/// What stays with the person until the request has ended.
#[async_trait]
pub trait Window: Send + Sync {
    /// The PIN was wrong, and that is how it stands `now`. Returns when the person typed another one.
    ///
    /// # Errors
    /// [`AskError`], [`AskError::Refused`] if he does not go on.
    async fn pin_incorrect(&mut self, now: PinState) -> Result<(), AskError>;

    /// The PIN could not be one. Returns when the person typed another one.
    ///
    /// # Errors
    /// As [`Window::pin_incorrect`].
    async fn pin_invalid(&mut self) -> Result<(), AskError>;

    /// No PIN was tried, for it was not typed for what is left `now`: others have spent tries. Returns when the person
    /// typed one that is.
    ///
    /// # Errors
    /// As [`Window::pin_incorrect`].
    async fn pin_not_tried(&mut self, now: PinState) -> Result<(), AskError>;

    /// The key wants a PIN for each signature: returns when the person typed the one for the next. So much is signed.
    ///
    /// # Errors
    /// As [`Window::pin_incorrect`].
    async fn pin_for_signature(&mut self, done: u32, total: u32) -> Result<(), AskError>;

    /// The PIN was right, and so much is signed. Looks, without waiting, whether the person still wants it.
    ///
    /// # Errors
    /// [`AskError::Refused`] if he has closed the window since.
    async fn progress(&mut self, done: u32, total: u32) -> Result<(), AskError>;

    /// Looks, without waiting and without telling anything, whether the person still wants it.
    ///
    /// # Errors
    /// As [`Window::progress`].
    fn look(&self) -> Result<(), AskError>;

    /// The token was pulled in the middle, and so much is signed. False where nobody waits for it to come back.
    async fn paused(&mut self, done: u32, total: u32) -> bool;

    /// The token is back. Returns when the person typed its PIN again.
    ///
    /// # Errors
    /// As [`Window::pin_incorrect`].
    async fn resumed(&mut self, now: PinState) -> Result<(), AskError>;

    /// It is over.
    async fn finish(self: Box<Self>, outcome: Outcome);
}

/// Why there is no yes.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// He said no, closed the window, or left the computer.
    #[error("the person said no")]
    Refused,
    /// Another question is open, and one of this origin waits already.
    #[error("another question is open")]
    Busy,
    /// The person has said no to this origin several times in a row.
    #[error("the person has said no several times in a row")]
    Muted,
    /// Its page has taken several questions in a row back before there was an answer.
    #[error("several questions in a row were taken back")]
    Restless,
    /// No display, no program that asks.
    #[error("there is nobody to ask: {0}")]
    NobodyToAsk(String),
    /// At the shell: the person agreed, but there is no PIN to be had.
    #[error(transparent)]
    NoPin(#[from] shell::NoPin),
    /// The question was open too long.
    #[error("the question was open too long")]
    TimedOut,
    /// The program that asks ended, or answered what makes no sense.
    #[error("the prompt failed: {0}")]
    Failed(String),
    /// The shell's selector fits several certificates.
    #[error("the selector fits several certificates: {}", .0.join("; "))]
    Ambiguous(Vec<String>),
}

/// The proof that the person agreed to a permitted call, with one certificate, for the documents he saw: only [`ask`]
/// makes one. It holds the pipe his PIN comes through.
pub struct Approved<C> {
    permitted: Permitted<C>,
    candidate: Candidate,
    documents: Vec<ShownDocument>,
    pin: Option<OwnedFd>,
    window: Box<dyn Window>,
}

/// Puts a permitted call to the person.
///
/// # Errors
/// [`AskError`].
pub async fn ask<C>(
    prompter: &dyn Prompter,
    turn: Turn,
    permitted: Permitted<C>,
    offer: Offer,
) -> Result<Approved<C>, AskError> {
    let began = Instant::now();
    let Yes {
        candidate,
        pin,
        window,
    } = prompter.ask(turn, permitted.channel(), &offer).await?;
    timing::spent(Part::Person, began.elapsed());
    let Offer {
        documents,
        mut candidates,
        ..
    } = offer;
    if candidate >= candidates.len() {
        return Err(AskError::Failed("a certificate that was not offered".into()));
    }
    Ok(Approved {
        permitted,
        candidate: candidates.swap_remove(candidate),
        documents,
        pin,
        window,
    })
}

impl<C> Approved<C> {
    /// What was asked.
    #[must_use]
    pub fn call(&self) -> &C {
        self.permitted.call()
    }

    /// What the person chose.
    #[must_use]
    pub fn candidate(&self) -> &Candidate {
        &self.candidate
    }

    /// True if the person saw a document with this digest.
    #[must_use]
    pub fn covers(&self, digest: &str) -> bool {
        self.documents.iter().any(|document| document.digest == digest)
    }

    /// The pipe PINs come through.
    ///
    /// # Errors
    /// When the system has no more descriptors.
    pub fn pin(&self) -> std::io::Result<Option<OwnedFd>> {
        self.pin.as_ref().map(OwnedFd::try_clone).transpose()
    }

    /// Takes what lies in that pipe out of it, unseen: it was typed for a token that went before it could be tried.
    ///
    /// # Errors
    /// What the system says.
    pub fn forget_typed(&self) -> std::io::Result<()> {
        self.pin.as_ref().map_or(Ok(()), pipe::empty)
    }

    /// The same token, found in another reader, if that is what it is: of the same name, with the same certificate.
    pub fn found_again(&mut self, token: &Arc<dyn Token>, held: &[HeldCertificate]) -> bool {
        let candidate = &mut self.candidate;
        let is_it =
            |one: &&HeldCertificate| one.key.is_some() && one.certificate == candidate.held.certificate;
        match held.iter().find(is_it) {
            Some(one) if token.entry().id == candidate.entry().id => {
                candidate.held = one.clone();
                candidate.token = Arc::clone(token);
                true
            }
            _ => false,
        }
    }

    /// What is on the screen.
    pub fn window(&mut self) -> &mut dyn Window {
        &mut *self.window
    }

    /// Tells the person how it ended.
    pub async fn finish(self, outcome: Outcome) {
        self.window.finish(outcome).await;
    }
}
