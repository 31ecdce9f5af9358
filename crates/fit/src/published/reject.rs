//! Whether runs reject a published law, as Besiroglu et al. 2024 (arXiv:2404.10102) test Hoffmann et al.'s parameters on their runs.
//!
//! Three nulls. *Exponents*: alpha and beta as published, E, A and B refitted, since other data and another tokenizer change these
//! alone where the law is one of architecture and optimiser. *Whole law*: all five as published; it asks for the same data,
//! tokenizer and counting. *Split*: a of N*(C), for publications that give no more, by each approach that has an interval.
//!
//! The first two are likelihood ratios with the scale profiled out, `T = n ln(S_0 / S_1)` of the least objectives `S` under the null
//! and of the free law. For squares T is near chi-square; for robust objectives it is not, so p is the share of tables drawn
//! under the null (its fit, and the free fit's residuals in whole clusters) whose T is as large. The split's is Wald's, by the
//! bootstrap's standard error.

use serde::Serialize;

use super::{Form, Published};
use crate::error::FitError;
use crate::estimate::Estimate;
use crate::intervals::{normal_cdf, normal_quantile};
use crate::isoflop::IsoflopFit;
use crate::law::{GivenExponents, Hoffmann, Law, Sample, SumOfPowers};
use crate::parametric::{FitOptions, LawResult, data, optimum, thresholds};
use crate::solve::Model;
use crate::stats::median_size;
use crate::table::Table;

use super::null_draws::NullDraws;

/// What is held as published.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Null {
    /// alpha and beta.
    Exponents,
    /// E, A, alpha, B and beta.
    WholeLaw,
    /// a of N*(C), against what an approach finds.
    Split { approach: &'static str },
}

/// One test.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NullTest {
    pub null: Null,
    /// What is held, by name: as published, and as the runs have it.
    pub held: Vec<Held>,
    pub degrees_of_freedom: usize,
    /// T, or the square of Wald's.
    pub statistic: f64,
    pub p: f64,
    /// Tables drawn under the null; `None` where p is chi-square's.
    pub draws: Option<usize>,
    /// Whether the interval that the publication gives is counted too.
    pub its_interval_counted: bool,
    /// Whether p is below 1 minus the level of the intervals.
    pub rejected: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Held {
    pub name: &'static str,
    pub published: f64,
    pub fitted: f64,
}

/// Every test of one published law.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LawTest {
    pub law: &'static str,
    /// How it counts N and C, which the runs should too.
    pub convention: &'static str,
    pub tests: Vec<NullTest>,
    /// Tests that could not be made, and why.
    pub refused: Vec<FitError>,
}

/// What the runs say by other approaches, for tests of the split.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fits<'a> {
    pub slices: Option<&'a IsoflopFit>,
    pub law: Option<&'a LawResult>,
}

/// Most tables drawn under a null.
const MOST_DRAWS: usize = 1000;
/// Fewest for a p at all.
const LEAST_DRAWS: usize = 100;

/// Tests a published law on runs counted as it counts. `options` are those of the law's fit; of its draws at most 1,000 are made.
///
/// # Errors
/// [`FitError::BadOption`] for a publication without a law or an exponent. Tests that the runs do not allow are in
/// [`LawTest::refused`].
pub fn test_law(
    table: &Table,
    published: &'static Published,
    fits: Fits,
    options: &FitOptions,
) -> Result<LawTest, FitError> {
    options.check()?;
    let (Some(params), level) = (split_of(published), options.intervals.level) else {
        return Err(FitError::BadOption {
            option: "law".into(),
            value: published.key.into(),
            range: "published laws with an exponent of N*(C)".into(),
            hint: "see `sweep predict --list`".into(),
        });
    };
    let mut test = LawTest {
        law: published.key,
        convention: published.convention,
        tests: Vec::new(),
        refused: Vec::new(),
    };
    if let Form::Sum { .. } = published.form
        && let Some(law) = published.sum_of_powers()
    {
        match ratios(table, &law, options) {
            Ok(tests) => test.tests.extend(tests),
            Err(why) => test.refused.push(why),
        }
    }
    let by_slices = fits.slices.map(|f| ("slices", f.params.exponent));
    let by_law = fits.law.and_then(|f| f.exponents).map(|e| ("law", e.params));
    let splits = by_slices.into_iter().chain(by_law);
    let its = published.exponent_interval;
    test.tests.extend(splits.filter_map(|(approach, a)| split(approach, a, params, its, level)));
    if test.tests.is_empty() && test.refused.is_empty() {
        test.refused.push(FitError::NoResult {
            what: format!("the test of `{}`", published.key),
            why: "no approach has an interval".into(),
            hint: "ask for draws, and see why the approaches have none".into(),
        });
    }
    Ok(test)
}

