//! What a script says.
//!
//! ```toml
//! [[rule]]
//! function = "C_Sign"        # or "load": when the library is loaded, before anything is asked of it
//! from = 3                   # from the third call on; 1 if absent
//! times = 1                  # so often; for good if absent
//! do = "hang"
//! ```
//!
//! | `do` | what happens | also says |
//! |---|---|---|
//! | `hang` | the call never returns | |
//! | `delay` | it takes its time, then goes on | `milliseconds` |
//! | `crash` `abort` `exit` | the process ends: by a wild write, by `abort()`, by `exit(0)` | |
//! | `answer` | it returns that and does nothing | `value`: a number, or a name such as `CKR_DEVICE_ERROR` |
//! | `answer-after` | it does what it should, and returns that | `value`: as of `answer` |
//! | `remove` | the token is pulled: this call and all further ones find none; after that time it is back | `milliseconds` |
//! | `lock-pin` | the PIN is locked from here on | |
//! | `print` | noise on every standard stream | |
//! | `flood` | so many MiB on standard error, in lines with controls and marks of direction | `value`: a number |
//! | `close-descriptors` | descriptors 0 to 255 are closed | |
//! | `fork` `threads` `signals` | what a library may do to its host behind its back | |
//! | `fork-and-stay` | the same, and the child stays, with all that it has from its parent | |
//! | `fork-and-leave` | the same, and the child leaves its parent's session and group as far as it may | |
//! | `locale` | the locale of the process is changed | |
//! | `signature` | the answer of `C_Sign` is replaced | `value`: `zeros`, `empty`, `short`, `long`, `der`, `random` |
//! | `length` | a count or length in the answer is replaced | `value`: a number |
//! | `wanted-length` | the same, only where the host asks how much room it needs | `value`: a number |
//! | `given-length` | the same, only where the host gives room | `value`: a number |
//! | `overrun` | `C_GetAttributeValue` writes so many bytes past the room it was given | `value`: a number |
//! | `repeat` | `C_FindObjects` finds each object so often | `value`: a number |
//! | `key` | `C_SignInit` is handed on with the key of this `CKA_LABEL` | `value`: text |
//! | `flags` | `CK_TOKEN_INFO.flags`, or `CK_SLOT_INFO.flags`, is changed | `set`, `clear`: numbers |
//! | `label` | `CK_TOKEN_INFO.label`, or `CK_SLOT_INFO.slotDescription`, is replaced | `value`: text |
//! | `octets` | every text of `CK_TOKEN_INFO` is replaced | `value`: hexadecimal digits |
//! | `always-authenticate` | `C_GetAttributeValue` says so of every key | |
//! | `interface` | `C_GetInterface` lies | `value`: `none`, `no-list`, `short` (a version 3.2 that ends where 2.40 does), `empty` |
//! | `reach` | `CK_TOKEN_INFO.label` says whether a socket to the outside can be made, and the home folder (with `document.pdf`) be used | |
//! | `missing` | the function is not in the list (from the first on) | |

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Deserialize;

use super::calls::is_handed_on;

/// What a rule calls the loading of the library.
pub(crate) const LOAD: &str = "load";

/// What hands out the list of functions, and stands in it itself.
pub(crate) const LIST: &str = "C_GetFunctionList";

/// The other way to that list, since version 3.
pub(crate) const INTERFACE: &str = "C_GetInterface";

/// Names the script.
pub const VARIABLE: &str = "TRIEN_SIMULATE";

/// A script.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The module behind, if it is not the software token beside this library.
    pub module: Option<PathBuf>,
    /// What happens when.
    #[serde(default)]
    pub rule: Vec<Rule>,
    /// The tokens, which the program makes before it begins: not this library's matter.
    #[serde(default, rename = "token")]
    _token: Vec<toml::Value>,
}

/// One rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Which function.
    pub function: String,
    /// From which call on, counted from 1.
    #[serde(default = "one")]
    pub from: u32,
    /// So many calls; for good if absent.
    pub times: Option<u32>,
    /// What happens.
    #[serde(rename = "do")]
    pub action: Action,
    /// Of `delay`, and of `remove`, where none means for good.
    pub milliseconds: Option<u64>,
    /// Of several.
    pub value: Option<Value>,
    /// Of `flags`.
    #[serde(default)]
    pub set: u64,
    /// Of `flags`.
    #[serde(default)]
    pub clear: u64,
    #[serde(skip)]
    calls: AtomicU32,
}

const fn one() -> u32 {
    1
}

