//! Approach 3: a law fitted to all runs at once.

mod checks;
mod choose;
mod covariance;
mod frontier;
mod optimum;
mod spoiled;

pub(crate) use checks::{LEAST_UNITS, data, spread_about_line, too_few, too_few_clusters};
pub use choose::{Candidate, LawChoice, choose_law};
pub use covariance::Covariance;
pub use frontier::{Allocation, LawFrontier};
pub use optimum::Starts;
pub(crate) use optimum::{Optimum, optimum, thresholds};
pub(crate) use spoiled::{Doubtful, without};

use serde::Serialize;

use crate::compute::ComputeRule;
use crate::error::FitError;
use crate::estimate::{Estimate, check_level};
use crate::intervals::{Draws, IntervalOptions, Plan, Resampling, refit, too_few_draws};
use crate::law::{Centre, Law, Sample, SumOfPowers};
use crate::objective::Objective;
use crate::outcome::Outcome;
use crate::solve::Model;
use crate::stats::{median_size, rms};
use crate::table::Table;

/// What to minimise, from where, and how to make intervals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Default)]
pub struct FitOptions {
    pub objective: Objective,
    pub starts: Starts,
    pub intervals: IntervalOptions,
}

impl FitOptions {
    /// Refuses options outside their range.
    ///
    /// # Errors
    /// [`FitError::BadOption`] that names the option: a level outside (0, 1), a delta that is not positive and finite.
    pub fn check(&self) -> Result<(), FitError> {
        check_level(self.intervals.level)?;
        self.objective.check()
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Parameter {
    /// As in the law's formula.
    pub name: String,
    /// Value, standard error, interval.
    #[serde(flatten)]
    pub estimate: Estimate,
}

/// A law fitted to a table. Look at [`LawFit::outcome`]: only a converged one has a
/// [`LawFit::result`].
#[derive(Debug, Clone, Serialize)]
pub struct LawFit {
    pub law: String,
    pub formula: String,
    pub objective: Objective,
    pub rows: usize,
    pub outcome: Outcome,
    /// Evaluations of the objective with its derivatives, over all starts.
    pub evaluations: usize,
    /// Value of the objective where the search stopped.
    pub objective_value: f64,
    /// Natural parameters where the search stopped: a diagnosis, and no result unless
    /// [`LawFit::outcome`] is.
    pub stopped_at: Vec<(String, f64)>,
    pub result: Option<LawResult>,
}

#[derive(Debug, Clone, Serialize)]
pub struct LawResult {
    /// Natural parameters. `A` and `B` mean little apart from their exponents (their correlation
    /// is above .999); see [`LawResult::centred`].
    pub parameters: Vec<Parameter>,
    /// The terms at the centre of the runs, in nats: `A / N^alpha` at the mean of ln N, and
    /// `B / D^beta` at that of ln D. These are well determined.
    pub centred: Vec<Parameter>,
    /// How the parameters move together over the refits; `None` without intervals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub covariance: Option<Covariance>,
    /// Exponents of N*(C) and D*(C); for laws of both N and D.
    pub exponents: Option<Exponents>,
    /// Root mean square of the residuals of ln L.
    pub residual_rms: f64,
    /// Median of their absolute values.
    pub residual_median: f64,
    /// How intervals were made; `None` without.
    pub resampling: Option<Resampling>,
    /// Why there are no intervals, where they were asked for and withheld.
    pub no_interval: Option<String>,
    /// Refits asked for.
    pub draws: usize,
    /// Refits that did not converge (in no interval).
    pub failed_draws: usize,
    pub centre: Centre,
    pub compute: ComputeRule,
    /// Working parameters, full precision.
    pub theta: Vec<f64>,
    /// N*(C), D*(C) and the loss with their bands.
    #[serde(skip)]
    pub frontier: Option<LawFrontier>,
    #[serde(skip)]
    pub refits: Draws,
}

/// `N* ~ C^a`, `D* ~ C^b`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Exponents {
    pub params: Estimate,
    pub tokens: Estimate,
}

impl LawFit {
    /// The result.
    ///
    /// # Errors
    /// [`FitError::NoResult`] unless the fit converged.
    pub fn result(&self) -> Result<&LawResult, FitError> {
        self.result.as_ref().ok_or_else(|| FitError::NoResult {
            what: format!("{} ({})", self.law, self.objective.name()),
            why: self.outcome.to_string(),
            hint: self.outcome.hint().unwrap_or_default(),
        })
    }
}

impl LawResult {
    /// N*(C), D*(C) and the loss.
    ///
    /// # Errors
    /// [`FitError::NoResult`] for laws of one variable, and where C does not follow from N and D.
    pub fn frontier_of(&self, law: &str) -> Result<&LawFrontier, FitError> {
        self.compute.checked()?;
        self.frontier.as_ref().ok_or_else(|| FitError::NoResult {
            what: "N*(C)".into(),
            why: format!("`{law}` is no law of N and D"),
            hint: "fit a law of N and D, such as hoffmann".into(),
        })
    }

