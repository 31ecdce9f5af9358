//! Which factor moved the loss by how much, the others held fixed.
//!
//! The grid is the experiment: ln L is regressed on the logarithms of N, D, learning rate, batch and depth/width, and on
//! hardware, all centred, with squares of those that take three values or more. The linear coefficient of a factor
//! is its elasticity at the centre of the study. Intervals are from a pairs (or cluster) bootstrap. Factors that the
//! design moves together are refused by name: no regression can tell them apart.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;

use crate::error::FitError;
use crate::estimate::{Estimate, check_level};
use crate::intervals::too_few_draws;
use crate::parametric::{resampling_plan, too_few};
use crate::table::{Observation, Table};

/// The effect of one factor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effect {
    /// The factor.
    pub factor: String,
    /// What became of it.
    pub answer: EffectAnswer,
}

/// An effect, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EffectAnswer {
    /// d ln L / d ln factor at the centre, the others fixed; for hardware, the shift of ln L.
    Elasticity {
        /// The value.
        #[serde(flatten)]
        estimate: Estimate,
        /// Half the second derivative, for factors with an optimum.
        curvature: Option<f64>,
        /// The value of the factor at which the loss is least, where the curve bends upwards inside the range run.
        optimum: Option<f64>,
    },
    /// It never varies.
    Constant,
    /// Some runs lack it.
    Missing {
        /// How many.
        runs: usize,
    },
    /// The design moves it together with others.
    Confounded {
        /// With which.
        with: Vec<String>,
        /// Share of its variance that the others explain.
        explained: f64,
    },
}

/// All effects of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effects {
    /// One per factor.
    pub effects: Vec<Effect>,
    /// Share of the variance of ln L explained.
    pub r_squared: f64,
    /// Runs used.
    pub rows: usize,
    /// Why there are no intervals, where they were asked for and withheld.
    pub no_interval: Option<String>,
}

/// Share of a factor's variance explained by the others beyond which it is confounded.
const CONFOUNDED: f64 = 0.99;

/// Effects of every factor that the table has.
///
/// # Errors
/// [`FitError::TooFewRows`] when there are fewer runs than coefficients and three, [`FitError::NoResult`] when the loss never
/// varies, [`FitError::BadOption`] for a level outside (0, 1).
pub fn effects(table: &Table, draws: usize, level: f64, seed: u64) -> Result<Effects, FitError> {
    check_level(level)?;
    let losses: Vec<f64> = table.rows().iter().map(|r| r.loss_nats.ln()).collect();
    if losses.iter().all(|l| (l - losses[0]).abs() < 1e-12) {
        return Err(FitError::NoResult {
            what: "the regression of effects".into(),
            why: format!("the loss is the same in all {} runs", table.len()),
            hint: "check that the loss is read from the right column".into(),
        });
    }
    type Column = (&'static str, fn(&Observation) -> Option<f64>);
    let columns: [Column; 5] = [
        ("N", |r| Some(r.params)),
        ("D", |r| Some(r.tokens)),
        ("learning rate", |r| r.learning_rate),
        ("batch", |r| r.batch_tokens),
        ("depth / width", |r| Some(r.depth? / r.width?)),
    ];
    let rows = table.rows();
    let mut out = Vec::new();
    let mut factors: Vec<Factor> = Vec::new();
    for (name, of) in columns {
        let values: Vec<f64> = rows.iter().filter_map(|r| of(r).map(f64::ln)).collect();
        if values.is_empty() {
            continue;
        }
        if values.len() < rows.len() {
            let answer = EffectAnswer::Missing { runs: rows.len() - values.len() };
            out.push(Effect { factor: name.into(), answer });
            continue;
        }
        add(name.into(), values, true, &mut factors, &mut out);
    }
    hardware(rows, &mut factors, &mut out);
    confounding(&mut factors, &mut out);
    let design = Design::new(&factors, rows);
    if rows.len() < design.width() + 3 {
        return Err(FitError::TooFewRows {
            what: "the regression of effects".into(),
            parameters: design.width(),
            needed: design.width() + 3,
            given: rows.len(),
        });
    }
    let ones = vec![1.0; rows.len()];
    let point = design.solve(&ones).ok_or_else(|| FitError::NoResult {
        what: "the regression of effects".into(),
        why: "its columns are dependent".into(),
        hint: "vary factors apart from each other".into(),
    })?;
    let plan = resampling_plan(table);
    let units = plan.clusters.len();
    let noun = if units < rows.len() { "cluster" } else { "run" };
    let few = too_few(units, noun).filter(|_| draws > 0);
    let no_interval = few.or_else(|| too_few_draws(draws, level));
    let draws = if no_interval.is_some() { 0 } else { draws };
    let base = ChaCha8Rng::seed_from_u64(seed ^ 0x0eff_ec75);
    let one = |k: usize| {
        let mut random = base.clone();
        random.set_stream(k as u64 + 1);
        let mut weights = vec![0.0; rows.len()];
        for _ in 0..plan.clusters.len() {
            for &i in &plan.clusters[random.random_range(0..plan.clusters.len())] {
                weights[i] += 1.0;
            }
        }
        design.solve(&weights)
    };
    let drawn: Vec<Vec<f64>> = (0..draws).into_par_iter().filter_map(one).collect();
    for (k, factor) in factors.iter().enumerate() {
        let at = design.linear[k];
        let mut values: Vec<f64> = drawn.iter().map(|d| d[at]).collect();
        let curvature = design.square[k].map(|s| point[s]);
        let bottom = curvature.filter(|c| *c > 0.0).map(|c| -0.5 * point[at] / c);
        let optimum = bottom
            .filter(|x| factor.range().0 < *x && *x < factor.range().1)
            .map(|x| (x + factor.mean).exp());
        let estimate = Estimate::from_draws(point[at], &mut values, level);
        let answer = EffectAnswer::Elasticity { estimate, curvature, optimum };
        out.push(Effect { factor: factor.name.clone(), answer });
    }
    Ok(Effects { effects: out, r_squared: design.r_squared(&point), rows: rows.len(), no_interval })
}

struct Factor {
    name: String,
    /// Centred.
    values: Vec<f64>,
    mean: f64,
    squared: bool,
}

impl Factor {
    fn range(&self) -> (f64, f64) {
        self.values
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |m, v| (m.0.min(*v), m.1.max(*v)))
    }
}

