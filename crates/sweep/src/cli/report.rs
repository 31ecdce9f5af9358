//! Options of `sweep report`.

use std::path::PathBuf;

use clap::{Args, Parser};

use crate::cli::{ModelArgs, OutputArgs, SourceArgs};

/// Options of `sweep report`.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// Where the runs are.
    #[command(flatten)]
    pub source: SourceArgs,
    /// Column of C; C = 6 N D where there is none [default: flops, where there is such a column]
    #[arg(long, value_name = "COLUMN")]
    pub flops: Option<String>,
    /// How a table is fitted; a study's configuration says it itself.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Where page, plots and fit are written, instead of the results folder, or of TABLE-report beside a table; needed for
    /// several folders
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// How it speaks.
    #[command(flatten)]
    pub output: OutputArgs,
}

impl ReportArgs {
    /// Whether options that only tables have are given.
    pub fn has_options_of_tables(&self) -> bool {
        #[derive(Debug, Parser)]
        struct Line {
            #[command(flatten)]
            report: ReportArgs,
        }
        let mut usual = Line::parse_from(["report"]).report;
        usual.source.results.clone_from(&self.source.results);
        usual.out.clone_from(&self.out);
        usual.output.clone_from(&self.output);
        format!("{usual:?}") != format!("{self:?}")
    }
}
