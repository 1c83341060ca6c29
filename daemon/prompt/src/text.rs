//! Makes texts from outside harmless to look at, and numbers easy to.
//!
//! Names come from pages and certificates. Whoever wrote them may want "fdp.exe" to be read as "exe.pdf", a second
//! line to be taken for one of ours, or a name so long that its end is never seen.

use trien_protocol::call::Language;
use trien_protocol::limits::MAX_TEXT;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longest name shown, in characters.
pub(crate) const MAX_SHOWN: usize = 80;

/// What a character that must not act is shown as: something was here.
const REPLACEMENT: char = '\u{FFFD}';

/// Combining marks in a row. Vietnamese needs two, and more only climb into the lines above.
const MAX_MARKS: usize = 3;

/// One line of at most [`MAX_SHOWN`] characters without anything that reorders, hides or breaks text. What is too
/// long loses its middle, so that a file's extension stays.
pub(crate) fn shown(outside: &str) -> String {
    shorten(&harmless(outside), MAX_SHOWN)
}

/// As [`shown`], but as long as what a page may have signed: nothing of that is left out.
pub(crate) fn statement(outside: &str) -> String {
    shorten(&harmless(outside), MAX_TEXT)
}

/// As [`shown`], but of any length: for what must be seen in full, as an origin.
pub(crate) fn harmless(outside: &str) -> String {
    let mut text = String::with_capacity(outside.len());
    let mut marks = 0;
    for character in outside.nfc().map(neutral) {
        marks = if is_combining_mark(character) {
            marks + 1
        } else {
            0
        };
        if marks <= MAX_MARKS {
            text.push(character);
        }
    }
    let text = text.trim();
    if text.is_empty() {
        String::from(REPLACEMENT)
    } else {
        text.to_owned()
    }
}

fn neutral(character: char) -> char {
    match character {
        '\t' | '\n' | '\r' | '\u{0B}' | '\u{0C}' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
        _ if character.is_control() || is_invisible(character) => REPLACEMENT,
        _ if character.is_whitespace() => ' ',
        _ => character,
    }
}

/// Bidirectional controls (UAX #9), zero-width and other characters without a shape (Unicode, `Cf` and
/// `Default_Ignorable_Code_Point`), and private use, which each font may draw as it likes.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{E000}'..='\u{F8FF}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{10FFFF}')
}

fn shorten(text: &str, limit: usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= limit {
        return text.to_owned();
    }
    let tail = limit / 4;
    let head = limit - tail - 1;
    let (front, back) = (&characters[..head], &characters[characters.len() - tail..]);
    front.iter().chain(std::iter::once(&'…')).chain(back).collect()
}

/// Hexadecimal in groups of eight digits.
pub(crate) fn groups(hexadecimal: &str) -> String {
    let characters: Vec<char> = harmless(hexadecimal).chars().collect();
    let groups: Vec<String> = characters.chunks(8).map(|group| group.iter().collect()).collect();
    groups.join(" ")
}

/// The first two and the last group of a digest: enough to compare by eye, and no more than that.
pub(crate) fn short_digest(hexadecimal: &str) -> String {
    let all = groups(hexadecimal);
    let parts: Vec<&str> = all.split(' ').collect();
    match parts.as_slice() {
        [first, second, _, .., last] => format!("{first} {second} … {last}"),
        _ => all,
    }
}

/// A size in bytes, KB or MB (powers of 1000), with the language's decimal sign.
pub(crate) fn size(bytes: u64, language: Language) -> String {
    let (unit, name) = match bytes {
        0..1_000 => return format!("{bytes} B"),
        1_000..1_000_000 => (1_000, "KB"),
        1_000_000..1_000_000_000 => (1_000_000, "MB"),
        _ => (1_000_000_000, "GB"),
    };
    let tenths = bytes / (unit / 10);
    let sign = match language {
        Language::Vi => ',',
        Language::En => '.',
    };
    format!("{}{sign}{} {name}", tenths / 10, tenths % 10)
}

