//! Reading a PDF strictly, and appending to it (ISO 32000-1, clause 7).
//!
//! Who signs must not guess: a file whose cross-references need repair means one thing to this reader and another to
//! the next. So nothing is repaired here; a file is understood as the standard says, or refused with a [`PdfError`].
//!
//! Every object is parsed together with the byte span it came from. Changed dictionaries are spliced from those bytes
//! and never written anew, so that numbers, order and unknown keys survive as they were; and an [`Update`] is only ever
//! appended, so that earlier signatures keep the bytes they cover.

mod document;
mod error;
mod filter;
mod lexer;
mod lzw;
mod matrix;
mod object;
mod object_stream;
mod operators;
mod page_text;
mod pages;
mod painted;
mod parser;
mod section;
mod source;
mod splice;
mod text;
mod update;

pub use document::{Document, Located, Location};
pub use error::{Limits, PdfError};
pub use object::{Dictionary, Node, ObjectId, Value};
pub use page_text::PageText;
pub(crate) use page_text::Programs;
pub use pages::{Page, Pages, Rotation};
pub(crate) use painted::{Area, common, painted};
pub use section::{Entry, Section, SectionKind};
pub use source::{Ended, Pieces, Source};
pub use splice::{Splice, Splices};
pub use text::{date, decode_text_string, parse_date, text_string};
pub use update::Update;
