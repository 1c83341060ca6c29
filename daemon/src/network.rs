//! The only outgoing HTTP: time-stamps, OCSP answers, revocation lists.
//!
//! Nothing here is done on a page's or a document's word. Authorities for time-stamps come from the configuration or the
//! command line. Addresses of OCSP responders and CRLs come from certificates, and callers hand in only those on a path
//! that already ends in an anchor; even then an address that leads to this computer or its local network is refused
//! unless the configuration says otherwise. Redirects are not followed, answers have a limit in size and time, and the
//! connection goes to the very address that was checked.
//!
//! What comes back is signed (RFC 3161, RFC 6960, RFC 5280), so that plain HTTP does. Where an address says `https`, TLS
//! with the system's anchors it is, or nothing: see `tls`.

mod address;
mod tls;

use std::fmt;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use time::OffsetDateTime;
use tokio::io::{AsyncRead, AsyncWrite};
use trien_signatures::certificate::Certificate;
use trien_signatures::material::{MAX_CRL, MAX_OCSP};
use trien_signatures::report::Reason;
use trien_signatures::revocation::{Crl, OcspRequest, OcspResponse, RevocationError};
use trien_signatures::timestamp::{Imprint, MAX_RESPONSE, TimestampError, TimestampRequest, TimestampToken};

pub use address::AddressError;
use address::{Resolver, System, Target};

/// How long an OCSP responder or a CRL may take.
const USUAL_WAIT: Duration = Duration::from_secs(10);

/// How long an authority may take: the government's has been seen to take over two minutes.
pub const AUTHORITY_WAIT: Duration = Duration::from_secs(180);

/// How often what waits for an authority is tried again, unless the configuration says otherwise.
const RETRY: Duration = Duration::from_secs(300);

/// How long a connection may take to be made.
const CONNECT_WAIT: Duration = Duration::from_secs(10);

/// A time-stamp authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// `http://host[:port]/path`, or `https`
    pub url: String,
    /// The policy to ask for, an object identifier in dots.
    pub policy: Option<String>,
    /// How long its answer may take.
    pub wait: Duration,
}

impl Authority {
    /// At this address, with the usual patience.
    #[must_use]
    pub fn at(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            policy: None,
            wait: AUTHORITY_WAIT,
        }
    }
}

/// What may be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkRules {
    /// OCSP responders and CRLs are asked, before a signature and for its level.
    pub revocation: bool,
    /// Addresses out of certificates may lead to this computer and its local network.
    pub private_addresses: bool,
    /// In the order they are asked.
    pub authorities: Vec<Authority>,
    /// How often what waits for one of them is tried again.
    pub retry: Duration,
}

impl Default for NetworkRules {
    fn default() -> Self {
        Self {
            revocation: false,
            private_addresses: false,
            authorities: Vec::new(),
            retry: RETRY,
        }
    }
}

/// The client.
#[derive(Debug, Clone, Default)]
pub struct Network {
    rules: NetworkRules,
}

/// Why nothing came that can be used.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// No authority is configured, or the certificate names no address.
    #[error("there is no address to ask")]
    NoAddress,
    /// The address is not one that is asked.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// There was no answer in time.
    #[error("{0} did not answer in time")]
    TimedOut(String),
    /// It could not be reached, or the connection broke.
    #[error("{0} could not be reached: {1}")]
    Unreachable(String, String),
    /// It speaks no TLS that is accepted, or its certificate is not: expired, for another name, by nobody whom this
    /// system trusts.
    #[error("no safe connection to {0}: {1}")]
    Tls(String, String),
    /// It answered with something else than success; redirects are among these.
    #[error("{0} answered with status {1}")]
    Status(String, u16),
    /// The answer is longer than is read.
    #[error("the answer of {0} is too long")]
    TooLong(String),
    /// The time-stamp is not one that we could validate later.
    #[error("the authority {0} is not trusted: {1}")]
    Untrusted(String, Doubt),
    /// The time-stamp is not one to be used.
    #[error("{0}: {1}")]
    Timestamp(String, TimestampError),
    /// The revocation information is not one to be used.
    #[error("{0}: {1}")]
    Revocation(String, RevocationError),
    /// No random numbers could be had.
    #[error("no random numbers")]
    Random,
}

