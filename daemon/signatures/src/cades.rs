//! CAdES baseline signatures (EN 319 122-1, clause 6): attached, or detached beside their file.
//!
//! | what | where |
//! |---|---|
//! | B-B | [`prepare`], [`prepare_digest`] |
//! | B-T, B-LT, B-LTA | [`CadesSignature`], by [`crate::augment`] |
//! | one more signature, a counter-signature | [`prepare_parallel`], [`prepare_counter`] |
//! | content that does not fit into memory | [`Container`], [`Digests`], [`verify_digests`] |

mod augment;
mod more;
mod stream;

use std::cell::OnceCell;

use time::OffsetDateTime;

use crate::algorithm::{Hash, SignatureAlgorithm, SignatureValue};
use crate::certificate::Certificate;
use crate::cms::{self, FormatError, Message, PrepareError, PreparedCms, SignedData, SignerInfo};
use crate::report::{Coverage, Format, Reason, Report, SignatureReport, SubIndication};
use crate::signing::{FinishError, Prepared, Rehearse};
use crate::trust::Reliance;

pub use augment::CadesSignature;
pub(crate) use more::COUNTER_SIGNATURE;
pub use more::{FurtherError, FurtherRequest, PreparedFurther, prepare_counter, prepare_parallel, signers};
pub use stream::{Container, ContentReader, Digests};

/// What a CAdES signature is made from.
#[derive(Debug, Clone)]
pub struct CadesRequest<'a> {
    /// What is signed.
    pub content: &'a [u8],
    /// Whether the content stays outside.
    pub detached: bool,
    /// Whose signature it will be.
    pub signer: &'a Certificate,
    /// The certificates up to the root that go with it.
    pub chain: &'a [Certificate],
    /// With what.
    pub algorithm: SignatureAlgorithm,
    /// The time on the signer's clock; B-B requires it (EN 319 122-1, table 1).
    pub signing_time: OffsetDateTime,
}

/// A CAdES signature on its way to being signed.
#[derive(Debug, Clone)]
pub struct PreparedCades(PreparedCms);

/// Prepares a CAdES B-B signature.
///
/// # Errors
/// [`PrepareError`]
pub fn prepare(request: &CadesRequest<'_>) -> Result<PreparedCades, PrepareError> {
    if cms::looks_like_signed_attributes(request.content) {
        return Err(PrepareError::ContentIsSignedAttributes);
    }
    let content = if request.detached {
        cms::Content::Detached {
            digest: request.algorithm.hash().digest(request.content),
        }
    } else {
        cms::Content::Attached(request.content)
    };
    prepare_cms(request, content)
}

/// Prepares a detached CAdES B-B signature over content that was hashed elsewhere, with the algorithm's hash. Whoever
/// calls has seen to it that the content is no set of signed attributes ([`cms::looks_like_signed_attributes`]).
/// [`CadesRequest::content`] and [`CadesRequest::detached`] are not looked at.
///
/// # Errors
/// [`PrepareError`]
pub fn prepare_digest(request: &CadesRequest<'_>, digest: Vec<u8>) -> Result<PreparedCades, PrepareError> {
    prepare_cms(request, cms::Content::Detached { digest })
}

fn prepare_cms(request: &CadesRequest<'_>, content: cms::Content<'_>) -> Result<PreparedCades, PrepareError> {
    cms::prepare(&cms::Request {
        content,
        signer: request.signer,
        chain: request.chain,
        algorithm: request.algorithm,
        signing_time: Some(request.signing_time),
    })
    .map(PreparedCades)
}

impl Prepared for PreparedCades {
    fn to_be_signed(&self) -> &[u8] {
        self.0.to_be_signed()
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.0.algorithm()
    }

    fn finish(self, signature: SignatureValue) -> Result<Vec<u8>, FinishError> {
        self.0.finish(signature)
    }
}

impl Rehearse for PreparedCades {
    fn rehearse(self) -> Result<Vec<u8>, FinishError> {
        self.0.rehearse()
    }
}

/// Validates a CAdES signature. `content` is the signed file of a detached signature; for an attached one there must
/// be none.
///
/// # Errors
/// [`FormatError`] when the bytes are no SignedData at all; everything else is in the report.
pub fn verify(
    signature: &[u8],
    content: Option<&[u8]>,
    reliance: &Reliance<'_>,
) -> Result<Report, FormatError> {
    let signed_data = SignedData::parse(signature)?;
    let bytes = content.or(signed_data.content());
    // Many signers, one content: each hash is computed once.
    let computed: [OnceCell<Vec<u8>>; Hash::KNOWN.len()] = Default::default();
    let digest = |hash: Hash| {
        let bytes = bytes?;
        let place = Hash::KNOWN.iter().position(|other| *other == hash)?;
        Some(computed[place].get_or_init(|| hash.digest(bytes)).clone())
    };
    let message = Message {
        digest: &digest,
        content: bytes,
        given_apart: content.is_some(),
        is_signed_attributes: bytes.is_some_and(cms::looks_like_signed_attributes),
        signing_time: None,
        format: Format::Cades,
        coverage: bytes.map(|bytes| Coverage::whole(bytes.len() as u64)),
        beside: cms::Beside::default(),
    };
    Ok(report(&signed_data, &message, reliance))
}

