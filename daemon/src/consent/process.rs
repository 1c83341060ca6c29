//! A prompt in a process of its own, so that no toolkit and no PIN is ever in the daemon.
//!
//! One process asks one question; [`super::warm`] says when it is started. Its standard input is one end of a socket pair that JSON lines go over both ways; its
//! standard output is the writing end of the PIN pipe, whose reading end goes to the module worker unread. See
//! [`trien_protocol::prompt`].

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;
use time::macros::format_description;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::Child;
use tokio::time::Instant;
use trien_protocol::call::Language;
use trien_protocol::prompt::{
    Answer, Asker, FromPrompt, NotValidNow, Outcome, Permission, PinEntry, Question, QuestionKind,
    ShownCertificate, ToPrompt, TriesLeft, Warning,
};
use trien_signatures::certificate::Certificate;

use super::viewing::{ViewError, Viewing};
use super::warm::{Expectation, Program, Started, Warm, end, is_silent};
use super::{AskError, Candidate, Contents, Introduced, Offer, Prompter, Turn, Turns, Window, Yes};
use crate::language::in_vietnam;
use crate::tokens::{PinNeed, PinState};
use crate::transport::Channel;
use crate::transport::program::Speaker;

/// The exit code of a prompt that has nobody to show itself to.
pub const NOBODY: i32 = 3;

/// The longest line a prompt may send, in bytes.
const MAX_LINE: u64 = 4096;
/// How long a window may stay after the request ended, to tell the person how.
const LEAVING: Duration = Duration::from_secs(10);

/// How long after a request ended the next prompt is made ready: a program that starts takes the processor from the
/// reply.
const REPLY_FIRST: Duration = Duration::from_millis(5);

/// Asks by starting a program.
#[derive(Debug)]
pub struct ProcessPrompter {
    kind: &'static str,
    warm: Arc<Warm>,
    language: Language,
    wait: Duration,
    turns: Turns,
    /// Where documents lie that the person looks at.
    views: PathBuf,
}

impl ProcessPrompter {
    /// The consent window.
    #[must_use]
    pub fn window(program: PathBuf, language: Language, wait: Duration, views: PathBuf) -> Self {
        Self {
            kind: "window",
            warm: Warm::new(Program {
                path: program,
                arguments: Vec::new(),
            }),
            language,
            wait,
            turns: Turns::default(),
            views,
        }
    }

    /// Answers out of a file: this program itself, as [`super::scripted`].
    #[must_use]
    pub fn scripted(
        own_program: PathBuf,
        script: PathBuf,
        language: Language,
        wait: Duration,
        views: PathBuf,
    ) -> Self {
        let arguments = vec!["scripted-prompt".into(), "--script".into(), script.into()];
        Self {
            kind: "scripted",
            warm: Warm::new(Program {
                path: own_program,
                arguments,
            }),
            language,
            wait,
            turns: Turns::default(),
            views,
        }
    }

    /// Asks a question, and gives what came of it with the prompt, and the end of its PIN pipe. Takes the prompt that
    /// stands ready; where that one ends before anything was on the screen, another is started.
    async fn put(
        &self,
        turn: Turn,
        contents: Option<Arc<dyn Contents>>,
        question: Question,
    ) -> Result<(Process, OwnedFd, FromPrompt), AskError> {
        let question = ToPrompt::Ask(question);
        let ready = self.warm.take();
        let was_ready = ready.is_some();
        let started = match ready {
            Some(started) => started,
            None => self.start()?,
        };
        let (mut window, mut pin) = self.open(turn, contents, started);
        window.tell(&question).await;
        let mut heard = window.hear().await;
        if was_ready && !window.shown && matches!(heard, Err(AskError::Refused | AskError::NobodyToAsk(_))) {
            tracing::debug!("the prompt that stood ready is gone");
            heard = match self.start() {
                Ok(another) => {
                    pin = window.begin_again(another);
                    window.tell(&question).await;
                    window.hear().await
                }
                Err(error) => Err(error),
            };
        }
        window.answered = true;
        Ok((window, pin, heard?))
    }

