//! Cells beside the rule: how much loss another learning rate or batch would have cost or saved.

use std::collections::BTreeMap;

use isoflop_ledger::{Contents, Record};
use isoflop_plan::{Cell, CellId, Grid, PlannedCell};
use isoflop_report::plots::{Sensitivity, SensitivityCurve};

use isoflop_report::number;

/// A gain beyond which the default counts as mistuned.
const TOLERANCE: f64 = 0.01;

/// The experiments on learning rate and on batch that a grid holds and that have results.
pub fn experiments(contents: &Contents, grid: &Grid) -> Vec<Sensitivity> {
    let records = contents.current();
    let rates = curves(&records, grid, |p| (p.batch_multiplier == 1.0).then_some(p.lr_multiplier));
    let batches =
        curves(&records, grid, |p| (p.lr_multiplier == 1.0).then_some(p.batch_multiplier));
    let figure = |id: &str, title: &str, label: &str, curves: Vec<SensitivityCurve>| Sensitivity {
        id: id.into(),
        title: title.into(),
        subtitle: Some(
            "each curve is one model and budget; below zero, the rule could be bettered".into(),
        ),
        label: label.into(),
        curves,
        tolerance: TOLERANCE,
    };
    [
        (
            "learning-rate",
            "Is the learning rate right?",
            "Learning rate, multiple of the rule",
            rates,
        ),
        ("batch", "Is the batch right?", "Batch, multiple of the rule", batches),
    ]
    .into_iter()
    .filter(|(.., curves)| !curves.is_empty())
    .map(|(id, title, label, curves)| figure(id, title, label, curves))
    .collect()
}

/// One curve per plain cell that has neighbours: losses over its own, by multiple.
fn curves(
    records: &BTreeMap<&CellId, &Record>,
    grid: &Grid,
    multiple: impl Fn(&PlannedCell) -> Option<f64>,
) -> Vec<SensitivityCurve> {
    let loss = |cell: &Cell| records.get(&cell.id).and_then(|record| record.valid_loss_nats());
    let plain = grid.cells.iter().filter(|planned| planned.is_plain());
    plain
        .filter_map(|plain| {
            let own = loss(&plain.cell)?;
            let relatives = grid.cells.iter().filter(|other| {
                let (a, b) = (&other.cell, &plain.cell);
                a.shape == b.shape && a.budget_flops == b.budget_flops && a.seed == b.seed
            });
            let mut points: Vec<(f64, f64)> = relatives
                .filter_map(|other| Some((multiple(other)?, loss(&other.cell)? / own - 1.0)))
                .collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            let shape = plain.cell.shape;
            let budget = match plain.cell.budget_flops {
                Some(flops) => format!(", {} FLOPs", number::scientific(flops, 3)),
                None => String::new(),
            };
            (points.len() > 1).then(|| SensitivityCurve {
                name: format!("{shape}{budget}").as_str().into(),
                order: plain.cell.flops(),
                points,
            })
        })
        .collect()
}
