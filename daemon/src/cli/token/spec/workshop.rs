//! Where the tokens of a specification are made: out of sight, until they are whole.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use x509_cert::name::Name;
use zeroize::Zeroizing;

use super::model::{CertificateSpec, KeySpec, Secret, TokenSpec};
use super::{Import, pin};
use crate::cli::sign::failed;
use crate::cli::token::not_initialized;
use crate::cli::{CliError, Shell};
use crate::jobs::JobError;
use crate::language::arguments;
use crate::tokens::issue::{IssueError, Issuer, PreparedCertificate, Wanted};
use crate::tokens::{
    HeldCertificate, InitializeError, ModuleSession, ModuleToken, Modules, SigningSession, Token, TokenKey,
};

/// Who can certify: a key of this file, on a token that is open.
struct Authority {
    /// Index into the sessions; a token that was kept is opened only when it has to sign.
    token: usize,
    key: String,
    name: Name,
    public_key: Vec<u8>,
}

/// A token of the file, as far as it is open.
struct Open {
    token: ModuleToken,
    pin: Option<Secret>,
    pin_file: Option<PathBuf>,
    pin_env: Option<String>,
    session: Option<ModuleSession>,
}

/// The tokens that are being made, and those that were there and may have to certify.
pub(super) struct Workshop<'a> {
    modules: Modules,
    home: &'a Path,
    folder: &'a Path,
    open: Vec<Open>,
    authorities: HashMap<String, Authority>,
}

impl<'a> Workshop<'a> {
    /// `home` is where new tokens are made, `folder` what paths in the file are relative to.
    pub(super) fn new(modules: Modules, home: &'a Path, folder: &'a Path) -> Self {
        Self {
            modules,
            home,
            folder,
            open: Vec::new(),
            authorities: HashMap::new(),
        }
    }

    /// Takes note of a token that stays as it is, and whose keys may be issuers.
    pub(super) async fn keep(&mut self, spec: &TokenSpec, token: &ModuleToken) {
        let index = self.remember(spec, token.clone(), None);
        for held in token.certificates().await.unwrap_or_default() {
            let wanted = |key: &&KeySpec| key.certificate.is_some() && key.label.0 == held.label;
            if let Some(certificate) = spec
                .key
                .iter()
                .find(wanted)
                .and_then(|key| key.certificate.as_ref())
            {
                let public_key = held.certificate.public_key_der().to_vec();
                self.can_certify(index, &held.label, certificate, public_key);
            }
        }
    }

    fn remember(&mut self, spec: &TokenSpec, token: ModuleToken, session: Option<ModuleSession>) -> usize {
        self.open.push(Open {
            token,
            pin: spec.pin.clone(),
            pin_file: spec.pin_file.clone(),
            pin_env: spec.pin_env.clone(),
            session,
        });
        self.open.len() - 1
    }

    fn can_certify(&mut self, token: usize, key: &str, certificate: &CertificateSpec, public_key: Vec<u8>) {
        let authority = Authority {
            token,
            key: key.to_owned(),
            name: certificate.subject.0.clone(),
            public_key,
        };
        self.authorities.insert(key.to_owned(), authority);
    }

    /// Makes a token with everything on it; gives its serial number.
    pub(super) async fn make(
        &mut self,
        spec: &TokenSpec,
        imports: Vec<Import>,
        shell: &Shell,
    ) -> Result<String, CliError> {
        let profile = spec.profile.as_ref().map(|profile| profile.0);
        let modules = self.modules.software_at(self.home, profile);
        let user = self.user_pin(spec)?;
        let (officer, has_own) = match (&spec.so_pin, &spec.so_pin_file, &spec.so_pin_env) {
            (None, None, None) => (self.user_pin(spec)?, false),
            (pin, file, variable) => {
                let own = self.pin(&spec.label.0, pin.as_ref(), file.as_deref(), variable.as_deref())?;
                (own, true)
            }
        };
        let of_token = |key| CliError::failed(key, arguments([("token", spec.label.0.clone())]));
        let entry = modules
            .initialize(&spec.label.0, officer, user)
            .await
            .map_err(|error| match error {
                InitializeError::SecurityOfficerPinInvalid if has_own => {
                    of_token("token-spec-so-pin-invalid")
                }
                InitializeError::SecurityOfficerPinInvalid | InitializeError::UserPinInvalid => {
                    of_token("token-spec-pin-invalid")
                }
                other => not_initialized(other, shell),
            })?;
        let made = modules.look().await.tokens;
        let token = made.into_iter().find(|token| token.entry().id == entry.id);
        let token = token.ok_or_else(|| failed(&JobError::from(crate::tokens::TokenError::Removed)))?;
        let index = self.remember(spec, token, None);
        let mut imports = imports.into_iter();
        for key in &spec.key {
            shell.note("token-spec-key", &arguments([("label", key.label.0.clone())]));
            if key.file.is_some() {
                let import = imports.next().expect("one was prepared for each key with a file");
                import.put(self.session(index).await?).await?;
            } else {
                self.generate(index, key).await?;
            }
        }
        Ok(entry.id.serial)
    }

    async fn generate(&mut self, token: usize, spec: &KeySpec) -> Result<(), CliError> {
        let algorithm = spec.algorithm.as_ref().expect("checked: generated or imported").0;
        let id = spec.id.as_ref().map(|id| id.0.clone());
        let key = self
            .session(token)
            .await?
            .generate(algorithm, &spec.label.0, id)
            .await
            .map_err(|error| failed(&error.into()))?;
        match &spec.certificate {
            Some(certificate) => self.certify(token, &key, certificate).await,
            None => Ok(()),
        }
    }

