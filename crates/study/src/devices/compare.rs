//! Whether unlike devices come to the same losses: each kind of them trains a few of the cheapest cells of the others as well, once all
//! else is done. The fit tells from these cells whether losses depend on the device.

use std::collections::BTreeMap;

use isoflop_plan::{Cell, CellId};
use isoflop_text::counted;

use super::message::Order;
use super::train::Work;
use crate::events::Reports;

/// Cells that are trained by every kind: with two kinds they leave two degrees of freedom.
const CELLS: usize = 3;

/// Most of the time that training took that goes into the comparison.
const SHARE: f64 = 0.05;

/// What devices of each kind train besides.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// `None` before it is laid out: device, stack and cell.
    waiting: Option<Vec<(usize, usize, CellId)>>,
}

impl Comparison {
    /// Whether all else is done.
    pub fn is_under_way(&self) -> bool {
        self.waiting.is_some()
    }

    /// A device takes no part any more.
    pub fn without(&mut self, device: usize) {
        self.waiting.iter_mut().for_each(|waiting| waiting.retain(|(on, ..)| *on != device));
    }
}

impl Work<'_, '_, '_> {
    /// Gives cells of the comparison to their devices; those that have none any more leave.
    pub(super) fn hand_out_comparison(&mut self) {
        if self.comparison.waiting.is_none() {
            let waiting = self.lay_out_comparison();
            self.comparison.waiting = Some(waiting);
            self.dismiss_unready();
        }
        self.changed = false;
        self.training.expect(None);
        for index in 0..self.crew.devices.len() {
            if self.crew.devices[index].free == 0 {
                continue;
            }
            let Some(waiting) = &mut self.comparison.waiting else { continue };
            let busy = |stack: usize| self.running.contains_key(&stack);
            match waiting.iter().position(|&(on, stack, _)| on == index && !busy(stack)) {
                Some(place) => {
                    let (_, stack, cell) = waiting.remove(place);
                    let others = self.stacks[stack].cells.iter().map(|other| other.id.clone());
                    let done = others.filter(|id| *id != cell).collect();
                    self.give(index, stack, done, vec![cell]);
                }
                // Another device has the stack, and this one may have it then.
                None if waiting.iter().any(|(on, ..)| *on == index) => {}
                None => {
                    self.crew.devices[index].free = 0;
                    self.crew.devices[index].order(&Order::NoMore);
                }
            }
        }
    }

    /// The cheapest cells that have ended, each for one device of every kind that has not trained it.
    fn lay_out_comparison(&mut self) -> Vec<(usize, usize, CellId)> {
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for (index, device) in self.crew.devices.iter().enumerate() {
            if let (Some(opened), true) = (&device.opened, device.ready.is_some()) {
                kinds.entry(&opened.label).or_insert(index);
            }
        }
        if !self.part.free || kinds.len() < 2 {
            return Vec::new();
        }
        let ended: BTreeMap<&CellId, Vec<&str>> = self
            .ledger
            .contents()
            .repeats()
            .into_iter()
            .filter(|(_, records)| records.iter().any(|record| record.valid_loss_nats().is_some()))
            .map(|(id, records)| (id, records.iter().map(|r| &r.run.passport[..]).collect()))
            .collect();
        let cells = self
            .stacks
            .iter()
            .enumerate()
            .flat_map(|(stack, s)| s.cells.iter().map(move |cell| (stack, cell)));
        let mut cells: Vec<(usize, &Cell)> =
            cells.filter(|(_, cell)| ended.contains_key(&cell.id)).collect();
        cells.sort_by(|a, b| a.1.flops().total_cmp(&b.1.flops()));
        let label =
            |index: usize| self.crew.devices[index].opened.as_ref().map(|opened| &opened.label);
        let has = |kind: usize, cell: &Cell| {
            // By any device of that kind.
            let of_kind = (0..self.passports.len()).filter(|&other| label(other) == label(kind));
            of_kind.into_iter().any(|other| ended[&cell.id].contains(&&self.passports[other][..]))
        };
        let limit = SHARE * self.training.seconds();
        let mut planned = Vec::new();
        let mut left_out = Vec::new();
        for &kind in kinds.values() {
            let lacks = cells.iter().take(CELLS).filter(|(_, cell)| !has(kind, cell));
            let lacks: Vec<(usize, usize, CellId)> =
                lacks.map(|(stack, cell)| (kind, *stack, cell.id.clone())).collect();
            let seconds = |(_, stack, cell): &(usize, usize, CellId)| {
                let flops = self.stacks[*stack].cells.iter().find(|other| other.id == *cell);
                self.paces[kind].seconds(&self.stacks[*stack], flops.map_or(0.0, Cell::flops))
            };
            match lacks.iter().map(seconds).sum::<f64>() <= limit {
                true => planned.extend(lacks),
                false => left_out.push(self.crew.devices[kind].id.clone()),
            }
        }
        let observer = self.training.observer();
        if !planned.is_empty() {
            let cells = counted(planned.len() as u64, "cell");
            observer.note(format!("{cells} more, so that the devices' losses can be compared"));
        }
        if !left_out.is_empty() {
            observer.note(format!(
                "whether losses depend on the device is not tried on {}: it would take more than {:.0}% of the time that training took",
                left_out.join(", "),
                100.0 * SHARE
            ));
        }
        planned
    }
}
