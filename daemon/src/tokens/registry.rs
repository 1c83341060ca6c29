//! The tokens of all configured modules.

use std::collections::HashSet;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{join, join_all};
use tokio::sync::OnceCell;
use trien_signatures::certificate::Certificate;

use super::client::{self, Deadlines, Worker, unexpected};
use super::doubles::Doubles;
use super::pcsc::DRIVER;
use super::pcsc::cards::Cards;
use super::profile::TokenProfile;
use super::session::{self, ModuleSession};
use super::suspension::SleepClock;
use super::wire::{
    Answer, Call, CertificateRecord, InitializeOutcome, Insertion, KeyName, Surveyed, TokenName,
};
use super::{
    AtHand, Confinement, HeldCertificate, InReach, KeyRef, LoginError, PinNeed, PinState, SigningSession,
    Token, TokenEntry, TokenError, TokenId, TokenSource,
};
use crate::config::{ModuleConfig, SOFTWARE_TOKEN};

/// The configured modules, each in a process of its own.
#[derive(Debug, Clone)]
pub struct Modules {
    workers: Vec<Worker>,
    /// Our own driver for smart cards; none if it is switched off.
    cards: Option<Cards>,
    doubles: Doubles,
    clock: SleepClock,
}

/// Every token in reach, and the modules that failed.
#[derive(Debug, Default)]
pub struct Sight {
    /// The tokens, one entry each, also where two modules show the same one.
    pub tokens: Vec<ModuleToken>,
    /// Modules by name, with what is wrong.
    pub failures: Vec<(String, TokenError)>,
}

