//! The configuration: one TOML file, resolved to plain values with every default filled in.

mod cell_count;
mod cells;
mod compare;
mod data;
mod device;
mod encoding;
mod error;
mod fit;
mod grid;
mod key;
pub mod keys;
mod law;
mod model;
mod multiply;
mod overrides;
mod reference;
mod source_file;
mod study;
mod table;
mod takes;
mod train;
mod value;
mod words;

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use isoflop_durable::unseal_toml;
use toml::de::{DeTable, DeValue};

pub use cells::{CellSize, CellSpec, Length};
pub use compare::Difference;
pub use data::{DataConfig, DataSource, FileChoice, SyntheticConfig, TextConfig, TokenizerConfig};
pub use device::{DeviceConfig, DeviceName, Kernels, Shader};
pub use error::{ConfigError, ConfigErrors, ErrorKind, Place};
pub use fit::FitConfig;
pub use grid::{Design, GridConfig, MultiplierDesign, OptimumRule, ShapeAxes, Sizes};
pub use keys::Effect;
pub use law::{LawOf, LawSpec, RATE_EXPONENTS};
pub use model::{DepthRule, ModelConfig};
pub use multiply::Multiply;
pub use overrides::Override;
pub use reference::reference;
pub use study::StudyConfig;
pub use takes::{Kind, List, Range, Takes};
pub use train::{
    Beta2Rule, DecayRule, PrecisionChoice, RateRule, Setting, TrainConfig, WarmupRule,
};

pub(crate) use value::quoted;

use crate::rules::power::PowerLaw;
use keys::SECTIONS;
use source_file::SourceFile;
use table::{Log, Table};

