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
mod memory;
mod operations;
mod step;
mod thorough;

pub use case::Check;
pub use child::self_test_child_main;
pub(super) use child::{available as child_available, run as run_in_child};
pub use memory::Memory;
pub(super) use memory::{Subject, Verdict};
pub use thorough::{Finding, test_thoroughly};

use std::time::Instant;

use burn::backend::{Backend, DTypeUsage, Dispatch};
use burn::tensor::{DType, Device};
use isoflop_model::kernels::Choices;
use isoflop_plan::Precision;
use serde::{Deserialize, Serialize};

use case::{Case, Values};

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
    /// Somebody, or the system for want of memory, ended the process that ran the test.
    #[error("the test was stopped ({how})")]
    Stopped {
        /// How the process ended.
        how: String,
    },
    /// The process that ran the test died, as it does when a driver crashes.
    #[error("the driver crashed ({status})")]
    Crashed {
        /// How the process ended.
        status: String,
    },
}

/// What is being compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestStep {
    /// The operation.
    pub operation: String,
    /// In which precision.
    pub precision: Precision,
    /// Operations before it.
    pub done: usize,
    /// Operations in all.
    pub total: usize,
}

/// What was to be computed where a device cannot be had.
const OPENING: &str = "opening the device";

impl SelfTestFailure {
    /// Whether it would come again: not where the test was stopped or the device was not to be had.
    pub(super) fn lasts(&self) -> bool {
        match self {
            Self::Wrong { .. } | Self::Crashed { .. } => true,
            Self::Broken { operation, .. } => operation != OPENING,
            Self::Stopped { .. } => false,
        }
    }
}

/// Compares `device` with the CPU, in f32 and in every half precision that it has. Leaves the matrix
/// units on if all that passed did so with them.
///
/// # Errors
/// The worst of the comparisons in f32 that fail, or the operation that broke. A half precision that
/// fails is refused.
pub fn self_test(device: &Device) -> Result<SelfTest, SelfTestFailure> {
    test_further(device, SelfTest::default(), &precisions(device), &mut |_| {})
}

/// Adds these precisions, of those that the device has, to what is known of it.
pub(super) fn test_further(
    device: &Device,
    mut report: SelfTest,
    asked: &[Precision],
    tell: &mut dyn FnMut(&TestStep),
) -> Result<SelfTest, SelfTestFailure> {
    let started = Instant::now();
    let all = of_device(asked, device);
    let mut steps = Steps::of(&all);
    let result = report.test(all, &mut |precision, matrix_units| {
        use_matrix_units(device, matrix_units);
        compare_in(precision, device, &mut |operation| tell(&steps.next(operation, precision)))
    });
    report.seconds += started.elapsed().as_secs_f64();
    use_matrix_units(device, result.is_ok() && report.without_matrix_units.is_none());
    result.map(|()| report)
}

/// Lets the device's matrix units be used, or not.
fn use_matrix_units(device: &Device, matrix_units: bool) {
    Choices { matrix_units, ..Choices::of(device) }.set(device);
}

/// The comparisons of a precision, with matrix units or without.
type Compare<'a> = dyn FnMut(Precision, bool) -> Result<Vec<Check>, SelfTestFailure> + 'a;

/// What came of one precision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Tested {
    precision: Precision,
    result: Result<Vec<Check>, SelfTestFailure>,
    /// Why it passed without matrix units, where it failed with them.
    without_matrix_units: Option<SelfTestFailure>,
}

/// Compares in one precision; a half precision that is wrong with matrix units is tried without.
fn test_one(precision: Precision, matrix_units: bool, compare: &mut Compare) -> Tested {
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

impl SelfTest {
    /// Files what came of a precision.
    fn add(&mut self, tested: Tested) -> Result<(), SelfTestFailure> {
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

    /// Tests these precisions in this process.
    fn test(&mut self, all: Vec<Precision>, compare: &mut Compare) -> Result<(), SelfTestFailure> {
        for precision in all {
            let matrix_units = self.without_matrix_units.is_none();
            let tested = test_one(precision, matrix_units, compare);
            let broken = matches!(tested.result, Err(SelfTestFailure::Broken { .. }));
            self.add(tested)?;
            if broken {
                // It may have taken the device along.
                compare(Precision::F32, matrix_units)?;
            }
        }
        Ok(())
    }
}

/// What is compared in one precision.
fn cases(precision: Precision) -> Vec<Case> {
    let cases = operations::all(precision).into_iter().chain(layers::some(precision));
    cases.chain(step::some(precision)).collect()
}

/// Counts what is compared.
struct Steps {
    done: usize,
    total: usize,
}

impl Steps {
    fn of(precisions: &[Precision]) -> Self {
        Self { done: 0, total: precisions.iter().map(|&p| cases(p).len()).sum() }
    }

    /// The next one. What is compared twice, with matrix units and without, was not counted on.
    fn next(&mut self, operation: &str, precision: Precision) -> TestStep {
        let (done, total) = (self.done, self.total.max(self.done + 1));
        self.done += 1;
        TestStep { operation: operation.to_owned(), precision, done, total }
    }
}

/// Those of these precisions that a device has.
fn of_device(asked: &[Precision], device: &Device) -> Vec<Precision> {
    precisions(device).into_iter().filter(|p| asked.contains(p)).collect()
}

/// The comparisons of one precision.
fn compare_in(
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

    pub(super) fn wrong() -> SelfTestFailure {
        SelfTestFailure::Wrong { failed: Vec::new(), total: 9 }
    }

    pub(super) const ALL: [Precision; 3] = [Precision::F32, Precision::F16, Precision::Bf16];

    #[test]
    fn a_half_precision_that_fails_is_refused_and_f32_refuses_the_device() {
        let but = |bad: Precision, with: &[bool], failure: SelfTestFailure| {
            let mut compare = |p, units| match p == bad && with.contains(&units) {
                true => Err(failure.clone()),
                false => Ok(Vec::new()),
            };
            let mut report = SelfTest::default();
            report.test(ALL.to_vec(), &mut compare).map(|()| report)
        };
        let report = but(Precision::Bf16, &[true], wrong()).unwrap();
        assert!(report.precisions.len() == 3 && report.refused.is_empty());
        assert_eq!(report.without_matrix_units, Some(wrong()));
        let broken = SelfTestFailure::Broken { operation: "product".into(), what: "lost".into() };
        for failure in [wrong(), broken] {
            let report = but(Precision::F16, &[true, false], failure.clone()).unwrap();
            assert_eq!(report.without_matrix_units, None);
            assert_eq!(report.precisions, [Precision::F32, Precision::Bf16]);
            assert_eq!(
                report.refused,
                [Refusal { precision: Precision::F16, failure: failure.clone() }]
            );
            assert_eq!(but(Precision::F32, &[true], failure.clone()), Err(failure));
        }
    }

    #[test]
    fn a_broken_device_is_not_used_for_f32() {
        let broken = SelfTestFailure::Broken { operation: "product".into(), what: "lost".into() };
        let mut lost = false;
        let mut compare = |p, _| {
            lost |= p == Precision::F16;
            if lost { Err(broken.clone()) } else { Ok(Vec::new()) }
        };
        assert_eq!(SelfTest::default().test(ALL.to_vec(), &mut compare), Err(broken.clone()));
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
