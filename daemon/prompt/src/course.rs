//! The course of one question: what is alive when, and what the daemon hears. It has no clock (times are durations
//! since the start) and no widgets, so that each rule can be tested.
//!
//! ```text
//! Asking ──approve──► Waiting ──pin_incorrect, pin_invalid, …──► Retry ──approve──► Waiting
//!                 │ paused ▼        ▲ resumed
//!                 └──► Paused ─────┘
//!                         │ refuse, with some signed
//!                         └──► Stopped ──finish──► Finished
//!    └──────refuse, close, time up──► Finished ◄──finish, end of stream──┘
//! ```

use std::time::Duration;

use trien_protocol::error::ErrorCode;
use trien_protocol::prompt::{Answer, FromPrompt, OutOfTurn, Outcome, PinEntry, ToPrompt, TriesLeft, Turn};

/// For so long after anything on the screen changed, *approve* is dead: nobody agrees to what he has not seen, and a
/// click meant for what was there before goes nowhere.
pub(crate) const ARMING: Duration = Duration::from_millis(800);

/// How long "signed" is shown.
const DONE_SHOWN: Duration = Duration::from_millis(900);

/// How long a failure is shown to somebody who does not press the button.
const FAILURE_SHOWN: Duration = Duration::from_secs(10);

/// Where the question stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nobody has decided yet.
    Asking,
    /// Approved; the token works.
    Waiting,
    /// Approved; the token was pulled, and the batch waits for it.
    Paused,
    /// The person wants no more; it is waited for the daemon's word on what was signed before.
    Stopped,
    /// The PIN was not taken; the person may type again.
    Retry(Retry),
    /// Over, and shown until [`Course::leaves`].
    Finished(Outcome),
    /// Over, and nothing to show.
    Left,
}

/// Why the person has to type again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// The token said no; a try was spent.
    Incorrect,
    /// The token takes no such PIN; none was spent.
    Invalid,
    /// It was kept back: others have spent tries meanwhile.
    NotTried,
    /// The token was pulled and is back.
    Resumed,
    /// It was right; the key wants it anew for the next signature.
    NextSignature,
}

/// The state of one question.
#[derive(Debug)]
pub(crate) struct Course {
    pins: Vec<PinEntry>,
    chosen: usize,
    phase: Phase,
    patience: Duration,
    armed: Duration,
    gives_up: Duration,
    leaves: Option<Duration>,
    progress: Option<(u32, u32)>,
}

impl Course {
    /// Asking since `now`, for as long as the daemon waits, with the PIN entry of each certificate.
    pub(crate) fn new(pins: Vec<PinEntry>, patience: Duration, now: Duration) -> Self {
        Self {
            pins,
            chosen: 0,
            phase: Phase::Asking,
            patience,
            armed: now + ARMING,
            gives_up: now + patience,
            leaves: None,
            progress: None,
        }
    }

    /// Where it stands.
    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// Index of the chosen certificate.
    pub(crate) fn chosen(&self) -> usize {
        self.chosen
    }

    /// How the chosen certificate's token takes its PIN, as far as it is known by now.
    pub(crate) fn pin(&self) -> PinEntry {
        self.pins.get(self.chosen).copied().unwrap_or(PinEntry::Locked)
    }

    /// Documents signed, and in all, if the daemon has told.
    pub(crate) fn progress(&self) -> Option<(u32, u32)> {
        self.progress
    }

    /// Documents that are signed and stay signed if the person wants no more now.
    pub(crate) fn kept(&self) -> u32 {
        match self.phase {
            Phase::Paused | Phase::Retry(_) => self.progress.map_or(0, |(done, _)| done),
            _ => 0,
        }
    }

