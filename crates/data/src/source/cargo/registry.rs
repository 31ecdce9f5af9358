//! Where Cargo keeps unpacked crates, and how to have it fetch them.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::DataError;

/// `registry/src` in Cargo's home folder: `CARGO_HOME`, else `.cargo` in the user's home.
///
/// # Errors
///
/// [`DataError::CargoHome`] where neither is known.
pub(super) fn sources_folder() -> Result<PathBuf, DataError> {
    let home = std::env::var_os("CARGO_HOME").filter(|v| !v.is_empty()).map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|h| h.join(".cargo")));
    Ok(home.ok_or(DataError::CargoHome)?.join("registry").join("src"))
}

/// The folder of one crate, in whichever registry (the protocol and mirrors change its name);
/// `None` where Cargo has not unpacked it.
///
/// # Errors
///
/// [`DataError::Io`] where the folders cannot be listed.
pub(super) fn find(
    sources: &Path,
    name: &str,
    version: &str,
) -> Result<Option<PathBuf>, DataError> {
    let failed = |e| DataError::read(sources, e);
    let entries = match std::fs::read_dir(sources) {
        Ok(entries) => entries,
        // Cargo makes the folder when it unpacks its first crate.
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed(e)),
    };
    let mut registries = Vec::new();
    for entry in entries {
        registries.push(entry.map_err(failed)?.path());
    }
    registries.sort();
    let folder = format!("{name}-{version}");
    Ok(registries.into_iter().map(|r| r.join(&folder)).find(|f| f.join(".cargo-ok").is_file()))
}

/// Cargo itself: `CARGO`, which Cargo sets for what it runs, else the `cargo` of the `PATH`.
pub(super) fn program() -> OsString {
    std::env::var_os("CARGO").filter(|v| !v.is_empty()).unwrap_or_else(|| "cargo".into())
}

/// Runs `cargo fetch --locked` on a package of this manifest and lock file, for this machine's
/// platform alone.
///
/// # Errors
///
/// Why it did not work.
pub(super) fn fetch(cargo: &OsStr, manifest: &str, lock: &str) -> Result<(), String> {
    // The package goes to a folder of its own, so that it can be fetched where the project's
    // checkout is not; Cargo's own settings are those of the current folder all the same.
    let folder = tempfile::tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
    let path = folder.path().join("Cargo.toml");
    for (path, text) in [(&path, manifest), (&folder.path().join("Cargo.lock"), lock)] {
        std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    let output = Command::new(cargo)
        .args(["fetch", "--locked", "--target", "host-tuple", "--manifest-path"])
        .arg(&path)
        .output()
        .map_err(|e| format!("{} did not start: {e}", cargo.display()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    // What failed, and at the end why.
    let failed = lines.iter().find_map(|line| line.strip_prefix("error: "));
    let why = lines.last().filter(|line| !line.starts_with("error: "));
    let told: Vec<&str> = failed.into_iter().chain(why.copied()).collect();
    Err(match told.is_empty() {
        true => format!("`cargo fetch --locked` ended with {}", output.status),
        false => format!("`cargo fetch --locked` failed: {}", told.join("; ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALONE: &str =
        "[package]\nname = \"alone\"\nedition = \"2024\"\n[lib]\npath = \"none.rs\"\n";

    #[test]
    fn the_corpus_is_fetched_by_its_own_lock_file() {
        fetch(&program(), super::super::MANIFEST, super::super::LOCK).unwrap();
    }

    #[test]
    fn a_lock_file_that_does_not_fit_is_an_error() {
        let fitting = "version = 4\n[[package]]\nname = \"alone\"\nversion = \"0.0.0\"\n";
        fetch(&program(), ALONE, fitting).unwrap();
        let error = fetch(&program(), ALONE, "version = 4\n").unwrap_err();
        assert!(error.contains("--locked"), "{error}");
    }

    #[test]
    fn without_cargo_nothing_is_fetched() {
        let error = fetch("/no/such/cargo".as_ref(), ALONE, "").unwrap_err();
        assert!(error.starts_with("/no/such/cargo did not start: "), "{error}");
    }

    #[test]
    fn no_registry_yet_is_no_crate_and_no_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let sources = folder.path().join("registry/src");
        assert_eq!(find(&sources, "a", "1.0.0").unwrap(), None);
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = find(&file, "a", "1.0.0").unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot read {}", file.display())), "{error}");
    }
}
