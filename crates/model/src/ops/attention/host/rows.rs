//! Queries and keys of a head, normed and rotated on the way.

use multiversion::multiversion;

use crate::host::{Unset, simd};
use crate::ops::norm::EPSILON;

/// Rows between a prefetch and its use.
const AHEAD: usize = 12;
/// Elements of a cache line.
const CACHE_LINE: usize = 16;

/// Rows of `x`, `stride` elements apart, as `[T, hd]`: normed with the gain and rotated where there
/// is one.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
pub(super) fn load_rows(
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
        let rstd = 1.0 / (simd::sum1(x, |v| v * v) / head_dim as f32 + EPSILON).sqrt();
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
        simd::prefetch(x, (t + AHEAD) * stride + at);
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
pub(super) fn load_rows_backward(
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
        let rstd = 1.0 / (simd::sum1(x, |v| v * v) * scale + EPSILON).sqrt();
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
        let dot = simd::sum2(dy, x, |g, x| g * x) * rstd * scale;
        for i in 0..head_dim {
            dx[i].write(rstd * (dy[i] - x[i] * rstd * dot));
        }
    }
}
