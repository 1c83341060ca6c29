//! The anchors certificates are judged by, the certificates on the way to them, and what is known about revocations: a
//! folder of files, PEM or DER. What issued itself is an anchor, everything else is an intermediate and trusted only
//! through one. CRLs beside them count, and those in the cache of [`revocation`].

pub mod evidence;
pub mod kept;
pub mod published;
pub mod revocation;

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use time::OffsetDateTime;
use trien_protocol::call::Language;
use trien_protocol::error::Bilingual;
use trien_signatures::certificate::Certificate;
use trien_signatures::revocation::{Crl, Revocations};
use trien_signatures::trust::{Anchors, MAX_DEPTH, PathVerdict, Reliance, validate_path};

use trien_signatures::validation::CertificateVerdict;

use crate::language::{arguments, system_said, text};
use crate::policy::ownership::{NotOurs, is_our_folder, open_ours};

/// The most files that are read in one folder.
const MAX_FILES: usize = 500;
/// The largest of them, in bytes.
const MAX_FILE: u64 = 10 * 1024 * 1024;

/// How strictly is judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rules {
    /// What is not known about a revocation is a refusal, not a warning.
    pub require_revocation: bool,
    /// SHA-1 counts, for documents of a time when it was in use.
    pub sha1: bool,
}

/// The contents of one trust folder.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    anchors: Anchors,
    intermediates: Vec<Certificate>,
    revocations: Revocations,
    rules: Rules,
    faults: Vec<Bilingual>,
}

/// Why a file or a folder is passed over.
enum Passed {
    Io(io::Error),
    FolderRights,
    FileRights,
    TooMany,
    TooLarge,
    NoCertificate,
    NoList,
    NoAnswer,
}

impl Passed {
    fn of(&self, path: &Path) -> Bilingual {
        let said = |language| {
            let key = match self {
                Self::Io(error) => return Self::told(path, system_said(error, language), language),
                Self::FolderRights => "trust-folder-rights",
                Self::FileRights => "trust-file-rights",
                Self::TooMany => "trust-too-many",
                Self::TooLarge => "io-too-large",
                Self::NoCertificate => "trust-file-no-certificate",
                Self::NoList => "trust-file-no-list",
                Self::NoAnswer => "trust-file-no-answer",
            };
            let most = arguments([("most", MAX_FILES.to_string())]);
            Self::told(path, text(language, key, &most), language)
        };
        Bilingual {
            vi: said(Language::Vi),
            en: said(Language::En),
        }
    }

    fn told(path: &Path, reason: String, language: Language) -> String {
        let facts = [("file", path.display().to_string()), ("reason", reason)];
        text(language, "trust-passed-over", &arguments(facts))
    }
}

impl From<io::Error> for Passed {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<NotOurs> for Passed {
    fn from(error: NotOurs) -> Self {
        match error {
            NotOurs::Io(error) => Self::Io(error),
            NotOurs::Rights => Self::FileRights,
        }
    }
}

impl Trust {
    /// Reads a folder, or one file. What cannot be read is passed over and named in [`Trust::faults`]; a folder that does
    /// not exist holds nothing.
    #[must_use]
    pub fn load(path: &Path) -> Self {
        let open = |file: &Path| fs::File::open(file).map_err(NotOurs::from);
        if path.metadata().is_ok_and(|about| !about.is_dir()) {
            let mut trust = Self::default();
            trust.read_file(path, open);
            return trust;
        }
        Self::read(path, open)
    }

    /// As [`Trust::load`], for the folder that is relied on without a word: neither it nor a file in it may be
    /// another user's or writable by group or others.
    #[must_use]
    pub fn load_ours(folder: &Path) -> Self {
        match is_our_folder(folder) {
            Ok(true) => Self::read(folder, open_ours),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::default(),
            Ok(false) => Self::faulty(folder, &Passed::FolderRights),
            Err(error) => Self::faulty(folder, &error.into()),
        }
    }

    fn faulty(folder: &Path, reason: &Passed) -> Self {
        Self {
            faults: vec![reason.of(folder)],
            ..Self::default()
        }
    }

