//! Time-stamps in a SignerInfo (EN 319 122-1, clauses 5.2.8, 5.3 and 5.5.3), in the order they were made.

use der::asn1::ObjectIdentifier;

use super::archive;
use super::attributes::{self, Attribute};
use super::read::{SignedData, SignerInfo};
use super::verify::Message;
use crate::report::TimestampKind;
use crate::timestamp::TimestampToken;
use crate::validation::Stamped;

/// content-time-stamp, a signed attribute
const CONTENT: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.20");
/// signature-time-stamp
pub(crate) const SIGNATURE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.14");
/// archive-time-stamp-v3
pub(crate) const ARCHIVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.1733.2.4");

/// The time-stamp tokens among its unsigned attributes that can be read.
pub(crate) fn tokens(signer: &SignerInfo) -> Vec<TimestampToken> {
    let contents = signer.unsigned_attributes.as_deref().unwrap_or_default();
    attributes::read(contents)
        .unwrap_or_default()
        .iter()
        .filter(|attribute| [SIGNATURE, ARCHIVE].contains(&attribute.oid))
        .flat_map(|attribute| &attribute.values)
        .filter_map(|value| TimestampToken::from_der(value.raw).ok())
        .collect()
}

/// All of them; what cannot be read is there as such.
pub(super) fn of(signed_data: &SignedData, signer: &SignerInfo, message: &Message<'_>) -> Vec<Stamped> {
    let read = |contents: &Option<Vec<u8>>, oid| -> Vec<Option<TimestampToken>> {
        let attributes: Vec<Attribute<'_>> =
            attributes::read(contents.as_deref().unwrap_or_default()).unwrap_or_default();
        attributes
            .iter()
            .filter(|attribute| attribute.oid == oid)
            .flat_map(|attribute| &attribute.values)
            .map(|value| TimestampToken::from_der(value.raw).ok())
            .collect()
    };
    let about = |token: &Option<TimestampToken>,
                 digest: &dyn Fn(crate::algorithm::Hash) -> Option<Vec<u8>>| {
        token.as_ref().is_some_and(|token| token.is_about_digest(digest))
    };
    let mut found = Vec::new();
    for token in read(&signer.signed_attributes, CONTENT) {
        found.push(Stamped {
            kind: TimestampKind::Content,
            about_this: about(&token, message.digest),
            token,
        });
    }
    for token in read(&signer.unsigned_attributes, SIGNATURE) {
        found.push(Stamped {
            kind: TimestampKind::Signature,
            about_this: about(&token, &|hash| Some(hash.digest(&signer.signature))),
            token,
        });
    }
    let mut archived: Vec<Stamped> = read(&signer.unsigned_attributes, ARCHIVE)
        .into_iter()
        .map(|token| Stamped {
            kind: TimestampKind::Archive,
            about_this: token
                .as_ref()
                .is_some_and(|token| archive::is_about(token, signed_data, signer, message.digest)),
            token,
        })
        .collect();
    archived.sort_by_key(|stamped| stamped.token.as_ref().map(TimestampToken::time));
    found.extend(archived);
    found
}
