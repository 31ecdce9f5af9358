//! The command line as typed.

mod check;
mod columns;
mod compare;
mod extend;
mod fit;
mod init;
mod predict;
mod report;
mod runs;
mod slurm;
mod status;
mod study;
mod units;
mod words;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};

pub use check::CheckArgs;
pub use columns::ColumnArgs;
pub use compare::CompareArgs;
pub use extend::ExtendArgs;
pub use fit::{FitArgs, ModelArgs, SourceArgs};
pub use init::InitArgs;
pub use predict::PredictArgs;
pub use report::ReportArgs;
pub use runs::RunsArgs;
pub use slurm::{SlurmArgs, SlurmAsk, TaskArgs};
pub use status::StatusArgs;
pub use study::{ConfigArgs, StudyArgs, devices, explain};
pub use units::UnitArgs;

/// Scaling laws of your own: trains a grid of small transformer language models on your data and your
/// hardware, fits it, and writes a report.
///
/// `sweep grid.toml` does everything. Running it again continues where it stopped. `sweep init` writes a first grid.toml.
#[derive(Debug, Parser)]
#[command(
    name = "sweep",
    version,
    override_usage = "sweep <FILE> [OPTIONS]\n       sweep <COMMAND>",
    arg_required_else_help = true
)]
pub struct Cli {
    /// What to do; `run` where only options are given.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Reads the command line; options without a command are those of `run`.
    pub fn read() -> Self {
        let words = match words::with_command(std::env::args_os().collect()) {
            Ok(words) => words,
            Err(misuse) => {
                let json = std::env::args_os().any(|word| word == "--json");
                let code = crate::failure::misused(misuse, json);
                std::process::exit(code.into())
            }
        };
        match Self::try_parse_from(&words) {
            Ok(cli) => cli,
            Err(error) if !is_help(&error) => {
                crate::print::say(&with_hint(&error.to_string(), words.get(1)));
                std::process::exit(error.exit_code())
            }
            Err(help) => help.exit(),
        }
    }
}

/// Help and version, asked for or shown because nothing was.
fn is_help(error: &clap::Error) -> bool {
    use clap::error::ErrorKind;
    !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
}

/// The parser's own error, with its last line as every other error has it.
fn with_hint(error: &str, command: Option<&OsString>) -> String {
    let error = error.trim_end().trim_end_matches("For more information, try '--help'.").trim_end();
    let name = command.and_then(|w| w.to_str()).unwrap_or_default();
    let of = match Cli::command().find_subcommand(name) {
        Some(command) => format!(" {}", command.get_name()),
        None => String::new(),
    };
    format!("{error}\n\nhint: see `sweep{of} --help`")
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a first configuration, for your text, your device and so many hours
    Init(InitArgs),
    /// Train the grid, fit it and write the report (the same as no command)
    Run(RunArgs),
    /// Print the grid without training: cells, shapes, FLOPs, hyper-parameters, memory, time
    Plan(PlanArgs),
    /// Assess the data: documents, tokens, duplicates, entropy, the largest budget it feeds
    Data(DataArgs),
    /// List the devices, and what would be picked and why; test one
    Devices(DevicesArgs),
    /// Measure how fast models of given shapes train, alone and in stacks
    Bench(BenchArgs),
    /// List the runs of a study as one table, or as CSV
    Runs(RunsArgs),
    /// Train wider or narrower models where a budget's best size is at an end of those that it has
    Extend(ExtendArgs),
    /// Write the report anew from a results folder, or one of several together; or of any table of runs (CSV, JSONL)
    Report(ReportArgs),
    /// Put the results folders of several machines together as one study
    Merge(MergeArgs),
    /// Deal a study out to tasks: a job array for Slurm and a report behind it, or plain processes (--local)
    Slurm(SlurmArgs),
    /// Train one task of a study that was dealt out
    Task(TaskArgs),
    /// Say how far a study is, at work or not: cells, time left, who trains it and where, what was lost
    Status(StatusArgs),
    /// Verify every file of a results folder, say what is damaged and what can be done, and mend it
    Check(CheckArgs),
    /// Fit scaling laws to results folders or to any table of runs (CSV, JSONL)
    Fit(FitArgs),
    /// Hold studies against each other: do losses agree, which machine is faster, what does a recipe save
    Compare(CompareArgs),
    /// Plan from a fit or from a published law: the best N and D for a budget, and the inverse
    Predict(PredictArgs),
}

