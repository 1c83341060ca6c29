//! Where results go: planned before anything is signed, written whole or not at all. What is no regular file, as a pipe or
//! a device, is written to and never replaced; `-` is the standard output.

use std::collections::HashSet;
use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::CliError;
use crate::language::arguments;

/// The files a verb will write, one for each input.
#[derive(Debug)]
pub(super) struct Outputs {
    files: Vec<PathBuf>,
    /// Not there yet.
    folder: Option<NewFolder>,
}

/// A folder that was asked for by a `/` behind its name.
#[derive(Debug)]
struct NewFolder(PathBuf);

impl Drop for NewFolder {
    fn drop(&mut self) {
        // Only where it is empty: nothing came of what it was made for.
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// A folder is meant, and there is nothing at the place.
fn is_new_folder(out: &Path) -> bool {
    out.as_os_str().as_bytes().ends_with(b"/") && out.symlink_metadata().is_err()
}

impl Outputs {
    /// One input goes to the file `out`, or into it if it is a folder; several go into the folder `out`. Where nothing
    /// is yet, a `/` at the end says that it is to be a folder. `extension` is put behind the input's name in a folder,
    /// for results that are not of the input's kind.
    ///
    /// # Errors
    /// Misuse if several inputs have no folder, two results have one name, or a result would replace an input.
    pub(super) fn plan(inputs: &[PathBuf], out: &Path, extension: Option<&str>) -> Result<Self, CliError> {
        let shown = |path: &Path| arguments([("file", path.display().to_string())]);
        let folder = is_new_folder(out).then(|| NewFolder(out.to_owned()));
        let within = folder.is_some() || out.is_dir();
        if !within && inputs.len() > 1 {
            return Err(CliError::misuse("sign-out-not-a-folder", shown(out)));
        }
        let mut planned = Vec::with_capacity(inputs.len());
        let mut seen = HashSet::new();
        for input in inputs {
            let output = if within {
                out.join(result_name(input, extension))
            } else {
                out.to_owned()
            };
            if !seen.insert(output.clone()) {
                return Err(CliError::misuse("sign-same-name", shown(&output)));
            }
            planned.push(output);
        }
        match planned.iter().find(|output| replaces(output, inputs)) {
            Some(output) => Err(CliError::misuse("sign-over-input", shown(output))),
            None => Ok(Self {
                files: planned,
                folder,
            }),
        }
    }

    /// Fails early: a signature that cannot be kept must not cost a PIN. A folder that is not there yet is made; it goes
    /// again with this if it stays empty.
    ///
    /// # Errors
    /// `cli-unwritable` for the first folder that takes no new file, or cannot be made.
    pub(super) fn check_writable(&self) -> Result<(), CliError> {
        if let Some(NewFolder(folder)) = &self.folder {
            std::fs::create_dir(folder).map_err(|error| CliError::file("cli-unwritable", folder, &error))?;
        }
        self.files.iter().try_for_each(|output| check_writable(output))
    }

    /// The files that are there already and would be replaced.
    pub(super) fn present(&self) -> Vec<&Path> {
        let files = self.iter();
        files
            .filter(|file| !is_stream(file) && file.symlink_metadata().is_ok())
            .collect()
    }

    /// In the order of the inputs.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(PathBuf::as_path)
    }
}

/// True if the file at this place is one of the originals, by whatever name.
pub(super) fn replaces<'a>(output: &Path, originals: impl IntoIterator<Item = &'a PathBuf>) -> bool {
    output.canonicalize().is_ok_and(|path| {
        originals
            .into_iter()
            .any(|original| original.canonicalize().is_ok_and(|original| original == path))
    })
}

/// What stands for the standard output, and for the standard input, as the name of a file.
pub(super) const STANDARD: &str = "-";

