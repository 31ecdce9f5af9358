//! Which column holds what, and runs out of their cells.

use std::collections::{HashMap, HashSet};

use isoflop_fit::repeated_rows::ReadRow;
use isoflop_fit::units::Given;
use isoflop_fit::{Counts, LeftOutReason, Observation};

use crate::cells::Row;
use crate::error::TableError;
use crate::measured::Measured;
use crate::numbers::Commas;
use crate::optional::{Optional, number, text};
use crate::options::{ColumnNames, TableOptions};
use crate::table_file::TextTable;
use crate::units_of_headers::Quantity;
use isoflop_text::clip;

/// Where each quantity stands.
pub struct Columns {
    pub params: Option<Measured>,
    pub tokens: Option<Measured>,
    pub flops: Option<Measured>,
    loss: usize,
    /// Take what is missing of N, D and C from the other two.
    assume_6nd: bool,
    /// Rows whose cell of N, D or C was empty and taken from the other two.
    filled: [usize; 3],
    loss_unit: f64,
    commas: Commas,
    run: Option<Optional>,
    run_note: Option<String>,
    cluster: Option<Optional>,
    seed: Option<Optional>,
    hardware: Option<Optional>,
    budget: Option<Optional>,
    unique: Option<Optional>,
    width: Option<Optional>,
    depth: Option<Optional>,
    learning_rate: Option<Optional>,
    batch: Option<Optional>,
    total: Option<Optional>,
    non_embedding: Option<Optional>,
}

impl Columns {
    /// Finds the columns by the names asked for, else by their usual names.
    pub fn new(file: &TextTable, options: &TableOptions) -> Result<Columns, TableError> {
        let names = &options.columns;
        let named = |asked, usual: &str, flag: &str| Optional::find(file, asked, usual, flag);
        refuse_numbers(file, names)?;
        let units = &options.units;
        let params = Measured::find(file, &names.params, Quantity::Params, units.params)?;
        let tokens = Measured::find(file, &names.tokens, Quantity::Tokens, units.tokens)?;
        let flops = match &names.flops {
            Some(name) => {
                file.column(name, "the column of C")?;
                Measured::find(file, name, Quantity::Flops, units.flops)?
            }
            None => Measured::find(file, "flops", Quantity::Flops, units.flops)?,
        };
        let assume_6nd = options.assume_6nd;
        let there = [&params, &tokens, &flops].iter().filter(|column| column.is_some()).count();
        if there == 2 && flops.is_some() && !assume_6nd {
            let (name, flag, formula) = match &params {
                None => (&names.params, "--params", "N = C / 6 D"),
                Some(_) => (&names.tokens, "--tokens", "D = C / 6 N"),
            };
            return Err(TableError::column(
                format!("there is no column `{}` for {flag}", clip(name, 60)),
                format!("the columns are {}; --assume-6nd takes {formula}", file.columns()),
            ));
        }
        if there < 2 || (params.is_none() || tokens.is_none()) && flops.is_none() {
            file.column(&names.params, "--params")?;
            file.column(&names.tokens, "--tokens")?;
        }
        let loss = file.column(&names.loss, "--loss")?;
        let (run, run_note) = match named(&names.run, "run", "--run")? {
            None => wandb_names(file, params.as_ref(), tokens.as_ref())?,
            run => (run, None),
        };
        let mut columns = Columns {
            params,
            tokens,
            flops,
            loss,
            assume_6nd,
            filled: [0; 3],
            loss_unit: if options.loss_in_bits { std::f64::consts::LN_2 } else { 1.0 },
            commas: Commas::None,
            run,
            run_note,
            cluster: named(&names.cluster, "cluster", "--cluster")?,
            seed: named(&names.seed, "seed", "--seed-column")?,
            hardware: named(&names.hardware, "hardware", "--hardware")?,
            budget: named(&names.budget, "budget", "--budget")?,
            unique: named(&names.unique_tokens, "unique_tokens", "--unique-tokens")?,
            width: named(&names.width, "width", "--width")?,
            depth: named(&names.depth, "depth", "--depth")?,
            learning_rate: named(&names.learning_rate, "learning_rate", "--learning-rate")?,
            batch: named(&names.batch_tokens, "batch_tokens", "--batch-tokens")?,
            total: named(&names.params_total, "params_total", "--params-total")?,
            non_embedding: named(
                &names.params_non_embedding,
                "params_non_embedding",
                "--params-non-embedding",
            )?,
        };
        let main = [&columns.params, &columns.tokens, &columns.flops];
        let main = main.into_iter().flatten().map(|column| column.at);
        let places: Vec<usize> = main
            .chain([columns.loss])
            .chain(columns.numbers().into_iter().flatten().map(|column| column.at))
            .collect();
        let cells = file.cells.rows().flat_map(|row| places.iter().map(move |&at| row.cell(at)));
        columns.commas = Commas::of(cells)?;
        Ok(columns)
    }

