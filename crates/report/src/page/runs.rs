//! Every run in a table.

use isoflop_ledger::{Record, Status};

use super::{Page, filled};
use crate::document::{Block, Section};
use crate::number;
use crate::table::{Align, Table, Tone};

pub(super) fn section(page: &Page) -> Option<Section> {
    if page.records.is_empty() {
        return None;
    }
    let mut section = Section::new("runs", format!("All {} runs", page.records.len()));
    section.folded = true;
    let columns = [
        ("Run", Align::Left),
        ("Budget", Align::Right),
        ("Shape", Align::Left),
        ("N", Align::Right),
        ("D", Align::Right),
        ("D/N", Align::Right),
        ("C, FLOPs", Align::Right),
        ("Batch", Align::Right),
        ("Steps", Align::Right),
        ("Rate", Align::Right),
        ("Seed", Align::Right),
        ("Loss, nats", Align::Right),
        ("Bits/byte", Align::Right),
        ("Tokens/s", Align::Right),
        ("Status", Align::Left),
    ];
    let machines: std::collections::BTreeSet<&String> = page.machines.values().collect();
    let several = machines.len() > 1;
    let own = several.then_some(("Machine", Align::Left));
    let mut table = Table::new("", columns.into_iter().chain(own));
    let mut records = page.records.clone();
    let budget = |r: &Record| r.result.cell.budget_flops.unwrap_or(f64::INFINITY);
    records.sort_by(|a, b| {
        let by_budget = budget(a).total_cmp(&budget(b));
        by_budget
            .then(a.result.params.total().cmp(&b.result.params.total()))
            .then(a.id().cmp(b.id()))
            .then(a.run.passport.cmp(&b.run.passport))
    });
    for record in records {
        let tone = if record.result.status == Status::Finished { Tone::Plain } else { Tone::Alert };
        let machine = page.machines.get(&record.run.passport).cloned().unwrap_or_default();
        table.toned(tone, cells(record).into_iter().chain(several.then_some(machine)));
    }
    table.notes.push(
        "N counts all parameters, C the exact matrix products; batch in tokens. The ledger holds every digit.".into(),
    );
    filled(section, vec![Block::Table(table)])
}

fn cells(record: &Record) -> [String; 15] {
    let result = &record.result;
    let dash = || "—".to_owned();
    let (n, d) = (result.params.total() as f64, result.tokens as f64);
    let valid = result.valid.filter(|_| result.status == Status::Finished);
    [
        record.id().to_string(),
        result.cell.budget_flops.map_or_else(dash, |b| number::scientific(b, 3)),
        result.cell.shape.to_string(),
        number::count(n, 3),
        number::count(d, 3),
        number::significant(d / n, 3),
        number::scientific(result.flops.exact, 3),
        number::count(result.cell.batch_tokens() as f64, 3),
        result.cell.steps.to_string(),
        number::significant(result.cell.hyper.learning_rate, 3),
        result.cell.seed.to_string(),
        valid.map_or_else(dash, |v| number::fixed(v.loss_nats, 4)),
        valid.and_then(|v| v.bits_per_byte).map_or_else(dash, |b| number::fixed(b, 4)),
        record.run.tokens_per_second.map_or_else(dash, |t| number::count(t, 3)),
        match &result.status {
            Status::Finished => "finished".to_owned(),
            Status::Diverged { step, reason } => format!("diverged at step {step}: {reason}"),
            Status::Failed { error } => format!("failed: {error}"),
        },
    ]
}
