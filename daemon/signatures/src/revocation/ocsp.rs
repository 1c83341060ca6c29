//! Reading an OCSP response and asking for one (RFC 6960). Fractions of a second are read, though the standard forbids
//! them: some responders write them.

use std::ops::Range;
use std::sync::Arc;

use der::asn1::ObjectIdentifier;
use time::OffsetDateTime;

use super::{RevocationError, check};
use crate::algorithm::{Declared, Hash, SignatureValue};
use crate::certificate::Certificate;
use crate::cms::clock;
use crate::cms::tlv::{self, Element, Elements, Malformed, tag};
use crate::material::MAX_OCSP;

const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
const NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.2");
/// id-pkix-ocsp-archive-cutoff (RFC 6960, 4.4.4)
const ARCHIVE_CUTOFF: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.6");
const ENUMERATED: u8 = 0x0A;
const MAX_ANSWERS: usize = 256;
const MAX_CERTIFICATES: usize = 16;
const MAX_EXTENSIONS: usize = 32;

/// What the responder says about one certificate.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    hash: Hash,
    issuer_name: Vec<u8>,
    issuer_key: Vec<u8>,
    serial: Vec<u8>,
    pub(super) verdict: Verdict,
    pub(super) this_update: OffsetDateTime,
    pub(super) next_update: Option<OffsetDateTime>,
    /// Certificates that have expired since then are remembered.
    pub(super) keeps_expired_since: Option<OffsetDateTime>,
}

impl Answer {
    /// Whether it would be another one if the certificate had been revoked.
    pub(super) fn knows(&self, certificate: &Certificate) -> bool {
        self.verdict != Verdict::Good || check::keeps(self.this_update, self.keeps_expired_since, certificate)
    }
}

/// `CertStatus`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    Revoked { since: OffsetDateTime, reason: u8 },
    Unknown,
}

/// Who answered.
#[derive(Debug, Clone)]
enum Responder {
    Name(Vec<u8>),
    Key(Vec<u8>),
}

/// An OCSP response with the bytes it came as.
#[derive(Debug, Clone)]
pub struct OcspResponse {
    /// Of the `OCSPResponse`.
    der: Arc<[u8]>,
    basic: Arc<[u8]>,
    signed: Range<usize>,
    algorithm: Range<usize>,
    signature: Range<usize>,
    responder: Responder,
    produced_at: OffsetDateTime,
    nonce: Option<Vec<u8>>,
    certificates: Vec<Certificate>,
    answers: Vec<Answer>,
}

impl OcspResponse {
    /// Reads an `OCSPResponse` in DER; nothing may follow it.
    ///
    /// # Errors
    /// [`RevocationError`]; a responder's refusal is [`RevocationError::Refused`].
    pub fn from_der(der: &[u8]) -> Result<Self, RevocationError> {
        if der.len() > MAX_OCSP {
            return Err(RevocationError::TooLong);
        }
        let (status, basic) = open(der).map_err(|Malformed| RevocationError::Malformed)?;
        if status != 0 {
            return Err(RevocationError::Refused(status));
        }
        let basic = basic.ok_or(RevocationError::Malformed)?;
        Self::read(der.to_vec(), basic.to_vec()).map_err(|Malformed| RevocationError::Malformed)
    }

    /// From a `BasicOCSPResponse` alone, as the revocation values of CAdES and XAdES carry it.
    ///
    /// # Errors
    /// [`RevocationError`]
    pub fn from_basic_der(basic: &[u8]) -> Result<Self, RevocationError> {
        if basic.len() > MAX_OCSP {
            return Err(RevocationError::TooLong);
        }
        Self::read(enclose(basic), basic.to_vec()).map_err(|Malformed| RevocationError::Malformed)
    }

