//! SignedData (RFC 5652): read leniently, written by hand in two steps, verified over the bytes that came.
//!
//! | module | what |
//! |---|---|
//! | `tlv` | elements of DER |
//! | `ber` | what came as BER, in DER |
//! | `attributes` | signed attributes (RFC 5652, 11; RFC 5035; RFC 6211) |
//! | `write` | making a SignedData |
//! | `read` | reading one |
//! | `verify` | judging one signer |

pub(crate) mod attributes;
mod ber;
mod read;
pub(crate) mod tlv;
mod verify;
mod write;

pub use attributes::looks_like_signed_attributes;
pub use ber::{element_len, to_der};
pub use read::{FormatError, MAX_CERTIFICATES, MAX_SIGNERS, SignedData, SignerInfo};
pub use verify::{Message, verify_signer};
pub use write::{Content, PrepareError, PreparedCms, Request, prepare, reserved_len};

use der::asn1::ObjectIdentifier;

const ID_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ID_SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
