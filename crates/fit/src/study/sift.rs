//! Which runs a law is fitted to, and which law.

use super::StudyOptions;
use crate::error::FitError;
use crate::isoflop::{IsoflopFit, Spoiled, SpoiledRuns};
use crate::law::LawKind;
use crate::parametric::{Doubtful, LawChoice, without};
use crate::table::Table;

/// What approach 3 is made of.
#[derive(Debug, Clone)]
pub struct Sifted {
    pub law: LawKind,
    /// How it was chosen, where it was.
    pub choice: Option<LawChoice>,
    /// The runs that the law is fitted to.
    pub table: Table,
    /// Those left out, by their rows in the table that was sifted.
    pub spoiled: Vec<Spoiled>,
}

/// The law for a table, as asked or as chosen, and the runs for it: those that are far off what all others say are left out. `slices`
/// is approach 2 of the same table.
///
/// # Errors
/// As [`LawKind::prepare`].
pub fn sift(
    table: &Table,
    slices: Option<&IsoflopFit>,
    options: &StudyOptions,
) -> Result<Sifted, FitError> {
    let table = &options.law.map_or_else(|| Ok(table.clone()), |law| law.prepare(table))?;
    if options.isoflop.spoiled == SpoiledRuns::Keep {
        let (law, choice) = options.law_for(table);
        return Ok(Sifted { law, choice, table: table.clone(), spoiled: Vec::new() });
    }
    let doubtful = Doubtful::of(table, slices.map_or(&[], |fit| &fit.spoiled));
    let (law, choice) = options.law_for(&doubtful.without(table));
    let spoiled = doubtful.spoiled(table, law.law().as_ref(), &options.fit);
    let rest = without(table, spoiled.iter().map(|s| s.row));
    Ok(Sifted { law, choice, table: rest, spoiled })
}
