//! Raising a CAdES signature from B-B to B-T, B-LT and B-LTA (EN 319 122-1, clause 6).

use crate::algorithm::Hash;
use crate::augment::{Augment, AugmentError, PreparedTimestamp, ToBeProven};
use crate::cms::{self, SignedData, archive, edit, stamps};
use crate::material::ValidationMaterial;
use crate::report::TimestampKind;
use crate::timestamp::{Imprint, TimestampToken};

/// A CAdES signature whose level is raised. Its last signer that lacks the time-stamp in question gets it.
#[derive(Debug, Clone)]
pub struct CadesSignature {
    signed_data: SignedData,
    /// Digests of content that stands outside.
    content: Vec<Imprint>,
}

impl CadesSignature {
    /// Reads a signature. `content` are the digests of a detached signature's content, by each hash that may be asked
    /// for; only archive time-stamps need them.
    ///
    /// # Errors
    /// [`AugmentError::NotSigned`]
    pub fn open(signature: &[u8], content: Vec<Imprint>) -> Result<Self, AugmentError> {
        let signed_data =
            SignedData::parse(signature).map_err(|error| AugmentError::NotSigned(error.to_string()))?;
        if signed_data.signers().is_empty() {
            return Err(AugmentError::NotSigned("no signers".into()));
        }
        Ok(Self { signed_data, content })
    }

    fn digest(&self, hash: Hash) -> Option<Vec<u8>> {
        if let Some(content) = self.signed_data.content() {
            return Some(hash.digest(content));
        }
        let found = self.content.iter().find(|imprint| imprint.hash == hash);
        found.map(|imprint| imprint.digest.clone())
    }

    /// The signer that is stamped: the last one without such a time-stamp, else the last one.
    fn signer(&self, kind: TimestampKind) -> usize {
        let oid = match kind {
            TimestampKind::Archive => stamps::ARCHIVE,
            _ => stamps::SIGNATURE,
        };
        let signers = self.signed_data.signers();
        let without = signers
            .iter()
            .rposition(|signer| !signer.has_unsigned_attribute(oid));
        without.unwrap_or(signers.len() - 1)
    }

    /// Prepares the time-stamp of one signer.
    fn prepare_at(
        &self,
        place: usize,
        kind: TimestampKind,
        hash: Hash,
    ) -> Result<Box<dyn PreparedTimestamp>, AugmentError> {
        let signer = self.signed_data.signers().get(place);
        let signer = signer.ok_or(AugmentError::Unsupported)?;
        let (imprint, index) = match kind {
            TimestampKind::Signature => (Imprint::of(hash, signer.signature_value()), None),
            TimestampKind::Archive => {
                let malformed = || AugmentError::NotSigned("attributes that cannot be read".into());
                let index = archive::hash_index(&self.signed_data, signer, hash).ok_or_else(malformed)?;
                let digest =
                    archive::imprint(&self.signed_data, signer, &index, hash, &|hash| self.digest(hash))
                        .ok_or(AugmentError::ContentMissing)?;
                (Imprint { hash, digest }, Some(index))
            }
            _ => return Err(AugmentError::Unsupported),
        };
        Ok(Box::new(Stamping {
            cms: edit::to_der(&self.signed_data),
            signer: place,
            imprint,
            index,
        }))
    }
}

/// A CAdES signature on its way to a time-stamp.
struct Stamping {
    cms: Vec<u8>,
    signer: usize,
    imprint: Imprint,
    /// Of an archive time-stamp: its ATSHashIndexV3.
    index: Option<Vec<u8>>,
}

impl PreparedTimestamp for Stamping {
    fn imprint(&self) -> &Imprint {
        &self.imprint
    }

    fn finish(self: Box<Self>, token: &TimestampToken) -> Result<Vec<u8>, AugmentError> {
        if !token.is_about(&self.imprint) {
            return Err(AugmentError::OtherImprint);
        }
        let malformed = || AugmentError::NotSigned("attributes that cannot be read".into());
        let attribute = match &self.index {
            None => edit::attribute(&stamps::SIGNATURE, &der(token)?),
            Some(index) => edit::attribute(
                &stamps::ARCHIVE,
                &archive::with_index(token, index).ok_or_else(malformed)?,
            ),
        };
        edit::with_unsigned(&self.cms, self.signer, attribute).ok_or_else(malformed)
    }
}

/// The token in DER, as it has to be inside of DER.
fn der(token: &TimestampToken) -> Result<Vec<u8>, AugmentError> {
    cms::to_der(token.as_der())
        .map(std::borrow::Cow::into_owned)
        .map_err(|error| AugmentError::NotSigned(error.to_string()))
}

impl Augment for CadesSignature {
    fn prepare_timestamp(
        &self,
        kind: TimestampKind,
        hash: Hash,
    ) -> Result<Box<dyn PreparedTimestamp>, AugmentError> {
        self.prepare_at(self.signer(kind), kind, hash)
    }

    fn places(&self) -> Result<usize, AugmentError> {
        Ok(self.signed_data.signers().len())
    }

    fn prepare_renewal(&self, place: usize, hash: Hash) -> Result<Box<dyn PreparedTimestamp>, AugmentError> {
        self.prepare_at(place, TimestampKind::Archive, hash)
    }

    fn has_timestamp(&self, kind: TimestampKind) -> Result<bool, AugmentError> {
        let oid = match kind {
            TimestampKind::Signature => stamps::SIGNATURE,
            TimestampKind::Archive => stamps::ARCHIVE,
            _ => return Err(AugmentError::Unsupported),
        };
        let signers = self.signed_data.signers();
        Ok(signers.iter().all(|signer| signer.has_unsigned_attribute(oid)))
    }

    fn to_be_proven(&self) -> Result<ToBeProven, AugmentError> {
        let mut proven = ToBeProven {
            embedded: self.signed_data.certificates().to_vec(),
            material: self.signed_data.material(),
            ..ToBeProven::default()
        };
        for signer in self.signed_data.signers() {
            proven.leaves.extend(signer.find(&proven.embedded).cloned());
            for token in stamps::tokens(signer) {
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
        let mut signed_data = self.signed_data.clone();
        edit::add_material(&mut signed_data, material);
        Ok(edit::to_der(&signed_data))
    }
}
