//! Which addresses are asked, and connecting to the one that was checked: a name is resolved once, so that it cannot mean
//! something else a moment later.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use url::{Host, Url};

/// Why an address is not asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Neither an `http` nor an `https` address, or one with a user name in it.
    #[error("{0} is not an http address")]
    NotHttp(String),
    /// It leads to this computer or its local network.
    #[error("{0} leads to this computer or its local network")]
    Private(String),
    /// The name cannot be resolved.
    #[error("{0} cannot be found")]
    Unknown(String),
}

/// Who says which addresses a name has.
pub(super) trait Resolver {
    /// All of them, each with this port.
    fn addresses(&self, name: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;
}

/// The system's.
pub(super) struct System;

impl Resolver for System {
    async fn addresses(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(lookup_host((name, port)).await?.collect())
    }
}

/// An address that was checked.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// For messages: the address without anything that could be a secret.
    pub(super) shown: String,
    pub(super) host: String,
    pub(super) path: String,
    /// Who the other side has to be in TLS; none where the address wants none.
    pub(super) server_name: Option<ServerName<'static>>,
    addresses: Vec<SocketAddr>,
}

impl Target {
    /// Resolves and checks an address: asks for its name once, and what is said then is looked at, and connected to.
    /// `anywhere` lets it lead to this computer and its local network.
    pub(super) async fn resolve_by(
        resolver: &(impl Resolver + Sync),
        text: &str,
        anywhere: bool,
    ) -> Result<Self, AddressError> {
        let not_http = || AddressError::NotHttp(text.chars().take(200).collect());
        let url = Url::parse(text).map_err(|_| not_http())?;
        let known = ["http", "https"].contains(&url.scheme());
        let without_secrets = url.username().is_empty() && url.password().is_none();
        let host = url
            .host()
            .filter(|_| known && without_secrets)
            .ok_or_else(not_http)?;
        let port = url.port_or_known_default().ok_or_else(not_http)?;
        let shown = without_path(&url);
        let server_name = match (url.scheme(), &host) {
            ("https", Host::Domain(name)) => {
                Some(ServerName::try_from((*name).to_owned()).map_err(|_| not_http())?)
            }
            ("https", Host::Ipv4(address)) => Some(ServerName::from(IpAddr::V4(*address))),
            ("https", Host::Ipv6(address)) => Some(ServerName::from(IpAddr::V6(*address))),
            _ => None,
        };
        let unknown = || AddressError::Unknown(shown.clone());
        let found: Vec<SocketAddr> = match host {
            Host::Ipv4(address) => vec![SocketAddr::from((address, port))],
            Host::Ipv6(address) => vec![SocketAddr::from((address, port))],
            Host::Domain(name) => resolver.addresses(name, port).await.map_err(|_| unknown())?,
        };
        if found.is_empty() {
            return Err(unknown());
        }
        // One bad address spoils the name: what is public is not also here.
        if !anywhere && found.iter().any(|address| !is_public(address.ip())) {
            return Err(AddressError::Private(shown));
        }
        let host = match url.port() {
            Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
            None => url.host_str().unwrap_or_default().to_owned(),
        };
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        Ok(Self {
            shown,
            host,
            path,
            server_name,
            addresses: found,
        })
    }

    pub(super) async fn connect(&self) -> io::Result<TcpStream> {
        TcpStream::connect(self.addresses.as_slice()).await
    }
}

/// An address for messages, as [`Target::shown`] has it.
pub(super) fn shown(text: &str) -> String {
    Url::parse(text).as_ref().map(without_path).unwrap_or_default()
}

fn without_path(url: &Url) -> String {
    format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default())
}

