//! The chain: what a line looks like, where the last whole one ends, and whether each follows from the one before.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Place;
use super::entry::{Action, Entry, Subject};

/// The longest line: 500 digests and their results are far below.
const MAX_LINE: u64 = 1024 * 1024;

/// Where the chain goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Link {
    seq: u64,
    hash: [u8; 32],
}

impl Link {
    /// Where the entry stands that it is the end of.
    pub(super) fn place(&self, time: String) -> Place {
        Place {
            seq: self.seq,
            time,
            hash: hex::encode(self.hash),
        }
    }
}

/// The end of a file that may be appended to.
pub(super) struct Tail {
    pub(super) link: Link,
    /// Bytes of a torn last line that were cut off.
    pub(super) cut: u64,
}

/// A record whose chain holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// How many entries.
    pub entries: u64,
    /// Hash of the last one, lower-case hexadecimal; empty if there is none.
    pub head: String,
    /// Bytes of a last line that was not written to its end; the next writer cuts them off and says so.
    pub torn: u64,
}

/// A record that was tampered with, or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The first entry that does not follow from the one before.
    #[error("entry {seq} does not follow from the one before it")]
    At {
        /// The number it should have had.
        seq: u64,
    },
    /// Of the file system.
    #[error(transparent)]
    Io(#[from] io::Error),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow)]
    record: &'a RawValue,
    hash: &'a str,
}

/// Adds a line to `text` and gives the link for the next, with the line's time.
pub(super) fn push(
    text: &mut String,
    link: &Link,
    subject: &Subject,
    action: &Action,
    time: OffsetDateTime,
) -> io::Result<(Link, String)> {
    let time = time.format(&Rfc3339).map_err(io::Error::other)?;
    let entry = Entry {
        seq: link.seq + 1,
        time: time.clone(),
        action: action.clone(),
        subject: subject.clone(),
    };
    let record = serde_json::to_string(&entry).map_err(io::Error::other)?;
    let hash = hash(&link.hash, &record);
    text.push_str(&format!(
        "{{\"record\":{record},\"hash\":\"{}\"}}\n",
        hex::encode(hash)
    ));
    Ok((Link { seq: entry.seq, hash }, time))
}

/// Finds the end of the last whole line, cuts off what is behind it, and reads that line.
pub(super) fn mend(file: &mut File) -> io::Result<Tail> {
    let length = file.metadata()?.len();
    let start = length.saturating_sub(2 * MAX_LINE);
    file.seek(SeekFrom::Start(start))?;
    let mut end = Vec::new();
    file.take(2 * MAX_LINE).read_to_end(&mut end)?;
    let whole = end.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let cut = (end.len() - whole) as u64;
    if whole == 0 && start > 0 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the record ends in no line",
        ));
    }
    if cut > 0 {
        file.set_len(length - cut)?;
    }
    let Some(text) = end[..whole].strip_suffix(b"\n") else {
        return Ok(Tail {
            link: Link::default(),
            cut,
        });
    };
    let last = text.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let (entry, hash) = read_line(last).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "the record's last line is none of ours",
        )
    })?;
    Ok(Tail {
        link: Link {
            seq: entry.0.seq,
            hash,
        },
        cut,
    })
}

/// Reads all lines.
pub(super) fn check(file: File, mut see: impl FnMut(Entry, &Place)) -> Result<Checked, Broken> {
    let mut reader = BufReader::new(file);
    let mut link = Link::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = reader.by_ref().take(MAX_LINE + 1).read_until(b'\n', &mut line)?;
        let seq = link.seq + 1;
        let torn = line.last() != Some(&b'\n');
        if torn && length as u64 > MAX_LINE {
            return Err(Broken::At { seq });
        }
        if torn {
            let head = if link.seq == 0 {
                String::new()
            } else {
                hex::encode(link.hash)
            };
            return Ok(Checked {
                entries: link.seq,
                head,
                torn: length as u64,
            });
        }
        line.pop();
        let ((entry, record), stated) = read_line(&line).ok_or(Broken::At { seq })?;
        if entry.seq != seq || hash(&link.hash, &record) != stated {
            return Err(Broken::At { seq });
        }
        link = Link { seq, hash: stated };
        let place = link.place(entry.time.clone());
        see(entry, &place);
    }
}

