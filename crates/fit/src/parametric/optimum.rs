//! Multi-start minimisation of one law under one objective.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::law::{Law, Sample};
use crate::objective::{Objective, likelihood_scale};
use crate::outcome::Outcome;
use crate::solve::{MAX_PARAMETERS, Model, Rows, Vector, condition_number};

/// Condition numbers above this are refused.
pub(crate) const WORST_CONDITION: f64 = 1e8;

/// Runs that starts look at on long tables.
const THIN: usize = 2000;

/// Starts tried besides the data-driven ones.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Starts {
    /// Random starts.
    pub wild: usize,
    /// Their seed.
    pub seed: u64,
}

impl Default for Starts {
    fn default() -> Self {
        Starts { wild: 4, seed: 0 }
    }
}

/// The best point found, and how the search went.
#[derive(Debug, Clone)]
pub(crate) struct Optimum {
    pub theta: Vector,
    pub dimension: usize,
    /// Value of the objective as documented on [`Objective`].
    pub value: f64,
    /// Scale of the likelihood; 1 for other objectives.
    pub sigma: f64,
    pub outcome: Outcome,
    /// Evaluations of the objective with its derivatives, over all starts.
    pub evaluations: usize,
}

impl Optimum {
    pub fn theta(&self) -> &[f64] {
        &self.theta[..self.dimension]
    }
}

/// Best of all starts.
pub(crate) fn optimum(
    law: &dyn Law,
    sample: &Sample,
    objective: Objective,
    starts: Starts,
) -> Optimum {
    let model = Model::new(law, sample, objective.is_log());
    let rows = model.rows();
    let n = model.dimension();
    let mut candidates = law.starts(sample);
    let mut random = ChaCha8Rng::seed_from_u64(starts.seed);
    for _ in 0..starts.wild {
        candidates.push(law.wild_start(sample, &mut || random.random::<f64>()));
    }
    let mut search = Search { model: &model, rows: &rows, objective, evaluations: 0 };
    // Widest loss first; starts that meet there go on as one. A robust objective may have minima
    // that no least-squares basin leads to, so the best start and every third wild one go
    // straight to it.
    let robust = !matches!(objective, Objective::SquaredLog | Objective::SquaredLinear);
    let first_wild = candidates.len() - starts.wild;
    // On long tables the starts find their basins on every so-manieth run; optima are polished on all.
    let thin = (sample.len() > 2 * THIN).then(|| {
        let step = sample.len() / THIN;
        let every = |i: usize| if i.is_multiple_of(step) { 1.0 } else { 0.0 };
        let weights: Vec<f64> = (0..sample.len()).map(every).collect();
        let mut some = Rows::default();
        model.fill(&mut some, model.targets(), Some(&weights));
        (some, sample.len().div_ceil(step))
    });
    let (scout, scouted) = thin.as_ref().map_or((&rows, sample.len()), |t| (&t.0, t.1));
    let mut rough: Vec<(Vector, f64, usize)> = Vec::new();
    let mut ends: Vec<(Vector, f64, f64, bool, usize)> = Vec::new();
    let mut tried = 0;
    for (k, start) in candidates.iter().enumerate() {
        let direct =
            robust && thin.is_none() && (k == 0 || (k >= first_wild && (k - first_wild) % 3 == 2));
        if direct {
            tried += 1;
            let width = search.median_residual(start);
            ends.extend(search.polish(start, width).map(|(t, v, s, c)| (t, v, s, c, 1)));
            if k > 0 {
                continue;
            }
        }
        let solution = model.minimise(scout, start, &[f64::INFINITY]);
        search.evaluations += solution.evaluations;
        tried += 1;
        if !solution.value.is_finite() {
            continue;
        }
        let same = |other: &(Vector, f64, usize)| {
            (other.1 - solution.value).abs() <= 1e-7 * other.1.abs()
                && (0..n).all(|k| (other.0[k] - solution.z[k]).abs() < 1e-3)
        };
        match rough.iter_mut().find(|r| same(r)) {
            Some(known) => known.2 += 1,
            None => rough.push((solution.z, solution.value, 1)),
        }
    }
    for (z, value, count) in rough {
        let width = (2.0 * value / scouted as f64).sqrt().max(1e-12);
        ends.extend(search.polish(&z[..n], width).map(|(t, v, s, c)| (t, v, s, c, count)));
    }
    ends.sort_by(|a, b| a.1.total_cmp(&b.1));
    let Some(&(theta, value, sigma, _, _)) = ends.first() else {
        return Optimum {
            theta: [f64::NAN; MAX_PARAMETERS],
            dimension: n,
            value: f64::NAN,
            sigma: 1.0,
            outcome: Outcome::DidNotConverge { starts: tried },
            evaluations: search.evaluations,
        };
    };
    // Losses good to 1e-9 are as good as exact: below that, differences of value are rounding.
    let noise = 1e-18 * sample.len() as f64;
    // Kinks are rounded at 1e-5 of the residuals' width (see `Search::end`), which blurs the value by as much.
    let blur = match objective {
        Objective::Absolute | Objective::Likelihood { .. } => 3e-5,
        _ => 1e-6,
    };
    let agree =
        |e: &&(Vector, f64, f64, bool, usize)| (e.1 - value).abs() <= blur * value.abs() + noise;
    let agreeing: usize = ends.iter().filter(agree).map(|e| e.4).sum();
    let converged = ends.iter().filter(agree).any(|e| e.3);
    let share = agreeing as f64 / tried as f64;
    let outcome = judge(&model, &theta[..n], converged, tried, share);
    Optimum { theta, dimension: n, value, sigma, outcome, evaluations: search.evaluations }
}

