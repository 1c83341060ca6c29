//! Raising the signatures of a container from B-B to B-T, B-LT and B-LTA (EN 319 162-1, 5.3): in the signature files,
//! and for CAdES in ASiC-E by a time-stamp over the container.

use std::sync::Arc;

use super::archive::{ArchiveStamp, Next};
use super::manifest::Files;
use super::verify::{kind, signature_files, signed_by};
use super::{Inside, Kind};
use crate::algorithm::Hash;
use crate::augment::{Augment, AugmentError, PreparedTimestamp, StampedInside, ToBeProven};
use crate::cades::CadesSignature;
use crate::material::ValidationMaterial;
use crate::pdf::Source;
use crate::report::TimestampKind;
use crate::timestamp::{Imprint, TimestampToken};
use crate::xades::XadesSignature;
use crate::xmldsig::MAX_SIGNATURES;
use crate::zip::{self, Archive, Directory, Parted, Parts, ZipError};

/// A container whose signatures are raised. The last one that lacks something gets it.
#[derive(Clone)]
pub struct AsicSignature {
    parts: Arc<Parts<'static>>,
    container: Arc<Directory<'static>>,
}

/// Takes a container apart: what its signatures are about stays where it lies, what changes with their level is in memory
/// ([`AsicSignature::open_end`]). None where its media type is not the first of its files: in another order it would be
/// another one.
///
/// # Errors
/// [`ZipError`]
pub fn part(container: Arc<dyn Source + Send + Sync + '_>) -> Result<Option<Parted>, ZipError> {
    zip::part(container)
}

/// One signature file.
struct Inner {
    name: String,
    bytes: Vec<u8>,
    signature: Box<dyn Augment>,
    inside: Inside,
    /// Whether a time-stamp over the container names it: then it must not change any more.
    archived: bool,
}

impl AsicSignature {
    /// Reads a container with at least one signature.
    ///
    /// # Errors
    /// [`AugmentError`]
    pub fn open(bytes: Vec<u8>) -> Result<Self, AugmentError> {
        Self::open_end(Arc::new(Vec::new()), bytes)
    }

    /// Reads one of which only the end is in memory ([`part`]): what becomes of it is another end behind the same base.
    ///
    /// # Errors
    /// [`AugmentError`]
    pub fn open_end(base: Arc<dyn Source + Send + Sync>, end: Vec<u8>) -> Result<Self, AugmentError> {
        let end = end.into();
        let parts = Arc::new(Parts { base, end });
        let container = Directory::read(Arc::<Parts<'static>>::clone(&parts));
        let container = container.map_err(|error| AugmentError::NotSigned(error.to_string()))?;
        let read = Self {
            parts,
            container: Arc::new(container),
        };
        read.inner()?;
        Ok(read)
    }

    /// Its signature files; at least one.
    fn inner(&self) -> Result<Vec<Inner>, AugmentError> {
        let kind = kind(&self.container);
        let stamps = self.stamps();
        let mut all = Vec::new();
        for (entry, inside) in signature_files(&self.container).take(MAX_SIGNATURES) {
            let signature: Box<dyn Augment> = match inside {
                Inside::Xades => {
                    let beside = Arc::new(Files(Arc::clone(&self.container)));
                    Box::new(XadesSignature::open_beside(entry.held().to_vec(), beside)?)
                }
                Inside::Cades => {
                    let signed =
                        signed_by(&self.container, kind, &entry.name).ok_or(AugmentError::ContentMissing)?;
                    let imprint = |hash| {
                        let digest = self.container.digest(signed, hash)?;
                        Ok(Imprint { hash, digest })
                    };
                    let imprints = Hash::ALL
                        .into_iter()
                        .map(imprint)
                        .collect::<Result<_, ZipError>>()?;
                    Box::new(CadesSignature::open(entry.held(), imprints)?)
                }
            };
            all.push(Inner {
                archived: stamps
                    .iter()
                    .any(|stamp| stamp.about_this && stamp.names(&entry.name)),
                name: entry.name.clone(),
                bytes: entry.held().to_vec(),
                signature,
                inside,
            });
        }
        if all.is_empty() {
            return Err(AugmentError::NotSigned("no signature in the container".into()));
        }
        Ok(all)
    }

    fn stamps(&self) -> Vec<ArchiveStamp> {
        ArchiveStamp::all(&self.container, false)
    }

    /// Whether the container as a whole is stamped, and not each signature: CAdES has no archive time-stamp that
    /// covers the files behind a manifest.
    fn as_a_whole(&self, all: &[Inner]) -> bool {
        kind(&self.container) == Some(Kind::Extended) && all.iter().any(|one| one.inside == Inside::Cades)
    }

    /// Prepares a time-stamp over the container.
    fn archiving(&self, hash: Hash) -> Result<Box<dyn PreparedTimestamp>, AugmentError> {
        let next = Next::of(&self.container, hash)?;
        let imprint = Imprint::of(hash, next.manifest());
        Ok(Box::new(Archiving {
            container: self.clone(),
            next,
            imprint,
        }))
    }

    /// The time-stamp of a signature file, and the container around it.
    fn stamped_inside(
        &self,
        inner: &Inner,
        signature: Box<dyn PreparedTimestamp>,
    ) -> Box<dyn PreparedTimestamp> {
        let (container, name) = (self.clone(), inner.name.clone());
        let rebuild = move |stamped: &[u8]| container.with(&name, stamped);
        Box::new(StampedInside::new(signature, rebuild))
    }

    /// The container with other bytes in one of its files.
    fn with(&self, name: &str, bytes: &[u8]) -> Result<Vec<u8>, AugmentError> {
        let mut archive = Archive::behind(self.parts.base.size(), &self.container, name)?;
        archive.store(name, bytes)?;
        Ok(archive.finish()?)
    }
}

/// A container on its way to a time-stamp.
struct Archiving {
    container: AsicSignature,
    next: Next,
    imprint: Imprint,
}

impl PreparedTimestamp for Archiving {
    fn imprint(&self) -> &Imprint {
        &self.imprint
    }