/// Whether an address is in the public Internet: in no block of the registries of special-purpose addresses (RFC 6890),
/// whatever they say of single addresses in it.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(inner) => is_public_v4(inner),
            None => is_public_v6(address),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    !(address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || first == 0
        || first >= 240
        || (first == 100 && (64..128).contains(&second))
        || (first == 198 && (18..20).contains(&second))
        // IETF protocols, AS112 (twice), AMT, and the relays of 6to4.
        || matches!(
            [first, second, third],
            [192, 0, 0] | [192, 31, 196] | [192, 52, 193] | [192, 88, 99] | [192, 175, 48]
        ))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, third, ..] = address.segments();
    // 2000::/3 is what is given out, and the rest is local or carries an IPv4 address inside. Within it: IETF protocols
    // (2001::/23, Teredo among them), documentation, 6to4 (2002::/16) and AS112 (2620:4f:8000::/48).
    (0x2000..0x4000).contains(&first)
        && first != 0x2002
        && !(first == 0x2001 && (second < 0x0200 || second == 0x0DB8))
        && !(first == 0x3FFF && second < 0x1000)
        && [first, second, third] != [0x2620, 0x004F, 0x8000]
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::super::{Exchange, NetworkError, USUAL_WAIT, exchange_by};
    use super::*;

    /// A name that is something else whenever it is asked for; the last answer stays.
    struct Changing {
        answers: Vec<Vec<SocketAddr>>,
        asked: AtomicUsize,
    }

    impl Changing {
        fn new(answers: &[&[SocketAddr]]) -> Self {
            Self {
                answers: answers.iter().map(|answer| answer.to_vec()).collect(),
                asked: AtomicUsize::new(0),
            }
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::SeqCst)
        }
    }

    impl Resolver for Changing {
        async fn addresses(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
            let place = self.asked.fetch_add(1, Ordering::SeqCst);
            Ok(self.answers[place.min(self.answers.len() - 1)].clone())
        }
    }

    fn asking(url: &str, wait: Duration) -> Exchange<'_> {
        Exchange {
            url,
            anywhere: true,
            method: hyper::Method::GET,
            content_type: None,
            body: Vec::new(),
            limit: 16,
            wait,
        }
    }

    /// Says nothing.
    struct Silent;

    impl Resolver for Silent {
        async fn addresses(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
            std::future::pending().await
        }
    }

    #[tokio::test]
    async fn a_name_that_nobody_resolves_is_waited_for_no_longer_than_an_answer() {
        let url = "http://silent.example/a/path?secret";
        let asked = exchange_by(&Silent, asking(url, Duration::from_millis(50)));
        let asked = tokio::time::timeout(Duration::from_secs(10), asked).await;
        let refused = asked.expect("within its time");
        assert!(
            matches!(&refused, Err(NetworkError::TimedOut(shown)) if shown == "http://silent.example"),
            "{refused:?}"
        );
    }

    /// DNS rebinding: a name that is public when it is looked at, and this computer when it is connected to.
    #[tokio::test]
    async fn n156_a_name_that_changes_is_asked_for_once_and_what_it_was_is_connected_to() {
        let url = "http://changes.example/crl";
        let here: SocketAddr = ([127, 0, 0, 1], 80).into();
        let public: SocketAddr = ([192, 88, 98, 1], 80).into();
        let resolver = Changing::new(&[&[public], &[here]]);
        let target = Target::resolve_by(&resolver, url, false).await.unwrap();
        assert_eq!((target.addresses, resolver.asked()), (vec![public], 1));
        for answer in [&[here][..], &[public, here], &[here, public]] {
            let resolver = Changing::new(&[answer, &[public]]);
            let refused = Target::resolve_by(&resolver, url, false).await;
            assert!(matches!(refused, Err(AddressError::Private(_))), "{answer:?}");
            assert_eq!(resolver.asked(), 1);
        }
        let nothing = Target::resolve_by(&Changing::new(&[&[], &[public]]), url, false).await;
        assert!(matches!(nothing, Err(AddressError::Unknown(_))));

        // What is asked over the connection goes where the first answer said.
        let [first, second] = [TcpListener::bind("127.0.0.1:0"), TcpListener::bind("127.0.0.1:0")];
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        let [one, other] = [&first, &second].map(|listener| listener.local_addr().unwrap());
        let resolver = Changing::new(&[&[one], &[other]]);
        let served = tokio::spawn(async move {
            let (mut stream, _) = first.accept().await.unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).await.unwrap();
            let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            stream.write_all(reply).await.unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let answer = exchange_by(&resolver, asking(url, USUAL_WAIT));
        assert_eq!(answer.await.unwrap(), b"ok");
        let request = served.await.unwrap().to_lowercase();
        assert!(request.contains("host: changes.example\r\n"), "{request}");
        assert_eq!(resolver.asked(), 1);
        let reached = tokio::time::timeout(Duration::from_millis(20), second.accept()).await;
        assert!(reached.is_err(), "the second answer was connected to");
    }

    async fn refused(text: &str) -> Option<AddressError> {
        Target::resolve_by(&System, text, false).await.err()
    }

    #[tokio::test]
    async fn addresses_of_this_computer_and_its_network_are_not_asked() {
        for text in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://localhost/crl",
            "http://0.0.0.0:80/",
            "http://10.1.2.3/",
            "https://10.1.2.3/",
            "http://172.31.0.1/",
            "http://192.168.1.1/",
            "http://169.254.169.254/latest/meta-data",
            "http://100.64.0.1/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[fe80::1]/",
            "http://[fd00::1]/",
            "http://[2002:7f00:1::]/",
            "http://224.0.0.1/",
            // The first and last of each block of the registries.
            "http://0.255.255.255/",
            "http://100.127.255.255/",
            "http://172.16.0.0/",
            "http://192.0.0.0/",
            "http://192.0.0.170/",
            "http://192.0.0.255/",
            "http://192.0.2.1/",
            "http://192.31.196.1/",
            "http://192.52.193.1/",
            "http://192.88.99.1/",
            "http://192.175.48.255/",
            "http://198.18.0.0/",
            "http://198.19.255.255/",
            "http://198.51.100.1/",
            "http://203.0.113.1/",
            "http://240.0.0.0/",
            "http://255.255.255.255/",
            "http://[::]/",
            "http://[::1.1.1.1]/",
            "http://[::ffff:192.0.0.8]/",
            "http://[64:ff9b::1.1.1.1]/",
            "http://[64:ff9b:1::1]/",
            "http://[100::1]/",
            "http://[100:0:0:1::1]/",
            "http://[2001::1]/",
            "http://[2001:1ff:ffff::1]/",
            "http://[2001:2::1]/",
            "http://[2001:20::1]/",
            "http://[2001:db8::1]/",
            "http://[2620:4f:8000::1]/",
            "http://[3fff::1]/",
            "http://[3fff:fff::1]/",
            "http://[5f00::1]/",
            "http://[ff02::1]/",
        ] {
            assert!(
                matches!(refused(text).await, Some(AddressError::Private(_))),
                "{text}"
            );
            assert!(
                Target::resolve_by(&System, text, true).await.is_ok() || text.contains("localhost"),
                "{text}"
            );
        }
        for text in [
            "file:///etc/passwd",
            "ftp://a/",
            "http://user@1.1.1.1/",
            "https://user:password@1.1.1.1/",
            "x",
            "",
        ] {
            assert!(
                matches!(refused(text).await, Some(AddressError::NotHttp(_))),
                "{text}"
            );
        }
        for text in [
            "http://1.1.1.1/a?b",
            "https://1.1.1.1/",
            "http://[2606:4700::1111]:8080/",
            // Beside the blocks.
            "http://192.0.1.0/",
            "http://192.88.98.255/",
            "http://198.17.255.255/",
            "http://198.20.0.0/",
            "http://172.32.0.0/",
            "http://[2001:200::1]/",
            "http://[2001:db7::1]/",
            "http://[2620:4f:8001::1]/",
            "http://[3fff:1000::1]/",
            "http://[::ffff:1.1.1.1]/",
        ] {
            assert_eq!(refused(text).await, None, "{text}");
        }
    }
}
