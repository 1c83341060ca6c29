//! Extensions that say what a certificate may do and where its status is to be had.

use der::asn1::ObjectIdentifier;

use super::Certificate;
use crate::cms::tlv::{self, Elements, Malformed, tag};

const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const CRL_DISTRIBUTION_POINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.31");
const AUTHORITY_INFORMATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.1");
const OCSP_NO_CHECK: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.5");
const ACCESS_OCSP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1");
const ACCESS_ISSUERS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.2");

/// id-kp-timeStamping (RFC 3161, 2.3)
pub(crate) const PURPOSE_TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");
/// id-kp-OCSPSigning (RFC 6960, 4.2.2.2)
pub(crate) const PURPOSE_OCSP_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.9");

/// Distribution points, purposes and addresses of one certificate that are looked at.
const MAX_ENTRIES: usize = 32;

/// `uniformResourceIdentifier` of a GeneralName.
const URI: u8 = tag::context_primitive(6);

/// One distribution point of a certificate (RFC 5280, 4.2.1.13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DistributionPoint {
    /// Contents of `fullName`'s GeneralNames, each as it stands; or one name relative to the issuer.
    pub(crate) names: PointName,
    /// Contents of the `reasons` BIT STRING, without the count of unused bits.
    pub(crate) reasons: Option<Vec<u8>>,
    /// DER of the `Name`s in `cRLIssuer`.
    pub(crate) crl_issuers: Vec<Vec<u8>>,
}

/// `DistributionPointName` (RFC 5280, 4.2.1.13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PointName {
    /// None.
    Absent,
    /// GeneralNames in DER.
    Full(Vec<Vec<u8>>),
    /// Contents of a RelativeDistinguishedName.
    Relative(Vec<u8>),
}

impl PointName {
    /// From the contents of `[0]`.
    pub(crate) fn read(contents: &[u8]) -> Result<Self, Malformed> {
        let choice = Elements::of_single(contents)?.next()?;
        match choice.tag {
            0xA0 => Ok(Self::Full(
                choice
                    .children()
                    .collect(MAX_ENTRIES)?
                    .into_iter()
                    .map(|name| name.raw.to_vec())
                    .collect(),
            )),
            0xA1 => Ok(Self::Relative(choice.value.to_vec())),
            _ => Err(Malformed),
        }
    }

    /// The full names, a relative one completed by the issuer it is relative to.
    pub(crate) fn full(&self, issuer: &[u8]) -> Vec<Vec<u8>> {
        match self {
            Self::Absent => Vec::new(),
            Self::Full(names) => names.clone(),
            Self::Relative(part) => {
                let whole = Elements::of_single(issuer).and_then(|mut name| name.next_tagged(tag::SEQUENCE));
                whole.map_or_else(
                    |_| Vec::new(),
                    |name| {
                        let mut parts = name.value.to_vec();
                        parts.extend(tlv::write(tag::SET, part));
                        vec![tlv::write(tag::context(4), &tlv::write(tag::SEQUENCE, &parts))]
                    },
                )
            }
        }
    }
}

/// The `Name`s among GeneralNames (contents of the SEQUENCE OF).
pub(crate) fn directory_names(contents: &[u8]) -> Result<Vec<Vec<u8>>, Malformed> {
    let names = tlv::Element {
        tag: tag::SEQUENCE,
        raw: contents,
        value: contents,
    };
    Ok(names
        .children()
        .collect(MAX_ENTRIES)?
        .into_iter()
        .filter(|name| name.tag == tag::context(4))
        .map(|name| name.value.to_vec())
        .collect())
}

impl Certificate {
    /// Whether an extension is critical, and its contents.
    pub(crate) fn extension(&self, oid: ObjectIdentifier) -> Option<(bool, &[u8])> {
        let extensions = self.0.parsed.tbs_certificate().extensions()?;
        extensions
            .iter()
            .find(|extension| extension.extn_id == oid)
            .map(|extension| (extension.critical, extension.extn_value.as_bytes()))
    }

    /// Its extended key usage, and whether that is critical; none when it has none or it cannot be read.
    pub(crate) fn purposes(&self) -> Option<(bool, Vec<ObjectIdentifier>)> {
        let (critical, value) = self.extension(EXTENDED_KEY_USAGE)?;
        let read = || -> Result<_, Malformed> {
            Elements::of_single(value)?
                .next_tagged(tag::SEQUENCE)?
                .children()
                .collect(MAX_ENTRIES)?
                .iter()
                .map(tlv::Element::oid)
                .collect::<Result<Vec<_>, _>>()
        };
        read().ok().map(|purposes| (critical, purposes))
    }

