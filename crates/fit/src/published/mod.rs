//! Published laws as data: each figure with its source, convention and range.

mod data;

pub use data::PUBLISHED;

use serde::Serialize;

use crate::compute::{ComputeRule, check_flops};
use crate::error::FitError;
use crate::estimate::{Estimate, Interval};
use crate::law::SumOfPowers;
use crate::parametric::Allocation;

/// What a publication gives.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Form {
    /// `E + A / N^alpha + B / D^beta`.
    Sum {
        /// E, nats.
        floor: f64,
        /// A.
        a: f64,
        /// Exponent of N.
        alpha: f64,
        /// B.
        b: f64,
        /// Exponent of D.
        beta: f64,
    },
    /// `[(N_c / N)^(alpha_N / alpha_D) + D_c / D]^alpha_D`.
    Joint {
        /// N_c.
        params: f64,
        /// alpha_N.
        alpha_n: f64,
        /// D_c.
        tokens: f64,
        /// alpha_D.
        alpha_d: f64,
    },
    /// Power laws of the best split: (coefficient, exponent) of N*(C) and D*(C), C in FLOPs.
    Split {
        /// N*.
        params: Option<(f64, f64)>,
        /// D*.
        tokens: Option<(f64, f64)>,
    },
    /// Exponents alone.
    Exponents {
        /// a of N*(C).
        params: f64,
        /// b of D*(C).
        tokens: f64,
    },
}

/// A published law.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Published {
    /// Name on the command line.
    pub key: &'static str,
    /// What it is.
    pub title: &'static str,
    /// Where its figures stand.
    pub source: &'static str,
    /// How N and C are counted.
    pub convention: &'static str,
    /// The figures.
    pub form: Form,
    /// Covariance of `(ln A, ln B, ln E, alpha, beta)`, where known.
    pub covariance: Option<[[f64; 5]; 5]>,
    /// 95% interval of the exponent of N*, where published.
    pub exponent_interval: Option<(f64, f64)>,
    /// Range of C of its runs, FLOPs.
    pub valid_flops: Option<(f64, f64)>,
    /// What to beware of.
    pub note: &'static str,
}

/// The law of a key.
///
/// # Errors
/// [`FitError::BadOption`] that lists the keys.
pub fn published(key: &str) -> Result<&'static Published, FitError> {
    PUBLISHED.iter().find(|p| p.key == key).ok_or_else(|| FitError::BadOption {
        option: "law".into(),
        value: key.into(),
        range: PUBLISHED.iter().map(|p| p.key).collect::<Vec<_>>().join(", "),
        hint: "these are the published laws".into(),
    })
}

impl Published {
    /// The law as a sum of powers, where it is one.
    pub fn sum_of_powers(&self) -> Option<SumOfPowers> {
        match self.form {
            Form::Sum { floor, a, alpha, b, beta } => Some(SumOfPowers {
                log_floor: floor.ln(),
                log_a: a.ln(),
                alpha,
                log_b: b.ln(),
                beta,
                power: 1.0,
            }),
            Form::Joint { params, alpha_n, tokens, alpha_d } => Some(SumOfPowers {
                log_floor: f64::NEG_INFINITY,
                log_a: alpha_n / alpha_d * params.ln(),
                alpha: alpha_n / alpha_d,
                log_b: tokens.ln(),
                beta: 1.0,
                power: alpha_d,
            }),
            _ => None,
        }
    }

    /// Exponents of N*(C) and D*(C).
    pub fn exponents(&self) -> (Option<f64>, Option<f64>) {
        match (self.form, self.sum_of_powers()) {
            (_, Some(law)) => {
                let (a, b) = law.exponents(&ComputeRule::SIX_ND);
                (Some(a), Some(b))
            }
            (Form::Exponents { params, tokens }, _) => (Some(params), Some(tokens)),
            (Form::Split { params, tokens }, _) => (params.map(|p| p.1), tokens.map(|t| t.1)),
            _ => (None, None),
        }
    }

