//! One computation on two devices, and how far the results are apart.

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::tensor::Device;
use isoflop_plan::Precision;
use serde::{Deserialize, Serialize};

use super::super::error::panic_message;

/// Values of an operation, or of everything that a training step computes, by name.
pub(super) type Values = Vec<(String, Vec<f32>)>;

/// Something to compute on fixed inputs.
pub(super) struct Case {
    pub name: String,
    /// Allowed deviation, as a share of the largest value.
    pub allowed: f64,
    run: Box<dyn Fn(&Device, Precision) -> Values>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    pub operation: String,
    /// In which precision the matrix products were.
    pub precision: Precision,
    /// Largest difference from the CPU in f32, as a share of the CPU's largest magnitude;
    /// infinite where a value is not finite that should be.
    #[serde(with = "as_text")]
    pub deviation: f64,
    pub allowed: f64,
}

impl Check {
    /// Whether the deviation is within what is allowed.
    pub fn passed(&self) -> bool {
        self.deviation <= self.allowed
    }
}

impl Case {
    pub(super) fn new(
        name: impl Into<String>,
        allowed: f64,
        run: impl Fn(&Device, Precision) -> Values + 'static,
    ) -> Self {
        Self { name: name.into(), allowed, run: Box::new(run) }
    }

    /// The same with something said behind its name.
    pub(super) fn renamed(mut self, behind: &str) -> Self {
        self.name.push_str(behind);
        self
    }

    /// Computes on the device, and on the CPU in f32: one check per named value.
    ///
    /// # Errors
    /// What a breakdown said.
    pub(super) fn compare(
        &self,
        device: &Device,
        precision: Precision,
    ) -> Result<Vec<Check>, String> {
        let run = |device: &Device, precision| {
            catch_unwind(AssertUnwindSafe(|| (self.run)(device, precision)))
                .map_err(|panic| panic_message(panic.as_ref()))
        };
        let (theirs, ours) = (run(device, precision)?, run(&Device::flex(), Precision::F32)?);
        if theirs.len() != ours.len() {
            return Err(format!("it gives {} results, not {}", theirs.len(), ours.len()));
        }
        let check = |((part, theirs), (_, ours)): (&(String, Vec<f32>), &(String, Vec<f32>))| {
            let operation = match part.as_str() {
                "" => self.name.clone(),
                part => format!("{}: {part}", self.name),
            };
            Check {
                operation,
                precision,
                deviation: deviation(theirs, ours),
                allowed: self.allowed,
            }
        };
        Ok(theirs.iter().zip(&ours).map(check).collect())
    }
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
    fn deviation_sees_wrong_missing_and_non_finite_values() {
        assert_eq!(deviation(&[1.0, -2.0], &[1.0, -2.0]), 0.0);
        assert_eq!(deviation(&[1.0, -1.0], &[1.0, -2.0]), 0.5);
        assert_eq!(deviation(&[1.0], &[1.0, -2.0]), f64::INFINITY);
        assert_eq!(deviation(&[1.0, f32::NAN], &[1.0, -2.0]), f64::INFINITY);
        assert_eq!(deviation(&[1.0, f32::INFINITY], &[1.0, f32::INFINITY]), 0.0);
        assert_eq!(deviation(&[0.0], &[0.0]), 0.0);
    }

    /// The reference runs in f32, whatever the device runs in.
    fn halved(_: &Device, precision: Precision) -> Values {
        let whole = precision == Precision::F32;
        vec![("half".into(), vec![if whole { 1.0 } else { 0.5 }])]
    }

    #[test]
    fn a_wrong_part_is_named_with_its_deviation() {
        let case = Case::new("sum", 1e-5, halved);
        let checks = case.compare(&Device::flex(), Precision::F16).unwrap();
        assert_eq!((checks[0].operation.as_str(), checks[0].deviation), ("sum: half", 0.5));
        assert!(!checks[0].passed());
        assert!(case.compare(&Device::flex(), Precision::F32).unwrap()[0].passed());
    }

    #[test]
    fn not_a_number_never_passes() {
        let check = Check {
            operation: "sum".into(),
            precision: Precision::F32,
            deviation: f64::NAN,
            allowed: 1.0,
        };
        assert!(!check.passed());
    }

    #[test]
    fn a_panic_is_a_failure_and_not_an_end() {
        let case = Case::new("sum", 1e-5, |_, precision| {
            assert_eq!(precision, Precision::F32, "no such kernel");
            Values::new()
        });
        let what = case.compare(&Device::flex(), Precision::Bf16).unwrap_err();
        assert!(what.contains("no such kernel"), "{what}");
    }
}
