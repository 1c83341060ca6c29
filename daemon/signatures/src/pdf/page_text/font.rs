//! What the codes of a font stand for, and how wide they are (ISO 32000-1, 9.5 to 9.7).

use std::collections::HashMap;
use std::rc::Rc;

use super::MAX_CONTENT;
use super::cmap::ToUnicode;
use super::encoding::{BaseEncoding, glyph};
use super::program::{Letters, Programs};
use crate::pdf::document::Document;
use crate::pdf::error::PdfError;
use crate::pdf::object::{Dictionary, Node, Value};

/// Width of a character whose font does not tell, in text sizes.
const GUESSED: f64 = 0.5;
/// Codes whose widths are kept.
const MAX_WIDTHS: usize = 70_000;

/// A font as text needs it.
#[derive(Debug)]
pub(super) struct TextFont {
    to_unicode: ToUnicode,
    /// Of simple fonts.
    encoding: HashMap<u32, String>,
    code_len: usize,
    /// In text sizes.
    widths: HashMap<u32, f64>,
    default_width: f64,
    /// The document says what its codes stand for, or the standard does; else that is within the font.
    pub(super) is_told: bool,
    /// Its glyphs are drawn by content of their own (9.6.5).
    pub(super) draws_itself: bool,
    /// What its encoding, or the font program, says of codes where that is certain, of letters and digits of ASCII.
    certain: Rc<Letters>,
}

/// A code of a string.
pub(super) struct Code {
    /// What it shows, if that is known.
    pub(super) text: Option<String>,
    /// It is said to be another letter than the encoding of the font has, or the font program.
    pub(super) is_another: bool,
    /// In text sizes.
    pub(super) width: f64,
    /// The single byte 32, which word spacing applies to (9.3.3).
    pub(super) is_space: bool,
}

impl TextFont {
    /// With `programs`, what embedded fonts have at their glyphs is compared, too.
    pub(super) fn read(
        document: &Document<'_>,
        font: &Dictionary,
        programs: Option<&mut Programs>,
    ) -> Result<Self, PdfError> {
        let to_unicode = font.get(b"ToUnicode").and_then(|node| node.value.reference());
        let to_unicode = to_unicode.map(|id| document.object(id)).transpose()?.flatten();
        let to_unicode = match to_unicode {
            Some(stream) => ToUnicode::read(&document.decoded(&stream, MAX_CONTENT)?, document.limits()),
            None => ToUnicode::default(),
        };
        let kind = document.get(font, b"Subtype")?;
        let mut read = Self {
            to_unicode,
            encoding: HashMap::new(),
            code_len: 1,
            widths: HashMap::new(),
            default_width: GUESSED,
            is_told: true,
            draws_itself: kind.as_deref().and_then(Value::name) == Some(b"Type3"),
            certain: Rc::default(),
        };
        if kind.as_deref().and_then(Value::name) == Some(b"Type0") {
            read.code_len = read.to_unicode.code_len.unwrap_or(2);
            read.read_descendant(document, font, programs)?;
        } else {
            read.read_encoding(document, font)?;
            read.read_widths(document, font)?;
            read.note_certain(document, font)?;
            read.is_told = !read.to_unicode.characters.is_empty()
                || font.get(b"Encoding").is_some()
                || is_standard(document.get(font, b"BaseFont")?.as_deref());
        }
        Ok(read)
    }

    fn read_descendant(
        &mut self,
        document: &Document<'_>,
        font: &Dictionary,
        programs: Option<&mut Programs>,
    ) -> Result<(), PdfError> {
        self.default_width = 1.0;
        let descendants = document.get(font, b"DescendantFonts")?;
        let first = descendants
            .as_deref()
            .and_then(Value::array)
            .and_then(<[Node]>::first);
        let Some(first) = first else { return Ok(()) };
        let descendant = document.resolve(first)?;
        let Some(descendant) = descendant.dictionary() else {
            return Ok(());
        };
        if let Some(programs) = programs
            && self.says_letters()
            && let Some(letters) = programs.letters(document, font, descendant)?
        {
            self.certain = letters;
        }
        if let Some(width) = document.get(descendant, b"DW")?.and_then(|value| value.number()) {
            self.default_width = width / 1000.0;
        }
        let widths = document.get(descendant, b"W")?;
        let widths = widths.as_deref().and_then(Value::array).unwrap_or_default();
        let mut at = 0;
        // `c [w1 w2 …]` or `first last w` (9.7.4.3).
        while let (Some(first), Some(second)) = (widths.get(at), widths.get(at + 1)) {
            let Some(first) = code(first) else { break };
            let second = document.resolve(second)?;
            if let Some(each) = second.array() {
                for (code, width) in (first..=u32::MAX).zip(each) {
                    let width = document.resolve(width)?;
                    self.add_width(code, &width);
                }
                at += 2;
            } else {
                let last = second.integer().and_then(|last| u32::try_from(last).ok());
                let (Some(last), Some(width)) = (last, widths.get(at + 2)) else {
                    break;
                };
                let width = document.resolve(width)?;
                (first..=last)
                    .take(MAX_WIDTHS)
                    .for_each(|code| self.add_width(code, &width));
                at += 3;
            }
        }
        Ok(())
    }

    /// Whether there is anything to compare.
    fn says_letters(&self) -> bool {
        let mut said = self.to_unicode.characters.values();
        said.any(|text| text.len() == 1 && text.chars().all(|letter| letter.is_ascii_alphanumeric()))
    }

