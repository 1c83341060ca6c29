//! XML 1.0 as signatures need it: one strict reader for everything, and its canonical forms.
//!
//! What is verified, what is shown and what is signed go through the same reader, so that no two readings of a document
//! differ. It keeps no tree: four numbers an element, and everything else is read again where it stands; a document of
//! 10 MB costs a few more. Refused: document type declarations (and with them entities and attributes from elsewhere),
//! other encodings than UTF-8, XML 1.1, and whatever is not well-formed or not namespace-well-formed.
//!
//! | module | what | follows |
//! |---|---|---|
//! | `token` | tags, text, comments | XML 1.0, fifth edition |
//! | `document` | elements, their names and namespaces, their Ids | Namespaces in XML 1.0 |
//! | `canonical` | the octets that are hashed | Canonical XML 1.0 and 1.1, Exclusive Canonical XML 1.0 |
//! | `write` | escaping | |

mod canonical;
mod document;
mod name;
pub(crate) mod token;
mod write;

pub use canonical::{Canonicalization, Method, Outer};
pub use document::{Document, ElementId, MAX_DEPTH, MAX_ELEMENTS};
pub(crate) use name::is_nc_name;
pub(crate) use write::{attribute_value, text_content};

/// The longest document that is read, in bytes.
pub const MAX_LEN: usize = 512 * 1024 * 1024;

/// Why bytes are no document that can be looked at. Offsets are in bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum XmlError {
    /// Longer than [`MAX_LEN`].
    #[error("{0} bytes are too long for an XML document")]
    TooLong(usize),
    /// Not UTF-8, or declared as something else.
    #[error("the document is not in UTF-8")]
    Encoding,
    /// Another version than 1.0.
    #[error("only XML 1.0 is read")]
    Version,
    /// It has a document type declaration.
    #[error("documents with a document type declaration (DTD) are not read")]
    DocumentType,
    /// Not well-formed.
    #[error("not well-formed XML at byte {offset}")]
    Malformed {
        /// Where.
        offset: usize,
    },
    /// A prefix that is not declared, or a declaration that is not allowed.
    #[error("not well-formed with its namespaces at byte {offset}")]
    Namespace {
        /// Where.
        offset: usize,
    },
    /// More than [`MAX_ELEMENTS`].
    #[error("more elements than are read")]
    TooManyElements,
    /// Deeper than [`MAX_DEPTH`], or an element with more than 256 attributes.
    #[error("deeper nested, or with more attributes, than is read, at byte {offset}")]
    TooComplex {
        /// Where.
        offset: usize,
    },
    /// Canonical XML 1.1 over a part whose `xml:base` comes from outside of it.
    #[error("xml:base from outside of a signed part is not supported with Canonical XML 1.1")]
    InheritedBase,
}
