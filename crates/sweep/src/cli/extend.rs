//! Options of `sweep extend`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::OutputArgs;

/// Options of `sweep extend`.
#[derive(Debug, Clone, Args)]
pub struct ExtendArgs {
    /// The results folder of a study whose cells have ended
    #[arg(value_name = "FOLDER")]
    pub results: PathBuf,
    /// Show the widths to add, and train nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Device, instead of device.name; given again, they train together
    #[arg(long, value_name = "NAME")]
    pub device: Vec<String>,
    /// How it speaks.
    #[command(flatten)]
    pub output: OutputArgs,
}
