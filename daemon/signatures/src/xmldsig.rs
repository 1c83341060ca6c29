//! XML signatures (XML-DSig, second edition): made by templates, and judged, whoever made them.
//!
//! | module | what |
//! |---|---|
//! | `algorithms` | algorithms by their URIs |
//! | `template` | where a signature goes and what it covers, as data |
//! | `key_info` | whose it says that it is |
//! | `place` | where in the document it stands |
//! | `draft` | the text of a Signature, and what of it is signed |
//! | `write` | making a Signature by a template, in two steps |
//! | `read` | a Signature as it came |
//! | `reference` | what a Reference points to, and its digest |
//! | `cover` | what the references cover |
//! | `verify` | judging each Signature of a document |

pub(crate) mod algorithms;
mod cover;
pub(crate) mod draft;
pub(crate) mod key_info;
pub(crate) mod place;
mod read;
mod reference;
mod template;
mod verify;
pub(crate) mod write;

pub(crate) use cover::Cover;
pub use key_info::KeyInfoPart;
pub use read::MAX_SIGNATURES;
pub(crate) use read::{ReadAlgorithm, ReadReference, ReadSignature, base64};
pub(crate) use reference::canonicalization;
pub(crate) use reference::{Resolver, Target, feed, target};
pub use template::{DigestMethod, SignatureId, Template, TemplateError};
pub use verify::{Options, verify};
pub(crate) use verify::{holds_properties, judge, signature_elements, verify_in};
pub use write::{PreparedXml, XmlDsigRequest, XmlPrepareError, prepare};

/// The namespace of XML-DSig.
pub(crate) const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
