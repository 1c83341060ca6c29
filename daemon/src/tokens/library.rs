//! Whether a file may be loaded as a PKCS #11 module. Loading it runs its code: so it is looked at before.
//!
//! A library is loaded if nobody but root and this user could have put it there, and if it is what it should be: an ELF
//! file for this machine that exports `C_GetFunctionList`. Whatever else is wrong has a name and a remedy.
//!
//! The path to it may go over links, each of which leads where it leads at that moment. So every one is looked at as the
//! file is, and what is loaded in the end is the file that they led to, by a path without any.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use elf::ElfStream;
use elf::endian::AnyEndian;
use sha2::{Digest, Sha256};

/// The function every module exports (PKCS #11 3.1, 5.4.3).
const ENTRY: &str = "C_GetFunctionList";

/// Write for the group, and for others.
const GROUP: u32 = 0o020;
const OTHERS: u32 = 0o002;

/// Deletion by its owner only (unlink(2)).
const STICKY: u32 = 0o1000;

/// So many links lead to a file, and no more (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// The machine this program is for (`e_machine`, ELF), and what people call it.
#[cfg(target_arch = "x86_64")]
const MACHINE: u16 = elf::abi::EM_X86_64;
#[cfg(target_arch = "aarch64")]
const MACHINE: u16 = elf::abi::EM_AARCH64;

/// Why a file is not loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LibraryFault {
    /// The path does not begin at the root.
    #[error("the path is not absolute")]
    Relative,
    /// There is no such file, or it cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// Somebody else than root and this user owns the file or a folder above it.
    #[error("{0} belongs to somebody else")]
    Owner(PathBuf),
    /// Others could change the file, or put another in its place.
    #[error("{0} can be changed by others")]
    Writable(PathBuf),
    /// It is no ELF shared library.
    #[error("it is no library")]
    NotLibrary,
    /// A library for 32-bit programs.
    #[error("it is a 32-bit library, and this is a 64-bit program")]
    Bits32,
    /// A library for another processor.
    #[error("it is a library for another processor (ELF machine {0})")]
    Machine(u16),
    /// A library, but no PKCS #11 module.
    #[error("it does not export C_GetFunctionList")]
    NoEntry,
    /// A library that makes other modules log what they are told, PINs among it.
    #[error("it is a logger, not a driver")]
    Logger,
    /// It is not the file that the configuration names by its SHA-256.
    #[error("its SHA-256 is not the one in the configuration")]
    Changed,
}

impl LibraryFault {
    /// The name of its message and remedy.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Relative => "library-relative",
            Self::Unreadable(_) => "library-unreadable",
            Self::Owner(_) => "library-owner",
            Self::Writable(_) => "library-writable",
            Self::NotLibrary => "library-none",
            Self::Bits32 => "library-32-bit",
            Self::Machine(_) => "library-machine",
            Self::NoEntry => "library-no-entry",
            Self::Logger => "library-logger",
            Self::Changed => "library-changed",
        }
    }
}

/// Looks at a file before it is loaded. `sha256`, in lower-case hexadecimal, is what it must be if the configuration
/// says so. Gives the path to load it by, which goes over no link: each folder of it is one in which only root and this
/// user can put another file in its place.
///
/// # Errors
/// [`LibraryFault`].
pub fn check(path: &Path, sha256: Option<&str>) -> Result<PathBuf, LibraryFault> {
    if !path.is_absolute() {
        return Err(LibraryFault::Relative);
    }
    let resolved = follow(path)?;
    let mut file = File::open(&resolved).map_err(|error| unreadable(&error))?;
    if !file.metadata().map_err(|error| unreadable(&error))?.is_file() {
        return Err(LibraryFault::NotLibrary);
    }
    check_elf(&file)?;
    match sha256 {
        Some(wanted) if digest(&mut file)? != wanted => Err(LibraryFault::Changed),
        _ => Ok(resolved),
    }
}

fn unreadable(error: &std::io::Error) -> LibraryFault {
    LibraryFault::Unreadable(error.to_string())
}

