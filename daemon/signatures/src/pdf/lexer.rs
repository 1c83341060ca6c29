//! Tokens (ISO 32000-1, 7.2).

use std::cell::Cell;

use super::error::PdfError;

pub(super) fn is_whitespace(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

pub(super) fn is_delimiter(byte: u8) -> bool {
    matches!(
        byte,
        b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%'
    )
}

fn is_regular(byte: u8) -> bool {
    !is_whitespace(byte) && !is_delimiter(byte)
}

/// A place in some bytes, which may be a part of more.
#[derive(Clone)]
pub(super) struct Lexer<'b> {
    bytes: &'b [u8],
    /// Where `bytes` begin in the whole.
    base: usize,
    /// Bytes of the whole.
    total: usize,
    /// In the whole.
    pub(super) position: usize,
    /// Whether something was asked that only bytes behind `bytes` could have answered.
    ran_out: Cell<bool>,
}

impl<'b> Lexer<'b> {
    pub(super) fn new(bytes: &'b [u8], position: usize) -> Self {
        Self::part(bytes, 0, bytes.len(), position)
    }

    /// In the bytes that stand at `base` of `total`.
    pub(super) fn part(bytes: &'b [u8], base: usize, total: usize, position: usize) -> Self {
        Self {
            bytes,
            base,
            total,
            position,
            ran_out: Cell::new(false),
        }
    }

    /// Whether the answers given may be wrong because they were sought in too small a part.
    pub(super) fn ran_out(&self) -> bool {
        self.ran_out.get()
    }

    /// Another lexer at this place.
    pub(super) fn again(&self) -> Self {
        Self::part(self.bytes, self.base, self.total, self.position)
    }

    /// Bytes of the whole from here on.
    pub(super) fn remaining(&self) -> usize {
        self.total.saturating_sub(self.position)
    }

