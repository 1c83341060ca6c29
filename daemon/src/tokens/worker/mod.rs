//! The process one PKCS #11 module lives in: `trien module-worker`.
//!
//! A vendor's module is code of unknown quality. Here its crash, hang or lie costs one request, and never the daemon.
//! The process reads requests from the socket on its standard input, one at a time, and answers each; what the module
//! prints goes to standard error, which is the daemon's log. It ends with the daemon.

mod catalogue;
pub(super) mod channel;
mod failure;
pub(super) mod hardening;
mod import;
mod initialize;
mod keys;
mod mechanism;
mod padding;
mod pin_change;
pub(super) mod pin_line;
mod public_key;
mod raw;
pub(super) mod sandbox;
mod session;
mod shown;
mod unlocked;

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use cryptoki::context::{CInitializeArgs, CInitializeFlags};
use cryptoki::error::{Error, RvError};

use super::pcsc::outage;
use super::wire::{
    self, Answer, Call, GREETING, KeyName, LAST_WORD, LoginOutcome, Octets, Reply, Request, TokenName,
};
use super::{Confinement, PinState, TokenError};
use channel::Channel;
#[cfg(test)]
pub(in crate::tokens) use failure::meaning;
use failure::token_error;
use raw::Module;
#[cfg(test)]
pub(in crate::tokens) use session::outcome_of as login_outcome;
use session::{Session, Signed};
use shown::Shown;

/// Sessions open at once.
const MAX_SESSIONS: usize = 16;

/// The whole process: loads the module and serves until the daemon closes the socket.
#[must_use]
pub fn run(name: &str, module: &Path, reset: bool, network: bool, folders: Vec<PathBuf>) -> ExitCode {
    hardening::harden();
    // Before the first thread: what is closed is closed for those that come after.
    let confinement = sandbox::confine(module, &sandbox::Needs { network, folders });
    let served = hardening::end_with_the_daemon(last_word, unlocked::forget_all)
        .and_then(|()| Channel::of_standard_input())
        .and_then(|channel| serve(channel, name, module, reset, confinement));
    if let Err(error) = &served {
        tracing::error!(%error, module = name, "the module's process lost the daemon");
    }
    hardening::end_what_is_left();
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Whether this process speaks to the smart card service, and so may be waiting for a card that another program has. A
/// module that does not, and does not answer, waits for no card.
fn last_word() -> Option<Vec<u8>> {
    let why = match outage::is_spoken_to_from_here()? {
        true => TokenError::Held { programs: Vec::new() },
        false => TokenError::Hung { seconds: 0 },
    };
    let word = Reply {
        id: LAST_WORD,
        took_us: 0,
        outcome: Err(why),
    };
    wire::message::encode(&word).ok()
}

fn serve(
    mut channel: Channel,
    name: &str,
    path: &Path,
    reset: bool,
    confinement: Confinement,
) -> std::io::Result<()> {
    let loaded = load(path, reset);
    let greeting = loaded
        .as_ref()
        .map(|_| Answer::Ready(confinement))
        .map_err(Clone::clone);
    channel.send(&Reply {
        id: GREETING,
        took_us: 0,
        outcome: greeting,
    })?;
    let Ok(module) = loaded else {
        return Ok(());
    };
    let mut worker = Worker {
        name: name.to_owned(),
        module,
        sessions: HashMap::new(),
        shown: Shown::default(),
        last_session: 0,
        late: Vec::new(),
        told: None,
    };
    while let Some((Request { id, call }, descriptors)) = channel.receive()? {
        let began = Instant::now();
        let outcome = worker.answer(call, descriptors);
        let took_us = wire::microseconds(began.elapsed());
        channel.send(&Reply { id, took_us, outcome })?;
        worker.late.clear();
    }
    // Log out of everything before the module goes.
    drop(worker.sessions);
    worker.module.finalize();
    Ok(())
}

fn load(path: &Path, reset: bool) -> Result<Module, TokenError> {
    let module = Module::load(path, reset)?;
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        // A library that initialises itself when it is loaded.
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(module),
        Err(error) => Err(TokenError::Load(token_error(&error).to_string())),
    }
}

struct Worker {
    name: String,
    module: Module,
    sessions: HashMap<u64, Session>,
    shown: Shown,
    last_session: u64,
    late: pin_change::Late,
    /// The token whose PIN was asked for last, and what was said of it.
    told: Option<(TokenName, PinState)>,
}