    /// The best split of `flops` (with C = 6ND where one of N*, D* follows from the other). Intervals where
    /// the publication's covariance is known: linearised, of the law and not of a new run.
    ///
    /// # Errors
    /// [`FitError::NoResult`] where only exponents were published, [`FitError::BadOption`] for a bad budget.
    pub fn at(&self, flops: f64) -> Result<Allocation, FitError> {
        let c = check_flops(flops)?.ln();
        let six = ComputeRule::SIX_ND;
        let extrapolation = self.valid_flops.map_or(f64::NAN, |v| flops / v.1);
        if let Some(law) = self.sum_of_powers() {
            let n = law.log_params(c, &six);
            let d = six.log_tokens(c, n);
            let log_params = |l: &SumOfPowers| l.log_params(c, &six);
            let params = self.linear(&law, log_params).map(f64::exp);
            let tokens = self.linear(&law, |l| six.log_tokens(c, l.log_params(c, &six)));
            let ratio = self.linear(&law, |l| six.log_tokens(c, log_params(l)) - log_params(l));
            let mut loss = self.linear(&law, |l| l.least_loss(c, &six));
            loss.point = law.loss(n, d);
            return Ok(Allocation {
                flops,
                params,
                tokens: tokens.map(f64::exp),
                tokens_per_param: ratio.map(f64::exp),
                loss_nats: Some(loss),
                new_run_nats: None,
                extrapolation,
            });
        }
        let line = |p: (f64, f64)| p.0.ln() + p.1 * c;
        let (n, d) = match self.form {
            Form::Split { params: Some(p), tokens: Some(t) } => (line(p), line(t)),
            Form::Split { params: Some(p), tokens: None } => (line(p), six.log_tokens(c, line(p))),
            Form::Split { params: None, tokens: Some(t) } => {
                (c - six.log_coefficient - line(t), line(t))
            }
            _ => {
                return Err(FitError::NoResult {
                    what: format!("`{}` at {flops:e} FLOPs", self.key),
                    why: "only its exponents were published".into(),
                    hint: "choose a law with coefficients".into(),
                });
            }
        };
        Ok(Allocation {
            flops,
            params: Estimate::bare(n.exp()),
            tokens: Estimate::bare(d.exp()),
            tokens_per_param: Estimate::bare((d - n).exp()),
            loss_nats: None,
            new_run_nats: None,
            extrapolation,
        })
    }

    /// A function of the law with its linearised 95% interval.
    fn linear(&self, law: &SumOfPowers, value: impl Fn(&SumOfPowers) -> f64) -> Estimate {
        let point = value(law);
        let Some(covariance) = self.covariance else { return Estimate::bare(point) };
        let moved = |k: usize, h: f64| {
            let mut l = *law;
            *[&mut l.log_a, &mut l.log_b, &mut l.log_floor, &mut l.alpha, &mut l.beta][k] += h;
            value(&l)
        };
        let slope: Vec<f64> = (0..5).map(|k| (moved(k, 1e-5) - moved(k, -1e-5)) / 2e-5).collect();
        let mut variance = 0.0;
        for i in 0..5 {
            for j in 0..5 {
                variance += slope[i] * covariance[i][j] * slope[j];
            }
        }
        let error = variance.max(0.0).sqrt();
        let half = 1.959_964 * error;
        Estimate {
            point,
            standard_error: Some(error),
            interval: Some(Interval { lo: point - half, hi: point + half, level: 0.95 }),
        }
    }
}

/// Total parameters of a model with `non_embedding` parameters, by Pearce & Song 2024 ("Reconciling Kaplan and
/// Chinchilla Scaling Laws", arXiv:2406.12907): `N_T = N + gamma N^(1/3)`, `gamma = 47491` (Kaplan's shapes and vocabulary).
pub fn total_params(non_embedding: f64) -> f64 {
    non_embedding + 47_491.0 * non_embedding.cbrt()
}
