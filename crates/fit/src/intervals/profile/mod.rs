//! Profile likelihood: how bad the fit becomes when one quantity is held elsewhere.
//!
//! The quantity may be any function `t` of the parameters. Minimising `F + K (t - t0)^2 / 2` for some `t0` gives a
//! point of the profile at the `t` that it ends at, whatever K is, so no constrained solver is needed.
//! For squares the deviance is `(n - p) (F / F_min - 1)`, held against Student's t squared; for robust objectives it
//! is `2 (F - F_min) E[psi'] / E[psi^2]` (Ronchetti 1982; Hampel et al. 1986, section 7.2), with `E[psi']` from a kernel
//! density of the residuals.

mod held;
mod quantile;

use held::Held;
pub(crate) use quantile::student_quantile;
pub use quantile::{normal_cdf, normal_quantile};
use serde::Serialize;

use crate::error::FitError;
use crate::estimate::Interval;
use crate::law::{Law, Sample};
use crate::objective::Objective;
use crate::parametric::{FitOptions, LawResult};
use crate::solve::{Evaluation, Matrix, Model, OnRows, Problem, add_outer, minimise};
use crate::stats::robust_deviation;
use crate::table::Table;

/// Most steps to either side.
const MOST_STEPS: usize = 60;

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Target {
    /// A natural parameter by name, e.g. `alpha`; positive ones in logarithms inside.
    Parameter {
        name: String,
    },
    Exponent,
    Params {
        flops: f64,
    },
}

/// What stopped a profile on one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileEnd {
    /// The deviance rose to the level: there is an end of the interval.
    Reached,
    /// The quantity cannot move further (E near 0, the edge of a parameter's range): the interval is open.
    Bound,
    /// Neither, in as many steps as are taken: nothing is known of this end.
    NotReached,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Profile {
    pub target: Target,
    pub point: f64,
    /// The interval; an end is `None` where the profile did not rise to the level: see [`Profile::ends`].
    pub lo: Option<f64>,
    pub hi: Option<f64>,
    /// What stopped the profile below and above.
    pub ends: [ProfileEnd; 2],
    pub level: f64,
    /// (value, deviance) along the profile, ascending in value.
    pub curve: Vec<(f64, f64)>,
}

impl Profile {
    pub fn interval(&self) -> Option<Interval> {
        Some(Interval { lo: self.lo?, hi: self.hi?, level: self.level })
    }
}

/// Profiles `target` of a converged fit.
///
/// # Errors
/// [`FitError::BadOption`] for an unknown parameter, [`FitError::NoResult`] where the target does not exist.
pub fn profile(
    table: &Table,
    law: &dyn Law,
    result: &LawResult,
    options: &FitOptions,
    target: &Target,
) -> Result<Profile, FitError> {
    let sample = Sample::new(table);
    let held = Held::new(law, &sample, result.compute, target)?;
    let model = Model::new(law, &sample, options.objective.is_log());
    let rows = model.rows();
    let delta = match options.objective {
        Objective::Huber { delta } => delta,
        Objective::SquaredLog | Objective::SquaredLinear => f64::INFINITY,
        Objective::Absolute => 0.01 * result.residual_median,
        Objective::Likelihood { .. } => 0.01 * result.residual_median,
    };
    let theta = &result.theta;
    let problem = OnRows { model: &model, rows: &rows };
    let best = problem.at(theta, delta).value;
    let scale = deviance_scale(&model, theta, delta, best);
    let limit = student_quantile(0.5 + 0.5 * options.intervals.level, free(&model)).powi(2);
    let here = held.value(theta);
    if !here.is_finite() {
        return Err(held.missing());
    }
    held.moves(theta)?;
    let step = held.step(&problem, delta, theta, scale);
    let weight = 1e3 / (scale * step * step);
    let mut curve = vec![(held.shown(here), 0.0)];
    // The point of the profile next to `aim`, from `at` on: its value and deviance.
    let towards = |aim: f64, at: &mut [f64]| {
        let pulled = Pulled { problem: &problem, held: &held, aim, weight };
        let solution = minimise(&pulled, at, &[delta]);
        at.copy_from_slice(&solution.z[..at.len()]);
        let deviance = scale * (problem.at(at, delta).value - best);
        (held.value(at), deviance.max(0.0))
    };
    let (mut limits, mut ends) = ([None, None], [ProfileEnd::NotReached; 2]);
    for (side, sign) in [-1.0, 1.0].into_iter().enumerate() {
        let mut at = theta.clone();
        let mut before = (here, 0.0f64);
        let mut stride = 0.5 * step;
        let mut stuck = 0;
        for _ in 0..MOST_STEPS {
            let (value, deviance) = towards(before.0 + sign * stride, &mut at);
            if !value.is_finite() || !deviance.is_finite() {
                break;
            }
            curve.push((held.shown(value), deviance));
            if deviance >= limit {
                let end = crossing(before, (value, deviance), limit, |aim| towards(aim, &mut at));
                limits[side] = Some(held.shown(end));
                ends[side] = ProfileEnd::Reached;
                break;
            }
            stuck = if (value - before.0).abs() < 0.02 * stride { stuck + 1 } else { 0 };
            if stuck > 2 {
                ends[side] = ProfileEnd::Bound;
                break;
            }
            // A profile that hardly rises is walked in longer and longer strides.
            if deviance.sqrt() - before.1.sqrt() < 0.25 * limit.sqrt() {
                stride *= 2.0;
            }
            before = (value, deviance);
        }
    }
    curve.sort_by(|a, b| a.0.total_cmp(&b.0));
    let [lo, hi] = limits;
    Ok(Profile {
        target: target.clone(),
        point: held.shown(here),
        lo,
        hi,
        ends,
        level: options.intervals.level,
        curve,
    })
}