/// A checked configuration with every default resolved. Two are equal where all their values are,
/// wherever they were written.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub study: StudyConfig,
    pub data: DataConfig,
    pub model: ModelConfig,
    pub grid: GridConfig,
    pub train: TrainConfig,
    pub device: DeviceConfig,
    pub fit: FitConfig,
    file: SourceFile,
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, in the order of the file.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ConfigErrors> {
        Self::load_with(path, &[])
    }

    /// As [`Config::load`], with other values for some keys.
    ///
    /// # Errors
    ///
    /// As [`Config::load`]; what is wrong with such a value names its option.
    pub fn load_with(path: impl AsRef<Path>, sets: &[Override]) -> Result<Self, ConfigErrors> {
        let path = path.as_ref();
        let file = path.to_string_lossy();
        let text = encoding::read(path, &file)?;
        Self::parse_with(&text, &file, sets)
    }

    /// Checks `text`; `file` names it in messages, and the study where it has no name.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, in the order of the file.
    pub fn parse(text: &str, file: &str) -> Result<Self, ConfigErrors> {
        Self::parse_with(text, file, &[])
    }

    /// As [`Config::parse`], with other values for some keys.
    ///
    /// # Errors
    ///
    /// As [`Config::load_with`].
    pub fn parse_with(text: &str, file: &str, sets: &[Override]) -> Result<Self, ConfigErrors> {
        let (config, mut errors) = Self::read(text, file, sets)?;
        if errors.is_empty() {
            return Ok(config);
        }
        errors.sort_by_key(|e| e.place.as_ref().map(|p| (p.line, p.column)));
        errors.dedup();
        Err(ConfigErrors { errors })
    }

    /// What `text` sets on top of the defaults, and all that is wrong with it but its syntax.
    fn read(
        text: &str,
        file: &str,
        sets: &[Override],
    ) -> Result<(Self, Vec<ConfigError>), ConfigErrors> {
        let mut source = SourceFile::new(file, text);
        if let Err(broken) = unseal_toml(text.as_bytes())
            && written_by_a_run(file)
        {
            let at = text.trim_end().rfind('\n').map_or(0, |end| end + 1)..text.trim_end().len();
            let hint = "restore it from a copy; if you changed it on purpose, delete its last line";
            let expected = "the text that a run wrote";
            let kind = ErrorKind::Checksum;
            return Err(source
                .error_at(Some(at), kind, "", expected, broken.to_string(), hint)
                .into());
        }
        let root = DeTable::parse(text).map_err(|e| {
            let hint = "TOML is `key = value` under `[section]`; text stands in double quotes";
            let (kind, found) = (ErrorKind::Syntax, e.message());
            source.error_at(e.span(), kind, "", "TOML", found, hint)
        })?;
        let mut root = root.into_inner();
        source.index(&root);
        for set in sets {
            set.put(&mut root);
            source.overrule(&set.key, &set.option);
        }
        let log = Log { file: source, errors: RefCell::default() };
        report_unknown_sections(&root, &log);

        let table = |name: &'static str| {
            Table::new(&log, name.to_string(), name, table_of(&root, name, &log))
        };
        let tables: Vec<Table<'_>> = SECTIONS.iter().map(|section| table(section.name)).collect();
        let mut config = Self {
            study: StudyConfig::of_file(file),
            data: DataConfig::default(),
            model: ModelConfig::default(),
            grid: GridConfig::default(),
            train: TrainConfig::default(),
            device: DeviceConfig::default(),
            fit: FitConfig::default(),
            file: SourceFile::default(),
        };
        for (section, table) in SECTIONS.iter().zip(&tables) {
            if section.name == "grid" {
                config.grid.lay_out(table);
            }
            table.read(&mut config, section.keys);
            if section.name == "grid" {
                config.grid.check_lists(table);
                config.grid.check_multiply(table);
                config.grid.check_count(table);
            }
        }
        let Log { file, errors } = log;
        config.file = file;
        Ok((config, errors.into_inner()))
    }

    /// Settles what `train.precision = "auto"` stands for, before cells are made: their ids have it. What the file sets stays.
    pub fn decide_precision(&mut self, decided: crate::Precision) {
        if self.train.precision.is_auto() {
            self.train.precision = PrecisionChoice::Auto(Some(decided));
        }
    }

    /// The calibrations that laws are still to be fitted to: what they give, and their results folders.
    pub fn calibrations(&self) -> Vec<(LawOf, PathBuf)> {
        let settings = [&self.train.learning_rate, &self.train.batch_tokens];
        let unread = settings.into_iter().filter_map(|setting| match setting {
            Setting::Rule(RateRule::Unread { folder, of }) => Some((*of, folder.clone())),
            _ => None,
        });
        unread.collect()
    }

    /// Takes the law that was fitted to a calibration, or any other.
    pub fn settle_law(&mut self, of: LawOf, law: PowerLaw) {
        let rule = Setting::Rule(RateRule::Law { law, of });
        match of {
            LawOf::LearningRate => self.train.learning_rate = rule,
            LawOf::Batch => self.train.batch_tokens = rule,
        }
    }

    /// Where the file says `key`, as `grid.toml:12:8`; `None` where it does not.
    pub fn place(&self, key: &str) -> Option<String> {
        self.file.place_of(key)
    }

    /// The error that `key` is at fault for, at its place in the file.
    pub(crate) fn error(
        &self,
        key: &str,
        expected: impl Into<String>,
        found: impl Into<String>,
        hint: impl Into<String>,
    ) -> Box<ConfigError> {
        Box::new(self.file.error(ErrorKind::ImpossibleGrid, key, expected, found, hint))
    }
}

/// Whether a file has a name that only runs and merges give. A copy under another name may be changed.
fn written_by_a_run(file: &str) -> bool {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let inner = name.strip_prefix("config.").and_then(|rest| rest.strip_suffix(".toml"));
    inner.is_some_and(|inner| inner == "resolved" || inner.parse::<usize>().is_ok())
}

fn table_of<'a>(root: &'a DeTable<'a>, name: &str, log: &Log) -> Option<&'a DeTable<'a>> {
    match root.get(name)?.get_ref() {
        DeValue::Table(table) => Some(table),
        _ => {
            let hint = format!("write `[{name}]` on a line of its own, and its keys below");
            let error = log.file.error(ErrorKind::WrongType, name, "a section", "a value", hint);
            log.push(error);
            None
        }
    }
}

fn report_unknown_sections(root: &DeTable<'_>, log: &Log) {
    let known: Vec<&str> = SECTIONS.iter().map(|section| section.name).collect();
    for (key, _) in root.iter().filter(|(key, _)| !known.contains(&key.get_ref().as_ref())) {
        if log.is_full() {
            break;
        }
        let name = key.get_ref();
        let hint = match words::nearest(name, &known) {
            Some(near) => format!("did you mean `[{near}]`?"),
            None => match keys::section_of(name) {
                Some(section) => format!("`{name}` is a key of [{section}]"),
                None => format!("the sections are {}", known.join(", ")),
            },
        };
        log.push(log.file.error_at(
            Some(key.span()),
            ErrorKind::UnknownKey,
            name,
            "a section of the configuration",
            format!("`{name}`"),
            hint,
        ));
    }
}
