//! Token embedding, with learned positions where the family has them.

mod host;
pub(crate) mod kernel;
pub(crate) mod plain;

use burn::tensor::Tensor;

use crate::batch::Tokens;
use crate::host::is_host;
use crate::kernels;

/// `table` `[R, V, D]` looked up: `[R, M, D]`; `positions` `[R, T, D]` are added per sequence.
pub fn forward(table: &Tensor<3>, positions: Option<&Tensor<3>>, tokens: &Tokens) -> Tensor<3> {
    let x = if is_host(&table.device()) {
        host::forward(table, tokens)
    } else {
        plain::forward(table, tokens)
    };
    let Some(positions) = positions else { return x };
    let ([r, m, d], t) = (x.dims(), tokens.context);
    let x = x.reshape([r, m / t, t, d]) + positions.clone().reshape([r, 1, t, d]);
    x.reshape([r, m, d])
}

/// Gradients of [`forward`]: of the table, and of the positions where there are some.
pub fn backward(
    vocab: usize,
    positions: bool,
    tokens: &Tokens,
    dy: Tensor<3>,
) -> (Tensor<3>, Option<Tensor<3>>) {
    let ([r, m, d], t) = (dy.dims(), tokens.context);
    let dpos =
        positions.then(|| dy.clone().reshape([r, m / t, t * d]).sum_dim(1).reshape([r, t, d]));
    let device = dy.device();
    let table = if is_host(&device) {
        host::backward(vocab, tokens, dy)
    } else if kernels::chosen(&device).is_some() {
        kernel::backward(vocab, tokens, dy)
    } else {
        plain::backward(vocab, tokens, dy)
    };
    (table, dpos)
}
