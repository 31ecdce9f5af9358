//! From records to the rows that fits read.

use std::collections::BTreeMap;

use isoflop_fit::{Counts, FitError, LeftOutReason, Observation, Table};
use isoflop_ledger::{Contents, Machine, Record, Status};
use isoflop_plan::{CellId, Grid, PlannedCell, Schedule, ShapeRole};

use crate::losses::Losses;
use crate::shapes;

/// Why a finished cell is no row of the fits, and what to do where nothing else is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NoRow {
    why: &'static str,
    hint: &'static str,
}

const DETUNED: NoRow = NoRow {
    why: "its learning rate or batch is off the rule on purpose, to test the rule",
    hint: "include 1 in `grid.lr_multipliers` and `grid.batch_multipliers`",
};
const OTHER_SHAPE: NoRow = NoRow {
    why: "its shape stands beside that of its slice, to be compared with it",
    hint: "train the cells of the rule's shapes to the end",
};
const NOT_IN_GRID: NoRow = NoRow {
    why: "the present configuration has no such cell",
    hint: "train the cells of the present configuration to the end",
};
const NO_DECAY: NoRow = NoRow {
    why: "its learning rate never decayed, so its last loss is not a final loss",
    hint: "set `train.schedule` to \"cosine\" or \"wsd\"",
};

const NO_LOSS: NoRow = NoRow {
    why: "its record has no held-out loss",
    hint: "the ledger was changed by hand; restore it, or train these cells again",
};

/// A row per finished cell, and for cells that several machines trained one per machine, those of the first machine first. What the fits must not see is left out by name: cells that test the hyper-parameters or the shape,
/// cells that the grid no longer has, and runs whose schedule did not end. Of explicit cells of one budget and width with several
/// shapes, none of them the rule's, those of the shape of least loss are rows.
///
/// # Errors
///
/// If nothing is left.
pub fn table(contents: &Contents, grid: &Grid) -> Result<Table, FitError> {
    let elected = shapes::elected(&Losses(contents.repeats()), grid);
    table_of(contents, grid, |planned| match planned.role {
        ShapeRole::Plain => true,
        ShapeRole::Beside => false,
        ShapeRole::Candidate => elected.contains(&planned.cell.id),
    })
}

/// The same with the shapes of `in_slice` as those of the slices.
pub(crate) fn table_of(
    contents: &Contents,
    grid: &Grid,
    in_slice: impl Fn(&PlannedCell) -> bool,
) -> Result<Table, FitError> {
    let planned: BTreeMap<&CellId, &PlannedCell> =
        grid.cells.iter().map(|planned| (&planned.cell.id, planned)).collect();
    let machines = Machines::of(contents);
    let mut last = None;
    let mut rows = Vec::new();
    for (id, repeats) in contents.repeats() {
        let finished: Vec<&Record> =
            repeats.into_iter().filter(|r| r.result.status == Status::Finished).collect();
        for record in &finished {
            let row = match planned.get(id) {
                None => Err(NOT_IN_GRID),
                Some(planned) if !planned.is_unscaled() => Err(DETUNED),
                Some(planned) if !in_slice(planned) => Err(OTHER_SHAPE),
                Some(planned) if planned.cell.hyper.schedule == Schedule::Constant => Err(NO_DECAY),
                Some(_) => observation(record, grid).ok_or(NO_LOSS),
            };
            let name = machines.run_name(record, &finished);
            let row = row
                .map(|row| Observation { run: name.clone(), ..machines.named(record, row) })
                .map_err(|no_row| {
                    last = Some(no_row);
                    (name, LeftOutReason::Asked { why: no_row.why.into() })
                });
            rows.push((machines.place(record), row));
        }
    }
    rows.sort_by_key(|(place, _)| *place);
    let rows: Vec<_> = rows.into_iter().map(|(_, row)| row).collect();
    if rows.is_empty() {
        return Err(nothing_finished(contents));
    }
    Table::read(rows).map_err(|error| match (error, last) {
        (FitError::NothingUsable { given, first_run, first_reason, .. }, Some(no_row)) => {
            FitError::NothingUsable { given, first_run, first_reason, hint: no_row.hint.into() }
        }
        (error, _) => error,
    })
}

/// What rows say of machines and precisions: nothing where there is but one.
pub(crate) struct Machines {
    /// Place and name by passport.
    by_passport: BTreeMap<String, (usize, String)>,
    several: bool,
    precisions: bool,
}

impl Machines {
    pub(crate) fn of(contents: &Contents) -> Self {
        let machines = contents.machines();
        let several = machines.len() > 1;
        let precision = |record: &Record| record.result.cell.hyper.precision;
        let mut precisions = contents.records.iter().map(precision);
        let first = precisions.next();
        let precisions = precisions.any(|precision| Some(precision) != first);
        let place = |(i, machine): (usize, Machine)| {
            let Machine { name, passports } = machine;
            passports.into_iter().map(move |passport| (passport, (i, name.clone())))
        };
        let by_passport = machines.into_iter().enumerate().flat_map(place).collect();
        Self { by_passport, several, precisions }
    }

    pub(crate) fn place(&self, record: &Record) -> usize {
        self.by_passport.get(&record.run.passport).map_or(0, |(place, _)| *place)
    }

    pub(crate) fn name(&self, record: &Record) -> Option<&str> {
        self.by_passport.get(&record.run.passport).map(|(_, name)| name.as_str())
    }

    /// The cell, and of a repeat by whom; where one machine has several passports, under which.
    pub(crate) fn run_name(&self, record: &Record, repeats: &[&Record]) -> String {
        let (id, own) = (record.id(), self.name(record));
        let alike = repeats.iter().filter(|repeat| self.name(repeat) == own).count();
        match (repeats.len(), own, alike) {
            (1, ..) => id.to_string(),
            (_, Some(machine), 1) => format!("{id} on {machine}"),
            _ => format!("{id} by passport {}", record.run.passport),
        }
    }

    fn named(&self, record: &Record, mut row: Observation) -> Observation {
        row.hardware = self.name(record).filter(|_| self.several).map(str::to_owned);
        if let (Some(shape), true) = (&mut row.shape, self.precisions) {
            *shape = format!("{shape} {}", record.result.cell.hyper.precision.word());
        }
        row
    }
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
        shape: Some(format!("{} m{}", cell.shape, cell.shape.hidden)),
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
