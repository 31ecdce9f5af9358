//! How fast machines trained the same shapes.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::side::{Pace, Run, Side};

/// Speed of one shape, in stacks of one width, on every side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpeedRow {
    pub shape: String,
    pub params: f64,
    pub stack_width: usize,
    pub precision: Option<String>,
    /// By side; `None` where it did not train so.
    pub rates: Vec<Option<Rate>>,
}

/// Medians over runs, with their range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rate {
    pub runs: usize,
    pub tokens_per_second: Spread,
    pub flops_per_second: Spread,
    /// Joules for a thousand tokens, where they are known.
    pub joules_per_thousand: Option<Spread>,
    /// Of the measured peak of matrix products in this precision.
    pub peak_share: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    pub median: f64,
    pub lo: f64,
    pub hi: f64,
}

/// What a whole study took on one side.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StudyTime {
    /// Seconds of the device.
    pub train_seconds: f64,
    pub eval_seconds: f64,
    /// Between the first start and the last end, pauses of more than [`PAUSE`] seconds left out.
    pub wall_seconds: Option<f64>,
    pub flops: f64,
    /// Until the first step of a stack was done, over its runs.
    pub first_step: Option<Spread>,
}

/// Seconds without any stack after which a study counts as interrupted.
pub const PAUSE: f64 = 120.0;

impl StudyTime {
    /// Share of the wall time in which the device trained.
    pub fn trained_share(&self) -> Option<f64> {
        self.wall_seconds.filter(|wall| *wall > 0.0).map(|wall| self.train_seconds / wall)
    }
}

impl Spread {
    /// Of one value or more.
    pub fn of(mut values: Vec<f64>) -> Spread {
        values.sort_unstable_by(f64::total_cmp);
        let many = values.len();
        let median = 0.5 * (values[(many - 1) / 2] + values[many / 2]);
        Spread { median, lo: values[0], hi: values[many - 1] }
    }
}

type Place = (usize, String, usize, Option<String>);

/// Rows by size, then width of the stack. Only what at least one side trained.
pub fn speeds(sides: &[&Side]) -> Vec<SpeedRow> {
    let mut rows: BTreeMap<Place, Vec<Vec<&Run>>> = BTreeMap::new();
    for (k, side) in sides.iter().enumerate() {
        for run in &side.runs {
            let Some(pace) = &run.pace else { continue };
            let place =
                (run.params as usize, run.shape.clone(), pace.stack_width, run.precision.clone());
            rows.entry(place).or_insert_with(|| vec![Vec::new(); sides.len()])[k].push(run);
        }
    }
    let row = |((params, shape, stack_width, precision), runs): (Place, Vec<Vec<&Run>>)| {
        let rate = |(k, runs): (usize, &Vec<&Run>)| {
            if runs.is_empty() {
                return None;
            }
            let paces: Vec<&Pace> = runs.iter().filter_map(|run| run.pace.as_ref()).collect();
            let of = |value: fn(&Pace) -> f64| Spread::of(paces.iter().map(|p| value(p)).collect());
            let joules = |run: &&Run| Some(1e3 * run.pace.as_ref()?.joules? / run.tokens);
            let joules: Vec<f64> = runs.iter().filter_map(joules).collect();
            let flops_per_second = of(|p| p.flops_per_second);
            let peak = sides[k].peaks.iter().find(|(name, _)| Some(name) == precision.as_ref());
            Some(Rate {
                runs: runs.len(),
                joules_per_thousand: (!joules.is_empty()).then(|| Spread::of(joules)),
                tokens_per_second: of(|p| p.tokens_per_second),
                flops_per_second,
                peak_share: peak.map(|(_, peak)| flops_per_second.median / peak),
            })
        };
        SpeedRow {
            rates: runs.iter().enumerate().map(rate).collect(),
            shape,
            params: params as f64,
            stack_width,
            precision,
        }
    };
    rows.into_iter().map(row).collect()
}

/// Sums over the runs that say how they went; `None` where none does.
pub fn study_time(side: &Side, seconds: impl Fn(&str) -> Option<f64>) -> Option<StudyTime> {
    let paces: Vec<(&Pace, f64)> =
        side.runs.iter().filter_map(|run| Some((run.pace.as_ref()?, run.flops))).collect();
    if paces.is_empty() {
        return None;
    }
    let sum = |of: fn(&Pace) -> f64| paces.iter().map(|(p, _)| of(p)).sum();
    let first: Vec<f64> = paces.iter().filter_map(|(p, _)| p.first_step_seconds).collect();
    Some(StudyTime {
        first_step: (!first.is_empty()).then(|| Spread::of(first)),
        train_seconds: sum(|p| p.train_seconds),
        eval_seconds: sum(|p| p.eval_seconds),
        wall_seconds: wall(&paces, seconds),
        flops: paces.iter().map(|(_, flops)| flops).sum(),
    })
}

/// Length of the union of all spans, with gaps of up to [`PAUSE`] in it.
fn wall(paces: &[(&Pace, f64)], seconds: impl Fn(&str) -> Option<f64>) -> Option<f64> {
    let span = |p: &Pace| Some((seconds(&p.started_utc)?, seconds(&p.ended_utc)?));
    let mut spans = paces.iter().map(|(p, _)| span(p)).collect::<Option<Vec<_>>>()?;
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut total, mut end) = (0.0, f64::NEG_INFINITY);
    for (from, to) in spans {
        let gap = from - end;
        total += if gap <= PAUSE { (to - end).max(0.0) } else { to - from };
        end = end.max(to);
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(from: f64, to: f64) -> Pace {
        Pace {
            stack_width: 1,
            tokens_per_second: 1.0,
            flops_per_second: 1.0,
            train_seconds: to - from,
            eval_seconds: 0.0,
            first_step_seconds: None,
            joules: None,
            started_utc: from.to_string(),
            ended_utc: to.to_string(),
        }
    }

    #[test]
    fn wall_time_is_a_union_without_pauses() {
        let paces = [pace(0.0, 10.0), pace(2.0, 8.0), pace(20.0, 30.0), pace(1000.0, 1010.0)];
        let all: Vec<(&Pace, f64)> = paces.iter().map(|p| (p, 1.0)).collect();
        assert_eq!(wall(&all, |s| s.parse().ok()), Some(40.0));
        assert_eq!(wall(&all, |_| None), None);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        let spread = Spread::of(vec![3.0, 1.0, 2.0, 10.0]);
        assert_eq!((spread.median, spread.lo, spread.hi), (2.5, 1.0, 10.0));
    }
}