    fn read(der: Vec<u8>, basic: Vec<u8>) -> Result<Self, Malformed> {
        let at = |part: &[u8]| {
            let start = part.as_ptr().addr() - basic.as_ptr().addr();
            start..start + part.len()
        };
        let mut response = Elements::of_single(&basic)?
            .next_tagged(tag::SEQUENCE)?
            .children();
        let signed = response.next_tagged(tag::SEQUENCE)?;
        let algorithm = response.next_tagged(tag::SEQUENCE)?;
        let signature = response.next_tagged(tag::BIT_STRING)?;
        let certificates = match response.next_if(tag::context(0))? {
            Some(explicit) => Elements::of_single(explicit.value)?
                .next_tagged(tag::SEQUENCE)?
                .children()
                .collect(MAX_CERTIFICATES)?
                .into_iter()
                .filter_map(|certificate| Certificate::from_der(certificate.raw).ok())
                .collect(),
            None => Vec::new(),
        };
        response.finish()?;
        if signature.value.first() != Some(&0) {
            return Err(Malformed);
        }
        let mut fields = signed.children();
        fields.next_if(tag::context(0))?;
        let responder = fields.next()?;
        let responder = match responder.tag {
            0xA1 => Responder::Name(responder.value.to_vec()),
            0xA2 => Responder::Key(
                Elements::of_single(responder.value)?
                    .next_tagged(tag::OCTET_STRING)?
                    .value
                    .to_vec(),
            ),
            _ => return Err(Malformed),
        };
        let produced_at = clock::read(fields.next_tagged(tag::GENERALIZED_TIME)?)?;
        let answers = fields
            .next_tagged(tag::SEQUENCE)?
            .children()
            .collect(MAX_ANSWERS)?
            .into_iter()
            // An answer about a hash that is not known is about no certificate of ours.
            .filter_map(|answer| read_answer(answer).transpose())
            .collect::<Result<_, _>>()?;
        let nonce = match fields.next_if(tag::context(1))? {
            Some(explicit) => read_nonce(Elements::of_single(explicit.value)?.next_tagged(tag::SEQUENCE)?)?,
            None => None,
        };
        fields.finish()?;
        Ok(Self {
            signed: at(signed.raw),
            algorithm: at(algorithm.raw),
            signature: at(&signature.value[1..]),
            responder,
            produced_at,
            nonce,
            certificates,
            answers,
            der: der.into(),
            basic: basic.into(),
        })
    }

    /// The bytes it came as.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// Of the `BasicOCSPResponse` in it.
    pub(crate) fn basic_der(&self) -> &[u8] {
        &self.basic
    }

    /// When it was made.
    #[must_use]
    pub const fn produced_at(&self) -> OffsetDateTime {
        self.produced_at
    }

    /// The certificates that came with it.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// Whether it says something about a certificate of this issuer; whether it may be believed, it does not say.
    #[must_use]
    pub fn answers(&self, certificate: &Certificate, issuer: &Certificate) -> bool {
        self.about(certificate, issuer).is_some()
    }

    /// The answer about a certificate of this issuer.
    pub(super) fn about(&self, certificate: &Certificate, issuer: &Certificate) -> Option<&Answer> {
        self.answers.iter().find(|answer| {
            answer.serial == certificate.serial()
                && answer.issuer_name == answer.hash.digest(certificate.issuer_der())
                && answer.issuer_key == answer.hash.digest(issuer.public_key_bits())
        })
    }

    /// Whether this certificate is the one that the response says made it.
    pub(super) fn names(&self, certificate: &Certificate) -> bool {
        match &self.responder {
            Responder::Name(name) => crate::certificate::name::same(name, certificate.subject_der()),
            Responder::Key(key) => *key == Hash::Sha1.digest(certificate.public_key_bits()),
        }
    }

    /// Whether this certificate's key made it.
    pub(super) fn is_signed_by(&self, certificate: &Certificate, sha1: bool) -> bool {
        let Ok(declared) = Declared::in_certificate(&self.basic[self.algorithm.clone()], sha1) else {
            return false;
        };
        let digest = declared.algorithm.hash().digest(&self.basic[self.signed.clone()]);
        let value = SignatureValue(self.basic[self.signature.clone()].to_vec());
        certificate
            .key()
            .verify_declared(declared, &digest, &value)
            .is_ok()
    }