/// What happens; the table above says what each means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the table of the module says what each is")]
pub enum Action {
    Hang,
    Delay,
    Crash,
    Abort,
    Exit,
    Answer,
    AnswerAfter,
    Remove,
    LockPin,
    Print,
    Flood,
    CloseDescriptors,
    Fork,
    ForkAndStay,
    ForkAndLeave,
    Threads,
    Signals,
    Locale,
    Signature,
    Length,
    WantedLength,
    GivenLength,
    Overrun,
    Repeat,
    Key,
    Flags,
    Label,
    Octets,
    AlwaysAuthenticate,
    Interface,
    Missing,
    Reach,
}

/// A number or a text.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Of `answer` and `answer-after`, and of all that counts. TOML has no numbers past 2⁶³: -1 is `CK_UNAVAILABLE_INFORMATION`.
    Number(i64),
    /// Of `answer`, `answer-after`, `signature`, `label` and `key`.
    Text(String),
}

impl Script {
    /// Reads what the environment names.
    ///
    /// # Errors
    /// In words, if there is none or it makes no sense.
    pub fn of_environment() -> Result<Self, String> {
        let path = std::env::var_os(VARIABLE).ok_or("TRIEN_SIMULATE names no script")?;
        let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
        Self::parse(&text).map_err(|wrong| wrong.to_string())
    }

    /// Reads a script's text.
    ///
    /// # Errors
    /// With its place. No rule that could never apply is passed over.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let script: Self = toml::from_str(text).map_err(Wrong::Toml)?;
        for (index, rule) in script.rule.iter().enumerate() {
            if let Some(fault) = rule.wrong() {
                return Err(Wrong::Rule {
                    place: place(text, index),
                    function: rule.function.clone(),
                    action: rule.action,
                    fault,
                });
            }
        }
        Ok(script)
    }

    /// The rules that apply to this call of a function, which is counted by asking.
    pub fn of_call(&self, function: &str) -> Vec<&Rule> {
        self.rule
            .iter()
            .filter(|rule| rule.function == function && rule.applies_now())
            .collect()
    }
}

/// True for what calls are counted of.
fn is_function(name: &str) -> bool {
    [LOAD, LIST, INTERFACE].contains(&name) || is_handed_on(name)
}

impl Action {
    /// True if a rule with it does something at this function.
    fn fits(self, function: &str) -> bool {
        match self {
            Self::Signature => function == "C_Sign",
            Self::Length | Self::WantedLength | Self::GivenLength => {
                let with_counts = [
                    "C_GetSlotList",
                    "C_GetAttributeValue",
                    "C_GetMechanismList",
                    "C_FindObjects",
                ];
                with_counts.contains(&function)
            }
            Self::Overrun | Self::AlwaysAuthenticate => function == "C_GetAttributeValue",
            Self::Repeat => function == "C_FindObjects",
            Self::Key => function == "C_SignInit",
            Self::Flags | Self::Label => ["C_GetTokenInfo", "C_GetSlotInfo"].contains(&function),
            Self::Octets | Self::Reach => function == "C_GetTokenInfo",
            Self::Interface => function == INTERFACE,
            Self::Answer => function != LOAD,
            Self::AnswerAfter => is_handed_on(function),
            Self::Missing => is_handed_on(function),
            _ => true,
        }
    }
}

/// Why a text is no script. Displays in English.
#[derive(Debug)]
pub enum Wrong {
    /// No TOML, an unknown key, a wrong type.
    Toml(toml::de::Error),
    /// A rule that could never apply.
    Rule {
        /// Where it begins.
        place: Place,
        /// Which function it is about.
        function: String,
        /// What should happen.
        action: Action,
        /// What makes no sense.
        fault: RuleFault,
    },
}

/// Where a rule of a script begins.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    /// In this line, counted from 1.
    Line(usize),
    /// It is written as a list: its number, counted from 1.
    Rule(usize),
}

/// What makes no sense about a rule.
#[derive(Debug, Clone, Copy)]
pub enum RuleFault {
    /// There is no such function.
    NoFunction,
    /// The function cannot do that.
    DoesNotFit,
    /// Its value is missing, or none for it.
    Value,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A PIN may stand in a script: neither the line itself is told nor a value that is of the wrong type.
            Self::Toml(error) if error.message().starts_with("invalid type") => {
                f.write_str("a value is of the wrong type")
            }
            Self::Toml(error) => f.write_str(error.message()),
            Self::Rule {
                place,
                function,
                action,
                fault,
            } => {
                match place {
                    Place::Line(line) => write!(f, "line {line}: {function}: ")?,
                    Place::Rule(number) => write!(f, "rule {number}: {function}: ")?,
                }
                match fault {
                    RuleFault::NoFunction => f.write_str("no function of PKCS #11"),
                    RuleFault::DoesNotFit => write!(f, "{action:?} is nothing that it can do"),
                    RuleFault::Value => write!(
                        f,
                        "{action:?} without what it needs, or with a value that is none for it"
                    ),
                }
            }
        }
    }
}

