//! Faults on order, over a Unix socket: one line in, one line out.
//!
//! ```text
//! eject · insert · quit · stats · reset-stats · clear
//! delay INS MS      every command with that INS takes MS more ('*': any INS)
//! drop INS [MS]     once: MS after that command came the card is pulled, without an answer
//! mute INS          once: the command is never answered; the card hangs until it is ejected
//! hold INS · release  commands with that INS are begun when it is released, or the card ejected, and not before
//! sw INS SW [N]     the next N (1) commands with that INS are answered SW and do nothing
//! answer INS HEX [N]  the same with any answer, which may be none at all ('-')
//! trace on|off      commands on standard error: headers and status words only
//! ```

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How the card behaves now.
#[derive(Default)]
pub(crate) struct Knobs {
    pub(crate) inserted: bool,
    /// How often the card was taken out.
    ejections: u64,
    pub(crate) busy: Duration,
    pub(crate) resets: u64,
    wire: Option<UnixStream>,
    trace: bool,
    delay: BTreeMap<Option<u8>, u64>,
    pull: BTreeMap<u8, u64>,
    mute: Option<u8>,
    held: Option<u8>,
    answer: BTreeMap<u8, (Vec<u8>, u32)>,
    count: BTreeMap<u8, u64>,
}

/// What was ordered for one command.
pub(crate) struct Orders {
    /// Milliseconds that it takes more.
    pub(crate) delay: u64,
    /// Milliseconds after which the card is pulled.
    pub(crate) pull: Option<u64>,
    /// It is never answered: until the card is taken out once more than so many times.
    pub(crate) mute: Option<u64>,
    /// How often the card had been taken out when the command came.
    pub(crate) ejections: u64,
    /// Said instead of what the applet says.
    pub(crate) answer: Option<Vec<u8>>,
    pub(crate) trace: bool,
}

#[derive(Clone, Default)]
pub(crate) struct Control(Arc<(Mutex<Knobs>, Condvar)>);

