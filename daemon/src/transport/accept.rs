//! The decision about a WebSocket handshake: in this order, and nothing else is ever answered. What is no
//! handshake has been closed before: see [`is_no_handshake`].

use hyper::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, ORIGIN, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
};
use time::OffsetDateTime;
use trien_protocol::{SUBPROTOCOL, WEBSOCKET_PATH};

use super::head::Head;
use crate::policy::{GrantBook, Origin};

/// Why a connection is refused: for the log; the other end never learns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No well-formed head of 8 KiB and 64 fields within 5 s.
    Head,
    /// Not `GET /v1 HTTP/1.1`, or a body is announced.
    RequestLine,
    /// Not exactly one `Host` of ours: DNS rebinding, or no browser.
    Host,
    /// Not exactly one `Origin` that is the serialisation of an acceptable one.
    Origin,
    /// An origin without a permission.
    NotAllowed,
    /// The fields of RFC 6455, section 4.2.1, or our subprotocol.
    WebSocket,
}

/// Longest origin that the log repeats, in characters.
const MAX_LOGGED: usize = 200;

impl Refusal {
    /// What was wrong and what would mend it, where a developer can; `origin` as the head has it, made harmless.
    pub(super) fn told(self, origin: &str) -> String {
        match self {
            Self::Head => "no request head that can be read".to_owned(),
            Self::RequestLine => format!("not GET {WEBSOCKET_PATH} without a body; origin {origin}"),
            Self::Host => format!("Host is not 127.0.0.1, [::1] or localhost with our port; origin {origin}"),
            Self::Origin => format!(
                "{origin} is no origin that is taken: https, or http of this computer with developer = true in config.toml"
            ),
            Self::NotAllowed => {
                format!("{origin} has no permission; to give it one: trien origin allow {origin}")
            }
            Self::WebSocket => {
                format!("{origin} asks for no WebSocket (RFC 6455) of the subprotocol {SUBPROTOCOL}")
            }
        }
    }
}

/// What a head says its origin is, for the log: bounded, visible ASCII.
pub(super) fn claimed_origin(head: &Head) -> String {
    match only(&head.headers, &ORIGIN) {
        Some(origin) => origin
            .chars()
            .filter(char::is_ascii_graphic)
            .take(MAX_LOGGED)
            .collect(),
        None => "without exactly one origin".to_owned(),
    }
}

/// Judges a request head that came to our `port`.
pub(super) fn judge(
    head: &Head,
    port: u16,
    book: &GrantBook,
    now: OffsetDateTime,
) -> Result<Origin, Refusal> {
    let headers = &head.headers;
    let body = headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING);
    if head.method != "GET" || head.target != WEBSOCKET_PATH || !head.version_1_1 || body {
        return Err(Refusal::RequestLine);
    }
    let host = only(headers, &HOST).ok_or(Refusal::Host)?;
    if !["127.0.0.1", "[::1]", "localhost"]
        .iter()
        .any(|name| host == format!("{name}:{port}"))
    {
        return Err(Refusal::Host);
    }
    let origin = only(headers, &ORIGIN).ok_or(Refusal::Origin)?;
    let origin = Origin::parse(origin, book.schemes()).map_err(|_| Refusal::Origin)?;
    if !book.knows(&origin, now) {
        return Err(Refusal::NotAllowed);
    }
    if speaks_websocket(headers) {
        Ok(origin)
    } else {
        Err(Refusal::WebSocket)
    }
}

/// Whether this is no WebSocket's handshake at all: a page that fetches would learn from any answer that somebody is here.
/// The browser says so (Fetch Metadata Request Headers, section 2.2), though not to a name over http; and a page cannot ask
/// for the upgrade by itself (Fetch, section 2.2.2, forbidden request-headers).
pub(super) fn is_no_handshake(headers: &HeaderMap) -> bool {
    let fetch_mode = HeaderName::from_static("sec-fetch-mode");
    let is_fetched = headers.contains_key(&fetch_mode) && only(headers, &fetch_mode) != Some("websocket");
    is_fetched || !names(headers, &UPGRADE, |name| name.eq_ignore_ascii_case("websocket"))
}

/// RFC 6455, section 4.2.1, and the subprotocol.
fn speaks_websocket(headers: &HeaderMap) -> bool {
    only(headers, &UPGRADE).is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
        && names(headers, &CONNECTION, |name| name.eq_ignore_ascii_case("upgrade"))
        && only(headers, &SEC_WEBSOCKET_VERSION) == Some("13")
        && only(headers, &SEC_WEBSOCKET_KEY).is_some_and(is_key)
        && names(headers, &SEC_WEBSOCKET_PROTOCOL, |name| name == SUBPROTOCOL)
}

/// True if the comma-separated values of a header have such a word among them.
fn names(headers: &HeaderMap, header: &HeaderName, is_meant: impl Fn(&str) -> bool) -> bool {
    let values = headers
        .get_all(header)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|name| is_meant(name.trim()))
}

/// 16 bytes in base64 (RFC 6455, section 4.1, item 7).
fn is_key(text: &str) -> bool {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .is_ok_and(|bytes| bytes.len() == 16)
}

/// The value of a header that stands exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(origin: &str) -> Head {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, origin.parse().unwrap());
        Head {
            method: "GET".to_owned(),
            target: WEBSOCKET_PATH.to_owned(),
            version_1_1: true,
            headers,
        }
    }

    #[test]
    fn the_log_names_the_origin_and_what_would_let_it_in() {
        let told = |refusal: Refusal, origin: &str| refusal.told(&claimed_origin(&head(origin)));
        assert_eq!(
            told(Refusal::NotAllowed, "https://portal.example"),
            "https://portal.example has no permission; to give it one: trien origin allow https://portal.example"
        );
        assert!(told(Refusal::Origin, "http://localhost:3000").contains("developer = true"));
        assert!(told(Refusal::WebSocket, "https://portal.example").contains(SUBPROTOCOL));
        let long = told(Refusal::NotAllowed, &"https://a b\t".repeat(1000));
        assert!(
            long.len() < 2 * MAX_LOGGED + 100 && !long.contains('\t'),
            "{long}"
        );
        let mut none = head("https://portal.example");
        none.headers.clear();
        assert_eq!(claimed_origin(&none), "without exactly one origin");
    }
}