    fn read(folder: &Path, open: impl Fn(&Path) -> Result<fs::File, NotOurs>) -> Self {
        let mut trust = Self::default();
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return trust,
            Err(error) => return Self::faulty(folder, &error.into()),
        };
        let mut files: Vec<_> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.is_file())
            .collect();
        files.sort();
        if files.len() > MAX_FILES {
            trust.faults.push(Passed::TooMany.of(folder));
        }
        for file in files.iter().take(MAX_FILES) {
            trust.read_file(file, &open);
        }
        trust
    }

    fn read_file(&mut self, file: &Path, open: impl Fn(&Path) -> Result<fs::File, NotOurs>) {
        let opened = open(file).map_err(Passed::from);
        if let Err(reason) = opened.and_then(|opened| self.add_file(opened)) {
            self.faults.push(reason.of(file));
        }
    }

    fn add_file(&mut self, file: fs::File) -> Result<(), Passed> {
        let mut bytes = Vec::new();
        if file.take(MAX_FILE + 1).read_to_end(&mut bytes)? as u64 > MAX_FILE {
            return Err(Passed::TooLarge);
        }
        let lists = revocation::read_crls(&bytes);
        let mut outcome = Ok(());
        if lists.is_empty() || revocation::holds_others(&bytes) {
            let mut found = Anchors::default();
            outcome = found.add_file(&bytes).map_err(|_| Passed::NoCertificate);
            for certificate in found.certificates() {
                if certificate.is_self_issued() {
                    self.anchors.add(certificate.clone());
                } else {
                    self.intermediates.push(certificate.clone());
                }
            }
        }
        for list in lists {
            match list {
                Ok(crl) => self.revocations.add_crl(crl),
                Err(_) => outcome = Err(Passed::NoList),
            }
        }
        outcome
    }

    /// With the lists and answers of a cache.
    #[must_use]
    pub fn with_cache(mut self, cache: &revocation::Cache) -> Self {
        cache.fill(&mut self.revocations, &mut self.faults);
        self
    }

    /// Judging by these rules.
    #[must_use]
    pub const fn with_rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// The same, to be added to.
    pub fn revocations_mut(&mut self) -> &mut Revocations {
        &mut self.revocations
    }

    /// What is known about revocations.
    #[must_use]
    pub const fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// The revocation lists.
    #[must_use]
    pub fn crls(&self) -> &[Crl] {
        self.revocations.crls()
    }

    /// The anchors.
    #[must_use]
    pub fn anchors(&self) -> &[Certificate] {
        self.anchors.certificates()
    }

    /// The certificates on the way to them.
    #[must_use]
    pub fn intermediates(&self) -> &[Certificate] {
        &self.intermediates
    }

    /// The certificate of the authority that made a list, if it is known here and made it.
    #[must_use]
    pub fn issuer_of(&self, crl: &Crl) -> Option<&Certificate> {
        let known = self.anchors.certificates().iter().chain(&self.intermediates);
        known
            .into_iter()
            .find(|issuer| crl.is_signed_by(issuer, self.rules.sha1))
    }

    /// What is known of a certificate at a time: its path and the status of each certificate on it.
    #[must_use]
    pub fn judge(
        &self,
        certificate: &Certificate,
        beside: &[Certificate],
        at: OffsetDateTime,
    ) -> CertificateVerdict {
        trien_signatures::validation::certificate(certificate, beside, Revocations::NONE, &self.reliance(at))
    }

    /// What was passed over, one line each.
    #[must_use]
    pub fn faults(&self) -> &[Bilingual] {
        &self.faults
    }

    /// True if there is no anchor: then no signature can be found valid.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.anchors.certificates().is_empty()
    }

    /// Everything as a validation at this time wants it.
    #[must_use]
    pub fn reliance(&self, at: OffsetDateTime) -> Reliance<'_> {
        Reliance {
            revocations: &self.revocations,
            require_revocation: self.rules.require_revocation,
            sha1: self.rules.sha1,
            ..Reliance::new(&self.anchors, &self.intermediates, at)
        }
    }

    /// True if a path from the certificate to an anchor is valid now.
    #[must_use]
    pub fn reaches(&self, certificate: &Certificate, beside: &[Certificate], at: OffsetDateTime) -> bool {
        matches!(
            validate_path(certificate, beside, &self.reliance(at)),
            PathVerdict::Trusted { .. }
        )
    }

    /// The certificates between this one and its root, as far as they are here or `beside` it on its token: what goes
    /// with a signature.
    #[must_use]
    pub fn chain(
        &self,
        certificate: &Certificate,
        beside: &[Certificate],
        at: OffsetDateTime,
    ) -> Vec<Certificate> {
        if let PathVerdict::Trusted { path } = validate_path(certificate, beside, &self.reliance(at)) {
            return path
                .into_iter()
                .skip(1)
                .filter(|link| !link.is_self_issued())
                .collect();
        }
        let mut chain: Vec<Certificate> = Vec::new();
        while chain.len() < MAX_DEPTH {
            let last = chain.last().unwrap_or(certificate);
            let known = self.intermediates.iter().chain(beside);
            let mut issuers = known.filter(|link| !link.is_self_issued() && !chain.contains(link));
            let Some(issuer) = issuers.find(|link| link.is_ca() && last.may_be_issued_by(link)) else {
                break;
            };
            chain.push(issuer.clone());
        }
        chain
    }
}
