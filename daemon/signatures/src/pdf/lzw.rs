//! LZWDecode (ISO 32000-1, 7.4.4): codes of 9 to 12 bits, the highest bit first.

use super::error::PdfError;

/// Starts the table anew.
const CLEAR: usize = 256;
/// The end of the data.
const END: usize = 257;
/// The first code that stands for something seen before.
const FIRST: usize = 258;
/// Codes of a full table.
const FULL: usize = 1 << 12;

/// Decodes at most one byte more than `limit`, so that the caller sees that it was too much. `early` is `EarlyChange`:
/// whether codes grow one code before they have to (table 8).
///
/// Data that stops short gives what it has, as in every reader.
///
/// # Errors
/// [`PdfError::UnsupportedFilter`] for a code that stands for nothing yet.
pub(super) fn decode(data: &[u8], early: bool, limit: usize) -> Result<Vec<u8>, PdfError> {
    let mut decoded: Vec<u8> = Vec::new();
    // What each code from FIRST on stands for: a piece of what is decoded already.
    let mut table: Vec<(usize, usize)> = Vec::with_capacity(FULL - FIRST);
    let mut previous: Option<(usize, usize)> = None;
    let mut codes = Codes::new(data);
    while decoded.len() <= limit {
        let width = width(FIRST + table.len() + usize::from(early));
        let Some(code) = codes.next(width) else { break };
        let start = decoded.len();
        match code {
            CLEAR => {
                table.clear();
                previous = None;
                continue;
            }
            END => break,
            0..CLEAR => decoded.push(u8::try_from(code).unwrap_or_default()),
            known if known - FIRST < table.len() => {
                let (at, length) = table[known - FIRST];
                decoded.extend_from_within(at..at + length);
            }
            // The piece before and its own first byte: the one code that may be used before it is known.
            next if next - FIRST == table.len() && table.len() < FULL - FIRST => {
                let (at, length) = previous.ok_or(PdfError::UnsupportedFilter)?;
                decoded.extend_from_within(at..at + length);
                decoded.push(decoded[start]);
            }
            _ => return Err(PdfError::UnsupportedFilter),
        }
        if let Some((at, length)) = previous
            && table.len() < FULL - FIRST
        {
            // What stood before stands there still, with the first byte of what came now behind it.
            table.push((at, length + 1));
        }
        previous = Some((start, decoded.len() - start));
    }
    decoded.truncate(limit.saturating_add(1));
    Ok(decoded)
}

/// Bits of a code when the table would get this one next.
const fn width(next: usize) -> u32 {
    match next {
        0..512 => 9,
        512..1024 => 10,
        1024..2048 => 11,
        _ => 12,
    }
}

struct Codes<'a> {
    data: std::slice::Iter<'a, u8>,
    held: u32,
    bits: u32,
}

impl<'a> Codes<'a> {
    fn new(data: &'a [u8]) -> Self {
        Self {
            data: data.iter(),
            held: 0,
            bits: 0,
        }
    }

    fn next(&mut self, width: u32) -> Option<usize> {
        while self.bits < width {
            self.held = self.held << 8 | u32::from(*self.data.next()?);
            self.bits += 8;
        }
        self.bits -= width;
        let code = self.held >> self.bits & ((1 << width) - 1);
        usize::try_from(code).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{PdfError, decode};

    /// ISO 32000-1, 7.4.4.2, example 2.
    #[test]
    fn the_example_of_the_standard_is_read() {
        let data = [0x80, 0x0B, 0x60, 0x50, 0x22, 0x0C, 0x0C, 0x85, 0x01];
        let expected = [45, 45, 45, 45, 45, 65, 45, 45, 45, 66];
        assert_eq!(decode(&data, true, 100), Ok(expected.to_vec()));
    }

    /// Made by libtiff, whose codes are the same: through all widths, and a full table.
    #[test]
    fn what_others_compressed_is_read() {
        let data = include_bytes!("../../tests/vectors/lzw-libtiff.bin");
        let expected: Vec<u8> = (0..30_000_u32).map(|n| ((n * n) >> 12) as u8).collect();
        assert_eq!(decode(data, true, 1 << 20), Ok(expected));
    }

    /// The same codes, each width one code later (`EarlyChange` 0): 254 codes of 9 bits and more.
    #[test]
    fn codes_may_grow_late() {
        let mut bits = Vec::new();
        let mut put = |code: u32, width: u32| bits.extend((0..width).rev().map(|bit| code >> bit & 1 == 1));
        put(256, 9);
        let expected: Vec<u8> = (0..=255).chain(0..=20).collect();
        for (index, byte) in expected.iter().enumerate() {
            // Before this code the table has index - 1 entries of its own.
            put(
                u32::from(*byte),
                if 258 + index.max(1) - 1 < 512 { 9 } else { 10 },
            );
        }
        put(257, 10);
        let data: Vec<u8> = bits
            .chunks(8)
            .map(|chunk| (0..8).fold(0, |byte, at| byte << 1 | u8::from(chunk.get(at) == Some(&true))))
            .collect();
        assert_eq!(decode(&data, false, 1 << 10), Ok(expected));
    }

    #[test]
    fn a_code_that_stands_for_nothing_is_an_error_and_an_end_without_its_code_is_not() {
        // 256, 300
        let data = [0x80, 0x4B, 0x00];
        assert_eq!(decode(&data, true, 100), Err(PdfError::UnsupportedFilter));
        // 256, 258: nothing stood before it.
        let data = [0x80, 0x40, 0x80];
        assert_eq!(decode(&data, true, 100), Err(PdfError::UnsupportedFilter));
        assert_eq!(decode(&[0x80, 0x0B], true, 100), Ok(Vec::new()));
    }

    #[test]
    fn no_more_is_made_than_was_asked_for() {
        // 45, then each code the one that is made by it: the pieces grow by one byte each.
        let mut bits: Vec<bool> = Vec::new();
        let mut put = |code: u32, width: u32| bits.extend((0..width).rev().map(|bit| code >> bit & 1 == 1));
        put(256, 9);
        put(45, 9);
        for code in 258..4095_u32 {
            put(code, super::width(code as usize + 1));
        }
        let data: Vec<u8> = bits
            .chunks(8)
            .map(|chunk| (0..8).fold(0, |byte, at| byte << 1 | u8::from(chunk.get(at) == Some(&true))))
            .collect();
        assert!(decode(&data, true, usize::MAX - 1).unwrap().len() > 7_000_000);
        assert_eq!(decode(&data, true, 1000).unwrap().len(), 1001);
    }
}
