//! Where the PIN of a verb comes from: a file, an open descriptor, or the terminal.
//!
//! A file or descriptor is passed on as it is; this process never reads it. What a person types goes through a wiped
//! buffer into a pipe.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use trien_protocol::call::Language;
use trien_protocol::prompt::Doubt;
use zeroize::Zeroizing;

use super::shell::complain;
use super::sign::failed;
use super::{CliError, Shell, wording};
use crate::consent::shell::{NoPin, PinSource, PinTrouble};
use crate::jobs::JobError;
use crate::language::{Arguments, arguments, text};
use crate::legible;
use crate::tokens::PinState;

/// The longest PIN that is typed, in bytes; the module's process takes no longer one.
const MAX_TYPED: usize = 256;

/// The arguments of every verb that may need a PIN.
#[derive(Debug, Clone, clap::Args)]
pub struct PinArguments {
    /// The PIN is the first line of this file.
    #[arg(long, conflicts_with = "pin_fd")]
    pub pin_file: Option<PathBuf>,
    /// The PIN is the first line of this open descriptor.
    #[arg(long)]
    pub pin_fd: Option<u32>,
}

/// The security officer's PIN, where a verb needs that, too.
#[derive(Debug, Clone, clap::Args)]
pub struct OfficerPinArguments {
    /// It is the first line of this file.
    #[arg(long, conflicts_with = "so_pin_fd")]
    so_pin_file: Option<PathBuf>,
    /// It is the first line of this open descriptor.
    #[arg(long)]
    so_pin_fd: Option<u32>,
}

/// The PIN that takes another one's place.
#[derive(Debug, Clone, clap::Args)]
pub struct NewPinArguments {
    /// It is the first line of this file.
    #[arg(long, conflicts_with = "new_pin_fd")]
    new_pin_file: Option<PathBuf>,
    /// It is the first line of this open descriptor.
    #[arg(long)]
    new_pin_fd: Option<u32>,
}

impl OfficerPinArguments {
    /// Opens what was named, if anything was.
    ///
    /// # Errors
    /// As [`PinArguments::source`].
    pub(super) fn given(&self) -> Result<Option<OwnedFd>, CliError> {
        given(self.so_pin_file.as_deref(), self.so_pin_fd)
    }
}

impl NewPinArguments {
    /// As [`OfficerPinArguments::given`].
    ///
    /// # Errors
    /// As [`PinArguments::source`].
    pub(super) fn given(&self) -> Result<Option<OwnedFd>, CliError> {
        given(self.new_pin_file.as_deref(), self.new_pin_fd)
    }
}

impl PinArguments {
    /// As [`OfficerPinArguments::given`], of a PIN that is set.
    ///
    /// # Errors
    /// As [`Self::source`].
    pub(super) fn given(&self) -> Result<Option<OwnedFd>, CliError> {
        given(self.pin_file.as_deref(), self.pin_fd)
    }

    /// The PIN comes from a file or descriptor, and not from somebody who sees which token asks for it.
    pub(super) const fn is_given(&self) -> bool {
        self.pin_file.is_some() || self.pin_fd.is_some()
    }

    /// Opens what was named; without it the terminal will be asked when it comes to that.
    ///
    /// # Errors
    /// Failure if the file or descriptor cannot be opened.
    pub(super) fn source(&self, shell: &Shell) -> Result<Arc<dyn PinSource>, CliError> {
        let Some(given) = self.given()? else {
            return Ok(Arc::new(TerminalPin::new(shell.language)));
        };
        if let Some(file) = &self.pin_file
            && is_for_everybody(&given)
        {
            let facts = arguments([("file", file.display().to_string())]);
            shell.note("pin-file-readable", &facts);
        }
        let kept = given
            .try_clone()
            .map_err(|error| CliError::io("pin-no-pipe", &error))?;
        Ok(Arc::new(GivenPin {
            given: Mutex::new(Some(given)),
            kept,
            told_in: (!shell.json).then_some(shell.language),
        }))
    }
}