    /// The name of row `k`, from 0.
    pub fn run(&self, row: Row<'_>, k: usize) -> String {
        text(&self.run, row).unwrap_or_else(|| format!("row {}", k + 1))
    }

    /// Which of N, D and C are columns.
    pub fn given(&self) -> Given {
        match (&self.params, &self.tokens, &self.flops) {
            (None, ..) => Given::WithoutParams,
            (_, None, _) => Given::WithoutTokens,
            (.., None) => Given::WithoutFlops,
            _ => Given::All,
        }
    }

    /// How C is had.
    pub fn flops_in_words(&self) -> String {
        match &self.flops {
            Some(column) => format!("column `{}`", column.name),
            None => "C = 6 N D, as there is no column of C".to_string(),
        }
    }

    /// Columns that nobody asked for, with cells that could not be used, and what was understood.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        match self.given() {
            Given::WithoutTokens => notes.push("D = C / 6 N, as there is no column of D".into()),
            Given::WithoutParams => notes.push("N = C / 6 D, as there is no column of N".into()),
            Given::All | Given::WithoutFlops => {}
        }
        let columns = [&self.params, &self.tokens, &self.flops];
        let formulas = ["N = C / 6 D", "D = C / 6 N", "C = 6 N D"];
        for ((column, formula), rows) in columns.iter().zip(formulas).zip(self.filled) {
            if let (Some(column), true) = (column, rows > 0) {
                let name = clip(&column.name, 60);
                let words = if rows == 1 { "row" } else { "rows" };
                notes.push(format!("{formula} in {rows} {words}, whose cell of `{name}` is empty"));
            }
        }
        let main = [&self.params, &self.tokens, &self.flops];
        notes.extend(main.into_iter().flatten().filter_map(Measured::note));
        if self.commas != Commas::None {
            let what = if self.commas == Commas::Decimal { "decimals" } else { "thousands" };
            notes.push(format!("commas in numbers part {what}"));
        }
        notes.extend(self.run_note.clone());
        notes.extend(self.numbers().into_iter().flatten().filter_map(Optional::note));
        notes
    }

    /// The name of the column of budgets, and whether it was asked for.
    pub fn budget(&self) -> Option<(&str, bool)> {
        self.budget.as_ref().map(|column| (&column.name[..], column.asked))
    }

    /// Whether somebody named the column of what is resampled together: then checkpoints are wanted.
    pub fn clusters_are_asked(&self) -> bool {
        self.cluster.as_ref().is_some_and(|column| column.asked)
    }

    fn numbers(&self) -> [&Option<Optional>; 8] {
        [
            &self.budget,
            &self.unique,
            &self.width,
            &self.depth,
            &self.learning_rate,
            &self.batch,
            &self.total,
            &self.non_embedding,
        ]
    }

    /// The run in row `k`, from 0; or why the row is left out.
    pub fn observation(&mut self, row: Row<'_>, k: usize) -> Result<ReadRow, TableError> {
        let run = self.run(row, k);
        let (params, tokens, flops, loss) = match self.of_run(row) {
            Ok(all) => all,
            Err(left_out) => return Ok(Err((run, left_out))),
        };
        let commas = self.commas;
        Ok(Ok(Observation {
            budget_flops: number(&mut self.budget, row, commas)?,
            seed: text(&self.seed, row),
            cluster: text(&self.cluster, row),
            unique_tokens: number(&mut self.unique, row, commas)?,
            width: number(&mut self.width, row, commas)?,
            depth: number(&mut self.depth, row, commas)?,
            learning_rate: number(&mut self.learning_rate, row, commas)?,
            batch_tokens: number(&mut self.batch, row, commas)?,
            hardware: text(&self.hardware, row),
            counts: Counts {
                params_total: number(&mut self.total, row, commas)?,
                params_non_embedding: number(&mut self.non_embedding, row, commas)?,
                params_with_head: None,
                flops_exact: None,
            },
            ..Observation::new(run, params, tokens, flops, self.loss_unit * loss)
        }))
    }

    /// N, D, C and the loss in the column's unit.
    fn of_run(&mut self, row: Row<'_>) -> Result<(f64, f64, f64, f64), LeftOutReason> {
        let (commas, assume) = (self.commas, self.assume_6nd);
        let read = |column: &mut Option<Measured>, what: &str| match column {
            None => Ok(None),
            Some(column) if assume && row.cell(column.at).is_empty() => Ok(None),
            Some(column) => match column.number(row.cell(column.at), commas) {
                Some(value) => Ok(Some(value)),
                None => Err(unreadable(what, row.cell(column.at))),
            },
        };
        let params = read(&mut self.params, "N (params)")?;
        let tokens = read(&mut self.tokens, "D (tokens)")?;
        let flops = read(&mut self.flops, "C (flops)")?;
        for (filled, value) in self.filled.iter_mut().zip([params, tokens, flops]) {
            *filled += usize::from(value.is_none());
        }
        let (params, tokens, flops) = match (params, tokens, flops) {
            (Some(n), Some(d), Some(c)) => (n, d, c),
            (Some(n), Some(d), None) => (n, d, 6.0 * n * d),
            (Some(n), None, Some(c)) => (n, c / 6.0 / n, c),
            (None, Some(d), Some(c)) => (c / 6.0 / d, d, c),
            (None, ..) => return Err(unreadable("N (params)", "")),
            (_, None, _) => return Err(unreadable("D (tokens)", "")),
        };
        match commas.number(row.cell(self.loss)) {
            Some(loss) if !loss.has_unit => Ok((params, tokens, flops, loss.value)),
            _ => Err(unreadable("loss", row.cell(self.loss))),
        }
    }
}

