//! What the parts of Triện say to each other, and nothing about how.
//!
//! Two roads carry the same messages: a WebSocket (`trien.v1`, RFC 6455) and native messaging through the
//! extension host. Each message is one JSON-RPC 2.0 object; see [`envelope`]. Everything here is a plain value:
//! no I/O, no clock, and no other crate of ours.
//!
//! | module | what |
//! |---|---|
//! | [`envelope`] | JSON-RPC objects: request, reply, notification |
//! | [`call`] | the methods and their parameters |
//! | [`reply`] | their results |
//! | [`event`] | notifications the daemon sends unasked |
//! | [`error`] | stable error codes and the error object |
//! | [`frame`] | length-prefixed frames of the per-user socket; WebSocket binary frames |
//! | [`opening`] | the first frame on the per-user socket: who the extension says is at the other end |
//! | [`prompt`] | what the daemon and the consent window say to each other |
//! | [`limits`] | every bound on size, depth, count and time that both sides must know |

pub mod call;
pub mod envelope;
pub mod error;
pub mod event;
pub mod frame;
pub mod limits;
pub mod opening;
pub mod prompt;
pub mod reply;
mod strict;

/// The version `hello` negotiates: one integer, raised when an old peer could misunderstand a new one.
pub const PROTOCOL_VERSION: u32 = 1;

/// What a daemon of this version has beside the methods of the first, by names that never change their meaning. A
/// client names in `hello` what it can make use of, and learns of no other. All but [`MANIFEST`] are methods, parameters
/// and members of results, which change nothing for who does not use them.
pub const CAPABILITIES: &[&str] = &[
    "authenticate",
    "content",
    "hash",
    "idempotency",
    "level",
    MANIFEST,
    "receipt",
    "sign_digests",
];

/// The capability that has a request wait for documents of its that are not here. For a client that did not name it in
/// `hello` they are missing, as they were before there was this capability.
pub const MANIFEST: &str = "manifest";

/// The WebSocket subprotocol (RFC 6455, section 1.9) a client has to offer.
pub const SUBPROTOCOL: &str = "trien.v1";

/// The port the WebSocket listens on unless the configuration says otherwise, on 127.0.0.1 and `[::1]`.
pub const DEFAULT_PORT: u16 = 47470;

/// The only path of the WebSocket.
pub const WEBSOCKET_PATH: &str = "/v1";

/// The name of the native-messaging host in the browsers' manifests.
pub const NATIVE_HOST_NAME: &str = "vn.trien.host";
