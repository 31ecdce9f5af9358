//! The isoFLOP curves and their minima.

use std::collections::BTreeMap;

use isoflop_fit::Estimate;
use isoflop_fit::Interval;
use isoflop_fit::isoflop::{IsoflopFit, Method, Minimum, SliceFit};
use isoflop_fit::study::Study;

use super::{Fitted, Page, intervals, one_line, params_label};
use crate::chart::Rich;
use crate::document::{Block, Section};
use crate::number;
use crate::plots::{IsoflopPlot, IsoflopSlice, SliceMinimum};
use crate::table::{Align, Table, Tone};

pub(super) fn section(page: &Page) -> Option<Section> {
    let study = page.study()?;
    let mut section = Section::new("isoflop", "IsoFLOP curves");
    let Some(fit) = study.isoflop() else {
        section.blocks = without_fit(page, study);
        return (!section.blocks.is_empty()).then_some(section);
    };
    let minima = fit.slices.iter().filter_map(|s| s.minimum.as_ref());
    let bars = intervals(minima.map(|m| m.params))
        .map_or_else(String::new, |bars| format!(" Bars are {bars}."));
    section.lead = Some(
        format!(
            "Each curve spends one budget on models of different size. Its lowest point is the best size for that \
             budget.{bars}"
        )
        .into(),
    );
    section.blocks.push(Block::Figures(vec![plot(study, fit).figure()]));
    section.blocks.push(Block::Table(table(fit)));
    Some(section)
}

/// The runs of each budget, where no power law goes through their minima, and why none does.
fn without_fit(page: &Page, study: &Study) -> Vec<Block> {
    let mut blocks = Vec::new();
    let slices = runs_by_budget(page, study);
    if !slices.is_empty() {
        let plot = IsoflopPlot {
            subtitle: Some(
                "The runs of each budget; no power law goes through their minima".into(),
            ),
            params_label: params_label(study.options.convention, "N"),
            slices,
            ridge: Vec::new(),
        };
        blocks.push(Block::Figures(vec![plot.figure()]));
    }
    if let Some(why) = study.approach2.first().and_then(|r| r.answer.refusal()) {
        let why = one_line(&why.to_string());
        blocks.push(Block::Text(format!("No power law through minima: {why}.").into()));
    }
    blocks
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
        IsoflopSlice { flops: f64::from_bits(bits), runs, curve, minimum }
    };
    budgets.into_iter().map(slice).collect()
}

fn plot(study: &Study, fit: &IsoflopFit) -> IsoflopPlot {
    let slice = |s: &SliceFit| IsoflopSlice {
        flops: s.flops,
        runs: s
            .params
            .iter()
            .zip(&s.loss_nats)
            .enumerate()
            .map(|(i, (n, loss))| (*n, *loss, s.runs.get(i).cloned().unwrap_or_default()))
            .collect(),
        curve: s.curve.clone(),
        minimum: match (&s.minimum, &s.refusal) {
            (Some(m), _) => SliceMinimum::Bracketed { params: m.params, loss_nats: m.loss_nats },
            (None, Some(why)) => SliceMinimum::Refused(why.to_string()),
            (None, None) => SliceMinimum::Unknown,
        },
    };
    let minima = fit.slices.iter().filter_map(|s| s.minimum.as_ref());
    let subtitle = match fit.slices.len() - fit.bracketed {
        0 => format!("All {} minima lie inside the sizes that were run.", fit.bracketed),
        1 => format!(
            "{} minima lie inside the sizes that were run; one does not, and has no vote.",
            fit.bracketed
        ),
        open => format!(
            "{} minima lie inside the sizes that were run; {open} do not, and have no vote.",
            fit.bracketed
        ),
    };
    IsoflopPlot {
        subtitle: Some(subtitle.into()),
        params_label: params_label(study.options.convention, "N"),
        ridge: minima.map(|m| (m.params.point, m.loss_nats.point)).collect(),
        slices: fit.slices.iter().map(slice).collect(),
    }
}

fn table(fit: &IsoflopFit) -> Table {
    let columns = [
        ("Budget, FLOPs", Align::Right),
        ("Runs", Align::Right),
        ("Sizes", Align::Right),
        ("N*", Align::Right),
        ("D*", Align::Right),
        ("D*/N*", Align::Right),
        ("Loss, nats", Align::Right),
        ("Minimum", Align::Left),
    ];
    let mut table = Table::new("Minimum of each budget", columns);
    for slice in &fit.slices {
        let head = [
            number::power(slice.flops, 3),
            slice.runs.len().to_string().into(),
            slice.sizes.to_string().into(),
        ];
        let dash = || Rich::plain("—");
        let (tone, rest) = match (&slice.minimum, &slice.refusal) {
            (Some(m), _) => (
                Tone::Plain,
                [
                    number::estimate_count(&m.params).into(),
                    number::estimate_count(&m.tokens).into(),
                    number::estimate(&tokens_per_param(m)).into(),
                    number::estimate(&m.loss_nats).into(),
                    "bracketed".into(),
                ],
            ),
            (None, _) => (Tone::Alert, [dash(), dash(), dash(), dash(), "none".into()]),
        };
        table.toned(tone, head.into_iter().chain(rest));
    }
    for slice in &fit.slices {
        if let Some(why) = &slice.refusal {
            table.notes.push(number::power(slice.flops, 3).then(format!(" FLOPs: {why}.")));
        }
    }
    for slice in &fit.slices {
        if let Some(why) = &slice.no_interval {
            table
                .notes
                .push(number::power(slice.flops, 3).then(format!(" FLOPs: no interval: {why}.")));
        }
    }
    let minima: Vec<&Minimum> = fit.slices.iter().filter_map(|s| s.minimum.as_ref()).collect();
    if !minima.is_empty() {
        let method = match fit.method {
            Method::Corrected => "a common lopsided shape, free of the parabola's bias",
            Method::Parabola => "a parabola in ln N",
            Method::Akima => "Akima interpolation",
        };
        let shown = intervals(minima.iter().flat_map(|m| [m.params, m.tokens, m.loss_nats]))
            .map_or_else(String::new, |shown| format!("; {shown}"));
        table.notes.push(format!("Minima by {method}{shown}.").into());
    }
    if !fit.outside.is_empty() {
        let names = fit.outside.join(", ");
        table.notes.push(
            format!("In no slice, since they share their budget with too few others: {names}.")
                .into(),
        );
    }
    table
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
