//! What came as BER (X.690, section 8), in the lengths of DER. Senders that stream write indefinite lengths and octet
//! strings in pieces; everything behind this border sees definite, minimal lengths. An element that is in that form
//! already comes out octet for octet, so certificates and signed attributes are what they were.

use std::borrow::Cow;

use super::read::FormatError;
use super::tlv::{self, Header, Malformed, tag};

/// How deep elements may lie in each other. Certificates in a SignedData reach about 14.
const MAX_DEPTH: usize = 32;

/// Elements in all. A SignedData with a hundred certificates has some ten thousand.
const MAX_ELEMENTS: usize = 1 << 20;

const CONSTRUCTED: u8 = 0x20;
const END_OF_CONTENTS: [u8; 2] = [0, 0];
const CONSTRUCTED_OCTET_STRING: u8 = tag::OCTET_STRING | CONSTRUCTED;

/// Bytes of the element that `bytes` begin with; what follows it (the padding of a PDF's `/Contents`) is not looked
/// at.
///
/// # Errors
/// [`FormatError::Malformed`] when they begin with no whole element.
pub fn element_len(bytes: &[u8]) -> Result<usize, FormatError> {
    measure(bytes, 0, &mut { MAX_ELEMENTS })
        .map(|element| element.len)
        .map_err(|Malformed| FormatError::Malformed)
}

/// One element that came as BER, with the lengths of DER and octet strings in one piece; as it was, if it has that form.
///
/// # Errors
/// [`FormatError::Malformed`] when the bytes are not one element.
pub fn to_der(bytes: &[u8]) -> Result<Cow<'_, [u8]>, FormatError> {
    normalised(bytes).map_err(|Malformed| FormatError::Malformed)
}

/// One element, brought into the form of DER. Nothing may follow it.
pub(super) fn normalised(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Malformed> {
    let element = measure(bytes, 0, &mut { MAX_ELEMENTS })?;
    if element.len != bytes.len() {
        return Err(Malformed);
    }
    if element.in_form {
        Ok(Cow::Borrowed(bytes))
    } else {
        let mut der = Vec::with_capacity(bytes.len());
        rewrite(bytes, &mut der)?;
        Ok(Cow::Owned(der))
    }
}

struct Measured {
    len: usize,
    /// Whether it and all in it have the form of DER.
    in_form: bool,
}

/// Walks one element, constructed ones to the bottom; `left` is how many more there may be.
fn measure(bytes: &[u8], depth: usize, left: &mut usize) -> Result<Measured, Malformed> {
    *left = left.checked_sub(1).ok_or(Malformed)?;
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
            at += measure(rest, depth + 1, left)?.len;
        }
    };
    let len = header.len.checked_add(length).ok_or(Malformed)?;
    let contents = bytes.get(header.len..len).ok_or(Malformed)?;
    if header.tag & CONSTRUCTED != 0 {
        let mut at = 0;
        while at < contents.len() {
            let child = measure(&contents[at..], depth + 1, left)?;
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

/// Appends the element in the form of DER, and says how many bytes it took before. `measure` has been over it.
fn rewrite(bytes: &[u8], der: &mut Vec<u8>) -> Result<usize, Malformed> {
    let header = Header::read_ber(bytes)?;
    let start = der.len();
    if header.tag & CONSTRUCTED == 0 {
        let contents = primitive_contents(bytes, header)?;
        der.extend_from_slice(&tlv::header(header.tag, contents.len()));
        der.extend_from_slice(contents);
        return Ok(header.len + contents.len());
    }
    let (tag, len) = if header.tag == CONSTRUCTED_OCTET_STRING {
        (tag::OCTET_STRING, join(bytes, header, der)?)
    } else {
        (
            header.tag,
            each_child(bytes, header, |child| rewrite(child, der))?,
        )
    };
    // Moves the contents once for each level above them, of which there are few.
    der.splice(start..start, tlv::header(tag, der.len() - start));
    Ok(len)
}

/// Appends the contents of the pieces of an octet string, which may be in pieces themselves (X.690, 8.7.3).
fn join(bytes: &[u8], header: Header, der: &mut Vec<u8>) -> Result<usize, Malformed> {
    each_child(bytes, header, |piece| {
        let header = Header::read_ber(piece)?;
        match header.tag {
            tag::OCTET_STRING => {
                let contents = primitive_contents(piece, header)?;
                der.extend_from_slice(contents);
                Ok(header.len + contents.len())
            }
            CONSTRUCTED_OCTET_STRING => join(piece, header, der),
            _ => Err(Malformed),
        }
    })
}

fn primitive_contents(bytes: &[u8], header: Header) -> Result<&[u8], Malformed> {
    let length = header.length.ok_or(Malformed)?;
    bytes.get(header.len..header.len + length).ok_or(Malformed)
}

/// Hands over what begins with each child, is told how long that one is, and says how long the whole element is.
fn each_child(
    bytes: &[u8],
    header: Header,
    mut take: impl FnMut(&[u8]) -> Result<usize, Malformed>,
) -> Result<usize, Malformed> {
    let end = header.length.map(|length| header.len + length);
    let mut at = header.len;
    loop {
        let rest = bytes.get(at..).ok_or(Malformed)?;
        if end.is_none() && rest.starts_with(&END_OF_CONTENTS) {
            return Ok(at + END_OF_CONTENTS.len());
        }
        if end == Some(at) {
            return Ok(at);
        }
        at += take(rest)?;
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_ELEMENTS, element_len, normalised};

    #[test]
    fn many_small_elements_are_refused_before_anything_is_written() {
        let many = |count: usize| [&[0x30, 0x80][..], &[0x05, 0x00].repeat(count), &[0, 0]].concat();
        assert!(element_len(&many(MAX_ELEMENTS)).is_err());
        assert!(normalised(&many(MAX_ELEMENTS)).is_err());
        let most = many(MAX_ELEMENTS - 1);
        assert_eq!(element_len(&most), Ok(most.len()));
        let der = normalised(&most).unwrap();
        assert_eq!(der[..5], [0x30, 0x83, 0x1F, 0xFF, 0xFE]);
        assert_eq!(der.len(), 5 + 2 * (MAX_ELEMENTS - 1));
    }

    #[test]
    fn pieces_of_pieces_are_one_string() {
        let pieces = hex::decode("3080248004016124800401620402636400000000a0030101ff0000").unwrap();
        let der = normalised(&pieces).unwrap();
        assert_eq!(hex::encode(der.as_ref()), "300b040461626364a0030101ff");
        let wrong = hex::decode("2480020101040161 0000".replace(' ', "")).unwrap();
        assert!(normalised(&wrong).is_err());
    }
}
