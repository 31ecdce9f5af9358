//! Does a device compute what the CPU computes?
//!
//! Drivers and shader compilers do go wrong, without an error: a sweep on such a device gives
//! plausible curves of a wrong model. So every adapter is compared with the CPU (burn's Flex
//! backend) before it is used: the operations that training is made of, at sizes that are no
//! multiple of anything, those of the model that go through their data in several rounds, and one
//! whole optimizer step of two tiny models, their losses and every gradient and weight.

mod case;
mod child;
mod layers;
mod operations;
mod step;
mod thorough;

pub use case::Check;
pub use child::self_test_child_main;
pub(super) use child::{available as child_available, run as run_in_child};
pub use thorough::{Finding, test_thoroughly};

use std::time::Instant;

use burn::backend::{Backend, DTypeUsage, Dispatch};
use burn::tensor::{DType, Device};
use isoflop_model::kernels::use_matrix_units;
use isoflop_plan::Precision;
use serde::{Deserialize, Serialize};

use case::{Case, Values};

/// What a device was compared in, all within what is allowed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SelfTest {
    /// One entry per operation and precision.
    pub checks: Vec<Check>,
    /// Precisions that the device has and that passed; `f32` is always among them.
    pub precisions: Vec<Precision>,
    /// Whether attention in half precision went to the device's matrix units, where it has some that fit.
    pub matrix_units: bool,
    /// Half precisions that the device claims to have and computes wrong.
    pub refused: Vec<Refusal>,
    /// Time it took, compilation of the kernels included.
    pub seconds: f64,
}

/// A half precision that must not be used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// Which one.
    pub precision: Precision,
    /// What went wrong with it.
    pub failure: SelfTestFailure,
}

/// A device that computes something else than the CPU, or breaks down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub enum SelfTestFailure {
    /// Wrong numbers.
    #[error("{}", wrong(.failed, *.total))]
    Wrong {
        /// The comparisons that fail, the worst first.
        failed: Vec<Check>,
        /// Comparisons made.
        total: usize,
    },
    /// An operation did not come to an end.
    #[error("{operation} breaks down: {what}")]
    Broken {
        /// What was computed.
        operation: String,
        /// The driver's or burn's words.
        what: String,
    },
    /// The process that ran the test died, as it does when a driver crashes.
    #[error("the driver crashed ({status})")]
    Crashed {
        /// How the process ended.
        status: String,
    },
}

/// Compares `device` with the CPU, in f32 and in every half precision that it has. Leaves the matrix
/// units on if all that passed did so with them.
///
/// # Errors
/// The worst of the comparisons in f32 that fail, or the operation that broke. A half precision that
/// fails is refused.
pub fn self_test(device: &Device) -> Result<SelfTest, SelfTestFailure> {
    let report = test_in(precisions(device), |precision, matrix_units| {
        use_matrix_units(matrix_units);
        compare_in(precision, device)
    });
    use_matrix_units(report.as_ref().is_ok_and(|report| report.matrix_units));
    report
}

/// How much of a device is tested, after a driver crashed or broke down at more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Extent {
    All,
    WithoutMatrixUnits,
    F32,
}

/// [`self_test`] of a device that is new to this process: what breaks down ends the test, since it may have taken the device along.
/// `passed` hears of every precision that did.
///
/// # Errors
/// As [`self_test`], and what broke down in half precision.
fn self_test_of_new(
    device: &Device,
    extent: Extent,
    mut passed: impl FnMut(Precision),
) -> Result<SelfTest, SelfTestFailure> {
    let mut all = precisions(device);
    all.retain(|&precision| extent != Extent::F32 || precision == Precision::F32);
    let broken = std::cell::RefCell::new(None);
    let mut report = test_in(all, |precision, matrix_units| {
        if let Some(failure) = broken.borrow().clone() {
            return Err(failure);
        }
        use_matrix_units(matrix_units && extent == Extent::All);
        let found = compare_in(precision, device);
        match &found {
            Ok(_) => passed(precision),
            Err(failure @ SelfTestFailure::Broken { .. }) => {
                broken.replace(Some(failure.clone()));
            }
            Err(_) => {}
        }
        found
    });
    if let Some(failure) = broken.into_inner() {
        return Err(failure);
    }
    if let Ok(report) = &mut report {
        report.matrix_units &= extent == Extent::All;
    }
    report
}

