//! N*(C), D*(C) and the loss that a sum-of-powers law promises, with bands.

use serde::Serialize;

use super::{Exponents, Optimum};
use crate::compute::{ComputeRule, check_flops};
use crate::error::FitError;
use crate::estimate::{Estimate, Interval, check_level};
use crate::intervals::{Draws, least_draws, normal_quantile};
use crate::law::{Law, Sample, SumOfPowers};
use crate::stats::dot;
use crate::table::Table;

/// The best split of one budget.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Allocation {
    pub flops: f64,
    /// N*.
    pub params: Estimate,
    /// D*.
    pub tokens: Estimate,
    /// D* / N*.
    pub tokens_per_param: Estimate,
    /// Loss there, nats: the law's value, with the interval of the *law*.
    pub loss_nats: Option<Estimate>,
    /// The same with the interval of a *new run*: the scatter of runs about the law included.
    pub new_run_nats: Option<Estimate>,
    /// C over the largest C among the runs.
    pub extrapolation: f64,
}

impl Allocation {
    /// The split of which `logs` are the logarithms of N*, D* and D* / N*, without a loss.
    ///
    /// # Errors
    /// As [`Allocation::checked`].
    pub(crate) fn of_logs(
        flops: f64,
        logs: [Estimate; 3],
        largest_flops: f64,
    ) -> Result<Allocation, FitError> {
        let [params, tokens, tokens_per_param] = logs.map(|e| e.map(f64::exp));
        let extrapolation = flops / largest_flops;
        let (loss_nats, new_run_nats) = (None, None);
        Allocation {
            flops,
            params,
            tokens,
            tokens_per_param,
            loss_nats,
            new_run_nats,
            extrapolation,
        }
        .checked()
    }

    /// The split, where double precision holds it.
    ///
    /// # Errors
    /// [`FitError::NoResult`] where it does not.
    pub(crate) fn checked(self) -> Result<Allocation, FitError> {
        let holds = |e: &Estimate| e.point.is_finite() && e.point > 0.0;
        if holds(&self.params) && holds(&self.tokens) && holds(&self.tokens_per_param) {
            return Ok(self);
        }
        Err(FitError::NoResult {
            what: format!("the best split of {:e} FLOPs", self.flops),
            why: format!("N* = {:e}, D* = {:e}", self.params.point, self.tokens.point),
            hint: "check the units of N, D and C, or ask for a budget nearer to the runs".into(),
        })
    }
}

/// A law that is a sum of powers, and its refits, as a planning tool.
#[derive(Debug, Clone, PartialEq)]
pub struct LawFrontier {
    point: SumOfPowers,
    draws: Vec<SumOfPowers>,
    /// Of published laws: of `(ln A, ln B, ln E, alpha, beta)`.
    covariance: Option<[[f64; 5]; 5]>,
    /// What the draws are, in words.
    drawn: &'static str,
    compute: ComputeRule,
    level: f64,
    largest_flops: f64,
    residuals: Vec<f64>,
}

/// Closed forms for the best split of a budget.
impl SumOfPowers {
    /// Exponents of N* and D*.
    pub(crate) fn exponents(&self, c: &ComputeRule) -> (f64, f64) {
        let below = self.alpha * c.tokens_power + self.beta * c.params_power;
        (self.beta / below, self.alpha / below)
    }

    /// ln N* at ln C: where `alpha A N^-alpha / p = beta B D^-beta / q` for `C = k N^p D^q`.
    pub(crate) fn log_params(&self, log_flops: f64, c: &ComputeRule) -> f64 {
        let ratio = (self.alpha / c.params_power).ln() + self.log_a
            - (self.beta / c.tokens_power).ln()
            - self.log_b;
        let below = self.alpha * c.tokens_power + self.beta * c.params_power;
        (c.tokens_power * ratio + self.beta * (log_flops - c.log_coefficient)) / below
    }

    /// Loss at ln N and ln D.
    pub(crate) fn loss(&self, log_params: f64, log_tokens: f64) -> f64 {
        let sum = (self.log_a - self.alpha * log_params).exp()
            + (self.log_b - self.beta * log_tokens).exp();
        let joined = if self.power == 1.0 { sum } else { sum.powf(self.power) };
        self.log_floor.exp() + joined
    }

