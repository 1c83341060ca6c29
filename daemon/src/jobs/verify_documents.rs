//! `verify_documents`: every signature of each document, in the words of EN 319 102-1. Nobody is asked; nothing leaves
//! but the verdict on what the page itself brought.

use std::borrow::Cow;
use std::sync::Arc;

use time::OffsetDateTime;
use trien_protocol::call::{DocumentRef, VerifyDocuments};
use trien_protocol::error::ErrorCode;
use trien_protocol::limits::MAX_DOCUMENTS;
use trien_protocol::reply::{VerifiedDocument, VerifiedDocuments, VerifiedSignature};
use trien_signatures::cms::FormatError;
use trien_signatures::jades::JoseError;
use trien_signatures::ooxml::PackageError;
use trien_signatures::pdf::PdfError;
use trien_signatures::report::{Indication, Report, SignatureReport};
use trien_signatures::trust::Reliance;
use trien_signatures::xml::XmlError;
use trien_signatures::zip::ZipError;
use trien_signatures::{asic, cades, cms, jades, ooxml, pades, xmldsig};

use super::augment::begins_container;
use super::documents::Sealed;
use super::error::of_pdf;
use super::{Caller, Context, JobError, collecting, present};
use crate::policy::Permitted;
use crate::trust::Trust;

/// Checks the documents.
///
/// # Errors
/// [`JobError`]; a document that is no signed one fails the request.
pub async fn run(
    context: &Context,
    caller: &Caller,
    permitted: Permitted<VerifyDocuments>,
) -> Result<VerifiedDocuments, JobError> {
    let call = permitted.call();
    if call.documents.is_empty() || call.content.is_some() && call.documents.len() != 1 {
        return Err(JobError::BadRequest(
            "documents: one or more, and one only beside a content".into(),
        ));
    }
    if call.documents.len() > MAX_DOCUMENTS {
        return Err(JobError::TooLarge(format!(
            "documents: more than {MAX_DOCUMENTS}"
        )));
    }
    if collecting::admit(caller)? {
        collecting::collect(caller).await?;
    }
    let find = |document: &DocumentRef| caller.holdings.documents().find(&document.sha256, document.size);
    let content = call.content.as_ref().map(find).transpose()?;
    let trust = context.trust();
    let now = OffsetDateTime::now_utc();
    let mut documents = Vec::new();
    for document in &call.documents {
        let (sealed, content, trust) = (find(document)?, content.clone(), trust.clone());
        let judging = move || judge(&sealed, content.as_ref(), &trust, now);
        let report = context.laborious(judging).await?;
        documents.push(VerifiedDocument {
            name: document.name.clone(),
            valid: report.valid(),
            signatures: report.signatures.into_iter().map(present).collect(),
        });
    }
    Ok(VerifiedDocuments { documents })
}

fn judge(
    document: &Sealed,
    content: Option<&Sealed>,
    trust: &Trust,
    now: OffsetDateTime,
) -> Result<Report, JobError> {
    let read = |sealed: &Sealed| {
        sealed
            .bytes()
            .map_err(|error| JobError::Internal(error.to_string()))
    };
    let mut head = [0; 5];
    let is_pdf = document.size() >= 5 && document.read_exact_at(&mut head, 0).is_ok() && head == *b"%PDF-";
    if is_pdf {
        return Ok(pades::verify_source(document, &trust.reliance(now)).map_err(Unreadable::from)?);
    }
    if begins_container(document) {
        let judged = asic::verify_source(Arc::new(document), &trust.reliance(now));
        return Ok(judged.map_err(Unreadable::from)?);
    }
    let content = content.map(read).transpose()?;
    Ok(verify(
        &read(document)?,
        content.as_deref(),
        &trust.reliance(now),
    )?)
}

/// Why there is no signature to check.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// A PDF that cannot be read.
    #[error(transparent)]
    Pdf(#[from] PdfError),
    /// XML that cannot be read.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// A container that cannot be read.
    #[error(transparent)]
    Zip(#[from] ZipError),
    /// An Office document that cannot be read.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A JWS that cannot be read.
    #[error(transparent)]
    Jose(#[from] JoseError),
    /// Nothing of all these, nor CMS with signatures.
    #[error(transparent)]
    Cms(#[from] FormatError),
}

impl Unreadable {
    /// What it is called on the wire.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Cms(FormatError::Malformed | FormatError::NotSignedData(_)) => {
                ErrorCode::DocumentUnreadable
            }
            Self::Pdf(error) => of_pdf(error),
            Self::Package(PackageError::Encrypted) => ErrorCode::DocumentEncrypted,
            Self::Xml(XmlError::TooLong(_) | XmlError::TooManyElements | XmlError::TooComplex { .. })
            | Self::Zip(ZipError::TooLarge)
            | Self::Package(PackageError::Zip(ZipError::TooLarge))
            | Self::Jose(JoseError::TooLong(_) | JoseError::TooMany | JoseError::TooComplex)
            | Self::Cms(_) => ErrorCode::TooLarge,
            Self::Xml(_) | Self::Zip(_) | Self::Package(_) | Self::Jose(_) => ErrorCode::DocumentUnreadable,
        }
    }
}

/// The report on one document, by what its bytes are: PDF, ASiC, OOXML, XML, JWS, else CMS, which may stand in a text; with
/// its content inside, or beside it. What always holds its own content takes no notice of one beside it.
///
/// # Errors
/// [`Unreadable`] when it is none of these.
pub fn verify(
    document: &[u8],
    content: Option<&[u8]>,
    reliance: &Reliance<'_>,
) -> Result<Report, Unreadable> {
    if document.starts_with(b"%PDF-") {
        return Ok(pades::verify(document, reliance)?);
    }
    if asic::looks_like(document) {
        return Ok(asic::verify(document, reliance)?);
    }
    if ooxml::looks_like(document) || ooxml::is_encrypted(document) {
        return Ok(ooxml::verify(document, reliance)?);
    }
    if asic::holds_signatures(document) {
        return Ok(asic::verify(document, reliance)?);
    }
    if looks_like_xml(document) {
        return Ok(xmldsig::verify(
            document,
            &xmldsig::Options { content },
            reliance,
        )?);
    }
    if jades::looks_like(document) {
        return Ok(jades::verify(document, content, reliance)?);
    }
    let message = cms::of_text(document).map_or(Cow::Borrowed(document), Cow::Owned);
    Ok(cades::verify(&message, content, reliance)?)
}

/// A tag first, after a byte order mark and white space; CMS starts with a SEQUENCE, or as a text ([`cms::of_text`]).
fn looks_like_xml(document: &[u8]) -> bool {
    let text = document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document);
    text.trim_ascii_start().starts_with(b"<")
}

fn present(signature: SignatureReport) -> VerifiedSignature {
    let name = |value: serde_json::Value| value.as_str().map(str::to_owned);
    VerifiedSignature {
        indication: match signature.indication {
            Indication::TotalPassed => "TOTAL-PASSED",
            Indication::TotalFailed => "TOTAL-FAILED",
            Indication::Indeterminate => "INDETERMINATE",
        }
        .to_owned(),
        sub_indication: signature
            .sub_indication
            .and_then(|sub| serde_json::to_value(sub).ok())
            .and_then(name),
        signer: signature
            .signer
            .as_ref()
            .map(|signer| present::subject(&signer.subject)),
        issuer: signature.signer.map(|signer| signer.issuer),
        claimed_time: signature.signing_time.map(|claimed| present::time(claimed.time)),
        covers_whole_document: signature.coverage.is_some_and(|coverage| coverage.whole),
    }
}