    /// Whether it is signed with SHA-1, or a certificate that came with it is. How it names certificates is no matter here:
    /// that proves nothing.
    pub(super) fn is_by_sha1(&self) -> bool {
        Declared::is_with_sha1(&self.basic[self.algorithm.clone()])
            || self.certificates.iter().any(Certificate::is_by_sha1)
    }
}

/// Status and `BasicOCSPResponse` of an `OCSPResponse`.
fn open(der: &[u8]) -> Result<(u8, Option<&[u8]>), Malformed> {
    let mut fields = Elements::of_single(der)?.next_tagged(tag::SEQUENCE)?.children();
    let [status] = fields.next_tagged(ENUMERATED)?.value else {
        return Err(Malformed);
    };
    let Some(explicit) = fields.next_if(tag::context(0))? else {
        return Ok((*status, None));
    };
    fields.finish()?;
    let mut bytes = Elements::of_single(explicit.value)?
        .next_tagged(tag::SEQUENCE)?
        .children();
    if bytes.next_tagged(tag::OID)?.oid()? != BASIC {
        return Err(Malformed);
    }
    let basic = bytes.next_tagged(tag::OCTET_STRING)?.value;
    bytes.finish()?;
    Ok((*status, Some(basic)))
}

/// A successful `OCSPResponse` around a `BasicOCSPResponse`.
fn enclose(basic: &[u8]) -> Vec<u8> {
    let mut bytes = tlv::oid(&BASIC);
    bytes.extend(tlv::write(tag::OCTET_STRING, basic));
    let mut body = tlv::write(ENUMERATED, &[0]);
    body.extend(tlv::write(tag::context(0), &tlv::write(tag::SEQUENCE, &bytes)));
    tlv::write(tag::SEQUENCE, &body)
}

fn read_answer(element: Element<'_>) -> Result<Option<Answer>, Malformed> {
    let mut fields = element.children();
    let mut identifier = fields.next_tagged(tag::SEQUENCE)?.children();
    let hash = identifier.next_tagged(tag::SEQUENCE)?.raw;
    let issuer_name = identifier.next_tagged(tag::OCTET_STRING)?.value.to_vec();
    let issuer_key = identifier.next_tagged(tag::OCTET_STRING)?.value.to_vec();
    let serial = identifier.next_tagged(tag::INTEGER)?.value.to_vec();
    identifier.finish()?;
    let status = fields.next()?;
    let verdict = match status.tag {
        0x80 => Verdict::Good,
        0xA1 => {
            let mut revoked = status.children();
            let since = clock::read(revoked.next_tagged(tag::GENERALIZED_TIME)?)?;
            let reason = match revoked.next_if(tag::context(0))? {
                Some(explicit) => {
                    let code = Elements::of_single(explicit.value)?.next_tagged(ENUMERATED)?;
                    *code.value.first().ok_or(Malformed)?
                }
                None => 0,
            };
            Verdict::Revoked { since, reason }
        }
        0x82 => Verdict::Unknown,
        _ => return Err(Malformed),
    };
    let this_update = clock::read(fields.next_tagged(tag::GENERALIZED_TIME)?)?;
    let next_update = match fields.next_if(tag::context(0))? {
        Some(explicit) => Some(clock::read(Elements::of_single(explicit.value)?.next()?)?),
        None => None,
    };
    let mut keeps_expired_since = None;
    if let Some(explicit) = fields.next_if(tag::context(1))? {
        // No other single extension changes what the answer says; a critical one is not ours to pass over.
        let list = Elements::of_single(explicit.value)?.next_tagged(tag::SEQUENCE)?;
        for extension in list.children().collect(MAX_EXTENSIONS)? {
            let mut fields = extension.children();
            let oid = fields.next_tagged(tag::OID)?.oid()?;
            let critical = fields
                .next_if(0x01)?
                .is_some_and(|critical| critical.value != [0]);
            if oid == ARCHIVE_CUTOFF {
                let value = fields.next_tagged(tag::OCTET_STRING)?.value;
                keeps_expired_since = Some(clock::read(Elements::of_single(value)?.next()?)?);
            } else if critical {
                return Err(Malformed);
            }
        }
    }
    fields.finish()?;
    // SHA-1 names a certificate here, it proves nothing.
    let Ok(hash) = Hash::from_old_identifier_der(hash, true) else {
        return Ok(None);
    };
    Ok(Some(Answer {
        hash,
        issuer_name,
        issuer_key,
        serial,
        verdict,
        this_update,
        next_update,
        keeps_expired_since,
    }))
}

