//! Published laws as data: each figure with its source, how it was verified, its convention and its range.

mod data;
mod draws;
mod null_draws;
mod plan;
mod reconcile;
mod reject;

pub use data::PUBLISHED;
pub use reconcile::{Counted, Reconciled, reconcile, total_params};
pub use reject::{Fits, Held, LawTest, Null, NullTest, test_law};

use serde::Serialize;

use crate::compute::ComputeRule;
use crate::error::FitError;
use crate::law::SumOfPowers;

/// What a publication gives.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Form {
    /// `E + A / N^alpha + B / D^beta`.
    Sum { floor: f64, a: f64, alpha: f64, b: f64, beta: f64 },
    /// `[(N_c / N)^(alpha_N / alpha_D) + D_c / D]^alpha_D`.
    Joint { params: f64, alpha_n: f64, tokens: f64, alpha_d: f64 },
    /// Power laws of the best split: (coefficient, exponent) of N*(C) and D*(C), C in FLOPs.
    Split {
        /// N*.
        params: Option<(f64, f64)>,
        /// D*.
        tokens: Option<(f64, f64)>,
    },
    /// Exponents alone.
    Exponents {
        /// a of N*(C).
        params: f64,
        /// b of D*(C).
        tokens: f64,
    },
    /// Neither a loss nor a best split, but the best learning rate and batch: see [`Published::tuning`].
    TuningOnly,
}

/// `coefficient N^params D^tokens C^flops`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rule {
    /// Value where N, D and C are 1.
    pub coefficient: f64,
    pub params: f64,
    pub tokens: f64,
    /// Power of C, FLOPs.
    pub flops: f64,
}

impl Rule {
    pub fn at(&self, params: f64, tokens: f64, flops: f64) -> f64 {
        self.coefficient
            * params.powf(self.params)
            * tokens.powf(self.tokens)
            * flops.powf(self.flops)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Tuning {
    pub learning_rate: Rule,
    pub batch_tokens: Rule,
}

/// How the figures of an entry were checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "how", content = "detail", rename_all = "snake_case")]
pub enum Verified {
    /// Come out again of the authors' own runs, files or script.
    Recomputed(&'static str),
    /// Read in the publication's own text.
    Read(&'static str),
    /// Read in copies by others that agree with each other.
    Copied(&'static str),
}

impl std::fmt::Display for Verified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Verified::Recomputed(detail) => write!(f, "recomputed ({detail})"),
            Verified::Read(detail) => write!(f, "read in the source ({detail})"),
            Verified::Copied(detail) => write!(f, "second hand: {detail}"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Published {
    pub key: &'static str,
    pub title: &'static str,
    pub source: &'static str,
    pub verified: Verified,
    pub convention: &'static str,
    pub form: Form,
    pub tuning: Option<Tuning>,
    /// Covariance of `(ln A, ln B, ln E, alpha, beta)`, where known.
    pub covariance: Option<[[f64; 5]; 5]>,
    /// 95% interval of the exponent of N*, where published.
    pub exponent_interval: Option<(f64, f64)>,
    /// Range of C of its runs, FLOPs.
    pub valid_flops: Option<(f64, f64)>,
    pub note: &'static str,
}

/// The law of a key.
///
/// # Errors
/// [`FitError::BadOption`] that lists the keys.
pub fn published(key: &str) -> Result<&'static Published, FitError> {
    PUBLISHED.iter().find(|p| p.key == key).ok_or_else(|| FitError::BadOption {
        option: "law".into(),
        value: key.into(),
        range: PUBLISHED.iter().map(|p| p.key).collect::<Vec<_>>().join(", "),
        hint: "these are the published laws".into(),
    })
}

impl Published {
    /// The law as a sum of powers, where it is one.
    pub fn sum_of_powers(&self) -> Option<SumOfPowers> {
        match self.form {
            Form::Sum { floor, a, alpha, b, beta } => Some(SumOfPowers {
                log_floor: floor.ln(),
                log_a: a.ln(),
                alpha,
                log_b: b.ln(),
                beta,
                power: 1.0,
            }),
            Form::Joint { params, alpha_n, tokens, alpha_d } => Some(SumOfPowers {
                log_floor: f64::NEG_INFINITY,
                log_a: alpha_n / alpha_d * params.ln(),
                alpha: alpha_n / alpha_d,
                log_b: tokens.ln(),
                beta: 1.0,
                power: alpha_d,
            }),
            _ => None,
        }
    }

    /// Exponents of N*(C) and D*(C).
    pub fn exponents(&self) -> (Option<f64>, Option<f64>) {
        match (self.form, self.sum_of_powers()) {
            (_, Some(law)) => {
                let (a, b) = law.exponents(&ComputeRule::SIX_ND);
                (Some(a), Some(b))
            }
            (Form::Exponents { params, tokens }, _) => (Some(params), Some(tokens)),
            (Form::Split { params, tokens }, _) => (params.map(|p| p.1), tokens.map(|t| t.1)),
            _ => (None, None),
        }
    }
}
