//! Posterior of Hoffmann's law by the No-U-Turn sampler.
//!
//! Losses are Student-t about the law in ln L (4 degrees of freedom: outliers do not rule), with the scale
//! a parameter. Priors are weak, the user's, or a published law's. Chains are judged by split R-hat and effective sample
//! size (Vehtari et al. 2021); a posterior that fails them is refused.

mod diagnose;
mod nuts;
mod prior;

pub use prior::Prior;

use nalgebra::DMatrix;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StudentT;
use rayon::prelude::*;
use serde::Serialize;

use crate::compute::{ComputeRule, check_flops};
use crate::error::FitError;
use crate::estimate::{Estimate, check_level};
use crate::intervals::{draw_stream, least_draws};
use crate::law::{Hoffmann, Law, Sample, SumOfPowers};
use crate::objective::Objective;
use crate::parametric::{Allocation, Starts, optimum};
use crate::stats::median;
use crate::table::Table;
use diagnose::{effective_sample_size, split_r_hat};

impl Posterior {
    /// Law and likelihood, in words.
    pub const MODEL: &'static str = "L = E + A / N^alpha + B / D^beta; ln L Student-t with 4 degrees of freedom about the law, scale free; runs independent";
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PosteriorOptions {
    pub prior: Prior,
    pub chains: usize,
    /// Steps kept per chain; as many again are spent on warming up.
    pub steps: usize,
    pub level: f64,
    pub seed: u64,
}

impl Default for PosteriorOptions {
    fn default() -> Self {
        PosteriorOptions { prior: Prior::Weak, chains: 4, steps: 1000, level: 0.95, seed: 0 }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Marginal {
    pub name: String,
    /// Median, standard deviation, central interval.
    #[serde(flatten)]
    pub estimate: Estimate,
    pub r_hat: f64,
    pub effective: f64,
}

/// A posterior that passed its diagnostics.
#[derive(Debug, Clone, Serialize)]
pub struct Posterior {
    /// E, A, alpha, B, beta, the scale, and the exponent a.
    pub marginals: Vec<Marginal>,
    pub draws: usize,
    /// Steps on which the integrator broke off.
    pub divergent: usize,
    pub options: PosteriorOptions,
    #[serde(skip)]
    laws: Vec<SumOfPowers>,
    #[serde(skip)]
    scales: Vec<f64>,
    compute: ComputeRule,
    largest_flops: f64,
}

impl Posterior {
    /// Posterior of the best split of `flops`: medians and central intervals.
    ///
    /// # Errors
    /// [`FitError::BadOption`] unless `flops` is positive and finite.
    pub fn at(&self, flops: f64) -> Result<Allocation, FitError> {
        let c = check_flops(flops)?.ln();
        let (rule, level) = (&self.compute, self.options.level);
        let of = |f: &dyn Fn(&SumOfPowers) -> f64| {
            central(&mut self.laws.iter().map(f).collect::<Vec<f64>>(), level)
        };
        let n = |l: &SumOfPowers| l.log_params(c, rule);
        let d = |l: &SumOfPowers| rule.log_tokens(c, n(l));
        let split = [of(&n), of(&d), of(&|l| d(l) - n(l))];
        let student = StudentT::new(TAILS).expect("degrees of freedom above 0");
        let noise = ChaCha8Rng::seed_from_u64(self.options.seed).sample_iter(student);
        let runs = self.laws.iter().zip(&self.scales).zip(noise);
        let mut new: Vec<f64> =
            runs.map(|((l, s), t)| l.least_loss(c, rule) * (s * t).exp()).collect();
        Ok(Allocation {
            loss_nats: Some(of(&|l| l.least_loss(c, rule))),
            new_run_nats: Some(central(&mut new, level)),
            ..Allocation::of_logs(flops, split, self.largest_flops)?
        })
    }

    pub fn marginal(&self, name: &str) -> Option<&Marginal> {
        self.marginals.iter().find(|m| m.name == name)
    }
}

/// Degrees of freedom of the noise.
const TAILS: f64 = 4.0;
/// Worst R-hat that passes.
const WORST_R_HAT: f64 = 1.02;
/// Least effective sample size that passes.
const LEAST_EFFECTIVE: f64 = 200.0;

/// Samples the posterior of Hoffmann's law.
///
/// # Errors
/// [`FitError::TooFewRows`] below six runs; [`FitError::NoResult`] when the chains did not mix (R-hat above 1.02, fewer
/// than 200 effective draws, or over 2% divergent steps).
pub fn posterior(table: &Table, options: &PosteriorOptions) -> Result<Posterior, FitError> {
    if table.len() < 6 {
        return Err(FitError::TooFewRows {
            what: "the posterior of Hoffmann's law".into(),
            parameters: 6,
            needed: 6,
            given: table.len(),
        });
    }
    check_level(options.level)?;
    options.prior.check()?;
    let compute = ComputeRule::of(table).checked()?;
    let sample = Sample::new(table);
    let start = optimum(&Hoffmann, &sample, Objective::SquaredLog, Starts::default());
    let density = Density::new(&sample, options.prior);
    let mut at = start.theta.clone();
    let half = start.value / sample.len() as f64;
    at.push((2.0 * half).sqrt().max(1e-9).ln());
    // A start at a bound would hold the chains there.
    at[0] = at[0].max((0.05 * sample.least_loss()).ln());
    let scale = density.whitening(&at).ok_or_else(|| FitError::NoResult {
        what: "the posterior".into(),
        why: "its density has no curvature where the search starts".into(),
        hint: "look for runs with extreme losses, or give a tighter prior (`--prior`)".into(),
    })?;
    let chain = |k: usize| {
        let mut random = draw_stream(options.seed, k);
        nuts::sample(|z, g| density.log_density(z, g), &at, &scale, options.steps, &mut random)
    };
    let chains: Vec<nuts::Chain> = (0..options.chains.max(2)).into_par_iter().map(chain).collect();
    type Value<'a> = (&'a str, Box<dyn Fn(&[f64]) -> f64 + 'a>);
    let natural = |k: usize| {
        let centre = sample.centre;
        Box::new(move |z: &[f64]| Hoffmann.natural(&z[..5], &centre)[k])
            as Box<dyn Fn(&[f64]) -> f64>
    };
    let law = |z: &[f64]| Hoffmann.sum_of_powers(&z[..5], &sample.centre);
    let exponent = |z: &[f64]| law(z).map_or(f64::NAN, |l| l.exponents(&compute).0);
    let values: Vec<Value> = vec![
        ("E", natural(0)),
        ("A", natural(1)),
        ("alpha", natural(2)),
        ("B", natural(3)),
        ("beta", natural(4)),
        ("scale", Box::new(|z: &[f64]| z[5].exp())),
        ("a", Box::new(exponent)),
    ];
    let marginal = |(name, value): &Value| {
        let by_chain: Vec<Vec<f64>> =
            chains.iter().map(|c| c.draws.iter().map(|z| value(z)).collect()).collect();
        let mut all: Vec<f64> = by_chain.iter().flatten().copied().collect();
        Marginal {
            name: name.to_string(),
            estimate: central(&mut all, options.level),
            r_hat: split_r_hat(&by_chain),
            effective: effective_sample_size(&by_chain),
        }
    };
    let marginals: Vec<Marginal> = values.iter().map(marginal).collect();
    let all: Vec<&Vec<f64>> = chains.iter().flat_map(|c| &c.draws).collect();
    let divergent = chains.iter().map(|c| c.divergent).sum::<usize>();
    refuse_unmixed(&marginals, divergent, all.len())?;
    if all.len() < least_draws(options.level) {
        return Err(FitError::BadOption {
            option: "level".into(),
            value: options.level.to_string(),
            range: format!("what {} draws of the posterior can tell", all.len()),
            hint: format!("at most {}", 1.0 - 2.0 / all.len() as f64),
        });
    }
    Ok(Posterior {
        draws: all.len(),
        divergent,
        options: *options,
        laws: all.iter().filter_map(|z| law(z)).collect(),
        scales: all.iter().map(|z| z[5].exp()).collect(),
        marginals,
        compute,
        largest_flops: table.largest_flops(),
    })
}

fn refuse_unmixed(marginals: &[Marginal], divergent: usize, draws: usize) -> Result<(), FitError> {
    // Written so that a diagnostic that is not a number fails.
    let bad = marginals.iter().find(|m| !(m.r_hat < WORST_R_HAT && m.effective > LEAST_EFFECTIVE));
    let why = match bad {
        Some(m) => format!(
            "the chains did not mix: {} has R-hat {:.3} and {:.0} effective draws",
            m.name, m.r_hat, m.effective
        ),
        None if divergent * 50 > draws => format!("{divergent} of {draws} steps diverged"),
        None => return Ok(()),
    };
    Err(FitError::NoResult {
        what: "the posterior".into(),
        why,
        hint: "give a tighter prior (`--prior`, or a published law with `--bayes`), or add runs that tell the parameters apart".into(),
    })
}

/// Median, standard deviation and central interval.
fn central(values: &mut [f64], level: f64) -> Estimate {
    let middle = median(values);
    Estimate::from_draws(middle, values, level)
}

/// The log density of `(ln E, a, alpha, b, beta, ln scale)`.
struct Density<'a> {
    sample: &'a Sample,
    /// (mean, precision) per parameter.
    prior: [(f64, f64); 6],
    least: f64,
}

impl<'a> Density<'a> {
    fn new(sample: &'a Sample, prior: Prior) -> Self {
        let least = sample.least_loss();
        let normal = |m: f64, sd: f64| (m, 1.0 / (sd * sd));
        let weak = [
            normal((0.5 * least).ln(), 1.5),
            normal((0.2 * least).ln(), 3.0),
            normal(0.4, 0.3),
            normal((0.2 * least).ln(), 3.0),
            normal(0.4, 0.3),
            normal(0.005f64.ln(), 2.0),
        ];
        let mut terms = weak;
        if let Prior::Given { log_floor, alpha, beta } = prior {
            for (at, given) in [(0, log_floor), (2, alpha), (4, beta)] {
                if let Some((mean, sd)) = given {
                    terms[at] = normal(mean, sd);
                }
            }
        }
        Density { sample, prior: terms, least }
    }