    fn start(&self) -> Result<Started, AskError> {
        let program = self.warm.program();
        program.start().map_err(|error| {
            tracing::error!(program = %program.path.display(), %error, "the prompt cannot be started");
            AskError::NobodyToAsk(error.to_string())
        })
    }

    /// A prompt that is ready to ask, and the end of its PIN pipe.
    fn open(
        &self,
        turn: Turn,
        contents: Option<Arc<dyn Contents>>,
        Started { child, socket, pin }: Started,
    ) -> (Process, OwnedFd) {
        let (reading, writing) = socket.into_split();
        let window = Process {
            child: Some(child),
            reading: BufReader::new(reading),
            writing,
            wait: self.wait,
            contents,
            viewing: Some(Viewing::below(&self.views)),
            shown: false,
            answered: false,
            warm: Arc::clone(&self.warm),
            turns: self.turns.clone(),
            turn,
        };
        (window, pin)
    }

    fn question(&self, asker: Asker, offer: &Offer) -> Question {
        Question {
            language: self.language,
            kind: offer.kind,
            asker,
            documents: offer.documents.clone(),
            left_out: offer.left_out.clone(),
            signature: offer.signature.clone(),
            permissions: Vec::new(),
            known_before: false,
            certificates: offer.candidates.iter().map(show).collect(),
            not_valid_now: offer.not_valid_now.iter().map(show_not_valid).collect(),
            seconds: u32::try_from(self.wait.as_secs()).unwrap_or(u32::MAX),
        }
    }
}

#[async_trait]
impl Prompter for ProcessPrompter {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn expect(&self) -> Expectation {
        self.warm.expect()
    }

    fn considers_asking(&self, channel: &Channel) -> Result<(), AskError> {
        channel.origin().map_or(Ok(()), |origin| self.turns.look(origin))
    }

    async fn turn(&self, channel: &Channel) -> Result<Turn, AskError> {
        match channel.origin() {
            Some(origin) => self.turns.take(origin).await,
            None => Err(only_pages()),
        }
    }

    async fn turn_for_stranger(&self, channel: &Channel) -> Result<Turn, AskError> {
        match channel.origin() {
            Some(origin) => self.turns.take_for_stranger(origin).await,
            None => Err(only_pages()),
        }
    }

    async fn ask(&self, turn: Turn, channel: &Channel, offer: &Offer) -> Result<Yes, AskError> {
        let asker = asker(channel).await?;
        let question = self.question(asker, offer);
        let (window, pin, answer) = self.put(turn, offer.contents.clone(), question).await?;
        match answer {
            FromPrompt::Answer(Answer::Approved { certificate }) => Ok(Yes {
                candidate: certificate,
                pin: Some(pin),
                window: Box::new(window),
            }),
            FromPrompt::Answer(Answer::Refused) => Err(window.refused()),
            // Counts for no *no*: the page has nothing to do with it.
            FromPrompt::Answer(Answer::Left) => Err(AskError::Refused),
            _ => Err(AskError::Failed("an answer to something else".into())),
        }
    }

    async fn introduce(
        &self,
        turn: Turn,
        channel: &Channel,
        permissions: Vec<Permission>,
        known_before: bool,
    ) -> Result<Introduced, AskError> {
        let asker = asker(channel).await?;
        let question = Question {
            language: self.language,
            kind: QuestionKind::AllowOrigin,
            asker,
            documents: Vec::new(),
            left_out: None,
            signature: None,
            permissions,
            known_before,
            certificates: Vec::new(),
            not_valid_now: Vec::new(),
            seconds: u32::try_from(self.wait.as_secs()).unwrap_or(u32::MAX),
        };
        let (window, _, answer) = self.put(turn, None, question).await?;
        match answer {
            FromPrompt::Answer(Answer::Granted { permissions, days }) => Ok(Introduced {
                permissions,
                days,
                window: Box::new(window),
            }),
            FromPrompt::Answer(Answer::Refused) => Err(window.refused()),
            // Counts for no *no*: the page has nothing to do with it.
            FromPrompt::Answer(Answer::Left) => Err(AskError::Refused),
            _ => Err(AskError::Failed("an answer to something else".into())),
        }
    }
}