impl Worker {
    fn answer(&mut self, call: Call, descriptors: Vec<OwnedFd>) -> Result<Answer, TokenError> {
        match call {
            Call::Tokens { .. } => catalogue::tokens(&self.module, &self.name).map(Answer::Tokens),
            Call::Survey { .. } => {
                catalogue::survey(&self.module, &self.name, &mut self.shown).map(Answer::Survey)
            }
            Call::Certificates { token } => {
                catalogue::certificates(&self.module, &token, &mut self.shown).map(Answer::Certificates)
            }
            Call::CertificatesOf { session } => {
                let session = self.session(session)?;
                session.require_login()?;
                catalogue::certificates_in(&session.module, &session.pkcs11, false).map(Answer::Certificates)
            }
            Call::Pin { token } => {
                let (slot, info) = catalogue::find(&self.module, &token)?;
                self.shown.ask(&self.module, &token, slot);
                self.tell(&token, catalogue::pin_state(&info));
                Ok(Answer::Pin(catalogue::pin_need(&info)))
            }
            Call::OfficerPin { token } => {
                let (slot, info) = catalogue::find(&self.module, &token)?;
                self.shown.ask(&self.module, &token, slot);
                Ok(Answer::OfficerPin(catalogue::officer_state(&info)))
            }
            Call::Open { token, key } => self.open(token, key),
            Call::SkipPin { session } => {
                self.session(session)?.attach(descriptors).skip_pin();
                Ok(Answer::Done)
            }
            Call::Login { session } => {
                let session = self.session(session)?.attach(descriptors);
                session.login().map(Answer::Login)
            }
            Call::Sign {
                session,
                algorithm,
                digest,
                message,
                key,
                typed,
            } => {
                let message = message.as_ref().map(|message| message.0.as_slice());
                let session = self.session(session)?;
                Ok(match session.sign(key, algorithm, &digest.0, message, typed)? {
                    Signed::Signature(signature) => Answer::Signature(Octets(signature)),
                    Signed::Login(outcome) => Answer::Login(outcome),
                    Signed::AtReader => Answer::AtReader,
                })
            }
            Call::Keys { session } => keys::list(self.session(session)?).map(Answer::Keys),
            Call::GenerateKey {
                session,
                algorithm,
                label,
                id,
            } => keys::generate(self.session(session)?, algorithm, &label, id.map(|id| id.0))
                .map(|key| Answer::Keys(vec![key])),
            Call::ImportKey {
                session,
                label,
                id,
                public_key,
                certificates,
            } => {
                let pipe = descriptors
                    .into_iter()
                    .next()
                    .ok_or_else(|| missing("a descriptor"))?;
                let identity = import::Identity { label, id: id.0 };
                import::import(
                    self.session(session)?,
                    &pipe,
                    identity,
                    &public_key.0,
                    certificates,
                )
                .map(|key| Answer::Keys(vec![key]))
            }
            Call::InstallCertificate {
                session,
                key,
                label,
                certificate,
            } => keys::install(self.session(session)?, key.0, &label, certificate).map(|_| Answer::Done),
            Call::ManagementKey { .. } => Err(TokenError::Unsupported("a management key".to_owned())),
            Call::Close { session } => {
                self.sessions.remove(&session);
                Ok(Answer::Done)
            }
            Call::ChangePin { token } => {
                self.free(&token)?;
                let pipes = pipes(descriptors)?;
                let at = pin_change::Place::of(&self.module, &token, &mut self.shown)?;
                let told = self.told.as_ref().filter(|(of, _)| of.is_of(&token));
                let told = told.map(|(_, state)| *state);
                let outcome = pin_change::change(&self.module, &token, at, &pipes, told, &mut self.late)?;
                if let LoginOutcome::Incorrect { now } | LoginOutcome::NotTried { now } = outcome {
                    self.told = Some((token, now));
                }
                Ok(Answer::Login(outcome))
            }
            Call::Unblock { token } => {
                self.free(&token)?;
                let pipes = pipes(descriptors)?;
                let at = pin_change::Place::of(&self.module, &token, &mut self.shown)?;
                pin_change::unblock(&self.module, &token, at, &pipes, &mut self.late).map(Answer::Login)
            }
            Call::InitializeToken { label } => {
                let pipes = pipes(descriptors)?;
                initialize::initialize(&self.module, &self.name, &label, &pipes).map(Answer::Initialized)
            }
        }
    }

    /// Whoever asked is told that of the token's PIN.
    fn tell(&mut self, token: &TokenName, state: PinState) {
        let of_it = |session: &&mut Session| session.token.is_of(token);
        self.sessions
            .values_mut()
            .filter(of_it)
            .for_each(|session| session.tell(state));
        self.told = Some((token.clone(), state));
    }

    /// One session a token: PKCS #11 logs the whole process in, so that a second one could sign on the first one's PIN.
    fn open(&mut self, token: TokenName, key: Option<KeyName>) -> Result<Answer, TokenError> {
        self.free(&token)?;
        if self.sessions.len() >= MAX_SESSIONS {
            return Err(TokenError::Busy);
        }
        let (opened, pin) = Session::open(&self.module, token, key, &mut self.shown)?;
        self.last_session += 1;
        self.sessions.insert(self.last_session, opened);
        Ok(Answer::Session {
            session: self.last_session,
            pin,
        })
    }

    /// A session whose card has been out of its reader since has ended, whether or not anybody has said so: it keeps nobody
    /// from the card that is there now.
    fn free(&mut self, token: &TokenName) -> Result<(), TokenError> {
        self.sessions
            .retain(|_, session| !session.token.is_of(token) || session.has_its_card());
        match self.sessions.values().any(|session| session.token.is_of(token)) {
            true => Err(TokenError::Busy),
            false => Ok(()),
        }
    }

    fn session(&mut self, number: u64) -> Result<&mut Session, TokenError> {
        self.sessions.get_mut(&number).ok_or(TokenError::Removed)
    }
}

fn pipes(descriptors: Vec<OwnedFd>) -> Result<[OwnedFd; 2], TokenError> {
    descriptors.try_into().map_err(|_| missing("two descriptors"))
}

fn missing(what: &str) -> TokenError {
    TokenError::Failed(format!("the request lacks {what}"))
}
