//! Which study, and what to change in it for this time.

use std::path::PathBuf;

use clap::Args;
use isoflop::StudyError;
use isoflop_plan::{Config, ConfigErrors, DeviceName, Override};

use crate::failure::Misuse;

/// A configuration, with other values for some keys.
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// The study's configuration
    #[arg(value_name = "FILE", required_unless_present = "config")]
    pub file: Option<PathBuf>,
    /// The same as an option
    #[arg(long, short, value_name = "FILE", conflicts_with = "file")]
    pub config: Option<PathBuf>,
    /// Another value for a key of the file: train.learning_rate=2e-3, grid.budgets=[1e10,2e10]; may be given again
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl ConfigArgs {
    /// Reads the configuration with the values that the command line sets.
    ///
    /// # Errors
    ///
    /// All that is wrong with them.
    pub fn load(&self) -> Result<Config, ConfigErrors> {
        let sets = self.set.iter().map(|text| Override::parse(text));
        let sets = sets.collect::<Result<Vec<_>, _>>()?;
        let file = self.file.as_ref().or(self.config.as_ref());
        Config::load_with(file.expect("one of them is required"), &sets)
    }
}

/// Which study, and what to change in it for this time.
#[derive(Debug, Clone, Args)]
pub struct StudyArgs {
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Results folder, instead of study.results
    #[arg(long, value_name = "FOLDER")]
    pub results: Option<PathBuf>,
    /// Device, instead of device.name: auto, cpu, gpu, all, or part of an adapter's name (see `sweep devices`); given again, they
    /// train together
    #[arg(long, value_name = "NAME")]
    pub device: Vec<String>,
}

impl StudyArgs {
    /// Reads the configuration and lets the command line have the last word.
    ///
    /// # Errors
    ///
    /// All that is wrong with the file, or devices that do not go together.
    pub fn load(&self) -> anyhow::Result<Config> {
        let mut config = self.config.load()?;
        if let Some(results) = &self.results {
            config.study.results.clone_from(results);
        }
        if let Some(name) = devices(&self.device)? {
            config.device.name = name;
        }
        Ok(config)
    }

    /// An error as this command line explains it: the file did not name a device that `--device` did.
    pub fn explain(&self, error: StudyError) -> StudyError {
        explain(error, !self.device.is_empty())
    }
}

/// An error without a place in the file, where `--device` `named` what it is about.
pub fn explain(error: StudyError, named: bool) -> StudyError {
    match error {
        StudyError::Device { source, .. } if named => StudyError::Device { place: None, source },
        error => error,
    }
}

/// What `--device` means, in the words of `device.name`; `None` where it was not given.
///
/// # Errors
/// A word that does not go together with others.
pub fn devices(texts: &[String]) -> Result<Option<DeviceName>, Misuse> {
    if texts.is_empty() {
        return Ok(None);
    }
    let named = DeviceName::of_each(texts.iter().map(String::as_str));
    named.map(Some).map_err(|word| {
        Misuse(format!("`--device {word}` does not go together with others\nhint: give it alone"))
    })
}
