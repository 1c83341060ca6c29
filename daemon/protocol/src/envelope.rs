//! JSON-RPC 2.0 objects (jsonrpc.org specification): one object a message, no batches.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::call::{Call, Method};
use crate::error::{ErrorCode, ErrorObject};
use crate::event::Event;
use crate::reply::Reply;
use crate::strict;

/// The id a client gives a request; unique among the requests of its connection.
pub type RequestId = u64;

/// A request as it arrived and as the schema understood it.
#[derive(Debug)]
pub struct Request {
    /// Comes back in the reply.
    pub id: RequestId,
    /// Method and parameters.
    pub call: Call,
}

/// Why a text is not a request, with the id if that much could be read.
#[derive(Debug)]
pub struct Malformed {
    /// `None` when the text is no JSON-RPC object at all.
    pub id: Option<RequestId>,
    /// `bad_request`, or `method_not_found`.
    pub code: ErrorCode,
    /// Which field, for the developer. Never a value from the message.
    pub detail: String,
}

impl Request {
    /// Reads one request. Unknown fields, duplicate fields and unknown methods are refused; so is a text whose
    /// nesting exceeds what the types here need (the parser gives up at depth 128).
    ///
    /// # Errors
    /// [`Malformed`], which becomes an error reply.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Raw<'a> {
            jsonrpc: &'a str,
            id: RequestId,
            method: &'a str,
            #[serde(borrow)]
            params: Option<&'a RawValue>,
        }
        /// The same with parameters of any form: read only to say what was wrong.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code, reason = "only whether it can be read counts")]
        struct Shell {
            jsonrpc: String,
            id: RequestId,
            method: String,
            params: Option<IgnoredAny>,
        }
        let bad = |id, detail| Malformed {
            id,
            code: ErrorCode::BadRequest,
            detail,
        };
        let raw: Raw<'_> = serde_json::from_str(text)
            .map_err(|error| bad(None, strict::explain::<Shell>(text, "", &error)))?;
        if strict::is_array(text) {
            return Err(bad(None, "expected an object".into()));
        }
        let id = Some(raw.id);
        if raw.jsonrpc != "2.0" {
            return Err(Malformed {
                id,
                code: ErrorCode::BadRequest,
                detail: "jsonrpc is not \"2.0\"".into(),
            });
        }
        let Some(method) = Method::parse(raw.method) else {
            return Err(Malformed {
                id,
                code: ErrorCode::MethodNotFound,
                detail: "unknown method".into(),
            });
        };
        let params = raw.params.map_or("{}", RawValue::get);
        let call = method.read(params).map_err(|detail| bad(id, detail))?;
        Ok(Self { id: raw.id, call })
    }
}

/// A message from the daemon.
#[allow(clippy::large_enum_variant, reason = "one is made, moved once and gone")]
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Outgoing {
    /// The one reply a successful request gets.
    Result {
        /// Always "2.0".
        jsonrpc: Version,
        /// Of the request.
        id: RequestId,
        /// By method.
        result: Reply,
    },
    /// The one reply a failed request gets.
    Error {
        /// Always "2.0".
        jsonrpc: Version,
        /// Of the request; `null` if it could not be read.
        id: Option<RequestId>,
        /// What happened and what to do.
        error: ErrorObject,
    },
    /// Something the client did not ask for.
    Notification {
        /// Always "2.0".
        jsonrpc: Version,
        /// Method and parameters.
        #[serde(flatten)]
        event: Event,
    },
}

impl Outgoing {
    /// The reply to a request that succeeded.
    #[must_use]
    pub fn result(id: RequestId, result: Reply) -> Self {
        Self::Result {
            jsonrpc: Version,
            id,
            result,
        }
    }

    /// The reply to a request that failed.
    #[must_use]
    pub fn error(id: Option<RequestId>, error: ErrorObject) -> Self {
        Self::Error {
            jsonrpc: Version,
            id,
            error,
        }
    }

    /// A notification.
    #[must_use]
    pub fn event(event: Event) -> Self {
        Self::Notification {
            jsonrpc: Version,
            event,
        }
    }
}

/// Serialises as the string "2.0".
#[derive(Debug, Clone, Copy, Default)]
pub struct Version;

impl Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("2.0")
    }
}
