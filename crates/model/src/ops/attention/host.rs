//! Attention on slices: the score matrix exists only for a block of queries of one head.
//!
//! Forward keeps the output and the log of each softmax denominator; backward computes the
//! weights again from them (Dao et al. 2022).

use std::sync::Arc;

use burn::tensor::Tensor;
use multiversion::multiversion;
use rayon::prelude::*;

use super::{Dims, Grads, QkNorm, Rope, rope_tables};
use crate::ops::gemm::{Out, View, gemm};
use crate::ops::host::{self, Host, Unset};
use crate::ops::lanes;
use crate::ops::norm::EPSILON;

/// Queries of one block; keys after the block are not computed.
const QUERY_BLOCK: usize = 32;

/// Rows between a prefetch and its use.
const AHEAD: usize = 12;
/// Elements of a cache line.
const CACHE_LINE: usize = 16;

/// What all tasks read.
struct Shared<'a> {
    dims: Dims,
    qkv: &'a [f32],
    gains: Option<(&'a [f32], &'a [f32])>,
    rope: Arc<Rope>,
}

impl Shared<'_> {
    /// Elements of the projection of one sequence.
    fn sequence(&self) -> usize {
        self.dims.context * 3 * self.dims.width()
    }

    /// Queries (part 0) or keys (part 1) of a head, `[T, hd]`, normed and rotated where asked.
    fn load(&self, sequence: &[f32], replica: usize, part: usize, head: usize, out: &mut [f32]) {
        let d = self.dims;
        let gains = self.gains.map(|(q, k)| {
            &(if part == 0 { q } else { k })[replica * d.head_dim..(replica + 1) * d.head_dim]
        });
        let offset = part * d.width() + head * d.head_dim;
        load_rows(
            &sequence[offset..],
            3 * d.width(),
            gains,
            &self.rope.cos,
            &self.rope.sin,
            d.head_dim,
            out,
        );
    }

    /// Values of a head, strided inside the projection.
    fn values<'b>(&self, sequence: &'b [f32], head: usize, keys: usize) -> View<'b> {
        let d = self.dims;
        let offset = 2 * d.width() + head * d.head_dim;
        View::new(&sequence[offset..], keys, d.head_dim, 3 * d.width())
    }
}

/// Rows of `x`, `stride` elements apart, as `[T, hd]`: normed with the gain and rotated where there
/// is one.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
fn load_rows(
    x: &[f32],
    stride: usize,
    gain: Option<&[f32]>,
    cos: &[f32],
    sin: &[f32],
    head_dim: usize,
    out: &mut [f32],
) {
    let half = head_dim / 2;
    let gain = gain.map(|gain| halves(gain, half));
    for (t, out) in out.chunks_exact_mut(head_dim).enumerate() {
        prefetch_row(x, t, stride, head_dim);
        let x = &x[t * stride..t * stride + head_dim];
        let Some((gain_lo, gain_hi)) = gain else {
            out.copy_from_slice(x);
            continue;
        };
        let rstd = 1.0 / (lanes::sum1(x, |v| v * v) / head_dim as f32 + EPSILON).sqrt();
        let (cos, sin) = (&cos[t * half..][..half], &sin[t * half..][..half]);
        let ((x_lo, x_hi), (lo, hi)) = (halves(x, half), halves_mut(out, half));
        for i in 0..half {
            let a = x_lo[i] * rstd * gain_lo[i];
            let b = x_hi[i] * rstd * gain_hi[i];
            lo[i] = a * cos[i] - b * sin[i];
            hi[i] = b * cos[i] + a * sin[i];
        }
    }
}

/// Asks for a row that comes [`AHEAD`] rows after row `t`: the processor does not foresee the
/// long stride.
#[inline(always)]
fn prefetch_row(x: &[f32], t: usize, stride: usize, len: usize) {
    for at in (0..len).step_by(CACHE_LINE) {
        lanes::prefetch(x, (t + AHEAD) * stride + at);
    }
}

/// Two halves of known length: the compiler drops its checks and works on whole vectors.
#[inline(always)]
fn halves(x: &[f32], half: usize) -> (&[f32], &[f32]) {
    (&x[..half], &x[half..][..half])
}

#[inline(always)]
fn halves_mut(x: &mut [f32], half: usize) -> (&mut [f32], &mut [f32]) {
    let (lo, hi) = x.split_at_mut(half);
    (lo, &mut hi[..half])
}