    fn add_width(&mut self, code: u32, width: &Value) {
        if let Some(width) = width.number().filter(|_| self.widths.len() < MAX_WIDTHS) {
            self.widths.insert(code, width / 1000.0);
        }
    }

    fn read_encoding(&mut self, document: &Document<'_>, font: &Dictionary) -> Result<(), PdfError> {
        let encoding = document.get(font, b"Encoding")?;
        let (base, differences) = match encoding.as_deref() {
            Some(Value::Name(name)) => (base(name), None),
            Some(Value::Dictionary(dictionary)) => {
                let name = document.get(dictionary, b"BaseEncoding")?;
                let differences = document.get(dictionary, b"Differences")?;
                (name.as_deref().and_then(Value::name).and_then(base), differences)
            }
            _ => (None, None),
        };
        let base = base.unwrap_or(BaseEncoding::Standard);
        for code in 0..=u8::MAX {
            if let Some(character) = base.character(code) {
                self.encoding.insert(u32::from(code), character.to_string());
            }
        }
        let mut code = 0;
        for node in differences.as_deref().and_then(Value::array).unwrap_or_default() {
            match &node.value {
                Value::Integer(next) => code = u32::try_from(*next).unwrap_or(0),
                Value::Name(name) => {
                    match glyph(name).filter(|_| code < 256) {
                        Some(text) => self.encoding.insert(code, text),
                        None => self.encoding.remove(&code),
                    };
                    code = code.saturating_add(1);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Encodings that are written down say which glyph a code has, but those of fonts that are symbols, or whose glyphs are
    /// named as it came (9.6.6).
    fn note_certain(&mut self, document: &Document<'_>, font: &Dictionary) -> Result<(), PdfError> {
        const SYMBOLIC: i64 = 4;
        let descriptor = document.get(font, b"FontDescriptor")?;
        let flags = match descriptor.as_deref().and_then(Value::dictionary) {
            Some(descriptor) => document.get(descriptor, b"Flags")?,
            None => None,
        };
        let flags = flags.and_then(|flags| flags.integer()).unwrap_or(0);
        if self.draws_itself || flags & SYMBOLIC != 0 || font.get(b"Encoding").is_none() {
            return Ok(());
        }
        let is_letter =
            |text: &String| text.len() == 1 && text.chars().all(|letter| letter.is_ascii_alphanumeric());
        let letters = self.encoding.iter().filter(|(_, text)| is_letter(text));
        self.certain = Rc::new(letters.map(|(code, text)| (*code, text.clone())).collect());
        Ok(())
    }

    /// Whether a code is said to stand for another letter or digit than the font has. Other letters than those of ASCII do
    /// not count: fonts of Vietnamese before Unicode have them in the places of others.
    fn is_another(&self, code: u32) -> bool {
        let said = self.to_unicode.characters.get(&code);
        let (Some(said), Some(letters)) = (said, self.certain.get(&code)) else {
            return false;
        };
        let mut said = said.chars();
        let only = said.next().filter(|_| said.next().is_none());
        only.is_some_and(|said| {
            let is_it = |letter: char| said.eq_ignore_ascii_case(&letter);
            said.is_ascii_alphanumeric() && !letters.chars().any(is_it)
        })
    }

    fn read_widths(&mut self, document: &Document<'_>, font: &Dictionary) -> Result<(), PdfError> {
        let first = document
            .get(font, b"FirstChar")?
            .and_then(|value| value.integer())
            .unwrap_or(0);
        let Ok(first) = u32::try_from(first) else {
            return Ok(());
        };
        // Of Type 3 fonts the matrix says what a unit is (9.6.5).
        let matrix = document.get(font, b"FontMatrix")?;
        let unit = matrix.as_deref().and_then(Value::array).and_then(<[Node]>::first);
        let unit = unit.and_then(|node| node.value.number()).unwrap_or(0.001);
        let widths = document.get(font, b"Widths")?;
        let widths = widths.as_deref().and_then(Value::array).unwrap_or_default();
        for (code, node) in (first..=u32::MAX).zip(widths.iter().take(MAX_WIDTHS)) {
            if let Some(width) = document.resolve(node)?.number() {
                self.widths.insert(code, width * unit);
            }
        }
        Ok(())
    }

    /// The codes of a string.
    pub(super) fn codes(&self, shown: &[u8]) -> impl Iterator<Item = Code> {
        shown.chunks(self.code_len).map(|bytes| {
            let code = bytes.iter().fold(0, |code, byte| code << 8 | u32::from(*byte));
            let text = self
                .to_unicode
                .characters
                .get(&code)
                .or_else(|| self.encoding.get(&code));
            Code {
                text: text.cloned(),
                is_another: self.is_another(code),
                width: self.widths.get(&code).copied().unwrap_or(self.default_width),
                is_space: bytes == b" ",
            }
        })
    }
}

/// Whether a font is one of the standard ones that have letters (9.6.2.2), of which the encoding is known.
fn is_standard(name: Option<&Value>) -> bool {
    let name = name.and_then(Value::name).unwrap_or_default();
    let families: [&[u8]; 3] = [b"Helvetica", b"Times-", b"Courier"];
    families.iter().any(|family| name.starts_with(family))
}

fn base(name: &[u8]) -> Option<BaseEncoding> {
    match name {
        b"WinAnsiEncoding" => Some(BaseEncoding::WinAnsi),
        b"MacRomanEncoding" => Some(BaseEncoding::MacRoman),
        b"StandardEncoding" => Some(BaseEncoding::Standard),
        _ => None,
    }
}

fn code(node: &Node) -> Option<u32> {
    node.value.integer().and_then(|code| u32::try_from(code).ok())
}
