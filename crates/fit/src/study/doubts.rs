//! Warnings from what a study found.

use super::compare::ObjectiveRow;
use super::dependence::clusters;
use super::mistuned::{mistuned, spoiled};
use super::{Answer, LawChecks, Study};
use crate::compute::ComputeRule;
use crate::error::FitError;
use crate::intervals::Resampling;
use crate::isoflop::{Method, group_slices};
use crate::left_out::{LeftOut, LeftOutReason, by_reason};
use crate::machines::MachineEffects;
use crate::objective::Objective;
use crate::outcome::Outcome;
use crate::parametric::LawFit;
use crate::stats::{centred, dot, range};
use crate::table::Table;
use crate::validate::{HeldOut, LeftOutSlice, Outliers, Residuals, ShapeTest};
use crate::warning::Warning;
use crate::words::listed;

/// `table` is the whole one, `of_law` what the law was fitted to.
pub(super) fn warnings(table: &Table, of_law: &Table, study: &Study) -> Vec<Warning> {
    let mut out = Vec::new();
    let checked = Checked {
        fit: study.approach3.given(),
        own_exponent: Some(study.exponent_name),
        objectives: &study.objectives,
        held_out: &study.held_out,
        residuals: study.residuals.as_ref(),
        outliers: study.outliers.as_ref(),
        without_slice: &study.without_slice,
    };
    rows(table, &study.compute, &mut out);
    out.extend(study.machines.iter().flat_map(MachineEffects::warnings));
    clusters(table, checked.fit, &mut out);
    refusals(study, &mut out);
    slices(table, study, &mut out);
    out.extend(spoiled(study));
    mistuned(table, of_law, study, &mut out);
    law(&checked, &mut out);
    narrow(checked.fit, &mut out);
    if study.isoflop().is_some_and(|f| f.method == Method::Parabola && f.draws > 0) {
        let method = "parabolas, off by their bias,".to_string();
        out.push(Warning::NarrowIntervals { method, coverage: 0.87 });
    }
    out.extend(study.forecast.given().and_then(|f| f.law_off_top_minimum()));
    for sentence in &study.disagreements {
        out.push(Warning::ApproachesDisagree { sentence: sentence.clone() });
    }
    out
}

/// Doubts about one law and the runs that it was fitted to, without the other approaches.
pub fn law_warnings(table: &Table, fit: &LawFit, checks: &LawChecks) -> Vec<Warning> {
    let mut out = Vec::new();
    let checked = Checked {
        fit: Some(fit),
        own_exponent: checks.own_exponent,
        objectives: &checks.objectives,
        held_out: &checks.held_out,
        residuals: checks.residuals.as_ref(),
        outliers: checks.outliers.as_ref(),
        without_slice: &checks.without_slice,
    };
    rows(table, &ComputeRule::of(table), &mut out);
    clusters(table, checked.fit, &mut out);
    law(&checked, &mut out);
    narrow(checked.fit, &mut out);
    out
}

/// A law and what its checks found.
struct Checked<'a> {
    fit: Option<&'a LawFit>,
    own_exponent: Option<&'static str>,
    objectives: &'a [ObjectiveRow],
    held_out: &'a [Answer<HeldOut>],
    residuals: Option<&'a Residuals>,
    outliers: Option<&'a Outliers>,
    without_slice: &'a [LeftOutSlice],
}

/// A choice whose intervals cover too little in `examples/coverage.rs`; it is no default.
fn narrow(fit: Option<&LawFit>, out: &mut Vec<Warning>) {
    let Some((fit, result)) = fit.and_then(|f| Some((f, f.result.as_ref()?))) else { return };
    let squares = [Objective::SquaredLog, Objective::SquaredLinear];
    if result.resampling == Some(Resampling::Wild) && !squares.contains(&fit.objective) {
        let method = format!("wild draws under {}", fit.objective.name());
        out.push(Warning::NarrowIntervals { method, coverage: 0.86 });
    }
}

