//! The rows of a table of runs, where there are no records; and the rows that no fit saw.

use std::collections::BTreeSet;

use isoflop_fit::study::Study;
use isoflop_fit::{LeftOut, Observation, Table as FitTable, by_reason};
use isoflop_text::{listed, thousands};

use super::{Fitted, Page, Thinned, filled, runs};
use crate::document::{Block, Section};
use crate::number;
use crate::plots::{GridCell, GridMap, GridState};
use crate::table::{Align, Sheet, Table, Tone};

/// Rows that the page shows; a table of more has them itself.
const MOST_ROWS: usize = 1000;

/// The table as the fit saw it: under the study's convention, and what its law leaves of it.
fn table_of<'a>(page: &Page<'a>) -> Option<(FitTable, &'a Study)> {
    let Fitted::Study(study, table) = page.fitted else { return None };
    if !page.records.is_empty() {
        return None;
    }
    let table = table.under(study.options.convention).ok()?;
    Some((study.law_kind.prepare(&table).ok()?, study))
}

pub(super) fn section(page: &Page) -> Option<Section> {
    let (table, study) = table_of(page)?;
    let rows = table.rows();
    let mut section = Section::new("runs", format!("All {} runs", rows.len()));
    section.folded = true;
    let columns: Vec<Column> = columns().into_iter().filter(|c| rows.iter().any(c.has)).collect();
    let residuals = off_the_law(study, rows.len());
    let off = residuals.as_ref().map(|_| ("Off the law", Align::Right));
    let heads = columns.iter().map(|c| (c.head, c.align)).chain(off);
    let mut shown = Table::new("", heads);
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let budget = |i: usize| rows[i].budget_flops.unwrap_or(rows[i].flops);
    order.sort_by(|&i, &j| {
        let by_budget = budget(i).total_cmp(&budget(j));
        by_budget.then(rows[i].params.total_cmp(&rows[j].params)).then(i.cmp(&j))
    });
    let mut values = Vec::new();
    for &i in order.iter().take(MOST_ROWS) {
        let cells = columns.iter().map(|c| (c.cell)(&rows[i]));
        let exact = columns.iter().map(|c| (c.value)(&rows[i]));
        let exact_off = residuals.iter().map(|r| r[i].map(f64::exp_m1));
        values.push(exact.chain(exact_off).collect());
        let off = residuals.as_ref().map(|r| match r[i] {
            Some(r) => number::percent(r.exp_m1(), 2, true),
            None => "left out".into(),
        });
        let alert = residuals.as_ref().is_some_and(|r| r[i].is_none());
        shown.toned(if alert { Tone::Alert } else { Tone::Plain }, cells.chain(off));
    }
    shown.sheet = Some(Sheet { file: runs::FILE.into(), values });
    if rows.len() > MOST_ROWS {
        let (some, all) = (thousands(MOST_ROWS as u64), thousands(rows.len() as u64));
        shown.notes.push(format!("The first {some} of {all}, by C and N.").into());
    }
    filled(section, vec![Block::Table(shown)])
}

/// ln L less the law's, per row; `None` for rows that the law was not fitted to. `None` at all without a law.
fn off_the_law(study: &Study, rows: usize) -> Option<Vec<Option<f64>>> {
    let found = &study.residuals.as_ref()?.log_residuals;
    let spoiled: BTreeSet<usize> = study.spoiled.iter().map(|s| s.row).collect();
    if found.len() + spoiled.len() != rows {
        return None;
    }
    let mut next = found.iter();
    let one = |i: usize| if spoiled.contains(&i) { None } else { next.next().copied() };
    Some((0..rows).map(one).collect())
}

/// A column of the table of runs.
struct Column {
    head: &'static str,
    align: Align,
    has: fn(&Observation) -> bool,
    cell: fn(&Observation) -> String,
    /// The number behind the cell.
    value: fn(&Observation) -> Option<f64>,
}

fn columns() -> Vec<Column> {
    let text = |head, has, cell: fn(&Observation) -> String| {
        let align = if head == "Run" { Align::Left } else { Align::Right };
        Column { head, align, has, cell, value: |_| None }
    };
    let always: fn(&Observation) -> bool = |_| true;
    let always = |head, cell, value| Column { head, align: Align::Right, has: always, cell, value };
    let some = |head, has, cell, value| Column { head, align: Align::Right, has, cell, value };
    vec![
        text("Run", |_| true, |r| r.run.clone()),
        some(
            "Budget",
            |r| r.budget_flops.is_some(),
            |r| or_dash(r.budget_flops.map(|b| number::scientific(b, 3))),
            |r| r.budget_flops,
        ),
        always("N", |r| number::count(r.params, 3), |r| Some(r.params)),
        always("D", |r| number::count(r.tokens, 3), |r| Some(r.tokens)),
        always(
            "D/N",
            |r| number::significant(r.tokens / r.params, 3),
            |r| Some(r.tokens / r.params),
        ),
        always("C, FLOPs", |r| number::scientific(r.flops, 3), |r| Some(r.flops)),
        some(
            "Rate",
            |r| r.learning_rate.is_some(),
            |r| or_dash(r.learning_rate.map(|v| number::significant(v, 3))),
            |r| r.learning_rate,
        ),
        some(
            "Batch",
            |r| r.batch_tokens.is_some(),
            |r| or_dash(r.batch_tokens.map(|v| number::count(v, 3))),
            |r| r.batch_tokens,
        ),
        text("Seed", |r| r.seed.is_some(), |r| or_dash(r.seed.clone())),
        text("Machine", |r| r.hardware.is_some(), |r| or_dash(r.hardware.clone())),
        always("Loss, nats", |r| number::fixed(r.loss_nats, 4), |r| Some(r.loss_nats)),
    ]
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "—".into())
}

/// N x D of the rows, for pages without a grid.
pub(super) fn map(page: &Page) -> Option<GridMap> {
    let (table, _) = table_of(page)?;
    let cell = |r: &Observation| GridCell {
        name: r.run.clone(),
        params: r.params,
        tokens: r.tokens,
        state: GridState::Finished(r.loss_nats),
    };
    let thinned = Thinned::new(table.len());
    let all = table.rows().iter().enumerate();
    let cells: Vec<GridCell> =
        all.filter(|(i, _)| thinned.keeps(*i)).map(|(_, row)| cell(row)).collect();
    let many = thousands(table.len() as u64);
    let subtitle = match thinned.told.as_str() {
        "" => format!("{many} runs by size and length"),
        some => format!("{many} runs by size and length.{some}"),
    };
    Some(GridMap {
        subtitle: Some(subtitle.into()),
        cells,
        budgets: Vec::new(),
        optimum: Vec::new(),
    })
}

pub(super) fn left_out(page: &Page) -> Option<Section> {
    let rows = &page.study()?.left_out;
    let mut section = Section::new("left-out", "Rows that no fit saw");
    section.folded = true;
    let columns = [("Rows", Align::Right), ("Why", Align::Left), ("Which", Align::Left)];
    let mut table = Table::new("", columns);
    for (reason, rows) in by_reason(rows) {
        let name = |row: &&LeftOut| format!("{} (row {})", row.run, row.row);
        let names: Vec<String> = rows.iter().map(name).collect();
        table.toned(Tone::Alert, [thousands(rows.len() as u64), reason, listed(&names)]);
    }
    filled(section, if rows.is_empty() { Vec::new() } else { vec![Block::Table(table)] })
}
