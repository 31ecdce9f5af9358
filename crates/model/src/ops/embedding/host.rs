//! The embedding on slices.

use burn::tensor::Tensor;
use rayon::prelude::*;

use crate::batch::Tokens;
use crate::host::{self, Host};

/// Columns of one task of the backward pass.
const COL_BLOCK: usize = 32;

pub(super) fn forward(table: &Tensor<3>, tokens: &Tokens) -> Tensor<3> {
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
pub(super) fn backward(vocab: usize, tokens: &Tokens, dy: Tensor<3>) -> Tensor<3> {
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
