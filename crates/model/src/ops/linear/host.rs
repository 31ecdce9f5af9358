//! Projections on slices.

use burn::tensor::Tensor;
use rayon::prelude::*;

use super::grads::Grads;
use crate::host::gemm::{Out, View, gemm};
use crate::host::{self, Host, Unset};

/// Rows of one block of a product.
const ROW_BLOCK: usize = 256;
/// Rows of a weight gradient that is not cut, at most.
const GRAD_WHOLE: usize = 66;
/// Columns of one block of a weight gradient, at least and in steps of.
const GRAD_COLS: usize = 64;
/// Blocks of columns, at most.
const GRAD_COL_BLOCKS: usize = 8;

pub(super) fn forward(x: &Tensor<3>, w: &Tensor<3>, bias: Option<&Tensor<3>>) -> Tensor<3> {
    let ([r, m, k], [_, _, n]) = (x.dims(), w.dims());
    if let Some(bias) = bias {
        return forward_onto(bias.clone().expand([r, m, n]), x, w);
    }
    let (x, w) = (Host::new(x.clone()), Host::new(w.clone()));
    let (xs, ws) = (x.slice(), w.slice());
    let write = |y: &mut [Unset]| {
        row_blocks(y, [m, k, n], |y, x, w, rows| {
            let x = View::new(&xs[x..][..rows * k], rows, k, k);
            let w = View::new(&ws[w..][..k * n], k, n, n);
            gemm(Out::unset(y, rows, n, n), x, w, false, 1.0);
        });
    };
    // SAFETY: the blocks cover the result, and a product writes all of its block.
    unsafe { host::written([r, m, n], write) }.0
}

/// `y + x w`.
pub(super) fn forward_onto(y: Tensor<3>, x: &Tensor<3>, w: &Tensor<3>) -> Tensor<3> {
    let ([_, m, k], [_, _, n]) = (x.dims(), w.dims());
    let (x, w, mut y) = (Host::new(x.clone()), Host::new(w.clone()), Host::new(y));
    let (xs, ws) = (x.slice(), w.slice());
    row_blocks(y.slice_mut(), [m, k, n], |y, x, w, rows| {
        let x = View::new(&xs[x..][..rows * k], rows, k, k);
        let w = View::new(&ws[w..][..k * n], k, n, n);
        gemm(Out::new(y, rows, n, n), x, w, true, 1.0);
    });
    y.into_tensor()
}

/// Calls `work` for blocks of rows of `y` `[R, m, n]`, with where the block's rows of `x`
/// `[R, m, k]` and the replica's `w` `[R, k, n]` begin, and the number of rows.
fn row_blocks<T: Send>(
    y: &mut [T],
    [m, k, n]: [usize; 3],
    work: impl Fn(&mut [T], usize, usize, usize) + Sync,
) {
    y.par_chunks_mut(m * n).enumerate().for_each(|(i, y)| {
        y.par_chunks_mut(ROW_BLOCK * n).enumerate().for_each(|(block, y)| {
            let rows = y.len() / n;
            work(y, (i * m + block * ROW_BLOCK) * k, i * k * n, rows);
        });
    });
}

/// A block of work of the backward pass; every block writes its own part of the result.
enum Block<'a> {
    X { replica: usize, row: usize, out: &'a mut [Unset] },
    W { replica: usize, col: usize, cols: usize, out: Out },
}

/// Columns of the blocks that a weight gradient `[k, n]` is cut into. Each block packs all of the
/// input anew, element by element, which is slow where there are few columns to use it for.
fn grad_cols(k: usize, n: usize) -> usize {
    if k <= GRAD_WHOLE { n } else { n.div_ceil(GRAD_COL_BLOCKS).next_multiple_of(GRAD_COLS) }
}

pub(super) fn backward(x: Tensor<3>, w: &Tensor<3>, bias: bool, dy: Tensor<3>) -> Grads {
    let ([r, m, k], [_, _, n]) = (x.dims(), w.dims());
    let (x, w, dy) = (Host::new(x), Host::new(w.clone()), Host::new(dy));
    let (xs, ws, dys) = (x.slice(), w.slice(), dy.slice());
    let step = grad_cols(k, n);
    let write = |dx: &mut [Unset], dw: &mut [Unset]| {
        let mut blocks = Vec::new();
        for (replica, dw) in dw.chunks_exact_mut(k * n).enumerate() {
            for col in (0..n).step_by(step) {
                let cols = step.min(n - col);
                // Blocks of columns are disjoint.
                let out = Out::unset(&mut dw[col..], k, cols, n);
                blocks.push(Block::W { replica, col, cols, out });
            }
        }
        for (replica, dx) in dx.chunks_exact_mut(m * k).enumerate() {
            for (i, out) in dx.chunks_mut(ROW_BLOCK * k).enumerate() {
                blocks.push(Block::X { replica, row: i * ROW_BLOCK, out });
            }
        }
        blocks.into_par_iter().for_each(|block| match block {
            Block::X { replica, row, out } => {
                let rows = out.len() / k;
                let dy = &dys[(replica * m + row) * n..][..rows * n];
                let w = View::new(&ws[replica * k * n..][..k * n], k, n, n);
                gemm(Out::unset(out, rows, k, k), View::new(dy, rows, n, n), w.t(), false, 1.0);
            }
            Block::W { replica, col, cols, out } => {
                let x = View::new(&xs[replica * m * k..][..m * k], m, k, k);
                let dy = View::new(&dys[replica * m * n + col..(replica + 1) * m * n], m, cols, n);
                gemm(out, x.t(), dy, false, 1.0);
            }
        });
    };
    // SAFETY: the blocks cover both results, and a product writes all of its block.
    let (dw, (dx, ())) =
        unsafe { host::written([r, k, n], |dw| host::written([r, m, k], |dx| write(dx, dw))) };
    let bias = bias.then(|| {
        let mut db = vec![0.0f32; r * n];
        for (db, dy) in db.chunks_exact_mut(n).zip(dys.chunks_exact(m * n)) {
            for row in dy.chunks_exact(n) {
                db.iter_mut().zip(row).for_each(|(b, &g)| *b += g);
            }
        }
        host::tensor(db, [r, 1, n])
    });
    Grads { x: dx, w: dw, bias }
}
