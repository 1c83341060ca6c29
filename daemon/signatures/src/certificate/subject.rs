//! Distinguished names, and the numbers Vietnamese CAs write into them.
//!
//! Identity numbers stand in `UID` (0.9.2342.19200300.100.1.1), each with a prefix: `MST:` tax code, `CCCD:` citizen
//! identity card, `CMND:` old identity card. A subject may hold several of them. Read from the DER: programs print
//! the attribute as `UID=`, as `OID.0.9…=` or bare.

use const_oid::ObjectIdentifier;
use der::asn1::Any;
use der::{Encode, Tag, Tagged};
use serde::{Deserialize, Serialize};
use x509_cert::name::Name;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const USER_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.1");

/// Short names of RFC 4514, section 3, and of the attributes Vietnamese CAs use beside them.
const SHORT_NAMES: [(&str, &str); 14] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.42", "GN"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

/// What a subject says. Absent parts are absent, never empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Subject {
    /// CN, the last one where there are several
    #[serde(skip_serializing_if = "Option::is_none")]
    pub common_name: Option<String>,
    /// O, the last one where there are several
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// `UID=MST:…`, tax code
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax_code: Option<String>,
    /// `UID=CCCD:…`, citizen identity number
    #[serde(skip_serializing_if = "Option::is_none")]
    pub citizen_id: Option<String>,
    /// `UID=CMND:…`, old identity card number
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_identity_card: Option<String>,
    /// The whole name as RFC 4514 writes it: last RDN first.
    pub rfc4514: String,
}

impl Subject {
    /// Reads a name.
    pub(super) fn of(name: &Name) -> Self {
        let mut subject = Self {
            rfc4514: rfc4514(name),
            ..Self::default()
        };
        for attribute in name.iter() {
            let Some(value) = text(&attribute.value).filter(|value| !value.trim().is_empty()) else {
                continue;
            };
            match attribute.oid {
                COMMON_NAME => subject.common_name = Some(value),
                ORGANIZATION => subject.organization = Some(value),
                USER_ID => subject.take_user_id(&value),
                _ => {}
            }
        }
        subject
    }

    fn take_user_id(&mut self, value: &str) {
        let Some((prefix, number)) = value.split_once(':') else {
            return;
        };
        let place = match prefix.trim().to_ascii_uppercase().as_str() {
            "MST" => &mut self.tax_code,
            "CCCD" => &mut self.citizen_id,
            "CMND" => &mut self.old_identity_card,
            _ => return,
        };
        let number = number.trim();
        if !number.is_empty() {
            *place = Some(number.to_owned());
        }
    }
}

/// The text of any string type of X.520; none for anything else and for octets that are not in the type's encoding.
fn text(value: &Any) -> Option<String> {
    let bytes = value.value();
    match value.tag() {
        Tag::Utf8String => String::from_utf8(bytes.to_vec()).ok(),
        Tag::PrintableString | Tag::Ia5String | Tag::NumericString | Tag::VisibleString => bytes
            .is_ascii()
            .then(|| String::from_utf8_lossy(bytes).into_owned()),
        // T.61 as everybody wrote it: Latin-1, or UTF-8 where it is that.
        Tag::TeletexString => Some(
            String::from_utf8(bytes.to_vec())
                .unwrap_or_else(|_| bytes.iter().copied().map(char::from).collect()),
        ),
        Tag::BmpString => {
            let (units, []) = bytes.as_chunks::<2>() else {
                return None;
            };
            String::from_utf16(
                &units
                    .iter()
                    .map(|unit| u16::from_be_bytes(*unit))
                    .collect::<Vec<_>>(),
            )
            .ok()
        }
        _ => None,
    }
}

/// RFC 4514, section 2.
fn rfc4514(name: &Name) -> String {
    let mut rdns: Vec<String> = name
        .iter_rdn()
        .map(|rdn| {
            let attributes: Vec<String> = rdn
                .iter()
                .map(|attribute| format!("{}={}", short_name(&attribute.oid), escaped(&attribute.value)))
                .collect();
            attributes.join("+")
        })
        .collect();
    rdns.reverse();
    rdns.join(",")
}

fn short_name(oid: &ObjectIdentifier) -> String {
    let dotted = oid.to_string();
    SHORT_NAMES
        .iter()
        .find(|(oid, _)| *oid == dotted)
        .map_or(dotted, |(_, short)| (*short).to_owned())
}

