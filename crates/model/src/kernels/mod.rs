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
mod backend;
pub(crate) mod bias;
pub(crate) mod cross_entropy;
pub(crate) mod embedding;
pub(crate) mod flat;
pub(crate) mod launch;
mod lists;
pub(crate) mod norm;
pub(crate) mod product;
mod reduce;
mod rotary;

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use burn::backend::{Cube, Dispatch, DispatchDevice, DispatchTensor};
use burn::cubecl::Device as CubeDevice;
use burn::tensor::{DType, Device, Int, Tensor};
use burn_cubecl::tensor::CubeTensor;

use crate::ops::activation::Activation;
use crate::ops::attention::Dims;
use crate::ops::linear::half;
use backend::Kernels;
use isoflop_plan::Precision;

pub(crate) use embedding::places;
pub(crate) use lists::primitive;
#[doc(hidden)]
pub use product::let_fragments_convert;

/// Whether kernels are used where there are some.
static ENABLED: AtomicBool = AtomicBool::new(true);

/// Turns the kernels off for this process, so that devices run the tensor operations instead, or on
/// again. The CPU has operations of its own and does not look here.
pub fn enable(on: bool) {
    ENABLED.store(on, Ordering::Relaxed);
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

/// Whether attention in half precision may go to the device's matrix units.
static MATRIX_UNITS: AtomicBool = AtomicBool::new(true);

/// Lets attention in half precision go to the device's matrix units (tensor cores), where it has some, or keeps it from
/// them, for this process. Returns the choice before.
pub fn use_matrix_units(on: bool) -> bool {
    MATRIX_UNITS.swap(on, Ordering::Relaxed)
}

/// Whether attention in this precision goes to matrix units of the device, for heads of `head_dim` channels.
pub fn takes_matrix_units(device: &Device, precision: Precision, head_dim: usize) -> bool {
    let on = |cube: &CubeDevice| attention::is_by_matrix(half(precision), head_dim, &cube.client());
    apply(device) && cube_device(device).is_some_and(on)
}

/// Bytes of the largest tensor that the device can hold: a tensor lies in one buffer. `None` on the CPU.
pub fn largest_tensor(device: &Device) -> Option<u64> {
    cube_device(device).map(|cube| cube.client().properties().memory.max_page_size)
}

fn has_matrix_units() -> bool {
    MATRIX_UNITS.load(Ordering::Relaxed)
}

/// The present choice: a [`Planes`] as its place in the list.
static PLANES: AtomicU8 = AtomicU8::new(0);

/// Chooses how sums over a row are made from now on, for this process; [`Planes::Reported`] at first.
/// Returns the choice before.
pub fn choose_planes(planes: Planes) -> Planes {
    named(PLANES.swap(planes as u8, Ordering::Relaxed))
}

fn planes() -> Planes {
    named(PLANES.load(Ordering::Relaxed))
}

fn named(planes: u8) -> Planes {
    [Planes::Reported, Planes::On, Planes::Off][usize::from(planes)]
}

/// Whether kernels are on in this process.
pub fn enabled() -> bool {
    ENABLED.load(Ordering::Relaxed)
}

/// Whether operations on tensors of this device are those of this module.
pub(crate) fn apply(device: &Device) -> bool {
    cube_device(device).is_some() && !device.is_autodiff() && enabled()
}

/// The device as cubecl knows it.
fn cube_device(device: &Device) -> Option<&CubeDevice> {
    match device.as_dispatch() {
        DispatchDevice::Cube(cube) => Some(cube),
        _ => None,
    }
}

/// The tensor of numbers as kernels take it.
pub(crate) fn primitive_int(tensor: &Tensor<1, Int>) -> CubeTensor {
    tensor
        .clone()
        .try_into_primitive::<Cube>()
        .unwrap_or_else(|e| panic!("a kernel was called on another backend: {e:?}"))
}

/// Whether [`attention`] applies: the device's shared memory must hold tiles of these heads.
pub(crate) fn apply_to_heads(device: &Device, head_dim: usize) -> bool {
    let limit = |cube: &CubeDevice| cube.client().properties().hardware.max_shared_memory_size;
    apply(device) && cube_device(device).is_some_and(|cube| attention::fits(head_dim, limit(cube)))
}

/// `[R, M, D]`; see [`norm::forward`](crate::ops::norm::forward).
pub(crate) fn norm(x: &Tensor<3>, gain: &Tensor<3>, bias: Option<&Tensor<3>>) -> Tensor<3> {
    let [x, gain, filler] = [x, gain, bias.unwrap_or(gain)].map(|t| t.clone().into_dispatch());
    Tensor::from_dispatch(Dispatch::kernel_norm(x, gain, filler, bias.is_some()))
}

/// Gradients of the input, the gain and the bias.
pub(crate) fn norm_backward(
    x: Tensor<3>,
    gain: &Tensor<3>,
    layer_norm: bool,
    dy: Tensor<3>,
    residual: Option<Tensor<3>>,
) -> (Tensor<3>, Tensor<3>, Option<Tensor<3>>) {
    let has_residual = residual.is_some();
    let residual = residual.unwrap_or_else(|| gain.clone());
    let [x, gain, dy, residual] = [x, gain.clone(), dy, residual].map(Tensor::into_dispatch);
    let (dx, dgain, dbias) =
        Dispatch::kernel_norm_backward(x, gain, dy, residual, layer_norm, has_residual);
    let whole = |parts| Tensor::<3>::from_dispatch(parts).sum_dim(1);
    (Tensor::from_dispatch(dx), whole(dgain), layer_norm.then(|| whole(dbias)))
}

/// `a b` in `f32`, `[R, M, K] x [R, K, N] -> [R, M, N]`, of operands in half precision. The switch of
/// [`enable`] does not reach it: [`use_matrix_units`] decides what multiplies.
pub(crate) fn product(a: Tensor<3>, b: Tensor<3>) -> Tensor<3> {
    Tensor::from_dispatch(Dispatch::kernel_product(a.into_dispatch(), b.into_dispatch()))
}

/// See [`activation::forward`](crate::ops::activation::forward).
pub(crate) fn activation(x: &Tensor<3>, kind: Activation) -> Tensor<3> {
    Tensor::from_dispatch(Dispatch::kernel_activation(x.clone().into_dispatch(), kind))
}

/// Gradient of the input.
pub(crate) fn activation_backward(x: Tensor<3>, kind: Activation, dy: Tensor<3>) -> Tensor<3> {
    let [x, dy] = [x, dy].map(Tensor::into_dispatch);
    Tensor::from_dispatch(Dispatch::kernel_activation_backward(x, dy, kind))
}

/// What [`attention`] takes beside the projection.
pub(crate) struct Rotary {
    /// Gains of queries and keys, `[R, 1, head_dim]`.
    pub gains: [Tensor<3>; 2],
    /// Cosines and sines, `[context, head_dim / 2]`.
    pub tables: [Tensor<2>; 2],
}

impl Rotary {
    /// The tensors for a launch; any tensor stands in where there are none.
    fn operands(rotary: Option<&Self>, filler: &Tensor<3>) -> [DispatchTensor; 4] {
        match rotary {
            Some(Self { gains: [q, k], tables: [cos, sin] }) => [
                q.clone().into_dispatch(),
                k.clone().into_dispatch(),
                cos.clone().into_dispatch(),
                sin.clone().into_dispatch(),
            ],
            None => [0; 4].map(|_| filler.clone().into_dispatch()),
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
) -> (Tensor<3>, Tensor<3>, Tensor<3>) {
    let [q, k, cos, sin] = Rotary::operands(rotary, qkv);
    let qkv = qkv.clone().into_dispatch();
    let (out, log_sum, qk) =
        Dispatch::kernel_attention(qkv, q, k, cos, sin, rotary.is_some(), half, d);
    (Tensor::from_dispatch(out), Tensor::from_dispatch(log_sum), Tensor::from_dispatch(qk))
}

/// Gradient of the projection, and of the gains of queries and keys.
pub(crate) fn attention_backward(
    qkv: Tensor<3>,
    qk: Tensor<3>,
    out: Tensor<3>,
    log_sum: Tensor<3>,
    rotary: Option<&Rotary>,
    half: Option<DType>,
    d: Dims,
    dy: Tensor<3>,
) -> (Tensor<3>, Option<[Tensor<3>; 2]>) {
    let [q, k, cos, sin] = Rotary::operands(rotary, &log_sum);
    let [qkv, qk, out, log_sum, dy] = [qkv, qk, out, log_sum, dy].map(Tensor::into_dispatch);
    let (dqkv, dgain) = Dispatch::kernel_attention_backward(
        qkv,
        qk,
        out,
        log_sum,
        q,
        k,
        cos,
        sin,
        dy,
        rotary.is_some(),
        half,
        d,
    );
    let gains = rotary.map(|_| {
        let both = Tensor::<3>::from_dispatch(dgain).sum_dim(1);
        [0, d.head_dim].map(|start| both.clone().narrow(2, start, d.head_dim))
    });
    (Tensor::from_dispatch(dqkv), gains)
}

/// Loss of every row of logits `[R, M, V]`: `[R, M, 1]`.
pub(crate) fn losses(logits: Tensor<3>, targets: Tensor<3, Int>) -> Tensor<3> {
    let losses = Dispatch::kernel_losses(logits.into_dispatch(), targets.into_dispatch());
    Tensor::from_dispatch(losses)
}

/// [`losses`], and the gradient of `scale` times the sum of them and of `z` times the squares of the
/// rows' log sums.
pub(crate) fn loss_gradient(
    logits: Tensor<3>,
    targets: Tensor<3, Int>,
    z: f32,
    scale: f32,
) -> (Tensor<3>, Tensor<3>) {
    let (logits, targets) = (logits.into_dispatch(), targets.into_dispatch());
    let (losses, gradient) = Dispatch::kernel_loss_gradient(logits, targets, z, scale);
    (Tensor::from_dispatch(losses), Tensor::from_dispatch(gradient))
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
    let (starts, places) = (starts.into_dispatch(), places.into_dispatch());
    let dy = dy.into_dispatch();
    let parts = Dispatch::kernel_embedding_backward(dy, starts, places, chunks, vocab);
    let parts = Tensor::<3>::from_dispatch(parts);
    let table = if chunks == 1 { parts } else { parts.sum_dim(1) };
    table.reshape([r, vocab, d])
}
