//! One card, for as long as somebody works with it.
//!
//! A [`Link`] is a shared connection with a transaction on it: while it lives, no other program can put a command
//! between two of ours, nor use a PIN that was verified here. Making one may wait for another program's transaction
//! without limit (PC/SC has none, and `SCardCancel` does not help), so it is made on a thread of its own; whoever waits
//! for that thread has the deadline.

use std::ffi::CStr;
use std::sync::atomic::{AtomicU8, Ordering};

use pcsc::{Context, Disposition, Protocols, Scope, ShareMode};
use zeroize::Zeroizing;

use super::apdu::{self, Command, Lengths, MAX_RESPONSE, Response, Transmit};
use super::failure::CardError;
use super::features::Features;
use super::outage::told_apart;

/// Room for the longest answer and its status word.
const ANSWER: usize = MAX_RESPONSE + 64;

/// What the thread of a card is at, for whoever has waited too long for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Nothing that could be waited for.
    Idle = 0,
    /// Waiting for other programs to let go of the card.
    Waiting = 1,
    /// Waiting for the card's answer.
    Talking = 2,
}

/// Who was first: the thread with its answer, or whoever waits with his patience.
mod course {
    /// Somebody waits.
    pub(super) const AWAITED: u8 = 0;
    /// Nobody waits any more.
    pub(super) const ABANDONED: u8 = 1;
    /// There is an answer, which will be taken.
    pub(super) const FINISHED: u8 = 2;
}

/// What a card's thread and whoever waits for it share.
#[derive(Debug, Default)]
pub struct Watch {
    course: AtomicU8,
    phase: AtomicU8,
}

impl Watch {
    /// Somebody waits again.
    pub fn begin(&self) {
        self.course.store(course::AWAITED, Ordering::SeqCst);
    }

    /// Nobody waits any more: nothing may be sent to the card from now on. False if the thread has
    /// [finished](Self::finish) before: its answer is on the way.
    #[must_use]
    pub fn abandon(&self) -> bool {
        self.decide(course::ABANDONED)
    }

    /// The thread is done. False if it was [abandoned](Self::abandon) before: nobody hears of what it did.
    #[must_use]
    pub fn finish(&self) -> bool {
        self.decide(course::FINISHED)
    }

    /// True if nothing was decided before.
    fn decide(&self, course: u8) -> bool {
        self.course
            .compare_exchange(course::AWAITED, course, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }

    /// What the thread is at.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::SeqCst) {
            1 => Phase::Waiting,
            2 => Phase::Talking,
            _ => Phase::Idle,
        }
    }

    fn check(&self) -> Result<(), CardError> {
        match self.course.load(Ordering::SeqCst) {
            course::ABANDONED => Err(CardError::Abandoned),
            _ => Ok(()),
        }
    }

    fn during<T>(&self, phase: Phase, work: impl FnOnce() -> T) -> T {
        self.phase.store(phase as u8, Ordering::SeqCst);
        let done = work();
        self.phase.store(Phase::Idle as u8, Ordering::SeqCst);
        done
    }
}

/// A connection with a transaction on it. Dropping it ends both and leaves the card as it is.
pub struct Link<'watch> {
    card: Option<pcsc::Card>,
    features: Features,
    lengths: Lengths,
    watch: &'watch Watch,
    /// Kept: an answer may hold what others must not read.
    answer: Zeroizing<Vec<u8>>,
    /// APDUs so far.
    count: u64,
}

impl<'watch> Link<'watch> {
    /// Connects, begins a transaction, and asks the reader what it can do. Waits while another program has a transaction.
    ///
    /// # Errors
    /// Of PC/SC, among them [`pcsc::Error::SharingViolation`] at once while another program holds the card exclusively;
    /// [`CardError::Abandoned`] if nobody waits for it any more when it is done.
    pub fn open(context: &Context, reader: &CStr, watch: &'watch Watch) -> Result<Self, CardError> {
        let mut link = Self::connect(context, reader, watch)?;
        let (features, atr) = (Features::read(link.card()?), link.atr()?);
        link.describe(features, &atr);
        Ok(link)
    }

