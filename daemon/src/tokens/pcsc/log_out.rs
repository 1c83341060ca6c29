//! A card that is to forget whom it let in, because its module's logout leaves it as it is.
//!
//! A reset does that for every card, and takes more: each other program's connection ends with it (`SCARD_W_RESET_CARD`),
//! and what it had verified in any application of the card. So an application that can be told to forget is told, in a
//! transaction; whether it has is asked, and the card is reset if it has not, or if nobody knows how to tell it.

use std::ffi::CStr;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pcsc::{Context, Disposition, Protocols, ShareMode};
use zeroize::Zeroizing;

use super::apdu::{Command, Status};
use super::card::{Link, Watch};
use super::failure::CardError;
use super::piv;
use super::presence::Stay;

/// How long the request that a process did not answer waits for its card to be locked.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is not worth a word to whoever waits.
const MOMENT: Duration = Duration::from_millis(500);

/// From one look at what is under way to the next.
const LOOK: Duration = Duration::from_millis(20);

/// An application that forgets PINs when it is told to.
struct Application {
    /// Its tokens, as modules call them (`CK_TOKEN_INFO.manufacturerID`): OpenSC's, Yubico's.
    makers: &'static [&'static str],
    /// Its identifier (ISO/IEC 7816-4, 12.2.3), as far as it is the same on every card.
    identifier: &'static [u8],
    /// The first version of it that can be told, where that can be asked.
    since: Option<u8>,
    /// Its PINs, as VERIFY calls them.
    references: &'static [u8],
}

/// PIV (SP 800-73-4 part 2, 3.2.1: the application's PIN and the global one) and OpenPGP (version 3.0, 7.2.2: the user's
/// PIN for signatures and for all else, the administrator's).
const APPLICATIONS: [Application; 2] = [
    Application {
        makers: &["piv_II", "Yubico (www.yubico.com)"],
        identifier: &piv::APPLICATION,
        since: None,
        references: &[0x80, 0x00],
    },
    Application {
        makers: &["OpenPGP project"],
        identifier: &[0xd2, 0x76, 0x00, 0x01, 0x24, 0x01],
        since: Some(3),
        references: &[0x81, 0x82, 0x83],
    },
];

/// Has the card of this stay forget every PIN of the application that a module showed as a token of this maker. Of several
/// that it may be, each whose reader is called so. Waits while another program has a transaction. A card that has gone
/// meanwhile has forgotten by itself.
///
/// # Errors
/// [`StaysLoggedIn`]
pub(in crate::tokens) fn log_out(stay: &Stay, maker: &str) -> Result<(), StaysLoggedIn> {
    forget_or_reset(stay, maker, false)
}

/// `may_have_gone` if what happened before may mean that the card was pulled.
fn forget_or_reset(stay: &Stay, maker: &str, may_have_gone: bool) -> Result<(), StaysLoggedIn> {
    let known = APPLICATIONS.iter().find(|one| one.makers.contains(&maker));
    let mut outcome = Ok(());
    for reader in stay.readers().ok_or(StaysLoggedIn::Unknown)? {
        let told = known.map(|application| application.forget(stay.context(), reader));
        let is_silent = matches!(told, Some(Err(_)));
        if let Some(Err(error)) = &told {
            tracing::debug!(%error, "a card could not be told to forget a PIN");
        }
        let has_forgotten = matches!(told, Some(Ok(true)));
        // A service that looks every 400 ms and has to reset a card that is gone takes no notice of one that is put in
        // before it looks again.
        let has_gone = || (is_silent || may_have_gone) && !stay.outlasts_notice(reader);
        if !has_forgotten && !has_gone() {
            outcome = reset(stay.context(), reader)
                .map_err(StaysLoggedIn::from)
                .and(outcome);
        }
    }
    outcome
}

