//! Losses of cells, and of one cell beside another.

use std::collections::BTreeMap;

use isoflop_ledger::Record;
use isoflop_plan::{Cell, CellId};
use isoflop_report::plots::{Sensitivity, SensitivityCurve};

/// A gain beyond which what the rule gives counts as mistuned.
const TOLERANCE: f64 = 0.01;

/// The held-out losses of a study by cell: [`Contents::repeats`](isoflop_ledger::Contents::repeats).
pub(crate) struct Losses<'a>(pub(crate) BTreeMap<&'a CellId, Vec<&'a Record>>);

impl Losses<'_> {
    /// In nats, by the first machine that has a result; `None` where the cell has none.
    pub(crate) fn of(&self, cell: &Cell) -> Option<f64> {
        self.repeats(cell).find_map(|record| record.valid_loss_nats())
    }

    /// The loss of `cell` over that of `other`, less 1: on the machines that trained both, else by the first of either.
    pub(crate) fn change(&self, cell: &Cell, other: &Cell) -> Option<f64> {
        let change = |a: f64, b: f64| a / b - 1.0;
        let on_one = |record: &Record| {
            let same = |other: &&Record| other.run.passport == record.run.passport;
            let other = self.repeats(other).find(same)?;
            Some(change(record.valid_loss_nats()?, other.valid_loss_nats()?))
        };
        let paired: Vec<f64> = self.repeats(cell).filter_map(on_one).collect();
        match paired.len() {
            0 => Some(change(self.of(cell)?, self.of(other)?)),
            machines => Some(paired.iter().sum::<f64>() / machines as f64),
        }
    }

    fn repeats(&self, cell: &Cell) -> impl Iterator<Item = &Record> {
        self.0.get(&cell.id).into_iter().flatten().copied()
    }
}

/// The figure of an experiment beside the rule.
pub(crate) fn figure(
    id: &str,
    title: &str,
    subtitle: &str,
    label: &str,
    curves: Vec<SensitivityCurve>,
) -> Sensitivity {
    Sensitivity {
        id: id.into(),
        title: title.into(),
        subtitle: Some(subtitle.into()),
        label: label.into(),
        curves,
        tolerance: TOLERANCE,
    }
}
