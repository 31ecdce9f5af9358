//! Widths to add to a study whose slices do not bracket their minima.

use std::collections::BTreeSet;

use isoflop_fit::Counting;
use isoflop_fit::isoflop::{SliceFit, SliceRefusal, slice_minima};
use isoflop_ledger::CONFIG_FILE;
use isoflop_plan::{CellId, Config, Design, Grid, PlannedCell, Shape, ShapeRole, Sizes};
use serde::Serialize;

use crate::error::StudyError;
use crate::folder::Folder;
use crate::observations;
use crate::publish::isoflop_options;

/// Widths that are added at an open end, at least.
const LEAST: usize = 2;
/// Widths that are added at an open end, at most.
const MOST: usize = 4;
/// How far beyond an extrapolated minimum sizes reach, as a factor.
const BEYOND: f64 = 1.5;

/// A study's configuration with more widths.
#[derive(Debug, Clone)]
pub struct Extension {
    /// The folder's own, with the added widths, for the folder.
    pub config: Config,
    /// Slices without a bracketed minimum, ascending.
    pub open: Vec<AddedWidths>,
    /// All slices that were looked at.
    pub slices: usize,
    /// Cells to train.
    pub cells: usize,
    /// Training FLOPs of these.
    pub flops: f64,
}

/// What one slice lacks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AddedWidths {
    /// FLOPs of the slice.
    pub budget: f64,
    /// Why it has no minimum.
    pub why: String,
    /// Widths to add, ascending; none where there are no models on that side.
    pub widths: Vec<usize>,
}

impl Extension {
    /// The lines that ask for the same in a configuration file.
    pub fn toml(&self) -> String {
        let Design::Budgets { budgets, sizes: Sizes::Widths(lists) } = &self.config.grid.design
        else {
            return String::new();
        };
        let line = |(budget, widths): (&f64, &Vec<usize>)| {
            let added = self.open.iter().filter(|open| open.budget == *budget);
            let added: Vec<String> =
                added.flat_map(|open| &open.widths).map(usize::to_string).collect();
            let told =
                if added.is_empty() { String::new() } else { format!(": + {}", added.join(", ")) };
            format!("    {widths:?},  # {budget:e} FLOPs{told}\n")
        };
        let lines: String = budgets.iter().zip(lists).map(line).collect();
        format!("[grid]\nwidths = [\n{lines}]\n")
    }
}

/// What to add to a folder's grid: at each open end of a slice the next widths of its family, until they lie beyond the minimum
/// where its place can be told.
///
/// # Errors
/// [`StudyError::Misuse`] where the folder has no slices of one grid, or cells that have not ended; [`StudyError::Config`] where
/// the larger grid cannot be.
pub fn extension(folder: &Folder) -> Result<Extension, StudyError> {
    let shown = folder.path.display();
    let refuse = |why: String| Err(StudyError::Misuse(why));
    if folder.sources.iter().any(|source| source.file != CONFIG_FILE) {
        return refuse(format!(
            "{shown} was merged from studies of several grids\nhint: extend one of the folders that it was merged from, and merge them again"
        ));
    }
    let (done, all) = folder.progress();
    if done < all {
        let state = folder.state().unwrap_or_default();
        return refuse(format!(
            "{state}\nhint: train them to the end first: an open end may close"
        ));
    }
    let Design::Budgets { budgets, .. } = &folder.config.grid.design else {
        return refuse(format!(
            "{shown} has no slices of one budget each\nhint: `grid.budgets` lays them out"
        ));
    };
    let (budgets, table) = (budgets.clone(), observations::table(&folder.contents, &folder.grid));
    let convention = Counting::By(folder.config.fit.convention);
    let found = table
        .and_then(|table| table.under(convention))
        .and_then(|table| slice_minima(&table, &isoflop_options(&folder.config)));
    let found = match found {
        Ok(found) => found,
        Err(why) => return refuse(why.to_string()),
    };
    let mut config = folder.config.clone();
    config.study.results.clone_from(&folder.path);
    let mut lists: Vec<Vec<usize>> = budgets.iter().map(|b| widths(&folder.grid, *b)).collect();
    let mut open = Vec::new();
    for (budget, has) in budgets.iter().zip(&mut lists) {
        let slice = found.iter().find(|slice| (slice.flops / budget - 1.0).abs() < 1e-9);
        let Some((slice, refusal)) = slice.and_then(|s| Some((s, s.refusal.as_ref()?))) else {
            continue;
        };
        let added = added(folder, slice, refusal, has);
        open.push(AddedWidths { budget: *budget, why: refusal.to_string(), widths: added.clone() });
        has.extend(added);
        has.sort_unstable();
    }
    config.grid.design = Design::Budgets { budgets, sizes: Sizes::Widths(lists) };
    let grid = Grid::build(&config, &folder.data.facts())?;
    let old: BTreeSet<&CellId> = folder.grid.cells.iter().map(|cell| &cell.cell.id).collect();
    let new: BTreeSet<&CellId> = grid.cells.iter().map(|cell| &cell.cell.id).collect();
    if !old.is_subset(&new) {
        return refuse(format!(
            "cells of {shown} are not those of its widths\nhint: add sizes to the configuration by hand, and run it with --extend"
        ));
    }
    let more = grid.cells.iter().filter(|cell| !old.contains(&cell.cell.id));
    let cost = |cell: &PlannedCell| cell.cell.step_flops() * cell.cell.steps as f64;
    let flops = more.clone().fold(0.0, |sum, cell| sum + cost(cell));
    Ok(Extension { config, open, slices: found.len(), cells: more.count(), flops })
}