    pub fn parameter(&self, name: &str) -> Option<&Estimate> {
        self.parameters.iter().find(|p| p.name == name).map(|p| &p.estimate)
    }
}

/// Fits `law` to the runs.
///
/// # Errors
/// Named refusals of data that cannot hold the law: too few runs, a variable that never varies,
/// a missing column. A fit that ends badly is no error but an [`Outcome`].
pub fn fit_law(table: &Table, law: &dyn Law, options: &FitOptions) -> Result<LawFit, FitError> {
    options.check()?;
    checks::data(table, law)?;
    let sample = Sample::new(table);
    let best = optimum(law, &sample, options.objective, options.starts);
    let natural = law.natural(&best.theta, &sample.centre);
    let names = law.parameters();
    let mut fit = LawFit {
        law: law.name().into(),
        formula: law.formula().into(),
        objective: options.objective,
        rows: table.len(),
        outcome: best.outcome.clone(),
        evaluations: best.evaluations,
        objective_value: best.value,
        stopped_at: names.iter().map(|s| s.to_string()).zip(natural).collect(),
        result: None,
    };
    if fit.outcome.is_result() {
        let found = result(table, law, &sample, options, &best);
        let (failed, draws) = (found.failed_draws, found.draws);
        if 2 * failed > draws {
            fit.outcome = Outcome::Unstable { failed, draws };
        } else {
            fit.result = Some(found);
        }
    }
    Ok(fit)
}

fn result(
    table: &Table,
    law: &dyn Law,
    sample: &Sample,
    options: &FitOptions,
    best: &Optimum,
) -> LawResult {
    let wanted = options.intervals;
    let model = Model::new(law, sample, options.objective.is_log());
    let (mut scheme, mut no_interval) = (None, None);
    let mut refits = Draws::new(Vec::new(), best.theta.len(), 0);
    let mut failed_draws = 0;
    if wanted.draws > 0 {
        let plan = Plan::of(table, wanted.resampling);
        let (units, name) = plan.units();
        no_interval = too_few(units, name).or_else(|| too_few_draws(wanted.draws, wanted.level));
        if no_interval.is_none() {
            let (draws, seed) = (wanted.draws, wanted.seed);
            let all = refit(&model, options.objective, best, &plan, draws, seed);
            failed_draws = all.failed();
            no_interval = checks::too_many_failures(failed_draws, draws);
            if no_interval.is_none() {
                refits = all;
            }
            scheme = Some(plan.scheme());
        }
    }
    let level = wanted.level;
    let centre = sample.centre;
    let natural = law.natural(&best.theta, &centre);
    let parameter = |(k, name): (usize, &&str)| Parameter {
        name: name.to_string(),
        estimate: refits.estimate(natural[k], level, |z| law.natural(z, &centre)[k]),
    };
    let parameters = law.parameters().iter().enumerate().map(parameter).collect();
    let compute = ComputeRule::of(table);
    let frontier = compute
        .checked()
        .ok()
        .and_then(|rule| LawFrontier::new(law, best, sample, &refits, table, rule, level));
    let log_residuals = log_residuals(law, &best.theta, sample);
    LawResult {
        parameters,
        centred: centred(law, &best.theta, &refits, level),
        covariance: Covariance::of(law, &refits, &centre),
        exponents: frontier.as_ref().map(LawFrontier::exponents),
        residual_rms: rms(&log_residuals),
        residual_median: median_size(&log_residuals),
        resampling: scheme,
        no_interval,
        draws: wanted.draws,
        failed_draws,
        centre,
        compute,
        theta: best.theta.clone(),
        frontier,
        refits,
    }
}

/// The two terms at the centre of the runs, for sums of powers.
fn centred(law: &dyn Law, theta: &[f64], refits: &Draws, level: f64) -> Vec<Parameter> {
    let none = Centre { log_params: 0.0, log_tokens: 0.0, log_flops: 0.0 };
    let mut out = Vec::new();
    let Some(here) = law.sum_of_powers(theta, &none).filter(|p| p.power == 1.0) else {
        return out;
    };
    let mut add = |name: &str, point: f64, value: &dyn Fn(&SumOfPowers) -> f64| {
        let of = |z: &[f64]| law.sum_of_powers(z, &none).map_or(f64::NAN, |p| value(&p).exp());
        let estimate = refits.estimate(point.exp(), level, of);
        out.push(Parameter { name: format!("{name} at the centre"), estimate });
    };
    add("A / N^alpha", here.log_a, &|p| p.log_a);
    add("B / D^beta", here.log_b, &|p| p.log_b);
    out
}

/// ln L minus the law's, per run.
pub(crate) fn log_residuals(law: &dyn Law, theta: &[f64], sample: &Sample) -> Vec<f64> {
    Model::new(law, sample, true).residuals(theta)
}
