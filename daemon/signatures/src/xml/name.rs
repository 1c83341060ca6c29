//! Which characters XML 1.0 (fifth edition) lets stand where.

/// `Char` (production 2).
pub(crate) const fn is_character(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Whether a text has only characters of XML.
pub(crate) fn is_text(text: &str) -> bool {
    let bytes = text.as_bytes();
    let control = bytes.iter().fold(false, |found, byte| {
        found | (*byte < 0x20 && !matches!(*byte, b'\t' | b'\n' | b'\r'))
    });
    !control
        && memchr::memmem::find(bytes, "\u{fffe}".as_bytes()).is_none()
        && memchr::memmem::find(bytes, "\u{ffff}".as_bytes()).is_none()
}

/// `NameStartChar` (production 4) but the colon.
const fn starts_name(character: char) -> bool {
    matches!(character,
        'A'..='Z' | '_' | 'a'..='z'
        | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}'
        | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}'
        | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
}

/// `NameChar` (production 4a) but the colon.
const fn continues_name(character: char) -> bool {
    starts_name(character)
        || matches!(character, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

/// What an octet of a name may be: names are short and mostly ASCII, so a table is faster than searching.
const STARTS: u8 = 1;
const CONTINUES: u8 = 2;
const ASCII: [u8; 128] = {
    let mut classes = [0; 128];
    let mut byte = 0_u8;
    while byte < 128 {
        let starts = if starts_name(byte as char) { STARTS } else { 0 };
        let continues = if continues_name(byte as char) {
            CONTINUES
        } else {
            0
        };
        classes[byte as usize] = starts | continues;
        byte += 1;
    }
    classes
};

/// `NCName`: a name without a colon, which is what an Id is.
pub(crate) fn is_nc_name(name: &str) -> bool {
    let class = |byte: &u8| ASCII.get(usize::from(*byte)).copied().unwrap_or_default();
    if let [first, rest @ ..] = name.as_bytes()
        && class(first) & STARTS != 0
        && rest.iter().all(|byte| class(byte) & CONTINUES != 0)
    {
        return true;
    }
    let mut characters = name.chars();
    characters.next().is_some_and(starts_name) && characters.all(continues_name)
}

/// `Name` (production 5).
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .split(':')
            .all(|part| part.is_empty() || part.chars().all(continues_name))
        && {
            name.chars()
                .next()
                .is_some_and(|first| first == ':' || starts_name(first))
        }
}
