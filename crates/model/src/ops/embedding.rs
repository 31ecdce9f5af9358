//! Token embedding, with learned positions where the family has them.

use burn::tensor::{DType, Int, Tensor, TensorData};
use rayon::prelude::*;

use super::host::{self, Host};
use crate::batch::Tokens;
use crate::kernels;

/// Columns of one task of the backward pass.
const COL_BLOCK: usize = 32;

/// Tokens times vocabulary above which the gradient on a GPU is built in pieces.
const ONE_HOT_LIMIT: usize = 1 << 26;

/// `table` `[R, V, D]` looked up: `[R, M, D]`; `positions` `[R, T, D]` are added per sequence.
pub fn forward(table: &Tensor<3>, positions: Option<&Tensor<3>>, tokens: &Tokens) -> Tensor<3> {
    let x = if host::is_host(&table.device()) {
        forward_host(table, tokens)
    } else {
        forward_plain(table, tokens)
    };
    let Some(positions) = positions else { return x };
    let ([r, m, d], t) = (x.dims(), tokens.context);
    let x = x.reshape([r, m / t, t, d]) + positions.clone().reshape([r, 1, t, d]);
    x.reshape([r, m, d])
}

pub(crate) fn forward_plain(table: &Tensor<3>, tokens: &Tokens) -> Tensor<3> {
    let [r, v, d] = table.dims();
    let flat = tokens.flat_tensor(v, &table.device());
    table.clone().reshape([r * v, d]).select(0, flat).reshape([r, tokens.per_replica(), d])
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
    let table = if host::is_host(&device) {
        backward_host(vocab, tokens, dy)
    } else if kernels::chosen(&device).is_some() {
        backward_kernel(vocab, tokens, dy)
    } else {
        backward_plain(vocab, tokens, dy)
    };
    (table, dpos)
}

/// Every row of the table adds up its own tokens.
fn backward_kernel(vocab: usize, tokens: &Tokens, dy: Tensor<3>) -> Tensor<3> {
    let places = kernels::places(tokens, vocab);
    let int = |v: Vec<i32>| {
        let shape = [v.len()];
        Tensor::<1, Int>::from_data(TensorData::new(v, shape), &dy.device())
    };
    let (starts, rows) = (int(places.starts), int(places.rows));
    kernels::embedding_backward(vocab, starts, rows, places.chunks, dy)
}

/// A product with the one-hot matrix: slower than scattered adds, but without atomics, so that
/// the sum has one order.
fn backward_plain(vocab: usize, tokens: &Tokens, dy: Tensor<3>) -> Tensor<3> {
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

fn forward_host(table: &Tensor<3>, tokens: &Tokens) -> Tensor<3> {
    let [r, v, d] = table.dims();
    let m = tokens.per_replica();
    let table = Host::new(table.clone());
    let mut y = vec![0.0f32; r * m * d];
    y.par_chunks_mut(m * d).zip(tokens.ids().par_chunks(m)).enumerate().for_each(
        |(replica, (y, ids))| {
            let table = &table.slice()[replica * v * d..(replica + 1) * v * d];
            for (y, &id) in y.chunks_exact_mut(d).zip(ids) {
                y.copy_from_slice(&table[id as usize * d..][..d]);
            }
        },
    );
    host::tensor(y, [r, m, d])
}

/// Each task owns a stripe of columns and adds the rows in order; the stripes are then joined.
fn backward_host(vocab: usize, tokens: &Tokens, dy: Tensor<3>) -> Tensor<3> {
    let [r, m, d] = dy.dims();
    let dy = Host::new(dy);
    let stripes: Vec<(usize, usize)> =
        (0..r).flat_map(|i| (0..d).step_by(COL_BLOCK).map(move |c| (i, c))).collect();
    let sums: Vec<Vec<f32>> = stripes
        .par_iter()
        .map(|&(replica, col)| {
            let cols = COL_BLOCK.min(d - col);
            let mut sum = vec![0.0f32; vocab * cols];
            let ids = &tokens.ids()[replica * m..(replica + 1) * m];
            let dy = &dy.slice()[replica * m * d..(replica + 1) * m * d];
            for (dy, &id) in dy.chunks_exact(d).zip(ids) {
                let sum = &mut sum[id as usize * cols..][..cols];
                sum.iter_mut().zip(&dy[col..col + cols]).for_each(|(s, g)| *s += g);
            }
            sum
        })
        .collect();
    let mut table = vec![0.0f32; r * vocab * d];
    for (&(replica, col), sum) in stripes.iter().zip(&sums) {
        let cols = COL_BLOCK.min(d - col);
        let table = &mut table[replica * vocab * d..(replica + 1) * vocab * d];
        for (row, sum) in table.chunks_exact_mut(d).zip(sum.chunks_exact(cols)) {
            row[col..col + cols].copy_from_slice(sum);
        }
    }
    host::tensor(table, [r, vocab, d])
}
