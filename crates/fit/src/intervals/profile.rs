//! Profile likelihood: how bad the fit becomes when one quantity is held elsewhere.
//!
//! The quantity may be any function `t` of the parameters. Minimising `F + K (t - t0)^2 / 2` for some `t0` gives a
//! point of the profile at the `t` that it ends at, whatever K is, so no constrained solver is needed.
//! For squares the deviance is `(n - p) (F / F_min - 1)`, held against Student's t squared; for robust objectives it
//! is `2 (F - F_min) E[psi'] / E[psi^2]` (Ronchetti 1982; Hampel et al. 1986, section 7.2), with `E[psi']` from a kernel
//! density of the residuals.

use serde::Serialize;

use crate::compute::ComputeRule;
use crate::error::FitError;
use crate::estimate::Interval;
use crate::law::{Law, Sample};
use crate::objective::Objective;
use crate::parametric::{FitOptions, LawResult};
use crate::solve::{Evaluation, MAX_PARAMETERS, Matrix, Model, Problem, Rows, minimise};
use crate::table::Table;

/// What is held.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Target {
    /// A natural parameter by name, e.g. `alpha`; positive ones in logarithms inside.
    Parameter {
        /// Its name.
        name: String,
    },
    /// The exponent of N*(C).
    Exponent,
    /// N* at a budget.
    Params {
        /// FLOPs.
        flops: f64,
    },
}

/// A profile.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Profile {
    /// What was held.
    pub target: Target,
    /// Its value at the fit.
    pub point: f64,
    /// The interval; an end is `None` where the profile never rises to the level.
    pub lo: Option<f64>,
    /// Upper end.
    pub hi: Option<f64>,
    /// Level.
    pub level: f64,
    /// (value, deviance) along the profile, ascending in value.
    pub curve: Vec<(f64, f64)>,
}

impl Profile {
    /// Both ends.
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
    let best = model.evaluate(&rows, theta, delta).value;
    let scale = deviance_scale(&model, theta, delta, best);
    let limit = student_quantile(0.5 + 0.5 * options.intervals.level, free(&model)).powi(2);
    let here = held.value(theta);
    if !here.is_finite() {
        return Err(held.missing());
    }
    let step = held.step(&model, &rows, delta, theta, scale);
    let mut curve = vec![(held.shown(here), 0.0)];
    let mut ends = [None, None];
    for (side, end) in ends.iter_mut().enumerate() {
        let sign = if side == 0 { -1.0 } else { 1.0 };
        let mut at = theta.clone();
        let mut before = (here, 0.0f64);
        for k in 1..=40 {
            let aim = here + sign * step * f64::from(k) * 0.5;
            let problem = Pulled {
                model: &model,
                rows: &rows,
                held: &held,
                aim,
                weight: 1e3 / (scale * step * step),
            };
            let solution = minimise(&problem, &at, &[delta]);
            at.copy_from_slice(&solution.z[..theta.len()]);
            let value = held.value(&at);
            let deviance = scale * (model.evaluate(&rows, &at, delta).value - best);
            if !value.is_finite() || !deviance.is_finite() {
                break;
            }
            curve.push((held.shown(value), deviance.max(0.0)));
            if deviance >= limit {
                // The root of the deviance is nearly straight in the target.
                let (a, b) = (before.1.max(0.0).sqrt(), deviance.sqrt());
                let share = (limit.sqrt() - a) / (b - a);
                *end = Some(held.shown(before.0 + share * (value - before.0)));
                break;
            }
            before = (value, deviance);
        }
    }
    curve.sort_by(|a, b| a.0.total_cmp(&b.0));
    let [lo, hi] = ends;
    Ok(Profile {
        target: target.clone(),
        point: held.shown(here),
        lo,
        hi,
        level: options.intervals.level,
        curve,
    })
}

fn free(model: &Model) -> f64 {
    (model.sample.len() as f64 - model.dimension() as f64).max(1.0)
}

