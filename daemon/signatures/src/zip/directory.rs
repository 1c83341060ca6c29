//! Where the files of a container stand, wherever the container lies: read strictly, unpacked piece by piece, and not
//! held but for what serves the container itself.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use flate2::{Crc, Decompress, FlushDecompress, Status};
use unicode_normalization::UnicodeNormalization;

use super::{CENTRAL, DESCRIPTOR, END, FREE, LOCAL, MAX_ENTRIES, MAX_RATIO, MAX_TOTAL, ZipError, name_of};
use crate::algorithm::Hash;
use crate::pdf::Source;

/// How much of a file is read, and of what it unpacks to, at one time.
const PIECE: usize = 64 * 1024;

/// The most that is held of what serves the container: signatures, manifests, time-stamps.
const MAX_OWN: u64 = 64 * 1024 * 1024;

/// The largest directory, in bytes: as many entries as there may be, with names as long as a file system has them.
const MAX_DIRECTORY: u32 = 4 * 1024 * 1024;

/// The longest media type that is looked at.
const MAX_MEDIA_TYPE: u64 = 256;

/// Bytes of the end record without a comment.
const END_LEN: u64 = 22;

pub(super) const TRUNCATED: ZipError = ZipError::Malformed("truncated");

/// A container that lies somewhere.
pub(crate) type Lying<'a> = Arc<dyn Source + Send + Sync + 'a>;

/// The files of a container that lies somewhere, in their order.
pub(crate) struct Directory<'a> {
    origin: Lying<'a>,
    files: Vec<Place>,
}

/// A file of a container: where it stands.
pub(crate) struct Place {
    /// Its name, with `/` between folders.
    pub(crate) name: String,
    /// Whether it was stored as it is and without extra fields, as the first entry of ASiC has to be.
    pub(crate) plain: bool,
    /// All that stands before the next one.
    pub(super) record: Range<u64>,
    pub(super) packed: Range<u64>,
    pub(super) method: u16,
    pub(super) crc: u32,
    /// Bytes that it unpacks to.
    pub(super) len: u64,
    /// What the central directory says of it, as it stands there.
    pub(super) listed: Vec<u8>,
    held: Option<Vec<u8>>,
    /// Those that were asked for.
    digests: [OnceLock<Vec<u8>>; Hash::KNOWN.len()],
}

impl std::fmt::Debug for Directory<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.files.iter().map(|place| &place.name);
        formatter.debug_list().entries(names).finish()
    }
}

impl<'a> Directory<'a> {
    /// Reads a container: each file once, all of it.
    ///
    /// # Errors
    /// [`ZipError`]
    pub(crate) fn read(origin: Lying<'a>) -> Result<Self, ZipError> {
        let mut own = 0;
        let files = locate(&*origin, |name, len| match serves(name) {
            true if name == MEDIA_TYPE => Ok(len <= MAX_MEDIA_TYPE),
            true => {
                own += len;
                (own <= MAX_OWN).then_some(true).ok_or(ZipError::TooLarge)
            }
            false => Ok(false),
        })?;
        Ok(Self { origin, files })
    }

    /// The files, without folders.
    pub(crate) fn files(&self) -> &[Place] {
        &self.files
    }

    /// A file by its name.
    pub(crate) fn find(&self, name: &str) -> Option<&Place> {
        self.files.iter().find(|place| place.name == name)
    }

    /// What a file that serves the container says.
    pub(crate) fn held(&self, name: &str) -> Option<&[u8]> {
        self.find(name)?.held.as_deref()
    }

    /// A file in pieces.
    ///
    /// # Errors
    /// [`ZipError`] where the container cannot be read any more as it was.
    pub(crate) fn each(&self, place: &Place, out: &mut dyn FnMut(&[u8])) -> Result<(), ZipError> {
        match &place.held {
            Some(bytes) => {
                out(bytes);
                Ok(())
            }
            None => unpack(&*self.origin, place, u64::MAX, out),
        }
    }

