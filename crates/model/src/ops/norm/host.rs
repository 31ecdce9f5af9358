//! The norms on slices.

use burn::tensor::Tensor;
use multiversion::multiversion;
use rayon::prelude::*;

use super::grads::{EPSILON, Grads};
use crate::host::{self, Host, Unset, simd};

/// Rows that one task sums gains' gradients over, before the partial sums are added in order.
const ROW_BLOCK: usize = 128;

/// Mean (0 for RMSNorm) and reciprocal deviation of a row.
#[inline(always)]
fn moments(x: &[f32], layer_norm: bool) -> (f32, f32) {
    let scale = 1.0 / x.len() as f32;
    let mean = if layer_norm { simd::sum1(x, |v| v) * scale } else { 0.0 };
    let square = simd::sum1(x, |v| (v - mean) * (v - mean)) * scale;
    (mean, 1.0 / (square + EPSILON).sqrt())
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
fn forward_rows(x: &[f32], gain: &[f32], bias: Option<&[f32]>, y: &mut [Unset]) {
    let d = gain.len();
    for (x, y) in x.chunks_exact(d).zip(y.chunks_exact_mut(d)) {
        let (mean, rstd) = moments(x, bias.is_some());
        match bias {
            Some(bias) => {
                for i in 0..d {
                    y[i].write((x[i] - mean) * rstd * gain[i] + bias[i]);
                }
            }
            None => {
                for i in 0..d {
                    y[i].write(x[i] * rstd * gain[i]);
                }
            }
        }
    }
}

pub(super) fn forward(x: &Tensor<3>, gain: &Tensor<3>, bias: Option<&Tensor<3>>) -> Tensor<3> {
    let [r, m, d] = x.dims();
    let (x, gain) = (Host::new(x.clone()), Host::new(gain.clone()));
    let bias = bias.map(|b| Host::new(b.clone()));
    let write = |y: &mut [Unset]| {
        let replicas = y.par_chunks_mut(m * d).zip(x.slice().par_chunks(m * d)).enumerate();
        replicas.for_each(|(i, (y, x))| {
            let span = i * d..(i + 1) * d;
            let gain = &gain.slice()[span.clone()];
            let bias = bias.as_ref().map(|b| &b.slice()[span]);
            y.par_chunks_mut(ROW_BLOCK * d)
                .zip(x.par_chunks(ROW_BLOCK * d))
                .for_each(|(y, x)| forward_rows(x, gain, bias, y));
        });
    };
    // SAFETY: the rows of the blocks are all rows, and each is written whole.
    unsafe { host::written([r, m, d], write) }.0
}

/// Adds to `dgain` and `dbias` (empty for RMSNorm), and overwrites `dx` (which holds the residual
/// gradient, or zeros) with the sum.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
fn backward_rows(
    x: &[f32],
    gain: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    dgain: &mut [f32],
    dbias: &mut [f32],
) {
    let d = gain.len();
    let layer_norm = !dbias.is_empty();
    let scale = 1.0 / d as f32;
    let mut dxhat = vec![0.0f32; d];
    let (dxhat, dgain) = (&mut dxhat[..d], &mut dgain[..d]);
    let rows = x.chunks_exact(d).zip(dy.chunks_exact(d)).zip(dx.chunks_exact_mut(d));
    for ((x, dy), dx) in rows {
        let (mean, rstd) = moments(x, layer_norm);
        for i in 0..d {
            dgain[i] += dy[i] * ((x[i] - mean) * rstd);
            dxhat[i] = dy[i] * gain[i];
        }
        let dot = simd::sum2(dxhat, x, |g, x| g * ((x - mean) * rstd)) * scale;
        let mut mean_dxhat = 0.0;
        if layer_norm {
            mean_dxhat = simd::sum1(dxhat, |g| g) * scale;
            for i in 0..d {
                dbias[i] += dy[i];
            }
        }
        for i in 0..d {
            dx[i] += rstd * (dxhat[i] - mean_dxhat - (x[i] - mean) * rstd * dot);
        }
    }
}

pub(super) fn backward(
    x: Tensor<3>,
    gain: &Tensor<3>,
    layer_norm: bool,
    dy: Tensor<3>,
    residual: Option<Tensor<3>>,
) -> Grads {
    let [r, m, d] = dy.dims();
    let (x, gain, dy) = (Host::new(x), Host::new(gain.clone()), Host::new(dy));
    let mut dx = match residual {
        Some(residual) => Host::new(residual),
        None => Host::new(host::tensor(vec![0.0; r * m * d], [r, m, d])),
    };
    let (mut dgain, mut dbias) = (vec![0.0f32; r * d], vec![0.0f32; r * d]);
    let work = dx
        .slice_mut()
        .par_chunks_mut(m * d)
        .zip(x.slice().par_chunks(m * d))
        .zip(dy.slice().par_chunks(m * d))
        .zip(gain.slice().par_chunks(d))
        .zip(dgain.par_chunks_mut(d).zip(dbias.par_chunks_mut(d)));
    work.for_each(|((((dx, x), dy), gain), (dgain, dbias))| {
        let partial: Vec<(Vec<f32>, Vec<f32>)> = dx
            .par_chunks_mut(ROW_BLOCK * d)
            .zip(x.par_chunks(ROW_BLOCK * d))
            .zip(dy.par_chunks(ROW_BLOCK * d))
            .map(|((dx, x), dy)| {
                let mut dgain = vec![0.0f32; d];
                let mut dbias = if layer_norm { vec![0.0f32; d] } else { Vec::new() };
                backward_rows(x, gain, dy, dx, &mut dgain, &mut dbias);
                (dgain, dbias)
            })
            .collect();
        for (g, b) in partial {
            dgain.iter_mut().zip(g).for_each(|(sum, part)| *sum += part);
            dbias.iter_mut().zip(b).for_each(|(sum, part)| *sum += part);
        }
    });
    Grads {
        x: dx.into_tensor(),
        gain: host::tensor(dgain, [r, 1, d]),
        bias: layer_norm.then(|| host::tensor(dbias, [r, 1, d])),
    }
}