/// Deviance per unit of the objective.
fn deviance_scale(model: &Model, theta: &[f64], delta: f64, best: f64) -> f64 {
    if delta.is_infinite() {
        return free(model) / best.max(f64::MIN_POSITIVE);
    }
    let predicted = model.predicted(theta);
    let r: Vec<f64> = model.targets().iter().zip(&predicted).map(|(t, p)| t - p).collect();
    let n = r.len() as f64;
    let mut sizes: Vec<f64> = r.iter().map(|v| v.abs()).collect();
    let spread = 1.4826 * crate::estimate::median(&mut sizes);
    let width = (1.06 * spread * n.powf(-0.2)).max(1e-12);
    // P(|r| < delta) with a Gaussian kernel.
    let inside = |v: f64| normal_cdf((delta - v) / width) - normal_cdf((-delta - v) / width);
    let slope = r.iter().map(|v| inside(*v)).sum::<f64>() / n;
    let square = r.iter().map(|v| v.clamp(-delta, delta).powi(2)).sum::<f64>() / n;
    2.0 * slope / square * free(model) / n
}

/// The held quantity as a function of the working parameters.
struct Held<'a> {
    law: &'a dyn Law,
    sample: &'a Sample,
    compute: ComputeRule,
    kind: Kind,
}

enum Kind {
    /// Index of the natural parameter, and whether it is taken in logarithms.
    Parameter(usize, bool),
    Exponent,
    LogParams(f64),
}

impl<'a> Held<'a> {
    fn new(
        law: &'a dyn Law,
        sample: &'a Sample,
        compute: ComputeRule,
        target: &Target,
    ) -> Result<Self, FitError> {
        let kind = match target {
            Target::Parameter { name } => {
                let at = law.parameters().iter().position(|p| p == name);
                let at = at.ok_or_else(|| FitError::BadOption {
                    option: "parameter".into(),
                    value: name.clone(),
                    range: law.parameters().join(", "),
                    hint: format!("these are the parameters of `{}`", law.name()),
                })?;
                Kind::Parameter(
                    at,
                    !(name.starts_with("alpha") || name == "beta" || name.starts_with('c')),
                )
            }
            Target::Exponent => Kind::Exponent,
            Target::Params { flops } => Kind::LogParams(crate::compute::check_flops(*flops)?.ln()),
        };
        Ok(Held { law, sample, compute, kind })
    }

    fn value(&self, theta: &[f64]) -> f64 {
        let powers = || self.law.sum_of_powers(theta, &self.sample.centre);
        match self.kind {
            Kind::Parameter(k, log) => {
                let v = self.law.natural(theta, &self.sample.centre)[k];
                if log { v.ln() } else { v }
            }
            Kind::Exponent => powers().map_or(f64::NAN, |p| p.exponents(&self.compute).0),
            Kind::LogParams(c) => powers().map_or(f64::NAN, |p| p.log_params(c, &self.compute)),
        }
    }

    /// Value in the user's units.
    fn shown(&self, value: f64) -> f64 {
        match self.kind {
            Kind::Parameter(_, true) | Kind::LogParams(_) => value.exp(),
            _ => value,
        }
    }

    fn slope(&self, theta: &[f64]) -> [f64; MAX_PARAMETERS] {
        let mut moved = theta.to_vec();
        let mut out = [0.0; MAX_PARAMETERS];
        for k in 0..theta.len() {
            let h = 1e-6;
            moved[k] = theta[k] + h;
            let up = self.value(&moved);
            moved[k] = theta[k] - h;
            out[k] = (up - self.value(&moved)) / (2.0 * h);
            moved[k] = theta[k];
        }
        out
    }

