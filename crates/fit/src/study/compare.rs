//! The same quantity by other ways: approaches, objectives, conventions.

use serde::Serialize;

use super::{Answer, IsoflopRow, StudyOptions};
use crate::counting::Counting;
use crate::envelope::EnvelopeFit;
use crate::error::FitError;
use crate::estimate::Estimate;
use crate::isoflop::{IsoflopFit, IsoflopOptions, fit_isoflop};
use crate::law::{Law, LawKind};
use crate::objective::Objective;
use crate::outcome::Outcome;
use crate::parametric::{FitOptions, LawFit, LawResult, data, fit_law};
use crate::table::Table;
use crate::validate::exponent;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExponentRow {
    pub approach: String,
    /// a, of N*(C); `None` where refused.
    pub params: Option<Estimate>,
    /// b, of D*(C).
    pub tokens: Option<Estimate>,
    /// R^2 of ln N* about its power law of C, over what the approach fits it to; `None` for the law of approach 3, whose N* is one by its form.
    pub params_r_squared: Option<f64>,
    /// The same of ln D*.
    pub tokens_r_squared: Option<f64>,
    /// Why there is none, with a hint on its last line; or why there is no interval.
    pub refusal: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObjectiveRow {
    pub objective: Objective,
    pub outcome: Outcome,
    /// a, or what [`Law::own_exponent`] names; `None` unless it converged.
    pub exponent: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConventionRow {
    pub convention: Counting,
    pub rows: usize,
    /// a by approach 2.
    pub slices: Option<Estimate>,
    /// a by approach 3.
    pub law: Option<Estimate>,
    /// Why there is no figure, where there is none.
    pub refusal: Option<String>,
}

pub(super) fn exponents(
    first: &Answer<EnvelopeFit>,
    second: &[IsoflopRow],
    third: &Answer<LawFit>,
) -> Vec<ExponentRow> {
    let mut out = Vec::new();
    out.push(match first {
        Answer::Given(f) => {
            given("1 envelope".into(), [f.params, f.tokens], f.r_squared, &f.no_interval)
        }
        Answer::Refused(e) => refused("1 envelope".into(), e.to_string()),
    });
    for r in second {
        let name = format!("2 slices, {}", r.method.name());
        out.push(match &r.answer {
            Answer::Given(f) => {
                let both = [&f.params, &f.tokens];
                given(name, both.map(|p| p.exponent), both.map(|p| p.r_squared), &f.no_interval)
            }
            Answer::Refused(e) => refused(name, e.to_string()),
        });
    }
    let name = "3 law".to_string();
    out.push(match third {
        Answer::Given(fit) => match law_exponents(fit) {
            Ok((r, e)) => given(name, [e.params, e.tokens], [None; 2], &r.no_interval),
            Err(e) => refused(name, e.to_string()),
        },
        Answer::Refused(e) => refused(name, e.to_string()),
    });
    out
}

fn given(
    approach: String,
    [params, tokens]: [Estimate; 2],
    [params_r_squared, tokens_r_squared]: [Option<f64>; 2],
    no_interval: &Option<String>,
) -> ExponentRow {
    let (params, tokens) = (Some(params), Some(tokens));
    let refusal = no_interval.clone();
    ExponentRow { approach, params, tokens, params_r_squared, tokens_r_squared, refusal }
}

fn refused(approach: String, why: String) -> ExponentRow {
    ExponentRow {
        approach,
        params: None,
        tokens: None,
        params_r_squared: None,
        tokens_r_squared: None,
        refusal: Some(why),
    }
}

/// Exponents of a converged law of N and D, or why there are none.
fn law_exponents(fit: &LawFit) -> Result<(&LawResult, crate::parametric::Exponents), FitError> {
    let result = fit.result()?;
    Ok((result, result.frontier_of(&fit.law)?.exponents()))
}

/// What could be compared, and a sentence for each pair that disagrees.
pub(super) struct Compared {
    /// Pairs of different approaches; methods of one approach see the same slices.
    pub pairs: usize,
    /// Approaches of which nothing has an interval to compare.
    pub without: Vec<String>,
    pub disagreements: Vec<String>,
}

/// Every approach with every other, by their exponents a and b; the chosen methods also by N* and D* at the largest C.
pub(super) fn compare(
    rows: &[ExponentRow],
    first: Option<&EnvelopeFit>,
    second: Option<&IsoflopFit>,
    third: Option<&LawFit>,
    largest: f64,
) -> Compared {
    let mut out = Compared { pairs: 0, without: Vec::new(), disagreements: Vec::new() };
    let all: Vec<Side> = rows.iter().map(|r| (r.approach.clone(), r.params, r.tokens)).collect();
    out.add(&all, &|quantity, value| format!("{quantity} ~ C^{value}"), "gives");
    let mut splits: Vec<Side> = Vec::new();
    let mut add = |name: String, at: Option<crate::parametric::Allocation>| {
        splits.extend(at.map(|a| (name, Some(a.params), Some(a.tokens))));
    };
    add("1 envelope".into(), first.and_then(|f| f.at(largest).ok()));
    add(
        second.map_or_else(String::new, |f| format!("2 slices, {}", f.method.name())),
        second.and_then(|f| f.at(largest).ok()),
    );
    let law = third.and_then(|f| law_exponents(f).ok()).and_then(|(r, _)| r.frontier.as_ref());
    add("3 law".into(), law.and_then(|f| f.at(largest).ok()));
    let at = format!("at {largest:.3e} FLOPs gives");
    out.add(&splits, &|quantity, value| format!("{quantity} = {value}"), &at);
    let sides = || all.iter().chain(&splits);
    for (number, name) in NAMES {
        let known = |e: &Option<Estimate>| e.is_some_and(|e| e.interval.is_some());
        let mut own = sides().filter(|s| s.0.starts_with(number));
        if !own.any(|s| known(&s.1) || known(&s.2)) {
            out.without.push(name.into());
        }
    }
    out
}

/// The approaches, by the number that their rows begin with.
const NAMES: [(char, &str); 3] = [('1', "1 (envelope)"), ('2', "2 (slices)"), ('3', "3 (law)")];

/// An approach with what it says of N* and of D*.
type Side = (String, Option<Estimate>, Option<Estimate>);

impl Compared {
    /// Compares every pair; a pair that differs in N* is not told again for D*.
    fn add(&mut self, sides: &[Side], say: &dyn Fn(&str, &str) -> String, gives: &str) {
        for (i, a) in sides.iter().enumerate() {
            for b in &sides[i + 1..] {
                let quantities = [("N*", a.1, b.1), ("D*", a.2, b.2)];
                let mut counted = false;
                for (quantity, x, y) in quantities {
                    let (Some(x), Some(y)) = (x, y) else { continue };
                    let (Some(p), Some(q)) = (x.interval, y.interval) else { continue };
                    let apart = a.0.chars().next() != b.0.chars().next();
                    self.pairs += usize::from(apart && !counted);
                    counted = true;
                    if p.overlaps(&q) {
                        continue;
                    }
                    let (x, y) = (say(quantity, &in_digits(&x)), say(quantity, &in_digits(&y)));
                    self.disagreements.push(format!(
                        "Approach {} {gives} {x} and approach {} {y}: they disagree beyond their intervals.",
                        a.0, b.0
                    ));
                    break;
                }
            }
        }
    }
}

/// A value and its interval, with two digits of the interval's width.
fn in_digits(e: &Estimate) -> String {
    let Some(i) = e.interval else { return format!("{:.3}", e.point) };
    if e.point.abs() >= 1e4 {
        return format!("{:.3e} [{:.3e}, {:.3e}]", e.point, i.lo, i.hi);
    }
    let width = (i.hi - i.lo).max(1e-12);
    let digits = (1.0 - width.log10().floor()).clamp(3.0, 12.0) as usize;
    format!("{:.digits$} [{:.digits$}, {:.digits$}]", e.point, i.lo, i.hi)
}

pub(super) fn objectives(table: &Table, law: &dyn Law, options: &FitOptions) -> Vec<ObjectiveRow> {
    // Runs that cannot hold the law cannot under any objective.
    if data(table, law).is_err() {
        return Vec::new();
    }
    let mut compared = vec![options.objective];
    compared.extend(Objective::COMPARED.into_iter().filter(|o| *o != options.objective));
    let one = |objective| {
        let (outcome, exponent) = exponent(table, law, &FitOptions { objective, ..*options });
        ObjectiveRow { objective, outcome, exponent }
    };
    compared.into_iter().map(one).collect()
}

/// Under every convention that some run has counts for. Conventions that count every run alike are one row; the chosen
/// one's figures are those of the study.
pub(super) fn conventions(
    given: &Table,
    table: &Table,
    law: LawKind,
    second: &Answer<IsoflopFit>,
    third: &Answer<LawFit>,
    options: &StudyOptions,
) -> Vec<ConventionRow> {
    let mut out: Vec<(ConventionRow, Vec<(f64, f64)>)> = Vec::new();
    for convention in std::iter::once(options.convention).chain(Counting::ALL) {
        if out.iter().any(|(row, _)| row.convention == convention) {
            continue;
        }
        let Ok(counted) = given.under(convention) else { continue };
        let counts: Vec<(f64, f64)> = counted.rows().iter().map(|r| (r.params, r.flops)).collect();
        if out.iter().any(|(_, other)| *other == counts) {
            continue;
        }
        let row = if convention == options.convention {
            row(convention, table.len(), second, third)
        } else {
            other(convention, &counted, law, options)
        };
        out.push((row, counts));
    }
    let place = |c: Counting| Counting::ALL.iter().position(|x| *x == c);
    let mut rows: Vec<ConventionRow> = out.into_iter().map(|(row, _)| row).collect();
    rows.sort_by_key(|r| place(r.convention));
    rows
}

fn other(
    convention: Counting,
    table: &Table,
    kind: LawKind,
    options: &StudyOptions,
) -> ConventionRow {
    // Enough draws for an interval in a table of comparison.
    let draws = |n: usize| n.min(300);
    let isoflop = IsoflopOptions { draws: draws(options.isoflop.draws), ..options.isoflop };
    let mut fit = options.fit;
    fit.intervals.draws = draws(fit.intervals.draws);
    let second = fit_isoflop(table, &isoflop).into();
    let law = kind.law();
    let third = kind.prepare(table).and_then(|t| fit_law(&t, law.as_ref(), &fit)).into();
    row(convention, table.len(), &second, &third)
}

fn row(
    convention: Counting,
    rows: usize,
    second: &Answer<IsoflopFit>,
    third: &Answer<LawFit>,
) -> ConventionRow {
    let law = match third {
        Answer::Given(fit) => law_exponents(fit).map(|(_, e)| e.params),
        Answer::Refused(e) => Err(e.clone()),
    };
    let refusal = match (second, &law) {
        (Answer::Refused(a), Err(b)) => Some(format!("approach 2: {a}; approach 3: {b}")),
        _ => None,
    };
    ConventionRow {
        convention,
        rows,
        slices: second.given().map(|f| f.params.exponent),
        law: law.ok(),
        refusal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::Interval;

    fn about(point: f64, half: f64) -> Option<Estimate> {
        let interval = Some(Interval { lo: point - half, hi: point + half, level: 0.95 });
        Some(Estimate { interval, ..Estimate::bare(point) })
    }

    #[test]
    fn disagreement_in_either_exponent_or_in_the_split_is_told_once_a_pair() {
        let told = |sides: &[Side]| {
            let mut out = Compared { pairs: 0, without: Vec::new(), disagreements: Vec::new() };
            out.add(sides, &|quantity, value| format!("{quantity} = {value}"), "gives");
            (out.pairs, out.disagreements)
        };
        let one = ("1".to_string(), about(0.5, 0.01), about(0.5, 0.01));
        let same = ("2".to_string(), about(0.505, 0.01), about(0.49, 0.02));
        assert_eq!(told(&[one.clone(), same]), (1, vec![]));
        let other = ("3".to_string(), about(0.505, 0.01), about(0.6, 0.01));
        let (pairs, sentences) = told(&[one.clone(), other]);
        assert_eq!((pairs, sentences.len()), (1, 1));
        assert!(sentences[0].contains("D* = 0.500"), "{}", sentences[0]);
        let far = ("4".to_string(), about(4.55e11, 1e11), about(9.09e12, 1e12));
        let near = ("5".to_string(), about(8.26e8, 1e7), about(1.91e10, 1e9));
        assert!(told(&[far, near]).1[0].contains("4.550e11"));
        let bare = ("6".to_string(), Some(Estimate::bare(0.9)), None);
        assert_eq!(told(&[one, bare]), (0, vec![]));
        let slices = |method: &str| (format!("2 slices, {method}"), about(0.5, 0.01), None);
        assert_eq!(told(&[slices("corrected"), slices("akima")]), (0, vec![]));
    }
}
