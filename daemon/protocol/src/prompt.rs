//! What the daemon and a prompt process (the consent window, or the scripted one) say to each other.
//!
//! One process asks one question. Its standard input is one end of a socket pair: JSON lines go both ways on it,
//! [`ToPrompt`] towards the window, [`FromPrompt`] back. Its standard output is the writing end of a pipe whose other
//! end only the module worker reads: a PIN is written there as UTF-8 and a line feed, one line a try, *before* the
//! [`Answer::Approved`] or [`FromPrompt::PinTyped`] that speaks of it. No message here has room for a PIN.

mod doubt;
mod turn;

use serde::{Deserialize, Serialize};

use crate::call::{Language, SignatureFormat};
use crate::error::ErrorCode;
pub use doubt::Doubt;
pub use turn::{OutOfTurn, Turn};

/// From the daemon to the window.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[allow(clippy::large_enum_variant, reason = "one is made, moved once and gone")]
pub enum ToPrompt {
    /// First, and once.
    Ask(Question),
    /// The PIN was wrong: say so and let the person type again. The last try only with a second confirmation.
    PinIncorrect {
        /// Tries left now, as far as the token tells.
        tries: TriesLeft,
    },
    /// The PIN cannot be one (too short, too long, characters the token does not take); no try was spent.
    PinInvalid,
    /// No PIN was tried: meanwhile others have spent tries, and what was typed was not typed for what is left. The last try
    /// only with a second confirmation.
    PinNotTried {
        /// Tries left now.
        tries: TriesLeft,
    },
    /// The key wants a PIN for each signature, and so much is signed: let the person type it for the next.
    PinForSignature {
        /// Documents signed.
        done: u32,
        /// Documents in all.
        total: u32,
    },
    /// Work goes on; the PIN was right.
    Progress {
        /// Documents signed.
        done: u32,
        /// Documents in all.
        total: u32,
    },
    /// The token was pulled in the middle of a batch: the person may put it back, or refuse.
    Paused {
        /// Documents signed.
        done: u32,
        /// Documents in all.
        total: u32,
    },
    /// The token is back: ask for its PIN again. The last try only with a second confirmation.
    Resumed {
        /// Tries left now, as far as the token tells.
        tries: TriesLeft,
    },
    /// The document lies there now, for a program of the person's to show; the daemon takes it away at the end.
    Opened {
        /// Absolute. Its name is the daemon's own, with an ending by what the bytes are.
        path: String,
    },
    /// The document cannot be put anywhere to look at.
    NotOpened {
        /// Because so many of this question lie there already, not because something failed.
        too_many: bool,
    },
    /// Over. Tell the person how it ended, then leave; `withdrawn` leaves at once.
    Finish(Outcome),
}

/// How a question ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All is signed, or the certificate handed over.
    Done,
    /// Some of the documents are signed, and some could not be, for reasons that the page has.
    Partly {
        /// So many are.
        signed: u32,
        /// So many are not.
        failed: u32,
    },
    /// The token is locked now.
    PinLocked,
    /// It failed, with the error that the page has.
    Failed(ErrorCode),
    /// The page or the connection went away.
    Withdrawn,
}

/// From the window to the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum FromPrompt {
    /// The window is on the screen.
    Shown,
    /// The person decided.
    Answer(Answer),
    /// The person wants to look at a document, while he is asked: exactly the bytes that will be signed.
    Open {
        /// Index into [`Question::documents`].
        document: usize,
    },
    /// After [`ToPrompt::PinIncorrect`], [`ToPrompt::PinInvalid`], [`ToPrompt::PinNotTried`],
    /// [`ToPrompt::PinForSignature`] or [`ToPrompt::Resumed`]: another line is in the PIN pipe, if the token takes one
    /// that way.
    PinTyped,
}

