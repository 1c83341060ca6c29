//! Raising the level of the signatures in a PDF: B-B → B-T → B-LT → B-LTA (EN 319 142-1, clause 6).
//!
//! A signature's own time-stamp goes into its CMS, where room was kept for it and no later revision covers it; else a
//! document time-stamp proves its time as well.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::byte_range::{self, Covered};
use super::form::{self, is_time_stamp};
use super::time_stamp::{self, AppendedTimeStamp};
use super::{PadesError, store};
use crate::algorithm::Hash;
use crate::augment::{Augment, AugmentError, PreparedTimestamp, ToBeProven};
use crate::certificate::Certificate;
use crate::cms::{self, SignedData, edit, stamps};
use crate::material::ValidationMaterial;
use crate::pdf::{Document, Ended, Limits, PdfError, Source, Value};
use crate::report::TimestampKind;
use crate::signing::FinishError;
use crate::timestamp::{self, Imprint, TimestampToken};

/// Bytes that are kept free for a time-stamp token with its certificates.
pub const TIME_STAMP_ROOM: usize = 12 << 10;
/// By how much the next token of an authority may be larger than its last one.
const SPARE_ROOM: usize = 1 << 10;
/// Below this no token fits, and none is asked for.
const SMALLEST_ROOM: usize = 3 << 10;

/// The longest end of a document that is held so that a time-stamp can go into a signature there.
const MAX_END: usize = 8 << 20;

/// Where the end of a signed PDF begins that [`PadesDocument::open_end`] has to have in memory, so that a time-stamp can
/// go into its newest signature; its size, if none can, or if that end were longer than 8 MiB.
///
/// # Errors
/// [`AugmentError::NotSigned`] where it cannot be read.
pub fn end_of(document: &dyn Source) -> Result<u64, AugmentError> {
    let unreadable = |error: PdfError| AugmentError::NotSigned(error.to_string());
    let open = Document::open_source(document, Limits::default()).map_err(unreadable)?;
    let signatures = find(&open).map_err(unreadable)?;
    open.check_readable().map_err(unreadable)?;
    let size = open.size();
    let newest = signatures.iter().max_by_key(|signature| signature.covered.end);
    let start = newest
        .filter(|newest| newest.covered.end == size && !newest.is_time_stamp)
        .map(|newest| newest.covered.gap().start)
        .filter(|start| size - start <= MAX_END);
    Ok(start.unwrap_or(size) as u64)
}

/// A signed PDF whose level is raised.
#[derive(Clone)]
pub struct PadesDocument {
    file: Split,
    /// In the order they were made.
    signatures: Vec<Signature>,
    store: ValidationMaterial,
    /// When the material is said to have been added.
    at: time::OffsetDateTime,
}

/// A document in two parts: what stays as it is, and its end, which is in memory and changes.
#[derive(Clone)]
struct Split {
    base: Option<Arc<dyn Source + Send + Sync>>,
    tail: Vec<u8>,
}

impl Split {
    fn base_len(&self) -> usize {
        let size = self.base.as_ref().map_or(0, |base| base.size());
        usize::try_from(size).unwrap_or(usize::MAX)
    }

    fn len(&self) -> usize {
        self.base_len().saturating_add(self.tail.len())
    }

    fn open(&self) -> Result<Document<'_>, PdfError> {
        match &self.base {
            None => Document::open(&self.tail, Limits::default()),
            Some(_) => Document::open_source(self, Limits::default()),
        }
    }

    fn with(&self, update: &[u8]) -> Vec<u8> {
        [self.tail.as_slice(), update].concat()
    }
}

impl Source for Split {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let Some(base) = &self.base else {
            return self.tail.read_exact_at(buffer, offset);
        };
        let end = &self.tail;
        Ended { base: &**base, end }.read_exact_at(buffer, offset)
    }
}

impl std::fmt::Debug for PadesDocument {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PadesDocument")
            .field("len", &self.file.len())
            .field("signatures", &self.signatures)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone)]
