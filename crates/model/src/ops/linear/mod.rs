//! Projection: `y = x w (+ bias)`, `[R, M, K] x [R, K, N] -> [R, M, N]`.

pub(crate) mod bias;
mod grads;
mod host;
pub(crate) mod product;

use burn::tensor::{DType, Tensor};
use isoflop_plan::Precision;

use crate::host::is_host;
use crate::kernels::tensors::{primitive, row_major, tensor};
use crate::kernels::{Choices, chosen};
pub use grads::Grads;

/// Arithmetic of the products on a GPU: the operands are cast, sums and results are in f32.
pub type Cast = Option<DType>;

/// The type of products' operands in a precision; `None` for `f32`.
pub fn half(precision: Precision) -> Cast {
    match precision {
        Precision::F32 => None,
        Precision::F16 => Some(DType::F16),
        Precision::Bf16 => Some(DType::BF16),
    }
}

/// An operand as [`forward`] and [`backward`] take it to a product. Cast once, it serves both.
pub fn operand(x: Tensor<3>, to: Cast) -> Tensor<3> {
    match to {
        Some(dtype) if !is_host(&x.device()) => x.cast(dtype),
        _ => x,
    }
}

/// `x w`, with `bias` `[R, 1, N]` added where there is one.
pub fn forward(x: &Tensor<3>, w: &Tensor<3>, bias: Option<&Tensor<3>>, to: Cast) -> Tensor<3> {
    if is_host(&x.device()) {
        return host::forward(x, w, bias);
    }
    let y = product(operand(x.clone(), to), operand(w.clone(), to), to);
    match bias {
        Some(bias) => y + bias.clone(),
        None => y,
    }
}

/// `residual + x w`, with `bias` as in [`forward`].
pub fn forward_onto(
    residual: Tensor<3>,
    x: &Tensor<3>,
    w: &Tensor<3>,
    bias: Option<&Tensor<3>>,
    to: Cast,
) -> Tensor<3> {
    if !is_host(&x.device()) || bias.is_some() {
        return residual + forward(x, w, bias, to);
    }
    host::forward_onto(residual, x, w)
}

/// `dx = dy w^T`, `dw = x^T dy`, `dbias = sum of dy over rows`.
pub fn backward(x: Tensor<3>, w: &Tensor<3>, bias: bool, dy: Tensor<3>, to: Cast) -> Grads {
    if is_host(&dy.device()) {
        return host::backward(x, w, bias, dy);
    }
    let bias = bias.then(|| dy.clone().sum_dim(1));
    let [dy, x, w] = [dy, x, w.clone()].map(|t| operand(t, to));
    Grads {
        bias,
        x: product(dy.clone(), w.swap_dims(1, 2), to),
        w: product(x.swap_dims(1, 2), dy, to),
    }
}

/// Products of a projection, as a training step makes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trained {
    /// `x w`, in the type of `x` where kernels make it, else in `f32`.
    Forward,
    /// `dy w^T` likewise, and `x^T dy` in `f32`.
    Gradients,
}

/// The products for `x` `[R, M, K]`, `w` `[R, K, N]` and `dy` `[R, M, N]` (which [`Trained::Forward`] does not read), which are in one
/// type: `[R, M, N]`, or `[R, M, K]` and the parts that the weight's gradient is the sum of, `[R * parts, K, N]`.
pub fn trained(kind: Trained, [x, w, dy]: [&Tensor<3>; 3]) -> Vec<Tensor<3>> {
    if let Some(choices) = chosen(&x.device()) {
        let read = [x, w, dy].map(|t| row_major(primitive(t.clone())));
        return product::trained(kind, read, choices).into_iter().map(tensor).collect();
    }
    let to = Some(x.dtype()).filter(|&dtype| dtype != DType::F32);
    match kind {
        Trained::Forward => vec![forward(x, w, None, to)],
        Trained::Gradients => {
            let grads = backward(x.clone(), w, false, dy.clone(), to);
            vec![grads.x, grads.w]
        }
    }
}

/// `x w`, of which rows are `[gate, up]`, and SwiGLU of it, as a training step on an adapter makes them: `[R, M, 2 H]` and `[R, M, H]`, in the
/// type of both. By kernels, whether the device's choices have them or not.
///
/// # Panics
/// On the CPU, which has operations of its own.
pub fn gates(x: &Tensor<3>, w: &Tensor<3>) -> [Tensor<3>; 2] {
    let choices = Choices::of(&x.device());
    let [x, w] = [x, w].map(|t| row_major(primitive(t.clone())));
    product::gated(&x, &w, choices).map(tensor)
}

/// The gradients of `up` and, in parts as those of [`trained`], of `w` for `dy` `[R, M, N]`, that of `active w`: `[up, active]` is what
/// [`gates`] gave.
///
/// # Panics
/// As [`gates`].
pub fn gradients_of_gates(
    dy: &Tensor<3>,
    w: &Tensor<3>,
    [up, active]: [&Tensor<3>; 2],
) -> [Tensor<3>; 2] {
    let choices = Choices::of(&dy.device());
    let [dy, w, up, active] = [dy, w, up, active].map(|t| row_major(primitive(t.clone())));
    product::gradients_of_gates(&dy, &w, [&up, &active], choices).map(tensor)
}

/// `a b` in `f32`, `[R, M, K] x [R, K, N] -> [R, M, N]`. In half precision [`Choices::matrix_units`] decides what multiplies.
fn product(a: Tensor<3>, b: Tensor<3>, to: Cast) -> Tensor<3> {
    if to.is_none() && chosen(&a.device()).is_none() {
        return a.matmul(b);
    }
    let choices = Choices::of(&a.device());
    tensor(product::whole(primitive(a), primitive(b), choices))
}
