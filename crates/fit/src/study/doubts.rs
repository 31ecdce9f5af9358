//! Warnings from what a study found.

use super::{Answer, Study};
use crate::intervals::Resampling;
use crate::isoflop::{Method, group_slices};
use crate::objective::Objective;
use crate::outcome::Outcome;
use crate::table::Table;
use crate::warning::Warning;

pub(super) fn warnings(table: &Table, study: &Study) -> Vec<Warning> {
    let mut out = Vec::new();
    data(table, study, &mut out);
    slices(table, study, &mut out);
    law(study, &mut out);
    intervals(study, &mut out);
    for sentence in &study.disagreements {
        out.push(Warning::ApproachesDisagree { sentence: sentence.clone() });
    }
    out
}

/// Choices whose intervals cover too little in `examples/coverage.rs`; none of them is a default.
fn intervals(study: &Study, out: &mut Vec<Warning>) {
    let squares = [Objective::SquaredLog, Objective::SquaredLinear];
    let wild = study.law().and_then(|l| l.resampling) == Some(Resampling::Wild);
    if wild && !squares.contains(&study.options.fit.objective) {
        let method = format!("wild draws under {}", study.options.fit.objective.name());
        out.push(Warning::NarrowIntervals { method, coverage: 0.86 });
    }
    if study.isoflop().is_some_and(|f| f.method == Method::Parabola && f.draws > 0) {
        let method = "parabolas, off by their bias,".to_string();
        out.push(Warning::NarrowIntervals { method, coverage: 0.87 });
    }
}

fn data(table: &Table, study: &Study, out: &mut Vec<Warning>) {
    let left = table.left_out();
    if !left.is_empty() {
        let name = |l: &crate::table::LeftOut| format!("`{}` {}", l.run, l.reason);
        let first = left.iter().take(5).map(name).collect();
        out.push(Warning::RowsLeftOut { count: left.len(), first });
    }
    let n: Vec<f64> = table.rows().iter().map(|r| r.params.ln()).collect();
    let d: Vec<f64> = table.rows().iter().map(|r| r.tokens.ln()).collect();
    if let Some(correlation) = correlation(&n, &d)
        && correlation > 0.95
    {
        out.push(Warning::CollinearDesign { correlation });
    }
    if study.compute.residual > 0.05 {
        out.push(Warning::MixedConventions { residual: study.compute.residual });
    }
}

fn slices(table: &Table, study: &Study, out: &mut Vec<Warning>) {
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
    if fit.scatter > 1.5 {
        out.push(Warning::ScatteredMinima { factor: fit.scatter });
    }
    if fit.method != Method::Akima {
        let runs = mistuned(table, study);
        if !runs.is_empty() {
            out.push(Warning::MistunedCells { runs });
        }
    }
    if fit.failed_draws * 20 > fit.draws {
        out.push(Warning::FailedDraws { failed: fit.failed_draws, draws: fit.draws });
    }
}

/// Runs above their slice's curve by 1% and by 5 robust standard deviations.
fn mistuned(table: &Table, study: &Study) -> Vec<String> {
    let Some(law) = study.residuals.as_ref() else { return Vec::new() };
    let mut sizes: Vec<f64> = law.log_residuals.iter().map(|r| r.abs()).collect();
    let scale = 1.4826 * crate::estimate::median(&mut sizes);
    let bad = |r: f64| r > 0.01 && r > 5.0 * scale;
    table
        .rows()
        .iter()
        .zip(&law.log_residuals)
        .filter(|(_, r)| bad(**r))
        .map(|(row, _)| row.run.clone())
        .collect()
}

fn law(study: &Study, out: &mut Vec<Warning>) {
    let Some(fit) = study.approach3.given() else { return };
    if let Outcome::Converged { agreeing, .. } = fit.outcome
        && agreeing < 0.5
    {
        out.push(Warning::FewStartsAgree { agreeing });
    }
    let Some(result) = &fit.result else { return };
    if result.failed_draws * 20 > result.draws {
        out.push(Warning::FailedDraws { failed: result.failed_draws, draws: result.draws });
    }
    for held in &study.held_out {
        if let Answer::Given(h) = held
            && h.law_loses
        {
            out.push(Warning::LawLosesToNaive {
                budgets: h.budgets.max(1),
                law: h.law_error,
                naive: h.naive_error,
            });
        }
    }
    if let Some(residuals) = &study.residuals {
        let trends = residuals.trends.iter().filter(|t| t.structured);
        let variables: Vec<String> = trends.map(|t| t.variable.clone()).collect();
        if !variables.is_empty() {
            out.push(Warning::ResidualStructure { variables });
        }
    }
    let Some(exponents) = result.exponents else { return };
    let with = exponents.params.point;
    let half = exponents.params.interval.map_or(0.02, |i| 0.5 * (i.hi - i.lo));
    if let Some(o) = &study.outliers
        && let Some(without) = o.exponent_without
        && (with - without).abs() > (0.5 * half).max(0.01)
    {
        out.push(Warning::OutliersMove { with, without, count: o.runs.len() });
    }
    let found: Vec<f64> = study.objectives.iter().filter_map(|o| o.exponent).collect();
    let lowest = found.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = found.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if highest - lowest > half.max(0.02) {
        out.push(Warning::ObjectivesDisagree { lowest, highest });
    }
    for slice in &study.without_slice {
        if let Some(without) = slice.exponent
            && (without - with).abs() > half.max(0.02)
        {
            out.push(Warning::InfluentialSlice { flops: slice.flops, without, with });
        }
    }
}

/// Pearson's correlation; `None` where either never varies.
fn correlation(x: &[f64], y: &[f64]) -> Option<f64> {
    let (mx, my) = (crate::estimate::mean(x), crate::estimate::mean(y));
    let xy: f64 = x.iter().zip(y).map(|(a, b)| (a - mx) * (b - my)).sum();
    let xx: f64 = x.iter().map(|a| (a - mx).powi(2)).sum();
    let yy: f64 = y.iter().map(|b| (b - my).powi(2)).sum();
    (xx > 0.0 && yy > 0.0).then(|| xy / (xx * yy).sqrt())
}