struct Signature {
    covered: Covered,
    /// The whole value of `/Contents`.
    contents: Vec<u8>,
    /// Bytes of the CMS in it.
    cms_len: usize,
    is_time_stamp: bool,
}

impl Signature {
    fn cms(&self) -> &[u8] {
        &self.contents[..self.cms_len]
    }

    fn signed_data(&self) -> Option<SignedData> {
        SignedData::parse(self.cms()).ok()
    }
}

impl PadesDocument {
    /// Reads a document. `at` is the present, which goes beside the material that is added.
    ///
    /// # Errors
    /// [`AugmentError::NotSigned`]
    pub fn open(bytes: Vec<u8>, at: time::OffsetDateTime) -> Result<Self, AugmentError> {
        Self::read(
            Split {
                base: None,
                tail: bytes,
            },
            at,
        )
    }

    /// As [`Self::open`], for a document whose end alone is in memory: `base` with `tail` behind it. What is made of it
    /// by [`Augment`] is its new end, to stand behind `base`, which does not change.
    ///
    /// A signature that begins in `base` gets no time-stamp of its own but that of a document time-stamp.
    ///
    /// # Errors
    /// As [`Self::open`]
    pub fn open_end(
        base: Arc<dyn Source + Send + Sync>,
        tail: Vec<u8>,
        at: time::OffsetDateTime,
    ) -> Result<Self, AugmentError> {
        Self::read(
            Split {
                base: Some(base),
                tail,
            },
            at,
        )
    }

    fn read(file: Split, at: time::OffsetDateTime) -> Result<Self, AugmentError> {
        let unreadable = |error: PdfError| AugmentError::NotSigned(error.to_string());
        let (mut signatures, store) = {
            let document = file.open().map_err(unreadable)?;
            let found = find(&document).map_err(unreadable)?;
            let store = store::read(&document).map_err(unreadable)?;
            document.check_readable().map_err(unreadable)?;
            (found, store)
        };
        signatures.sort_by_key(|signature| signature.covered.end);
        if signatures.iter().all(|signature| signature.is_time_stamp) {
            return Err(AugmentError::NotSigned("no signatures".into()));
        }
        Ok(Self {
            file,
            signatures,
            store,
            at,
        })
    }

    fn regular(&self) -> impl DoubleEndedIterator<Item = &Signature> {
        self.signatures
            .iter()
            .filter(|signature| !signature.is_time_stamp)
    }

    /// A time-stamp of the document, with room for a token of so many bytes.
    fn prepare_whole(&self, hash: Hash, room: usize) -> Result<Box<dyn PreparedTimestamp>, AugmentError> {
        let document = self.file.open().map_err(|error| failed(error.into()))?;
        let prepared = time_stamp::append(&document, hash, room).map_err(failed)?;
        let digest = prepared.digest().to_vec();
        Ok(Box::new(WholeStamp {
            file: self.file.clone(),
            prepared,
            imprint: Imprint { hash, digest },
        }))
    }

    /// Where the last document time-stamp's coverage ends.
    fn stamped_until(&self) -> usize {
        let stamps = self.signatures.iter().filter(|signature| signature.is_time_stamp);
        stamps.map(|stamp| stamp.covered.end).max().unwrap_or(0)
    }

    /// The newest signature, if a token can go into it.
    fn with_room(&self) -> Option<&Signature> {
        let last = self.signatures.last().filter(|last| !last.is_time_stamp)?;
        let room = last.contents.len() - last.cms_len;
        let is_last = last.covered.end == self.file.len();
        let is_here = last.covered.gap().start >= self.file.base_len();
        let has_one = has_own_stamp(last);
        (is_here && is_last && !has_one && room >= SMALLEST_ROOM).then_some(last)
    }
}

fn has_own_stamp(signature: &Signature) -> bool {
    let signed_data = signature.signed_data();
    signed_data.is_some_and(|data| {
        let signers = data.signers();
        signers
            .iter()
            .any(|signer| signer.has_unsigned_attribute(stamps::SIGNATURE))
    })
}

