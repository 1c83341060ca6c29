//! Both directions between the browser and the daemon.
//!
//! The first message of the extension is the opening, in which the extension id is what the browser told this
//! process, whatever the message says. After it, texts pass unchanged. The process ends when either side closes.

use std::io::{self, BufReader};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use trien_protocol::envelope::Outgoing;
use trien_protocol::error::{ErrorCode, ErrorData, ErrorObject};
use trien_protocol::frame::{self, FrameError};
use trien_protocol::limits::{MAX_MESSAGE, MAX_NATIVE_MESSAGE};
use trien_protocol::opening::Opening;

use crate::browser::{self, Output};
use crate::daemon::{self, Unreachable};
use crate::{manifest, text};

/// How long a daemon that no longer listens may take to say the rest.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long the browser may take to close after the last message. A process that is gone at once takes that with it:
/// Firefox may hear of its end before it has read that, and Chromium reads no more once it has written in vain.
const FAREWELL: Duration = Duration::from_millis(500);

/// Why a relay ended badly.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RelayError {
    /// Standard output cannot be taken.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
    /// The browser names an extension that is not ours.
    #[error("started for another extension: {0:?}")]
    Caller(String),
    /// The browser sent no valid frame, or its pipe broke.
    #[error("from the browser: {0}")]
    Browser(#[source] FrameError),
    /// The first message is no opening.
    #[error("the first message is no opening: {0}")]
    Opening(#[from] serde_json::Error),
    /// There is no daemon to talk to.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// The daemon sent no valid frame, does not read, or its socket broke.
    #[error("with the daemon: {0}")]
    Daemon(#[source] FrameError),
}

/// Relays until the browser or the daemon closes.
pub(crate) fn run(caller: Option<String>) -> Result<(), RelayError> {
    // Under a desktop portal the browser's arguments do not arrive; then there is nothing to check.
    if let Some(stranger) = caller.as_deref().filter(|caller| !manifest::is_ours(caller)) {
        return Err(RelayError::Caller(stranger.to_owned()));
    }
    let output = Output::take()?;
    let mut input = io::stdin().lock();
    let Some(first) = browser::read(&mut input).map_err(RelayError::Browser)? else {
        return Ok(());
    };
    let opening = opening(&first, caller)?;
    drop(input);
    let mut socket = daemon::connect().inspect_err(|error| {
        // The status is the whole answer; if the browser no longer reads, there is nobody left to tell.
        match output.write(error.status()) {
            Ok(()) => farewell(),
            Err(unsent) => eprintln!("trien-extension-host: status not delivered: {unsent}"),
        }
    })?;
    frame::write(&mut socket, &opening).map_err(RelayError::Daemon)?;
    both_ways(socket, output)
}

/// Puts the browser's word for the extension in place of whatever the message says.
fn opening(text: &str, caller: Option<String>) -> Result<String, serde_json::Error> {
    let Opening::Extension {
        origin,
        top_origin,
        user_activation,
        extension: _,
    } = serde_json::from_str(text)?;
    serde_json::to_string(&Opening::Extension {
        origin,
        top_origin,
        user_activation,
        extension: caller,
    })
}

/// Whose messages a thread brings to the other.
enum Side {
    Browser,
    Daemon,
}

/// Each direction has a thread; the first that ends decides, and the process ends with it. Only what the daemon said
/// before it stopped to listen, for instance why, is still brought to the browser.
fn both_ways(socket: UnixStream, output: Output) -> Result<(), RelayError> {
    let (ended, end) = mpsc::channel();
    let from_daemon = socket.try_clone()?;
    let other_end = ended.clone();
    thread::spawn(move || ended.send((Side::Browser, to_daemon(socket))));
    thread::spawn(move || other_end.send((Side::Daemon, to_browser(from_daemon, &output))));
    match end.recv() {
        Ok((Side::Daemon, outcome)) => {
            if let Ok((_, Err(RelayError::Daemon(_)))) = end.recv_timeout(FAREWELL) {
                farewell();
            }
            outcome
        }
        Ok((Side::Browser, Err(RelayError::Daemon(_)))) => {
            let said = end
                .recv_timeout(LAST_WORDS)
                .map_or(Ok(()), |(_, outcome)| outcome);
            farewell();
            said
        }
        Ok((Side::Browser, outcome)) => outcome,
        Err(_) => Ok(()),
    }
}

/// Takes what the browser still says, which is for nobody, until it closes.
fn farewell() {
    let (closed, close) = mpsc::channel();
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        closed.send(())
    });
    let _ = close.recv_timeout(FAREWELL);
}

fn to_daemon(mut socket: UnixStream) -> Result<(), RelayError> {
    let mut input = io::stdin().lock();
    while let Some(text) = browser::read(&mut input).map_err(RelayError::Browser)? {
        frame::write(&mut socket, &text).map_err(RelayError::Daemon)?;
    }
    Ok(())
}

fn to_browser(socket: UnixStream, output: &Output) -> Result<(), RelayError> {
    // The length and what follows it come in one read.
    let mut socket = BufReader::new(socket);
    while let Some(text) = frame::read(&mut socket, MAX_MESSAGE).map_err(RelayError::Daemon)? {
        if text.len() <= MAX_NATIVE_MESSAGE {
            output.write(&text).map_err(RelayError::Browser)?;
        } else if let Some(reply) = too_large(&text) {
            output.write(&reply).map_err(RelayError::Browser)?;
        }
    }
    Ok(())
}

/// The reply in place of one that would make the browser end the connection. `None` for a notification: nobody
/// waits for it.
fn too_large(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Envelope {
        id: Option<u64>,
    }
    let id = serde_json::from_str::<Envelope>(text).ok()?.id?;
    eprintln!(
        "trien-extension-host: the reply to request {id} has {} bytes",
        text.len()
    );
    let message = text::bilingual("too-large");
    let error = ErrorObject {
        code: ErrorCode::TooLarge.number(),
        message: message.en.clone(),
        data: ErrorData {
            code: ErrorCode::TooLarge,
            message,
            remedy: text::bilingual("too-large-remedy"),
            retry: false,
            detail: Some(format!(
                "a reply of {} bytes; at most {MAX_NATIVE_MESSAGE}",
                text.len()
            )),
        },
    };
    serde_json::to_string(&Outgoing::error(Some(id), error)).ok()
}
