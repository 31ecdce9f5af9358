//! Does a device compute what the CPU computes?
//!
//! Drivers and shader compilers do go wrong, without an error: a sweep on such a device gives
//! plausible curves of a wrong model. So every adapter is compared with the CPU (burn's Flex
//! backend) before it is used: the operations that training is made of, at sizes that are no
//! multiple of anything, and one whole optimizer step of two tiny models, their losses and every
//! gradient and weight.

mod child;
mod operations;
mod step;

pub use child::self_test_child_main;
pub(super) use child::{available as child_available, run as run_in_child};

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use burn::tensor::{DType, Device};
use isoflop_plan::Precision;
use serde::{Deserialize, Serialize};

use super::error::panic_text;

/// What a device was compared in, all within what is allowed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SelfTest {
    /// One entry per operation and precision.
    pub checks: Vec<Check>,
    /// Precisions that the device has and that were tested.
    pub precisions: Vec<Precision>,
    /// Time it took, compilation of the kernels included.
    pub seconds: f64,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What was computed.
    pub operation: String,
    /// In which precision the matrix products were.
    pub precision: Precision,
    /// Largest difference from the CPU in f32, as a share of the CPU's largest magnitude;
    /// infinite where a value is not finite that should be.
    #[serde(with = "as_text")]
    pub deviation: f64,
    /// What is allowed.
    pub allowed: f64,
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

/// Values of an operation, or of everything that a training step computes, by name.
type Values = Vec<(String, Vec<f32>)>;

/// Compares `device` with the CPU, in f32 and in every half precision that it has.
///
/// # Errors
/// The worst of the comparisons that fail, or the operation that broke.
pub fn self_test(device: &Device) -> Result<SelfTest, SelfTestFailure> {
    let started = Instant::now();
    let precisions = precisions(device);
    let cpu = Device::flex();
    let mut checks = Vec::new();
    for &precision in &precisions {
        for operation in operations::all(precision) {
            compare(&mut checks, precision, operation.name, operation.allowed, |on_device| {
                let device = if on_device { device } else { &cpu };
                let precision = if on_device { precision } else { Precision::F32 };
                vec![(String::new(), (operation.run)(device, precision))]
            })?;
        }
        for model in step::models() {
            compare(&mut checks, precision, model.name, step::allowed(precision), |on_device| {
                let device = if on_device { device } else { &cpu };
                let precision = if on_device { precision } else { Precision::F32 };
                step::run(&model.shape, device, precision)
            })?;
        }
    }
    let total = checks.len();
    let excess = |c: &Check| c.deviation / c.allowed;
    let (mut failed, passed): (Vec<_>, Vec<_>) = checks.into_iter().partition(|c| excess(c) > 1.0);
    if !failed.is_empty() {
        failed.sort_by(|a, b| excess(b).total_cmp(&excess(a)));
        return Err(SelfTestFailure::Wrong { failed, total });
    }
    Ok(SelfTest { checks: passed, precisions, seconds: started.elapsed().as_secs_f64() })
}

/// Precisions of matrix products that a device has.
pub(super) fn precisions(device: &Device) -> Vec<Precision> {
    let all = [
        (Precision::F32, DType::F32),
        (Precision::F16, DType::F16),
        (Precision::Bf16, DType::BF16),
    ];
    all.into_iter().filter(|&(_, dtype)| device.supports_dtype(dtype)).map(|p| p.0).collect()
}

/// Computes on both, and files one check per named value.
fn compare(
    checks: &mut Vec<Check>,
    precision: Precision,
    operation: &str,
    allowed: f64,
    run: impl Fn(bool) -> Values,
) -> Result<(), SelfTestFailure> {
    let run = |on_device| {
        catch_unwind(AssertUnwindSafe(|| run(on_device))).map_err(|panic| SelfTestFailure::Broken {
            operation: operation.to_owned(),
            what: panic_text(panic.as_ref()),
        })
    };
    let (theirs, ours) = (run(true)?, run(false)?);
    for ((part, theirs), (_, ours)) in theirs.iter().zip(&ours) {
        let operation = match part.as_str() {
            "" => operation.to_owned(),
            part => format!("{operation}: {part}"),
        };
        checks.push(Check { operation, precision, deviation: deviation(theirs, ours), allowed });
    }
    Ok(())
}

/// Largest difference as a share of the reference's largest magnitude; infinite where one is not
/// finite and the other is, or the lengths differ.
fn deviation(found: &[f32], reference: &[f32]) -> f64 {
    if found.len() != reference.len() {
        return f64::INFINITY;
    }
    let largest =
        reference.iter().filter(|x| x.is_finite()).fold(0.0f64, |m, &x| m.max(f64::from(x).abs()));
    let unit = largest.max(f64::from(f32::MIN_POSITIVE));
    let mut worst = 0.0f64;
    for (&a, &b) in found.iter().zip(reference) {
        let same = a == b || a.is_nan() && b.is_nan();
        let gap = match (a.is_finite(), b.is_finite()) {
            _ if same => 0.0,
            (true, true) => (f64::from(a) - f64::from(b)).abs() / unit,
            _ => f64::INFINITY,
        };
        worst = worst.max(gap);
    }
    worst
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
        key(worst.precision),
        worst.allowed
    )
}

/// Name of a precision, as in the configuration.
pub(super) fn key(precision: Precision) -> &'static str {
    match precision {
        Precision::F32 => "f32",
        Precision::F16 => "f16",
        Precision::Bf16 => "bf16",
    }
}

/// JSON has no infinity.
mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(x: &f64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("{x:e}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
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

    #[test]
    fn deviation_sees_wrong_missing_and_non_finite_values() {
        assert_eq!(deviation(&[1.0, -2.0], &[1.0, -2.0]), 0.0);
        assert_eq!(deviation(&[1.0, -1.0], &[1.0, -2.0]), 0.5);
        assert_eq!(deviation(&[1.0], &[1.0, -2.0]), f64::INFINITY);
        assert_eq!(deviation(&[1.0, f32::NAN], &[1.0, -2.0]), f64::INFINITY);
        assert_eq!(deviation(&[1.0, f32::INFINITY], &[1.0, f32::INFINITY]), 0.0);
        assert_eq!(deviation(&[0.0], &[0.0]), 0.0);
    }

    #[test]
    fn a_wrong_operation_is_named_with_its_deviation() {
        let mut checks = Vec::new();
        compare(&mut checks, Precision::F32, "sum", 1e-5, |on_device| {
            vec![(String::new(), vec![if on_device { 1.1 } else { 1.0 }])]
        })
        .unwrap();
        assert!((checks[0].deviation - 0.1).abs() < 1e-6);
        let failure = SelfTestFailure::Wrong { failed: checks, total: 9 };
        let text = failure.to_string();
        assert!(text.contains("sum in f32") && text.contains("1.0e-1"), "{text}");
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

    #[test]
    fn a_panic_is_a_failure_and_not_an_end() {
        let failure = compare(&mut Vec::new(), Precision::F32, "sum", 1e-5, |on_device| {
            assert!(!on_device, "no such kernel");
            Vec::new()
        });
        let failure = failure.unwrap_err().to_string();
        assert!(failure.contains("sum breaks down: no such kernel"), "{failure}");
    }
}
