//! `sweep status`: how far a study is, who trains it and where, and what was lost.

use std::io::IsTerminal;
use std::time::Duration;

use isoflop::{CellCounts, StudyStatus, WriterStatus, status};
use isoflop_text::{Align, columns, counted, rough_duration};
use serde::Serialize;

use crate::cli::StatusArgs;
use crate::print;

/// Between two looks at a folder that is watched.
const EVERY: Duration = Duration::from_secs(2);
/// Moves the cursor home and clears what is below it.
const CLEAR: &str = "\x1b[H\x1b[2J";

#[derive(Serialize)]
struct Told<'a> {
    schema: u32,
    #[serde(flatten)]
    status: &'a StudyStatus,
}

/// Prints how a study stands; watched, until all cells have ended.
pub fn run(args: &StatusArgs) -> anyhow::Result<()> {
    let clear = args.watch && !args.output.json && std::io::stdout().is_terminal();
    let mut before = None;
    loop {
        let status = status(&args.results)?;
        // Into a file or a pipe goes what changed; a screen also shows how long ago it was.
        let now = Some(changing(&status));
        if clear {
            print::raw(CLEAR)?;
        }
        if clear || now != before {
            match args.output.json {
                true => print::raw(
                    &(serde_json::to_string(&Told { schema: 1, status: &status })? + "\n"),
                )?,
                false => print::text(&text(&status))?,
            }
        }
        let open = status.cells.open + status.cells.failed > 0;
        if !args.watch || !open {
            return Ok(());
        }
        before = now;
        std::thread::sleep(EVERY);
    }
}

/// What is no mere passing of time.
fn changing(status: &StudyStatus) -> (CellCounts, Vec<(Option<String>, u32, bool)>) {
    let writer = |writer: &WriterStatus| (writer.shard.clone(), writer.holder.pid, writer.lost);
    (status.cells, status.writers.iter().map(writer).collect())
}

fn text(status: &StudyStatus) -> String {
    let StudyStatus { study, cells, flops_done, flops_all, writers, .. } = status;
    let ended = cells.finished + cells.diverged;
    let mut lines = vec![format!("{study}: {ended} of {} done", counted(cells.all as u64, "cell"))];
    let kinds = [
        (cells.diverged, "diverged"),
        (cells.failed, "failed, to be tried again"),
        (cells.open, "in training or to come"),
    ];
    for (count, kind) in kinds {
        if count > 0 {
            lines.push(format!("  {count} {kind}"));
        }
    }
    let share = if *flops_all > 0.0 { 100.0 * flops_done / flops_all } else { 100.0 };
    let left = match status.seconds_left {
        Some(seconds) if seconds > 0.0 => {
            format!("; some {} to go at the present rate", rough_duration(seconds))
        }
        _ => String::new(),
    };
    lines.push(format!("  {share:.0}% of the training FLOPs{left}"));
    if let Some(tasks) = &status.tasks {
        let kinds = [(tasks.running, "at work"), (tasks.lost, "lost"), (tasks.waiting, "waiting")];
        let kinds = kinds.into_iter().filter(|(count, _)| *count > 0);
        let kinds: String = kinds.map(|(count, kind)| format!(", {count} {kind}")).collect();
        lines.push(format!(
            "  {} of {} done{kinds}",
            tasks.done,
            counted(tasks.all as u64, "task")
        ));
    }
    if !writers.is_empty() {
        lines.push(String::new());
        lines.push(table(writers));
    }
    if status.repeated > 0 {
        let results = counted(status.repeated as u64, "result");
        lines.push(format!(
            "{results} of cells that had ended in another shard: the first of each counts; {} differ from it",
            status.contradicting
        ));
    }
    if let Some(go_on) = &status.go_on {
        lines.push(format!("nobody trains the others; {go_on}"));
    }
    lines.join("\n") + "\n"
}

fn table(writers: &[WriterStatus]) -> String {
    let head = ["", "shard", "where", "since", "cells", "last sign"].map(str::to_owned);
    let ago = |seconds: Option<f64>| match seconds {
        Some(seconds) => format!("{} ago", rough_duration(seconds)),
        None => String::new(),
    };
    let row = |writer: &WriterStatus| {
        vec![
            if writer.lost { "LOST" } else { "at work" }.to_owned(),
            writer.shard.clone().unwrap_or_else(|| "(the folder)".to_owned()),
            format!("{}, process {}", writer.holder.host, writer.holder.pid),
            ago(writer.seconds),
            writer.cells.to_string(),
            ago(writer.last_sign_seconds),
        ]
    };
    let rows: Vec<Vec<String>> =
        std::iter::once(head.to_vec()).chain(writers.iter().map(row)).collect();
    let aligns = [Align::Left, Align::Left, Align::Left, Align::Right, Align::Right, Align::Right];
    columns(&aligns, &rows).join("\n")
}
