//! A message in a text: PEM (RFC 7468, sections 8 and 9), as OpenSSL writes it, or Base64 alone, as web plug-ins hand it
//! out.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The longest text, in bytes. What is larger lies in a file as it is.
pub const MAX_TEXT: u64 = 64 << 20;

/// The labels of RFC 7468, section 9, and of what came before it, section 8.
const LABELS: [&str; 2] = ["CMS", "PKCS7"];

/// The first octet of a ContentInfo.
const SEQUENCE: u8 = 0x30;

/// The octets of the message in a text; none if this is no text with one message in it.
#[must_use]
pub fn of_text(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() as u64 > MAX_TEXT {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let body = LABELS.into_iter().find_map(|label| between(text, label));
    let message = decode(body.unwrap_or(text))?;
    (message.first() == Some(&SEQUENCE)).then_some(message)
}

/// What stands between the only two lines of this label.
fn between<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let [begin, end] = ["BEGIN", "END"].map(|edge| format!("-----{edge} {label}-----"));
    let (_, begun) = text.split_once(&begin)?;
    let (body, after) = begun.split_once(&end)?;
    (!after.contains(&begin)).then_some(body)
}

/// Base64 in lines of any length (RFC 7468, section 3, lax).
fn decode(body: &str) -> Option<Vec<u8>> {
    let dense: Vec<u8> = body
        .bytes()
        .filter(|octet| !octet.is_ascii_whitespace())
        .collect();
    STANDARD.decode(dense).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN CMS-----\nMAMC\nAQE=\n-----END CMS-----\n";

    #[test]
    fn a_message_stands_in_a_text() {
        let message = Some(vec![0x30, 3, 2, 1, 1]);
        let crlf = PEM.replace('\n', "\r\n");
        let of_old = PEM.replace("CMS", "PKCS7");
        let with_words = format!("Chữ ký của tôi:\n{PEM}\nHết.");
        for text in [PEM, &crlf, &of_old, &with_words, "MAMCAQE=", " MAMC\r\nAQE=\n"] {
            assert_eq!(of_text(text.as_bytes()), message, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_such_text_is_none() {
        let two = PEM.repeat(2);
        let other = PEM.replace("CMS", "CERTIFICATE");
        let ends_as_another = PEM.replace("END CMS", "END PKCS7");
        for text in [
            "",
            "MAMCAQ",
            "AAAA",
            "đơn",
            &two,
            &other,
            &ends_as_another,
            &PEM[..30],
            &PEM.replace("MAMC", "MA*C"),
        ] {
            assert_eq!(of_text(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(of_text(b"MAMCAQE=\xff"), None);
        let too_long = vec![b'\n'; usize::try_from(MAX_TEXT).unwrap() + 1];
        assert_eq!(of_text(&too_long), None);
    }
}