fn given(file: Option<&Path>, number: Option<u32>) -> Result<Option<OwnedFd>, CliError> {
    match (file, number) {
        (Some(file), _) => open(file).map(Some),
        (None, Some(number)) => inherited(number).map(Some),
        (None, None) => Ok(None),
    }
}

/// Opens a file with a PIN in its first line.
pub(super) fn open(file: &Path) -> Result<OwnedFd, CliError> {
    let opened = File::open(file).and_then(|opened| match opened.metadata()?.is_dir() {
        // It can be opened, and not be read.
        true => Err(io::ErrorKind::IsADirectory.into()),
        false => Ok(OwnedFd::from(opened)),
    });
    opened.map_err(|error| CliError::file("pin-unreadable", file, &error))
}

/// A descriptor that whoever started this program has left open for it, opened anew. Those that this program has opened are
/// closed for others ([`CLOSED_FOR_OTHERS`]): the beginning of a document, say, is no try at a PIN.
fn inherited(number: u32) -> Result<OwnedFd, CliError> {
    let path = PathBuf::from(format!("/proc/self/fd/{number}"));
    let facts = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
    let flags = facts.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    match flags.is_some_and(|flags| flags & CLOSED_FOR_OTHERS == 0) {
        true => open(&path),
        false => Err(CliError::file(
            "pin-unreadable",
            &path,
            &io::ErrorKind::NotFound.into(),
        )),
    }
}

/// `O_CLOEXEC`, as it stands in `/proc/PID/fdinfo` (proc(5)).
const CLOSED_FOR_OTHERS: u32 = rustix::fs::OFlags::CLOEXEC.bits();

/// One PIN, from a file or descriptor. There is no second one; a key that wants it for each signature gets the same
/// one again out of a file, and the next line of a pipe.
struct GivenPin {
    given: Mutex<Option<OwnedFd>>,
    /// The same open file: what is read there moves on here.
    kept: OwnedFd,
    /// The language of whoever reads what is said on the side; none for a program.
    told_in: Option<Language>,
}

#[async_trait]
impl PinSource for GivenPin {
    /// A file says that nobody is there to be told.
    fn on_reader(&self, _state: PinState) {}

    fn is_typed(&self) -> bool {
        false
    }

    async fn pin(&self, _token_label: &str, state: PinState) -> Result<OwnedFd, NoPin> {
        // Who wrote the file did not know that it would be the last try; a script must not lock a token.
        if state == PinState::LastTry {
            return Err(NoPin::LastTry);
        }
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner).take();
        given.filter(|given| !is_empty_file(given)).ok_or(NoPin::Empty)
    }

    async fn again(&self, trouble: PinTrouble) -> bool {
        if trouble != PinTrouble::ForSignature {
            // The failure itself, which a page may be told as well, has no number.
            if let Some((language, (key, facts))) = self.told_in.zip(left_after(trouble)) {
                complain(&text(language, key, &facts));
            }
            return false;
        }
        match rustix::fs::seek(&self.kept, rustix::fs::SeekFrom::Start(0)) {
            Ok(_) | Err(rustix::io::Errno::SPIPE) => true,
            Err(_) => false,
        }
    }
}

/// What is told of the tries that are left after a wrong PIN, where the token tells how many.
fn left_after(trouble: PinTrouble) -> Option<(&'static str, Arguments)> {
    match trouble {
        PinTrouble::Incorrect { left: Some(left) } => {
            Some(("pin-tries-left", arguments([("count", left.to_string())])))
        }
        PinTrouble::LastTry => Some(("pin-one-try-left", Arguments::new())),
        PinTrouble::Incorrect { left: None }
        | PinTrouble::Invalid
        | PinTrouble::NotTried
        | PinTrouble::ForSignature => None,
    }
}

