//! Approach 1: the lower envelope of training curves (Hoffmann et al. 2022, section 3.1), as the convex
//! hull in log C - log L (McLeish et al. 2025, "Gemstones", section 4).
//!
//! Every point of a training curve is a (C, N, D, L); those on the lower hull are the best use of their
//! compute. Points of the smallest and of the largest model are left out: nothing smaller or larger was
//! there to beat them, so they bracket nothing. Checkpoints before the learning rate has decayed sit above a finished
//! run's loss, which biases this approach; it is a check on the other two.

mod candidates;
mod checks;

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde::Serialize;

use crate::compute::check_flops;
use crate::error::FitError;
use crate::estimate::{Estimate, check_level};
use crate::intervals::{draw_stream, too_few_draws};
use crate::observation::cluster_of;
use crate::parametric::{Allocation, too_few};
use crate::stats::{Line, r_squared, range};
use crate::table::Table;
use candidates::{MANY, candidates, drawn_units};
use checks::{check_rivals, check_shared_budgets};

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CurvePoint {
    pub tokens: f64,
    pub flops: f64,
    pub loss_nats: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curve {
    pub run: String,
    /// What it is resampled with where that is more than its run: seeds of one cell have one name here.
    pub cell: Option<String>,
    pub params: f64,
    /// Points in any order.
    pub points: Vec<CurvePoint>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EnvelopePoint {
    pub run: String,
    pub params: f64,
    pub tokens: f64,
    pub flops: f64,
    pub loss_nats: f64,
    /// Whether it votes: its model is neither the smallest nor the largest.
    pub votes: bool,
}

/// Approach 1 on one set of curves.
#[derive(Debug, Clone, Serialize)]
pub struct EnvelopeFit {
    /// The hull, ascending in C.
    pub hull: Vec<EnvelopePoint>,
    /// Exponent of N*(C).
    pub params: Estimate,
    /// Exponent of D*(C).
    pub tokens: Estimate,
    /// R^2 of ln N and of ln D about their lines, over the voting points of the hull.
    pub r_squared: [Option<f64>; 2],
    /// Different models that vote.
    pub models: usize,
    /// Whether the points are finished runs and not curves.
    pub finished_runs_only: bool,
    /// Draws in which too few models were left on the hull.
    pub failed_draws: usize,
    /// Why there are no intervals, where they were asked for and withheld.
    pub no_interval: Option<String>,
    lines: [(f64, f64); 2],
    #[serde(skip)]
    draws: Vec<[(f64, f64); 2]>,
    #[serde(skip)]
    level: f64,
    largest_flops: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EnvelopeOptions {
    /// Bootstrap draws over runs; 0 for no intervals.
    pub draws: usize,
    pub level: f64,
    pub seed: u64,
}

impl Default for EnvelopeOptions {
    fn default() -> Self {
        EnvelopeOptions { draws: 1000, level: 0.95, seed: 0 }
    }
}

/// Fewest different models that must vote.
const LEAST_MODELS: usize = 3;

impl EnvelopeFit {
    /// N* and D* of a budget.
    ///
    /// # Errors
    /// [`FitError::BadOption`] unless `flops` is positive and finite.
    pub fn at(&self, flops: f64) -> Result<Allocation, FitError> {
        let x = check_flops(flops)?.ln();
        let at = |lines: &[(f64, f64); 2]| {
            let [n, d] = lines.map(|l| l.0 + l.1 * x);
            [n, d, d - n]
        };
        let estimate = |k: usize| {
            let mut values: Vec<f64> = self.draws.iter().map(|l| at(l)[k]).collect();
            Estimate::from_draws(at(&self.lines)[k], &mut values, self.level)
        };
        Allocation::of_logs(flops, [0, 1, 2].map(estimate), self.largest_flops)
    }
}

/// Curves out of a table: rows of one cluster are points of one curve; a row alone is its last point. Seeds of one cell are
/// curves of their own, resampled together.
pub fn curves_of(table: &Table) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    let mut place = BTreeMap::new();
    let mut cells = vec![None; table.len()];
    for rows in table.clusters() {
        let name = cluster_of(&table.rows()[rows[0]]);
        rows.into_iter().for_each(|i| cells[i] = Some(name.to_string()));
    }
    for (row, cell) in table.rows().iter().zip(cells) {
        let name = cluster_of(row);
        let at = *place.entry((name, row.params.to_bits())).or_insert_with(|| {
            let cell = cell.filter(|c| c != name);
            curves.push(Curve { run: name.into(), cell, params: row.params, points: Vec::new() });
            curves.len() - 1
        });
        let (tokens, flops, loss_nats) = (row.tokens, row.flops, row.loss_nats);
        curves[at].points.push(CurvePoint { tokens, flops, loss_nats });
    }
    curves
}

/// Fits `N* ~ C^a` and `D* ~ C^b` through the lower envelope. Points that are not positive and finite are
/// not part of any envelope and are passed over.
///
/// # Errors
/// [`FitError::NoResult`] where N follows C in the runs (D = k N): the envelope would give the design back. The same for finished
/// runs most of which share their C with no model of another size.
/// [`FitError::TooFewMinima`] when fewer than three models between the smallest and the largest lie on it.
/// [`FitError::BadOption`] for a level outside (0, 1).
pub fn fit_envelope(curves: &[Curve], options: &EnvelopeOptions) -> Result<EnvelopeFit, FitError> {
    check_level(options.level)?;
    let mut points = Vec::new();
    for (run, curve) in curves.iter().enumerate() {
        for p in &curve.points {
            let ok = |v: f64| v.is_finite() && v > 0.0;
            if ok(p.flops) && ok(p.tokens) && ok(p.loss_nats) && ok(curve.params) {
                points.push(Spot {
                    run,
                    c: p.flops.ln(),
                    l: p.loss_nats.ln(),
                    n: curve.params.ln(),
                    d: p.tokens.ln(),
                });
            }
        }
    }
    points.sort_by(|a, b| a.c.total_cmp(&b.c).then(a.l.total_cmp(&b.l)).then(a.run.cmp(&b.run)));
    if points.is_empty() {
        return Err(FitError::Empty);
    }
    check_rivals(&points)?;
    let finished_runs_only = curves.iter().all(|c| c.points.len() == 1);
    if finished_runs_only {
        check_shared_budgets(&points)?;
    }
    let hull = lower_hull(&points);
    let (lo, hi) = ends(&points);
    let votes = |s: &Spot| s.n > lo && s.n < hi;
    let models = distinct(hull.iter().filter(|s| votes(s)).map(|s| s.n));
    let Some(fitted) = lines(&hull, lo, hi) else {
        let sizes = distinct(points.iter().map(|s| s.n));
        return Err(FitError::TooFewMinima {
            bracketed: models,
            slices: sizes,
            needed: LEAST_MODELS,
            unit: format!(
                "{} on the lower envelope between the smallest and the largest",
                if sizes == 1 { "model lies" } else { "models lie" }
            ),
            hint: "run at least 5 model sizes whose training curves cross".into(),
        });
    };
    // Curves of one name are one training, or not to be told apart; seeds of one cell tell one thing.
    let (unit, units) = units_of(curves);
    let some = if points.len() > MANY { candidates(&points) } else { points.clone() };
    let one = |k: usize| {
        let mut random = draw_stream(options.seed ^ 0xe17e_1093, k);
        let chosen = drawn_units(units, some.iter().map(|s| unit[s.run]), &mut random);
        let drawn: Vec<Spot> = some.iter().filter(|s| chosen.has(unit[s.run])).copied().collect();
        if drawn.is_empty() {
            return None;
        }
        let (lo, hi) = ends(&drawn);
        let drawn = lines(&lower_hull(&drawn), lo, hi)?;
        Some(drawn.map(|(line, _)| line))
    };
    let few = too_few(units, "run").filter(|_| options.draws > 0);
    let few = few.or_else(|| too_few_draws(options.draws, options.level));
    let wanted = if few.is_some() { 0 } else { options.draws };
    let draws: Vec<[(f64, f64); 2]> = (0..wanted).into_par_iter().filter_map(one).collect();
    // Intervals from a bootstrap that often fails would be from its lucky part only.
    let enough = wanted > 0 && draws.len() * 10 >= wanted * 8;
    let failed = (wanted > 0 && !enough).then(|| {
        format!(
            "no intervals: {} of {wanted} draws left too few models on the envelope",
            wanted - draws.len()
        )
    });
    let no_interval = few.or(failed);
    let (r_squared, lines) = (fitted.map(|(_, r)| r), fitted.map(|(line, _)| line));
    let estimate = |k: usize| {
        let mut values: Vec<f64> = draws.iter().filter(|_| enough).map(|d| d[k].1).collect();
        Estimate::from_draws(lines[k].1, &mut values, options.level)
    };
    let point = |s: &Spot| EnvelopePoint {
        run: curves[s.run].run.clone(),
        params: s.n.exp(),
        tokens: s.d.exp(),
        flops: s.c.exp(),
        loss_nats: s.l.exp(),
        votes: votes(s),
    };
    Ok(EnvelopeFit {
        hull: hull.iter().map(point).collect(),
        params: estimate(0),
        tokens: estimate(1),
        r_squared,
        models,
        finished_runs_only,
        failed_draws: wanted - draws.len(),
        no_interval,
        lines,
        draws: if enough { draws } else { Vec::new() },
        level: options.level,
        largest_flops: points.iter().fold(0.0f64, |m, s| m.max(s.c.exp())),
    })
}

#[derive(Debug, Clone, Copy)]
struct Spot {
    run: usize,
    c: f64,
    l: f64,
    n: f64,
    d: f64,
}

/// Lower hull of points sorted by C, up to the least loss (Andrew 1979).
fn lower_hull(points: &[Spot]) -> Vec<Spot> {
    let mut hull: Vec<Spot> = Vec::new();
    for &p in points {
        while hull.len() > 1 {
            let (a, b) = (hull[hull.len() - 2], hull[hull.len() - 1]);
            if (b.c - a.c) * (p.l - a.l) - (b.l - a.l) * (p.c - a.c) > 0.0 {
                break;
            }
            hull.pop();
        }
        if let [only] = hull.as_slice()
            && p.c <= only.c
        {
            continue;
        }
        hull.push(p);
    }
    let mut least = 0;
    for (k, p) in hull.iter().enumerate() {
        if p.l < hull[least].l {
            least = k;
        }
    }
    hull.truncate(least + 1);
    hull
}

/// The unit that each curve is resampled with, by the name of its cell or run, and how many there are.
fn units_of(curves: &[Curve]) -> (Vec<usize>, usize) {
    let mut names = BTreeMap::new();
    let unit = curves
        .iter()
        .map(|c| {
            let next = names.len();
            *names.entry(c.cell.as_deref().unwrap_or(&c.run)).or_insert(next)
        })
        .collect();
    (unit, names.len())
}

/// Smallest and largest ln N.
fn ends(points: &[Spot]) -> (f64, f64) {
    range(points.iter().map(|s| s.n))
}

fn distinct(values: impl Iterator<Item = f64>) -> usize {
    values.map(f64::to_bits).collect::<BTreeSet<_>>().len()
}

/// (intercept, slope) and R^2 of ln N and ln D on ln C, over the hull's voting points.
fn lines(hull: &[Spot], lo: f64, hi: f64) -> Option<[((f64, f64), Option<f64>); 2]> {
    let voting: Vec<&Spot> = hull.iter().filter(|s| s.n > lo && s.n < hi).collect();
    if distinct(voting.iter().map(|s| s.n)) < LEAST_MODELS {
        return None;
    }
    let of = |f: fn(&Spot) -> f64| voting.iter().map(|s| f(s)).collect::<Vec<f64>>();
    let c = of(|s| s.c);
    let line = |y: &[f64]| {
        let line = Line::fit(&c, y);
        ((line.intercept(), line.slope), r_squared(y, &line.residuals(&c, y)))
    };
    Some([line(&of(|s| s.n)), line(&of(|s| s.d))])
}
