//! Whether two machines' losses agree: paired differences of ln L, two one-sided tests (Schuirmann 1987) against a margin, and
//! what the comparison could have seen.

use std::collections::{BTreeMap, BTreeSet};

use isoflop_fit::distribution::{exact_student_quantile, f_tail, normal_cdf, normal_quantile};
use isoflop_fit::paired::mean_of;
use isoflop_fit::{Estimate, Interval};
use serde::Serialize;

use crate::least_squares;
use crate::pairs::Pair;
use crate::side::Side;

/// How losses are compared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LossOptions {
    /// Largest difference of ln L that counts as equal; `None` takes the noise between seeds.
    pub margin: Option<f64>,
    /// Level of intervals; tests have the rest of it, shared among the comparisons with one baseline.
    pub level: f64,
    /// Sides that are compared with the baseline.
    pub candidates: usize,
    /// Probability with which a difference is to be seen.
    pub power: f64,
}

impl Default for LossOptions {
    fn default() -> Self {
        Self { margin: None, level: 0.95, candidates: 1, power: 0.8 }
    }
}

/// Where the margin comes from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum MarginSource {
    Given,
    /// Standard deviation of ln L between seeds of one cell.
    Seeds {
        cells: usize,
    },
    /// Of runs about the curves of their slices: no cell has two seeds.
    Residuals,
    /// Nothing measures the noise: 1%.
    Assumed,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Margin {
    /// In ln L.
    pub log: f64,
    pub source: MarginSource,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every loss is the same number.
    Identical,
    /// Within the margin, and no difference is seen.
    Equal,
    /// A difference is seen that lies within the margin.
    DifferentWithinMargin,
    Different,
    /// Neither is shown.
    Undecided,
}

/// What two sets of losses of the same cells say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Losses {
    /// Pairs that finished on both sides.
    pub pairs: usize,
    /// Cells that finished on one side only.
    pub one_sided: usize,
    /// Mean difference of ln L, second less first.
    pub log_ratio: Estimate,
    /// The same in nats.
    pub nats: Estimate,
    /// Standard deviation of the differences of ln L.
    pub scatter: f64,
    pub margin: Margin,
    /// p of equal means and no trend, corrected for being two tests.
    pub different_p: f64,
    /// p of a mean outside the margin.
    pub equal_p: f64,
    /// Change of the difference of ln L per factor 10 in N and in D.
    pub trend: Option<Trend>,
    /// Standard errors that the mean must be away from none to be called different.
    pub critical: f64,
    /// Smallest difference of ln L that would be seen with the power asked for.
    pub detectable: f64,
    /// Probability that a difference as large as the margin would be called one.
    pub power_at_margin: f64,
    /// Probability that no difference would be called equal.
    pub power_of_equal: f64,
    /// What would settle an open verdict.
    pub more: Option<More>,
    pub verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Trend {
    pub params: Estimate,
    /// `None` where D follows N.
    pub tokens: Option<Estimate>,
    /// p of no trend.
    pub p: f64,
}

/// Pairs beyond those there are, if the mean and the scatter stay what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct More {
    pub pairs: usize,
    /// More seeds of every cell that come to as many.
    pub seeds: usize,
}

/// Fewest pairs for a test.
const LEAST_PAIRS: usize = 3;
/// Fewest pairs for a trend.
const LEAST_FOR_TREND: usize = 8;
const ASSUMED_MARGIN: f64 = 0.01;
/// Share of `1 - level` that verdicts spend: of 1,000 comparisons of a machine with itself fewer than `1 - level` are to be called
/// different, and not so on average.
const SPENT: f64 = 0.8;

