//! The prompt protocol answered from a file, for tests and continuous integration: what `trien scripted-prompt` runs.
//! A process like the window, so that the daemon sees no PIN even then.
//!
//! ```toml
//! [[answer]]
//! decision = "approve"              # or "refuse", "hang": never answer, "approve_then_close": no as soon as yes
//! certificate = "Nguyễn Văn An"     # part of the name, or the serial number; the first certificate if absent
//! pins = ["0000", "1234"]           # the first with the approval, the next after a wrong one; then refuse
//! pin_file = "/run/ci/pin"          # instead of pins: one a line
//! origin = "https://portal.vn"      # only for this origin
//! road = "extension"                # only what came so: "web_socket", or "program" that is no browser
//! kind = "sign_documents"           # only for this kind of question; needed for "allow_origin"
//! permissions = ["sign"]            # for "allow_origin": only these; all but "blind_digest" if absent
//! days = 7                          # for "allow_origin"; 30 if absent
//! repeat = true                     # may answer more than one question
//! ```
//!
//! Answers count in their order; one without `repeat` answers one question. Which were used stands in a file beside the
//! script, `.used` behind its name, because each question has a process of its own. With no answer left there is nobody
//! to ask.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use serde::{Deserialize, Serialize};
use trien_protocol::call::Language;
use trien_protocol::error::Bilingual;
use trien_protocol::prompt::{
    Answer, Asker, FromPrompt, Permission, PinEntry, Question, QuestionKind, ToPrompt, Turn,
};
use zeroize::Zeroizing;

use super::process::NOBODY;
use crate::config::{ConfigError, Fault};
use crate::language::{in_secret_toml, line_of, system_said};

/// The name of a process that has a question.
const ASKING: &std::ffi::CStr = c"trien-asking";

const MAX_SCRIPT: u64 = 1024 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    #[serde(default)]
    answer: Vec<Scripted>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scripted {
    decision: Decision,
    certificate: Option<String>,
    #[serde(default)]
    pins: Vec<String>,
    pin_file: Option<PathBuf>,
    origin: Option<String>,
    road: Option<Road>,
    kind: Option<QuestionKind>,
    permissions: Option<Vec<String>>,
    days: Option<u32>,
    #[serde(default)]
    repeat: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Decision {
    Approve,
    ApproveThenClose,
    Refuse,
    Hang,
}

/// How a request came, in the words of [`Asker`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Road {
    Extension,
    WebSocket,
    Program,
}

impl From<&Asker> for Road {
    fn from(asker: &Asker) -> Self {
        match asker {
            Asker::Extension { .. } => Self::Extension,
            Asker::WebSocket { .. } => Self::WebSocket,
            Asker::Program { .. } => Self::Program,
        }
    }
}

/// What is wrong with a script, without anything that stands in it: a PIN may.
#[derive(Debug, Serialize, Deserialize)]
struct Unusable {
    line: Option<usize>,
    fault: Bilingual,
}

impl Unusable {
    fn new(line: Option<usize>, said: impl Fn(Language) -> String) -> Self {
        let fault = Bilingual {
            vi: said(Language::Vi),
            en: said(Language::En),
        };
        Self { line, fault }
    }
}

/// For the log.
impl From<Unusable> for io::Error {
    fn from(unusable: Unusable) -> Self {
        let Unusable { line, fault } = unusable;
        Self::other(match line {
            Some(line) => format!("line {line}: {}", fault.en),
            None => fault.en,
        })
    }
}

/// Whether a script can be read, for the daemon, which is about to rely on it: `program`, this one, reads it in a process of
/// its own, so that no PIN that stands in it comes into the daemon's memory.
///
/// # Errors
/// [`ConfigError`] with file and line.
pub fn check(program: &Path, script: &Path) -> Result<(), ConfigError> {
    let fault = |line, fault| ConfigError {
        file: script.to_owned(),
        line,
        fault,
    };
    let told = Command::new(program)
        .args(["scripted-prompt", "--check", "--script"])
        .arg(script)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| fault(None, Fault::Io(error)))?;
    if told.status.success() {
        return Ok(());
    }
    let unusable = serde_json::from_slice::<Unusable>(&told.stdout);
    let unusable = unusable.map_err(|error| fault(None, Fault::Io(error.into())))?;
    Err(fault(unusable.line, Fault::Told(unusable.fault)))
}