/// The same for a card whose module's process has ended. While another program has the card, it is waited for on a thread
/// of its own; whoever asks waits no longer than [`PATIENCE`].
pub(in crate::tokens) fn log_out_behind(reader: String, maker: String) {
    let (tell, told) = std::sync::mpsc::channel();
    let begun = std::thread::Builder::new()
        .name("log-out".to_owned())
        .spawn(move || {
            if let Some(stay) = Stay::begun(&reader)
                && let Err(error) = forget_or_reset(&stay, &maker, true)
            {
                tracing::warn!(%error, reader, "a card may still be logged in");
            }
            // Nobody may wait any more.
            let _ = tell.send(());
        });
    match begun {
        Ok(thread) => {
            let mut under_way = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner);
            under_way.retain(|thread| !thread.is_finished());
            under_way.push(thread);
            drop(under_way);
            let _ = told.recv_timeout(PATIENCE);
        }
        Err(error) => tracing::warn!(%error, "a card may still be logged in"),
    }
}

/// Those that still wait for a card, or speak to it. They end with the process.
static UNDER_WAY: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());

/// Waits until each card has been told that is to forget whom it let in, `longest` if that is given: before a process ends.
/// `begin` is called if it takes more than a moment.
pub(crate) fn finish(longest: Option<Duration>, begin: impl FnOnce()) {
    let since = Instant::now();
    let mut begin = Some(begin);
    loop {
        let mut under_way = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.retain(|thread| !thread.is_finished());
        if under_way.is_empty() {
            return;
        }
        drop(under_way);
        if longest.is_some_and(|longest| since.elapsed() > longest) {
            tracing::warn!("a card may still be logged in: another program has it");
            return;
        }
        if since.elapsed() > MOMENT
            && let Some(begin) = begin.take()
        {
            begin();
        }
        std::thread::sleep(LOOK);
    }
}

/// Why a card may still let somebody in.
#[derive(Debug, thiserror::Error)]
pub(in crate::tokens) enum StaysLoggedIn {
    /// Of PC/SC.
    #[error("PC/SC: {0}")]
    Service(#[from] pcsc::Error),
    /// Its module has its own name for the reader, and there are several cards.
    #[error("it is not known which of several cards it is")]
    Unknown,
}

impl Application {
    /// True if the application let nobody in any more when it was asked after it was told.
    fn forget(&self, context: &Context, reader: &CStr) -> Result<bool, CardError> {
        let watch = Watch::default();
        let mut link = Link::open(context, reader, &watch)?;
        let selected = link.send(&Command::asking([0, 0xa4, 0x04, 0], self.identifier))?;
        if selected.status != Status::SUCCESS || !self.can_be_told(&mut link)? {
            return Ok(false);
        }
        let mut verify = |first, reference| {
            link.send(&Command::telling(
                [0, 0x20, first, reference],
                Zeroizing::default(),
            ))
        };
        for reference in self.references {
            // A card that does not know the reference says so, to this as to the question.
            verify(0xff, *reference)?;
            // Empty, it is a question that spends no try; success means that the PIN has been verified.
            if verify(0, *reference)?.status == Status::SUCCESS {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// An empty VERIFY is no question to every version.
    fn can_be_told(&self, link: &mut Link<'_>) -> Result<bool, CardError> {
        let Some(since) = self.since else {
            return Ok(true);
        };
        // The full identifier, with the version behind what is the same on every card (OpenPGP 3.4, 4.2.1).
        let full = link.send(&Command::asking([0, 0xca, 0, 0x4f], &[]))?;
        let version = full.data.get(self.identifier.len());
        Ok(version.is_some_and(|version| *version >= since))
    }
}

/// Whatever PIN was verified, by whomever, the card forgets.
fn reset(context: &Context, reader: &CStr) -> Result<(), pcsc::Error> {
    match context.connect(reader, ShareMode::Shared, Protocols::ANY) {
        Ok(card) => card
            .disconnect(Disposition::ResetCard)
            .map_err(|(_, error)| error),
        Err(pcsc::Error::NoSmartcard | pcsc::Error::RemovedCard) => Ok(()),
        Err(error) => Err(error),
    }
}