/// a of N*(C); of publications that give D*(C) alone, what it leaves.
fn split_of(published: &Published) -> Option<f64> {
    let (params, tokens) = published.exponents();
    params.or(tokens.map(|b| 1.0 - b))
}

/// Wald's test of a.
fn split(
    approach: &'static str,
    found: Estimate,
    published: f64,
    interval: Option<(f64, f64)>,
    level: f64,
) -> Option<NullTest> {
    let own = interval.map_or(0.0, |(lo, hi)| (hi - lo) / (2.0 * normal_quantile(0.975)));
    let error = found.standard_error?.hypot(own);
    let z = (found.point - published) / error;
    let p = 2.0 * normal_cdf(-z.abs());
    z.is_finite().then(|| NullTest {
        null: Null::Split { approach },
        held: vec![Held { name: "a", published, fitted: found.point }],
        degrees_of_freedom: 1,
        statistic: z * z,
        p,
        draws: None,
        its_interval_counted: interval.is_some(),
        rejected: p < 1.0 - level,
    })
}

/// Likelihood ratios of the exponents and of the whole law.
fn ratios(
    table: &Table,
    law: &SumOfPowers,
    options: &FitOptions,
) -> Result<Vec<NullTest>, FitError> {
    let wanted = options.intervals.draws.min(MOST_DRAWS);
    if wanted < LEAST_DRAWS {
        return Err(FitError::BadOption {
            option: "draws".into(),
            value: options.intervals.draws.to_string(),
            range: format!("{LEAST_DRAWS} and more, for tables drawn under the null"),
            hint: "1000 and more are usual".into(),
        });
    }
    data(table, &Hoffmann)?;
    let sample = Sample::new(table);
    let (log, objective) = (options.objective.is_log(), options.objective);
    let free = optimum(&Hoffmann, &sample, objective, options.starts);
    let held = GivenExponents { alpha: law.alpha, beta: law.beta };
    let under = optimum(&held, &sample, objective, options.starts);
    for (name, found) in [("hoffmann", &free), ("hoffmann with the exponents given", &under)] {
        // E may vanish under a null that is wrong.
        let ended = found.theta.iter().all(|v| v.is_finite());
        if !ended || (name == "hoffmann" && !found.outcome.is_result()) {
            return Err(FitError::NoResult {
                what: name.into(),
                why: found.outcome.to_string(),
                hint: found.outcome.hint().unwrap_or_default(),
            });
        }
    }
    let model = Model::new(&Hoffmann, &sample, log);
    let residuals = model.residuals(&free.theta);
    let width = 1.5 * median_size(&residuals).max(1e-12);
    let last = objective.threshold(width, free.sigma);
    let (deltas, stages) = thresholds(width, last);
    let centre = &sample.centre;
    let published_theta = {
        let natural = [law.log_floor.exp(), law.log_a.exp(), law.alpha, law.log_b.exp(), law.beta];
        Hoffmann.working(&natural, centre)
    };
    // The null's place in the free law.
    let given = [under.theta[0], under.theta[1], law.alpha, under.theta[2], law.beta];
    let draws = NullDraws {
        model: &model,
        held: Model::new(&held, &sample, log),
        clusters: table.clusters(),
        residuals,
        deltas: &deltas[..stages],
        last,
        count: wanted,
        seed: options.intervals.seed,
    };
    let fitted = Hoffmann.natural(&free.theta, centre);
    let published = Hoffmann.natural(&published_theta, centre);
    let names = ["E", "A", "alpha", "B", "beta"];
    let one = |null: Null, theta: &[f64], at: &[usize]| -> Result<NullTest, FitError> {
        let refitted = null == Null::Exponents;
        let statistic = draws.statistic(&model.residuals(theta), &draws.residuals);
        let drawn = draws.under(theta, refitted)?;
        let beyond = drawn.iter().filter(|t| **t >= statistic).count();
        let p = (beyond + 1) as f64 / (drawn.len() + 1) as f64;
        Ok(NullTest {
            null,
            held: at
                .iter()
                .map(|&k| Held { name: names[k], published: published[k], fitted: fitted[k] })
                .collect(),
            degrees_of_freedom: at.len(),
            statistic,
            p,
            draws: Some(drawn.len()),
            its_interval_counted: false,
            rejected: p < 1.0 - options.intervals.level,
        })
    };
    Ok(vec![
        one(Null::Exponents, &given, &[2, 4])?,
        one(Null::WholeLaw, &published_theta, &[0, 1, 2, 3, 4])?,
    ])
}
