//! Planning from a fitted law: how far N may stray, what a target loss costs, what to run next.

mod next_run;

pub use next_run::{NextRun, next_runs};

use serde::Serialize;

use crate::compute::check_flops;
use crate::error::FitError;
use crate::estimate::Estimate;
use crate::law::SumOfPowers;
use crate::parametric::{Allocation, LawFrontier};

/// Sizes whose loss stays within a tolerance of the best, at one budget.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SizeRange {
    /// Tolerance, relative to the loss: 0.001 is 0.1%.
    pub tolerance: f64,
    /// Smallest N.
    pub smallest: Estimate,
    /// Largest N.
    pub largest: Estimate,
    /// N* over the smallest N.
    pub factor_below: f64,
    /// Largest N over N*.
    pub factor_above: f64,
}

/// What training a model away from the best split costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Overtraining {
    /// N.
    pub params: f64,
    /// Tokens that bring it to the target loss.
    pub tokens: Estimate,
    /// Training FLOPs that this takes.
    pub flops: Estimate,
    /// The same over the best split's.
    pub extra: Estimate,
    /// Training plus inference FLOPs (2 N per token served); equals `flops` without inference.
    pub lifetime_flops: Estimate,
}

/// Planning questions, answered with intervals over the refits of the law.
impl LawFrontier {
    /// Sizes within `tolerance` (relative) of the best loss of `flops`.
    ///
    /// # Errors
    /// [`FitError::BadOption`] for a budget or tolerance that is not positive.
    pub fn sizes_within(&self, flops: f64, tolerance: f64) -> Result<SizeRange, FitError> {
        let log_flops = check_flops(flops)?.ln();
        positive("tolerance", tolerance, "0.001 is +0.1%")?;
        let end = |law: &SumOfPowers, sign: f64| {
            let best = law.log_params(log_flops, self.compute());
            let c = self.compute();
            let limit = (1.0 + tolerance) * law.loss(best, c.log_tokens(log_flops, best));
            let over = |n: f64| law.loss(n, c.log_tokens(log_flops, n)) - limit;
            root(|t| over(best + sign * t), 60.0).map_or(f64::NAN, |t| best + sign * t)
        };
        let best = self.point().log_params(log_flops, self.compute());
        let (lo, hi) = (end(self.point(), -1.0), end(self.point(), 1.0));
        Ok(SizeRange {
            tolerance,
            smallest: self.estimate(lo, |l| end(l, -1.0)).map(f64::exp),
            largest: self.estimate(hi, |l| end(l, 1.0)).map(f64::exp),
            factor_below: (best - lo).exp(),
            factor_above: (hi - best).exp(),
        })
    }

    /// The least budget that reaches `loss_nats`, and how to split it.
    ///
    /// # Errors
    /// [`FitError::NoResult`] when the loss is at or below the law's floor.
    pub fn budget_for(&self, loss_nats: f64) -> Result<(Estimate, Allocation), FitError> {
        let solve = |law: &SumOfPowers| self.log_budget(law, loss_nats);
        let point = solve(self.point());
        if !point.is_finite() {
            return Err(self.below_floor(loss_nats));
        }
        let flops = self.estimate(point, solve).map(f64::exp);
        Ok((flops, self.at(point.exp())?))
    }

    /// The N for which `tokens` is the best number of tokens, and the budget that this makes.
    ///
    /// # Errors
    /// [`FitError::BadOption`] unless `tokens` is positive and finite.
    pub fn params_for_tokens(&self, tokens: f64) -> Result<(Estimate, Estimate), FitError> {
        positive("tokens", tokens, "give a number of tokens, e.g. 1e11")?;
        let c = self.compute();
        let log_flops = |law: &SumOfPowers| {
            // ln D* is linear in ln C.
            let at = |x: f64| c.log_tokens(x, law.log_params(x, c));
            (tokens.ln() - at(0.0)) / (at(1.0) - at(0.0))
        };
        let params = |law: &SumOfPowers| law.log_params(log_flops(law), c);
        let flops = self.estimate(log_flops(self.point()), log_flops).map(f64::exp);
        Ok((self.estimate(params(self.point()), params).map(f64::exp), flops))
    }

    /// The D for which `params` is the best size, and the budget that this makes.
    ///
    /// # Errors
    /// [`FitError::BadOption`] unless `params` is positive and finite.
    pub fn tokens_for_params(&self, params: f64) -> Result<(Estimate, Estimate), FitError> {
        positive("params", params, "give a number of parameters, e.g. 1e9")?;
        let c = self.compute();
        let log_flops = |law: &SumOfPowers| {
            let at = |x: f64| law.log_params(x, c);
            (params.ln() - at(0.0)) / (at(1.0) - at(0.0))
        };
        let tokens = |law: &SumOfPowers| c.log_tokens(log_flops(law), params.ln());
        let flops = self.estimate(log_flops(self.point()), log_flops).map(f64::exp);
        Ok((self.estimate(tokens(self.point()), tokens).map(f64::exp), flops))
    }

