//! From what the user names to a checked table.

use std::path::Path;

use anyhow::{Context, bail};
use isoflop_fit::{Counts, FitError, Observation, Table};

use super::args::SourceArgs;
use super::table_file::TextTable;

/// Mark of rows that --skip takes out; no cell can hold it.
const SKIPPED: &str = "\u{0}skipped";

/// Where runs came from, for headings and JSON.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Origin {
    /// The path.
    pub path: String,
    /// How C was had.
    pub flops: String,
}

/// Reads the runs.
pub fn read(args: &SourceArgs) -> anyhow::Result<(Table, Origin)> {
    let (table, origin) = match (&args.results, &args.csv, &args.jsonl) {
        (Some(folder), _, _) => results(folder)?,
        (_, Some(path), _) => text(&TextTable::read_csv(path)?, path, args)?,
        (_, _, Some(path)) => text(&TextTable::read_jsonl(path)?, path, args)?,
        _ => {
            bail!("no runs are given\nhint: name a results folder, or --csv FILE, or --jsonl FILE")
        }
    };
    for run in &args.exclude {
        if !table.rows().iter().any(|r| &r.run == run) {
            bail!(
                "--exclude {run}: there is no such run\nhint: runs go by the names in the run column"
            );
        }
    }
    let table = table.filter("left out by --exclude", |r| !args.exclude.contains(&r.run))?;
    Ok((table, origin))
}

fn results(folder: &Path) -> anyhow::Result<(Table, Origin)> {
    use isoflop_ledger::{CONFIG_FILE, read};
    use isoflop_plan::{Config, Grid};
    if !folder.is_dir() {
        bail!(
            "{} is not a folder\nhint: give the results folder of a study, such as runs/quickstart, or --csv FILE",
            folder.display()
        );
    }
    let config = Config::load(folder.join(CONFIG_FILE))
        .with_context(|| format!("{} is not the results folder of a study", folder.display()))?;
    let data = crate::facts::StudyData::read(folder)?;
    let grid = Grid::build(&config, &data.facts())?;
    let table = crate::observations::table(&read(folder)?, &grid)?;
    let origin =
        Origin { path: folder.display().to_string(), flops: "exact matrix-product FLOPs".into() };
    Ok((table, origin))
}

fn text(file: &TextTable, path: &Path, args: &SourceArgs) -> anyhow::Result<(Table, Origin)> {
    if file.rows.is_empty() {
        return Err(FitError::Empty).with_context(|| format!("cannot use {}", path.display()));
    }
    let columns = Columns::new(file, args)?;
    let mut rows = Vec::with_capacity(file.rows.len());
    let skip = skips(file, args)?;
    for (k, cells) in file.rows.iter().enumerate() {
        let row = columns
            .observation(cells, k, args)
            .with_context(|| format!("cannot use row {} of {}", k + 1, path.display()))?;
        let skipped = skip.iter().any(|(column, value)| &cells[*column] == value);
        rows.push((row, skipped));
    }
    let flops = match columns.flops {
        Some(at) => format!("column `{}`", file.header[at]),
        None => "C = 6 N D, as there is no column of C".to_string(),
    };
    // Names may repeat, so rows to be skipped are marked and not named.
    let marked = rows.into_iter().map(|(mut row, skipped)| {
        if skipped {
            row.cluster = Some(SKIPPED.into());
        }
        row
    });
    let table = Table::new(marked.collect())?;
    let table = table.filter("left out by --skip", |r| r.cluster.as_deref() != Some(SKIPPED))?;
    Ok((table, Origin { path: path.display().to_string(), flops }))
}

/// (column, value) of every --skip.
fn skips(file: &TextTable, args: &SourceArgs) -> anyhow::Result<Vec<(usize, String)>> {
    let one = |text: &String| {
        let Some((column, value)) = text.split_once('=') else {
            bail!("--skip {text} is not COLUMN=VALUE\nhint: for instance --skip outlier=1")
        };
        Ok((file.column(column, "--skip")?, value.to_string()))
    };
    args.skip.iter().map(one).collect()
}

/// Where each quantity stands.
struct Columns {
    params: usize,
    tokens: usize,
    flops: Option<usize>,
    loss: usize,
    run: Option<usize>,
    cluster: Option<usize>,
    seed: Option<usize>,
    hardware: Option<usize>,
    budget: Option<usize>,
    unique: Option<usize>,
    width: Option<usize>,
    depth: Option<usize>,
    learning_rate: Option<usize>,
    batch: Option<usize>,
    non_embedding: Option<usize>,
    header: Vec<String>,
}

impl Columns {
    fn new(file: &TextTable, args: &SourceArgs) -> anyhow::Result<Columns> {
        // A column that is asked for must be there; a usual name is taken where it is.
        let named = |asked: &Option<String>, usual: &str, flag: &str| match asked {
            Some(name) => file.column(name, flag).map(Some),
            None => Ok(file.find(usual)),
        };
        Ok(Columns {
            params: file.column(&args.params, "--params")?,
            tokens: file.column(&args.tokens, "--tokens")?,
            flops: named(&args.flops_column, "flops", "the column of C")?,
            loss: file.column(&args.loss, "--loss")?,
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
            non_embedding: named(
                &args.params_non_embedding,
                "params_non_embedding",
                "--params-non-embedding",
            )?,
            header: file.header.clone(),
        })
    }

    fn observation(
        &self,
        cells: &[String],
        k: usize,
        args: &SourceArgs,
    ) -> anyhow::Result<Observation> {
        let text = |at: Option<usize>| at.map(|i| cells[i].clone()).filter(|t| !t.is_empty());
        // What every row needs: an unreadable one is left out by name, as not a number.
        let needed = |at: usize| cells[at].parse::<f64>().unwrap_or(f64::NAN);
        let number = |at: Option<usize>| -> anyhow::Result<Option<f64>> {
            let Some(i) = at else { return Ok(None) };
            if cells[i].is_empty() {
                return Ok(None);
            }
            let value = cells[i].parse().ok().with_context(|| {
                format!(
                    "`{}` in column `{}` is not a number\nhint: empty cells are allowed there",
                    cells[i], self.header[i]
                )
            })?;
            Ok(Some(value))
        };
        let (params, tokens) = (needed(self.params), needed(self.tokens));
        let flops = self.flops.map_or(6.0 * params * tokens, needed);
        let unit = if args.loss_in_bits { std::f64::consts::LN_2 } else { 1.0 };
        let run = text(self.run).unwrap_or_else(|| format!("row {}", k + 1));
        Ok(Observation {
            budget_flops: number(self.budget)?,
            seed: text(self.seed),
            cluster: text(self.cluster),
            unique_tokens: number(self.unique)?,
            width: number(self.width)?,
            depth: number(self.depth)?,
            learning_rate: number(self.learning_rate)?,
            batch_tokens: number(self.batch)?,
            hardware: text(self.hardware),
            counts: Counts {
                params_total: Some(params),
                params_non_embedding: number(self.non_embedding)?,
                params_with_head: None,
                flops_exact: None,
            },
            ..Observation::new(run, params, tokens, flops, unit * needed(self.loss))
        })
    }
}
