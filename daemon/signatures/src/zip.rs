//! ZIP containers as signatures need them: read strictly, written plainly.
//!
//! A container has one reading: local headers say what the central directory says, entries follow one another without
//! gaps or overlaps from the first byte on, nothing stands behind the end, names are relative and none stands twice.
//! Programs that read only one of the two lists, or find the end another way, see the same files.

mod directory;
mod parted;

use std::io::{self, Write as _};
use std::ops::Range;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

pub(crate) use directory::{Directory, Place};
pub use parted::Parted;
pub(crate) use parted::{Parts, part};

/// Entries of one container.
pub const MAX_ENTRIES: usize = 10_000;

/// Bytes of all entries together, unpacked.
pub const MAX_TOTAL: u64 = 256 * 1024 * 1024;

/// How many times larger than packed an entry may be, where it is larger than [`FREE`]: sheets of empty cells and
/// pictures of one colour are packed better than that.
const MAX_RATIO: u64 = 100;
const FREE: u64 = 4 * 1024 * 1024;

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;

/// Why bytes are no container that can be looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ZipError {
    /// Not a ZIP file, or one whose lists do not fit together.
    #[error("not a ZIP file with one reading: {0}")]
    Malformed(&'static str),
    /// Encrypted, split, ZIP64, or packed by another method than deflate.
    #[error("a ZIP file of a kind that is not read: {0}")]
    Unsupported(&'static str),
    /// A name that leads out of the container, or that stands twice.
    #[error("a name that is not accepted: {0:?}")]
    Name(String),
    /// Past a limit.
    #[error("more entries, or more data, than is read")]
    TooLarge,
    /// What does not lie in memory cannot be read.
    #[error("the ZIP file cannot be read: {0}")]
    Unreadable(io::ErrorKind),
}

/// A file in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, with `/` between folders.
    pub name: String,
    /// Its contents.
    pub bytes: Vec<u8>,
    /// Whether it was stored as it is and without extra fields, as the first entry of ASiC has to be.
    pub plain: bool,
    /// How it stands in the file it was read from.
    packed: Packed,
}

/// The packed bytes of an entry, by their place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Packed {
    at: Range<usize>,
    method: u16,
    crc: u32,
}

/// The files of a container, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    entries: Vec<Entry>,
}

impl Container {
    /// Whether bytes start as a ZIP file does.
    #[must_use]
    pub fn looks_like(bytes: &[u8]) -> bool {
        bytes.starts_with(&LOCAL.to_le_bytes())
    }

    /// The names in its directory. What is behind them is not looked at.
    ///
    /// # Errors
    /// [`ZipError`]
    pub fn names(bytes: &[u8]) -> Result<Vec<Vec<u8>>, ZipError> {
        directory::names(&bytes)
    }

    /// Reads a container, all of it.
    ///
    /// # Errors
    /// [`ZipError`]
    pub fn parse(bytes: &[u8]) -> Result<Self, ZipError> {
        let files = directory::locate(&bytes, |_, _| Ok(true))?;
        let held = |mut place: Place| {
            let at = |offset: u64| usize::try_from(offset).map_err(|_| ZipError::TooLarge);
            Ok(Entry {
                bytes: place.take(),
                plain: place.plain,
                packed: Packed {
                    at: at(place.packed.start)?..at(place.packed.end)?,
                    method: place.method,
                    crc: place.crc,
                },
                name: place.name,
            })
        };
        let entries = files.into_iter().map(held).collect::<Result<_, _>>()?;
        Ok(Self { entries })
    }

    /// The files, without folders.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The contents of a file.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let found = self.entries.iter().find(|entry| entry.name == name);
        found.map(|entry| entry.bytes.as_slice())
    }
}

