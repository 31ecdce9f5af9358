//! Attention on slices: the score matrix exists only for a block of queries of one head.
//!
//! Forward keeps the output and the log of each softmax denominator; backward computes the
//! weights again from them (Dao et al. 2022).

mod backward;
mod forward;
mod operands;
mod rows;
mod softmax;

use burn::tensor::Tensor;
use rayon::prelude::*;

use super::dims::{Dims, QkNorm};
use crate::host::{self, Host, Unset};
use backward::{Scratch, sequence_backward};
use forward::head_forward;
use operands::{QUERY_BLOCK, shared};

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

pub(super) fn backward(
    qkv: Tensor<3>,
    out: Tensor<3>,
    log_sum: Tensor<3>,
    qk_norm: Option<&QkNorm>,
    dims: Dims,
    dy: Tensor<3>,
) -> (Tensor<3>, Option<QkNorm>) {
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
    (dqkv, qk_norm.map(|_| QkNorm { q: sum_gains(0), k: sum_gains(1) }))
}

fn gains(qk_norm: Option<&QkNorm>) -> Option<(Host, Host)> {
    qk_norm.map(|n| (Host::new(n.q.clone()), Host::new(n.k.clone())))
}
