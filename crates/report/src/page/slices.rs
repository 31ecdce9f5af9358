//! The isoFLOP curves and their minima.

use std::collections::BTreeMap;

use isoflop_fit::Estimate;
use isoflop_fit::Interval;
use isoflop_fit::isoflop::{IsoflopFit, Method, Minimum, SliceFit};
use isoflop_fit::study::Study;

use super::{Fitted, Page, Thinned, intervals, one_line, params_label};
use crate::chart::Rich;
use crate::document::{Block, Section};
use crate::number;
use crate::plots::{IsoflopPlot, IsoflopSlice, SliceMinimum};
use crate::table::{Align, Table, Tone};

pub(super) fn section(page: &Page) -> Option<Section> {
    let study = page.study()?;
    let row = study.approach2.first()?;
    let mut section = Section::new("isoflop", "IsoFLOP curves");
    let fit = row.answer.given();
    let slices = row.every_slice();
    let minima: Vec<&Minimum> = slices.iter().filter_map(|s| s.minimum.as_ref()).collect();
    if !minima.is_empty() {
        let bars = intervals(minima.iter().map(|m| m.params))
            .map_or_else(String::new, |bars| format!(" Bars are {bars}."));
        section.lead = Some(
            format!(
                "Each curve spends one budget on models of different size. Its lowest point is the best size for \
                 that budget.{bars}"
            )
            .into(),
        );
    }
    let plot = match slices {
        [] => runs_alone(page, study),
        slices => Some(plot(page, study, fit, slices)),
    };
    section.blocks.extend(plot.map(|plot| Block::Figures(vec![plot.figure()])));
    if !minima.is_empty() {
        section.blocks.push(Block::Table(table(page, row.method, fit, slices)));
    }
    if let Some(why) = row.answer.refusal() {
        let why = one_line(&why.to_string());
        section.blocks.push(Block::Text(format!("No power law through minima: {why}.").into()));
    }
    (!section.blocks.is_empty()).then_some(section)
}

/// The runs of each budget, where no budget is shared.
fn runs_alone(page: &Page, study: &Study) -> Option<IsoflopPlot> {
    let slices = runs_by_budget(page, study);
    (!slices.is_empty()).then(|| IsoflopPlot {
        subtitle: Some("The runs of each budget; no power law goes through their minima".into()),
        params_label: params_label(study.options.convention, "N"),
        loss_label: page.loss_label("Held-out loss"),
        slices,
        ridge: Vec::new(),
    })
}

/// Runs that name a budget, by it and then by size.
fn runs_by_budget(page: &Page, study: &Study) -> Vec<IsoflopSlice> {
    let Fitted::Study(_, table) = page.fitted else { return Vec::new() };
    let Ok(table) = table.under(study.options.convention) else { return Vec::new() };
    let mut budgets: BTreeMap<u64, Vec<(f64, f64, String)>> = BTreeMap::new();
    for row in table.rows() {
        if let Some(flops) = row.budget_flops {
            // Positive floats sort as their bits do.
            let run = (row.params, row.loss_nats, row.run.clone());
            budgets.entry(flops.to_bits()).or_default().push(run);
        }
    }
    let slice = |(bits, mut runs): (u64, Vec<(f64, f64, String)>)| {
        runs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (curve, minimum) = (Vec::new(), SliceMinimum::Unknown);
        IsoflopSlice { flops: f64::from_bits(bits), runs, unused: Vec::new(), curve, minimum }
    };
    budgets.into_iter().map(slice).collect()
}

/// The curves with their minima, and the line through them where a power law was fitted.
fn plot(page: &Page, study: &Study, fit: Option<&IsoflopFit>, slices: &[SliceFit]) -> IsoflopPlot {
    let thinned = Thinned::new(slices.iter().map(|s| s.runs.len()).sum());
    let slice = |s: &SliceFit| IsoflopSlice {
        flops: s.flops,
        runs: s
            .runs
            .iter()
            .enumerate()
            .filter(|(i, _)| thinned.keeps(*i))
            .map(|(_, r)| (r.params, r.loss_nats, r.run.clone()))
            .collect(),
        unused: if s.curve.is_empty() { Vec::new() } else { s.unused.clone() },
        curve: s.curve.clone(),
        minimum: match (&s.minimum, &s.refusal) {
            (Some(m), _) => SliceMinimum::Bracketed { params: m.params, loss_nats: m.loss_nats },
            (None, Some(why)) => SliceMinimum::Refused(why.to_string()),
            (None, None) => SliceMinimum::Unknown,
        },
    };
    let minima: Vec<&Minimum> = slices.iter().filter_map(|s| s.minimum.as_ref()).collect();
    let (inside, sizes) = (minima.len(), "inside the sizes that were run");
    let mut subtitle = match slices.len() - inside {
        0 => format!("All {inside} minima lie {sizes}."),
        1 => format!("{inside} minima lie {sizes}; one does not, and has no vote."),
        open => format!("{inside} minima lie {sizes}; {open} do not, and have no vote."),
    };
    if fit.is_none() {
        subtitle = format!(
            "{inside} of {} slices have a minimum {sizes}: too few for a power law.",
            slices.len()
        );
    }
    let ridge = minima.iter().map(|m| (m.params.point, m.loss_nats.point));
    IsoflopPlot {
        subtitle: Some((subtitle + &thinned.told).into()),
        params_label: params_label(study.options.convention, "N"),
        loss_label: page.loss_label("Held-out loss"),
        ridge: fit.map(|_| ridge.collect()).unwrap_or_default(),
        slices: slices.iter().map(slice).collect(),
    }
}

