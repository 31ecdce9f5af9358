//! The bootstrap: resampled runs, refitted.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::estimate::Estimate;
use crate::objective::Objective;
use crate::parametric::{Optimum, thresholds};
use crate::solve::{MAX_PARAMETERS, Model, Rows};

/// What is drawn anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resampling {
    /// Runs, with replacement (Efron 1979).
    Pairs,
    /// Whole clusters of runs, with replacement: checkpoints of one training, seeds of one cell.
    Clusters,
    /// Cells (a run, or its seeds together) within each slice, with replacement: budgets are a design, not a sample.
    Slices,
    /// Residuals flipped at random (Rademacher; Wu 1986, Feng, He & Hu 2011 for absolute
    /// deviations), by cluster where there are clusters, scaled up by their leverage. For squares: with
    /// Huber's loss and few runs its intervals are too narrow (87% where 95% is meant; see the README).
    Wild,
}

impl Resampling {
    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Resampling::Pairs => "pairs",
            Resampling::Clusters => "clusters",
            Resampling::Slices => "slices",
            Resampling::Wild => "wild",
        }
    }
}

/// Groups of row numbers that a scheme needs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    /// Rows of each cluster.
    pub clusters: Vec<Vec<usize>>,
    /// Cells of each slice, and their rows: those of one cluster are one cell.
    pub slices: Vec<Vec<Vec<usize>>>,
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

    /// Refits that converged.
    pub fn len(&self) -> usize {
        self.thetas.len() / self.dimension
    }

    /// Whether there are none.
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

/// Refits `model` to `count` resamples, starting each from `best`.
pub(crate) fn refit(
    model: &Model,
    objective: Objective,
    best: &Optimum,
    plan: &Plan,
    scheme: Resampling,
    count: usize,
    seed: u64,
) -> Draws {
    let n = best.dimension;
    let predicted = model.predicted(best.theta());
    let rows = model.sample.len();
    let residuals: Vec<f64> = model.targets().iter().zip(&predicted).map(|(t, p)| t - p).collect();
    // Wild draws: each residual is scaled up by its leverage (HC3; MacKinnon & White 1985).
    let scaled: Vec<f64> = residuals
        .iter()
        .zip(leverages(model, best.theta()))
        .map(|(r, h)| r / (1.0 - h.min(0.9)))
        .collect();
    let mut sizes: Vec<f64> = residuals.iter().map(|r| r.abs()).collect();
    let width = crate::estimate::median(&mut sizes).max(1e-12) * 1.5;
    let last = match objective {
        Objective::Huber { delta } => delta,
        Objective::SquaredLog | Objective::SquaredLinear => f64::INFINITY,
        Objective::Absolute => (1e-5 * width).max(1e-13),
        Objective::Likelihood { delta } => (delta * best.sigma).max(1e-5 * width).max(1e-13),
    };
    let (deltas, stages) =
        if last.is_finite() { thresholds(width, last) } else { ([f64::INFINITY; 24], 1) };
    let base = ChaCha8Rng::seed_from_u64(seed);
    let scratch =
        || Scratch { rows: Rows::default(), targets: vec![0.0; rows], weights: vec![0.0; rows] };
    let thetas: Vec<Option<[f64; MAX_PARAMETERS]>> = (0..count)
        .into_par_iter()
        .map_init(scratch, |s, k| {
            let mut random = base.clone();
            random.set_stream(k as u64 + 1);
            let weighted = match scheme {
                Resampling::Wild => {
                    for cluster in &plan.clusters {
                        let sign = if random.random::<bool>() { 1.0 } else { -1.0 };
                        for &i in cluster {
                            s.targets[i] = predicted[i] + sign * scaled[i];
                        }
                    }
                    false
                }
                _ => {
                    s.weights.fill(0.0);
                    count_rows(scheme, plan, &mut s.weights, &mut random);
                    true
                }
            };
            if weighted {
                model.fill(&mut s.rows, model.targets(), Some(&s.weights));
            } else {
                model.fill(&mut s.rows, &s.targets, None);
            }
            let end = model.minimise(&s.rows, best.theta(), &deltas[..stages]);
            (end.converged && end.z[..n].iter().all(|v| v.is_finite())).then_some(end.z)
        })
        .collect();
    let kept: Vec<f64> = thetas.iter().flatten().flat_map(|z| z[..n].iter().copied()).collect();
    Draws::new(kept, n, count)
}

/// Leverage of each run in the linearised fit.
fn leverages(model: &Model, theta: &[f64]) -> Vec<f64> {
    let n = theta.len();
    let slopes: Vec<[f64; MAX_PARAMETERS]> = model
        .sample
        .points
        .iter()
        .map(|p| {
            let mut g = [0.0; MAX_PARAMETERS];
            model.law.log_loss(theta, p, &mut g[..n]);
            g
        })
        .collect();
    let mut gram = [[0.0; MAX_PARAMETERS]; MAX_PARAMETERS];
    for g in &slopes {
        for i in 0..n {
            for j in 0..n {
                gram[i][j] += g[i] * g[j];
            }
        }
    }
    let leverage = |g: &[f64; MAX_PARAMETERS]| {
        crate::solve::cholesky_solve(&gram, g, n)
            .map_or(n as f64 / slopes.len() as f64, |s| (0..n).map(|k| s[k] * g[k]).sum())
    };
    slopes.iter().map(leverage).collect()
}

struct Scratch {
    rows: Rows,
    targets: Vec<f64>,
    weights: Vec<f64>,
}

fn count_rows(scheme: Resampling, plan: &Plan, weights: &mut [f64], random: &mut ChaCha8Rng) {
    let rows = weights.len();
    match scheme {
        Resampling::Clusters => {
            for _ in 0..plan.clusters.len() {
                for &i in &plan.clusters[random.random_range(0..plan.clusters.len())] {
                    weights[i] += 1.0;
                }
            }
        }
        Resampling::Slices => {
            for slice in &plan.slices {
                for _ in 0..slice.len() {
                    for &i in &slice[random.random_range(0..slice.len())] {
                        weights[i] += 1.0;
                    }
                }
            }
        }
        Resampling::Pairs | Resampling::Wild => {
            for _ in 0..rows {
                weights[random.random_range(0..rows)] += 1.0;
            }
        }
    }
}
