//! What an idle daemon costs while two readers are watched: wake-ups by the kernel's count, system calls by `strace`'s, and
//! memory.

use std::process::{Child, Command};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

/// How long `strace` may take to get hold of every thread; what it does to them for that is not counted.
const ATTACHED: Duration = Duration::from_secs(2);

/// System calls of the one look a minute that pcsc-lite's own library takes in its endless wait (`SCardGetStatusChange`):
/// whether its service is there.
const LOOK: u64 = 12;

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
            let costs: Vec<_> = all
                .iter()
                .zip(before)
                .map(|(process, before)| (woken(&before, &switches(*process)), resident(*process)))
                .collect();
            // Whom it holds it wakes: the kernel's count is of before.
            let calls = system_calls(&desk, &all, Duration::from_secs(seconds));
            println!("\n## Idle for {seconds} s, two readers watched\n");
            println!("Wake-ups are voluntary context switches of all threads.\n");
            println!(
                "| process | wake-ups | system calls | RSS, MB | | limit | |\n|---|---|---|---|---|---|---|"
            );
            for ((process, (woken, memory)), calls) in all.iter().zip(costs).zip(calls) {
                let told = calls.map_or_else(|| "not to be seen".to_owned(), |calls| calls.to_string());
                if *process != daemon.pid() {
                    println!("| {} | {woken} | {told} | {memory:.3} | | | |", name(*process));
                    continue;
                }
                let shown = [woken.to_string(), told, format!("{memory:.3}")];
                row("daemon: wake-ups", &shown, woken as f64, 0.0);
                if let Some(calls) = calls {
                    let looks = LOOK * seconds.div_ceil(60);
                    row(
                        "daemon: system calls, pcsc-lite's own look",
                        &shown,
                        calls as f64,
                        looks as f64,
                    );
                }
                row("daemon: RSS", &shown, memory, LIMIT);
            }
        },
    );
}

/// How many system calls each of the processes began or ended in that time, as `strace` saw them; none of one that it may
/// not look into: they let root alone.
fn system_calls(desk: &Desk, processes: &[u32], long: Duration) -> Vec<Option<usize>> {
    let log = |process: &u32| desk.path(&format!("strace.{process}"));
    let watch = |process: &u32| -> Child {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-q", "-ttt", "-p"]).arg(process.to_string());
        strace.arg("-o").arg(log(process)).spawn().unwrap()
    };
    let watchers: Vec<Child> = processes.iter().map(watch).collect();
    std::thread::sleep(ATTACHED);
    let now = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs_f64()
    };
    let begin = now();
    std::thread::sleep(long);
    let end = now();
    let stayed = |mut watcher: Child| {
        let stays = watcher.try_wait().unwrap().is_none();
        if stays {
            let pid = rustix::process::Pid::from_child(&watcher);
            rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
            watcher.wait().unwrap();
        }
        stays
    };
    let stayed: Vec<bool> = watchers.into_iter().map(stayed).collect();
    // Of each line the thread comes first, the moment second.
    let counted = |line: &str| {
        let moment = line
            .split_whitespace()
            .nth(1)
            .and_then(|word| word.parse::<f64>().ok());
        moment.is_some_and(|moment| begin <= moment && moment < end)
    };
    let of_process = |process: &u32| -> usize {
        let told = std::fs::read_to_string(log(process)).unwrap();
        assert!(
            !told.is_empty(),
            "strace has seen nothing, not even what it found"
        );
        told.lines().filter(|line| counted(line)).count()
    };
    let both = processes.iter().zip(stayed);
    both.map(|(process, stayed)| stayed.then(|| of_process(process)))
        .collect()
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
