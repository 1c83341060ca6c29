//! A subject as a person writes it, for certification requests.
//!
//! The syntax is that of RFC 4514, section 3; the order is that of the certificate, from the country down, as
//! Vietnamese CAs print subjects: `C=VN, ST=Hà Nội, L=Cầu Giấy, CN=…, UID=MST:…`. (RFC 4514 itself writes a name
//! backwards; nothing is turned round here.) An attribute may stand several times, as `UID` does for a person with
//! both a tax code and an identity card.

use der::Tag;
use der::asn1::{Any, ObjectIdentifier};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};

/// The longest name, in bytes.
const MAX_LEN: usize = 4096;

/// The most RDNs.
const MAX_RDNS: usize = 32;

/// The longest value, in characters.
const MAX_VALUE: usize = 512;

/// X.520 and RFC 4519 attributes by their short names, and the string type of each: `C` and `serialNumber` are
/// PrintableString, `emailAddress` and `DC` IA5String, everything else UTF8String (RFC 5280, appendix A.1).
const TYPES: [(&str, &str, Tag); 19] = [
    ("CN", "2.5.4.3", Tag::Utf8String),
    ("SN", "2.5.4.4", Tag::Utf8String),
    ("serialNumber", "2.5.4.5", Tag::PrintableString),
    ("C", "2.5.4.6", Tag::PrintableString),
    ("L", "2.5.4.7", Tag::Utf8String),
    ("ST", "2.5.4.8", Tag::Utf8String),
    ("S", "2.5.4.8", Tag::Utf8String),
    ("STREET", "2.5.4.9", Tag::Utf8String),
    ("O", "2.5.4.10", Tag::Utf8String),
    ("OU", "2.5.4.11", Tag::Utf8String),
    ("title", "2.5.4.12", Tag::Utf8String),
    ("T", "2.5.4.12", Tag::Utf8String),
    ("telephoneNumber", "2.5.4.20", Tag::PrintableString),
    ("GN", "2.5.4.42", Tag::Utf8String),
    ("organizationIdentifier", "2.5.4.97", Tag::Utf8String),
    ("DC", "0.9.2342.19200300.100.1.25", Tag::Ia5String),
    ("UID", "0.9.2342.19200300.100.1.1", Tag::Utf8String),
    ("emailAddress", "1.2.840.113549.1.9.1", Tag::Ia5String),
    ("E", "1.2.840.113549.1.9.1", Tag::Ia5String),
];

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// Too long, too many parts, or none.
    #[error("1 to {MAX_RDNS} parts, at most {MAX_LEN} bytes")]
    Length,
    /// A part is not `type=value`, or an escape is broken.
    #[error("{0}")]
    Syntax(String),
    /// There is no attribute of that name.
    #[error("{0}")]
    UnknownType(String),
    /// The attribute cannot have that value.
    #[error("{0}")]
    Value(String),
}

/// Reads a name.
///
/// # Errors
/// [`BadName`] with the part that is wrong.
pub fn parse(text: &str) -> Result<Name, BadName> {
    if text.len() > MAX_LEN {
        return Err(BadName::Length);
    }
    let mut rdns = Vec::new();
    for part in split(text, ',')? {
        let attributes: Vec<_> = split(part, '+')?
            .into_iter()
            .map(attribute)
            .collect::<Result<_, _>>()?;
        let rdn =
            RelativeDistinguishedName::try_from(attributes).map_err(|_| BadName::Syntax(part.to_owned()))?;
        rdns.push(rdn);
    }
    if rdns.is_empty() || rdns.len() > MAX_RDNS {
        return Err(BadName::Length);
    }
    Ok(Name::hazmat_from_rdn_sequence(RdnSequence::from(rdns)))
}

/// The pieces between separators that no backslash stands before.
fn split(text: &str, separator: char) -> Result<Vec<&str>, BadName> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == separator => {
                pieces.push(&text[start..at]);
                start = at + character.len_utf8();
            }
            _ => {}
        }
    }
    if escaped {
        return Err(BadName::Syntax(text.to_owned()));
    }
    pieces.push(&text[start..]);
    Ok(pieces)
}