/// The widths of a slice, ascending.
fn widths(grid: &Grid, budget: f64) -> Vec<usize> {
    let of = grid.cells.iter().filter(|c| c.cell.budget_flops == Some(budget));
    let plain = of.filter(|c| c.role != ShapeRole::Beside);
    plain.map(|c| c.cell.shape.width).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The next widths at the open end.
fn added(folder: &Folder, slice: &SliceFit, why: &SliceRefusal, has: &[usize]) -> Vec<usize> {
    let (Some(least), Some(most)) = (has.first(), has.last()) else { return Vec::new() };
    let ladder = folder.config.model.even_ladder(folder.grid.data.vocab);
    let convention = folder.config.fit.convention;
    let wanted = match why {
        SliceRefusal::OutsideSizes { params } => Some(*params),
        _ => None,
    };
    let mut next = Vec::new();
    let mut take = |shapes: &mut dyn Iterator<Item = &Shape>, small: bool| {
        for shape in shapes.take(MOST) {
            let params = convention.params(shape);
            let beyond = wanted.is_none_or(|wanted| match small {
                true => params * BEYOND <= wanted,
                false => params >= wanted * BEYOND,
            });
            next.push(shape.width);
            if next.len() >= LEAST && beyond {
                break;
            }
        }
    };
    match falls_towards_small(slice, why) {
        true => take(&mut ladder.iter().rev().filter(|shape| shape.width < *least), true),
        false => take(&mut ladder.iter().filter(|shape| shape.width > *most), false),
    }
    next.sort_unstable();
    next
}

/// Which end is open: that which the refusal names, else that which the lowest loss is nearer to.
fn falls_towards_small(slice: &SliceFit, why: &SliceRefusal) -> bool {
    let sizes: Vec<f64> = slice.runs.iter().map(|run| run.params).collect();
    let ends = sizes.first().zip(sizes.last()).map_or(f64::NAN, |(a, b)| (a * b).sqrt());
    match why {
        SliceRefusal::FallsTowardsSmall => true,
        SliceRefusal::FallsTowardsLarge => false,
        SliceRefusal::OutsideSizes { params } => *params < ends,
        SliceRefusal::TooFewSizes { .. }
        | SliceRefusal::Unsteady { .. }
        | SliceRefusal::NotConvex => {
            let lowest = slice.runs.iter().min_by(|a, b| a.loss_nats.total_cmp(&b.loss_nats));
            lowest.is_some_and(|run| run.params < ends)
        }
    }
}
