//! N*(C), D*(C), D*/N*(C) and the loss that they buy.

use isoflop_fit::Estimate;
use isoflop_fit::isoflop::Minimum;
use isoflop_fit::parametric::Allocation;
use isoflop_fit::study::Study;

use super::headline::power_law;
use super::slices::tokens_per_param;
use super::{Fitted, Page, flops_label, frontier, intervals, params_label, ratios};
use crate::chart::Rich;
use crate::document::{Block, Section};
use crate::number;
use crate::plots::{FittedCurve, OptimumPlot, PublishedCurve, Quantity};
use crate::table::{Align, Table, Tone};

/// How far beyond the largest budget curves are drawn.
const BEYOND: f64 = 10.0;

const SLICES: &str = "slices (approach 2)";

type Allocator<'a> = Box<dyn Fn(f64) -> Option<Allocation> + 'a>;

/// Every approach that can say what to do with a budget.
fn approaches(study: &Study) -> Vec<(&'static str, Allocator<'_>)> {
    let mut all: Vec<(&'static str, Allocator<'_>)> = Vec::new();
    if let Some(fit) = study.isoflop() {
        all.push((SLICES, Box::new(|c| fit.at(c).ok())));
    }
    if let Some(frontier) = study.law().and_then(|r| r.frontier.as_ref()) {
        all.push(("law (approach 3)", Box::new(|c| frontier.at(c).ok())));
    }
    if all.is_empty()
        && let Some(fit) = study.approach1.given()
    {
        all.push(("envelope (approach 1)", Box::new(|c| fit.at(c).ok())));
    }
    all
}

pub(super) fn section(page: &Page) -> Option<Section> {
    let study = page.study()?;
    let all = approaches(study);
    if all.is_empty() {
        return None;
    }
    let mut section = Section::new("optimum", "The compute-optimal split");
    let at_largest = all.iter().filter_map(|(_, allocate)| allocate(study.largest_flops));
    let bands = intervals(at_largest.flat_map(|a| [a.params, a.tokens]));
    section.lead = Some(
        format!(
            "How a budget is best divided between parameters and tokens. {} beyond the largest budget that was run.",
            bands.map_or_else(|| "Dashed".into(), |bands| format!("Bands are {bands}; dashed"))
        )
        .into(),
    );
    let (low, high) = range(page, study);
    let plot = |quantity,
                label: String,
                pick: fn(&Allocation) -> Estimate,
                at: fn(&Minimum) -> Estimate| {
        optimum_plot(page, study, &all, (low, high), quantity, label, pick, at).figure()
    };
    let convention = study.options.convention;
    let figures = vec![
        plot(Quantity::Params, params_label(convention, "N*"), |a| a.params, |m| m.params),
        plot(Quantity::Tokens, "Tokens D*".into(), |a| a.tokens, |m| m.tokens),
        plot(
            Quantity::TokensPerParam,
            "Tokens per parameter".into(),
            |a| a.tokens_per_param,
            tokens_per_param,
        ),
        frontier::plot(page, study, (low, high)).figure(),
    ];
    section.blocks = vec![Block::Figures(figures), Block::Table(allocations(page, study, &all))];
    Some(section)
}

/// Compute from the smallest slice to beyond the largest.
fn range(page: &Page, study: &Study) -> (f64, f64) {
    let budgets =
        study.isoflop().map(|f| f.slices.iter().map(|s| s.flops).fold(f64::INFINITY, f64::min));
    let smallest = budgets.filter(|b| b.is_finite()).or_else(|| match page.fitted {
        Fitted::Study(_, table) => {
            let rows = table.under(study.options.convention).ok()?;
            Some(rows.rows().iter().map(|r| r.flops).fold(f64::INFINITY, f64::min))
        }
        Fitted::Refused(_) => None,
    });
    let smallest =
        smallest.filter(|c| c.is_finite() && *c > 0.0).unwrap_or(study.largest_flops / 100.0);
    (smallest / 1.5, study.largest_flops * BEYOND)
}

