//! What an entry of the table of keys is.

use serde::Serialize;

use super::Config;
use super::cells::CellSpec;
use super::law::LawSpec;
use super::takes::Takes;
use super::value::Field;

/// What a changed key touches in a study that has already been trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// The results of cells: old and new results do not belong together.
    Cells,
    /// Which text is read. Whether old and new results belong together is told by the hash of the
    /// data, not by how it is named.
    Data,
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

/// The same for a key of a law, which decides what cells come to.
pub(super) const fn law_key(
    name: &'static str,
    takes: Takes,
    example: &'static str,
    about: &'static str,
    place: Place<LawSpec>,
) -> Key<LawSpec> {
    let (effect, needs) = (Effect::Cells, Needs::Nothing);
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
