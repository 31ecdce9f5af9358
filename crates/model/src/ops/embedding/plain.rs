//! The embedding in tensor operations: the reference.

use burn::tensor::{DType, Int, Tensor};

use crate::batch::Tokens;

/// Tokens times vocabulary above which the gradient on a GPU is built in pieces.
const ONE_HOT_LIMIT: usize = 1 << 26;

pub(crate) fn forward(table: &Tensor<3>, tokens: &Tokens) -> Tensor<3> {
    let [r, v, d] = table.dims();
    let flat = tokens.flat_tensor(v, &table.device());
    table.clone().reshape([r * v, d]).select(0, flat).reshape([r, tokens.per_replica(), d])
}

/// A product with the one-hot matrix: slower than scattered adds, but without atomics, so that
/// the sum has one order.
pub(super) fn backward(vocab: usize, tokens: &Tokens, dy: Tensor<3>) -> Tensor<3> {
    let [r, m, d] = dy.dims();
    let ids = tokens.tensor(&dy.device()); // [R, M, 1]
    let classes = Tensor::<1, Int>::arange(0..vocab as i64, &dy.device()).reshape([1, 1, vocab]);
    let piece = (ONE_HOT_LIMIT / (r * vocab)).clamp(1, m);
    let mut sum: Option<Tensor<3>> = None;
    for start in (0..m).step_by(piece) {
        let rows = piece.min(m - start);
        let one_hot = classes.clone().equal(ids.clone().narrow(1, start, rows));
        let one_hot = one_hot.float().cast(DType::F32).swap_dims(1, 2);
        let part = one_hot.matmul(dy.clone().narrow(1, start, rows));
        sum = Some(match sum {
            Some(sum) => sum + part,
            None => part,
        });
    }
    sum.unwrap_or_else(|| Tensor::zeros([r, vocab, d], &dy.device()))
}
