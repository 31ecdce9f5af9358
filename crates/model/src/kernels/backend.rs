//! The kernels as an extension of burn's backends.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, backend_extension};
use burn::tensor::DType;
use burn_cubecl::CubeBackend;

use super::{activation, attention, cross_entropy, embedding, norm, product};
use crate::ops::activation::Activation;
use crate::ops::attention::Dims;

/// Operations with kernels of their own. Shapes and formulas are those of [`ops`](crate::ops).
#[backend_extension(Cube)]
pub(crate) trait Kernels: Backend {
    fn kernel_norm(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        layer_norm: bool,
    ) -> FloatTensor<Self>;

    fn kernel_norm_backward(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        layer_norm: bool,
        has_residual: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    fn kernel_activation(x: FloatTensor<Self>, kind: Activation) -> FloatTensor<Self>;

    fn kernel_product(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self>;

    fn kernel_activation_backward(
        x: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        kind: Activation,
    ) -> FloatTensor<Self>;

    fn kernel_attention(
        qkv: FloatTensor<Self>,
        q_gain: FloatTensor<Self>,
        k_gain: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        normed: bool,
        half: Option<DType>,
        d: Dims,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    fn kernel_attention_backward(
        qkv: FloatTensor<Self>,
        qk: FloatTensor<Self>,
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

    fn kernel_losses(logits: FloatTensor<Self>, targets: IntTensor<Self>) -> FloatTensor<Self>;

    fn kernel_loss_gradient(
        logits: FloatTensor<Self>,
        targets: IntTensor<Self>,
        z: f32,
        scale: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

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
        product::whole(a, b)
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
    ) -> (F, F, F) {
        let [out, log_sum, qk] =
            attention::forward(qkv, [q_gain, k_gain], [cos, sin], normed, half, d);
        (out, log_sum, qk)
    }

    fn kernel_attention_backward(
        qkv: F,
        qk: F,
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
        let read = [qkv, qk, out, log_sum, dy];
        attention::backward(read, [q_gain, k_gain], [cos, sin], normed, half, d)
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
