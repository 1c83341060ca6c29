//! What a signature would make of a document, read back before anybody is asked and before a PIN is spent: nothing is
//! signed that `trien verify` would refuse afterwards, and nothing that a signature which is there would not survive.
//!
//! The result is made with zeros in place of the value. Whom to trust does not matter here. It takes what a verification
//! takes, and has the same bounds.

use time::OffsetDateTime;
use trien_protocol::limits::MAX_DOCUMENT;
use trien_signatures::report::{Integrity, Reason, Report, SignatureReport};
use trien_signatures::trust::{Anchors, Reliance};

use super::JobError;
use super::verify_documents::{Unreadable, verify};

/// What would be wrong with a signature that is not made therefore.
#[derive(Debug, thiserror::Error)]
pub enum Flaw {
    /// It would not be valid itself.
    #[error("the signature would not be valid: {}", name(*.0))]
    New(Option<Reason>),
    /// A signature that is there would not hold any more.
    #[error("a signature that is there would not hold any more: {}", name(*.0))]
    Earlier(Option<Reason>),
}

fn name(reason: Option<Reason>) -> String {
    let value = reason.and_then(|reason| serde_json::to_value(reason).ok());
    let value = value.and_then(|value| value.as_str().map(str::to_owned));
    value.unwrap_or_else(|| "unknown".to_owned())
}

/// Checks what was made of a document. `content` is what a detached signature is about; `original` gives the document as
/// it is, and is called only where something does not hold that may not have held before either.
///
/// # Errors
/// [`JobError::ReadBack`], [`JobError::TooLarge`], [`JobError::Unreadable`]; those of `original`.
pub(super) fn check(
    made: Vec<u8>,
    content: Option<&[u8]>,
    original: impl FnOnce() -> Result<Vec<u8>, JobError>,
    now: OffsetDateTime,
) -> Result<(), JobError> {
    if made.len() as u64 > MAX_DOCUMENT {
        return Err(too_large());
    }
    let mut after = judged(&made, content, now)?.signatures;
    drop(made);
    let is_new = |signature: &SignatureReport| signature.reason == Some(Reason::SignatureValueWrong);
    let Some(new) = after.iter().rposition(is_new) else {
        let failed = after.iter().rev().find(|signature| !holds(signature));
        return Err(Flaw::New(failed.and_then(|signature| signature.reason)).into());
    };
    after.remove(new);
    let Some(first) = after.iter().find(|signature| !holds(signature)) else {
        return Ok(());
    };
    let flaw = Flaw::Earlier(first.reason);
    let before = judged(&original()?, content, now)?.signatures;
    let is_no_worse = |(before, after): (&SignatureReport, &SignatureReport)| {
        holds(after) || (before.integrity, before.reason) == (after.integrity, after.reason)
    };
    match before.len() == after.len() && before.iter().zip(&after).all(is_no_worse) {
        true => Ok(()),
        false => Err(flaw.into()),
    }
}

/// Of what would become larger than is read.
pub(super) fn too_large() -> JobError {
    let limit = MAX_DOCUMENT / (1024 * 1024);
    JobError::TooLarge(format!("the signed document would be larger than {limit} MiB"))
}

fn judged(bytes: &[u8], content: Option<&[u8]>, now: OffsetDateTime) -> Result<Report, Unreadable> {
    let anchors = Anchors::default();
    let reliance = Reliance {
        // Of an old one it is to be seen whether it holds, too.
        sha1: true,
        ..Reliance::new(&anchors, &[], now)
    };
    verify(bytes, content, &reliance)
}

/// Whether it is a signature over what it says that it is over, whoever made it.
fn holds(signature: &SignatureReport) -> bool {
    signature.integrity == Integrity::Intact
        && !matches!(
            signature.reason,
            Some(Reason::SignatureWrapping | Reason::ContainerFileNotCovered)
        )
}