/// The signatures that can be read; others are left as they are.
fn find(document: &Document<'_>) -> Result<Vec<Signature>, PdfError> {
    let mut found = Vec::new();
    for field in form::fields(document)?
        .iter()
        .filter(|field| field.is_signature())
    {
        let Some(value) = field.located.dictionary().and_then(|field| field.get(b"V")) else {
            continue;
        };
        let (holder, node) = match value.value {
            Value::Reference(id) => match document.object(id)? {
                Some(holder) => (holder.clone(), holder.node),
                None => continue,
            },
            _ => (field.located.clone(), value.clone()),
        };
        let Some(dictionary) = node.value.dictionary() else {
            continue;
        };
        let Ok(covered) = byte_range::check(&holder, &node, document.size()) else {
            continue;
        };
        let contents = dictionary.get(b"Contents").and_then(|node| node.value.string());
        let contents = contents.unwrap_or_default().to_vec();
        let Ok(cms_len) = cms::element_len(&contents) else {
            continue;
        };
        if cms_len <= contents.len() {
            found.push(Signature {
                covered,
                cms_len,
                contents,
                is_time_stamp: is_time_stamp(dictionary),
            });
        }
    }
    Ok(found)
}

/// A signature on its way to its own time-stamp.
struct OwnStamp {
    /// The end of the document.
    tail: Vec<u8>,
    cms: Vec<u8>,
    /// Of the hexadecimal digits in it.
    digits: Range<usize>,
    imprint: Imprint,
}

impl PreparedTimestamp for OwnStamp {
    fn imprint(&self) -> &Imprint {
        &self.imprint
    }

    fn finish(self: Box<Self>, token: &TimestampToken) -> Result<Vec<u8>, AugmentError> {
        if !token.is_about(&self.imprint) {
            return Err(AugmentError::OtherImprint);
        }
        let attribute = edit::attribute(&stamps::SIGNATURE, &der(token)?);
        let cms = edit::with_unsigned(&self.cms, 0, attribute)
            .ok_or_else(|| AugmentError::NotSigned("attributes that cannot be read".into()))?;
        let (needed, reserved) = (cms.len(), self.digits.len() / 2);
        if needed > reserved {
            return Err(AugmentError::NoRoom { needed, reserved });
        }
        let mut tail = self.tail;
        let digits = &mut tail[self.digits];
        digits.fill(b'0');
        hex::encode_to_slice(&cms, &mut digits[..2 * needed]).expect("two digits a byte");
        Ok(tail)
    }
}

/// A document on its way to a document time-stamp.
struct WholeStamp {
    file: Split,
    prepared: AppendedTimeStamp,
    imprint: Imprint,
}

impl PreparedTimestamp for WholeStamp {
    fn imprint(&self) -> &Imprint {
        &self.imprint
    }

    fn finish(self: Box<Self>, token: &TimestampToken) -> Result<Vec<u8>, AugmentError> {
        if !token.is_about(&self.imprint) {
            return Err(AugmentError::OtherImprint);
        }
        let update = self.prepared.finish(&der(token)?).map_err(|error| match error {
            FinishError::NoRoom { needed, reserved } => AugmentError::NoRoom { needed, reserved },
            other => AugmentError::NotSigned(other.to_string()),
        })?;
        Ok(self.file.with(&update))
    }
}

/// The token in DER, as it has to be in `/Contents`.
fn der(token: &TimestampToken) -> Result<Vec<u8>, AugmentError> {
    cms::to_der(token.as_der())
        .map(std::borrow::Cow::into_owned)
        .map_err(|error| AugmentError::NotSigned(error.to_string()))
}

fn failed(error: PadesError) -> AugmentError {
    match error {
        PadesError::Pdf(PdfError::Locked) => AugmentError::Forbidden("a certification".into()),
        other => AugmentError::NotSigned(other.to_string()),
    }
}