    /// Whether it is for time-stamps and for nothing else, and says so critically (RFC 3161, 2.3).
    #[must_use]
    pub fn is_for_time_stamps(&self) -> bool {
        matches!(self.purposes(), Some((true, purposes)) if purposes == [PURPOSE_TIME_STAMPING])
    }

    /// Whether its key usage lets it sign CRLs: no key usage at all, or cRLSign.
    pub(crate) fn may_sign_crls(&self) -> bool {
        self.extension(KEY_USAGE).is_none_or(|(_, value)| {
            // BIT STRING: tag, length, unused bits, then bit 6 of the first octet.
            matches!(value, [tag::BIT_STRING, _, _, bits, ..] if bits & 0x02 != 0)
        })
    }

    /// Whether the CA says that nobody needs to ask after this responder's certificate (RFC 6960, 4.2.2.2.1).
    pub(crate) fn has_ocsp_no_check(&self) -> bool {
        self.extension(OCSP_NO_CHECK).is_some()
    }

    /// Where its CRL is published.
    pub(crate) fn distribution_points(&self) -> Result<Vec<DistributionPoint>, Malformed> {
        let Some((_, value)) = self.extension(CRL_DISTRIBUTION_POINTS) else {
            return Ok(Vec::new());
        };
        let points = Elements::of_single(value)?.next_tagged(tag::SEQUENCE)?;
        let mut read = Vec::new();
        for point in points.children().collect(MAX_ENTRIES)? {
            let mut fields = point.children();
            let names = match fields.next_if(tag::context(0))? {
                Some(name) => PointName::read(name.value)?,
                None => PointName::Absent,
            };
            let reasons = fields
                .next_if(tag::context_primitive(1))?
                .map(|bits| bits.value.get(1..).unwrap_or_default().to_vec());
            let crl_issuers = match fields.next_if(tag::context(2))? {
                Some(names) => directory_names(names.value)?,
                None => Vec::new(),
            };
            read.push(DistributionPoint {
                names,
                reasons,
                crl_issuers,
            });
        }
        Ok(read)
    }

    /// Addresses (http) of its CRL. They may be asked only once the certificate is known to come from an anchor.
    #[must_use]
    pub fn crl_addresses(&self) -> Vec<String> {
        let points = self.distribution_points().unwrap_or_default();
        let names = points.into_iter().filter_map(|point| match point.names {
            PointName::Full(names) => Some(names),
            _ => None,
        });
        names.flatten().filter_map(|name| uri(&name)).collect()
    }

    /// Addresses (http) of OCSP responders. They may be asked only once the certificate is known to come from an
    /// anchor.
    #[must_use]
    pub fn ocsp_addresses(&self) -> Vec<String> {
        self.access(ACCESS_OCSP)
    }

    /// Addresses (http) of its issuer's certificate. They may be asked only where the certificate itself is known.
    #[must_use]
    pub fn issuer_addresses(&self) -> Vec<String> {
        self.access(ACCESS_ISSUERS)
    }

    fn access(&self, method: ObjectIdentifier) -> Vec<String> {
        let Some((_, value)) = self.extension(AUTHORITY_INFORMATION) else {
            return Vec::new();
        };
        let read = || -> Result<Vec<String>, Malformed> {
            let mut found = Vec::new();
            let list = Elements::of_single(value)?.next_tagged(tag::SEQUENCE)?;
            for description in list.children().collect(MAX_ENTRIES)? {
                let mut fields = description.children();
                if fields.next_tagged(tag::OID)?.oid()? == method {
                    found.extend(uri(fields.next()?.raw));
                }
            }
            Ok(found)
        };
        read().unwrap_or_default()
    }

    /// The bits of its public key (contents of `subjectPublicKey`), which OCSP identifies a key by.
    pub(crate) fn public_key_bits(&self) -> &[u8] {
        let read = || -> Result<_, Malformed> {
            let mut fields = Elements::of_single(self.public_key_der())?
                .next_tagged(tag::SEQUENCE)?
                .children();
            fields.next_tagged(tag::SEQUENCE)?;
            fields.next_tagged(tag::BIT_STRING)
        };
        read()
            .ok()
            .and_then(|bits| bits.value.get(1..))
            .unwrap_or_default()
    }
}

fn uri(name: &[u8]) -> Option<String> {
    let name = Elements::of_single(name).ok()?.next().ok()?;
    let text = (name.tag == URI).then_some(name.value)?;
    let text = std::str::from_utf8(text).ok()?;
    let plain = text.len() <= 2048 && text.bytes().all(|byte| byte.is_ascii_graphic());
    (plain && (text.starts_with("http://") || text.starts_with("https://"))).then(|| text.to_owned())
}