/// A running prompt. Dropping it ends the process, and the window with it.
struct Process {
    /// Away when it is over.
    child: Option<Child>,
    reading: BufReader<OwnedReadHalf>,
    writing: OwnedWriteHalf,
    wait: Duration,
    contents: Option<Arc<dyn Contents>>,
    /// Away while a copy is being made.
    viewing: Option<Viewing>,
    /// The question is, or was, on the screen.
    shown: bool,
    /// Something came of it, or the prompt failed: whoever drops it now takes no open question from the screen.
    answered: bool,
    warm: Arc<Warm>,
    turns: Turns,
    turn: Turn,
}

impl Process {
    async fn tell(&mut self, message: &ToPrompt) {
        let mut line = serde_json::to_vec(message).expect("our messages are maps with string keys");
        line.push(b'\n');
        // A prompt that is gone is noticed when nothing comes back.
        let _ = tokio::time::timeout(LEAVING, self.writing.write_all(&line)).await;
    }

    /// The next message, but [`FromPrompt::Shown`].
    async fn hear(&mut self) -> Result<FromPrompt, AskError> {
        let deadline = Instant::now() + self.wait;
        loop {
            let mut line = Vec::new();
            let reading = async {
                (&mut self.reading)
                    .take(MAX_LINE)
                    .read_until(b'\n', &mut line)
                    .await
            };
            let read = tokio::time::timeout_at(deadline, reading)
                .await
                .map_err(|_| AskError::TimedOut)?;
            match read {
                Ok(1..) => {}
                Ok(0) => return Err(self.vanished().await),
                // It died with something unread.
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                    return Err(self.vanished().await);
                }
                Err(error) => return Err(AskError::Failed(error.to_string())),
            }
            match serde_json::from_slice(&line) {
                Ok(FromPrompt::Shown) => {
                    tracing::debug!("the question is on the screen");
                    self.shown = true;
                    self.warm.was_shown();
                }
                Ok(FromPrompt::Open { document }) => self.view(document).await,
                Ok(message) => return Ok(message),
                Err(_) => return Err(AskError::Failed("a message that is none".into())),
            }
        }
    }

    /// The person wants to look at a document.
    async fn view(&mut self, document: usize) {
        let (Some(mut viewing), Some(contents)) = (self.viewing.take(), self.contents.clone()) else {
            return self.tell(&ToPrompt::NotOpened { too_many: false }).await;
        };
        let copying = tokio::task::spawn_blocking(move || {
            let shown = viewing.show(&*contents, document);
            (viewing, shown)
        });
        let Ok((viewing, shown)) = copying.await else {
            return self.tell(&ToPrompt::NotOpened { too_many: false }).await;
        };
        self.viewing = Some(viewing);
        match shown {
            Ok(path) => {
                let path = path.display().to_string();
                self.tell(&ToPrompt::Opened { path }).await;
            }
            Err(error) => {
                tracing::warn!(%error, "a document cannot be shown");
                let too_many = matches!(error, ViewError::TooMany);
                self.tell(&ToPrompt::NotOpened { too_many }).await;
            }
        }
    }

    /// The process closed its end: with nobody there, or because the window was closed or broke.
    async fn vanished(&mut self) -> AskError {
        let Some(child) = &mut self.child else {
            return AskError::Failed("the prompt has ended".into());
        };
        let status = tokio::time::timeout(Duration::from_secs(1), child.wait()).await;
        match status {
            Ok(Ok(status)) if status.code() == Some(NOBODY) => {
                AskError::NobodyToAsk("the prompt found no display".into())
            }
            Ok(Ok(status)) => {
                tracing::warn!(%status, "the prompt ended without an answer");
                AskError::Refused
            }
            _ => AskError::Failed("the prompt closed its end".into()),
        }
    }

    /// True if the prompt has said nothing that was not heard, and lives. While the token works it has nothing to say
    /// but no.
    fn is_silent(&self) -> bool {
        let socket: &UnixStream = self.reading.get_ref().as_ref();
        is_silent(socket) && self.reading.buffer().is_empty()
    }

    /// Goes on with another process, to which nothing has been said.
    fn begin_again(&mut self, Started { child, socket, pin }: Started) -> OwnedFd {
        let (reading, writing) = socket.into_split();
        self.child = Some(child);
        self.reading = BufReader::new(reading);
        self.writing = writing;
        pin
    }

    async fn another_pin(&mut self) -> Result<(), AskError> {
        match self.hear().await? {
            FromPrompt::PinTyped => Ok(()),
            FromPrompt::Answer(Answer::Refused) => Err(self.refused()),
            FromPrompt::Answer(Answer::Left) => Err(AskError::Refused),
            _ => Err(AskError::Failed("a second approval".into())),
        }
    }

    fn refused(&self) -> AskError {
        self.turns.refused(&self.turn)
    }
}

