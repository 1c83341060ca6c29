//! PAdES baseline B-B (ETSI EN 319 142-1): a CAdES signature inside the PDF it signs.
//!
//! A signature is an incremental update: a new signature field with its dictionary, and the objects that have to name
//! it (the page's `/Annots`, the form's `/Fields`, the catalog). The bytes that were there stay where they were, so
//! earlier signatures stay valid. The signature covers the whole file but the hexadecimal string it stands in.
//!
//! ```
//! use trien_signatures::algorithm::{Hash, SignatureAlgorithm, SignatureValue};
//! use trien_signatures::certificate::Certificate;
//! use trien_signatures::pades::{PadesRequest, prepare};
//! use trien_signatures::signing::Prepared;
//!
//! # fn sign(
//! #     pdf: Vec<u8>,
//! #     certificate: Certificate,
//! #     now: time::OffsetDateTime,
//! #     token: impl Fn(&[u8]) -> SignatureValue,
//! # ) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
//! let request = PadesRequest {
//!     signer: &certificate,
//!     chain: &[],
//!     algorithm: SignatureAlgorithm::RsaPkcs1(Hash::Sha256),
//!     signing_time: now,
//!     reason: Some("Phê duyệt"),
//!     location: Some("Hà Nội"),
//!     appearance: None,
//!     field_name: None,
//! };
//! let prepared = prepare(pdf, &request)?;
//! let signature = token(prepared.to_be_signed());
//! let signed = prepared.finish(signature)?;
//! # Ok(signed)
//! # }
//! ```

mod appearance;
mod byte_range;
mod changes;
mod dictionary;
mod field;
mod font;
mod form;
mod lock;
mod permissions;
mod verify;

use time::{OffsetDateTime, UtcOffset};

use crate::algorithm::{SignatureAlgorithm, SignatureValue};
use crate::certificate::Certificate;
use crate::cms::{self, Content, PrepareError, PreparedCms};
use crate::pdf::{Document, Limits, PdfError, Update};
use crate::signing::{FinishError, Prepared};

pub use appearance::{Appearance, AppearanceError, Mark};
pub use verify::verify;

/// The time zone of signing times: Việt Nam knows no other, whatever the machine is set to.
const VIETNAM: UtcOffset = match UtcOffset::from_hms(7, 0, 0) {
    Ok(offset) => offset,
    Err(_) => panic!("seven hours are an offset"),
};

/// Characters of a reason, a place or a field name.
const MAX_TEXT: usize = 1024;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct PadesRequest<'a> {
    /// Whose signature it will be.
    pub signer: &'a Certificate,
    /// The certificates up to the root, as far as they are to go with it.
    pub chain: &'a [Certificate],
    /// With what.
    pub algorithm: SignatureAlgorithm,
    /// Goes into `/M`, in the time of Việt Nam, whole seconds.
    pub signing_time: OffsetDateTime,
    /// Why it is signed.
    pub reason: Option<&'a str>,
    /// Where it is signed.
    pub location: Option<&'a str>,
    /// What is seen of it; nothing if absent.
    pub appearance: Option<&'a Appearance>,
    /// The name of the new field; if absent, `Signature` and the first number that is free.
    pub field_name: Option<&'a str>,
}

/// Why a document cannot be prepared.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PadesError {
    /// The signature cannot be shown as asked.
    #[error(transparent)]
    Appearance(#[from] AppearanceError),
    /// No signature with this certificate and algorithm.
    #[error(transparent)]
    Cms(#[from] PrepareError),
    /// The form has a field of this name already, or it is none: empty, too long, or with a full stop.
    #[error("the field name cannot be used")]
    FieldName,
    /// The document cannot be read, or must not be changed.
    #[error(transparent)]
    Pdf(#[from] PdfError),
    /// Reason or place are longer than 1024 characters.
    #[error("the reason or the place is too long")]
    TextTooLong,
}

/// A PDF with a place for its signature.
#[derive(Debug)]
pub struct PreparedPades {
    document: Vec<u8>,
    /// The hexadecimal digits, without the brackets.
    contents: std::ops::Range<usize>,
    cms: PreparedCms,
}

/// Adds a signature field and prepares the signature over everything else.
///
/// The document is taken as it is and grown at its end; there is no second copy. Limits are those of
/// [`Limits::default`].
///
/// # Errors
/// [`PadesError`]
pub fn prepare(mut document: Vec<u8>, request: &PadesRequest<'_>) -> Result<PreparedPades, PadesError> {
    check_texts(request)?;
    let reserved = cms::reserved_len(request.signer, request.chain, request.algorithm)?;
    let (update, place) = build_update(&document, request, reserved)?;
    document.reserve_exact(update.len());
    document.extend_from_slice(&update);
    drop(update);
    let contents = place.fill_byte_range(&mut document);

    let mut hasher = request.algorithm.hash().hasher();
    // The brackets of the string are not signed (ISO 32000-1, 12.8.1: the gap is the whole value of /Contents).
    hasher.update(&document[..contents.start - 1]);
    hasher.update(&document[contents.end + 1..]);
    let cms = cms::prepare(&cms::Request {
        content: Content::Detached {
            digest: hasher.finalize(),
        },
        signer: request.signer,
        chain: request.chain,
        algorithm: request.algorithm,
        signing_time: None,
    })?;
    Ok(PreparedPades {
        document,
        contents,
        cms,
    })
}

fn check_texts(request: &PadesRequest<'_>) -> Result<(), PadesError> {
    let too_long = |text: Option<&str>| text.is_some_and(|text| text.chars().count() > MAX_TEXT);
    if too_long(request.reason) || too_long(request.location) {
        return Err(PadesError::TextTooLong);
    }
    let bad_name = |name: &str| name.is_empty() || name.contains('.');
    if too_long(request.field_name) || request.field_name.is_some_and(bad_name) {
        return Err(PadesError::FieldName);
    }
    Ok(())
}

fn build_update(
    bytes: &[u8],
    request: &PadesRequest<'_>,
    reserved: usize,
) -> Result<(Vec<u8>, dictionary::Place), PadesError> {
    let document = Document::open(bytes, Limits::default())?;
    document.check_references()?;
    permissions::check(&document)?;
    if request.appearance.is_some() && permissions::certification(&document)?.is_some() {
        return Err(AppearanceError::Certified.into());
    }
    let mut update = Update::new(&document)?;
    let signature = update.reserve();
    field::add(&document, &mut update, request, signature)?;
    let place = dictionary::add(&mut update, request, signature, reserved)?;
    Ok((update.finish(&document)?, place))
}

impl Prepared for PreparedPades {
    fn to_be_signed(&self) -> &[u8] {
        self.cms.to_be_signed()
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.cms.algorithm()
    }

    fn finish(self, signature: SignatureValue) -> Result<Vec<u8>, FinishError> {
        let Self {
            mut document,
            contents,
            cms,
        } = self;
        let cms = cms.finish(signature)?;
        let (needed, reserved) = (cms.len(), contents.len() / 2);
        if needed > reserved {
            return Err(FinishError::NoRoom { needed, reserved });
        }
        // The rest of the place keeps its zeros, which every reader takes as padding.
        let digits = &mut document[contents.start..contents.start + 2 * needed];
        hex::encode_to_slice(&cms, digits).expect("two digits a byte");
        Ok(document)
    }
}
