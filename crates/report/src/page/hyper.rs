//! Hyper-parameters: their range over the grid, and where each comes from.

use std::collections::BTreeSet;

use isoflop_plan::{Cell, PlannedCell, Provenance};

use super::{Page, filled};
use crate::document::{Block, Section};
use crate::number;
use crate::table::{Align, Table};

/// The row of the precision, which the device may have decided.
const PRECISION: &str = "Precision of products";

pub(super) fn section(page: &Page) -> Option<Section> {
    let planned: Vec<&PlannedCell> = page.grid.iter().flat_map(|g| &g.cells).collect();
    let cells: Vec<&Cell> = match planned.is_empty() {
        false => planned.iter().map(|p| &p.cell).collect(),
        true => page.records.iter().map(|r| &r.result.cell).collect(),
    };
    if cells.is_empty() {
        return None;
    }
    let columns = [("", Align::Left), ("Value", Align::Right), ("From", Align::Left)];
    let mut table = Table::new("", columns);
    let from = |pick: &dyn Fn(&PlannedCell) -> String| {
        let all: BTreeSet<String> = planned.iter().map(|p| pick(p)).collect();
        if all.is_empty() {
            "—".to_owned()
        } else {
            all.into_iter().collect::<Vec<_>>().join("; ")
        }
    };
    let range = |pick: &dyn Fn(&Cell) -> f64, text: &dyn Fn(f64) -> String| {
        let values = cells.iter().map(|c| pick(c));
        let (low, high) =
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if low == high { text(low) } else { format!("{} to {}", text(low), text(high)) }
    };
    let plain = |v: f64| number::significant(v, 3);
    let count = |v: f64| number::count(v, 3);
    table.row([
        "Peak learning rate".to_owned(),
        range(&|c| c.hyper.learning_rate, &plain),
        from(&|p| p.sources.learning_rate.to_string()),
    ]);
    table.row([
        "Batch, tokens".to_owned(),
        range(&|c| c.batch_tokens() as f64, &count),
        from(&|p| p.sources.batch.to_string()),
    ]);
    table.row([
        "Second-moment decay β2".to_owned(),
        range(&|c| c.hyper.beta2, &|v| number::fixed(v, 4)),
        from(&|p| p.sources.beta2.to_string()),
    ]);
    table.row([
        "Warm-up, steps".to_owned(),
        range(&|c| c.hyper.warmup_steps as f64, &count),
        from(&|p| p.sources.warmup.to_string()),
    ]);
    table.row([
        "Weight decay".to_owned(),
        range(&|c| c.hyper.weight_decay, &plain),
        from(&|p| p.sources.weight_decay.to_string()),
    ]);
    for (name, value) in constants(&cells) {
        let auto = planned.iter().find(|p| p.sources.precision != Provenance::User);
        let from = match auto.filter(|_| name == PRECISION) {
            Some(cell) => cell.sources.precision.to_string(),
            None => "configuration".to_owned(),
        };
        table.row([name.to_owned(), value, from]);
    }
    let mut section = Section::new("hyper", "Hyper-parameters");
    section.folded = true;
    filled(section, vec![Block::Table(table)])
}

/// Settings that a study holds fixed; more than one value is shown where it does not.
fn constants(cells: &[&Cell]) -> Vec<(&'static str, String)> {
    let distinct = |pick: &dyn Fn(&Cell) -> String| {
        let all: BTreeSet<String> = cells.iter().map(|c| pick(c)).collect();
        all.into_iter().collect::<Vec<_>>().join("; ")
    };
    let off = |x: Option<f64>| x.map_or_else(|| "off".to_owned(), |v| number::significant(v, 3));
    vec![
        ("Schedule", distinct(&|c| schedule(c.hyper.schedule))),
        ("Optimizer", distinct(&|c| format!("{:?}", c.hyper.optimizer))),
        ("Gradient clipping", distinct(&|c| off(c.hyper.clip_norm))),
        ("z-loss", distinct(&|c| off((c.hyper.z_loss != 0.0).then_some(c.hyper.z_loss)))),
        (PRECISION, distinct(&|c| format!("{:?}", c.hyper.precision).to_lowercase())),
        ("Context, tokens", distinct(&|c| c.shape.context.to_string())),
        ("Vocabulary", distinct(&|c| c.shape.vocab.to_string())),
        ("Family", distinct(&|c| format!("{:?}", c.shape.family).to_lowercase())),
    ]
}

fn schedule(schedule: isoflop_plan::Schedule) -> String {
    use isoflop_plan::Schedule::{Constant, Cosine, Wsd};
    match schedule {
        Cosine { final_fraction } => {
            format!("cosine to {}", number::percent(final_fraction, 0, false))
        }
        Wsd { cooldown_fraction } => {
            format!("WSD, cooldown {}", number::percent(cooldown_fraction, 0, false))
        }
        Constant => "constant".to_owned(),
    }
}
