//! The text of an appearance: measured, broken into lines, and the subset font that shows it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Write;
use std::sync::LazyLock;

use subsetter::GlyphRemapper;
use ttf_parser::{Face, GlyphId};
use unicode_normalization::UnicodeNormalization;

use super::appearance::AppearanceError;
use super::drawings::Drawings;
use crate::pdf::{ObjectId, Update};

/// Liberation Serif, see `fonts/README.md`.
static SERIF: &[u8] = include_bytes!("../../fonts/LiberationSerif-Regular.ttf");

static FACE: LazyLock<Face<'static>> =
    LazyLock::new(|| Face::parse(SERIF, 0).expect("the font in this crate can be read; a test shows it"));

/// What a subset font consists of, deflated.
pub(super) struct Streams {
    file: Vec<u8>,
    /// Bytes of the file before it was deflated.
    file_len: usize,
    glyphs: Vec<u8>,
    set: Vec<u8>,
    unicode: Vec<u8>,
}

impl Streams {
    fn of(characters: &[(char, Character)]) -> Self {
        let mut remapper = GlyphRemapper::new();
        let glyphs: Vec<u16> = characters
            .iter()
            .map(|(_, character)| remapper.remap(character.glyph.0))
            .collect();
        let subset = subsetter::subset(SERIF, 0, &remapper)
            .expect("the font in this crate can be subset; a test shows it");
        let glyphs: Vec<u8> = [0].into_iter().chain(glyphs).flat_map(u16::to_be_bytes).collect();
        Self {
            file: deflate(&subset),
            file_len: subset.len(),
            glyphs: deflate(&glyphs),
            set: deflate(&bits(characters.len() + 1)),
            unicode: deflate(to_unicode(characters).as_bytes()),
        }
    }
}

/// Characters are numbered in the order they come, from 1; 0 is `.notdef`. So two characters that share a glyph keep
/// their own `ToUnicode` entries, and the text comes back as it was written.
pub(super) struct Font {
    face: &'static Face<'static>,
    characters: BTreeMap<char, Character>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) struct Character {
    id: u16,
    glyph: GlyphId,
    /// In font units.
    advance: u16,
}

impl Font {
    pub(super) fn new() -> Self {
        Self {
            face: &FACE,
            characters: BTreeMap::new(),
        }
    }

    /// The text as precomposed characters (NFC), each of which the font can show.
    pub(super) fn admit(&mut self, text: &str) -> Result<String, AppearanceError> {
        let text: String = text.nfc().collect();
        // A digit brings all of them, so that texts that differ by the time alone have the same subset.
        let brought = text.chars().flat_map(|character| match character {
            '0'..='9' => '0'..='9',
            other => other..=other,
        });
        for character in brought {
            if !self.characters.contains_key(&character) {
                let admitted = self
                    .character(character)
                    .ok_or(AppearanceError::MissingGlyph(character))?;
                self.characters.insert(character, admitted);
            }
        }
        Ok(text)
    }

    fn character(&self, character: char) -> Option<Character> {
        if is_invisible(character) {
            return None;
        }
        let glyph = self.face.glyph_index(character)?;
        let id = u16::try_from(self.characters.len() + 1).ok()?;
        Some(Character {
            id,
            glyph,
            advance: self.face.glyph_hor_advance(glyph)?,
        })
    }

    /// Width of admitted text at size 1.
    pub(super) fn width(&self, text: &str) -> f64 {
        text.chars()
            .filter_map(|character| self.characters.get(&character))
            .map(|character| self.em(character.advance))
            .sum()
    }

    fn em(&self, units: impl Into<f64>) -> f64 {
        units.into() / f64::from(self.face.units_per_em())
    }

    /// Height of the tallest letters above the base line, and depth of the deepest below it, at size 1.
    pub(super) fn extent(&self) -> (f64, f64) {
        (self.em(self.face.ascender()), -self.em(self.face.descender()))
    }

