//! The modules that take part: each loaded and initialised once, with a session in which the user is logged in.

use std::path::PathBuf;
use std::sync::OnceLock;

use cryptoki_sys::CK_SLOT_ID;

use crate::calls::{Failed, Module, Result, Session};
use crate::turns::tell;

/// What the command line says about the tokens; the same label and PIN for all.
pub(crate) struct Token {
    pub(crate) label: String,
    pub(crate) pin: String,
}

/// A module by its name in the tables and its path.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

impl Named {
    /// Reads `NAME=PATH`.
    pub(crate) fn parse(word: &str) -> Result<Self> {
        let (name, path) = word
            .split_once('=')
            .ok_or_else(|| Failed::Because(format!("{word} is not NAME=PATH")))?;
        Ok(Self {
            name: name.into(),
            path: path.into(),
        })
    }

    /// `C_Initialize` as this module wants it: NSS softokn gets the folder of its database from `NSS_LIB_PARAMS`.
    pub(crate) fn initialize(&self, module: &Module) -> Result<()> {
        let is_nss = self.path.file_name().is_some_and(|name| name == "libsoftokn3.so");
        let parameters = if is_nss {
            std::env::var("NSS_LIB_PARAMS").ok()
        } else {
            None
        };
        module.initialize(parameters.as_deref())
    }
}

/// A module ready for work.
pub(crate) struct Contestant {
    pub(crate) module: Module,
    pub(crate) slot: CK_SLOT_ID,
    /// Logs in once for all sessions, when the first is opened.
    login: OnceLock<()>,
}

impl Contestant {
    /// Loads and initialises every module. One that cannot takes no part, and the reason is told.
    pub(crate) fn prepare(modules: &[Named], token: &Token) -> Vec<Option<Self>> {
        let prepared = modules.iter().map(|named| {
            Self::new(named, token)
                .inspect_err(|error| tell(&format_args!("{}: {error}", named.name)))
                .ok()
        });
        prepared.collect()
    }

    fn new(named: &Named, token: &Token) -> Result<Self> {
        let module = Module::load(&named.path)?;
        named.initialize(&module)?;
        let slot = module.slot(&token.label)?;
        Ok(Self {
            module,
            slot,
            login: OnceLock::new(),
        })
    }

    /// A session in which the user is logged in.
    pub(crate) fn session(&self, token: &Token) -> Result<Session<'_>> {
        let session = self.module.open(self.slot)?;
        if self.login.get().is_none() {
            session.login(&token.pin)?;
            self.login.get_or_init(|| ());
        }
        Ok(session)
    }
}
