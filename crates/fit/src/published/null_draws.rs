//! Tables drawn under a null, and what a likelihood ratio comes to on them.

use std::collections::BTreeMap;

use rand::Rng;
use rayon::prelude::*;

use crate::error::FitError;
use crate::intervals::draw_stream;
use crate::solve::{Model, Rows, within};

/// What is needed to draw losses around a null and to fit both laws to them.
pub(super) struct NullDraws<'a> {
    /// The free law.
    pub model: &'a Model<'a>,
    /// The law with its exponents held.
    pub held: Model<'a>,
    pub clusters: Vec<Vec<usize>>,
    /// Of the free law's fit.
    pub residuals: Vec<f64>,
    pub deltas: &'a [f64],
    /// Where squares end in the objective.
    pub last: f64,
    pub count: usize,
    pub seed: u64,
}

/// Fewest clusters of one size whose residuals stand for each other as they are; of fewer, signs are drawn too.
const LEAST_POOL: usize = 8;

impl NullDraws<'_> {
    /// `n ln(S_0 / S_1)`.
    pub fn statistic(&self, null: &[f64], free: &[f64]) -> f64 {
        let weights = &self.model.sample.weights;
        let sum = |r: &[f64]| huber_sum(r, weights, self.last).max(f64::MIN_POSITIVE);
        let votes: f64 = weights.iter().sum();
        (votes * (sum(null) / sum(free)).ln()).max(0.0)
    }

    /// The statistic on tables drawn around the null at `theta` of the free law, whose E, A and B are `refitted` or as they are.
    ///
    /// # Errors
    /// [`FitError::NoResult`] where more than a tenth of the fits do not converge.
    pub fn under(&self, theta: &[f64], refitted: bool) -> Result<Vec<f64>, FitError> {
        let predicted = self.model.predicted(theta);
        let rows = self.residuals.len() as f64;
        // What the parameters took of the residuals.
        let scale = (rows / (rows - theta.len() as f64).max(1.0)).sqrt();
        let mut pools = BTreeMap::<usize, Vec<&Vec<usize>>>::new();
        for cluster in &self.clusters {
            pools.entry(cluster.len()).or_default().push(cluster);
        }
        let start: Vec<f64> = [0, 1, 3].map(|k| theta[k]).to_vec();
        let fitted = |model: &Model, drawn: &mut Rows, losses: &[f64], start: &[f64]| {
            model.fill(drawn, losses, None);
            let end = model.minimise(drawn, start, self.deltas);
            let theta = &end.z[..start.len()];
            let fine = end.converged && theta.iter().all(|v| v.is_finite());
            fine.then(|| residuals(losses, &model.predicted(theta)))
        };
        let one = |drawn: &mut Rows, k: usize| {
            let mut random = draw_stream(self.seed ^ 0x4e11_0000, k);
            let mut losses = predicted.clone();
            for cluster in &self.clusters {
                let pool = &pools[&cluster.len()];
                let from = pool[random.random_range(0..pool.len())];
                let flips = pool.len() < LEAST_POOL && random.random::<bool>();
                let scale = if flips { -scale } else { scale };
                for (&to, &from) in cluster.iter().zip(from) {
                    losses[to] += scale * self.residuals[from];
                }
            }
            let null = match refitted {
                true => fitted(&self.held, drawn, &losses, &start)?,
                false => residuals(&losses, &predicted),
            };
            let free = fitted(self.model, drawn, &losses, theta)?;
            Some(self.statistic(&null, &free))
        };
        let all: Vec<f64> =
            (0..self.count).into_par_iter().map_init(Rows::default, one).flatten().collect();
        let failed = self.count - all.len();
        if 10 * failed > self.count {
            return Err(FitError::NoResult {
                what: "the test of a published law".into(),
                why: format!("{failed} of {} fits under the null did not converge", self.count),
                hint: "the law is near degenerate on these runs: add runs, or test the split alone"
                    .into(),
            });
        }
        Ok(all)
    }
}

fn residuals(losses: &[f64], predicted: &[f64]) -> Vec<f64> {
    losses.iter().zip(predicted).map(|(l, p)| l - p).collect()
}

/// The weighted sum of Huber's loss.
pub(super) fn huber_sum(residuals: &[f64], weights: &[f64], delta: f64) -> f64 {
    let one = |(r, w): (&f64, &f64)| {
        let psi = r * within(*r, delta);
        w * psi * (r - 0.5 * psi)
    };
    residuals.iter().zip(weights).map(one).sum()
}
