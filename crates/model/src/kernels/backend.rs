//! The kernels as an extension of burn's backends: what each makes, for burn's fusion to plan with,
//! and the launch.

use burn::backend::fusion::custom::TensorSpec;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, backend_extension};
use burn::tensor::{DType, Shape};
use burn_cubecl::CubeBackend;

use super::{activation, attention, cross_entropy, embedding, norm, product, rotary};
use crate::ops::activation::Activation;
use crate::ops::attention::Dims;

/// An `f32` tensor of this shape.
fn spec<const D: usize>(shape: [usize; D]) -> TensorSpec {
    TensorSpec::new(Shape::from(shape), DType::F32)
}

fn sizes<const D: usize>(spec: &TensorSpec) -> [usize; D] {
    spec.shape.dims()
}

/// Operations with kernels of their own. Shapes and formulas are those of [`ops`](crate::ops).
#[backend_extension(Cube, Fusion)]
pub(crate) trait Kernels: Backend {
    #[fusion(dtype = x, shape = x)]
    fn kernel_norm(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        layer_norm: bool,
    ) -> FloatTensor<Self>;

    #[fusion(meta = |x: &TensorSpec, _gain, _dy, _residual, layer_norm: &bool, _has| {
        let [r, m, width] = sizes(x);
        let part = spec([r, norm::chunks(m), width]);
        let bias = if *layer_norm { part.clone() } else { spec([1, 1, 1]) };
        (x.clone(), part, bias)
    })]
    fn kernel_norm_backward(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        layer_norm: bool,
        has_residual: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    #[fusion(meta = |x: &TensorSpec, kind: &Activation| {
        let [r, m, n] = sizes(x);
        spec([r, m, if *kind == Activation::SwiGlu { n / 2 } else { n }])
    })]
    fn kernel_activation(x: FloatTensor<Self>, kind: Activation) -> FloatTensor<Self>;

    #[fusion(meta = |a: &TensorSpec, b: &TensorSpec| {
        let ([r, m, _], [_, _, n]) = (sizes(a), sizes(b));
        spec([r, m, n])
    })]
    fn kernel_product(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self>;

    #[fusion(dtype = x, shape = x)]
    fn kernel_activation_backward(
        x: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        kind: Activation,
    ) -> FloatTensor<Self>;

    #[fusion(meta = |_qkv, _q, _k, _cos, _sin, _normed: &bool, _half, d: &Dims| {
        let m = d.sequences * d.context;
        (
            spec([d.replicas, m, d.width()]),
            spec([d.replicas, d.sequences * d.heads, d.context]),
        )
    })]
    fn kernel_attention(
        qkv: FloatTensor<Self>,
        q_gain: FloatTensor<Self>,
        k_gain: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        normed: bool,
        half: Option<DType>,
        d: Dims,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    #[fusion(meta = |qkv: &TensorSpec, _o, _l, _q, _k, _cos, _sin, _dy, normed: &bool, _half, d: &Dims| {
        let gains = [d.replicas, rotary::chunks(*d), 2 * d.head_dim];
        (qkv.clone(), spec(if *normed { gains } else { [1, 1, 1] }))
    })]
    fn kernel_attention_backward(
        qkv: FloatTensor<Self>,
        out: FloatTensor<Self>,
        log_sum: FloatTensor<Self>,
        q_gain: FloatTensor<Self>,
        k_gain: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        normed: bool,
        half: Option<DType>,
        d: Dims,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    #[fusion(meta = |logits: &TensorSpec, _targets| {
        let [r, m, _] = sizes(logits);
        spec([r, m, 1])
    })]
    fn kernel_losses(logits: FloatTensor<Self>, targets: IntTensor<Self>) -> FloatTensor<Self>;

    #[fusion(meta = |logits: &TensorSpec, _targets, _z, _scale| {
        let [r, m, _] = sizes(logits);
        (spec([r, m, 1]), logits.clone())
    })]
    fn kernel_loss_gradient(
        logits: FloatTensor<Self>,
        targets: IntTensor<Self>,
        z: f32,
        scale: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    #[fusion(meta = |dy: &TensorSpec, _starts, _places, chunks: &usize, vocab: &usize| {
        let [r, _, width] = sizes(dy);
        spec([r, *chunks, vocab * width])
    })]
    fn kernel_embedding_backward(
        dy: FloatTensor<Self>,
        starts: IntTensor<Self>,
        places: IntTensor<Self>,
        chunks: usize,
        vocab: usize,
    ) -> FloatTensor<Self>;
}

type F = FloatTensor<CubeBackend>;
type I = IntTensor<CubeBackend>;

impl Kernels for CubeBackend {
    fn kernel_norm(x: F, gain: F, bias: F, layer_norm: bool) -> F {
        norm::forward(x, gain, bias, layer_norm)
    }

    fn kernel_norm_backward(
        x: F,
        gain: F,
        dy: F,
        residual: F,
        layer_norm: bool,
        has_residual: bool,
    ) -> (F, F, F) {
        norm::backward(x, gain, dy, residual, layer_norm, has_residual)
    }

    fn kernel_activation(x: F, kind: Activation) -> F {
        activation::forward(x, kind)
    }

    fn kernel_product(a: F, b: F) -> F {
        product::product(a, b)
    }

    fn kernel_activation_backward(x: F, dy: F, kind: Activation) -> F {
        activation::backward(x, dy, kind)
    }

    fn kernel_attention(
        qkv: F,
        q_gain: F,
        k_gain: F,
        cos: F,
        sin: F,
        normed: bool,
        half: Option<DType>,
        d: Dims,
    ) -> (F, F) {
        attention::forward(qkv, [q_gain, k_gain], [cos, sin], normed, half, d)
    }

    fn kernel_attention_backward(
        qkv: F,
        out: F,
        log_sum: F,
        q_gain: F,
        k_gain: F,
        cos: F,
        sin: F,
        dy: F,
        normed: bool,
        half: Option<DType>,
        d: Dims,
    ) -> (F, F) {
        attention::backward(qkv, out, log_sum, [q_gain, k_gain], [cos, sin], dy, normed, half, d)
    }

    fn kernel_losses(logits: F, targets: I) -> F {
        cross_entropy::losses(logits, targets)
    }

    fn kernel_loss_gradient(logits: F, targets: I, z: f32, scale: f32) -> (F, F) {
        cross_entropy::gradient(logits, targets, z, scale)
    }

    fn kernel_embedding_backward(dy: F, starts: I, places: I, chunks: usize, vocab: usize) -> F {
        embedding::gradient(dy, starts, places, chunks, vocab)
    }
}
