//! Where results go: planned before anything is signed, written whole or not at all.

use std::collections::HashSet;
use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::CliError;
use crate::language::arguments;

/// The files a verb will write, one for each input.
#[derive(Debug)]
pub(super) struct Outputs(Vec<PathBuf>);

impl Outputs {
    /// One input goes to the file `out`, or into it if it is a folder; several go into the folder `out`. `extension`
    /// is put behind the input's name in a folder, for results that are not of the input's kind.
    ///
    /// # Errors
    /// Misuse if several inputs have no folder, two results have one name, or a result would replace an input.
    pub(super) fn plan(inputs: &[PathBuf], out: &Path, extension: Option<&str>) -> Result<Self, CliError> {
        let shown = |path: &Path| arguments([("file", path.display().to_string())]);
        if !out.is_dir() && inputs.len() > 1 {
            return Err(CliError::misuse("sign-out-not-a-folder", shown(out)));
        }
        let mut planned = Vec::with_capacity(inputs.len());
        let mut seen = HashSet::new();
        for input in inputs {
            let output = if out.is_dir() {
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
            None => Ok(Self(planned)),
        }
    }

    /// Fails early: a signature that cannot be kept must not cost a PIN.
    ///
    /// # Errors
    /// `cli-unwritable` for the first folder that takes no new file.
    pub(super) fn check_writable(&self) -> Result<(), CliError> {
        self.0.iter().try_for_each(|output| check_writable(output))
    }

    /// In the order of the inputs.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(PathBuf::as_path)
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

/// Fails early, as [`Outputs::check_writable`], for one file.
///
/// # Errors
/// `cli-unwritable` if its folder takes no new file.
pub(super) fn check_writable(path: &Path) -> Result<(), CliError> {
    begin(path)
        .map(drop)
        .map_err(|error| CliError::file("cli-unwritable", path, &error))
}

/// Writes a file whole or not at all: beside its place, to the disk, then into place by renaming.
///
/// # Errors
/// `cli-unwritable`; what was at the place before is still there then.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let write = || {
        let mut file = begin(path)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|error| CliError::file("cli-unwritable", path, &error))
}

/// As [`write`], for a result that is not held in memory: `fill` writes it.
///
/// # Errors
/// `cli-unwritable`
pub(super) fn write_with(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<(), CliError> {
    let write = || {
        let mut file = begin(path)?;
        fill(&mut file)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|error| CliError::file("cli-unwritable", path, &error))
}

/// As [`write`], for a file that is its user's alone.
///
/// # Errors
/// `cli-unwritable`
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let write = || {
        let mut file = begin(path)?;
        file.as_file().set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|error| CliError::file("cli-unwritable", path, &error))
}

fn begin(path: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    if path.is_dir() {
        return Err(std::io::ErrorKind::IsADirectory.into());
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
