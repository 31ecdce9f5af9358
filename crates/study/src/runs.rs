//! A study's runs as one flat table: a row a run, a column a figure.

use std::collections::BTreeSet;

use isoflop_ledger::{Record, Status, Tariff};
use isoflop_plan::Family;
use serde::Serialize;

use crate::error::StudyError;
use crate::folder::Folder;
use crate::observations::{self, Machines};

/// One run. The names are those of the columns, which `sweep fit --csv` knows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunRow {
    /// The cell's id; of a cell that several machines trained, with the machine.
    pub run: String,
    pub study: String,
    /// FLOPs of its slice; `None` where it belongs to none.
    pub budget: Option<f64>,
    /// C: exact matrix-product FLOPs, forward x 3.
    pub flops: f64,
    /// C = 6 N D with all parameters.
    pub flops_6nd_total: f64,
    /// C = 6 N D without embedding and head.
    pub flops_6nd_non_embedding: f64,
    /// C = 6 N D without the embedding, with the head.
    pub flops_6nd_with_head: f64,
    /// N: all parameters.
    pub params: u64,
    pub params_non_embedding: u64,
    /// N without the embedding, with the head.
    pub params_with_head: u64,
    /// D: training tokens.
    pub tokens: u64,
    /// Of these, tokens seen for the first time; `None` where they never end.
    pub unique_tokens: Option<u64>,
    pub family: Family,
    pub depth: usize,
    pub width: usize,
    pub heads: usize,
    /// Hidden width of the MLP.
    pub hidden: usize,
    pub vocab: usize,
    pub context: usize,
    pub learning_rate: f64,
    pub batch_tokens: u64,
    pub steps: u64,
    pub seed: u64,
    /// `finished`, `diverged` or `failed`.
    pub status: &'static str,
    /// Whether fits see it: finished, of the present grid, and trained by the rules.
    pub in_fit: bool,
    /// Held-out loss, nats per token.
    pub loss: Option<f64>,
    /// The same in bits per byte of text.
    pub bits_per_byte: Option<f64>,
    /// Mean training loss of the last stretch of the curve, nats per token.
    pub train_loss: Option<f64>,
    /// Seconds of training.
    pub seconds: f64,
    /// Seconds of held-out evaluation.
    pub eval_seconds: f64,
    pub tokens_per_second: Option<f64>,
    /// Energy of training and evaluation, counted, or by `device.watts`.
    pub joules: Option<f64>,
    /// The machine that trained it.
    pub hardware: Option<String>,
    /// When it ended, UTC.
    pub ended: String,
}

/// The runs of a folder, of each cell and machine the record that counts. They stand in the order in which fits read them, so that
/// a fit of them is the folder's own to the last digit.
pub fn run_rows(folder: &Folder) -> Vec<RunRow> {
    let Folder { contents, grid, .. } = folder;
    let machines = Machines::of(contents);
    let table = observations::table(contents, grid).ok();
    let fitted: BTreeSet<&str> =
        table.iter().flat_map(|table| table.rows()).map(|row| row.run.as_str()).collect();
    let tariff = Tariff::of(&folder.config.device);
    let mut rows = Vec::new();
    for repeats in contents.repeats().into_values() {
        for record in &repeats {
            let run = machines.run_name(record, &repeats);
            let in_fit = fitted.contains(run.as_str());
            let there = grid.data.train_tokens;
            let row = row(record, run, in_fit, there, &tariff, machines.name(record));
            rows.push((machines.place(record), row));
        }
    }
    rows.sort_by_key(|(place, _)| *place);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// The rows as CSV with a header; what is not known is empty.
///
/// # Errors
/// [`StudyError::Misuse`] where a row cannot be written, which only a lack of memory explains.
pub fn runs_csv(rows: &[RunRow]) -> Result<String, StudyError> {
    let unwritten = |why: &dyn std::fmt::Display| {
        StudyError::Misuse(format!("the runs cannot be written as CSV: {why}\nhint: use --json"))
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).map_err(|why| unwritten(&why))?;
    }
    let bytes = writer.into_inner().map_err(|why| unwritten(&why))?;
    String::from_utf8(bytes).map_err(|why| unwritten(&why))
}

fn row(
    record: &Record,
    run: String,
    in_fit: bool,
    there: Option<u64>,
    tariff: &Tariff,
    machine: Option<&str>,
) -> RunRow {
    let (result, cell) = (&record.result, &record.result.cell);
    let (params, flops, shape) = (&result.params, &result.flops, &cell.shape);
    let finished = result.valid.filter(|_| result.status == Status::Finished);
    let finite = |value: f64| Some(value).filter(|value| value.is_finite());
    RunRow {
        run,
        study: result.study.clone(),
        budget: cell.budget_flops,
        flops: flops.exact,
        flops_6nd_total: flops.six_nd_total,
        flops_6nd_non_embedding: flops.six_nd_non_embedding,
        flops_6nd_with_head: flops.six_nd_non_embedding_with_head,
        params: params.total(),
        params_non_embedding: params.non_embedding(),
        params_with_head: params.non_embedding_with_head(),
        tokens: result.tokens,
        unique_tokens: there.map(|there| result.tokens.min(there)),
        family: shape.family,
        depth: shape.depth,
        width: shape.width,
        heads: shape.heads,
        hidden: shape.hidden,
        vocab: shape.vocab,
        context: shape.context,
        learning_rate: cell.hyper.learning_rate,
        batch_tokens: cell.batch_tokens(),
        steps: cell.steps,
        seed: cell.seed,
        status: result.status.word(),
        in_fit,
        loss: finished.and_then(|valid| finite(valid.loss_nats)),
        bits_per_byte: finished.and_then(|valid| valid.bits_per_byte).and_then(finite),
        train_loss: result.curve.last().and_then(|point| finite(point.loss_nats)),
        seconds: record.run.train_seconds,
        eval_seconds: record.run.eval_seconds,
        tokens_per_second: record.run.tokens_per_second,
        joules: tariff.energy(&record.run).map(|energy| energy.joules),
        hardware: machine.map(str::to_owned),
        ended: record.run.ended_utc.clone(),
    }
}