    /// Log density and its gradient; minus infinity where an exponent is not positive.
    fn log_density(&self, z: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.fill(0.0);
        if !(z[2] > 0.0 && z[4] > 0.0 && z[0] < self.least.ln() + 1.0) {
            return f64::NEG_INFINITY;
        }
        let mut value = 0.0;
        for k in 0..6 {
            let (mean, precision) = self.prior[k];
            value -= 0.5 * precision * (z[k] - mean).powi(2);
            gradient[k] -= precision * (z[k] - mean);
        }
        let inverse = (-z[5]).exp();
        let mut slope = [0.0; 5];
        for (point, target) in self.sample.points.iter().zip(&self.sample.log_loss) {
            let r = (target - Hoffmann.log_loss(&z[..5], point, &mut slope)) * inverse;
            let t = 1.0 + r * r / TAILS;
            value -= 0.5 * (TAILS + 1.0) * t.ln() + z[5];
            let pull = (TAILS + 1.0) * r / (TAILS * t);
            for k in 0..5 {
                gradient[k] += pull * inverse * slope[k];
            }
            gradient[5] += pull * r - 1.0;
        }
        value
    }

    /// A lower-triangular factor of the inverse of the negative Hessian at `at`, by differences of the gradient.
    fn whitening(&self, at: &[f64]) -> Option<DMatrix<f64>> {
        let step = 1e-5;
        let gradient = |i: usize, h: f64| {
            let (mut moved, mut out) = (at.to_vec(), [0.0; 6]);
            moved[i] += h;
            self.log_density(&moved, &mut out);
            out
        };
        let columns = (0..6).map(|i| (gradient(i, step), gradient(i, -step)));
        let differences: Vec<[f64; 6]> = columns
            .map(|(up, down)| std::array::from_fn(|j| -(up[j] - down[j]) / (2.0 * step)))
            .collect();
        nuts::inverse_factor(&DMatrix::from_fn(6, 6, |i, j| differences[i][j]))
    }
}