fn add(
    name: String,
    mut values: Vec<f64>,
    bends: bool,
    factors: &mut Vec<Factor>,
    out: &mut Vec<Effect>,
) {
    let mean = crate::estimate::mean(&values);
    values.iter_mut().for_each(|v| *v -= mean);
    let mut sorted = values.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.dedup_by(|a, b| (*a - *b).abs() < 1e-9);
    if sorted.len() < 2 {
        out.push(Effect { factor: name, answer: EffectAnswer::Constant });
        return;
    }
    factors.push(Factor { name, values, mean, squared: bends && sorted.len() > 2 });
}

/// One indicator per machine but the first.
fn hardware(rows: &[Observation], factors: &mut Vec<Factor>, out: &mut Vec<Effect>) {
    let names: std::collections::BTreeSet<&str> =
        rows.iter().filter_map(|r| r.hardware.as_deref()).collect();
    let missing = rows.iter().filter(|r| r.hardware.is_none()).count();
    if names.is_empty() {
        return;
    }
    if missing > 0 {
        let answer = EffectAnswer::Missing { runs: missing };
        out.push(Effect { factor: "hardware".into(), answer });
        return;
    }
    let mut names = names.into_iter();
    let Some(first) = names.next() else { return };
    for name in names {
        let is = |r: &Observation| if r.hardware.as_deref() == Some(name) { 1.0 } else { 0.0 };
        let values = rows.iter().map(is).collect();
        add(format!("hardware {name} against {first}"), values, false, factors, out);
    }
}

/// Takes out every factor that the others explain.
fn confounding(factors: &mut Vec<Factor>, out: &mut Vec<Effect>) {
    // Judge all against all first: which of two confounded factors is to blame cannot be told.
    let mut bad = Vec::new();
    for k in 0..factors.len() {
        let others: Vec<&[f64]> =
            (0..factors.len()).filter(|&j| j != k).map(|j| factors[j].values.as_slice()).collect();
        let explained = explained(&factors[k].values, &others);
        if explained > CONFOUNDED {
            let mut with: Vec<(f64, String)> = (0..factors.len())
                .filter(|&j| j != k)
                .map(|j| {
                    // Named when leaving it out frees the factor.
                    let rest: Vec<&[f64]> = (0..factors.len())
                        .filter(|&i| i != k && i != j)
                        .map(|i| factors[i].values.as_slice())
                        .collect();
                    (self::explained(&factors[k].values, &rest), factors[j].name.clone())
                })
                .filter(|(left, _)| *left <= CONFOUNDED)
                .collect();
            with.sort_by(|a, b| a.0.total_cmp(&b.0));
            bad.push((k, explained, with.into_iter().map(|w| w.1).collect::<Vec<_>>()));
        }
    }
    for (k, explained, with) in bad.into_iter().rev() {
        let factor = factors.remove(k);
        let answer = EffectAnswer::Confounded { with, explained };
        out.push(Effect { factor: factor.name, answer });
    }
}

