//! The loss that budgets buy, and where the line of the forecast lies among the runs.

use isoflop_fit::study::Study;
use isoflop_fit::{Estimate, Observation};

use super::{Fitted, Page, Thinned, flops_label, ratios, truth};
use crate::chart::Rich;
use crate::number;
use crate::plots::{Frontier, FrontierRun, LogLine};

pub(super) fn plot(page: &Page, study: &Study, (low, high): (f64, f64)) -> Frontier {
    let runs = match page.fitted {
        Fitted::Study(_, table) => table.under(study.options.convention).ok(),
        Fitted::Refused(_) => None,
    };
    let rows = runs.as_ref().map(|t| t.rows()).unwrap_or_default();
    let thinned = Thinned::new(rows.len());
    let kept = rows.iter().enumerate().filter(|(i, _)| thinned.keeps(*i));
    let runs = kept.map(|(_, r)| FrontierRun {
        name: r.run.clone(),
        params: r.params,
        flops: r.flops,
        loss_nats: r.loss_nats,
    });
    let law = study.law();
    let grid =
        ratios(low, study.largest_flops, 40).chain(ratios(study.largest_flops, high, 16).skip(1));
    let forecast = study.forecast.given();
    let curve: Vec<(f64, Estimate)> = forecast
        .map(|f| grid.filter_map(|c| Some((c, f.at(c).ok()?.loss_nats))).collect())
        .unwrap_or_default();
    let slices = study.isoflop().map(|f| f.slices.as_slice()).unwrap_or_default();
    let minima: Vec<(f64, Estimate)> =
        slices.iter().filter_map(|s| s.minimum.as_ref().map(|m| (s.flops, m.loss_nats))).collect();
    Frontier {
        subtitle: Some(match thinned.told.as_str() {
            "" => "What a budget buys when it is split well".into(),
            some => format!("What a budget buys when it is split well.{some}").into(),
        }),
        flops_label: flops_label(study.options.convention).to_owned(),
        loss_label: page.loss_label("Held-out loss"),
        runs: runs.collect(),
        about_line: about_line(study, rows, &minima, &curve).map(Rich::from),
        minima,
        frontier: curve,
        irreducible_nats: law
            .and_then(|r| r.parameters.iter().find(|p| p.name == "E"))
            .map(|p| p.estimate),
        true_nats: truth::entropy(page),
        largest_flops: Some(study.largest_flops),
    }
}

/// What the line of the forecast is, and how far the runs and the largest minimum lie off it.
fn about_line(
    study: &Study,
    rows: &[Observation],
    minima: &[(f64, Estimate)],
    curve: &[(f64, Estimate)],
) -> Option<String> {
    let line = LogLine::new(curve.iter().map(|(c, e)| (*c, e.point)))?;
    let covered = rows.iter().filter(|r| line.covers(r.flops));
    let off: Vec<f64> = covered.map(|r| r.loss_nats / line.at(r.flops) - 1.0).collect();
    let by = match study.forecast.given()?.law_weight() {
        w if w >= 1.0 => "by the law",
        w if w <= 0.0 => "by the trend of the slice minima",
        _ => "by the law and the trend of the slice minima",
    };
    let below = off.iter().filter(|off| **off < 0.0).count();
    let lowest = off.iter().copied().fold(0.0, f64::min);
    let mut text = format!(
        "The line is the loss expected of the best size, {by}, fitted to all budgets at once. Runs scatter about what is expected: {}.",
        match below {
            0 => "none lies below it".to_owned(),
            some => format!(
                "{some} of {} lie below it, by up to {}",
                off.len(),
                number::percent(-lowest, 1, false)
            ),
        }
    );
    let top = minima.iter().max_by(|a, b| a.0.total_cmp(&b.0)).filter(|m| line.covers(m.0));
    if let Some((flops, minimum)) = top {
        let off = line.at(*flops) / minimum.point - 1.0;
        let side = if off < 0.0 { "below" } else { "above" };
        let lies = match number::percent(off.abs(), 1, false) {
            share if share == "0.0%" => "meets".to_owned(),
            share => format!("lies {share} {side}"),
        };
        let flops = number::scientific(*flops, 2);
        text.push_str(&format!(
            " At {flops} FLOPs it {lies} the slice's own minimum, which that budget's runs alone decide."
        ));
    }
    Some(text)
}
