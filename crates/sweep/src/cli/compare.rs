//! Options of `sweep compare`.

use std::path::PathBuf;

use clap::Args;

use super::{OutputArgs, SourceArgs, UnitArgs};

/// Options of `sweep compare`.
#[derive(Debug, Clone, Args)]
pub struct CompareArgs {
    /// Results folders, or tables of runs (.csv, .tsv, .jsonl); all are held against the first
    #[arg(value_name = "FOLDER|TABLE", required = true, num_args = 2..)]
    pub sources: Vec<PathBuf>,
    /// Short names for them, in their order [default: the folders' own]
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    pub names: Vec<String>,
    /// Hold them against each other as machines: pairs of equal cells [default: where half of the cells have one]
    #[arg(long, conflicts_with = "recipes")]
    pub machines: bool,
    /// As recipes: how many times the compute the first takes for what another reaches
    #[arg(long)]
    pub recipes: bool,
    /// Largest difference of the loss that counts as equal, in percent [default: the noise between seeds]
    #[arg(long, value_name = "PERCENT")]
    pub margin: Option<f64>,
    /// Also compare studies that are not trained to their end
    #[arg(long)]
    pub unfinished: bool,
    /// Where the page goes
    #[arg(long, value_name = "FILE", default_value = "compare.html")]
    pub page: PathBuf,
    /// Bootstrap draws
    #[arg(long, default_value_t = 1000)]
    pub draws: usize,
    /// Level of the intervals
    #[arg(long, default_value_t = 0.95)]
    pub level: f64,
    /// Seed of everything random
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Of tables: column of N
    #[arg(long, value_name = "COLUMN", default_value = "params")]
    pub params: String,
    /// Of tables: column of D
    #[arg(long, value_name = "COLUMN", default_value = "tokens")]
    pub tokens: String,
    /// Of tables: column of C; C = 6 N D where there is none [default: flops, where there is such a column]
    #[arg(long, value_name = "COLUMN")]
    pub flops: Option<String>,
    /// Of tables: column of the loss
    #[arg(long, value_name = "COLUMN", default_value = "loss")]
    pub loss: String,
    /// Of tables: the loss is given in bits per token
    #[arg(long)]
    pub loss_in_bits: bool,
    /// Of tables: column of run names [default: run, where there is such a column]
    #[arg(long, value_name = "COLUMN")]
    pub run: Option<String>,
    /// Of tables: column of seeds
    #[arg(long, value_name = "COLUMN")]
    pub seed_column: Option<String>,
    /// Of tables: column of budgets (slices), FLOPs
    #[arg(long, value_name = "COLUMN")]
    pub budget: Option<String>,
    /// Of tables: units of N, D and C.
    #[command(flatten)]
    pub units: UnitArgs,
    /// How it speaks.
    #[command(flatten)]
    pub output: OutputArgs,
}

impl CompareArgs {
    /// Where the runs of a table are.
    pub fn table(&self, path: PathBuf) -> SourceArgs {
        let jsonl = path.extension().is_some_and(|e| e == "jsonl" || e == "ndjson");
        let (csv, jsonl) = if jsonl { (None, Some(path)) } else { (Some(path), None) };
        SourceArgs {
            csv,
            jsonl,
            params: self.params.clone(),
            tokens: self.tokens.clone(),
            flops_column: self.flops.clone(),
            loss: self.loss.clone(),
            loss_in_bits: self.loss_in_bits,
            run: self.run.clone(),
            seed_column: self.seed_column.clone(),
            budget: self.budget.clone(),
            units: self.units.clone(),
            ..SourceArgs::default()
        }
    }
}
