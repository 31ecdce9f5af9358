//! The configuration: one TOML file, resolved to plain values with every default filled in.

mod cells;
mod data;
mod device;
mod entries;
mod error;
mod fit;
mod grid;
pub mod keys;
mod model;
mod origin;
mod range;
mod section;
mod study;
mod train;
mod words;

use std::cell::RefCell;
use std::path::Path;

use sha2::{Digest, Sha256};
use toml::de::{DeTable, DeValue};

pub use cells::{CellSize, CellSpec, Length};
pub use data::{DataConfig, DataSource, SyntheticConfig, TokenizerConfig};
pub use device::{DeviceConfig, DeviceName, Kernels, Shader};
pub use error::{ConfigError, ConfigErrors, ErrorKind, Place};
pub use fit::FitConfig;
pub use grid::{Design, GridConfig, MultiplierDesign, OptimumRule, Sizes};
pub use keys::Effect;
pub use model::{DepthRule, ModelConfig};
pub use study::StudyConfig;
pub use train::{
    Beta2Rule, DecayRule, PrecisionChoice, RateRule, Setting, TrainConfig, WarmupRule,
};

use entries::Entries;
use origin::Origin;
use section::{Log, Section};

/// A checked configuration with every default resolved. Two are equal where all their values are,
/// wherever they were written.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `[study]`
    pub study: StudyConfig,
    /// `[data]`
    pub data: DataConfig,
    /// `[model]`
    pub model: ModelConfig,
    /// `[grid]`
    pub grid: GridConfig,
    /// `[train]`
    pub train: TrainConfig,
    /// `[device]`
    pub device: DeviceConfig,
    /// `[fit]`
    pub fit: FitConfig,
    origin: Origin,
}