fn table(page: &Page, method: Method, fit: Option<&IsoflopFit>, slices: &[SliceFit]) -> Table {
    let bits = page.bits_per_nat().is_some();
    let columns = [
        ("Budget, FLOPs", Align::Right),
        ("Runs", Align::Right),
        ("Sizes", Align::Right),
        ("N*", Align::Right),
        ("D*", Align::Right),
        ("D*/N*", Align::Right),
        ("Loss, nats", Align::Right),
    ];
    let in_bits = bits.then_some(("Bits/byte", Align::Right));
    let columns = columns.into_iter().chain(in_bits).chain([("Minimum", Align::Left)]);
    let mut table = Table::new("Minimum of each budget", columns);
    for slice in slices {
        let head = [
            number::power(slice.flops, 3),
            slice.runs.len().to_string().into(),
            sizes(slice).into(),
        ];
        let dash = || Rich::plain("—");
        let (tone, rest) = match &slice.minimum {
            Some(m) => (
                Tone::Plain,
                [
                    number::estimate_count(&m.params).into(),
                    number::estimate_count(&m.tokens).into(),
                    number::estimate(&tokens_per_param(m)).into(),
                    number::estimate(&m.loss_nats).into(),
                ],
            ),
            None => (Tone::Alert, [dash(), dash(), dash(), dash()]),
        };
        let minimum = slice.minimum.as_ref();
        let in_bits = minimum.map_or_else(dash, |m| page.bits(m.loss_nats.point).into());
        let word = Rich::plain(if minimum.is_some() { "bracketed" } else { "none" });
        let cells = head.into_iter().chain(rest).chain(bits.then_some(in_bits)).chain([word]);
        table.toned(tone, cells);
    }
    for slice in slices {
        if let Some(why) = &slice.refusal {
            table.notes.push(number::power(slice.flops, 3).then(format!(" FLOPs: {why}.")));
        }
    }
    for slice in slices {
        if let Some(why) = &slice.no_interval {
            table
                .notes
                .push(number::power(slice.flops, 3).then(format!(" FLOPs: no interval: {why}.")));
        }
    }
    let minima: Vec<&Minimum> = slices.iter().filter_map(|s| s.minimum.as_ref()).collect();
    if !minima.is_empty() {
        let method = match method {
            Method::Corrected => "a common lopsided shape, free of the parabola's bias",
            Method::Parabola => "a parabola in ln N",
            Method::Akima => "Akima interpolation",
            Method::Porian => {
                "Porian et al.'s recipe: Akima interpolation, medians over draws of .002 nats of noise"
            }
        };
        let shown = intervals(minima.iter().flat_map(|m| [m.params, m.tokens, m.loss_nats]))
            .map_or_else(String::new, |shown| format!("; {shown}"));
        table.notes.push(format!("Minima by {method}{shown}.").into());
    }
    if slices.iter().any(|s| s.minimum.is_some() && s.sizes < sizes_run(s)) {
        table.notes.push(
            "Sizes: those around the lowest loss that the curve was fitted to, of those that were run."
                .into(),
        );
    }
    if fit.is_some() {
        table.notes.push(
            "Each row is the minimum of its own slice; the headline's split follows the power law through all minima."
                .into(),
        );
    }
    table.notes.extend(page.bits_note().filter(|_| !minima.is_empty()));
    let outside = fit.map(|f| f.outside.as_slice()).unwrap_or_default();
    if !outside.is_empty() {
        let names = isoflop_text::listed(outside);
        table.notes.push(
            format!("In no slice, since they share their budget with too few others: {names}.")
                .into(),
        );
    }
    table
}

/// Different sizes of a slice.
fn sizes_run(slice: &SliceFit) -> usize {
    let params: Vec<f64> = slice.runs.iter().map(|r| r.params).collect();
    params.chunk_by(|a, b| (b / a - 1.0).abs() < 1e-9).count()
}

/// `7`, or `5 of 7` where the curve was fitted to some of them.
fn sizes(slice: &SliceFit) -> String {
    match (slice.sizes, sizes_run(slice)) {
        (used, run) if used < run && slice.minimum.is_some() => format!("{used} of {run}"),
        (_, run) => run.to_string(),
    }
}

/// D*/N* at a minimum. On one slice D falls where N grows, so opposite ends of the two intervals
/// belong together.
pub(super) fn tokens_per_param(m: &Minimum) -> Estimate {
    let interval = m.params.interval.zip(m.tokens.interval).map(|(n, d)| Interval {
        lo: d.lo / n.hi,
        hi: d.hi / n.lo,
        level: n.level,
    });
    Estimate { point: m.tokens.point / m.params.point, standard_error: None, interval }
}