    async fn certify(
        &mut self,
        token: usize,
        key: &TokenKey,
        spec: &CertificateSpec,
    ) -> Result<(), CliError> {
        let unsuitable =
            || CliError::failed("token-key-unsuitable", arguments([("label", key.label.clone())]));
        let public_key = key.public_key.clone().ok_or_else(unsuitable)?;
        self.can_certify(token, &key.label, spec, public_key.clone());
        let authority = spec.issuer.as_ref().unwrap_or(&key.label);
        let missing = || CliError::failed("token-spec-no-issuer", arguments([("label", authority.clone())]));
        let found = self.authorities.get(authority).ok_or_else(missing)?;
        let (signer, label) = (found.token, found.key.clone());
        let padding = self.session(signer).await?.rsa().usual();
        let authority = self.authorities.get(authority).ok_or_else(missing)?;
        let wanted = Wanted {
            subject: spec.subject.0.clone(),
            public_key,
            days: spec.days.0,
            is_ca: spec.ca,
            sign_in: spec.sign_in,
        };
        let issuer = Issuer {
            name: authority.name.clone(),
            public_key: authority.public_key.clone(),
            padding,
        };
        let not_issued = |error| match error {
            IssueError::BadSignature => failed(&JobError::BadSignature),
            IssueError::UnsuitableKey | IssueError::Unwritable => unsuitable(),
        };
        let prepared =
            PreparedCertificate::new(wanted, issuer, OffsetDateTime::now_utc()).map_err(not_issued)?;
        let signature = self.sign(signer, &label, &prepared).await?;
        let certificate = prepared.finish(&signature).map_err(not_issued)?;
        let installed = self.session(token).await?.install(key, &certificate).await;
        installed.map_err(|error| failed(&error.into()))
    }

    async fn sign(
        &mut self,
        token: usize,
        label: &str,
        prepared: &PreparedCertificate,
    ) -> Result<Vec<u8>, CliError> {
        let session = self.session(token).await?;
        let keys = session.keys().await.map_err(|error| failed(&error.into()))?;
        let missing = || CliError::failed("token-spec-no-issuer", arguments([("label", label.to_owned())]));
        let key = keys.iter().find(|key| key.label == label).ok_or_else(missing)?;
        let signed = session.sign_with(&key.key, &prepared.signable()).await;
        signed.map_err(|error| failed(&error.into()))
    }

    /// The token's session, logged in.
    async fn session(&mut self, token: usize) -> Result<&ModuleSession, CliError> {
        if self.open[token].session.is_none() {
            let Open {
                token: held,
                pin,
                pin_file,
                pin_env,
                ..
            } = &self.open[token];
            let pin = self.pin(
                &held.entry().id.label,
                pin.as_ref(),
                pin_file.as_deref(),
                pin_env.as_deref(),
            )?;
            let mut session = held.administer().await.map_err(|error| failed(&error.into()))?;
            session
                .attach_pin_pipe(pin)
                .await
                .map_err(|error| failed(&error.into()))?;
            session.login().await.map_err(|error| failed(&error.into()))?;
            self.open[token].session = Some(session);
        }
        let session = self.open[token].session.as_ref();
        Ok(session.expect("it was opened if it was not open"))
    }

    /// Lets go of every token; gives the certificates that lie on them.
    pub(super) async fn finish(self) -> Vec<HeldCertificate> {
        let mut certificates = Vec::new();
        for Open { token, session, .. } in self.open {
            if let Some(session) = session {
                Box::new(session).close().await;
            }
            certificates.extend(token.certificates().await.unwrap_or_default());
        }
        certificates
    }

    fn user_pin(&self, spec: &TokenSpec) -> Result<OwnedFd, CliError> {
        self.pin(
            &spec.label.0,
            spec.pin.as_ref(),
            spec.pin_file.as_deref(),
            spec.pin_env.as_deref(),
        )
    }

    fn pin(
        &self,
        label: &str,
        pin: Option<&Secret>,
        file: Option<&Path>,
        environment: Option<&str>,
    ) -> Result<OwnedFd, CliError> {
        match (pin, file, environment) {
            (Some(pin), ..) => line(&pin.0),
            (None, Some(file), _) => pin::open(&self.folder.join(file)),
            (None, None, Some(name)) => line(&variable(name)?),
            (None, None, None) => {
                let facts = arguments([("token", label.to_owned())]);
                Err(CliError::misuse("token-spec-no-pin", facts))
            }
        }
    }
}

/// A pipe with one line in it, which is shorter than the kernel's smallest pipe.
fn line(text: &str) -> Result<OwnedFd, CliError> {
    let invalid = || failed(&JobError::PinInvalid);
    if text.len() > 256 {
        return Err(invalid());
    }
    let piped = || -> std::io::Result<OwnedFd> {
        let (reading, writing) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        rustix::io::write(&writing, text.as_bytes())?;
        rustix::io::write(&writing, b"\n")?;
        Ok(reading)
    };
    piped().map_err(|error| CliError::io("pin-no-pipe", &error))
}

/// An environment variable of the caller's, as build servers hand out their secrets.
pub(super) fn variable(name: &str) -> Result<Zeroizing<String>, CliError> {
    let missing = || CliError::misuse("token-spec-no-variable", arguments([("name", name.to_owned())]));
    std::env::var(name).map(Zeroizing::new).map_err(|_| missing())
}
