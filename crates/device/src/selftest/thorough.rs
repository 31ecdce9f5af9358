//! Every operation in every precision, to the end, whatever fails on the variant.

use std::time::{Duration, Instant};

use burn::tensor::Device;
use isoflop_model::kernels::{Choices, Planes};
use isoflop_plan::Precision;
use serde::{Deserialize, Serialize};

use super::case::{Case, Check};
use super::{child, layers, operations, precisions, step};
use crate::info::{DeviceInfo, ShaderCompiler};

/// Times that a test is taken up again behind an operation that crashed the driver.
const RESTARTS: usize = 8;

/// What came of one comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finding {
    /// Both devices computed something.
    Compared(Check),
    /// The device did not come to an end.
    Broken {
        operation: String,
        /// In which precision; `None` where it did not come that far.
        precision: Option<Precision>,
        /// What the driver or burn said, or how the process ended.
        what: String,
    },
}

impl Finding {
    /// Whether the device computed what the CPU computes.
    pub fn passed(&self) -> bool {
        matches!(self, Self::Compared(check) if check.passed())
    }
}

/// What a process that tests tells the one that started it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Progress {
    Begins { index: usize, operation: String, precision: Precision },
    Found(Finding),
    Done,
}

/// How the model's operations are computed.
#[derive(Debug, Clone, Copy)]
struct Variant {
    kernels: bool,
    /// `None` as a sweep has them on the device.
    planes: Option<Planes>,
    /// Said behind the name.
    said: &'static str,
}

/// Kernels with sums by planes where a sweep makes them so and with matrix units (attention's scores in shared memory, with which the
/// other ways are compared where they are chosen), kernels with sums through shared memory and without, and tensor operations.
const VARIANTS: [Variant; 3] = [
    Variant { kernels: true, planes: None, said: "" },
    Variant { kernels: true, planes: Some(Planes::Off), said: " through shared memory" },
    Variant { kernels: false, planes: Some(Planes::Off), said: " by tensor operations" },
];

/// The cases of these precisions, and how the model's operations are computed in each: what a sweep uses first, in every
/// precision, for a test may run out of time.
fn cases(precisions: &[Precision]) -> Vec<(Precision, Case, Variant)> {
    let mut all = Vec::new();
    for (place, variant) in VARIANTS.into_iter().enumerate() {
        for &precision in precisions {
            let once = operations::all(precision).into_iter().filter(|_| place == 0);
            let cases = once.chain(layers::all(precision)).chain(step::all(precision));
            all.extend(cases.map(|case| (precision, case.renamed(variant.said), variant)));
        }
    }
    all
}

/// Compares everything from case `from` on, and leaves the device with the choices of the last one.
pub(super) fn run(device: &Device, from: usize, tell: &mut dyn FnMut(Progress)) {
    let usual = Choices::of(device);
    let all = cases(&precisions(device));
    for (index, (precision, case, variant)) in all.into_iter().enumerate().skip(from) {
        let choices = Choices {
            kernels: variant.kernels,
            planes: variant.planes.unwrap_or(usual.planes),
            matrix_units: variant.planes.is_none(),
            ..usual
        };
        choices.set(device);
        let operation = case.name.clone();
        tell(Progress::Begins { index, operation: operation.clone(), precision });
        match case.compare(device, precision) {
            Ok(checks) => {
                checks.into_iter().for_each(|c| tell(Progress::Found(Finding::Compared(c))));
            }
            Err(what) => {
                let precision = Some(precision);
                tell(Progress::Found(Finding::Broken { operation, precision, what }));
            }
        }
    }
    tell(Progress::Done);
}

