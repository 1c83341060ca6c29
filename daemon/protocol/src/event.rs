//! What the daemon says unasked.

use serde::{Deserialize, Serialize};
#[cfg(feature = "typescript")]
use ts_rs::TS;

use crate::call::Level;
use crate::envelope::RequestId;

/// A notification.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "method", content = "params", rename_all = "snake_case")]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Event {
    /// How far a request has come.
    Progress(Progress),
    /// On the per-user socket, before `hello` is answered: the person is asked whether the page may ask at all.
    Permission(PermissionNote),
    /// Tokens came or went, or one that another program held is free: a request may end otherwise now.
    TokensChanged(TokensChanged),
    /// A document that was signed at a lower level has the one asked for now.
    Raised(Raised),
}

/// That a document that was signed at a lower level has the one asked for now, or, where that cannot be had any more, one
/// between them. It can be had with `download`, beside the one it was made from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Raised {
    /// The request that asked for it.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub request: RequestId,
    /// SHA-256 of what the reply named, lower-case hexadecimal.
    pub from: String,
    /// SHA-256 of the document, lower-case hexadecimal.
    pub sha256: String,
    /// Of the document, in bytes.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub size: u64,
    /// The level it has.
    pub level: Level,
}

/// That the person is asked whether a page may ask at all.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PermissionNote {
    /// Always true: the answer is that of `hello`.
    pub asking: bool,
}

/// That tokens came or went, or that one that another program held is free; a page learns nothing of which, how many, or
/// where.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TokensChanged {}

/// How far a request has come.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Progress {
    /// Which request.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub request: RequestId,
    /// What it does now.
    pub stage: Stage,
    /// Documents finished.
    pub done: u32,
    /// Documents in all.
    pub total: u32,
}

/// The stages of a request that a page can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Stage {
    /// The request may be made and there is room for it; the documents of its manifest that are not here yet are waited
    /// for. Told anew at least once a second. Capability `manifest`.
    Collecting,
    /// The person is being asked.
    Asking,
    /// The token signs.
    Signing,
    /// The token was pulled in the middle: the person is asked to put it back and to type its PIN again. *Signing*
    /// follows, or the reply.
    Paused,
    /// All is signed, and time-stamp authorities are asked for the level that the page wants: minutes, with some of them.
    Stamping,
}
