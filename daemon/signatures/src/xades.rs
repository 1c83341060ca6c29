//! XAdES baseline (EN 319 132-1): XML signatures that sign who signed, and when.
//!
//! | module | what |
//! |---|---|
//! | `read` | the qualifying properties of a signature |
//! | `unsigned` | its unsigned properties: time-stamps, references and validation material |
//! | `stamps` | what each time-stamp is about |
//! | `references` | certificates and revocation data named by their digests |
//! | `augment` | B-B → B-T → B-LT → B-LTA |
//! | `write` | making one: enveloped, enveloping, detached |

mod augment;
mod read;
mod references;
mod stamps;
mod unsigned;
mod write;

pub use augment::XadesSignature;
pub(crate) use read::{Qualifying, countersigned, is_namespace, read_time};
pub(crate) use unsigned::Unsigned;
pub use write::{Packaging, XadesRequest, prepare};
pub(crate) use write::{SignedFile, prepare_files, uri_of};

/// The namespace of the properties.
pub(crate) const XADES: &str = "http://uri.etsi.org/01903/v1.3.2#";

/// The namespace of those that came later.
pub(crate) const XADES_141: &str = "http://uri.etsi.org/01903/v1.4.1#";

/// The type of a reference to signed properties.
pub(crate) const SIGNED_PROPERTIES: &str = "http://uri.etsi.org/01903#SignedProperties";
