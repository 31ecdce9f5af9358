//! A forecast beside what was trained after it.
//!
//! Two things can be held against the forecast of a budget's best loss: the best run of that budget, which the interval of a
//! *new run* should hold, and the minimum of the slice's curve, which the interval of the *expected loss* should.

use serde::{Deserialize, Serialize};

use crate::error::FitError;
use crate::estimate::Estimate;
use crate::isoflop::{IsoflopOptions, Minimum, SliceFit, fit_isoflop, slice_minima};
use crate::observation::Observation;
use crate::table::Table;

/// A run spends a budget if its own, or else its C, is this near to it.
pub const BUDGET_TOLERANCE: f64 = 0.01;
/// A run is of an N and a D if both are this near.
pub const SPLIT_TOLERANCE: f64 = 0.02;

/// What was asked of a forecast that runs can answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Question {
    /// The best loss of a budget.
    Budget { flops: f64 },
    /// The loss of one N and D.
    Split { params: f64, tokens: f64, flops: f64 },
}

/// A question and what was forecast.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    pub question: Question,
    /// Expected loss.
    pub loss_nats: Estimate,
    /// The same with the interval of a new run.
    pub new_run_nats: Estimate,
    /// N* of a budget.
    pub params: Option<Estimate>,
    /// D* of a budget.
    pub tokens: Option<Estimate>,
}

/// How far a forecast was off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Off {
    pub forecast: Estimate,
    pub found: Estimate,
    /// Found over forecast, minus 1.
    pub relative: f64,
    /// Found less forecast, over the distance from the forecast to that end of its interval which lies on the same side:
    /// within -1 to 1 inside. `None` without an interval.
    pub half_widths: Option<f64>,
    /// Whether the interval holds what was found; `None` without one.
    pub inside: Option<bool>,
}

/// A run and how far its loss was off.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunScore {
    pub run: String,
    pub params: f64,
    pub tokens: f64,
    pub flops: f64,
    /// Against the interval of a new run.
    pub loss: Off,
}

/// A slice's minimum and how far it was off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MinimumScore {
    /// Against the interval of the expected loss.
    pub loss: Off,
    /// N*; `None` where none was forecast.
    pub params: Option<Off>,
}

/// A forecast with what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scored {
    pub question: Question,
    /// The runs that answer, by name.
    pub answered_by: Vec<String>,
    /// Of a budget its best run; of an N and a D every run near them, the least loss first.
    pub runs: Vec<RunScore>,
    /// Of a budget.
    pub minimum: Option<MinimumScore>,
    /// Why the budget's slice has no minimum.
    pub no_minimum: Option<String>,
}

impl Off {
    pub fn new(forecast: Estimate, found: Estimate) -> Off {
        let off = found.point - forecast.point;
        let half_widths = forecast.interval.map(|i| {
            let end = if off < 0.0 { forecast.point - i.lo } else { i.hi - forecast.point };
            off / end
        });
        Off {
            forecast,
            found,
            relative: found.point / forecast.point - 1.0,
            half_widths: half_widths.filter(|h| h.is_finite()),
            inside: forecast.interval.map(|i| i.contains(found.point)),
        }
    }
}

/// Later runs, to hold forecasts against.
pub struct Scorer<'a> {
    table: &'a Table,
    slices: Result<Vec<SliceFit>, FitError>,
}

