//! What an appearance must respect so that a file for the archive stays one (PDF/A; ISO 19005).

use crate::pdf::{Document, PdfError, Value};

/// Bytes of the metadata that are looked at.
const MAX_METADATA: usize = 1 << 20;

/// What kind of archive file a document says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Archive {
    /// The part of ISO 19005; none for all other files.
    part: Option<u8>,
    /// Whether an output intent says what colours of devices mean.
    has_intent: bool,
}

impl Archive {
    /// Reads the catalog's metadata (XMP, `pdfaid:part`) and output intents.
    pub(super) fn of(document: &Document<'_>) -> Result<Self, PdfError> {
        let catalog = document.catalog()?;
        let Some(dictionary) = catalog.dictionary() else {
            return Ok(Self::default());
        };
        let metadata = dictionary
            .get(b"Metadata")
            .and_then(|node| node.value.reference());
        let metadata = metadata.map(|id| document.object(id)).transpose()?.flatten();
        // What cannot be read says nothing, to other readers neither.
        let text = metadata.and_then(|stream| document.decoded(&stream, MAX_METADATA).ok());
        let part = text.and_then(|text| part(&text));
        let intents = document.get(dictionary, b"OutputIntents")?;
        let intents = intents.as_deref().and_then(Value::array).unwrap_or_default();
        let mut has_intent = false;
        for intent in intents {
            let intent = document.resolve(intent)?;
            let kind = intent.dictionary().and_then(|intent| intent.get(b"S"));
            has_intent |= kind.and_then(|kind| kind.value.name()) == Some(b"GTS_PDFA1");
        }
        Ok(Self { part, has_intent })
    }

    /// Whether nothing may be transparent: in PDF/A-1 (ISO 19005-1, 6.4), and where no output intent says in which
    /// colours to mix (ISO 19005-2, 6.2.10).
    pub(super) fn is_opaque(self) -> bool {
        self.part.is_some_and(|part| part == 1 || !self.has_intent)
    }

    /// Whether every field has to have an appearance, be it one that draws nothing (ISO 19005-1, 6.9).
    pub(super) fn needs_appearances(self) -> bool {
        self.part == Some(1)
    }

    /// Resources that give the colours of devices a meaning of their own (ISO 19005-2, 6.2.4.3), whatever the file's
    /// output intent is for: sRGB, nearly.
    pub(super) fn colour_spaces(self) -> &'static str {
        match self.part {
            None => "",
            Some(_) => {
                "/ColorSpace << /DefaultRGB [/CalRGB << /WhitePoint [0.9505 1 1.089] /Gamma [2.2 2.2 2.2] /Matrix \
                 [0.4124 0.2126 0.0193 0.3576 0.7152 0.1192 0.1805 0.0722 0.9505] >>] /DefaultGray [/CalGray << \
                 /WhitePoint [0.9505 1 1.089] /Gamma 2.2 >>] >> "
            }
        }
    }
}

/// The digit after `pdfaid:part`, written as an attribute or as an element.
fn part(metadata: &[u8]) -> Option<u8> {
    const KEY: &[u8] = b"pdfaid:part";
    let at = metadata.windows(KEY.len()).position(|window| window == KEY)?;
    let rest = metadata[at + KEY.len()..].iter().take(16);
    let digit = rest
        .copied()
        .find(|byte| !matches!(byte, b'=' | b'"' | b'\'' | b'>' | b' ' | b'\n'))?;
    digit.is_ascii_digit().then(|| digit - b'0')
}

#[cfg(test)]
mod tests {
    use super::{Archive, part};

    #[test]
    fn the_part_is_read_from_both_ways_of_writing_it() {
        assert_eq!(
            part(b"<rdf:Description pdfaid:part=\"2\" pdfaid:conformance=\"B\"/>"),
            Some(2)
        );
        assert_eq!(part(b"<pdfaid:part>1</pdfaid:part>"), Some(1));
        assert_eq!(part(b"<pdfaid:part></pdfaid:part>"), None);
        assert_eq!(part(b"nothing"), None);
    }

    #[test]
    fn transparency_needs_an_output_intent() {
        let archive = |part, has_intent| Archive { part, has_intent };
        assert!(archive(Some(1), true).is_opaque() && archive(Some(2), false).is_opaque());
        assert!(!archive(Some(2), true).is_opaque() && !archive(None, false).is_opaque());
    }
}
