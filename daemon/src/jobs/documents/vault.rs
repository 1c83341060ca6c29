//! Where a document's bytes lie: in a file without a name on the disk, encrypted with a key that only this process has;
//! a small one in a memory file, as long as not too many do.
//!
//! On the disk the document is cut into blocks of [`BLOCK`] bytes, each sealed by AES-256-GCM (NIST SP 800-38D) under a
//! key of the document's own, with the block's number as the nonce. Who changes the file, by whatever means, changes no
//! document: the block no longer opens. Who finds the disk finds nothing.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustix::fs::{MemfdFlags, SealFlags};
use zeroize::Zeroizing;

use super::room::{InMemory, Memory, Place};

/// Bytes of a document that are sealed together.
const BLOCK: usize = 64 * 1024;

/// What the seal adds to a block.
const TAG: usize = 16;

/// Bytes that come in order, and are read in any.
#[derive(Debug)]
pub(super) enum Vault {
    /// In a memory file; when it is complete the kernel lets nobody write it, not even us.
    Memory(File, #[expect(dead_code, reason = "held, not read")] InMemory),
    /// In a file of the disk that has no name any more.
    Disk(Encrypted),
}

impl Vault {
    /// For a document of this size.
    pub(super) fn new(size: u64, memory: &Arc<Memory>) -> io::Result<Self> {
        match memory.place(size) {
            Place::Disk(folder) => Ok(Self::Disk(Encrypted::new(folder)?)),
            Place::Memory(in_memory) => {
                let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
                let file = File::from(rustix::fs::memfd_create("document", flags)?);
                Ok(Self::Memory(file, in_memory))
            }
        }
    }

    /// Adds bytes behind the `before` ones that have come.
    pub(super) fn append(&mut self, bytes: &[u8], before: u64) -> io::Result<()> {
        match self {
            Self::Memory(file, _) => file.write_all_at(bytes, before),
            Self::Disk(file) => file.append(bytes),
        }
    }

    /// From now on nothing can be added or changed.
    pub(super) fn seal(&mut self) -> io::Result<()> {
        match self {
            Self::Memory(file, _) => {
                let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
                Ok(rustix::fs::fcntl_add_seals(file, seals)?)
            }
            Self::Disk(file) => file.close(),
        }
    }

    /// Exactly so many bytes from `offset` on.
    pub(super) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        match self {
            Self::Memory(file, _) => file.read_exact_at(buffer, offset),
            Self::Disk(file) => file.read_exact_at(buffer, offset),
        }
    }
}

/// A document on the disk.
pub(super) struct Encrypted {
    file: File,
    key: LessSafeKey,
    /// Blocks on the disk.
    written: u32,
    /// What has come of the next one.
    rest: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Encrypted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Encrypted").finish_non_exhaustive()
    }
}

impl Encrypted {
    fn new(folder: &Path) -> io::Result<Self> {
        crate::policy::ownership::create_private_folder(folder)?;
        let mut key = Zeroizing::new([0u8; 32]);
        aws_lc_rs::rand::fill(&mut key[..]).map_err(io::Error::other)?;
        Ok(Self {
            // Without a name from the start where the file system can do that (open(2), O_TMPFILE).
            file: tempfile::tempfile_in(folder)?,
            key: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key[..]).map_err(io::Error::other)?),
            written: 0,
            rest: Zeroizing::new(Vec::with_capacity(BLOCK + TAG)),
        })
    }

    fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let take = bytes.len().min(BLOCK - self.rest.len());
            self.rest.extend_from_slice(&bytes[..take]);
            bytes = &bytes[take..];
            if self.rest.len() == BLOCK {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        if !self.rest.is_empty() {
            self.flush()?;
        }
        self.rest = Zeroizing::default();
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce(self.written), Aad::empty(), &mut self.rest[..])
            .map_err(io::Error::other)?;
        self.rest.extend_from_slice(tag.as_ref());
        self.file.write_all_at(&self.rest, place(self.written))?;
        self.written = self.written.checked_add(1).ok_or(io::ErrorKind::FileTooLarge)?;
        self.rest.clear();
        Ok(())
    }

    fn read_exact_at(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        let mut sealed = vec![0; BLOCK + TAG];
        while !buffer.is_empty() {
            let number = u32::try_from(offset / BLOCK as u64).map_err(io::Error::other)?;
            let within = usize::try_from(offset % BLOCK as u64).map_err(io::Error::other)?;
            let opened = self.open(number, &mut sealed)?;
            let part = opened.get(within..).filter(|part| !part.is_empty());
            let part = part.ok_or(io::ErrorKind::UnexpectedEof)?;
            let count = part.len().min(buffer.len());
            buffer[..count].copy_from_slice(&part[..count]);
            buffer = &mut buffer[count..];
            offset += count as u64;
        }
        Ok(())
    }

    /// The bytes of one block.
    fn open<'a>(&self, number: u32, sealed: &'a mut Vec<u8>) -> io::Result<&'a [u8]> {
        if number >= self.written {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        sealed.resize(BLOCK + TAG, 0);
        let mut length = 0;
        while length < sealed.len() {
            match self
                .file
                .read_at(&mut sealed[length..], place(number) + length as u64)?
            {
                0 => break,
                count => length += count,
            }
        }
        let opened = self
            .key
            .open_in_place(nonce(number), Aad::empty(), &mut sealed[..length])
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a block was changed on the disk"))?;
        Ok(opened)
    }
}

