//! Filters (ISO 32000-1, 7.4), but for those of pictures: cross-reference streams, object streams and page content may
//! have a chain of them.

use flate2::{Decompress, FlushDecompress, Status};

use super::error::PdfError;
use super::lzw;
use super::object::{Dictionary, Value};

/// The data of a cross-reference or object stream; at most `left` bytes, which are taken from it. Run lengths are for
/// pictures, and nothing that a document stands on.
pub(super) fn decode(data: &[u8], dictionary: &Dictionary, left: &mut usize) -> Result<Vec<u8>, PdfError> {
    let is_run_length = |value: &Value| matches!(value.name(), Some(b"RunLengthDecode" | b"RL"));
    let is_plain = match dictionary.get(b"Filter").map(|node| &node.value) {
        None => true,
        Some(Value::Array(nodes)) if nodes.iter().any(|node| is_run_length(&node.value)) => {
            return Err(PdfError::UnsupportedFilter);
        }
        Some(Value::Array(nodes)) => nodes.is_empty(),
        Some(value) if is_run_length(value) => return Err(PdfError::UnsupportedFilter),
        Some(_) => false,
    };
    if !is_plain {
        return decode_all(data, dictionary, left);
    }
    *left = left
        .checked_sub(data.len())
        .ok_or(PdfError::TooMany("bytes in compressed streams"))?;
    Ok(data.to_vec())
}

/// Decodes a stream through all its filters, of which those of pictures are not known here; at most `left` bytes
/// in all, which are taken from it.
pub(super) fn decode_all(
    data: &[u8],
    dictionary: &Dictionary,
    left: &mut usize,
) -> Result<Vec<u8>, PdfError> {
    let filters: Vec<&[u8]> = match dictionary.get(b"Filter").map(|node| &node.value) {
        None => Vec::new(),
        Some(Value::Name(name)) => vec![name],
        Some(Value::Array(nodes)) if nodes.len() <= 4 => nodes
            .iter()
            .map(|node| node.value.name().ok_or(PdfError::UnsupportedFilter))
            .collect::<Result<_, _>>()?,
        Some(_) => return Err(PdfError::UnsupportedFilter),
    };
    let parameters = |index: usize| {
        let value = &dictionary.get(b"DecodeParms")?.value;
        match value.array() {
            Some(each) => each.get(index)?.value.dictionary(),
            None => value.dictionary().filter(|_| index == 0),
        }
    };
    let mut decoded = std::borrow::Cow::Borrowed(data);
    for (index, filter) in filters.iter().enumerate() {
        let next = match *filter {
            b"FlateDecode" | b"Fl" => {
                let plain = inflate(&decoded, *left)?;
                match parameters(index) {
                    Some(parameters) => unpredict(plain, parameters)?,
                    None => plain,
                }
            }
            b"LZWDecode" | b"LZW" => {
                let early = parameters(index).and_then(|parameters| parameters.get(b"EarlyChange"));
                let early = early.is_none_or(|node| node.value.integer() != Some(0));
                let plain = lzw::decode(&decoded, early, *left)?;
                match parameters(index) {
                    Some(parameters) => unpredict(plain, parameters)?,
                    None => plain,
                }
            }
            b"ASCIIHexDecode" | b"AHx" => ascii_hex(&decoded)?,
            b"ASCII85Decode" | b"A85" => ascii_85(&decoded)?,
            b"RunLengthDecode" | b"RL" => run_lengths(&decoded, *left)?,
            _ => return Err(PdfError::UnsupportedFilter),
        };
        *left = left
            .checked_sub(next.len())
            .ok_or(PdfError::TooMany("bytes in compressed streams"))?;
        decoded = std::borrow::Cow::Owned(next);
    }
    Ok(decoded.into_owned())
}

/// Whether filters or their parameters have references in them.
pub(super) fn refers(value: &Value) -> bool {
    match value {
        Value::Reference(_) => true,
        Value::Array(nodes) => nodes.iter().any(|node| refers(&node.value)),
        Value::Dictionary(dictionary) => dictionary.iter().any(|(_, node)| refers(&node.value)),
        _ => false,
    }
}

fn ascii_hex(data: &[u8]) -> Result<Vec<u8>, PdfError> {
    let digits: Vec<u8> = data
        .iter()
        .copied()
        .take_while(|byte| *byte != b'>')
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let even = [
        digits.as_slice(),
        if digits.len().is_multiple_of(2) { b"" } else { b"0" },
    ]
    .concat();
    hex::decode(even).map_err(|_| PdfError::UnsupportedFilter)
}

fn ascii_85(data: &[u8]) -> Result<Vec<u8>, PdfError> {
    let mut decoded = Vec::with_capacity(data.len() / 5 * 4);
    let mut group: Vec<u8> = Vec::with_capacity(5);
    let flush = |group: &[u8], decoded: &mut Vec<u8>| {
        let value = (0..5).try_fold(0_u32, |value, index| {
            value
                .checked_mul(85)?
                .checked_add(u32::from(group.get(index).copied().unwrap_or(84)))
        });
        let bytes = value.ok_or(PdfError::UnsupportedFilter)?.to_be_bytes();
        decoded.extend_from_slice(&bytes[..group.len().saturating_sub(1)]);
        Ok(())
    };
    for byte in data.iter().copied() {
        match byte {
            b'~' => break,
            b'z' if group.is_empty() => decoded.extend([0; 4]),
            b'!'..=b'u' => {
                group.push(byte - b'!');
                if group.len() == 5 {
                    flush(&group, &mut decoded)?;
                    group.clear();
                }
            }
            byte if byte.is_ascii_whitespace() || byte == 0 => {}
            _ => return Err(PdfError::UnsupportedFilter),
        }
    }
    if !group.is_empty() {
        flush(&group, &mut decoded)?;
    }
    Ok(decoded)
}

