//! Waiting for a result.

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::tensor::{Device, Tensor};

use super::error::panic_message;

/// Waits until a tensor is computed. burn reads lazily: for data that is asked for and never looked at it does not
/// wait, so that a clock would only see how fast work is handed over.
///
/// # Errors
/// The device's words, if it failed before it had the work.
///
/// # Panics
/// If it failed at the work.
pub fn wait_for<const D: usize>(tensor: &Tensor<D>) -> Result<(), String> {
    let one = tensor.clone().slice(std::array::from_fn::<_, D, _>(|_| 0..1));
    let data = one.try_into_data().map_err(|e| e.to_string())?;
    data.as_bytes().first().map(|_| ()).ok_or_else(|| "it gave no data".into())
}

/// Whether a device still computes, as after a failure.
///
/// # Errors
/// Its words, where it does not.
pub fn responds(device: &Device) -> Result<(), String> {
    let sum = || wait_for(&Tensor::<1>::ones([8], device).add_scalar(1.0));
    catch_unwind(AssertUnwindSafe(sum)).unwrap_or_else(|panic| Err(panic_message(&*panic)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_responds() {
        responds(&Device::default()).unwrap();
    }
}
