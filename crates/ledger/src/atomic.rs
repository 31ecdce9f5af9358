//! Files that are either old or new, never half.

use std::io::Write;
use std::path::Path;

use crate::error::LedgerError;

/// Writes a file so that a reader, or a crash at any moment, finds the old content or the new, never a part:
/// to a temporary file in the same folder, synced, then renamed.
///
/// # Errors
///
/// [`LedgerError::Io`] with the path at fault; the old file is then untouched.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), LedgerError> {
    let folder = parent(path);
    let mut file = tempfile::Builder::new()
        .prefix(".isoflop-")
        .suffix(".tmp")
        .tempfile_in(folder)
        .map_err(LedgerError::io("create a temporary file in", folder))?;
    file.write_all(bytes).map_err(LedgerError::io("write", path))?;
    widen_permissions(file.as_file(), path)?;
    file.as_file().sync_all().map_err(LedgerError::io("sync", path))?;
    file.persist(path).map_err(|error| LedgerError::io("rename into place", path)(error.error))?;
    sync_folder(folder)
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