    /// Least loss at ln C.
    pub(crate) fn least_loss(&self, log_flops: f64, c: &ComputeRule) -> f64 {
        let n = self.log_params(log_flops, c);
        self.loss(n, c.log_tokens(log_flops, n))
    }
}

impl LawFrontier {
    pub(super) fn new(
        law: &dyn Law,
        best: &Optimum,
        sample: &Sample,
        refits: &Draws,
        table: &Table,
        compute: ComputeRule,
        level: f64,
    ) -> Option<LawFrontier> {
        let both = law.reads().params && law.reads().tokens;
        let terms = |z: &[f64]| law.sum_of_powers(z, &sample.centre);
        let point = terms(&best.theta).filter(|_| both)?;
        let rows = sample.len() as f64;
        let free = (rows - best.theta.len() as f64).max(1.0);
        // Least squares shrinks residuals; give back what the parameters took.
        let inflate = (rows / free).sqrt();
        let residuals = super::log_residuals(law, &best.theta, sample);
        Some(LawFrontier {
            point,
            draws: refits.iter().filter_map(terms).collect(),
            covariance: None,
            drawn: "refits",
            compute,
            level,
            largest_flops: table.largest_flops(),
            residuals: residuals.iter().map(|r| r * inflate).collect(),
        })
    }

    /// A published law, with the covariance of `(ln A, ln B, ln E, alpha, beta)` where that is known, and draws from it.
    pub(crate) fn published(
        point: SumOfPowers,
        covariance: Option<[[f64; 5]; 5]>,
        draws: Vec<SumOfPowers>,
        largest_flops: f64,
    ) -> Self {
        LawFrontier {
            point,
            draws,
            covariance,
            drawn: "draws from the law's covariance",
            compute: ComputeRule::SIX_ND,
            level: 0.95,
            largest_flops,
            residuals: Vec::new(),
        }
    }

    /// The same law with intervals of another level.
    ///
    /// # Errors
    /// [`FitError::BadOption`] for a level outside (0, 1), or so near to 1 that the draws do not reach its ends.
    pub fn at_level(self, level: f64) -> Result<Self, FitError> {
        check_level(level)?;
        let many = self.draws.len();
        if many > 0 && many < least_draws(level) {
            return Err(FitError::BadOption {
                option: "level".into(),
                value: level.to_string(),
                range: format!("what {many} {} can tell", self.drawn),
                hint: format!("at most {}", 1.0 - 2.0 / many as f64),
            });
        }
        Ok(LawFrontier { level, ..self })
    }

    /// `flops` over the largest C among the runs; NaN where that is not known.
    pub fn extrapolation(&self, flops: f64) -> f64 {
        flops / self.largest_flops
    }

    pub fn exponents(&self) -> Exponents {
        let both = |law: &SumOfPowers| law.exponents(&self.compute);
        Exponents { params: self.of(|law| both(law).0), tokens: self.of(|law| both(law).1) }
    }

    /// The best split of `flops`.
    ///
    /// # Errors
    /// [`FitError::BadOption`] unless `flops` is positive and finite; [`FitError::NoResult`] where the split is beyond
    /// double precision.
    pub fn at(&self, flops: f64) -> Result<Allocation, FitError> {
        let log_flops = check_flops(flops)?.ln();
        let c = &self.compute;
        let n = |law: &SumOfPowers| law.log_params(log_flops, c);
        let d = |law: &SumOfPowers| c.log_tokens(log_flops, n(law));
        let loss = |law: &SumOfPowers| law.least_loss(log_flops, c);
        let ratio = |law: &SumOfPowers| d(law) - n(law);
        let logs = [self.of(n), self.of(d), self.of(ratio)];
        let split = Allocation::of_logs(flops, logs, self.largest_flops)?;
        Ok(Allocation { loss_nats: Some(self.of(loss)), new_run_nats: self.new_run(loss), ..split })
    }

    /// Loss at any N and D: the law's interval, then that of a new run where runs were fitted.
    pub fn loss_at(&self, params: f64, tokens: f64) -> (Estimate, Option<Estimate>) {
        let loss = |law: &SumOfPowers| law.loss(params.ln(), tokens.ln());
        (self.of(loss), self.new_run(loss))
    }

    /// Any function of the loss surface `L(N, D)`, with its interval.
    pub fn estimate(&self, value: impl Fn(&dyn Fn(f64, f64) -> f64) -> f64) -> Estimate {
        self.of(|law| value(&|params, tokens| law.loss(params.ln(), tokens.ln())))
    }