fn rows(table: &Table, compute: &ComputeRule, out: &mut Vec<Warning>) {
    let left = table.left_out();
    if !left.is_empty() {
        let asked = |l: &&LeftOut| matches!(l.reason, LeftOutReason::Asked { .. });
        let asked = left.iter().filter(asked).count();
        out.push(Warning::RowsLeftOut { count: left.len(), asked, reasons: reasons(left) });
    }
    let n: Vec<f64> = table.rows().iter().map(|r| r.params.ln()).collect();
    let d: Vec<f64> = table.rows().iter().map(|r| r.tokens.ln()).collect();
    if let Some(correlation) = correlation(&n, &d)
        && correlation > 0.95
    {
        out.push(Warning::CollinearDesign { correlation });
    }
    if compute.residual > 0.05 {
        out.push(Warning::MixedConventions { residual: compute.residual });
    }
}

/// `loss is missing (2: a, b)`, the most frequent reason first.
fn reasons(left: &[LeftOut]) -> Vec<String> {
    let mut all = by_reason(left);
    all.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
    let line = |(reason, rows): (String, Vec<&LeftOut>)| {
        let runs: Vec<&str> = rows.iter().map(|row| row.run.as_str()).collect();
        format!("{reason} ({}: {})", runs.len(), listed(&runs))
    };
    all.into_iter().map(line).collect()
}

/// Approaches without a result, and results without an interval.
fn refusals(study: &Study, out: &mut Vec<Warning>) {
    let mut add = |approach: &str, why: Option<&FitError>, no_interval: Option<&String>| {
        out.extend(why.map(|why| Warning::no_result(approach, why)));
        if let Some(why) = no_interval {
            let method = format!("approach {approach}");
            out.push(Warning::NoInterval { method, why: why.clone() });
        }
    };
    let first = &study.approach1;
    let no_interval = first.given().and_then(|f| f.no_interval.as_ref());
    add("1 (envelope)", first.refusal(), no_interval);
    if let Some(row) = study.approach2.first() {
        let no_interval = row.answer.given().and_then(|f| f.no_interval.as_ref());
        add("2 (slices)", row.answer.refusal(), no_interval);
    }
    let reads = study.law_kind.law().reads();
    let third = match &study.approach3 {
        Answer::Refused(e) => Some(e.clone()),
        Answer::Given(fit) => match fit.result() {
            Ok(r) if reads.params && reads.tokens => r.frontier_of(&fit.law).err(),
            Ok(_) => None,
            Err(why) => Some(why),
        },
    };
    let no_interval = study.law().and_then(|r| r.no_interval.as_ref());
    add("3 (law)", third.as_ref(), no_interval);
}

fn slices(table: &Table, study: &Study, out: &mut Vec<Warning>) {
    // What shares its C by chance alone is no budget.
    let second = study.approach2.first().and_then(|row| row.answer.refusal());
    if matches!(second, Some(FitError::NoSlices { .. })) {
        return;
    }
    let groups: Vec<_> = group_slices(table).into_iter().filter(|g| g.rows.len() > 2).collect();
    if groups.len() > 1 && groups.len() < 5 {
        out.push(Warning::FewBudgets { budgets: groups.len() });
    }
    let steps = groups.windows(2).map(|w| w[1].flops / w[0].flops);
    let closest = steps.fold(f64::INFINITY, f64::min);
    if closest < 1.5 {
        out.push(Warning::BudgetsTooClose { factor: closest });
    }
    let Some(fit) = study.isoflop() else { return };
    let few: Vec<usize> = fit.slices.iter().map(|s| s.sizes).filter(|s| *s < 6).collect();
    if let Some(sizes) = few.iter().min() {
        out.push(Warning::FewSizes { slices: few.len(), sizes: *sizes });
    }
    let refused: Vec<String> = fit
        .refused()
        .filter_map(|s| s.refusal.as_ref().map(|r| format!("{:.2e} FLOPs: {r}", s.flops)))
        .collect();
    if !refused.is_empty() {
        out.push(Warning::UnbracketedSlices { slices: refused });
    }
    for slice in &fit.slices {
        let interval = slice.minimum.and_then(|m| m.params.interval);
        if let Some(i) = interval
            && i.hi / i.lo > 3.0
        {
            out.push(Warning::FlatMinimum { flops: slice.flops, factor: i.hi / i.lo });
        }
    }
    out.extend(by_shape(study.slices_by_shape.as_ref()));
    if fit.scatter > 1.0 {
        out.push(Warning::ScatteredMinima { factor: fit.scatter });
    }
    if fit.failed_draws * 20 > fit.draws {
        out.push(Warning::FailedDraws { failed: fit.failed_draws, draws: fit.draws });
    }
}