fn name_of(bytes: &[u8]) -> Result<String, ZipError> {
    let shown = || ZipError::Name(String::from_utf8_lossy(bytes).into_owned());
    let name = std::str::from_utf8(bytes).map_err(|_| shown())?;
    let steps = name.strip_suffix('/').unwrap_or(name);
    let good = |step: &str| !step.is_empty() && step != "." && step != "..";
    let drive = name.as_bytes().get(1) == Some(&b':');
    if drive
        || name.contains(['\\', '\0'])
        || name.chars().any(char::is_control)
        || !steps.split('/').all(good)
    {
        return Err(shown());
    }
    Ok(name.to_owned())
}

/// The time that every entry we write has: the format's first.
const TIME: [u8; 4] = [0, 0, 0x21, 0];

/// A container that is being written, entry by entry.
#[derive(Debug, Clone, Default)]
pub struct Archive {
    /// Bytes of what stands before it and stays where it is.
    start: u64,
    out: Vec<u8>,
    directory: Vec<u8>,
    count: u16,
    /// Bytes of all entries, unpacked.
    total: u64,
}

impl Archive {
    /// Starts with all of a container that was read from `original` but one file.
    ///
    /// # Errors
    /// As [`Archive::copy`].
    pub fn of(container: &Container, original: &[u8], without: &str) -> Result<Self, ZipError> {
        let mut archive = Self::default();
        for entry in container.entries.iter().filter(|entry| entry.name != without) {
            archive.copy(entry, original)?;
        }
        Ok(archive)
    }

    /// Starts behind the first `start` bytes of a container, whose files stay there, with all others but one.
    ///
    /// # Errors
    /// As [`Archive::copy`]; [`ZipError::Unreadable`].
    pub(crate) fn behind(start: u64, container: &Directory<'_>, without: &str) -> Result<Self, ZipError> {
        let mut archive = Self {
            start,
            ..Self::default()
        };
        for place in container.files().iter().filter(|place| place.name != without) {
            if place.record.end <= start {
                archive.count(place.len)?;
                archive.directory.extend_from_slice(&place.listed);
            } else {
                let packed = container.as_it_stands(&place.packed)?;
                let len = usize::try_from(place.len).map_err(|_| ZipError::TooLarge)?;
                archive.put(&place.name, place.method, place.crc, &packed, len)?;
            }
        }
        Ok(archive)
    }

    /// Adds a file as it is.
    ///
    /// # Errors
    /// [`ZipError`] for a name that a reader would refuse, or more than the format holds.
    pub fn store(&mut self, name: &str, bytes: &[u8]) -> Result<(), ZipError> {
        self.put(name, 0, crc(bytes), bytes, bytes.len())
    }

    /// Whether one more file of so many bytes can be added.
    pub(crate) fn has_room(&self, len: u64) -> bool {
        usize::from(self.count) < MAX_ENTRIES && self.total + len <= MAX_TOTAL
    }

