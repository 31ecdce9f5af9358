//! The words of `grid.multiply`.

use serde::Serialize;

use super::words::words;

/// Cells of a slice that multipliers can be limited to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Multiply {
    All,
    /// The cell nearest to where the minimum is expected: at the expected optimum where sizes are spread around one,
    /// else at the geometric middle of the slice's sizes.
    Minima,
    Smallest,
    Largest,
}

impl Multiply {
    /// As the file has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Minima => "minima",
            Self::Smallest => "smallest",
            Self::Largest => "largest",
        }
    }
}

words!(Multiply:
    "all" = Self::All,
    "minima" = Self::Minima,
    "smallest" = Self::Smallest,
    "largest" = Self::Largest,
);