/// The person's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// Yes, with this certificate. If the certificate's token takes a PIN from the window, a line is in the PIN pipe.
    Approved {
        /// Index into [`Question::certificates`].
        certificate: usize,
    },
    /// To [`QuestionKind::AllowOrigin`]: yes, for these things and so long.
    Granted {
        /// Out of [`Question::permissions`]; never empty.
        permissions: Vec<Permission>,
        /// Days until it ends.
        days: u32,
    },
    /// No, or the window was closed.
    Refused,
    /// The screen was locked, or the computer goes to sleep: nobody said no, and nobody is there to say yes.
    Left,
}

/// Everything the window shows. Texts from outside come as they are; the window neutralises them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The language to ask in.
    pub language: Language,
    /// What is asked.
    pub kind: QuestionKind,
    /// Who asks.
    pub asker: Asker,
    /// What it is about; empty for [`QuestionKind::ShareCertificate`].
    pub documents: Vec<ShownDocument>,
    /// What the page asks for, too, and cannot be signed; absent where all can be.
    #[serde(default)]
    pub left_out: Option<LeftOut>,
    /// What the page has put into each signature; for [`QuestionKind::SignDocuments`] only.
    pub signature: Option<ShownSignature>,
    /// What a page that is not known yet may be allowed; for [`QuestionKind::AllowOrigin`] only.
    #[serde(default)]
    pub permissions: Vec<Permission>,
    /// That the person allowed it something before, and the time for that is over; for [`QuestionKind::AllowOrigin`] only.
    #[serde(default)]
    pub known_before: bool,
    /// What the person may choose from; the first is proposed. Empty for [`QuestionKind::AllowOrigin`] only.
    pub certificates: Vec<ShownCertificate>,
    /// Certificates that would fit but for the date, of the person's own tokens: it is said that they are there.
    #[serde(default)]
    pub not_valid_now: Vec<NotValidNow>,
    /// Seconds until the daemon gives up.
    pub seconds: u32,
}

/// The kinds of question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuestionKind {
    /// May this page, which is not known yet or not any more, ask at all? No certificate, no PIN.
    AllowOrigin,
    /// May this page see a certificate of yours? No PIN.
    ShareCertificate,
    /// Tell this page who you are? Takes the PIN.
    SignIn,
    /// Sign these documents?
    SignDocuments,
    /// Sign a digest that nobody can look behind?
    SignDigest,
}

/// What a page may be allowed, in the words of `trien origin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Ask the person to share a certificate.
    Certificates,
    /// Ask the person to sign in.
    SignIn,
    /// Ask the person to sign documents.
    Sign,
    /// Ask for several signatures with one question and one PIN.
    Batch,
    /// Have documents checked.
    Verify,
    /// Ask the person to sign a digest that nobody can look behind.
    BlindDigest,
}

/// Who asks, and how we know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "road", rename_all = "snake_case", deny_unknown_fields)]
pub enum Asker {
    /// A page, as our extension says.
    Extension {
        /// ASCII serialisation (WHATWG), punycode for IDN.
        origin: String,
        /// The page around it, in the same form, if the asking page is a frame in another site's.
        top_origin: Option<String>,
    },
    /// A page, as the WebSocket handshake says.
    WebSocket {
        /// ASCII serialisation (WHATWG), punycode for IDN.
        origin: String,
    },
    /// A program of this computer that is no browser and says that it speaks for a page, over whichever of the two.
    Program {
        /// ASCII serialisation (WHATWG), punycode for IDN.
        origin: String,
        /// The page around it, in the same form, if it says that there is one.
        top_origin: Option<String>,
        /// The path of its executable, if that can be told.
        executable: Option<String>,
    },
}

impl Asker {
    /// The page's origin: ASCII serialisation (WHATWG), punycode for IDN.
    #[must_use]
    pub fn origin(&self) -> &str {
        let (Self::Extension { origin, .. } | Self::WebSocket { origin } | Self::Program { origin, .. }) =
            self;
        origin
    }

