//! `sweep merge`: several results folders -> one.

use isoflop::{Merged, MissingCell, RepeatedCell, Taken, check_new, merge, read_folders};
use isoflop_report::number;
use isoflop_report::table::{Align, Table};
use serde::Serialize;

use crate::cli::MergeArgs;
use crate::{print, progress, terminal};

const L: Align = Align::Left;
const R: Align = Align::Right;
/// Rows of a table of cells; the others are counted.
const SHOWN: usize = 20;

/// Everything that the command prints.
#[derive(Serialize)]
struct Told<'a> {
    schema: u32,
    into: &'a std::path::Path,
    study: &'a str,
    cells: usize,
    records: usize,
    taken: &'a [Taken],
    repeats: &'a [RepeatedCell],
    missing: &'a [MissingCell],
    notes: &'a [String],
}

/// Writes the merged folder and prints what came from where.
pub fn run(args: &MergeArgs) -> anyhow::Result<()> {
    let mut observer = progress::observer(&args.output);
    check_new(&args.into)?;
    let merged = merge(read_folders(&args.results)?)?;
    merged.write(&args.into)?;
    for note in &merged.notes {
        observer.note(note);
    }
    let Merged { folder, taken, repeats, missing, notes } = &merged;
    if args.output.json {
        return print::json(&Told {
            schema: 1,
            into: &args.into,
            study: &folder.config.study.name,
            cells: folder.grid.cells.len(),
            records: folder.contents.records.len(),
            taken,
            repeats,
            missing,
            notes,
        });
    }
    print::text(&told(&merged))?;
    observer.note(format!("next: sweep report {}", args.into.display()));
    Ok(())
}

fn told(merged: &Merged) -> String {
    let cells = merged.folder.grid.cells.len();
    let with = cells - merged.missing.len();
    let mut out = format!("{with} of {cells} planned cells have a result.\n\n");
    for table in [taken(&merged.taken), repeats(&merged.repeats), missing(&merged.missing)] {
        if !table.rows.is_empty() {
            out += &table.to_text(terminal::width());
            out.push('\n');
        }
    }
    out
}

fn taken(rows: &[Taken]) -> Table {
    let columns = [
        ("folder", L),
        ("machine", L),
        ("precision", L),
        ("numerics", R),
        ("cells", R),
        ("finished", R),
        ("diverged", R),
        ("failed", R),
        ("left out", L),
    ];
    let mut table = Table::new("Taken", columns);
    for row in rows {
        let left_out: Vec<String> = [
            (row.copies, "copies"),
            (row.other_results, "of the same passport with another result"),
            (row.failed_here, "failed here and not elsewhere"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
        table.row([
            row.folder.clone(),
            row.machine.clone(),
            row.precision.word().to_owned(),
            row.numerics.map_or_else(|| "-".to_owned(), |version| version.to_string()),
            row.cells.to_string(),
            row.finished.to_string(),
            row.diverged.to_string(),
            row.failed.to_string(),
            left_out.join(", "),
        ]);
    }
    table
}

fn repeats(cells: &[RepeatedCell]) -> Table {
    let mut table = Table::new("Repeats", [("cell", L), ("", L), ("loss, nats", L)]);
    for cell in cells.iter().take(SHOWN) {
        let losses = cell.results.iter().map(|result| {
            let loss = result.loss_nats.map(|loss| number::fixed(loss, 4));
            let loss = loss.unwrap_or_else(|| result.status.to_owned());
            format!("{loss} on {}", result.machine)
        });
        let losses = losses.collect::<Vec<_>>().join(", ");
        table.row([cell.cell.to_string(), cell.label.clone(), losses]);
    }
    counted(&mut table, cells.len());
    table
}

fn missing(cells: &[MissingCell]) -> Table {
    let columns = [("cell", L), ("budget", R), ("", L), ("", L)];
    let mut table = Table::new("Without a result", columns);
    for cell in cells.iter().take(SHOWN) {
        let budget = cell.budget_flops.map(|flops| number::scientific(flops, 3));
        let why = if cell.failed { "failed" } else { "" };
        table.row([
            cell.cell.to_string(),
            budget.unwrap_or_else(|| "-".to_owned()),
            cell.label.clone(),
            why.to_owned(),
        ]);
    }
    counted(&mut table, cells.len());
    table
}

fn counted(table: &mut Table, cells: usize) {
    if cells > SHOWN {
        table.notes.push(format!("And {} more: see `--json`.", cells - SHOWN).into());
    }
}
