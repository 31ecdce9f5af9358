//! Options of `sweep predict`.

use std::path::PathBuf;

use clap::Args;

use super::{ModelArgs, OutputArgs, SourceArgs};

/// Options of `sweep predict`.
#[derive(Debug, Clone, Args)]
pub struct PredictArgs {
    /// A published law (see --list) in place of runs
    #[arg(long, value_name = "LAW", conflicts_with_all = ["results", "csv", "jsonl"])]
    pub published: Option<String>,
    /// List the published laws, with sources and conventions
    #[arg(long)]
    pub list: bool,
    /// Where the runs are.
    #[command(flatten)]
    pub source: SourceArgs,
    /// Column of C; C = 6 N D where there is none [default: flops, where there is such a column]
    #[arg(long, value_name = "COLUMN")]
    pub flops_column: Option<String>,
    /// How they are fitted. `--law` also takes the name of a published law
    #[command(flatten)]
    pub model: ModelArgs,
    /// Budgets, FLOPs
    #[arg(long, value_name = "FLOPS", num_args = 1.., value_delimiter = ',')]
    pub flops: Vec<f64>,
    /// The least budget for this loss, nats per token (with a published law, --loss says the same)
    #[arg(long, value_name = "NATS")]
    pub target_loss: Option<f64>,
    /// The best N for this many tokens; with --for-params also the loss (with a published law: --tokens)
    #[arg(long, value_name = "D")]
    pub for_tokens: Option<f64>,
    /// The best D for this many parameters; with --target-loss also what that size costs (with a published law: --params)
    #[arg(long, value_name = "N")]
    pub for_params: Option<f64>,
    /// With --target-loss: count inference of this many tokens too (2 N FLOPs each)
    #[arg(long, value_name = "TOKENS", default_value_t = 0.0)]
    pub inference_tokens: f64,
    /// Answer budgets more than 10,000 times the largest run too
    #[arg(long)]
    pub far_extrapolation: bool,
    /// Fit only the runs of budgets up to this many FLOPs (without budgets: of C up to this), to forecast the rest
    #[arg(long, value_name = "FLOPS")]
    pub up_to: Option<f64>,
    /// Write the forecast down in a new file, with law, intervals, date and the hash of the runs, to be scored later
    #[arg(long, value_name = "FILE")]
    pub register: Option<PathBuf>,
    /// Say how far off a registered forecast was, on the runs of FOLDER or a table [default: where its runs came from]
    #[arg(long, value_name = "FILE")]
    pub score: Option<PathBuf>,
    /// With --score: score a file that was edited, or runs of other numerics, all the same, and say so
    #[arg(long)]
    pub nonetheless: bool,
    /// How it speaks.
    #[command(flatten)]
    pub output: OutputArgs,
}
