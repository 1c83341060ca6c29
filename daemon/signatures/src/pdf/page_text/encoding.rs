//! Encodings of simple fonts and the names of glyphs (ISO 32000-1, annex D; the Adobe Glyph List's rules).

use unicode_normalization::UnicodeNormalization;

use crate::pdf::text::decode_text_string;

/// The encodings that have a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BaseEncoding {
    Standard,
    WinAnsi,
    MacRoman,
}

const WINDOWS: &str = "€\u{fffd}‚ƒ„…†‡ˆ‰Š‹Œ\u{fffd}Ž\u{fffd}\u{fffd}‘’“”•–—˜™š›œ\u{fffd}žŸ";
const MAC: &str = "ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø¿¡¬√ƒ≈∆«»…\u{a0}ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\u{fffd}ÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ";

impl BaseEncoding {
    /// What a code stands for.
    pub(super) fn character(self, code: u8) -> Option<char> {
        let found = match (self, code) {
            (_, 0..=0x1f | 0x7f) => None,
            (Self::Standard, b'\'') => Some('’'),
            (Self::Standard, b'`') => Some('‘'),
            (_, 0x20..=0x7e) => Some(char::from(code)),
            (Self::WinAnsi, 0x80..=0x9f) => WINDOWS.chars().nth(usize::from(code - 0x80)),
            (Self::WinAnsi, _) => Some(char::from(code)),
            (Self::MacRoman, _) => MAC.chars().nth(usize::from(code - 0x80)),
            // Of the upper half only what words of Western languages have.
            (Self::Standard, 0xae) => Some('ﬁ'),
            (Self::Standard, 0xaf) => Some('ﬂ'),
            (Self::Standard, 0xb1) => Some('–'),
            (Self::Standard, 0xd0) => Some('—'),
            (Self::Standard, 0xf5) => Some('ı'),
            (Self::Standard, 0xe1) => Some('Æ'),
            (Self::Standard, 0xf1) => Some('æ'),
            (Self::Standard, 0xfb) => Some('ß'),
            (Self::Standard, _) => None,
        };
        found.filter(|character| *character != '\u{fffd}')
    }
}

/// What a glyph of this name shows: `uniXXXX`, `uXXXXX`, ASCII names, and letters with the names of their marks behind
/// them, as in `Ecircumflexacute`.
pub(super) fn glyph(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    let name = name.split('.').next().filter(|name| !name.is_empty())?;
    if let Some(hex) = name
        .strip_prefix("uni")
        .filter(|hex| hex.len() >= 4 && hex.len() % 4 == 0)
    {
        let units: Option<Vec<u8>> = hex::decode(hex).ok();
        if let Some(units) = units {
            return Some(decode_text_string(&[&[0xfe, 0xff], units.as_slice()].concat()));
        }
    }
    if let Some(hex) = name.strip_prefix('u').filter(|hex| (4..=6).contains(&hex.len()))
        && let Some(character) = u32::from_str_radix(hex, 16).ok().and_then(char::from_u32)
    {
        return Some(character.to_string());
    }
    if name.len() == 1 {
        return Some(name.to_owned());
    }
    if let Some((_, text)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Some((*text).to_owned());
    }
    marked(name)
}

