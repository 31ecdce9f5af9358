//! Several grids as one, for studies whose cells were trained apart.

use std::collections::BTreeMap;

use super::{Grid, PlannedCell, warning};
use crate::config::Config;
use crate::grid::stacks::StackLimits;
use crate::rules::shape::{self, ShapeRange};
use crate::{CellId, ShapeRole};

impl Grid {
    /// The cells of all `grids`, each once, and the doubts about them together. Of a cell that is plain in one grid and an
    /// experiment in another, the plain one stays. `config` is that of the first grid: it says where optima are expected. `None` without a grid.
    pub fn union(config: &Config, grids: Vec<Self>) -> Option<Self> {
        let mut grids = grids.into_iter();
        let mut all = grids.next()?;
        let mut places: BTreeMap<CellId, usize> =
            all.cells.iter().enumerate().map(|(i, planned)| (planned.cell.id.clone(), i)).collect();
        let before = all.cells.len();
        for grid in grids {
            for planned in grid.cells {
                match places.get(&planned.cell.id) {
                    Some(&at) if is_plainer(&planned, &all.cells[at]) => all.cells[at] = planned,
                    Some(_) => {}
                    None => {
                        places.insert(planned.cell.id.clone(), all.cells.len());
                        all.cells.push(planned);
                    }
                }
            }
            all.multipliers = all.multipliers.or(grid.multipliers);
        }
        if all.cells.len() > before {
            let convention = all.convention;
            let key = |planned: &PlannedCell| {
                let budget = planned.cell.budget_flops.unwrap_or(f64::INFINITY);
                (budget, convention.params(&planned.cell.shape))
            };
            all.cells.sort_by(|a, b| {
                let (a, b) = (key(a), key(b));
                a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
            });
            let shaped = all.cells.iter().filter(|planned| planned.shape_sources.any_rule());
            all.shape_rules =
                ShapeRange::of(shape::MEASURED, shaped.map(|planned| &planned.cell.shape));
            all.warnings = warning::check(config, &all);
        }
        all.restack(StackLimits::of(config), None);
        Some(all)
    }
}

fn is_plainer(new: &PlannedCell, old: &PlannedCell) -> bool {
    let plain = |planned: &PlannedCell| planned.is_unscaled() && planned.role == ShapeRole::Plain;
    plain(new) && !plain(old)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DataFacts;

    fn grid(text: &str) -> (Config, Grid) {
        let text = format!(
            "[data]\nsource = \"synthetic\"\n[model]\ncontext = 32\n[grid]\n{text}\n[train]\nbatch_tokens = 256\n"
        );
        let config = Config::parse(&text, "a.toml").unwrap_or_else(|e| panic!("{e}"));
        let facts = DataFacts {
            vocab: 64,
            train_tokens: None,
            data_sha256: "c0ffee".into(),
            bytes_per_token: None,
        };
        let grid = Grid::build(&config, &facts).unwrap_or_else(|e| panic!("{e}"));
        (config, grid)
    }

    fn ids(grid: &Grid) -> Vec<&CellId> {
        grid.cells.iter().map(|planned| &planned.cell.id).collect()
    }

    #[test]
    fn grids_of_other_budgets_are_the_grid_of_all_budgets() {
        let (config, low) = grid("budgets = [5e9, 1e10]\nwidths = [16, 24, 32]");
        let (_, high) = grid("budgets = [1e10, 2e10]\nwidths = [16, 24, 32]");
        let (_, both) = grid("budgets = [5e9, 1e10, 2e10]\nwidths = [16, 24, 32]");
        let union = Grid::union(&config, vec![low.clone(), high.clone()]).unwrap();
        assert_eq!(ids(&union), ids(&both));
        assert_eq!(union.warnings, both.warnings);
        assert_eq!(ids(&Grid::union(&config, vec![high, low.clone()]).unwrap()), ids(&both));
        let same = Grid::union(&config, vec![low.clone(), low.clone()]).unwrap();
        assert_eq!((ids(&same), &same.warnings), (ids(&low), &low.warnings));
        assert!(Grid::union(&config, Vec::new()).is_none());
    }

    #[test]
    fn a_cell_that_is_plain_in_any_grid_is_plain() {
        let (config, plain) = grid("budgets = [5e9]\nwidths = [24]\n");
        let mut off = plain.clone();
        off.cells[0].lr_multiplier = 2.0;
        for grids in [vec![plain.clone(), off.clone()], vec![off, plain]] {
            let union = Grid::union(&config, grids).unwrap();
            assert_eq!(union.cells.len(), 1);
            assert!(union.cells[0].is_plain());
        }
    }
}
