//! Content streams as operators with their operands (ISO 32000-1, 7.8.2).

use super::error::Limits;
use super::lexer::{Lexer, is_whitespace};
use super::object::Node;
use super::parser::Parser;

/// Operands that are kept for one operator; `scn` takes the most, one a colorant.
const MAX_OPERANDS: usize = 64;

/// One operator.
pub(super) struct Operation<'c> {
    pub(super) name: &'c [u8],
    pub(super) operands: Vec<Node>,
    /// Of a picture within the content (8.9.7), as it is packed.
    pub(super) data: &'c [u8],
}

/// Reads to the end, or to the first byte that makes no sense.
pub(super) struct Operators<'c> {
    lexer: Lexer<'c>,
    limits: Limits,
    /// Whether it ended before the content did. Other readers go on behind what makes no sense.
    pub(super) stopped: bool,
}

impl<'c> Operators<'c> {
    pub(super) fn new(content: &'c [u8], limits: &Limits) -> Self {
        Self {
            lexer: Lexer::new(content, 0),
            limits: limits.clone(),
            stopped: false,
        }
    }

    /// Goes past the data of an inline image, and gives it: to `EI` between white space (8.9.7).
    fn skip_image(&mut self) -> &'c [u8] {
        let rest = self.lexer.rest();
        let end = rest.windows(4).position(|window| {
            is_whitespace(window[0]) && &window[1..3] == b"EI" && is_whitespace(window[3])
        });
        self.lexer.position += end.map_or(rest.len(), |end| end + 3);
        // One white space stands before it.
        rest.get(1..end.unwrap_or(rest.len())).unwrap_or_default()
    }
}

impl<'c> Iterator for Operators<'c> {
    type Item = Operation<'c>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut operands = Vec::new();
        loop {
            self.lexer.skip_space();
            let byte = self.lexer.peek()?;
            let is_operand = matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'/' | b'(' | b'<' | b'[');
            if is_operand {
                let mut parser = Parser::with(self.lexer.again(), &self.limits);
                let Ok(node) = parser.value() else {
                    self.stopped = true;
                    return None;
                };
                self.lexer.position = parser.lexer.position;
                if operands.len() < MAX_OPERANDS {
                    operands.push(node);
                }
                continue;
            }
            let name = self.lexer.regular();
            match name {
                b"" => {
                    self.stopped = true;
                    return None;
                }
                b"true" | b"false" | b"null" => {}
                name => {
                    // With what the dictionary of the image has.
                    let data = if name == b"ID" { self.skip_image() } else { b"" };
                    return Some(Operation { name, operands, data });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Limits, Operators};

    #[test]
    fn images_within_the_content_are_passed_over() {
        let content = b"q 1 0 0 1 5 5 cm BI /W 2 /H 2 ID \x00(<[ EIx EI\nQ BT (a) Tj ET";
        let names: Vec<_> = Operators::new(content, &Limits::default())
            .map(|operation| String::from_utf8_lossy(operation.name).into_owned())
            .collect();
        assert_eq!(names, ["q", "cm", "BI", "ID", "Q", "BT", "Tj", "ET"]);
    }
}