/// A calendar date: `dd/mm/yyyy` in Vietnamese, ISO 8601 in English. What is no date stays as it is, harmless.
pub(crate) fn date(iso: &str, language: Language) -> String {
    let text = shown(iso);
    let parts: Vec<&str> = text.split('-').collect();
    match (language, parts.as_slice()) {
        (Language::Vi, [year, month, day]) => format!("{day}/{month}/{year}"),
        _ => text,
    }
}

/// An origin taken apart for the eye.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ShownOrigin {
    /// The whole origin, ASCII.
    pub(crate) ascii: String,
    /// Where the host begins and ends in it, in bytes.
    pub(crate) host: std::ops::Range<usize>,
    /// Where the part of the host stands that somebody has registered, by the public suffix list: whose site it is. The
    /// whole host where there is no such part, as in an address.
    pub(crate) registrable: std::ops::Range<usize>,
    /// The host in Unicode, if it is an internationalised one.
    pub(crate) unicode: Option<String>,
}

/// Takes an ASCII origin apart. What is not ASCII is shown as replacement characters: an origin always is.
pub(crate) fn origin(outside: &str) -> ShownOrigin {
    let ascii: String = harmless(outside)
        .chars()
        .map(|c| if c.is_ascii() { c } else { REPLACEMENT })
        .collect();
    let start = ascii.find("://").map_or(0, |at| at + 3);
    let rest = &ascii[start..];
    let length = if rest.starts_with('[') {
        rest.find(']').map_or(rest.len(), |at| at + 1)
    } else {
        rest.find([':', '/']).unwrap_or(rest.len())
    };
    let host = start..start + length;
    let unicode = unicode_host(&ascii[host.clone()]);
    let registered = psl::domain_str(&ascii[host.clone()]).map_or(host.len(), str::len);
    let registrable = if ascii[host.clone()].parse::<std::net::Ipv4Addr>().is_ok() {
        host.clone()
    } else {
        host.end - registered..host.end
    };
    ShownOrigin {
        ascii,
        host,
        registrable,
        unicode,
    }
}

