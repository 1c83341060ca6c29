//! Work with one token of a PKCS #11 module, seen from the daemon.

use std::os::fd::OwnedFd;
use std::time::Duration;

use async_trait::async_trait;
use der::{Decode, Encode};
use trien_signatures::algorithm::SignatureAlgorithm;
use trien_signatures::certificate::Certificate;

use super::client::{Lease, Worker, unexpected};
use super::key_file::{KeyFile, MAX_KEY};
use super::suspension::{Awake, SleepClock};
use super::truth::AtLogin;
use super::wire::{
    Answer, Call, CertificateParts, KeyName, KeyRecord, MAX_MESSAGE_TO_HASH, NewCertificate, Octets,
    TokenName,
};
use super::{
    GENERAL_ERROR, KeyAlgorithm, KeyRef, LoginError, PinNeed, PinState, RsaSchemes, Signable, SigningSession,
    TokenEntry, TokenError, pcsc, truth,
};

/// Cards, by the maker that OpenSC names, of which a wrong PIN is known to come out as `CKR_GENERAL_ERROR`: a CAC by
/// libcacard answers 6985 to one, where the counter of tries belongs (ISO/IEC 7816-4, 63Cx), and it counts none.
const SAYS_NO_BETTER: [&str; 1] = ["Common Access Card"];

/// How long the service may take to say whether a card is still there.
const NOTICE: Duration = Duration::from_secs(5);

/// How far a PIN is on the way to be locked, as far as the flags of PKCS #11 tell it.
const fn warns(state: PinState) -> u8 {
    match state {
        PinState::FewTries => 1,
        PinState::LastTry => 2,
        PinState::Locked => 3,
        _ => 0,
    }
}

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
    entry: TokenEntry,
    key: Option<KeyName>,
    pin: PinNeed,
    /// The reading end of the pipe that PINs come through, until a request takes it along.
    pipe: Option<OwnedFd>,
    /// It was opened just now, and `pin` is of then.
    fresh: bool,
    /// When somebody logged in.
    unlocked: Option<Awake>,
    clock: SleepClock,
}

impl ModuleSession {
    pub(super) const fn new(
        lease: Lease,
        entry: TokenEntry,
        key: Option<KeyName>,
        pin: PinNeed,
        clock: SleepClock,
    ) -> Self {
        Self {
            lease,
            entry,
            key,
            pin,
            pipe: None,
            fresh: true,
            unlocked: None,
            clock,
        }
    }

    /// Which RSA signatures the token makes.
    #[must_use]
    pub const fn rsa(&self) -> RsaSchemes {
        self.entry.rsa
    }