fn judge(model: &Model, theta: &[f64], converged: bool, starts: usize, agreeing: f64) -> Outcome {
    let names = model.law.parameters();
    let bound = model.law.at_bound(theta, model.sample);
    if !bound.is_empty() {
        let parameters = bound.iter().map(|s| s.to_string()).collect();
        return Outcome::AtBound { parameters, starts, agreeing };
    }
    let (condition, mixed) = gauss_newton_condition(model, theta);
    if !(condition < WORST_CONDITION) || super::checks::one_direction(model.law, model.sample) {
        let parameters = mixed.iter().map(|k| names[*k].to_string()).collect();
        return Outcome::Degenerate { condition, parameters };
    }
    if !converged {
        return Outcome::DidNotConverge { starts };
    }
    Outcome::Converged { starts, agreeing, condition }
}

/// Condition number of the scaled `J'J` of ln L at `theta`.
pub(crate) fn gauss_newton_condition(model: &Model, theta: &[f64]) -> (f64, Vec<usize>) {
    let n = theta.len();
    let mut gram = [[0.0; MAX_PARAMETERS]; MAX_PARAMETERS];
    let mut slope = [0.0; MAX_PARAMETERS];
    for point in &model.sample.points {
        model.law.log_loss(theta, point, &mut slope[..n]);
        for i in 0..n {
            for j in 0..n {
                gram[i][j] += slope[i] * slope[j];
            }
        }
    }
    condition_number(&gram, n)
}

/// Thresholds from the width of the residuals down to `last`.
pub(crate) fn thresholds(width: f64, last: f64) -> ([f64; 24], usize) {
    let mut out = [last; 24];
    let mut count = 0;
    let mut delta = width;
    while delta > 1.5 * last && count < 22 {
        out[count] = delta;
        count += 1;
        delta *= if delta > 30.0 * last { 0.125 } else { 0.25 };
    }
    out[count] = last;
    (out, count + 1)
}

struct Search<'a> {
    model: &'a Model<'a>,
    rows: &'a Rows,
    objective: Objective,
    evaluations: usize,
}

impl Search<'_> {
    /// From `z`, where residuals are about `rms` wide, to the objective's own minimum: the point,
    /// the objective, its scale, and whether it converged.
    fn polish(&mut self, z: &[f64], rms: f64) -> Option<(Vector, f64, f64, bool)> {
        let end = self.end(z, rms);
        end.1.is_finite().then_some(end)
    }

    fn median_residual(&self, z: &[f64]) -> f64 {
        let mut sizes: Vec<f64> = self.residuals(z).iter().map(|r| r.0.abs()).collect();
        crate::estimate::median(&mut sizes).max(1e-12)
    }

    fn end(&mut self, z: &[f64], rms: f64) -> (Vector, f64, f64, bool) {
        // Data that a law fits exactly leave a robust loss nothing to weigh.
        if rms < 1e-9 {
            return self.descend(z, &[f64::INFINITY], 1e-3 * rms);
        }
        match self.objective {
            Objective::SquaredLog => self.descend(z, &[f64::INFINITY], 1.0),
            Objective::SquaredLinear => self.descend(z, &[f64::INFINITY], 1.0),
            Objective::Huber { delta } => {
                let (deltas, count) = thresholds(rms, delta);
                self.descend(z, &deltas[..count], 1.0)
            }
            Objective::Absolute => {
                let (deltas, count) = thresholds(rms, (1e-5 * rms).max(1e-13));
                self.descend(z, &deltas[..count], 1.0)
            }
            Objective::Likelihood { delta } => {
                let mut at = z.to_vec();
                let mut width = rms;
                let mut best = (at_vector(z), f64::NAN, f64::NAN, false);
                for _ in 0..30 {
                    let sigma = likelihood_scale(&self.residuals(&at), delta);
                    let last = (delta * sigma).max(1e-5 * rms).max(1e-13);
                    let (deltas, count) = thresholds(width, last);
                    let end = self.descend(&at, &deltas[..count], sigma);
                    let scale = likelihood_scale(&self.residuals(&end.0[..z.len()]), delta);
                    let value = self.value(&end.0[..z.len()], scale);
                    let done = (value - best.1).abs() <= 1e-12 * value.abs();
                    best = (end.0, value, scale, end.3);
                    if done || scale < 1e-9 * delta {
                        break;
                    }
                    at = end.0[..z.len()].to_vec();
                    width = 8.0 * last;
                }
                best
            }
        }
    }

    fn descend(&mut self, z: &[f64], deltas: &[f64], sigma: f64) -> (Vector, f64, f64, bool) {
        let solution = self.model.minimise(self.rows, z, deltas);
        self.evaluations += solution.evaluations;
        let theta = &solution.z[..z.len()];
        (solution.z, self.value(theta, sigma), sigma, solution.converged)
    }

    fn residuals(&self, theta: &[f64]) -> Vec<(f64, f64)> {
        let predicted = self.model.predicted(theta);
        self.model.targets().iter().zip(predicted).map(|(t, p)| (t - p, 1.0)).collect()
    }

    fn value(&self, theta: &[f64], sigma: f64) -> f64 {
        self.objective.value(self.residuals(theta).into_iter(), sigma)
    }
}

fn at_vector(z: &[f64]) -> Vector {
    let mut out = [0.0; MAX_PARAMETERS];
    out[..z.len()].copy_from_slice(z);
    out
}
