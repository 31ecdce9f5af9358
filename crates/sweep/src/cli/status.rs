use std::path::PathBuf;

use clap::Args;

use super::OutputArgs;

/// Options of `sweep status`.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// The results folder
    #[arg(value_name = "FOLDER", required = true)]
    pub results: PathBuf,
    /// Tell again as it changes, until every cell has ended
    #[arg(long)]
    pub watch: bool,
    /// How it speaks.
    #[command(flatten)]
    pub output: OutputArgs,
}
