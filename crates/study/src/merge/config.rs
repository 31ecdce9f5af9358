//! One configuration whose grid has the cells of several.

use std::collections::{BTreeMap, BTreeSet};

use isoflop_plan::{CellId, Config, DataFacts, Design, Grid, Sizes};

use crate::error::StudyError;
use crate::sources::Source;

/// The first configuration with the budgets, widths and seeds of all; `None` where its grid has not exactly their cells.
///
/// # Errors
/// [`StudyError::Config`] where a source's own grid is refused.
pub(super) fn of_all(sources: &[Source], facts: &DataFacts) -> Result<Option<Config>, StudyError> {
    let first = &sources[0].config;
    let mut wanted: BTreeSet<CellId> = BTreeSet::new();
    for source in sources {
        wanted.extend(ids(&Grid::build(&source.config, facts)?));
    }
    let candidate = match sources.iter().all(|s| s.config.study_hash() == first.study_hash()) {
        true => Some(first.clone()),
        false => budgets_and_widths(sources),
    };
    // A candidate that no grid can be made of, such as one with equal cells, is none.
    let yields =
        |config: &Config| Grid::build(config, facts).is_ok_and(|grid| ids(&grid).eq(&wanted));
    Ok(candidate.filter(yields))
}

fn ids(grid: &Grid) -> BTreeSet<CellId> {
    grid.cells.iter().map(|planned| planned.cell.id.clone()).collect()
}

/// Widths and seeds of one budget.
type Slice = (BTreeSet<usize>, BTreeSet<u64>);

fn budgets_and_widths(sources: &[Source]) -> Option<Config> {
    let mut slices: BTreeMap<u64, Slice> = BTreeMap::new();
    for source in sources {
        let grid = &source.config.grid;
        let Design::Budgets { budgets, sizes: Sizes::Widths(widths) } = &grid.design else {
            return None;
        };
        for (i, budget) in budgets.iter().enumerate() {
            // Positive floats sort as their bits do.
            let (all_widths, all_seeds) = slices.entry(budget.to_bits()).or_default();
            all_widths.extend(of_budget(widths, i)?);
            all_seeds.extend(of_budget(&grid.seeds, i)?);
        }
    }
    let mut config = sources[0].config.clone();
    let widths = lists(slices.values().map(|(widths, _)| widths.iter().copied().collect()));
    config.grid.seeds = lists(slices.values().map(|(_, seeds)| seeds.iter().copied().collect()));
    let budgets = slices.keys().map(|bits| f64::from_bits(*bits)).collect();
    config.grid.design = Design::Budgets { budgets, sizes: Sizes::Widths(widths) };
    Some(config)
}

/// One list holds for all budgets.
fn of_budget<T>(lists: &[Vec<T>], budget: usize) -> Option<&Vec<T>> {
    lists.get(if lists.len() == 1 { 0 } else { budget })
}

fn lists<T: PartialEq>(per_budget: impl Iterator<Item = Vec<T>>) -> Vec<Vec<T>> {
    let mut lists: Vec<Vec<T>> = per_budget.collect();
    if lists.windows(2).all(|pair| pair[0] == pair[1]) {
        lists.truncate(1);
    }
    lists
}
