//! Anchors and certification paths (RFC 5280, section 6).
//!
//! A limit of the reader of certificate policies: an object identifier below root arc 2 whose second arc is above 39
//! (2.999, say, the arc for examples) is not decoded. A path with such a policy is refused as [`Reason::PathOther`].

mod build;
mod check;

use der::asn1::ObjectIdentifier;
use time::OffsetDateTime;

use crate::certificate::{Certificate, CertificateError, pem_blocks};
use crate::cms::SignedData;
use crate::report::{Reason, SubIndication};
use crate::revocation::Revocations;

/// The longest path that is looked at, signer and anchor included.
pub const MAX_DEPTH: usize = 8;

/// Certificates that end a path: what the person who validates trusts.
#[derive(Debug, Clone, Default)]
pub struct Anchors(Vec<Certificate>);

impl Anchors {
    /// Of certificates already read.
    #[must_use]
    pub fn new(certificates: Vec<Certificate>) -> Self {
        let mut anchors = Self::default();
        for certificate in certificates {
            anchors.add(certificate);
        }
        anchors
    }

    /// Adds one, once.
    pub fn add(&mut self, certificate: Certificate) {
        if !self.0.contains(&certificate) {
            self.0.push(certificate);
        }
    }

    /// Adds what a file holds: one certificate in DER, any number in PEM, or a SignedData that carries certificates and
    /// nothing else (`.p7b`; RFC 5652, section 5.1), in BER, DER or PEM (RFC 7468, section 8). A SignedData that signs
    /// something is none: the certificates of a document do not become trusted by its being taken for a list of them.
    ///
    /// # Errors
    /// [`CertificateError`]; nothing has been added then.
    pub fn add_file(&mut self, contents: &[u8]) -> Result<(), CertificateError> {
        let certificates = match std::str::from_utf8(contents) {
            Ok(text) if text.contains("-----BEGIN") => match carrier(text)? {
                Some(der) => carried(&der).ok_or(CertificateError::NotPem)?,
                None => Certificate::all_from_pem(text)?,
            },
            _ => match carried(contents) {
                Some(certificates) => certificates,
                None => vec![Certificate::from_der(contents)?],
            },
        };
        certificates
            .into_iter()
            .for_each(|certificate| self.add(certificate));
        Ok(())
    }

    /// All of them.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.0
    }
}

/// The SignedData of a PEM text, where there is one.
fn carrier(pem: &str) -> Result<Option<Vec<u8>>, CertificateError> {
    for label in ["CMS", "PKCS7"] {
        if let Some(der) = pem_blocks(pem, label)?.into_iter().next() {
            return Ok(Some(der));
        }
    }
    Ok(None)
}

/// What a SignedData carries that has neither content nor signers; a certificate that cannot be read is passed over.
fn carried(bytes: &[u8]) -> Option<Vec<Certificate>> {
    let carrier = SignedData::parse(bytes).ok()?;
    let signs = carrier.content().is_some() || !carrier.signers().is_empty();
    (!signs && !carrier.certificates().is_empty()).then(|| carrier.certificates().to_vec())
}

/// What whoever validates says of certificate policies (RFC 5280, 6.1.1, c and e to g). It is said of signers; what
/// stamps the time or says what is revoked is asked for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policies<'a> {
    /// user-initial-policy-set: those that are acceptable; any, if it is empty. A path for none of them is refused only
    /// where it has to be for some policy: because a certificate of it says so, or [`Policies::explicit`].
    pub acceptable: &'a [ObjectIdentifier],
    /// initial-explicit-policy: a path has to be for an acceptable policy.
    pub explicit: bool,
    /// initial-policy-mapping-inhibit: no policy of one CA stands for one of another.
    pub no_mapping: bool,
    /// initial-any-policy-inhibit: `anyPolicy` stands for nothing.
    pub no_any: bool,
}

impl Policies<'_> {
    /// Any, and none is required.
    pub const ANY: Self = Self {
        acceptable: &[],
        explicit: false,
        no_mapping: false,
        no_any: false,
    };
}