    /// About one standard error.
    fn step(&self, model: &Model, rows: &Rows, delta: f64, theta: &[f64], scale: f64) -> f64 {
        let n = theta.len();
        let slope = self.slope(theta);
        // For a robust loss the Hessian counts the few runs within delta; squares tell the shape.
        let wide = model.evaluate(rows, theta, f64::INFINITY);
        let narrow = model.evaluate(rows, theta, delta);
        let ratio =
            (0..n).map(|k| narrow.hessian[k][k] / wide.hessian[k][k]).sum::<f64>() / n as f64;
        let flat = crate::solve::cholesky_solve(&wide.hessian, &slope, n);
        let variance = flat.map_or(f64::NAN, |s| (0..n).map(|k| s[k] * slope[k]).sum::<f64>());
        let step = (2.0 * variance / (scale * ratio.max(1e-6))).sqrt();
        if step.is_finite() && step > 0.0 { step } else { 1e-3 }
    }

    fn missing(&self) -> FitError {
        FitError::NoResult {
            what: "the profile".into(),
            why: format!("`{}` has no N*(C)", self.law.name()),
            hint: "profile a parameter of the law by name".into(),
        }
    }
}

/// The objective plus a pull of the held quantity towards `aim`.
struct Pulled<'a> {
    model: &'a Model<'a>,
    rows: &'a Rows,
    held: &'a Held<'a>,
    aim: f64,
    weight: f64,
}

impl Problem for Pulled<'_> {
    fn dimension(&self) -> usize {
        self.model.dimension()
    }

    fn evaluate(&self, z: &[f64], delta: f64, out: &mut Evaluation) {
        *out = self.model.evaluate(self.rows, z, delta);
        let off = self.held.value(z) - self.aim;
        let slope = self.held.slope(z);
        out.value += 0.5 * self.weight * off * off;
        for i in 0..z.len() {
            out.gradient[i] += self.weight * off * slope[i];
            for j in 0..z.len() {
                out.hessian[i][j] += self.weight * slope[i] * slope[j];
            }
        }
    }

    fn majorant(&self, z: &[f64], delta: f64, out: &mut Matrix) {
        self.model.majorant(self.rows, z, delta, out);
        let slope = self.held.slope(z);
        for i in 0..z.len() {
            for j in 0..z.len() {
                out[i][j] += self.weight * slope[i] * slope[j];
            }
        }
    }

    fn confine(&self, z: &mut [f64]) {
        self.model.confine(z);
    }
}

/// Normal distribution function (Abramowitz & Stegun 7.1.26: within 2e-7).
pub(crate) fn normal_cdf(x: f64) -> f64 {
    let z = x.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let poly = t
        * (0.254_829_592
            + t * (-0.284_496_736
                + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    let upper = 0.5 * poly * (-z * z).exp();
    if x > 0.0 { 1.0 - upper } else { upper }
}

/// Quantile of Student's t (Cornish-Fisher around the normal: within 1% for 5 degrees of freedom or more).
pub(crate) fn student_quantile(p: f64, free: f64) -> f64 {
    let z = normal_quantile(p);
    let (z3, z5, z7) = (z.powi(3), z.powi(5), z.powi(7));
    z + (z3 + z) / (4.0 * free)
        + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * free * free)
        + (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * z) / (384.0 * free.powi(3))
}

fn normal_quantile(p: f64) -> f64 {
    let (mut lo, mut hi) = (-9.0, 9.0);
    for _ in 0..100 {
        let middle = 0.5 * (lo + hi);
        if normal_cdf(middle) < p { lo = middle } else { hi = middle }
    }
    0.5 * (lo + hi)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_match_tables() {
        assert!((normal_quantile(0.975) - 1.959_964).abs() < 1e-4);
        assert!((student_quantile(0.975, 10.0) - 2.228).abs() < 2e-3);
        assert!((student_quantile(0.975, 25.0) - 2.0595).abs() < 1e-3);
        assert!((student_quantile(0.95, 5.0) - 2.015).abs() < 5e-3);
    }
}
