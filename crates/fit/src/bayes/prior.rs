//! What is believed before the runs.

use serde::Serialize;

use crate::error::FitError;
use crate::published::Published;

/// What is believed before the runs: a normal prior on `(ln E, alpha, beta)` and on the two terms at the centre of the
/// runs, `(ln A - alpha mean ln N, ln B - beta mean ln D)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Prior {
    /// Exponents 0.35 times or over 2; E anywhere below the least loss; terms anywhere.
    Weak,
    /// Means and standard deviations of `ln E`, `alpha`, `beta`, weak where `None`; weak for the terms.
    Given {
        /// (mean, standard deviation) of ln E.
        log_floor: Option<(f64, f64)>,
        alpha: Option<(f64, f64)>,
        beta: Option<(f64, f64)>,
    },
}

impl Prior {
    /// Standard error taken for exponents that were published without one.
    pub const ASSUMED: f64 = 0.03;

    /// Where the standard deviations of [`Prior::published`] come from, in words.
    pub fn basis(law: &Published, widen: f64) -> String {
        let errors = match law.covariance {
            Some(_) => "its standard errors".into(),
            None => format!("no standard errors were published, {} is assumed", Self::ASSUMED),
        };
        format!("Exponents of the prior from `{}`; {errors}, times {widen}.", law.key)
    }

    /// A published law's exponents as a prior; `widen` multiplies their standard errors, or [`Prior::ASSUMED`] where none
    /// were published (see [`Prior::basis`]). Its floor and coefficients belong to its data and tokenizer, so they stay weak.
    ///
    /// # Errors
    /// [`FitError::NoResult`] when the publication has no alpha and beta.
    pub fn published(law: &Published, widen: f64) -> Result<Prior, FitError> {
        let Some(p) = law.sum_of_powers().filter(|p| p.power == 1.0) else {
            return Err(FitError::NoResult {
                what: format!("a prior from `{}`", law.key),
                why: "it has no alpha and beta".into(),
                hint: "choose a law of the form E + A / N^alpha + B / D^beta".into(),
            });
        };
        let error = |k: usize| law.covariance.map_or(Self::ASSUMED, |c| c[k][k].sqrt()) * widen;
        Ok(Prior::Given {
            log_floor: Some((p.log_floor, 1.0)),
            alpha: Some((p.alpha, error(3))),
            beta: Some((p.beta, error(4))),
        })
    }

    /// Refuses means that are no numbers and standard deviations that are not positive.
    pub(super) fn check(&self) -> Result<(), FitError> {
        let Prior::Given { log_floor, alpha, beta } = self else { return Ok(()) };
        for (name, prior) in [("ln E", log_floor), ("alpha", alpha), ("beta", beta)] {
            if let Some((mean, sd)) = prior
                && !(mean.is_finite() && sd.is_finite() && *sd > 0.0)
            {
                return Err(FitError::BadOption {
                    option: format!("prior of {name}"),
                    value: format!("mean {mean}, standard deviation {sd}"),
                    range: "a finite mean, a positive standard deviation".into(),
                    hint: "for instance 0.35 and 0.05".into(),
                });
            }
        }
        Ok(())
    }

    pub fn describe(&self) -> String {
        let Prior::Given { log_floor, alpha, beta } = self else {
            return "weak: alpha and beta normal(0.4, 0.3), ln E normal(ln of half the least loss, 1.5)".into();
        };
        let one = |name: &str, p: &Option<(f64, f64)>| match p {
            Some((mean, sd)) => format!("{name} normal({mean:.4}, {sd:.4})"),
            None => format!("{name} weak"),
        };
        [one("alpha", alpha), one("beta", beta), one("ln E", log_floor)].join(", ")
    }
}