#[async_trait]
impl Window for Process {
    async fn pin_incorrect(&mut self, now: PinState) -> Result<(), AskError> {
        let tries = tries_left(now);
        self.tell(&ToPrompt::PinIncorrect { tries }).await;
        self.another_pin().await
    }

    async fn pin_invalid(&mut self) -> Result<(), AskError> {
        self.tell(&ToPrompt::PinInvalid).await;
        self.another_pin().await
    }

    async fn pin_not_tried(&mut self, now: PinState) -> Result<(), AskError> {
        let tries = tries_left(now);
        self.tell(&ToPrompt::PinNotTried { tries }).await;
        self.another_pin().await
    }

    async fn pin_for_signature(&mut self, done: u32, total: u32) -> Result<(), AskError> {
        self.tell(&ToPrompt::PinForSignature { done, total }).await;
        self.another_pin().await
    }

    async fn progress(&mut self, done: u32, total: u32) -> Result<(), AskError> {
        self.tell(&ToPrompt::Progress { done, total }).await;
        self.look()
    }

    fn look(&self) -> Result<(), AskError> {
        if self.is_silent() {
            Ok(())
        } else {
            Err(AskError::Refused)
        }
    }

    async fn paused(&mut self, done: u32, total: u32) -> bool {
        self.tell(&ToPrompt::Paused { done, total }).await;
        true
    }

    async fn resumed(&mut self, now: PinState) -> Result<(), AskError> {
        let tries = tries_left(now);
        self.tell(&ToPrompt::Resumed { tries }).await;
        self.another_pin().await
    }

    async fn finish(mut self: Box<Self>, outcome: Outcome) {
        if matches!(outcome, Outcome::Done | Outcome::Partly { .. }) {
            self.turns.agreed(&self.turn);
        }
        let leaving = self.turns.leave(std::mem::replace(&mut self.turn, Turn::free()));
        // The window says how it ended and leaves by itself; the next question waits for that. A process that leaves
        // takes a processor for a while, and the page waits for its reply.
        tokio::spawn(async move {
            tokio::time::sleep(REPLY_FIRST).await;
            self.tell(&ToPrompt::Finish(outcome)).await;
            self.warm.refill();
            if let Some(child) = &mut self.child {
                let _ = tokio::time::timeout(LEAVING, child.wait()).await;
            }
            // One that has not left is ended first.
            drop(self);
            drop(leaving);
        });
    }
}

impl Drop for Process {
    /// The next question has its own.
    fn drop(&mut self) {
        if !self.answered {
            self.turns.withdrawn(&self.turn);
        }
        if let Some(child) = self.child.take() {
            end(child);
        }
        self.warm.refill();
    }
}

fn only_pages() -> AskError {
    AskError::NobodyToAsk("a window asks for pages only".into())
}