/// How a command speaks.
#[derive(Debug, Clone, Default, Args)]
pub struct OutputArgs {
    /// Say nothing but warnings, errors and the result
    #[arg(long, short)]
    pub quiet: bool,
    /// Print the result as JSON on stdout, and progress as a JSON object per line on stderr
    #[arg(long)]
    pub json: bool,
}

/// Options of `sweep run`.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// The study.
    #[command(flatten)]
    pub study: StudyArgs,
    /// Accept a grid that changed since the results were begun: cells in common are kept
    #[arg(long)]
    pub extend: bool,
    /// How it speaks.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Options of `sweep plan`.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// The study.
    #[command(flatten)]
    pub study: StudyArgs,
    /// Leave out the short measurement on the device, and with it the estimate of time
    #[arg(long)]
    pub no_measure: bool,
    /// How it speaks.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Options of `sweep data`.
#[derive(Debug, Clone, Args)]
pub struct DataArgs {
    /// The study.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// How it speaks.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Options of `sweep devices`.
#[derive(Debug, Clone, Args)]
pub struct DevicesArgs {
    /// Which device would be picked by this name, instead of auto
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// Compare every operation of training on the picked adapter with the CPU, and make the verdict that starts remember anew
    #[arg(long)]
    pub test: bool,
    /// Shader compiler to test: spirv or wgsl, instead of auto, which tests all that the adapter takes
    #[arg(long, value_name = "NAME", default_value = "auto", requires = "test")]
    pub shader: String,
    /// End the test of one shader compiler after so long; what is not done counts as failed
    #[arg(long, value_name = "SECONDS", requires = "test")]
    pub limit: Option<f64>,
    /// How it speaks.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Options of `sweep bench`.
#[derive(Debug, Clone, Args)]
pub struct BenchArgs {
    /// Models and batches: [gpt2:]L<depth>d<width>h<heads>[H<hidden>]V<vocabulary>x<sequences>x<context>,
    /// such as L4d64h2V256x16x128
    #[arg(long, value_name = "SHAPE", num_args = 1.., required = true)]
    pub shapes: Vec<String>,
    /// Replicas in a stack, each number measured in turn; auto doubles them as long as it pays
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1")]
    pub replicas: Vec<String>,
    /// Stacks that train at once on the CPU, each number measured in turn; auto is what a sweep does
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1")]
    pub stacks_at_once: Vec<String>,
    /// Instead of whole steps, time the operations of each model on a GPU: as kernels and as tensor operations
    #[arg(long, conflicts_with_all = ["kernels", "stacks_at_once", "rounds"])]
    pub operations: bool,
    /// The model's operations on a GPU as kernels (on), as tensor operations (off), or both in turn (on,off); auto is what a sweep does
    #[arg(long, value_name = "WHICH", value_delimiter = ',', default_value = "auto")]
    pub kernels: Vec<String>,
    /// Device: auto, cpu, gpu, or part of an adapter's name (see `sweep devices`)
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// Shader compiler of a GPU: auto, spirv or wgsl
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub shader: String,
    /// Precision of matrix products: f32, f16 or bf16
    #[arg(long, value_name = "NAME", default_value = "f32")]
    pub precision: String,
    /// Seconds of one measurement, all rounds together
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    pub seconds: f64,
    /// Rounds of one measurement, of which the median counts
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub rounds: usize,
    /// How it speaks.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Options of `sweep merge`.
#[derive(Debug, Clone, Args)]
pub struct MergeArgs {
    /// Results folders of one recipe on the same data; their grids may differ. The first machine is what others are compared with
    #[arg(value_name = "FOLDER", num_args = 2.., required = true)]
    pub results: Vec<PathBuf>,
    /// The new results folder, which `fit`, `report` and `predict` read like any other
    #[arg(long, value_name = "FOLDER", required = true)]
    pub into: PathBuf,
    /// How it speaks.
    #[command(flatten)]
    pub output: OutputArgs,
}
