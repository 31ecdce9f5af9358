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
    pub smallest: Estimate,
    pub largest: Estimate,
    /// N* over the smallest N.
    pub factor_below: f64,
    /// Largest N over N*.
    pub factor_above: f64,
}

/// What training a model away from the best split costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overtraining {
    pub params: f64,
    /// Tokens that bring it to the target loss.
    pub tokens: Estimate,
    /// Training FLOPs that this takes.
    pub flops: Estimate,
    /// The same over the best split's.
    pub extra: Estimate,
    /// Training plus inference FLOPs (2 N per token served); equals `flops` without inference.
    pub lifetime_flops: Estimate,
    /// Why there is no interval, where draws cannot tell.
    pub no_interval: Option<String>,
}

/// The least budget for a loss, and its split.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeastBudget {
    pub flops: Estimate,
    /// Its split: N and D of every draw at the C of that draw, so that their intervals hold that of C. The losses are those of
    /// training the split at the point.
    pub best: Allocation,
    /// Why there is no interval, where draws cannot tell.
    pub no_interval: Option<String>,
}

/// The model that reaches a loss for the least training plus inference FLOPs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lifetime {
    pub params: Estimate,
    /// Tokens that bring it to the loss.
    pub tokens: Estimate,
    /// Training FLOPs that this takes.
    pub flops: Estimate,
    /// The same over the least that reach the loss.
    pub extra: Estimate,
    /// Training plus inference FLOPs (2 N per token served).
    pub lifetime_flops: Estimate,
    /// Why there is no interval, where draws cannot tell.
    pub no_interval: Option<String>,
}

/// Planning questions, answered with intervals over the refits of the law.
impl LawFrontier {
    /// Sizes within `tolerance` (relative) of the best loss of `flops`.
    ///
    /// # Errors
    /// [`FitError::BadOption`] for a budget or tolerance that is not positive, [`FitError::NoResult`] for sizes beyond
    /// double precision.
    pub fn sizes_within(&self, flops: f64, tolerance: f64) -> Result<SizeRange, FitError> {
        let log_flops = check_flops(flops)?.ln();
        positive("tolerance", tolerance, "0.001 is +0.1%")?;
        let end = |law: &SumOfPowers, sign: f64| {
            let best = law.log_params(log_flops, self.compute());
            let c = self.compute();
            let limit = (1.0 + tolerance) * law.loss(best, c.log_tokens(log_flops, best));
            let over = |n: f64| law.loss(n, c.log_tokens(log_flops, n)) - limit;
            root(|t| over(best + sign * t), FARTHEST).map_or(f64::NAN, |t| best + sign * t)
        };
        let best = self.point().log_params(log_flops, self.compute());
        let (lo, hi) = (end(self.point(), -1.0), end(self.point(), 1.0));
        if !(lo.exp() > 0.0 && hi.exp().is_finite()) {
            return Err(FitError::NoResult {
                what: format!("the sizes within {tolerance} of the best loss of {flops:e} FLOPs"),
                why: "they go beyond double precision".into(),
                hint: "ask for a smaller tolerance, or for a budget nearer to the runs".into(),
            });
        }
        Ok(SizeRange {
            tolerance,
            smallest: self.of(|l| end(l, -1.0)).map(f64::exp),
            largest: self.of(|l| end(l, 1.0)).map(f64::exp),
            factor_below: (best - lo).exp(),
            factor_above: (hi - best).exp(),
        })
    }

    /// The least budget that reaches `loss_nats`, and how to split it.
    ///
    /// # Errors
    /// [`FitError::NoResult`] when the loss is at or below the law's floor.
    pub fn budget_for(&self, loss_nats: f64) -> Result<LeastBudget, FitError> {
        let c = self.compute();
        let solve = |law: &SumOfPowers| {
            let budget = self.log_budget(law, loss_nats);
            let n = law.log_params(budget, c);
            let d = c.log_tokens(budget, n);
            [budget, n, d, d - n]
        };
        let point = solve(self.point());
        if !point[0].is_finite() {
            return Err(self.below_floor(loss_nats));
        }
        let (all, no_interval) = self.all_of(solve);
        let [flops, params, tokens, tokens_per_param] = all.map(|e| e.map(f64::exp));
        let best = Allocation { params, tokens, tokens_per_param, ..self.at(point[0].exp())? };
        Ok(LeastBudget { flops, best, no_interval })
    }

