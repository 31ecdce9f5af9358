//! Choices between kernels that are right: neither is faster on every adapter, so each adapter times them once.

use burn::tensor::Device;
use isoflop_model::kernels::Choices;
use isoflop_plan::Precision;

use super::super::error::DeviceError;
use super::super::info::ShaderCompiler;
use super::super::open::OpenEvent;
use super::super::precision::{HALVES, with_matrix_units};
use super::super::selftest::{self, SelfTest};
use super::super::trial::Trial;
use super::super::unit_products;
use super::super::wait::responds;
use super::Candidate;

impl Candidate<'_> {
    /// Makes the device's choices.
    ///
    /// # Errors
    /// If it no longer responds.
    pub(super) fn choose(&mut self, device: &Device, report: &SelfTest) -> Result<(), DeviceError> {
        let matrix_units = report.without_matrix_units.is_none();
        let before = self.timed.clone();
        let unit_products = self.unit_products(device)?;
        let trials = self.trials(report);
        let scores = Trial::scores(&trials);
        let by_element = self.adapter.info.fragments_by_element;
        let [gates, gate_gradients] = Trial::gates(&trials, by_element);
        if self.timed != before {
            self.keep_timed("times kernels again");
        }
        let before = Choices::of(device);
        Choices { matrix_units, unit_products, scores, gates, gate_gradients, ..before }
            .set(device);
        Ok(())
    }

    /// Keeps what was timed in place of what earlier starts have found. Where that fails, the next start does `next`.
    pub(super) fn keep_timed(&mut self, next: &str) {
        let Some(cache) = &self.request.cache else { return };
        let kept = self.key().and_then(|key| cache.store_timed(key, self.timed.clone()));
        self.told_of(kept, next);
    }

    /// Whether this project's kernel makes its products in `f32`.
    fn unit_products(&mut self, device: &Device) -> Result<bool, DeviceError> {
        let info = &self.adapter.info;
        if self.kernels && self.timed.products.is_none() {
            (self.tell)(OpenEvent::Timing("products in f32"));
            match unit_products::times_as_fast(device, unit_products::sizes(info)) {
                Ok(times) => {
                    let text =
                        format!("products in f32: {times:.2} times as fast as cubek's kernels");
                    (self.tell)(OpenEvent::Timed(text));
                    self.timed.products = Some(times).filter(|times| times.is_finite());
                }
                Err(what) => {
                    responds(device)
                        .map_err(|what| DeviceError::Open { device: info.label(), what })?;
                    let text = format!("products in f32 could not be timed: {what}");
                    (self.tell)(OpenEvent::Warning(text));
                }
            }
        }
        Ok(self.timed.products.is_none_or(|times_as_fast| times_as_fast >= 1.0))
    }

    /// What came of ways to compute on matrix units that are compared and timed, in another process.
    fn trials(&mut self, report: &SelfTest) -> Vec<Trial> {
        let halves = self.halves_to_try(report);
        for &half in &halves {
            if self.timed.trials.iter().any(|trial| trial.precision == half) {
                continue;
            }
            (self.tell)(OpenEvent::Timing("attention and SwiGLU in half precision"));
            let trial = match selftest::trial_in_child(&self.adapter.info.id, self.shader, half) {
                Ok(trial) => {
                    (self.tell)(OpenEvent::Timed(format!("in {}: {trial}", half.word())));
                    trial
                }
                Err(failure) => {
                    let text = format!(
                        "attention in {} keeps its scores in shared memory, and SwiGLU has launches of its own: {failure}\nhint: `sweep devices --test` has the next start try again",
                        half.word()
                    );
                    (self.tell)(OpenEvent::Warning(text));
                    if !failure.lasts() {
                        return vec![Trial::failed(half, &failure.to_string())];
                    }
                    Trial::failed(half, &failure.to_string())
                }
            };
            self.timed.trials.push(trial);
        }
        let asked = self.timed.trials.iter().filter(|trial| halves.contains(&trial.precision));
        asked.cloned().collect()
    }

    /// The half precisions to try in: those that passed on matrix units, where the driver may have what other ways need.
    fn halves_to_try(&self, report: &SelfTest) -> Vec<Precision> {
        let info = &self.adapter.info;
        let able = self.kernels
            && self.shader == ShaderCompiler::Spirv
            && info.fragments_by_element
            && report.without_matrix_units.is_none()
            && self.elsewhere();
        let units = with_matrix_units(info, self.shader);
        let fits = |half: &Precision| report.precisions.contains(half) && units.contains(half);
        HALVES.into_iter().filter(|half| able && fits(half)).collect()
    }
}