/// Tells [`check`] on standard output what is wrong, if anything is.
#[must_use]
pub fn tell(script: &Path) -> ExitCode {
    match read(script) {
        Ok(_) => ExitCode::SUCCESS,
        Err(unusable) => {
            let told = serde_json::to_string(&unusable).unwrap_or_default();
            // Who does not listen finds out by the exit code.
            let _ = io::stdout().write_all(told.as_bytes());
            ExitCode::FAILURE
        }
    }
}

/// Answers one question: standard input is the socket, standard output the PIN pipe.
#[must_use]
pub fn run(script: &Path) -> ExitCode {
    match answer_one(script) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(u8::try_from(NOBODY).unwrap_or(u8::MAX)),
        Err(error) => {
            tracing::error!(script = %script.display(), %error, "the script cannot answer");
            ExitCode::FAILURE
        }
    }
}

fn answer_one(script: &Path) -> io::Result<bool> {
    let socket = own_stream(rustix::stdio::stdin())?;
    let mut talk = Talk {
        reading: BufReader::new(socket.try_clone()?),
        writing: socket,
    };
    let pin_pipe = own_stream(rustix::stdio::stdout())?;
    let question = match talk.hear()? {
        Some(ToPrompt::Ask(question)) => question,
        Some(_) => return Err(io::ErrorKind::InvalidData.into()),
        // It stood ready, and was not needed.
        None => return Ok(true),
    };
    let Some(answer) = next_answer(script, &question)? else {
        return Ok(false);
    };
    // Who looks at processes can tell a prompt that asks from one that stands ready.
    let _ = rustix::thread::set_name(ASKING);
    talk.say(&FromPrompt::Shown)?;
    if question.kind == QuestionKind::AllowOrigin && answer.decision == Decision::Approve {
        let wanted = |permission: &Permission| {
            let named = serde_json::to_value(permission).ok();
            let wanted = answer.permissions.as_ref();
            match wanted {
                Some(names) => names
                    .iter()
                    .any(|name| named.as_ref().is_some_and(|one| one == name)),
                // As the window has it until the person ticks more.
                None => *permission != Permission::BlindDigest,
            }
        };
        let permissions = question.permissions.iter().copied().filter(wanted).collect();
        let days = answer.days.unwrap_or(30);
        talk.say(&FromPrompt::Answer(Answer::Granted { permissions, days }))?;
        while talk.hear()?.is_some() {}
        return Ok(true);
    }
    match answer.decision {
        Decision::Refuse => talk.say(&FromPrompt::Answer(Answer::Refused))?,
        Decision::Hang => while talk.hear()?.is_some() {},
        Decision::Approve | Decision::ApproveThenClose => approve(&mut talk, pin_pipe, &answer, &question)?,
    }
    Ok(true)
}

fn approve(talk: &mut Talk, mut pin_pipe: File, answer: &Scripted, question: &Question) -> io::Result<()> {
    let Some(certificate) = choose(answer.certificate.as_deref(), question) else {
        return talk.say(&FromPrompt::Answer(Answer::Refused));
    };
    let mut pins = read_pins(answer)?.into_iter();
    let typed = matches!(question.certificates[certificate].pin, PinEntry::Window { .. });
    if typed && question.kind != QuestionKind::ShareCertificate {
        match pins.next() {
            Some(pin) => type_pin(&mut pin_pipe, &pin)?,
            None => return talk.say(&FromPrompt::Answer(Answer::Refused)),
        }
    }
    talk.say(&FromPrompt::Answer(Answer::Approved { certificate }))?;
    // The window's turns: what it would not take is not taken here.
    let mut turn = Turn::Working;
    if answer.decision == Decision::ApproveThenClose {
        return talk.say(&FromPrompt::Answer(Answer::Refused));
    }
    while let Some(message) = talk.hear()? {
        turn = turn.after(&message).map_err(io::Error::other)?;
        match message {
            ToPrompt::PinIncorrect { .. }
            | ToPrompt::PinInvalid
            | ToPrompt::PinNotTried { .. }
            | ToPrompt::PinForSignature { .. }
            | ToPrompt::Resumed { .. } => match pins.next() {
                Some(pin) => {
                    type_pin(&mut pin_pipe, &pin)?;
                    talk.say(&FromPrompt::PinTyped)?;
                    turn = Turn::Working;
                }
                None => return talk.say(&FromPrompt::Answer(Answer::Refused)),
            },
            ToPrompt::Finish(_) => return Ok(()),
            // Who has no PIN for the token's return does not wait for it.
            ToPrompt::Paused { .. } if pins.len() == 0 => {
                return talk.say(&FromPrompt::Answer(Answer::Refused));
            }
            ToPrompt::Progress { .. }
            | ToPrompt::Paused { .. }
            | ToPrompt::Opened { .. }
            | ToPrompt::NotOpened { .. }
            | ToPrompt::Ask(_) => {}
        }
    }
    Ok(())
}

