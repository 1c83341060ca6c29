//! Judging one path by RFC 5280, section 6, with RFC 5937 (constraints of anchors) and RFC 9618 (policies).

use certval::{
    CertificationPath, CertificationPathResults, CertificationPathSettings, Error, PDVCertificate,
    PDVTrustAnchorChoice, PathValidationStatus, PkiEnvironment, TimeOfInterest,
    enforce_trust_anchor_constraints, validate_path_rfc5280,
};
use der::asn1::BitString;
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use time::OffsetDateTime;

use super::build::Linked;
use super::{Policies, Reliance};
use crate::algorithm::{MIN_RSA_BITS, PublicKeyKind};
use crate::certificate::Certificate;
use crate::report::{Reason, SubIndication};

type Finding = (SubIndication, Reason);

const OTHER: Finding = (SubIndication::CertificateChainGeneralFailure, Reason::PathOther);

/// Judges a path, the signer's certificate first, the anchor last, at [`Reliance::at`]: all of RFC 5280, 6.1, but the signatures,
/// which were verified when the path was found. An anchor that is the signer's own
/// certificate is a path of one (EN 319 102-1, 5.2.6.4): it is checked for its validity only.
/// `authority` lets the first certificate be a CA's.
pub(super) fn path(path: &Linked<'_>, reliance: &Reliance<'_>, authority: bool) -> Result<(), Finding> {
    let at = reliance.at;
    let [leaf, issuers @ ..] = path.certificates() else {
        return Err(OTHER);
    };
    validity(leaf, issuers, at)?;
    if path
        .certificates()
        .iter()
        .any(|certificate| too_short(certificate))
    {
        return Err((SubIndication::CryptoConstraintsFailure, Reason::PathKeyTooShort));
    }
    if leaf.is_ca() && !authority {
        return Err((
            SubIndication::ChainConstraintsFailure,
            Reason::PathBasicConstraints,
        ));
    }
    match issuers {
        [] => Ok(()),
        // Of a person whose own certificate is trusted it is not believed what he certifies of others.
        [.., anchor] if anchor.is_no_ca() => Err((
            SubIndication::CertificateChainGeneralFailure,
            Reason::PathBasicConstraints,
        )),
        [intermediates @ .., anchor] => {
            rfc5280(leaf, intermediates, anchor, &settings(at, &reliance.policies)?)
        }
    }
}

/// Every certificate has to be valid, the anchor too. For the signer's a proof of existence could still help, hence
/// its own sub-indication.
fn validity(leaf: &Certificate, issuers: &[&Certificate], at: OffsetDateTime) -> Result<(), Finding> {
    let outside = |certificate: &Certificate| {
        if at < certificate.not_before() {
            Some(Reason::CertificateNotYetValid)
        } else if at > certificate.not_after() {
            Some(Reason::CertificateExpired)
        } else {
            None
        }
    };
    if let Some(reason) = outside(leaf) {
        return Err((SubIndication::OutOfBoundsNoPoe, reason));
    }
    match issuers.iter().find_map(|issuer| outside(issuer)) {
        Some(reason) => Err((SubIndication::CertificateChainGeneralFailure, reason)),
        None => Ok(()),
    }
}

fn too_short(certificate: &Certificate) -> bool {
    matches!(certificate.public_key(), PublicKeyKind::Rsa { bits } if bits < MIN_RSA_BITS)
}

