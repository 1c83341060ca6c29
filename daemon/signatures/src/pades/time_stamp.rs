//! Document time-stamps (EN 319 142-1, clause 5.4.3; ISO 32000-2, 12.8.5): an RFC 3161 token over everything before it.

use std::ops::Range;

use super::archive::Archive;
use super::field::{NewField, unused_name};
use super::{PadesError, dictionary};
use crate::algorithm::Hash;
use crate::pdf::{Document, Limits, Splices, Update};
use crate::signing::FinishError;

/// A PDF with a place for a time-stamp token.
#[derive(Debug)]
pub struct PreparedTimeStamp {
    document: Vec<u8>,
    /// The hexadecimal digits, without the brackets.
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
    mut document: Vec<u8>,
    hash: Hash,
    reserved: usize,
) -> Result<PreparedTimeStamp, PadesError> {
    let (update, place) = {
        let read = Document::open(&document, Limits::default())?;
        read.check_references()?;
        let mut update = Update::new(&read)?;
        let mut splices = Splices::default();
        let token = update.reserve();
        let name = unused_name(&read, None)?;
        let field = NewField {
            name: &name,
            value: Some(token),
            appearance: None,
            lock: None,
            bare: true,
        };
        field.add(&read, Archive::of(&read)?, &mut update, &mut splices)?;
        splices.finish(&mut update);
        let place = dictionary::add_time_stamp(&mut update, token, reserved);
        (update.finish(&read)?, place)
    };
    document.reserve_exact(update.len());
    document.extend_from_slice(&update);
    let contents = place.fill_byte_range(&mut document);
    let mut hasher = hash.hasher();
    hasher.update(&document[..contents.start - 1]);
    hasher.update(&document[contents.end + 1..]);
    Ok(PreparedTimeStamp {
        document,
        contents,
        digest: hasher.finalize(),
    })
}

impl PreparedTimeStamp {
    /// What the authority is to stamp.
    #[must_use]
    pub fn digest(&self) -> &[u8] {
        &self.digest
    }

    /// Puts the token (`TimeStampToken`, DER) in. Whether it is one for this digest is for the caller to check before.
    ///
    /// # Errors
    /// [`FinishError::NoRoom`]
    pub fn finish(self, token: &[u8]) -> Result<Vec<u8>, FinishError> {
        let Self {
            mut document,
            contents,
            ..
        } = self;
        let (needed, reserved) = (token.len(), contents.len() / 2);
        if needed > reserved {
            return Err(FinishError::NoRoom { needed, reserved });
        }
        let digits = &mut document[contents.start..contents.start + 2 * needed];
        hex::encode_to_slice(token, digits).expect("two digits a byte");
        Ok(document)
    }
}
