//! Doubts about the shapes of a grid.

use std::collections::BTreeSet;

use serde::Serialize;

use super::PlanWarning;
use crate::config::Config;
use crate::grid::shapes::fits;
use crate::{Grid, PlannedCell, Provenance, ShapeRole};

/// Largest change of the depth from one size to the next that is no jump, as a factor: from 6 to 7 blocks, not from 4 to 5.
const DEPTH_STEP: f64 = 1.2;
/// Jumps that are named; the others are counted.
const NAMED: usize = 4;

/// A number that changes abruptly between two sizes that are neighbours in a slice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ShapeJump {
    /// `depth` or `number of heads`.
    pub what: &'static str,
    /// At the narrower of the two.
    pub from: usize,
    /// At the wider.
    pub to: usize,
    pub widths: (usize, usize),
}

/// `the depth goes from 2 to 3 between widths 128 and 160`, of each.
pub(super) fn told(jumps: &[ShapeJump]) -> String {
    let one = |jump: &ShapeJump| {
        let ShapeJump { what, from, to, widths: (low, high) } = jump;
        format!("the {what} goes from {from} to {to} between widths {low} and {high}")
    };
    let named: Vec<String> = jumps.iter().take(NAMED).map(one).collect();
    let more = match jumps.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!("{}{more}", named.join("; "))
}

pub(super) fn check(config: &Config, grid: &Grid, warnings: &mut Vec<PlanWarning>) {
    let heads = config.grid.shapes.head_counts.iter().flatten().copied();
    let sizes: BTreeSet<usize> = grid.cells.iter().map(|c| c.cell.shape.width).collect();
    for heads in heads {
        let widths: Vec<usize> = sizes.iter().copied().filter(|w| !fits(heads, *w)).collect();
        if !widths.is_empty() {
            warnings.push(PlanWarning::HeadsLeftOut { heads, widths });
        }
    }
    let jumps = jumps(grid);
    if !jumps.is_empty() {
        warnings.push(PlanWarning::ShapeJumps { jumps });
    }
    let candidates = || grid.cells.iter().filter(|c| c.role == ShapeRole::Candidate);
    let mut budgets: Vec<f64> = candidates().filter_map(|c| c.cell.budget_flops).collect();
    budgets.sort_by(f64::total_cmp);
    budgets.dedup();
    if !budgets.is_empty() {
        let widths: BTreeSet<usize> = candidates().map(|c| c.cell.shape.width).collect();
        let widths = widths.into_iter().collect();
        warnings.push(PlanWarning::NoRuleShape { budgets, widths });
    }
}

/// Jumps of the rules between neighbours of a slice, each once, by width.
fn jumps(grid: &Grid) -> Vec<ShapeJump> {
    let mut jumps = BTreeSet::new();
    for (_, cells) in grid.slices() {
        let mut sizes: Vec<&PlannedCell> =
            cells.into_iter().filter(|c| c.role == ShapeRole::Plain).collect();
        sizes.sort_by_key(|c| c.cell.shape.width);
        sizes.dedup_by_key(|c| c.cell.shape.width);
        for pair in sizes.windows(2) {
            let [a, b] = [pair[0], pair[1]];
            let (low, high) = (&a.cell.shape, &b.cell.shape);
            let widths = (low.width, high.width);
            let by_rule = |of: fn(&PlannedCell) -> Provenance| {
                [a, b].iter().all(|c| of(c) != Provenance::User)
            };
            if by_rule(|c| c.shape_sources.depth.clone()) && depth_jumps(low.depth, high.depth) {
                let (what, from, to) = ("depth", low.depth, high.depth);
                jumps.insert(ShapeJump { what, from, to, widths });
            }
            if by_rule(|c| c.shape_sources.heads.clone())
                && heads_jump(low.heads, high.heads, widths)
            {
                let (what, from, to) = ("number of heads", low.heads, high.heads);
                jumps.insert(ShapeJump { what, from, to, widths });
            }
        }
    }
    let mut jumps: Vec<ShapeJump> = jumps.into_iter().collect();
    jumps.sort_by_key(|jump| jump.widths);
    jumps
}

fn depth_jumps(low: usize, high: usize) -> bool {
    high.max(low) as f64 >= DEPTH_STEP * high.min(low) as f64
}

/// Whether rounding does not explain the step: heads fall while the width rises, or rise by more than the width does from
/// the most that is rounded to `low`.
pub(crate) fn heads_jump(low: usize, high: usize, (narrow, wide): (usize, usize)) -> bool {
    let most = (low as f64 + 0.5) * wide as f64 / narrow as f64;
    high < low || high as f64 > most.round()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_that_rounding_explains_are_no_jumps() {
        assert!(depth_jumps(2, 3) && depth_jumps(4, 5) && depth_jumps(3, 2));
        assert!(!depth_jumps(3, 3) && !depth_jumps(6, 7));
        // 1.3 heads are rounded to 1, and 1.7 at a width 9/7 as large to 2.
        assert!(!heads_jump(1, 2, (28, 36)) && !heads_jump(4, 5, (128, 160)));
        assert!(heads_jump(3, 2, (96, 112)) && heads_jump(2, 6, (64, 72)));
    }
}
