//! Web origins: scheme, host and port, exactly (WHATWG HTML, 7.1.1; URL, 4.7).

use std::fmt;
use std::net::Ipv4Addr;

use url::{Host, Url};

/// Longest serialised origin that is looked at: scheme, a host name of 253 octets, and a port.
const MAX_LENGTH: usize = 280;

/// A tuple origin in its ASCII serialisation, for instance `https://dichvucong.gov.vn`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin(String);

/// Which schemes are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schemes {
    /// `https` only.
    Https,
    /// For developers: also `http` to a loopback host.
    HttpsAndLoopbackHttp,
}

/// A text is no origin that may be given a permission. Carries no part of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadOrigin {
    /// Not the serialisation of a tuple origin, byte for byte: upper case, a path, a default port, userinfo, `null`.
    #[error("not the exact serialisation of a web origin")]
    NotSerialised,
    /// The host has characters that no name in the DNS has: the URL standard lets `*` pass.
    #[error("the host is no domain name")]
    Host,
    /// Another scheme than `https`.
    #[error("the scheme is not https")]
    Scheme,
    /// The host name ends in a dot: the same site under a second name.
    #[error("the host name ends in a dot")]
    TrailingDot,
    /// Longer than any origin.
    #[error("too long")]
    TooLong,
}

impl Origin {
    /// Takes the serialisation of an origin. It is parsed and serialised again, and the result must be the same bytes:
    /// what looks like an allowed origin without being it never gets as far as a comparison.
    ///
    /// # Errors
    /// [`BadOrigin`].
    pub fn parse(text: &str, schemes: Schemes) -> Result<Self, BadOrigin> {
        if text.len() > MAX_LENGTH {
            return Err(BadOrigin::TooLong);
        }
        let url = Url::parse(text).map_err(|_| BadOrigin::NotSerialised)?;
        let origin = url.origin();
        if !origin.is_tuple() || origin.ascii_serialization() != text {
            return Err(BadOrigin::NotSerialised);
        }
        let host = url.host().ok_or(BadOrigin::NotSerialised)?;
        if let Host::Domain(name) = &host {
            if name.ends_with('.') {
                return Err(BadOrigin::TrailingDot);
            }
            if !name
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'))
            {
                return Err(BadOrigin::Host);
            }
        }
        match (url.scheme(), schemes) {
            ("https", _) => Ok(Self(text.to_owned())),
            ("http", Schemes::HttpsAndLoopbackHttp) if is_loopback(&host) => Ok(Self(text.to_owned())),
            _ => Err(BadOrigin::Scheme),
        }
    }

    /// The ASCII serialisation.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if the scheme protects what goes between browser and portal.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback() && *address != Ipv4Addr::UNSPECIFIED,
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_serialisations_are_taken() {
        for text in [
            "https://dichvucong.gov.vn",
            "https://dichvucong.gov.vn:8443",
            "https://xn--bcher-kva.example",
            "https://192.0.2.7",
            "https://[2001:db8::1]:444",
        ] {
            assert_eq!(
                Origin::parse(text, Schemes::Https).map(|origin| origin.to_string()),
                Ok(text.to_owned())
            );
        }
    }

    #[test]
    fn lookalikes_are_refused() {
        for text in [
            "",
            "null",
            "*",
            "https://*",
            "https://*.gov.vn",
            "https://",
            "https://GOOD.gov.vn",
            "https://good.gov.vn/",
            "https://good.gov.vn/path",
            "https://good.gov.vn?x",
            "https://good.gov.vn#x",
            "https://good.gov.vn:443",
            "https://good.gov.vn@evil.example",
            "https://a:b@good.gov.vn",
            "https://good.gov.vn.",
            "https://gооd.gov.vn",
            " https://good.gov.vn",
            "https://good.gov.vn ",
            "https://good.gov.vn\n",
            "https:good.gov.vn",
            "https://2130706433",
            "https://0x7f.1",
            "https://good.gov.vn, https://evil.example",
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
            "moz-extension://0f0f",
            "blob:https://good.gov.vn/1",
            "data:text/html,x",
            "file:///etc/passwd",
            "about:blank",
            "http://good.gov.vn",
            "ftp://good.gov.vn",
            "ws://good.gov.vn",
        ] {
            assert!(
                Origin::parse(text, Schemes::HttpsAndLoopbackHttp).is_err(),
                "{text:?}"
            );
        }
        assert_eq!(
            Origin::parse(&format!("https://{}.vn", "a".repeat(300)), Schemes::Https),
            Err(BadOrigin::TooLong)
        );
    }

    #[test]
    fn plain_http_is_for_developers_on_loopback() {
        for text in [
            "http://localhost:8080",
            "http://127.0.0.1:3000",
            "http://[::1]:1",
            "http://portal.localhost",
        ] {
            assert!(
                Origin::parse(text, Schemes::HttpsAndLoopbackHttp).is_ok(),
                "{text}"
            );
            assert_eq!(
                Origin::parse(text, Schemes::Https),
                Err(BadOrigin::Scheme),
                "{text}"
            );
        }
        let elsewhere = Origin::parse("http://192.168.1.1", Schemes::HttpsAndLoopbackHttp);
        assert_eq!(elsewhere, Err(BadOrigin::Scheme));
    }
}
