//! Document time-stamps (EN 319 142-1, clause 5.4.3; ISO 32000-2, 12.8.5): an RFC 3161 token over everything before it.

use std::ops::Range;

use super::archive::Archive;
use super::field::{NewField, unused_name};
use super::{PadesError, changes, dictionary};
use crate::algorithm::Hash;
use crate::pdf::{Document, Limits, Source, Splices, Update};
use crate::signing::FinishError;

/// A PDF with a place for a time-stamp token.
#[derive(Debug)]
pub struct PreparedTimeStamp {
    document: Vec<u8>,
    appended: AppendedTimeStamp,
}

/// What is appended to a PDF for its time-stamp, with a place for the token.
#[derive(Debug)]
pub struct AppendedTimeStamp {
    update: Vec<u8>,
    /// The hexadecimal digits in it, without the brackets.
    contents: Range<usize>,
    digest: Vec<u8>,
}

/// Adds a field for a document time-stamp with room for a token of `reserved` bytes.
///
/// Whatever a certification or a lock says: time-stamps and validation data are permitted at every level (ISO 32000-2,
/// 12.8.2.2.2).
///
/// # Errors
/// [`PadesError`]
pub fn prepare_time_stamp(
    document: Vec<u8>,
    hash: Hash,
    reserved: usize,
) -> Result<PreparedTimeStamp, PadesError> {
    let appended = append(&Document::open(&document, Limits::default())?, hash, reserved)?;
    Ok(PreparedTimeStamp { document, appended })
}

/// As [`prepare_time_stamp`], for a document that is not in memory: what is made is to be appended to it.
///
/// # Errors
/// [`PadesError`]
pub fn append_time_stamp(
    document: &dyn Source,
    hash: Hash,
    reserved: usize,
) -> Result<AppendedTimeStamp, PadesError> {
    append(
        &Document::open_source(document, Limits::default())?,
        hash,
        reserved,
    )
}

pub(super) fn append(
    read: &Document<'_>,
    hash: Hash,
    reserved: usize,
) -> Result<AppendedTimeStamp, PadesError> {
    read.check_references()?;
    changes::check_comparable(read)?;
    let mut update = Update::new(read)?;
    let mut splices = Splices::default();
    let token = update.reserve();
    let name = unused_name(read, None)?;
    let field = NewField {
        name: &name,
        value: Some(token),
        appearance: None,
        drawings: None,
        lock: None,
        bare: true,
    };
    field.add(read, Archive::of(read)?, &mut update, &mut splices)?;
    splices.finish(&mut update);
    let place = dictionary::add_time_stamp(&mut update, token, reserved);
    let base = update.base();
    let mut update = update.finish(read)?;
    let contents = place.fill_byte_range(base, &mut update);
    let mut hasher = hash.hasher();
    read.hash(0..base, &mut hasher)?;
    hasher.update(&update[..contents.start - 1]);
    hasher.update(&update[contents.end + 1..]);
    read.check_readable()?;
    Ok(AppendedTimeStamp {
        update,
        contents,
        digest: hasher.finalize(),
    })
}

impl PreparedTimeStamp {
    /// What the authority is to stamp.
    #[must_use]
    pub fn digest(&self) -> &[u8] {
        self.appended.digest()
    }

    /// Puts the token (`TimeStampToken`, DER) in. Whether it is one for this digest is for the caller to check before.
    ///
    /// # Errors
    /// [`FinishError::NoRoom`]
    pub fn finish(self, token: &[u8]) -> Result<Vec<u8>, FinishError> {
        let mut document = self.document;
        let update = self.appended.finish(token)?;
        document.reserve_exact(update.len());
        document.extend_from_slice(&update);
        Ok(document)
    }
}

impl AppendedTimeStamp {
    /// What the authority is to stamp.
    #[must_use]
    pub fn digest(&self) -> &[u8] {
        &self.digest
    }

    /// Puts the token in, as [`PreparedTimeStamp::finish`] does, and gives what is to be appended.
    ///
    /// # Errors
    /// [`FinishError::NoRoom`]
    pub fn finish(self, token: &[u8]) -> Result<Vec<u8>, FinishError> {
        let Self {
            mut update, contents, ..
        } = self;
        let (needed, reserved) = (token.len(), contents.len() / 2);
        if needed > reserved {
            return Err(FinishError::NoRoom { needed, reserved });
        }
        let digits = &mut update[contents.start..contents.start + 2 * needed];
        hex::encode_to_slice(token, digits).expect("two digits a byte");
        Ok(update)
    }
}