impl<'a> Scorer<'a> {
    /// Minima have intervals where the table has slices enough for [`fit_isoflop`].
    pub fn new(table: &'a Table, options: &IsoflopOptions) -> Scorer<'a> {
        let fitted = fit_isoflop(table, options).map(|fit| fit.slices);
        Scorer { table, slices: fitted.or_else(|_| slice_minima(table, options)) }
    }

    /// # Errors
    /// [`FitError::NoResult`] where no run answers the question.
    pub fn score(&self, claim: &Claim) -> Result<Scored, FitError> {
        let rows = self.table.rows();
        let mut answers: Vec<&Observation> =
            rows.iter().filter(|r| answers(&claim.question, r)).collect();
        answers.sort_by(|a, b| a.loss_nats.total_cmp(&b.loss_nats));
        if answers.is_empty() {
            return Err(self.unanswered(&claim.question));
        }
        let of_run = |r: &Observation| RunScore {
            run: r.run.clone(),
            params: r.params,
            tokens: r.tokens,
            flops: r.flops,
            loss: Off::new(claim.new_run_nats, Estimate::bare(r.loss_nats)),
        };
        let answered_by = answers.iter().map(|r| r.run.clone()).collect();
        let (runs, minimum) = match claim.question {
            Question::Split { .. } => (answers.into_iter().map(of_run).collect(), None),
            Question::Budget { flops } => (vec![of_run(answers[0])], Some(self.minimum(flops))),
        };
        let (minimum, no_minimum) = match minimum {
            Some(Ok(m)) => {
                let params = claim.params.map(|forecast| Off::new(forecast, m.params));
                (Some(MinimumScore { loss: Off::new(claim.loss_nats, m.loss_nats), params }), None)
            }
            Some(Err(why)) => (None, Some(why)),
            None => (None, None),
        };
        Ok(Scored { question: claim.question, answered_by, runs, minimum, no_minimum })
    }

    /// The minimum of a budget's slice, or why there is none.
    fn minimum(&self, flops: f64) -> Result<Minimum, String> {
        let message = |e: &FitError| e.to_string().lines().next().unwrap_or_default().to_owned();
        let slices = self.slices.as_ref().map_err(message)?;
        let slice = slices.iter().find(|s| near(s.flops, flops, BUDGET_TOLERANCE));
        let slice = slice.ok_or("its runs make no slice of their own")?;
        let refused = || slice.refusal.as_ref().map_or_else(String::new, ToString::to_string);
        slice.minimum.ok_or_else(refused)
    }

    fn unanswered(&self, question: &Question) -> FitError {
        let rows = self.table.rows();
        let (what, why, hint) = match question {
            Question::Budget { flops } => {
                let most = rows.iter().map(budget_of).fold(0.0, f64::max);
                (
                    format!("the score of the forecast for {flops:.3e} FLOPs"),
                    format!("no run spends it within 1%; the largest budget there is {most:.3e}"),
                    "train runs of that budget first, or name the folder or table that has them",
                )
            }
            Question::Split { params, tokens, .. } => {
                let off = |r: &Observation| {
                    (r.params / params).ln().abs().max((r.tokens / tokens).ln().abs())
                };
                let nearest = rows.iter().min_by(|a, b| off(a).total_cmp(&off(b)));
                let nearest = nearest.map_or_else(String::new, |r| {
                    format!(
                        "; the nearest, {}, has N = {:.4e}, D = {:.4e}",
                        r.run, r.params, r.tokens
                    )
                });
                (
                    format!("the score of the forecast for N = {params:.4e} and D = {tokens:.4e}"),
                    format!("no run has both within 2%{nearest}"),
                    "forecast the N and D of a run that is to be trained, as `sweep plan` shows them",
                )
            }
        };
        FitError::NoResult { what, why, hint: hint.into() }
    }
}

fn answers(question: &Question, run: &Observation) -> bool {
    match question {
        Question::Budget { flops } => near(budget_of(run), *flops, BUDGET_TOLERANCE),
        Question::Split { params, tokens, .. } => {
            near(run.params, *params, SPLIT_TOLERANCE) && near(run.tokens, *tokens, SPLIT_TOLERANCE)
        }
    }
}

fn near(value: f64, wanted: f64, tolerance: f64) -> bool {
    (value / wanted - 1.0).abs() <= tolerance
}

fn budget_of(run: &Observation) -> f64 {
    run.budget_flops.unwrap_or(run.flops)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::Interval;

    fn with(point: f64, lo: f64, hi: f64) -> Estimate {
        let interval = Some(Interval { lo, hi, level: 0.95 });
        Estimate { point, standard_error: None, interval }
    }

    /// Five sizes of each budget about N* = 1e6 (C / 1e13)^.5, with a loss of 3 (C / 1e13)^-.05 there.
    fn table(budgets: &[f64]) -> Table {
        let mut rows = Vec::new();
        for &flops in budgets {
            for k in -2..=2 {
                let (x, best) = (f64::from(k) * 0.4, 1e6 * (flops / 1e13).sqrt());
                let params = best * x.exp();
                let loss = 3.0 * (flops / 1e13).powf(-0.05) * (1.0 + 0.02 * x * x);
                let run = format!("{flops:e} {k}");
                rows.push(Observation {
                    budget_flops: Some(flops),
                    ..Observation::new(run, params, flops / 6.0 / params, flops, loss)
                });
            }
        }
        Table::new(rows).unwrap()
    }

    fn claim(question: Question, loss: Estimate) -> Claim {
        let params = Some(with(2.5e6, 2e6, 3.5e6));
        Claim { question, loss_nats: loss, new_run_nats: loss, params, tokens: None }
    }

    #[test]
    fn what_is_off_is_measured_on_the_side_it_lies_on() {
        let forecast = with(2.0, 1.9, 2.3);
        let above = Off::new(forecast, Estimate::bare(2.15));
        assert!((above.half_widths.unwrap() - 0.5).abs() < 1e-12);
        assert!((above.relative - 0.075).abs() < 1e-12 && above.inside == Some(true));
        let below = Off::new(forecast, Estimate::bare(1.8));
        assert!((below.half_widths.unwrap() + 2.0).abs() < 1e-12);
        assert_eq!(below.inside, Some(false));
        let bare = Off::new(Estimate::bare(2.0), Estimate::bare(1.8));
        assert_eq!((bare.half_widths, bare.inside), (None, None));
    }

    #[test]
    fn a_budget_is_scored_by_its_best_run_and_its_minimum() {
        let table = table(&[1e13, 2e13, 4e13, 8e13]);
        let options = IsoflopOptions { draws: 200, ..Default::default() };
        let scorer = Scorer::new(&table, &options);
        let truth = 3.0 * 8f64.powf(-0.05);
        let asked =
            claim(Question::Budget { flops: 8.05e13 }, with(1.01 * truth, 0.9 * truth, 3.0));
        let scored = scorer.score(&asked).unwrap();
        assert_eq!(scored.answered_by.len(), 5);
        let [best] = &scored.runs[..] else { panic!("{:?}", scored.runs) };
        assert_eq!((best.run.as_str(), best.loss.inside), ("8e13 0", Some(true)));
        assert!((best.loss.relative - (1.0 / 1.01 - 1.0)).abs() < 1e-12);
        let minimum = scored.minimum.unwrap();
        assert!((minimum.loss.found.point / truth - 1.0).abs() < 1e-3, "{minimum:?}");
        assert!(minimum.loss.found.interval.is_some());
        assert!((minimum.params.unwrap().found.point / 8e6f64.sqrt() / 1e3 - 1.0).abs() < 0.05);
        // 2% away is another budget.
        let error = scorer.score(&claim(Question::Budget { flops: 8.2e13 }, asked.loss_nats));
        assert!(error.unwrap_err().to_string().contains("8.000e13"));
        // One slice alone has a minimum without an interval.
        let alone = table.filter("another budget", |r| r.flops > 7e13).unwrap();
        let scored = Scorer::new(&alone, &options).score(&asked).unwrap();
        assert!(scored.minimum.unwrap().loss.found.interval.is_none());
        // Three sizes have none, and it is said why.
        let few = alone.filter("few", |r| !r.run.ends_with('2')).unwrap();
        let scored = Scorer::new(&few, &options).score(&asked).unwrap();
        assert!(scored.minimum.is_none() && scored.no_minimum.unwrap().contains("needed"));
    }

    #[test]
    fn an_n_and_a_d_are_scored_by_the_runs_near_them() {
        let table = table(&[1e13, 2e13]);
        let scorer = Scorer::new(&table, &IsoflopOptions { draws: 0, ..Default::default() });
        let tokens = 1e13 / 6.0 / 1e6;
        let at = |params: f64| Question::Split { params, tokens, flops: 6.0 * params * tokens };
        let scored = scorer.score(&claim(at(1.01e6), with(3.1, 3.05, 3.15))).unwrap();
        assert_eq!(scored.answered_by, ["1e13 0"]);
        assert_eq!(scored.runs[0].loss.inside, Some(false));
        assert!((scored.runs[0].loss.half_widths.unwrap() + 2.0).abs() < 1e-9);
        assert!(scored.minimum.is_none() && scored.no_minimum.is_none());
        let error = scorer.score(&claim(at(1.1e6), with(3.1, 3.05, 3.15))).unwrap_err().to_string();
        assert!(error.contains("the nearest, 1e13 0,") && error.contains("hint: "), "{error}");
    }
}