/// What speaks against a time-stamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// Who made it, by its certificate; empty if it holds none.
    pub authority: String,
    /// Why it is not believed.
    pub reason: Reason,
}

impl fmt::Display for Doubt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({:?})", self.authority, self.reason)
    }
}

/// One exchange.
struct Exchange<'a> {
    url: &'a str,
    /// It may lead to this computer and its local network.
    anywhere: bool,
    method: Method,
    content_type: Option<&'a str>,
    body: Vec<u8>,
    limit: usize,
    wait: Duration,
}

impl Network {
    /// By these rules.
    #[must_use]
    pub const fn new(rules: NetworkRules) -> Self {
        Self { rules }
    }

    /// What may be reached.
    #[must_use]
    pub const fn rules(&self) -> &NetworkRules {
        &self.rules
    }

    /// Whether anybody is there who stamps the time.
    #[must_use]
    pub const fn has_authorities(&self) -> bool {
        !self.rules.authorities.is_empty()
    }

    /// The same, with this authority alone.
    #[must_use]
    pub fn with_authority(&self, authority: Authority) -> Self {
        let mut rules = self.rules.clone();
        rules.authorities = vec![authority];
        Self { rules }
    }

    /// A time-stamp from the first authority that gives one to be used, and one that `believe` finds nothing against.
    /// `known` are certificates that the authority's may be among.
    ///
    /// # Errors
    /// Of the last authority, when none did.
    pub async fn timestamp(
        &self,
        imprint: &Imprint,
        known: &[Certificate],
        believe: impl Fn(&TimestampToken) -> Result<(), Doubt>,
    ) -> Result<TimestampToken, NetworkError> {
        let mut last = NetworkError::NoAddress;
        for authority in &self.rules.authorities {
            let token = self.timestamp_of(authority, imprint, known).await;
            let believed = token.and_then(|token| match believe(&token) {
                Ok(()) => Ok(token),
                Err(doubt) => Err(NetworkError::Untrusted(authority.url.clone(), doubt)),
            });
            match believed {
                Ok(token) => return Ok(token),
                Err(error) => {
                    tracing::warn!(url = ?authority.url, %error, "no time-stamp");
                    last = error;
                }
            }
        }
        Err(last)
    }

    async fn timestamp_of(
        &self,
        authority: &Authority,
        imprint: &Imprint,
        known: &[Certificate],
    ) -> Result<TimestampToken, NetworkError> {
        let refused = |error| NetworkError::Timestamp(authority.url.clone(), error);
        let nonce = random()?;
        let request =
            TimestampRequest::new(imprint.clone(), &nonce, authority.policy.as_deref()).map_err(refused)?;
        let answer = exchange(Exchange {
            url: &authority.url,
            // Whoever configured it has chosen it.
            anywhere: true,
            method: Method::POST,
            content_type: Some("application/timestamp-query"),
            body: request.as_der().to_vec(),
            limit: MAX_RESPONSE,
            wait: authority.wait,
        })
        .await?;
        request
            .accept(&answer, known, OffsetDateTime::now_utc())
            .map_err(refused)
    }

