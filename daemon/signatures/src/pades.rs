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
//! let algorithm = SignatureAlgorithm::RsaPkcs1(Hash::Sha256);
//! let request = PadesRequest {
//!     reason: Some("Phê duyệt"),
//!     location: Some("Hà Nội"),
//!     ..PadesRequest::new(&certificate, algorithm, now)
//! };
//! let prepared = prepare(pdf, &request)?;
//! let signature = token(prepared.to_be_signed());
//! let signed = prepared.finish(signature)?;
//! # Ok(signed)
//! # }
//! ```

mod appearance;
mod archive;
mod augment;
mod byte_range;
mod changes;
mod dictionary;
mod drawings;
mod field;
mod findings;
mod font;
mod form;
mod lock;
mod permissions;
mod placement;
mod seed;
mod store;
mod time_stamp;
mod verify;

use time::{OffsetDateTime, UtcOffset};

use crate::algorithm::{Hash, Hasher, SignatureAlgorithm, SignatureValue};
use crate::certificate::Certificate;
use crate::cms::{self, Content, PrepareError, PreparedCms};
use crate::pdf::{Document, Ended, Limits, PdfError, Source, Splices, Update};
use crate::signing::{FinishError, Prepared};

pub use appearance::{
    Align, Appearance, AppearanceError, Colour, MAX_PICTURE, Mark, Picture, PictureError, TextStyle,
};
pub use augment::{PadesDocument, TIME_STAMP_ROOM, end_of};
pub use drawings::Drawings;
pub use lock::FieldLock;
pub use permissions::Allowed;
pub use placement::{Corner, PageChoice, Place, Side};
pub use store::add_validation_data;
pub use time_stamp::{AppendedTimeStamp, PreparedTimeStamp, append_time_stamp, prepare_time_stamp};
pub use verify::{verify, verify_source, verify_within};

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
    /// What was drawn for other documents; saves time where appearances are alike, and changes nothing else.
    pub drawings: Option<&'a Drawings>,
    /// Which field is signed.
    pub field: FieldChoice<'a>,
    /// Makes this the author's certification: what may be done to the document afterwards.
    pub certify: Option<Allowed>,
    /// Which fields nobody may fill in or sign afterwards; for new fields only, others bring their lock.
    pub lock: Option<&'a FieldLock>,
    /// Bytes that are kept free in the signature for what is put into it later, mostly a time-stamp.
    pub extra_room: usize,
    /// More is going to be appended to what is signed: validation data, a document time-stamp. [`check`] refuses what
    /// can be signed, but not appended to after that.
    pub goes_on: bool,
}