/// True if a result at this place goes out on the standard output, so that nothing else may be said there.
pub(super) fn is_standard(path: &Path) -> bool {
    let names = [STANDARD, "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];
    names.iter().any(|name| path == Path::new(name))
}

/// True if what is there is written to as it comes, and cannot be taken back: a pipe, a device, the standard output.
pub(super) fn is_stream(path: &Path) -> bool {
    is_standard(path) || is_special(path) || is_of_the_system(path)
}

fn is_special(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// True for a name by which the system shows an open file or a device: renaming would take it away from everybody.
fn is_of_the_system(path: &Path) -> bool {
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    folder.is_some_and(|folder| folder == Path::new("/dev") || folder.starts_with("/proc")) && path.exists()
}

/// Fails early, as [`Outputs::check_writable`], for one file.
///
/// # Errors
/// `cli-unwritable` if its folder takes no new file, or what is there cannot be written to.
pub(super) fn check_writable(path: &Path) -> Result<(), CliError> {
    let check = || match is_standard(path) {
        true => Ok(()),
        // It is not opened: who reads from the pipe would see it end.
        false if is_stream(path) => writable_stream(path),
        false => begin(path).map(drop),
    };
    check().map_err(|error| CliError::file("cli-unwritable", path, &error))
}

fn writable_stream(path: &Path) -> io::Result<()> {
    if path.metadata()?.file_type().is_socket() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    Ok(rustix::fs::access(path, rustix::fs::Access::WRITE_OK)?)
}

/// Writes a file whole or not at all: beside its place, to the disk, then into place by renaming.
///
/// # Errors
/// `cli-unwritable`; what was at the place before is still there then.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    write_with(path, |file| file.write_all(bytes))
}

/// As [`write`], for a result that is not held in memory: `fill` writes it.
///
/// # Errors
/// `cli-unwritable`
pub(super) fn write_with(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), CliError> {
    put(path, None, fill).map_err(|error| CliError::file("cli-unwritable", path, &error))
}

/// As [`write`], for a file that is its user's alone.
///
/// # Errors
/// `cli-unwritable`
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let private = Some(Permissions::from_mode(0o600));
    put(path, private, |file| file.write_all(bytes))
        .map_err(|error| CliError::file("cli-unwritable", path, &error))
}

fn put(
    path: &Path,
    permissions: Option<Permissions>,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    if is_standard(path) {
        let mut out = io::stdout().lock();
        fill(&mut out)?;
        return out.flush();
    }
    if is_stream(path) {
        writable_stream(path)?;
        // Never created: it may have gone since it was looked at.
        let mut stream = File::options().write(true).open(path)?;
        fill(&mut stream)?;
        return stream.flush();
    }
    let mut file = begin(path)?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    fill(&mut file)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn begin(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."));
    // As any new file of the person's: the umask decides.
    tempfile::Builder::new()
        .prefix(".trien-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
}

fn result_name(input: &Path, extension: Option<&str>) -> PathBuf {
    let name = input.file_name().unwrap_or_default();
    match extension {
        None => PathBuf::from(name),
        Some(extension) => {
            let mut name = name.to_owned();
            name.push(".");
            name.push(extension);
            PathBuf::from(name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(result: Result<Outputs, CliError>) -> String {
        format!("{:?}", result.unwrap_err())
    }

    #[test]
    fn one_input_goes_to_the_file_or_into_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let input = [PathBuf::from("a/don.pdf")];
        let file = Outputs::plan(&input, &folder.path().join("x.pdf"), None).unwrap();
        assert_eq!(file.iter().collect::<Vec<_>>(), [folder.path().join("x.pdf")]);
        let inside = Outputs::plan(&input, folder.path(), Some("p7s")).unwrap();
        assert_eq!(
            inside.iter().collect::<Vec<_>>(),
            [folder.path().join("don.pdf.p7s")]
        );
    }

    #[test]
    fn nothing_is_planned_over_another() {
        let folder = tempfile::tempdir().unwrap();
        let original = folder.path().join("don.pdf");
        std::fs::write(&original, b"original").unwrap();
        let two = [original.clone(), PathBuf::from("b/don.pdf")];
        assert!(
            key(Outputs::plan(&two, &folder.path().join("none"), None)).contains("sign-out-not-a-folder")
        );
        assert!(key(Outputs::plan(&two, folder.path(), None)).contains("sign-same-name"));
        assert!(key(Outputs::plan(&two[..1], folder.path(), None)).contains("sign-over-input"));
        assert!(key(Outputs::plan(&two[..1], &original, None)).contains("sign-over-input"));
    }

    #[test]
    fn a_file_is_whole_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pdf");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert!(write(folder.path(), b"over a folder").is_err());
        assert!(write(&folder.path().join("none/x.pdf"), b"nowhere").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
