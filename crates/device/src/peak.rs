//! The fastest matrix products that a device is seen to make.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use burn::tensor::{Device, Tensor, TensorData};
use isoflop_model::is_host;
use isoflop_model::ops::linear::{self, Trained};
use isoflop_plan::Precision;
use serde::{Deserialize, Serialize};

use super::error::panic_message;
use super::info::{DeviceInfo, DeviceKind};
use super::wait::wait_for;

/// Sides of the square matrices that are tried, in order, while there is time.
const SIDES: [usize; 6] = [256, 512, 1024, 2048, 4096, 8192];

/// Time after which no larger size is begun; on adapters what compiles does not count.
const BUDGET: Duration = Duration::from_millis(350);

/// Time of one measurement of all kinds of products.
const SAMPLE: Duration = Duration::from_millis(80);

/// The products of training on an adapter.
const KINDS: [Trained; 2] = [Trained::Forward, Trained::Gradients];

/// The best measured rate of square matrix products.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Peak {
    pub precision: Precision,
    /// Best rate seen, FLOP/s (a product of side n counts 2 n^3).
    pub flops_per_second: f64,
    /// Side of the matrices it was seen at.
    pub side: usize,
}

/// Measures the best rate over several sizes of the products that training makes, in about half a second (more where kernels are
/// compiled for the first time).
///
/// # Errors
/// The device's words, if it cannot make the smallest.
pub fn measure_peak(
    device: &Device,
    info: &DeviceInfo,
    precision: Precision,
) -> Result<Peak, String> {
    let slow = info.kind == DeviceKind::Software;
    let started = Instant::now();
    let mut prepared = Duration::ZERO;
    let mut best: Option<Peak> = None;
    for &side in &SIDES {
        let spent = started.elapsed() - prepared;
        let flops = 2.0 * (side as f64).powi(3);
        // One product of this size at the best rate so far.
        let expected = best.map_or(0.0, |b| flops / b.flops_per_second);
        if spent > BUDGET || expected > BUDGET.as_secs_f64() || slow && side > 256 {
            break;
        }
        let rate = || {
            let begun = Instant::now();
            let products = Products::prepare(device, precision, side)?;
            if !info.is_cpu() {
                prepared += begun.elapsed();
            }
            products.rate()
        };
        let rate = catch_unwind(AssertUnwindSafe(rate));
        match rate.unwrap_or_else(|panic| Err(panic_message(&*panic))) {
            Ok(rate) if best.is_none_or(|b| rate > b.flops_per_second) => {
                best = Some(Peak { precision, flops_per_second: rate, side });
            }
            Ok(_) => {}
            // A size that the device cannot do leaves the ones before it.
            Err(_) if best.is_some() => break,
            Err(what) => return Err(what),
        }
    }
    best.ok_or_else(|| "there was no time for a product".into())
}

/// Square matrices to multiply, in the type that products take.
struct Products {
    weights: Tensor<3>,
    side: usize,
}

impl Products {
    /// Makes them and multiplies once each way, which compiles.
    fn prepare(device: &Device, precision: Precision, side: usize) -> Result<Self, String> {
        let cast = linear::half(precision);
        let scale = 1.0 / (side as f32).sqrt();
        let values: Vec<f32> = (0..side * side)
            .map(|i| if (i as u32).wrapping_mul(0x9e37_79b9) >> 31 == 0 { scale } else { -scale })
            .collect();
        let data = TensorData::new(values, [1, side, side]);
        let weights = Tensor::<3>::from_data(data, device);
        // Operands are in that type already in a step, so that their cast is none of the product.
        let products = Self { weights: linear::operand(weights, cast), side };
        for &kind in products.kinds() {
            wait_for(&products.product(kind))?;
        }
        Ok(products)
    }

    /// A CPU makes all of them the same way.
    fn kinds(&self) -> &'static [Trained] {
        if is_host(&self.weights.device()) { &KINDS[..1] } else { &KINDS }
    }

    fn product(&self, kind: Trained) -> Tensor<3> {
        linear::trained(kind, [&self.weights; 3]).swap_remove(0)
    }

    /// FLOP/s of the faster kind of products, one after the other.
    fn rate(&self) -> Result<f64, String> {
        let kinds = self.kinds();
        let rates = kinds.iter().map(|&kind| self.rate_of(kind, SAMPLE / kinds.len() as u32));
        rates.reduce(|a, b| Ok(a?.max(b?))).expect("there is a kind")
    }

    fn rate_of(&self, kind: Trained, sample: Duration) -> Result<f64, String> {
        let products = if kind == Trained::Gradients { 2.0 } else { 1.0 };
        let flops = products * 2.0 * (self.side as f64).powi(3);
        let mut best = 0.0f64;
        let mut count = 1;
        let started = Instant::now();
        loop {
            let begun = Instant::now();
            let mut last = self.product(kind);
            for _ in 1..count {
                last = self.product(kind);
            }
            wait_for(&last)?;
            let seconds = begun.elapsed().as_secs_f64();
            best = best.max(flops * f64::from(count) / seconds.max(1e-9));
            if started.elapsed() > sample {
                return Ok(best);
            }
            count = (count * 2).min(64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cpu;
    use super::*;

    #[test]
    fn the_cpu_has_a_plausible_peak() {
        let peak = measure_peak(&Device::flex(), &cpu::info(), Precision::F32).unwrap();
        assert!(SIDES.contains(&peak.side));
        let rate = peak.flops_per_second;
        assert!(rate > 1e8 && rate < 1e15, "{rate:e} FLOP/s");
    }
}
