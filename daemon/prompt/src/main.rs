//! `trien-prompt`, the consent window: one process, one question, one window.
//!
//! The daemon starts it with one end of a socket pair as standard input and the writing end of the PIN pipe as
//! standard output, and speaks [`trien_protocol::prompt`] with it. No toolkit and no PIN is ever in the daemon, and
//! no connection of a page is ever in here. It is started before there is a question, where one is to be expected.
//!
//! | module | what |
//! |---|---|
//! | [`channel`] | takes the two descriptors over; JSON lines to and from the daemon |
//! | [`pin`] | what can be a PIN, and its way from the field into the pipe |
//! | [`course`] | the course of one question: what is alive when, and what is answered. Pure, no clock, no toolkit |
//! | [`text`] | makes texts from outside harmless to look at. Pure |
//! | [`messages`] | what a person reads, in Vietnamese and English |
//! | `window` | the widgets, and nothing that could be decided without them |
//!
//! # The toolkit
//!
//! GTK 4, for these reasons: its bindings are MIT and the library is a shared LGPL one of the system (of the
//! candidates with a complete accessibility tree, slint is GPL, commercial, or royalty-free under terms that are no
//! open-source licence); it builds in a fifth of slint's time; AT-SPI, input methods and font scaling are the system's own,
//! and so are the dark colours, but for the desktop's wish for them (`window::dark`). The price, measured with a debug build on
//! two busy x86-64 cores without a graphics card: 210 ms from start to the first frame and 92 MiB resident (500
//! documents: 0.5 s, 97 MiB). That is with `GSK_RENDERER=cairo`, which the daemon sets, for a window of still text
//! needs no OpenGL; with it, it is 0.4 s and 172 MiB.
//!
//! # Where a PIN is
//!
//! In one buffer of ours from the first key to the pipe, wiped as it is edited and when it goes. The toolkit's entry
//! has a stand-in for each character: GTK 4.8 hands an entry's text, a password's too, to whoever asks on the
//! accessibility bus, and its getter would leave copies that nobody wipes. The process is
//! not dumpable and has no core. On X11 any local program can read the keyboard; nothing here can change that.

#![forbid(unsafe_code)]

mod channel;
mod course;
mod messages;
mod pin;
mod sought;
mod text;
mod window;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use channel::{Channel, Reader};
use rustix::process::{DumpableBehavior, Resource, Rlimit};
use trien_protocol::call::Language;
use trien_protocol::limits;
use trien_protocol::prompt::{Question, QuestionKind, ToPrompt};

/// How long a process may stand ready without being asked. The daemon has another one started when it is needed.
const FIRST_MESSAGE: Duration = Duration::from_secs(60 * 60);

/// Certificates in one drop-down. A person with more has a problem that no list solves.
const MAX_CERTIFICATES: usize = 100;

/// Misuse: not started by the daemon, or wrong arguments.
const EXIT_MISUSE: u8 = 2;

/// There is no display, or the daemon said what it never says.
const EXIT_FAILED: u8 = 3;

/// Why there is no window.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Channel(#[from] channel::Error),
    #[error("no question")]
    NoQuestion,
    #[error("no display")]
    NoDisplay,
}

impl Failure {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Channel(channel::Error::NotADaemon) => EXIT_MISUSE,
            _ => EXIT_FAILED,
        }
    }

    fn message(&self, language: Language) -> String {
        let key = match self {
            Self::Channel(channel::Error::NotADaemon) => "error-not-a-daemon",
            Self::Channel(channel::Error::Silent) => "error-silent",
            Self::Channel(channel::Error::TooLong) => "error-too-long",
            Self::Channel(channel::Error::OutOfTurn(_)) => "error-out-of-turn",
            Self::Channel(channel::Error::NotUnderstood(error)) => {
                return messages::text(
                    language,
                    "error-not-understood",
                    [("error", error.to_string().into())],
                );
            }
            Self::Channel(channel::Error::System(error)) => {
                return messages::text(language, "error-system", [("error", error.to_string().into())]);
            }
            Self::NoQuestion => "error-no-question",
            Self::NoDisplay => "error-no-display",
        };
        messages::plain(language, key)
    }
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let language = messages::of_environment();
    match arguments.as_slice() {
        [] => {}
        [one] if one == "--help" || one == "-h" => return tell(&messages::plain(language, "help")),
        [one] if one == "--version" || one == "-V" => {
            return tell(concat!("trien-prompt ", env!("CARGO_PKG_VERSION")));
        }
        _ => {
            eprintln!("trien-prompt: {}", messages::plain(language, "error-arguments"));
            return ExitCode::from(EXIT_MISUSE);
        }
    }
    match ask() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("trien-prompt: {}", failure.message(language));
            ExitCode::from(failure.exit_code())
        }
    }
}

fn tell(text: &str) -> ExitCode {
    match writeln!(std::io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(EXIT_FAILED),
    }
}

fn ask() -> Result<(), Failure> {
    let (channel, pin_pipe) = channel::take_over()?;
    harden()?;
    gtk4::glib::set_prgname(Some("trien-prompt"));
    // Before the question is read: without a display the daemon has to hear it at once, not after a wait.
    gtk4::init().map_err(|_| Failure::NoDisplay)?;
    // Here it takes nobody's time where one stands ready.
    window::follow_the_desktop();
    let mut reader = channel.reader()?;
    match first_question(&channel, &mut reader)? {
        Some(question) => window::run(question, channel, reader, pin_pipe),
        None => Ok(()),
    }
}

/// The usual soft limit of open files: with more, what the window starts could overrun the set of select(2).
const FILES: u64 = 1024;

/// Neither a core nor a debugger of the same user sees the PIN (prctl(2), `PR_SET_DUMPABLE`); and the programs that show
/// documents are to have no more open files than they would elsewhere, though the daemon has.
fn harden() -> Result<(), channel::Error> {
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    rustix::process::setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )?;
    let files = rustix::process::getrlimit(Resource::Nofile);
    if files.current.is_none_or(|current| current > FILES) {
        let current = Some(FILES);
        rustix::process::setrlimit(Resource::Nofile, Rlimit { current, ..files })?;
    }
    Ok(())
}

/// `None` if it was withdrawn before it was asked, or nothing was asked for a long time.
fn first_question(channel: &Channel, reader: &mut Reader) -> Result<Option<Question>, Failure> {
    match channel.wait(FIRST_MESSAGE) {
        Ok(()) => {}
        Err(channel::Error::Silent) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    match reader.next()? {
        Some(ToPrompt::Ask(question)) if acceptable(&question) => Ok(Some(question)),
        // The end without a word: it stood ready and was not needed.
        Some(ToPrompt::Finish(_)) | None => Ok(None),
        Some(_) => Err(Failure::NoQuestion),
    }
}

fn acceptable(question: &Question) -> bool {
    let certificates = question.certificates.len();
    let choice = match question.kind {
        QuestionKind::AllowOrigin => certificates == 0 && !question.permissions.is_empty(),
        _ => (1..=MAX_CERTIFICATES).contains(&certificates),
    };
    choice && question.documents.len() <= limits::MAX_DOCUMENTS
}
