//! What an entry says.

use serde::{Deserialize, Serialize};

use crate::transport::Channel;

/// One entry, as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counted from 1.
    pub seq: u64,
    /// RFC 3339, UTC, by this computer's clock.
    pub time: String,
    /// What happened.
    #[serde(flatten)]
    pub action: Action,
    /// What it is about.
    #[serde(flatten)]
    pub subject: Subject,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// The daemon is ready.
    DaemonStarted {
        /// Who asks the person: `window` or `scripted`.
        prompter: String,
    },
    /// A request will be put to the person.
    Asked,
    /// The person said yes. No PIN has been used yet.
    Approved,
    /// The person said no.
    Refused,
    /// The person allowed an origin that was not known before.
    Granted {
        /// What.
        scopes: Vec<String>,
        /// For how many days.
        days: u32,
    },
    /// The person's certificate goes to the page.
    Shared,
    /// Signatures were made and verified, and may leave.
    Signed {
        /// SHA-256 of each result (of the signature value, for a bare digest), in the order of the documents; empty
        /// text for one that failed.
        results: Vec<String>,
    },
    /// Nothing was signed.
    Failed {
        /// The error code.
        outcome: String,
    },
    /// The page, or its connection, went away.
    Withdrawn,
    /// The last line was torn and was cut off.
    Repaired {
        /// How many bytes.
        bytes: u64,
    },
}

/// What an entry is about. What is not known, or does not apply, is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// One request's entries share this number; random.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The road: `websocket`, `extension`, `shell`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Whose page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// What was asked: the method's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The signature format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Digests of the documents, or the bare digest; lower-case hexadecimal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<String>,
    /// What the approval is bound to ([`super::manifest_hash`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
    /// SHA-256 of the certificate, lower-case hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// SHA-256 of the token's module name, a line feed, and its serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl Subject {
    /// Of the daemon itself.
    #[must_use]
    pub fn of_daemon() -> Self {
        Self::default()
    }

    /// Of a request.
    #[must_use]
    pub fn of_request(channel: &Channel, method: &str) -> Self {
        let mut number = [0u8; 8];
        // Only ties entries together: a number that cannot be had is missing, nothing worse.
        let drawn = rustix::rand::getrandom(&mut number[..], rustix::rand::GetRandomFlags::empty()).is_ok();
        Self {
            request: drawn.then(|| hex::encode(number)),
            channel: Some(channel.name().to_owned()),
            origin: channel.origin().map(ToString::to_string),
            method: Some(method.to_owned()),
            ..Self::default()
        }
    }
}