/// Which field is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldChoice<'a> {
    /// A new one of this name; if absent, `Signature` and the first number that is free.
    New(Option<&'a str>),
    /// One that is there and not signed, by its full name.
    Existing(&'a str),
}

impl<'a> PadesRequest<'a> {
    /// An invisible signature in a new field that says nothing but who and when.
    #[must_use]
    pub fn new(signer: &'a Certificate, algorithm: SignatureAlgorithm, signing_time: OffsetDateTime) -> Self {
        Self {
            signer,
            chain: &[],
            algorithm,
            signing_time,
            reason: None,
            location: None,
            appearance: None,
            drawings: None,
            field: FieldChoice::New(None),
            certify: None,
            lock: None,
            extra_room: 0,
            goes_on: false,
        }
    }
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
    /// The field that is there has a lock of its own, or none; it is its author's choice.
    #[error("a field that is there keeps its own lock")]
    FieldLocks,
    /// The form has a field of this name already, or it is none: empty, too long, or with a full stop.
    #[error("the field name cannot be used")]
    FieldName,
    /// The field that is there is signed in its own place, and no other can be asked for.
    #[error("the field has a place of its own")]
    FieldPlace,
    /// The field has a signature.
    #[error("the field is signed already")]
    FieldSigned,
    /// The form has no field of this name, which is to be locked.
    #[error("the document has no field \"{0}\" to lock")]
    NoFieldToLock(String),
    /// The form has no signature field of this name, or more than one.
    #[error("the document has no such signature field")]
    NoSuchField,
    /// The document has signatures; only the first can certify it (ISO 32000-1, 12.8.2.2).
    #[error("the document is signed already and cannot be certified")]
    NotFirst,
    /// The document cannot be read, or must not be changed.
    #[error(transparent)]
    Pdf(#[from] PdfError),
    /// The author of the field asks for something that this signature would not have: which entry of its seed values.
    #[error("the signature field asks for another {0}")]
    SeedValue(&'static str),
    /// Reason or place are longer than 1024 characters.
    #[error("the reason or the place is too long")]
    TextTooLong,
}

/// A PDF with a place for its signature.
#[derive(Debug)]
pub struct PreparedPades {
    document: Vec<u8>,
    appended: AppendedPades,
}

/// What is appended to a PDF to sign it, with a place for the signature.
#[derive(Debug)]
pub struct AppendedPades {
    update: Vec<u8>,
    /// The hexadecimal digits in it, without the brackets.
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
pub fn prepare(document: Vec<u8>, request: &PadesRequest<'_>) -> Result<PreparedPades, PadesError> {
    let hasher = request.algorithm.hash().hasher();
    let read = Document::open(&document, Limits::default())?;
    let appended = append(&read, request, hasher, 0)?;
    drop(read);
    Ok(PreparedPades { document, appended })
}

/// As [`prepare`], for a document that is not in memory: of it little more is held than the objects that the signature
/// touches, and [`Prepared::finish`] gives what is to be appended to it.
///
/// Who has hashed the whole document already gives the hash as `begun`; it is not hashed again then, if the hash is that
/// of the request's algorithm.
///
/// # Errors
/// [`PadesError`]
pub fn prepare_append(
    document: &dyn Source,
    begun: Option<(Hash, Hasher)>,
    request: &PadesRequest<'_>,
) -> Result<AppendedPades, PadesError> {
    let read = Document::open_source(document, Limits::default())?;
    let hash = request.algorithm.hash();
    let (hasher, hashed) = match begun {
        Some((begun, hasher)) if begun == hash => (hasher, read.size()),
        _ => (hash.hasher(), 0),
    };
    append(&read, request, hasher, hashed)
}

/// Whether a document can be prepared, without hashing it; and whether [`verify`] would still look at all its signatures
/// with one more.
///
/// # Errors
/// As [`prepare`]; [`PdfError::TooMany`] and its like where a bound would be passed.
pub fn check(document: &dyn Source, request: &PadesRequest<'_>) -> Result<(), PadesError> {
    let read = Document::open_source(document, Limits::default())?;
    let (mut update, place) = update_of(&read, request)?;
    if request.goes_on {
        changes::check_later(&read)?;
    }
    if !changes::has_signatures(&read)? {
        return Ok(());
    }
    place.fill_byte_range(read.size(), &mut update);
    drop(read);
    let signed = Ended {
        base: document,
        end: &update,
    };
    let signed = Document::open_source(&signed, Limits::default())?;
    let bounds = verify::check_bounds(&signed);
    signed.check_readable()?;
    Ok(bounds?)
}

/// Whether more can be added to a document once it is signed, as [`PadesRequest::goes_on`] wants it: another signature, a
/// time-stamp.
///
/// # Errors
/// [`PdfError`] of what cannot be read, and so might refer to anything.
pub fn check_later(document: &dyn Source) -> Result<(), PdfError> {
    changes::check_later(&Document::open_source(document, Limits::default())?)
}

fn append(
    document: &Document<'_>,
    request: &PadesRequest<'_>,
    mut hasher: Hasher,
    hashed: usize,
) -> Result<AppendedPades, PadesError> {
    let (mut update, place) = update_of(document, request)?;
    let base = document.size();
    let contents = place.fill_byte_range(base, &mut update);
    document.hash(hashed..base, &mut hasher)?;
    // The brackets of the string are not signed (ISO 32000-1, 12.8.1: the gap is the whole value of /Contents).
    hasher.update(&update[..contents.start - 1]);
    hasher.update(&update[contents.end + 1..]);
    let cms = cms::prepare(&cms::Request {
        content: Content::Detached {
            digest: hasher.finalize(),
        },
        signer: request.signer,
        chain: request.chain,
        algorithm: request.algorithm,
        signing_time: None,
    })?;
    Ok(AppendedPades {
        update,
        contents,
        cms,
    })
}

/// The bytes to append, and where in the new file the signature goes.
fn update_of(
    document: &Document<'_>,
    request: &PadesRequest<'_>,
) -> Result<(Vec<u8>, dictionary::Place), PadesError> {
    check_texts(request)?;
    let reserved = cms::reserved_len(request.signer, request.chain, request.algorithm)? + request.extra_room;
    let update = build_update(document, request, reserved);
    document.check_readable()?;
    update
}

fn check_texts(request: &PadesRequest<'_>) -> Result<(), PadesError> {
    let too_long = |text: Option<&str>| text.is_some_and(|text| text.chars().count() > MAX_TEXT);
    if too_long(request.reason) || too_long(request.location) {
        return Err(PadesError::TextTooLong);
    }
    let bad_name = |name: &str| name.is_empty() || name.contains('.');
    match request.field {
        FieldChoice::New(name) if too_long(name) || name.is_some_and(bad_name) => Err(PadesError::FieldName),
        _ => Ok(()),
    }?;
    Ok(())
}

fn build_update(
    document: &Document<'_>,
    request: &PadesRequest<'_>,
    reserved: usize,
) -> Result<(Vec<u8>, dictionary::Place), PadesError> {
    document.check_references()?;
    permissions::check(document)?;
    changes::check_comparable(document)?;
    let mut update = Update::new(document)?;
    let mut splices = Splices::default();
    let signature = update.reserve();
    if request.certify.is_some() {
        permissions::certify(document, &mut splices, signature)?;
    }
    let claimed = field::claim(document, &mut update, &mut splices, request, signature)?;
    splices.finish(&mut update);
    let catalog = document.catalog()?.id;
    let place = dictionary::add(&mut update, request, &claimed, catalog, signature, reserved)?;
    Ok((update.finish(document)?, place))
}

impl Prepared for PreparedPades {
    fn to_be_signed(&self) -> &[u8] {
        self.appended.to_be_signed()
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.appended.algorithm()
    }

    fn finish(self, signature: SignatureValue) -> Result<Vec<u8>, FinishError> {
        let mut document = self.document;
        let update = self.appended.finish(signature)?;
        document.reserve_exact(update.len());
        document.extend_from_slice(&update);
        Ok(document)
    }
}

impl Prepared for AppendedPades {
    fn to_be_signed(&self) -> &[u8] {
        self.cms.to_be_signed()
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.cms.algorithm()
    }

    fn finish(self, signature: SignatureValue) -> Result<Vec<u8>, FinishError> {
        let Self {
            mut update,
            contents,
            cms,
        } = self;
        let cms = cms.finish(signature)?;
        let (needed, reserved) = (cms.len(), contents.len() / 2);
        if needed > reserved {
            return Err(FinishError::NoRoom { needed, reserved });
        }
        // The rest of the place keeps its zeros, which every reader takes as padding.
        let digits = &mut update[contents.start..contents.start + 2 * needed];
        hex::encode_to_slice(&cms, digits).expect("two digits a byte");
        Ok(update)
    }
}
