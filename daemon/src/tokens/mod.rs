//! Tokens: what holds keys, whatever it is. Nothing here knows of origins, people or formats.
//!
//! A [`Token`] is a PKCS #11 slot in a module worker, or a smart card in a reader's. A token that wants a PIN *says*
//! so ([`SigningSession::pin`]); asking is not its business.

mod client;
pub mod distinguished_name;
mod doubles;
pub mod issue;
mod issuing_key;
mod key_algorithm;
pub mod key_file;
pub mod known;
pub mod library;
pub mod pcsc;
mod profile;
mod registry;
pub mod request;
mod rsa_key;
mod session;
mod suspension;
pub mod truth;
mod wire;
pub mod worker;

use std::os::fd::OwnedFd;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use trien_signatures::algorithm::{RsaPadding, SignatureAlgorithm};
use trien_signatures::certificate::Certificate;

pub use client::Deadlines;
pub(crate) use client::switch_on;
pub use key_algorithm::{KeyAlgorithm, UnknownKeyAlgorithm};
pub use profile::TokenProfile;
pub use registry::{InitializeError, ModuleState, ModuleToken, Modules, Sight};
pub use session::{ModuleSession, TokenKey};
pub use suspension::SleepClock;
#[doc(hidden)]
pub use wire::{reply_written_anew, request_written_anew};

/// Names one token for as long as it is plugged in: never by slot number, which may be another token's tomorrow.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TokenId {
    /// The module's name in the configuration.
    pub module: String,
    /// `CK_TOKEN_INFO.serialNumber`, without padding.
    pub serial: String,
    /// `CK_TOKEN_INFO.label`, without padding.
    pub label: String,
    /// Where it is, while another one of the same names is there, too: some makers write the same number into each. Else
    /// none.
    #[serde(default)]
    pub place: Option<String>,
}

/// What `trien token list` shows of a token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenEntry {
    /// Its name here.
    pub id: TokenId,
    /// PKCS #11 slot, for people who compare with other tools.
    pub slot: u64,
    /// `CK_TOKEN_INFO.manufacturerID`.
    pub manufacturer: String,
    /// `CK_TOKEN_INFO.model`.
    pub model: String,
    /// `CKF_HW_SLOT`: the key is in hardware.
    pub hardware: bool,
    /// `CKF_REMOVABLE_DEVICE`: the token can be taken away.
    #[serde(default)]
    pub removable: bool,
    /// `CKF_TOKEN_INITIALIZED`.
    pub initialized: bool,
    /// `CKF_ERROR_STATE`: something on it is damaged. If it is not [initialized](Self::initialized) either, it cannot be
    /// read at all, and its label is its slot's description.
    pub damaged: bool,
    /// A software token whose files this user may not read, of which nothing else is known; or the folder of all of them.
    pub barred: bool,
    /// How it stands with the user PIN.
    pub pin: PinState,
    /// The reader it is in, as PC/SC and `CK_SLOT_INFO.slotDescription` call it, if it is in one.
    #[serde(default)]
    pub reader: Option<String>,
    /// Which RSA signatures it makes.
    #[serde(default)]
    pub rsa: RsaSchemes,
}

impl TokenEntry {
    /// True if it is in the reader of this name. A slot's description has 64 bytes, a reader's name may have more; some
    /// modules put words of their own before it.
    #[must_use]
    pub fn is_in(&self, reader: &str) -> bool {
        let (reader, slot) = (reader.trim(), self.reader.as_deref().unwrap_or_default().trim());
        !slot.is_empty() && !reader.is_empty() && (reader.contains(slot) || slot.contains(reader))
    }

    /// A card that can be worked with, in no reader that has a name.
    #[cfg(test)]
    pub(crate) fn of_card(module: &str, serial: &str, label: &str) -> Self {
        Self {
            id: TokenId {
                module: module.into(),
                serial: serial.into(),
                label: label.into(),
                place: None,
            },
            slot: 0,
            manufacturer: "m".into(),
            model: "m".into(),
            hardware: true,
            removable: true,
            initialized: true,
            damaged: false,
            barred: false,
            pin: PinState::Ready,
            reader: None,
            rsa: RsaSchemes::default(),
        }
    }
}

/// Which RSA signature schemes (RFC 8017, 8) a token makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RsaSchemes {
    /// RSASSA-PKCS1-v1_5
    pub pkcs1: bool,
    /// RSASSA-PSS
    pub pss: bool,
}

impl Default for RsaSchemes {
    /// Both.
    fn default() -> Self {
        Self {
            pkcs1: true,
            pss: true,
        }
    }
}