    fn finish(self: Box<Self>, token: &TimestampToken) -> Result<Vec<u8>, AugmentError> {
        if !token.is_about(&self.imprint) {
            return Err(AugmentError::OtherImprint);
        }
        let AsicSignature { parts, container } = &self.container;
        Ok(self.next.put(container, parts.base.size(), token)?)
    }
}

impl Augment for AsicSignature {
    fn prepare_timestamp(
        &self,
        kind: TimestampKind,
        hash: Hash,
    ) -> Result<Box<dyn PreparedTimestamp>, AugmentError> {
        let mut all = self.inner()?;
        if kind == TimestampKind::Archive && self.as_a_whole(&all) {
            return self.archiving(hash);
        }
        all.retain(|one| !one.archived);
        let lacking = all
            .iter()
            .rposition(|one| one.signature.has_timestamp(kind) == Ok(false))
            .unwrap_or(all.len().saturating_sub(1));
        let chosen = all.get(lacking).ok_or(AugmentError::Unsupported)?;
        let signature = chosen.signature.prepare_timestamp(kind, hash)?;
        Ok(self.stamped_inside(chosen, signature))
    }

    fn places(&self) -> Result<usize, AugmentError> {
        let all = self.inner()?;
        if self.as_a_whole(&all) {
            return Ok(1);
        }
        let changing = all.iter().filter(|one| !one.archived);
        changing.map(|one| one.signature.places()).sum()
    }

    fn prepare_renewal(&self, place: usize, hash: Hash) -> Result<Box<dyn PreparedTimestamp>, AugmentError> {
        let all = self.inner()?;
        if self.as_a_whole(&all) {
            return self.archiving(hash);
        }
        let mut place = place;
        for one in all.iter().filter(|one| !one.archived) {
            let places = one.signature.places()?;
            if place < places {
                return Ok(self.stamped_inside(one, one.signature.prepare_renewal(place, hash)?));
            }
            place -= places;
        }
        Err(AugmentError::Unsupported)
    }

    fn has_timestamp(&self, kind: TimestampKind) -> Result<bool, AugmentError> {
        let mut has = true;
        for one in self.inner()? {
            has &= one.archived || one.signature.has_timestamp(kind)?;
        }
        Ok(has)
    }

    fn to_be_proven(&self) -> Result<ToBeProven, AugmentError> {
        let mut proven = ToBeProven::default();
        for one in self.inner()? {
            proven.merge(one.signature.to_be_proven()?);
        }
        for token in self.stamps().into_iter().filter_map(|stamp| stamp.token) {
            proven.embedded.extend(token.certificates().iter().cloned());
            proven.material.merge(&token.signed_data().material());
            let authority = token.authority(&proven.embedded, true);
            proven
                .leaves
                .extend(authority.ok().map(|(authority, _)| authority));
        }
        Ok(proven)
    }

    /// What proves a time-stamp over the container goes into it; before there is one, into the signatures, each of which
    /// needs its own.
    fn add_material(&self, material: &ValidationMaterial) -> Result<Vec<u8>, AugmentError> {
        let newest = self.stamps().pop().filter(|stamp| stamp.about_this);
        if let Some((file, token)) = newest.and_then(|stamp| stamp.file.zip(stamp.token)) {
            let missing = material.beyond(&self.to_be_proven()?.material);
            return match missing.is_empty() {
                true => Ok(self.parts.end.to_vec()),
                false => self.with(&file, &token.with_material(&missing)),
            };
        }
        let mut raised = self.clone();
        for one in self.inner()?.iter().filter(|one| !one.archived) {
            let proven = one.signature.add_material(material)?;
            if proven != one.bytes {
                let end = raised.with(&one.name, &proven)?;
                raised = Self::open_end(Arc::clone(&self.parts.base), end)?;
            }
        }
        Ok(raised.parts.end.to_vec())
    }
}
