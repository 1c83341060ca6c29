//! The reader itself: one slot, whose card is whoever is connected to its socket.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Result, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// Seconds for a PIN where the caller names none.
const USUAL_WAIT: u64 = 30;

/// How long the next card is kept waiting for pcscd to see that the slot is empty.
const UNSEEN: Duration = Duration::from_secs(5);

/// How long pcscd may take to see what is in the slot.
const SETTLED: Duration = Duration::from_secs(20);

/// `PIN_VERIFY_STRUCTURE` without its APDU (PC/SC part 10, 2.6.2).
const VERIFY_HEADER: usize = 19;

/// `PIN_MODIFY_STRUCTURE` without its APDU (2.6.3).
const MODIFY_HEADER: usize = 24;

/// What the reader says for a PIN entry that ended without a PIN.
const TIMED_OUT: [u8; 2] = [0x64, 0x00];
const CANCELLED: [u8; 2] = [0x64, 0x01];
/// The new PIN was typed in two ways.
const UNLIKE: [u8; 2] = [0x64, 0x02];
/// A PIN has fewer or more digits than the caller allows.
const OUT_OF_RANGE: [u8; 2] = [0x64, 0x03];
/// The structure does not say what to do.
const BAD_STRUCTURE: [u8; 2] = [0x6b, 0x80];

/// How the reader behaves: from the text file that its DEVICENAME names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    /// Where the card connects.
    pub(crate) card: String,
    /// Where tests give their orders; none if empty.
    pub(crate) control: String,
    /// It has a PIN pad.
    pub(crate) pad: bool,
    /// It is polled by pcscd every 400 ms and answers for a card that has gone with nothing, as vsmartcard's reader.
    pub(crate) polled: bool,
}

impl Settings {
    /// Words of the form `card=/path control=/path pad=1 polled=1`.
    pub(crate) fn parse(text: &str) -> Self {
        let value = |key: &str| {
            text.split_whitespace()
                .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
                .unwrap_or_default()
        };
        Self {
            card: value("card").to_owned(),
            control: value("control").to_owned(),
            pad: value("pad") == "1",
            polled: value("polled") == "1",
        }
    }
}

/// One reader. pcscd loads a copy of the library for each.
pub(crate) struct Reader {
    pub(crate) settings: Settings,
    wire: Mutex<Option<UnixStream>>,
    pub(crate) atr: Mutex<Vec<u8>>,
    /// Every call fails as if the reader had been pulled.
    pub(crate) gone: AtomicBool,
    /// PIN entries so far.
    asked: AtomicU64,
    typed: (Mutex<VecDeque<String>>, Condvar),
    events: (Mutex<u64>, Condvar),
    /// The count of events after which pcscd's own thread has looked, and is done with what it saw.
    looked: (Mutex<u64>, Condvar),
    /// pcscd's own thread has seen that the slot is empty.
    seen_empty: (Mutex<bool>, Condvar),
}

static READER: OnceLock<Reader> = OnceLock::new();

/// The reader, once pcscd has opened it.
pub(crate) fn reader() -> Option<&'static Reader> {
    READER.get()
}

