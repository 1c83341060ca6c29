//! Templates: where a signature goes and what it covers, as data (TOML), so that a new kind of document is a file and
//! no new code.

use serde::Deserialize;

use super::algorithms::ENVELOPED;
use super::key_info::KeyInfoPart;
use crate::algorithm::Hash;
use crate::xml::{Canonicalization, is_nc_name};

/// The longest template that is read, in bytes.
const MAX_LEN: usize = 64 * 1024;

/// References of one template.
const MAX_REFERENCES: usize = 16;

/// Steps of one path.
const MAX_STEPS: usize = 32;

/// How documents of one kind are signed.
///
/// A path is the names of elements from the document element downwards, without prefixes (`{namespace}name` to have the
/// namespace looked at, `*` for any name). A path may also begin further down, at an element of its first name: an invoice
/// inside an envelope is signed as by itself. It has to lead to one element only.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// What people read in a list.
    pub title: Title,
    /// The element that the signature becomes the last child of.
    pub place: Vec<String>,
    /// Whether the last elements of `place` are made where they are missing, in the namespace of what they are made in.
    #[serde(default)]
    pub create: bool,
    /// URI of the method for SignedInfo.
    pub canonicalization: String,
    /// The hash function of the references; that of the signature, if none is named.
    #[serde(default)]
    pub digest: Option<DigestMethod>,
    /// The Id of the Signature.
    #[serde(default)]
    pub signature_id: SignatureId,
    /// What KeyInfo has; the certificate is among it, else nobody could check the signature.
    #[serde(default = "certificates")]
    pub key_info: Vec<KeyInfoPart>,
    /// What is signed.
    #[serde(rename = "reference")]
    pub references: Vec<Reference>,
    /// The time of signing as a signed object.
    #[serde(default)]
    pub signing_time: Option<SigningTimeObject>,
}

fn certificates() -> Vec<KeyInfoPart> {
    vec![KeyInfoPart::Certificate, KeyInfoPart::Chain]
}

/// Hash functions of references. SHA-1 is for checking what is old, not for signing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DigestMethod {
    /// `"sha256"`
    Sha256,
    /// `"sha384"`
    Sha384,
    /// `"sha512"`
    Sha512,
}

impl From<DigestMethod> for Hash {
    fn from(method: DigestMethod) -> Self {
        match method {
            DigestMethod::Sha256 => Self::Sha256,
            DigestMethod::Sha384 => Self::Sha384,
            DigestMethod::Sha512 => Self::Sha512,
        }
    }
}

/// How a Signature gets its Id.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum SignatureId {
    /// `true`: one that the document does not have; `false`: none.
    Made(bool),
    /// This one. Where the document has it, as with a second signer: with the first of `-2`, `-3`, … behind it that it
    /// does not have.
    Named(String),
}

impl Default for SignatureId {
    fn default() -> Self {
        Self::Made(false)
    }
}

/// A title in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Title {
    /// Vietnamese
    pub vi: String,
    /// English
    pub en: String,
}

/// One reference.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// What it points to.
    pub target: ReferenceTarget,
    /// The Id that the element gets if it has none.
    #[serde(default)]
    pub id: Option<String>,
    /// The attribute that Id goes into.
    #[serde(default)]
    pub id_attribute: IdAttribute,
    /// URIs of the transforms, in their order.
    #[serde(default)]
    pub transforms: Vec<String>,
    /// Passed over, without an error, where the document has no such element.
    #[serde(default)]
    pub optional: bool,
}

/// The names that Ids go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum IdAttribute {
    /// `Id`
    #[default]
    Id,
    /// `ID`
    ID,
    /// `id`
    #[serde(rename = "id")]
    Lower,
}

impl IdAttribute {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Id => "Id",
            Self::ID => "ID",
            Self::Lower => "id",
        }
    }
}

/// What a reference points to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum ReferenceTarget {
    /// `"document"`: all of it, URI `""`.
    Document(WholeDocument),
    /// The element at this path, by its Id.
    Element(Vec<String>),
}

/// The word for a whole document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WholeDocument {
    /// `"document"`
    Document,
}

/// The object with the time of signing: `Object/SignatureProperties/SignatureProperty/SigningTime`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningTimeObject {
    /// How the time is written.
    pub format: TimeFormat,
}

