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

#[cfg(test)]
mod tests {
    use isoflop_ledger::{RunInfo, RunResult, Status, Valid};
    use isoflop_plan::{Hyper, ModelConfig, Precision};

    use super::*;

    fn record(seed: u64, passport: &str, loss_nats: f64) -> Record {
        let shape = ModelConfig::default().shape(16, 64).unwrap();
        let hyper = Hyper::for_timing(1, Precision::F32);
        let cell = Cell::new(None, shape, 10, hyper, seed, "");
        let mut result = RunResult::new("", "", cell, Status::Finished);
        let (bits_per_byte, true_loss_nats) = (None, None);
        result.valid = Some(Valid { loss_nats, bits_per_byte, tokens: 1, true_loss_nats });
        Record::new(result, RunInfo { passport: passport.into(), ..RunInfo::default() })
    }

    #[test]
    fn cells_are_compared_on_one_machine_at_a_time() {
        // Whatever b does to the loss, it does to both cells.
        let (one, two) = ([record(1, "a", 2.0), record(1, "b", 4.0)], [record(2, "b", 3.0)]);
        let (id, other) = (one[0].id(), two[0].id());
        let all = Losses([(id, one.iter().collect()), (other, two.iter().collect())].into());
        let (cell, with) = (&one[0].result.cell, &two[0].result.cell);
        assert_eq!((all.of(cell), all.of(with)), (Some(2.0), Some(3.0)));
        assert_eq!(all.change(cell, with), Some(4.0 / 3.0 - 1.0));
        // Machines without both: the first of either.
        let apart = Losses([(id, vec![&one[0]]), (other, two.iter().collect())].into());
        assert_eq!(apart.change(cell, with), Some(2.0 / 3.0 - 1.0));
        assert_eq!(Losses([(id, vec![&one[0]])].into()).change(cell, with), None);
    }
}
