//! Every key of the configuration in one table. An entry says what the key is called, what it takes,
//! what it is for, what a change of it touches, and which field of the configuration it stands for.
//! Reading, writing, differences, hints and the reference in the README all follow from it.
//!
//! A new key is a field with its default in the struct of a section, and one entry in the `KEYS`
//! below that struct.

use super::cells::CellSpec;
pub use super::key::{Effect, Key, Needs};
use super::law::{self, LawSpec};
use super::{Config, cells, data, device, fit, grid, model, study, train};

/// A section of the file.
pub struct Section {
    pub name: &'static str,
    pub about: &'static str,
    /// Its keys, in the order in which they are read and written.
    pub keys: &'static [Key],
}

/// The sections, in the order of the reference.
#[rustfmt::skip]
pub const SECTIONS: &[Section] = &[
    section("study", "what the study is called and where it is kept", study::KEYS),
    section("data", "what is trained on and how it is cut into tokens", data::KEYS),
    section("model", "the architecture family and how its shapes follow from the width", model::KEYS),
    section("grid", "which cells are trained", grid::KEYS),
    section("train", "hyper-parameters, or the rules they come from, and how runs are driven", train::KEYS),
    section("device", "where the training runs", device::KEYS),
    section("fit", "how the results are fitted", fit::KEYS),
];

const fn section(name: &'static str, about: &'static str, keys: &'static [Key]) -> Section {
    Section { name, about, keys }
}

/// The keys of an explicit cell.
pub const CELL_KEYS: &[Key<CellSpec>] = cells::KEYS;

/// The keys of a law of the learning rate.
pub const RATE_LAW_KEYS: &[Key<LawSpec>] = law::RATE_KEYS;
/// The keys of a law of the batch.
pub const BATCH_LAW_KEYS: &[Key<LawSpec>] = law::BATCH_KEYS;

impl Section {
    /// What `key` is where the file leaves it out but has what the key needs; `None` where there is
    /// no default.
    pub fn default_of(&self, key: &Key) -> Option<String> {
        let line = key.needs.lines().first().unwrap_or(&"");
        let (mut config, _) =
            Config::read(&format!("[{}]\n{line}\n", self.name), "name-of-the-file.toml", &[])
                .ok()?;
        key.value(&mut config).filter(|_| !key.required)
    }
}

/// The name of the section that has a key of this name.
pub(super) fn section_of(name: &str) -> Option<&'static str> {
    let section = SECTIONS.iter().find(|s| s.keys.iter().any(|key| key.name == name));
    let cells = || CELL_KEYS.iter().any(|key| key.name == name).then_some("grid.cells");
    section.map(|s| s.name).or_else(cells)
}
