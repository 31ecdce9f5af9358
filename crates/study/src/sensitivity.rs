//! Cells beside the rule: how much loss another learning rate or batch would have cost or saved.

use std::collections::BTreeSet;

use isoflop_ledger::Contents;
use isoflop_plan::{Grid, PlannedCell, ShapeRole};
use isoflop_report::plots::{Sensitivity, SensitivityCurve};

use isoflop_report::number;

use crate::losses::{Losses, figure};

/// The experiments on learning rate and on batch that a grid holds and that have results.
pub fn experiments(contents: &Contents, grid: &Grid) -> Vec<Sensitivity> {
    let losses = Losses(contents.repeats());
    let rates = curves(&losses, grid, |p| (p.batch_multiplier == 1.0).then_some(p.lr_multiplier));
    let batches = curves(&losses, grid, |p| (p.lr_multiplier == 1.0).then_some(p.batch_multiplier));
    let subtitle = "each curve is one model and budget; below zero, the rule could be bettered";
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
    .map(|(id, title, label, curves)| figure(id, title, subtitle, label, curves))
    .collect()
}

/// One curve per cell of the plain rate and batch that has neighbours: losses over its own, by multiple.
fn curves(
    losses: &Losses,
    grid: &Grid,
    multiple: impl Fn(&PlannedCell) -> Option<f64>,
) -> Vec<SensitivityCurve> {
    let plain = grid.cells.iter().filter(|planned| planned.is_unscaled());
    let seeds: BTreeSet<u64> = plain.clone().map(|planned| planned.cell.seed).collect();
    plain
        .filter_map(|plain| {
            let relatives = grid.cells.iter().filter(|other| {
                let (a, b) = (&other.cell, &plain.cell);
                a.shape == b.shape && a.budget_flops == b.budget_flops && a.seed == b.seed
            });
            let mut points: Vec<(f64, f64)> = relatives
                .filter_map(|other| {
                    Some((multiple(other)?, losses.change(&other.cell, &plain.cell)?))
                })
                .collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            let shape = match plain.role {
                ShapeRole::Plain => plain.cell.shape.to_string(),
                _ => format!("{} m{}", plain.cell.shape, plain.cell.shape.hidden),
            };
            let budget = match plain.cell.budget_flops {
                Some(flops) => format!(", {} FLOPs", number::scientific(flops, 3)),
                None => String::new(),
            };
            let seed = match seeds.len() {
                0 | 1 => String::new(),
                _ => format!(", seed {}", plain.cell.seed),
            };
            (points.len() > 1).then(|| SensitivityCurve {
                name: format!("{shape}{budget}{seed}").into(),
                order: plain.cell.flops(),
                points,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use isoflop_ledger::{Record, RunInfo, RunResult, Status, Valid};
    use isoflop_plan::{Config, DataFacts};

    use super::*;

    /// Names of the curves over the learning rate of a study with these seeds.
    fn names(seeds: &str) -> Vec<String> {
        let text = format!(
            "[data]\nsource = \"synthetic\"\n[grid]\nbudgets = [5e9]\nwidths = [16]\nlr_multipliers = [1, 2]\nseeds = {seeds}\n"
        );
        let config = Config::parse(&text, "a.toml").unwrap();
        let facts = DataFacts {
            vocab: 64,
            train_tokens: None,
            data_sha256: String::new(),
            bytes_per_token: None,
        };
        let grid = Grid::build(&config, &facts).unwrap();
        let record = |planned: &PlannedCell| {
            let mut result = RunResult::new("", "", planned.cell.clone(), Status::Finished);
            result.valid = Some(Valid {
                loss_nats: 2.0,
                bits_per_byte: None,
                tokens: 1,
                true_loss_nats: None,
            });
            Record::new(result, RunInfo::default())
        };
        let records: Vec<Record> = grid.cells.iter().map(record).collect();
        let losses = Losses(records.iter().map(|record| (record.id(), vec![record])).collect());
        let curves = curves(&losses, &grid, |planned| Some(planned.lr_multiplier));
        curves.iter().map(|curve| curve.name.to_text()).collect()
    }

    #[test]
    fn seeds_are_named_where_there_are_several() {
        assert!(names("[0]")[0].ends_with(" FLOPs"), "{:?}", names("[0]"));
        let two = names("[0, 1]");
        assert!(two[0].ends_with(", seed 0") && two[1].ends_with(", seed 1"), "{two:?}");
    }
}