type EntryAndRecord = (Entry, String);

/// The entry, its bytes, and the hash that stands behind it.
fn read_line(line: &[u8]) -> Option<(EntryAndRecord, [u8; 32])> {
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    let record = line.record.get();
    let entry = serde_json::from_str(record).ok()?;
    let hash = hex::decode(line.hash).ok()?.try_into().ok()?;
    Some(((entry, record.to_owned()), hash))
}

fn hash(before: &[u8; 32], record: &str) -> [u8; 32] {
    Sha256::new()
        .chain_update(before)
        .chain_update(record)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::super::Audit;
    use super::*;

    fn record(entries: usize) -> (tempfile::TempDir, PathBuf, Audit) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/audit.jsonl");
        let audit = Audit::new(path.clone());
        for _ in 0..entries {
            let subject = Subject {
                origin: Some("https://a\n\u{1b}[31m\"}".into()),
                ..Subject::default()
            };
            audit.write(&subject, &Action::Asked).unwrap();
        }
        (folder, path, audit)
    }

    fn lines(path: &PathBuf) -> Vec<String> {
        fs::read_to_string(path)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    fn broken_at(audit: &Audit) -> u64 {
        match audit.verify() {
            Err(Broken::At { seq }) => seq,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_chain_holds_and_is_one_line_an_entry() {
        let (_folder, path, audit) = record(5);
        let checked = audit.verify().unwrap();
        assert_eq!((checked.entries, checked.torn), (5, 0));
        assert_eq!(lines(&path).len(), 5);
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            Audit::new("/nonexistent/audit.jsonl".into()).verify().unwrap(),
            Checked::default()
        );
    }

    #[test]
    fn the_first_bad_entry_is_named() {
        type Tamper = fn(&mut Vec<String>);
        let cases: [(Tamper, u64); 6] = [
            (|lines| drop(lines.remove(2)), 3),
            (|lines| lines.swap(1, 2), 2),
            (|lines| lines[3] = lines[3].replace("asked", "refused"), 4),
            (|lines| lines.insert(2, lines[1].clone()), 3),
            (
                |lines| lines[0] = lines[0].replacen("\"seq\":1", "\"seq\":2", 1),
                1,
            ),
            (|lines| lines[4] = "rubbish".into(), 5),
        ];
        for (tamper, seq) in cases {
            let (_folder, path, audit) = record(5);
            let mut text = lines(&path);
            tamper(&mut text);
            fs::write(&path, text.join("\n") + "\n").unwrap();
            assert_eq!(broken_at(&audit), seq);
        }
    }

    #[test]
    fn entries_of_two_writers_make_one_chain() {
        let (_folder, path, audit) = record(2);
        let other = Audit::new(path.clone());
        for _ in 0..3 {
            other.write(&Subject::of_daemon(), &Action::Asked).unwrap();
            audit.write(&Subject::of_daemon(), &Action::Approved).unwrap();
        }
        assert_eq!(audit.verify().unwrap().entries, 8);
        // Another file in its place is another record.
        fs::remove_file(&path).unwrap();
        audit.write(&Subject::of_daemon(), &Action::Asked).unwrap();
        assert_eq!(audit.verify().unwrap().entries, 1);
    }

    #[test]
    fn a_torn_last_line_is_cut_off_on_the_record() {
        let (_folder, path, audit) = record(3);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() - 20]).unwrap();
        let checked = audit.verify().unwrap();
        assert_eq!(checked.entries, 2);
        assert!(checked.torn > 0);
        audit.write(&Subject::of_daemon(), &Action::Approved).unwrap();
        let mut seen = Vec::new();
        assert_eq!(audit.read(|entry| seen.push(entry.action)).unwrap().entries, 4);
        assert_eq!(seen[2], Action::Repaired { bytes: checked.torn });
    }

    #[test]
    fn nothing_is_appended_to_what_is_no_record() {
        let (_folder, path, audit) = record(1);
        fs::write(&path, "rubbish\n").unwrap();
        assert!(audit.write(&Subject::of_daemon(), &Action::Asked).is_err());
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(audit.write(&Subject::of_daemon(), &Action::Asked).is_err());
    }
}
