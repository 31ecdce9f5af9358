//! What must hold between the fields of a record, whoever wrote it.

use isoflop_record::{Record, RunFlops, RunResult, Status};

/// Why a record cannot be what training made; `None` where nothing speaks against it.
pub(crate) fn unsound(record: &Record) -> Option<String> {
    let RunResult { cell, data_sha256, status, valid, .. } = &record.result;
    // First of all: what follows computes with the cell's numbers, which the id vouches for.
    if !cell.is_named_for(data_sha256) {
        return Some(format!("cell {} does not have the settings that its id names", cell.id));
    }
    if *status == Status::Finished && !valid.is_some_and(|valid| valid.loss_nats.is_finite()) {
        return Some(format!("cell {} is said to have finished, without a held-out loss", cell.id));
    }
    counts(&record.result).or_else(|| curves(&record.result))
}

/// Counts that follow from the cell.
fn counts(result: &RunResult) -> Option<String> {
    let RunResult { cell, tokens, params, flops, .. } = result;
    let said = if *tokens != cell.tokens() {
        "tokens"
    } else if *params != cell.shape.params() {
        "parameters"
    } else if *flops != RunFlops::of(&cell.shape, cell.tokens()) {
        "FLOPs"
    } else {
        return None;
    };
    Some(format!("the {said} of cell {} are not those of its settings", cell.id))
}

/// Curves go forward, and not beyond the last step.
fn curves(result: &RunResult) -> Option<String> {
    let cell = &result.cell;
    let forward = |steps: &[u64]| {
        steps.is_sorted_by(|a, b| a < b) && steps.last().is_none_or(|last| *last <= cell.steps)
    };
    let steps: Vec<u64> = result.curve.iter().map(|point| point.step).collect();
    let valid_steps: Vec<u64> = result.valid_curve.iter().map(|point| point.step).collect();
    let tokens = result.curve.iter().all(|point| point.tokens == point.step * cell.batch_tokens());
    (!(forward(&steps) && forward(&valid_steps) && tokens))
        .then(|| format!("the curve of cell {} has steps that it cannot have", cell.id))
}