/// What a person is told before he types, as in the window, where tries were spent or the token counts them.
fn left_before(state: PinState) -> Option<(&'static str, Arguments)> {
    match state {
        PinState::Tries(left) => Some(("pin-tries-left", arguments([("count", left.to_string())]))),
        PinState::FewTries => Some(("pin-few-tries", Arguments::new())),
        // The last one has a question of its own.
        _ => None,
    }
}

/// What a person is told who types on the reader.
fn at_reader(state: PinState) -> impl Iterator<Item = (&'static str, Arguments)> {
    let left = match state {
        PinState::LastTry => Some(("pin-reader-last-try", Arguments::new())),
        state => left_before(state),
    };
    left.into_iter().chain([("pin-on-reader", Arguments::new())])
}

/// What a person is told whose PIN was wrong, where the token tells how many tries are left.
pub(super) fn note_left(now: PinState, shell: &Shell) {
    match now {
        PinState::LastTry => shell.note("pin-one-try-left", &Arguments::new()),
        now => {
            if let Some((key, facts)) = left_before(now) {
                shell.note(key, &facts);
            }
        }
    }
}

/// Tells the person to type the PIN on the reader, and in what state it is.
pub(super) fn note_reader(state: PinState, shell: &Shell) {
    for (key, facts) in at_reader(state) {
        shell.note(key, &facts);
    }
}

/// True for a regular file that every user may read.
fn is_for_everybody(given: &OwnedFd) -> bool {
    rustix::fs::fstat(given).is_ok_and(|found| {
        rustix::fs::FileType::from_raw_mode(found.st_mode).is_file()
            && rustix::fs::Mode::from_raw_mode(found.st_mode).contains(rustix::fs::Mode::ROTH)
    })
}

/// True for a regular file without a byte: in a pipe, the line may still come.
fn is_empty_file(given: &OwnedFd) -> bool {
    rustix::fs::fstat(given)
        .is_ok_and(|found| rustix::fs::FileType::from_raw_mode(found.st_mode).is_file() && found.st_size == 0)
}

/// How a verb ends that got no PIN: a person who leaves says no; an empty file holds a PIN that cannot be one; a token
/// at its last try is not risked.
pub(super) fn no_pin(none: &NoPin) -> CliError {
    match none {
        NoPin::Left => failed(&JobError::Cancelled),
        NoPin::Empty => failed(&JobError::PinInvalid).reworded(wording::empty_pin),
        NoPin::NoTerminal(_) => nobody_types("pin-prompt"),
        NoPin::LastTry => CliError::refused("pin-last-try-typed-only", Arguments::new()),
    }
}

/// What is asked for at a terminal, by the key of the question: how it is given where there is none.
fn nobody_types(question: &str) -> CliError {
    let (what, option) = match question {
        "pin-new" => ("new", "--new-pin-file"),
        "pin-new-user" => ("user", "--pin-file"),
        "pin-new-so" | "pin-so" => ("officer", "--so-pin-file"),
        "token-import-password" => ("password", "--password-file"),
        _ => return CliError::misuse("pin-no-terminal", Arguments::new()),
    };
    let facts = [("what", what.to_owned()), ("option", option.to_owned())];
    CliError::misuse("pin-no-terminal-for", arguments(facts))
}

fn left_or_nobody(question: &str, error: io::Error) -> CliError {
    match not_typed(error) {
        NoPin::NoTerminal(_) => nobody_types(question),
        none => no_pin(&none),
    }
}

fn not_typed(error: io::Error) -> NoPin {
    match error.kind() {
        io::ErrorKind::Interrupted => NoPin::Left,
        _ => NoPin::NoTerminal(error),
    }
}

/// The person at the terminal, asked as often as he wants to try.
struct TerminalPin {
    language: Language,
    asked: Mutex<Option<(String, OwnedFd)>>,
}

impl TerminalPin {
    const fn new(language: Language) -> Self {
        Self {
            language,
            asked: Mutex::new(None),
        }
    }
}

#[async_trait]
impl PinSource for TerminalPin {
    fn is_typed(&self) -> bool {
        true
    }

