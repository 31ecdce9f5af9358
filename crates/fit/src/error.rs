//! What a fit refuses, by name.

use serde::Serialize;

/// Why a table or a fit was refused. Every message says what is wrong, and what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FitError {
    #[error("the table has no rows\nhint: check the path, or that the runs have finished")]
    Empty,
    /// Rows were given, but every one was left out.
    #[error(
        "none of the {given} rows can be used; the first: run `{first_run}`: {first_reason}\nhint: {hint}"
    )]
    NothingUsable { given: usize, first_run: String, first_reason: String, hint: String },
    #[error(
        "{what} has {parameters} parameters and needs at least {needed} runs; {given} given\nhint: train more runs, or fit a law with fewer parameters"
    )]
    TooFewRows { what: String, parameters: usize, needed: usize, given: usize },
    /// N and D are the same in every row.
    #[error(
        "N (params) equals D (tokens) in all {rows} rows, as if both were read from one column\nhint: name the column of each (`--params` and `--tokens` of `sweep fit`)"
    )]
    OneColumn { rows: usize },
    /// A variable that the law separates never varies.
    #[error(
        "{variable} is the same in all {rows} runs, so {what} cannot be told\nhint: vary {variable} by a factor of 10 or more, or fit a one-variable law"
    )]
    Constant {
        variable: String,
        /// What it leaves open.
        what: String,
        rows: usize,
    },
    /// A column that the law needs is missing in some row.
    #[error(
        "run `{run}` has no {column}, which {what} needs\nhint: give the column, or leave the run out"
    )]
    MissingColumn {
        /// First run without it.
        run: String,
        column: String,
        /// Who needs it.
        what: String,
    },
    /// No slices: the budgets do not separate.
    #[error(
        "no two runs share a compute budget, so there are no isoFLOP slices ({detail})\nhint: give a budget column, or use the parametric fit"
    )]
    NoSlices { detail: String },
    /// Too few slices with a bracketed minimum for a power law.
    #[error("{bracketed} of {slices} {unit}; a power law needs {needed}\nhint: {hint}")]
    TooFewMinima {
        /// Usable slices, or models on the envelope.
        bracketed: usize,
        /// All slices, or model sizes.
        slices: usize,
        needed: usize,
        /// What was counted, in words.
        unit: String,
        hint: String,
    },
    #[error("`{option}` is {value}, outside {range}\nhint: {hint}")]
    BadOption { option: String, value: String, range: String, hint: String },
    /// The fit ended somewhere that is not a result.
    #[error("{what} gave no result: {why}\nhint: {hint}")]
    NoResult { what: String, why: String, hint: String },
}

impl FitError {
    /// Whether the table or an option cannot be what was meant, as opposed to runs that do not hold a fit.
    pub fn is_misuse(&self) -> bool {
        use FitError::{BadOption, Empty, MissingColumn, NothingUsable, OneColumn};
        matches!(
            self,
            Empty
                | NothingUsable { .. }
                | OneColumn { .. }
                | MissingColumn { .. }
                | BadOption { .. }
        )
    }

    /// The error with its hint behind it.
    pub(crate) fn one_line(&self) -> String {
        self.to_string().replace("\nhint: ", "; ")
    }
}
