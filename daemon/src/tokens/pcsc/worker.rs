//! The process that speaks to the card of one reader: `trien card-worker`.
//!
//! It reads the same requests as a module's process from the socket on its standard input, and answers each in time:
//! the card has a thread of its own (`desk`), because a PC/SC call can wait without limit, for a card that is mute or
//! for another program's transaction. When the time is up the request is answered with what is known of why, and
//! whatever the thread was asked is void: it sends nothing more to the card in that request's name.

mod certify;
mod desk;
mod session;

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::card::{Phase, Watch};
use crate::tokens::client::Deadlines;
use crate::tokens::wire::{self, Answer, Call, GREETING, Reply, Request};
use crate::tokens::worker::channel::Channel;
use crate::tokens::worker::{hardening, sandbox};
use crate::tokens::{Confinement, TokenError};
use desk::Desk;

/// A request for the card's thread.
struct Work {
    call: Call,
    descriptors: Vec<OwnedFd>,
}

/// The whole process: serves the card in that reader until the daemon closes the socket. `deadlines` are the daemon's;
/// this process answers a little before they end.
#[must_use]
pub fn run(reader: &str, deadlines: &Deadlines) -> ExitCode {
    hardening::harden();
    // Before the first thread: what is closed is closed for those that come after.
    let confinement = sandbox::confine_card_driver();
    let served = hardening::end_with_the_daemon(|| None, || ())
        .and_then(|()| Channel::of_standard_input())
        .and_then(|channel| serve(channel, reader, deadlines, confinement));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, reader, "the card's process lost the daemon");
            ExitCode::FAILURE
        }
    }
}

fn serve(
    mut channel: Channel,
    reader: &str,
    deadlines: &Deadlines,
    confinement: Confinement,
) -> std::io::Result<()> {
    let counter = CString::new(reader)
        .map_err(|_| TokenError::Load("the reader's name".to_owned()))
        .and_then(|reader| Counter::open(reader).map_err(|error| TokenError::Load(error.to_string())));
    let greeting = counter
        .as_ref()
        .map(|_| Answer::Ready(confinement))
        .map_err(Clone::clone);
    channel.send(&Reply {
        id: GREETING,
        took_us: 0,
        outcome: greeting,
    })?;
    let Ok(mut counter) = counter else {
        return Ok(());
    };
    let mut at_reader = None;
    while let Some((Request { id, call }, descriptors)) = channel.receive()? {
        let patience = patience(&call, deadlines, at_reader);
        let began = Instant::now();
        let outcome = counter.ask(Work { call, descriptors }, patience);
        let took_us = wire::microseconds(began.elapsed());
        let told = match &outcome {
            Ok(Answer::Pin(need) | Answer::Session { pin: need, .. }) => need.pad(),
            Ok(Answer::Survey(tokens)) => tokens.iter().find_map(|token| token.pin?.pad()),
            _ => None,
        };
        at_reader = told.or(at_reader);
        channel.send(&Reply { id, took_us, outcome })?;
    }
    counter.close();
    Ok(())
}

/// How long the card's thread may take: a little less than the daemon waits for this process. `at_reader`: PINs are typed
/// there, as far as that has been told.
fn patience(call: &Call, deadlines: &Deadlines, at_reader: Option<bool>) -> Duration {
    let whole = match call {
        Call::Sign { typed: true, .. } | Call::Login { .. } if at_reader == Some(true) => deadlines.reader,
        Call::ChangePin { .. } if at_reader == Some(false) => deadlines.login,
        Call::ChangePin { .. } => deadlines.reader,
        Call::Sign { .. } | Call::InstallCertificate { .. } => deadlines.sign,
        Call::Login { .. } | Call::Unblock { .. } | Call::SkipPin { .. } => deadlines.login,
        Call::GenerateKey { .. } => deadlines.generate,
        _ => deadlines.enumerate,
    };
    whole * 9 / 10
}

/// Where requests are handed in: this side of the card's thread.
struct Counter {
    requests: Sender<Work>,
    answers: Receiver<Result<Answer, TokenError>>,
    watch: Arc<Watch>,
    /// An answer that nobody waited for is still to come.
    owed: bool,
}

impl Counter {
    fn open(reader: CString) -> std::io::Result<Self> {
        let (requests, asked) = channel();
        let (answer, answers) = channel();
        let watch = Arc::new(Watch::default());
        let shared = Arc::clone(&watch);
        std::thread::Builder::new()
            .name("card".to_owned())
            .spawn(move || attend(reader, &shared, &asked, &answer))?;
        Ok(Self {
            requests,
            answers,
            watch,
            owed: false,
        })
    }

    fn ask(&mut self, work: Work, patience: Duration) -> Result<Answer, TokenError> {
        let until = Instant::now() + patience;
        while self.owed {
            match self
                .answers
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(_) => self.owed = false,
                Err(RecvTimeoutError::Timeout) => return Err(self.overdue(patience)),
                Err(RecvTimeoutError::Disconnected) => return Err(TokenError::Crashed),
            }
        }
        self.watch.begin();
        self.requests.send(work).map_err(|_| TokenError::Crashed)?;
        match self
            .answers
            .recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) if self.watch.abandon() => {
                self.owed = true;
                Err(self.overdue(patience))
            }
            // It was done in the same moment.
            Err(RecvTimeoutError::Timeout) => self.answers.recv().unwrap_or(Err(TokenError::Crashed)),
            Err(RecvTimeoutError::Disconnected) => Err(TokenError::Crashed),
        }
    }

    /// Why there is no answer yet: another program holds the card, or the card does not answer.
    fn overdue(&self, patience: Duration) -> TokenError {
        match self.watch.phase() {
            // Who it is, the daemon can see; this process sees no other.
            Phase::Waiting => TokenError::Held { programs: Vec::new() },
            Phase::Talking | Phase::Idle => TokenError::Hung {
                seconds: patience.as_secs().max(1),
            },
        }
    }

    /// Lets the thread log out and take leave of the card, if it can.
    fn close(self) {
        let Self {
            requests, answers, ..
        } = self;
        drop(requests);
        // The thread drops its sender when it is done.
        let grace = Instant::now() + Duration::from_secs(1);
        while answers
            .recv_timeout(grace.saturating_duration_since(Instant::now()))
            .is_ok()
        {}
    }
}

/// The card's thread.
fn attend(
    reader: CString,
    watch: &Watch,
    requests: &Receiver<Work>,
    answers: &Sender<Result<Answer, TokenError>>,
) {
    let mut desk = Desk::new(reader, watch);
    loop {
        let next = match desk.rest_after() {
            None => requests.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(pause) => requests.recv_timeout(pause),
        };
        match next {
            Ok(Work { call, descriptors }) => {
                let may_verify = matches!(call, Call::Login { .. } | Call::Sign { .. });
                let answer = desk.answer(call, descriptors);
                if !watch.finish() {
                    // Whoever was told that it takes too long knows of no session.
                    desk.forsake(may_verify);
                }
                if answers.send(answer).is_err() {
                    break;
                }
            }
            Err(RecvTimeoutError::Timeout) => desk.pause(),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    watch.begin();
    desk.rest();
}