    /// The page around it, in the same form, if the asking page is a frame in another site's.
    #[must_use]
    pub fn top_origin(&self) -> Option<&str> {
        match self {
            Self::Extension { top_origin, .. } | Self::Program { top_origin, .. } => top_origin.as_deref(),
            Self::WebSocket { .. } => None,
        }
    }
}

/// A document as the window shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownDocument {
    /// The page's name for it.
    pub name: String,
    /// In bytes; absent for a bare digest.
    pub size: Option<u64>,
    /// What its bytes look like, whatever its name says; absent for a bare digest.
    #[serde(default)]
    pub kind: Option<DocumentKind>,
    /// Name of the hash function, for instance `SHA-256`.
    pub hash: String,
    /// Lower-case hexadecimal.
    pub digest: String,
    /// What the person has to know of it before he signs.
    #[serde(default)]
    pub warnings: Vec<DocumentWarning>,
}

/// Documents of a request that are not asked about, because they cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// The page's names for them, each at most [`crate::limits::MAX_NAME`] characters.
    pub names: Vec<String>,
    /// So many documents the page asks for in all.
    pub total: u32,
}

/// What is doubtful about a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentWarning {
    /// A signature that it carries is broken.
    SignatureBroken,
    /// It was changed after a signature that it carries, in a way that is not permitted.
    ChangedAfterSigning,
    /// It carries signatures that could not be checked.
    SignatureUnchecked,
    /// It runs scripts or programs, sends data away or holds other files.
    ActiveContent,
    /// Not everybody has to see the same: layers that are not always shown, annotations over its pages, fields that show
    /// something other than their value.
    ShownOtherwise,
    /// Something in it is not there yet and may come later: after it was signed it may look different.
    MayCome,
    /// Not all of it could be looked through: it may be more than it shows.
    Unsearched,
    /// Once it is signed nothing can be added to it, no further signature and no time-stamp of the document: part of it breaks
    /// its format, so that nobody could tell what was added.
    LastSignature,
}

impl DocumentWarning {
    /// Whether it is about the signatures that are there. Without a window such a document is signed only by whoever
    /// says that he knows.
    #[must_use]
    pub const fn is_about_signatures(self) -> bool {
        match self {
            Self::SignatureBroken | Self::ChangedAfterSigning | Self::SignatureUnchecked => true,
            Self::ActiveContent
            | Self::ShownOtherwise
            | Self::MayCome
            | Self::Unsearched
            | Self::LastSignature => false,
        }
    }
}

/// What a document's first bytes say it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// `%PDF-`
    Pdf,
    /// An XML declaration or element
    Xml,
    /// A ZIP container: office documents, ASiC
    Zip,
    /// UTF-8 text
    Text,
    /// Anything else
    Other,
}

impl DocumentKind {
    /// By the first bytes of a document, of which a few hundred are enough.
    #[must_use]
    pub fn of(head: &[u8]) -> Self {
        let text = head
            .strip_prefix(b"\xef\xbb\xbf")
            .unwrap_or(head)
            .trim_ascii_start();
        match () {
            () if head.starts_with(b"%PDF-") => Self::Pdf,
            () if head.starts_with(b"PK\x03\x04") => Self::Zip,
            () if text.starts_with(b"<?xml") => Self::Xml,
            () if text.starts_with(b"<") && text.get(1).is_some_and(u8::is_ascii_alphabetic) => Self::Xml,
            () if is_text(head) => Self::Text,
            () => Self::Other,
        }
    }
}

/// UTF-8 without control characters; its end may be cut.
fn is_text(head: &[u8]) -> bool {
    let whole = match std::str::from_utf8(head) {
        Ok(_) => head.len(),
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Err(_) => return false,
    };
    let plain = |byte: &u8| *byte >= b' ' || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c);
    whole > 0 && head.iter().all(plain)
}

