//! Finding words in a text that is written with marks, as Vietnamese is typed in haste: with some of them, or with none.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Marks of one letter that are looked at. Vietnamese has at most two.
const MAX_MARKS: usize = 3;

/// The stroke of `đ`, which Unicode does not take apart: COMBINING SHORT STROKE OVERLAY.
const STROKE: char = '\u{0335}';

/// A text to be looked through.
pub(crate) struct Sought(Vec<Letter>);

/// In lower case, whatever it was.
struct Letter {
    base: char,
    marks: [Option<char>; MAX_MARKS],
}

impl Sought {
    pub(crate) fn new(text: &str) -> Self {
        let mut letters: Vec<Letter> = Vec::new();
        // Composed first: what has no lower case by itself may have one together with its mark.
        for character in text.nfc().flat_map(char::to_lowercase).nfd() {
            match letters.last_mut() {
                Some(letter) if is_combining_mark(character) => letter.add(character),
                _ => letters.push(Letter::new(character)),
            }
        }
        Self(letters)
    }

    /// True if all of these words are in it, wherever. A letter is found with more marks than it was typed with, and not
    /// with fewer: `ho` and `hô` find `hồ`, and `hồ` does not find `hộ`.
    pub(crate) fn has(&self, words: &str) -> bool {
        words.split_whitespace().map(Self::new).all(|word| {
            let mut places = self.0.windows(word.0.len().max(1));
            places.any(|place| place.iter().zip(&word.0).all(|(letter, typed)| letter.is(typed)))
        })
    }
}

impl Letter {
    fn new(character: char) -> Self {
        let (base, stroke) = match character {
            'đ' => ('d', Some(STROKE)),
            other => (other, None),
        };
        Self {
            base,
            marks: [stroke, None, None],
        }
    }

    fn add(&mut self, mark: char) {
        if let Some(free) = self.marks.iter_mut().find(|mark| mark.is_none()) {
            *free = Some(mark);
        }
    }

    fn is(&self, typed: &Self) -> bool {
        let mut marks = typed.marks.iter().flatten();
        self.base == typed.base && marks.all(|mark| self.marks.contains(&Some(*mark)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn finds(text: &str, words: &[&str]) {
        let decomposed: String = text.nfd().collect();
        for text in [text, &decomposed, &text.to_uppercase()] {
            let sought = Sought::new(text);
            for words in words {
                let apart: String = words.nfd().collect();
                assert!(sought.has(words) && sought.has(&apart), "{words:?} in {text:?}");
            }
        }
    }

    #[test]
    fn a_letter_is_found_with_more_marks_than_it_was_typed_with() {
        finds(
            "Đơn xin cấp hồ sơ quyền 9f86.pdf",
            &[
                "don", "đon", "dơn", "Đơn", "ho so", "hô sơ", "hồ SƠ", "quyên", "QUYỀN", "9F86", ".pdf cap",
                "",
            ],
        );
    }

    #[test]
    fn and_not_with_fewer_or_with_others() {
        let sought = Sought::new("Hộ khẩu, don");
        for words in ["hồ", "hổ", "hơ", "đon", "khâủ", "khảu.", "hộ khẩu x"] {
            assert!(!sought.has(words), "{words:?}");
        }
    }

    /// A page may name a document as it likes.
    #[test]
    fn marks_without_a_letter_and_towers_of_them_are_text_as_any_other() {
        let tower = format!("a{}", "\u{0334}".repeat(50));
        assert!(Sought::new(&tower).has(&tower));
        assert!(Sought::new("\u{0301}a").has("\u{0301}"));
        assert!(!Sought::new("").has("\u{0301}"));
        assert!(Sought::new("\u{FFFD}…").has("\u{FFFD}…"));
    }
}
