//! TimeStampToken and TSTInfo (RFC 3161, section 2.4.2).

use der::asn1::ObjectIdentifier;
use time::OffsetDateTime;

use super::{Imprint, TimestampError};
use crate::algorithm::{Hash, SignatureAlgorithm};
use crate::certificate::{Certificate, serial_hex};
use crate::cms::tlv::{Element, Elements, Malformed, tag};
use crate::cms::{self, SignedData, clock};
use crate::material::ValidationMaterial;
use crate::report::{Reason, SubIndication};
use crate::revocation::Revocations;
use crate::trust::Reliance;
use crate::validation::{self, CertificateVerdict};

/// id-ct-TSTInfo
pub(crate) const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");

/// A time-stamp token with the bytes it came as. Reading one believes nothing: see [`TimestampToken::validate`].
#[derive(Debug, Clone)]
pub struct TimestampToken {
    der: Vec<u8>,
    signed_data: SignedData,
    policy: ObjectIdentifier,
    /// DER of the AlgorithmIdentifier.
    hash: Vec<u8>,
    digest: Vec<u8>,
    serial: Vec<u8>,
    time: OffsetDateTime,
    nonce: Option<Vec<u8>>,
}

impl TimestampToken {
    /// Reads a `TimeStampToken`, a ContentInfo in BER or DER; nothing may follow it.
    ///
    /// # Errors
    /// [`TimestampError::Malformed`]
    pub fn from_der(der: &[u8]) -> Result<Self, TimestampError> {
        if der.len() > super::MAX_RESPONSE {
            return Err(TimestampError::Malformed);
        }
        let signed_data = SignedData::parse(der).map_err(|_| TimestampError::Malformed)?;
        if signed_data.content_type() != TST_INFO || signed_data.signers().len() != 1 {
            return Err(TimestampError::Malformed);
        }
        let content = signed_data.content().ok_or(TimestampError::Malformed)?.to_vec();
        let mut token = Self::read(Elements::of_single(&content)?.next_tagged(tag::SEQUENCE)?)?;
        token.der = der.to_vec();
        token.signed_data = signed_data;
        Ok(token)
    }

    fn read(info: Element<'_>) -> Result<Self, Malformed> {
        let mut fields = info.children();
        if fields.next_tagged(tag::INTEGER)?.value != [1] {
            return Err(Malformed);
        }
        let policy = fields.next_tagged(tag::OID)?.oid()?;
        let mut imprint = fields.next_tagged(tag::SEQUENCE)?.children();
        let hash = imprint.next_tagged(tag::SEQUENCE)?.raw.to_vec();
        let digest = imprint.next_tagged(tag::OCTET_STRING)?.value.to_vec();
        imprint.finish()?;
        let serial = fields.next_tagged(tag::INTEGER)?.value.to_vec();
        let time = clock::read(fields.next_tagged(tag::GENERALIZED_TIME)?)?;
        fields.next_if(tag::SEQUENCE)?;
        fields.next_if(0x01)?;
        let nonce = fields.next_if(tag::INTEGER)?.map(|nonce| nonce.value.to_vec());
        fields.next_if(tag::context(0))?;
        fields.next_if(tag::context(1))?;
        fields.finish()?;
        Ok(Self {
            der: Vec::new(),
            signed_data: SignedData::empty(),
            policy,
            hash,
            digest,
            serial,
            time,
            nonce,
        })
    }

    /// The bytes it came as.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// The time the authority states, with the fractions of a second it gave.
    #[must_use]
    pub const fn time(&self) -> OffsetDateTime {
        self.time
    }

    /// The authority's policy, an object identifier in dots.
    #[must_use]
    pub fn policy(&self) -> String {
        self.policy.to_string()
    }

    /// The authority's serial number in lower-case hexadecimal, without a sign octet.
    #[must_use]
    pub fn serial_hex(&self) -> String {
        serial_hex(&self.serial)
    }