    fn on_reader(&self, state: PinState) {
        for (key, facts) in at_reader(state) {
            complain(&text(self.language, key, &facts));
        }
    }

    async fn pin(&self, token_label: &str, state: PinState) -> Result<OwnedFd, NoPin> {
        let token = || arguments([("token", token_label.to_owned())]);
        let prompt = text(self.language, "pin-prompt", &token());
        let left = left_before(state).map(|(key, facts)| text(self.language, key, &facts));
        let last = (state == PinState::LastTry).then(|| {
            (
                text(self.language, "pin-at-last-try", &token()),
                text(self.language, "pin-last-yes", &Arguments::new()),
            )
        });
        let language = self.language;
        let written = move || {
            let (reading, writing) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
            let mut terminal = Terminal::open()?;
            if let Some((notice, yes)) = last {
                terminal.say(&format!("{notice}\n"))?;
                terminal.confirm(&yes)?;
            }
            if let Some(left) = left {
                terminal.say(&format!("{left}\n"))?;
            }
            put(&writing, terminal.ask_pin(&prompt, language)?)?;
            Ok((reading, writing))
        };
        let (reading, writing) = blocking(written).await.map_err(not_typed)?;
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some((token_label.to_owned(), writing));
        Ok(reading)
    }

    async fn again(&self, trouble: PinTrouble) -> bool {
        let Some((label, writing)) = self.asked.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            // Nothing was typed here: the reader asks, and there the person may still leave.
            let is_last = matches!(trouble, PinTrouble::LastTry | PinTrouble::NotTried);
            if is_last {
                self.on_reader(PinState::LastTry);
            }
            return is_last;
        };
        let key = match trouble {
            PinTrouble::Incorrect { left: None } => "pin-again-incorrect",
            PinTrouble::Incorrect { left: Some(_) } => "pin-again-tries",
            PinTrouble::LastTry => "pin-again-last",
            PinTrouble::Invalid => "pin-again-invalid",
            PinTrouble::NotTried => "pin-not-tried",
            PinTrouble::ForSignature => "pin-again-signature",
        };
        let facts = match trouble {
            PinTrouble::Incorrect { left: Some(left) } => arguments([("count", left.to_string())]),
            _ => Arguments::new(),
        };
        let question = text(self.language, key, &facts);
        let yes = text(self.language, "pin-last-yes", &Arguments::new());
        let prompt = text(
            self.language,
            "pin-prompt",
            &arguments([("token", label.clone())]),
        );
        let language = self.language;
        let typed = blocking(move || {
            let mut terminal = Terminal::open()?;
            terminal.say(&format!("{question}\n"))?;
            if matches!(trouble, PinTrouble::LastTry | PinTrouble::NotTried) {
                terminal.confirm(&yes)?;
            }
            put(&writing, terminal.ask_pin(&prompt, language)?).map(|()| writing)
        });
        match typed.await {
            Ok(writing) => {
                *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some((label, writing));
                true
            }
            Err(_) => false,
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
}

/// Asks for a new PIN twice and gives a pipe with it.
///
/// # Errors
/// Misuse if there is no terminal or the two differ; no if the person leaves.
pub(super) fn new_pin(shell: &Shell, prompt: &str, repeat: &str) -> Result<OwnedFd, CliError> {
    let no_terminal = |error| left_or_nobody(prompt, error);
    let said = |key| text(shell.language, key, &Arguments::new());
    let first = ask_pin(shell, prompt).map_err(no_terminal)?;
    let second = ask(&said(repeat)).map_err(no_terminal)?;
    if first.bytes() != second.bytes() {
        return Err(CliError::misuse("pin-differs", Arguments::new()));
    }
    piped(first)
}

/// Asks for a PIN once and gives a pipe with it.
///
/// # Errors
/// As [`new_pin`].
pub(super) fn one_pin(shell: &Shell, prompt: &str) -> Result<OwnedFd, CliError> {
    piped(ask_pin(shell, prompt).map_err(|error| left_or_nobody(prompt, error))?)
}

/// The same for a last try: tells so, and has it confirmed.
///
/// # Errors
/// As [`new_pin`].
pub(super) fn last_pin(shell: &Shell, prompt: &str, notice: &str) -> Result<OwnedFd, CliError> {
    let said = |key| shell.text(key, &Arguments::new());
    let asked = || -> io::Result<Typed> {
        let mut terminal = Terminal::open()?;
        terminal.say(&format!("{}\n", said(notice)))?;
        terminal.confirm(&said("pin-last-yes"))?;
        terminal.ask_pin(&said(prompt), shell.language)
    };
    piped(asked().map_err(|error| left_or_nobody(prompt, error))?)
}

fn piped(typed: Typed) -> Result<OwnedFd, CliError> {
    let written = || -> io::Result<OwnedFd> {
        let (reading, writing) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        put(&writing, typed)?;
        Ok(reading)
    };
    written().map_err(|error| CliError::io("pin-no-pipe", &error))
}

/// Asks at the terminal for a line that is shown while it is typed.
///
/// # Errors
/// [`io::ErrorKind::Interrupted`] if the person leaves; otherwise there is no terminal.
pub(super) async fn line(question: String) -> io::Result<String> {
    blocking(move || {
        let typed = Terminal::open()?.ask(&question, Echo::On)?;
        Ok(typed.as_str().unwrap_or_default().to_owned())
    })
    .await
}

/// Asks at the terminal for something that is not shown.
///
/// # Errors
/// Misuse if there is no terminal; no if the person leaves.
pub(super) fn secret(shell: &Shell, prompt: &str) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let typed = ask(&shell.text(prompt, &Arguments::new())).map_err(|error| left_or_nobody(prompt, error))?;
    Ok(Zeroizing::new(typed.bytes().to_vec()))
}

