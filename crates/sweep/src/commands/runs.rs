//! `sweep runs`: the runs of a study as one flat table.

use std::cmp::Ordering;

use isoflop::{RunRow, run_rows, runs_csv};
use isoflop_report::number;
use isoflop_text::{Align, columns, counted};

use crate::cli::RunsArgs;
use crate::{print, progress, runs, terminal};

/// Prints the table: as many columns as fit for people, all of them as CSV or JSON.
pub fn run(args: &RunsArgs) -> anyhow::Result<()> {
    let mut observer = progress::observer(&args.output);
    let (folder, notes) = runs::folders(&args.results)?;
    for note in notes {
        observer.note(note);
    }
    let mut rows = run_rows(&folder);
    if args.csv {
        return print::raw(&runs_csv(&rows)?);
    }
    if args.output.json {
        return print::json(&serde_json::json!({ "schema": 1, "runs": rows }));
    }
    rows.sort_by(by_size);
    print::text(&told(&rows, terminal::width().columns()))
}

/// By budget, size, hyper-parameters and seed.
fn by_size(a: &RunRow, b: &RunRow) -> Ordering {
    let numbers = |row: &RunRow| (row.budget.unwrap_or(row.flops), row.learning_rate);
    let ((budget, rate), (other, other_rate)) = (numbers(a), numbers(b));
    budget
        .total_cmp(&other)
        .then(a.params.cmp(&b.params))
        .then(a.tokens.cmp(&b.tokens))
        .then(rate.total_cmp(&other_rate))
        .then((a.batch_tokens, a.seed, &a.run).cmp(&(b.batch_tokens, b.seed, &b.run)))
}

/// A column for people; those of low rank go first where a line is too short for all.
struct Column {
    rank: usize,
    align: Align,
    name: &'static str,
    cell: fn(&RunRow) -> String,
}

const fn column(
    rank: usize,
    align: Align,
    name: &'static str,
    cell: fn(&RunRow) -> String,
) -> Column {
    Column { rank, align, name, cell }
}

#[rustfmt::skip]
const SHOWN: [Column; 16] = [
    column(0, Align::Left, "run", |r| r.run.clone()),
    column(1, Align::Right, "C", |r| number::scientific(r.budget.unwrap_or(r.flops), 2)),
    column(5, Align::Left, "model", |r| format!("L{} d{} h{}", r.depth, r.width, r.heads)),
    column(2, Align::Right, "N", |r| number::count(r.params as f64, 3)),
    column(14, Align::Right, "N non-emb.", |r| number::count(r.params_non_embedding as f64, 3)),
    column(3, Align::Right, "D", |r| number::count(r.tokens as f64, 3)),
    column(8, Align::Right, "rate", |r| number::significant(r.learning_rate, 2)),
    column(9, Align::Right, "batch", |r| r.batch_tokens.to_string()),
    column(7, Align::Right, "seed", |r| r.seed.to_string()),
    column(6, Align::Left, "status", status),
    column(4, Align::Right, "loss", |r| or_dash(r.loss, |loss| number::fixed(loss, 4))),
    column(10, Align::Right, "bits/byte", |r| or_dash(r.bits_per_byte, |bits| number::fixed(bits, 4))),
    column(15, Align::Right, "train loss", |r| or_dash(r.train_loss, |loss| number::fixed(loss, 4))),
    column(11, Align::Right, "s", |r| number::significant(r.seconds, 3)),
    column(12, Align::Right, "tokens/s", |r| or_dash(r.tokens_per_second, |rate| number::count(rate, 3))),
    column(13, Align::Right, "J", |r| or_dash(r.joules, |joules| number::count(joules, 3))),
];

fn status(row: &RunRow) -> String {
    match (row.status, row.in_fit) {
        ("finished", false) => "not in fit".to_owned(),
        (word, _) => word.to_owned(),
    }
}

fn or_dash(value: Option<f64>, told: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), told)
}

/// Lines of at most `width` characters, and what they leave out.
fn told(rows: &[RunRow], width: usize) -> String {
    let cells = |column: &Column| -> Vec<String> {
        let head = column.name.to_owned();
        std::iter::once(head).chain(rows.iter().map(column.cell)).collect()
    };
    let mut all: Vec<(&Column, Vec<String>)> = SHOWN.iter().map(|c| (c, cells(c))).collect();
    // A column that says the same of every run gives way first.
    let tells =
        |cells: &[String]| rows.len() < 2 || cells[1..].iter().any(|cell| *cell != cells[1]);
    let wide = |all: &[(&Column, Vec<String>)]| -> usize {
        let widest =
            |cells: &[String]| cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
        all.iter().map(|(_, cells)| widest(cells) + 2).sum::<usize>().saturating_sub(2)
    };
    let (mut alike, mut hidden) = (Vec::new(), Vec::new());
    while wide(&all) > width && all.len() > 1 {
        let rank = |(column, cells): &(&Column, Vec<String>)| (!tells(cells), column.rank);
        let last = (0..all.len()).max_by_key(|k| rank(&all[*k])).expect("there are columns");
        let (column, cells) = all.remove(last);
        match cells.get(1) {
            Some(cell) if cell == "-" && !tells(&cells) => {}
            Some(cell) if !tells(&cells) => alike.push(format!("{} {cell}", column.name)),
            _ => hidden.push(column.name),
        }
    }
    let aligns: Vec<Align> = all.iter().map(|(column, _)| column.align).collect();
    let lines: Vec<Vec<String>> =
        (0..=rows.len()).map(|k| all.iter().map(|(_, cells)| cells[k].clone()).collect()).collect();
    let text = columns(&aligns, &lines).join("\n") + "\n";
    let mut note = counted(rows.len(), "run");
    if !alike.is_empty() {
        note += &format!(", all of them with {}", alike.join(", "));
    }
    if !hidden.is_empty() {
        note += &format!("; a wider terminal shows {}", hidden.join(", "));
    }
    note += "; `--csv` has every column";
    text + "\n" + &note + "\n"
}
