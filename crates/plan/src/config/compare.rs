//! A configuration as keys and values: the file that a run writes, differences, and the hash.

use std::fmt;

use isoflop_durable::{hex, seal_toml};
use sha2::{Digest, Sha256};

use super::Config;
use super::keys::{Effect, SECTIONS, Section};

/// One key that two configurations do not agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Such as `grid.budgets`.
    pub key: String,
    /// The first configuration's value as TOML; `None` where the key has no meaning there.
    pub old: Option<String>,
    /// The second configuration's.
    pub new: Option<String>,
    pub effect: Effect,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |value: &Option<String>| value.clone().unwrap_or_else(|| "not there".into());
        write!(f, "{}: {} -> {}", self.key, show(&self.old), show(&self.new))
    }
}

/// `None` where the key has no meaning.
struct Entry {
    key: String,
    effect: Effect,
    value: Option<String>,
}

impl Config {
    /// The whole configuration as TOML, defaults included. Parses back to an equal one.
    pub fn resolved_toml(&self) -> String {
        let mut config = self.clone();
        let mut section = |section: &Section| {
            let line = |name, value| format!("{name} = {value}\n");
            let keys = section.keys.iter();
            let lines: String =
                keys.filter_map(|key| Some(line(key.name, key.value(&mut config)?))).collect();
            format!("[{}]\n{lines}", section.name)
        };
        SECTIONS.iter().map(&mut section).collect::<Vec<_>>().join("\n")
    }

    /// The same with its checksum, which [`Config::parse`] checks under the names that runs and merges give
    /// (`config.resolved.toml`, `config.1.toml`).
    pub fn sealed_toml(&self) -> String {
        seal_toml(&self.resolved_toml())
    }

    /// Every key that `new` gives another value than `self`, in the order of the reference.
    pub fn differences(&self, new: &Self) -> Vec<Difference> {
        let pairs = self.entries().into_iter().zip(new.entries());
        let differ = pairs.filter(|(old, new)| old.value != new.value);
        differ
            .map(|(Entry { key, effect, value: old }, new)| Difference {
                key,
                old,
                new: new.value,
                effect,
            })
            .collect()
    }

    /// The value of a key, such as `grid.budgets`, as TOML; `None` where it has no meaning here.
    pub fn value(&self, key: &str) -> Option<String> {
        self.entries().into_iter().find(|entry| entry.key == key)?.value
    }

    /// A name for all that decides the results of the cells, and which cells there are: 16 hex
    /// digits, the same for any two configurations that differ in paths, device and fit alone.
    pub fn study_hash(&self) -> String {
        let mut hash = Sha256::new();
        for Entry { key, effect, value } in self.entries() {
            // A key of later date, left out at its default so that names stay.
            let later = key == "data.files" && value.as_deref() == Some("\"text\"");
            if let (Effect::Cells | Effect::Data | Effect::Grid, Some(value)) = (effect, value)
                && !later
            {
                hash.update(format!("{key} = {value}\n"));
            }
        }
        hex(&hash.finalize()[..8])
    }

    /// Every key of the table, in its order.
    fn entries(&self) -> Vec<Entry> {
        let mut config = self.clone();
        let keys = SECTIONS.iter().flat_map(|s| s.keys.iter().map(|key| (s.name, key)));
        keys.map(|(section, key)| Entry {
            key: format!("{section}.{}", key.name),
            effect: key.effect,
            value: key.value(&mut config),
        })
        .collect()
    }
}
