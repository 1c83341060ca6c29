//! Text strings and dates (ISO 32000-1, 7.9.2 and 7.9.4).

use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

/// A text string as it is written: ASCII as a literal string, anything else as UTF-16BE with its mark.
#[must_use]
pub fn text_string(text: &str) -> Vec<u8> {
    let printable = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    if text.bytes().all(printable) {
        let mut literal = vec![b'('];
        for byte in text.bytes() {
            if matches!(byte, b'(' | b')' | b'\\') {
                literal.push(b'\\');
            }
            literal.push(byte);
        }
        literal.push(b')');
        return literal;
    }
    let mut hex = String::from("<FEFF");
    for unit in text.encode_utf16() {
        hex.push_str(&format!("{unit:04X}"));
    }
    hex.push('>');
    hex.into_bytes()
}

/// What a text string says: UTF-16BE or UTF-8 if it has their mark, else PDFDocEncoding. What cannot be decoded becomes
/// U+FFFD.
#[must_use]
pub fn decode_text_string(bytes: &[u8]) -> String {
    if let Some(units) = bytes.strip_prefix(b"\xfe\xff") {
        let units = units.chunks(2).map(|pair| match *pair {
            [high, low] => u16::from_be_bytes([high, low]),
            _ => 0xfffd,
        });
        return char::decode_utf16(units)
            .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
    }
    if let Some(text) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return String::from_utf8_lossy(text).into_owned();
    }
    bytes.iter().map(|byte| document_encoding(*byte)).collect()
}

/// PDFDocEncoding (annex D.3): Latin-1 but for two rows.
fn document_encoding(byte: u8) -> char {
    const ACCENTS: [char; 8] = ['˘', 'ˇ', 'ˆ', '˙', '˝', '˛', '˚', '˜'];
    const PUNCTUATION: [char; 33] = [
        '•', '†', '‡', '…', '—', '–', 'ƒ', '⁄', '‹', '›', '−', '‰', '„', '“', '”', '‘', '’', '‚', '™', 'ﬁ',
        'ﬂ', 'Ł', 'Œ', 'Š', 'Ÿ', 'Ž', 'ı', 'ł', 'œ', 'š', 'ž', '\u{fffd}', '€',
    ];
    match byte {
        0x18..=0x1f => ACCENTS[usize::from(byte - 0x18)],
        0x80..=0xa0 => PUNCTUATION[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

/// A date with the offset of the time given, as a string object.
#[must_use]
pub fn date(time: OffsetDateTime) -> String {
    let (hours, minutes, _) = time.offset().as_hms();
    let sign = if time.offset().is_negative() { '-' } else { '+' };
    format!(
        "(D:{:04}{:02}{:02}{:02}{:02}{:02}{sign}{:02}'{:02}')",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
        hours.unsigned_abs(),
        minutes.unsigned_abs(),
    )
}

/// The time a date stands for; `None` unless it has at least year to second. Without an offset it is UTC.
///
/// Years are 1 to 9998: whatever offset such a time is shown with, it stays one that RFC 3339 can write.
#[must_use]
pub fn parse_date(text: &str) -> Option<OffsetDateTime> {
    let text = text.strip_prefix("D:").unwrap_or(text);
    let digits = text
        .get(..14)
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let part = |range: std::ops::Range<usize>| digits.get(range)?.parse::<u8>().ok();
    let month = time::Month::try_from(part(4..6)?).ok()?;
    let year: i32 = digits.get(..4)?.parse().ok()?;
    if !(1..=9998).contains(&year) {
        return None;
    }
    let day = time::Date::from_calendar_date(year, month, part(6..8)?).ok()?;
    let clock = time::Time::from_hms(part(8..10)?, part(10..12)?, part(12..14)?).ok()?;
    let offset = parse_offset(text.get(14..)?)?;
    Some(PrimitiveDateTime::new(day, clock).assume_offset(offset))
}

fn parse_offset(text: &str) -> Option<UtcOffset> {
    let sign = match text.as_bytes().first() {
        None | Some(b'Z') => return Some(UtcOffset::UTC),
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(_) => return None,
    };
    let hours = two_digits(text.get(1..3)?, 23)?;
    // The minutes may be missing, and the apostrophe behind the hours with them.
    let minutes = text
        .get(4..6)
        .map_or(Some(0), |minutes| two_digits(minutes, 59))?;
    UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok()
}

/// Two digits up to a highest number.
fn two_digits(text: &str, highest: i8) -> Option<i8> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits)?;
    (0..=highest).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::{date, decode_text_string, parse_date, text_string};
    use time::macros::datetime;

    #[test]
    fn vietnamese_comes_back() {
        let written = text_string("Ký bởi Nguyễn");
        let bytes = hex::decode(&written[1..written.len() - 1]).unwrap();
        assert_eq!(decode_text_string(&bytes), "Ký bởi Nguyễn");
        assert_eq!(text_string("a(b)\\"), b"(a\\(b\\)\\\\)");
        assert_eq!(decode_text_string(b"caf\xe9 \x80"), "caf\u{e9} •");
    }

    #[test]
    fn dates_keep_their_offset() {
        let time = datetime!(2026-11-21 14:03:05 +07:00);
        assert_eq!(date(time), "(D:20261121140305+07'00')");
        assert_eq!(parse_date("D:20261121140305+07'00'"), Some(time));
        assert_eq!(parse_date("D:20261121070305Z"), Some(time));
        assert_eq!(parse_date("D:2026"), None);
        assert_eq!(parse_date("D:20261321070305Z"), None);
        assert_eq!(parse_date("D:20261121140305+07"), Some(time));
    }

    #[test]
    fn dates_that_no_offset_can_hold_are_none() {
        for text in [
            "D:20261121140305+-7'00'",
            "D:20261121140305--5'00'",
            "D:20261121140305-+7'00'",
            "D:20261121140305--128'",
            "D:20261121140305+24'00'",
            "D:20261121140305+07'60'",
            "D:20261121140305+07'-1'",
            "D:99991231235959Z",
            "D:99991231235959-07'00'",
            "D:00000101000000+07'00'",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
        let first = parse_date("D:00010101000000+23'59'").unwrap();
        let last = parse_date("D:99981231235959-23'59'").unwrap();
        for time in [first, last] {
            assert!(
                time.format(&time::format_description::well_known::Rfc3339)
                    .is_ok()
            );
            for hours in [-23, 23] {
                let offset = time::UtcOffset::from_hms(hours, 0, 0).unwrap();
                assert!(time.checked_to_offset(offset).is_some());
            }
        }
    }
}
