//! What came of a self-test.

use isoflop_plan::Precision;
use serde::{Deserialize, Serialize};

use super::{Check, OPENING};

/// What a device was compared in, all within what is allowed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SelfTest {
    /// One entry per operation and precision.
    pub checks: Vec<Check>,
    /// Precisions that the device has and that passed; `f32` is always among them.
    pub precisions: Vec<Precision>,
    /// Why attention in half precision keeps off the device's matrix units; `None` where nothing is known against them.
    pub without_matrix_units: Option<SelfTestFailure>,
    /// Half precisions that the device claims to have and computes wrong.
    pub refused: Vec<Refusal>,
    /// Time it took, compilation of the kernels included.
    pub seconds: f64,
    /// When it was made, where its verdict is remembered.
    pub remembered: Option<String>,
}

/// A half precision that must not be used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    pub precision: Precision,
    pub failure: SelfTestFailure,
}

/// A device that computes something else than the CPU, or breaks down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub enum SelfTestFailure {
    #[error("{}", wrong(.failed, *.total))]
    Wrong {
        /// The comparisons that fail, the worst first.
        failed: Vec<Check>,
        total: usize,
    },
    /// An operation did not come to an end.
    #[error("{operation} breaks down: {what}")]
    Broken {
        operation: String,
        /// The driver's or burn's words.
        what: String,
    },
    /// Somebody, or the system for want of memory, ended the process that ran the test.
    #[error("the test was stopped ({how})")]
    Stopped { how: String },
    /// The process that ran the test died, as it does when a driver crashes.
    #[error("the driver crashed ({status})")]
    Crashed { status: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestStep {
    pub operation: String,
    pub precision: Precision,
    /// Operations before it.
    pub done: usize,
    /// Operations in all.
    pub total: usize,
}

/// What came of one precision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Tested {
    pub precision: Precision,
    pub result: Result<Vec<Check>, SelfTestFailure>,
    /// Why it passed without matrix units, where it failed with them.
    pub without_matrix_units: Option<SelfTestFailure>,
}

impl SelfTestFailure {
    /// Whether it would come again: not where the test was stopped or the device was not to be had.
    pub(crate) fn lasts(&self) -> bool {
        match self {
            Self::Wrong { .. } | Self::Crashed { .. } => true,
            Self::Broken { operation, .. } => operation != OPENING,
            Self::Stopped { .. } => false,
        }
    }
}

impl SelfTest {
    /// Files what came of a precision.
    pub(super) fn add(&mut self, tested: Tested) -> Result<(), SelfTestFailure> {
        let Tested { precision, result, without_matrix_units } = tested;
        match result {
            Ok(checks) => {
                self.checks.extend(checks);
                self.precisions.push(precision);
            }
            Err(failure) if precision == Precision::F32 => return Err(failure),
            Err(failure) => self.refused.push(Refusal { precision, failure }),
        }
        if self.without_matrix_units.is_none() {
            self.without_matrix_units = without_matrix_units;
        }
        Ok(())
    }
}

fn wrong(failed: &[Check], total: usize) -> String {
    let count = format!("{} of {total} comparisons fail", failed.len());
    let Some(worst) = failed.first() else { return count };
    let by = match worst.deviation.is_finite() {
        true => format!("{:.1e} of the largest value", worst.deviation),
        false => "values that are not finite".into(),
    };
    format!(
        "{} in {} differs from the CPU by {by}, {:.0e} is allowed ({count})",
        worst.operation,
        worst.precision.word(),
        worst.allowed
    )
}
