//! The isoFLOP curves and their minima.

use isoflop_fit::Estimate;
use isoflop_fit::Interval;
use isoflop_fit::isoflop::{IsoflopFit, Method, Minimum, SliceFit};
use isoflop_fit::study::Study;

use super::{Page, level, params_label};
use crate::chart::Rich;
use crate::document::{Block, Section};
use crate::number;
use crate::plots::{IsoflopPlot, IsoflopSlice, SliceMinimum};
use crate::table::{Align, Table, Tone};

pub(super) fn section(page: &Page) -> Option<Section> {
    let study = page.study()?;
    let mut section = Section::new("isoflop", "IsoFLOP curves");
    let Some(fit) = study.isoflop() else {
        let why =
            study.approach2.first().and_then(|r| r.answer.refusal()).map(ToString::to_string)?;
        section.blocks.push(Block::Text(format!("No minima: {why}").into()));
        return Some(section);
    };
    section.lead = Some(
        format!(
            "Each curve spends one budget on models of different size. Its lowest point is the best size for that \
             budget. Bars are {} intervals.",
            level(study)
        )
        .into(),
    );
    section.blocks.push(Block::Figures(vec![plot(study, fit).figure()]));
    section.blocks.push(Block::Table(table(study, fit)));
    Some(section)
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

fn table(study: &Study, fit: &IsoflopFit) -> Table {
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
    let method = match fit.method {
        Method::Corrected => "a common lopsided shape, free of the parabola's bias",
        Method::Parabola => "a parabola in ln N",
        Method::Akima => "Akima interpolation",
    };
    table.notes.push(format!("Minima by {method}; {} intervals.", level(study)).into());
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
