//! Which machine is faster, at what.

use isoflop_compare::Comparison;
use isoflop_compare::speed::{Rate, SpeedRow, StudyTime};
use isoflop_record::Spending;

use crate::chart::Rich;
use crate::document::{Block, Section};
use crate::number;
use crate::plots::{DumbbellRow, Dumbbells};
use crate::table::{Align, Table};

pub(super) fn section(comparison: &Comparison) -> Option<Section> {
    if comparison.speeds.is_empty() {
        return None;
    }
    let mut section = Section::new("speed", "Speed");
    section.lead = Some("Medians over runs, of the whole device.".into());
    let figure = Dumbbells {
        id: "speeds".into(),
        title: "Tokens per second".into(),
        subtitle: None,
        label: "Tokens per second".into(),
        machines: comparison.sides.clone(),
        rows: comparison.speeds.iter().map(row).collect(),
    };
    section.blocks.push(Block::Figures(vec![figure.figure()]));
    section.blocks.push(Block::Table(table(comparison)));
    if comparison.times.iter().any(Option::is_some) {
        section.blocks.push(Block::Table(whole(comparison)));
    }
    Some(section)
}

fn name(row: &SpeedRow) -> String {
    let precision = row
        .precision
        .as_deref()
        .filter(|p| *p != "f32")
        .map_or_else(String::new, |p| format!(" {p}"));
    match row.stack_width {
        1 => format!("{}{precision}", row.shape),
        wide => format!("{} ×{wide}{precision}", row.shape),
    }
}

fn row(row: &SpeedRow) -> DumbbellRow {
    let values = row.rates.iter().map(|r| r.map(|r| r.tokens_per_second.median)).collect();
    DumbbellRow { name: name(row), values }
}

fn table(comparison: &Comparison) -> Table {
    let mut columns = vec![("Shape".to_string(), Align::Left), ("N".into(), Align::Right)];
    for side in &comparison.sides {
        columns.push((format!("{side}, tokens/s"), Align::Right));
        columns.push(("FLOP/s".into(), Align::Right));
        columns.push(("of peak".into(), Align::Right));
    }
    let energy = comparison.speeds.iter().flat_map(|row| &row.rates).flatten();
    let energy = energy.into_iter().any(|rate| rate.joules_per_thousand.is_some());
    if energy {
        let heads = comparison
            .sides
            .iter()
            .map(|side| (format!("{side}, J per 1000 tokens"), Align::Right));
        columns.extend(heads);
    }
    columns.push(("Ratio, range".into(), Align::Right));
    let mut table = Table::new("By shape and stack", columns);
    for row in &comparison.speeds {
        let mut cells: Vec<Rich> = vec![name(row).into(), number::count(row.params, 3).into()];
        for rate in &row.rates {
            let dash = || Rich::plain("—");
            cells.extend(match rate {
                Some(rate) => [
                    number::count(rate.tokens_per_second.median, 3).into(),
                    number::scientific(rate.flops_per_second.median, 3).into(),
                    rate.peak_share
                        .map_or_else(dash, |share| number::percent(share, 1, false).into()),
                ],
                None => [dash(), dash(), dash()],
            });
        }
        if energy {
            let joules = |rate: &Option<Rate>| rate.and_then(|r| r.joules_per_thousand);
            cells.extend(row.rates.iter().map(|rate| {
                joules(rate).map_or_else(|| "—".into(), |j| number::significant(j.median, 3).into())
            }));
        }
        cells.push(ratio(&row.rates).map_or_else(|| "—".into(), Into::into));
        table.row(cells);
    }
    table.notes.push("Ratio: the second's tokens per second over the first's, from its slowest run over the first's fastest to the reverse.".into());
    table
}

/// `2.10 [1.95, 2.31]` of the first two sides that trained so.
fn ratio(rates: &[Option<Rate>]) -> Option<String> {
    let [a, b] = [rates.first()?.as_ref()?, rates.iter().skip(1).flatten().next()?]
        .map(|r| r.tokens_per_second);
    let text = |x: f64| number::significant(x, 3);
    Some(format!("{} [{}, {}]", text(b.median / a.median), text(b.lo / a.hi), text(b.hi / a.lo)))
}

fn whole(comparison: &Comparison) -> Table {
    let heads = std::iter::once(String::new()).chain(comparison.sides.iter().cloned());
    let mut table = Table::new(
        "The whole study",
        heads.enumerate().map(|(i, head)| (head, if i == 0 { Align::Left } else { Align::Right })),
    );
    let mut add = |name: &str, of: &dyn Fn(&StudyTime) -> Option<String>| {
        let values: Vec<Option<String>> =
            comparison.times.iter().map(|t| t.as_ref().and_then(of)).collect();
        if values.iter().any(Option::is_some) {
            let cells = values.into_iter().map(|v| Rich::from(v.unwrap_or_else(|| "—".into())));
            table.row(std::iter::once(Rich::plain(name)).chain(cells));
        }
    };
    add("from start to end, pauses left out", &|t| t.wall_seconds.map(number::duration));
    add("of it trained", &|t| t.trained_share().map(|share| number::percent(share, 0, false)));
    add("training, seconds of the device", &|t| Some(number::duration(t.train_seconds)));
    add("evaluation", &|t| Some(number::duration(t.eval_seconds)));
    add("FLOP/s of training", &|t| Some(number::scientific(t.flops / t.train_seconds, 3)));
    add("until a stack's first step, median and longest", &|t| {
        t.first_step.map(|s| format!("{}, {}", number::duration(s.median), number::duration(s.hi)))
    });
    spent(comparison, &mut table);
    table
}

/// Energy, money and CO2 of every side, or what would be needed to know.
fn spent(comparison: &Comparison, table: &mut Table) {
    let mut add = |name: &str, of: &dyn Fn(&Spending) -> Option<String>| {
        let values: Vec<Option<String>> =
            comparison.spending.iter().map(|s| s.as_ref().and_then(of)).collect();
        if values.iter().any(Option::is_some) {
            let cells = values.into_iter().map(|v| Rich::from(v.unwrap_or_else(|| "—".into())));
            table.row(std::iter::once(Rich::plain(name)).chain(cells));
        }
    };
    add("energy", &|s| {
        let by: Vec<&str> = s.sources.iter().map(|source| source.label()).collect();
        Some(format!("{} by {}", isoflop_text::joules(s.joules?), by.join(", ")))
    });
    add("price", &|s| s.cost.map(|cost| number::significant(cost, 3)));
    add("CO2", &|s| s.grams_co2.map(isoflop_text::grams));
    let unknown: Vec<String> = comparison
        .sides
        .iter()
        .zip(&comparison.spending)
        .filter_map(|(name, spending)| Some((name, spending.as_ref()?.cells_without_energy)))
        .filter(|(_, cells)| *cells > 0)
        .map(|(name, cells)| format!("{} of {name}", isoflop_text::counted(cells, "cell")))
        .collect();
    if !unknown.is_empty() {
        table.notes.push(
            format!(
                "The energy of {} is not known. It is recorded where NVIDIA's library or Linux's powercap counters can be \
                 read; else set `watts` in [device].",
                unknown.join(" and ")
            )
            .into(),
        );
    }
}
