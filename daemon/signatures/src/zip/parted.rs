//! A container in two parts: files that stay where they are, wherever that is, and behind them, in memory, those that
//! serve the container, with the directory of all.

use std::borrow::Cow;
use std::io;

use super::directory::{Directory, Lying, TRUNCATED, serves};
use super::{Archive, ZipError};
use crate::pdf::{Ended, Source};

/// Where in a record of the central directory it says where the file stands (APPNOTE 4.3.12).
const OFFSET_AT: std::ops::Range<usize> = 42..46;

/// How a container comes apart.
#[derive(Debug, Clone)]
pub struct Parted {
    /// What stays: where each of its pieces starts, and how long it is, in bytes.
    pub base: Vec<(u64, u64)>,
    /// What stands behind that: files that serve the container, and the directory.
    pub end: Vec<u8>,
}

/// The container that the two parts of one are.
pub(crate) struct Parts<'a> {
    pub(crate) base: Lying<'a>,
    pub(crate) end: Cow<'a, [u8]>,
}

impl Parts<'_> {
    fn whole(&self) -> Ended<'_> {
        Ended {
            base: &*self.base,
            end: &self.end,
        }
    }
}

impl Source for Parts<'_> {
    fn size(&self) -> u64 {
        self.whole().size()
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.whole().read_exact_at(buffer, offset)
    }
}

/// Takes a container apart. None where its media type is not the first of its files: in another order it would be another
/// one.
///
/// # Errors
/// [`ZipError`]
pub(crate) fn part(origin: Lying<'_>) -> Result<Option<Parted>, ZipError> {
    let container = Directory::read(origin)?;
    let is_first = container
        .files()
        .first()
        .is_some_and(|first| first.name == "mimetype");
    if !is_first {
        return Ok(None);
    }
    let (own, data): (Vec<_>, Vec<_>) = container
        .files()
        .iter()
        .skip(1)
        .partition(|place| serves(&place.name));
    let (mut base, mut at) = (Vec::<(u64, u64)>::new(), 0_u64);
    let (mut directory, mut end) = (Vec::new(), Vec::new());
    for place in container.files().first().into_iter().chain(data) {
        let (start, len) = (place.record.start, place.record.end - place.record.start);
        match base.last_mut() {
            Some((from, length)) if *from + *length == start => *length += len,
            _ => base.push((start, len)),
        }
        list(&mut directory, &place.listed, at)?;
        at += len;
    }
    for place in own {
        list(&mut directory, &place.listed, at + end.len() as u64)?;
        end.extend(container.as_it_stands(&place.record)?);
    }
    let count = u16::try_from(container.files().len()).map_err(|_| ZipError::TooLarge)?;
    let behind = Archive {
        start: at,
        out: end,
        directory,
        count,
        total: 0,
    };
    let end = behind.finish()?;
    Ok(Some(Parted { base, end }))
}

/// The record of a file that stands somewhere else now.
fn list(directory: &mut Vec<u8>, listed: &[u8], at: u64) -> Result<(), ZipError> {
    let at = u32::try_from(at).map_err(|_| ZipError::TooLarge)?;
    let start = directory.len();
    directory.extend_from_slice(listed);
    let place = directory.get_mut(start + OFFSET_AT.start..start + OFFSET_AT.end);
    place.ok_or(TRUNCATED)?.copy_from_slice(&at.to_le_bytes());
    Ok(())
}
