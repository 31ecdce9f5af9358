//! What is to be said of cells whose loss left the finite numbers or ran away.

use std::collections::BTreeSet;

use isoflop_ledger::{Contents, Record, Status};
use isoflop_report::Notice;
use isoflop_report::number::scientific;
use isoflop_text::listed;

/// A warning where a quarter of the cells that ended diverged, or more.
pub(crate) fn diverged(contents: &Contents) -> Option<Notice> {
    let current = contents.current();
    let diverged = |record: &&Record| matches!(record.result.status, Status::Diverged { .. });
    let cells: Vec<&Record> = current.values().copied().filter(diverged).collect();
    if cells.is_empty() || 4 * cells.len() < current.len() {
        return None;
    }
    let rate = |record: &Record| record.result.cell.hyper.learning_rate;
    let rates = cells.iter().map(|record| rate(record));
    let (low, high) = rates.fold((f64::INFINITY, 0.0_f64), |(l, h), r| (l.min(r), h.max(r)));
    let fine = current.values().filter(|record| record.valid_loss_nats().is_some());
    let fine = fine.map(|record| rate(record)).fold(0.0, f64::max);
    let shapes: BTreeSet<String> = cells.iter().map(|r| r.result.cell.shape.to_string()).collect();
    let shapes: Vec<String> = shapes.into_iter().collect();
    let most = if low == high && fine == high {
        "; others ended well at it".to_owned()
    } else if fine > 0.0 {
        format!("; the highest rate that ended well is {}", scientific(fine, 3))
    } else {
        String::new()
    };
    let rates = match (scientific(low, 3), scientific(high, 3)) {
        (low, high) if low == high => format!("a learning rate of {low}"),
        (low, high) => format!("learning rates from {low} to {high}"),
    };
    Some(Notice {
        text: format!(
            "{} of {} cells diverged, at {rates}{most}: {}",
            cells.len(),
            current.len(),
            listed(&shapes)
        )
        .into(),
        advice: "lower `train.learning_rate`, or leave it to the rule; what is fitted to the rest lacks the cells that it was planned with".into(),
    })
}
