//! Bounds that both ends of a road must know. A message past one of them is refused, never truncated.

/// One JSON-RPC message, in bytes, in either direction on the WebSocket and on the per-user socket.
pub const MAX_MESSAGE: usize = 1024 * 1024;

/// One message from the daemon towards native messaging, in bytes. Browsers end the connection past 1 MiB.
pub const MAX_NATIVE_MESSAGE: usize = 900 * 1024;

/// Document bytes in one `upload` or `download`, before base64.
pub const MAX_CHUNK: usize = 512 * 1024;

/// One document, in bytes.
pub const MAX_DOCUMENT: u64 = 200 * 1024 * 1024;

/// All documents a connection holds at once, in bytes, with the room that is kept for their results: [`MAX_DOCUMENTS`] of
/// 4 MiB each, or ten of the largest size. What is signed without being changed is held once. Where there is no room for
/// more, those that were complete first are let go, but for those of requests that are not answered yet.
pub const MAX_HELD: u64 = 2 * 1024 * 1024 * 1024;

/// What a signature adds to a document, in bytes: so much room is taken for each result before the person is asked, and as
/// much again as the document where it is not just put around it.
pub const MAX_ADDED: u64 = 64 * 1024;

/// All documents of one origin's connections together, in bytes: no portal leaves nothing for the others.
pub const MAX_HELD_BY_ORIGIN: u64 = MAX_HELD + MAX_HELD / 2;

/// All documents of all connections together, in bytes: they lie encrypted on the disk, small ones in memory up to
/// [`MAX_IN_MEMORY`].
pub const MAX_HELD_BY_ALL: u64 = 2 * MAX_HELD;

/// Documents of all connections together that lie in memory, in bytes; only such of at most [`MAX_SMALL`] do.
pub const MAX_IN_MEMORY: u64 = 64 * 1024 * 1024;

/// A document up to this size, in bytes, may lie in memory.
pub const MAX_SMALL: u64 = 1024 * 1024;

/// Documents of one connection of which something has come and not all.
pub const MAX_COMING: usize = 64;

/// How long an upload may bring nothing, in seconds. Past it, what came is gone; past it without a byte of any document of
/// its manifest, a request that waits for them ends. Not a bound on the whole: a large document on a busy computer takes
/// its time.
pub const MAX_UPLOAD_SECONDS: u64 = 60;

/// Characters of the nonce that an authentication token is bound to: base64 of 256 bits to 768.
pub const NONCE_LENGTH: std::ops::RangeInclusive<usize> = 44..=128;

/// Characters of an idempotency key.
pub const KEY_LENGTH: std::ops::RangeInclusive<usize> = 16..=64;

/// How long a reply can be asked for again by its idempotency key, in seconds.
pub const MAX_RECALL_SECONDS: u64 = 600;

/// The same for a reply with a document that waits for its level, in seconds: a day.
pub const MAX_WAITING_SECONDS: u64 = 86_400;

/// Different tax codes that an origin may ask for within [`TAX_CODE_SECONDS`] where no certificate here carries them.
pub const MAX_TAX_CODES: usize = 3;

/// How long a tax code that was asked for in vain counts, in seconds.
pub const TAX_CODE_SECONDS: u64 = 600;

/// Certificates the person may choose from in one question.
pub const MAX_CANDIDATES: usize = 100;

/// Documents in one request.
pub const MAX_DOCUMENTS: usize = 500;

/// Requests of one connection that have not had their reply.
pub const MAX_IN_FLIGHT: usize = 32;

/// A document's name, in characters (Unicode scalar values).
pub const MAX_NAME: usize = 255;

/// Other text a page supplies (reason, location), in characters.
pub const MAX_TEXT: usize = 1024;

/// A picture of a signature or a seal, in bytes, before base64.
pub const MAX_IMAGE: usize = 512 * 1024;

/// Values for the places in an appearance's text.
pub const MAX_VALUES: usize = 16;

/// Names of form fields that one signature locks.
pub const MAX_LOCKED: usize = 1000;

/// Messages in a row that are no valid request, after which the connection is closed.
pub const MAX_BAD_MESSAGES: u32 = 3;