#[allow(clippy::too_many_arguments)]
fn optimum_plot(
    page: &Page,
    study: &Study,
    all: &[(&'static str, Allocator<'_>)],
    (low, high): (f64, f64),
    quantity: Quantity,
    label: String,
    pick: fn(&Allocation) -> Estimate,
    at: fn(&Minimum) -> Estimate,
) -> OptimumPlot {
    let grid: Vec<f64> = ratios(low, study.largest_flops, 40)
        .chain(ratios(study.largest_flops, high, 16).skip(1))
        .collect();
    let minima = || {
        let slices = study.isoflop().map(|f| f.slices.as_slice()).unwrap_or_default();
        slices.iter().filter_map(|s| s.minimum.as_ref().map(|m| (s.flops, at(m)))).collect()
    };
    let fits = all.iter().enumerate().map(|(i, (name, allocate))| FittedCurve {
        name: (*name).to_owned(),
        curve: grid.iter().filter_map(|c| allocate(*c).map(|a| (*c, pick(&a)))).collect(),
        points: if i == 0 { minima() } else { Vec::new() },
    });
    let published = page.published.iter().map(|law| PublishedCurve {
        name: law.name.clone(),
        curve: law
            .allocations
            .iter()
            .filter(|(c, _, _)| *c >= low && *c <= high)
            .map(|(c, n, d)| {
                let value = match quantity {
                    Quantity::Params => *n,
                    Quantity::Tokens => *d,
                    Quantity::TokensPerParam => d / n,
                };
                (*c, value)
            })
            .collect(),
    });
    let subtitle = study.isoflop().map(|fit| {
        let (symbol, law) = match quantity {
            Quantity::Params => ("N*", &fit.params),
            Quantity::Tokens => ("D*", &fit.tokens),
            Quantity::TokensPerParam => {
                return Rich::plain("How many tokens each parameter should see");
            }
        };
        let without = if law.exponent.interval.is_none() { ", without interval" } else { "" };
        let law = power_law(&format!("{symbol} ~ C"), &law.exponent);
        Rich::markup(&format!("Slices: {law}{without}"))
    });
    OptimumPlot {
        quantity,
        subtitle,
        label,
        flops_label: flops_label(study.options.convention).to_owned(),
        fits: fits.collect(),
        published: published.filter(|p| p.curve.len() > 1).collect(),
        largest_flops: Some(study.largest_flops),
    }
}

/// What each approach says of the largest budget, and of 10 and 100 times as much.
fn allocations(page: &Page, study: &Study, all: &[(&'static str, Allocator<'_>)]) -> Table {
    let bits = page.bits_per_nat().is_some();
    let columns = [
        ("Budget, FLOPs", Align::Right),
        ("Beyond the runs", Align::Right),
        ("Approach", Align::Left),
        ("N*", Align::Right),
        ("D*", Align::Right),
        ("D*/N*", Align::Right),
        ("Loss, nats", Align::Right),
    ];
    let in_bits = bits.then_some(("Bits/byte", Align::Right));
    let columns = columns.into_iter().chain(in_bits);
    let mut table = Table::new("Best split of larger budgets", columns);
    let forecast = study.forecast.given();
    let held_out = forecast.is_some_and(|f| f.passed());
    for factor in [1.0, 10.0, 100.0] {
        let flops = study.largest_flops * factor;
        let split = forecast.and_then(|f| f.split(flops).ok());
        let mut rows: Vec<(&str, Allocation)> = Vec::new();
        rows.extend(split.map(|s| ("all together", s.best)));
        rows.extend(all.iter().filter_map(|(name, allocate)| Some((*name, allocate(flops)?))));
        if let (Some(nats), Some(row)) = (
            split.and_then(|s| s.by_slices?.loss_nats),
            rows.iter_mut().find(|(name, _)| *name == SLICES),
        ) {
            row.1.loss_nats = Some(nats);
        }
        for (name, a) in rows {
            let beyond = if factor == 1.0 { "—".to_owned() } else { format!("×{factor:.0}") };
            let loss = a.loss_nats.map(|e| number::estimate(&e)).unwrap_or_else(|| "—".to_owned());
            let cells: [Rich; 7] = [
                number::power(flops, 3),
                beyond.into(),
                name.into(),
                number::estimate_count(&a.params).into(),
                number::estimate_count(&a.tokens).into(),
                number::estimate(&a.tokens_per_param).into(),
                loss.into(),
            ];
            let far = factor > if held_out { 10.0 } else { 3.0 };
            let nats = a.loss_nats.map(|e| page.bits(e.point));
            let in_bits = bits.then(|| Rich::from(nats.unwrap_or_else(|| "—".to_owned())));
            let tone = if far { Tone::Alert } else { Tone::Plain };
            table.toned(tone, cells.into_iter().chain(in_bits));
        }
    }
    table.notes.extend(page.bits_note());
    if let Some(f) = forecast {
        let share = number::percent(f.law_weight(), 0, false);
        table.notes.push(
            format!("All together: the split of the slices; the loss by the trend of the slice minima and the law, of which the law counts {share}, by how likely each had made the budgets that were held out.").into(),
        );
    }
    let red = match held_out {
        true => "Red: far beyond the runs. Add a larger budget before relying on it.",
        false => {
            "Red: beyond what the runs are evidence for, since forecasts of held-out budgets were off by more than 2%, or none could be held out. Add a larger budget before relying on it."
        }
    };
    table.notes.push(red.into());
    table
}