fn rfc5280(
    leaf: &Certificate,
    intermediates: &[&Certificate],
    anchor: &Certificate,
    settings: &CertificationPathSettings,
) -> Result<(), Finding> {
    let parse = |certificate: &Certificate| PDVCertificate::try_from(certificate.as_der()).map_err(|_| OTHER);
    let anchor = PDVTrustAnchorChoice::create(anchor.as_der(), "").map_err(|_| OTHER)?;
    let from_anchor_down = intermediates
        .iter()
        .rev()
        .map(|certificate| parse(certificate))
        .collect::<Result<Vec<_>, _>>()?;
    let path = CertificationPath::new(anchor, from_anchor_down, parse(leaf)?);

    let settings = enforce_trust_anchor_constraints(settings, &path.trust_anchor).map_err(finding)?;
    let mut environment = PkiEnvironment::new();
    environment.populate_5280_pki_environment();
    environment.clear_verify_signature_message_callbacks();
    environment.add_verify_signature_message_callback(verified_before);
    let mut results = CertificationPathResults::new();
    validate_path_rfc5280(&environment, &settings, &path, &mut results).map_err(finding)?;
    match results.get_validation_status() {
        Some(PathValidationStatus::Valid) => Ok(()),
        _ => Err(OTHER),
    }
}

/// What [`Linked`] proves: every certificate of the path was made by the key of the next one.
#[allow(
    clippy::unnecessary_wraps,
    reason = "the signature is that of certval's callbacks"
)]
const fn verified_before(
    _: &PkiEnvironment,
    _: &[u8],
    _: &BitString,
    _: &AlgorithmIdentifierOwned,
    _: &SubjectPublicKeyInfoOwned,
) -> certval::Result<()> {
    Ok(())
}

/// Anchors are the caller's, not a store's. A time of 0 would switch the validity check off, so it is refused.
fn settings(at: OffsetDateTime, policies: &Policies<'_>) -> Result<CertificationPathSettings, Finding> {
    let seconds = u64::try_from(at.unix_timestamp())
        .ok()
        .filter(|seconds| *seconds > 0)
        .ok_or(OTHER)?;
    let mut settings = CertificationPathSettings::new();
    settings.set_time_of_interest(TimeOfInterest::from_unix_secs(seconds).map_err(|_| OTHER)?);
    settings.set_require_ta_store(false);
    settings.set_enforce_trust_anchor_constraints(true);
    settings.set_enforce_trust_anchor_validity(true);
    settings.set_min_rsa_modulus_bits(2048);
    if !policies.acceptable.is_empty() {
        settings.set_initial_policy_set_from_oid_set(policies.acceptable.iter().copied().collect());
    }
    settings.set_initial_explicit_policy_indicator(policies.explicit);
    settings.set_initial_policy_mapping_inhibit_indicator(policies.no_mapping);
    settings.set_initial_inhibit_any_policy_indicator(policies.no_any);
    Ok(settings)
}

fn finding(error: Error) -> Finding {
    use PathValidationStatus as Status;
    let Error::PathValidation(status) = error else {
        return OTHER;
    };
    let reason = match status {
        Status::NameChainingFailure => Reason::PathNames,
        Status::SignatureVerificationFailure => Reason::PathSignature,
        Status::InvalidNotBeforeDate => Reason::CertificateNotYetValid,
        Status::InvalidNotAfterDate => Reason::CertificateExpired,
        Status::MissingBasicConstraints | Status::InvalidBasicConstraints => Reason::PathBasicConstraints,
        Status::InvalidPathLength => Reason::PathLength,
        Status::InvalidKeyUsage => Reason::PathKeyUsage,
        Status::NullPolicySet | Status::InvalidPolicyMapping => Reason::PathPolicy,
        Status::NameConstraintsViolation => Reason::PathNameConstraints,
        Status::UnprocessedCriticalExtension => Reason::PathUnknownCriticalExtension,
        Status::InsufficientKeySize => Reason::PathKeyTooShort,
        Status::ProcessingLimitExceeded => Reason::PathLimit,
        _ => Reason::PathOther,
    };
    let sub_indication = match reason {
        Reason::PathKeyTooShort => SubIndication::CryptoConstraintsFailure,
        Reason::PathPolicy | Reason::PathNameConstraints | Reason::PathLength => {
            SubIndication::ChainConstraintsFailure
        }
        _ => SubIndication::CertificateChainGeneralFailure,
    };
    (sub_indication, reason)
}