/// Compares the pairs. `residuals` is the noise of ln L about the slices, for where no cell has two seeds.
/// `None` where no pair finished on both sides.
pub fn losses(
    pairs: &[Pair],
    sides: [&Side; 2],
    residuals: Option<f64>,
    options: &LossOptions,
) -> Option<Losses> {
    let finished: Vec<&Pair> = pairs.iter().filter(|p| p.log_ratio().is_some()).collect();
    let logs: Vec<f64> = finished.iter().filter_map(|p| p.log_ratio()).collect();
    let log_ratio = mean_of(&logs, options.level)?;
    let nats: Vec<f64> =
        finished.iter().filter_map(|p| Some(p.losses_nats.1? - p.losses_nats.0?)).collect();
    let margin = margin(sides, residuals, options.margin);
    let one_sided =
        pairs.iter().filter(|p| p.losses_nats.0.is_some() != p.losses_nats.1.is_some()).count();
    let alpha = SPENT * (1.0 - options.level) / options.candidates.max(1) as f64;
    let many = logs.len();
    let free = many as f64 - 1.0;
    let error = log_ratio.standard_error.unwrap_or(f64::NAN);
    let identical = one_sided == 0 && logs.iter().all(|d| *d == 0.0);
    let trend = trend(&finished, &logs, options.level);
    let tail = |t: f64| f_tail(t * t, 1.0, free);
    let mean_p = tail(log_ratio.point / error);
    let different_p = match trend {
        Some(trend) => (2.0 * mean_p.min(trend.p)).min(1.0),
        None => mean_p,
    };
    let one_sided_p = |t: f64| if t > 0.0 { 0.5 * tail(t) } else { 1.0 - 0.5 * tail(t) };
    let equal_p = one_sided_p((margin.log - log_ratio.point.abs()) / error);
    let critical = Critical::new(alpha, free, trend.is_some());
    let tested = many >= LEAST_PAIRS && error > 0.0;
    let verdict = match (identical, tested) {
        (true, _) => Verdict::Identical,
        (_, false) => Verdict::Undecided,
        _ => match (different_p < alpha, equal_p < alpha) {
            (true, true) => Verdict::DifferentWithinMargin,
            (true, false) => Verdict::Different,
            (false, true) => Verdict::Equal,
            (false, false) => Verdict::Undecided,
        },
    };
    let cells: BTreeSet<&str> = finished.iter().map(|p| p.cell.as_str()).collect();
    Some(Losses {
        pairs: many,
        one_sided,
        log_ratio,
        nats: mean_of(&nats, options.level)?,
        scatter: error * (many as f64).sqrt(),
        margin,
        different_p,
        equal_p,
        trend,
        critical: critical.two_sided,
        detectable: critical.detectable(error, options.power),
        power_at_margin: power(margin.log, error, critical.two_sided),
        power_of_equal: critical.power_of_equal(margin.log, error),
        more: (verdict == Verdict::Undecided)
            .then(|| critical.more(log_ratio.point, error, margin.log, many, cells.len(), options))
            .flatten(),
        verdict,
    })
}

impl Losses {
    /// Probability that a mean difference of ln L is called one, with as many pairs and their scatter.
    pub fn power(&self, difference: f64) -> f64 {
        power(difference, self.log_ratio.standard_error.unwrap_or(f64::NAN), self.critical)
    }
}

/// By the normal approximation to the noncentral t.
fn power(difference: f64, error: f64, critical: f64) -> f64 {
    let far = difference / error;
    match far.is_nan() {
        true => 0.0,
        false => normal_cdf(far - critical) + normal_cdf(-far - critical),
    }
}

/// Quantiles that a test's answer turns at.
struct Critical {
    two_sided: f64,
    one_sided: f64,
}

impl Critical {
    fn new(alpha: f64, free: f64, two_tests: bool) -> Self {
        // Without a degree of freedom there is no test, and no quantile.
        if free < 1.0 {
            return Self { two_sided: f64::INFINITY, one_sided: f64::INFINITY };
        }
        let share = if two_tests { 0.5 * alpha } else { alpha };
        Self {
            two_sided: exact_student_quantile(1.0 - 0.5 * share, free),
            one_sided: exact_student_quantile(1.0 - alpha, free),
        }
    }

    fn power_of_equal(&self, margin: f64, error: f64) -> f64 {
        let inside = margin / error - self.one_sided;
        if inside.is_nan() { 0.0 } else { (2.0 * normal_cdf(inside) - 1.0).max(0.0) }
    }

    fn detectable(&self, error: f64, power: f64) -> f64 {
        (self.two_sided + normal_quantile(power)) * error
    }

