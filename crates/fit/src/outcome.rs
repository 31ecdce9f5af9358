//! How a fit ended: a value that the caller has to look at.

use serde::Serialize;

/// How a minimisation over all starts ended. Only [`Outcome::Converged`] is a result.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// A minimum inside the law's range.
    Converged {
        starts: usize,
        /// Share of them that ended at the same optimum (objective within 1e-6).
        agreeing: f64,
        /// Condition number of the scaled Gauss-Newton matrix.
        condition: f64,
    },
    /// The best point sits where no result can be: E near 0, an exponent of 0.
    AtBound {
        parameters: Vec<String>,
        starts: usize,
        /// Share of them that ended there.
        agreeing: f64,
    },
    /// The data do not tell some parameters apart.
    Degenerate {
        /// Condition number of the scaled Gauss-Newton matrix.
        condition: f64,
        /// Parameters that the flattest direction mixes.
        parameters: Vec<String>,
    },
    /// No start met the stopping rule.
    DidNotConverge { starts: usize },
    /// A minimum, but most refits to resampled runs have none: a few runs less, and there is no law.
    Unstable {
        /// Refits that did not converge.
        failed: usize,
        draws: usize,
    },
}

impl Outcome {
    pub fn is_result(&self) -> bool {
        matches!(self, Outcome::Converged { .. })
    }

    /// What to do about it; `None` for a result.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Outcome::Converged { .. } => return None,
            Outcome::AtBound { parameters, .. } if parameters.iter().any(|p| p == "E") => {
                "these runs tell no floor from none: fit a law with fewer parameters (`--law tied`), with E given (`--law pinned=E`; 0 is allowed) or without one (`--law joint`), or train over a wider range of N and D".into()
            }
            Outcome::AtBound { .. } => {
                "this law or objective does not describe these runs: try another objective, leave out mistuned runs, or widen the range of N and D".into()
            }
            Outcome::Degenerate { .. } => {
                "vary N and D apart from each other (neither D = k N nor one budget alone can tell them apart), or fit a law with fewer parameters".into()
            }
            Outcome::Unstable { .. } => {
                "these runs hardly tell the parameters apart: add budgets and sizes, or fit a law with fewer parameters".into()
            }
            Outcome::DidNotConverge { .. } => {
                "the losses hardly change along some direction of the parameters: vary N and D more widely, fit a law with fewer parameters, or try another objective".into()
            }
        })
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Outcome::Converged { starts, agreeing, condition } => write!(
                f,
                "converged: {:.0}% of {starts} starts agree, condition {condition:.2e}",
                100.0 * agreeing
            ),
            Outcome::AtBound { parameters, starts, agreeing } => write!(
                f,
                "at bound: {} ({:.0}% of {starts} starts)",
                parameters.join(", "),
                100.0 * agreeing
            ),
            Outcome::Degenerate { condition, parameters } => write!(
                f,
                "degenerate: {} cannot be told apart, condition {condition:.2e}",
                parameters.join(", ")
            ),
            Outcome::DidNotConverge { starts } => {
                write!(f, "did not converge from any of {starts} starts")
            }
            Outcome::Unstable { failed, draws } => {
                write!(f, "unstable: {failed} of {draws} refits to resampled runs did not converge")
            }
        }
    }
}