fn unreadable(column: &str, cell: &str) -> LeftOutReason {
    LeftOutReason::Unreadable { column: column.into(), cell: clip(cell, 60).into_owned() }
}

/// W&B's exports have the names of runs in a column `Name`: taken where it tells all rows apart, or where those that share a
/// name are the history of one run; else offered.
fn wandb_names(
    file: &TextTable,
    params: Option<&Measured>,
    tokens: Option<&Measured>,
) -> Result<(Option<Optional>, Option<String>), TableError> {
    let Some(at) = file.find("Name")? else { return Ok((None, None)) };
    let mut seen = HashSet::new();
    let names = || file.cells.rows().map(|row| row.cell(at));
    let apart = names().all(|name| !name.is_empty() && seen.insert(name));
    let histories = || match (params, tokens) {
        (Some(params), Some(tokens)) => are_histories(file, at, params.at, tokens.at),
        _ => false,
    };
    Ok(match apart || histories() {
        true => (Some(Optional::new(file, at, false)), Some("column `Name` names the runs".into())),
        false => {
            let note = "column `Name` is not taken for the names of runs, as some rows share one or have none: --run Name takes it";
            (None, Some(note.into()))
        }
    })
}

/// Whether all rows have a name, those of one name one N, and no two of them one D.
fn are_histories(file: &TextTable, name: usize, params: usize, tokens: usize) -> bool {
    let mut sizes = HashMap::new();
    let mut points = HashSet::new();
    file.cells.rows().all(|row| {
        let (name, size) = (row.cell(name), row.cell(params));
        let point = row.cell(tokens);
        !name.is_empty()
            && *sizes.entry(name).or_insert(size) == size
            && points.insert((name, point))
    })
}

/// A number where the name of a column is due was meant for another option.
fn refuse_numbers(file: &TextTable, columns: &ColumnNames) -> Result<(), TableError> {
    let names = [
        ("the loss", Some(&columns.loss), "`sweep predict --target-loss"),
        ("N", Some(&columns.params), "`sweep predict --for-params"),
        ("D", Some(&columns.tokens), "`sweep predict --for-tokens"),
        ("C", columns.flops.as_ref(), "`sweep predict --flops"),
    ];
    for (what, name, meant) in names {
        if let Some(name) = name
            && name.parse::<f64>().is_ok()
            && file.find(name)?.is_none()
        {
            let or = if what == "C" { format!(" or `sweep fit --at {name}`") } else { "".into() };
            return Err(TableError::column(
                format!("{name} is no column: the option takes the name of the column of {what}"),
                format!(
                    "to ask about a number give it to {meant} {name}`{or}; the columns are {}",
                    file.columns()
                ),
            ));
        }
    }
    Ok(())
}