const NAMES: [(&str, &str); 66] = [
    ("space", " "),
    ("exclam", "!"),
    ("quotedbl", "\""),
    ("numbersign", "#"),
    ("dollar", "$"),
    ("percent", "%"),
    ("ampersand", "&"),
    ("quotesingle", "'"),
    ("quoteright", "’"),
    ("quoteleft", "‘"),
    ("parenleft", "("),
    ("parenright", ")"),
    ("asterisk", "*"),
    ("plus", "+"),
    ("comma", ","),
    ("hyphen", "-"),
    ("period", "."),
    ("slash", "/"),
    ("zero", "0"),
    ("one", "1"),
    ("two", "2"),
    ("three", "3"),
    ("four", "4"),
    ("five", "5"),
    ("six", "6"),
    ("seven", "7"),
    ("eight", "8"),
    ("nine", "9"),
    ("colon", ":"),
    ("semicolon", ";"),
    ("less", "<"),
    ("equal", "="),
    ("greater", ">"),
    ("question", "?"),
    ("at", "@"),
    ("bracketleft", "["),
    ("backslash", "\\"),
    ("bracketright", "]"),
    ("underscore", "_"),
    ("braceleft", "{"),
    ("bar", "|"),
    ("braceright", "}"),
    ("quotedblleft", "“"),
    ("quotedblright", "”"),
    ("endash", "–"),
    ("emdash", "—"),
    ("bullet", "•"),
    ("ellipsis", "…"),
    ("degree", "°"),
    ("section", "§"),
    ("ff", "ff"),
    ("fi", "fi"),
    ("fl", "fl"),
    ("ffi", "ffi"),
    ("ffl", "ffl"),
    ("dcroat", "đ"),
    ("Dcroat", "Đ"),
    ("dbar", "đ"),
    ("Dbar", "Đ"),
    ("Eth", "Đ"),
    ("dotlessi", "ı"),
    ("germandbls", "ß"),
    ("ae", "æ"),
    ("AE", "Æ"),
    ("oslash", "ø"),
    ("Oslash", "Ø"),
];

const MARKS: [(&str, char); 18] = [
    ("acute", '\u{301}'),
    ("grave", '\u{300}'),
    ("hookabove", '\u{309}'),
    ("hook", '\u{309}'),
    ("tilde", '\u{303}'),
    ("dotbelow", '\u{323}'),
    ("circumflex", '\u{302}'),
    ("breve", '\u{306}'),
    ("horn", '\u{31b}'),
    ("dieresis", '\u{308}'),
    ("caron", '\u{30c}'),
    ("ring", '\u{30a}'),
    ("cedilla", '\u{327}'),
    ("ogonek", '\u{328}'),
    ("macron", '\u{304}'),
    ("dotaccent", '\u{307}'),
    ("hungarumlaut", '\u{30b}'),
    ("slash", '\u{338}'),
];

/// A letter and the names of its marks.
fn marked(name: &str) -> Option<String> {
    let letter = name.chars().next().filter(char::is_ascii_alphabetic)?;
    let mut rest = &name[1..];
    let mut text = String::from(letter);
    while !rest.is_empty() {
        let (mark, character) = MARKS.iter().find(|(mark, _)| rest.starts_with(mark))?;
        text.push(*character);
        rest = &rest[mark.len()..];
    }
    Some(text.nfc().collect())
}

#[cfg(test)]
mod tests {
    use super::{BaseEncoding, glyph};

    #[test]
    fn names_of_glyphs() {
        for (name, text) in [
            ("K", "K"),
            ("Ecircumflexdotbelow", "Ệ"),
            ("uhornacute", "ứ"),
            ("dcroat", "đ"),
            ("uni1EC7", "ệ"),
            ("u01EC7", "ệ"),
            ("a.alt", "a"),
            ("ffi", "ffi"),
        ] {
            assert_eq!(glyph(name.as_bytes()).as_deref(), Some(text), "{name}");
        }
        assert_eq!(glyph(b"g37"), None);
        assert_eq!(glyph(b".notdef"), None);
    }

    #[test]
    fn encodings() {
        assert_eq!(BaseEncoding::WinAnsi.character(0xfd), Some('ý'));
        assert_eq!(BaseEncoding::WinAnsi.character(0x80), Some('€'));
        assert_eq!(BaseEncoding::WinAnsi.character(0x81), None);
        assert_eq!(BaseEncoding::MacRoman.character(0x8e), Some('é'));
        assert_eq!(BaseEncoding::MacRoman.character(0xff), Some('ˇ'));
        assert_eq!(BaseEncoding::Standard.character(b'A'), Some('A'));
    }
}
