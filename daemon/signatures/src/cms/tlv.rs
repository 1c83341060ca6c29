//! Elements of DER: read where they stand, so that what was signed is what is hashed, and written.
//!
//! Only definite, minimal lengths and single-byte tags: BER is brought into this form at the border by
//! [`super::ber`]. Reading never recurses; every length is checked against the bytes that are there.

use der::asn1::ObjectIdentifier;
use der::{Decode, Encode};

/// Identifier octets (X.690, 8.1.2).
pub(crate) mod tag {
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const OID: u8 = 0x06;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;

    /// `[number]`, constructed.
    pub(crate) const fn context(number: u8) -> u8 {
        0xA0 | number
    }

    /// `[number]`, primitive.
    pub(crate) const fn context_primitive(number: u8) -> u8 {
        0x80 | number
    }
}

/// The bytes are not the element that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// One element.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    /// Header and contents.
    pub(crate) raw: &'a [u8],
    /// Contents.
    pub(crate) value: &'a [u8],
}

impl<'a> Element<'a> {
    pub(crate) fn children(&self) -> Elements<'a> {
        Elements { rest: self.value }
    }

    /// An OBJECT IDENTIFIER. An arc that begins with padding is another spelling of a known name (X.690, 8.19.2).
    pub(crate) fn oid(&self) -> Result<ObjectIdentifier, Malformed> {
        let mut begins = true;
        for octet in self.value {
            if begins && *octet == 0x80 {
                return Err(Malformed);
            }
            begins = octet & 0x80 == 0;
        }
        ObjectIdentifier::from_der(self.raw).map_err(|_| Malformed)
    }
}

/// Elements one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    /// Over bytes that hold exactly one element.
    pub(crate) fn of_single(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let elements = Self { rest: bytes };
        let mut look = elements.clone();
        look.next()?;
        look.finish()?;
        Ok(elements)
    }

    /// One after the other, as many as there are.
    pub(crate) const fn of(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// What is left.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Bytes that are left.
    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn next(&mut self) -> Result<Element<'a>, Malformed> {
        let header = Header::read(self.rest)?;
        let length = header.length.ok_or(Malformed)?;
        let end = header.len.checked_add(length).ok_or(Malformed)?;
        let raw = self.rest.get(..end).ok_or(Malformed)?;
        self.rest = &self.rest[end..];
        Ok(Element {
            tag: header.tag,
            raw,
            value: &raw[header.len..],
        })
    }

    pub(crate) fn next_optional(&mut self) -> Result<Option<Element<'a>>, Malformed> {
        if self.is_empty() {
            Ok(None)
        } else {
            self.next().map(Some)
        }
    }

    pub(crate) fn next_tagged(&mut self, tag: u8) -> Result<Element<'a>, Malformed> {
        self.next_if(tag)?.ok_or(Malformed)
    }

    /// The next element if it has this tag.
    pub(crate) fn next_if(&mut self, tag: u8) -> Result<Option<Element<'a>>, Malformed> {
        if self.rest.first() == Some(&tag) {
            self.next().map(Some)
        } else {
            Ok(None)
        }
    }

    /// Nothing may be left.
    pub(crate) fn finish(&self) -> Result<(), Malformed> {
        if self.is_empty() { Ok(()) } else { Err(Malformed) }
    }

    /// All elements, at most `limit`.
    pub(crate) fn collect(mut self, limit: usize) -> Result<Vec<Element<'a>>, Malformed> {
        let mut all = Vec::new();
        while let Some(element) = self.next_optional()? {
            if all.len() == limit {
                return Err(Malformed);
            }
            all.push(element);
        }
        Ok(all)
    }
}

/// Identifier and length octets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub(crate) tag: u8,
    /// Bytes of the header itself.
    pub(crate) len: usize,
    /// Bytes of the contents; none for the indefinite form.
    pub(crate) length: Option<usize>,
    /// Whether the length is written in as few octets as possible.
    pub(crate) minimal: bool,
}

impl Header {
    /// Reads a header; of BER also the indefinite form and long lengths. Callers that want DER look at `length` and
    /// `minimal`.
    pub(crate) fn read_ber(bytes: &[u8]) -> Result<Self, Malformed> {
        let (&tag, &first) = (bytes.first().ok_or(Malformed)?, bytes.get(1).ok_or(Malformed)?);
        if tag & 0x1F == 0x1F {
            return Err(Malformed);
        }
        match first {
            0..=0x7F => Ok(Self {
                tag,
                len: 2,
                length: Some(usize::from(first)),
                minimal: true,
            }),
            0x80 => Ok(Self {
                tag,
                len: 2,
                length: None,
                minimal: false,
            }),
            0x81..=0x84 => {
                let count = usize::from(first & 0x7F);
                let octets = bytes.get(2..2 + count).ok_or(Malformed)?;
                let length = octets
                    .iter()
                    .fold(0_usize, |length, octet| (length << 8) | usize::from(*octet));
                let minimal = octets[0] != 0 && length > 0x7F;
                Ok(Self {
                    tag,
                    len: 2 + count,
                    length: Some(length),
                    minimal,
                })
            }
            _ => Err(Malformed),
        }
    }

    fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::read_ber(bytes).and_then(|header| {
            if header.minimal {
                Ok(header)
            } else {
                Err(Malformed)
            }
        })
    }
}

/// One element with these contents.
pub(crate) fn write(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut element = header(tag, value.len());
    element.extend_from_slice(value);
    element
}

/// Identifier and length octets in front of `length` bytes.
pub(crate) fn header(tag: u8, length: usize) -> Vec<u8> {
    let octets = length.to_be_bytes();
    let significant = &octets[octets.iter().take_while(|octet| **octet == 0).count()..];
    let mut header = vec![tag];
    if length < 0x80 {
        header.push(significant.first().copied().unwrap_or(0));
    } else {
        header.push(0x80 | u8::try_from(significant.len()).expect("a length has at most 8 octets"));
        header.extend_from_slice(significant);
    }
    header
}

/// A SET OF in the order of DER (X.690, 11.6).
pub(crate) fn set_of(tag: u8, mut elements: Vec<Vec<u8>>) -> Vec<u8> {
    elements.sort();
    write(tag, &elements.concat())
}

/// An OBJECT IDENTIFIER.
pub(crate) fn oid(oid: &ObjectIdentifier) -> Vec<u8> {
    oid.to_der().expect("an object identifier is at most 39 bytes")
}
