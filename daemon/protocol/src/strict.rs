//! Reads parameters as the schema has them, and says of others which field is wrong and what belongs there.
//!
//! serde also takes an array for an object, its fields in order, and an object for the name of a variant. Whoever sends
//! that has made a mistake that nobody would find.

use serde::de::{DeserializeOwned, Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Longest explanation, in characters: the longest list of allowed values fits.
const MAX_DETAIL: usize = 400;

/// Longest path to a field within it, in characters.
const MAX_PATH: usize = 120;

/// Reads the parameters of a method.
///
/// # Errors
/// Which field is wrong and what belongs there, for the developer. Never a value from the message.
pub(crate) fn read<T: DeserializeOwned + Serialize>(params: &str) -> Result<T, String> {
    let read: T = serde_json::from_str(params).map_err(|error| explain::<T>(params, "params", &error))?;
    // An object without an array or another object in it has only places for values.
    if params.contains('[') || params.matches('{').nth(1).is_some() {
        let form = |error: serde_json::Error| explain::<T>(params, "params", &error);
        let (raw, typed) = (
            serde_json::from_str(params).map_err(form)?,
            serde_json::to_value(&read).map_err(form)?,
        );
        let mut path = String::from("params");
        if let Some(expected) = other_form(&raw, &typed, &mut path) {
            return Err(bounded(&format!("{}: expected {expected}", cut(&path))));
        }
    }
    Ok(read)
}

/// True if a text that serde took for an object is an array.
pub(crate) fn is_array(text: &str) -> bool {
    text.trim_start().starts_with('[')
}

/// What belongs where the message has something of another form; `path` leads there.
fn other_form(raw: &Value, typed: &Value, path: &mut String) -> Option<&'static str> {
    let length = path.len();
    match (raw, typed) {
        (Value::Array(_), Value::Object(_)) => return Some("an object"),
        (Value::Object(_), Value::String(_)) => return Some("a string"),
        (Value::Array(raw), Value::Array(typed)) => {
            for (index, (raw, typed)) in raw.iter().zip(typed).enumerate() {
                path.push_str(&format!("[{index}]"));
                if let Some(expected) = other_form(raw, typed, path) {
                    return Some(expected);
                }
                path.truncate(length);
            }
        }
        (Value::Object(raw), Value::Object(typed)) => {
            for (name, raw) in raw {
                let Some(typed) = typed.get(name) else { continue };
                path.push('.');
                path.push_str(name);
                if let Some(expected) = other_form(raw, typed, path) {
                    return Some(expected);
                }
                path.truncate(length);
            }
        }
        _ => {}
    }
    None
}

/// Where a text is no `T` and what belongs there. serde's words may quote the value that is there; those of it that
/// leave are the name of the field and what was expected.
pub(crate) fn explain<T: DeserializeOwned>(text: &str, root: &str, error: &serde_json::Error) -> String {
    if !error.is_data() {
        return format!("no JSON at line {} column {}", error.line(), error.column());
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let path = match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Err(error) => error.path().to_string(),
        Ok(_) => String::new(),
    };
    let path = path.trim_start_matches('.');
    let separator = if root.is_empty() || path.is_empty() || path.starts_with('[') {
        ""
    } else {
        "."
    };
    let path = format!("{root}{separator}{path}");
    let what = wrong(error);
    if path.is_empty() {
        return bounded(&what);
    }
    bounded(&format!("{}: {what}", cut(&path)))
}

fn wrong(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(head, _)| head);
    let is_of_fields = ["unknown field", "missing field", "duplicate field"]
        .iter()
        .any(|start| text.starts_with(start));
    if is_of_fields {
        return text.to_owned();
    }
    // What was expected stands last, behind the value.
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => "a value that does not belong there".to_owned(),
    }
}

fn cut(path: &str) -> String {
    path.chars().take(MAX_PATH).collect()
}

/// Printable ASCII of bounded length: names of fields come from the page.
fn bounded(text: &str) -> String {
    let plain = |character: char| {
        if character == ' ' || character.is_ascii_graphic() {
            character
        } else {
            '?'
        }
    };
    text.chars().take(MAX_DETAIL).map(plain).collect()
}

/// 64 lower-case hexadecimal digits.
pub(crate) fn sha256<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        Ok(text)
    } else {
        let found = Unexpected::Other("another text");
        Err(D::Error::invalid_value(
            found,
            &"64 lower-case hexadecimal digits",
        ))
    }
}

#[cfg(test)]
mod tests {
    use crate::envelope::Request;

