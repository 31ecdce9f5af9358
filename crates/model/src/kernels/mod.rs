//! The model's operations as kernels of their own, for every device that is not the CPU.
//!
//! They are written once, in Rust (`#[cube]`), and compiled for the device when first used: to WGSL
//! or SPIR-V. Each takes the place of a chain of tensor operations of [`ops`](crate::ops), which
//! stays beside it as the reference. None uses atomics, so that every sum has one order, and none
//! asks anything of the host.
//!
//! Sums over a row are made by one plane (warp, subgroup) where all planes of a device have one size,
//! else by a few units of a cube through shared memory ([`Planes`]).

pub(crate) mod activation;
pub(crate) mod attention;
pub(crate) mod bias;
mod choices;
pub(crate) mod cross_entropy;
pub(crate) mod embedding;
pub(crate) mod flat;
pub(crate) mod launch;
mod lists;
pub(crate) mod norm;
pub(crate) mod product;
mod reduce;
mod rotary;

use burn::backend::{Cube, DispatchDevice};
use burn::cubecl::Device as CubeDevice;
use burn::tensor::{DType, Device, Int, Tensor};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use crate::ops::activation::Activation;
use crate::ops::attention::Dims;
use crate::ops::linear::half;
use isoflop_plan::Precision;

pub use choices::{Choices, Planes};
pub(crate) use embedding::places;
pub(crate) use lists::{primitive, tensor};

/// Whether attention in this precision goes to matrix units of the device, for heads of `head_dim` channels.
pub fn takes_matrix_units(device: &Device, precision: Precision, head_dim: usize) -> bool {
    let on = |cube: &CubeDevice, choices| {
        attention::is_by_matrix(half(precision), head_dim, &cube.client(), choices)
    };
    cube_device(device).zip(chosen(device)).is_some_and(|(cube, choices)| on(cube, choices))
}

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
fn cube_device(device: &Device) -> Option<&CubeDevice> {
    match device.as_dispatch() {
        DispatchDevice::Cube(cube) => Some(cube),
        _ => None,
    }
}

/// The tensor of numbers as kernels take it.
pub(crate) fn primitive_int<const D: usize>(tensor: Tensor<D, Int>) -> CubeTensor {
    tensor
        .try_into_primitive::<Cube>()
        .unwrap_or_else(|e| panic!("a kernel was called on another backend: {e:?}"))
}

/// The device's choices where [`attention`] applies: its shared memory must hold tiles of these heads.
pub(crate) fn chosen_for_heads(device: &Device, head_dim: usize) -> Option<Choices> {
    let limit = |cube: &CubeDevice| cube.client().properties().hardware.max_shared_memory_size;
    let fits = |cube: &CubeDevice| attention::fits(head_dim, limit(cube));
    chosen(device).filter(|_| cube_device(device).is_some_and(fits))
}

/// `[R, M, D]`; see [`norm::forward`](crate::ops::norm::forward).
pub(crate) fn norm(
    x: &Tensor<3>,
    gain: &Tensor<3>,
    bias: Option<&Tensor<3>>,
    choices: Choices,
) -> Tensor<3> {
    let [x, gain] = [x, gain].map(|t| primitive(t.clone()));
    let bias = bias.map(|b| primitive(b.clone()));
    tensor(norm::forward(x, gain, bias, choices))
}

/// Gradients of the input, the gain and the bias.
pub(crate) fn norm_backward(
    x: Tensor<3>,
    gain: &Tensor<3>,
    layer_norm: bool,
    dy: Tensor<3>,
    residual: Option<Tensor<3>>,
    choices: Choices,
) -> (Tensor<3>, Tensor<3>, Option<Tensor<3>>) {
    let [x, gain, dy] = [x, gain.clone(), dy].map(primitive);
    let (dx, dgain, dbias) =
        norm::backward(x, gain, dy, residual.map(primitive), layer_norm, choices);
    let whole = |parts| tensor::<3>(parts).sum_dim(1);
    (tensor(dx), whole(dgain), dbias.map(whole))
}

/// `a b` in `f32`, `[R, M, K] x [R, K, N] -> [R, M, N]`, of operands in half precision. [`Choices::kernels`] does not reach it:
/// [`Choices::matrix_units`] decides what multiplies.
pub(crate) fn product(a: Tensor<3>, b: Tensor<3>) -> Tensor<3> {
    let choices = Choices::of(&a.device());
    tensor(product::whole(primitive(a), primitive(b), choices))
}

