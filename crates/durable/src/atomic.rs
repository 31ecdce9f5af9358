//! Files that are either old or new, never half.

#[cfg(unix)]
use std::io::ErrorKind::{InvalidInput, Unsupported};
use std::io::Write;
use std::path::Path;

use crate::error::FileError;

/// What the names of temporary files begin and end with.
const PREFIX: &str = ".isoflop-";
const SUFFIX: &str = ".tmp";

/// Writes a file so that a reader, or a crash at any moment, finds the old content or the new, never a part:
/// to a temporary file in the same folder, synced, then renamed.
///
/// # Errors
///
/// [`FileError`] with the path at fault; the old file is then untouched.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let folder = parent(path);
    let mut file = temporary()
        .tempfile_in(folder)
        .map_err(FileError::when("create a temporary file in", folder))?;
    file.write_all(bytes).map_err(FileError::when("write", path))?;
    file.as_file().sync_all().map_err(FileError::when("sync", path))?;
    file.persist(path).map_err(|error| FileError::when("rename into place", path)(error.error))?;
    sync_folder(folder)
}

/// Removes temporary files that killed processes left in a folder and those below it, but for folders of the name `except`. Only
/// for who holds the folder's lock: another process may be writing one.
///
/// # Errors
///
/// [`FileError`].
pub fn remove_leftovers(folder: &Path, except: &str) -> Result<(), FileError> {
    let io = FileError::when("read", folder);
    let entries: Vec<_> =
        std::fs::read_dir(folder).and_then(|entries| entries.collect()).map_err(io)?;
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if name != except {
                remove_leftovers(&path, except)?;
            }
        } else if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            std::fs::remove_file(&path).map_err(FileError::when("remove", &path))?;
        }
    }
    Ok(())
}

/// Creates a folder and those above it, so that their names survive a power cut.
///
/// # Errors
///
/// [`FileError`].
pub fn create_folder(path: &Path) -> Result<(), FileError> {
    if path.is_dir() {
        return Ok(());
    }
    let above = parent(path);
    if above != path {
        create_folder(above)?;
    }
    match std::fs::create_dir(path) {
        Err(_) if path.is_dir() => {}
        Err(_) if path.is_file() => {
            let source = std::io::Error::other("it is a file, not a folder");
            return Err(FileError { action: "create the folder", path: path.to_owned(), source });
        }
        made => made.map_err(FileError::when("create", path))?,
    }
    match sync_folder(above) {
        // A folder that may be passed through and not read cannot be synced either.
        Err(error) if error.source.kind() == std::io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

/// Makes new names in a folder survive a power cut, where the system can: Unix, on most file systems.
///
/// # Errors
///
/// [`FileError`].
pub fn sync_folder(folder: &Path) -> Result<(), FileError> {
    #[cfg(unix)]
    match std::fs::File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some file systems over a network or in user space have no such thing.
        Err(error) if matches!(error.kind(), InvalidInput | Unsupported) => {}
        synced => synced.map_err(FileError::when("sync", folder))?,
    }
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Temporary files are private by default; results are for whom the process's umask lets.
fn temporary() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_made_with_all_above_them() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b/c");
        create_folder(&deep).unwrap();
        create_folder(&deep).unwrap();
        write_atomic(&deep.join("file"), b"1").unwrap();
        let under = create_folder(&deep.join("file/d")).unwrap_err();
        assert!(under.to_string().contains("cannot create"), "{under}");
    }

    #[cfg(unix)]
    #[test]
    fn the_umask_decides_who_may_read() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        write_atomic(&ours, b"1").unwrap();
        std::fs::write(&plain, b"1").unwrap();
        assert_eq!(mode(&ours), mode(&plain));
    }
}
