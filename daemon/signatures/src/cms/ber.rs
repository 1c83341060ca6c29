//! What came as BER (X.690, section 8), in the lengths of DER. Senders that stream write indefinite lengths and octet
//! strings in pieces; everything behind this border sees definite, minimal lengths. An element that is in that form
//! already comes out octet for octet, so certificates and signed attributes are what they were.

use std::borrow::Cow;

use super::read::FormatError;
use super::tlv::{self, Header, Malformed, tag};

/// How deep elements may lie in each other. Certificates in a SignedData reach about 14.
const MAX_DEPTH: usize = 32;

const CONSTRUCTED: u8 = 0x20;
const END_OF_CONTENTS: [u8; 2] = [0, 0];
const CONSTRUCTED_OCTET_STRING: u8 = tag::OCTET_STRING | CONSTRUCTED;

/// Bytes of the element that `bytes` begin with; what follows it (the padding of a PDF's `/Contents`) is not looked
/// at.
///
/// # Errors
/// [`FormatError::Malformed`] when they begin with no whole element.
pub fn element_len(bytes: &[u8]) -> Result<usize, FormatError> {
    measure(bytes, 0)
        .map(|element| element.len)
        .map_err(|Malformed| FormatError::Malformed)
}

/// One element, brought into the form of DER. Nothing may follow it.
pub(super) fn normalised(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Malformed> {
    let element = measure(bytes, 0)?;
    if element.len != bytes.len() {
        return Err(Malformed);
    }
    if element.in_form {
        Ok(Cow::Borrowed(bytes))
    } else {
        rewritten(bytes).map(|(der, _)| Cow::Owned(der))
    }
}

struct Measured {
    len: usize,
    /// Whether it and all in it have the form of DER.
    in_form: bool,
}

/// Walks one element, constructed ones to the bottom.
fn measure(bytes: &[u8], depth: usize) -> Result<Measured, Malformed> {
    let header = header(bytes, depth)?;
    let mut in_form = header.minimal && header.tag != CONSTRUCTED_OCTET_STRING;
    let Some(length) = header.length else {
        let mut at = header.len;
        loop {
            let rest = bytes.get(at..).ok_or(Malformed)?;
            if rest.starts_with(&END_OF_CONTENTS) {
                return Ok(Measured {
                    len: at + END_OF_CONTENTS.len(),
                    in_form: false,
                });
            }
            at += measure(rest, depth + 1)?.len;
        }
    };
    let len = header.len.checked_add(length).ok_or(Malformed)?;
    let contents = bytes.get(header.len..len).ok_or(Malformed)?;
    if header.tag & CONSTRUCTED != 0 {
        let mut at = 0;
        while at < contents.len() {
            let child = measure(&contents[at..], depth + 1)?;
            in_form &= child.in_form;
            at += child.len;
        }
    }
    Ok(Measured { len, in_form })
}

/// A header that may stand at this depth: no end-of-contents, no indefinite length on a primitive element.
fn header(bytes: &[u8], depth: usize) -> Result<Header, Malformed> {
    let header = Header::read_ber(bytes)?;
    let primitive = header.tag & CONSTRUCTED == 0;
    if depth > MAX_DEPTH || header.tag == 0 || (primitive && header.length.is_none()) {
        return Err(Malformed);
    }
    Ok(header)
}

/// The element in the form of DER, and how many bytes it took before. `measure` has been over it.
fn rewritten(bytes: &[u8]) -> Result<(Vec<u8>, usize), Malformed> {
    let header = Header::read_ber(bytes)?;
    if header.tag & CONSTRUCTED == 0 {
        let length = header.length.ok_or(Malformed)?;
        let contents = bytes.get(header.len..header.len + length).ok_or(Malformed)?;
        return Ok((tlv::write(header.tag, contents), header.len + length));
    }
    let (children, len) = children(bytes, header)?;
    if header.tag != CONSTRUCTED_OCTET_STRING {
        return Ok((tlv::write(header.tag, &children.concat()), len));
    }
    let mut whole = Vec::new();
    for piece in &children {
        let piece = tlv::Elements::of_single(piece)?.next_tagged(tag::OCTET_STRING)?;
        whole.extend_from_slice(piece.value);
    }
    Ok((tlv::write(tag::OCTET_STRING, &whole), len))
}

fn children(bytes: &[u8], header: Header) -> Result<(Vec<Vec<u8>>, usize), Malformed> {
    let end = header.length.map(|length| header.len + length);
    let mut children = Vec::new();
    let mut at = header.len;
    loop {
        let rest = bytes.get(at..).ok_or(Malformed)?;
        if end.is_none() && rest.starts_with(&END_OF_CONTENTS) {
            return Ok((children, at + END_OF_CONTENTS.len()));
        }
        if end == Some(at) {
            return Ok((children, at));
        }
        let (child, len) = rewritten(rest)?;
        children.push(child);
        at += len;
    }
}
