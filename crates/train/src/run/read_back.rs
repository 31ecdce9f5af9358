//! Losses come back from the device a few steps at a time.

use std::time::Instant;

use burn::tensor::Tensor;
use isoflop_plan::{Cell, Precision};

use super::Run;
use crate::error::TrainError;
use crate::schedule::learning_rate;
use crate::smoothed::window;

/// Most steps between read-backs of the losses on a GPU, and about the seconds between them, so that a signal is heard and
/// progress is told soon. The CPU reads every step.
const READBACK_STEPS: usize = 16;
const READBACK_SECONDS: f64 = 0.5;

/// A loss and a gradient norm per replica, still on the device.
pub(super) struct Pending {
    pub step: u64,
    pub loss: Tensor<1>,
    pub norm: Tensor<1>,
}

impl Run<'_> {
    /// Reads losses and norms that are still on the device, and files them.
    ///
    /// # Errors
    /// [`TrainError::Device`] where the losses are those of a device that failed.
    pub(super) fn read_back(&mut self) -> Result<(), TrainError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        let width = self.width();
        let all = pending.iter().flat_map(|p| [p.loss.clone(), p.norm.clone()]).collect();
        let all = Tensor::cat(all, 0).into_data();
        let all: Vec<f32> = all.try_to_vec().expect("losses are f32");
        let on_adapter = !isoflop_model::is_host(&self.state.model.device());
        for (p, values) in pending.iter().zip(all.chunks_exact(2 * width)) {
            if on_adapter && self.options.suspects_losses && all_at_once(values) {
                return Err(TrainError::Device {
                    stack: self.stack.id.clone(),
                    step: p.step,
                    what: format!("the losses of all {width} models stopped being numbers at once"),
                });
            }
            for index in 0..width {
                let (loss, norm) = (f64::from(values[index]), f64::from(values[width + index]));
                self.latest[index] = loss;
                let points = self.options.curve_points;
                let cells = self.cells();
                let longest = self.longest_cell(index);
                self.smoothed[index].add(loss, window(longest.steps));
                let (vocab, precision) = (longest.shape.vocab, longest.hyper.precision);
                let replica = &mut self.state.replicas[index];
                if replica.lost.is_none() {
                    let lost = replica.trouble(loss, norm, vocab);
                    replica.lost =
                        lost.map(|why| (p.step, why + &beyond_range(precision, loss, norm)));
                }
                if replica.lost.is_none() {
                    let rate = |cell: &Cell| learning_rate(&cell.hyper, p.step, cell.steps);
                    replica.record(cells, p.step, (loss, norm), points, rate);
                }
            }
        }
        if on_adapter {
            let step_seconds = self.read_at.elapsed().as_secs_f64() / pending.len() as f64;
            self.readback = readback_steps(step_seconds);
        }
        self.read_at = Instant::now();
        Ok(())
    }
}

/// Whether none of several models has a loss and a gradient norm that are numbers. `values` are their losses, then their norms.
fn all_at_once(values: &[f32]) -> bool {
    let (losses, norms) = values.split_at(values.len() / 2);
    let lost = |(loss, norm): (&f32, &f32)| !(loss.is_finite() && norm.is_finite());
    losses.len() > 1 && losses.iter().zip(norms).all(lost)
}

/// What may be behind a gradient norm that is not finite where the loss is.
fn beyond_range(precision: Precision, loss: f64, norm: f64) -> String {
    match precision == Precision::F16 && loss.is_finite() && !norm.is_finite() {
        true => {
            "; gradients may have left the range of f16: f32 and bf16 have room for them".into()
        }
        false => String::new(),
    }
}

/// Steps of so many seconds until the next read-back.
pub(crate) fn readback_steps(step_seconds: f64) -> usize {
    ((READBACK_SECONDS / step_seconds.max(1e-9)) as usize).clamp(1, READBACK_STEPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_of_f16_is_named_where_it_may_matter() {
        let said = |precision, loss| !beyond_range(precision, loss, f64::INFINITY).is_empty();
        assert!(said(Precision::F16, 2.0));
        assert!(!said(Precision::F16, f64::NAN) && !said(Precision::F32, 2.0));
    }

    #[test]
    fn a_device_fails_all_models_at_once() {
        assert!(all_at_once(&[f32::NAN, 2.0, 1.0, f32::INFINITY]));
        assert!(!all_at_once(&[f32::NAN, 2.0, 1.0, 1.0]));
        assert!(!all_at_once(&[f32::NAN, f32::NAN]), "one model alone may diverge");
    }

    #[test]
    fn slow_steps_are_read_back_one_by_one() {
        assert_eq!(readback_steps(3.0), 1);
        assert_eq!(readback_steps(0.1), 5);
        assert_eq!(readback_steps(0.0), READBACK_STEPS);
        assert_eq!(readback_steps(f64::NAN), READBACK_STEPS);
    }
}
