//! Reading a CRL (RFC 5280, section 5). Its entries are not taken apart before somebody looks for one: lists of
//! megabytes are read in one pass.

use std::ops::Range;
use std::sync::Arc;

use der::asn1::ObjectIdentifier;
use time::OffsetDateTime;

use super::RevocationError;
use super::scope::{self, IssuingPoint};
use crate::algorithm::{Declared, SignatureValue};
use crate::certificate::Certificate;
use crate::certificate::extension::directory_names;
use crate::cms::clock;
use crate::cms::tlv::{Element, Elements, Malformed, tag};
use crate::material::MAX_CRL;

const AUTHORITY_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
const ISSUER_ALTERNATIVE_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.18");
const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");
const REASON: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.21");
const INVALIDITY_DATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.24");
const DELTA: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.27");
const ISSUING_POINT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.28");
const CERTIFICATE_ISSUER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.29");
const FRESHEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.46");
const EXPIRED_CERTIFICATES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.60");

const MAX_EXTENSIONS: usize = 32;
const BOOLEAN: u8 = 0x01;
const ENUMERATED: u8 = 0x0A;

/// A revocation list with the bytes it came as.
#[derive(Debug, Clone)]
pub struct Crl {
    der: Arc<[u8]>,
    signed: Range<usize>,
    algorithm: Range<usize>,
    signature: Range<usize>,
    issuer: Range<usize>,
    entries: Option<Range<usize>>,
    this_update: OffsetDateTime,
    next_update: Option<OffsetDateTime>,
    pub(super) point: IssuingPoint,
    pub(super) number: Option<Vec<u8>>,
    /// The base it is a delta to.
    pub(super) delta_to: Option<Vec<u8>>,
    pub(super) authority_key: Option<Vec<u8>>,
    pub(super) keeps_expired_since: Option<OffsetDateTime>,
    /// A critical extension that is not understood: it says nothing that counts.
    pub(super) not_understood: bool,
}

/// An entry about the certificate that was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) since: OffsetDateTime,
    pub(super) reason: u8,
}

struct Extension<'a> {
    oid: ObjectIdentifier,
    critical: bool,
    value: &'a [u8],
}

