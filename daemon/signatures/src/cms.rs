//! SignedData (RFC 5652): read leniently, written by hand in two steps, verified over the bytes that came.
//!
//! | module | what |
//! |---|---|
//! | `tlv` | elements of DER |
//! | `text` | a message in PEM or Base64 |
//! | `ber` | what came as BER, in DER |
//! | `clock` | times, with fractions of a second |
//! | `attributes` | signed attributes (RFC 5652, 11; RFC 5035; RFC 6211) |
//! | `write` | making a SignedData |
//! | `read` | reading one |
//! | `material` | certificates, CRLs and OCSP responses in it (RFC 5940) |
//! | `stamps` | its time-stamps |
//! | `archive` | archive time-stamps, version 3, and 2 to be read (EN 319 122-1, 5.5 and A.2.4) |
//! | `references` | references to certificates and revocation data (EN 319 122-1, A.1) |
//! | `verify` | judging one signer |

pub(crate) mod archive;
pub(crate) mod attributes;
mod ber;
pub(crate) mod clock;
pub(crate) mod edit;
pub(crate) mod material;
mod read;
mod references;
pub(crate) mod stamps;
mod text;
pub(crate) mod tlv;
mod verify;
mod write;

pub(crate) use attributes::issuer_serial_der;
pub use attributes::{ATTRIBUTES_BEGIN, begins_like_signed_attributes, looks_like_signed_attributes};
pub use ber::{element_len, to_der};
pub use read::{FormatError, MAX_CERTIFICATES, MAX_SIGNERS, SignedData, SignerInfo};
pub use text::{MAX_TEXT, of_text};
pub use verify::{Beside, Message, verify_signer};
pub(crate) use verify::{authenticate, authenticate_counter};
pub(crate) use write::suitable;
pub use write::{Content, PrepareError, PreparedCms, Request, prepare, reserved_len};
pub(crate) use write::{enclose_signed_data, prepare_counter};

use der::asn1::ObjectIdentifier;

const ID_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ID_SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
