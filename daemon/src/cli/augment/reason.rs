//! Why a level is not reached, in the person's language.

use trien_protocol::call::Language;
use trien_signatures::augment::AugmentError;
use trien_signatures::timestamp::TimestampError;

use super::super::report::{keyed, name};
use crate::jobs::augment::RaiseError;
use crate::language::{arguments, plain, system_said, text, time_in_vietnam};
use crate::network::{AddressError, NetworkError};
use crate::queue::Obstacle;

/// Why a file of the queue is not at its level, as a part of a sentence.
pub(super) fn of_obstacle(obstacle: &Obstacle, language: Language) -> String {
    match obstacle {
        Obstacle::Raise(error) => reason(error, language),
        Obstacle::Changed => plain(language, "raise-changed"),
        Obstacle::Read(error) | Obstacle::Write(error) => system_said(error, language),
    }
}

/// As a part of a sentence.
pub(super) fn reason(error: &RaiseError, language: Language) -> String {
    let about = |key, who: &str| text(language, key, &arguments([("who", who.to_owned())]));
    match error {
        RaiseError::Augment(error) => of_format(error, language),
        RaiseError::Network(error) => of_network(error, language),
        RaiseError::NoPath(who) => about("raise-no-path", who),
        RaiseError::StatusUnknown(who) => about("raise-status-unknown", who),
        RaiseError::Revoked(who) => about("raise-revoked", who),
        RaiseError::Input(_) | RaiseError::Unreadable(_) => plain(language, "raise-unreadable"),
        RaiseError::Lost { before, after } => {
            let facts = [("before", before.to_string()), ("after", after.to_string())];
            text(language, "raise-lost", &arguments(facts))
        }
        RaiseError::NotValidated {
            indication,
            level,
            reason,
        } => {
            let mut said = plain(language, &keyed("indication", indication));
            if let Some(level) = level {
                let facts = arguments([("level", name(level))]);
                said += &format!(", {}", text(language, "raise-at-level", &facts));
            }
            if let Some(reason) = reason {
                said += &format!(", {}", plain(language, &keyed("reason", reason)));
            }
            said
        }
    }
}

/// What others said of it: English, for whoever is asked for help.
pub(super) fn detail(error: &RaiseError) -> Option<String> {
    match error {
        RaiseError::Unreadable(said) | RaiseError::Augment(AugmentError::NotSigned(said)) => {
            Some(said.clone())
        }
        RaiseError::Input(error) => Some(error.to_string()),
        RaiseError::Augment(AugmentError::Container(error)) => Some(error.to_string()),
        RaiseError::Network(NetworkError::Unreachable(_, said) | NetworkError::Tls(_, said)) => {
            Some(said.clone())
        }
        RaiseError::Network(NetworkError::Revocation(_, error)) => Some(error.to_string()),
        _ => None,
    }
}

fn of_format(error: &AugmentError, language: Language) -> String {
    let key = match error {
        AugmentError::NotSigned(_) => "raise-not-signed",
        AugmentError::ContentMissing => "raise-content-missing",
        AugmentError::Unsupported => "raise-unsupported",
        AugmentError::InText => "raise-in-text",
        AugmentError::OtherImprint => "raise-other-imprint",
        AugmentError::Forbidden(_) => "raise-forbidden",
        AugmentError::NoRoom { needed, reserved } => {
            let facts = [("needed", needed.to_string()), ("reserved", reserved.to_string())];
            return text(language, "raise-no-room", &arguments(facts));
        }
        _ => "raise-container",
    };
    plain(language, key)
}

fn of_network(error: &NetworkError, language: Language) -> String {
    let at = |key, url: &str| text(language, key, &arguments([("url", url.to_owned())]));
    match error {
        NetworkError::NoAddress => plain(language, "network-no-address"),
        NetworkError::Random => plain(language, "network-random"),
        NetworkError::Address(AddressError::NotHttp(url)) => at("network-not-http", url),
        NetworkError::Address(AddressError::Private(url)) => at("network-private", url),
        NetworkError::Address(AddressError::Unknown(url)) => at("network-not-found", url),
        NetworkError::TimedOut(url) => at("network-timed-out", url),
        NetworkError::Unreachable(url, _) => at("network-unreachable", url),
        NetworkError::Tls(url, _) => at("network-tls", url),
        NetworkError::TooLong(url) => at("network-too-long", url),
        NetworkError::Revocation(url, _) => at("network-revocation", url),
        NetworkError::Status(url, status) => {
            let facts = [("url", url.clone()), ("status", status.to_string())];
            text(language, "network-status", &arguments(facts))
        }
        NetworkError::Untrusted(url, doubt) => {
            let reason = plain(language, &keyed("reason", &doubt.reason));
            let facts = [
                ("url", url.clone()),
                ("who", doubt.authority.clone()),
                ("reason", reason),
            ];
            text(language, "network-untrusted", &arguments(facts))
        }
        NetworkError::Timestamp(url, error) => {
            let facts = [("url", url.clone()), ("reason", of_stamp(error, language))];
            text(language, "network-time-stamp", &arguments(facts))
        }
    }
}

fn of_stamp(error: &TimestampError, language: Language) -> String {
    let (key, facts) = match error {
        TimestampError::Refused { status, text } => {
            let facts = [("status", status.to_string()), ("text", text.clone())];
            ("stamp-refused", arguments(facts))
        }
        TimestampError::OtherPolicy(policy) => {
            ("stamp-other-policy", arguments([("policy", policy.clone())]))
        }
        TimestampError::OtherTime(time) => {
            ("stamp-other-time", arguments([("time", time_in_vietnam(*time))]))
        }
        TimestampError::OtherImprint => ("raise-other-imprint", arguments([])),
        TimestampError::OtherNonce => ("stamp-other-nonce", arguments([])),
        TimestampError::NotGenuine => ("stamp-not-genuine", arguments([])),
        _ => ("stamp-malformed", arguments([])),
    };
    text(language, key, &facts)
}
