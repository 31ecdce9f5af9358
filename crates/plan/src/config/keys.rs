//! Every key of the configuration in one table. An entry says what the key is called, what it takes,
//! what it is for, what a change of it touches, and which field of the configuration it stands for.
//! Reading, writing, differences, hints and the reference in the README all follow from it.
//!
//! A new key is a field with its default in the struct of a section, and one entry in the `KEYS`
//! below that struct.

use serde::Serialize;

use super::cells::CellSpec;
use super::takes::Takes;
use super::value::Field;
use super::{Config, cells, data, device, fit, grid, model, study, train};

/// What a changed key touches in a study that has already been trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// The results of cells: old and new results do not belong together.
    Cells,
    /// Which cells there are; those in common keep their results.
    Grid,
    /// The fits and the report, which can be made anew from the same results.
    Fit,
    /// Nothing in the results, or no more than the rounding of sums.
    Nothing,
}

/// One key of a table of the file; `Root` is what the table is read into.
pub struct Key<Root: 'static = Config> {
    pub name: &'static str,
    pub takes: Takes,
    /// A value one might write.
    pub example: &'static str,
    pub about: &'static str,
    pub effect: Effect,
    /// What else the file has to say, or must not.
    pub needs: Needs,
    /// Whether it must be there, or one of those that it excludes.
    pub required: bool,
    /// Its field; `None` where it has no meaning beside the other keys.
    pub(super) place: Place<Root>,
}

type Place<Root> = fn(&mut Root) -> Option<&mut dyn Field>;

/// What a key needs to have a meaning. Whether it has one is decided by [`Key::place`]; this says why
/// it has none.
#[derive(Debug, Clone, Copy)]
pub enum Needs {
    Nothing,
    /// One of these lines in the same section.
    One(&'static [&'static str]),
    /// None of these keys.
    No(&'static [&'static str]),
}

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

/// An entry of the table, for a key that may always be there.
pub(super) const fn key(
    name: &'static str,
    takes: Takes,
    example: &'static str,
    about: &'static str,
    effect: Effect,
    place: Place<Config>,
) -> Key {
    Key { name, takes, example, about, effect, needs: Needs::Nothing, required: false, place }
}

/// The same for a key of a cell; all of them say which cells there are.
pub(super) const fn cell_key(
    name: &'static str,
    takes: Takes,
    example: &'static str,
    about: &'static str,
    place: Place<CellSpec>,
) -> Key<CellSpec> {
    let (effect, needs) = (Effect::Grid, Needs::Nothing);
    Key { name, takes, example, about, effect, needs, required: false, place }
}

impl<Root> Key<Root> {
    pub(super) const fn with(self, lines: &'static [&'static str]) -> Self {
        Self { needs: Needs::One(lines), ..self }
    }

    pub(super) const fn without(self, keys: &'static [&'static str]) -> Self {
        Self { needs: Needs::No(keys), ..self }
    }

    pub(super) const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// One line on what the key is for, with an example.
    pub fn hint(&self) -> String {
        format!("{}; for example `{} = {}`", self.about, self.name, self.example)
    }

    /// Its value in `root` as TOML; `None` where it has no meaning there.
    pub(super) fn value(&self, root: &mut Root) -> Option<String> {
        (self.place)(root)?.get().toml(&self.takes)
    }
}

impl Needs {
    pub(super) fn lines(self) -> &'static [&'static str] {
        match self {
            Self::One(lines) => lines,
            _ => &[],
        }
    }
}

impl Section {
    /// What `key` is where the file leaves it out but has what the key needs; `None` where there is
    /// no default.
    pub fn default_of(&self, key: &Key) -> Option<String> {
        let line = key.needs.lines().first().unwrap_or(&"");
        let (mut config, _) =
            Config::read(&format!("[{}]\n{line}\n", self.name), "name-of-the-file.toml").ok()?;
        key.value(&mut config).filter(|_| !key.required)
    }
}

/// The name of the section that has a key of this name.
pub(super) fn section_of(name: &str) -> Option<&'static str> {
    let section = SECTIONS.iter().find(|s| s.keys.iter().any(|key| key.name == name));
    let cells = || CELL_KEYS.iter().any(|key| key.name == name).then_some("grid.cells");
    section.map(|s| s.name).or_else(cells)
}