/// One key that two configurations do not agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The key, such as `grid.budgets`.
    pub key: String,
    /// The first configuration's value as TOML; `None` where the key has no meaning there.
    pub old: Option<String>,
    /// The second configuration's value.
    pub new: Option<String>,
    /// What the change touches.
    pub effect: Effect,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let show = |value: &Option<String>| value.clone().unwrap_or_else(|| "not there".into());
        write!(f, "{}: {} -> {}", self.key, show(&self.old), show(&self.new))
    }
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, in the order of the file.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ConfigErrors> {
        let path = path.as_ref();
        let file = path.to_string_lossy();
        let text = std::fs::read_to_string(path).map_err(|e| {
            let hint = "give the path of a configuration with `--config`";
            let origin = Origin::new(&file, "");
            let error =
                origin.error(ErrorKind::Unreadable, "", "a readable file", e.to_string(), hint);
            ConfigErrors { errors: vec![error] }
        })?;
        Self::parse(&text, &file)
    }

    /// Checks `text`; `file` names it in messages, and the study where it has no name.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, in the order of the file.
    pub fn parse(text: &str, file: &str) -> Result<Self, ConfigErrors> {
        let mut origin = Origin::new(file, text);
        let root = DeTable::parse(text).map_err(|e| {
            let hint = "TOML is `key = value` under `[section]`; text stands in double quotes";
            let (kind, found) = (ErrorKind::Syntax, e.message());
            let error = origin.error_at(e.span(), kind, "", "TOML", found, hint);
            ConfigErrors { errors: vec![error] }
        })?;
        let root = root.into_inner();
        origin.index(&root);
        let log = Log { origin, errors: RefCell::default() };
        report_unknown_sections(&root, &log);

        let section = |name| Section::new(&log, name, table_of(&root, name, &log));
        let stem = Path::new(file).file_stem().unwrap_or_default().to_string_lossy();
        let study = StudyConfig::read(section("study"), &stem);
        let data = DataConfig::read(section("data"));
        let model = ModelConfig::read(section("model"));
        let grid = GridConfig::read(section("grid"));
        let train = TrainConfig::read(section("train"));
        let device = DeviceConfig::read(section("device"));
        let fit = FitConfig::read(section("fit"));

        let Log { origin, errors } = log;
        let mut errors = errors.into_inner();
        if errors.is_empty() {
            return Ok(Self { study, data, model, grid, train, device, fit, origin });
        }
        errors.sort_by_key(|e| e.place.as_ref().map(|p| (p.line, p.column)));
        errors.dedup();
        Err(ConfigErrors { errors })
    }

    /// Settles what `train.precision = "auto"` stands for, before cells are made: their ids have it. What the file sets stays.
    pub fn decide_precision(&mut self, decided: crate::Precision) {
        if self.train.precision.is_auto() {
            self.train.precision = PrecisionChoice::Auto(Some(decided));
        }
    }

    /// The whole configuration as TOML, defaults included. Parses back to an equal one.
    pub fn resolved_toml(&self) -> String {
        let sections: Vec<String> = self
            .entries()
            .iter()
            .map(|section| {
                let lines: String =
                    section.list.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
                format!("[{}]\n{lines}", section.section)
            })
            .collect();
        sections.join("\n")
    }

    /// Every key that `new` gives another value than `self`, in the order of the reference.
    pub fn differences(&self, new: &Self) -> Vec<Difference> {
        let (old, new) = (self.entries(), new.entries());
        let value = |sections: &[Entries], key: &keys::Key| {
            let section = sections.iter().find(|s| s.section == key.section)?;
            section.list.iter().find(|(name, _)| *name == key.name).map(|(_, v)| v.clone())
        };
        keys::KEYS
            .iter()
            .map(|key| (key, value(&old, key), value(&new, key)))
            .filter(|(_, old, new)| old != new)
            .map(|(key, old, new)| Difference {
                key: format!("{}.{}", key.section, key.name),
                old,
                new,
                effect: key.effect,
            })
            .collect()
    }

    /// A name for all that decides the results of the cells, and which cells there are: 16 hex
    /// digits, the same for any two configurations that differ in paths, device and fit alone.
    pub fn study_hash(&self) -> String {
        let mut hash = Sha256::new();
        for section in self.entries() {
            for (name, value) in section.list {
                let effect = keys::find(section.section, name).map(|k| k.effect);
                if matches!(effect, Some(Effect::Cells | Effect::Grid)) {
                    hash.update(format!("{}.{name} = {value}\n", section.section));
                }
            }
        }
        hash.finalize().iter().take(8).map(|b| format!("{b:02x}")).collect()
    }

    fn entries(&self) -> Vec<Entries> {
        vec![
            self.study.entries(),
            self.data.entries(),
            self.model.entries(),
            self.grid.entries(),
            self.train.entries(),
            self.device.entries(),
            self.fit.entries(),
        ]
    }

    /// Where the file says `key`, as `grid.toml:12:8`; `None` where it does not.
    pub fn place(&self, key: &str) -> Option<String> {
        self.origin.place_of(key)
    }

    /// The error that `key` is at fault for, at its place in the file.
    pub(crate) fn error(
        &self,
        key: &str,
        expected: impl Into<String>,
        found: impl Into<String>,
        hint: impl Into<String>,
    ) -> Box<ConfigError> {
        Box::new(self.origin.error(ErrorKind::ImpossibleGrid, key, expected, found, hint))
    }
}

fn table_of<'a>(root: &'a DeTable<'a>, name: &str, log: &Log) -> Option<&'a DeTable<'a>> {
    match root.get(name)?.get_ref() {
        DeValue::Table(table) => Some(table),
        _ => {
            let hint = format!("write `[{name}]` on a line of its own, and its keys below");
            let error = log.origin.error(ErrorKind::WrongType, name, "a section", "a value", hint);
            log.push(error);
            None
        }
    }
}

fn report_unknown_sections(root: &DeTable<'_>, log: &Log) {
    let known: Vec<&str> = keys::SECTIONS.iter().map(|(name, _)| *name).collect();
    for (key, _) in root.iter().filter(|(key, _)| !known.contains(&key.get_ref().as_ref())) {
        let name = key.get_ref();
        let hint = match words::nearest(name, &known) {
            Some(near) => format!("did you mean `[{near}]`?"),
            None => match keys::KEYS.iter().find(|k| k.name == name) {
                Some(k) => format!("`{name}` is a key of [{}]", k.section),
                None => format!("the sections are {}", known.join(", ")),
            },
        };
        log.push(log.origin.error_at(
            Some(key.span()),
            ErrorKind::UnknownKey,
            name,
            "a section of the configuration",
            format!("`{name}`"),
            hint,
        ));
    }
}
