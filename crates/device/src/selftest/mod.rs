//! Does a device compute what the CPU computes?
//!
//! Drivers and shader compilers do go wrong, without an error: a sweep on such a device gives
//! plausible curves of a wrong model. So every adapter is compared with the CPU (burn's Flex
//! backend) before it is used: the operations that training is made of, at sizes that are no
//! multiple of anything, those of the model that go through their data in several rounds, and one
//! whole optimizer step of two tiny models, their losses and every gradient and weight.

mod cache;
mod case;
mod child;
mod compare;
mod layers;
mod operations;
mod report;
mod step;
mod thorough;

pub use cache::SelfTestCache;
pub(super) use cache::{CacheKey, Timed, Verdict};
pub use case::Check;
pub use child::self_test_child_main;
pub(super) use child::{
    available as child_available, run as run_in_child, trial as trial_in_child,
};
pub use report::{Refusal, SelfTest, SelfTestFailure, TestStep};
pub use thorough::{Finding, test_thoroughly};

use std::time::Instant;

use burn::tensor::Device;
use isoflop_model::kernels::Choices;
use isoflop_plan::Precision;

use case::{Case, Values};
use compare::{Compare, Steps, compare_in, of_device, precisions, test_one};

/// What was to be computed where a device cannot be had.
const OPENING: &str = "opening the device";

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
    let choices = Choices::of(device);
    let result = report.test(all, &mut |precision, matrix_units| {
        Choices { matrix_units, ..choices }.set(device);
        compare_in(precision, device, &mut |operation| tell(&steps.next(operation, precision)))
    });
    report.seconds += started.elapsed().as_secs_f64();
    let matrix_units = result.is_ok() && report.without_matrix_units.is_none();
    Choices { matrix_units, ..choices }.set(device);
    result.map(|()| report)
}

impl SelfTest {
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