    /// True while the person is asked for something.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Asking | Phase::Retry(_))
    }

    /// True if the next wrong PIN locks the token: then the person has to say that he knows.
    pub(crate) fn is_last_try(&self) -> bool {
        matches!(
            self.pin(),
            PinEntry::Window {
                tries: TriesLeft::Last,
                ..
            } | PinEntry::Reader {
                tries: TriesLeft::Last
            }
        )
    }

    /// What is seen has changed, or the window has just come to the front.
    pub(crate) fn changed(&mut self, now: Duration) {
        self.armed = now + ARMING;
    }

    /// Another certificate. Only before the first approval: after it the certificate is settled.
    pub(crate) fn choose(&mut self, index: usize, now: Duration) {
        if self.phase == Phase::Asking && index < self.pins.len() && index != self.chosen {
            self.chosen = index;
            self.changed(now);
        }
    }

    /// True if *approve* is alive. `acknowledged`: the person has ticked that he knows it is the last try.
    pub(crate) fn may_approve(&self, acknowledged: bool, now: Duration) -> bool {
        self.is_open()
            && now >= self.armed
            && self.pin() != PinEntry::Locked
            && (acknowledged || !self.is_last_try())
    }

    /// Approves, if that is alive. The PIN, if there is one, must be in the pipe before the message is sent.
    pub(crate) fn approve(&mut self, acknowledged: bool, now: Duration) -> Option<FromPrompt> {
        if !self.may_approve(acknowledged, now) {
            return None;
        }
        let message = match self.phase {
            Phase::Retry(_) => FromPrompt::PinTyped,
            _ => FromPrompt::Answer(Answer::Approved {
                certificate: self.chosen,
            }),
        };
        self.phase = Phase::Waiting;
        Some(message)
    }

    /// *Refuse*, Escape, or the window closed. Where something stays signed, the person is told how it ended. After the
    /// end, or where nothing is left to refuse, just leaves.
    pub(crate) fn refuse(&mut self) -> Option<FromPrompt> {
        let open = matches!(
            self.phase,
            Phase::Asking | Phase::Retry(_) | Phase::Waiting | Phase::Paused
        );
        self.phase = match self.kept() {
            0 => Phase::Left,
            _ => Phase::Stopped,
        };
        open.then_some(FromPrompt::Answer(Answer::Refused))
    }

    /// The screen was locked, or the computer goes to sleep: the request ends, and the window goes whatever it shows.
    pub(crate) fn left_alone(&mut self) -> Option<FromPrompt> {
        let was_open = self.refuse().is_some();
        self.phase = Phase::Left;
        was_open.then_some(FromPrompt::Answer(Answer::Left))
    }

    /// Time has gone on: refuses when the person took too long, leaves when the end was shown long enough.
    pub(crate) fn tick(&mut self, now: Duration) -> Option<FromPrompt> {
        if self.is_open() && now >= self.gives_up {
            return self.refuse();
        }
        if self.phase == Phase::Stopped {
            self.leaves.get_or_insert(now + self.patience);
        }
        if self.leaves.is_some_and(|leaves| now >= leaves) {
            self.phase = Phase::Left;
        }
        None
    }

    /// Whole seconds until it is refused by itself; `None` while nobody is asked.
    pub(crate) fn seconds_left(&self, now: Duration) -> Option<u64> {
        self.is_open()
            .then(|| self.gives_up.saturating_sub(now).as_millis().div_ceil(1000) as u64)
    }

    fn turn(&self) -> Turn {
        match self.phase {
            Phase::Asking => Turn::Asking,
            Phase::Waiting => Turn::Working,
            Phase::Paused => Turn::Paused,
            Phase::Stopped => Turn::Stopped,
            Phase::Retry(_) => Turn::Typing,
            Phase::Finished(_) => Turn::Finished,
            Phase::Left => Turn::Left,
        }
    }

    /// The daemon said something.
    ///
    /// # Errors
    /// [`OutOfTurn`]: the daemon is not in the state we think it is, so nothing here can be relied on.
    pub(crate) fn receive(&mut self, message: &ToPrompt, now: Duration) -> Result<(), OutOfTurn> {
        if matches!(self.turn().after(message)?, Turn::Left | Turn::Stopped) {
            return Ok(());
        }
        match message {
            ToPrompt::Finish(outcome) => self.finish(*outcome, now),
            ToPrompt::PinIncorrect { tries } => {
                self.note_tries(match tries {
                    TriesLeft::Unknown => TriesLeft::Few,
                    told => *told,
                });
                self.retry(Retry::Incorrect, now);
            }
            ToPrompt::PinNotTried { tries } => {
                self.note_tries(*tries);
                self.retry(Retry::NotTried, now);
            }
            ToPrompt::Paused { done, total } => {
                self.progress = Some((*done, *total));
                self.phase = Phase::Paused;
            }
            ToPrompt::Resumed { tries } => {
                if *tries != TriesLeft::Unknown {
                    self.note_tries(*tries);
                }
                self.retry(Retry::Resumed, now);
            }
            ToPrompt::PinInvalid => self.retry(Retry::Invalid, now),
            ToPrompt::PinForSignature { done, total } => {
                self.progress = Some((*done, *total));
                self.retry(Retry::NextSignature, now);
            }
            ToPrompt::Progress { done, total } => self.progress = Some((*done, *total)),
            ToPrompt::Opened { .. } | ToPrompt::NotOpened { .. } | ToPrompt::Ask(_) => {}
        }
        Ok(())
    }

    /// The daemon has closed its end. An outcome that is on the screen stays its time.
    pub(crate) fn hung_up(&mut self) {
        if !matches!(self.phase, Phase::Finished(_)) {
            self.phase = Phase::Left;
        }
    }

    /// The PIN could not be given to the worker: its end of the pipe is closed.
    pub(crate) fn pin_lost(&mut self, now: Duration) {
        self.finish(Outcome::Failed(ErrorCode::ModuleCrashed), now);
    }

    fn finish(&mut self, outcome: Outcome, now: Duration) {
        self.phase = Phase::Finished(outcome);
        self.leaves = Some(match outcome {
            Outcome::Done => now + DONE_SHOWN,
            Outcome::PinLocked | Outcome::Failed(_) | Outcome::Partly { .. } => now + FAILURE_SHOWN,
            Outcome::Withdrawn => now,
        });
        if outcome == Outcome::Withdrawn {
            self.phase = Phase::Left;
        }
    }

    fn note_tries(&mut self, left: TriesLeft) {
        if let Some(PinEntry::Window { tries, .. } | PinEntry::Reader { tries }) =
            self.pins.get_mut(self.chosen)
        {
            *tries = left;
        }
    }

    /// The daemon waits anew for each line, and so do we.
    fn retry(&mut self, why: Retry, now: Duration) {
        self.phase = Phase::Retry(why);
        self.gives_up = now + self.patience;
        self.changed(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIN: PinEntry = PinEntry::Window {
        min: 4,
        max: 16,
        tries: TriesLeft::Unknown,
    };
    const LAST: PinEntry = PinEntry::Window {
        min: 4,
        max: 16,
        tries: TriesLeft::Last,
    };
    const PAUSED: ToPrompt = ToPrompt::Paused { done: 1, total: 4 };
    const REFUSED: FromPrompt = FromPrompt::Answer(Answer::Refused);
    const LEFT: FromPrompt = FromPrompt::Answer(Answer::Left);

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn course(pins: &[PinEntry]) -> Course {
        Course::new(pins.to_vec(), Duration::from_secs(120), at(0))
    }

    fn approved(certificate: usize) -> FromPrompt {
        FromPrompt::Answer(Answer::Approved { certificate })
    }

    #[test]
    fn the_last_try_at_a_reader_is_approved_by_who_knows_it() {
        let reader = |tries| PinEntry::Reader { tries };
        let mut course = course(&[reader(TriesLeft::Last)]);
        assert_eq!(course.approve(false, at(900)), None);
        assert_eq!(course.approve(true, at(900)), Some(approved(0)));
        // It became the last while the question was open.
        let mut course = self::course(&[reader(TriesLeft::Unknown)]);
        assert_eq!(course.approve(false, at(900)), Some(approved(0)));
        let tries = TriesLeft::Last;
        assert_eq!(
            course.receive(&ToPrompt::PinIncorrect { tries }, at(1000)),
            Ok(())
        );
        assert_eq!(course.approve(false, at(2000)), None);
        assert_eq!(course.approve(true, at(2000)), Some(FromPrompt::PinTyped));
    }

    #[test]
    fn a_copy_that_comes_after_the_decision_disturbs_nothing() {
        let mut course = course(&[PIN]);
        assert_eq!(course.approve(false, at(900)), Some(approved(0)));
        let opened = ToPrompt::Opened {
            path: "/tmp/x".into(),
        };
        for message in [opened, ToPrompt::NotOpened { too_many: false }] {
            course.receive(&message, at(1000)).unwrap();
        }
        course.receive(&PAUSED, at(1100)).unwrap();
    }

    #[test]
    fn approve_is_dead_until_armed() {
        let mut course = course(&[PIN]);
        assert_eq!(course.approve(false, at(799)), None);
        assert_eq!(course.phase(), Phase::Asking);
        assert_eq!(course.approve(false, at(800)), Some(approved(0)));
        assert_eq!(course.phase(), Phase::Waiting);
        assert_eq!(course.approve(false, at(5000)), None);
    }

    #[test]
    fn each_change_arms_anew() {
        let mut course = course(&[PIN, PIN]);
        course.choose(1, at(700));
        assert!(!course.may_approve(false, at(1499)));
        assert!(course.may_approve(false, at(1500)));
        course.changed(at(2000));
        assert!(!course.may_approve(false, at(2799)));
        assert_eq!(course.approve(false, at(2800)), Some(approved(1)));
    }

    #[test]
    fn the_certificate_is_settled_by_the_approval() {
        let mut course = course(&[PIN, PIN]);
        course.approve(false, at(900));
        course.choose(1, at(950));
        assert_eq!(course.chosen(), 0);
        course.receive(&ToPrompt::PinInvalid, at(1000)).unwrap();
        course.choose(1, at(1100));
        assert_eq!(course.chosen(), 0);
        course.choose(7, at(1100));
        assert_eq!(course.chosen(), 0);
    }

    #[test]
    fn the_last_try_must_be_acknowledged() {
        let mut course = course(&[LAST]);
        assert!(course.is_last_try());
        assert_eq!(course.approve(false, at(900)), None);
        assert_eq!(course.approve(true, at(900)), Some(approved(0)));
    }

    #[test]
    fn a_wrong_pin_is_typed_again_after_arming() {
        let mut course = course(&[PIN]);
        course.approve(false, at(900));
        course
            .receive(
                &ToPrompt::PinIncorrect {
                    tries: TriesLeft::Unknown,
                },
                at(1000),
            )
            .unwrap();
        assert_eq!(course.phase(), Phase::Retry(Retry::Incorrect));
        assert!(matches!(
            course.pin(),
            PinEntry::Window {
                tries: TriesLeft::Few,
                ..
            }
        ));
        assert_eq!(course.approve(false, at(1799)), None);
        assert_eq!(course.approve(false, at(1800)), Some(FromPrompt::PinTyped));
        course
            .receive(
                &ToPrompt::PinIncorrect {
                    tries: TriesLeft::Last,
                },
                at(2000),
            )
            .unwrap();
        assert!(course.is_last_try());
        assert_eq!(course.approve(false, at(3000)), None);
        assert_eq!(course.approve(true, at(3000)), Some(FromPrompt::PinTyped));
    }

    #[test]
    fn an_invalid_pin_spends_no_try() {
        let mut course = course(&[PIN]);
        course.approve(false, at(900));
        course.receive(&ToPrompt::PinInvalid, at(1000)).unwrap();
        assert_eq!(course.phase(), Phase::Retry(Retry::Invalid));
        assert_eq!(course.pin(), PIN);
    }

    #[test]
    fn a_pin_that_was_not_tried_is_typed_again_by_who_knows_that_it_is_the_last_try() {
        let reader = PinEntry::Reader {
            tries: TriesLeft::Unknown,
        };
        for pin in [PIN, reader] {
            let mut course = course(&[pin]);
            let tries = TriesLeft::Last;
            let kept_back = ToPrompt::PinNotTried { tries };
            assert_eq!(course.receive(&kept_back, at(800)), Err(OutOfTurn));
            assert_eq!(course.approve(false, at(900)), Some(approved(0)));
            course.receive(&kept_back, at(1000)).unwrap();
            assert_eq!(course.phase(), Phase::Retry(Retry::NotTried));
            assert_eq!(course.approve(false, at(2000)), None);
            assert_eq!(course.approve(true, at(2000)), Some(FromPrompt::PinTyped));
        }
    }

    #[test]
    fn a_pulled_token_pauses_and_its_pin_is_typed_again() {
        let mut course = course(&[PIN]);
        course.approve(false, at(900));
        course.receive(&PAUSED, at(1000)).unwrap();
        assert_eq!(course.progress(), Some((1, 4)));
        assert!(!course.is_open() && course.seconds_left(at(1000)).is_none());
        assert_eq!(course.approve(true, at(5000)), None);
        assert_eq!(course.receive(&ToPrompt::PinInvalid, at(5000)), Err(OutOfTurn));
        course
            .receive(
                &ToPrompt::Resumed {
                    tries: TriesLeft::Unknown,
                },
                at(6000),
            )
            .unwrap();
        assert_eq!(course.phase(), Phase::Retry(Retry::Resumed));
        assert_eq!(course.approve(false, at(6799)), None);
        assert_eq!(course.approve(false, at(6800)), Some(FromPrompt::PinTyped));
        // It went while the PIN was typed: what was typed has been for nothing, and the token is waited for again.
        course.receive(&PAUSED, at(7000)).unwrap();
        assert_eq!(course.phase(), Phase::Paused);
        let tries = TriesLeft::Last;
        course.receive(&ToPrompt::Resumed { tries }, at(8000)).unwrap();
        assert_eq!(course.approve(true, at(9000)), Some(FromPrompt::PinTyped));
        let mut refused = self::course(&[PIN]);
        refused.approve(false, at(900));
        refused.receive(&PAUSED, at(1000)).unwrap();
        assert_eq!((refused.kept(), refused.refuse()), (1, Some(REFUSED)));
    }

    #[test]
    fn who_stops_with_some_signed_is_told_how_it_ended() {
        let stopped = |done: u32| {
            let mut course = course(&[PIN]);
            course.approve(false, at(900));
            course
                .receive(&ToPrompt::Paused { done, total: 4 }, at(1000))
                .unwrap();
            assert_eq!(course.kept(), done);
            assert_eq!(course.refuse(), Some(REFUSED));
            course
        };
        assert_eq!(stopped(0).phase(), Phase::Left);
        let mut course = stopped(2);
        assert_eq!(course.phase(), Phase::Stopped);
        let late = ToPrompt::Resumed {
            tries: TriesLeft::Unknown,
        };
        course.receive(&late, at(1100)).unwrap();
        let partly = Outcome::Partly { signed: 2, failed: 2 };
        course.receive(&ToPrompt::Finish(partly), at(1200)).unwrap();
        assert_eq!(course.phase(), Phase::Finished(partly));
        // Nobody waits for a daemon that says no more.
        let mut alone = stopped(2);
        assert_eq!(alone.tick(at(2000)), None);
        assert_eq!(alone.tick(at(121_999)), None);
        assert_eq!(alone.phase(), Phase::Stopped);
        alone.tick(at(122_000));
        assert_eq!(alone.phase(), Phase::Left);
        let mut again = stopped(2);
        assert_eq!((again.refuse(), again.phase()), (None, Phase::Left));
    }

    #[test]
    fn a_key_may_want_a_pin_for_each_signature() {
        let mut course = course(&[PIN]);
        course.approve(false, at(900));
        let next = ToPrompt::PinForSignature { done: 1, total: 2 };
        course.receive(&next, at(1000)).unwrap();
        assert_eq!(course.phase(), Phase::Retry(Retry::NextSignature));
        assert_eq!((course.pin(), course.progress()), (PIN, Some((1, 2))));
        assert_eq!(course.approve(false, at(1799)), None);
        assert_eq!(course.approve(false, at(1800)), Some(FromPrompt::PinTyped));
    }

    #[test]
    fn a_locked_token_cannot_be_approved_but_another_can() {
        let mut course = course(&[PinEntry::Locked, PinEntry::NotNeeded]);
        assert_eq!(course.approve(true, at(5000)), None);
        course.choose(1, at(5000));
        assert_eq!(course.approve(false, at(5800)), Some(approved(1)));
    }

    #[test]
    fn refusing_is_said_once_and_always_leaves() {
        let mut asking = course(&[PIN]);
        assert_eq!(asking.refuse(), Some(REFUSED));
        assert_eq!(asking.refuse(), None);
        assert_eq!(asking.phase(), Phase::Left);
        let mut waiting = course(&[PIN]);
        waiting.approve(false, at(900));
        assert_eq!(waiting.refuse(), Some(REFUSED));
        let mut over = course(&[PIN]);
        over.receive(
            &ToPrompt::Finish(Outcome::Failed(ErrorCode::TokenRemoved)),
            at(10),
        )
        .unwrap();
        assert_eq!(over.refuse(), None);
    }

    #[test]
    fn a_screen_that_is_locked_ends_it_in_every_phase() {
        let mut asking = course(&[PIN]);
        assert_eq!(asking.left_alone(), Some(LEFT));
        assert_eq!((asking.left_alone(), asking.phase()), (None, Phase::Left));
        let mut waiting = course(&[PIN]);
        waiting.approve(false, at(900));
        assert_eq!((waiting.left_alone(), waiting.phase()), (Some(LEFT), Phase::Left));
        // Nobody is there to be told how it ended.
        let mut some_signed = course(&[PIN]);
        some_signed.approve(false, at(900));
        some_signed.receive(&PAUSED, at(1000)).unwrap();
        assert_eq!(some_signed.left_alone(), Some(LEFT));
        assert_eq!(some_signed.phase(), Phase::Left);
        let mut over = course(&[PIN]);
        over.receive(&ToPrompt::Finish(Outcome::Done), at(10)).unwrap();
        assert_eq!((over.left_alone(), over.phase()), (None, Phase::Left));
    }

    #[test]
    fn time_is_limited_while_somebody_is_asked_and_only_then() {
        let mut course = course(&[PIN]);
        assert_eq!(course.seconds_left(at(0)), Some(120));
        assert_eq!(course.tick(at(119_999)), None);
        assert_eq!(course.seconds_left(at(119_999)), Some(1));
        course.approve(false, at(119_999));
        assert_eq!(course.tick(at(130_000)), None);
        assert_eq!(course.seconds_left(at(130_000)), None);
        course.receive(&ToPrompt::PinInvalid, at(130_000)).unwrap();
        assert_eq!(course.seconds_left(at(130_000)), Some(120));
        assert_eq!(course.tick(at(250_000)), Some(REFUSED));
        assert_eq!(course.phase(), Phase::Left);
    }

    #[test]
    fn endings_stay_their_time() {
        for (outcome, shown) in [
            (Outcome::Done, 900),
            (Outcome::PinLocked, 10_000),
            (Outcome::Partly { signed: 2, failed: 1 }, 10_000),
            (Outcome::Failed(ErrorCode::TokenRemoved), 10_000),
        ] {
            let mut course = course(&[PIN]);
            course.approve(false, at(900));
            course.receive(&ToPrompt::Finish(outcome), at(1000)).unwrap();
            course.hung_up();
            assert_eq!(course.tick(at(999 + shown)), None);
            assert_eq!(course.phase(), Phase::Finished(outcome));
            assert_eq!(course.tick(at(1000 + shown)), None);
            assert_eq!(course.phase(), Phase::Left);
        }
    }

    #[test]
    fn withdrawn_and_the_end_of_the_stream_leave_at_once() {
        let mut withdrawn = course(&[PIN]);
        withdrawn
            .receive(&ToPrompt::Finish(Outcome::Withdrawn), at(10))
            .unwrap();
        assert_eq!(withdrawn.phase(), Phase::Left);
        let mut hung_up = course(&[PIN]);
        hung_up.hung_up();
        assert_eq!(hung_up.phase(), Phase::Left);
    }

    #[test]
    fn progress_is_kept() {
        let mut course = course(&[PIN]);
        course.approve(false, at(900));
        course
            .receive(&ToPrompt::Progress { done: 3, total: 500 }, at(1000))
            .unwrap();
        assert_eq!(course.progress(), Some((3, 500)));
    }

    #[test]
    fn messages_out_of_turn_are_refused() {
        let mut course = course(&[PIN]);
        assert_eq!(course.receive(&ToPrompt::PinInvalid, at(0)), Err(OutOfTurn));
        assert_eq!(
            course.receive(
                &ToPrompt::PinIncorrect {
                    tries: TriesLeft::Last
                },
                at(0)
            ),
            Err(OutOfTurn)
        );
        assert_eq!(
            course.receive(&ToPrompt::Progress { done: 1, total: 1 }, at(0)),
            Err(OutOfTurn)
        );
        course
            .receive(&ToPrompt::Finish(Outcome::Failed(ErrorCode::TokenRemoved)), at(0))
            .unwrap();
        assert_eq!(
            course.receive(&ToPrompt::Finish(Outcome::Done), at(0)),
            Err(OutOfTurn)
        );
    }
}
