//! For which certificates and reasons a CRL speaks: the issuing distribution point (RFC 5280, 5.2.5) against the
//! distribution points of the certificate (4.2.1.13), by the rules of 6.3.3 (b) and (d).

use super::crl::Crl;
use crate::certificate::Certificate;
use crate::certificate::extension::{DistributionPoint, PointName};
use crate::certificate::name;
use crate::cms::tlv::{Elements, Malformed, tag};

/// Reasons 1 to 8 (`ReasonFlags`), most significant bit first; bit 0 is unused.
pub(super) const ALL_REASONS: u16 = 0b0111_1111_1000_0000;

/// `IssuingDistributionPoint`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IssuingPoint {
    present: bool,
    names: PointName,
    only_users: bool,
    only_authorities: bool,
    only_attributes: bool,
    only_reasons: Option<u16>,
    indirect: bool,
}

impl Default for IssuingPoint {
    fn default() -> Self {
        Self {
            present: false,
            names: PointName::Absent,
            only_users: false,
            only_authorities: false,
            only_attributes: false,
            only_reasons: None,
            indirect: false,
        }
    }
}

/// A `ReasonFlags` without its count of unused bits.
fn reasons(bits: &[u8]) -> u16 {
    let octet = |at: usize| u16::from(bits.get(at).copied().unwrap_or(0));
    ((octet(0) << 8) | octet(1)) & ALL_REASONS
}

impl IssuingPoint {
    pub(super) fn read(value: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Elements::of_single(value)?.next_tagged(tag::SEQUENCE)?.children();
        let mut point = Self {
            present: true,
            ..Self::default()
        };
        while let Some(field) = fields.next_optional()? {
            let yes = field.value.first().is_some_and(|octet| *octet != 0);
            match field.tag {
                0xA0 => point.names = PointName::read(field.value)?,
                0x81 => point.only_users = yes,
                0x82 => point.only_authorities = yes,
                0x83 => point.only_reasons = Some(reasons(field.value.get(1..).ok_or(Malformed)?)),
                0x84 => point.indirect = yes,
                0x85 => point.only_attributes = yes,
                _ => return Err(Malformed),
            }
        }
        Ok(point)
    }
}

/// The reasons for which the list speaks about the certificate; none when it does not. `points` are those of the
/// certificate, or, where it has none, nothing: then the issuer's complete list speaks (RFC 5280, 6.3.3, last step).
pub(super) fn covered(crl: &Crl, certificate: &Certificate, points: &[DistributionPoint]) -> Option<u16> {
    let kind = &crl.point;
    let fits_kind = !kind.only_attributes
        && (!kind.only_users || !certificate.is_ca())
        && (!kind.only_authorities || certificate.is_ca());
    if !fits_kind || crl.not_understood {
        return None;
    }
    let issuer = certificate.issuer_der();
    let by_issuer = name::same(crl.issuer_der(), issuer);
    let usual = DistributionPoint {
        names: PointName::Full(vec![crate::cms::tlv::write(tag::context(4), issuer)]),
        reasons: None,
        crl_issuers: Vec::new(),
    };
    let mut mask = 0;
    // The complete list of the issuer itself speaks also where a distribution point names another place.
    let complete = by_issuer && kind.names == PointName::Absent;
    for point in points.iter().chain([&usual]) {
        let own = point.crl_issuers.is_empty();
        let named = if own {
            by_issuer
        } else {
            kind.indirect
                && point
                    .crl_issuers
                    .iter()
                    .any(|name| name::same(name, crl.issuer_der()))
        };
        if named && (place_fits(crl, point, issuer) || (own && complete)) {
            mask |= kind.only_reasons.unwrap_or(ALL_REASONS)
                & point.reasons.as_deref().map_or(ALL_REASONS, reasons);
        }
    }
    (mask != 0).then_some(mask)
}

/// 6.3.3 (b) (2) (i): one of the names of the list's distribution point is one of the certificate's.
fn place_fits(crl: &Crl, point: &DistributionPoint, issuer: &[u8]) -> bool {
    let own = crl.point.names.full(crl.issuer_der());
    if crl.point.names == PointName::Absent {
        return true;
    }
    let base = point.crl_issuers.first().map_or(issuer, Vec::as_slice);
    let mut wanted = point.names.full(base);
    if wanted.is_empty() {
        wanted = point
            .crl_issuers
            .iter()
            .map(|name| crate::cms::tlv::write(tag::context(4), name))
            .collect();
    }
    let same = |one: &Vec<u8>, other: &Vec<u8>| {
        one == other || {
            let inner = |name: &Vec<u8>| {
                let mut elements = Elements::of_single(name).ok()?;
                elements
                    .next_if(tag::context(4))
                    .ok()?
                    .map(|name| name.value.to_vec())
            };
            matches!((inner(one), inner(other)), (Some(one), Some(other)) if name::same(&one, &other))
        }
    };
    own.iter().any(|one| wanted.iter().any(|other| same(one, other)))
}