/// [`self_test`] by `compare` for these precisions, with and without matrix units.
fn test_in(
    all: Vec<Precision>,
    mut compare: impl FnMut(Precision, bool) -> Result<Vec<Check>, SelfTestFailure>,
) -> Result<SelfTest, SelfTestFailure> {
    let started = Instant::now();
    let (mut checks, mut precisions, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    let mut matrix_units = true;
    for precision in all {
        let mut found = compare(precision, matrix_units);
        if found.is_err() && matrix_units && precision != Precision::F32 {
            let without = compare(precision, false);
            matrix_units = without.is_err();
            found = without.or(found);
        }
        match found {
            Ok(passed) => {
                checks.extend(passed);
                precisions.push(precision);
            }
            Err(failure) if precision == Precision::F32 => return Err(failure),
            Err(failure) => refused.push(Refusal { precision, failure }),
        }
    }
    // What broke down in half precision may have taken the device along.
    if refused.iter().any(|r: &Refusal| matches!(r.failure, SelfTestFailure::Broken { .. })) {
        compare(Precision::F32, matrix_units)?;
    }
    let seconds = started.elapsed().as_secs_f64();
    Ok(SelfTest { checks, precisions, matrix_units, refused, seconds })
}

/// The comparisons of one precision.
fn compare_in(precision: Precision, device: &Device) -> Result<Vec<Check>, SelfTestFailure> {
    let mut checks = Vec::new();
    let cases = operations::all(precision).into_iter().chain(layers::some(precision));
    for case in cases.chain(step::all(precision)) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_passes_its_own_test() {
        let report = self_test(&Device::flex()).unwrap();
        let f32s: Vec<_> = report.checks.iter().filter(|c| c.precision == Precision::F32).collect();
        assert!(f32s.len() > 50, "{}", f32s.len());
        assert!(f32s.iter().all(|c| c.deviation == 0.0));
    }

    #[test]
    fn a_half_precision_that_fails_is_refused_and_f32_refuses_the_device() {
        let wrong = SelfTestFailure::Broken { operation: "product".into(), what: "lost".into() };
        let but = |bad: Precision, with: &[bool]| {
            let compare = |p, units| match p == bad && with.contains(&units) {
                true => Err(wrong.clone()),
                false => Ok(Vec::new()),
            };
            test_in(vec![Precision::F32, Precision::F16, Precision::Bf16], compare)
        };
        let report = but(Precision::Bf16, &[true]).unwrap();
        assert!(report.precisions.len() == 3 && !report.matrix_units && report.refused.is_empty());
        let report = but(Precision::F16, &[true, false]).unwrap();
        assert!(report.matrix_units);
        assert_eq!(report.precisions, [Precision::F32, Precision::Bf16]);
        let refusal = Refusal { precision: Precision::F16, failure: wrong.clone() };
        assert_eq!(report.refused, [refusal]);
        assert_eq!(but(Precision::F32, &[true]), Err(wrong.clone()));
    }

    #[test]
    fn failures_survive_the_way_from_another_process() {
        let worst = Check {
            operation: "sum".into(),
            precision: Precision::F32,
            deviation: f64::INFINITY,
            allowed: 1e-5,
        };
        let failure = SelfTestFailure::Wrong { failed: vec![worst], total: 9 };
        let json = serde_json::to_string(&failure).unwrap();
        assert_eq!(serde_json::from_str::<SelfTestFailure>(&json).unwrap(), failure);
        assert!(failure.to_string().contains("not finite"), "{failure}");
    }
}
