//! Text from elsewhere as a person may see it: names that readers, cards and modules give, what is in certificates and what
//! a program prints. It is neither to steer a terminal nor to pass for another.

/// A character in place of one that would not be seen, or would change how others are: controls, marks of direction, and
/// what has no shape (Unicode, `Default_Ignorable_Code_Point`), by which one name could pass for another. How an emoji is
/// drawn may be said.
pub(crate) fn neutral(character: char) -> char {
    match character {
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0e}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => char::REPLACEMENT_CHARACTER,
        control if control.is_control() => char::REPLACEMENT_CHARACTER,
        other => other,
    }
}

/// One line of at most so many characters. What is left out is marked as such.
pub(crate) fn line(text: &str, longest: usize) -> String {
    let mut line: String = text.chars().take(longest).map(neutral).collect();
    if text.chars().nth(longest).is_some() {
        line.push('…');
    }
    line
}

/// Lines of ours, with whatever was put into them.
pub(crate) fn lines(text: &str) -> String {
    let shown = |character| match character {
        '\n' => character,
        other => neutral(other),
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each of those that Unicode gives a direction or no width, and no other.
    #[test]
    fn what_steers_is_made_visible_and_what_is_written_stays() {
        let marks =
            "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}";
        for mark in marks
            .chars()
            .chain(['\u{1b}', '\r', '\u{7f}', '\u{9b}', '\u{feff}', '\0'])
            .chain([
                '\u{ad}',
                '\u{34f}',
                '\u{fe00}',
                '\u{1bca1}',
                '\u{e0101}',
                '\u{3164}',
            ])
        {
            assert_eq!(lines(&format!("a{mark}b\n")), "a\u{fffd}b\n", "{mark:?}");
        }
        let written = "Công ty Cổ phần Đầu tư – ệ ợ 株式会社 «ÄÖÜ» 🇻🇳";
        assert_eq!(lines(written), written);
        assert_eq!(line("a\nb", 3), "a\u{fffd}b");
        assert_eq!(line("ệệệệ", 3), "ệệệ…");
    }
}
