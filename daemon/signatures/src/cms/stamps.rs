//! Time-stamps in a SignerInfo (EN 319 122-1, clauses 5.2.8, 5.3 and 5.5, A.1.5 and A.2.4), in the order they were made.

use der::asn1::ObjectIdentifier;

use super::attributes::{self, Attribute};
use super::read::{SignedData, SignerInfo};
use super::tlv;
use super::verify::Message;
use super::{archive, references};
use crate::algorithm::Hash;
use crate::report::TimestampKind;
use crate::timestamp::TimestampToken;
use crate::validation::{self, Stamped};

/// content-time-stamp, a signed attribute
const CONTENT: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.20");
/// signature-time-stamp
pub(crate) const SIGNATURE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.14");
/// CAdES-C-time-stamp
const SIGNATURE_AND_REFERENCES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.25");
/// time-stamped-certs-crls-references
const REFERENCES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.26");
/// archive-time-stamp-v2
pub(crate) const ARCHIVE_V2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.48");
/// archive-time-stamp-v3
pub(crate) const ARCHIVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.1733.2.4");

/// Those among the unsigned attributes.
const UNSIGNED: [(ObjectIdentifier, TimestampKind); 5] = [
    (SIGNATURE, TimestampKind::Signature),
    (SIGNATURE_AND_REFERENCES, TimestampKind::SignatureAndReferences),
    (REFERENCES, TimestampKind::References),
    (ARCHIVE_V2, TimestampKind::Archive),
    (ARCHIVE, TimestampKind::Archive),
];

/// What an unsigned attribute says as a time-stamp, if it is one.
pub(super) fn kind(oid: ObjectIdentifier) -> Option<TimestampKind> {
    let mut all = UNSIGNED.iter();
    all.find(|(known, _)| *known == oid).map(|(_, kind)| *kind)
}

/// The time-stamp tokens among its attributes that can be read.
pub(crate) fn tokens(signer: &SignerInfo) -> Vec<TimestampToken> {
    let read = |contents: &Option<Vec<u8>>, is_stamp: fn(ObjectIdentifier) -> bool| -> Vec<TimestampToken> {
        attributes::read(contents.as_deref().unwrap_or_default())
            .unwrap_or_default()
            .iter()
            .filter(|attribute| is_stamp(attribute.oid))
            .flat_map(|attribute| &attribute.values)
            .filter_map(|value| TimestampToken::from_der(value.raw).ok())
            .collect()
    };
    let mut found = read(&signer.signed_attributes, |oid| oid == CONTENT);
    found.extend(read(&signer.unsigned_attributes, |oid| kind(oid).is_some()));
    found
}

/// All of them; what cannot be read is there as such.
pub(super) fn of(signed_data: &SignedData, signer: &SignerInfo, message: &Message<'_>) -> Vec<Stamped> {
    let signed = signer.signed_attributes.as_deref().unwrap_or_default();
    let signed = attributes::read(signed).unwrap_or_default();
    let unsigned = signer.unsigned_attributes.as_deref().unwrap_or_default();
    let unsigned = attributes::read(unsigned).unwrap_or_default();
    let all = signed.iter().filter(|attribute| attribute.oid == CONTENT);
    let all = all.chain(unsigned.iter().filter(|attribute| kind(attribute.oid).is_some()));
    let mut found: Vec<(ObjectIdentifier, TimestampKind, Option<TimestampToken>)> = all
        .flat_map(|attribute| attribute.values.iter().map(|value| (attribute.oid, value.raw)))
        .map(|(oid, raw)| {
            let kind = kind(oid).unwrap_or(TimestampKind::Content);
            (oid, kind, TimestampToken::from_der(raw).ok())
        })
        .collect();
    found.sort_by_key(|(_, kind, token)| {
        let archived = token.as_ref().filter(|_| *kind == TimestampKind::Archive);
        (validation::rank(*kind), archived.map(TimestampToken::time))
    });
    found.truncate(validation::MAX_TIMESTAMPS);
    let mut second = archive::Second::new(signed_data, signer, &unsigned, message.content);
    found
        .into_iter()
        .map(|(oid, kind, token)| Stamped {
            kind,
            about_this: token.as_ref().map_or(Some(false), |token| match oid {
                ARCHIVE_V2 => second.is_about(token),
                _ => is_about(oid, token, signed_data, signer, &unsigned, message),
            }),
            token,
        })
        .collect()
}

/// Whether a token is about what one in this attribute has to be about; none where that cannot be told.
fn is_about(
    oid: ObjectIdentifier,
    token: &TimestampToken,
    signed_data: &SignedData,
    signer: &SignerInfo,
    unsigned: &[Attribute<'_>],
    message: &Message<'_>,
) -> Option<bool> {
    let about = |digest: &dyn Fn(Hash) -> Option<Vec<u8>>| token.is_about_digest(digest);
    match oid {
        CONTENT => Some(about(message.digest)),
        SIGNATURE => Some(about(&|hash| Some(hash.digest(&signer.signature)))),
        ARCHIVE => Some(archive::is_about(token, signed_data, signer, message.digest)),
        // Version 2 of TS 101 733, 6.3.5 and 6.3.6: type and values of each, without the SEQUENCE around them.
        _ => {
            let mut octets = Vec::new();
            let mut named = vec![references::CERTIFICATES, references::REVOCATION];
            if oid == SIGNATURE_AND_REFERENCES {
                octets.extend_from_slice(&signer.signature);
                named.insert(0, SIGNATURE);
            }
            let mut covered = 0;
            for name in named {
                for attribute in unsigned.iter().filter(|attribute| attribute.oid == name) {
                    octets.extend(tlv::oid(&name));
                    octets.extend_from_slice(attribute.set);
                    covered += 1;
                }
            }
            let right = covered > 0 && about(&|hash| Some(hash.digest(&octets)));
            // What was rewritten from BER is not what the authority saw.
            (right || !signed_data.raw.rewritten).then_some(right)
        }
    }
}
