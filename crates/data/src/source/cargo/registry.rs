//! Where Cargo keeps unpacked crates, and how to have it fetch them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// `registry/src` in Cargo's home folder.
pub(super) fn sources_folder() -> PathBuf {
    let home = std::env::var_os("CARGO_HOME").filter(|v| !v.is_empty()).map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|h| h.join(".cargo")));
    home.unwrap_or_else(|| PathBuf::from(".cargo")).join("registry").join("src")
}

/// The folder of one crate, in whichever registry (the protocol and mirrors change its name).
pub(super) fn find(sources: &Path, name: &str, version: &str) -> Option<PathBuf> {
    let mut registries: Vec<_> =
        std::fs::read_dir(sources).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    registries.sort();
    let folder = format!("{name}-{version}");
    registries.into_iter().map(|r| r.join(&folder)).find(|f| f.join(".cargo-ok").is_file())
}

/// Runs `cargo fetch --locked` in the workspace this program was built from, or else in the
/// current folder. The error says why it did not work.
pub(super) fn fetch() -> Result<(), String> {
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = [built_from, PathBuf::from(".")]
        .into_iter()
        .find(|f| f.join("Cargo.lock").is_file() && f.join("crates/data/manifest.json").is_file())
        .ok_or("the project's Cargo.lock is not here, so nothing could be fetched")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["fetch", "--locked"])
        .current_dir(&folder)
        .output()
        .map_err(|e| format!("cargo did not start: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let tail: Vec<_> = said.lines().rev().take(3).collect();
    Err(format!(
        "`cargo fetch --locked` failed: {}",
        tail.into_iter().rev().collect::<Vec<_>>().join(" ")
    ))
}
