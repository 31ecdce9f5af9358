//! Options of `sweep compare`.

use std::path::PathBuf;

use clap::Args;

use super::{ColumnArgs, OutputArgs, SourceArgs};

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
    /// Of tables: column of C; C = 6 N D where there is none [default: flops, where there is such a column]
    #[arg(long, value_name = "COLUMN")]
    pub flops: Option<String>,
    /// Columns and units of tables.
    #[command(flatten)]
    pub columns: ColumnArgs,
    /// How it speaks.
    #[command(flatten)]
    pub output: OutputArgs,
}

impl CompareArgs {
    /// Where the runs of a table are.
    pub fn table(&self, path: PathBuf) -> SourceArgs {
        let jsonl = path.extension().is_some_and(|e| e == "jsonl" || e == "ndjson");
        let (csv, jsonl) = if jsonl { (None, Some(path)) } else { (Some(path), None) };
        let columns = self.columns.clone();
        SourceArgs { csv, jsonl, columns, ..SourceArgs::default() }.with_flops(&self.flops)
    }
}
