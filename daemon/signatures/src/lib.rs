//! Digital signatures in the formats that offices exchange: made, and checked.
//!
//! Pure: bytes in, bytes out. No network, no token, no clock, no thread, no randomness; whoever calls hands in the
//! time and the token's signature. What is kept between calls (by whose key a certificate was seen to be signed, with the
//! certificate; subset fonts and QR codes, where the caller has [`pades::Drawings`]) changes nothing that comes out. This
//! crate names no other crate of ours.
//!
//! Signing is three steps with values between them:
//!
//! 1. **prepare**: a format turns the document and a [`certificate::Certificate`] into a [`signing::Prepared`]
//!    that holds the bytes to be signed;
//! 2. **sign**: somebody else, usually a token, signs [`signing::Prepared::to_be_signed`];
//! 3. **finish**: the same value takes the [`algorithm::SignatureValue`], checks it with the certificate's public key,
//!    and gives the signed document.
//!
//! Checking is one call a format and gives a [`report::Report`] in the words of ETSI EN 319 102-1.
//!
//! ```
//! use aws_lc_rs::rand::SystemRandom;
//! use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
//! use time::OffsetDateTime;
//! use trien_signatures::algorithm::{Hash, SignatureAlgorithm, SignatureValue};
//! use trien_signatures::cades::{self, CadesRequest};
//! use trien_signatures::certificate::Certificate;
//! use trien_signatures::report::{Integrity, Level};
//! use trien_signatures::signing::Prepared;
//! use trien_signatures::trust::{Anchors, Reliance};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A certificate, and its key: in software here, else on a token.
//! let signer = Certificate::from_pem(include_str!("../examples/signer/signer.pem"))?;
//! let key = include_bytes!("../examples/signer/key.der");
//! let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key)?;
//! let now = OffsetDateTime::from_unix_timestamp(1_796_083_200)?;
//!
//! // Prepare.
//! let prepared = cades::prepare(&CadesRequest {
//!     content: "Đơn đề nghị".as_bytes(),
//!     detached: false,
//!     signer: &signer,
//!     chain: &[],
//!     algorithm: SignatureAlgorithm::Ecdsa(Hash::Sha256),
//!     signing_time: now,
//! })?;
//!
//! // Sign.
//! let signature = key.sign(&SystemRandom::new(), prepared.to_be_signed())?;
//! let signature = SignatureValue::from_token(prepared.algorithm(), signature.as_ref())?;
//!
//! // Finish.
//! let signed = prepared.finish(signature)?;
//!
//! // Check: the document, relying on a root, at a time.
//! let root = Certificate::from_pem(include_str!("../examples/signer/root.pem"))?;
//! let anchors = Anchors::new(vec![root]);
//! let report = cades::verify(&signed, None, &Reliance::new(&anchors, &[], now))?;
//! assert!(report.valid());
//! assert_eq!(report.signatures[0].level, Some(Level::BB));
//!
//! // One byte of the content is another.
//! let mut changed = signed;
//! let place = changed.windows(2).position(|two| two == b"ng").ok_or("no content")?;
//! changed[place] = b'N';
//! let report = cades::verify(&changed, None, &Reliance::new(&anchors, &[], now))?;
//! assert!(!report.valid());
//! assert_eq!(report.signatures[0].integrity, Integrity::Broken);
//! # Ok(())
//! # }
//! ```
//!
//! | module | what | follows |
//! |---|---|---|
//! | [`algorithm`] | hash and signature algorithms, values from tokens, verification | RFC 8017, FIPS 186-5 |
//! | [`certificate`] | a certificate with the bytes it came as; subjects as Vietnamese CAs write them | RFC 5280 |
//! | [`signing`] | what all formats share when signing | |
//! | [`cms`] | SignedData and its attributes | RFC 5652, RFC 5035 |
//! | [`cades`] | CAdES B-B to B-LTA, attached and detached | EN 319 122-1 |
//! | [`pdf`] | reading a PDF and appending to it | ISO 32000-1 |
//! | [`pades`] | PAdES B-B to B-LTA, visible and invisible | EN 319 142-1 |
//! | [`timestamp`] | asking for time-stamps, checking them | RFC 3161, RFC 5816 |
//! | [`augment`] | raising the level of a signature | EN 319 102-1, 4.3 |
//! | [`material`] | what proves a signature later | |
//! | [`revocation`] | CRLs and OCSP responses | RFC 5280, RFC 6960 |
//! | [`validation`] | certificates and signatures in time | EN 319 102-1, clause 5 |
//! | [`xml`] | one strict reader, canonical forms | XML 1.0, Canonical XML 1.0 and 1.1 |
//! | [`xmldsig`] | XML signatures by templates, and judging them | XML-DSig, second edition |
//! | [`xades`] | XAdES B-B to B-LTA: enveloped, enveloping, detached | EN 319 132-1 |
//! | [`jades`] | JWS and JAdES B-B to B-LTA, compact and JSON | RFC 7515, TS 119 182-1 |
//! | [`asic`], [`zip`] | containers with XAdES or CAdES, B-B to B-LTA | EN 319 162-1 |
//! | [`ooxml`] | Office documents: docx, xlsx, pptx | ECMA-376 part 2, [MS-OFFCRYPTO] |
//! | [`trust`] | anchors and certification paths | RFC 5280, section 6 |
//! | [`report`] | indications and what a clerk has to see | EN 319 102-1 |

#![forbid(unsafe_code)]
// Pure: see clippy.toml.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod algorithm;
pub mod asic;
pub mod augment;
pub mod cades;
pub mod certificate;
pub mod cms;
pub mod jades;
pub mod material;
pub mod ooxml;
pub mod pades;
pub mod pdf;
pub mod report;
pub mod revocation;
pub mod signing;
pub mod timestamp;
pub mod trust;
pub mod validation;
pub mod xades;
pub mod xml;
pub mod xmldsig;
pub mod zip;