    /// The hash function of the imprint; none where it is not one that is known. SHA-1 is among those.
    #[must_use]
    pub fn hash(&self) -> Option<Hash> {
        Hash::from_old_identifier_der(&self.hash, true).ok()
    }

    /// Whether it is about this imprint.
    #[must_use]
    pub fn is_about(&self, imprint: &Imprint) -> bool {
        self.hash() == Some(imprint.hash) && self.digest == imprint.digest
    }

    /// Whether it is about bytes whose digests `digest` gives.
    #[must_use]
    pub fn is_about_digest(&self, digest: impl FnOnce(Hash) -> Option<Vec<u8>>) -> bool {
        self.hash()
            .and_then(digest)
            .is_some_and(|digest| digest == self.digest)
    }

    /// The certificates in it.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        self.signed_data.certificates()
    }

    /// Its SignedData.
    pub(crate) const fn signed_data(&self) -> &SignedData {
        &self.signed_data
    }

    /// The token in DER with this material in its SignedData, outside of what is signed; what is there stays once.
    pub(crate) fn with_material(&self, material: &ValidationMaterial) -> Vec<u8> {
        let mut signed_data = self.signed_data.clone();
        cms::edit::add_material(&mut signed_data, material);
        cms::edit::to_der(&signed_data)
    }

    pub(super) fn nonce(&self) -> Option<&[u8]> {
        self.nonce.as_deref()
    }

    pub(super) const fn policy_oid(&self) -> ObjectIdentifier {
        self.policy
    }

    /// Who made it: found in the token or among `known`, named by its signing-certificate attribute, for time-stamps
    /// alone, and with the key that signed. `sha1` lets signatures with SHA-1 count.
    ///
    /// # Errors
    /// What EN 319 102-1 calls the failure.
    pub fn authority(
        &self,
        known: &[Certificate],
        sha1: bool,
    ) -> Result<(Certificate, SignatureAlgorithm), (SubIndication, Reason)> {
        let reason = match self.hash() {
            Some(Hash::Sha1) if !sha1 => Some(Reason::Sha1NotAccepted),
            Some(_) => None,
            None => Some(Reason::AlgorithmNotAccepted),
        };
        if let Some(reason) = reason {
            return Err((SubIndication::CryptoConstraintsFailure, reason));
        }
        let found = cms::authenticate(&self.signed_data, TST_INFO, known, sha1)?;
        if found.0.is_for_time_stamps() {
            Ok(found)
        } else {
            Err((
                SubIndication::ChainConstraintsFailure,
                Reason::KeyUsageNotForTimeStamps,
            ))
        }
    }

    /// Judges it at [`Reliance::at`]: who made it, and whether that certificate can be trusted then. `embedded` and
    /// `brought` are what the document around it holds. Whether it is about the right thing is the caller's to see
    /// ([`TimestampToken::is_about`]).
    ///
    /// # Errors
    /// What EN 319 102-1 calls the failure.
    pub fn validate(
        &self,
        embedded: &[Certificate],
        brought: &Revocations,
        reliance: &Reliance<'_>,
    ) -> Result<CertificateVerdict, (SubIndication, Reason)> {
        let mut known = self.certificates().to_vec();
        known.extend(embedded.iter().cloned());
        let elsewhere: Vec<Certificate> = known
            .iter()
            .chain(reliance.intermediates)
            .chain(reliance.anchors.certificates())
            .cloned()
            .collect();
        let (authority, _) = self.authority(&elsewhere, reliance.sha1)?;
        let own = Revocations::read(&self.signed_data.material());
        let brought = brought.and(&own);
        if self.time > reliance.now + crate::revocation::CLOCK_SKEW || !authority.is_valid_at(self.time) {
            return Err((
                SubIndication::SigConstraintsFailure,
                Reason::TimestampOutsideValidity,
            ));
        }
        let verdict = validation::certificate(&authority, &known, &brought, reliance);
        verdict.finding?;
        Ok(verdict)
    }
}