/// The key is the document's own and each block is written once, so that its number is never used twice.
fn nonce(block: u32) -> Nonce {
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&block.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

fn place(block: u32) -> u64 {
    u64::from(block) * (BLOCK + TAG) as u64
}

#[cfg(test)]
mod tests {
    use trien_protocol::limits::{MAX_IN_MEMORY, MAX_SMALL};

    use super::*;

    fn filled(folder: Option<&Path>, bytes: &[u8], step: usize) -> Vault {
        let memory = Memory::on_disk(u64::MAX, usize::MAX, folder.map(Path::to_owned));
        let mut vault = Vault::new(bytes.len() as u64, &memory).unwrap();
        for (index, part) in bytes.chunks(step).enumerate() {
            vault.append(part, (index * step) as u64).unwrap();
        }
        vault.seal().unwrap();
        vault
    }

    #[test]
    fn what_went_in_comes_out_wherever_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..MAX_SMALL as usize + 3 * BLOCK / 2 + 7)
            .map(|n| ((n * 31) >> 3) as u8)
            .collect();
        for step in [1000, BLOCK, 500_000] {
            for place in [None, Some(folder.path())] {
                let vault = filled(place, &bytes, step);
                assert_eq!(matches!(vault, Vault::Disk(_)), place.is_some());
                for (offset, length) in [
                    (0, bytes.len()),
                    (BLOCK - 1, 2),
                    (BLOCK, BLOCK),
                    (bytes.len() - 1, 1),
                ] {
                    let mut read = vec![0; length];
                    vault.read_exact_at(&mut read, offset as u64).unwrap();
                    assert!(read == bytes[offset..offset + length], "{step} {offset} {length}");
                }
                let mut past = [0; 2];
                assert!(vault.read_exact_at(&mut past, bytes.len() as u64 - 1).is_err());
            }
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "no names");
    }

    #[test]
    fn many_small_documents_lie_on_the_disk_too() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::on_disk(u64::MAX, usize::MAX, Some(folder.path().to_owned()));
        let in_memory = |vault: &Vault| matches!(vault, Vault::Memory(..));
        let fit = MAX_IN_MEMORY / MAX_SMALL;
        let mut vaults: Vec<_> = (0..fit + 3)
            .map(|_| Vault::new(MAX_SMALL, &memory).unwrap())
            .collect();
        assert_eq!(vaults.iter().filter(|vault| in_memory(vault)).count() as u64, fit);
        assert!(!in_memory(&Vault::new(1, &memory).unwrap()));
        vaults.remove(0);
        assert!(in_memory(&Vault::new(1, &memory).unwrap()));
    }

    #[test]
    fn n053_what_is_changed_on_the_disk_no_longer_opens_and_nothing_of_it_is_legible() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = b"0123456789abcdef".repeat(80_000);
        let Vault::Disk(encrypted) = filled(Some(folder.path()), &bytes, 70_000) else {
            panic!("in memory");
        };
        let mut raw = vec![0; 4 * BLOCK];
        encrypted.file.read_exact_at(&mut raw, 0).unwrap();
        assert!(!raw.windows(16).any(|window| window == b"0123456789abcdef"));
        encrypted
            .file
            .write_all_at(&[raw[BLOCK + TAG + 9] ^ 1], (BLOCK + TAG + 9) as u64)
            .unwrap();
        let mut read = [0; 1];
        encrypted.read_exact_at(&mut read, 0).unwrap();
        let changed = encrypted.read_exact_at(&mut read, BLOCK as u64).unwrap_err();
        assert_eq!(changed.kind(), io::ErrorKind::InvalidData);
        // Two blocks in each other's place.
        encrypted
            .file
            .write_all_at(&raw[..BLOCK + TAG], 2 * (BLOCK + TAG) as u64)
            .unwrap();
        assert!(encrypted.read_exact_at(&mut read, 2 * BLOCK as u64).is_err());
    }
}