    /// How far a split is off the best of its C, as a difference of ln L.
    pub(crate) fn cost_of(&self, params: f64, tokens: f64) -> Estimate {
        let (n, d) = (params.ln(), tokens.ln());
        let log_flops = self.compute.log_flops(n, d);
        self.of(|law| (law.loss(n, d) / law.least_loss(log_flops, &self.compute)).ln())
    }

    pub fn compute(&self) -> &ComputeRule {
        &self.compute
    }

    pub(crate) fn point(&self) -> &SumOfPowers {
        &self.point
    }

    /// Estimate of a function that every law has a value of: over the refits, and to first order where a covariance is known
    /// (draws from that know nothing of how the terms bend together, which refits do).
    pub(crate) fn of(&self, value: impl Fn(&SumOfPowers) -> f64) -> Estimate {
        let point = value(&self.point);
        if let Some(covariance) = &self.covariance {
            return linearised(&self.point, covariance, point, self.level, value);
        }
        self.all_of(|law| [value(law)]).0[0]
    }

    /// Estimates of functions of the law that are found together, over the draws. Draws without an answer (a loss that
    /// they do not reach) are left out; more than 5% of those leave no interval, and the reason.
    pub(crate) fn all_of<const K: usize>(
        &self,
        values: impl Fn(&SumOfPowers) -> [f64; K],
    ) -> ([Estimate; K], Option<String>) {
        let point = values(&self.point);
        let found: Vec<[f64; K]> = self.draws.iter().map(values).collect();
        let answers: Vec<&[f64; K]> =
            found.iter().filter(|v| v.iter().all(|x| x.is_finite())).collect();
        let (many, without) = (found.len(), found.len() - answers.len());
        if without * 20 > many {
            let why = format!("no interval: {without} of {many} {} cannot reach it", self.drawn);
            return (point.map(Estimate::bare), Some(why));
        }
        let one = |k: usize| {
            let mut values: Vec<f64> = answers.iter().map(|v| v[k]).collect();
            Estimate::from_draws(point[k], &mut values, self.level)
        };
        (std::array::from_fn(one), None)
    }

    /// Every refit's loss scattered by one of the fit's residuals, in a fixed rotation that pairs
    /// each refit with residuals spread over their whole range; `None` where no runs were fitted.
    fn new_run(&self, loss: impl Fn(&SumOfPowers) -> f64) -> Option<Estimate> {
        let many = self.residuals.len();
        if many == 0 {
            return None;
        }
        // Enough pairs for smooth tails, whatever the number of refits.
        let repeats = (8 * many / self.draws.len().max(1)).clamp(1, 8);
        let mut values = Vec::with_capacity(self.draws.len() * repeats);
        let mut next = 0usize;
        for draw in &self.draws {
            let loss = loss(draw);
            for _ in 0..repeats {
                values.push(loss * self.residuals[next % many].exp());
                next = next.wrapping_add(2_654_435_761 % many + 1);
            }
        }
        values.retain(|v| v.is_finite());
        Some(Estimate::from_draws(loss(&self.point), &mut values, self.level))
    }
}

/// The interval of a function of the law to first order in its parameters.
fn linearised(
    law: &SumOfPowers,
    covariance: &[[f64; 5]; 5],
    point: f64,
    level: f64,
    value: impl Fn(&SumOfPowers) -> f64,
) -> Estimate {
    let moved = |k: usize, h: f64| {
        let mut l = *law;
        *[&mut l.log_a, &mut l.log_b, &mut l.log_floor, &mut l.alpha, &mut l.beta][k] += h;
        value(&l)
    };
    let slope: [f64; 5] = std::array::from_fn(|k| (moved(k, 1e-5) - moved(k, -1e-5)) / 2e-5);
    let row = |i: usize| slope[i] * dot(&covariance[i], &slope);
    let variance: f64 = (0..5).map(row).sum();
    if !variance.is_finite() {
        return Estimate::bare(point);
    }
    let error = variance.max(0.0).sqrt();
    let half = normal_quantile(0.5 + 0.5 * level) * error;
    Estimate {
        point,
        standard_error: Some(error),
        interval: Some(Interval { lo: point - half, hi: point + half, level }),
    }
}