/// Gradient of [`load_rows`]: `dy` `[T, hd]` becomes the gradient of the strided input, and the
/// gain's is added to `dgain`.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
#[allow(clippy::too_many_arguments)]
fn load_rows_backward(
    x: &[f32],
    stride: usize,
    gain: Option<&[f32]>,
    cos: &[f32],
    sin: &[f32],
    dy: &mut [f32],
    head_dim: usize,
    dgain: &mut [f32],
    dx: &mut [Unset],
) {
    let half = head_dim / 2;
    let gain = gain.map(|gain| &gain[..head_dim]);
    let dgain = &mut dgain[..head_dim];
    for (t, dy) in dy.chunks_exact_mut(head_dim).enumerate() {
        prefetch_row(x, t, stride, head_dim);
        let dx = &mut dx[t * stride..t * stride + head_dim];
        let Some(gain) = gain else {
            dx.write_copy_of_slice(dy);
            continue;
        };
        let x = &x[t * stride..t * stride + head_dim];
        let scale = 1.0 / head_dim as f32;
        let rstd = 1.0 / (lanes::sum1(x, |v| v * v) * scale + EPSILON).sqrt();
        let (cos, sin) = (&cos[t * half..][..half], &sin[t * half..][..half]);
        let (lo, hi) = halves_mut(dy, half);
        for i in 0..half {
            let (a, b) = (lo[i], hi[i]);
            lo[i] = a * cos[i] + b * sin[i];
            hi[i] = b * cos[i] - a * sin[i];
        }
        let dy = &mut dy[..head_dim];
        for i in 0..head_dim {
            dgain[i] += dy[i] * (x[i] * rstd);
            dy[i] *= gain[i];
        }
        let along = lanes::sum2(dy, x, |g, x| g * x) * rstd * scale;
        for i in 0..head_dim {
            dx[i].write(rstd * (dy[i] - x[i] * rstd * along));
        }
    }
}

/// Causal softmax of a block of scores in place; row `i` sees the first `first + i + 1` keys.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
fn softmax_rows(scores: &mut [f32], keys: usize, first: usize, log_sum: &mut [f32]) {
    for (i, row) in scores.chunks_exact_mut(keys).enumerate() {
        let (seen, hidden) = row.split_at_mut((first + i + 1).min(keys));
        let max = lanes::max(seen);
        for s in seen.iter_mut() {
            *s = lanes::exp(*s - max);
        }
        let sum = lanes::sum1(seen, |s| s);
        let scale = 1.0 / sum;
        for s in seen.iter_mut() {
            *s *= scale;
        }
        hidden.fill(0.0);
        log_sum[i] = max + sum.ln();
    }
}

/// Weights from scores and saved denominators, then `ds = p * (dp - along) * scale` into `dp`.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
fn softmax_rows_backward(
    scores: &mut [f32],
    dp: &mut [f32],
    keys: usize,
    first: usize,
    log_sum: &[f32],
    along: &[f32],
    scale: f32,
) {
    let rows = scores.chunks_exact_mut(keys).zip(dp.chunks_exact_mut(keys)).enumerate();
    for (i, (row, dp)) in rows {
        let seen = (first + i + 1).min(keys);
        for j in 0..seen {
            let p = lanes::exp(row[j] - log_sum[i]);
            row[j] = p;
            dp[j] = p * (dp[j] - along[i]) * scale;
        }
        row[seen..].fill(0.0);
        dp[seen..].fill(0.0);
    }
}

fn shared<'a>(dims: Dims, qkv: &'a Host, gains: Option<(&'a Host, &'a Host)>) -> Shared<'a> {
    let gains = gains.map(|(q, k)| (q.slice(), k.slice()));
    Shared { dims, qkv: qkv.slice(), gains, rope: rope_tables(dims) }
}

fn gains(qk_norm: Option<&QkNorm>) -> Option<(Host, Host)> {
    qk_norm.map(|n| (Host::new(n.q.clone()), Host::new(n.k.clone())))
}

