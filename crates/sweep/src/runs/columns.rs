//! Which column holds what, and runs out of their cells.

use anyhow::bail;
use isoflop_fit::{Counts, LeftOutReason, Observation};

use super::table_file::TextTable;
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
    params: usize,
    tokens: usize,
    loss: usize,
    flops: Option<Optional>,
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

/// A run, or the name of the row and why it is none.
pub type Read = Result<Observation, (String, LeftOutReason)>;

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
        Ok(Columns {
            params: file.column(&args.params, "--params")?,
            tokens: file.column(&args.tokens, "--tokens")?,
            loss: file.column(&args.loss, "--loss")?,
            flops: named(&args.flops_column, "flops", "the column of C")?,
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
        })
    }

    /// The name of row `k`, from 0.
    pub fn run(&self, cells: &[String], k: usize) -> String {
        text(&self.run, cells).unwrap_or_else(|| format!("row {}", k + 1))
    }

    /// How C is had.
    pub fn flops_in_words(&self) -> String {
        match &self.flops {
            Some(column) => format!("column `{}`", column.name),
            None => "C = 6 N D, as there is no column of C".to_string(),
        }
    }

    /// Columns that nobody asked for, with cells that could not be used.
    pub fn notes(&self) -> Vec<String> {
        let all = [
            &self.budget,
            &self.unique,
            &self.width,
            &self.depth,
            &self.learning_rate,
            &self.batch,
            &self.total,
            &self.non_embedding,
        ];
        let doubtful = all.into_iter().flatten().filter(|c| c.unusable > 0);
        let note = |c: &Optional| {
            let (cells, are) = if c.unusable == 1 { ("cell", "is") } else { ("cells", "are") };
            format!(
                "column `{}`, taken for its name: {} {cells} (such as `{}`) {are} no positive number and count as missing",
                c.name, c.unusable, c.example
            )
        };
        doubtful.map(note).collect()
    }

    /// The run in row `k`, from 0; or why the row is left out.
    pub fn observation(
        &mut self,
        cells: &[String],
        k: usize,
        args: &SourceArgs,
    ) -> anyhow::Result<Read> {
        let run = self.run(cells, k);
        let needed = |at: usize, column: &str| match cells[at].parse::<f64>() {
            Ok(value) => Ok(value),
            Err(_) => {
                let (column, cell) = (column.to_string(), cells[at].clone());
                Err((run.clone(), LeftOutReason::Unreadable { column, cell }))
            }
        };
        let of_run = || -> Result<(f64, f64, f64, f64), (String, LeftOutReason)> {
            let params = needed(self.params, "N (params)")?;
            let tokens = needed(self.tokens, "D (tokens)")?;
            let flops = match &self.flops {
                Some(column) => needed(column.at, "C (flops)")?,
                None => 6.0 * params * tokens,
            };
            Ok((params, tokens, flops, needed(self.loss, "loss")?))
        };
        let (params, tokens, flops, loss) = match of_run() {
            Ok(all) => all,
            Err(left_out) => return Ok(Err(left_out)),
        };
        let unit = if args.loss_in_bits { std::f64::consts::LN_2 } else { 1.0 };
        Ok(Ok(Observation {
            budget_flops: number(&mut self.budget, cells)?,
            seed: text(&self.seed, cells),
            cluster: text(&self.cluster, cells),
            unique_tokens: number(&mut self.unique, cells)?,
            width: number(&mut self.width, cells)?,
            depth: number(&mut self.depth, cells)?,
            learning_rate: number(&mut self.learning_rate, cells)?,
            batch_tokens: number(&mut self.batch, cells)?,
            hardware: text(&self.hardware, cells),
            counts: Counts {
                params_total: number(&mut self.total, cells)?,
                params_non_embedding: number(&mut self.non_embedding, cells)?,
                params_with_head: None,
                flops_exact: None,
            },
            ..Observation::new(run, params, tokens, flops, unit * loss)
        }))
    }
}

fn text(column: &Option<Optional>, cells: &[String]) -> Option<String> {
    column.as_ref().map(|c| cells[c.at].clone()).filter(|t| !t.is_empty())
}

/// A number that a run may lack. Of a column that was asked for, a word is an error, and a number that cannot be used
/// leaves the row out by name; of one that was not, either is missing, and counted.
fn number(column: &mut Option<Optional>, cells: &[String]) -> anyhow::Result<Option<f64>> {
    let Some(column) = column else { return Ok(None) };
    let cell = &cells[column.at];
    if cell.is_empty() {
        return Ok(None);
    }
    match cell.parse::<f64>() {
        Ok(value) if column.asked || (value.is_finite() && value > 0.0) => Ok(Some(value)),
        Err(_) if column.asked => bail!(
            "`{cell}` in column `{}` is not a number\nhint: empty cells are allowed there",
            column.name
        ),
        _ => {
            if column.unusable == 0 {
                column.example.clone_from(cell);
            }
            column.unusable += 1;
            Ok(None)
        }
    }
}
