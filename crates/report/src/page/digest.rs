//! The minima in as few columns as a terminal has.

use isoflop_fit::isoflop::Minimum;

use super::{Page, intervals};
use crate::chart::Rich;
use crate::number;
use crate::table::{Align, Table, Tone};

/// Of each budget its minimum, or why it has none; `None` without slices.
pub(super) fn table(page: &Page) -> Option<Table> {
    let row = page.study()?.approach2.first()?;
    let slices = row.every_slice();
    let minima: Vec<&Minimum> = slices.iter().filter_map(|s| s.minimum.as_ref()).collect();
    let shown = intervals(minima.iter().flat_map(|m| [m.params, m.tokens, m.loss_nats]))
        .map_or_else(String::new, |shown| format!(", with {shown}"));
    let columns = ["FLOPs", "N*", "D*", "Loss, nats"].map(|head| (head, Align::Right));
    let mut table = Table::new(format!("Minimum of each budget{shown}"), columns);
    for slice in slices {
        let budget = number::power(slice.flops, 3);
        let dash = || Rich::plain("—");
        match &slice.minimum {
            Some(m) => table.row([
                budget,
                number::estimate_count(&m.params).into(),
                number::estimate_count(&m.tokens).into(),
                number::estimate(&m.loss_nats).into(),
            ]),
            None => table.toned(Tone::Alert, [budget, dash(), dash(), dash()]),
        }
    }
    let why = slices.iter().filter_map(|slice| {
        let why = slice.refusal.as_ref()?;
        Some(number::power(slice.flops, 3).then(format!(" FLOPs: {why}.")))
    });
    table.notes.extend(why);
    (!table.rows.is_empty()).then_some(table)
}
