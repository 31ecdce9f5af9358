//! What is asked of a table.

/// The form that a file is said to have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// CSV or JSON, whichever it holds.
    #[default]
    Any,
    /// JSON; CSV is refused.
    Json,
}

/// Names of columns. Those that are `None` are taken for their usual names where there is such a column.
#[derive(Debug, Clone)]
pub struct ColumnNames {
    /// N.
    pub params: String,
    /// D.
    pub tokens: String,
    /// C; `flops` where there is such a column, else 6 N D.
    pub flops: Option<String>,
    pub loss: String,
    /// Names of runs; `run`, else W&B's `Name` where it tells all rows apart.
    pub run: Option<String>,
    /// What is resampled together. Where it is given, earlier rows of a history stay.
    pub cluster: Option<String>,
    pub seed: Option<String>,
    pub hardware: Option<String>,
    /// Budgets of slices, FLOPs.
    pub budget: Option<String>,
    pub unique_tokens: Option<String>,
    pub width: Option<String>,
    pub depth: Option<String>,
    pub learning_rate: Option<String>,
    /// Tokens of a step.
    pub batch_tokens: Option<String>,
    pub params_total: Option<String>,
    pub params_non_embedding: Option<String>,
}

impl Default for ColumnNames {
    fn default() -> Self {
        Self {
            params: "params".into(),
            tokens: "tokens".into(),
            flops: None,
            loss: "loss".into(),
            run: None,
            cluster: None,
            seed: None,
            hardware: None,
            budget: None,
            unique_tokens: None,
            width: None,
            depth: None,
            learning_rate: None,
            batch_tokens: None,
            params_total: None,
            params_non_embedding: None,
        }
    }
}

/// How many parameters, tokens and FLOPs a number in the columns of N, D and C is; `None` is 1, or what the header says.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct UnitFactors {
    pub params: Option<f64>,
    pub tokens: Option<f64>,
    pub flops: Option<f64>,
}

/// What is asked of a table.
#[derive(Debug, Clone)]
pub struct TableOptions {
    pub columns: ColumnNames,
    pub units: UnitFactors,
    /// The loss is in bits per token, not nats.
    pub loss_in_bits: bool,
    /// Take the numbers as they stand, whatever their levels say.
    pub trust_units: bool,
    /// Take what is missing of N, D and C from the other two by C = 6 N D.
    pub assume_6nd: bool,
    /// Leave out rows, each as `COLUMN=VALUE`.
    pub skip: Vec<String>,
    /// Most bytes of text, unpacked; never more than 4 GiB.
    pub most_bytes: u64,
}

/// A table of ten million rows.
const MOST_BYTES: u64 = 1 << 30;

impl Default for TableOptions {
    fn default() -> Self {
        Self {
            columns: ColumnNames::default(),
            units: UnitFactors::default(),
            loss_in_bits: false,
            trust_units: false,
            assume_6nd: false,
            skip: Vec::new(),
            most_bytes: MOST_BYTES,
        }
    }
}