    /// What the responders of a certificate say about it. The certificate has to be one of a path to an anchor, with
    /// `issuer` above it.
    ///
    /// # Errors
    /// Of the last address that was asked.
    pub async fn ocsp(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
    ) -> Result<OcspResponse, NetworkError> {
        let mut last = NetworkError::NoAddress;
        for url in certificate.ocsp_addresses().iter().take(2) {
            let asked = async {
                let request = OcspRequest::new(certificate, issuer, &random()?);
                let answer = exchange(Exchange {
                    url,
                    anywhere: self.rules.private_addresses,
                    method: Method::POST,
                    content_type: Some("application/ocsp-request"),
                    body: request.as_der().to_vec(),
                    limit: MAX_OCSP,
                    wait: USUAL_WAIT,
                })
                .await?;
                request
                    .accept(&answer, OffsetDateTime::now_utc())
                    .map_err(|error| NetworkError::Revocation(url.clone(), error))
            };
            match asked.await {
                Ok(response) => return Ok(response),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The list that a certificate names. The certificate has to be one of a path to an anchor.
    ///
    /// # Errors
    /// Of the last address that was asked.
    pub async fn crl(&self, certificate: &Certificate) -> Result<Crl, NetworkError> {
        let mut last = NetworkError::NoAddress;
        for url in certificate.crl_addresses().iter().take(2) {
            let asked = async {
                let answer = exchange(Exchange {
                    url,
                    anywhere: self.rules.private_addresses,
                    method: Method::GET,
                    content_type: None,
                    body: Vec::new(),
                    limit: MAX_CRL,
                    wait: USUAL_WAIT,
                })
                .await?;
                Crl::from_der(&answer).map_err(|error| NetworkError::Revocation(url.clone(), error))
            };
            match asked.await {
                Ok(crl) => return Ok(crl),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// A number that was never used before.
fn random() -> Result<[u8; 16], NetworkError> {
    let mut nonce = [0; 16];
    aws_lc_rs::rand::fill(&mut nonce).map_err(|_| NetworkError::Random)?;
    // Positive, and not to be shortened by anybody.
    nonce[0] = (nonce[0] & 0x7F) | 0x40;
    Ok(nonce)
}

async fn exchange(exchange: Exchange<'_>) -> Result<Vec<u8>, NetworkError> {
    exchange_by(&System, exchange).await
}

/// Looking for the address is part of what may take so long: a name whose servers are silent is no better than a silent
/// responder.
async fn exchange_by(
    resolver: &(impl Resolver + Sync),
    exchange: Exchange<'_>,
) -> Result<Vec<u8>, NetworkError> {
    let (url, wait) = (exchange.url, exchange.wait);
    let timed_out = |_| NetworkError::TimedOut(address::shown(url));
    let whole = async {
        let reached = tokio::time::timeout(CONNECT_WAIT, reach(resolver, &exchange));
        let (target, stream) = reached.await.map_err(timed_out)??;
        converse(&target, stream, exchange).await
    };
    tokio::time::timeout(wait, whole).await.map_err(timed_out)?
}

/// Finds whom to ask, and connects.
async fn reach(
    resolver: &(impl Resolver + Sync),
    exchange: &Exchange<'_>,
) -> Result<(Target, Box<dyn Stream>), NetworkError> {
    let target = Target::resolve_by(resolver, exchange.url, exchange.anywhere).await?;
    let stream = connect(&target).await?;
    Ok((target, stream))
}

/// A connection to a target, in TLS where its address says so.
async fn connect(target: &Target) -> Result<Box<dyn Stream>, NetworkError> {
    let stream = target.connect().await;
    let stream =
        stream.map_err(|error| NetworkError::Unreachable(target.shown.clone(), error.to_string()))?;
    match &target.server_name {
        None => Ok(Box::new(stream)),
        Some(name) => match tls::secure(stream, name).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(NetworkError::Tls(target.shown.clone(), error.to_string())),
        },
    }
}

/// What HTTP is spoken over.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

async fn converse(
    target: &Target,
    stream: Box<dyn Stream>,
    exchange: Exchange<'_>,
) -> Result<Vec<u8>, NetworkError> {
    let Exchange {
        method,
        content_type,
        body,
        limit,
        ..
    } = exchange;
    let broken =
        |error: &dyn std::fmt::Display| NetworkError::Unreachable(target.shown.clone(), error.to_string());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(&error))?;
    let driver = tokio::spawn(connection);
    let mut request = Request::builder()
        .method(method)
        .uri(&target.path)
        .header(header::HOST, &target.host)
        .header(header::USER_AGENT, "trien")
        .header(header::CONNECTION, "close");
    if let Some(content_type) = content_type {
        request = request.header(header::CONTENT_TYPE, content_type);
    }
    let request = request
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| broken(&error))?;
    let answer = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| broken(&error))?;
        if response.status() != StatusCode::OK {
            return Err(NetworkError::Status(
                target.shown.clone(),
                response.status().as_u16(),
            ));
        }
        // No content coding was offered: one that comes all the same is no DER.
        let body = Limited::new(response.into_body(), limit).collect().await;
        body.map(|body| body.to_bytes().to_vec()).map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                NetworkError::TooLong(target.shown.clone())
            } else {
                broken(&error)
            }
        })
    }
    .await;
    driver.abort();
    answer
}
