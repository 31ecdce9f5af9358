//! The norms as kernels: a few units for each row, which they hold in registers.

mod backward;
mod forward;
mod row;

use burn::tensor::{DType, Tensor};

use super::grads::Grads;
use crate::kernels::Choices;
use crate::kernels::launch::chunks;
use crate::kernels::tensors::{dims, empty, primitive, rows_of, tensor};
pub(crate) use backward::{Gains, backward_into};
pub(crate) use forward::forward_as;

/// `[R, M, D]`; see [`forward`](super::forward).
pub(super) fn forward(
    x: &Tensor<3>,
    gain: &Tensor<3>,
    bias: Option<&Tensor<3>>,
    choices: Choices,
) -> Tensor<3> {
    let rows = |t: &Tensor<3>| rows_of(primitive(t.clone()));
    let (x, gain, bias) = (rows(x), rows(gain), bias.map(rows));
    tensor(forward_as(&x, &gain, bias.as_ref(), DType::F32, choices))
}

/// See [`backward`](super::backward).
pub(super) fn backward(
    x: Tensor<3>,
    gain: &Tensor<3>,
    layer_norm: bool,
    dy: Tensor<3>,
    residual: Option<Tensor<3>>,
    choices: Choices,
) -> Grads {
    let rows = |t: Tensor<3>| rows_of(primitive(t));
    let (x, gain, dy, residual) = (rows(x), rows(gain.clone()), rows(dy), residual.map(rows));
    let [r, m, width] = dims(&x);
    let parts = || empty(&x, [r, chunks(m), width]);
    let (dgain, dbias) = (parts(), layer_norm.then(parts));
    let gains = Gains { gain: &dgain, bias: dbias.as_ref(), accumulate: false };
    let dx = backward_into(&x, &gain, &dy, residual.as_ref(), gains, choices);
    let whole = |parts| tensor::<3>(parts).sum_dim(1);
    Grads { x: tensor(dx), gain: whole(dgain), bias: dbias.map(whole) }
}
