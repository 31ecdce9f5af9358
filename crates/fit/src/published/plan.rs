//! Planning from a published law.

use super::{Form, Published};
use crate::compute::{ComputeRule, check_flops};
use crate::error::FitError;
use crate::estimate::Estimate;
use crate::parametric::{Allocation, LawFrontier};
use crate::plan::positive;

use super::draws::draws;

impl Published {
    /// The law as a planning tool: every question that a fit of one's own answers. Intervals, of the law and not of a
    /// new run, where the covariance of its parameters is known: to first order, and over laws drawn from it for what not
    /// every law can answer (a target loss).
    ///
    /// # Errors
    /// [`FitError::NoResult`] for publications that give no loss of N and D.
    pub fn frontier(&self) -> Result<LawFrontier, FitError> {
        let point = self.sum_of_powers().ok_or_else(|| FitError::NoResult {
            what: format!("a loss by `{}`", self.key),
            why: "it gives no loss of N and D".into(),
            hint: "choose a law that does, such as epoch2024 or hoffmann2022-3".into(),
        })?;
        let draws = self.covariance.map(|c| draws(&point, &c)).unwrap_or_default();
        Ok(LawFrontier::published(point, self.covariance, draws, self.largest_flops()))
    }

    /// The law without the draws, which answers of one value do not take.
    fn first_order(&self) -> Option<LawFrontier> {
        let point = self.sum_of_powers()?;
        Some(LawFrontier::published(point, self.covariance, Vec::new(), self.largest_flops()))
    }

    /// The best split of `flops` (with C = 6ND where one of N*, D* follows from the other).
    ///
    /// # Errors
    /// [`FitError::NoResult`] where neither a loss nor coefficients were published, [`FitError::BadOption`] for a
    /// bad budget.
    pub fn at(&self, flops: f64) -> Result<Allocation, FitError> {
        let c = check_flops(flops)?.ln();
        if let Some(law) = self.first_order() {
            return law.at(flops);
        }
        let (n, d) = self.lines().ok_or_else(|| self.no_split())?;
        let (n, d) = (n.0 + n.1 * c, d.0 + d.1 * c);
        Allocation::of_logs(flops, [n, d, d - n].map(Estimate::bare), self.largest_flops())
    }

    /// The N for which `tokens` is the best number of tokens, and the budget that this makes.
    ///
    /// # Errors
    /// As [`Published::at`].
    pub fn params_for_tokens(&self, tokens: f64) -> Result<(Estimate, Estimate), FitError> {
        if let Some(law) = self.first_order() {
            return law.params_for_tokens(tokens);
        }
        positive("tokens", tokens, "give a number of tokens, e.g. 1e11")?;
        let (n, d) = self.lines().ok_or_else(|| self.no_split())?;
        let c = (tokens.ln() - d.0) / d.1;
        Ok((Estimate::bare((n.0 + n.1 * c).exp()), Estimate::bare(c.exp())))
    }

    /// The D for which `params` is the best size, and the budget that this makes.
    ///
    /// # Errors
    /// As [`Published::at`].
    pub fn tokens_for_params(&self, params: f64) -> Result<(Estimate, Estimate), FitError> {
        if let Some(law) = self.first_order() {
            return law.tokens_for_params(params);
        }
        positive("params", params, "give a number of parameters, e.g. 1e9")?;
        let (n, d) = self.lines().ok_or_else(|| self.no_split())?;
        let c = (params.ln() - n.0) / n.1;
        Ok((Estimate::bare((d.0 + d.1 * c).exp()), Estimate::bare(c.exp())))
    }

    /// (ln coefficient, exponent) of N*(C) and D*(C); with C = 6ND where only one was published.
    fn lines(&self) -> Option<((f64, f64), (f64, f64))> {
        let Form::Split { params, tokens } = self.form else { return None };
        let log = |p: (f64, f64)| (p.0.ln(), p.1);
        let other = |p: (f64, f64)| (-ComputeRule::SIX_ND.log_coefficient - p.0, 1.0 - p.1);
        match (params.map(log), tokens.map(log)) {
            (Some(n), Some(d)) => Some((n, d)),
            (Some(n), None) => Some((n, other(n))),
            (None, Some(d)) => Some((other(d), d)),
            (None, None) => None,
        }
    }

    fn no_split(&self) -> FitError {
        let why = match self.form {
            Form::TuningOnly => "it is about learning rate and batch, at any N and D",
            _ => "only its exponents were published",
        };
        FitError::NoResult {
            what: format!("a best split by `{}`", self.key),
            why: why.into(),
            hint: "choose a law with coefficients, such as epoch2024".into(),
        }
    }

    fn largest_flops(&self) -> f64 {
        self.valid_flops.map_or(f64::NAN, |v| v.1)
    }
}
