//! The forward pass of a head.

use super::super::dims::Dims;
use super::operands::{QUERY_BLOCK, Shared};
use super::softmax::softmax_rows;
use crate::host::Unset;
use crate::host::gemm::{Out, View, gemm};

/// One head of one sequence: writes the head's columns of `out` `[T, D]` and `log_sums` `[T]`.
pub(super) fn head_forward(
    shared: &Shared,
    (q, k, scores): (&[f32], &[f32], &mut [f32]),
    sequence: &[f32],
    head: usize,
    out: &mut [Unset],
    log_sums: &mut [f32],
) {
    let Dims { context: t, head_dim: hd, .. } = shared.dims;
    let width = shared.dims.width();
    let scale = 1.0 / (hd as f32).sqrt();
    for first in (0..t).step_by(QUERY_BLOCK) {
        let rows = QUERY_BLOCK.min(t - first);
        let keys = first + rows;
        let scores = &mut scores[..rows * keys];
        let queries = View::new(&q[first * hd..], rows, hd, hd);
        let k = View::new(k, keys, hd, hd);
        gemm(Out::new(scores, rows, keys, keys), queries, k.t(), false, scale);
        softmax_rows(scores, keys, first, &mut log_sums[first..]);
        let out = &mut out[first * width + head * hd..];
        let p = View::new(scores, rows, keys, keys);
        let v = shared.values(sequence, head, keys);
        gemm(Out::unset(out, rows, hd, width), p, v, false, 1.0);
    }
}
