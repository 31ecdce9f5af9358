//! Why sides cannot be compared.

/// What keeps a comparison from being made; each ends with a hint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompareError {
    #[error("there is nothing to compare with\nhint: name two or more results folders or tables")]
    OneSide,
    #[error(
        "{first} and {second} have no cell in common\nhint: train the same configuration on both, or compare their frontiers with `--recipes`"
    )]
    NothingInCommon { first: String, second: String },
    #[error(
        "{second} shares no cell with the first, and its frontier cannot be compared: {why}\nhint: train the same configuration on both, or at least three budgets of seven sizes with each recipe"
    )]
    NoGain { second: String, why: String },
}
