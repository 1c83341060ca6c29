//! Tables in Markdown: a row a piece of work, a column a contestant, then how ours compares with each.
#![allow(clippy::print_stdout, reason = "its output is the measurement")]

use crate::turns::{Figures, median, ratio};

/// A table whose figures are times: the less, the better.
pub(crate) struct Table<'a> {
    /// The contestants; ours is the first after the limit.
    names: Vec<&'a str>,
    /// Where ours stands among them.
    ours: usize,
    /// How a time in microseconds is shown.
    show: fn(f64) -> String,
}

impl<'a> Table<'a> {
    /// Prints the head. With a limit, its column comes first.
    pub(crate) fn new(
        what: &str,
        limit: Option<&'a str>,
        modules: &[&'a str],
        show: fn(f64) -> String,
    ) -> Self {
        let ours = usize::from(limit.is_some());
        let names: Vec<&str> = limit.into_iter().chain(modules.iter().copied()).collect();
        let of_limit = limit.map(|limit| format!("of {limit}"));
        let against = names[ours + 1..].iter().map(|name| format!("to {name}"));
        let heads: Vec<String> = names
            .iter()
            .map(ToString::to_string)
            .chain(of_limit)
            .chain(against)
            .collect();
        println!("\n| {what} | {} |", heads.join(" | "));
        println!("|---|{}", "---|".repeat(heads.len()));
        Self { names, ours, show }
    }

    /// Prints a row: medians, then medians of ratios. "of the limit" is the limit's time by ours, "to a peer" the
    /// peer's time by ours; so more is better in every ratio.
    pub(crate) fn row(&self, what: &str, figures: &[Figures]) {
        let absolute = figures.iter().map(|figures| match figures {
            Some(values) => (self.show)(median(values.iter().copied())),
            None => "–".into(),
        });
        let ours = &figures[self.ours];
        let ratios = figures
            .iter()
            .enumerate()
            .filter(|(who, _)| *who != self.ours)
            .map(|(who, other)| match ratio(other, ours) {
                ratio if ratio.is_nan() => "–".into(),
                ratio if who < self.ours => format!("{ratio:.2}"),
                ratio => format!("{ratio:.1}×"),
            });
        let fields: Vec<String> = absolute.chain(ratios).collect();
        debug_assert_eq!(figures.len(), self.names.len());
        println!("| {what} | {} |", fields.join(" | "));
    }
}

/// A plain table of words.
pub(crate) fn head(fields: &[&str]) {
    println!("\n| {} |", fields.join(" | "));
    println!("|{}", "---|".repeat(fields.len()));
}

/// A row of it.
pub(crate) fn line(fields: &[String]) {
    println!("| {} |", fields.join(" | "));
}

/// A remark between the tables.
pub(crate) fn remark(words: &str) {
    println!("\n{words}");
}

/// Microseconds, three digits that count.
pub(crate) fn micros(value: f64) -> String {
    match value {
        value if value.is_nan() => "–".into(),
        value if value < 10.0 => format!("{value:.2} µs"),
        value if value < 1000.0 => format!("{value:.1} µs"),
        value => format!("{value:.0} µs"),
    }
}

/// A rate, of microseconds for one.
pub(crate) fn rate(value: f64) -> String {
    if value.is_nan() {
        "–".into()
    } else {
        format!("{:.0}/s", 1e6 / value)
    }
}