/// A content of which the digests are to be had.
pub(crate) struct Lying<'a> {
    pub(crate) digest: &'a dyn Fn(Hash) -> Option<Vec<u8>>,
    /// Its first bytes, as many as tell whether it is a set of signed attributes.
    pub(crate) beginning: Vec<u8>,
    /// In bytes.
    pub(crate) length: u64,
    /// All of it, of which only what [`needs_content`] has a use.
    pub(crate) bytes: Option<&'a [u8]>,
}

/// Whether a signature may have a time-stamp that is about its content and not about the digest of it
/// (archive-time-stamp-v2).
pub(crate) fn needs_content(signature: &[u8]) -> bool {
    let attribute = cms::tlv::oid(&cms::stamps::ARCHIVE_V2);
    memchr::memmem::find(signature, &attribute).is_some()
}

/// Validates a detached signature over a file that lies in a container.
///
/// # Errors
/// As [`verify`].
pub(crate) fn verify_lying(
    signature: &[u8],
    content: &Lying<'_>,
    beside: cms::Beside<'_>,
    reliance: &Reliance<'_>,
) -> Result<Report, FormatError> {
    let signed_data = SignedData::parse(signature)?;
    let message = Message {
        digest: content.digest,
        content: content.bytes,
        given_apart: true,
        is_signed_attributes: cms::begins_like_signed_attributes(&content.beginning, content.length),
        signing_time: None,
        format: Format::Cades,
        coverage: Some(Coverage::whole(content.length)),
        beside,
    };
    Ok(report(&signed_data, &message, reliance))
}

/// Validates a CAdES signature whose content was hashed elsewhere. `signature` is a detached one, or the skeleton of a
/// [`Container`]; `given_apart` says whether the content came beside it, though it may be inside.
///
/// # Errors
/// [`FormatError`] when the bytes are no SignedData at all; everything else is in the report.
pub fn verify_digests(
    signature: &[u8],
    content: Option<&Digests>,
    given_apart: bool,
    reliance: &Reliance<'_>,
) -> Result<Report, FormatError> {
    let signed_data = SignedData::parse(signature)?;
    let message = Message {
        digest: &|hash| content.and_then(|digests| digests.get(hash)),
        content: None,
        given_apart,
        is_signed_attributes: content.is_some_and(Digests::is_signed_attributes),
        signing_time: None,
        format: Format::Cades,
        coverage: content.map(|digests| Coverage::whole(digests.length())),
        beside: cms::Beside::default(),
    };
    Ok(report(&signed_data, &message, reliance))
}

/// One report for each signer, and behind it those of the counter-signatures over it.
fn report(signed_data: &SignedData, message: &Message<'_>, reliance: &Reliance<'_>) -> Report {
    let mut signatures: Vec<SignatureReport> = Vec::new();
    for signer in signed_data.signers() {
        signatures.push(cms::verify_signer(signed_data, signer, message, reliance));
        let mut room = cms::MAX_SIGNERS;
        counter_signatures(signed_data, signer, reliance, &mut room, &mut signatures);
    }
    if signatures.is_empty() {
        let mut nobody = SignatureReport::new(Format::Cades);
        nobody.fail(SubIndication::FormatFailure, Reason::NoSigners);
        signatures.push(nobody);
    }
    Report {
        validated_at: reliance.at,
        signatures,
        findings: Vec::new(),
    }
}

/// One report for each counter-signature over a signer, and behind it those of the counter-signatures over that one. Where
/// there is no more room for one, that is reported in its place.
fn counter_signatures(
    signed_data: &SignedData,
    signer: &SignerInfo,
    reliance: &Reliance<'_>,
    room: &mut usize,
    reports: &mut Vec<SignatureReport>,
) {
    for counter in signer.counter_signatures() {
        let mut report = SignatureReport::new(Format::CounterSignature);
        let Some(left) = room.checked_sub(1) else {
            report.fail(SubIndication::FormatFailure, Reason::TooManySignatures);
            reports.push(report);
            return;
        };
        *room = left;
        let judged = match &counter {
            Some(counter) => cms::authenticate_counter(
                signed_data,
                counter,
                signer.signature_value(),
                reliance,
                &mut report,
            ),
            None => Err((SubIndication::FormatFailure, Reason::MalformedCms)),
        };
        if let Err((sub_indication, reason)) = judged {
            report.fail(sub_indication, reason);
        }
        reports.push(report);
        if let Some(counter) = counter {
            counter_signatures(signed_data, &counter, reliance, room, reports);
        }
    }
}
