//! How often a process was woken, by the kernel's count.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::DirEntry;

/// By thread: each wait that ended is one, so that a thread that sleeps without being woken has none.
pub fn switches(process: u32) -> BTreeMap<OsString, u64> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task"))
        .unwrap()
        .flatten();
    let of = |thread: &DirEntry| number(&thread.path().join("status"), "voluntary_ctxt_switches:");
    threads.map(|thread| (thread.file_name(), of(&thread))).collect()
}

/// From one count to the next. A thread that ended was woken for that.
pub fn woken(before: &BTreeMap<OsString, u64>, after: &BTreeMap<OsString, u64>) -> u64 {
    let ended = before.keys().filter(|thread| !after.contains_key(*thread));
    let waited = after
        .iter()
        .map(|(thread, count)| count - before.get(thread).unwrap_or(&0));
    waited.sum::<u64>() + ended.count() as u64
}

/// A number of a file of `proc`(5); nothing is none.
pub fn number(file: &std::path::Path, field: &str) -> u64 {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