    fn refused(rest: &str) -> String {
        let text = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,{rest}}}");
        let malformed = Request::parse(&text).expect_err(rest);
        assert_eq!(malformed.id, Some(1), "{rest}");
        malformed.detail
    }

    fn sign(params: &str) -> String {
        refused(&format!("\"method\":\"sign_documents\",\"params\":{params}"))
    }

    const DIGEST: &str = "766439c956efe0a6bf4898aa7fffed976a555cd4d36afe765eefafe67931d0eb";

    fn document() -> String {
        format!("{{\"name\":\"a\",\"sha256\":\"{DIGEST}\",\"size\":1}}")
    }

    #[test]
    fn a_wrong_value_is_told_by_its_field_and_what_belongs_there() {
        let document = document();
        let of = |rest: &str| sign(&format!("{{\"documents\":[{document}],{rest}}}"));
        let format = of("\"format\":\"PAdES\"");
        assert!(
            format.starts_with("params.format: expected one of `pades`, "),
            "{format}"
        );
        assert!(
            format.ends_with("`ooxml`") && !format.contains("PAdES"),
            "{format}"
        );
        let level = of("\"format\":\"pades\",\"level\":\"T\"");
        assert_eq!(
            level,
            "params.level: expected one of `B-B`, `B-T`, `B-LT`, `B-LTA`"
        );
        let size = document.replace(":1}", ":\"1\"}");
        let size = sign(&format!(
            "{{\"documents\":[{document},{size}],\"format\":\"pades\"}}"
        ));
        assert_eq!(size, "params.documents[1].size: expected u64");
        for digest in ["xx".to_owned(), DIGEST.to_uppercase()] {
            let told = sign(&format!(
                "{{\"documents\":[{}],\"format\":\"pades\"}}",
                document.replace(DIGEST, &digest)
            ));
            assert_eq!(
                told,
                "params.documents[0].sha256: expected 64 lower-case hexadecimal digits"
            );
        }
        let hash = refused(
            "\"method\":\"sign_digest\",\"params\":{\"certificate\":\"a\",\"hash\":\"SHA1\",\"digest\":\"\"}",
        );
        assert_eq!(
            hash,
            "params.hash: expected one of `SHA-256`, `SHA-384`, `SHA-512`"
        );
    }

    #[test]
    fn an_id_that_is_none_is_told_too() {
        for id in ["\"a\"", "-1", "1.5"] {
            let text = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"certificates\"}}");
            let malformed = Request::parse(&text).expect_err(id);
            assert_eq!(
                (malformed.id, malformed.detail.as_str()),
                (None, "id: expected u64")
            );
        }
        let cut = Request::parse("{\"jsonrpc\":").expect_err("no JSON");
        assert_eq!(cut.detail, "no JSON at line 1 column 11");
    }

    #[test]
    fn arrays_are_no_objects_at_any_depth() {
        let array = format!("[[[\"a.pdf\",\"{DIGEST}\",43547]],\"pades\"]");
        assert_eq!(sign(&array), "params: expected an object");
        let nested = format!("{{\"documents\":[[\"a.pdf\",\"{DIGEST}\",1]],\"format\":\"pades\"}}");
        assert_eq!(sign(&nested), "params.documents[0]: expected an object");
        let variant = format!("{{\"documents\":[{}],\"format\":{{\"pades\":null}}}}", document());
        assert_eq!(sign(&variant), "params.format: expected a string");
        assert_eq!(
            refused("\"method\":\"certificates\",\"params\":[]"),
            "params: expected an object"
        );
        let whole = Request::parse("[\"2.0\",1,\"certificates\",null]").expect_err("an array");
        assert_eq!(whole.detail, "expected an object");
    }

    #[test]
    fn what_a_page_calls_its_fields_does_no_harm() {
        let name = "\u{202E}\u{1b}[31mx".repeat(100);
        let told = refused(&format!(
            "\"method\":\"certificates\",\"params\":{{{}:1}}",
            serde_json::to_string(&name).expect("a string")
        ));
        assert!(told.starts_with("params"), "{told}");
        assert!(
            told.contains("unknown field") && told.is_ascii() && told.len() <= super::MAX_DETAIL,
            "{told}"
        );
        assert!(told.chars().all(|character| !character.is_control()), "{told}");
    }

    #[test]
    fn what_the_schema_has_is_taken() {
        let appearance = "{\"rectangle\":[1,2.5,3,4],\"values\":{\"a\":\"b\"},\"language\":\"vi\"}";
        let text = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sign_documents\",\"params\":{{\"documents\":[{}],\
             \"format\":\"pades\",\"appearance\":{appearance},\"lock\":[\"x\"]}}}}",
            document()
        );
        Request::parse(&text).expect("as the schema has it");
    }
}
