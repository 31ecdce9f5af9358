//! The model's operations, each with its own backward pass.
//!
//! An operation is a folder with up to three forms of it: code on slices for the CPU backend (`host`), kernels for other devices
//! (`kernel`), and tensor operations, which run anywhere and are the reference (`plain`). Which one runs follows from the device
//! of the tensors and its [`Choices`](crate::kernels::Choices).

pub mod activation;
pub(crate) mod adamw;
pub mod attention;
pub(crate) mod clip;
pub mod cross_entropy;
pub mod embedding;
pub mod head;
pub mod linear;
pub mod norm;

#[cfg(test)]
mod tests;