    /// Breaks admitted text into lines that are at most this wide at size 1: between words, within one only if it is
    /// too wide for a line of its own.
    pub(super) fn wrap(&self, text: &str, width: f64) -> Vec<String> {
        let mut lines = vec![String::new()];
        for word in text.split(' ') {
            let line = lines.last_mut().expect("there is always a line");
            let joined = if line.is_empty() {
                word.to_owned()
            } else {
                format!("{line} {word}")
            };
            if self.width(&joined) <= width {
                *line = joined;
                continue;
            }
            if !line.is_empty() {
                lines.push(String::new());
            }
            self.break_word(word, width, &mut lines);
        }
        lines
    }

    fn break_word(&self, word: &str, width: f64, lines: &mut Vec<String>) {
        for character in word.chars() {
            let line = lines.last_mut().expect("there is always a line");
            let joined = format!("{line}{character}");
            if line.is_empty() || self.width(&joined) <= width {
                *line = joined;
            } else {
                lines.push(character.to_string());
            }
        }
    }

    /// Admitted text as the hexadecimal string that shows it.
    pub(super) fn show(&self, text: &str) -> String {
        let ids = text
            .chars()
            .filter_map(|character| self.characters.get(&character));
        ids.map(|character| format!("{:04X}", character.id)).collect()
    }

    /// Adds the font to the update (ISO 32000-1, 9.7): Type 0, Identity-H, a TrueType descendant, embedded.
    pub(super) fn embed(&self, drawings: &Drawings, update: &mut Update) -> ObjectId {
        let characters = self.in_order();
        let name = format!("{}+LiberationSerif", tag(&characters));
        let made = drawings.subsets.get(characters.clone(), |characters| {
            Ok::<_, Infallible>(Streams::of(characters))
        });
        let Ok(streams) = made;
        let file = add_deflated(update, &format!("/Length1 {}", streams.file_len), &streams.file);
        let map = add_deflated(update, "", &streams.glyphs);
        let set = add_deflated(update, "", &streams.set);
        let unicode = add_deflated(update, "", &streams.unicode);
        let descriptor = update.reserve();
        update.add(descriptor, self.descriptor(&name, file, set).as_bytes());
        let descendant = update.reserve();
        update.add(
            descendant,
            self.descendant(&name, descriptor, map, &characters).as_bytes(),
        );
        let font = update.reserve();
        let body = format!(
            "<< /Type /Font /Subtype /Type0 /BaseFont /{name} /Encoding /Identity-H /DescendantFonts [{descendant} R] \
             /ToUnicode {unicode} R >>"
        );
        update.add(font, body.as_bytes());
        font
    }

    fn in_order(&self) -> Vec<(char, Character)> {
        let mut characters: Vec<_> = self
            .characters
            .iter()
            .map(|(key, value)| (*key, *value))
            .collect();
        characters.sort_by_key(|(_, character)| character.id);
        characters
    }

    fn descriptor(&self, name: &str, file: ObjectId, set: ObjectId) -> String {
        let unit = |units: i16| thousandths(self.em(units));
        let bounds = self.face.global_bounding_box();
        // Flags: serif, symbolic (table 123): its encoding is its own.
        format!(
            "<< /Type /FontDescriptor /FontName /{name} /Flags 6 /FontBBox [{} {} {} {}] /ItalicAngle 0 /Ascent {} \
             /Descent {} /CapHeight {} /StemV 80 /FontFile2 {file} R /CIDSet {set} R >>",
            unit(bounds.x_min),
            unit(bounds.y_min),
            unit(bounds.x_max),
            unit(bounds.y_max),
            unit(self.face.ascender()),
            unit(self.face.descender()),
            unit(self.face.capital_height().unwrap_or(self.face.ascender())),
        )
    }

    fn descendant(
        &self,
        name: &str,
        descriptor: ObjectId,
        map: ObjectId,
        characters: &[(char, Character)],
    ) -> String {
        let widths: Vec<_> = characters
            .iter()
            .map(|(_, character)| thousandths(self.em(character.advance)).to_string())
            .collect();
        format!(
            "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /{name} /CIDSystemInfo << /Registry (Adobe) /Ordering \
             (Identity) /Supplement 0 >> /FontDescriptor {descriptor} R /CIDToGIDMap {map} R /DW 1000 /W [1 [{}]] >>",
            widths.join(" "),
        )
    }
}

/// Controls, and the formatting characters with which a text can read other than it is written.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[allow(clippy::cast_possible_truncation)]
fn thousandths(em: f64) -> i32 {
    (em * 1000.0).round() as i32
}