/// How a module stands.
#[derive(Debug, Clone)]
pub struct ModuleState {
    /// Its name in the configuration.
    pub name: String,
    /// Its library.
    pub library: PathBuf,
    /// It was switched off because its process failed too often.
    pub off: bool,
    /// How far its process is closed in, if one has started.
    pub confinement: Option<Confinement>,
}

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum InitializeError {
    /// No module has a slot to make a software token in.
    #[error("no module can make a token")]
    NoFreeSlot,
    /// The security officer's PIN cannot be one.
    #[error("the security officer's PIN cannot be one")]
    SecurityOfficerPinInvalid,
    /// The user's PIN cannot be one.
    #[error("the PIN cannot be one")]
    UserPinInvalid,
    /// The module failed.
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl Modules {
    /// `program` is the `trien` binary, which is also the modules' process. Nothing is started yet.
    #[must_use]
    pub fn new(modules: &[ModuleConfig], program: &Path, deadlines: Deadlines) -> Self {
        Self::with_switches(modules, program, deadlines, None)
    }

    /// The same, with the folder in which a file says that a module is switched off.
    #[must_use]
    pub fn with_switches(
        modules: &[ModuleConfig],
        program: &Path,
        deadlines: Deadlines,
        switches: Option<&Path>,
    ) -> Self {
        let worker = |module: &ModuleConfig| {
            let switches = switches.map(Path::to_path_buf);
            Worker::new(module.clone(), program, deadlines, switches)
        };
        Self {
            workers: modules.iter().map(worker).collect(),
            cards: None,
            doubles: Doubles::default(),
            clock: SleepClock::system(),
        }
    }

    /// By another clock of the computer's sleep: what was unlocked before it is not used after.
    #[must_use]
    pub fn with_sleep_clock(self, clock: SleepClock) -> Self {
        Self { clock, ..self }
    }

    /// With our own driver for PIV cards beside the modules.
    #[must_use]
    pub fn with_cards(self, program: &Path, deadlines: Deadlines) -> Self {
        Self {
            cards: Some(Cards::new(program, deadlines)),
            ..self
        }
    }

    /// The same modules in processes of their own, which make tokens that imitate this profile.
    #[must_use]
    pub fn imitating(&self, profile: TokenProfile) -> Self {
        self.anew(|| vec![("TRIEN_TOKEN_PROFILE", profile.name().into())], |_| true)
    }

    /// Our own software token alone, in a process of its own, with its tokens below another home. Nobody else sees
    /// them there until they are moved to where tokens are.
    #[must_use]
    pub fn software_at(&self, home: &Path, profile: Option<TokenProfile>) -> Self {
        let environment = || {
            let profile = profile.map(|profile| ("TRIEN_TOKEN_PROFILE", profile.name().into()));
            let home = ("TRIEN_HOME", home.as_os_str().to_owned());
            profile.into_iter().chain([home]).collect()
        };
        let is_ours = |library: &Path| library.file_name().is_some_and(|name| name == SOFTWARE_TOKEN);
        self.anew(environment, is_ours)
    }

    fn anew(
        &self,
        environment: impl Fn() -> Vec<(&'static str, OsString)>,
        wanted: impl Fn(&Path) -> bool,
    ) -> Self {
        let wanted = self
            .workers
            .iter()
            .filter(|worker| worker.library().is_some_and(&wanted));
        Self {
            workers: wanted.map(|worker| worker.another(environment())).collect(),
            cards: None,
            doubles: Doubles::default(),
            clock: self.clock.clone(),
        }
    }

    /// How each module stands, after [`Self::look`].
    #[must_use]
    pub fn states(&self) -> Vec<ModuleState> {
        let state = |worker: &Worker| ModuleState {
            name: worker.name().to_owned(),
            library: worker.library().unwrap_or(Path::new("")).to_owned(),
            off: worker.is_off(),
            confinement: worker.confinement(),
        };
        self.workers.iter().map(state).collect()
    }

    /// How far the processes of our own card driver are closed in, by the reader that each is for; none before a card
    /// was looked at.
    #[must_use]
    pub fn card_drivers(&self) -> Vec<(String, Confinement)> {
        let workers = self.cards.iter().flat_map(Cards::known);
        let state = |worker: Worker| Some((worker.reader()?.to_owned(), worker.confinement()?));
        workers.filter_map(state).collect()
    }

    /// Looks at every module anew, all at once. One that fails costs its own tokens only.
    pub async fn look(&self) -> Sight {
        self.look_by(entries).await
    }

    /// As [`Self::look`], and with it at the certificates and at how each token takes its PIN: what they then say, they
    /// say without being asked again.
    pub async fn survey(&self) -> Sight {
        self.look_by(|worker, inserted| surveyed(worker, inserted, false))
            .await
    }

    /// As [`Self::survey`], for who only shows certificates: a card that was never seen before is not asked first which
    /// one it is. Until it has said so it goes by a name that opens nothing ([`Token::is_named`]).
    pub async fn glance(&self) -> Sight {
        self.look_by(|worker, inserted| surveyed(worker, inserted, true))
            .await
    }

    async fn look_by<F: Future<Output = Result<Vec<ModuleToken>, TokenError>>>(
        &self,
        tokens_of: impl Fn(Worker, Option<Insertion>) -> F,
    ) -> Sight {
        let mut sight = Sight::default();
        let look = |(worker, inserted): (Worker, Option<Insertion>)| {
            let tokens = tokens_of(worker.clone(), inserted);
            async move { (worker, tokens.await) }
        };
        let on_cards = async {
            let workers = match &self.cards {
                Some(cards) => cards.workers().await?,
                None => Vec::new(),
            };
            let at_readers = workers
                .into_iter()
                .map(|(worker, inserted)| (worker, Some(inserted)));
            Ok(join_all(at_readers.map(look)).await)
        };
        let of_modules = self.workers.iter().map(|worker| (worker.clone(), None));
        let in_modules = join_all(of_modules.map(look));
        let (on_cards, in_modules) = join(on_cards, in_modules).await;
        // Who asked is given the failures, and says what they mean; the log has them beside.
        let on_cards = on_cards.unwrap_or_else(|error: TokenError| {
            tracing::info!(%error, "no smart cards");
            sight.failures.push((DRIVER.to_owned(), error));
            Vec::new()
        });
        let mut found = Vec::new();
        // The card driver comes first: where a module shows the same card, it is the one that is kept.
        for (worker, tokens) in on_cards.into_iter().chain(in_modules) {
            match tokens {
                Ok(tokens) => found.extend(tokens),
                Err(error) => {
                    tracing::info!(module = worker.name(), %error, "no tokens of this module");
                    sight.failures.push((worker.name().to_owned(), error));
                }
            }
        }
        let mut found = named_among_several(found, &mut sight.failures).await;
        tell_apart(&mut found);
        let mut seen = HashSet::new();
        found.retain(|token| is_new(&mut seen, &token.entry));
        sight.tokens = self.doubles.dropped(found).await;
        for token in &mut sight.tokens {
            token.clock = self.clock.clone();
        }
        sight
    }

    /// Makes a token in the first software slot that has none, with the PINs from the first lines of two pipes.
    ///
    /// # Errors
    /// [`InitializeError`]; nothing was made, or for [`InitializeError::Token`] perhaps half.
    pub async fn initialize(
        &self,
        label: &str,
        officer_pin: OwnedFd,
        user_pin: OwnedFd,
    ) -> Result<TokenEntry, InitializeError> {
        let free = |token: &ModuleToken| {
            let entry = &token.entry;
            !entry.initialized && !entry.damaged && !entry.barred && !entry.hardware
        };
        let Sight { tokens, failures } = self.look().await;
        let Some(ModuleToken { worker, .. }) = tokens.into_iter().find(free) else {
            return Err(failures
                .into_iter()
                .next()
                .map_or(InitializeError::NoFreeSlot, |(_, error)| error.into()));
        };
        let call = Call::InitializeToken {
            label: label.to_owned(),
        };
        let answer = worker
            .call_with(call, vec![officer_pin, user_pin], worker.deadlines().generate)
            .await?;
        match answer {
            Answer::Initialized(InitializeOutcome::Made(entry)) => Ok(of_module(entry, &worker)),
            Answer::Initialized(InitializeOutcome::NoFreeSlot) => Err(InitializeError::NoFreeSlot),
            Answer::Initialized(InitializeOutcome::UserPinInvalid) => Err(InitializeError::UserPinInvalid),
            Answer::Initialized(InitializeOutcome::SecurityOfficerPinInvalid) => {
                Err(InitializeError::SecurityOfficerPinInvalid)
            }
            _ => Err(unexpected().into()),
        }
    }
}

async fn entries(worker: Worker, inserted: Option<Insertion>) -> Result<Vec<ModuleToken>, TokenError> {
    let look = Call::Tokens { inserted };
    match worker.call(look, worker.deadlines().enumerate).await? {
        Answer::Tokens(entries) => {
            let token = |entry| ModuleToken {
                entry: of_module(entry, &worker),
                worker: worker.clone(),
                provisional: false,
                seen: Seen::default(),
                clock: SleepClock::system(),
            };
            Ok(entries.into_iter().map(token).collect())
        }
        _ => Err(unexpected()),
    }
}

async fn surveyed(
    worker: Worker,
    inserted: Option<Insertion>,
    provisional: bool,
) -> Result<Vec<ModuleToken>, TokenError> {
    // A module that did not survive being asked for everything is asked for one thing after the other: then what it
    // cannot bear costs the token alone that it is about.
    if worker.is_frail() {
        return entries(worker, inserted).await;
    }
    let look = Call::Survey {
        inserted,
        provisional,
    };
    match worker.call(look, worker.deadlines().enumerate).await {
        Ok(Answer::Survey(tokens)) => {
            let token = |token: Surveyed| {
                let pad = token.pin.and_then(PinNeed::pad);
                ModuleToken {
                    entry: match token.provisional {
                        true => of_nobody(of_module(token.entry, &worker)),
                        false => of_module(token.entry, &worker),
                    },
                    worker: worker.clone(),
                    provisional: token.provisional,
                    seen: Seen {
                        pad: Arc::new(pad.map(OnceLock::from).unwrap_or_default()),
                        pin: Some(Arc::new(OnceCell::new_with(token.pin))),
                        certificates: token.certificates,
                        more: token.more,
                    },
                    clock: SleepClock::system(),
                }
            };
            Ok(tokens.into_iter().map(token).collect())
        }
        Ok(_) => Err(unexpected()),
        Err(error) => {
            if matches!(error, TokenError::Hung { .. } | TokenError::Crashed) {
                worker.note_frailty();
            }
            Err(error)
        }
    }
}

/// Several tokens in hardware may be one card, or two of one number, which only their names tell: then those that came
/// without are asked for them.
async fn named_among_several(
    found: Vec<ModuleToken>,
    failures: &mut Vec<(String, TokenError)>,
) -> Vec<ModuleToken> {
    if found.iter().filter(|token| token.entry.hardware).count() < 2 {
        return found;
    }
    let mut named = Vec::with_capacity(found.len());
    for token in found {
        if !token.provisional {
            named.push(token);
            continue;
        }
        match surveyed(token.worker.clone(), None, false).await {
            Ok(tokens) => named.extend(tokens),
            Err(error) => failures.push((token.worker.name().to_owned(), error)),
        }
    }
    named
}

/// A module does not choose what it is called.
fn of_module(mut entry: TokenEntry, worker: &Worker) -> TokenEntry {
    entry.id.module = worker.name().to_owned();
    entry
}

/// No token that has its own name is in a place without a name: a key of this one is no other's.
fn of_nobody(mut entry: TokenEntry) -> TokenEntry {
    entry.id.place = Some(String::new());
    entry
}

/// Cards of the same number in two readers: each has a process of its own, which knows of no other.
fn tell_apart(tokens: &mut [ModuleToken]) {
    let ids: Vec<_> = tokens.iter().map(|token| token.entry.id.clone()).collect();
    for token in tokens {
        if ids.iter().filter(|id| **id == token.entry.id).count() > 1 {
            token.entry.id.place.clone_from(&token.entry.reader);
        }
    }
}

/// Two modules may see one card. Tokens without a serial number are not told apart by what they lack, nor are those by
/// their number that share it with another of the same module.
fn is_new(seen: &mut HashSet<(String, String, String)>, entry: &TokenEntry) -> bool {
    let TokenId {
        serial, label, place, ..
    } = &entry.id;
    let is_known_by_it = !serial.is_empty() && place.is_none();
    !is_known_by_it || seen.insert((serial.clone(), label.clone(), entry.manufacturer.clone()))
}

#[async_trait]
impl TokenSource for Modules {
    async fn tokens(&self) -> InReach {
        self.survey().await.into()
    }

    async fn glance(&self) -> InReach {
        Self::glance(self).await.into()
    }
}

impl From<Sight> for InReach {
    fn from(Sight { tokens, failures }: Sight) -> Self {
        let ready = tokens.into_iter().filter(|token| token.entry.initialized);
        let hinders = |(module, error): &(String, TokenError)| {
            module == DRIVER
                || matches!(
                    error,
                    TokenError::Held { .. }
                        | TokenError::Hung { .. }
                        | TokenError::Crashed
                        | TokenError::Disabled
                        | TokenError::Busy
                )
        };
        Self {
            tokens: ready.map(|token| Arc::new(token) as Arc<dyn Token>).collect(),
            hindrance: failures.into_iter().find(hinders).map(|(_, error)| error),
        }
    }
}

/// A token of a PKCS #11 module.
#[derive(Debug, Clone)]
pub struct ModuleToken {
    pub(super) entry: TokenEntry,
    pub(super) worker: Worker,
    /// Its name is not its own.
    provisional: bool,
    seen: Seen,
    clock: SleepClock,
}

/// What a survey has seen of a token.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// Asked for once, if the survey has not brought it; none if there was no survey, and it is asked for each time.
    pin: Option<Arc<OnceCell<PinNeed>>>,
    /// Whether PINs are typed at its reader, once it has said how it takes them.
    pad: Arc<OnceLock<bool>>,
    certificates: Option<Vec<CertificateRecord>>,
    /// The certificates may not be all.
    more: bool,
}

impl ModuleToken {
    /// What it is called by whoever wants something of it.
    ///
    /// # Errors
    /// [`TokenError::Removed`] if its name is not its own: what came to the same reader since would have the same.
    fn name(&self) -> Result<TokenName, TokenError> {
        match self.provisional {
            true => Err(TokenError::Removed),
            false => Ok(self.entry.name()),
        }
    }

    /// Begins to change the token: key pairs, certificates.
    ///
    /// # Errors
    /// [`TokenError`]; [`TokenError::Busy`] while it is signing.
    pub async fn administer(&self) -> Result<ModuleSession, TokenError> {
        let (lease, pin) = self.worker.open(self.name()?, None).await?;
        let clock = self.clock.clone();
        Ok(ModuleSession::new(lease, self.entry.clone(), None, pin, clock))
    }

    /// Changes the PIN: a line with the old one, a line with the new one. One try of the old one.
    ///
    /// # Errors
    /// [`LoginError`]; the old PIN is what it was then.
    pub async fn change_pin(&self, old: OwnedFd, new: OwnedFd) -> Result<(), LoginError> {
        // At a reader with a pad the person begins to type only now. Whether it is one is not asked for this: how many tries
        // are left is told with that, and nobody would be told of it. Who has been told knows.
        let deadline = match self.seen.pad.get() {
            Some(false) => self.worker.deadlines().login,
            _ => self.worker.deadlines().reader,
        };
        let call = Call::ChangePin { token: self.name()? };
        match self.set_pin(call, vec![old, new], deadline).await {
            // The module has no word for what happened, and can still be asked.
            Err(LoginError::Token(error)) if session::is_unclear(&error) => match self.pin_now().await {
                Ok(PinNeed::Locked) => Err(LoginError::Locked),
                _ => Err(error.into()),
            },
            done => done,
        }
    }

    /// How it stands with the security officer's PIN, which cards call their PUK: what is typed from now on is typed for
    /// the token that is there now. [`PinState::Ready`] where the token says nothing of it.
    ///
    /// # Errors
    /// [`TokenError`]
    pub async fn officer_pin(&self) -> Result<PinState, TokenError> {
        let call = Call::OfficerPin { token: self.name()? };
        match self.worker.call(call, self.worker.deadlines().enumerate).await? {
            Answer::OfficerPin(state) => Ok(state),
            _ => Err(unexpected()),
        }
    }

    /// Sets the PIN anew by the security officer's: a line with that, a line with the new one.
    ///
    /// # Errors
    /// [`LoginError`], of which [`LoginError::Incorrect`] speaks of the security officer's PIN.
    pub async fn unblock(&self, officer: OwnedFd, new: OwnedFd) -> Result<(), LoginError> {
        let call = Call::Unblock { token: self.name()? };
        let deadline = self.worker.deadlines().login;
        self.set_pin(call, vec![officer, new], deadline).await
    }

    async fn set_pin(&self, call: Call, pins: Vec<OwnedFd>, deadline: Duration) -> Result<(), LoginError> {
        let mut answer = self.worker.call_with(call, pins, deadline).await;
        let reader = self.entry.reader.as_deref().unwrap_or_default();
        if self.entry.hardware && self.worker.library().is_some() {
            client::lock_behind(&answer, reader, &self.entry.manufacturer).await;
        }
        let refused = answer.as_ref().is_err_and(session::is_unclear)
            && self.entry.hardware
            && self.worker.is_sound(None).await;
        if !refused {
            answer = session::sound(&self.worker, &self.entry, answer, self.worker.abandon()).await;
        }
        // Whether the card has taken a PIN by then, nobody has said; nor has anybody logged out.
        let is_doubtful = answer.as_ref().is_err_and(session::may_mean_removal);
        if is_doubtful && self.entry.hardware && self.worker.library().is_some() {
            client::lock(reader, &self.entry.manufacturer).await;
        }
        match answer? {
            Answer::Login(outcome) => outcome.into_result(),
            _ => Err(unexpected().into()),
        }
    }

    async fn pin_now(&self) -> Result<PinNeed, TokenError> {
        let call = Call::Pin { token: self.name()? };
        match self.worker.call(call, self.worker.deadlines().enumerate).await? {
            Answer::Pin(need) => {
                if let Some(pad) = need.pad() {
                    let _ = self.seen.pad.set(pad);
                }
                Ok(need)
            }
            _ => Err(unexpected()),
        }
    }

    /// What is shown, and what was remembered where none of that is a key's.
    fn all_held(&self, mut records: Vec<CertificateRecord>) -> Vec<HeldCertificate> {
        if let (false, Ok(name)) = (records.iter().any(|record| record.key), self.name()) {
            let mut remembered = self.worker.remembered(&name);
            remembered.retain(|one| records.iter().all(|record| record.der != one.der));
            records.extend(remembered);
        }
        let held = records.into_iter().filter_map(|record| self.held(record));
        held.collect()
    }

    fn held(&self, record: CertificateRecord) -> Option<HeldCertificate> {
        let certificate = Certificate::from_der(&record.der.0)
            .inspect_err(|error| tracing::debug!(%error, "a certificate on the token cannot be read"))
            .ok()?;
        let key = (record.key && !certificate.is_ca()).then(|| KeyRef {
            token: self.entry.id.clone(),
            id: record.id.0,
            public_key: Some(certificate.public_key_der().to_vec()),
        });
        // Our own driver's cards have certificates in the slots of keys alone.
        let has_key = record.key || self.worker.library().is_none();
        Some(HeldCertificate {
            token: self.entry.id.clone(),
            label: record.label,
            certificate,
            key,
            has_key,
        })
    }
}

#[async_trait]
impl Token for ModuleToken {
    fn entry(&self) -> &TokenEntry {
        &self.entry
    }

    fn is_named(&self) -> bool {
        !self.provisional
    }

    async fn certificates(&self) -> Result<Vec<HeldCertificate>, TokenError> {
        let records = match &self.seen.certificates {
            Some(records) if !self.seen.more => records.clone(),
            _ => {
                let call = Call::Certificates { token: self.name()? };
                match self.worker.call(call, self.worker.deadlines().enumerate).await? {
                    Answer::Certificates(records) => records,
                    _ => return Err(unexpected()),
                }
            }
        };
        Ok(self.all_held(records))
    }

    async fn certificates_at_hand(&self) -> Result<AtHand, TokenError> {
        match &self.seen.certificates {
            Some(records) if self.seen.more && !records.is_empty() => Ok(AtHand {
                certificates: self.all_held(records.clone()),
                more: true,
            }),
            _ => self.certificates().await.map(AtHand::all),
        }
    }

    async fn pin(&self) -> Result<PinNeed, TokenError> {
        match &self.seen.pin {
            Some(pin) => pin.get_or_try_init(|| self.pin_now()).await.copied(),
            None => self.pin_now().await,
        }
    }

    async fn anew(&self) -> Result<Arc<dyn Token>, TokenError> {
        let pin = OnceCell::new_with(Some(self.pin_now().await?));
        Ok(Arc::new(Self {
            seen: Seen {
                pin: Some(Arc::new(pin)),
                ..self.seen.clone()
            },
            ..self.clone()
        }))
    }

    async fn open(&self, key: &KeyRef) -> Result<Box<dyn SigningSession>, TokenError> {
        if key.token != self.entry.id {
            return Err(TokenError::NoSuchKey);
        }
        let (lease, pin) = self.worker.open(self.name()?, Some(KeyName::from(key))).await?;
        Ok(Box::new(ModuleSession::new(
            lease,
            self.entry.clone(),
            Some(KeyName::from(key)),
            pin,
            self.clock.clone(),
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_modules_that_see_one_token_make_one_entry() {
        let card = TokenEntry::of_card;
        let mut seen = HashSet::new();
        assert!(is_new(&mut seen, &card("a", "01", "x")));
        assert!(!is_new(&mut seen, &card("b", "01", "x")));
        assert!(is_new(&mut seen, &card("b", "02", "x")));
        assert!(is_new(&mut seen, &card("a", "", "")));
        assert!(is_new(&mut seen, &card("a", "", "")));
    }
}