fn unicode_host(host: &str) -> Option<String> {
    if !host.split('.').any(|label| label.starts_with("xn--")) {
        return None;
    }
    match idna::domain_to_unicode(host) {
        (unicode, Ok(())) => Some(harmless(&unicode)),
        (_, Err(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_site_it_is() {
        for (shown, registrable) in [
            ("https://dichvucong.hochiminhcity.gov.vn", "hochiminhcity.gov.vn"),
            ("https://a.b.example.com:8443", "example.com"),
            ("https://google.com.evil.example", "evil.example"),
            ("https://xn--dch-3tz.example", "xn--dch-3tz.example"),
            ("https://me.github.io", "me.github.io"),
            ("https://192.0.2.7:444", "192.0.2.7"),
            ("https://[2001:db8::1]", "[2001:db8::1]"),
            ("http://localhost:8080", "localhost"),
        ] {
            let origin = origin(shown);
            assert_eq!(&origin.ascii[origin.registrable], registrable, "{shown}");
        }
    }

    #[test]
    fn n054_n092_nothing_reorders_or_hides() {
        assert_eq!(shown("hop dong \u{202E}fdp.exe"), "hop dong \u{FFFD}fdp.exe");
        for hidden in [
            '\u{0}',
            '\u{1B}',
            '\u{7F}',
            '\u{9B}',
            '\u{AD}',
            '\u{61C}',
            '\u{200B}',
            '\u{200E}',
            '\u{200F}',
            '\u{202A}',
            '\u{202D}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{1BCA0}',
            '\u{FEFF}',
            '\u{E0041}',
            '\u{E000}',
        ] {
            assert_eq!(
                shown(&format!("a{hidden}b")),
                "a\u{FFFD}b",
                "U+{:04X}",
                u32::from(hidden)
            );
        }
    }

    #[test]
    fn one_line() {
        assert_eq!(
            shown("Đơn.pdf\nĐã kiểm tra: an toàn"),
            "Đơn.pdf Đã kiểm tra: an toàn"
        );
        assert_eq!(shown("a\u{2028}b\u{85}c\td\u{A0}e"), "a b c d e");
        assert_eq!(shown("  Đơn.pdf \n"), "Đơn.pdf");
    }

    #[test]
    fn nothing_is_shown_as_nothing() {
        assert_eq!(shown(""), "\u{FFFD}");
        assert_eq!(shown(" \n "), "\u{FFFD}");
    }

    #[test]
    fn vietnamese_is_composed_and_stays() {
        let decomposed: String = "Giấy chứng nhận quyền sử dụng đất".nfd().collect();
        assert_eq!(shown(&decomposed), "Giấy chứng nhận quyền sử dụng đất");
    }

    #[test]
    fn marks_do_not_climb() {
        let tower = format!("a{}", "\u{0334}".repeat(50));
        assert_eq!(shown(&tower).chars().count(), 1 + MAX_MARKS);
    }

    #[test]
    fn markup_is_text() {
        assert_eq!(shown("<b>&amp;</b>"), "<b>&amp;</b>");
    }

    #[test]
    fn too_long_loses_its_middle() {
        let name = format!("{}.pdf.exe", "a".repeat(300));
        let short = shown(&name);
        assert_eq!(short.chars().count(), MAX_SHOWN);
        assert!(
            short.starts_with("aaaa") && short.contains('…') && short.ends_with("a.pdf.exe"),
            "{short}"
        );
        assert_eq!(shown(&"ộ".repeat(80)), "ộ".repeat(80));
    }

    #[test]
    fn a_statement_is_shown_whole() {
        let longest = "lý do "
            .repeat(MAX_TEXT)
            .chars()
            .take(MAX_TEXT - 1)
            .collect::<String>()
            + ".";
        assert_eq!(statement(&longest), longest);
        assert_eq!(statement(&"ộ".repeat(10_000)).chars().count(), MAX_TEXT);
        assert_eq!(statement("a\u{202E}b\n<b>"), "a\u{FFFD}b <b>");
    }

    #[test]
    fn digests_in_groups() {
        let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        assert_eq!(short_digest(digest), "9f86d081 884c7d65 … b0f00a08");
        assert!(groups(digest).starts_with("9f86d081 884c7d65 9a2feaa0 c55ad015"));
        assert_eq!(short_digest("9f86d081"), "9f86d081");
        assert_eq!(groups("ab\u{202E}"), "ab\u{FFFD}");
    }

    #[test]
    fn sizes() {
        assert_eq!(size(0, Language::Vi), "0 B");
        assert_eq!(size(999, Language::En), "999 B");
        assert_eq!(size(1_000, Language::En), "1.0 KB");
        assert_eq!(size(482_133, Language::Vi), "482,1 KB");
        assert_eq!(size(209_715_200, Language::Vi), "209,7 MB");
        assert_eq!(size(u64::MAX, Language::En), "18446744073.7 GB");
    }

    #[test]
    fn dates() {
        assert_eq!(date("2026-11-21", Language::Vi), "21/11/2026");
        assert_eq!(date("2026-11-21", Language::En), "2026-11-21");
        assert_eq!(date("?", Language::Vi), "?");
    }

    #[test]
    fn origins() {
        let plain = origin("https://dichvucong.gov.vn:8443");
        assert_eq!(&plain.ascii[plain.host.clone()], "dichvucong.gov.vn");
        assert_eq!(plain.unicode, None);
        let six = origin("http://[::1]:80");
        assert_eq!(&six.ascii[six.host.clone()], "[::1]");
        let international = origin("https://xn--bcher-kva.example");
        assert_eq!(international.unicode.as_deref(), Some("bücher.example"));
        assert_eq!(international.ascii, "https://xn--bcher-kva.example");
        let strange = origin("ếhttps");
        assert_eq!(strange.ascii, "\u{FFFD}https");
    }
}