/// What a validation relies on, beside the document.
#[derive(Debug, Clone, Copy)]
pub struct Reliance<'a> {
    /// What ends a path.
    pub anchors: &'a Anchors,
    /// Certificates that may be needed on the way and are not trusted for themselves; many documents carry only the
    /// signer's.
    pub intermediates: &'a [Certificate],
    /// CRLs and OCSP responses beside those of the document: a cache, imported lists.
    pub revocations: &'a Revocations,
    /// The time at which certificates have to be valid. Where a document proves an earlier one, that is taken for what
    /// it proves.
    pub at: OffsetDateTime,
    /// The time of validation; nothing that was made later is believed.
    pub now: OffsetDateTime,
    /// Lets SHA-1 count, for documents of a time when it was in use; the report says where.
    pub sha1: bool,
    /// Refuses where nothing is known about a revocation, instead of warning.
    pub require_revocation: bool,
    /// Which policies the signer's certificate may be for.
    pub policies: Policies<'a>,
}

impl<'a> Reliance<'a> {
    /// On these certificates at this time: without revocation information, without SHA-1.
    #[must_use]
    pub const fn new(anchors: &'a Anchors, intermediates: &'a [Certificate], at: OffsetDateTime) -> Self {
        Self {
            anchors,
            intermediates,
            revocations: Revocations::NONE,
            at,
            now: at,
            sha1: false,
            require_revocation: false,
            policies: Policies::ANY,
        }
    }
}

/// What came of looking for a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathVerdict {
    /// A path that RFC 5280 accepts, from the signer to the anchor.
    Trusted {
        /// The certificates, the signer's first, the anchor last.
        path: Vec<Certificate>,
    },
    /// None.
    Untrusted {
        /// What EN 319 102-1 calls it.
        sub_indication: SubIndication,
        /// The rule that the best path breaks.
        reason: Reason,
    },
}

/// Looks for a path from `leaf` to one of the anchors that is valid at the given time. Revocation is not looked at.
///
/// `embedded` are certificates out of the document; they are taken as candidates like [`Reliance::intermediates`].
#[must_use]
pub fn validate_path(leaf: &Certificate, embedded: &[Certificate], reliance: &Reliance<'_>) -> PathVerdict {
    first_path(leaf, embedded, reliance, false)
}

/// As [`validate_path`], also for a certificate of a CA: one that signs revocation lists may be one.
pub(crate) fn validate_any_path(
    leaf: &Certificate,
    embedded: &[Certificate],
    reliance: &Reliance<'_>,
) -> PathVerdict {
    first_path(leaf, embedded, reliance, true)
}

/// Every path that RFC 5280 accepts, and what stopped the others.
pub(crate) fn valid_paths(
    leaf: &Certificate,
    embedded: &[Certificate],
    reliance: &Reliance<'_>,
) -> (Vec<Vec<Certificate>>, (SubIndication, Reason)) {
    let found = build::candidates(leaf, embedded, reliance);
    let mut finding = found
        .obstacle
        .unwrap_or((SubIndication::NoCertificateChainFound, Reason::NoPathToAnchor));
    let mut paths = Vec::new();
    for path in found.paths {
        match check::path(&path, reliance, false) {
            Ok(()) => paths.push(path.to_owned()),
            Err(broken) => finding = broken,
        }
    }
    (paths, finding)
}

fn first_path(
    leaf: &Certificate,
    embedded: &[Certificate],
    reliance: &Reliance<'_>,
    authority: bool,
) -> PathVerdict {
    let found = build::candidates(leaf, embedded, reliance);
    let mut finding = found
        .obstacle
        .unwrap_or((SubIndication::NoCertificateChainFound, Reason::NoPathToAnchor));
    for path in found.paths {
        match check::path(&path, reliance, authority) {
            Ok(()) => {
                return PathVerdict::Trusted {
                    path: path.to_owned(),
                };
            }
            Err(broken) => finding = broken,
        }
    }
    PathVerdict::Untrusted {
        sub_indication: finding.0,
        reason: finding.1,
    }
}
