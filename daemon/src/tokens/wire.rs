//! What the daemon and the process of one PKCS #11 module say to each other.
//!
//! Flat binary messages on a Unix socket pair, laid out by [`message`]: the daemon sends one [`Request`], the worker
//! answers with one [`Reply`] of the same number, and only then comes the next. File descriptors that PINs are read from
//! travel beside a request as `SCM_RIGHTS`; no message has room for a PIN.
//!
//! The worker runs code of unknown quality, so its answers are checked like any other input from outside.

mod legible;
pub(super) mod message;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use trien_signatures::algorithm::SignatureAlgorithm;

use super::{Confinement, KeyAlgorithm, LoginError, PinNeed, PinState, TokenEntry, TokenError};

/// What the process of a module makes of these bytes, as it would go out again; none if it refuses them. For the fuzzer.
#[doc(hidden)]
#[must_use]
pub fn request_written_anew(bytes: &[u8]) -> Option<Vec<u8>> {
    message::written_anew::<Request>(bytes)
}

/// The same of what the daemon makes of bytes from such a process.
#[doc(hidden)]
#[must_use]
pub fn reply_written_anew(bytes: &[u8]) -> Option<Vec<u8>> {
    message::written_anew::<Reply>(bytes)
}

/// The number of the answer a worker gives unasked when its module is loaded, or cannot be.
pub(super) const GREETING: u64 = 0;

/// The number of what a module's process says when it is asked no more, whatever its module does: as a failure that it was
/// about to wait for a card, [`TokenError::Held`], or not, [`TokenError::Hung`].
pub(super) const LAST_WORD: u64 = u64::MAX;

/// The longest message that is sent along with its digest, in bytes, for tokens that only hash themselves.
pub(super) const MAX_MESSAGE_TO_HASH: usize = 256 * 1024;

/// Certificates of one token that are looked at.
pub(super) const MAX_CERTIFICATES: usize = 256;

/// All certificates of one token together, in bytes: what fits into one message with all else.
pub(super) const MAX_CERTIFICATE_BYTES: usize = 640 * 1024;

/// Private keys of one token that are looked at.
pub(super) const MAX_KEYS: usize = 256;

/// Slots of one module that are looked at.
pub(super) const MAX_SLOTS: usize = 64;

/// Most file descriptors beside one request: the security officer's PIN and the user's.
pub(super) const MAX_DESCRIPTORS: usize = 2;

/// Octets: as they are in messages, as base64 in files that people may look into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Octets(pub(super) Vec<u8>);

impl Serialize for Octets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&STANDARD.encode(&self.0))
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            STANDARD.decode(text).map(Self).map_err(D::Error::custom)
        } else {
            <&[u8]>::deserialize(deserializer).map(|bytes| Self(bytes.to_vec()))
        }
    }
}

/// One call to a worker.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) id: u64,
    pub(super) call: Call,
}

/// The answer to the request of that number.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Reply {
    pub(super) id: u64,
    /// How long the token was at work for it, in microseconds.
    pub(super) took_us: u64,
    pub(super) outcome: Result<Answer, TokenError>,
}

/// Which token of the module: a [`super::TokenId`] without the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TokenName {
    pub(super) serial: String,
    pub(super) label: String,
    #[serde(default)]
    pub(super) place: Option<String>,
}

impl TokenName {
    /// True if it may be the same token's: one that has lost its twin is no longer told apart by its place.
    pub(super) fn is_of(&self, other: &Self) -> bool {
        let same_place = self.place.is_none() || other.place.is_none() || self.place == other.place;
        self.serial == other.serial && self.label == other.label && same_place
    }
}

impl super::TokenEntry {
    /// What it is called on the wire.
    pub(super) fn name(&self) -> TokenName {
        TokenName {
            serial: self.id.serial.clone(),
            label: self.id.label.clone(),
            place: self.id.place.clone(),
        }
    }
}

/// Which private key of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeyName {
    /// `CKA_ID`
    pub(super) id: Octets,
    /// DER of its `SubjectPublicKeyInfo`, for tokens on which the `CKA_ID` is not enough.
    pub(super) public_key: Option<Octets>,
}

impl From<&super::KeyRef> for KeyName {
    fn from(key: &super::KeyRef) -> Self {
        Self {
            id: Octets(key.id.clone()),
            public_key: key.public_key.clone().map(Octets),
        }
    }
}

