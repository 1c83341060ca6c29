//! The person at the command line is his own consent: he has chosen the certificate, and gives the PIN himself.

use std::os::fd::OwnedFd;

use async_trait::async_trait;
use trien_protocol::prompt::{DocumentWarning, Outcome};

use super::{AskError, Candidate, Offer, Prompter, Turn, Window, Yes};
use crate::tokens::{HeldCertificate, PinNeed, PinState};
use crate::transport::Channel;
use std::sync::Arc;

/// What is wrong with a PIN that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinTrouble {
    /// It was wrong, and there are tries left: so many, where the token tells.
    Incorrect {
        /// More than one.
        left: Option<u8>,
    },
    /// It was wrong, and the next wrong one locks the token.
    LastTry,
    /// It cannot be one; no try was spent.
    Invalid,
    /// It was kept back: others have spent tries meanwhile, and the next wrong one locks the token.
    NotTried,
    /// None: the key wants it anew for the next signature.
    ForSignature,
}

/// Why a source gives no PIN.
#[derive(Debug, thiserror::Error)]
pub enum NoPin {
    /// The person left the question.
    #[error("the person left the question")]
    Left,
    /// There is no terminal to ask at.
    #[error("there is no terminal")]
    NoTerminal(#[source] std::io::Error),
    /// The token is at its last try, which only a person who knows that may spend.
    #[error("the last try is for a PIN that is typed")]
    LastTry,
    /// The file is empty.
    #[error("there is no PIN in the file")]
    Empty,
}

/// Where the PIN comes from: a terminal, a file, a file descriptor.
#[async_trait]
pub trait PinSource: Send + Sync {
    /// The reading end of a pipe (or an open file) with one line in it, or one that comes. Called once, when it is
    /// known that the token with this label wants a PIN, and in what state its PIN is: the last try is spent by a
    /// person who was told, and confirmed it.
    ///
    /// # Errors
    /// When there is none to be had.
    async fn pin(&self, token_label: &str, state: PinState) -> Result<OwnedFd, NoPin>;

    /// Tells the person to type the PIN on the reader, and in what state it is.
    fn on_reader(&self, state: PinState);

    /// True if a person is there, who can be told that it is the last try.
    fn is_typed(&self) -> bool;

    /// True when another line is in the pipe, or behind in the file; false if there is no other PIN.
    async fn again(&self, trouble: PinTrouble) -> bool;
}

/// Who says which of several certificates is meant.
#[async_trait]
pub trait Chooser: Send + Sync {
    /// Its place among these; none where nobody is there to say it.
    ///
    /// # Errors
    /// [`AskError::Refused`] if the person leaves the question.
    async fn choose(&self, choices: &[String]) -> Result<Option<usize>, AskError>;
}

/// Tells the person what he has to know before he gives his PIN.
pub trait Teller: Send + Sync {
    /// What is asked about: documents with what is doubtful about them, and which are left out.
    fn tell(&self, offer: &Offer);

    /// The certificate that was chosen: whose it is, and what is known and doubtful of it.
    fn tell_certificate(&self, chosen: &Candidate);
}

/// Says yes at once, with the certificate that was selected.
#[derive(Clone)]
pub struct ShellPrompter {
    selector: Option<String>,
    source: Arc<dyn PinSource>,
    chooser: Option<Arc<dyn Chooser>>,
    teller: Option<Arc<dyn Teller>>,
    /// Signs even documents whose earlier signatures do not hold.
    despite_changes: bool,
}

impl ShellPrompter {
    /// `selector` is a label, a serial number, a SHA-256 or the beginning of one, or part of a subject; without it there
    /// must be only one certificate.
    #[must_use]
    pub fn new(selector: Option<String>, source: Arc<dyn PinSource>) -> Self {
        Self {
            selector,
            source,
            chooser: None,
            teller: None,
            despite_changes: false,
        }
    }

    /// Where several certificates fit, this one is asked which.
    #[must_use]
    pub fn choosing(mut self, chooser: Option<Arc<dyn Chooser>>) -> Self {
        self.chooser = chooser;
        self
    }

    /// This one is told what is asked about before anything else, and the certificate before its PIN.
    #[must_use]
    pub fn telling(mut self, teller: Option<Arc<dyn Teller>>) -> Self {
        self.teller = teller;
        self
    }

    async fn which<'a>(&self, several: &'a [Candidate]) -> Result<(usize, &'a Candidate), AskError> {
        let choices: Vec<_> = several.iter().map(|candidate| choice(&candidate.held)).collect();
        let chosen = match &self.chooser {
            Some(chooser) => chooser.choose(&choices).await?,
            None => None,
        };
        chosen
            .and_then(|place| Some((place, several.get(place)?)))
            .ok_or(AskError::Ambiguous(choices))
    }

    /// The person knows that earlier signatures of the documents may not hold, and signs all the same.
    #[must_use]
    pub fn despite_changes(mut self, despite: bool) -> Self {
        self.despite_changes = despite;
        self
    }
}

