//! Multi-start minimisation of one law under one objective.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::law::{Law, Sample};
use crate::objective::{Objective, likelihood_scale};
use crate::outcome::Outcome;
use crate::solve::{Model, Rows, Solution, condition_number};
use crate::stats::median_size;

/// Condition numbers above this are refused.
pub(crate) const WORST_CONDITION: f64 = 1e8;

/// Runs that starts look at on long tables.
const THIN: usize = 2000;

/// Starts tried besides the data-driven ones.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Starts {
    pub wild: usize,
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
    pub theta: Vec<f64>,
    /// Value of the objective as documented on [`Objective`].
    pub value: f64,
    /// Scale of the likelihood; 1 for other objectives.
    pub sigma: f64,
    pub outcome: Outcome,
    /// Evaluations of the objective with its derivatives, over all starts.
    pub evaluations: usize,
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
    let mut candidates = law.starts(sample);
    let first_random = candidates.len();
    let mut random = ChaCha8Rng::seed_from_u64(starts.seed);
    for _ in 0..starts.wild {
        candidates.push(law.random_start(sample, &mut || random.random::<f64>()));
    }
    let mut search = Search { model: &model, rows: &rows, objective, evaluations: 0 };
    // Widest loss first; starts that meet there go on as one. A robust objective may have minima
    // that no least-squares basin leads to, so the best start and every third random one go
    // straight to it.
    let robust = !matches!(objective, Objective::SquaredLog | Objective::SquaredLinear);
    // On long tables the starts find their basins on some of the runs; optima are polished on all.
    let thin = (sample.len() > 2 * THIN).then(|| {
        let mut weights = vec![0.0; sample.len()];
        rand::seq::index::sample(&mut random, sample.len(), THIN)
            .into_iter()
            .for_each(|i| weights[i] = 1.0);
        let mut some = Rows::default();
        model.fill(&mut some, model.targets(), Some(&weights));
        (some, THIN)
    });
    let (scout, scouted) = thin.as_ref().map_or((&rows, sample.len()), |t| (&t.0, t.1));
    let mut rough: Vec<(Solution, usize)> = Vec::new();
    let mut ends: Vec<End> = Vec::new();
    let mut tried = 0;
    for (k, start) in candidates.iter().enumerate() {
        let third = k >= first_random && (k - first_random) % 3 == 2;
        if robust && thin.is_none() && (k == 0 || third) {
            tried += 1;
            let width = median_size(&model.residuals(start)).max(1e-12);
            ends.push(search.polish(start, width, 1));
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
        let same = |other: &Solution| {
            (other.value - solution.value).abs() <= 1e-7 * other.value.abs()
                && (0..start.len()).all(|k| (other.z[k] - solution.z[k]).abs() < 1e-3)
        };
        match rough.iter_mut().find(|r| same(&r.0)) {
            Some(known) => known.1 += 1,
            None => rough.push((solution, 1)),
        }
    }
    for (solution, starts) in rough {
        let width = (2.0 * solution.value / scouted as f64).sqrt().max(1e-12);
        ends.push(search.polish(&solution.z[..law.parameters().len()], width, starts));
    }
    ends.retain(|e| e.value.is_finite());
    ends.sort_by(|a, b| a.value.total_cmp(&b.value));
    let evaluations = search.evaluations;
    let Some(best) = ends.first() else {
        let (theta, value) = (vec![f64::NAN; law.parameters().len()], f64::NAN);
        let outcome = Outcome::DidNotConverge { starts: tried };
        return Optimum { theta, value, sigma: 1.0, outcome, evaluations };
    };
    // Losses good to 1e-9 are as good as exact: below that, differences of value are rounding.
    let noise = 1e-18 * sample.len() as f64;
    // Rounded kinks (see `Objective::threshold`) blur the value by as much.
    let blur = match objective {
        Objective::Absolute | Objective::Likelihood { .. } => 3e-5,
        _ => 1e-6,
    };
    let agree = |e: &&End| (e.value - best.value).abs() <= blur * best.value.abs() + noise;
    let agreeing = ends.iter().filter(agree);
    let converged = agreeing.clone().any(|e| e.converged);
    let share = agreeing.map(|e| e.starts).sum::<usize>() as f64 / tried as f64;
    let outcome = judge(&model, &best.theta, converged, tried, share);
    Optimum {
        theta: best.theta.clone(),
        value: best.value,
        sigma: best.sigma,
        outcome,
        evaluations,
    }
}

fn judge(model: &Model, theta: &[f64], converged: bool, starts: usize, agreeing: f64) -> Outcome {
    let names = model.law.parameters();
    let one = super::checks::one_direction(model.law, model.sample);
    let bound = model.law.at_bound(theta, model.sample);
    if !one && !bound.is_empty() {
        let parameters = bound.iter().map(|s| s.to_string()).collect();
        return Outcome::AtBound { parameters, starts, agreeing };
    }
    let (condition, mixed) = condition_number(&model.gram(theta), theta.len());
    if !(condition < WORST_CONDITION) || one {
        let parameters = mixed.iter().map(|k| names[*k].to_string()).collect();
        return Outcome::Degenerate { condition, parameters };
    }
    if !converged {
        return Outcome::DidNotConverge { starts };
    }
    Outcome::Converged { starts, agreeing, condition }
}

/// Thresholds from the width of the residuals down to `last`, and how many there are.
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

/// Where some starts ended.
struct End {
    theta: Vec<f64>,
    /// Of the objective, under its own scale.
    value: f64,
    sigma: f64,
    converged: bool,
    starts: usize,
}

struct Search<'a> {
    model: &'a Model<'a>,
    rows: &'a Rows,
    objective: Objective,
    evaluations: usize,
}

impl Search<'_> {
    /// From `z`, where residuals are about `rms` wide, to the objective's own minimum.
    fn polish(&mut self, z: &[f64], rms: f64, starts: usize) -> End {
        // Data that a law fits exactly leave a robust loss nothing to weigh.
        if rms < 1e-9 {
            return self.descend(z, &[f64::INFINITY], 1e-3 * rms, starts);
        }
        let Objective::Likelihood { delta } = self.objective else {
            let (deltas, count) = thresholds(rms, self.objective.threshold(rms, 1.0));
            return self.descend(z, &deltas[..count], 1.0, starts);
        };
        let weights = &self.model.sample.weights;
        let (mut at, mut width, mut before, mut rounds) = (z.to_vec(), rms, f64::NAN, 0);
        loop {
            let sigma = likelihood_scale(&self.model.residuals(&at), weights, delta);
            let last = self.objective.threshold(rms, sigma);
            let (deltas, count) = thresholds(width, last);
            let mut end = self.descend(&at, &deltas[..count], sigma, starts);
            let residuals = self.model.residuals(&end.theta);
            end.sigma = likelihood_scale(&residuals, weights, delta);
            end.value = self.objective.value(&residuals, weights, end.sigma);
            let done = (end.value - before).abs() <= 1e-12 * end.value.abs();
            rounds += 1;
            if done || end.sigma < 1e-9 * delta || rounds == 30 {
                return end;
            }
            (at, before, width) = (end.theta, end.value, 8.0 * last);
        }
    }

    fn descend(&mut self, z: &[f64], deltas: &[f64], sigma: f64, starts: usize) -> End {
        let solution = self.model.minimise(self.rows, z, deltas);
        self.evaluations += solution.evaluations;
        let theta = solution.z[..z.len()].to_vec();
        let weights = &self.model.sample.weights;
        let value = self.objective.value(&self.model.residuals(&theta), weights, sigma);
        End { theta, value, sigma, converged: solution.converged, starts }
    }
}
