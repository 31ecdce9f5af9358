//! Which column holds what, and runs out of their cells.

use anyhow::bail;
use isoflop_fit::repeated_rows::ReadRow;
use isoflop_fit::units::Given;
use isoflop_fit::{Counts, LeftOutReason, Observation};

use super::clip;
use super::measured::Measured;
use super::numbers::Commas;
use super::table_file::TextTable;
use super::units_of_headers::Quantity;
use crate::cli::SourceArgs;

/// A column that a run may lack.
#[derive(Debug, Clone)]
struct Optional {
    at: usize,
    name: String,
    /// Named on the command line, and not taken for its usual name alone.
    asked: bool,
    /// Cells that were no positive number and count as missing, of a column that nobody asked for.
    unusable: usize,
    example: String,
}

/// Where each quantity stands.
pub struct Columns {
    pub params: Option<Measured>,
    pub tokens: Option<Measured>,
    pub flops: Option<Measured>,
    loss: usize,
    /// Take what is missing of N, D and C from the other two.
    assume_6nd: bool,
    loss_unit: f64,
    commas: Commas,
    run: Option<Optional>,
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
    pub fn new(file: &TextTable, args: &SourceArgs) -> anyhow::Result<Columns> {
        // A column that is asked for must be there; a usual name is taken where it is.
        let named = |asked: &Option<String>, usual: &str, flag: &str| -> anyhow::Result<_> {
            let at = match asked {
                Some(name) => Some(file.column(name, flag)?),
                None => file.find(usual)?,
            };
            Ok(at.map(|at| Optional {
                at,
                name: file.header[at].clone(),
                asked: asked.is_some(),
                unusable: 0,
                example: String::new(),
            }))
        };
        refuse_numbers(file, args)?;
        let [flops_unit, params_unit, tokens_unit] = args.units.factors()?;
        let params = Measured::find(file, &args.params, Quantity::Params, params_unit)?;
        let tokens = Measured::find(file, &args.tokens, Quantity::Tokens, tokens_unit)?;
        let flops = match &args.flops_column {
            Some(name) => {
                file.column(name, "the column of C")?;
                Measured::find(file, name, Quantity::Flops, flops_unit)?
            }
            None => Measured::find(file, "flops", Quantity::Flops, flops_unit)?,
        };
        let assume_6nd = args.units.assume_6nd;
        let there = [&params, &tokens, &flops].iter().filter(|column| column.is_some()).count();
        if there == 2 && flops.is_some() && !assume_6nd {
            let (name, flag, formula) = match &params {
                None => (&args.params, "--params", "N = C / 6 D"),
                Some(_) => (&args.tokens, "--tokens", "D = C / 6 N"),
            };
            bail!(
                "there is no column `{}` for {flag}\nhint: the columns are {}; --assume-6nd takes {formula}",
                clip(name, 60),
                file.columns()
            );
        }
        if there < 2 || (params.is_none() || tokens.is_none()) && flops.is_none() {
            file.column(&args.params, "--params")?;
            file.column(&args.tokens, "--tokens")?;
        }
        let mut columns = Columns {
            params,
            tokens,
            flops,
            loss: file.column(&args.loss, "--loss")?,
            assume_6nd,
            loss_unit: if args.loss_in_bits { std::f64::consts::LN_2 } else { 1.0 },
            commas: Commas::None,
            run: named(&args.run, "run", "--run")?,
            cluster: named(&args.cluster, "cluster", "--cluster")?,
            seed: named(&args.seed_column, "seed", "--seed-column")?,
            hardware: named(&args.hardware, "hardware", "--hardware")?,
            budget: named(&args.budget, "budget", "--budget")?,
            unique: named(&args.unique_tokens, "unique_tokens", "--unique-tokens")?,
            width: named(&args.width, "width", "--width")?,
            depth: named(&args.depth, "depth", "--depth")?,
            learning_rate: named(&args.learning_rate, "learning_rate", "--learning-rate")?,
            batch: named(&args.batch_tokens, "batch_tokens", "--batch-tokens")?,
            total: named(&args.params_total, "params_total", "--params-total")?,
            non_embedding: named(
                &args.params_non_embedding,
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
        columns.commas =
            Commas::of(file.rows.iter().flat_map(|cells| places.iter().map(|&at| &cells[at][..])))?;
        Ok(columns)
    }

    /// The name of row `k`, from 0.
    pub fn run(&self, cells: &[String], k: usize) -> String {
        text(&self.run, cells).unwrap_or_else(|| format!("row {}", k + 1))
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
        let main = [&self.params, &self.tokens, &self.flops];
        notes.extend(main.into_iter().flatten().filter_map(Measured::note));
        if self.commas != Commas::None {
            let what = if self.commas == Commas::Decimal { "decimals" } else { "thousands" };
            notes.push(format!("commas in numbers part {what}"));
        }
        let doubtful = self.numbers().into_iter().flatten().filter(|c| c.unusable > 0);
        let note = |c: &Optional| {
            let (cells, are) = if c.unusable == 1 { ("cell", "is") } else { ("cells", "are") };
            format!(
                "column `{}`, taken for its name: {} {cells} (such as `{}`) {are} no positive number and count as missing",
                clip(&c.name, 60),
                c.unusable,
                c.example
            )
        };
        notes.extend(doubtful.map(note));
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
    pub fn observation(&mut self, cells: &[String], k: usize) -> anyhow::Result<ReadRow> {
        let run = self.run(cells, k);
        let (params, tokens, flops, loss) = match self.of_run(cells) {
            Ok(all) => all,
            Err(left_out) => return Ok(Err((run, left_out))),
        };
        let commas = self.commas;
        Ok(Ok(Observation {
            budget_flops: number(&mut self.budget, cells, commas)?,
            seed: text(&self.seed, cells),
            cluster: text(&self.cluster, cells),
            unique_tokens: number(&mut self.unique, cells, commas)?,
            width: number(&mut self.width, cells, commas)?,
            depth: number(&mut self.depth, cells, commas)?,
            learning_rate: number(&mut self.learning_rate, cells, commas)?,
            batch_tokens: number(&mut self.batch, cells, commas)?,
            hardware: text(&self.hardware, cells),
            counts: Counts {
                params_total: number(&mut self.total, cells, commas)?,
                params_non_embedding: number(&mut self.non_embedding, cells, commas)?,
                params_with_head: None,
                flops_exact: None,
            },
            ..Observation::new(run, params, tokens, flops, self.loss_unit * loss)
        }))
    }

    /// N, D, C and the loss in the column's unit.
    fn of_run(&mut self, cells: &[String]) -> Result<(f64, f64, f64, f64), LeftOutReason> {
        let (commas, assume) = (self.commas, self.assume_6nd);
        let read = |column: &mut Option<Measured>, what: &str| match column {
            None => Ok(None),
            Some(column) if assume && cells[column.at].is_empty() => Ok(None),
            Some(column) => match column.number(&cells[column.at], commas) {
                Some(value) => Ok(Some(value)),
                None => Err(unreadable(what, &cells[column.at])),
            },
        };
        let params = read(&mut self.params, "N (params)")?;
        let tokens = read(&mut self.tokens, "D (tokens)")?;
        let flops = read(&mut self.flops, "C (flops)")?;
        let (params, tokens, flops) = match (params, tokens, flops) {
            (Some(n), Some(d), Some(c)) => (n, d, c),
            (Some(n), Some(d), None) => (n, d, 6.0 * n * d),
            (Some(n), None, Some(c)) => (n, c / 6.0 / n, c),
            (None, Some(d), Some(c)) => (c / 6.0 / d, d, c),
            (None, ..) => return Err(unreadable("N (params)", "")),
            (_, None, _) => return Err(unreadable("D (tokens)", "")),
        };
        match commas.number(&cells[self.loss]) {
            Some(loss) if !loss.has_unit => Ok((params, tokens, flops, loss.value)),
            _ => Err(unreadable("loss", &cells[self.loss])),
        }
    }
}

fn unreadable(column: &str, cell: &str) -> LeftOutReason {
    LeftOutReason::Unreadable { column: column.into(), cell: clip(cell, 60).into_owned() }
}

/// A number where the name of a column is due was meant for another option.
fn refuse_numbers(file: &TextTable, args: &SourceArgs) -> anyhow::Result<()> {
    let names = [
        ("the loss", Some(&args.loss), "`sweep predict --target-loss"),
        ("N", Some(&args.params), "`sweep predict --for-params"),
        ("D", Some(&args.tokens), "`sweep predict --for-tokens"),
        ("C", args.flops_column.as_ref(), "`sweep predict --flops"),
    ];
    for (what, name, meant) in names {
        if let Some(name) = name
            && name.parse::<f64>().is_ok()
            && file.find(name)?.is_none()
        {
            bail!(
                "{name} is no column: the option takes the name of the column of {what}\nhint: to ask about a number give it to {meant} {name}`{}; the columns are {}",
                if what == "C" { format!(" or `sweep fit --at {name}`") } else { String::new() },
                file.columns()
            );
        }
    }
    Ok(())
}

fn text(column: &Option<Optional>, cells: &[String]) -> Option<String> {
    column.as_ref().map(|c| cells[c.at].clone()).filter(|t| !t.is_empty())
}

/// A number that a run may lack. Of a column that was asked for, a word is an error, and a number that cannot be used
/// leaves the row out by name; of one that was not, either is missing, and counted.
fn number(
    column: &mut Option<Optional>,
    cells: &[String],
    commas: Commas,
) -> anyhow::Result<Option<f64>> {
    let Some(column) = column else { return Ok(None) };
    let cell = &cells[column.at];
    if cell.is_empty() {
        return Ok(None);
    }
    match commas.number(cell).map(|number| number.value) {
        Some(value) if column.asked || (value.is_finite() && value > 0.0) => Ok(Some(value)),
        None if column.asked => bail!(
            "`{}` in column `{}` is not a number\nhint: empty cells are allowed there",
            clip(cell, 60),
            clip(&column.name, 60)
        ),
        _ => {
            if column.unusable == 0 {
                column.example = clip(cell, 60).into_owned();
            }
            column.unusable += 1;
            Ok(None)
        }
    }
}
