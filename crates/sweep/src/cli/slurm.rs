use std::path::PathBuf;

use clap::Args;

use super::{OutputArgs, StudyArgs};

/// Options of `sweep slurm`.
#[derive(Debug, Clone, Args)]
pub struct SlurmArgs {
    /// The study.
    #[command(flatten)]
    pub study: StudyArgs,
    /// Accept a grid that changed since the results were begun: cells in common are kept
    #[arg(long)]
    pub extend: bool,
    /// Tasks to deal the cells out to, of about equal time
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub tasks: usize,
    /// Deal them out by the speeds at which the cells of this results folder trained; else by those of the study's own cells, and
    /// by FLOPs before there are any
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["measure", "flops_per_second"])]
    pub speed_of: Option<PathBuf>,
    /// Deal them out by speeds measured now, on this machine's device
    #[arg(long, conflicts_with = "flops_per_second")]
    pub measure: bool,
    /// Speed of a task, for how long it takes
    #[arg(long, value_name = "F")]
    pub flops_per_second: Option<f64>,
    /// Hand the jobs over to Slurm
    #[arg(long, conflicts_with = "local")]
    pub submit: bool,
    /// Train the tasks here instead, as so many processes at a time, then fit and report
    #[arg(long, value_name = "N")]
    pub local: Option<usize>,
    /// What is asked of Slurm.
    #[command(flatten)]
    pub ask: SlurmAsk,
    /// How it speaks.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What is asked of Slurm for each task.
#[derive(Debug, Clone, Args)]
pub struct SlurmAsk {
    /// Slurm's --partition
    #[arg(long, value_name = "NAME")]
    pub partition: Option<String>,
    /// Slurm's --account
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// Slurm's --gres for each task, such as gpu:1
    #[arg(long, value_name = "LIST")]
    pub gres: Option<String>,
    /// Slurm's --time for each task; one that is not done by then goes on in another turn
    #[arg(long, value_name = "TIME")]
    pub time: Option<String>,
    /// Slurm's --cpus-per-task
    #[arg(long, value_name = "N")]
    pub cpus: Option<usize>,
    /// Slurm's --mem for each task
    #[arg(long, value_name = "SIZE")]
    pub mem: Option<String>,
    /// Tasks that run at a time, at most
    #[arg(long, value_name = "N")]
    pub at_once: Option<usize>,
    /// Whole nodes, so many at a time, each for one task (Slurm's --exclusive); `--device all` trains on all GPUs of a node
    #[arg(long, value_name = "N", conflicts_with = "at_once")]
    pub nodes: Option<usize>,
    /// Seconds before the time limit at which a task saves and leaves
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub save_seconds: u32,
    /// Any other option of sbatch, as in --sbatch=--qos=low; may be given again
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    pub sbatch: Vec<String>,
}

/// Options of `sweep task`.
#[derive(Debug, Clone, Args)]
pub struct TaskArgs {
    /// The results folder
    #[arg(value_name = "FOLDER", required = true)]
    pub results: PathBuf,
    /// Number of the task, from 0
    #[arg(value_name = "NUMBER", required = true)]
    pub number: usize,
    /// Device, instead of device.name: auto, cpu, gpu, all, or part of an adapter's name (see `sweep devices`); given again, they
    /// train together
    #[arg(long, value_name = "NAME")]
    pub device: Vec<String>,
    /// How it speaks.
    #[command(flatten)]
    pub output: OutputArgs,
}