/// Compares every operation of training on an adapter with the CPU: those of the [`self_test`](super::self_test)
/// and those of the model, forward and backward, at more sizes. `begins` hears of each in turn.
///
/// It runs in another process of this program, where the program offers that
/// ([`self_test_child_main`](super::self_test_child_main)); if the driver crashes there, the rest is
/// taken up behind the operation that did it. That process is stopped when the time is up; what it
/// was at counts as broken.
pub fn test_thoroughly(
    info: &DeviceInfo,
    shader: ShaderCompiler,
    limit: Option<Duration>,
    begins: &mut dyn FnMut(&str, Precision),
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !child::available() {
        child::test_here(&info.id, shader, 0, &mut |progress| match progress {
            Progress::Begins { operation, precision, .. } => begins(&operation, precision),
            Progress::Found(finding) => findings.push(finding),
            Progress::Done => {}
        });
        return findings;
    }
    let until = limit.map(|limit| Instant::now() + limit);
    let mut from = 0;
    for _ in 0..=RESTARTS {
        let (mut current, mut done) = (None, false);
        let exit =
            child::test_each(&info.id, shader, from, until, &mut |progress| match progress {
                Progress::Begins { index, operation, precision } => {
                    begins(&operation, precision);
                    current = Some((index, operation, precision));
                }
                Progress::Found(finding) => findings.push(finding),
                Progress::Done => done = true,
            });
        if done {
            return findings;
        }
        let late = until.is_some_and(|until| Instant::now() >= until);
        let what = match late {
            true => "the time was up".to_owned(),
            false => exit.failure().to_string(),
        };
        let (operation, precision, next) = match current {
            Some((index, operation, precision)) => (operation, Some(precision), Some(index + 1)),
            None => ("opening the device".to_owned(), None, None),
        };
        findings.push(Finding::Broken { operation, precision, what });
        match next.filter(|_| !late) {
            Some(next) => from = next,
            None => return findings,
        }
    }
    let what = format!("the driver crashed {} times", RESTARTS + 1);
    let operation = "all that comes after".into();
    findings.push(Finding::Broken { operation, precision: None, what });
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_told_of_case_by_case() {
        let mut all = Vec::new();
        run(&Device::flex(), 0, &mut |progress| all.push(progress));
        assert_eq!(all.last(), Some(&Progress::Done));
        let checks: Vec<&Check> = all
            .iter()
            .filter_map(|progress| match progress {
                Progress::Found(Finding::Compared(check)) => Some(check),
                Progress::Found(broken) => panic!("{broken:?}"),
                _ => None,
            })
            .filter(|check| check.precision == Precision::F32)
            .collect();
        assert!(checks.len() > 100, "{}", checks.len());
        assert!(checks.iter().all(|check| check.deviation == 0.0));
        for part in ["attention: gradient of the input", "SwiGLU: forward", "weights"] {
            assert!(checks.iter().any(|check| check.operation.contains(part)), "{part}");
        }
    }

    #[test]
    fn it_can_be_taken_up_half_way() {
        let all = cases(&precisions(&Device::flex()));
        let last = all.len() - 1;
        let mut first = None;
        run(&Device::flex(), last, &mut |progress| {
            first.get_or_insert(progress);
        });
        let Some(Progress::Begins { index, operation, .. }) = first else { panic!("{first:?}") };
        assert_eq!((index, operation), (last, all[last].1.name.clone()));
    }

    #[test]
    fn what_a_sweep_uses_comes_first_in_every_precision() {
        let all = cases(&[Precision::F32, Precision::F16]);
        let place = |precision, part: &str| {
            let has = |case: &(Precision, Case, Variant)| {
                case.0 == precision && case.1.name.contains(part)
            };
            all.iter().position(has)
        };
        let half = place(Precision::F16, "a training step");
        assert!(half.is_some() && half < place(Precision::F32, " through shared memory"));
        assert_eq!(all.iter().filter(|case| case.1.name == "product of a row").count(), 2);
    }

    /// Tensor operations against code on slices: the two forms of every operation of the model.
    #[test]
    fn plain_operations_agree_with_those_for_the_cpu() {
        let plain = Device::flex().autodiff();
        for case in layers::all(Precision::F32) {
            for check in case.compare(&plain, Precision::F32).unwrap() {
                assert!(check.passed(), "{check:?}");
            }
        }
    }
}