impl Augment for PadesDocument {
    fn prepare_timestamp(
        &self,
        kind: TimestampKind,
        hash: Hash,
    ) -> Result<Box<dyn PreparedTimestamp>, AugmentError> {
        if !matches!(kind, TimestampKind::Signature | TimestampKind::Archive) {
            return Err(AugmentError::Unsupported);
        }
        if kind == TimestampKind::Signature
            && let Some(signature) = self.with_room()
            && let Some(data) = signature.signed_data()
            && let [signer] = data.signers()
        {
            let (gap, base) = (signature.covered.gap(), self.file.base_len());
            return Ok(Box::new(OwnStamp {
                tail: self.file.tail.clone(),
                cms: signature.cms().to_vec(),
                digits: gap.start + 1 - base..gap.end - 1 - base,
                imprint: Imprint::of(hash, signer.signature_value()),
            }));
        }
        self.prepare_whole(hash, TIME_STAMP_ROOM)
    }

    /// A time-stamp of the document, also in place of a signature's own: what is signed says how much room there is in
    /// the signature.
    fn prepare_larger_timestamp(
        &self,
        kind: TimestampKind,
        hash: Hash,
        token_len: usize,
    ) -> Result<Box<dyn PreparedTimestamp>, AugmentError> {
        match kind {
            TimestampKind::Signature | TimestampKind::Archive => {
                let room = token_len.min(timestamp::MAX_RESPONSE) + SPARE_ROOM;
                self.prepare_whole(hash, room.max(TIME_STAMP_ROOM))
            }
            _ => Err(AugmentError::Unsupported),
        }
    }

    fn has_timestamp(&self, kind: TimestampKind) -> Result<bool, AugmentError> {
        let until = self.stamped_until();
        match kind {
            TimestampKind::Signature => Ok(self
                .regular()
                .all(|signature| signature.covered.end < until || has_own_stamp(signature))),
            TimestampKind::Archive => Ok(until == self.file.len()),
            _ => Err(AugmentError::Unsupported),
        }
    }

    fn to_be_proven(&self) -> Result<ToBeProven, AugmentError> {
        let mut proven = ToBeProven {
            material: self.store.clone(),
            ..ToBeProven::default()
        };
        let stored = self.store.certificates.iter();
        proven
            .embedded
            .extend(stored.filter_map(|der| Certificate::from_der(der).ok()));
        for signature in &self.signatures {
            let Some(data) = signature.signed_data() else {
                continue;
            };
            proven.embedded.extend(data.certificates().iter().cloned());
            proven.material.merge(&data.material());
            let mut tokens: Vec<TimestampToken> = data.signers().iter().flat_map(stamps::tokens).collect();
            if signature.is_time_stamp {
                tokens.extend(TimestampToken::from_der(signature.cms()).ok());
            } else {
                let signers = data.signers().iter();
                proven.leaves.extend(
                    signers
                        .filter_map(|signer| signer.find(&proven.embedded))
                        .cloned(),
                );
            }
            for token in tokens {
                proven.embedded.extend(token.certificates().iter().cloned());
                let authority = token.authority(&proven.embedded, true);
                proven
                    .leaves
                    .extend(authority.ok().map(|(authority, _)| authority));
            }
        }
        Ok(proven)
    }

    fn add_material(&self, material: &ValidationMaterial) -> Result<Vec<u8>, AugmentError> {
        let more = material.beyond(&self.store);
        if more.is_empty() {
            return Ok(self.file.tail.clone());
        }
        let named: Vec<(&[u8], &ValidationMaterial)> = self
            .regular()
            .map(|signature| (signature.contents.as_slice(), material))
            .collect();
        let document = self.file.open().map_err(|error| failed(error.into()))?;
        let update = store::add_to(&document, &named, self.at).map_err(failed)?;
        document.check_readable().map_err(|error| failed(error.into()))?;
        Ok(self.file.with(&update))
    }
}
