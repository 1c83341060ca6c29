//! archive-time-stamp-v3 with its ATSHashIndexV3 (EN 319 122-1, clauses 5.5.2 and 5.5.3), and version 2, which is read
//! only.
//!
//! The index lists the digests of the certificates, the revocation values and the unsigned attributes that the time-stamp
//! covers. It travels as an unsigned attribute in the token, and is itself covered by the imprint.

use der::asn1::ObjectIdentifier;
use time::OffsetDateTime;

use super::attributes::{self, Attribute};
use super::read::{SignedData, SignerInfo};
use super::stamps;
use super::tlv::{self, Element, Elements, Malformed, tag};
use crate::algorithm::{Hash, Hasher};
use crate::timestamp::TimestampToken;

/// ats-hash-index-v3
const HASH_INDEX: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.19122.1.5");

const MAX_DIGESTS: usize = 2048;

/// DER of the ATSHashIndexV3 over everything that is there now.
pub(crate) fn hash_index(signed_data: &SignedData, signer: &SignerInfo, hash: Hash) -> Option<Vec<u8>> {
    let list = |digests: Vec<Vec<u8>>| {
        let strings: Vec<Vec<u8>> = digests
            .iter()
            .map(|digest| tlv::write(tag::OCTET_STRING, digest))
            .collect();
        tlv::write(tag::SEQUENCE, &strings.concat())
    };
    let digests = |elements: &[Vec<u8>]| elements.iter().map(|element| hash.digest(element)).collect();
    let mut body = hash.identifier_der();
    body.extend(list(digests(&signed_data.raw.certificates)));
    body.extend(list(digests(&signed_data.raw.crls)));
    body.extend(list(unsigned_values(signer, hash).ok()?));
    Some(tlv::write(tag::SEQUENCE, &body))
}

/// The digest of type and value, for each value of each unsigned attribute.
fn unsigned_values(signer: &SignerInfo, hash: Hash) -> Result<Vec<Vec<u8>>, Malformed> {
    let contents = signer.unsigned_attributes.as_deref().unwrap_or_default();
    let mut digests = Vec::new();
    for attribute in attributes::read(contents)? {
        let oid = tlv::oid(&attribute.oid);
        for value in &attribute.values {
            digests.push(hash.digest(&[&oid, value.raw].concat()));
        }
    }
    Ok(digests)
}

/// The digest that an archive time-stamp with this index has to be about: content type, digest of the content, the
/// fields of the signer, the index. None where the content is not there.
pub(crate) fn imprint(
    signed_data: &SignedData,
    signer: &SignerInfo,
    index: &[u8],
    hash: Hash,
    content: &dyn Fn(Hash) -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    let mut hasher = hash.hasher();
    hasher.update(&tlv::oid(&signed_data.content_type()));
    hasher.update(&content(hash)?);
    hasher.update(&signer.fields);
    hasher.update(index);
    Some(hasher.finalize())
}

/// Whether a token is an archive time-stamp over this signer: everything its index lists is there, and its imprint is
/// right. Content that is not there cannot be covered.
pub(super) fn is_about(
    token: &TimestampToken,
    signed_data: &SignedData,
    signer: &SignerInfo,
    content: &dyn Fn(Hash) -> Option<Vec<u8>>,
) -> bool {
    let covered = || -> Option<bool> {
        let [stamper] = token.signed_data().signers() else {
            return None;
        };
        let contents = stamper.unsigned_attributes.as_deref()?;
        let attributes = attributes::read(contents).ok()?;
        let index = attributes::value(&attributes, HASH_INDEX)?;
        let hash = token.hash()?;
        if !lists_what_is_there(index, signed_data, signer, hash).ok()? {
            return None;
        }
        let digest = imprint(signed_data, signer, index.raw, hash, content)?;
        Some(token.is_about_digest(|_| Some(digest)))
    };
    covered() == Some(true)
}

fn lists_what_is_there(
    index: Element<'_>,
    signed_data: &SignedData,
    signer: &SignerInfo,
    hash: Hash,
) -> Result<bool, Malformed> {
    let mut fields = Elements::of_single(index.raw)?
        .next_tagged(tag::SEQUENCE)?
        .children();
    let algorithm = fields.next_tagged(tag::SEQUENCE)?.raw;
    let own = Hash::from_old_identifier_der(algorithm, true).map_err(|_| Malformed)?;
    let digests = |elements: &[Vec<u8>]| -> Vec<Vec<u8>> {
        elements.iter().map(|element| own.digest(element)).collect()
    };
    let present = [
        digests(&signed_data.raw.certificates),
        digests(&signed_data.raw.crls),
        unsigned_values(signer, own)?,
    ];
    let mut all = own == hash;
    for present in &present {
        let listed = fields
            .next_tagged(tag::SEQUENCE)?
            .children()
            .collect(MAX_DIGESTS)?;
        all &= listed
            .iter()
            .all(|listed| present.iter().any(|digest| digest.as_slice() == listed.value));
    }
    fields.finish()?;
    Ok(all)
}