async fn asker(channel: &Channel) -> Result<Asker, AskError> {
    let (origin, top, peer) = match channel {
        Channel::WebSocket { origin, peer } => (origin, None, peer),
        Channel::Extension { origin, top, peer } => (origin, top.as_ref(), peer),
        Channel::Shell => return Err(only_pages()),
    };
    let (origin, top_origin) = (origin.to_string(), top.map(ToString::to_string));
    Ok(match (peer.speaker().await, channel) {
        (Speaker::Program(executable), _) => Asker::Program {
            origin,
            top_origin,
            executable: executable
                .as_ref()
                .map(|path| path.to_string_lossy().into_owned()),
        },
        (Speaker::Browser, Channel::Extension { .. }) => Asker::Extension { origin, top_origin },
        (Speaker::Browser, _) => Asker::WebSocket { origin },
    })
}

/// What a person is shown of a certificate.
pub(crate) fn show(candidate: &Candidate) -> ShownCertificate {
    let certificate = &candidate.held.certificate;
    let subject = certificate.subject();
    let identity = [
        ("MST", &subject.tax_code),
        ("CCCD", &subject.citizen_id),
        ("CMND", &subject.old_identity_card),
    ];
    let ends_soon = candidate.warnings.contains(&Warning::ExpiresSoon);
    let now = OffsetDateTime::now_utc();
    let identity = identity
        .into_iter()
        .filter_map(|(kind, number)| Some(format!("{kind} {}", number.as_ref()?)));
    ShownCertificate {
        identity: identity.collect(),
        name: subject.common_name.unwrap_or(subject.rfc4514),
        organization: subject.organization,
        issuer: certificate.issuer_common_name(),
        serial: certificate.serial_hex(),
        not_before: date_in_vietnam(certificate.not_before()),
        not_after: date_in_vietnam(certificate.not_after()),
        status_as_of: candidate.good_as_of.map(date_in_vietnam),
        status_days: candidate.good_as_of.map(|day| days_between(day, now)),
        days_left: ends_soon.then(|| days_between(now, certificate.not_after())),
        warnings: candidate.warnings.clone(),
        token: candidate.entry().id.label.clone(),
        pin: pin_entry(candidate.pin),
    }
}

fn show_not_valid(certificate: &Certificate) -> NotValidNow {
    let subject = certificate.subject();
    let expired = certificate.not_after() < OffsetDateTime::now_utc();
    let day = if expired {
        certificate.not_after()
    } else {
        certificate.not_before()
    };
    NotValidNow {
        name: subject.common_name.unwrap_or(subject.rfc4514),
        day: date_in_vietnam(day),
        expired,
    }
}

/// Calendar days, as a person counts them; none where the later time is not later.
fn days_between(earlier: OffsetDateTime, later: OffsetDateTime) -> u32 {
    let days = in_vietnam(later).to_julian_day() - in_vietnam(earlier).to_julian_day();
    u32::try_from(days).unwrap_or(0)
}

fn date_in_vietnam(time: OffsetDateTime) -> String {
    in_vietnam(time)
        .format(format_description!("[year]-[month]-[day]"))
        .unwrap_or_default()
}

fn pin_entry(need: PinNeed) -> PinEntry {
    match need {
        PinNeed::NotNeeded => PinEntry::NotNeeded,
        PinNeed::Locked
        | PinNeed::Pipe {
            state: PinState::Locked,
            ..
        } => PinEntry::Locked,
        PinNeed::Reader { state } => PinEntry::Reader {
            tries: tries_left(state),
        },
        PinNeed::Pipe { min, max, state } => {
            let tries = tries_left(state);
            PinEntry::Window { min, max, tries }
        }
    }
}

fn tries_left(state: PinState) -> TriesLeft {
    match state {
        PinState::Tries(left) => TriesLeft::Count(left),
        PinState::FewTries => TriesLeft::Few,
        PinState::LastTry => TriesLeft::Last,
        _ => TriesLeft::Unknown,
    }
}