    /// The N for which `tokens` is the best number of tokens, and the budget that this makes.
    ///
    /// # Errors
    /// [`FitError::BadOption`] unless `tokens` is positive and finite.
    pub fn params_for_tokens(&self, tokens: f64) -> Result<(Estimate, Estimate), FitError> {
        positive("tokens", tokens, "give a number of tokens, e.g. 1e11")?;
        let c = self.compute();
        let best = |law: &SumOfPowers, log_flops: f64| law.log_params(log_flops, c);
        let flops = |law: &SumOfPowers| crossing(tokens.ln(), |x| c.log_tokens(x, best(law, x)));
        let params = |law: &SumOfPowers| best(law, flops(law));
        Ok((self.of(params).map(f64::exp), self.of(flops).map(f64::exp)))
    }

    /// The D for which `params` is the best size, and the budget that this makes.
    ///
    /// # Errors
    /// [`FitError::BadOption`] unless `params` is positive and finite.
    pub fn tokens_for_params(&self, params: f64) -> Result<(Estimate, Estimate), FitError> {
        positive("params", params, "give a number of parameters, e.g. 1e9")?;
        let c = self.compute();
        let flops = |law: &SumOfPowers| crossing(params.ln(), |x| law.log_params(x, c));
        let tokens = |law: &SumOfPowers| c.log_tokens(flops(law), params.ln());
        Ok((self.of(tokens).map(f64::exp), self.of(flops).map(f64::exp)))
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
        let serve = 2.0 * params * inference_tokens.max(0.0);
        let solve = |law: &SumOfPowers| {
            let d = tokens(law);
            let flops = c.log_flops(n, d);
            [d, flops, flops - self.log_budget(law, loss_nats), (flops.exp() + serve).ln()]
        };
        let (all, no_interval) = self.all_of(solve);
        let [tokens, flops, extra, lifetime_flops] = all.map(|e| e.map(f64::exp));
        Ok(Overtraining { params, tokens, flops, extra, lifetime_flops, no_interval })
    }

    /// The size that reaches `loss_nats` for the least training plus inference FLOPs.
    ///
    /// # Errors
    /// [`FitError::NoResult`] when the loss is at or below the law's floor.
    pub fn best_for_lifetime(
        &self,
        loss_nats: f64,
        inference_tokens: f64,
    ) -> Result<Lifetime, FitError> {
        let c = self.compute();
        let solve = |law: &SumOfPowers| {
            let best = self.log_budget(law, loss_nats);
            let centre = law.log_params(best, c);
            let cost = |n: f64| {
                let flops = c.log_flops(n, tokens_to_reach(law, loss_nats, n)).exp();
                let cost = flops + 2.0 * n.exp() * inference_tokens.max(0.0);
                if cost.is_finite() { cost } else { f64::INFINITY }
            };
            // The cost has one minimum, at or below the best size for training alone.
            let n = least(cost, centre - 8.0, centre + 0.5);
            let d = tokens_to_reach(law, loss_nats, n);
            let flops = c.log_flops(n, d);
            [n, d, flops, flops - best, cost(n).ln()]
        };
        let point = solve(self.point());
        if !point[0].is_finite() {
            return Err(self.below_floor(loss_nats));
        }
        let (all, no_interval) = self.all_of(solve);
        let [params, tokens, flops, extra, lifetime_flops] = all.map(|e| e.map(f64::exp));
        Ok(Lifetime { params, tokens, flops, extra, lifetime_flops, no_interval })
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

/// Where a straight line has a value; ln N* and ln D* are straight in ln C.
fn crossing(value: f64, line: impl Fn(f64) -> f64) -> f64 {
    (value - line(0.0)) / (line(1.0) - line(0.0))
}

/// Largest distance from ln N* that is searched: all of double precision.
const FARTHEST: f64 = 1500.0;

/// ln D that brings a model of ln N to a loss; NaN where none does.
fn tokens_to_reach(law: &SumOfPowers, loss: f64, log_params: f64) -> f64 {
    let left = (loss - law.log_floor.exp()).powf(1.0 / law.power)
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

/// Where a function with one minimum between `lo` and `hi` has it, by golden section; it may be infinite below.
fn least(cost: impl Fn(f64) -> f64, mut lo: f64, mut hi: f64) -> f64 {
    let (mut a, mut b) = (lo + 0.381_966 * (hi - lo), lo + 0.618_034 * (hi - lo));
    let (mut at_a, mut at_b) = (cost(a), cost(b));
    // Flat to rounding from there on.
    while hi - lo > 1e-9 {
        if at_a <= at_b && at_a.is_finite() {
            (hi, b, at_b) = (b, a, at_a);
            a = lo + 0.381_966 * (hi - lo);
            at_a = cost(a);
        } else {
            (lo, a, at_a) = (a, b, at_b);
            b = lo + 0.618_034 * (hi - lo);
            at_b = cost(b);
        }
    }
    0.5 * (lo + hi)
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
