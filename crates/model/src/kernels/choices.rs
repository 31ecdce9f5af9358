//! How each device computes the model's operations.

use std::sync::{PoisonError, RwLock};

use burn::tensor::Device;

/// How a device computes the model's operations. The CPU has operations of its own and does not look here.
///
/// Who opens a device sets its choices ([`Choices::set`]). Operations on tensors look them up once, by the device of their
/// operands ([`Choices::of`]), and hand them down as a value; a packed stack keeps those that it was made with. The look-up is a
/// list of the process because burn's tensors and devices carry nothing of ours, and because operations are called with tensors
/// alone, as burn's own are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choices {
    /// Whether operations are kernels of this crate, else chains of tensor operations.
    pub kernels: bool,
    /// Whether products and attention in half precision may go to matrix units (tensor cores), where the device has some.
    pub matrix_units: bool,
    /// Whether products in `f32` are made by this crate's kernel, else by cubek's, where operations are kernels.
    pub unit_products: bool,
    /// Where attention on matrix units has its scores.
    pub scores: Scores,
    /// Whether SwiGLU is made on the way out of the product that gives its input, where matrix units make that.
    pub gates: bool,
    /// Whether the gradient of SwiGLU's input is made on the way out of the product that gives that of its result.
    pub gate_gradients: bool,
    /// How sums over a row are made.
    pub planes: Planes,
    /// Whether fragments of `f32` sums become fragments of half precision also where the device does not say that they can.
    pub fragments_convert: bool,
}

/// Where attention on matrix units has its scores between two products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scores {
    /// In shared memory: every device with matrix units can.
    Shared,
    /// In the fragments that they were made in, two below each other for heads of up to two fragments, else alone: the device must take
    /// fragments element by element (`VK_NV_cooperative_matrix2`).
    Fragments,
    /// The same, two below each other for heads of up to four fragments.
    WideFragments,
}

/// Whether sums over a row are made by planes of units (warps, subgroups).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planes {
    /// Where cubecl says that the device's planes can.
    Reported,
    /// On every device whose planes have one size: cubecl does not say so of software adapters.
    On,
    /// Nowhere: through shared memory.
    Off,
}

impl Default for Choices {
    /// Kernels, with all that the device reports.
    fn default() -> Self {
        Self {
            kernels: true,
            matrix_units: true,
            unit_products: true,
            scores: Scores::Shared,
            gates: true,
            gate_gradients: true,
            planes: Planes::Reported,
            fragments_convert: false,
        }
    }
}

/// Devices for which other choices than the default ones were made.
static CHOSEN: RwLock<Vec<(Device, Choices)>> = RwLock::new(Vec::new());

impl Choices {
    /// Those of a device; the default ones where none were set.
    pub fn of(device: &Device) -> Self {
        let chosen = CHOSEN.read().unwrap_or_else(PoisonError::into_inner);
        chosen.iter().find(|(d, _)| d == device).map_or_else(Self::default, |&(_, choices)| choices)
    }

    /// Makes these the choices of a device from now on. Returns those before.
    pub fn set(self, device: &Device) -> Self {
        let mut chosen = CHOSEN.write().unwrap_or_else(PoisonError::into_inner);
        match chosen.iter_mut().find(|(d, _)| d == device) {
            Some((_, choices)) => std::mem::replace(choices, self),
            None => {
                chosen.push((device.clone(), self));
                Self::default()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::cubecl::wgpu::{WgpuDevice, WgpuDeviceKind};

    use super::*;

    #[test]
    fn devices_have_choices_of_their_own() {
        // Named, not opened.
        let [one, other] =
            [100, 101].map(|id| Device::from(WgpuDevice::new(WgpuDeviceKind::Existing(id))));
        let off = Choices { kernels: false, planes: Planes::Off, ..Choices::default() };
        assert_eq!(off.set(&one), Choices::default());
        assert_eq!((Choices::of(&one), Choices::of(&other)), (off, Choices::default()));
        assert_eq!(Choices::default().set(&one), off);
        assert_eq!(Choices::of(&one), Choices::default());
    }
}