/// See [`activation::forward`](crate::ops::activation::forward).
pub(crate) fn activation(x: &Tensor<3>, kind: Activation) -> Tensor<3> {
    tensor(activation::forward(primitive(x.clone()), kind))
}

/// Gradient of the input.
pub(crate) fn activation_backward(x: Tensor<3>, kind: Activation, dy: Tensor<3>) -> Tensor<3> {
    tensor(activation::backward(primitive(x), primitive(dy), kind))
}

/// What [`attention`] takes beside the projection.
pub(crate) struct Rotary {
    /// Gains of queries and keys, `[R, 1, head_dim]`.
    pub gains: [Tensor<3>; 2],
    /// Cosines and sines, `[context, head_dim / 2]`.
    pub tables: [Tensor<2>; 2],
}

impl Rotary {
    /// Gains and tables for a launch; any tensor stands in where there are none.
    fn operands(rotary: Option<&Self>, filler: &CubeTensor) -> ([CubeTensor; 2], [CubeTensor; 2]) {
        match rotary {
            Some(Self { gains, tables }) => {
                (gains.clone().map(primitive), tables.clone().map(primitive))
            }
            None => ([0; 2].map(|_| filler.clone()), [0; 2].map(|_| filler.clone())),
        }
    }
}

/// Result `[R, M, D]`, log sums `[R, sequences * heads, context]`, and what the backward pass takes queries and keys from;
/// these are normed and turned where `rotary` is given. With `half`, products may have operands in that precision.
pub(crate) fn attention(
    qkv: &Tensor<3>,
    rotary: Option<&Rotary>,
    half: Option<DType>,
    d: Dims,
    choices: Choices,
) -> [Tensor<3>; 3] {
    let qkv = primitive(qkv.clone());
    let (gains, tables) = Rotary::operands(rotary, &qkv);
    attention::forward(qkv, gains, tables, rotary.is_some(), half, d, choices).map(tensor)
}

/// Gradient of the projection, and of the gains of queries and keys.
pub(crate) fn attention_backward(
    [qkv, qk, out, log_sum, dy]: [Tensor<3>; 5],
    rotary: Option<&Rotary>,
    half: Option<DType>,
    d: Dims,
    choices: Choices,
) -> (Tensor<3>, Option<[Tensor<3>; 2]>) {
    let read = [qkv, qk, out, log_sum, dy].map(primitive);
    let (gains, tables) = Rotary::operands(rotary, &read[3]);
    let (dqkv, dgain) =
        attention::backward(read, gains, tables, rotary.is_some(), half, d, choices);
    let gains = rotary.map(|_| {
        let both = tensor::<3>(dgain).sum_dim(1);
        [0, d.head_dim].map(|start| both.clone().narrow(2, start, d.head_dim))
    });
    (tensor(dqkv), gains)
}

/// Loss of every row of logits `[R, M, V]`: `[R, M, 1]`.
pub(crate) fn losses(logits: Tensor<3>, targets: Tensor<3, Int>, choices: Choices) -> Tensor<3> {
    tensor(cross_entropy::losses(primitive(logits), primitive_int(targets), choices))
}

/// [`losses`], and the gradient of `scale` times the sum of them and of `z` times the squares of the
/// rows' log sums.
pub(crate) fn loss_gradient(
    logits: Tensor<3>,
    targets: Tensor<3, Int>,
    z: f32,
    scale: f32,
    choices: Choices,
) -> (Tensor<3>, Tensor<3>) {
    let (logits, targets) = (primitive(logits), primitive_int(targets));
    let (losses, gradient) = cross_entropy::gradient(logits, targets, z, scale, choices);
    (tensor(losses), tensor(gradient))
}

/// Gradient of a table `[R, V, D]` for `dy` `[R, M, D]`, with the tokens' [`places`] as tensors.
pub(crate) fn embedding_backward(
    vocab: usize,
    starts: Tensor<1, Int>,
    places: Tensor<1, Int>,
    chunks: usize,
    dy: Tensor<3>,
) -> Tensor<3> {
    let [r, _, d] = dy.dims();
    let lists = [starts, places].map(|list| into_contiguous(primitive_int(list)));
    let parts = tensor::<3>(embedding::gradient(primitive(dy), lists, chunks, vocab));
    let table = if chunks == 1 { parts } else { parts.sum_dim(1) };
    table.reshape([r, vocab, d])
}