fn free(model: &Model) -> f64 {
    (model.sample.len() as f64 - model.law.parameters().len() as f64).max(1.0)
}

/// Deviance per unit of the objective.
fn deviance_scale(model: &Model, theta: &[f64], delta: f64, best: f64) -> f64 {
    if delta.is_infinite() {
        return free(model) / best.max(f64::MIN_POSITIVE);
    }
    let r = model.residuals(theta);
    let n = r.len() as f64;
    let width = (1.06 * robust_deviation(&r) * n.powf(-0.2)).max(1e-12);
    // P(|r| < delta) with a Gaussian kernel.
    let inside = |v: f64| normal_cdf((delta - v) / width) - normal_cdf((-delta - v) / width);
    let slope = r.iter().map(|v| inside(*v)).sum::<f64>() / n;
    let square = r.iter().map(|v| v.clamp(-delta, delta).powi(2)).sum::<f64>() / n;
    2.0 * slope / square * free(model) / n
}

/// Where the deviance crosses `limit` between a point below it and one above: its root is nearly straight in the quantity.
fn crossing(
    mut below: (f64, f64),
    mut above: (f64, f64),
    limit: f64,
    mut towards: impl FnMut(f64) -> (f64, f64),
) -> f64 {
    let guess = |below: (f64, f64), above: (f64, f64)| {
        let (a, b) = (below.1.sqrt(), above.1.sqrt());
        below.0 + (limit.sqrt() - a) / (b - a) * (above.0 - below.0)
    };
    for _ in 0..6 {
        let (value, deviance) = towards(guess(below, above));
        let inside = (value - below.0) * (value - above.0) <= 0.0;
        if !inside || !deviance.is_finite() || (deviance / limit - 1.0).abs() < 1e-3 {
            break;
        }
        if deviance < limit { below = (value, deviance) } else { above = (value, deviance) }
    }
    guess(below, above)
}

/// The objective plus a pull of the held quantity towards `aim`.
struct Pulled<'a> {
    problem: &'a OnRows<'a>,
    held: &'a Held<'a>,
    aim: f64,
    weight: f64,
}

impl Problem for Pulled<'_> {
    fn dimension(&self) -> usize {
        self.problem.dimension()
    }

    fn evaluate(&self, z: &[f64], delta: f64, out: &mut Evaluation) {
        self.problem.evaluate(z, delta, out);
        let off = self.held.value(z) - self.aim;
        let slope = self.held.slope(z);
        out.value += 0.5 * self.weight * off * off;
        for i in 0..z.len() {
            out.gradient[i] += self.weight * off * slope[i];
        }
        add_outer(&mut out.hessian, &slope[..z.len()], self.weight);
    }

    fn majorant(&self, z: &[f64], delta: f64, out: &mut Matrix) {
        self.problem.majorant(z, delta, out);
        add_outer(out, &self.held.slope(z)[..z.len()], self.weight);
    }

    fn confine(&self, z: &mut [f64]) {
        self.problem.confine(z);
    }
}
