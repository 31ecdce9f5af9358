//! Options about the columns of a table, which every command that reads tables shares.

use clap::Args;
use isoflop_tables::{ColumnNames, TableOptions};

use super::UnitArgs;

/// Columns of a table.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Of tables")]
pub struct ColumnArgs {
    /// Column of N
    #[arg(long, value_name = "COLUMN", default_value = "params")]
    pub params: String,
    /// Column of D
    #[arg(long, value_name = "COLUMN", default_value = "tokens")]
    pub tokens: String,
    /// Column of C, which each command names its own way.
    #[arg(skip)]
    pub flops: Option<String>,
    /// Column of the loss
    #[arg(long, value_name = "COLUMN", default_value = "loss")]
    pub loss: String,
    /// The loss is given in bits per token
    #[arg(long)]
    pub loss_in_bits: bool,
    /// Column of run names [default: run, where there is such a column]
    #[arg(long, value_name = "COLUMN")]
    pub run: Option<String>,
    /// Column that names what is resampled together (checkpoints of one training)
    #[arg(long, value_name = "COLUMN")]
    pub cluster: Option<String>,
    /// Column of seeds
    #[arg(long, value_name = "COLUMN")]
    pub seed_column: Option<String>,
    /// Column of budgets (slices), FLOPs
    #[arg(long, value_name = "COLUMN")]
    pub budget: Option<String>,
    /// Column of unique tokens, where data were repeated
    #[arg(long, value_name = "COLUMN")]
    pub unique_tokens: Option<String>,
    /// Column of widths
    #[arg(long, value_name = "COLUMN")]
    pub width: Option<String>,
    /// Column of depths
    #[arg(long, value_name = "COLUMN")]
    pub depth: Option<String>,
    /// Column of learning rates
    #[arg(long, value_name = "COLUMN")]
    pub learning_rate: Option<String>,
    /// Column of batches, tokens per step
    #[arg(long, value_name = "COLUMN")]
    pub batch_tokens: Option<String>,
    /// Column of machines: runs of one cell and seed on several are repeats, and tell whether their losses agree
    #[arg(long, value_name = "COLUMN")]
    pub hardware: Option<String>,
    /// Column of all parameters, embeddings included, for --convention [default: params_total, where there is such a column]
    #[arg(long, value_name = "COLUMN")]
    pub params_total: Option<String>,
    /// Column of parameters without embeddings, for --convention
    #[arg(long, value_name = "COLUMN")]
    pub params_non_embedding: Option<String>,
    /// Units of N, D and C.
    #[command(flatten)]
    pub units: UnitArgs,
    /// Leave out rows whose COLUMN is VALUE
    #[arg(long, value_name = "COLUMN=VALUE")]
    pub skip: Vec<String>,
}

impl ColumnArgs {
    /// What is asked of the table.
    pub fn resolve(&self) -> anyhow::Result<TableOptions> {
        let columns = ColumnNames {
            params: self.params.clone(),
            tokens: self.tokens.clone(),
            flops: self.flops.clone(),
            loss: self.loss.clone(),
            run: self.run.clone(),
            cluster: self.cluster.clone(),
            seed: self.seed_column.clone(),
            hardware: self.hardware.clone(),
            budget: self.budget.clone(),
            unique_tokens: self.unique_tokens.clone(),
            width: self.width.clone(),
            depth: self.depth.clone(),
            learning_rate: self.learning_rate.clone(),
            batch_tokens: self.batch_tokens.clone(),
            params_total: self.params_total.clone(),
            params_non_embedding: self.params_non_embedding.clone(),
        };
        Ok(TableOptions {
            columns,
            units: self.units.factors()?,
            loss_in_bits: self.loss_in_bits,
            trust_units: self.units.trust_units,
            assume_6nd: self.units.assume_6nd,
            skip: self.skip.clone(),
            ..TableOptions::default()
        })
    }
}
