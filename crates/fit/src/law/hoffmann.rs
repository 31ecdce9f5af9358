//! `L(N, D) = E + A / N^alpha + B / D^beta` (Hoffmann et al. 2022, "Training Compute-Optimal Large
//! Language Models", equation 2; approach 3).

use super::sum::{EXPONENT_GRID, Restricted};
use super::{About, Point, Reads, Sample};
use crate::kernel::Slot::{self, Free};
use crate::solve::nonnegative_least_squares;

/// The law of Chinchilla. Working parameters: `(ln E, a, alpha, b, beta)`, with
/// `a = ln A - alpha * mean(ln N)` and `b` alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hoffmann;

impl Restricted for Hoffmann {
    fn about(&self) -> About {
        About {
            name: "hoffmann",
            formula: "L = E + A / N^alpha + B / D^beta",
            reference: "Hoffmann et al. 2022, arXiv:2203.15556, equation 2",
            parameters: &["E", "A", "alpha", "B", "beta"],
            reads: Reads::PARAMS_AND_TOKENS,
        }
    }

    fn slots(&self) -> [Slot; 5] {
        [Free(0), Free(1), Free(2), Free(3), Free(4)]
    }

    fn starts(&self, sample: &Sample) -> Vec<Vec<f64>> {
        projected_starts(sample, &EXPONENT_GRID, &EXPONENT_GRID, 3)
    }
}

/// Runs whose columns are held at a time.
const BLOCK: usize = 1 << 16;

/// Variable projection on a grid: for each pair of exponents the best E, A, B >= 0 are linear
/// (residuals relative to the loss), so a pass over the runs per pair finds the best start.
/// Returns the `most` best local minima of the grid.
pub(super) fn projected_starts(
    sample: &Sample,
    alphas: &[f64],
    betas: &[f64],
    most: usize,
) -> Vec<Vec<f64>> {
    // Sums of products of the columns `1 / L`, `N^-alpha / L` and `D^-beta / L` with each other and with 1, block by block.
    let (mut ee, mut e1) = (0.0, 0.0);
    let mut us = vec![[0.0; 3]; alphas.len()];
    let mut vs = vec![[0.0; 3]; betas.len()];
    let mut uvs = vec![vec![0.0; betas.len()]; alphas.len()];
    for (points, loss) in sample.points.chunks(BLOCK).zip(sample.loss.chunks(BLOCK)) {
        let inverse: Vec<f64> = loss.iter().map(|l| 1.0 / l).collect();
        let ones = vec![1.0; loss.len()];
        let columns = |exponents: &[f64], value: fn(&Point) -> f64, sums: &mut [[f64; 3]]| {
            let column = |(k, sums): (&f64, &mut [f64; 3])| {
                let scaled = |(p, i): (&Point, &f64)| crate::kernel::exp(-k * value(p)) * i;
                let column: Vec<f64> = points.iter().zip(&inverse).map(scaled).collect();
                let with = [&column, &inverse, &ones];
                sums.iter_mut().zip(with).for_each(|(sum, other)| *sum += dot(&column, other));
                column
            };
            exponents.iter().zip(sums).map(column).collect::<Vec<_>>()
        };
        let u = columns(alphas, |p| p.x, &mut us);
        let v = columns(betas, |p| p.y, &mut vs);
        for (u, uvs) in u.iter().zip(&mut uvs) {
            v.iter().zip(uvs).for_each(|(v, uv)| *uv += dot(u, v));
        }
        ee += dot(&inverse, &inverse);
        e1 += dot(&inverse, &ones);
    }
    let solve = |[uu, ue, u1]: &[f64; 3], [vv, ve, v1]: &[f64; 3], uv: f64| {
        let gram = [[ee, *ue, *ve], [*ue, *uu, uv], [*ve, uv, *vv]];
        nonnegative_least_squares(&gram, &[e1, *u1, *v1])
    };
    let row = |(u, uvs): (&[f64; 3], &Vec<f64>)| {
        vs.iter().zip(uvs).map(|(v, uv)| solve(u, v, *uv)).collect()
    };
    let solved: Vec<Vec<([f64; 3], f64)>> = us.iter().zip(&uvs).map(row).collect();
    let mut minima = Vec::new();
    for i in 0..alphas.len() {
        for j in 0..betas.len() {
            let value = |i: usize, j: usize| solved.get(i).and_then(|s| s.get(j)).map(|s| s.1);
            let here = solved[i][j].1;
            let around = [(i.wrapping_sub(1), j), (i + 1, j), (i, j.wrapping_sub(1)), (i, j + 1)];
            if around.iter().filter_map(|(i, j)| value(*i, *j)).all(|n| n >= here) {
                minima.push((here, i, j));
            }
        }
    }
    minima.sort_by(|a, b| a.0.total_cmp(&b.0));
    let tiny = 1e-3 * sample.least_loss();
    let start = |&(_, i, j): &(f64, usize, usize)| {
        let [e, a, b] = solved[i][j].0.map(|t| t.max(tiny).ln());
        vec![e, a, alphas[i], b, betas[j]]
    };
    minima.iter().take(most).map(start).collect()
}

/// Dot product in eight lanes, so that it vectorises and is the same everywhere.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a8.remainder().iter().zip(b8.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a8.zip(b8) {
        for i in 0..8 {
            lanes[i] += x[i] * y[i];
        }
    }
    lanes.iter().sum::<f64>() + rest
}
