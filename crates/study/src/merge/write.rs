//! A merged study as a results folder.

use std::fs;
use std::path::Path;

use isoflop_durable::{FileError, write_atomic};
use isoflop_ledger::{CONFIG_FILE, LEDGER_FILE, PASSPORT_FILE};

use super::Merged;
use crate::error::StudyError;
use crate::sources;

/// Refuses a place for a new folder where something is already.
///
/// # Errors
/// [`StudyError::Misuse`], [`StudyError::Io`].
pub fn check_new(folder: &Path) -> Result<(), StudyError> {
    let taken = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => true,
        Err(error) => return Err(io("read", folder)(error)),
    };
    match taken {
        false => Ok(()),
        true => Err(StudyError::Misuse(format!(
            "{} is there already, and not empty\nhint: name a new folder",
            folder.display()
        ))),
    }
}

impl Merged {
    /// Writes the study as a results folder that must be new or empty. It appears whole or not at all.
    ///
    /// # Errors
    /// [`StudyError::Misuse`] where something is there; [`StudyError::Io`] and [`StudyError::Ledger`].
    pub fn write(&self, into: &Path) -> Result<(), StudyError> {
        check_new(into)?;
        let name = into.file_name().map(|name| name.to_string_lossy().into_owned());
        let Some(name) = name else {
            return Err(StudyError::Misuse(format!(
                "{} names no folder\nhint: name a new folder, such as runs/merged",
                into.display()
            )));
        };
        let parent = into.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new(".")).to_owned();
        let doing = io("create", &parent);
        fs::create_dir_all(&parent).map_err(doing)?;
        let temporary = parent.join(format!(".{name}.{}.tmp", std::process::id()));
        fs::create_dir(&temporary).map_err(io("create", &temporary))?;
        let done = self.fill(&temporary, into).and_then(|()| {
            if into.is_dir() {
                fs::remove_dir(into).map_err(io("replace", into))?;
            }
            fs::rename(&temporary, into).map_err(io("write", into))
        });
        if done.is_err() {
            // What is told is why the folder could not be written.
            let _ = fs::remove_dir_all(&temporary);
        }
        done
    }

    fn fill(&self, folder: &Path, into: &Path) -> Result<(), StudyError> {
        let study = &self.folder;
        let mut config = study.config.clone();
        into.clone_into(&mut config.study.results);
        study.data.write(folder)?;
        write_atomic(&folder.join(CONFIG_FILE), config.sealed_toml().as_bytes())?;
        write_atomic(&folder.join(PASSPORT_FILE), study.contents.passport_json().as_bytes())?;
        sources::write(folder, &study.sources)?;
        Ok(write_atomic(&folder.join(LEDGER_FILE), study.contents.ledger_jsonl().as_bytes())?)
    }
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StudyError {
    let error = FileError::when(action, path);
    move |source| error(source).into()
}