    /// Adds a file, deflated where that makes it smaller.
    ///
    /// # Errors
    /// As [`Archive::store`].
    pub fn deflate(&mut self, name: &str, bytes: &[u8]) -> Result<(), ZipError> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        let packed = encoder.write_all(bytes).and_then(|()| encoder.finish());
        match packed {
            Ok(packed) if packed.len() < bytes.len() => self.put(name, 8, crc(bytes), &packed, bytes.len()),
            _ => self.store(name, bytes),
        }
    }

    /// Adds an entry that was read from `original`, in the bytes it was packed in.
    ///
    /// # Errors
    /// As [`Archive::store`]; [`ZipError::Malformed`] when it is not from there.
    pub fn copy(&mut self, entry: &Entry, original: &[u8]) -> Result<(), ZipError> {
        let packed = original
            .get(entry.packed.at.clone())
            .ok_or(directory::TRUNCATED)?;
        let Packed { method, crc, .. } = entry.packed;
        self.put(&entry.name, method, crc, packed, entry.bytes.len())
    }

    /// One more file.
    fn count(&mut self, len: u64) -> Result<(), ZipError> {
        self.total += len;
        self.count += 1;
        match usize::from(self.count) > MAX_ENTRIES || self.total > MAX_TOTAL {
            true => Err(ZipError::TooLarge),
            false => Ok(()),
        }
    }

    /// Where the next thing will stand.
    fn offset(&self) -> Result<u32, ZipError> {
        u32::try_from(self.start + self.out.len() as u64).map_err(|_| ZipError::TooLarge)
    }

    fn put(&mut self, name: &str, method: u16, crc: u32, packed: &[u8], len: usize) -> Result<(), ZipError> {
        name_of(name.as_bytes())?;
        self.count(len as u64)?;
        let offset = self.offset()?;
        let name_len = u16::try_from(name.len()).map_err(|_| ZipError::Name(name.to_owned()))?;
        let mut common = Vec::with_capacity(26);
        common.extend(20_u16.to_le_bytes());
        // Bit 11: the name is UTF-8 (APPNOTE 4.4.4); left out where that makes no difference.
        let flags: u16 = if name.is_ascii() { 0 } else { 0x0800 };
        common.extend(flags.to_le_bytes());
        common.extend(method.to_le_bytes());
        common.extend(TIME);
        common.extend(crc.to_le_bytes());
        common.extend(number(packed.len())?.to_le_bytes());
        common.extend(number(len)?.to_le_bytes());
        common.extend(name_len.to_le_bytes());
        common.extend(0_u16.to_le_bytes());
        self.out.extend(LOCAL.to_le_bytes());
        self.out.extend(&common);
        self.out.extend(name.as_bytes());
        self.out.extend(packed);
        self.directory.extend(CENTRAL.to_le_bytes());
        self.directory.extend(20_u16.to_le_bytes());
        self.directory.extend(&common);
        self.directory.extend([0; 10]);
        self.directory.extend(offset.to_le_bytes());
        self.directory.extend(name.as_bytes());
        Ok(())
    }

    /// The container, or what stands behind what stays where it is.
    ///
    /// # Errors
    /// [`ZipError::TooLarge`]
    pub fn finish(self) -> Result<Vec<u8>, ZipError> {
        let (offset, len) = (self.offset()?, number(self.directory.len())?);
        let mut out = self.out;
        out.extend(self.directory);
        out.extend(END.to_le_bytes());
        out.extend([0; 4]);
        out.extend(self.count.to_le_bytes());
        out.extend(self.count.to_le_bytes());
        out.extend(len.to_le_bytes());
        out.extend(offset.to_le_bytes());
        out.extend(0_u16.to_le_bytes());
        Ok(out)
    }
}

/// Writes files as they are, one after the other, names in UTF-8.
///
/// # Errors
/// [`ZipError`] for a name that a reader would refuse, or more than the format holds.
pub fn write(entries: &[(&str, &[u8])]) -> Result<Vec<u8>, ZipError> {
    let mut archive = Archive::default();
    for (name, bytes) in entries {
        archive.store(name, bytes)?;
    }
    archive.finish()
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn number(value: usize) -> Result<u32, ZipError> {
    u32::try_from(value).map_err(|_| ZipError::TooLarge)
}

/// The name of an entry behind a URI reference (RFC 3986, 2.1). `None` where what follows a `%` is no pair of
/// hexadecimal digits, or the whole is not UTF-8.
pub(crate) fn percent_decoded(uri: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(uri.len());
    let mut rest = uri.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let [high, low] = [rest.next()?, rest.next()?].map(|digit| char::from(digit).to_digit(16));
            bytes.push(u8::try_from((high? << 4) | low?).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_behind_percent_signs() {
        assert_eq!(percent_decoded("a%20b%C4%90").as_deref(), Some("a bĐ"));
        for bad in ["%", "%2", "%+5", "%-1", "% 5", "%zz", "%ff"] {
            assert_eq!(percent_decoded(bad), None, "{bad}");
        }
    }
}