/// What goes into each signature because the page says so, and is signed with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownSignature {
    /// The signature format.
    pub format: SignatureFormat,
    /// Why it is signed (ISO 32000-1, table 252, Reason); at most [`crate::limits::MAX_TEXT`] characters.
    pub reason: Option<String>,
    /// Where it is signed (ISO 32000-1, table 252, Location); at most [`crate::limits::MAX_TEXT`] characters.
    pub location: Option<String>,
    /// The signature shows on a page of the document, with the reason.
    pub visible: bool,
    /// It certifies the document: what may be done to it afterwards.
    #[serde(default)]
    pub certify: Option<crate::call::Certification>,
    /// It locks form fields.
    #[serde(default)]
    pub locks: bool,
}

/// A certificate as the window shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownCertificate {
    /// CN of the subject, or the whole subject if there is none.
    pub name: String,
    /// O of the subject.
    pub organization: Option<String>,
    /// `MST 0312345678`, `CCCD 079…`: identity numbers in the subject.
    pub identity: Vec<String>,
    /// CN of the issuer.
    pub issuer: String,
    /// Lower-case hexadecimal.
    pub serial: String,
    /// Calendar date in Vietnam (UTC+07:00), ISO 8601.
    pub not_before: String,
    /// Calendar date in Vietnam (UTC+07:00), ISO 8601.
    pub not_after: String,
    /// It was not revoked as of this day: the oldest of what is known of it and of those above it. In the same form;
    /// absent where [`Warning::StatusUnknown`] is what there is to say.
    #[serde(default)]
    pub status_as_of: Option<String>,
    /// Calendar days in Vietnam from [`Self::status_as_of`] to today.
    #[serde(default)]
    pub status_days: Option<u32>,
    /// Calendar days in Vietnam from today to its last day; with [`Warning::ExpiresSoon`] only.
    #[serde(default)]
    pub days_left: Option<u32>,
    /// What the person should know before he uses it.
    pub warnings: Vec<Warning>,
    /// Label of the token.
    pub token: String,
    /// How its PIN is given.
    pub pin: PinEntry,
}

/// A certificate that is not offered, because it has expired or is not valid yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotValidNow {
    /// CN of the subject, or the whole subject if there is none.
    pub name: String,
    /// The last day of one that has expired, the first of one that is not valid yet: calendar date in Vietnam
    /// (UTC+07:00), ISO 8601.
    pub day: String,
    /// It has expired; else it is not valid yet.
    pub expired: bool,
}

/// What is doubtful about a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Warning {
    /// Ends within 30 days.
    ExpiresSoon,
    /// Whether it was revoked has not been checked.
    StatusUnknown,
    /// No path to a trusted root is known.
    PathUnknown,
    /// It, or a certificate above it, rests on a hash or a key that no longer counts: SHA-1, RSA below 2048 bits. Said
    /// instead of [`Warning::PathUnknown`].
    WeakAlgorithm,
    /// The key is in software; not a compliant medium.
    SoftwareToken,
    /// The key is one of those that can be computed from their public half (CVE-2017-15361, "ROCA").
    RocaKey,
}

/// How a token takes its PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case", deny_unknown_fields)]
pub enum PinEntry {
    /// Typed in the window.
    Window {
        /// Shortest PIN, in bytes of UTF-8.
        min: u32,
        /// Longest PIN, in bytes of UTF-8.
        max: u32,
        /// Tries left, as far as the token tells.
        tries: TriesLeft,
    },
    /// Typed on the reader.
    Reader {
        /// Tries left, as far as the token tells.
        tries: TriesLeft,
    },
    /// Locked; this certificate cannot be used.
    Locked,
    /// The token asks for none.
    NotNeeded,
}

/// What a token tells about the tries left (PKCS #11, `CKF_USER_PIN_COUNT_LOW` and its relatives; ISO/IEC 7816-4, `63Cx`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriesLeft {
    /// It says nothing, or that all is well.
    Unknown,
    /// So many, more than one.
    Count(u8),
    /// At least one wrong PIN since the last right one.
    Few,
    /// The next wrong PIN locks it.
    Last,
}
