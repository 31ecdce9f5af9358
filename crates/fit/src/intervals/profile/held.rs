//! The quantity that a profile holds.

use super::Target;
use crate::compute::ComputeRule;
use crate::error::FitError;
use crate::law::{Law, Sample};
use crate::solve::{MAX_PARAMETERS, OnRows, cholesky_solve};
use crate::stats::dot;

/// The held quantity as a function of the working parameters.
pub(super) struct Held<'a> {
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
    pub fn new(
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

    pub fn value(&self, theta: &[f64]) -> f64 {
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

    /// Refuses a quantity that the law fixes.
    pub fn moves(&self, theta: &[f64]) -> Result<(), FitError> {
        if self.slope(theta)[..theta.len()].iter().any(|s| s.abs() > 1e-12) {
            return Ok(());
        }
        Err(FitError::NoResult {
            what: "the profile".into(),
            why: format!("`{}` fixes this quantity, so no run tells it", self.law.name()),
            hint: "profile a parameter that the law leaves free".into(),
        })
    }

    /// Value in the user's units.
    pub fn shown(&self, value: f64) -> f64 {
        match self.kind {
            Kind::Parameter(_, true) | Kind::LogParams(_) => value.exp(),
            _ => value,
        }
    }

    pub fn slope(&self, theta: &[f64]) -> [f64; MAX_PARAMETERS] {
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

    /// About one standard error, for a walk that adapts its strides.
    pub fn step(&self, problem: &OnRows, delta: f64, theta: &[f64], scale: f64) -> f64 {
        let n = theta.len();
        let slope = self.slope(theta);
        // For a robust loss the Hessian counts the few runs within delta; squares tell the shape.
        let wide = problem.at(theta, f64::INFINITY);
        let narrow = problem.at(theta, delta);
        let ratio =
            (0..n).map(|k| narrow.hessian[k][k] / wide.hessian[k][k]).sum::<f64>() / n as f64;
        let flat = cholesky_solve(&wide.hessian, &slope, n);
        let variance = flat.map_or(f64::NAN, |s| dot(&s, &slope));
        let step = (2.0 * variance / (scale * ratio.max(1e-6))).sqrt();
        if step.is_finite() && step > 0.0 { step } else { 1e-3 }
    }

    pub fn missing(&self) -> FitError {
        FitError::NoResult {
            what: "the profile".into(),
            why: format!("`{}` has no N*(C)", self.law.name()),
            hint: "profile a parameter of the law by name".into(),
        }
    }
}
