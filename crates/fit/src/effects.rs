//! Which factor moved the loss by how much, the others held fixed.
//!
//! The grid is the experiment: ln L is regressed on the logarithms of N, D, learning rate, batch and depth/width, and on
//! hardware, all centred, with squares of those that take three values or more. The linear coefficient of a factor
//! is its elasticity at the centre of the study. Intervals are from a pairs (or cluster) bootstrap. Factors that the
//! design moves together are refused by name: no regression can tell them apart. On isoFLOP slices N and D are refused together.

use nalgebra::{DMatrix, DVector};
use rand::Rng;
use rayon::prelude::*;
use serde::Serialize;

use crate::error::FitError;
use crate::estimate::{Estimate, check_level};
use crate::intervals::{draw_stream, too_few_draws};
use crate::isoflop::group_slices;
use crate::observation::Observation;
use crate::parametric::too_few;
use crate::stats::{centred, dot, range};
use crate::table::Table;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effect {
    pub factor: String,
    pub answer: EffectAnswer,
}

/// An effect, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EffectAnswer {
    /// d ln L / d ln factor at the centre, the others fixed; for hardware, the shift of ln L.
    Elasticity {
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
    Missing { runs: usize },
    /// The design moves it together with others.
    Confounded {
        with: Vec<String>,
        /// Share of its variance that the others explain.
        explained: f64,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effects {
    pub effects: Vec<Effect>,
    /// Share of the variance of ln L explained.
    pub r_squared: f64,
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
    tied(table, &mut factors, &mut out);
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
    let clusters = table.clusters();
    let units = clusters.len();
    let noun = if units < rows.len() { "cluster" } else { "run" };
    let few = too_few(units, noun).filter(|_| draws > 0);
    let mut no_interval = few.or_else(|| too_few_draws(draws, level));
    let draws = if no_interval.is_some() { 0 } else { draws };
    let one = |k: usize| {
        let mut random = draw_stream(seed ^ 0x0eff_ec75, k);
        let mut weights = vec![0.0; rows.len()];
        for _ in 0..units {
            let drawn = &clusters[random.random_range(0..units)];
            drawn.iter().for_each(|&i| weights[i] += 1.0);
        }
        design.solve(&weights)
    };
    let mut drawn: Vec<Vec<f64>> = (0..draws).into_par_iter().filter_map(one).collect();
    let failed = draws - drawn.len();
    if 10 * failed > draws {
        // Draws that lack a value of some factor: the rest would understate the intervals.
        drawn.clear();
        no_interval =
            Some(format!("no intervals: {failed} of {draws} draws cannot tell the factors apart"));
    }
    for (k, factor) in factors.iter().enumerate() {
        let at = design.linear[k];
        let mut values: Vec<f64> = drawn.iter().map(|d| d[at]).collect();
        let curvature = design.square[k].map(|s| point[s]);
        let (lo, hi) = range(factor.values.iter().copied());
        let bottom = curvature.filter(|c| *c > 0.0).map(|c| -0.5 * point[at] / c);
        let optimum = bottom.filter(|x| lo < *x && *x < hi).map(|x| (x + factor.mean).exp());
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

fn add(
    name: String,
    values: Vec<f64>,
    bends: bool,
    factors: &mut Vec<Factor>,
    out: &mut Vec<Effect>,
) {
    let (values, mean) = centred(&values);
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

/// Share of ln D that ln N explains up to which the two were varied apart, as in a grid of all N with all D.
const APART: f64 = 0.01;

/// On isoFLOP slices N D is the same in every run of a slice. Where one of the two was taken out, the other carries its effect
/// instead of moving alone, so it goes too. A grid of all N with all D has runs of equal C as well, and no budgets.
fn tied(table: &Table, factors: &mut Vec<Factor>, out: &mut Vec<Effect>) {
    let rows = table.rows();
    let slices = group_slices(table).into_iter().map(|g| g.rows.len()).filter(|runs| *runs > 2);
    if 2 * slices.sum::<usize>() <= rows.len() {
        return;
    }
    let logs = |of: fn(&Observation) -> f64| {
        centred(&rows.iter().map(|r| of(r).ln()).collect::<Vec<f64>>()).0
    };
    let (n, d, c) = (logs(|r| r.params), logs(|r| r.tokens), logs(|r| r.flops));
    let apart = dot(&n, &d).powi(2) <= APART * dot(&n, &n) * dot(&d, &d);
    if apart && rows.iter().all(|r| r.budget_flops.is_none()) {
        return;
    }
    for (name, other, values) in [("D", "N", &n), ("N", "D", &d)] {
        let confounded = |e: &Effect| matches!(e.answer, EffectAnswer::Confounded { .. });
        let refused = out.iter().any(|e| e.factor == other && confounded(e));
        let Some(k) = factors.iter().position(|f| f.name == name).filter(|_| refused) else {
            continue;
        };
        // A single budget never varies.
        let columns: Vec<&[f64]> =
            [values, &c].into_iter().filter(|v| dot(v, v) > 1e-12).map(Vec::as_slice).collect();
        let factor = factors.remove(k);
        let explained = explained(&factor.values, &columns);
        let with = vec![other.to_string(), "C".into()];
        let answer = EffectAnswer::Confounded { with, explained };
        out.push(Effect { factor: factor.name, answer });
    }
}

/// Share of the variance of `y` (centred) that centred columns explain: what lies in the space that they span.
fn explained(y: &[f64], columns: &[&[f64]]) -> f64 {
    let y = DVector::from_column_slice(y);
    let unit = |c: &&[f64]| DVector::from_column_slice(c).normalize();
    let columns: Vec<DVector<f64>> = columns.iter().map(unit).collect();
    if columns.is_empty() {
        return 0.0;
    }
    let svd = DMatrix::from_columns(&columns).svd(true, false);
    let Some(u) = svd.u else { return 0.0 };
    let spans = |(k, size): (usize, &f64)| (*size > 1e-9).then(|| u.column(k).dot(&y).powi(2));
    svd.singular_values.iter().enumerate().filter_map(spans).sum::<f64>() / y.norm_squared()
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
        if !norms.iter().all(|v| *v > 0.0) {
            return None;
        }
        let (x, y) = (&self.columns, &self.target);
        let gram = DMatrix::from_fn(n, n, |i, j| dot(&x[i], &x[j]) / (norms[i] * norms[j]));
        let factor = gram.cholesky()?;
        if !factor.l_dirty().diagonal().iter().all(|v| v * v > 1e-10) {
            return None;
        }
        let solved = factor.solve(&DVector::from_fn(n, |k, _| dot(&x[k], y) / norms[k]));
        Some(solved.iter().zip(norms).map(|(s, norm)| s / norm).collect())
    }

    fn r_squared(&self, point: &[f64]) -> f64 {
        let model = |i: usize| self.columns.iter().zip(point).map(|(c, p)| c[i] * p).sum::<f64>();
        let left: f64 = self.target.iter().enumerate().map(|(i, t)| (t - model(i)).powi(2)).sum();
        let spread = centred(&self.target).0;
        1.0 - left / dot(&spread, &spread)
    }
}
