//! What an idle daemon costs while two readers are watched: wake-ups by the kernel's count, and memory.

use std::time::Duration;

use crate::row;
use crate::support::cards::piv::YUBIKEY;
use crate::support::cards::{ReaderPlan, on_readers};
use crate::support::daemon::{Daemon, child_pids};
use crate::support::wakes::{number, switches, woken};
use crate::support::{Desk, succeed};

/// Seconds without an event, unless `SECONDS` says otherwise.
const LONG: u64 = 30;

/// Threads that were used at the start end after ten seconds (tokio's for what blocks), which is a wake-up of theirs.
const SETTLED: Duration = Duration::from_secs(15);

/// MB
const LIMIT: f64 = 15.0;

pub(crate) fn measure() {
    on_readers(
        &[ReaderPlan::plain(YUBIKEY), ReaderPlan::plain("Second Reader")],
        |readers| {
            let _card = readers.piv(0);
            let desk = Desk::with_token();
            succeed(&mut desk.trien(["token", "list"]));
            let daemon = Daemon::start(&desk, "");
            std::thread::sleep(SETTLED);
            let workers = ["module-worker", "card-worker"].map(|word| child_pids(daemon.pid(), word));
            let workers: Vec<u32> = workers.concat();
            let all: Vec<u32> = [daemon.pid()]
                .into_iter()
                .chain(workers.iter().copied())
                .collect();
            let before: Vec<_> = all.iter().map(|process| switches(*process)).collect();
            let seconds = std::env::var("SECONDS")
                .ok()
                .and_then(|text| text.parse().ok())
                .unwrap_or(LONG);
            std::thread::sleep(Duration::from_secs(seconds));
            println!("\n## Idle for {seconds} s, two readers watched\n");
            println!("Wake-ups are voluntary context switches of all threads.\n");
            println!("| process | wake-ups | RSS, MB | | limit | |\n|---|---|---|---|---|---|");
            for (process, before) in all.iter().zip(before) {
                let woken = woken(&before, &switches(*process));
                let memory = resident(*process);
                match *process == daemon.pid() {
                    true => {
                        let shown = [woken.to_string(), format!("{memory:.3}")];
                        row("daemon: wake-ups", &shown, woken as f64, 0.0);
                        row("daemon: RSS", &shown, memory, LIMIT);
                    }
                    false => println!("| {} | {woken} | {memory:.3} | | | |", name(*process)),
                }
            }
        },
    );
}

/// MB; the kernel counts in KiB.
fn resident(process: u32) -> f64 {
    number(format!("/proc/{process}/status").as_ref(), "VmRSS:") as f64 * 1024.0 / 1e6
}

/// The words it was started with, as far as they say what it is.
fn name(process: u32) -> String {
    let line = std::fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
    let words: Vec<_> = line.split('\0').skip(1).take(3).collect();
    words.join(" ")
}
