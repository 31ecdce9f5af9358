//! The backward pass of a sequence.

use super::super::dims::Dims;
use super::operands::{QUERY_BLOCK, Shared};
use super::rows::load_rows_backward;
use super::softmax::softmax_rows_backward;
use crate::host::gemm::{Out, View, gemm};
use crate::host::{Unset, simd};

/// Buffers of one task of the backward pass.
pub(super) struct Scratch {
    q: Vec<f32>,
    k: Vec<f32>,
    dq: Vec<f32>,
    dk: Vec<f32>,
    dv: Vec<f32>,
    p: Vec<f32>,
    dp: Vec<f32>,
    delta: Vec<f32>,
}

impl Scratch {
    pub fn new(t: usize, hd: usize) -> Self {
        let (head, block) = (|| vec![0.0; t * hd], || vec![0.0; QUERY_BLOCK * t]);
        Self {
            q: head(),
            k: head(),
            dq: head(),
            dk: head(),
            dv: head(),
            p: block(),
            dp: block(),
            delta: vec![0.0; QUERY_BLOCK],
        }
    }
}

/// One head of one sequence: fills `dq`, `dk` (before the norm's own gradient) and `dv`.
fn head_backward(
    shared: &Shared,
    s: &mut Scratch,
    sequence: &[f32],
    head: usize,
    (out, dy): (&[f32], &[f32]),
    log_sums: &[f32],
) {
    let Dims { context: t, head_dim: hd, .. } = shared.dims;
    let width = shared.dims.width();
    let scale = 1.0 / (hd as f32).sqrt();
    s.dk.fill(0.0);
    s.dv.fill(0.0);
    for first in (0..t).step_by(QUERY_BLOCK) {
        let rows = QUERY_BLOCK.min(t - first);
        let keys = first + rows;
        let (p, dp) = (&mut s.p[..rows * keys], &mut s.dp[..rows * keys]);
        let at = first * width + head * hd;
        let queries = View::new(&s.q[first * hd..], rows, hd, hd);
        let dys = View::new(&dy[at..], rows, hd, width);
        let k = View::new(&s.k, keys, hd, hd);
        gemm(Out::new(p, rows, keys, keys), queries, k.t(), false, scale);
        let v = shared.values(sequence, head, keys);
        gemm(Out::new(dp, rows, keys, keys), dys, v.t(), false, 1.0);
        for (i, delta) in s.delta[..rows].iter_mut().enumerate() {
            let at = at + i * width;
            *delta = simd::sum2(&out[at..at + hd], &dy[at..at + hd], |a, b| a * b);
        }
        softmax_rows_backward(p, dp, keys, first, &log_sums[first..], &s.delta, scale);
        let (p, ds) = (View::new(p, rows, keys, keys), View::new(dp, rows, keys, keys));
        gemm(Out::new(&mut s.dq[first * hd..], rows, hd, hd), ds, k, false, 1.0);
        gemm(Out::new(&mut s.dk, keys, hd, hd), ds.t(), queries, true, 1.0);
        gemm(Out::new(&mut s.dv, keys, hd, hd), p.t(), dys, true, 1.0);
    }
}

/// All heads of sequence `index`: writes `dqkv` `[T, 3 D]`, returns the gains' gradients.
pub(super) fn sequence_backward(
    shared: &Shared,
    s: &mut Scratch,
    index: usize,
    pair: (&[f32], &[f32]),
    log_sums: &[f32],
    dqkv: &mut [Unset],
) -> [Vec<f32>; 2] {
    let Dims { sequences, context: t, head_dim: hd, .. } = shared.dims;
    let (width, replica) = (shared.dims.width(), index / sequences);
    let sequence = &shared.qkv[index * shared.sequence()..][..shared.sequence()];
    let mut dgains = [vec![0.0f32; hd], vec![0.0f32; hd]];
    for (head, log_sums) in log_sums.chunks_exact(t).enumerate() {
        shared.load(sequence, replica, 0, head, &mut s.q);
        shared.load(sequence, replica, 1, head, &mut s.k);
        head_backward(shared, s, sequence, head, pair, log_sums);
        for (part, grad) in [&mut s.dq, &mut s.dk].into_iter().enumerate() {
            let at = part * width + head * hd;
            let gain = shared.gains.map(|(q, k)| &[q, k][part][replica * hd..][..hd]);
            load_rows_backward(
                &sequence[at..],
                3 * width,
                gain,
                &shared.rope.cos,
                &shared.rope.sin,
                grad,
                hd,
                &mut dgains[part],
                &mut dqkv[at..],
            );
        }
        let at = 2 * width + head * hd;
        for (i, dv) in s.dv.chunks_exact(hd).enumerate() {
            dqkv[at + i * 3 * width..][..hd].write_copy_of_slice(dv);
        }
    }
    dgains
}