    fn name(&self) -> TokenName {
        self.entry.name()
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

    /// Reads the certificates that show only after login, and has them remembered: from then on the token lists them
    /// without a PIN. Gives their number.
    ///
    /// # Errors
    /// [`TokenError`]
    pub async fn reveal(&self) -> Result<usize, TokenError> {
        let deadline = self.lease.worker().deadlines().enumerate;
        let call = |session| Call::CertificatesOf { session };
        match self.lease.call(call, Vec::new(), deadline).await? {
            Answer::Certificates(records) => {
                let count = records.len();
                self.lease.worker().remember(&self.name(), &records);
                Ok(count)
            }
            _ => Err(unexpected()),
        }
    }

    /// A new key pair, after login; its `CKA_ID` is random if none is given.
    ///
    /// # Errors
    /// [`TokenError::Unsupported`] if the token does not have the algorithm.
    pub async fn generate(
        &self,
        algorithm: KeyAlgorithm,
        label: &str,
        id: Option<Vec<u8>>,
    ) -> Result<TokenKey, TokenError> {
        let deadline = self.lease.worker().deadlines().generate;
        let call = |session| Call::GenerateKey {
            session,
            algorithm,
            label: label.to_owned(),
            id: id.map(Octets),
        };
        match self.lease.call(call, Vec::new(), deadline).await? {
            Answer::Keys(mut keys) if keys.len() == 1 => Ok(self.token_key(keys.swap_remove(0))),
            _ => Err(unexpected()),
        }
    }

    /// Puts a key made elsewhere on the token, with certificates, after login: all of it or nothing. That the
    /// certificates belong to it, and that it is not there yet, is the caller's to check.
    ///
    /// # Errors
    /// [`TokenError`]
    pub async fn import(
        &self,
        key: &KeyFile,
        label: &str,
        id: &[u8],
        certificates: &[(String, Vec<u8>, &Certificate)],
    ) -> Result<TokenKey, TokenError> {
        let mut named = Vec::with_capacity(certificates.len());
        for (label, id, certificate) in certificates {
            named.push(NewCertificate {
                label: label.clone(),
                id: Octets(id.clone()),
                parts: parts(certificate).map_err(|_| out_of_shape())?,
            });
        }
        let pipe = filled_pipe(&key.pkcs8).map_err(|error| TokenError::Failed(error.to_string()))?;
        let (label, id) = (label.to_owned(), Octets(id.to_vec()));
        let public_key = Octets(key.public_key.clone());
        let call = |session| Call::ImportKey {
            session,
            label,
            id,
            public_key,
            certificates: named,
        };
        let deadline = self.lease.worker().deadlines().generate;
        match self.lease.call(call, vec![pipe], deadline).await? {
            Answer::Keys(mut keys) if keys.len() == 1 => Ok(self.token_key(keys.swap_remove(0))),
            _ => Err(unexpected()),
        }
    }

    /// Hands over the card's management key: the reading end of a pipe with its hexadecimal form in one line.
    ///
    /// # Errors
    /// [`TokenError::ManagementKey`] if it is none; [`TokenError::Unsupported`] for tokens that have none.
    pub async fn manage(&self, key: OwnedFd) -> Result<(), TokenError> {
        let deadline = self.lease.worker().deadlines().enumerate;
        self.lease
            .call(|session| Call::ManagementKey { session }, vec![key], deadline)
            .await
            .map(|_| ())
    }

    /// Puts a certificate beside its key, after login. That they belong together is the caller's to check.
    ///
    /// # Errors
    /// [`TokenError`]
    pub async fn install(&self, key: &TokenKey, certificate: &Certificate) -> Result<(), TokenError> {
        let deadline = self.lease.worker().deadlines().sign;
        let parts = parts(certificate).map_err(|_| out_of_shape())?;
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
    pub async fn sign_with(&self, key: &KeyRef, signable: &Signable) -> Result<Vec<u8>, LoginError> {
        if key.token != self.entry.id {
            return Err(TokenError::NoSuchKey.into());
        }
        self.signature(Some(KeyName::from(key)), signable, false).await
    }

    async fn signature(
        &self,
        key: Option<KeyName>,
        signable: &Signable,
        typed: bool,
    ) -> Result<Vec<u8>, LoginError> {
        // A token by USB lost its power with the computer's sleep; one without a chip would still be unlocked.
        if self
            .unlocked
            .is_some_and(|then| !then.lasts_until(self.clock.now()))
        {
            return Err(TokenError::Removed.into());
        }
        let algorithm: SignatureAlgorithm = signable.algorithm;
        let message = signable
            .message
            .as_ref()
            .filter(|message| message.len() <= MAX_MESSAGE_TO_HASH);
        let deadlines = *self.lease.worker().deadlines();
        let sign = async |typed, deadline| {
            let call = |session| Call::Sign {
                session,
                algorithm,
                digest: Octets(signable.digest.clone()),
                message: message.cloned().map(Octets),
                key: key.clone(),
                typed,
            };
            self.sound(self.lease.call(call, Vec::new(), deadline).await)
                .await
        };
        let mut answer = match typed && self.pin.is_at_reader() {
            true => sign(typed, deadlines.reader).await?,
            false => sign(typed, deadlines.sign).await?,
        };
        // Which keys want a PIN for each signature, the token knows. Only for those a person is waited for.
        if !typed && matches!(answer, Answer::AtReader) {
            answer = sign(true, deadlines.reader).await?;
        }
        match answer {
            Answer::Signature(value) => Ok(value.0),
            Answer::Login(outcome) => match outcome.into_result() {
                Ok(()) => Err(unexpected().into()),
                Err(error) => Err(error),
            },
            _ => Err(unexpected().into()),
        }
    }

    async fn sound(&self, answer: Result<Answer, TokenError>) -> Result<Answer, TokenError> {
        let start_anew = self.lease.abandon();
        sound(self.lease.worker(), &self.entry, answer, start_anew).await
    }

    /// A login failed at a card that is where it was, and the module has no word for how. That the PIN was wrong is said
    /// only where the card has counted a try since `before`, or where it is known of it that this is how it says so; else
    /// it is `error`.
    async fn refused(&mut self, before: PinNeed, error: TokenError) -> LoginError {
        let now = match self.pin().await {
            Ok(PinNeed::Locked) => return LoginError::Locked,
            Ok(PinNeed::Pipe { state, .. } | PinNeed::Reader { state }) => state,
            Ok(PinNeed::NotNeeded) => PinState::Ready,
            Err(error) => return error.into(),
        };
        let counted = matches!(before, PinNeed::Pipe { state, .. } | PinNeed::Reader { state } if warns(now) > warns(state));
        match counted || SAYS_NO_BETTER.contains(&self.entry.manufacturer.as_str()) {
            true => LoginError::Incorrect { now },
            false => error.into(),
        }
    }

    fn token_key(&self, record: KeyRecord) -> TokenKey {
        TokenKey {
            label: record.label,
            key: KeyRef {
                token: self.entry.id.clone(),
                id: record.id.0,
                public_key: record.public_key.as_ref().map(|key| key.0.clone()),
            },
            public_key: record.public_key.map(|key| key.0),
        }
    }
}

/// The module has no word for what happened.
pub(super) fn is_unclear(error: &TokenError) -> bool {
    at_login(error) == AtLogin::Unclear
}

/// It is what modules of cards say, among other things, when the card was pulled.
pub(super) fn may_mean_removal(error: &TokenError) -> bool {
    matches!(at_login(error), AtLogin::PerhapsRemoved | AtLogin::Unclear)
}

fn at_login(error: &TokenError) -> AtLogin {
    let number = match error {
        TokenError::Answered { number } => *number,
        TokenError::Crowded => GENERAL_ERROR,
        _ => return AtLogin::Same,
    };
    truth::cryptoki(number).map_or(AtLogin::Same, |row| row.at_login)
}

/// An answer to a PIN or a signature after which the module's process can still be used.
///
/// After an error that [may mean a removal](may_mean_removal) OpenSC 0.23 may not return from the next call at all, and
/// Yubico's goes on showing the card; a new process of the module knows whether it is there. `start_anew` has one
/// started, unless others have sessions in this one and the reader says that the card has stayed. Where no card is behind it, and the token can be taken away all the
/// same, the module is asked as it is.
pub(super) async fn sound(
    worker: &Worker,
    entry: &TokenEntry,
    answer: Result<Answer, TokenError>,
    start_anew: impl Future<Output = bool>,
) -> Result<Answer, TokenError> {
    let can_go = entry.hardware || entry.removable;
    if !answer.as_ref().is_err_and(may_mean_removal) || !can_go || entry.hardware && !start_anew.await {
        return answer;
    }
    let look = Call::Tokens { inserted: None };
    match worker.call(look, worker.deadlines().enumerate).await {
        Ok(Answer::Tokens(tokens)) if !tokens.iter().any(|token| token.name().is_of(&entry.name())) => {
            Err(TokenError::Removed)
        }
        _ => answer,
    }
}

/// The card in the reader of this name has been there all the time: its module can be called again.
pub(super) async fn card_stays(reader: String) -> bool {
    let looked = tokio::task::spawn_blocking(move || pcsc::presence::stays(&reader));
    // A service that stands still says nothing.
    tokio::time::timeout(NOTICE, looked)
        .await
        .is_ok_and(|stays| stays.unwrap_or(false))
}

/// The card in the reader of this name is gone, or the reader is, as the service says.
pub(super) async fn card_is_gone(reader: String) -> bool {
    let looked = tokio::task::spawn_blocking(move || pcsc::presence::has_gone(&reader));
    tokio::time::timeout(NOTICE, looked)
        .await
        .is_ok_and(|gone| gone.unwrap_or(false))
}

fn out_of_shape() -> TokenError {
    TokenError::Failed("a certificate out of shape".to_owned())
}

/// The reading end of a pipe with the key in it. It fits: [`MAX_KEY`] is less than the kernel's smallest pipe of
/// sixteen pages, so that writing does not wait for a reader.
fn filled_pipe(key: &[u8]) -> std::io::Result<OwnedFd> {
    debug_assert!(key.len() <= MAX_KEY, "checked when the key was read");
    let (reading, writing) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    std::io::Write::write_all(&mut std::fs::File::from(writing), key)?;
    Ok(reading)
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
        if std::mem::take(&mut self.fresh) {
            return Ok(self.pin);
        }
        let deadline = self.lease.worker().deadlines().enumerate;
        let call = |_| Call::Pin { token: self.name() };
        match self.lease.call(call, Vec::new(), deadline).await? {
            Answer::Pin(need) => {
                self.pin = need;
                Ok(need)
            }
            _ => Err(unexpected()),
        }
    }

    async fn attach_pin_pipe(&mut self, pipe: OwnedFd) -> Result<(), TokenError> {
        self.fresh = false;
        // A request of its own would be one more wake-up of two processes, for nothing that the token has to do with.
        self.pipe = Some(pipe);
        Ok(())
    }

    async fn skip_pin(&mut self) -> Result<(), TokenError> {
        let deadline = self.lease.worker().deadlines().login;
        let pipe = self.pipe.take().into_iter().collect();
        self.lease
            .call(|session| Call::SkipPin { session }, pipe, deadline)
            .await
            .map(|_| ())
    }

    async fn login(&mut self) -> Result<(), LoginError> {
        self.fresh = false;
        let before = self.pin;
        let deadlines = self.lease.worker().deadlines();
        let deadline = if before.is_at_reader() {
            deadlines.reader
        } else {
            deadlines.login
        };
        if self.entry.hardware {
            let reader = self.entry.reader.as_deref().unwrap_or_default();
            self.lease.may_unlock(reader, &self.entry.manufacturer);
        }
        let pipe = self.pipe.take().into_iter().collect();
        let answer = self
            .lease
            .call(|session| Call::Login { session }, pipe, deadline)
            .await;
        if let Some(error) = answer.as_ref().err().filter(|error| is_unclear(error)).cloned() {
            // A token without a card has none that could have gone: whether it is locked now is asked at once.
            if !self.entry.hardware && matches!(self.pin().await, Ok(PinNeed::Locked)) {
                return Err(LoginError::Locked);
            }
            if self.entry.hardware && self.lease.is_sound().await {
                return Err(self.refused(before, error).await);
            }
        }
        let tried = match self.sound(answer).await? {
            Answer::Login(outcome) => outcome.into_result(),
            _ => return Err(unexpected().into()),
        };
        if let Err(LoginError::Incorrect { now } | LoginError::NotTried { now }) = &tried {
            self.pin = self.pin.in_state(*now);
        }
        tried?;
        self.unlocked = Some(self.clock.now());
        Ok(())
    }

    async fn sign(&mut self, signable: &Signable, typed: bool) -> Result<Vec<u8>, LoginError> {
        self.signature(self.key.clone(), signable, typed).await
    }

    async fn close(self: Box<Self>) {
        self.lease.close().await;
    }
}
