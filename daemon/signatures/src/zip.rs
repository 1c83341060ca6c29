//! ZIP containers as signatures need them: read strictly, written plainly.
//!
//! A container has one reading: local headers say what the central directory says, entries follow one another without
//! gaps or overlaps from the first byte on, nothing stands behind the end, names are relative and none stands twice.
//! Programs that read only one of the two lists, or find the end another way, see the same files.

use std::io::Write as _;
use std::ops::Range;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc, Decompress, FlushDecompress, Status};
use unicode_normalization::UnicodeNormalization;

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

/// What the central directory says of one entry.
struct Listed<'a> {
    name: &'a [u8],
    flags: u16,
    method: u16,
    crc: u32,
    packed: u32,
    unpacked: u32,
    offset: u32,
    extra: usize,
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

const TRUNCATED: ZipError = ZipError::Malformed("truncated");

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], ZipError> {
        let end = self.at.checked_add(len).ok_or(TRUNCATED)?;
        let taken = self.bytes.get(self.at..end).ok_or(TRUNCATED)?;
        self.at = end;
        Ok(taken)
    }

    fn u16(&mut self) -> Result<u16, ZipError> {
        self.take(2).map(|two| u16::from_le_bytes([two[0], two[1]]))
    }

    fn u32(&mut self) -> Result<u32, ZipError> {
        self.take(4)
            .map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
    }
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
    pub fn names(bytes: &[u8]) -> Result<Vec<&[u8]>, ZipError> {
        let (_, listed) = directory(bytes)?;
        Ok(listed.into_iter().map(|entry| entry.name).collect())
    }

    /// Reads a container, all of it.
    ///
    /// # Errors
    /// [`ZipError`]
    pub fn parse(bytes: &[u8]) -> Result<Self, ZipError> {
        let (directory, listed) = directory(bytes)?;
        let total: u64 = listed.iter().map(|entry| u64::from(entry.unpacked)).sum();
        if total > MAX_TOTAL {
            return Err(ZipError::TooLarge);
        }
        let mut order: Vec<&Listed<'_>> = listed.iter().collect();
        order.sort_by_key(|entry| entry.offset);
        let (mut entries, mut seen) = (Vec::with_capacity(order.len()), std::collections::HashSet::new());
        let mut cursor = Cursor { bytes, at: 0 };
        for entry in order {
            if cursor.at != entry.offset as usize {
                return Err(ZipError::Malformed("entries overlap or leave gaps"));
            }
            let read = local(&mut cursor, entry)?;
            let folded: String = read.name.nfc().flat_map(char::to_lowercase).collect();
            if !seen.insert(folded) {
                return Err(ZipError::Name(read.name));
            }
            if !read.name.ends_with('/') {
                entries.push(read);
            }
        }
        if cursor.at != directory {
            return Err(ZipError::Malformed(
                "something stands between entries and directory",
            ));
        }
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

/// Where the directory starts, and its entries. It ends where the end record begins.
fn directory(bytes: &[u8]) -> Result<(usize, Vec<Listed<'_>>), ZipError> {
    let (directory, count) = end(bytes)?;
    let mut cursor = Cursor { bytes, at: directory };
    let listed = (0..count)
        .map(|_| central(&mut cursor))
        .collect::<Result<Vec<_>, _>>()?;
    match cursor.at == bytes.len() - 22 {
        true => Ok((directory, listed)),
        false => Err(ZipError::Malformed("the directory has another length")),
    }
}

/// Where the directory starts and how many entries it has. The end record is the last thing, without a comment.
fn end(bytes: &[u8]) -> Result<(usize, usize), ZipError> {
    let at = bytes.len().checked_sub(22).ok_or(TRUNCATED)?;
    let mut cursor = Cursor { bytes, at };
    if cursor.u32()? != END {
        return Err(ZipError::Malformed("no end record as the last thing"));
    }
    let (disk, start_disk) = (cursor.u16()?, cursor.u16()?);
    let (here, count) = (cursor.u16()?, cursor.u16()?);
    let (size, offset, comment) = (cursor.u32()?, cursor.u32()?, cursor.u16()?);
    if disk != 0 || start_disk != 0 || here != count {
        return Err(ZipError::Unsupported("split"));
    }
    if count == u16::MAX || size == u32::MAX || offset == u32::MAX {
        return Err(ZipError::Unsupported("ZIP64"));
    }
    if usize::from(count) > MAX_ENTRIES {
        return Err(ZipError::TooLarge);
    }
    if comment != 0 || (offset as usize).checked_add(size as usize) != Some(at) {
        return Err(ZipError::Malformed("the end record does not fit"));
    }
    Ok((offset as usize, usize::from(count)))
}

fn central<'a>(cursor: &mut Cursor<'a>) -> Result<Listed<'a>, ZipError> {
    if cursor.u32()? != CENTRAL {
        return Err(ZipError::Malformed("no directory entry"));
    }
    let made_by = cursor.u16()?;
    cursor.u16()?;
    let (flags, method) = (cursor.u16()?, cursor.u16()?);
    cursor.u32()?;
    let (crc, packed, unpacked) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
    let (name, extra, comment) = (cursor.u16()?, cursor.u16()?, cursor.u16()?);
    let disk = cursor.u16()?;
    cursor.u16()?;
    let attributes = cursor.u32()?;
    let offset = cursor.u32()?;
    let name = cursor.take(usize::from(name))?;
    let extra = cursor.take(usize::from(extra))?.len();
    cursor.take(usize::from(comment))?;
    // Made on Unix: a symbolic link leads elsewhere.
    if made_by >> 8 == 3 && (attributes >> 16) & 0o170_000 == 0o120_000 {
        return Err(ZipError::Unsupported("a symbolic link"));
    }
    if disk != 0 {
        return Err(ZipError::Unsupported("split"));
    }
    if flags & 1 != 0 || flags & 0x2040 != 0 {
        return Err(ZipError::Unsupported("encrypted"));
    }
    if packed == u32::MAX || unpacked == u32::MAX || offset == u32::MAX {
        return Err(ZipError::Unsupported("ZIP64"));
    }
    if !matches!(method, 0 | 8) {
        return Err(ZipError::Unsupported("packed by another method"));
    }
    Ok(Listed {
        name,
        flags,
        method,
        crc,
        packed,
        unpacked,
        offset,
        extra,
    })
}

