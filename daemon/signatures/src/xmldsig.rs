//! XML signatures (XML-DSig, second edition): made by templates, and judged, whoever made them.
//!
//! | module | what |
//! |---|---|
//! | `algorithms` | algorithms by their URIs |
//! | `template` | where a signature goes and what it covers, as data |
//! | `write` | making a Signature, in two steps |
//! | `read` | a Signature as it came |
//! | `reference` | what a Reference points to, and its digest |
//! | `verify` | judging each Signature of a document |

pub(crate) mod algorithms;
mod read;
mod reference;
mod template;
mod verify;
pub(crate) mod write;

pub use read::MAX_SIGNATURES;
pub(crate) use read::{ReadAlgorithm, ReadSignature, base64};
pub(crate) use reference::canonicalization;
pub(crate) use reference::{Resolver, feed, target};
pub use template::{Template, TemplateError};
pub(crate) use verify::{Beside, signature_elements, verify_in};
pub use verify::{Options, verify};
pub use write::{PreparedXml, XmlDsigRequest, XmlPrepareError, prepare};

/// The namespace of XML-DSig.
pub(crate) const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