fn choose(wanted: Option<&str>, question: &Question) -> Option<usize> {
    let Some(wanted) = wanted else { return Some(0) };
    question.certificates.iter().position(|certificate| {
        certificate.name.contains(wanted) || certificate.serial.eq_ignore_ascii_case(wanted)
    })
}

fn read_pins(answer: &Scripted) -> io::Result<Vec<Zeroizing<String>>> {
    let Some(file) = &answer.pin_file else {
        return Ok(answer.pins.iter().cloned().map(Zeroizing::new).collect());
    };
    let mut text = Zeroizing::new(String::new());
    File::open(file)?.take(MAX_SCRIPT).read_to_string(&mut text)?;
    Ok(text.lines().map(|line| Zeroizing::new(line.to_owned())).collect())
}

fn type_pin(pipe: &mut File, pin: &str) -> io::Result<()> {
    pipe.write_all(Zeroizing::new(format!("{pin}\n")).as_bytes())
}

fn read(script: &Path) -> Result<Script, Unusable> {
    let mut text = Zeroizing::new(String::new());
    File::open(script)
        .and_then(|file| file.take(MAX_SCRIPT).read_to_string(&mut text))
        .map_err(|error| Unusable::new(None, |language| system_said(&error, language)))?;
    toml::from_str(&text).map_err(|error| {
        Unusable::new(line_of(&text, &error), |language| {
            in_secret_toml(&text, &error, language)
        })
    })
}

/// The first answer that fits and has not been used up; marks it as used.
fn next_answer(script: &Path, question: &Question) -> io::Result<Option<Scripted>> {
    let answers = read(script)?.answer;
    let mut used_file = script.as_os_str().to_owned();
    used_file.push(".used");
    let used = match std::fs::read_to_string(&used_file) {
        Ok(text) => text
            .lines()
            .filter_map(|line| line.parse().ok())
            .collect::<Vec<usize>>(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let (origin, road) = (question.asker.origin(), Road::from(&question.asker));
    let fits = |answer: &Scripted| {
        answer.origin.as_ref().is_none_or(|wanted| wanted == origin)
            && answer.road.is_none_or(|wanted| wanted == road)
            && match answer.kind {
                Some(kind) => kind == question.kind,
                // A page is let in only by an answer that says so.
                None => question.kind != QuestionKind::AllowOrigin,
            }
    };
    let found = answers
        .into_iter()
        .enumerate()
        .find(|(index, answer)| fits(answer) && (answer.repeat || !used.contains(index)));
    let Some((index, answer)) = found else {
        return Ok(None);
    };
    if !answer.repeat {
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(&used_file)?;
        writeln!(file, "{index}")?;
    }
    Ok(Some(answer))
}

struct Talk {
    reading: BufReader<File>,
    writing: File,
}

impl Talk {
    fn hear(&mut self) -> io::Result<Option<ToPrompt>> {
        let mut line = String::new();
        if self.reading.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        serde_json::from_str(&line).map(Some).map_err(io::Error::other)
    }

    fn say(&mut self, message: &FromPrompt) -> io::Result<()> {
        let mut line = serde_json::to_vec(message).map_err(io::Error::other)?;
        line.push(b'\n');
        self.writing.write_all(&line)
    }
}

fn own_stream(stream: rustix::fd::BorrowedFd<'_>) -> io::Result<File> {
    let owned: OwnedFd = rustix::io::fcntl_dupfd_cloexec(stream, 3)?;
    Ok(File::from(owned))
}
