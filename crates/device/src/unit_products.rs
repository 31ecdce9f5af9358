//! Whether an adapter makes products in `f32` faster by this project's kernel or by cubek's: neither is on every one, so they are timed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::tensor::{Device, Tensor, TensorData};
use isoflop_model::is_host;
use isoflop_model::kernels::Choices;
use isoflop_model::ops::linear::{Trained, trained};

use super::error::panic_message;
use super::info::DeviceInfo;
use super::turns;
use super::wait::wait_for;

/// Tokens, rows and columns of the projection whose products are timed, forward and both gradients: of a model that a GPU trains in
/// `f32`.
const OF_GPUS: [usize; 3] = [8192, 256, 768];

/// The same on a software adapter, which takes a thousand times as long.
const OF_SOFTWARE: [usize; 3] = [512, 32, 96];

/// The sizes that are timed on a device.
pub(super) fn sizes(info: &DeviceInfo) -> [usize; 3] {
    if info.is_gpu() { OF_GPUS } else { OF_SOFTWARE }
}

/// How many times as fast this project's kernel is as cubek's. Leaves the device's choices as they were.
///
/// # Errors
/// The device's words, if it fails; on the CPU, which has no kernels.
pub fn times_as_fast(device: &Device, [m, k, n]: [usize; 3]) -> Result<f64, String> {
    if is_host(device) {
        return Err("the CPU has no kernels".into());
    }
    let before = Choices::of(device);
    let timed = catch_unwind(AssertUnwindSafe(|| {
        let numbers = |rows: usize, cols: usize| {
            let values = (0..rows * cols).map(|i| (i % 17) as f32 / 16.0 - 0.5).collect();
            Tensor::<3>::from_data(TensorData::new::<f32, _>(values, [1, rows, cols]), device)
        };
        let (x, w, dy) = (numbers(m, k), numbers(k, n), numbers(m, n));
        let mut of = [true, false].map(|unit_products| {
            let read = [&x, &w, &dy];
            move |count: usize| {
                Choices { unit_products, ..before }.set(device);
                let mut last = Vec::new();
                for _ in 0..count {
                    drop(trained(Trained::Forward, read));
                    last = trained(Trained::Gradients, read);
                }
                wait_for(&last[0])
            }
        });
        let [own, cubek] = &mut of;
        turns::times_as_fast(own, cubek)
    }));
    before.set(device);
    timed.unwrap_or_else(|panic| Err(panic_message(&*panic)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On the CPU there is one way alone.
    #[test]
    fn a_device_keeps_its_choices() {
        let device = Device::flex();
        let before = Choices::of(&device);
        assert!(times_as_fast(&device, [64, 8, 16]).is_err(), "the CPU has no kernels");
        assert_eq!(Choices::of(&device), before);
    }
}
