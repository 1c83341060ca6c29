//! What can be wrong with a file, and how much of it is looked at.

/// Why a file is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PdfError {
    /// The objects of a cross-reference table and of its stream say different things about one object
    /// (ISO 32000-1, 7.5.8.4).
    #[error("the two cross-references of a hybrid file disagree about object {0}")]
    AmbiguousHybrid(u32),
    /// One cross-reference section names an object twice.
    #[error("object {0} stands twice in one cross-reference section")]
    DuplicateObject(u32),
    /// The file is encrypted (ISO 32000-1, 7.6), be it with an empty password.
    #[error("the document is encrypted")]
    Encrypted,
    /// A signature in the document has locked the field that would be signed (ISO 32000-1, 12.7.4.5, table 233).
    #[error("an earlier signature has locked the field")]
    FieldLocked,
    /// The tree of form fields runs in a circle.
    #[error("the form fields form a loop")]
    FormLoop,
    /// Something other than white space stands before `%PDF-`.
    #[error("{0} bytes stand before the PDF header")]
    LeadingBytes(usize),
    /// The author's certification allows no change at all (DocMDP, P = 1; ISO 32000-1, 12.8.2.2).
    #[error("the document is certified and must not be changed")]
    Locked,
    /// The bytes at this offset are not what the standard has there.
    #[error("malformed at byte {0}")]
    Malformed(usize),
    /// A needed object is missing or of another kind.
    #[error("{0} is missing or of the wrong kind")]
    Missing(&'static str),
    /// There is no page.
    #[error("the document has no pages")]
    NoPages,
    /// There is no `%PDF-`.
    #[error("this is not a PDF document")]
    NotPdf,
    /// Fewer pages than asked for.
    #[error("page {page} does not exist, the document has {pages}")]
    PageOutOfRange {
        /// The page asked for, counted from 1.
        page: u32,
        /// How many there are.
        pages: u32,
    },
    /// The page tree runs in a circle.
    #[error("the page tree forms a loop")]
    PageTreeLoop,
    /// Arrays and dictionaries nest deeper than [`Limits::depth`].
    #[error("objects nest too deep")]
    TooDeep,
    /// More bytes than [`Limits::document`].
    #[error("the document has more than {limit} bytes")]
    TooLarge {
        /// Bytes allowed.
        limit: usize,
    },
    /// More than one of the counts in [`Limits`].
    #[error("the document has too many {0}")]
    TooMany(&'static str),
    /// Something other than white space follows the last `%%EOF`.
    #[error("{0} bytes follow the end of the PDF document")]
    TrailingBytes(usize),
    /// The end is missing.
    #[error("the document is cut off")]
    Truncated,
    /// The bytes of the document could not be had from where they are.
    #[error("the document cannot be read: {0}")]
    Unreadable(std::io::ErrorKind),
    /// A cross-reference or object stream uses a filter that is not read here.
    #[error("a filter is not supported")]
    UnsupportedFilter,
    /// The cross-references lead somewhere else than to the objects they name; the file needs repair.
    #[error("the cross-references are damaged at byte {0}")]
    XrefDamaged(usize),
    /// The chain of cross-reference sections runs in a circle.
    #[error("the cross-reference sections form a loop")]
    XrefLoop,
}

/// How much is looked at before a file is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the document.
    pub document: usize,
    /// Nesting of arrays and dictionaries; no producer comes near it.
    pub depth: usize,
    /// Values in one indirect object.
    pub values: usize,
    /// Entries of all cross-reference sections together.
    pub entries: usize,
    /// Cross-reference sections.
    pub sections: usize,
    /// Bytes that all cross-reference and object streams together may inflate to; the content of pages, of which nothing is
    /// kept, may come to four times as many.
    pub inflated: usize,
    /// Nodes of the page tree, and fields of the form.
    pub nodes: usize,
    /// How much may be read in all, in bytes, above four times the document. Objects may be asked for again and again;
    /// a value counts as eight bytes more than it has, for the time it takes.
    pub work: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            document: 256 << 20,
            depth: 100,
            values: 500_000,
            entries: 1_000_000,
            sections: 1_000,
            inflated: 64 << 20,
            nodes: 100_000,
            work: 256 << 20,
        }
    }
}
