//! Signatures of Office documents: docx, xlsx, pptx (Open Packaging Conventions, ECMA-376 part 2, clause 12 and annex
//! C; what Office adds to them: [MS-OFFCRYPTO] 2.5 and [MS-OI29500]).
//!
//! A signature is a part of the package. It holds a manifest: the digest of each part together with its content type,
//! and of each list of relationships after the transform that leaves out those that are not signed. The properties of
//! XAdES beside it say who signed and when.
//!
//! | module | what |
//! |---|---|
//! | `package` | parts, their content types, their relationships |
//! | `relationships` | one list of relationships, and its transform |
//! | `write` | making a signature, in two steps |
//! | `augment` | B-B → B-T → B-LT |
//! | `verify` | judging each signature of a package |

mod augment;
mod package;
mod relationships;
mod store;
mod verify;
mod write;

pub use augment::OoxmlSignature;
pub use verify::verify;
pub use write::{OoxmlRequest, PreparedOoxml, prepare};

use crate::xmldsig::XmlPrepareError;
use crate::zip::{Container, ZipError};

/// The namespace of SignatureTime and of the transform's parameters.
pub(crate) const SIGNATURE_NS: &str = "http://schemas.openxmlformats.org/package/2006/digital-signature";

/// The transform of lists of relationships.
const RELATIONSHIP_TRANSFORM: &str = "http://schemas.openxmlformats.org/package/2006/RelationshipTransform";

/// What a reference to an Object says it is.
const OBJECT: &str = "http://www.w3.org/2000/09/xmldsig#Object";

/// The name of the list of content types, which is no part.
const CONTENT_TYPES: &str = "[Content_Types].xml";

const ORIGIN_TYPE: &str = "application/vnd.openxmlformats-package.digital-signature-origin";
const SIGNATURE_TYPE: &str = "application/vnd.openxmlformats-package.digital-signature-xmlsignature+xml";
const CERTIFICATE_TYPE: &str = "application/vnd.openxmlformats-package.digital-signature-certificate";
const RELATIONSHIPS_TYPE: &str = "application/vnd.openxmlformats-package.relationships+xml";

/// Why bytes are no package that can be looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// No ZIP file with one reading.
    #[error(transparent)]
    Zip(#[from] ZipError),
    /// It has a password: see [`is_encrypted`].
    #[error("the Office document is encrypted")]
    Encrypted,
    /// Not a package, or one with more than one reading.
    #[error("not an Office document with one reading: {what}: {name}")]
    Malformed {
        /// The rule that is broken.
        what: &'static str,
        /// The part in which it is.
        name: String,
    },
}

impl PackageError {
    fn malformed(what: &'static str, name: &str) -> Self {
        Self::Malformed {
            what,
            name: name.to_owned(),
        }
    }
}

/// Why no signature can be prepared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OoxmlError {
    /// The document cannot be read.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The XML signature cannot be prepared.
    #[error(transparent)]
    Xml(#[from] XmlPrepareError),
}

impl From<ZipError> for OoxmlError {
    fn from(error: ZipError) -> Self {
        Self::Package(error.into())
    }
}

/// How a compound file begins ([MS-CFB], 2.2).
const COMPOUND_FILE: &[u8] = &[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];

/// Whether bytes are an Office document with a password: no ZIP file then, but a compound file with the encrypted package
/// in a stream of that name ([MS-OFFCRYPTO], 1.3.3).
#[must_use]
pub fn is_encrypted(bytes: &[u8]) -> bool {
    let name: Vec<u8> = "EncryptedPackage"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    bytes.starts_with(COMPOUND_FILE) && memchr::memmem::find(bytes, &name).is_some()
}

fn open(bytes: &[u8]) -> Result<Container, PackageError> {
    match is_encrypted(bytes) {
        true => Err(PackageError::Encrypted),
        false => Ok(Container::parse(bytes)?),
    }
}

/// Whether bytes are a ZIP file that lists content types, as every package does.
#[must_use]
pub fn looks_like(bytes: &[u8]) -> bool {
    Container::looks_like(bytes) && memchr::memmem::rfind(bytes, CONTENT_TYPES.as_bytes()).is_some()
}
