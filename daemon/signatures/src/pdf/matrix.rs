//! Coordinates, and from one system of them to another (ISO 32000-1, 8.3).

use super::document::Document;
use super::error::PdfError;
use super::object::{Dictionary, Value};

/// `[a b c d e f]`
pub(super) type Matrix = [f64; 6];

pub(super) const IDENTITY: Matrix = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];

/// First `a`, then `b`.
pub(super) fn times(a: Matrix, b: Matrix) -> Matrix {
    [
        a[0] * b[0] + a[1] * b[2],
        a[0] * b[1] + a[1] * b[3],
        a[2] * b[0] + a[3] * b[2],
        a[2] * b[1] + a[3] * b[3],
        a[4] * b[0] + a[5] * b[2] + b[4],
        a[4] * b[1] + a[5] * b[3] + b[5],
    ]
}

pub(super) fn apply(m: Matrix, [x, y]: [f64; 2]) -> [f64; 2] {
    [x * m[0] + y * m[2] + m[4], x * m[1] + y * m[3] + m[5]]
}

impl Document<'_> {
    /// As many numbers as asked for, if the value of a key is an array of so many.
    ///
    /// # Errors
    /// As [`Self::resolve`]
    pub(crate) fn coordinates<const N: usize>(
        &self,
        dictionary: &Dictionary,
        key: &[u8],
    ) -> Result<Option<[f64; N]>, PdfError> {
        let value = self.get(dictionary, key)?;
        let nodes = value.as_deref().and_then(Value::array).unwrap_or_default();
        if nodes.len() != N {
            return Ok(None);
        }
        let mut numbers = [0.0; N];
        for (number, node) in numbers.iter_mut().zip(nodes) {
            // Digits enough make a number that is not finite.
            match self.resolve(node)?.number().filter(|number| number.is_finite()) {
                Some(found) => *number = found,
                None => return Ok(None),
            }
        }
        Ok(Some(numbers))
    }
}
