//! What is damaged in a results folder is put right, as far as the same command then makes it anew.

use std::path::Path;

use isoflop_durable::{FileError, seal_json_file, seal_toml, unseal_toml, write_atomic};
use isoflop_ledger::{CONFIG_FILE, Mended, Mending};
use isoflop_plan::Config;
use isoflop_text::counted;

use super::{bytes_of, checkpoints};
use crate::error::StudyError;
use crate::{facts, sources, widths};

/// Moves aside what is damaged, as far as the same command then makes it anew: lines of the ledger, passports, checkpoints. What
/// older versions wrote without a checksum gets one.
///
/// # Errors
/// [`StudyError::Ledger`] also where another process writes there; [`StudyError::Io`].
pub fn mend(folder: &Path, command: &str) -> Result<Vec<String>, StudyError> {
    let mut folders = vec![folder.to_owned()];
    folders.extend(isoflop_ledger::shards(folder)?);
    // Nobody else writes until all is put right.
    let mut taken = Vec::new();
    for folder in &folders {
        taken.push(Mending::begin(folder, command)?);
    }
    let mut told = Vec::new();
    for (folder, mending) in folders.iter().zip(&mut taken) {
        told.extend(mend_one(folder, mending)?);
    }
    Ok(told)
}

/// The folder's own files, or those of a shard.
fn mend_one(folder: &Path, mending: &mut Mending) -> Result<Vec<String>, StudyError> {
    let Mended { lines, passports, sealed } = mending.mend()?;
    let mut told = Vec::new();
    if sealed > 0 {
        let lines = counted(sealed as u64, "line");
        let folder = folder.display();
        told.push(format!("{folder}: {lines} of the ledger had no checksum and have one now"));
    }
    seal_config(&folder.join(CONFIG_FILE))?;
    for file in [facts::FILE, widths::FILE, sources::FILE] {
        seal_json_file(&folder.join(file))?;
    }
    if let Some((count, aside)) = lines {
        let (lines, aside) = (counted(count as u64, "line"), aside.display());
        told.push(format!(
            "{lines} of the ledger moved to {aside}; the same command trains their cells again"
        ));
    }
    if let Some((aside, kept)) = passports {
        let (kept, aside) = (counted(kept as u64, "passport"), aside.display());
        told.push(format!(
            "the passports moved to {aside}; {kept} kept, whose speeds are measured again"
        ));
    }
    for (path, why) in checkpoints(folder)? {
        let Some(_) = why else { continue };
        let aside = path.with_extension("damaged");
        std::fs::rename(&path, &aside).map_err(FileError::when("rename", &path))?;
        told.push(format!(
            "{} is now {}; its stack is trained from its start",
            path.display(),
            aside.display()
        ));
    }
    Ok(told)
}

fn seal_config(path: &Path) -> Result<(), StudyError> {
    let Some(bytes) = bytes_of(path)? else { return Ok(()) };
    let bare = unseal_toml(&bytes).is_ok_and(|text| !text.sealed) && Config::load(path).is_ok();
    if let (true, Ok(text)) = (bare, String::from_utf8(bytes)) {
        write_atomic(path, seal_toml(&text).as_bytes())?;
    }
    Ok(())
}
