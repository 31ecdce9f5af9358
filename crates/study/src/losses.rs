//! Losses of cells, and of one cell beside another.

use std::collections::BTreeMap;

use isoflop_ledger::Record;
use isoflop_plan::{Cell, CellId};
use isoflop_report::plots::{Sensitivity, SensitivityCurve};

/// A gain beyond which what the rule gives counts as mistuned.
const TOLERANCE: f64 = 0.01;

/// The held-out losses of a study by cell.
pub(crate) struct Losses<'a>(pub(crate) BTreeMap<&'a CellId, &'a Record>);

impl Losses<'_> {
    /// In nats; `None` where the cell has no result.
    pub(crate) fn of(&self, cell: &Cell) -> Option<f64> {
        self.0.get(&cell.id).and_then(|record| record.valid_loss_nats())
    }

    /// The loss of `cell` over that of `other`, less 1.
    pub(crate) fn change(&self, cell: &Cell, other: &Cell) -> Option<f64> {
        Some(self.of(cell)? / self.of(other)? - 1.0)
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