/// What a worker can be asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Call {
    /// Every token: [`Answer::Tokens`].
    Tokens {
        /// What was seen in the reader just now, if this is about one and anybody has looked.
        inserted: Option<Insertion>,
    },
    /// Every token with what a request for a signature wants to know of it, in one go: [`Answer::Survey`].
    Survey {
        /// As of `Tokens`.
        inserted: Option<Insertion>,
        /// A token may come without its own name ([`Surveyed::provisional`]) where that takes longer: for who only shows
        /// certificates.
        provisional: bool,
    },
    /// The certificates of one, without a PIN: [`Answer::Certificates`].
    Certificates { token: TokenName },
    /// The certificates that show after login: [`Answer::Certificates`].
    CertificatesOf { session: u64 },
    /// How it takes a PIN, as it says now: [`Answer::Pin`].
    Pin { token: TokenName },
    /// How it stands with the security officer's PIN, as far as it says now: [`Answer::OfficerPin`].
    OfficerPin { token: TokenName },
    /// Begins to work with a token; one session a token at a time: [`Answer::Session`].
    Open {
        token: TokenName,
        /// The key to sign with; none to administer the token.
        key: Option<KeyName>,
    },
    /// Reads one line of the pipe away, and spends no try: [`Answer::Done`]. The pipe, to read PINs from, comes along with the
    /// first request of a session that reads from it.
    SkipPin { session: u64 },
    /// One try: [`Answer::Login`]. The pipe may come along, as above.
    Login { session: u64 },
    /// [`Answer::Signature`], or [`Answer::Login`] if the signature needs a PIN of its own that did not do;
    /// [`Answer::AtReader`] if that PIN is typed at the reader, and the request was not made for as long as that takes.
    Sign {
        session: u64,
        algorithm: SignatureAlgorithm,
        digest: Octets,
        message: Option<Octets>,
        /// Another key than the one the session was opened for.
        key: Option<KeyName>,
        /// A person is there for the PIN of this signature: a line with it is in the pipe, or about to come, or he types
        /// at the reader.
        typed: bool,
    },
    /// The key pairs on the token: [`Answer::Keys`].
    Keys { session: u64 },
    /// [`Answer::Keys`] with the new one.
    GenerateKey {
        session: u64,
        algorithm: KeyAlgorithm,
        label: String,
        /// `CKA_ID`; a random one if there is none.
        id: Option<Octets>,
    },
    /// Puts a key made elsewhere on the token, with certificates: all of it or nothing. One descriptor comes along,
    /// to read the key from as PKCS #8: [`Answer::Keys`] with it.
    ImportKey {
        session: u64,
        label: String,
        id: Octets,
        /// DER of the `SubjectPublicKeyInfo`.
        public_key: Octets,
        certificates: Vec<NewCertificate>,
    },
    /// Puts a certificate beside the key of that `CKA_ID`: [`Answer::Done`].
    InstallCertificate {
        session: u64,
        key: Octets,
        label: String,
        certificate: CertificateParts,
    },
    /// One descriptor comes along, with a line that holds the card's management key in hexadecimal; it is used when
    /// keys are generated and certificates installed: [`Answer::Done`].
    ManagementKey { session: u64 },
    /// Logs out and lets go of the token: [`Answer::Done`].
    Close { session: u64 },
    /// Two descriptors come along, the old PIN and the new one: [`Answer::Login`].
    ChangePin { token: TokenName },
    /// Two descriptors come along, the security officer's PIN (a card's PUK) and the user's new one: [`Answer::Login`].
    Unblock { token: TokenName },
    /// Makes a token out of a slot that has none yet. Two descriptors come along: the security officer's PIN, the
    /// user's: [`Answer::Initialized`].
    InitializeToken { label: String },
}

impl Call {
    /// The token that it is about, where it names one.
    pub(super) const fn token(&self) -> Option<&TokenName> {
        match self {
            Self::Certificates { token }
            | Self::Pin { token }
            | Self::OfficerPin { token }
            | Self::Open { token, .. }
            | Self::ChangePin { token }
            | Self::Unblock { token } => Some(token),
            _ => None,
        }
    }

    /// Whether it is a look at what there is.
    pub(super) const fn is_look(&self) -> bool {
        matches!(self, Self::Tokens { .. } | Self::Survey { .. })
    }

    /// The card that it looks at, where that has been seen.
    pub(super) const fn inserted(&self) -> Option<&Insertion> {
        match self {
            Self::Tokens { inserted } | Self::Survey { inserted, .. } => inserted.as_ref(),
            _ => None,
        }
    }

