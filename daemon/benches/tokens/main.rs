//! What the way to a token costs: `make bench-cards`, or one part of it by `WHAT="worker driver events idle"`.
//!
//! Each part prints Markdown with the limit of its row. Times of one row are measured by turns in one run, so that what else
//! the computer does is the same for both; of a card's time, its own computing is taken away.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "its output is the measurement")]

#[path = "../../tests/support/mod.rs"]
mod support;

mod driver;
mod events;
mod idle;
mod worker;

use std::time::Duration;

/// The parts by their names. Each runs on a thread of its own name, which is what `on_readers` starts again.
const PARTS: [(&str, fn()); 5] = [
    ("worker", worker::measure),
    ("driver", driver::measure),
    ("events", events::measure),
    ("certificates", events::measure_certificates),
    ("idle", idle::measure),
];

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    for (name, part) in PARTS {
        if words.is_empty() || words.iter().any(|word| word == name) {
            let thread = std::thread::Builder::new().name(name.to_owned()).spawn(part);
            thread.unwrap().join().unwrap();
        }
    }
}

/// The median, in milliseconds.
fn median(times: &mut [Duration]) -> f64 {
    times.sort();
    times
        .get(times.len() / 2)
        .map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}

/// One line of a table; `limit` is the most that `value` may be.
fn row(what: &str, values: &[String], value: f64, limit: f64) {
    let verdict = if value <= limit { "holds" } else { "MISSED" };
    println!(
        "| {what} | {} | {value:.3} | ≤ {limit} | {verdict} |",
        values.join(" | ")
    );
}

/// How many rounds, unless `ROUNDS` says otherwise.
fn rounds(usual: usize) -> usize {
    let asked = std::env::var("ROUNDS").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(usual)
}
