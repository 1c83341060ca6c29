//! Where things lie on this computer. `TRIEN_HOME` moves all of them under one folder, for tests and portable use;
//! else the folders of the XDG base directory specification are used.

use std::path::{Path, PathBuf};

use directories::{BaseDirs, ProjectDirs};

/// The folders of one user.
#[derive(Debug, Clone)]
pub struct Places {
    config: PathBuf,
    data: PathBuf,
    cache: PathBuf,
    /// Only the daemon needs one; a build server or a portal's back end has none.
    runtime: Option<PathBuf>,
    /// In which that one lies, where the system makes it for this user (`XDG_RUNTIME_DIR`).
    session: Option<PathBuf>,
}

/// Neither `TRIEN_HOME` nor the user's home folder is known; or, for the daemon, his runtime folder.
#[derive(Debug, thiserror::Error)]
#[error("no home folder, or no XDG_RUNTIME_DIR")]
pub struct NoPlaces;

impl Places {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`NoPlaces`] without a home folder. There is no fall-back to a shared temporary folder: other users could be there first.
    pub fn of_this_user() -> Result<Self, NoPlaces> {
        if let Some(home) = std::env::var_os("TRIEN_HOME").filter(|home| !home.is_empty()) {
            // What is told of it, and what its processes are given, holds wherever they are.
            let home = std::path::absolute(home).map_err(|_| NoPlaces)?;
            return Ok(Self::under(&home));
        }
        let project = ProjectDirs::from("", "", "trien").ok_or(NoPlaces)?;
        Ok(Self {
            config: project.config_dir().to_owned(),
            data: project.data_dir().to_owned(),
            cache: project.cache_dir().to_owned(),
            runtime: project.runtime_dir().map(Path::to_owned),
            session: BaseDirs::new().and_then(|base| base.runtime_dir().map(Path::to_owned)),
        })
    }

    /// Everything under one folder.
    #[must_use]
    pub fn under(home: &Path) -> Self {
        Self {
            config: home.join("config"),
            data: home.join("data"),
            cache: home.join("cache"),
            runtime: Some(home.join("run")),
            session: None,
        }
    }

    /// The folder that the system must have made for this user alone, and in which the socket's folder lies; none where
    /// `TRIEN_HOME` says where that is.
    #[must_use]
    pub fn session_folder(&self) -> Option<&Path> {
        self.session.as_deref()
    }

    /// The user's configuration file.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// The person's own presets for visible signatures.
    #[must_use]
    pub fn appearances_folder(&self) -> PathBuf {
        self.config.join("appearances")
    }

    /// Which origins may do what, until when. Written by `trien origin`.
    #[must_use]
    pub fn origins_file(&self) -> PathBuf {
        self.config.join("origins.toml")
    }

    /// Certificates of trust anchors and intermediate CAs, PEM or DER, one file each or bundles.
    #[must_use]
    pub fn trust_folder(&self) -> PathBuf {
        self.config.join("trust")
    }

    /// Templates for XML signatures, one TOML file each.
    #[must_use]
    pub fn templates_folder(&self) -> PathBuf {
        self.config.join("templates")
    }

    /// The folder of everything that the program writes by itself.
    #[must_use]
    pub fn data_folder(&self) -> &Path {
        &self.data
    }

    /// Where large documents lie while a page has them signed: encrypted, and without names.
    #[must_use]
    pub fn spool_folder(&self) -> PathBuf {
        self.cache.join("spool")
    }

    /// Where copies of documents lie while the person looks at them before he decides.
    #[must_use]
    pub fn views_folder(&self) -> PathBuf {
        self.cache.join("views")
    }

    /// Where the software token keeps its tokens, one folder each.
    #[must_use]
    pub fn tokens_folder(&self) -> PathBuf {
        self.data.join("tokens")
    }

    /// CRLs and OCSP answers that were fetched or imported.
    #[must_use]
    pub fn revocation_folder(&self) -> PathBuf {
        self.data.join("revocation")
    }

    /// Signed files that wait for their time-stamp.
    #[must_use]
    pub fn queue_folder(&self) -> PathBuf {
        self.data.join("queue")
    }

    /// What was known of each signer's certificate when it signed.
    #[must_use]
    pub fn evidence_folder(&self) -> PathBuf {
        self.data.join("evidence")
    }

    /// Where a file says that a module is switched off.
    #[must_use]
    pub fn switches_folder(&self) -> PathBuf {
        self.data.join("modules-off")
    }

    /// The record of approvals and signatures.
    #[must_use]
    pub fn audit_file(&self) -> PathBuf {
        self.data.join("audit.jsonl")
    }

    /// The folder of the per-user socket: must be ours alone, mode 0700.
    ///
    /// # Errors
    /// [`NoPlaces`] where the environment names no runtime folder (`XDG_RUNTIME_DIR`).
    pub fn runtime_folder(&self) -> Result<&Path, NoPlaces> {
        self.runtime.as_deref().ok_or(NoPlaces)
    }

    /// The per-user socket, mode 0600.
    ///
    /// # Errors
    /// As [`Places::runtime_folder`].
    pub fn socket(&self) -> Result<PathBuf, NoPlaces> {
        Ok(self.runtime_folder()?.join("daemon.sock"))
    }
}
