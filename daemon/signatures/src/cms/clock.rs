//! Times of ASN.1 (X.680, 46 and 47), leniently: real time-stamps and OCSP responses carry fractions of a second.

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

use super::tlv::{Element, Malformed, tag};

/// UTCTime or GeneralizedTime in UTC (`Z`), the latter with or without fractions of a second.
pub(crate) fn read(element: Element<'_>) -> Result<OffsetDateTime, Malformed> {
    let text = std::str::from_utf8(element.value).map_err(|_| Malformed)?;
    let text = text.strip_suffix('Z').ok_or(Malformed)?;
    let (year, rest) = match element.tag {
        tag::UTC_TIME => {
            let year = digits(text.get(..2))?;
            (if year < 50 { 2000 + year } else { 1900 + year }, &text[2..])
        }
        tag::GENERALIZED_TIME => (digits(text.get(..4))?, &text[4..]),
        _ => return Err(Malformed),
    };
    let (whole, fraction) = rest
        .split_once('.')
        .map_or((rest, None), |(whole, fraction)| (whole, Some(fraction)));
    if whole.len() != 10 || (fraction.is_some() && element.tag == tag::UTC_TIME) {
        return Err(Malformed);
    }
    let part = |at: usize| {
        digits(whole.get(at..at + 2)).and_then(|number| u8::try_from(number).map_err(|_| Malformed))
    };
    let month = Month::try_from(part(0)?).map_err(|_| Malformed)?;
    let year = i32::try_from(year).map_err(|_| Malformed)?;
    let date = Date::from_calendar_date(year, month, part(2)?).map_err(|_| Malformed)?;
    let nanoseconds = fraction.map_or(Ok(0), nanoseconds)?;
    let time = Time::from_hms_nano(part(4)?, part(6)?, part(8)?, nanoseconds).map_err(|_| Malformed)?;
    Ok(PrimitiveDateTime::new(date, time).assume_utc())
}

fn digits(text: Option<&str>) -> Result<u32, Malformed> {
    let text = text.ok_or(Malformed)?;
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().map_err(|_| Malformed)
    } else {
        Err(Malformed)
    }
}

fn nanoseconds(fraction: &str) -> Result<u32, Malformed> {
    let digits_only = fraction.bytes().all(|byte| byte.is_ascii_digit());
    if fraction.is_empty() || fraction.len() > 32 || !digits_only {
        return Err(Malformed);
    }
    let nine: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    nine.parse().map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_and_without_fractions() {
        let read = |tag, text: &str| {
            read(Element {
                tag,
                raw: &[],
                value: text.as_bytes(),
            })
        };
        let at = time::macros::datetime!(2026-11-28 12:30:01.5 UTC);
        assert_eq!(read(tag::GENERALIZED_TIME, "20261128123001.5Z"), Ok(at));
        assert_eq!(
            read(tag::UTC_TIME, "261128123001Z"),
            Ok(at.replace_nanosecond(0).unwrap())
        );
        assert_eq!(
            read(tag::UTC_TIME, "500101000000Z").map(|time| time.year()),
            Ok(1950)
        );
        for bad in [
            "20261128123001",
            "20261128123001.Z",
            "2026112812300Z",
            "20261328123001Z",
            "20261128123061Z",
            "+0261128123001Z",
            "20261128123001.5+7Z",
            "ế",
        ] {
            assert_eq!(read(tag::GENERALIZED_TIME, bad), Err(Malformed), "{bad}");
        }
    }
}