/// A value with the escapes of RFC 4514, 2.4; `#` and the DER in hexadecimal where it is no string.
fn escaped(value: &Any) -> String {
    let Some(text) = text(value) else {
        return format!("#{}", hex::encode(value.to_der().unwrap_or_default()));
    };
    let last = text.chars().count().saturating_sub(1);
    let mut escaped = String::with_capacity(text.len());
    for (at, character) in text.chars().enumerate() {
        match character {
            ' ' if at == 0 || at == last => escaped.push_str("\\ "),
            '#' if at == 0 => escaped.push_str("\\#"),
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => escaped.extend(['\\', character]),
            control if control.is_control() => {
                let mut octets = [0; 4];
                for octet in control.encode_utf8(&mut octets).bytes() {
                    escaped.push_str(&format!("\\{octet:02X}"));
                }
            }
            plain => escaped.push(plain),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use der::Decode;

    use super::*;
    use crate::cms::tlv::{self, tag};

    const UTF8: u8 = 0x0C;
    const PRINTABLE: u8 = 0x13;
    const TELETEX: u8 = 0x14;
    const IA5: u8 = 0x16;
    const BMP: u8 = 0x1E;

    /// A name with one attribute a RDN.
    fn subject(attributes: &[(&str, u8, &[u8])]) -> Subject {
        let rdns: Vec<u8> = attributes
            .iter()
            .flat_map(|(oid, string, value)| {
                let mut attribute = tlv::oid(&ObjectIdentifier::new_unwrap(oid));
                attribute.extend(tlv::write(*string, value));
                tlv::write(tag::SET, &tlv::write(tag::SEQUENCE, &attribute))
            })
            .collect();
        Subject::of(&Name::from_der(&tlv::write(tag::SEQUENCE, &rdns)).unwrap())
    }

    const CN: &str = "2.5.4.3";
    const O: &str = "2.5.4.10";
    const UID: &str = "0.9.2342.19200300.100.1.1";

    #[test]
    fn every_string_type_is_read() {
        let bmp: Vec<u8> = "Nguyễn Ánh".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(
            subject(&[(CN, BMP, &bmp)]).common_name.as_deref(),
            Some("Nguyễn Ánh")
        );
        assert_eq!(
            subject(&[(CN, UTF8, "Đỗ".as_bytes())]).common_name.as_deref(),
            Some("Đỗ")
        );
        assert_eq!(
            subject(&[(CN, TELETEX, b"Caf\xE9")]).common_name.as_deref(),
            Some("Café")
        );
        assert_eq!(
            subject(&[(CN, TELETEX, "Đỗ".as_bytes())]).common_name.as_deref(),
            Some("Đỗ")
        );
        assert_eq!(
            subject(&[(CN, IA5, b"ascii")]).common_name.as_deref(),
            Some("ascii")
        );
        assert_eq!(
            subject(&[(O, PRINTABLE, b"Ban Co yeu")]).organization.as_deref(),
            Some("Ban Co yeu")
        );
    }

    #[test]
    fn text_that_is_not_in_its_encoding_is_absent() {
        for (string, value) in [
            (UTF8, &b"\xFF\xFE"[..]),
            (BMP, b"odd"),
            (BMP, b"\xD8\x00"),
            (IA5, b"\xE9"),
            (UTF8, b" "),
        ] {
            assert_eq!(subject(&[(CN, string, value)]).common_name, None, "{value:?}");
        }
        assert_eq!(subject(&[(CN, UTF8, b"\xFF")]).rfc4514, "CN=#0c01ff");
    }

    #[test]
    fn several_identity_numbers_stand_beside_each_other() {
        let found = subject(&[
            (UID, UTF8, b"MST:0100686209-199"),
            (UID, UTF8, b"cccd: 001190012345"),
            (UID, PRINTABLE, b"CMND:012345678"),
            (UID, UTF8, b"BHXH:123"),
            (UID, UTF8, b"no prefix"),
            (UID, UTF8, b"MST:"),
        ]);
        assert_eq!(found.tax_code.as_deref(), Some("0100686209-199"));
        assert_eq!(found.citizen_id.as_deref(), Some("001190012345"));
        assert_eq!(found.old_identity_card.as_deref(), Some("012345678"));
    }

    #[test]
    fn names_are_written_as_rfc_4514_says() {
        let name = subject(&[
            ("2.5.4.6", PRINTABLE, b"VN"),
            (O, UTF8, b"A, B+C"),
            (CN, UTF8, b" #x\n\"y\\ "),
        ]);
        assert_eq!(name.rfc4514, r#"CN=\ #x\0A\"y\\\ ,O=A\, B\+C,C=VN"#);
        assert_eq!(subject(&[("1.2.3", UTF8, b"#a")]).rfc4514, r"1.2.3=\#a");
    }
}
