//! Time-stamps (RFC 3161, RFC 5816; EN 319 422): asking for one, checking what came back, and judging one later.
//!
//! Whoever calls does the sending. [`TimestampRequest::as_der`] goes to the authority by POST as
//! `application/timestamp-query`; the body of its answer goes to [`TimestampRequest::accept`].

mod request;
mod token;

pub use request::{TimestampError, TimestampRequest};
pub(crate) use token::TST_INFO;
pub use token::TimestampToken;

use crate::algorithm::Hash;

/// The longest time-stamp response that is read, in bytes.
pub const MAX_RESPONSE: usize = 1024 * 1024;

/// What has to be stamped: a digest, and with what it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imprint {
    /// Its hash function.
    pub hash: Hash,
    /// As long as the hash function makes it.
    pub digest: Vec<u8>,
}

impl Imprint {
    /// Of these bytes.
    #[must_use]
    pub fn of(hash: Hash, bytes: &[u8]) -> Self {
        Self {
            hash,
            digest: hash.digest(bytes),
        }
    }
}
