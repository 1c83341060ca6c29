//! What is told of a document: what of it is signed, what came later, and what a PDF would do by itself.

use serde::{Deserialize, Serialize};

/// Something in a PDF that acts, or that is more than the pages show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// How often it is there.
    pub count: u32,
    /// The number of the first object with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<u32>,
}

/// What is found in a PDF beside its pages; clauses of ISO 32000-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    /// A script (12.6.4.16)
    #[serde(rename = "javascript")]
    JavaScript,
    /// Something is done when the document is opened (`/OpenAction`, 7.7.2) that is more than to show a page
    OpenAction,
    /// Something is done on other occasions (`/AA`, 12.6.3)
    AdditionalActions,
    /// A program or file is started (12.6.4.5)
    Launch,
    /// What is filled in is sent away (12.7.5.2)
    SubmitForm,
    /// What is filled in comes from a file (12.7.5.4)
    ImportData,
    /// An address is opened, as by a link to a page of the Internet (12.6.4.7)
    Uri,
    /// Another document is opened, which lies elsewhere (12.6.4.3; a thread of one, 12.6.4.6)
    GoToRemote,
    /// A document within this one is opened, or one that this one is within (12.6.4.4)
    GoToEmbedded,
    /// Layers or fields are shown or hidden (12.6.4.10, 12.6.4.12)
    ChangesShown,
    /// A form that is drawn by rules of its own, which another reader does not show (12.7.8)
    Xfa,
    /// Film, sound or a space to walk in (clause 13)
    RichMedia,
    /// A file in the document, or one that is named outside of it with its content here (7.11.4)
    EmbeddedFile,
    /// A layer that is not always shown: off at first, on the screen and not on paper or the other way round, or only
    /// when others are off (8.11)
    HiddenLayer,
    /// An annotation that paints over letters of the page or a quarter of it, and is no signature (12.5.5)
    CoveringAnnotation,
    /// A field that shows something other than its value (12.7.3)
    FieldAppearance,
    /// What a page, an annotation or a field is drawn with, or a part of the document itself, is an object that is not there
    /// (7.3.10): a later revision could bring it
    MissingObject,
    /// Letters or digits of a page that cannot be seen: in the colour of what they stand on, or painted by nothing and over no
    /// picture (8.6, 9.3.6)
    HiddenText,
    /// Letters or digits of a page that are copied, searched and read aloud as others than are shown (`/ToUnicode`, 9.10.3)
    OtherText,
    /// An object stands in the file once more where no cross-reference leads: a reader that repairs may take it (7.5.4)
    SecondBody,
    /// The file is a ZIP archive as well, which another program may open instead
    Archive,
    /// The file is a web page as well, which a browser may show instead
    WebPage,
    /// Not all of the document could be looked through.
    Unsearched,
}

/// Why somebody who signs a document has to know of a [`FindingKind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Concern {
    /// It acts, or brings something to act with.
    Acts,
    /// It leads somewhere else when it is clicked at, as links in any document do. What does so without a click is found as
    /// [`FindingKind::OpenAction`] or [`FindingKind::AdditionalActions`] as well.
    Leads,
    /// Not everybody has to see the same, or what is seen is not what is there.
    ShownOtherwise,
    /// Something is not there yet and may come later: what is signed now may look different then.
    MayCome,
    /// It is not known what there is.
    Unknown,
}

impl FindingKind {
    /// What it is about.
    #[must_use]
    pub const fn concern(self) -> Concern {
        match self {
            Self::JavaScript
            | Self::OpenAction
            | Self::AdditionalActions
            | Self::Launch
            | Self::SubmitForm
            | Self::ImportData
            | Self::GoToEmbedded
            | Self::Xfa
            | Self::RichMedia
            | Self::EmbeddedFile => Concern::Acts,
            Self::Uri | Self::GoToRemote => Concern::Leads,
            Self::ChangesShown
            | Self::HiddenLayer
            | Self::CoveringAnnotation
            | Self::FieldAppearance
            | Self::HiddenText
            | Self::OtherText
            | Self::SecondBody
            | Self::Archive
            | Self::WebPage => Concern::ShownOtherwise,
            Self::MissingObject => Concern::MayCome,
            Self::Unsearched => Concern::Unknown,
        }
    }
}

/// What a later revision of a PDF did to what is signed. Whether it is permitted (ISO 32000-1, 12.8.2.2; EN 319 142-1,
/// clause 5.5) is judged by what has become of the object in the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Change {
    /// The revision, from 1; absent for what is in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// What was changed.
    pub kind: ChangeKind,
    /// The number of the object, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<u32>,
    /// The page it is on, from 1, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// The full name of a field, or the keys that differ, with their slashes; at most 120 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether the signature leaves room for it.
    pub permitted: bool,
}

/// What a later revision changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChangeKind {
    /// Bytes after the last revision, or cross-references that do not go on from the signed ones
    Structure,
    /// A page: its content, resources or size
    PageContent,
    /// The annotations of a page, or one of them
    Annotation,
    /// A field that was there was filled in, or changed otherwise
    FormField,
    /// A field came
    FieldAdded,
    /// A field was signed
    SignatureAdded,
    /// A document time-stamp came
    TimeStampAdded,
    /// The form itself
    Form,
    /// Metadata or the information dictionary
    Metadata,
    /// The catalog, in what is none of the others
    Catalog,
    /// The document security store (EN 319 142-1, clause 5.4.2)
    ValidationData,
    /// A file in the document
    Attachment,
    /// Another object
    Object,
}

/// How much of a document is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Coverage {
    /// Whether it is all of it.
    pub whole: bool,
    /// Bytes that are signed.
    pub signed_bytes: u64,
    /// Bytes of the document, without the place of the signature itself.
    pub total_bytes: u64,
    /// For PDF: the revision that is signed, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// For PDF: how many revisions the file has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revisions: Option<u32>,
}

impl Coverage {
    /// All of a document of this length.
    #[must_use]
    pub const fn whole(bytes: u64) -> Self {
        Self {
            whole: true,
            signed_bytes: bytes,
            total_bytes: bytes,
            revision: None,
            revisions: None,
        }
    }
}
