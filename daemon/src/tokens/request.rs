//! A certification request (PKCS #10, RFC 2986) for a key on a token: prepared here, signed there, finished here.

use der::asn1::BitString;
use der::pem::LineEnding;
use der::{Decode, Encode, EncodePem};
use spki::SubjectPublicKeyInfoOwned;
use trien_signatures::algorithm::RsaPadding;
use x509_cert::attr::Attributes;
use x509_cert::name::Name;
use x509_cert::request::{CertReq, CertReqInfo, Version};

use super::Signable;
use super::issuing_key::IssuingKey;

/// Why there is no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The public key is of a kind that signs no requests here.
    #[error("no request can be made for such a key")]
    UnsuitableKey,
    /// What the token returned is no signature by the request's key.
    #[error("the token's signature does not verify")]
    BadSignature,
}

/// A request that lacks its signature.
#[derive(Debug)]
pub struct PreparedRequest {
    info: CertReqInfo,
    to_be_signed: Vec<u8>,
    key: IssuingKey,
}

impl PreparedRequest {
    /// For a subject and the DER of a `SubjectPublicKeyInfo`; `padding` is the token's for RSA.
    ///
    /// # Errors
    /// [`RequestError::UnsuitableKey`]
    pub fn new(subject: Name, public_key: &[u8], padding: RsaPadding) -> Result<Self, RequestError> {
        let key = IssuingKey::new(public_key, padding).map_err(|_| RequestError::UnsuitableKey)?;
        let public_key =
            SubjectPublicKeyInfoOwned::from_der(public_key).map_err(|_| RequestError::UnsuitableKey)?;
        let info = CertReqInfo {
            version: Version::V1,
            subject,
            public_key,
            attributes: Attributes::default(),
        };
        let to_be_signed = info.to_der().map_err(|_| RequestError::UnsuitableKey)?;
        Ok(Self {
            info,
            to_be_signed,
            key,
        })
    }

    /// What the token signs.
    #[must_use]
    pub fn signable(&self) -> Signable {
        self.key.signable(&self.to_be_signed)
    }

    /// The request as PEM (RFC 7468, section 7), once the signature has been verified.
    ///
    /// # Errors
    /// [`RequestError::BadSignature`]
    pub fn finish(self, raw_signature: &[u8]) -> Result<String, RequestError> {
        let signature = self.key.verified(&self.to_be_signed, raw_signature);
        let signature = signature.map_err(|_| RequestError::BadSignature)?;
        let encoded = || -> der::Result<String> {
            let algorithm = self.key.identifier()?;
            let signature = BitString::from_bytes(signature.as_bytes())?;
            CertReq {
                info: self.info,
                algorithm,
                signature,
            }
            .to_pem(LineEnding::LF)
        };
        encoded().map_err(|_| RequestError::BadSignature)
    }
}