impl RsaSchemes {
    /// The one that is taken where nobody names one: PKCS #1 v1.5, which every verifier knows, unless the token makes
    /// nothing but PSS.
    #[must_use]
    pub const fn usual(self) -> RsaPadding {
        match self {
            Self {
                pkcs1: false,
                pss: true,
            } => RsaPadding::Pss,
            _ => RsaPadding::Pkcs1,
        }
    }

    /// Whether it is among them.
    #[must_use]
    pub const fn offers(self, padding: RsaPadding) -> bool {
        match padding {
            RsaPadding::Pkcs1 => self.pkcs1,
            RsaPadding::Pss => self.pss,
        }
    }
}

/// How it stands with a token's user PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PinState {
    /// `CKF_LOGIN_REQUIRED` is not set.
    NotNeeded,
    /// No user PIN has been set.
    NotSet,
    /// Set; the token says nothing of wrong tries.
    Ready,
    /// So many tries are left, more than one: cards tell, PKCS #11 has no place for it.
    Tries(u8),
    /// `CKF_USER_PIN_COUNT_LOW`
    FewTries,
    /// `CKF_USER_PIN_FINAL_TRY`
    LastTry,
    /// `CKF_USER_PIN_LOCKED`
    Locked,
    /// `CKF_USER_PIN_TO_BE_CHANGED`
    ToBeChanged,
}

impl PinState {
    /// How many tries are left, where that is known. For the person alone; a page learns none of it.
    #[must_use]
    pub const fn tries_left(self) -> Option<u8> {
        match self {
            Self::Tries(left) => Some(left),
            Self::LastTry => Some(1),
            Self::Locked => Some(0),
            _ => None,
        }
    }
}

/// A certificate on a token, and the key that belongs to it.
#[derive(Debug, Clone)]
pub struct HeldCertificate {
    /// On which token.
    pub token: TokenId,
    /// `CKA_LABEL`
    pub label: String,
    /// The certificate.
    pub certificate: Certificate,
    /// The private key with the same `CKA_ID`, if there is one. Before login a token may hide private keys: then this
    /// is the certificate's `CKA_ID`, and signing finds out.
    pub key: Option<KeyRef>,
    /// As far as the token shows, it belongs to a key there, be it one that no signature is made with here: an authority's.
    pub has_key: bool,
}

/// Whether a token that wants a PIN may have more certificates than it shows without one. Who keeps his own private may show
/// those of the authorities above it.
#[must_use]
pub fn may_hide_more(shown: &[HeldCertificate]) -> bool {
    !shown.iter().any(|held| held.has_key)
}

/// A private key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRef {
    /// On which token.
    pub token: TokenId,
    /// `CKA_ID`
    pub id: Vec<u8>,
    /// DER of its `SubjectPublicKeyInfo` where it is known: some tokens give several keys one `CKA_ID`, or a
    /// certificate another one than its key.
    pub public_key: Option<Vec<u8>>,
}

/// What a token is asked to sign.
#[derive(Debug, Clone)]
pub struct Signable {
    /// With which algorithm.
    pub algorithm: SignatureAlgorithm,
    /// The digest by the algorithm's hash function.
    pub digest: Vec<u8>,
    /// What the digest was made of, for tokens that only hash themselves. Absent when only a digest is known.
    pub message: Option<Vec<u8>>,
}

/// How a session's token takes its PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PinNeed {
    /// Signing works without.
    NotNeeded,
    /// A PIN of so many bytes of UTF-8, through the pipe.
    Pipe {
        /// `ulMinPinLen`
        min: u32,
        /// `ulMaxPinLen`
        max: u32,
        /// Before the first try.
        state: PinState,
    },
    /// On the reader: `CKF_PROTECTED_AUTHENTICATION_PATH`.
    Reader {
        /// Before the first try.
        state: PinState,
    },
    /// `CKF_USER_PIN_LOCKED`
    Locked,
}

impl PinNeed {
    /// The same of a PIN that stands so `now`.
    const fn in_state(self, now: PinState) -> Self {
        match self {
            Self::Pipe { min, max, .. } => Self::Pipe { min, max, state: now },
            Self::Reader { .. } => Self::Reader { state: now },
            other => other,
        }
    }

    /// True if it is typed on the reader.
    #[must_use]
    pub const fn is_at_reader(self) -> bool {
        matches!(self, Self::Reader { .. })
    }

    /// Whether it is typed on the reader, as far as that follows from it.
    #[must_use]
    pub const fn pad(self) -> Option<bool> {
        match self {
            Self::Reader { .. } => Some(true),
            Self::Pipe { .. } => Some(false),
            Self::NotNeeded | Self::Locked => None,
        }
    }

    /// True if the next wrong PIN locks the token.
    #[must_use]
    pub const fn is_at_last_try(self) -> bool {
        matches!(
            self,
            Self::Pipe {
                state: PinState::LastTry,
                ..
            } | Self::Reader {
                state: PinState::LastTry
            }
        )
    }
}

