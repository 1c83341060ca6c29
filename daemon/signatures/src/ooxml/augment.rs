//! Raising signatures of Office documents from B-B to B-T and B-LT, as Office itself does ([MS-OFFCRYPTO] 2.5.2.6):
//! time-stamps and validation material among the unsigned properties of the signature's part.
//!
//! There is no B-LTA. An archive time-stamp of XAdES covers what SignedInfo refers to (EN 319 132-1, 5.5.2), which
//! here is a manifest: the parts behind it are held by the digests of the manifest for ever, and no time-stamp would
//! renew those.

use std::sync::Arc;

use super::package::Package;
use super::verify::{Nothing, Signatures};
use crate::algorithm::Hash;
use crate::augment::{Augment, AugmentError, PreparedTimestamp, StampedInside, ToBeProven};
use crate::material::ValidationMaterial;
use crate::report::TimestampKind;
use crate::xades::XadesSignature;
use crate::zip::{Archive, Container};

/// An Office document whose signatures are raised. The last one that lacks something gets it.
#[derive(Debug, Clone)]
pub struct OoxmlSignature {
    bytes: Arc<Vec<u8>>,
    container: Arc<Container>,
    /// The signatures, with the names of the files that they are in.
    signatures: Vec<(String, XadesSignature)>,
}

impl OoxmlSignature {
    /// Reads a document with at least one signature.
    ///
    /// # Errors
    /// [`AugmentError`]
    pub fn open(bytes: impl Into<Arc<Vec<u8>>>) -> Result<Self, AugmentError> {
        let bytes = bytes.into();
        let not_signed = |error: &dyn std::fmt::Display| AugmentError::NotSigned(error.to_string());
        let container = Container::parse(&bytes).map_err(|error| not_signed(&error))?;
        let package = Package::read(&container).map_err(|error| not_signed(&error))?;
        let parts = Signatures::find(&package).parts;
        let entries = parts
            .iter()
            .filter_map(|name| package.part(name))
            .map(|part| part.entry);
        let signatures = entries
            .map(|entry| {
                let signature = XadesSignature::open_beside(entry.bytes.clone(), Arc::new(Nothing))?;
                Ok((entry.name.clone(), signature))
            })
            .collect::<Result<Vec<_>, AugmentError>>()?;
        if signatures.is_empty() {
            return Err(AugmentError::NotSigned("no signature in the document".into()));
        }
        Ok(Self {
            bytes,
            container: Arc::new(container),
            signatures,
        })
    }

    fn with(&self, name: &str, bytes: &[u8]) -> Result<Vec<u8>, AugmentError> {
        let mut archive = Archive::of(&self.container, &self.bytes, name)?;
        archive.deflate(name, bytes)?;
        Ok(archive.finish()?)
    }
}

impl Augment for OoxmlSignature {
    fn prepare_timestamp(
        &self,
        kind: TimestampKind,
        hash: Hash,
    ) -> Result<Box<dyn PreparedTimestamp>, AugmentError> {
        if kind != TimestampKind::Signature {
            return Err(AugmentError::Unsupported);
        }
        let lacking = self
            .signatures
            .iter()
            .rfind(|(_, signature)| signature.has_timestamp(kind) == Ok(false));
        let (name, signature) = lacking
            .or(self.signatures.last())
            .ok_or(AugmentError::Unsupported)?;
        let (document, name) = (self.clone(), name.clone());
        let rebuild = move |stamped: &[u8]| document.with(&name, stamped);
        let signature = signature.prepare_timestamp(kind, hash)?;
        Ok(Box::new(StampedInside::new(signature, rebuild)))
    }

    fn has_timestamp(&self, kind: TimestampKind) -> Result<bool, AugmentError> {
        let mut has = kind == TimestampKind::Signature;
        for (_, signature) in &self.signatures {
            has &= signature.has_timestamp(kind)?;
        }
        Ok(has)
    }

    fn to_be_proven(&self) -> Result<ToBeProven, AugmentError> {
        let mut proven = ToBeProven::default();
        for (_, signature) in &self.signatures {
            proven.merge(signature.to_be_proven()?);
        }
        Ok(proven)
    }

    fn add_material(&self, material: &ValidationMaterial) -> Result<Vec<u8>, AugmentError> {
        let mut raised = self.clone();
        for (at, (name, _)) in self.signatures.iter().enumerate() {
            let found = raised.signatures.iter().find(|(other, _)| other == name);
            let (_, signature) = found.ok_or(AugmentError::Unsupported)?;
            let bytes = raised.with(name, &signature.add_material(material)?)?;
            if at + 1 == self.signatures.len() {
                return Ok(bytes);
            }
            raised = Self::open(bytes)?;
        }
        Ok(Arc::unwrap_or_clone(raised.bytes))
    }
}