/// Where a rule of a script begins.
fn place(text: &str, index: usize) -> Place {
    let headers = text
        .lines()
        .enumerate()
        .filter(|(_, line)| line.trim().starts_with("[[rule]]"));
    match headers.map(|(line, _)| line + 1).nth(index) {
        Some(line) => Place::Line(line),
        None => Place::Rule(index + 1),
    }
}

impl Rule {
    /// What makes no sense about it.
    fn wrong(&self) -> Option<RuleFault> {
        if !is_function(&self.function) {
            Some(RuleFault::NoFunction)
        } else if !self.action.fits(&self.function) {
            Some(RuleFault::DoesNotFit)
        } else if !self.makes_sense() {
            Some(RuleFault::Value)
        } else {
            None
        }
    }

    fn applies_now(&self) -> bool {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let end = self
            .times
            .map_or(u32::MAX, |times| self.from.saturating_add(times));
        (self.from..end).contains(&call)
    }

    fn makes_sense(&self) -> bool {
        match self.action {
            Action::Answer | Action::AnswerAfter => self.answer().is_some(),
            Action::Delay => self.milliseconds.is_some(),
            Action::Signature | Action::Label | Action::Key | Action::Interface => self.text().is_some(),
            Action::Octets => self.octets().is_some(),
            Action::Length
            | Action::WantedLength
            | Action::GivenLength
            | Action::Overrun
            | Action::Flood
            | Action::Repeat => self.number().is_some(),
            _ => true,
        }
    }

    /// The return value of `answer` and `answer-after`.
    #[must_use]
    pub fn answer(&self) -> Option<u64> {
        match &self.value {
            Some(Value::Number(number)) => Some(number.cast_unsigned()),
            Some(Value::Text(name)) => NAMES
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, number)| *number),
            None => None,
        }
    }

    /// The text of `signature`, `label`, `octets`, `interface` and `key`.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The octets of `octets`.
    #[must_use]
    pub fn octets(&self) -> Option<Vec<u8>> {
        let digits = self.text()?.as_bytes().chunks(2);
        let octet = |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok();
        digits.map(octet).collect()
    }

    /// The number of whatever counts.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        match &self.value {
            Some(Value::Number(number)) => Some(number.cast_unsigned()),
            _ => None,
        }
    }
}

/// The return values that a script may name; others it writes as numbers.
const NAMES: &[(&str, u64)] = &[
    ("CKR_OK", 0),
    ("CKR_HOST_MEMORY", 2),
    ("CKR_GENERAL_ERROR", 5),
    ("CKR_FUNCTION_FAILED", 6),
    ("CKR_ARGUMENTS_BAD", 7),
    ("CKR_DATA_INVALID", 0x20),
    ("CKR_DEVICE_ERROR", 0x30),
    ("CKR_DEVICE_MEMORY", 0x31),
    ("CKR_DEVICE_REMOVED", 0x32),
    ("CKR_FUNCTION_CANCELED", 0x50),
    ("CKR_FUNCTION_NOT_SUPPORTED", 0x54),
    ("CKR_KEY_HANDLE_INVALID", 0x60),
    ("CKR_KEY_FUNCTION_NOT_PERMITTED", 0x68),
    ("CKR_MECHANISM_INVALID", 0x70),
    ("CKR_OPERATION_NOT_INITIALIZED", 0x91),
    ("CKR_PIN_INCORRECT", 0xa0),
    ("CKR_PIN_INVALID", 0xa1),
    ("CKR_PIN_LEN_RANGE", 0xa2),
    ("CKR_PIN_EXPIRED", 0xa3),
    ("CKR_PIN_LOCKED", 0xa4),
    ("CKR_SESSION_CLOSED", 0xb0),
    ("CKR_SESSION_COUNT", 0xb1),
    ("CKR_SESSION_HANDLE_INVALID", 0xb3),
    ("CKR_TOKEN_NOT_PRESENT", 0xe0),
    ("CKR_TOKEN_WRITE_PROTECTED", 0xe2),
    ("CKR_USER_ALREADY_LOGGED_IN", 0x100),
    ("CKR_USER_NOT_LOGGED_IN", 0x101),
    ("CKR_USER_PIN_NOT_INITIALIZED", 0x102),
    ("CKR_USER_ANOTHER_ALREADY_LOGGED_IN", 0x104),
    ("CKR_BUFFER_TOO_SMALL", 0x150),
    ("CKR_CRYPTOKI_ALREADY_INITIALIZED", 0x191),
];
