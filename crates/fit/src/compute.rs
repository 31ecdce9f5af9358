//! How the table's C follows from N and D.

use serde::Serialize;

use crate::error::FitError;
use crate::observation::Observation;
use crate::stats::{centred, dot, rms};
use crate::table::Table;

/// `C = coefficient * N^params_power * D^tokens_power`. `6 N D` in most tables; fitted where C is
/// an exact count, since then the exponents of N*(C) and D*(C) do not add up to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ComputeRule {
    pub log_coefficient: f64,
    pub params_power: f64,
    pub tokens_power: f64,
    /// Root mean square of ln C about the rule, over the runs.
    pub residual: f64,
    /// Whether the rule is `6 N D` to within reading errors (1%).
    pub is_six_nd: bool,
}

impl ComputeRule {
    /// `C = 6 N D`.
    pub const SIX_ND: ComputeRule = ComputeRule {
        log_coefficient: 1.791_759_469_228_055,
        params_power: 1.0,
        tokens_power: 1.0,
        residual: 0.0,
        is_six_nd: true,
    };

    /// The rule of a table: `6 N D` when every run obeys it within 1%, else a power law by least
    /// squares in logarithms, else (no spread of its own in N and D) `k N D`.
    pub fn of(table: &Table) -> ComputeRule {
        let column =
            |of: fn(&Observation) -> f64| -> Vec<f64> { table.rows().iter().map(of).collect() };
        let ratio = column(|r| r.flops.ln() - r.params.ln() - r.tokens.ln());
        let six = 6f64.ln();
        if ratio.iter().all(|r| (r - six).abs() < 0.01) {
            return ComputeRule::SIX_ND;
        }
        // ln C - ln N - ln D on ln N and ln D, centred: small numbers, well conditioned.
        let (off, k) = centred(&ratio);
        let product = ComputeRule {
            log_coefficient: k,
            residual: rms(&off),
            is_six_nd: false,
            ..ComputeRule::SIX_ND
        };
        if product.residual < 0.005 {
            return product;
        }
        let (x, mx) = centred(&column(|r| r.params.ln()));
        let (y, my) = centred(&column(|r| r.tokens.ln()));
        let (xx, xy, yy) = (dot(&x, &x), dot(&x, &y), dot(&y, &y));
        if !((xy / (xx * yy).sqrt()).abs() < 0.999) {
            return product;
        }
        // Cramer's rule: the columns were just seen to be apart.
        let (xk, yk) = (dot(&x, &off), dot(&y, &off));
        let below = xx * yy - xy * xy;
        let (p, q) = ((yy * xk - xy * yk) / below, (xx * yk - xy * xk) / below);
        let rule = ComputeRule {
            log_coefficient: k - p * mx - q * my,
            params_power: 1.0 + p,
            tokens_power: 1.0 + q,
            ..product
        };
        if !(rule.params_power > 0.1 && rule.tokens_power > 0.1) {
            return product;
        }
        let left = |(i, off): (usize, &f64)| off - p * x[i] - q * y[i];
        ComputeRule { residual: rms(&off.iter().enumerate().map(left).collect::<Vec<_>>()), ..rule }
    }

    /// ln C of ln N and ln D.
    pub fn log_flops(&self, log_params: f64, log_tokens: f64) -> f64 {
        self.log_coefficient + self.params_power * log_params + self.tokens_power * log_tokens
    }

    /// ln D that spends C on a model of N.
    pub fn log_tokens(&self, log_flops: f64, log_params: f64) -> f64 {
        (log_flops - self.log_coefficient - self.params_power * log_params) / self.tokens_power
    }

    pub fn describe(&self) -> String {
        if self.is_six_nd {
            "C = 6 N D".into()
        } else {
            format!(
                "C = {:.4e} N^{:.4} D^{:.4} ({})",
                self.log_coefficient.exp(),
                self.params_power,
                self.tokens_power,
                spread_in_words(self.residual)
            )
        }
    }

    /// The rule, where C follows from N and D well enough for a best split to mean anything.
    ///
    /// # Errors
    /// [`FitError::NoResult`] where the runs are off it by more than half a unit of ln C (rms).
    pub fn checked(self) -> Result<ComputeRule, FitError> {
        // Written so that a rule that is not a number is refused.
        if self.residual <= WORST_RESIDUAL {
            return Ok(self);
        }
        Err(FitError::NoResult {
            what: "N*(C)".into(),
            why: format!("C does not follow from N and D ({})", spread_in_words(self.residual)),
            hint: "look for runs whose N, D or C is in another unit, or leave C out (C = 6 N D)"
                .into(),
        })
    }
}

/// Root mean square of ln C about its rule beyond which there is no best split.
const WORST_RESIDUAL: f64 = 0.5;

/// A root mean square of logarithms in words: a percentage while it is small, then a factor.
pub(crate) fn spread_in_words(residual: f64) -> String {
    match residual {
        r if r < 0.2 => format!("off by {:.2}% rms", 100.0 * r),
        r if r < 7.0 => format!("off by a factor {:.2} rms", r.exp()),
        r if r < 700.0 => format!("off by a factor {:.1e} rms", r.exp()),
        r => format!("off by e^{r:.0} rms"),
    }
}

pub(crate) fn check_flops(flops: f64) -> Result<f64, FitError> {
    if flops.is_finite() && flops > 0.0 {
        return Ok(flops);
    }
    Err(FitError::BadOption {
        option: "flops".into(),
        value: flops.to_string(),
        range: "(0, inf)".into(),
        hint: "give a compute budget in FLOPs, e.g. 1e21".into(),
    })
}