fn local(cursor: &mut Cursor<'_>, listed: &Listed<'_>) -> Result<Entry, ZipError> {
    let differs = ZipError::Malformed("a local header differs from the directory");
    if cursor.u32()? != LOCAL {
        return Err(differs);
    }
    cursor.u16()?;
    let (flags, method) = (cursor.u16()?, cursor.u16()?);
    cursor.u32()?;
    let sizes = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
    let (name, extra) = (cursor.u16()?, cursor.u16()?);
    let name = cursor.take(usize::from(name))?;
    let extra = cursor.take(usize::from(extra))?;
    let stated = (listed.crc, listed.packed, listed.unpacked);
    let deferred = flags & 8 != 0;
    if flags != listed.flags || method != listed.method || name != listed.name {
        return Err(differs);
    }
    if sizes != stated && !(deferred && sizes == (0, 0, 0)) {
        return Err(differs);
    }
    let start = cursor.at;
    let packed = cursor.take(listed.packed as usize)?;
    if deferred {
        descriptor(cursor, stated)?;
    }
    let name = name_of(name)?;
    let bytes = unpack(packed, listed)?;
    Ok(Entry {
        plain: method == 0 && extra.is_empty() && listed.extra == 0 && !deferred,
        name,
        bytes,
        packed: Packed {
            at: start..start + packed.len(),
            method,
            crc: listed.crc,
        },
    })
}

/// The sizes behind the data, with or without their signature.
fn descriptor(cursor: &mut Cursor<'_>, stated: (u32, u32, u32)) -> Result<(), ZipError> {
    let mut first = cursor.u32()?;
    if first == DESCRIPTOR && stated.0 != DESCRIPTOR {
        first = cursor.u32()?;
    }
    if (first, cursor.u32()?, cursor.u32()?) == stated {
        Ok(())
    } else {
        Err(ZipError::Malformed(
            "a data descriptor differs from the directory",
        ))
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

fn unpack(packed: &[u8], listed: &Listed<'_>) -> Result<Vec<u8>, ZipError> {
    let wrong = ZipError::Malformed("an entry does not unpack to what the directory says");
    let len = u64::from(listed.unpacked);
    if len > FREE && len / MAX_RATIO > packed.len() as u64 {
        return Err(ZipError::TooLarge);
    }
    let bytes = if listed.method == 0 {
        packed.to_vec()
    } else {
        let mut out = Vec::with_capacity(listed.unpacked as usize + 1);
        let mut state = Decompress::new(false);
        let status = state
            .decompress_vec(packed, &mut out, FlushDecompress::Finish)
            .map_err(|_| wrong.clone())?;
        if status != Status::StreamEnd || state.total_in() != packed.len() as u64 {
            return Err(wrong);
        }
        out
    };
    if bytes.len() as u64 != len || crc(&bytes) != listed.crc {
        return Err(wrong);
    }
    Ok(bytes)
}

/// The time that every entry we write has: the format's first.
const TIME: [u8; 4] = [0, 0, 0x21, 0];

/// A container that is being written, entry by entry.
#[derive(Debug, Clone, Default)]
pub struct Archive {
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
        let packed = original.get(entry.packed.at.clone()).ok_or(TRUNCATED)?;
        let Packed { method, crc, .. } = entry.packed;
        self.put(&entry.name, method, crc, packed, entry.bytes.len())
    }

    fn put(&mut self, name: &str, method: u16, crc: u32, packed: &[u8], len: usize) -> Result<(), ZipError> {
        name_of(name.as_bytes())?;
        self.total += len as u64;
        self.count += 1;
        if usize::from(self.count) > MAX_ENTRIES || self.total > MAX_TOTAL {
            return Err(ZipError::TooLarge);
        }
        let offset = number(self.out.len())?;
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

    /// The container.
    ///
    /// # Errors
    /// [`ZipError::TooLarge`]
    pub fn finish(self) -> Result<Vec<u8>, ZipError> {
        let (offset, len) = (number(self.out.len())?, number(self.directory.len())?);
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
