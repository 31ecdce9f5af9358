//! The model's operations, each with its own backward pass.
//!
//! Every operation has three forms: code on slices for the CPU backend, a [kernel](crate::kernels)
//! for other devices, and tensor operations, which run anywhere and are the reference. Which one runs
//! follows from the device of the tensors.

pub mod activation;
pub mod attention;
pub mod cross_entropy;
pub mod embedding;
mod gemm;
pub mod head;
pub(crate) mod host;
pub(crate) mod lanes;
pub mod linear;
pub mod norm;

use burn::tensor::Device;

/// Whether tensors of this device take the operations written for slices: the CPU does.
pub fn is_host(device: &Device) -> bool {
    host::is_host(device)
}

#[cfg(test)]
mod tests;
