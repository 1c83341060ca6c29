//! From codes to characters: `/ToUnicode` maps (ISO 32000-1, 9.10.3).

use std::collections::HashMap;

use crate::pdf::error::Limits;
use crate::pdf::lexer::Lexer;
use crate::pdf::object::{Node, Value};
use crate::pdf::parser::Parser;

/// Codes of one map.
const MAX_CODES: usize = 70_000;

/// What the codes of a font stand for.
#[derive(Debug, Default)]
pub(super) struct ToUnicode {
    pub(super) characters: HashMap<u32, String>,
    /// Bytes of a code, if the map has a code space.
    pub(super) code_len: Option<usize>,
}

impl ToUnicode {
    /// Reads as much as makes sense.
    pub(super) fn read(data: &[u8], limits: &Limits) -> Self {
        let mut map = Self::default();
        let mut lexer = Lexer::new(data, 0);
        let mut operands: Vec<Node> = Vec::new();
        loop {
            lexer.skip_space();
            let Some(byte) = lexer.peek() else { break };
            if matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'/' | b'(' | b'<' | b'[') {
                let mut parser = Parser::new(data, lexer.position, limits);
                let Ok(node) = parser.value() else { break };
                lexer.position = parser.lexer.position;
                operands.push(node);
                if operands.len() > MAX_CODES {
                    break;
                }
                continue;
            }
            match lexer.regular() {
                b"" => lexer.position += 1,
                b"endcodespacerange" => {
                    map.code_len = operands
                        .last()
                        .and_then(|node| node.value.string())
                        .map(|code| code.len().clamp(1, 4));
                    operands.clear();
                }
                b"endbfchar" => {
                    operands
                        .chunks_exact(2)
                        .for_each(|pair| map.add_character(&pair[0], &pair[1]));
                    operands.clear();
                }
                b"endbfrange" => {
                    operands
                        .chunks_exact(3)
                        .for_each(|range| map.add_range(&range[0], &range[1], &range[2]));
                    operands.clear();
                }
                name if name.starts_with(b"begin") => operands.clear(),
                _ => {}
            }
        }
        map
    }

    fn add(&mut self, code: u32, text: String) {
        if self.characters.len() < MAX_CODES {
            self.characters.insert(code, text);
        }
    }

    fn add_character(&mut self, code: &Node, text: &Node) {
        if let (Some(code), Some(text)) = (number(code), text.value.string()) {
            self.add(code, utf16(text));
        }
    }

    fn add_range(&mut self, first: &Node, last: &Node, target: &Node) {
        let (Some(first), Some(last)) = (number(first), number(last)) else {
            return;
        };
        let codes = (first..=last).take(0x1_0000);
        match &target.value {
            Value::Array(texts) => {
                for (code, text) in codes.zip(texts) {
                    if let Some(text) = text.value.string() {
                        self.add(code, utf16(text));
                    }
                }
            }
            Value::String(text) => {
                let mut letters: Vec<char> = utf16(text).chars().collect();
                for code in codes {
                    self.add(code, letters.iter().collect());
                    let Some(last) = letters.last_mut() else { return };
                    let Some(next) = char::from_u32(u32::from(*last) + 1) else {
                        return;
                    };
                    *last = next;
                }
            }
            _ => {}
        }
    }
}

fn number(node: &Node) -> Option<u32> {
    let bytes = node.value.string().filter(|bytes| bytes.len() <= 4)?;
    Some(
        bytes
            .iter()
            .fold(0, |number, byte| number << 8 | u32::from(*byte)),
    )
}

fn utf16(bytes: &[u8]) -> String {
    let units = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    char::decode_utf16(units)
        .map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Limits, ToUnicode};

    #[test]
    fn characters_and_both_kinds_of_ranges() {
        let map = b"begincmap 1 begincodespacerange <0000> <ffff> endcodespacerange
            2 beginbfchar <0001> <004b> <0002> <00fd> endbfchar
            2 beginbfrange <0010> <0012> <0061> <0020> <0021> [<1ec7> <00660069>] endbfrange endcmap";
        let map = ToUnicode::read(map, &Limits::default());
        let text = |code: u32| map.characters.get(&code).map(String::as_str);
        assert_eq!(map.code_len, Some(2));
        assert_eq!(
            [1, 2, 0x12, 0x20, 0x21, 3].map(text),
            [Some("K"), Some("ý"), Some("c"), Some("ệ"), Some("fi"), None]
        );
    }
}
