use std::path::PathBuf;

use clap::Args;

use super::OutputArgs;

/// Options of `sweep check`.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// The results folder
    #[arg(value_name = "FOLDER", required = true)]
    pub results: PathBuf,
    /// Move aside what is damaged and can be made anew: lines of the ledger, passports, checkpoints
    #[arg(long)]
    pub mend: bool,
    /// How it speaks.
    #[command(flatten)]
    pub output: OutputArgs,
}
