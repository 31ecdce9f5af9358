//! Every run in a table.

use isoflop_ledger::{Record, Status};

use super::{Page, filled};
use crate::document::{Block, Section};
use crate::number;
use crate::table::{Align, Sheet, Table, Tone};

/// Name of the table as it is saved.
pub(super) const FILE: &str = "runs.csv";
/// A space at which no line is broken.
const UNBROKEN: &str = "\u{a0}";

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
        ("Seconds", Align::Right),
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
    let mut values = Vec::new();
    for record in records {
        let tone = if record.result.status == Status::Finished { Tone::Plain } else { Tone::Alert };
        let machine = page.machines.get(&record.run.passport).cloned().unwrap_or_default();
        let (texts, exact): (Vec<_>, Vec<_>) = cells(record).into_iter().unzip();
        table.toned(tone, texts.into_iter().chain(several.then_some(machine)));
        values.push(exact);
    }
    table.sheet = Some(Sheet { file: FILE.into(), values });
    table.notes.push(
        "N counts all parameters, C the exact matrix products; batch in tokens; seconds of the device, training only.".into(),
    );
    filled(section, vec![Block::Table(table)])
}

/// What each column shows of a run, and the number behind it.
fn cells(record: &Record) -> [(String, Option<f64>); 16] {
    let result = &record.result;
    let text = |text: String| (text, None);
    let number = |value: Option<f64>, show: &dyn Fn(f64) -> String| {
        (value.map_or_else(|| "—".to_owned(), show), value)
    };
    let whole = |value: u64| number(Some(value as f64), &|_| value.to_string());
    let count = |value: f64| number(Some(value), &|v| number::count(v, 3));
    let (n, d) = (result.params.total() as f64, result.tokens as f64);
    let valid = result.valid.filter(|_| result.status == Status::Finished);
    let seconds = record.run.train_seconds * record.run.device_share;
    let four = |x: f64| number::fixed(x, 4);
    [
        text(record.id().to_string()),
        number(result.cell.budget_flops, &|b| number::scientific(b, 3)),
        text(result.cell.shape.to_string().replace(' ', UNBROKEN)),
        count(n),
        count(d),
        number(Some(d / n), &|x| number::significant(x, 3)),
        number(Some(result.flops.exact), &|c| number::scientific(c, 3)),
        count(result.cell.batch_tokens() as f64),
        whole(result.cell.steps),
        number(Some(result.cell.hyper.learning_rate), &|x| number::significant(x, 3)),
        whole(result.cell.seed),
        number(valid.map(|v| v.loss_nats), &four),
        number(valid.and_then(|v| v.bits_per_byte), &four),
        number(Some(seconds).filter(|s| *s > 0.0), &|s| number::significant(s, 3)),
        number(record.run.tokens_per_second, &|t| number::count(t, 3)),
        text(match &result.status {
            Status::Finished => "finished".to_owned(),
            Status::Diverged { step, reason } => format!("diverged at step {step}: {reason}"),
            Status::Failed { error } => format!("failed: {error}"),
        }),
    ]
}
