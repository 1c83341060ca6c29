//! TLS for addresses that say `https` (RFC 8446, RFC 5246): the anchors of this system, the name of the address, the time
//! of now. Nothing is configured, so that nothing can be switched off.

use std::io;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Read once: the system's anchors change with its updates, and a daemon is started anew more often.
static CLIENT: OnceLock<Arc<ClientConfig>> = OnceLock::new();

/// A connection to whom `name` says, and to nobody else.
///
/// # Errors
/// Of the handshake, of the certificate, or where the system has no anchors.
pub(super) async fn secure(
    stream: TcpStream,
    name: &ServerName<'static>,
) -> io::Result<TlsStream<TcpStream>> {
    let client = match CLIENT.get() {
        Some(client) => Arc::clone(client),
        None => {
            let client = tokio::task::spawn_blocking(client).await??;
            Arc::clone(CLIENT.get_or_init(|| client))
        }
    };
    TlsConnector::from(client).connect(name.clone(), stream).await
}

/// With the anchors of the system (of `SSL_CERT_FILE` and `SSL_CERT_DIR`, where those are set).
fn client() -> io::Result<Arc<ClientConfig>> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "an anchor of the system cannot be read");
    }
    let mut anchors = RootCertStore::empty();
    anchors.add_parsable_certificates(found.certs);
    if anchors.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "this system has no anchors for TLS",
        ));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let client = versions
        .map_err(io::Error::other)?
        .with_root_certificates(anchors)
        .with_no_client_auth();
    Ok(Arc::new(client))
}