fn extensions(list: Element<'_>) -> Result<Vec<Extension<'_>>, Malformed> {
    let mut read: Vec<Extension<'_>> = Vec::new();
    for extension in list.children().collect(MAX_EXTENSIONS)? {
        let mut fields = extension.children();
        let oid = fields.next_tagged(tag::OID)?.oid()?;
        let critical = fields
            .next_if(BOOLEAN)?
            .is_some_and(|critical| critical.value != [0]);
        let value = fields.next_tagged(tag::OCTET_STRING)?.value;
        fields.finish()?;
        if read.iter().any(|other| other.oid == oid) {
            return Err(Malformed);
        }
        read.push(Extension { oid, critical, value });
    }
    Ok(read)
}

impl Crl {
    /// Reads a `CertificateList` in DER; nothing may follow it.
    ///
    /// # Errors
    /// [`RevocationError`]
    pub fn from_der(der: &[u8]) -> Result<Self, RevocationError> {
        if der.len() > MAX_CRL {
            return Err(RevocationError::TooLong);
        }
        Self::read(der).map_err(|Malformed| RevocationError::Malformed)
    }

    fn read(der: &[u8]) -> Result<Self, Malformed> {
        let at = |part: &[u8]| {
            let start = part.as_ptr().addr() - der.as_ptr().addr();
            start..start + part.len()
        };
        let mut list = Elements::of_single(der)?.next_tagged(tag::SEQUENCE)?.children();
        let signed = list.next_tagged(tag::SEQUENCE)?;
        let algorithm = list.next_tagged(tag::SEQUENCE)?;
        let signature = list.next_tagged(tag::BIT_STRING)?;
        list.finish()?;
        let mut fields = signed.children();
        fields.next_if(tag::INTEGER)?;
        let inner = fields.next_tagged(tag::SEQUENCE)?;
        if inner.raw != algorithm.raw || signature.value.first() != Some(&0) {
            return Err(Malformed);
        }
        let issuer = fields.next_tagged(tag::SEQUENCE)?;
        let this_update = clock::read(fields.next()?)?;
        let next_update = match fields.next_if(tag::UTC_TIME)? {
            Some(time) => Some(clock::read(time)?),
            None => fields
                .next_if(tag::GENERALIZED_TIME)?
                .map(clock::read)
                .transpose()?,
        };
        let entries = fields.next_if(tag::SEQUENCE)?.map(|list| at(list.value));
        let extensions = match fields.next_if(tag::context(0))? {
            Some(explicit) => extensions(Elements::of_single(explicit.value)?.next_tagged(tag::SEQUENCE)?)?,
            None => Vec::new(),
        };
        fields.finish()?;
        let mut crl = Self {
            signed: at(signed.raw),
            algorithm: at(algorithm.raw),
            signature: at(&signature.value[1..]),
            issuer: at(issuer.raw),
            entries,
            this_update,
            next_update,
            point: IssuingPoint::default(),
            number: None,
            delta_to: None,
            authority_key: None,
            keeps_expired_since: None,
            not_understood: false,
            der: Arc::default(),
        };
        for extension in &extensions {
            crl.take(extension)?;
        }
        crl.der = der.into();
        Ok(crl)
    }

    fn take(&mut self, extension: &Extension<'_>) -> Result<(), Malformed> {
        let value = extension.value;
        let integer = || {
            Ok(Elements::of_single(value)?
                .next_tagged(tag::INTEGER)?
                .value
                .to_vec())
        };
        match extension.oid {
            CRL_NUMBER => self.number = Some(integer()?),
            DELTA => self.delta_to = Some(integer()?),
            ISSUING_POINT => self.point = IssuingPoint::read(value)?,
            AUTHORITY_KEY => {
                let mut fields = Elements::of_single(value)?.next_tagged(tag::SEQUENCE)?.children();
                self.authority_key = fields
                    .next_if(tag::context_primitive(0))?
                    .map(|key| key.value.to_vec());
            }
            EXPIRED_CERTIFICATES => {
                self.keeps_expired_since = Some(clock::read(Elements::of_single(value)?.next()?)?);
            }
            ISSUER_ALTERNATIVE_NAME | FRESHEST => {}
            _ => self.not_understood |= extension.critical,
        }
        Ok(())
    }

    /// Whether it speaks about this certificate, for any reason: a complete list or a delta.
    pub(super) fn is_for(&self, certificate: &Certificate) -> bool {
        let points = certificate.distribution_points().unwrap_or_default();
        scope::covered(self, certificate, &points).is_some()
    }

    /// The bytes it came as.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// DER of the issuer's name.
    #[must_use]
    pub fn issuer_der(&self) -> &[u8] {
        &self.der[self.issuer.clone()]
    }

    /// The issuer's name (RFC 4514).
    #[must_use]
    pub fn issuer(&self) -> String {
        use der::Decode;
        x509_cert::name::Name::from_der(self.issuer_der())
            .map(|name| name.to_string())
            .unwrap_or_default()
    }

    /// When it was made.
    #[must_use]
    pub const fn this_update(&self) -> OffsetDateTime {
        self.this_update
    }

    /// Until when there will be a newer one.
    #[must_use]
    pub const fn next_update(&self) -> Option<OffsetDateTime> {
        self.next_update
    }

    /// Whether it lists only what changed since another one.
    #[must_use]
    pub const fn is_delta(&self) -> bool {
        self.delta_to.is_some()
    }

    /// What tells lists of one issuer apart: for whom and for which reasons they speak, and whether they are deltas.
    #[must_use]
    pub fn scope(&self) -> String {
        format!("{:?} {}", self.point, self.is_delta())
    }

    /// Whether `issuer`'s key made it. SHA-1 counts where `sha1` says so.
    #[must_use]
    pub fn is_signed_by(&self, issuer: &Certificate, sha1: bool) -> bool {
        let Ok(declared) = Declared::in_certificate(&self.der[self.algorithm.clone()], sha1) else {
            return false;
        };
        let digest = declared.algorithm.hash().digest(&self.der[self.signed.clone()]);
        let value = SignatureValue(self.der[self.signature.clone()].to_vec());
        issuer.key().verify_declared(declared, &digest, &value).is_ok()
    }

    /// Whether it is signed with SHA-1, by whomever.
    pub(super) fn is_by_sha1(&self) -> bool {
        Declared::is_with_sha1(&self.der[self.algorithm.clone()])
    }

    /// The entry about a certificate with this serial number and issuer, if there is one.
    ///
    /// # Errors
    /// [`Malformed`] where an entry on the way cannot be read, or has a critical extension that is not understood: then
    /// the list says nothing that counts (RFC 5280, 5.3).
    pub(super) fn find(&self, serial: &[u8], issuer: &[u8]) -> Result<Option<Entry>, Malformed> {
        let Some(entries) = self.entries.clone() else {
            return Ok(None);
        };
        let mut elements = Element {
            tag: tag::SEQUENCE,
            raw: &[],
            value: &self.der[entries],
        }
        .children();
        // An entry without a certificate issuer is of the same one as the entry before it (RFC 5280, 5.3.3).
        let mut current: Option<Vec<Vec<u8>>> = None;
        let mut found = None;
        while let Some(entry) = elements.next_optional()? {
            let mut fields = entry.children();
            let number = fields.next_tagged(tag::INTEGER)?.value;
            let date = fields.next()?;
            let mut reason = 0;
            if let Some(list) = fields.next_if(tag::SEQUENCE)? {
                for extension in extensions(list)? {
                    match extension.oid {
                        REASON => {
                            let code = Elements::of_single(extension.value)?.next_tagged(ENUMERATED)?;
                            reason = *code.value.first().ok_or(Malformed)?;
                        }
                        CERTIFICATE_ISSUER => {
                            let names = Elements::of_single(extension.value)?.next_tagged(tag::SEQUENCE)?;
                            current = Some(directory_names(names.value)?);
                        }
                        INVALIDITY_DATE => {}
                        _ if extension.critical => return Err(Malformed),
                        _ => {}
                    }
                }
            }
            let same_issuer = || match &current {
                Some(names) => names
                    .iter()
                    .any(|name| crate::certificate::name::same(name, issuer)),
                None => crate::certificate::name::same(self.issuer_der(), issuer),
            };
            if number == serial && same_issuer() {
                found = Some(Entry {
                    since: clock::read(date)?,
                    reason,
                });
            }
        }
        Ok(found)
    }
}
