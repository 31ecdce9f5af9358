//! Options of `sweep runs`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::OutputArgs;

/// Options of `sweep runs`.
#[derive(Debug, Clone, Args)]
pub struct RunsArgs {
    /// Results folders; several are read as one study (see `sweep merge`)
    #[arg(value_name = "FOLDER", required = true)]
    pub results: Vec<PathBuf>,
    /// Print all columns as CSV, which `sweep fit --csv` reads; `--skip in_fit=false` leaves out what fits of the folder do not see
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// How it speaks.
    #[command(flatten)]
    pub output: OutputArgs,
}
