//! Which letters a font program itself has for its glyphs: the `cmap` of an embedded TrueType font (ISO 32000-1, 9.7.4.2;
//! OpenType, cmap). Most fonts that are cut down to a document have none, and then nothing is known.

use std::collections::HashMap;
use std::rc::Rc;

use super::MAX_CONTENT;
use crate::pdf::document::Document;
use crate::pdf::error::PdfError;
use crate::pdf::object::{Dictionary, ObjectId, Value};

/// Bytes of font programs of one document that are looked at.
const MAX_PROGRAMS: usize = 32 << 20;

/// Letters and digits of ASCII by the glyph that draws them; some glyphs draw several.
pub(super) type Letters = HashMap<u32, String>;

/// The font programs of a document: pages share them.
#[derive(Debug)]
pub(crate) struct Programs {
    known: HashMap<ObjectId, Rc<Letters>>,
    /// What is left of [`MAX_PROGRAMS`].
    bytes: usize,
}

impl Default for Programs {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            bytes: MAX_PROGRAMS,
        }
    }
}

impl Programs {
    /// Of a composite font whose codes are numbers of glyphs of a TrueType program: Identity-H or Identity-V, and the identity
    /// from CIDs to glyphs. None for any other.
    pub(super) fn letters(
        &mut self,
        document: &Document<'_>,
        font: &Dictionary,
        descendant: &Dictionary,
    ) -> Result<Option<Rc<Letters>>, PdfError> {
        let named = |dictionary, key: &[u8]| -> Result<Option<Vec<u8>>, PdfError> {
            let value = document.get(dictionary, key)?;
            Ok(value.as_deref().and_then(Value::name).map(<[u8]>::to_vec))
        };
        let encoding = named(font, b"Encoding")?;
        let is_identity = matches!(encoding.as_deref(), Some(b"Identity-H" | b"Identity-V"))
            && (descendant.get(b"CIDToGIDMap").is_none()
                || named(descendant, b"CIDToGIDMap")?.as_deref() == Some(b"Identity"));
        if !is_identity || named(descendant, b"Subtype")?.as_deref() != Some(b"CIDFontType2") {
            return Ok(None);
        }
        let descriptor = document.get(descendant, b"FontDescriptor")?;
        let descriptor = descriptor.as_deref().and_then(Value::dictionary);
        let file = descriptor.and_then(|descriptor| descriptor.get(b"FontFile2"));
        let Some(id) = file.and_then(|file| file.value.reference()) else {
            return Ok(None);
        };
        if let Some(known) = self.known.get(&id) {
            return Ok(Some(Rc::clone(known)));
        }
        let letters = Rc::new(self.read(document, id));
        self.known.insert(id, Rc::clone(&letters));
        Ok(Some(letters))
    }

    /// Of what cannot be read nothing is known: a reader that draws with it has to make something of it by itself.
    fn read(&mut self, document: &Document<'_>, id: ObjectId) -> Letters {
        let mut letters = Letters::new();
        let Ok(Some(stream)) = document.object(id) else {
            return letters;
        };
        let Ok(program) = document.decoded(&stream, self.bytes.min(MAX_CONTENT)) else {
            self.bytes = 0;
            return letters;
        };
        self.bytes -= program.len().min(self.bytes);
        let Ok(face) = ttf_parser::Face::parse(&program, 0) else {
            return letters;
        };
        for letter in (b'0'..=b'z').map(char::from).filter(char::is_ascii_alphanumeric) {
            // Glyph 0 stands for what a font does not have.
            if let Some(glyph) = face.glyph_index(letter).filter(|glyph| glyph.0 != 0) {
                letters.entry(u32::from(glyph.0)).or_default().push(letter);
            }
        }
        letters
    }
}
