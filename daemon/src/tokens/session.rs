//! Work with one token of a PKCS #11 module, seen from the daemon.

use std::os::fd::OwnedFd;

use async_trait::async_trait;
use der::{Decode, Encode};
use trien_signatures::algorithm::SignatureAlgorithm;
use trien_signatures::certificate::Certificate;

use super::client::{Lease, unexpected};
use super::wire::{Answer, Call, CertificateParts, KeyRecord, MAX_MESSAGE_TO_HASH, Octets, TokenName};
use super::{KeyAlgorithm, KeyRef, LoginError, PinNeed, Signable, SigningSession, TokenError, TokenId};

/// A key pair on a token.
#[derive(Debug, Clone)]
pub struct TokenKey {
    /// `CKA_LABEL`
    pub label: String,
    /// The private half.
    pub key: KeyRef,
    /// DER of the `SubjectPublicKeyInfo`, if the token shows it.
    pub public_key: Option<Vec<u8>>,
}

/// An open session; dropping it logs out, too.
#[derive(Debug)]
pub struct ModuleSession {
    lease: Lease,
    name: TokenName,
    token: TokenId,
    key: Option<Vec<u8>>,
    pin: PinNeed,
}

impl ModuleSession {
    pub(super) const fn new(
        lease: Lease,
        name: TokenName,
        token: TokenId,
        key: Option<Vec<u8>>,
        pin: PinNeed,
    ) -> Self {
        Self {
            lease,
            name,
            token,
            key,
            pin,
        }
    }

    /// The key pairs on the token, after login.
    ///
    /// # Errors
    /// [`TokenError`]
    pub async fn keys(&self) -> Result<Vec<TokenKey>, TokenError> {
        let deadline = self.lease.worker().deadlines().enumerate;
        match self
            .lease
            .call(|session| Call::Keys { session }, Vec::new(), deadline)
            .await?
        {
            Answer::Keys(keys) => Ok(keys.into_iter().map(|key| self.token_key(key)).collect()),
            _ => Err(unexpected()),
        }
    }

    /// A new key pair, after login.
    ///
    /// # Errors
    /// [`TokenError::Unsupported`] if the token does not have the algorithm.
    pub async fn generate(&self, algorithm: KeyAlgorithm, label: &str) -> Result<TokenKey, TokenError> {
        let deadline = self.lease.worker().deadlines().generate;
        let call = |session| Call::GenerateKey {
            session,
            algorithm,
            label: label.to_owned(),
        };
        match self.lease.call(call, Vec::new(), deadline).await? {
            Answer::Keys(mut keys) if keys.len() == 1 => Ok(self.token_key(keys.swap_remove(0))),
            _ => Err(unexpected()),
        }
    }

    /// Puts a certificate beside its key, after login. That they belong together is the caller's to check.
    ///
    /// # Errors
    /// [`TokenError`]
    pub async fn install(&self, key: &TokenKey, certificate: &Certificate) -> Result<(), TokenError> {
        let deadline = self.lease.worker().deadlines().sign;
        let parts =
            parts(certificate).map_err(|_| TokenError::Failed("a certificate out of shape".to_owned()))?;
        let (id, label) = (Octets(key.key.id.clone()), key.label.clone());
        let call = |session| Call::InstallCertificate {
            session,
            key: id,
            label,
            certificate: parts,
        };
        self.lease.call(call, Vec::new(), deadline).await.map(|_| ())
    }

    /// The raw signature with a key of this token, after login.
    ///
    /// # Errors
    /// [`TokenError`]
    pub async fn sign_with(&self, key: &KeyRef, signable: &Signable) -> Result<Vec<u8>, TokenError> {
        if key.token != self.token {
            return Err(TokenError::NoSuchKey);
        }
        self.signature(Some(Octets(key.id.clone())), signable).await
    }

    async fn signature(&self, key: Option<Octets>, signable: &Signable) -> Result<Vec<u8>, TokenError> {
        let algorithm: SignatureAlgorithm = signable.algorithm;
        let digest = Octets(signable.digest.clone());
        let message = signable
            .message
            .as_ref()
            .filter(|message| message.len() <= MAX_MESSAGE_TO_HASH);
        let message = message.cloned().map(Octets);
        let deadline = self.lease.worker().deadlines().sign;
        let call = |session| Call::Sign {
            session,
            algorithm,
            digest,
            message,
            key,
        };
        match self.lease.call(call, Vec::new(), deadline).await? {
            Answer::Signature(Octets(signature)) => Ok(signature),
            _ => Err(unexpected()),
        }
    }

    fn token_key(&self, record: KeyRecord) -> TokenKey {
        TokenKey {
            label: record.label,
            key: KeyRef {
                token: self.token.clone(),
                id: record.id.0,
            },
            public_key: record.public_key.map(|key| key.0),
        }
    }
}

/// The DER of the names and the serial number, which PKCS #11 keeps beside a certificate.
fn parts(certificate: &Certificate) -> der::Result<CertificateParts> {
    let parsed = x509_cert::Certificate::from_der(certificate.as_der())?;
    let inner = parsed.tbs_certificate();
    Ok(CertificateParts {
        der: Octets(certificate.as_der().to_vec()),
        subject: Octets(inner.subject().to_der()?),
        issuer: Octets(inner.issuer().to_der()?),
        serial: Octets(inner.serial_number().to_der()?),
    })
}

#[async_trait]
impl SigningSession for ModuleSession {
    async fn pin(&mut self) -> Result<PinNeed, TokenError> {
        let deadline = self.lease.worker().deadlines().enumerate;
        let call = |_| Call::Pin {
            token: self.name.clone(),
        };
        match self.lease.call(call, Vec::new(), deadline).await? {
            Answer::Pin(need) => {
                self.pin = need;
                Ok(need)
            }
            _ => Err(unexpected()),
        }
    }

    async fn attach_pin_pipe(&mut self, pipe: OwnedFd) -> Result<(), TokenError> {
        let deadline = self.lease.worker().deadlines().enumerate;
        self.lease
            .call(|session| Call::AttachPinPipe { session }, vec![pipe], deadline)
            .await
            .map(|_| ())
    }

    async fn skip_pin(&mut self) -> Result<(), TokenError> {
        let deadline = self.lease.worker().deadlines().login;
        self.lease
            .call(|session| Call::SkipPin { session }, Vec::new(), deadline)
            .await
            .map(|_| ())
    }

    async fn login(&mut self) -> Result<(), LoginError> {
        let deadlines = self.lease.worker().deadlines();
        let deadline = if self.pin == PinNeed::Reader {
            deadlines.reader
        } else {
            deadlines.login
        };
        match self
            .lease
            .call(|session| Call::Login { session }, Vec::new(), deadline)
            .await?
        {
            Answer::Login(outcome) => outcome.into_result(),
            _ => Err(unexpected().into()),
        }
    }

    async fn sign(&mut self, signable: &Signable) -> Result<Vec<u8>, TokenError> {
        let key = self.key.clone().map(Octets);
        self.signature(key, signable).await
    }

    async fn close(self: Box<Self>) {
        self.lease.close().await;
    }
}