/// Certificates that are at hand.
#[derive(Debug, Clone)]
pub struct AtHand {
    /// These.
    pub certificates: Vec<HeldCertificate>,
    /// There may be more of them on the token.
    pub more: bool,
}

impl AtHand {
    /// These are all.
    #[must_use]
    pub const fn all(certificates: Vec<HeldCertificate>) -> Self {
        Self {
            certificates,
            more: false,
        }
    }
}

/// A token in reach.
#[async_trait]
pub trait Token: Send + Sync {
    /// What is known of it since it was last looked at.
    fn entry(&self) -> &TokenEntry;

    /// Whether it has said which one it is. One that has not ([`TokenSource::glance`]) shows the certificates at hand;
    /// everything else that is asked of it is [`TokenError::Removed`].
    fn is_named(&self) -> bool;

    /// Its certificates, read without a PIN.
    async fn certificates(&self) -> Result<Vec<HeldCertificate>, TokenError>;

    /// Those of them that are there without asking it for more than was asked when it was looked at; all of them if that
    /// would be none.
    async fn certificates_at_hand(&self) -> Result<AtHand, TokenError>;

    /// How it takes a PIN, as it said when it was looked at, or says when this is asked for the first time after.
    async fn pin(&self) -> Result<PinNeed, TokenError>;

    /// The same token with how it takes a PIN now.
    ///
    /// # Errors
    /// [`TokenError::Removed`] if it is not there.
    async fn anew(&self) -> Result<Arc<dyn Token>, TokenError>;

    /// Begins to work with one key: one approved request, one session.
    async fn open(&self, key: &KeyRef) -> Result<Box<dyn SigningSession>, TokenError>;
}

/// Work with one key of one token, from before the PIN to the logout.
#[async_trait]
pub trait SigningSession: Send {
    /// How the token takes its PIN, as it says now.
    async fn pin(&mut self) -> Result<PinNeed, TokenError>;

    /// Hands over the reading end of the pipe that PINs come through, one line a try.
    async fn attach_pin_pipe(&mut self, pipe: OwnedFd) -> Result<(), TokenError>;

    /// Has one line of the pipe read away: a PIN that was typed and may not be tried.
    async fn skip_pin(&mut self) -> Result<(), TokenError>;

    /// One try: reads one line from the pipe (or lets the reader ask) and logs in.
    async fn login(&mut self) -> Result<(), LoginError>;

    /// The token's signature, as PKCS #11 gives it: ECDSA as r‖s. Not yet verified.
    ///
    /// A key that wants a PIN for each signature (`CKA_ALWAYS_AUTHENTICATE`, PIV slot 9C) takes the one of the login
    /// for the first. For each further one it answers [`LoginError::NoPin`] at once, and is asked again with `typed`
    /// when another line is in the pipe: one line, one try, one signature.
    async fn sign(&mut self, signable: &Signable, typed: bool) -> Result<Vec<u8>, LoginError>;

    /// Logs out and lets go of the token.
    async fn close(self: Box<Self>);
}

/// How one try at logging in failed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// `CKR_PIN_INCORRECT`: one try was spent.
    #[error("the PIN is wrong")]
    Incorrect {
        /// What the token says now; [`PinState::Locked`] if that was the last try.
        now: PinState,
    },
    /// No try was spent: the line was empty, too short or too long, not UTF-8, or the token refused its form.
    #[error("the PIN cannot be one")]
    Invalid,
    /// No PIN was tried: others have spent tries since the person was told how many there are, and he is told first what
    /// is left.
    #[error("the PIN was not tried, for others have spent tries meanwhile")]
    NotTried {
        /// What the token says now.
        now: PinState,
    },
    /// `CKR_PIN_LOCKED`
    #[error("the PIN is locked")]
    Locked,
    /// `CKR_PIN_EXPIRED`
    #[error("the PIN has expired")]
    Expired,
    /// The pipe ended before a line came: nobody is there any more.
    #[error("no PIN came")]
    NoPin,
    /// Anything else.
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// How far a module's process is closed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// From files outside of what libraries and readers need.
    pub files: Level,
    /// From the network.
    pub network: Level,
}

/// How well something is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Closed,
    /// As far as an older kernel can.
    Partly,
    /// Not at all: the kernel cannot, or the module's row in the registry wants it open.
    Open,
}

