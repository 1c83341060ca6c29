//! Comparing names (RFC 5280, section 7.1): case and repeated spaces make no other name, nor does the string type.

use crate::cms::tlv::{Element, Elements, Malformed, tag};

/// Relative distinguished names of one name, and attributes of one of them, that are looked at.
const MAX_PARTS: usize = 64;

/// Whether two `Name`s in DER are the same name.
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    one == other || matches!((normalised(one), normalised(other)), (Ok(one), Ok(other)) if one == other)
}

type Attribute = (Vec<u8>, Vec<u8>);

fn normalised(der: &[u8]) -> Result<Vec<Vec<Attribute>>, Malformed> {
    let name = Elements::of_single(der)?.next_tagged(tag::SEQUENCE)?;
    let mut parts = Vec::new();
    for part in name.children().collect(MAX_PARTS)? {
        let mut attributes = Vec::new();
        for attribute in part.children().collect(MAX_PARTS)? {
            let mut fields = attribute.children();
            let oid = fields.next_tagged(tag::OID)?.value.to_vec();
            attributes.push((oid, text(fields.next()?)));
        }
        attributes.sort();
        parts.push(attributes);
    }
    Ok(parts)
}

/// The text of a string without case and superfluous spaces; of anything else its encoding.
fn text(value: Element<'_>) -> Vec<u8> {
    const UTF_8: u8 = 0x0C;
    const PRINTABLE: u8 = 0x13;
    const TELETEX: u8 = 0x14;
    const IA_5: u8 = 0x16;
    const BMP: u8 = 0x1E;
    let text = match value.tag {
        UTF_8 | PRINTABLE | IA_5 => std::str::from_utf8(value.value).ok().map(str::to_owned),
        TELETEX => Some(value.value.iter().map(|byte| char::from(*byte)).collect()),
        BMP => {
            let units: Vec<u16> = value
                .value
                .chunks_exact(2)
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
                .collect();
            String::from_utf16(&units).ok()
        }
        _ => None,
    };
    text.map_or_else(
        || value.raw.to_vec(),
        |text| {
            let words: Vec<&str> = text.split_whitespace().collect();
            words.join(" ").to_lowercase().into_bytes()
        },
    )
}