/// Where a path leads, as the system goes there: name by name, over each link that stands in its way. Every link, and
/// the file in the end, is looked at where it lies.
fn follow(path: &Path) -> Result<PathBuf, LibraryFault> {
    let names = |path: &Path| -> Vec<OsString> {
        let names = path.components().rev().filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        });
        names.collect()
    };
    let mut ahead = names(path);
    let mut reached = PathBuf::from("/");
    let mut links = 0;
    while let Some(name) = ahead.pop() {
        if name == ".." {
            reached.pop();
            continue;
        }
        if ahead.is_empty() && is_logger(&name) {
            return Err(LibraryFault::Logger);
        }
        reached.push(name);
        let found = reached.symlink_metadata().map_err(|error| unreadable(&error))?;
        if !found.is_symlink() {
            continue;
        }
        check_rights(&reached)?;
        links += 1;
        if links > MAX_LINKS {
            return Err(LibraryFault::Unreadable("too many links".to_owned()));
        }
        let target = std::fs::read_link(&reached).map_err(|error| unreadable(&error))?;
        if target.is_absolute() {
            reached = PathBuf::from("/");
        } else {
            reached.pop();
        }
        ahead.extend(names(&target));
    }
    check_rights(&reached)?;
    Ok(reached)
}

/// By its name: whoever writes one calls it what it is.
fn is_logger(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_lowercase();
    name.contains("spy") || name.contains("logger")
}

/// The file, or the link, and each folder above it: of root or this user, and writable by nobody else. Above the folder it
/// lies in, a shared folder will do in which each may delete his own files only. No folder of the path is a link.
fn check_rights(path: &Path) -> Result<(), LibraryFault> {
    for (above, each) in path.ancestors().enumerate() {
        let found = each.symlink_metadata().map_err(|error| unreadable(&error))?;
        if !is_trusted(found.uid()) {
            return Err(LibraryFault::Owner(each.to_owned()));
        }
        // Nobody can write to a link: it is put in the place of another.
        let shared = found.mode() & STICKY != 0 && above >= 2;
        if !found.is_symlink() && !shared && is_open(&found) {
            return Err(LibraryFault::Writable(each.to_owned()));
        }
    }
    Ok(())
}

fn is_trusted(user: u32) -> bool {
    user == 0 || user == rustix::process::geteuid().as_raw()
}

/// True if others may write. A group of one's own, by the custom that it has the user's number, is nobody else.
fn is_open(found: &Metadata) -> bool {
    let own_group = found.gid() == 0 || (found.gid() == found.uid() && is_trusted(found.uid()));
    found.mode() & OTHERS != 0 || (found.mode() & GROUP != 0 && !own_group)
}

fn check_elf(file: &File) -> Result<(), LibraryFault> {
    let none = |_| LibraryFault::NotLibrary;
    let mut library = ElfStream::<AnyEndian, _>::open_stream(file).map_err(none)?;
    let head = library.ehdr;
    if head.e_type != elf::abi::ET_DYN {
        return Err(LibraryFault::NotLibrary);
    }
    if head.class == elf::file::Class::ELF32 {
        return Err(LibraryFault::Bits32);
    }
    if head.e_machine != MACHINE {
        return Err(LibraryFault::Machine(head.e_machine));
    }
    let Some((symbols, names)) = library.dynamic_symbol_table().map_err(none)? else {
        return Err(LibraryFault::NoEntry);
    };
    let exported = |symbol: elf::symbol::Symbol| {
        !symbol.is_undefined() && names.get(symbol.st_name as usize).is_ok_and(|name| name == ENTRY)
    };
    if symbols.iter().any(exported) {
        Ok(())
    } else {
        Err(LibraryFault::NoEntry)
    }
}

/// SHA-256 of a file, in lower-case hexadecimal.
fn digest(file: &mut File) -> Result<String, LibraryFault> {
    file.rewind().map_err(|error| unreadable(&error))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer).map_err(|error| unreadable(&error))? {
            0 => return Ok(hex::encode(hash.finalize())),
            length => hash.update(&buffer[..length]),
        }
    }
}
