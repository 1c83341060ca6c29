//! What a JSON text may hold before it is parsed: a value of two bytes becomes one of 32, and an object of one member one
//! of hundreds.

use serde::de::DeserializeOwned;

use super::JoseError;

/// Values of one JSON text that are read.
const MAX_VALUES: usize = 1 << 17;

/// The longest string with escapes, in bytes: such a one is kept twice while it is read. No Base64 needs any.
const MAX_ESCAPED: usize = 16 << 20;

/// Parses a JSON text that is within bounds. The parser itself bounds the depth, at 128.
///
/// # Errors
/// [`JoseError::TooComplex`] past a bound, [`JoseError::Malformed`] when it is no such JSON.
pub(super) fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, JoseError> {
    check(text)?;
    serde_json::from_slice(text).map_err(|_| JoseError::Malformed)
}

/// Every value but the first of its container stands behind a comma, and every first one behind a bracket or brace.
fn check(text: &[u8]) -> Result<(), JoseError> {
    let mut values = 0;
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' => rest = after_string(after)?,
            b',' | b'[' | b'{' => values += 1,
            _ => {}
        }
        if values > MAX_VALUES {
            return Err(JoseError::TooComplex);
        }
    }
    Ok(())
}

/// What is behind a string that has begun.
fn after_string(text: &[u8]) -> Result<&[u8], JoseError> {
    let mut at = 0;
    let mut escaped = false;
    loop {
        at += memchr::memchr2(b'"', b'\\', &text[at..]).ok_or(JoseError::Malformed)?;
        if text[at] == b'"' {
            break;
        }
        escaped = true;
        // The byte behind the backslash is no end, whatever it is.
        at += 2;
        if at > text.len() {
            return Err(JoseError::Malformed);
        }
    }
    if escaped && at > MAX_ESCAPED {
        return Err(JoseError::TooComplex);
    }
    Ok(&text[at + 1..])
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn as_many_values_as_are_read_and_no_more() {
        let list = |count: usize| format!("[\"a,\\\",[\"{}]", ",0".repeat(count - 1));
        assert!(parse::<Value>(list(MAX_VALUES).as_bytes()).is_ok());
        let more = parse::<Value>(list(MAX_VALUES + 1).as_bytes());
        assert_eq!(more.unwrap_err(), JoseError::TooComplex);
    }

    #[test]
    fn a_long_string_has_no_escapes() {
        let plain = format!("\"{}\"", "a".repeat(MAX_ESCAPED + 2));
        assert!(parse::<Value>(plain.as_bytes()).is_ok());
        let escaped = plain.replacen("aa", "\\/", 1);
        assert_eq!(
            parse::<Value>(escaped.as_bytes()).unwrap_err(),
            JoseError::TooComplex
        );
    }

    #[test]
    fn what_ends_early_is_malformed() {
        for text in ["\"", "\"a\\", "\"a\\\"", "[", ""] {
            assert_eq!(
                parse::<Value>(text.as_bytes()).unwrap_err(),
                JoseError::Malformed,
                "{text}"
            );
        }
    }
}