    /// What is there from here on; nobody may conclude anything from where it ends.
    fn here(&self) -> &'b [u8] {
        let start = self.position.checked_sub(self.base);
        start
            .and_then(|start| self.bytes.get(start..))
            .unwrap_or_default()
    }

    /// The part that is there ends before an answer.
    fn run_out(&self) {
        if self.base + self.bytes.len() < self.total {
            self.ran_out.set(true);
        }
    }

    /// All from here on. For lexers of whole contents.
    pub(super) fn rest(&self) -> &'b [u8] {
        self.run_out();
        self.here()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        let byte = self.here().first().copied();
        if byte.is_none() {
            self.run_out();
        }
        byte
    }

    /// Whether `text` stands here.
    pub(super) fn sees(&self, text: &[u8]) -> bool {
        let here = self.here();
        if here.len() < text.len() {
            self.run_out();
        }
        here.starts_with(text)
    }

    pub(super) fn malformed(&self) -> PdfError {
        PdfError::Malformed(self.position)
    }

    /// Goes past white space and comments.
    pub(super) fn skip_space(&mut self) {
        while let Some(byte) = self.peek() {
            if byte == b'%' {
                let here = self.here();
                let line = here.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
                self.position += line.unwrap_or(here.len());
            } else if is_whitespace(byte) {
                self.position += 1;
            } else {
                break;
            }
        }
    }

    /// Goes past `text` if it stands here.
    pub(super) fn take(&mut self, text: &[u8]) -> bool {
        let here = self.sees(text);
        if here {
            self.position += text.len();
        }
        here
    }

    /// Goes past a keyword if it stands here and ends here.
    pub(super) fn take_keyword(&mut self, keyword: &[u8]) -> bool {
        if !self.sees(keyword) {
            return false;
        }
        let next = self.here().get(keyword.len());
        if next.is_none() {
            self.run_out();
        }
        next.is_none_or(|byte| !is_regular(*byte)) && self.take(keyword)
    }

    /// The regular characters from here; may be empty.
    pub(super) fn regular(&mut self) -> &'b [u8] {
        let here = self.here();
        let end = here.iter().position(|byte| !is_regular(*byte));
        if end.is_none() {
            self.run_out();
        }
        let length = end.unwrap_or(here.len());
        self.position += length;
        &here[..length]
    }

    /// An unsigned decimal number.
    pub(super) fn unsigned(&mut self) -> Result<u64, PdfError> {
        let start = self.position;
        let digits = self.regular();
        // Not str::parse alone: it takes a leading plus.
        let number = digits
            .iter()
            .all(u8::is_ascii_digit)
            .then(|| std::str::from_utf8(digits).ok()?.parse().ok());
        number.flatten().ok_or(PdfError::Malformed(start))
    }

    /// The name after its solidus.
    pub(super) fn name(&mut self) -> Result<Vec<u8>, PdfError> {
        if !self.take(b"/") {
            return Err(self.malformed());
        }
        let raw = self.regular();
        let mut name = Vec::with_capacity(raw.len());
        let mut rest = raw;
        while let Some((&byte, tail)) = rest.split_first() {
            let escaped = (byte == b'#').then(|| tail.get(..2).and_then(hex_pair)).flatten();
            name.push(escaped.unwrap_or(byte));
            rest = if escaped.is_some() { &tail[2..] } else { tail };
        }
        Ok(name)
    }

    /// `(…)` with its escapes (ISO 32000-1, 7.3.4.2).
    pub(super) fn literal_string(&mut self) -> Result<Vec<u8>, PdfError> {
        let start = self.position;
        self.position += 1;
        let mut text = Vec::new();
        let mut open = 1_usize;
        while let Some(byte) = self.peek() {
            self.position += 1;
            match byte {
                b'(' => open += 1,
                b')' => open -= 1,
                b'\\' => {
                    self.escape(&mut text);
                    continue;
                }
                b'\r' => {
                    self.take(b"\n");
                    text.push(b'\n');
                    continue;
                }
                _ => {}
            }
            if open == 0 {
                return Ok(text);
            }
            text.push(byte);
        }
        Err(PdfError::Malformed(start))
    }

    fn escape(&mut self, text: &mut Vec<u8>) {
        let Some(byte) = self.peek() else { return };
        self.position += 1;
        match byte {
            b'n' => text.push(b'\n'),
            b'r' => text.push(b'\r'),
            b't' => text.push(b'\t'),
            b'b' => text.push(8),
            b'f' => text.push(12),
            b'\n' => {}
            b'\r' => {
                self.take(b"\n");
            }
            b'0'..=b'7' => {
                let mut code = u16::from(byte - b'0');
                for _ in 0..2 {
                    let Some(digit @ b'0'..=b'7') = self.peek() else {
                        break;
                    };
                    code = code * 8 + u16::from(digit - b'0');
                    self.position += 1;
                }
                text.push(code.to_le_bytes()[0]);
            }
            other => text.push(other),
        }
    }

    /// `<…>` (ISO 32000-1, 7.3.4.3).
    pub(super) fn hex_string(&mut self) -> Result<Vec<u8>, PdfError> {
        let start = self.position;
        self.position += 1;
        let mut text = Vec::new();
        let mut half = None;
        while let Some(byte) = self.peek() {
            self.position += 1;
            match byte {
                b'>' => {
                    text.extend(half.map(|digit: u8| digit << 4));
                    return Ok(text);
                }
                byte if is_whitespace(byte) => {}
                byte => {
                    let digit = hex_digit(byte).ok_or(PdfError::Malformed(start))?;
                    match half.take() {
                        None => half = Some(digit),
                        Some(high) => text.push(high << 4 | digit),
                    }
                }
            }
        }
        Err(PdfError::Malformed(start))
    }
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

fn hex_pair(pair: &[u8]) -> Option<u8> {
    Some(hex_digit(pair[0])? << 4 | hex_digit(pair[1])?)
}
