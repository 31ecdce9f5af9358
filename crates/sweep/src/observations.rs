//! From records to the rows that fits read.

use std::collections::BTreeMap;

use isoflop_fit::{Convention, Counts, FitError, Observation, Table};
use isoflop_ledger::{Contents, Record, Status};
use isoflop_plan::{CellId, Grid, PlannedCell, Schedule};

/// Why a finished cell is no row of the fits.
const DETUNED: &str = "its learning rate or batch is off the rule on purpose, to test the rule";
const NOT_IN_GRID: &str = "the present configuration has no such cell";
const NO_DECAY: &str = "its learning rate never decayed, so its last loss is not a final loss";

/// What to do where nothing else is left.
const DETUNED_HINT: &str = "include 1 in `grid.lr_multipliers` and `grid.batch_multipliers`";
const NOT_IN_GRID_HINT: &str = "train the cells of the present configuration to the end";
const NO_DECAY_HINT: &str = "set `train.schedule` to \"cosine\" or \"wsd\"";

/// A row per finished cell. What the fits must not see is left out by name: cells that test the hyper-parameters, cells that
/// the grid no longer has, and runs whose schedule did not end.
///
/// # Errors
///
/// If nothing is left.
pub fn table(contents: &Contents, grid: &Grid) -> Result<Table, FitError> {
    let planned: BTreeMap<&CellId, &PlannedCell> =
        grid.cells.iter().map(|planned| (&planned.cell.id, planned)).collect();
    let finished: Vec<&Record> = contents
        .current()
        .into_values()
        .filter(|record| record.result.status == Status::Finished)
        .collect();
    let by_run: BTreeMap<&str, &Record> =
        finished.iter().map(|record| (record.id().0.as_str(), *record)).collect();
    if finished.is_empty() {
        return Err(nothing_finished(contents));
    }
    let rows = finished.iter().filter_map(|record| observation(record, grid)).collect();
    let cell = |row: &Observation| by_run.get(row.run.as_str()).map(|record| &record.result.cell);
    let plan = |row: &Observation| cell(row).and_then(|cell| planned.get(&cell.id));
    let plain = |row: &Observation| plan(row).is_some_and(|planned| planned.is_plain());
    let decays =
        |row: &Observation| cell(row).is_some_and(|cell| cell.hyper.schedule != Schedule::Constant);
    let table = Table::new(rows)?;
    let table =
        table.filter(NOT_IN_GRID, |row| plan(row).is_some()).map_err(hint(NOT_IN_GRID_HINT))?;
    let table = table.filter(DETUNED, plain).map_err(hint(DETUNED_HINT))?;
    table.filter(NO_DECAY, decays).map_err(hint(NO_DECAY_HINT))
}

/// The refusal of a study without a single finished cell.
fn nothing_finished(contents: &Contents) -> FitError {
    let diverged = contents.number(|status| matches!(status, Status::Diverged { .. }));
    let failed = contents.number(|status| matches!(status, Status::Failed { .. }));
    FitError::NoResult {
        what: "the fit".into(),
        why: format!("no cell has finished ({diverged} diverged, {failed} failed)"),
        hint: match (diverged, failed) {
            (0, 0) => "train them: `sweep --config`",
            (_, 0) => "lower `train.learning_rate`: the report says at which step each diverged",
            _ => "the ledger says why each failed; the same command tries them again",
        }
        .into(),
    }
}

/// Tells what to do in the words of a configuration.
fn hint(words: &'static str) -> impl Fn(FitError) -> FitError {
    move |error| match error {
        FitError::NothingUsable { given, first_run, first_reason, .. } => {
            FitError::NothingUsable { given, first_run, first_reason, hint: words.into() }
        }
        other => other,
    }
}

/// The convention of fits by its name in a configuration.
pub fn convention(convention: isoflop_plan::Convention) -> Convention {
    match convention {
        isoflop_plan::Convention::Exact => Convention::Exact,
        isoflop_plan::Convention::SixNd => Convention::TotalSixNd,
        isoflop_plan::Convention::SixNdNonEmbedding => Convention::NonEmbeddingSixNd,
        isoflop_plan::Convention::SixNdNonEmbeddingWithHead => Convention::WithHeadSixNd,
    }
}

fn observation(record: &Record, grid: &Grid) -> Option<Observation> {
    let result = &record.result;
    let (cell, params) = (&result.cell, &result.params);
    let loss = record.valid_loss_nats()?;
    let total = params.total() as f64;
    let tokens = result.tokens as f64;
    // Tokens that were seen for the first time: all there are, once a run goes round.
    let unique = grid.data.train_tokens.map(|there| tokens.min(there as f64));
    Some(Observation {
        budget_flops: cell.budget_flops,
        seed: Some(cell.seed.to_string()),
        unique_tokens: unique,
        width: Some(cell.shape.width as f64),
        depth: Some(cell.shape.depth as f64),
        learning_rate: Some(cell.hyper.learning_rate),
        batch_tokens: Some(cell.batch_tokens() as f64),
        counts: Counts {
            params_total: Some(total),
            params_non_embedding: Some(params.non_embedding() as f64),
            params_with_head: Some(params.non_embedding_with_head() as f64),
            flops_exact: Some(result.flops.exact),
        },
        ..Observation::new(cell.id.0.clone(), total, tokens, result.flops.exact, loss)
    })
}