    /// A PIN is given, or a signature made.
    pub(super) const fn is_a_login_or_a_signature(&self) -> bool {
        matches!(
            self,
            Self::Login { .. } | Self::Sign { .. } | Self::ChangePin { .. } | Self::Unblock { .. }
        )
    }

    /// The card that it is about, where only its certificates are to be shown.
    pub(super) const fn glance(&self) -> Option<&Insertion> {
        match self {
            Self::Survey {
                inserted: Some(inserted),
                provisional: true,
            } => Some(inserted),
            _ => None,
        }
    }
}

/// A card in a reader, as the service tells it without speaking to the card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Insertion {
    /// The reader's count of insertions and removals.
    pub(super) number: u32,
    /// The card's answer to reset; empty before it was powered.
    pub(super) atr: Octets,
}

/// A certificate that is to lie on a token.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct NewCertificate {
    pub(super) label: String,
    /// `CKA_ID`
    pub(super) id: Octets,
    pub(super) parts: CertificateParts,
}

/// A certificate, and the DER of its parts that PKCS #11 keeps beside it (PKCS #11 3.1, 4.6.3).
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CertificateParts {
    pub(super) der: Octets,
    pub(super) subject: Octets,
    pub(super) issuer: Octets,
    pub(super) serial: Octets,
}

/// What a worker answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// The module is loaded, in a process closed in so far.
    Ready(Confinement),
    /// It is done.
    Done,
    Tokens(Vec<TokenEntry>),
    Survey(Vec<Surveyed>),
    Certificates(Vec<CertificateRecord>),
    Pin(PinNeed),
    /// [`PinState::Ready`] where nothing is known of it.
    OfficerPin(PinState),
    Session {
        session: u64,
        pin: PinNeed,
    },
    Login(LoginOutcome),
    Signature(Octets),
    Keys(Vec<KeyRecord>),
    Initialized(InitializeOutcome),
    /// Nothing was done yet: the reader is to ask the person for the PIN of this signature. Asked once more, with `typed`,
    /// it does.
    AtReader,
}

/// As it stands in [`Reply`].
pub(super) fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// A token that was looked at closely. What is none could not be told at once, or not without making the message too
/// long: asked for alone, it is told, or why it cannot be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Surveyed {
    /// The token is called something that opens nothing: it has not been asked yet which one it is.
    pub(super) provisional: bool,
    /// Its PIN is as it was when it was asked for last, where [`pin`](Self::pin) is none.
    pub(super) entry: TokenEntry,
    /// How it takes its PIN.
    pub(super) pin: Option<PinNeed>,
    /// Those that show without a PIN.
    pub(super) certificates: Option<Vec<CertificateRecord>>,
    /// There may be more of them, which take longer: [`Call::Certificates`] tells all.
    pub(super) more: bool,
}

/// A certificate as it lies on a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CertificateRecord {
    pub(super) label: String,
    /// `CKA_ID`
    pub(super) id: Octets,
    pub(super) der: Octets,
    /// A private key of that `CKA_ID` is there, or the token may hide one until login.
    pub(super) key: bool,
}

/// A private key as it lies on a token.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeyRecord {
    pub(super) label: String,
    /// `CKA_ID`
    pub(super) id: Octets,
    /// DER of the `SubjectPublicKeyInfo`, if the token shows the public key.
    pub(super) public_key: Option<Octets>,
}

/// How a try at logging in ended, apart from failures of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LoginOutcome {
    In,
    Incorrect { now: PinState },
    Invalid,
    NotTried { now: PinState },
    Locked,
    Expired,
    NoPin,
}

impl LoginOutcome {
    pub(super) fn into_result(self) -> Result<(), LoginError> {
        match self {
            Self::In => Ok(()),
            Self::Incorrect { now } => Err(LoginError::Incorrect { now }),
            Self::Invalid => Err(LoginError::Invalid),
            Self::NotTried { now } => Err(LoginError::NotTried { now }),
            Self::Locked => Err(LoginError::Locked),
            Self::Expired => Err(LoginError::Expired),
            Self::NoPin => Err(LoginError::NoPin),
        }
    }
}

/// How making a token ended, apart from failures of the module.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum InitializeOutcome {
    Made(TokenEntry),
    /// The security officer's PIN cannot be one; nothing was made.
    SecurityOfficerPinInvalid,
    /// The user's PIN cannot be one; nothing was made.
    UserPinInvalid,
    /// The module has no slot to make a token in.
    NoFreeSlot,
}