    /// All of a file, held.
    ///
    /// # Errors
    /// As [`Self::each`].
    pub(crate) fn bytes<'p>(&self, place: &'p Place) -> Result<Cow<'p, [u8]>, ZipError> {
        match &place.held {
            Some(bytes) => Ok(Cow::Borrowed(bytes)),
            None => unpacked(&*self.origin, place).map(Cow::Owned),
        }
    }

    /// The first `most` bytes of a file, or as many as there are.
    ///
    /// # Errors
    /// As [`Self::each`].
    pub(crate) fn beginning(&self, place: &Place, most: usize) -> Result<Vec<u8>, ZipError> {
        let mut bytes = Vec::new();
        unpack(&*self.origin, place, most as u64, &mut |piece| {
            bytes.extend_from_slice(piece);
        })?;
        bytes.truncate(most);
        Ok(bytes)
    }

    /// The digest of a file, which is computed once.
    ///
    /// # Errors
    /// As [`Self::each`].
    pub(crate) fn digest(&self, place: &Place, hash: Hash) -> Result<Vec<u8>, ZipError> {
        let known = Hash::KNOWN.iter().position(|other| *other == hash);
        let known = known.and_then(|at| place.digests.get(at));
        if let Some(digest) = known.and_then(OnceLock::get) {
            return Ok(digest.clone());
        }
        let mut hasher = hash.hasher();
        self.each(place, &mut |piece| hasher.update(piece))?;
        let digest = hasher.finalize();
        Ok(known.map_or(digest.clone(), |known| known.get_or_init(|| digest).clone()))
    }

    /// Bytes of the container as they stand there.
    ///
    /// # Errors
    /// As [`Self::each`].
    pub(super) fn as_it_stands(&self, range: &Range<u64>) -> Result<Vec<u8>, ZipError> {
        read(&*self.origin, range.start, range.end - range.start)
    }
}

impl Place {
    /// What it says, of one that serves the container; nothing of another, which is not held.
    pub(crate) fn held(&self) -> &[u8] {
        self.held.as_deref().unwrap_or_default()
    }

    /// Bytes that it unpacks to.
    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    /// All of it, of which nothing is left there.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.held.take().unwrap_or_default()
    }
}

/// The file that says what a container is.
const MEDIA_TYPE: &str = "mimetype";

