//! The softmax of a block of scores, and its gradient.

use multiversion::multiversion;

use crate::host::simd;

/// Causal softmax of a block of scores in place; row `i` sees the first `first + i + 1` keys.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
pub(super) fn softmax_rows(scores: &mut [f32], keys: usize, first: usize, log_sum: &mut [f32]) {
    for (i, row) in scores.chunks_exact_mut(keys).enumerate() {
        let (seen, hidden) = row.split_at_mut((first + i + 1).min(keys));
        let max = simd::max(seen);
        for s in seen.iter_mut() {
            *s = simd::exp(*s - max);
        }
        let sum = simd::sum1(seen, |s| s);
        let scale = 1.0 / sum;
        for s in seen.iter_mut() {
            *s *= scale;
        }
        hidden.fill(0.0);
        log_sum[i] = max + sum.ln();
    }
}

/// P from scores and saved denominators, then `dS = P (dP - delta) scale` into `dp` (Dao 2023, algorithm 2).
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
pub(super) fn softmax_rows_backward(
    scores: &mut [f32],
    dp: &mut [f32],
    keys: usize,
    first: usize,
    log_sum: &[f32],
    delta: &[f32],
    scale: f32,
) {
    let rows = scores.chunks_exact_mut(keys).zip(dp.chunks_exact_mut(keys)).enumerate();
    for (i, (row, dp)) in rows {
        let seen = (first + i + 1).min(keys);
        for j in 0..seen {
            let p = simd::exp(row[j] - log_sum[i]);
            row[j] = p;
            dp[j] = p * (dp[j] - delta[i]) * scale;
        }
        row[seen..].fill(0.0);
        dp[seen..].fill(0.0);
    }
}
