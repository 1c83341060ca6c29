//! Names that readers, cards and modules give, as a person may see them.

/// A character in place of one that would not be seen, or would change how others are: controls, marks of direction and
/// spaces without width, by which one name could pass for another.
pub(super) fn neutral(character: char) -> char {
    match character {
        '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}' => char::REPLACEMENT_CHARACTER,
        control if control.is_control() => char::REPLACEMENT_CHARACTER,
        other => other,
    }
}
