//! Object streams (ISO 32000-1, 7.5.7).

use std::rc::Rc;

use super::error::PdfError;
use super::lexer::Lexer;
use super::object::Dictionary;
use super::section::unsigned;

/// A decoded object stream.
#[derive(Debug, Clone)]
pub(super) struct ObjectStream {
    pub(super) data: Rc<[u8]>,
    /// Object number and offset in `data`, by index.
    objects: Rc<[(u32, usize)]>,
}

impl ObjectStream {
    pub(super) fn read(dictionary: &Dictionary, data: Vec<u8>, at: usize) -> Result<Self, PdfError> {
        let wrong = PdfError::Malformed(at);
        let count = unsigned(dictionary, b"N")
            .filter(|count| *count <= data.len() / 4 + 1)
            .ok_or(wrong.clone())?;
        let first = unsigned(dictionary, b"First").ok_or(wrong.clone())?;
        let mut lexer = Lexer::new(&data, 0);
        let mut objects = Vec::with_capacity(count);
        for _ in 0..count {
            let (number, offset) = header_pair(&mut lexer).ok_or(wrong.clone())?;
            objects.push((number, first.checked_add(offset).ok_or(wrong.clone())?));
        }
        Ok(Self {
            data: data.into(),
            objects: objects.into(),
        })
    }

    /// Where this object begins in the data. The index must name the same object as the number.
    pub(super) fn offset(&self, number: u32, index: u32) -> Option<usize> {
        let (found, offset) = self.objects.get(usize::try_from(index).ok()?)?;
        (*found == number).then_some(*offset)
    }
}

fn header_pair(lexer: &mut Lexer<'_>) -> Option<(u32, usize)> {
    lexer.skip_space();
    let number = u32::try_from(lexer.unsigned().ok()?).ok()?;
    lexer.skip_space();
    Some((number, usize::try_from(lexer.unsigned().ok()?).ok()?))
}