/// Whether a file is none of those that a container is there for.
pub(super) fn serves(name: &str) -> bool {
    name == MEDIA_TYPE || name.starts_with("META-INF/")
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
    extra: &'a [u8],
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

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

fn read(source: &dyn Source, at: u64, len: u64) -> Result<Vec<u8>, ZipError> {
    let end = at.checked_add(len).filter(|end| *end <= source.size());
    end.ok_or(TRUNCATED)?;
    let mut bytes = vec![0; usize::try_from(len).map_err(|_| ZipError::TooLarge)?];
    fill(source, &mut bytes, at)?;
    Ok(bytes)
}

fn fill(source: &dyn Source, buffer: &mut [u8], at: u64) -> Result<(), ZipError> {
    let filled = source.read_exact_at(buffer, at);
    filled.map_err(|error| ZipError::Unreadable(error.kind()))
}

/// The names in a directory. What is behind them is not looked at.
pub(super) fn names(source: &dyn Source) -> Result<Vec<Vec<u8>>, ZipError> {
    let (_, bytes, count) = directory(source)?;
    let listed = listed(&bytes, count)?;
    Ok(listed.into_iter().map(|(entry, _)| entry.name.to_vec()).collect())
}

/// Every file, in the order in which they stand there. Which are held is asked with their names and lengths.
pub(super) fn locate(
    source: &dyn Source,
    mut hold: impl FnMut(&str, u64) -> Result<bool, ZipError>,
) -> Result<Vec<Place>, ZipError> {
    let (directory_at, bytes, count) = directory(source)?;
    let mut order = listed(&bytes, count)?;
    let total: u64 = order.iter().map(|(entry, _)| u64::from(entry.unpacked)).sum();
    if total > MAX_TOTAL {
        return Err(ZipError::TooLarge);
    }
    order.sort_by_key(|(entry, _)| entry.offset);
    let (mut files, mut seen) = (Vec::with_capacity(order.len()), std::collections::HashSet::new());
    let mut at = 0;
    for (entry, raw) in order {
        if at != u64::from(entry.offset) {
            return Err(ZipError::Malformed("entries overlap or leave gaps"));
        }
        let mut place = local(source, &entry, raw)?;
        at = place.record.end;
        let folded: String = place.name.nfc().flat_map(char::to_lowercase).collect();
        if !seen.insert(folded) {
            return Err(ZipError::Name(place.name));
        }
        if hold(&place.name, place.len)? {
            place.held = Some(unpacked(source, &place)?);
        } else {
            unpack(source, &place, u64::MAX, &mut |_| {})?;
        }
        if !place.name.ends_with('/') {
            files.push(place);
        }
    }
    if at != directory_at {
        return Err(ZipError::Malformed(
            "something stands between entries and directory",
        ));
    }
    Ok(files)
}

/// Where the directory starts, what it says, and how many entries it has. It ends where the end record begins, which is
/// the last thing, without a comment.
fn directory(source: &dyn Source) -> Result<(u64, Vec<u8>, usize), ZipError> {
    let at = source.size().checked_sub(END_LEN).ok_or(TRUNCATED)?;
    let record = read(source, at, END_LEN)?;
    let mut cursor = Cursor::new(&record);
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
    if comment != 0 || u64::from(offset) + u64::from(size) != at {
        return Err(ZipError::Malformed("the end record does not fit"));
    }
    if size > MAX_DIRECTORY {
        return Err(ZipError::TooLarge);
    }
    let bytes = read(source, u64::from(offset), u64::from(size))?;
    Ok((u64::from(offset), bytes, usize::from(count)))
}

/// The entries of a directory, each with how it stands there.
fn listed(bytes: &[u8], count: usize) -> Result<Vec<(Listed<'_>, &[u8])>, ZipError> {
    let mut cursor = Cursor::new(bytes);
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        let start = cursor.at;
        let entry = central(&mut cursor)?;
        all.push((entry, &bytes[start..cursor.at]));
    }
    match cursor.at == bytes.len() {
        true => Ok(all),
        false => Err(ZipError::Malformed("the directory has another length")),
    }
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
    let extra = cursor.take(usize::from(extra))?;
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

/// The other name that extra fields give an entry, if they give one (APPNOTE, 4.6.9): some programs take it, and would see
/// other files.
fn renamed<'e>(extra: &'e [u8], name: &[u8]) -> Option<&'e [u8]> {
    const UNICODE_PATH: u16 = 0x7075;
    let mut cursor = Cursor::new(extra);
    while let (Ok(field), Ok(len)) = (cursor.u16(), cursor.u16()) {
        let value = cursor.take(usize::from(len)).ok()?;
        // A version and the check sum of the name in the header stand before it.
        let other = value.get(5..).filter(|_| field == UNICODE_PATH);
        if let Some(other) = other.filter(|other| *other != name) {
            return Some(other);
        }
    }
    None
}

/// The flag that a name is UTF-8.
const UTF_8: u16 = 0x0800;

fn local(source: &dyn Source, listed: &Listed<'_>, raw: &[u8]) -> Result<Place, ZipError> {
    const HEADER: u64 = 30;
    let differs = ZipError::Malformed("a local header differs from the directory");
    let start = u64::from(listed.offset);
    let header = read(source, start, HEADER)?;
    let mut cursor = Cursor::new(&header);
    if cursor.u32()? != LOCAL {
        return Err(differs);
    }
    cursor.u16()?;
    let (flags, method) = (cursor.u16()?, cursor.u16()?);
    cursor.u32()?;
    let sizes = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
    let (name_len, extra_len) = (u64::from(cursor.u16()?), u64::from(cursor.u16()?));
    let name = read(source, start + HEADER, name_len)?;
    let extra = read(source, start + HEADER + name_len, extra_len)?;
    let begin = start + HEADER + name_len + extra_len;
    let stated = (listed.crc, listed.packed, listed.unpacked);
    let deferred = flags & 8 != 0;
    // That a name is UTF-8 (APPNOTE, 4.4.4, bit 11) says nothing of one that is ASCII; some writers say it once.
    let told = |flags: u16| if name.is_ascii() { flags & !UTF_8 } else { flags };
    if told(flags) != told(listed.flags) || method != listed.method || name != listed.name {
        return Err(differs);
    }
    if let Some(other) = [listed.extra, &extra]
        .into_iter()
        .find_map(|extra| renamed(extra, &name))
    {
        return Err(ZipError::Name(String::from_utf8_lossy(other).into_owned()));
    }
    if sizes != stated && !(deferred && sizes == (0, 0, 0)) {
        return Err(differs);
    }
    let end = begin + u64::from(listed.packed);
    if end > source.size() {
        return Err(TRUNCATED);
    }
    let next = match deferred {
        true => descriptor(source, end, stated)?,
        false => end,
    };
    Ok(Place {
        name: name_of(&name)?,
        plain: method == 0 && extra_len == 0 && listed.extra.is_empty() && !deferred,
        record: start..next,
        packed: begin..end,
        method,
        crc: listed.crc,
        len: u64::from(listed.unpacked),
        listed: raw.to_vec(),
        held: None,
        digests: Default::default(),
    })
}