/// A test's thread may have died with it; what it guards is plain data.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reader {
    /// Opens the reader: false if this copy of the library has one already, or a socket cannot be had.
    pub(crate) fn open(settings: Settings) -> bool {
        let sockets = || -> Result<_> {
            let card = listen(&settings.card)?;
            let control = (!settings.control.is_empty())
                .then(|| listen(&settings.control))
                .transpose()?;
            Ok((card, control))
        };
        let Ok((card, control)) = sockets() else {
            return false;
        };
        let fresh = Self {
            settings,
            wire: Mutex::default(),
            atr: Mutex::default(),
            gone: AtomicBool::new(false),
            asked: AtomicU64::new(0),
            typed: Default::default(),
            events: Default::default(),
            looked: Default::default(),
            seen_empty: Default::default(),
        };
        if READER.set(fresh).is_err() {
            return false;
        }
        if let Some(reader) = reader() {
            std::thread::spawn(move || reader.take_cards(&card));
            if let Some(control) = control {
                std::thread::spawn(move || reader.take_orders(&control));
            }
        }
        true
    }

    fn notify(&self) {
        *lock(&self.events.0) += 1;
        self.events.1.notify_all();
    }

    /// Wakes whoever waits in [`Self::wait_for_event`].
    pub(crate) fn wake(&self) {
        self.notify();
    }

    /// Waits until something has happened since the count `seen`, of which pcscd's thread is done with all; gives the new
    /// count.
    pub(crate) fn wait_for_event(&self, seen: u64, longest: Duration) -> u64 {
        *lock(&self.looked.0) = seen;
        self.looked.1.notify_all();
        let end = Instant::now() + longest;
        let mut count = lock(&self.events.0);
        while *count == seen {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            count = self
                .events
                .1
                .wait_timeout(count, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        *count
    }

    /// True if there is a card. While a command is under way there is one.
    pub(crate) fn is_occupied(&self) -> bool {
        match self.wire.try_lock() {
            Ok(wire) => wire.is_some(),
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Poisoned(wire)) => wire.into_inner().is_some(),
        }
    }

    /// A message to the card and, when `answers`, its reply; none if the card goes meanwhile.
    pub(crate) fn exchange(&self, message: &[u8], answers: bool) -> Option<Vec<u8>> {
        let mut wire = lock(&self.wire);
        let stream = wire.as_mut()?;
        let exchanged =
            send(stream, message).and_then(|()| if answers { receive(stream) } else { Ok(Vec::new()) });
        if exchanged.is_err() {
            *wire = None;
        }
        exchanged.ok()
    }

    /// A card is put in by connecting, and pulled by closing.
    fn take_cards(&self, listener: &UnixListener) {
        for stream in listener.incoming().flatten() {
            let Ok(watched) = stream.try_clone() else {
                continue;
            };
            {
                let mut wire = lock(&self.wire);
                *wire = Some(stream);
                // Before anybody can have powered it.
                self.notify();
            }
            let mut hangup = libc::pollfd {
                fd: watched.as_raw_fd(),
                events: libc::POLLRDHUP,
                revents: 0,
            };
            let ended = libc::POLLRDHUP | libc::POLLHUP | libc::POLLERR;
            // SAFETY: one pollfd that lives across the call, with a descriptor that `watched` keeps open.
            while unsafe { libc::poll(&raw mut hangup, 1, -1) } <= 0 || hangup.revents & ended == 0 {}
            // A command under way sees the end by itself.
            *lock(&self.wire) = None;
            *lock(&self.seen_empty.0) = false;
            self.notify();
            self.wait_until_seen_empty();
        }
    }

    /// pcscd's thread of this reader has been told that there is no card.
    pub(crate) fn empty_was_seen(&self) {
        *lock(&self.seen_empty.0) = true;
        self.seen_empty.1.notify_all();
    }

    /// The next card waits for that, as a hand is slower than pcscd. pcscd 1.9 marks a slot empty for a client whose reset
    /// failed, and its thread, if it has seen no absence of its own, takes the next card for the one before and leaves
    /// the mark for good.
    fn wait_until_seen_empty(&self) {
        if self.settings.polled {
            return;
        }
        let (seen, told) = &self.seen_empty;
        let _ = told
            .wait_timeout_while(lock(seen), UNSEEN, |seen| !*seen)
            .unwrap_or_else(PoisonError::into_inner);
    }

    /// pcscd says by now what is in the slot. Nothing is known of one that it polls.
    fn is_settled(&self) -> bool {
        let now = *lock(&self.events.0);
        let (looked, told) = &self.looked;
        if self.settings.polled {
            return true;
        }
        let (looked, _) = told
            .wait_timeout_while(lock(looked), SETTLED, |looked| *looked < now)
            .unwrap_or_else(PoisonError::into_inner);
        *looked >= now
    }

    /// What was typed at the pad, in time.
    fn typed(&self, seconds: u64) -> std::result::Result<Vec<u8>, [u8; 2]> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let end = Instant::now() + Duration::from_secs(if seconds == 0 { USUAL_WAIT } else { seconds });
        let mut queue = lock(&self.typed.0);
        loop {
            match queue.pop_front().as_deref() {
                Some("cancel") => return Err(CANCELLED),
                Some("timeout") => return Err(TIMED_OUT),
                Some(line) => return Ok(line.trim_start_matches("pin ").as_bytes().to_vec()),
                None => {}
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(TIMED_OUT);
            }
            queue = self
                .typed
                .1
                .wait_timeout(queue, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// `FEATURE_VERIFY_PIN_DIRECT`: puts the typed PIN into the command of the structure, left justified, and sends it.
    pub(crate) fn verify(&self, structure: &[u8]) -> Option<Vec<u8>> {
        let mut command = structure.get(VERIFY_HEADER..)?.to_vec();
        match self.typed(structure[0].into()) {
            Err(status) => Some(status.to_vec()),
            Ok(pin) => {
                if command.len() > 5 {
                    for (place, digit) in command[5..].iter_mut().zip(pin) {
                        *place = digit;
                    }
                } else {
                    command.truncate(4);
                    command.push(u8::try_from(pin.len()).ok()?);
                    command.extend(pin);
                }
                self.exchange(&command, true)
            }
        }
    }

    /// `FEATURE_MODIFY_PIN_DIRECT`: asks for the old PIN and the new one, the latter twice, as `bConfirmPIN` says; puts them
    /// into the command at their offsets, and sends it.
    pub(crate) fn modify(&self, structure: &[u8]) -> Option<Vec<u8>> {
        let mut command = structure.get(MODIFY_HEADER..)?.to_vec();
        let (offsets, most, fewest) = ([structure[5], structure[6]], structure[7], structure[8]);
        let (confirmed, with_old) = (structure[9] & 1 != 0, structure[9] & 2 != 0);
        if !with_old || command.len() < 5 {
            return Some(BAD_STRUCTURE.to_vec());
        }
        let entries = 2 + usize::from(confirmed);
        let mut typed = Vec::new();
        for _ in 0..entries {
            match self.typed(structure[0].into()) {
                Err(status) => return Some(status.to_vec()),
                Ok(pin) if !(fewest.into()..=most.into()).contains(&pin.len()) => {
                    return Some(OUT_OF_RANGE.to_vec());
                }
                Ok(pin) => typed.push(pin),
            }
        }
        if confirmed && typed[1] != typed[2] {
            return Some(UNLIKE.to_vec());
        }
        for (pin, offset) in typed.iter().zip(offsets) {
            let place = command.get_mut(5 + usize::from(offset)..)?.get_mut(..pin.len());
            place?.copy_from_slice(pin);
        }
        self.exchange(&command, true)
    }

    /// One order a connection: `pin 123456`, `cancel`, `timeout` answer a PIN entry, also ahead of time; `forget` drops
    /// those; `asked` counts PIN entries; `gone` and `back` take the reader away and bring it back; `settled` waits until pcscd
    /// says what is in the slot.
    fn take_orders(&self, listener: &UnixListener) {
        for stream in listener.incoming().flatten() {
            let mut line = String::new();
            if BufReader::new(&stream).read_line(&mut line).is_err() {
                continue;
            }
            let mut said = "ok".to_owned();
            match line.trim() {
                "gone" => self.gone.store(true, Ordering::SeqCst),
                "back" => self.gone.store(false, Ordering::SeqCst),
                "asked" => said = self.asked.load(Ordering::SeqCst).to_string(),
                "forget" => lock(&self.typed.0).clear(),
                "settled" => {
                    let said = if self.is_settled() { "ok" } else { "late" };
                    let _ = writeln!(&stream, "{said}");
                    continue;
                }
                typed => {
                    lock(&self.typed.0).push_back(typed.to_owned());
                    self.typed.1.notify_all();
                }
            }
            self.notify();
            let _ = writeln!(&stream, "{said}");
        }
    }
}

fn listen(path: &str) -> Result<UnixListener> {
    let _ = std::fs::remove_file(path);
    UnixListener::bind(path)
}

/// vsmartcard's protocol: two bytes of length in big-endian order, then the message.
fn send(stream: &mut UnixStream, message: &[u8]) -> Result<()> {
    let length = u16::try_from(message.len()).map_err(std::io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], message].concat())
}

fn receive(stream: &mut UnixStream) -> Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut message)?;
    Ok(message)
}
