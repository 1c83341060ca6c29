//! What is said on a connection, whichever road it came by: hello first, then requests in parallel, each with exactly
//! one reply; cancel at any time. When the connection goes, its requests go, and with them the open question.

mod changes;
mod permission;
mod session;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, Sleep};
use trien_protocol::limits::MAX_BAD_MESSAGES;

use super::{Channel, Halt};
use crate::jobs::Context;
use crate::policy::Origin;
use changes::Changes;
use permission::unwelcome;
use session::{Session, Step};

/// How long a connection may be silent before it says hello.
const GREETING: Duration = Duration::from_secs(30);
/// How often it is looked whether a page has left what it began to upload.
const TIDYING: Duration = Duration::from_millis(400);
/// How long the other end may take to read what was written.
const WRITING: Duration = Duration::from_secs(30);
/// How long the other end may take to close after we did.
const CLOSING: Duration = Duration::from_secs(1);
/// Messages that wait to be written, of up to a chunk of a document each. Then requests wait, and with them the page.
const OUTBOX: usize = 16;

/// A message that came.
#[derive(Debug)]
pub enum Message {
    /// One JSON-RPC object.
    Text(String),
    /// One with document bytes behind it: [`trien_protocol::frame::split_binary`].
    Binary(Vec<u8>),
}

/// A message that goes.
#[derive(Debug)]
pub enum Frame {
    /// One JSON-RPC object.
    Text(String),
    /// One with document bytes behind it: [`trien_protocol::frame::join_binary`].
    Binary(Vec<u8>),
    /// Nothing follows.
    End(Ending),
}

/// Why nothing more can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoadError {
    /// A message past [`trien_protocol::limits::MAX_MESSAGE`].
    TooLarge,
    /// A text that is not UTF-8.
    Utf8,
    /// Not a frame.
    Protocol,
    /// The connection broke.
    Gone,
}

/// Why a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The other end closed or broke off.
    Gone,
    /// The daemon ends.
    Halt,
    /// Not a frame.
    Protocol,
    /// A text that is not UTF-8.
    Utf8,
    /// The other end does not keep to what is agreed: how, for its developer.
    Policy(&'static str),
    /// The origin had a permission when it came, and has none any more. It is told once.
    Unwelcome,
    /// A message past its limit.
    TooLarge,
}

impl From<RoadError> for Ending {
    fn from(error: RoadError) -> Self {
        match error {
            RoadError::TooLarge => Self::TooLarge,
            RoadError::Utf8 => Self::Utf8,
            RoadError::Protocol => Self::Protocol,
            RoadError::Gone => Self::Gone,
        }
    }
}

/// How document bytes travel on a road.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentBytes {
    /// Behind the message, in binary frames.
    Binary,
    /// In the message, base64.
    Base64,
}

/// The other end.
#[derive(Debug, Clone)]
pub struct Party {
    /// Who it is.
    pub channel: Channel,
    /// Other origins that must be allowed too: the top-level page around a frame.
    pub companions: Vec<Origin>,
    /// How document bytes travel.
    pub bytes: DocumentBytes,
    /// The longest message it takes, in bytes.
    pub longest_reply: usize,
}

impl Party {
    /// True if everybody concerned still has a permission.
    #[must_use]
    pub fn is_welcome(&self, context: &Context) -> bool {
        let now = OffsetDateTime::now_utc();
        self.channel
            .origin()
            .into_iter()
            .chain(&self.companions)
            .all(|origin| context.grants.knows(origin, now))
    }
}

/// Talks until either side has enough. All that the connection held is gone when this returns, and the end of its
/// requests is on the record: the daemon waits for the `halt` that is held here.
pub async fn hold<R, W>(reading: R, writing: W, party: Party, context: Arc<Context>, halt: Halt)
where
    R: Stream<Item = Result<Message, RoadError>> + Unpin,
    W: Sink<Frame> + Unpin + Send + 'static,
{
    // Read on after its end, below: an unfused stream may panic then.
    let mut reading = reading.fuse();
    let (outbox, frames) = mpsc::channel(OUTBOX);
    let mut writer = tokio::spawn(write(writing, frames));
    let mut session = Session::new(party.clone(), Arc::clone(&context), outbox.clone(), halt.clone());
    let ending = tokio::select! {
        ending = listen(&mut reading, &mut session, &party, &context) => ending,
        _ = &mut writer => Ending::Gone,
        // Beside the listening, which waits for a page that does not read.
        () = unwelcome(&party, &context) => Ending::Unwelcome,
        () = halt.come() => Ending::Halt,
    };
    session.end().await;
    if ending == Ending::Unwelcome {
        session.dismiss();
    }
    drop(session);
    tracing::debug!(?ending, "a conversation ended");
    if !writer.is_finished() {
        // A full outbox belongs to somebody who does not read: he needs no farewell.
        let _ = outbox.try_send(Frame::End(ending));
        drop(outbox);
        let _ = tokio::time::timeout(CLOSING, &mut writer).await;
        let _ =
            tokio::time::timeout(CLOSING, async { while let Some(Ok(_)) = reading.next().await {} }).await;
        writer.abort();
    }
}

/// Writes what waits in the outbox; ends when the other end does not take it.
async fn write<W: Sink<Frame> + Unpin>(mut writing: W, mut frames: mpsc::Receiver<Frame>) {
    while let Some(frame) = frames.recv().await {
        let last = matches!(frame, Frame::End(_));
        let sent = tokio::time::timeout(WRITING, writing.send(frame)).await;
        if last || !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}

async fn listen<R>(reading: &mut R, session: &mut Session, party: &Party, context: &Context) -> Ending
where
    R: Stream<Item = Result<Message, RoadError>> + Unpin,
{
    let mut tidying = tokio::time::interval(TIDYING);
    tidying.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut greeting = Some(Box::pin(tokio::time::sleep(GREETING)));
    let mut changes = Changes::new(context.changes.clone());
    let mut bad_in_a_row = 0;
    loop {
        let step = tokio::select! {
            message = reading.next() => match message {
                None => return Ending::Gone,
                Some(Err(error)) => return error.into(),
                Some(Ok(message)) => session.take(message).await,
            },
            ended = session.next_ended() => {
                session.answer(ended).await;
                Step::Neutral
            }
            _ = tidying.tick(), if session.is_receiving() => {
                session.tidy();
                Step::Neutral
            }
            () = changes.next(), if session.is_greeted() => {
                // A permission that has just been taken away is seen before anything is told.
                if !party.is_welcome(context) {
                    return Ending::Unwelcome;
                }
                session.tell_of_tokens();
                Step::Neutral
            }
            () = due(&mut greeting) => return Ending::Policy("no hello in time"),
        };
        if session.is_greeted() {
            greeting = None;
        }
        match step {
            Step::Good => bad_in_a_row = 0,
            Step::Bad => bad_in_a_row += 1,
            Step::Neutral => {}
        }
        if bad_in_a_row >= MAX_BAD_MESSAGES {
            return Ending::Policy("too many bad messages in a row");
        }
    }
}

/// Returns when it is over; never if there is none.
async fn due(sleep: &mut Option<Pin<Box<Sleep>>>) {
    match sleep {
        Some(sleep) => sleep.await,
        None => std::future::pending().await,
    }
}