/// The sizes behind the data, with or without their signature. Gives where they end.
fn descriptor(source: &dyn Source, at: u64, stated: (u32, u32, u32)) -> Result<u64, ZipError> {
    let bytes = read(source, at, source.size().saturating_sub(at).min(16))?;
    let mut cursor = Cursor::new(&bytes);
    let mut first = cursor.u32()?;
    if first == DESCRIPTOR && stated.0 != DESCRIPTOR {
        first = cursor.u32()?;
    }
    if (first, cursor.u32()?, cursor.u32()?) == stated {
        Ok(at + cursor.at as u64)
    } else {
        Err(ZipError::Malformed(
            "a data descriptor differs from the directory",
        ))
    }
}

fn unpacked(source: &dyn Source, place: &Place) -> Result<Vec<u8>, ZipError> {
    check_ratio(place)?;
    let mut bytes = Vec::with_capacity(usize::try_from(place.len).map_err(|_| ZipError::TooLarge)?);
    unpack(source, place, u64::MAX, &mut |piece| {
        bytes.extend_from_slice(piece)
    })?;
    Ok(bytes)
}

fn check_ratio(place: &Place) -> Result<(), ZipError> {
    let packed = place.packed.end - place.packed.start;
    match place.len > FREE && place.len / MAX_RATIO > packed {
        true => Err(ZipError::TooLarge),
        false => Ok(()),
    }
}

const WRONG: ZipError = ZipError::Malformed("an entry does not unpack to what the directory says");

/// What a file unpacks to, in pieces, checked when all of it has come; where no more than `most` bytes are wanted, it
/// ends with the piece that has the last of these.
fn unpack(source: &dyn Source, place: &Place, most: u64, out: &mut dyn FnMut(&[u8])) -> Result<(), ZipError> {
    check_ratio(place)?;
    let (mut crc, mut len) = (Crc::new(), 0_u64);
    let mut take = |piece: &[u8]| {
        len += piece.len() as u64;
        if len > place.len {
            return Err(WRONG);
        }
        crc.update(piece);
        out(piece);
        Ok(len >= most)
    };
    let mut state = Decompress::new(false);
    let (mut packed, mut inflated) = (vec![0; PIECE], Vec::new());
    let (mut at, end) = (place.packed.start, place.packed.end);
    let mut complete = place.method == 0;
    while at < end {
        let read = usize::try_from(end - at).map_or(PIECE, |rest| rest.min(PIECE));
        fill(source, &mut packed[..read], at)?;
        at += read as u64;
        if place.method == 0 {
            if take(&packed[..read])? {
                return Ok(());
            }
            continue;
        }
        if complete {
            return Err(WRONG);
        }
        inflated.resize(PIECE, 0);
        let mut input = &packed[..read];
        loop {
            let before = (state.total_in(), state.total_out());
            let status = state.decompress(input, &mut inflated, FlushDecompress::None);
            let status = status.map_err(|_| WRONG)?;
            let used = usize::try_from(state.total_in() - before.0).unwrap_or(input.len());
            let made = usize::try_from(state.total_out() - before.1).unwrap_or(PIECE);
            input = &input[used..];
            if take(&inflated[..made])? {
                return Ok(());
            }
            if status == Status::StreamEnd {
                complete = true;
                break;
            }
            // What does not fill the buffer wants more of the file.
            if made < PIECE && (input.is_empty() || used == 0) {
                break;
            }
        }
        if !input.is_empty() {
            return Err(WRONG);
        }
    }
    match complete && len == place.len && crc.sum() == place.crc {
        true => Ok(()),
        false => Err(WRONG),
    }
}