fn ask(prompt: &str) -> io::Result<Typed> {
    Terminal::open()?.ask(prompt, Echo::Off)
}

fn ask_pin(shell: &Shell, prompt: &str) -> io::Result<Typed> {
    Terminal::open()?.ask_pin(&shell.text(prompt, &Arguments::new()), shell.language)
}

/// A line always fits: it is shorter than the kernel's smallest pipe.
fn put(pipe: &OwnedFd, mut typed: Typed) -> io::Result<()> {
    let end = typed.length;
    typed.line[end] = b'\n';
    rustix::io::write(pipe, &typed.line[..=end])?;
    Ok(())
}

/// What was typed: in one place from the first key on, which is locked in memory, and wiped when it is dropped.
struct Typed {
    _in_memory: Option<region::LockGuard>,
    /// With room for the line feed.
    line: Box<Zeroizing<[u8; MAX_TYPED + 1]>>,
    length: usize,
}

impl Typed {
    fn new() -> Self {
        let line = Box::new(Zeroizing::new([0; MAX_TYPED + 1]));
        // Locking is refused where the user's limit on locked memory is used up; the PIN is wiped all the same.
        let locked = region::lock(line.as_ptr(), line.len()).ok();
        Self {
            _in_memory: locked,
            line,
            length: 0,
        }
    }

    fn bytes(&self) -> &[u8] {
        &self.line[..self.length]
    }

    fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.bytes()).ok()
    }

    /// Takes back one character of UTF-8.
    fn erase(&mut self) {
        while let Some(last) = self.length.checked_sub(1) {
            self.length = last;
            if self.line[last] & 0xc0 != 0x80 {
                break;
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Echo {
    On,
    Off,
}

/// The terminal this process belongs to, whatever standard input is.
struct Terminal(File);

/// Puts the terminal back as it was.
struct Restore<'a>(&'a File, Termios);

impl Drop for Restore<'_> {
    fn drop(&mut self) {
        // A terminal that is gone needs no echo.
        let _ = tcsetattr(self.0, OptionalActions::Flush, &self.1);
    }
}

impl Terminal {
    fn open() -> io::Result<Self> {
        File::options().read(true).write(true).open("/dev/tty").map(Self)
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        self.0.write_all(legible::lines(text).as_bytes())
    }

    /// The last try needs a second confirmation, so that nobody locks a token by habit.
    fn confirm(&mut self, question: &str) -> io::Result<()> {
        match self.ask(&format!("{question} "), Echo::On)?.as_str() {
            Some("ok") => Ok(()),
            _ => Err(io::ErrorKind::Interrupted.into()),
        }
    }

    /// Asks for a PIN; as in the window, once more about one that may be something else than the person meant.
    fn ask_pin(&mut self, prompt: &str, language: Language) -> io::Result<Typed> {
        loop {
            let typed = self.ask(prompt, Echo::Off)?;
            let doubtful = match Doubt::about(typed.bytes()) {
                None => return Ok(typed),
                Some(Doubt::Space) => "pin-space",
                Some(Doubt::Letters) => "pin-letters",
            };
            let said = |key| text(language, key, &Arguments::new());
            self.say(&format!("{}\n", said(doubtful)))?;
            let answer = self.ask(&format!("{} ", said("pin-doubt-yes")), Echo::On)?;
            if answer.as_str() == Some("ok") {
                return Ok(typed);
            }
        }
    }

    /// Reads a line key by key: with signals off, so that Ctrl-C cannot leave the terminal without echo.
    fn ask(&mut self, prompt: &str, echo: Echo) -> io::Result<Typed> {
        let before = tcgetattr(&self.0)?;
        let mut during = before.clone();
        during
            .local_modes
            .remove(LocalModes::ICANON | LocalModes::ISIG | LocalModes::ECHO | LocalModes::ECHONL);
        during.special_codes[SpecialCodeIndex::VMIN] = 1;
        during.special_codes[SpecialCodeIndex::VTIME] = 0;
        if echo == Echo::On {
            during.local_modes.insert(LocalModes::ECHO);
        }
        self.say(prompt)?;
        tcsetattr(&self.0, OptionalActions::Flush, &during)?;
        let restore = Restore(&self.0, before);
        let typed = read_line(self.0.as_fd());
        drop(restore);
        self.say("\n")?;
        typed
    }
}

fn read_line(terminal: impl AsFd) -> io::Result<Typed> {
    let mut typed = Typed::new();
    let mut key = Zeroizing::new([0; 1]);
    loop {
        match rustix::io::read(&terminal, &mut *key) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        match key[0] {
            b'\n' | b'\r' => return Ok(typed),
            // Ctrl-C, Ctrl-D, Ctrl-\
            3 | 4 | 28 => return Err(io::ErrorKind::Interrupted.into()),
            8 | 127 => typed.erase(),
            // Ctrl-U
            21 => typed.length = 0,
            byte if typed.length < MAX_TYPED => {
                typed.line[typed.length] = byte;
                typed.length += 1;
            }
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[u8]) -> io::Result<String> {
        let (reading, writing) = rustix::pipe::pipe().unwrap();
        rustix::io::write(&writing, keys).unwrap();
        drop(writing);
        read_line(reading).map(|typed| typed.as_str().unwrap().to_owned())
    }

    #[test]
    fn keys_edit_the_line() {
        assert_eq!(typed(b"1234\r").unwrap(), "1234");
        assert_eq!(typed(b"12x\x7f34\n").unwrap(), "1234");
        assert_eq!(typed("mãe\u{7f}\u{7f}\u{7f}\u{7f}ab\n".as_bytes()).unwrap(), "ab");
        assert_eq!(typed(b"wrong\x151234\n").unwrap(), "1234");
    }

    #[test]
    fn leaving_gives_nothing() {
        assert!(typed(b"12\x03").is_err());
        assert!(typed(b"12").is_err());
        assert!(typed(&[b'1'; MAX_TYPED + 1]).is_err());
    }
}