fn attribute(part: &str) -> Result<AttributeTypeAndValue, BadName> {
    let (name, value) = part
        .split_once('=')
        .ok_or_else(|| BadName::Syntax(part.trim().to_owned()))?;
    let name = name.trim();
    let known = TYPES
        .iter()
        .find(|(short, dotted, _)| short.eq_ignore_ascii_case(name) || *dotted == name);
    let (_, dotted, tag) = known.ok_or_else(|| BadName::UnknownType(name.to_owned()))?;
    let value = unescape(value)?;
    let wrong = || BadName::Value(format!("{name}={value}"));
    let fits = match *tag {
        Tag::PrintableString => value.chars().all(is_printable),
        Tag::Ia5String => value.is_ascii(),
        _ => true,
    };
    let is_country =
        *dotted != "2.5.4.6" || (value.len() == 2 && value.chars().all(|c| c.is_ascii_uppercase()));
    let sane =
        !value.is_empty() && value.chars().count() <= MAX_VALUE && !value.chars().any(char::is_control);
    if !(fits && is_country && sane) {
        return Err(wrong());
    }
    let oid = ObjectIdentifier::new(dotted).map_err(|_| wrong())?;
    Ok(AttributeTypeAndValue {
        oid,
        value: Any::new(*tag, value.as_bytes()).map_err(|_| wrong())?,
    })
}

/// X.680, 41.4
fn is_printable(character: char) -> bool {
    character.is_ascii_alphanumeric() || " '()+,-./:=?".contains(character)
}

/// RFC 4514, 3: a backslash before a special character stands for it, before two hexadecimal digits for that byte.
/// Spaces around the value do not count, unless a backslash stands before them.
fn unescape(value: &str) -> Result<String, BadName> {
    let bad = || BadName::Syntax(value.trim().to_owned());
    let trimmed = value.trim_start_matches(' ');
    if trimmed.starts_with(['#', '"']) {
        return Err(bad());
    }
    let mut bytes = Vec::with_capacity(trimmed.len());
    let mut kept = 0;
    let mut rest = trimmed.chars();
    while let Some(character) = rest.next() {
        if character == '\\' {
            let next = rest.next().ok_or_else(bad)?;
            if let Some(high) = next.to_digit(16) {
                let low = rest.next().and_then(|digit| digit.to_digit(16)).ok_or_else(bad)?;
                bytes.push(u8::try_from(high * 16 + low).map_err(|_| bad())?);
            } else if " \"#+,;<=>\\".contains(next) {
                bytes.extend(next.encode_utf8(&mut [0; 4]).bytes());
            } else {
                return Err(bad());
            }
            kept = bytes.len();
        } else {
            bytes.extend(character.encode_utf8(&mut [0; 4]).bytes());
            if character != ' ' {
                kept = bytes.len();
            }
        }
    }
    bytes.truncate(kept);
    String::from_utf8(bytes).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;
    use der::Encode;
    use der::Tagged;

    fn values(text: &str) -> Vec<(String, Tag, String)> {
        let name = parse(text).unwrap();
        let shown = |attribute: &AttributeTypeAndValue| {
            let text = String::from_utf8(attribute.value.value().to_vec()).unwrap();
            (attribute.oid.to_string(), attribute.value.tag(), text)
        };
        name.iter().map(shown).collect()
    }

    #[test]
    fn a_name_is_encoded_in_the_order_it_is_written() {
        let read = values("C=VN, ST=Hà Nội,CN=Trần Thị Hương , UID=MST:0100109106, uid=CCCD:001084000123");
        let types: Vec<_> = read
            .iter()
            .map(|(oid, tag, text)| (oid.as_str(), *tag, text.as_str()))
            .collect();
        assert_eq!(
            types,
            [
                ("2.5.4.6", Tag::PrintableString, "VN"),
                ("2.5.4.8", Tag::Utf8String, "Hà Nội"),
                ("2.5.4.3", Tag::Utf8String, "Trần Thị Hương"),
                ("0.9.2342.19200300.100.1.1", Tag::Utf8String, "MST:0100109106"),
                ("0.9.2342.19200300.100.1.1", Tag::Utf8String, "CCCD:001084000123"),
            ]
        );
    }

    #[test]
    fn escapes_are_those_of_rfc_4514() {
        assert_eq!(values(r"O=C\C3\B4ng ty A\, B\+C\20")[0].2, "Công ty A, B+C ");
        assert_eq!(parse("CN=a+UID=b").unwrap().len(), 1);
        assert!(parse("CN=a").unwrap().to_der().is_ok());
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "", ",", "CN", "CN=", "=a", "CN=a,", "CN=#0403", "CN=\"a\"", r"CN=a\", r"CN=\g", r"CN=\ff",
            "C=Việt",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
        assert_eq!(parse("XY=a"), Err(BadName::UnknownType("XY".into())));
        assert_eq!(parse("C=vn"), Err(BadName::Value("C=vn".into())));
        assert_eq!(
            parse("emailAddress=huệ@a.vn"),
            Err(BadName::Value("emailAddress=huệ@a.vn".into()))
        );
        assert_eq!(parse(&"CN=a,".repeat(2000)), Err(BadName::Length));
        assert_eq!(parse(&vec!["CN=a"; 33].join(",")), Err(BadName::Length));
        assert!(parse("CN=a\nb").is_err());
    }
}