    /// What it costs to reach `loss_nats` with a model of `params`, counting 2 N FLOPs per token served
    /// (Sardana et al. 2024, "Beyond Chinchilla-Optimal").
    ///
    /// # Errors
    /// [`FitError::NoResult`] when a model of this size never reaches the loss.
    pub fn overtraining(
        &self,
        loss_nats: f64,
        params: f64,
        inference_tokens: f64,
    ) -> Result<Overtraining, FitError> {
        positive("params", params, "give a number of parameters, e.g. 1e9")?;
        let n = params.ln();
        let c = *self.compute();
        let tokens = |law: &SumOfPowers| tokens_to_reach(law, loss_nats, n);
        if !tokens(self.point()).is_finite() {
            return Err(self.below_floor(loss_nats));
        }
        let flops = |law: &SumOfPowers| c.log_flops(n, tokens(law));
        let extra = |law: &SumOfPowers| flops(law) - self.log_budget(law, loss_nats);
        let serve = 2.0 * params * inference_tokens.max(0.0);
        let lifetime = |law: &SumOfPowers| (flops(law).exp() + serve).ln();
        let p = self.point();
        Ok(Overtraining {
            params,
            tokens: self.estimate(tokens(p), tokens).map(f64::exp),
            flops: self.estimate(flops(p), flops).map(f64::exp),
            extra: self.estimate(extra(p), extra).map(f64::exp),
            lifetime_flops: self.estimate(lifetime(p), lifetime).map(f64::exp),
        })
    }

    /// The size that reaches `loss_nats` for the least training plus inference FLOPs.
    ///
    /// # Errors
    /// [`FitError::NoResult`] when the loss is at or below the law's floor.
    pub fn best_for_lifetime(
        &self,
        loss_nats: f64,
        inference_tokens: f64,
    ) -> Result<Overtraining, FitError> {
        let best = self.log_budget(self.point(), loss_nats);
        if !best.is_finite() {
            return Err(self.below_floor(loss_nats));
        }
        let c = self.compute();
        let centre = self.point().log_params(best, c);
        let cost = |n: f64| {
            let d = tokens_to_reach(self.point(), loss_nats, n);
            if d.is_nan() {
                return f64::INFINITY;
            }
            c.log_flops(n, d).exp() + 2.0 * n.exp() * inference_tokens.max(0.0)
        };
        // The cost has one minimum, at or below the best size for training alone.
        let (mut lo, mut hi) = (centre - 8.0, centre + 0.5);
        for _ in 0..120 {
            let (a, b) = (lo + 0.382 * (hi - lo), lo + 0.618 * (hi - lo));
            if cost(a) <= cost(b) && cost(a).is_finite() { hi = b } else { lo = a }
        }
        self.overtraining(loss_nats, (0.5 * (lo + hi)).exp(), inference_tokens)
    }

    fn log_budget(&self, law: &SumOfPowers, loss: f64) -> f64 {
        let over = |c: f64| loss - law.least_loss(c, self.compute());
        // Losses from those of a single FLOP to those of 10^60.
        if !(over(0.0) < 0.0) {
            return f64::NAN;
        }
        root(over, 138.0).unwrap_or(f64::NAN)
    }

    fn below_floor(&self, loss: f64) -> FitError {
        let floor = self.point().log_floor.exp();
        if loss >= self.point().least_loss(0.0, self.compute()) {
            return FitError::NoResult {
                what: format!("a loss of {loss} nats"),
                why: "by the law a single FLOP reaches it".into(),
                hint: "ask for a lower loss, in nats per token".into(),
            };
        }
        FitError::NoResult {
            what: format!("a loss of {loss} nats"),
            why: format!("the law cannot reach it there (its floor is E = {floor:.4} nats)"),
            hint: "ask for a higher loss or a larger model".into(),
        }
    }
}

/// ln D that brings a model of ln N to a loss; NaN where none does.
fn tokens_to_reach(law: &SumOfPowers, loss: f64, log_params: f64) -> f64 {
    let left = loss.powf(1.0 / law.power)
        - law.log_floor.exp()
        - (law.log_a - law.alpha * log_params).exp();
    if left > 0.0 { (law.log_b - left.ln()) / law.beta } else { f64::NAN }
}

pub(crate) fn positive(option: &str, value: f64, hint: &str) -> Result<(), FitError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(FitError::BadOption {
        option: option.into(),
        value: value.to_string(),
        range: "(0, inf)".into(),
        hint: hint.into(),
    })
}

/// The zero of an increasing function on [0, most], by bisection to rounding.
fn root(f: impl Fn(f64) -> f64, most: f64) -> Option<f64> {
    let (mut lo, mut hi) = (0.0, most);
    if !(f(hi) > 0.0) {
        return None;
    }
    for _ in 0..80 {
        let middle = 0.5 * (lo + hi);
        if f(middle) > 0.0 { hi = middle } else { lo = middle }
    }
    Some(0.5 * (lo + hi))
}