    fn more(
        &self,
        mean: f64,
        error: f64,
        margin: f64,
        pairs: usize,
        cells: usize,
        options: &LossOptions,
    ) -> Option<More> {
        let far = normal_quantile(options.power);
        let room = margin - mean.abs();
        let equal = (room > 0.0).then(|| ((self.one_sided + far) * error / room).powi(2));
        let different = ((self.two_sided + far) * error / mean.abs()).powi(2);
        let factor = equal.map_or(different, |equal| equal.min(different));
        let more = (pairs as f64 * (factor - 1.0)).ceil().max(1.0);
        (more.is_finite() && more < 1e9).then(|| {
            let pairs = more as usize;
            More { pairs, seeds: pairs.div_ceil(cells.max(1)) }
        })
    }
}

/// The margin asked for, else the noise between seeds over both sides, else that of the slices.
fn margin(sides: [&Side; 2], residuals: Option<f64>, given: Option<f64>) -> Margin {
    if let Some(log) = given {
        return Margin { log, source: MarginSource::Given };
    }
    if let Some((log, cells)) = seed_noise(sides) {
        return Margin { log, source: MarginSource::Seeds { cells } };
    }
    match residuals {
        Some(log) => Margin { log, source: MarginSource::Residuals },
        None => Margin { log: ASSUMED_MARGIN, source: MarginSource::Assumed },
    }
}

/// Pooled standard deviation of ln L between runs of one cell of one side, and the cells.
fn seed_noise(sides: [&Side; 2]) -> Option<(f64, usize)> {
    let (mut squares, mut free, mut cells) = (0.0, 0.0, 0);
    for side in sides {
        let mut by_cell: BTreeMap<(&str, Option<&str>), Vec<f64>> = BTreeMap::new();
        for run in &side.runs {
            if let Some(loss) = run.loss_nats.filter(|loss| *loss > 0.0) {
                let place = (run.cell.as_str(), run.precision.as_deref());
                by_cell.entry(place).or_default().push(loss.ln());
            }
        }
        for logs in by_cell.values().filter(|logs| logs.len() > 1) {
            let mean = logs.iter().sum::<f64>() / logs.len() as f64;
            squares += logs.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
            free += logs.len() as f64 - 1.0;
            cells += 1;
        }
    }
    (free > 0.0 && squares > 0.0).then(|| ((squares / free).sqrt(), cells))
}

/// Plane of the differences over ln N and ln D, or a line over ln N where D follows N.
fn trend(pairs: &[&Pair], logs: &[f64], level: f64) -> Option<Trend> {
    if logs.len() < LEAST_FOR_TREND {
        return None;
    }
    let mean = logs.iter().sum::<f64>() / logs.len() as f64;
    let about_mean: f64 = logs.iter().map(|d| (d - mean).powi(2)).sum();
    let tens = |x: f64| x.log10();
    let centre =
        |of: fn(&Pair) -> f64| pairs.iter().map(|p| tens(of(p))).sum::<f64>() / pairs.len() as f64;
    let (n, d) = (centre(|p| p.params), centre(|p| p.tokens));
    let row = |p: &Pair, both: bool| {
        let mut row = vec![1.0, tens(p.params) - n];
        if both {
            row.push(tens(p.tokens) - d);
        }
        row
    };
    let fit = [true, false].into_iter().find_map(|both| {
        let rows: Vec<Vec<f64>> = pairs.iter().map(|p| row(p, both)).collect();
        least_squares::fit(&rows, logs, &vec![1.0; logs.len()])
    })?;
    let slopes = fit.coefficients.len() as f64 - 1.0;
    let variance = fit.squares / fit.free;
    let quantile = exact_student_quantile(0.5 + 0.5 * level, fit.free);
    let slope = |k: usize| {
        let (point, error) = (fit.coefficients[k], (fit.covariance[(k, k)] * variance).sqrt());
        let half = quantile * error;
        let interval = Interval { lo: point - half, hi: point + half, level };
        Estimate { point, standard_error: Some(error), interval: Some(interval) }
    };
    let explained = (about_mean - fit.squares).max(0.0) / slopes;
    let p = match (variance > 0.0, explained > 0.0) {
        (true, _) => f_tail(explained / variance, slopes, fit.free),
        (false, seen) => {
            if seen {
                0.0
            } else {
                1.0
            }
        }
    };
    let tokens = (fit.coefficients.len() > 2).then(|| slope(2));
    Some(Trend { params: slope(1), tokens, p })
}