/// The token with the index among its unsigned attributes.
pub(crate) fn with_index(token: &TimestampToken, index: &[u8]) -> Option<Vec<u8>> {
    let attribute = super::edit::attribute(&HASH_INDEX, index);
    super::edit::with_unsigned(token.as_der(), 0, attribute)
}

/// What an archive-time-stamp-v2 over a signer is about (EN 319 122-1, A.2.4; TS 101 733 V2.2.1, 6.4.1 and annex K): the
/// encapsulated content, the content beside it, certificates and CRLs, and all fields of the signer but the archive
/// time-stamps that are not older.
pub(super) struct Second<'a> {
    signed_data: &'a SignedData,
    signer: &'a SignerInfo,
    /// The unsigned attributes, each with the time of the latest archive time-stamp that it is.
    unsigned: Vec<(&'a Attribute<'a>, Is)>,
    content: Option<&'a [u8]>,
    /// All that comes before the unsigned attributes, for each hash that was asked for.
    begun: Vec<(Hash, Hasher)>,
}

/// What an unsigned attribute is to an archive time-stamp.
#[derive(Clone, Copy)]
enum Is {
    /// No such time-stamp: it has to be assumed that it was there.
    Another,
    /// One that cannot be read.
    Unreadable,
    Stamped(OffsetDateTime),
}

impl<'a> Second<'a> {
    /// Over this signer; `content` where it is at hand.
    pub(super) fn new(
        signed_data: &'a SignedData,
        signer: &'a SignerInfo,
        unsigned: &'a [Attribute<'a>],
        content: Option<&'a [u8]>,
    ) -> Self {
        let is = |attribute: &Attribute<'_>| {
            if ![stamps::ARCHIVE, stamps::ARCHIVE_V2].contains(&attribute.oid) {
                return Is::Another;
            }
            let times = attribute.values.iter();
            let times: Result<Vec<_>, _> = times
                .map(|value| TimestampToken::from_der(value.raw).map(|token| token.time()))
                .collect();
            let latest = times.ok().and_then(|times| times.into_iter().max());
            latest.map_or(Is::Unreadable, Is::Stamped)
        };
        Self {
            signed_data,
            signer,
            unsigned: unsigned
                .iter()
                .map(|attribute| (attribute, is(attribute)))
                .collect(),
            content,
            begun: Vec::new(),
        }
    }

    /// Whether a token is about it. None where the content is not at hand, or where what the authority saw may have stood
    /// otherwise.
    pub(super) fn is_about(&mut self, token: &TimestampToken) -> Option<bool> {
        let content = self.content?;
        let older = |is: Is| match is {
            Is::Another => true,
            Is::Unreadable => false,
            Is::Stamped(time) => time < token.time(),
        };
        let begun = token.hash().map(|hash| self.begun(hash, content));
        let older: Vec<&[u8]> = self
            .unsigned
            .iter()
            .filter(|(_, is)| older(*is))
            .map(|(attribute, _)| attribute.raw)
            .collect();
        let len = older.iter().map(|attribute| attribute.len()).sum();
        // Annex K once left the header of the unsigned attributes out, and says to try both.
        let right = [tlv::header(tag::context(1), len), Vec::new()]
            .iter()
            .any(|header| {
                token.is_about_digest(|_| {
                    let mut hasher = begun.clone()?;
                    hasher.update(header);
                    older.iter().for_each(|attribute| hasher.update(attribute));
                    Some(hasher.finalize())
                })
            });
        (right || !self.signed_data.raw.rewritten).then_some(right)
    }

    fn begun(&mut self, hash: Hash, content: &[u8]) -> Hasher {
        if let Some((_, hasher)) = self.begun.iter().find(|(known, _)| *known == hash) {
            return hasher.clone();
        }
        let mut hasher = hash.hasher();
        let mut encapsulated = tlv::oid(&self.signed_data.content_type());
        let inside = self.signed_data.content();
        if let Some(inside) = inside {
            let octets = tlv::write(tag::OCTET_STRING, inside);
            encapsulated.extend(tlv::write(tag::context(0), &octets));
        }
        hasher.update(&tlv::write(tag::SEQUENCE, &encapsulated));
        if inside.is_none() {
            hasher.update(content);
        }
        for (number, set) in [
            (0, &self.signed_data.raw.certificates),
            (1, &self.signed_data.raw.crls),
        ] {
            if !set.is_empty() {
                let len = set.iter().map(Vec::len).sum();
                hasher.update(&tlv::header(tag::context(number), len));
                set.iter().for_each(|element| hasher.update(element));
            }
        }
        hasher.update(&self.signer.fields);
        self.begun.push((hash, hasher.clone()));
        hasher
    }
}
