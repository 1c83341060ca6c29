//! Making a SignedData with one signer: prepared without the token, finished with what it signed.

use der::asn1::ObjectIdentifier;
use time::OffsetDateTime;

use super::attributes::{self, SignedAttributes};
use super::tlv::{self, tag};
use super::{ID_DATA, ID_SIGNED_DATA};
use crate::algorithm::{PublicKeyKind, RsaPadding, SignatureAlgorithm, SignatureValue};
use crate::certificate::Certificate;
use crate::signing::{FinishError, Prepared, Rehearse};

/// What is signed.
#[derive(Debug, Clone)]
pub enum Content<'a> {
    /// Not inside the CMS; its digest with the algorithm's hash.
    Detached {
        /// The digest.
        digest: Vec<u8>,
    },
    /// Inside the CMS.
    Attached(&'a [u8]),
}

/// What a SignedData is made from.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// What is signed.
    pub content: Content<'a>,
    /// Whose signature it will be.
    pub signer: &'a Certificate,
    /// The certificates up to the root, as far as they are to go with it. The signer's own may be among them.
    pub chain: &'a [Certificate],
    /// With what.
    pub algorithm: SignatureAlgorithm,
    /// The signing-time attribute, whole seconds. PAdES leaves it out (EN 319 142-1, clause 6.3) and writes `/M`.
    pub signing_time: Option<OffsetDateTime>,
}

/// Why nothing can be prepared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// The algorithm does not go with the certificate's key, or the key is too weak.
    #[error("a key of kind {0} does not make such signatures")]
    UnsuitableKey(PublicKeyKind),
    /// The certificate's key usage says neither digitalSignature nor nonRepudiation.
    #[error("the certificate is not for signing documents")]
    NotForSigning,
    /// The digest is not as long as the algorithm's hash.
    #[error("the digest has {len} bytes")]
    DigestLength {
        /// How many bytes it has.
        len: usize,
    },
    /// The content is itself a set of signed attributes. A signature over it could be passed off as a signature over
    /// something else.
    #[error("the content is a set of CMS signed attributes")]
    ContentIsSignedAttributes,
    /// The signing time cannot be written: before 1950 or after 9999.
    #[error("the signing time cannot be written")]
    SigningTime,
    /// A compact JWS with an empty payload in it is the same text as a detached one (RFC 7515, appendix F).
    #[error("a compact JWS cannot hold an empty content")]
    EmptyContent,
}

/// A SignedData on its way to being signed.
#[derive(Debug, Clone)]
pub struct PreparedCms {
    algorithm: SignatureAlgorithm,
    signer: Certificate,
    chain: Vec<Certificate>,
    content: Option<Vec<u8>>,
    /// DER of the signed attributes as SET OF.
    attributes: Vec<u8>,
}

/// Prepares a SignedData with one signer.
///
/// # Errors
/// [`PrepareError`]
pub fn prepare(request: &Request<'_>) -> Result<PreparedCms, PrepareError> {
    prepare_kind(request, Some(ID_DATA))
}

/// As [`prepare`], for a signature over another one's value, which has no content type.
pub(crate) fn prepare_counter(request: &Request<'_>) -> Result<PreparedCms, PrepareError> {
    prepare_kind(request, None)
}

fn prepare_kind(
    request: &Request<'_>,
    content_type: Option<ObjectIdentifier>,
) -> Result<PreparedCms, PrepareError> {
    let algorithm = request.algorithm;
    suitable(request.signer, algorithm)?;
    let (digest, content) = match &request.content {
        Content::Detached { digest } => (digest.clone(), None),
        Content::Attached(content) if attributes::looks_like_signed_attributes(content) => {
            return Err(PrepareError::ContentIsSignedAttributes);
        }
        Content::Attached(content) => (algorithm.hash().digest(content), Some(content.to_vec())),
    };
    if digest.len() != algorithm.hash().len() {
        return Err(PrepareError::DigestLength { len: digest.len() });
    }
    let attributes = SignedAttributes {
        content_type,
        message_digest: &digest,
        signer: request.signer,
        algorithm,
        signing_time: request.signing_time,
    };
    Ok(PreparedCms {
        algorithm,
        signer: request.signer.clone(),
        chain: request.chain.to_vec(),
        content,
        attributes: attributes.to_der().ok_or(PrepareError::SigningTime)?,
    })
}

/// How many bytes a detached SignedData takes at most, with or without a signing time: what a PDF reserves.
///
/// # Errors
/// [`PrepareError`] as [`prepare`] would give it.
pub fn reserved_len(
    signer: &Certificate,
    chain: &[Certificate],
    algorithm: SignatureAlgorithm,
) -> Result<usize, PrepareError> {
    let digest = vec![0; algorithm.hash().len()];
    let signing_time = Some(OffsetDateTime::UNIX_EPOCH);
    let content = Content::Detached { digest };
    prepare(&Request {
        content,
        signer,
        chain,
        algorithm,
        signing_time,
    })
    .map(|prepared| prepared.max_len())
}

/// Whether a certificate's key makes such signatures, and may sign documents.
pub(crate) fn suitable(signer: &Certificate, algorithm: SignatureAlgorithm) -> Result<(), PrepareError> {
    let key = signer.public_key();
    let padding = match algorithm {
        SignatureAlgorithm::RsaPss(_) => RsaPadding::Pss,
        _ => RsaPadding::Pkcs1,
    };
    if SignatureAlgorithm::for_key(key, padding, algorithm.hash()) != Ok(algorithm) {
        return Err(PrepareError::UnsuitableKey(key));
    }
    if signer.may_sign_documents() {
        Ok(())
    } else {
        Err(PrepareError::NotForSigning)
    }
}

