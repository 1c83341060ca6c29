//! Verdicts on the signed samples of other people's packages (`testdata/documents/samples.py`): ours beside those of other
//! judges, where each difference is in a table by its name and with its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A signature as the judges name it, `file` or `file#place`: its file below the folder of the samples, and its place in
/// it, counted from one.
pub(crate) fn place<'a>(samples: &Path, name: &'a str) -> (&'a str, PathBuf, usize) {
    let (file, place) = name.split_once('#').unwrap_or((name, "1"));
    let kind = match Path::new(file).extension().and_then(|end| end.to_str()) {
        Some("p7s") => "cms",
        Some(kind) => kind,
        None => panic!("{file}"),
    };
    (file, samples.join(kind).join(file), place.parse().unwrap())
}

/// That these differences, each with our reason, are those of the table: judge, sample, its verdict, ours, why.
#[track_caller]
pub(crate) fn are_written_down(differ: &BTreeMap<String, String>, table: &Path) {
    let table = std::fs::read_to_string(table).unwrap();
    let known: BTreeSet<String> = table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            assert!(columns.len() == 5 && !columns[4].is_empty(), "no reason: {line}");
            columns[..4].join("\t")
        })
        .collect();
    let unknown: Vec<String> = differ
        .iter()
        .filter(|(line, _)| !known.contains(*line))
        .map(|(line, reason)| format!("{line}\t{reason}"))
        .collect();
    let gone: Vec<&String> = known.iter().filter(|line| !differ.contains_key(*line)).collect();
    assert!(
        unknown.is_empty() && gone.is_empty(),
        "not written down:\n{}\nno longer so:\n{gone:#?}",
        unknown.join("\n")
    );
}
