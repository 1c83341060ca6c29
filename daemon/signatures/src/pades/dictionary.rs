//! The signature dictionary (ISO 32000-1, 12.8.1; EN 319 142-1, clause 5.3) and the places in it that are filled later.

use std::ops::Range;

use super::field::Claimed;
use super::{PadesError, PadesRequest, VIETNAM};
use crate::cms::PrepareError;
use crate::pdf::{ObjectId, Update, date, text_string};

/// Digits of each number of the byte range; files are far below ten gigabytes.
const BYTE_RANGE: &[u8] = b"[0 0000000000 0000000000 0000000000]";

/// Where the signature goes, in the whole file.
pub(super) struct Place {
    byte_range: usize,
    /// The hexadecimal digits, without the brackets.
    contents: Range<usize>,
}

impl Place {
    /// Writes the byte range into the update, which will stand at `base`, and gives the place of the digits in it.
    pub(super) fn fill_byte_range(self, base: usize, update: &mut [u8]) -> Range<usize> {
        let before = self.contents.start - 1;
        let after = self.contents.end + 1;
        let range = format!("[0 {before} {after} {}", base + update.len() - after);
        let start = self.byte_range - base;
        let field = &mut update[start..start + BYTE_RANGE.len()];
        field.fill(b' ');
        field[..range.len()].copy_from_slice(range.as_bytes());
        field[BYTE_RANGE.len() - 1] = b']';
        self.contents.start - base..self.contents.end - base
    }
}

/// Adds the dictionary with a byte range to be filled and `reserved` zero bytes as contents.
pub(super) fn add(
    update: &mut Update,
    request: &PadesRequest<'_>,
    claimed: &Claimed,
    catalog: ObjectId,
    id: ObjectId,
    reserved: usize,
) -> Result<Place, PadesError> {
    let (mut body, byte_range, contents) = begin("/Type /Sig", "ETSI.CAdES.detached", reserved);
    body.extend_from_slice(b" /M ");
    body.extend_from_slice(signing_time(request)?.as_bytes());
    let name = request.signer.subject().common_name;
    body.extend_from_slice(&references(request, claimed, catalog));
    for (key, text) in [
        (" /Reason ", request.reason),
        (" /Location ", request.location),
        (" /Name ", name.as_deref()),
    ] {
        if let Some(text) = text {
            body.extend_from_slice(key.as_bytes());
            body.extend_from_slice(&text_string(text));
        }
    }
    body.extend_from_slice(b" >>");
    let start = update.add(id, &body);
    let contents = start + contents;
    Ok(Place {
        byte_range: start + byte_range,
        contents: contents..contents + 2 * reserved,
    })
}

/// Adds the dictionary of a document time-stamp.
pub(super) fn add_time_stamp(update: &mut Update, id: ObjectId, reserved: usize) -> Place {
    let (mut body, byte_range, contents) = begin("/Type /DocTimeStamp", "ETSI.RFC3161", reserved);
    body.extend_from_slice(b" >>");
    let start = update.add(id, &body);
    let contents = start + contents;
    Place {
        byte_range: start + byte_range,
        contents: contents..contents + 2 * reserved,
    }
}

/// The beginning of the dictionary with the places of byte range and contents in it.
fn begin(kind: &str, sub_filter: &str, reserved: usize) -> (Vec<u8>, usize, usize) {
    let mut body =
        format!("<< {kind} /Filter /Adobe.PPKLite /SubFilter /{sub_filter} /ByteRange ").into_bytes();
    let byte_range = body.len();
    body.extend_from_slice(BYTE_RANGE);
    body.extend_from_slice(b" /Contents <");
    let contents = body.len();
    body.resize(contents + 2 * reserved, b'0');
    body.push(b'>');
    (body, byte_range, contents)
}

/// What the signature asks of later revisions (12.8.1, table 253): DocMDP if it certifies, FieldMDP if it locks fields.
fn references(request: &PadesRequest<'_>, claimed: &Claimed, catalog: ObjectId) -> Vec<u8> {
    let mut references = Vec::new();
    if let Some(allowed) = request.certify {
        references.extend_from_slice(
            format!(
                "<< /Type /SigRef /TransformMethod /DocMDP /TransformParams << /Type /TransformParams /P {} /V /1.2 >> >>",
                allowed.level()
            )
            .as_bytes(),
        );
    }
    if let Some(lock) = &claimed.lock {
        let head = format!(
            "<< /Type /SigRef /TransformMethod /FieldMDP /Data {catalog} R /TransformParams << /Type /TransformParams /V \
             /1.2 "
        );
        references.extend_from_slice(head.as_bytes());
        references.extend_from_slice(lock);
        references.extend_from_slice(b" >> >>");
    }
    if references.is_empty() {
        return references;
    }
    [b" /Reference [".as_slice(), &references, b"]"].concat()
}

fn signing_time(request: &PadesRequest<'_>) -> Result<String, PrepareError> {
    let time = request
        .signing_time
        .checked_to_offset(VIETNAM)
        .ok_or(PrepareError::SigningTime)?;
    if (1950..=9999).contains(&time.year()) {
        Ok(date(time))
    } else {
        Err(PrepareError::SigningTime)
    }
}