pub(super) fn forward(
    qkv: &Tensor<3>,
    qk_norm: Option<&QkNorm>,
    dims: Dims,
) -> (Tensor<3>, Tensor<3>) {
    let Dims { replicas, sequences, context: t, heads, head_dim: hd } = dims;
    let (qkv, gains) = (Host::new(qkv.clone()), gains(qk_norm));
    let shared = shared(dims, &qkv, gains.as_ref().map(|(q, k)| (q, k)));
    let width = dims.width();
    let mut log_sums = vec![0.0f32; replicas * sequences * heads * t];
    let write = |out: &mut [Unset]| {
        let work = out.par_chunks_mut(t * width).zip(log_sums.par_chunks_mut(heads * t));
        work.enumerate().for_each_init(
            || (vec![0.0f32; t * hd], vec![0.0f32; t * hd], vec![0.0f32; QUERY_BLOCK * t]),
            |(q, k, scores), (index, (out, log_sums))| {
                let sequence = &shared.qkv[index * shared.sequence()..][..shared.sequence()];
                for (head, log_sums) in log_sums.chunks_exact_mut(t).enumerate() {
                    shared.load(sequence, index / sequences, 0, head, q);
                    shared.load(sequence, index / sequences, 1, head, k);
                    head_forward(&shared, (q, k, scores), sequence, head, out, log_sums);
                }
            },
        );
    };
    // SAFETY: every head of every sequence writes its columns of all rows.
    let (out, ()) = unsafe { host::written([replicas, sequences * t, width], write) };
    (out, host::tensor(log_sums, [replicas, sequences * heads, t]))
}

/// One head of one sequence: writes the head's columns of `out` `[T, D]` and `log_sums` `[T]`.
fn head_forward(
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

/// Buffers of one task of the backward pass.
struct Scratch {
    q: Vec<f32>,
    k: Vec<f32>,
    dq: Vec<f32>,
    dk: Vec<f32>,
    dv: Vec<f32>,
    p: Vec<f32>,
    dp: Vec<f32>,
    along: Vec<f32>,
}

impl Scratch {
    fn new(t: usize, hd: usize) -> Self {
        let (head, block) = (|| vec![0.0; t * hd], || vec![0.0; QUERY_BLOCK * t]);
        Self {
            q: head(),
            k: head(),
            dq: head(),
            dk: head(),
            dv: head(),
            p: block(),
            dp: block(),
            along: vec![0.0; QUERY_BLOCK],
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
        for (i, along) in s.along[..rows].iter_mut().enumerate() {
            let at = at + i * width;
            *along = lanes::sum2(&out[at..at + hd], &dy[at..at + hd], |a, b| a * b);
        }
        softmax_rows_backward(p, dp, keys, first, &log_sums[first..], &s.along, scale);
        let (p, ds) = (View::new(p, rows, keys, keys), View::new(dp, rows, keys, keys));
        gemm(Out::new(&mut s.dq[first * hd..], rows, hd, hd), ds, k, false, 1.0);
        gemm(Out::new(&mut s.dk, keys, hd, hd), ds.t(), queries, true, 1.0);
        gemm(Out::new(&mut s.dv, keys, hd, hd), p.t(), dys, true, 1.0);
    }
}

/// All heads of sequence `index`: writes `dqkv` `[T, 3 D]`, returns the gains' gradients.
fn sequence_backward(
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

pub(super) fn backward(
    qkv: Tensor<3>,
    out: Tensor<3>,
    log_sum: Tensor<3>,
    qk_norm: Option<&QkNorm>,
    dims: Dims,
    dy: Tensor<3>,
) -> Grads {
    let Dims { replicas, sequences, context: t, heads, head_dim: hd } = dims;
    let (qkv, gains) = (Host::new(qkv), gains(qk_norm));
    let (out, log_sums, dy) = (Host::new(out), Host::new(log_sum), Host::new(dy));
    let shared = shared(dims, &qkv, gains.as_ref().map(|(q, k)| (q, k)));
    let width = dims.width();
    let write = |dqkv: &mut [Unset]| -> Vec<[Vec<f32>; 2]> {
        let work = dqkv.par_chunks_mut(shared.sequence()).enumerate();
        work.map_init(
            || Scratch::new(t, hd),
            |s, (index, dqkv)| {
                let rows = index * t * width..(index + 1) * t * width;
                let pair = (&out.slice()[rows.clone()], &dy.slice()[rows]);
                let log_sums = &log_sums.slice()[index * heads * t..(index + 1) * heads * t];
                sequence_backward(&shared, s, index, pair, log_sums, dqkv)
            },
        )
        .collect()
    };
    // SAFETY: every sequence writes the queries', keys' and values' columns of all heads.
    let (dqkv, dgains) = unsafe { host::written([replicas, sequences * t, 3 * width], write) };
    let sum_gains = |part: usize| {
        let mut sums = vec![0.0f32; replicas * hd];
        for (index, partial) in dgains.iter().enumerate() {
            let sums = &mut sums[index / sequences * hd..][..hd];
            sums.iter_mut().zip(&partial[part]).for_each(|(s, g)| *s += g);
        }
        host::tensor(sums, [replicas, 1, hd])
    };
    Grads { qkv: dqkv, qk_norm: qk_norm.map(|_| QkNorm { q: sum_gains(0), k: sum_gains(1) }) }
}