fn read_nonce(list: Element<'_>) -> Result<Option<Vec<u8>>, Malformed> {
    let mut nonce = None;
    for extension in list.children().collect(MAX_EXTENSIONS)? {
        let mut fields = extension.children();
        let oid = fields.next_tagged(tag::OID)?.oid()?;
        let critical = fields
            .next_if(0x01)?
            .is_some_and(|critical| critical.value != [0]);
        let value = fields.next_tagged(tag::OCTET_STRING)?.value;
        if oid == NONCE {
            nonce = Some(value.to_vec());
        } else if critical {
            return Err(Malformed);
        }
    }
    Ok(nonce)
}

/// A question about one certificate (RFC 6960, 4.1), identified with SHA-1 as every responder understands it.
#[derive(Debug, Clone)]
pub struct OcspRequest {
    der: Vec<u8>,
    nonce: Vec<u8>,
    certificate: Certificate,
    issuer: Certificate,
}

impl OcspRequest {
    /// Asks for a certificate of this issuer. `nonce` is up to 32 random bytes; none for a responder that answers from
    /// store.
    #[must_use]
    pub fn new(certificate: &Certificate, issuer: &Certificate, nonce: &[u8]) -> Self {
        let mut null = tlv::oid(&Hash::Sha1.oid());
        null.extend([0x05, 0x00]);
        let mut identifier = tlv::write(tag::SEQUENCE, &null);
        for octets in [
            Hash::Sha1.digest(certificate.issuer_der()),
            Hash::Sha1.digest(issuer.public_key_bits()),
        ] {
            identifier.extend(tlv::write(tag::OCTET_STRING, &octets));
        }
        identifier.extend(tlv::write(tag::INTEGER, certificate.serial()));
        let request = tlv::write(tag::SEQUENCE, &tlv::write(tag::SEQUENCE, &identifier));
        let mut body = tlv::write(tag::SEQUENCE, &request);
        let value = tlv::write(tag::OCTET_STRING, nonce);
        if !nonce.is_empty() {
            let mut extension = tlv::oid(&NONCE);
            extension.extend(tlv::write(tag::OCTET_STRING, &value));
            let extensions = tlv::write(tag::SEQUENCE, &tlv::write(tag::SEQUENCE, &extension));
            body.extend(tlv::write(tag::context(2), &extensions));
        }
        Self {
            der: tlv::write(tag::SEQUENCE, &tlv::write(tag::SEQUENCE, &body)),
            nonce: value,
            certificate: certificate.clone(),
            issuer: issuer.clone(),
        }
    }

    /// What is sent.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// Takes what came back: an answer about this certificate, with this nonce if it has one, that says something
    /// now and is made by the issuer or by whom it certified for it. Anything else is no reason not to ask elsewhere,
    /// and nothing that may stand in the place of an older answer. Whether the responder was revoked itself is judged
    /// when the answer is used.
    ///
    /// # Errors
    /// [`RevocationError`]
    pub fn accept(&self, response: &[u8], now: OffsetDateTime) -> Result<OcspResponse, RevocationError> {
        let response = OcspResponse::from_der(response)?;
        let other_nonce = response.nonce.as_ref().is_some_and(|nonce| *nonce != self.nonce);
        let answer = response.about(&self.certificate, &self.issuer);
        let answer = answer
            .filter(|_| !other_nonce)
            .ok_or(RevocationError::OtherQuestion)?;
        if answer.verdict == Verdict::Unknown || !answer.knows(&self.certificate) {
            return Err(RevocationError::NotKnown);
        }
        if !check::is_fresh(now, answer.this_update, answer.next_update) {
            return Err(RevocationError::NotInForce);
        }
        if !check::is_of(&response, &self.issuer) {
            return Err(RevocationError::Unauthorised);
        }
        Ok(response)
    }
}
