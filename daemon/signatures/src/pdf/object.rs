//! Objects (ISO 32000-1, 7.3) with the spans they were read from.

use std::ops::Range;

/// Number and generation of an indirect object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId {
    /// Object number, from 1.
    pub number: u32,
    /// Generation, 0 for objects in object streams.
    pub generation: u16,
}

impl std::fmt::Display for ObjectId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.number, self.generation)
    }
}

/// A value and where it stands.
///
/// Two nodes are equal when their values are, wherever they stand.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it stands, in the bytes of the file or of the object stream it was read from.
    pub span: Range<usize>,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// The basic types of objects. A stream is its dictionary; the bytes are in [`super::Located::stream`].
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, and whatever a dangling reference points to
    Null,
    /// `true`, `false`
    Boolean(bool),
    /// A number without a point that fits 64 bits
    Integer(i64),
    /// Any other number
    Real(f64),
    /// A name, `#xx` resolved, without the solidus
    Name(Vec<u8>),
    /// A literal or hexadecimal string, as the bytes it stands for
    String(Vec<u8>),
    /// `[…]`
    Array(Vec<Node>),
    /// `<<…>>`
    Dictionary(Dictionary),
    /// `12 0 R`
    Reference(ObjectId),
}

impl Value {
    /// The integer, if it is one.
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            _ => None,
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            // Coordinates and counts: far below 2^53, where f64 is exact.
            #[allow(clippy::cast_precision_loss)]
            Self::Integer(value) => Some(*value as f64),
            Self::Real(value) => Some(*value),
            _ => None,
        }
    }

    /// The name, if it is one.
    #[must_use]
    pub fn name(&self) -> Option<&[u8]> {
        match self {
            Self::Name(name) => Some(name),
            _ => None,
        }
    }

    /// The bytes of the string, if it is one.
    #[must_use]
    pub fn string(&self) -> Option<&[u8]> {
        match self {
            Self::String(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The elements, if it is an array.
    #[must_use]
    pub fn array(&self) -> Option<&[Node]> {
        match self {
            Self::Array(nodes) => Some(nodes),
            _ => None,
        }
    }

    /// The dictionary, if it is one.
    #[must_use]
    pub fn dictionary(&self) -> Option<&Dictionary> {
        match self {
            Self::Dictionary(dictionary) => Some(dictionary),
            _ => None,
        }
    }

    /// What it refers to, if it is a reference.
    #[must_use]
    pub fn reference(&self) -> Option<ObjectId> {
        match self {
            Self::Reference(id) => Some(*id),
            _ => None,
        }
    }
}

/// A dictionary in the order it was written.
///
/// Two dictionaries are equal when they hold the same entries in whatever order.
#[derive(Debug, Clone, Default)]
pub struct Dictionary {
    pub(super) entries: Vec<(Vec<u8>, Node)>,
}

impl Dictionary {
    /// The value of a key; `null` is as good as absent (ISO 32000-1, 7.3.7).
    ///
    /// Of a key that stands twice it is the last one, as other readers have it; who changes or checks such a
    /// dictionary asks [`Self::has_duplicates`] or [`Self::is_ambiguous`] first.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<&Node> {
        let node = self
            .entries
            .iter()
            .rev()
            .find(|(name, _)| name == key)
            .map(|(_, node)| node)?;
        (node.value != Value::Null).then_some(node)
    }

    /// Whether a key stands twice, which the standard forbids and readers resolve differently.
    #[must_use]
    pub fn has_duplicates(&self) -> bool {
        let mut keys: Vec<_> = self.entries.iter().map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// Whether a key stands twice whose value matters.
    ///
    /// TCPDF writes `/PageMode` twice into the catalog of every document that has outlines. It says what a reader opens
    /// beside the pages (ISO 32000-1, 7.7.2) and nothing of what they show.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        let mut keys: Vec<_> = self.entries.iter().map(|(key, _)| key.as_slice()).collect();
        keys.retain(|key| *key != b"PageMode");
        keys.sort_unstable();
        keys.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// Every value of a key, in the order they were written.
    pub fn all<'d>(&'d self, key: &'d [u8]) -> impl Iterator<Item = &'d Node> {
        self.iter()
            .filter(move |(name, _)| *name == key)
            .map(|(_, node)| node)
    }

    /// Whether `/Type` is this.
    #[must_use]
    pub fn is_type(&self, name: &[u8]) -> bool {
        self.get(b"Type").and_then(|node| node.value.name()) == Some(name)
    }

    /// Keys and values in the order they were written.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Node)> {
        self.entries.iter().map(|(key, node)| (key.as_slice(), node))
    }

    fn sorted(&self) -> Vec<&(Vec<u8>, Node)> {
        let mut entries: Vec<_> = self
            .entries
            .iter()
            .filter(|(_, node)| node.value != Value::Null)
            .collect();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        entries
    }
}

impl PartialEq for Dictionary {
    fn eq(&self, other: &Self) -> bool {
        self.sorted() == other.sorted()
    }
}
