//! The comparisons of one precision.

use burn::backend::{Backend, DTypeUsage, Dispatch};
use burn::tensor::{DType, Device};
use isoflop_plan::Precision;

use super::case::{Case, Check};
use super::report::{SelfTestFailure, TestStep, Tested};
use super::{layers, operations, step};

/// The comparisons of a precision, with matrix units or without.
pub(super) type Compare<'a> =
    dyn FnMut(Precision, bool) -> Result<Vec<Check>, SelfTestFailure> + 'a;

/// Compares in one precision; a half precision that is wrong with matrix units is tried without.
pub(super) fn test_one(precision: Precision, matrix_units: bool, compare: &mut Compare) -> Tested {
    let mut tested =
        Tested { precision, result: compare(precision, matrix_units), without_matrix_units: None };
    if let Err(failure @ SelfTestFailure::Wrong { .. }) = &tested.result
        && matrix_units
        && precision != Precision::F32
    {
        match compare(precision, false) {
            Ok(passed) => {
                tested.without_matrix_units = Some(failure.clone());
                tested.result = Ok(passed);
            }
            Err(broken @ SelfTestFailure::Broken { .. }) => tested.result = Err(broken),
            Err(_) => {}
        }
    }
    tested
}

fn cases(precision: Precision) -> Vec<Case> {
    let cases = operations::all(precision).into_iter().chain(layers::some(precision));
    cases.chain(step::some(precision)).collect()
}

/// Counts what is compared.
pub(super) struct Steps {
    done: usize,
    total: usize,
}

impl Steps {
    pub(super) fn of(precisions: &[Precision]) -> Self {
        Self { done: 0, total: precisions.iter().map(|&p| cases(p).len()).sum() }
    }

    /// The next one. What is compared twice, with matrix units and without, was not counted on.
    pub(super) fn next(&mut self, operation: &str, precision: Precision) -> TestStep {
        let (done, total) = (self.done, self.total.max(self.done + 1));
        self.done += 1;
        TestStep { operation: operation.to_owned(), precision, done, total }
    }
}

/// Those of these precisions that a device has.
pub(super) fn of_device(asked: &[Precision], device: &Device) -> Vec<Precision> {
    precisions(device).into_iter().filter(|p| asked.contains(p)).collect()
}

pub(super) fn compare_in(
    precision: Precision,
    device: &Device,
    begins: &mut dyn FnMut(&str),
) -> Result<Vec<Check>, SelfTestFailure> {
    let mut checks = Vec::new();
    for case in cases(precision) {
        begins(&case.name);
        let found = case.compare(device, precision);
        let broken = |what| SelfTestFailure::Broken { operation: case.name.clone(), what };
        checks.extend(found.map_err(broken)?);
    }
    let total = checks.len();
    let excess = |c: &Check| c.deviation / c.allowed;
    let (passed, mut failed): (Vec<_>, Vec<_>) = checks.into_iter().partition(Check::passed);
    if failed.is_empty() {
        return Ok(passed);
    }
    failed.sort_by(|a, b| excess(b).total_cmp(&excess(a)));
    Err(SelfTestFailure::Wrong { failed, total })
}

/// Precisions of matrix products that a device has.
pub(super) fn precisions(device: &Device) -> Vec<Precision> {
    let all = [
        (Precision::F32, DType::F32),
        (Precision::F16, DType::F16),
        (Precision::Bf16, DType::BF16),
    ];
    // Products are all that is computed in half precision. Vulkan has bf16 for them, and to store and convert, without
    // arithmetic of its own.
    let usage = |dtype| Dispatch::dtype_usage(device.as_dispatch(), dtype);
    let has = |&(_, dtype): &(_, DType)| usage(dtype).contains(DTypeUsage::Storage);
    all.into_iter().filter(has).map(|p| p.0).collect()
}