impl PreparedCms {
    /// How many bytes the finished SignedData has at most. Signatures of one key differ by a few bytes (ECDSA).
    #[must_use]
    pub fn max_len(&self) -> usize {
        self.assemble(&vec![0; self.signer.key().max_signature_len()])
            .len()
    }

    /// ContentInfo around SignedData (RFC 5652, sections 3 and 5.1).
    fn assemble(&self, signature: &[u8]) -> Vec<u8> {
        let hash = self.algorithm.hash().identifier_der();
        let mut body = tlv::write(tag::INTEGER, &[1]);
        body.extend(tlv::write(tag::SET, &hash));
        body.extend(self.encapsulated_content());
        body.extend(self.certificates());
        body.extend(tlv::write(tag::SET, &self.signer_info(&hash, signature)));
        wrapped(&ID_SIGNED_DATA, &tlv::write(tag::SEQUENCE, &body))
    }

    fn encapsulated_content(&self) -> Vec<u8> {
        match &self.content {
            None => tlv::write(tag::SEQUENCE, &tlv::oid(&ID_DATA)),
            Some(content) => wrapped(&ID_DATA, &tlv::write(tag::OCTET_STRING, content)),
        }
    }

    /// `[0] IMPLICIT CertificateSet`: the signer's certificate and its chain, each once.
    fn certificates(&self) -> Vec<u8> {
        let mut certificates = vec![self.signer.as_der().to_vec()];
        for certificate in &self.chain {
            if !certificates.iter().any(|present| present == certificate.as_der()) {
                certificates.push(certificate.as_der().to_vec());
            }
        }
        tlv::set_of(tag::context(0), certificates)
    }

    fn signer_info(&self, hash: &[u8], signature: &[u8]) -> Vec<u8> {
        let mut identifier = self.signer.issuer_der().to_vec();
        identifier.extend(tlv::write(tag::INTEGER, self.signer.serial()));
        let mut body = tlv::write(tag::INTEGER, &[1]);
        body.extend(tlv::write(tag::SEQUENCE, &identifier));
        body.extend_from_slice(hash);
        body.push(tag::context(0));
        body.extend_from_slice(&self.attributes[1..]);
        body.extend(self.algorithm.identifier_der());
        body.extend(tlv::write(tag::OCTET_STRING, signature));
        tlv::write(tag::SEQUENCE, &body)
    }
}

/// What stands before and behind a content of `length` bytes in a ContentInfo around SignedData: `front` are its fields
/// before the content, `tail` those behind. Without content all is in the first part.
pub(super) fn enclose(
    outer: &ObjectIdentifier,
    content_type: &ObjectIdentifier,
    front: Vec<u8>,
    length: Option<u64>,
    tail: Vec<u8>,
) -> (Vec<u8>, Vec<u8>) {
    // A content that does not fit into the address space is written as long as it says all the same.
    let length = length.map(|length| usize::try_from(length).unwrap_or(usize::MAX / 2));
    let oid = tlv::oid(content_type);
    let (content_headers, content) = match length {
        None => (tlv::write(tag::SEQUENCE, &oid), 0),
        Some(length) => {
            let octets = tlv::header(tag::OCTET_STRING, length);
            let explicit = tlv::header(tag::context(0), octets.len() + length);
            let sequence = tlv::header(tag::SEQUENCE, oid.len() + explicit.len() + octets.len() + length);
            ([sequence, oid, explicit, octets].concat(), length)
        }
    };
    let body = front.len() + content_headers.len() + content + tail.len();
    let signed_data = tlv::header(tag::SEQUENCE, body);
    let explicit = tlv::header(tag::context(0), signed_data.len() + body);
    let outer = tlv::oid(outer);
    let whole = tlv::header(
        tag::SEQUENCE,
        outer.len() + explicit.len() + signed_data.len() + body,
    );
    let mut head = [whole, outer, explicit, signed_data, front, content_headers].concat();
    if length.is_none() {
        head.extend(tail);
        return (head, Vec::new());
    }
    (head, tail)
}

/// ContentInfo around the fields of a SignedData.
pub(crate) fn enclose_signed_data(body: &[u8]) -> Vec<u8> {
    wrapped(&ID_SIGNED_DATA, &tlv::write(tag::SEQUENCE, body))
}

/// `SEQUENCE { oid, [0] EXPLICIT content }`
fn wrapped(oid: &ObjectIdentifier, content: &[u8]) -> Vec<u8> {
    let mut body = tlv::oid(oid);
    body.extend(tlv::write(tag::context(0), content));
    tlv::write(tag::SEQUENCE, &body)
}

impl Prepared for PreparedCms {
    fn to_be_signed(&self) -> &[u8] {
        &self.attributes
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    fn finish(self, signature: SignatureValue) -> Result<Vec<u8>, FinishError> {
        self.signer
            .verify(self.algorithm, &self.attributes, &signature)
            .map_err(|_| FinishError::BadSignature)?;
        Ok(self.assemble(signature.as_bytes()))
    }
}

impl Rehearse for PreparedCms {
    fn rehearse(self) -> Result<Vec<u8>, FinishError> {
        Ok(self.assemble(&vec![0; self.signer.key().max_signature_len()]))
    }
}