fn run_lengths(data: &[u8], limit: usize) -> Result<Vec<u8>, PdfError> {
    let mut decoded = Vec::new();
    let mut rest = data;
    while let Some((&length, tail)) = rest.split_first() {
        let count = usize::from(length);
        match length {
            128 => break,
            0..=127 => {
                let (run, after) = tail
                    .split_at_checked(count + 1)
                    .ok_or(PdfError::UnsupportedFilter)?;
                decoded.extend_from_slice(run);
                rest = after;
            }
            129.. => {
                let (&byte, after) = tail.split_first().ok_or(PdfError::UnsupportedFilter)?;
                decoded.resize(decoded.len() + 257 - count, byte);
                rest = after;
            }
        }
        if decoded.len() > limit {
            return Err(PdfError::TooMany("bytes in compressed streams"));
        }
    }
    Ok(decoded)
}

/// Inflates at most one byte more than `limit`, so that the caller sees that it was too much.
///
/// Data that stops short, mostly by the checksum, gives what it has, as it does in every reader; whether that is enough
/// is for the caller to see. Data that is wrong gives nothing.
fn inflate(data: &[u8], limit: usize) -> Result<Vec<u8>, PdfError> {
    const STEP: usize = 64 << 10;
    let mut decoder = Decompress::new(true);
    let mut decoded = Vec::new();
    let mut rest = data;
    while decoded.len() <= limit {
        decoded.reserve(STEP.min(limit + 1 - decoded.len()).max(1));
        let (before, length) = (decoder.total_in(), decoded.len());
        let status = decoder
            .decompress_vec(rest, &mut decoded, FlushDecompress::None)
            .map_err(|_| PdfError::UnsupportedFilter)?;
        let taken = usize::try_from(decoder.total_in() - before).unwrap_or(rest.len());
        rest = &rest[taken..];
        let stuck = taken == 0 && decoded.len() == length;
        if status == Status::StreamEnd || stuck {
            break;
        }
    }
    Ok(decoded)
}

/// Undoes the predictor (7.4.4.4).
fn unpredict(data: Vec<u8>, parameters: &Dictionary) -> Result<Vec<u8>, PdfError> {
    let number = |key: &[u8], default| {
        let node = parameters.get(key);
        node.map_or(Some(default), |node| node.value.integer())
            .and_then(|number| usize::try_from(number).ok())
            .ok_or(PdfError::UnsupportedFilter)
    };
    let (predictor, columns) = (number(b"Predictor", 1)?, number(b"Columns", 1)?);
    let (colors, bits) = (number(b"Colors", 1)?, number(b"BitsPerComponent", 8)?);
    let is_known =
        (1..=1 << 16).contains(&columns) && (1..=32).contains(&colors) && matches!(bits, 1 | 2 | 4 | 8 | 16);
    let size = |bits: usize| bits.div_ceil(8);
    match predictor {
        1 => Ok(data),
        2 if is_known && bits == 8 => Ok(tiff_rows(data, colors, columns * colors)),
        10..=15 if is_known => png_rows(&data, size(colors * bits), size(columns * colors * bits)),
        _ => Err(PdfError::UnsupportedFilter),
    }
}

/// Predictor 2 of TIFF 6.0 (clause 14), of components of one byte: each is the difference from the pixel before.
fn tiff_rows(mut data: Vec<u8>, pixel: usize, row: usize) -> Vec<u8> {
    for line in data.chunks_mut(row) {
        for at in pixel..line.len() {
            line[at] = line[at].wrapping_add(line[at - pixel]);
        }
    }
    data
}

/// PNG filters (ISO/IEC 15948, clause 9) of rows of so many bytes; a pixel is a whole number of them, or less than one.
fn png_rows(data: &[u8], pixel: usize, row: usize) -> Result<Vec<u8>, PdfError> {
    let mut decoded = Vec::with_capacity(data.len());
    let mut above = vec![0; row];
    for chunk in data.chunks(row + 1) {
        let Some((&kind, bytes)) = chunk.split_first() else {
            break;
        };
        let mut line = bytes.to_vec();
        line.resize(row, 0);
        match kind {
            0 => {}
            1 => (pixel..row).for_each(|at| line[at] = line[at].wrapping_add(line[at - pixel])),
            2 => line
                .iter_mut()
                .zip(&above)
                .for_each(|(byte, up)| *byte = byte.wrapping_add(*up)),
            3 | 4 => {
                for at in 0..row {
                    let before = |line: &[u8]| at.checked_sub(pixel).map_or(0, |before| line[before]);
                    let (left, corner, up) = (before(&line), before(&above), above[at]);
                    let guess = if kind == 3 {
                        left.midpoint(up)
                    } else {
                        paeth(left, up, corner)
                    };
                    line[at] = line[at].wrapping_add(guess);
                }
            }
            _ => return Err(PdfError::UnsupportedFilter),
        }
        decoded.extend_from_slice(&line[..bytes.len()]);
        above = line;
    }
    Ok(decoded)
}

fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let estimate = i16::from(left) + i16::from(up) - i16::from(corner);
    let distance = |byte: u8| (estimate - i16::from(byte)).abs();
    if distance(left) <= distance(up) && distance(left) <= distance(corner) {
        left
    } else if distance(up) <= distance(corner) {
        up
    } else {
        corner
    }
}