fn law(checked: &Checked, out: &mut Vec<Warning>) {
    let Some(fit) = checked.fit else { return };
    if let Outcome::Converged { agreeing, .. } = fit.outcome
        && agreeing < 0.5
    {
        out.push(Warning::FewStartsAgree { agreeing });
    }
    let Some(result) = &fit.result else { return };
    if result.failed_draws * 20 > result.draws {
        out.push(Warning::FailedDraws { failed: result.failed_draws, draws: result.draws });
    }
    for held in checked.held_out {
        match held {
            Answer::Given(h) if h.law_loses => out.push(Warning::LawLosesToNaive {
                held_out: h.what(),
                law: h.law_error,
                naive: h.naive_error,
            }),
            Answer::Given(_) => {}
            Answer::Refused(why) => {
                out.push(Warning::NoForecast { why: why.one_line() });
            }
        }
    }
    if let Some(residuals) = checked.residuals {
        let trends = residuals.trends.iter().filter(|t| t.structured);
        let variables: Vec<String> = trends.map(|t| t.variable.clone()).collect();
        if !variables.is_empty() {
            out.push(Warning::ResidualStructure { variables });
        }
        out.extend(by_shape(residuals.by_shape.as_ref()));
    }
    let own = checked.own_exponent.and_then(|name| result.parameter(name).copied());
    let Some(exponent) = result.exponents.map(|e| e.params).or(own) else { return };
    let with = exponent.point;
    let half = exponent.interval.map_or(0.02, |i| 0.5 * (i.hi - i.lo));
    if let Some(o) = checked.outliers
        && let Some(without) = o.exponent_without
        && (with - without).abs() > (0.5 * half).max(0.01)
    {
        out.push(Warning::OutliersMove { with, without, count: o.runs.len() });
    }
    let (lowest, highest) = range(checked.objectives.iter().filter_map(|o| o.exponent));
    if highest - lowest > half.max(0.02) {
        out.push(Warning::ObjectivesDisagree { lowest, highest });
    }
    for slice in checked.without_slice {
        if let Some(without) = slice.exponent
            && (without - with).abs() > half.max(0.02)
        {
            out.push(Warning::InfluentialSlice { flops: slice.flops, without, with });
        }
    }
}

fn by_shape(test: Option<&ShapeTest>) -> Option<Warning> {
    let test = test.filter(|test| test.together)?;
    let (about, worst) = (test.about.to_string(), test.worst.clone());
    let (shape, runs, mean) = (worst.shape, worst.runs, worst.mean);
    Some(Warning::ShapesDeviate { about, p: test.p, shape, runs, mean })
}

/// Pearson's correlation; `None` where either never varies.
fn correlation(x: &[f64], y: &[f64]) -> Option<f64> {
    let (x, y) = (centred(x).0, centred(y).0);
    let (xx, yy) = (dot(&x, &x), dot(&y, &y));
    (xx > 0.0 && yy > 0.0).then(|| dot(&x, &y) / (xx * yy).sqrt())
}