    /// The same with what is known already: what the reader can do, and the card's answer to reset.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_known(
        context: &Context,
        reader: &CStr,
        features: Features,
        atr: &[u8],
        watch: &'watch Watch,
    ) -> Result<Self, CardError> {
        let mut link = Self::connect(context, reader, watch)?;
        link.describe(features, atr);
        Ok(link)
    }

    fn connect(context: &Context, reader: &CStr, watch: &'watch Watch) -> Result<Self, CardError> {
        watch.check()?;
        let card = watch.during(Phase::Waiting, || {
            context.connect(reader, ShareMode::Shared, Protocols::T0 | Protocols::T1)
        })?;
        let mut link = Self {
            card: Some(card),
            features: Features::default(),
            lengths: Lengths::Short,
            watch,
            answer: Zeroizing::new(vec![0; ANSWER]),
            count: 0,
        };
        link.begin()?;
        Ok(link)
    }

    fn describe(&mut self, features: Features, atr: &[u8]) {
        self.features = features;
        self.lengths = features.lengths(atr);
    }

    /// `SCardBeginTransaction`. It ends with the connection (PC/SC part 10, SCardDisconnect), so that nobody has to
    /// remember to end it.
    fn begin(&mut self) -> Result<(), CardError> {
        let watch = self.watch;
        let card = self.card.as_mut().ok_or(CardError::OtherCard)?;
        let begun = watch.during(Phase::Waiting, || match card.transaction() {
            Ok(transaction) => {
                std::mem::forget(transaction);
                Ok(())
            }
            Err(error) => Err(error),
        });
        begun?;
        watch.check()
    }

    /// Sends one command, however many APDUs that takes.
    ///
    /// # Errors
    /// Of PC/SC and of the answer's form. A status word other than success is no error.
    pub fn send(&mut self, command: &Command) -> Result<Response, CardError> {
        let lengths = self.lengths;
        apdu::exchange(self, command, lengths)
    }

    /// The same, but of an answer that begins as the `known` one the rest is left at the card: none then.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn send_unless(&mut self, command: &Command, known: &[u8]) -> Result<Option<Response>, CardError> {
        let lengths = self.lengths;
        apdu::exchange_unless(self, command, lengths, known)
    }

    /// `SCardControl`: the reader's own functions.
    ///
    /// # Errors
    /// Of PC/SC.
    pub fn control(&mut self, code: u32, input: &[u8]) -> Result<Vec<u8>, CardError> {
        self.watch.check()?;
        let mut answer = [0; 512];
        let card = self.card.as_ref().ok_or(CardError::OtherCard)?;
        let answered = self
            .watch
            .during(Phase::Talking, || card.control(code.into(), input, &mut answer))?;
        self.count += 1;
        Ok(answered.to_vec())
    }

    /// What the reader can do.
    #[must_use]
    pub const fn features(&self) -> Features {
        self.features
    }

    /// How many APDUs have been sent.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The answer to reset.
    ///
    /// # Errors
    /// Of PC/SC.
    pub fn atr(&self) -> Result<Vec<u8>, CardError> {
        let mut names = [0; 2048];
        let mut atr = [0; pcsc::MAX_ATR_SIZE];
        Ok(self.card()?.status2(&mut names, &mut atr)?.atr().to_vec())
    }

    /// Ends the connection and resets the card: for cards that cannot be told to forget a PIN.
    pub fn reset(mut self) {
        self.part(Disposition::ResetCard);
    }

    fn card(&self) -> Result<&pcsc::Card, CardError> {
        self.card.as_ref().ok_or(CardError::OtherCard)
    }

    /// Dropping a `pcsc::Card` would reset the card, and with it everybody's PIN: it is always taken leave of.
    fn part(&mut self, disposition: Disposition) {
        if let Some(Err((card, error))) = self.card.take().map(|card| card.disconnect(disposition)) {
            tracing::debug!(%error, "a card could not be taken leave of");
            drop(card);
        }
    }
}

impl Transmit for Link<'_> {
    type Error = CardError;

    fn transmit(&mut self, apdu: &[u8]) -> Result<Zeroizing<Vec<u8>>, CardError> {
        self.watch.check()?;
        let card = self.card.as_ref().ok_or(CardError::OtherCard)?;
        let buffer = &mut self.answer;
        let answered = self
            .watch
            .during(Phase::Talking, || card.transmit(apdu, buffer).map(<[u8]>::len))?;
        self.count += 1;
        Ok(Zeroizing::new(self.answer[..answered].to_vec()))
    }
}

impl Drop for Link<'_> {
    fn drop(&mut self) {
        self.part(Disposition::LeaveCard);
    }
}

/// A context of its own: each thread that waits needs one.
///
/// # Errors
/// Of PC/SC: there may be no service (`SCARD_E_NO_SERVICE`), or one that does not run (`SCARD_E_SERVICE_STOPPED`), or does
/// not let us in.
pub fn establish() -> Result<Context, pcsc::Error> {
    Context::establish(Scope::User).map_err(told_apart)
}
