//! Files that are either old or new, never half.

use std::io::Write;
use std::path::Path;

use crate::error::LedgerError;

/// What the names of temporary files begin and end with.
const PREFIX: &str = ".isoflop-";
const SUFFIX: &str = ".tmp";

/// Writes a file so that a reader, or a crash at any moment, finds the old content or the new, never a part:
/// to a temporary file in the same folder, synced, then renamed.
///
/// # Errors
///
/// [`LedgerError::Io`] with the path at fault; the old file is then untouched.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), LedgerError> {
    let folder = parent(path);
    let mut file = tempfile::Builder::new()
        .prefix(PREFIX)
        .suffix(SUFFIX)
        .tempfile_in(folder)
        .map_err(LedgerError::io("create a temporary file in", folder))?;
    file.write_all(bytes).map_err(LedgerError::io("write", path))?;
    widen_permissions(file.as_file(), path)?;
    file.as_file().sync_all().map_err(LedgerError::io("sync", path))?;
    file.persist(path).map_err(|error| LedgerError::io("rename into place", path)(error.error))?;
    sync_folder(folder)
}

/// Removes temporary files that killed processes left in a folder and its subfolders. Only for who
/// holds the folder's lock: another process may be writing one.
pub(crate) fn remove_leftovers(folder: &Path) -> Result<(), LedgerError> {
    let io = LedgerError::io("read", folder);
    let entries: Vec<_> =
        std::fs::read_dir(folder).and_then(|entries| entries.collect()).map_err(io)?;
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_leftovers(&path)?;
        } else if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            std::fs::remove_file(&path).map_err(LedgerError::io("remove", &path))?;
        }
    }
    Ok(())
}

/// Makes new names in a folder survive a power cut. Only Unix can sync a folder.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), LedgerError> {
    #[cfg(unix)]
    std::fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(LedgerError::io("sync", folder))?;
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

/// Temporary files are private by default; results are for others to read as well.
fn widen_permissions(file: &std::fs::File, path: &Path) -> Result<(), LedgerError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(std::fs::Permissions::from_mode(0o644))
            .map_err(LedgerError::io("set the permissions of", path))?;
    }
    #[cfg(not(unix))]
    let _ = (file, path);
    Ok(())
}
