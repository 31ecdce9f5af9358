//! Synthetic languages: the fitted irreducible loss against the true entropy.

use isoflop_fit::Estimate;

use super::{Page, filled};
use crate::chart::Rich;
use crate::document::{Block, Section};
use crate::number;
use crate::table::{Align, Table};

/// Exact loss of the true distribution on the held-out tokens, nats per token; `None` unless every
/// finished record states it. Where contexts differ between cells it is their mean.
pub(super) fn entropy(page: &Page) -> Option<f64> {
    let finished: Vec<f64> = page
        .records
        .iter()
        .filter(|r| r.valid_loss_nats().is_some())
        .map(|r| r.result.valid.and_then(|v| v.true_loss_nats))
        .collect::<Option<_>>()?;
    let sum: f64 = finished.iter().sum();
    (!finished.is_empty() && sum.is_finite()).then(|| sum / finished.len() as f64)
}

fn off(fitted: f64, truth: f64) -> String {
    number::percent(fitted / truth - 1.0, 1, true)
}

pub(super) fn floor_note(page: &Page, fitted: &Estimate) -> Option<Rich> {
    let truth = entropy(page)?;
    Some(
        format!(
            "entropy of the held-out tokens {}: off by {}",
            number::significant(truth, 4),
            off(fitted.point, truth)
        )
        .into(),
    )
}

pub(super) fn section(page: &Page) -> Option<Section> {
    let truth = entropy(page)?;
    let mut section = Section::new("truth", "Against the truth");
    section.lead = Some(
        "The language is synthetic: its exact next-token probabilities, and so the lowest loss that any model can \
         reach on the held-out tokens, are known."
            .into(),
    );
    let mut blocks = Vec::new();
    let floor = page
        .study()
        .and_then(|s| s.law())
        .and_then(|r| r.parameters.iter().find(|p| p.name == "E"));
    if let Some(e) = floor {
        let inside = match e.estimate.interval {
            Some(i) if i.contains(truth) => " The interval holds the truth.",
            Some(_) => {
                " The interval misses the truth: the law is extrapolated to infinite size and data here."
            }
            None => "",
        };
        let text = format!(
            "Fitted E = {} nats per token; true entropy of the held-out tokens {} nats: off by {}.{inside}",
            number::estimate(&e.estimate),
            number::significant(truth, 5),
            off(e.estimate.point, truth)
        );
        blocks.push(Block::Text(text.into()));
    }
    let best = page.records.iter().filter_map(|r| r.valid_loss_nats().map(|l| (l, r)));
    let best = best.filter(|(l, _)| l.is_finite()).min_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((loss, record)) = best {
        let columns =
            [("", Align::Left), ("Nats per token", Align::Right), ("Over the truth", Align::Right)];
        let mut table = Table::new("How close the runs come", columns);
        table.row([
            "True entropy of the held-out tokens".to_owned(),
            number::significant(truth, 5),
            "—".to_owned(),
        ]);
        let name = format!("Best run ({})", record.id());
        table.row([name, number::significant(loss, 5), off(loss, truth)]);
        if let Some(e) = floor {
            table.row([
                "Fitted E".to_owned(),
                number::estimate(&e.estimate),
                off(e.estimate.point, truth),
            ]);
        }
        blocks.push(Block::Table(table));
    }
    filled(section, blocks)
}