#[async_trait]
impl Prompter for ShellPrompter {
    fn kind(&self) -> &'static str {
        "shell"
    }

    fn considers(&self, certificate: &HeldCertificate) -> bool {
        self.selector
            .as_deref()
            .is_none_or(|selector| selects(selector, certificate))
    }

    fn passes_over(&self, warnings: &[DocumentWarning]) -> bool {
        !self.despite_changes && warnings.iter().any(|warning| warning.is_about_signatures())
    }

    async fn turn(&self, _channel: &Channel) -> Result<Turn, AskError> {
        Ok(Turn::free())
    }

    async fn ask(&self, _turn: Turn, _channel: &Channel, offer: &Offer) -> Result<Yes, AskError> {
        if let Some(teller) = &self.teller {
            teller.tell(offer);
        }
        let (place, candidate) = match offer.candidates.as_slice() {
            [candidate] => (0, candidate),
            several => self.which(several).await?,
        };
        if let Some(teller) = &self.teller {
            teller.tell_certificate(candidate);
        }
        let pin = match candidate.pin {
            PinNeed::Pipe { state, .. } => {
                let given = self.source.pin(&candidate.entry().id.label, state).await;
                Some(given.map_err(|none| match none {
                    NoPin::Left => AskError::Refused,
                    other => AskError::NoPin(other),
                })?)
            }
            PinNeed::Reader { state } => {
                self.source.on_reader(state);
                None
            }
            PinNeed::NotNeeded | PinNeed::Locked => None,
        };
        Ok(Yes {
            candidate: place,
            pin,
            window: Box::new(AtTheShell::new(Arc::clone(&self.source))),
        })
    }
}

/// From so many digits on, the beginning of a SHA-256 names a certificate.
const SHORTEST: usize = 8;

/// True if the selector looks like the beginning of this certificate's SHA-256, and is too short to name it.
#[must_use]
pub fn is_too_short_for(selector: &str, held: &HeldCertificate) -> bool {
    let hexadecimal = selector.replace(':', "").to_lowercase();
    (4..SHORTEST).contains(&hexadecimal.len()) && held.certificate.sha256_hex().starts_with(&hexadecimal)
}

/// True if the selector names this certificate.
#[must_use]
pub fn selects(selector: &str, held: &HeldCertificate) -> bool {
    let hexadecimal = selector.replace(':', "").to_lowercase();
    let certificate = &held.certificate;
    let serial = certificate.serial_hex();
    held.label == selector
        || serial.trim_start_matches('0') == hexadecimal.trim_start_matches('0') && !hexadecimal.is_empty()
        || hexadecimal.len() >= SHORTEST && certificate.sha256_hex().starts_with(&hexadecimal)
        || certificate
            .subject()
            .rfc4514
            .to_lowercase()
            .contains(&selector.to_lowercase())
}

/// How a certificate is named in a list to choose from.
#[must_use]
pub fn choice(held: &HeldCertificate) -> String {
    let subject = held.certificate.subject();
    let owner = subject.common_name.unwrap_or(subject.rfc4514);
    format!(
        "{} ({owner}, {}, {})",
        held.label,
        held.token.label,
        &held.certificate.sha256_hex()[..16]
    )
}

/// What stays with the person at the shell: where his PINs come from.
pub struct AtTheShell(Arc<dyn PinSource>);

impl AtTheShell {
    /// Further PINs come from this source.
    #[must_use]
    pub fn new(source: Arc<dyn PinSource>) -> Self {
        Self(source)
    }

    async fn again(&self, trouble: PinTrouble) -> Result<(), AskError> {
        if self.0.again(trouble).await {
            Ok(())
        } else {
            Err(AskError::Refused)
        }
    }
}

#[async_trait]
impl Window for AtTheShell {
    async fn pin_incorrect(&mut self, now: PinState) -> Result<(), AskError> {
        self.again(match now {
            PinState::LastTry => PinTrouble::LastTry,
            state => PinTrouble::Incorrect {
                left: state.tries_left(),
            },
        })
        .await
    }

    async fn pin_invalid(&mut self) -> Result<(), AskError> {
        self.again(PinTrouble::Invalid).await
    }

    async fn pin_not_tried(&mut self, _now: PinState) -> Result<(), AskError> {
        match self.0.is_typed() {
            true => self.again(PinTrouble::NotTried).await,
            false => Err(NoPin::LastTry.into()),
        }
    }

    async fn pin_for_signature(&mut self, _done: u32, _total: u32) -> Result<(), AskError> {
        self.again(PinTrouble::ForSignature).await
    }

    async fn progress(&mut self, _done: u32, _total: u32) -> Result<(), AskError> {
        Ok(())
    }

    fn look(&self) -> Result<(), AskError> {
        Ok(())
    }

    /// A command that failed is typed again; nobody sits there waiting for a token.
    async fn paused(&mut self, _done: u32, _total: u32) -> bool {
        false
    }

    async fn resumed(&mut self, _now: PinState) -> Result<(), AskError> {
        Err(AskError::Refused)
    }

    async fn finish(self: Box<Self>, _outcome: Outcome) {}
}
