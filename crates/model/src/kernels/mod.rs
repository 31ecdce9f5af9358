//! What the kernels of [`ops`](crate::ops) share: for every device that is not the CPU.
//!
//! Kernels are written once, in Rust (`#[cube]`), and compiled for the device when first used: to WGSL or SPIR-V. None uses
//! atomics, so that every sum has one order, and none asks anything of the host.
//!
//! Sums over a row are made by one plane (warp, subgroup) where all planes of a device have one size,
//! else by a few units of a cube through shared memory ([`Planes`]).

mod choices;
pub(crate) mod elementwise;
pub(crate) mod flat;
pub(crate) mod fragments;
pub(crate) mod launch;
pub(crate) mod lines;
pub(crate) mod reduce;
pub(crate) mod tensors;
pub(crate) mod traffic;

use burn::backend::DispatchDevice;
use burn::cubecl::Device as CubeDevice;
use burn::tensor::Device;

pub use choices::{Choices, Planes, Scores};
pub use traffic::Traffic;

/// Bytes of the largest tensor that the device can hold: a tensor lies in one buffer. `None` on the CPU.
pub fn largest_tensor(device: &Device) -> Option<u64> {
    cube_device(device).map(|cube| cube.client().properties().memory.max_page_size)
}

/// The device's choices where operations on its tensors are kernels.
pub(crate) fn chosen(device: &Device) -> Option<Choices> {
    let able = cube_device(device).is_some() && !device.is_autodiff();
    able.then(|| Choices::of(device)).filter(|choices| choices.kernels)
}

/// The device as cubecl knows it.
pub(crate) fn cube_device(device: &Device) -> Option<&CubeDevice> {
    match device.as_dispatch() {
        DispatchDevice::Cube(cube) => Some(cube),
        _ => None,
    }
}