/// What can go wrong with a token, apart from its PIN.
#[derive(Debug, Clone, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenError {
    /// The token is gone: `CKR_DEVICE_REMOVED`, `CKR_TOKEN_NOT_PRESENT`, or another one is in its place.
    #[error("the token was removed")]
    Removed,
    /// Another program holds it.
    #[error("the token is busy")]
    Busy,
    /// Another program holds the card that it is on.
    #[error("the card is held by another program{}", named(programs))]
    Held {
        /// Programs that use cards now, with their process numbers: for the person at the computer, never for a page.
        programs: Vec<String>,
    },
    /// The worker did not answer in time and was ended.
    #[error("the module did not answer within {seconds} s")]
    Hung {
        /// The deadline.
        seconds: u64,
    },
    /// The worker ended.
    #[error("the module's process ended")]
    Crashed,
    /// The module cannot be loaded.
    #[error("the module cannot be loaded: {0}")]
    Load(String),
    /// There is no such key on the token.
    #[error("there is no such key")]
    NoSuchKey,
    /// The token offers no mechanism for this.
    #[error("the token cannot do this: {0}")]
    Unsupported(String),
    /// The card's management key is another one than was given.
    #[error("the card has another management key")]
    ManagementKey,
    /// `CKR_USER_NOT_LOGGED_IN`: a PIN is needed first.
    #[error("a PIN is needed")]
    LoginNeeded,
    /// The module was switched off: its process ended, or hung, too often.
    #[error("the module was switched off, because it failed too often")]
    Disabled,
    /// Some other `CKR`, whose row in the truth table says what it means.
    #[error("the token answered {}", truth::cryptoki_name(*number))]
    Answered {
        /// `CK_RV`
        number: u64,
    },
    /// The smart card service answered an error, whose row in the truth table says what it means.
    #[error("the smart card service answered {}", truth::smart_card_name(*number))]
    Service {
        /// `LONG` of PC/SC part 10, without its sign.
        number: u64,
    },
    /// What the token or the module's process answered makes no sense.
    #[error("the token failed: {0}")]
    Failed(String),
    /// The place that was named for a new key is none that the card has.
    #[error("the card has no such slot")]
    NoSuchSlot,
    /// In the place that was named for a new key there is a key or a certificate.
    #[error("there is a key or a certificate in the slot already")]
    SlotTaken,
    /// The module's file may not be loaded. Never from a worker: it is found before one is started. With what comes
    /// after it the last, for the number of a variant is what stands in a message.
    #[error("the module's library was not loaded: {0}")]
    #[serde(skip)]
    Library(library::LibraryFault),
    /// [`Answered`](Self::Answered) with `CKR_GENERAL_ERROR`, by a module whose ended processes leave objects in the device:
    /// there may be no room for another one. Never from a worker, which does not know what is known of its module.
    #[error(
        "the token answered {}; what ended programs have left in it may fill it",
        truth::cryptoki_name(GENERAL_ERROR)
    )]
    #[serde(skip)]
    Crowded,
    /// What a software token answered that lies on a disk of this computer, for which the disk is to blame. Never from a
    /// worker, either.
    #[error("the software token's disk: {0}")]
    #[serde(skip)]
    Disk(DiskFault),
}

/// Why the disk that a software token lies on does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DiskFault {
    /// Nothing more can be written.
    #[error("there is no room left")]
    Full,
    /// Nothing can be written: it is read-only, or the files are another user's.
    #[error("it may not be written to")]
    ReadOnly,
}

/// `CKR_GENERAL_ERROR`
const GENERAL_ERROR: u64 = 0x05;

impl TokenError {
    /// Whether the same request, made again with nothing else done, may succeed.
    #[must_use]
    pub fn retry_helps(&self) -> bool {
        match self {
            Self::Removed
            | Self::Busy
            | Self::Held { .. }
            | Self::Hung { .. }
            | Self::Crashed
            | Self::LoginNeeded => true,
            Self::Load(_)
            | Self::Library(_)
            | Self::NoSuchKey
            | Self::Unsupported(_)
            | Self::ManagementKey
            | Self::Disabled
            | Self::Crowded
            | Self::Disk(_)
            | Self::NoSuchSlot
            | Self::SlotTaken
            | Self::Failed(_) => false,
            Self::Answered { number } => truth::cryptoki(*number).is_some_and(|row| row.retry),
            Self::Service { number } => truth::smart_card(*number).is_some_and(|row| row.retry),
        }
    }
}

fn named(programs: &[String]) -> String {
    if programs.is_empty() {
        String::new()
    } else {
        format!("; programs that use cards now: {}", programs.join(", "))
    }
}

/// What is in reach.
#[derive(Default)]
pub struct InReach {
    /// The tokens that can be worked with.
    pub tokens: Vec<Arc<dyn Token>>,
    /// Why a card may be missing among them: the smart card service, a reader, another program that holds it.
    pub hindrance: Option<TokenError>,
}

/// Whoever knows which tokens are in reach.
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// Every token of every module, looked at anew. A module that fails costs its own tokens only.
    async fn tokens(&self) -> InReach;

    /// The same for who only shows certificates: a card that was never seen before need not have said which one it is
    /// ([`Token::is_named`]).
    async fn glance(&self) -> InReach;
}