/// Forms of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeFormat {
    /// `2026-11-28T20:00:00`, the time in Việt Nam without its zone, as the e-invoice has it.
    Local,
    /// `2026-11-28T20:00:00+07:00`
    Zoned,
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// Longer than 64 KiB.
    #[error("{0} bytes are too long for a template")]
    TooLong(usize),
    /// Not TOML, or not the fields of a template.
    #[error("not a template: {0}")]
    Malformed(String),
    /// A path that is empty, too long, or has a step that is no name.
    #[error("not a path of element names: {0}")]
    Path(String),
    /// No reference, or more than 16.
    #[error("a template has 1 to 16 references, this one {0}")]
    References(usize),
    /// A canonicalisation method that is not known here.
    #[error("unknown canonicalisation method: {0}")]
    Canonicalization(String),
    /// A transform that is not allowed here.
    #[error("unknown transform, or one in the wrong place: {0}")]
    Transform(String),
    /// A reference whose element the signature stands in has no enveloped-signature transform: it would sign itself.
    #[error("a reference covers the signature itself and lacks the enveloped-signature transform")]
    SignsItself,
    /// An Id that is no `NCName`.
    #[error("not an Id: {0}")]
    Id(String),
    /// A time of signing is a property of the signature, and names it by its Id.
    #[error("a time of signing in a signature that gets no Id")]
    SigningTime,
    /// KeyInfo without the signer's certificate.
    #[error("KeyInfo without the signer's certificate")]
    KeyInfo,
}

const BUILT_IN: [(&str, &str); 8] = [
    ("general", include_str!("../../templates/general.toml")),
    (
        "tax-declaration",
        include_str!("../../templates/tax-declaration.toml"),
    ),
    (
        "tax-registration",
        include_str!("../../templates/tax-registration.toml"),
    ),
    ("e-invoice", include_str!("../../templates/e-invoice.toml")),
    (
        "e-invoice-buyer",
        include_str!("../../templates/e-invoice-buyer.toml"),
    ),
    (
        "e-invoice-tax-authority",
        include_str!("../../templates/e-invoice-tax-authority.toml"),
    ),
    (
        "e-invoice-notice",
        include_str!("../../templates/e-invoice-notice.toml"),
    ),
    (
        "e-invoice-notice-tax-authority",
        include_str!("../../templates/e-invoice-notice-tax-authority.toml"),
    ),
];

impl Template {
    /// Names of the templates that are built in.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// One of those that are built in.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let (_, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
        Some(Self::read(text).expect("the templates that are built in are tested"))
    }

    /// Reads and checks a template.
    ///
    /// # Errors
    /// [`TemplateError`]
    pub fn read(text: &str) -> Result<Self, TemplateError> {
        if text.len() > MAX_LEN {
            return Err(TemplateError::TooLong(text.len()));
        }
        let template: Self =
            toml::from_str(text).map_err(|error| TemplateError::Malformed(error.message().to_owned()))?;
        template.check()?;
        Ok(template)
    }

    fn check(&self) -> Result<(), TemplateError> {
        check_path(&self.place)?;
        // What has no name cannot be made.
        if self.create && self.place.len() > 1 && self.place.ends_with(&["*".to_owned()]) {
            return Err(TemplateError::Path(self.place.join("/")));
        }
        if Canonicalization::from_uri(&self.canonicalization).is_none() {
            return Err(TemplateError::Canonicalization(self.canonicalization.clone()));
        }
        if self.references.is_empty() || self.references.len() > MAX_REFERENCES {
            return Err(TemplateError::References(self.references.len()));
        }
        if !self.key_info.contains(&KeyInfoPart::Certificate) {
            return Err(TemplateError::KeyInfo);
        }
        if let SignatureId::Named(id) = &self.signature_id
            && !is_nc_name(id)
        {
            return Err(TemplateError::Id(id.clone()));
        }
        if self.signing_time.is_some() && self.signature_id == SignatureId::Made(false) {
            return Err(TemplateError::SigningTime);
        }
        for reference in &self.references {
            let surrounds = match &reference.target {
                ReferenceTarget::Document(_) => true,
                ReferenceTarget::Element(path) => {
                    check_path(path)?;
                    self.place.starts_with(path)
                }
            };
            check_transforms(&reference.transforms)?;
            let enveloped = reference.transforms.first().is_some_and(|uri| uri == ENVELOPED);
            if surrounds && !enveloped {
                return Err(TemplateError::SignsItself);
            }
            if let Some(id) = reference.id.as_ref().filter(|id| !is_nc_name(id)) {
                return Err(TemplateError::Id(id.clone()));
            }
        }
        Ok(())
    }
}

/// `enveloped-signature` first, then one canonicalisation, each at most once.
fn check_transforms(transforms: &[String]) -> Result<(), TemplateError> {
    let mut rest = transforms.iter().peekable();
    rest.next_if(|uri| *uri == ENVELOPED);
    rest.next_if(|uri| Canonicalization::from_uri(uri).is_some());
    rest.next()
        .map_or(Ok(()), |uri| Err(TemplateError::Transform(uri.clone())))
}

fn check_path(path: &[String]) -> Result<(), TemplateError> {
    let good =
        |step: &String| step == "*" || is_nc_name(step.rsplit_once('}').map_or(step, |(_, local)| local));
    if path.is_empty() || path.len() > MAX_STEPS || !path.iter().all(good) {
        return Err(TemplateError::Path(path.join("/")));
    }
    Ok(())
}