impl Control {
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut Knobs) -> R) -> R {
        work(&mut self.0.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Until commands of that instruction may begin, or the card is taken out.
    pub(crate) fn wait_released(&self, instruction: u8, ejections: u64) {
        self.wait(|knobs| knobs.held != Some(instruction) || knobs.ejections != ejections);
    }

    /// Counts a command and takes what was ordered for it.
    pub(crate) fn orders(&self, instruction: u8) -> Orders {
        self.with(|knobs| {
            *knobs.count.entry(instruction).or_default() += 1;
            let delays = [knobs.delay.get(&Some(instruction)), knobs.delay.get(&None)];
            let mute = knobs.mute.take_if(|muted| *muted == instruction);
            let answer = knobs.answer.get_mut(&instruction).filter(|(_, left)| *left > 0);
            Orders {
                delay: delays.into_iter().flatten().copied().next().unwrap_or(0),
                pull: knobs.pull.remove(&instruction),
                mute: mute.map(|_| knobs.ejections),
                ejections: knobs.ejections,
                answer: answer.map(|(answer, left)| {
                    *left -= 1;
                    answer.clone()
                }),
                trace: knobs.trace,
            }
        })
    }

    fn let_go(&self, work: impl FnOnce(&mut Knobs)) {
        self.with(work);
        self.0.1.notify_all();
    }

    fn wait(&self, until: impl Fn(&Knobs) -> bool) {
        let (knobs, changed) = &*self.0;
        let mut knobs = knobs.lock().unwrap_or_else(PoisonError::into_inner);
        while !until(&knobs) {
            knobs = changed.wait(knobs).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Until the card is in a reader; gives how often it had been taken out by then.
    pub(crate) fn wait_inserted(&self) -> u64 {
        self.wait(|knobs| knobs.inserted);
        self.with(|knobs| knobs.ejections)
    }

    /// The wire to the reader that the card was put into; false if it has been taken out since `ejections` were counted:
    /// nobody could have cut the wire then.
    pub(crate) fn keep_wire(&self, wire: &UnixStream, ejections: u64) -> bool {
        self.with(|knobs| {
            let stays = knobs.inserted && knobs.ejections == ejections;
            knobs.wire = stays.then(|| wire.try_clone().ok()).flatten();
            stays
        })
    }

    /// Until the card is taken out, or has been since `ejections` were counted: it may be back before anybody looks.
    pub(crate) fn wait_ejected_since(&self, ejections: u64) {
        self.wait(|knobs| knobs.ejections != ejections);
    }

    pub(crate) fn eject(&self) {
        self.with(|knobs| {
            knobs.inserted = false;
            knobs.ejections += 1;
            if let Some(wire) = knobs.wire.take() {
                let _ = wire.shutdown(Shutdown::Both);
            }
        });
        self.0.1.notify_all();
    }

    pub(crate) fn insert(&self) {
        self.with(|knobs| knobs.inserted = true);
        self.0.1.notify_all();
    }

    pub(crate) fn serve(&self, at: &Path) -> std::io::Result<()> {
        let _ = std::fs::remove_file(at);
        let listener = UnixListener::bind(at)?;
        let control = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let control = control.clone();
                std::thread::spawn(move || control.listen(stream));
            }
        });
        Ok(())
    }

    fn listen(&self, stream: UnixStream) {
        let Ok(mut out) = stream.try_clone() else {
            return;
        };
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let said = self.obey(&line).unwrap_or_else(|| "error".into());
            if writeln!(out, "{said}").is_err() {
                return;
            }
        }
    }

    fn obey(&self, line: &str) -> Option<String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let instruction = || u8::from_str_radix(words.get(1)?, 16).ok();
        let number = |at: usize, usual: u64| words.get(at).map_or(Some(usual), |word| word.parse().ok());
        match *words.first()? {
            "eject" => self.eject(),
            "insert" => self.insert(),
            "quit" => std::process::exit(0),
            "stats" => return Some(self.with(|knobs| stats(knobs))),
            "reset-stats" => self.with(|knobs| {
                knobs.count.clear();
                knobs.busy = Duration::ZERO;
            }),
            "clear" => self.let_go(|knobs| {
                knobs.delay.clear();
                knobs.pull.clear();
                knobs.answer.clear();
                knobs.mute = None;
                knobs.held = None;
            }),
            "hold" => {
                let of = instruction()?;
                self.with(|knobs| knobs.held = Some(of));
            }
            "release" => self.let_go(|knobs| knobs.held = None),
            "delay" => {
                let of = if words.get(1) == Some(&"*") {
                    None
                } else {
                    Some(instruction()?)
                };
                let longer = number(2, 0)?;
                self.with(|knobs| knobs.delay.insert(of, longer));
            }
            "drop" => {
                let (of, after) = (instruction()?, number(2, 0)?);
                self.with(|knobs| knobs.pull.insert(of, after));
            }
            "mute" => {
                let of = instruction()?;
                self.with(|knobs| knobs.mute = Some(of));
            }
            "sw" | "answer" => {
                let (of, said) = (instruction()?, *words.get(2)?);
                let said = if said == "-" {
                    Vec::new()
                } else {
                    crate::bytes(said)?
                };
                let times = u32::try_from(number(3, 1)?).ok()?;
                self.with(|knobs| knobs.answer.insert(of, (said, times)));
            }
            "trace" => {
                let on = words.get(1) == Some(&"on");
                self.with(|knobs| knobs.trace = on);
            }
            _ => return None,
        }
        Some("ok".into())
    }
}

/// As JSON.
fn stats(knobs: &Knobs) -> String {
    let each: Vec<String> = knobs
        .count
        .iter()
        .map(|(instruction, count)| format!("\"{instruction:02x}\":{count}"))
        .collect();
    format!(
        "{{\"busy_us\":{},\"apdus\":{},\"inserted\":{},\"resets\":{},\"per_ins\":{{{}}}}}",
        knobs.busy.as_micros(),
        knobs.count.values().sum::<u64>(),
        knobs.inserted,
        knobs.resets,
        each.join(",")
    )
}