fn add_deflated(update: &mut Update, dictionary: &str, data: &[u8]) -> ObjectId {
    let id = update.reserve();
    update.add_stream(id, &format!("/Filter /FlateDecode {dictionary}"), data);
    id
}

pub(super) fn deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder
        .write_all(data)
        .and_then(|()| encoder.finish())
        .expect("writing to a Vec does not fail")
}

/// Six capital letters that differ for different subsets (9.6.4).
fn tag(characters: &[(char, Character)]) -> String {
    let mut state = characters
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |state, (character, _)| {
            (state ^ u64::from(u32::from(*character))).wrapping_mul(0x0000_0100_0000_01b3)
        });
    let mut tag = String::new();
    for _ in 0..6 {
        tag.push(char::from(b'A' + u8::try_from(state % 26).expect("less than 26")));
        state /= 26;
    }
    tag
}

/// A bit for each of the first `count` identifiers, the highest bit of a byte first (table 124, CIDSet).
fn bits(count: usize) -> Vec<u8> {
    let mut bytes = vec![0xff; count / 8];
    if !count.is_multiple_of(8) {
        bytes.push(0xff << (8 - count % 8));
    }
    bytes
}

/// From identifiers back to text (9.10.3), at most 100 a block.
fn to_unicode(characters: &[(char, Character)]) -> String {
    let mut map = String::from(
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CIDSystemInfo << /Registry (Adobe) /Ordering \
         (UCS) /Supplement 0 >> def\n/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n1 begincodespacerange\n\
         <0000> <FFFF>\nendcodespacerange\n",
    );
    for block in characters.chunks(100) {
        map.push_str(&format!("{} beginbfchar\n", block.len()));
        for (text, character) in block {
            let units: String = text
                .encode_utf16(&mut [0; 2])
                .iter()
                .map(|unit| format!("{unit:04X}"))
                .collect();
            map.push_str(&format!("<{:04X}> <{units}>\n", character.id));
        }
        map.push_str("endbfchar\n");
    }
    map.push_str("endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n");
    map
}

#[cfg(test)]
mod tests {
    use super::{AppearanceError, Font, bits};

    #[test]
    fn every_letter_of_vietnamese_has_a_glyph() {
        let mut font = Font::new();
        for letter in ('\u{1ea0}'..='\u{1ef9}').chain("ăâđêôơưĂÂĐÊÔƠƯàáảãạÀÁẢÃẠ".chars())
        {
            font.admit(&letter.to_string()).unwrap();
        }
    }

    #[test]
    fn texts_that_differ_by_their_digits_alone_have_the_same_subset() {
        let subset = |text: &str| {
            let mut font = Font::new();
            font.admit(text).unwrap();
            font.in_order()
        };
        let one = subset("Ký lúc 2026-11-28T20:30:00+07:00");
        assert!(one == subset("Ký lúc 1999-04-15T13:57:26+07:00"));
        assert!(one != subset("Kí lúc 2026-11-28T20:30:00+07:00"));
    }

    #[test]
    fn decomposed_text_is_composed() {
        assert_eq!(Font::new().admit("e\u{323}\u{302}").unwrap(), "ệ");
    }

    #[test]
    fn what_cannot_be_shown_is_refused() {
        assert_eq!(Font::new().admit("漢"), Err(AppearanceError::MissingGlyph('漢')));
        assert_eq!(
            Font::new().admit("a\u{202e}b"),
            Err(AppearanceError::MissingGlyph('\u{202e}'))
        );
    }

    #[test]
    fn lines_break_between_words_and_long_words_within() {
        let mut font = Font::new();
        let text = font.admit("Nguyễn Văn An aaaaaaaaaaaaaaaaaaaa").unwrap();
        let lines = font.wrap(&text, font.width("Nguyễn Văn "));
        assert_eq!(lines[..2], ["Nguyễn Văn", "An"]);
        assert!(lines.len() > 3, "{lines:?}");
        assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
    }

    #[test]
    fn the_set_of_identifiers_has_no_bit_too_many() {
        assert_eq!(bits(3), [0b1110_0000]);
        assert_eq!(bits(8), [0xff]);
    }
}
