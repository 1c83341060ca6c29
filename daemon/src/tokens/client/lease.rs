//! A session that is open in a module's process.

use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use super::process::Process;
use super::{Worker, detached, unexpected};
use crate::tokens::wire::{Answer, Call, KeyName, TokenName};
use crate::tokens::{PinNeed, TokenError, pcsc};

/// A card that a login may have unlocked: its reader and its maker, as its module calls them.
#[derive(Debug, Clone)]
struct Unlocked {
    reader: String,
    maker: String,
}

/// A session in one start of a module's process.
#[derive(Debug)]
pub(in crate::tokens) struct Lease {
    worker: Worker,
    session: u64,
    start: u64,
    /// The token that it is about.
    token: TokenName,
    open: bool,
    unlocked: Arc<Lock<Option<Unlocked>>>,
}

impl Worker {
    /// Opens a session with a token, to sign with `key` or to administer the token; it is closed again when the lease is
    /// dropped, by whoever holds it then.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub(in crate::tokens) async fn open(
        &self,
        token: TokenName,
        key: Option<KeyName>,
    ) -> Result<(Lease, PinNeed), TokenError> {
        let worker = self.clone();
        detached(async move {
            let deadline = worker.deadlines().enumerate;
            let call = Call::Open {
                token: token.clone(),
                key,
            };
            match worker.0.exchange(call, Vec::new(), deadline, None).await? {
                (Answer::Session { session, pin }, start) => {
                    worker.0.leases.fetch_add(1, Ordering::Relaxed);
                    let lease = Lease {
                        worker,
                        session,
                        start,
                        token,
                        open: true,
                        unlocked: Arc::default(),
                    };
                    Ok((lease, pin))
                }
                _ => Err(unexpected()),
            }
        })
        .await
    }

    /// Ends the process without asking the module anything again: for one that answers as if it had lost its bearings.
    /// That is no failure of its own. False if somebody has a session there, and the card has been in its reader all the time.
    pub(in crate::tokens) async fn abandon(&self) -> bool {
        self.end_unless_leased(0, None).await
    }

    /// Whether the module can be called again in the process of that start, or whichever it is, after it has said what may
    /// mean that a card went: the card has been in its reader all the time. Otherwise the process has ended.
    pub(in crate::tokens) async fn is_sound(&self, start: Option<u64>) -> bool {
        let mut kept = self.0.process.lock().await;
        self.0.settle(&mut kept).await;
        is_of(kept.as_ref(), start)
    }

    /// Ends the process of that start, or whichever it is. While more than so many sessions are open it is ended only if
    /// a card may have gone: false if it has not, and the module can be called again.
    async fn end_unless_leased(&self, own: usize, start: Option<u64>) -> bool {
        if self.0.leases.load(Ordering::Relaxed) > own {
            return !self.is_sound(start).await;
        }
        let mut kept = self.0.process.lock().await;
        if is_of(kept.as_ref(), start) {
            self.0.renew(&mut kept).await;
        }
        true
    }
}

fn is_of(process: Option<&Process>, start: Option<u64>) -> bool {
    process.is_some_and(|process| start.is_none_or(|start| process.start == start))
}

impl Lease {
    pub(in crate::tokens) const fn worker(&self) -> &Worker {
        &self.worker
    }

    /// One request about this session, whose number `call` is made with.
    ///
    /// # Errors
    /// As [`Worker::call`]; [`TokenError::Crashed`] also when the process has been started anew since.
    pub(in crate::tokens) async fn call(
        &self,
        call: impl FnOnce(u64) -> Call,
        descriptors: Vec<OwnedFd>,
        deadline: Duration,
    ) -> Result<Answer, TokenError> {
        let (worker, start, call) = (self.worker.clone(), self.start, call(self.session));
        let (token, unlocked) = (self.token.clone(), Arc::clone(&self.unlocked));
        detached(async move {
            let asked = worker
                .0
                .exchange(call, descriptors, deadline, Some((start, &token)));
            let answer = asked.await.map(|(answer, _)| answer);
            lock_what_was_unlocked(&answer, &unlocked).await;
            answer
        })
        .await
    }

    /// From now on the card may be unlocked: it is told to forget that if the module's process ends without a logout.
    pub(in crate::tokens) fn may_unlock(&self, reader: &str, maker: &str) {
        // Our own driver ends no process, and pcscd resets what one holds that is killed.
        if self.worker.library().is_some() {
            *self.unlocked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Unlocked {
                reader: reader.to_owned(),
                maker: maker.to_owned(),
            });
        }
    }

    /// As [`Worker::is_sound`], of the process that the session is in.
    pub(in crate::tokens) async fn is_sound(&self) -> bool {
        self.worker.is_sound(Some(self.start)).await
    }

    /// Ends the process that the session is in, as [`Worker::abandon`] does.
    pub(in crate::tokens) async fn abandon(&self) -> bool {
        self.worker.end_unless_leased(1, Some(self.start)).await
    }

    /// Logs out and waits for it.
    pub(in crate::tokens) async fn close(mut self) {
        self.open = false;
        let _ = self
            .call(
                |session| Call::Close { session },
                Vec::new(),
                self.worker.deadlines().enumerate,
            )
            .await;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.worker.0.leases.fetch_sub(1, Ordering::Relaxed);
        // Without a runtime everything is ending, and the worker logs out when the socket closes.
        if let (true, Ok(runtime)) = (self.open, tokio::runtime::Handle::try_current()) {
            let (worker, session, start) = (self.worker.clone(), self.session, self.start);
            let (token, unlocked) = (self.token.clone(), Arc::clone(&self.unlocked));
            runtime.spawn(async move {
                let deadline = worker.deadlines().enumerate;
                let close = Call::Close { session };
                let asked = worker
                    .0
                    .exchange(close, Vec::new(), deadline, Some((start, &token)));
                let answer = asked.await.map(|(answer, _)| answer);
                lock_what_was_unlocked(&answer, &unlocked).await;
            });
        }
    }
}

/// After an answer that there is none, for the process has ended or was ended: nobody has logged out. A module that held no
/// transaction at that moment leaves its card as it was (pcscd resets only what is held).
async fn lock_what_was_unlocked(answer: &Result<Answer, TokenError>, unlocked: &Lock<Option<Unlocked>>) {
    if !is_gone(answer) {
        return;
    }
    let card = unlocked.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(Unlocked { reader, maker }) = card {
        lock_behind(answer, &reader, &maker).await;
    }
}

/// The same for the card of this maker in this reader, as its module calls them: it may have been let in by the request
/// that had this answer.
pub(in crate::tokens) async fn lock_behind(answer: &Result<Answer, TokenError>, reader: &str, maker: &str) {
    if is_gone(answer) {
        lock(reader, maker).await;
    }
}

/// Has the card of this maker in this reader forget whom it let in, without its module.
pub(in crate::tokens) async fn lock(reader: &str, maker: &str) {
    let (reader, maker) = (reader.to_owned(), maker.to_owned());
    let told = tokio::task::spawn_blocking(move || pcsc::log_out::log_out_behind(reader, maker));
    // It says itself what it could not do.
    let _ = told.await;
}

const fn is_gone(answer: &Result<Answer, TokenError>) -> bool {
    matches!(
        answer,
        Err(TokenError::Crashed | TokenError::Hung { .. } | TokenError::Held { .. })
    )
}
