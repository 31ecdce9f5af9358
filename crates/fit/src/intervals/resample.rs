//! The bootstrap: resampled runs, refitted.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Plan;
use super::one_step::{LONG, one_step};
use crate::estimate::Estimate;
use crate::objective::Objective;
use crate::parametric::{Optimum, thresholds};
use crate::solve::{Model, Rows, Vector, cholesky_solve};
use crate::stats::{dot, median_size};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resampling {
    /// Runs, with replacement (Efron 1979).
    Pairs,
    /// Whole clusters of runs, with replacement: checkpoints of one training, seeds of one cell.
    Clusters,
    /// Cells (a run, or its seeds together) within each slice, with replacement: budgets are a design, not a sample.
    Slices,
    /// All runs of one shape together, with replacement: for shapes whose runs deviate together, as where initial weights or the
    /// rules for depth and heads set a width apart. Takes as many shapes as other schemes take runs.
    Shapes,
    /// Residuals flipped at random (Rademacher; Wu 1986, Feng, He & Hu 2011 for absolute
    /// deviations), by cluster where there are clusters, scaled up by their leverage. For squares: with
    /// Huber's loss and few runs its intervals are too narrow (87% where 95% is meant; see the README).
    Wild,
}

impl Resampling {
    pub fn name(self) -> &'static str {
        match self {
            Resampling::Pairs => "pairs",
            Resampling::Clusters => "clusters",
            Resampling::Slices => "slices",
            Resampling::Shapes => "shapes",
            Resampling::Wild => "wild",
        }
    }
}

/// Parameters of every refit.
#[derive(Debug, Clone, PartialEq)]
pub struct Draws {
    thetas: Vec<f64>,
    dimension: usize,
    asked: usize,
}

impl Draws {
    pub(crate) fn new(thetas: Vec<f64>, dimension: usize, asked: usize) -> Self {
        Draws { thetas, dimension, asked }
    }

    /// Parameter vectors, one per refit that converged.
    pub fn iter(&self) -> impl Iterator<Item = &[f64]> {
        self.thetas.chunks_exact(self.dimension)
    }

    pub fn len(&self) -> usize {
        self.thetas.len() / self.dimension
    }

    pub fn is_empty(&self) -> bool {
        self.thetas.is_empty()
    }

    /// Refits that did not converge, and are in no interval.
    pub fn failed(&self) -> usize {
        self.asked - self.len()
    }

    /// Estimate of a function of the parameters; draws where it is not finite are left out, and
    /// more than 5% of those leave no interval.
    pub(crate) fn estimate(
        &self,
        point: f64,
        level: f64,
        value: impl Fn(&[f64]) -> f64,
    ) -> Estimate {
        let mut values: Vec<f64> = self.iter().map(value).filter(|v| v.is_finite()).collect();
        if (values.len() as f64) < 0.95 * self.len() as f64 {
            return Estimate::bare(point);
        }
        Estimate::from_draws(point, &mut values, level)
    }
}

/// Refits `model` to `count` resamples, starting each from `best`; on long tables by one step.
pub(crate) fn refit(
    model: &Model,
    objective: Objective,
    best: &Optimum,
    plan: &Plan,
    count: usize,
    seed: u64,
) -> Draws {
    let n = best.theta.len();
    let predicted = model.predicted(&best.theta);
    let rows = model.sample.len();
    let residuals = model.residuals(&best.theta);
    // Wild draws: each residual is scaled up by its leverage (HC3; MacKinnon & White 1985).
    let scale = |(r, h): (&f64, f64)| r / (1.0 - h.min(0.9));
    let scaled: Vec<f64> = match plan {
        Plan::Wild(_) => residuals.iter().zip(leverages(model, &best.theta)).map(scale).collect(),
        _ => Vec::new(),
    };
    let width = 1.5 * median_size(&residuals).max(1e-12);
    let (deltas, stages) = thresholds(width, objective.threshold(width, best.sigma));
    let last = deltas[stages - 1];
    let units = match plan {
        Plan::Pairs(_) => Some(None),
        Plan::Clusters(clusters) => Some(Some(&clusters[..])),
        _ => None,
    };
    // Next to least absolute deviations too few residuals lie within the threshold for a Hessian.
    let long = plan.units().0 >= LONG && last > 0.1 * width;
    if let Some(units) = units.filter(|_| long)
        && let Some(draws) = one_step(model, &best.theta, last, units, count, seed)
    {
        return draws;
    }
    let scratch = || (Rows::default(), vec![0.0; rows]);
    let one = |(drawn, values): &mut (Rows, Vec<f64>), k: usize| {
        let mut random = draw_stream(seed, k);
        if let Plan::Wild(clusters) = plan {
            for cluster in clusters {
                let sign = if random.random::<bool>() { 1.0 } else { -1.0 };
                cluster.iter().for_each(|&i| values[i] = predicted[i] + sign * scaled[i]);
            }
            model.fill(drawn, values, None);
        } else {
            values.fill(0.0);
            plan.count_rows(values, &mut random);
            model.fill(drawn, model.targets(), Some(values));
        }
        let end = model.minimise(drawn, &best.theta, &deltas[..stages]);
        (end.converged && end.z[..n].iter().all(|v| v.is_finite())).then_some(end.z)
    };
    let thetas: Vec<Option<Vector>> = (0..count).into_par_iter().map_init(scratch, one).collect();
    let kept = thetas.iter().flatten().flat_map(|z| z[..n].iter().copied()).collect();
    Draws::new(kept, n, count)
}

/// The random numbers of draw `k`, whatever thread makes it.
pub(crate) fn draw_stream(seed: u64, k: usize) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(k as u64 + 1);
    random
}

fn leverages(model: &Model, theta: &[f64]) -> Vec<f64> {
    let n = theta.len();
    let gram = model.gram(theta);
    let slopes = model.slopes(theta);
    // Of a singular design all runs are taken alike.
    let alike = n as f64 / slopes.len() as f64;
    slopes.iter().map(|g| cholesky_solve(&gram, g, n).map_or(alike, |s| dot(&s, g))).collect()
}