/// Share of the variance of `y` (centred) that centred columns explain, by Gram-Schmidt.
fn explained(y: &[f64], columns: &[&[f64]]) -> f64 {
    let total: f64 = y.iter().map(|v| v * v).sum();
    let mut left = y.to_vec();
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let take = |from: &mut Vec<f64>, q: &[f64]| {
        let s: f64 = from.iter().zip(q).map(|(a, b)| a * b).sum();
        from.iter_mut().zip(q).for_each(|(a, b)| *a -= s * b);
    };
    for column in columns {
        let mut q = column.to_vec();
        let before = q.iter().map(|v| v * v).sum::<f64>().sqrt();
        for _ in 0..2 {
            for b in &basis {
                take(&mut q, b);
            }
        }
        let norm = q.iter().map(|v| v * v).sum::<f64>().sqrt();
        if norm > 1e-9 * before {
            q.iter_mut().for_each(|v| *v /= norm);
            basis.push(q);
        }
    }
    for q in &basis {
        take(&mut left, q);
    }
    1.0 - left.iter().map(|v| v * v).sum::<f64>() / total
}

/// Columns of the regression: 1, the factors, their squares, and N times D.
struct Design {
    columns: Vec<Vec<f64>>,
    linear: Vec<usize>,
    square: Vec<Option<usize>>,
    target: Vec<f64>,
}

impl Design {
    fn new(factors: &[Factor], rows: &[Observation]) -> Design {
        let mut columns = vec![vec![1.0; rows.len()]];
        let mut push = |c: Vec<f64>| {
            columns.push(c);
            columns.len() - 1
        };
        let linear = factors.iter().map(|f| push(f.values.clone())).collect();
        let square = factors
            .iter()
            .map(|f| f.squared.then(|| push(f.values.iter().map(|v| v * v).collect())))
            .collect();
        let find = |name: &str| factors.iter().find(|f| f.name == name);
        if let (Some(n), Some(d)) = (find("N"), find("D")) {
            push(n.values.iter().zip(&d.values).map(|(a, b)| a * b).collect());
        }
        let target = rows.iter().map(|r| r.loss_nats.ln()).collect();
        Design { columns, linear, square, target }
    }

    fn width(&self) -> usize {
        self.columns.len()
    }

    /// Weighted least squares by normal equations on unit columns; `None` when singular.
    fn solve(&self, weights: &[f64]) -> Option<Vec<f64>> {
        let n = self.width();
        let dot = |a: &[f64], b: &[f64]| -> f64 {
            a.iter().zip(b).zip(weights).map(|((x, y), w)| w * x * y).sum()
        };
        let norms: Vec<f64> = self.columns.iter().map(|c| dot(c, c).sqrt()).collect();
        let mut a = vec![vec![0.0; n + 1]; n];
        for i in 0..n {
            if !(norms[i] > 0.0) {
                return None;
            }
            for j in 0..n {
                a[i][j] = dot(&self.columns[i], &self.columns[j]) / (norms[i] * norms[j]);
            }
            a[i][n] = dot(&self.columns[i], &self.target) / norms[i];
        }
        // Gauss-Jordan on a positive definite matrix needs no pivoting.
        for k in 0..n {
            if !(a[k][k] > 1e-10) {
                return None;
            }
            let pivot = a[k].clone();
            for (i, row) in a.iter_mut().enumerate() {
                if i != k {
                    let factor = row[k] / pivot[k];
                    for (r, p) in row.iter_mut().zip(&pivot).skip(k) {
                        *r -= factor * p;
                    }
                }
            }
        }
        Some((0..n).map(|k| a[k][n] / a[k][k] / norms[k]).collect())
    }

    fn r_squared(&self, point: &[f64]) -> f64 {
        let mean = crate::estimate::mean(&self.target);
        let total: f64 = self.target.iter().map(|t| (t - mean).powi(2)).sum();
        let model = |i: usize| self.columns.iter().zip(point).map(|(c, p)| c[i] * p).sum::<f64>();
        let left: f64 = self.target.iter().enumerate().map(|(i, t)| (t - model(i)).powi(2)).sum();
        1.0 - left / total
    }
}
