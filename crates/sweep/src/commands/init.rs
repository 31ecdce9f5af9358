//! `sweep init`: a first configuration, for somebody's text and time.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::Context;
use isoflop::{Starter, StarterLimit};
use isoflop_plan::OptimumRule;
use isoflop_report::number;
use isoflop_text::{facts, listed, rough_duration};

use crate::cli::InitArgs;
use crate::failure::misuse;
use crate::{print, progress, shell, terminal};

/// Writes the file, and says what it trains and what comes next.
pub fn run(args: &InitArgs) -> anyhow::Result<()> {
    let (wishes, path) = args.resolve()?;
    if path.exists() {
        return refuse(&path);
    }
    let mut observer = progress::observer(&args.output);
    let starter = isoflop::starter(&wishes, &mut *observer)?;
    observer.clear();
    let file = match File::create_new(&path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return refuse(&path),
        file => file,
    };
    file.and_then(|mut file| file.write_all(starter.toml.as_bytes())).with_context(|| {
        format!(
            "cannot write {}\nhint: check that the folder exists and that you may write there",
            path.display()
        )
    })?;
    if args.output.json {
        return print::json(&json(&starter, &path));
    }
    print::text(&told(&starter, &path, args.hours))
}

fn refuse(path: &Path) -> anyhow::Result<()> {
    misuse!(
        "{} is there already, and is left as it is\nhint: name another file, `sweep init FILE`, or remove it first",
        path.display()
    )
}

fn json(starter: &Starter, path: &Path) -> serde_json::Value {
    let grid = &starter.grid;
    serde_json::json!({
        "schema": 1,
        "file": path,
        "study": starter.config.study.name,
        "results": starter.config.study.results,
        "device": starter.device,
        "runs": grid.cells.len(),
        "budgets": grid.slices().iter().map(|(flops, _)| flops).collect::<Vec<_>>(),
        "flops": grid.train_flops(),
        "seconds": starter.seconds,
        "limit": starter.limit,
        "train_tokens": grid.data.train_tokens,
        "most_epochs": grid.most_epochs(),
        "next": [command("sweep", path)],
    })
}

/// The file in a few lines, with what was assumed, and the next commands.
fn told(starter: &Starter, path: &Path, hours: f64) -> String {
    let Starter { grid, config, .. } = starter;
    let slices = grid.slices();
    let budgets: Vec<String> =
        slices.iter().map(|(flops, _)| number::scientific(*flops, 2)).collect();
    let sizes = grid.cells.iter().map(|c| grid.convention.params(&c.cell.shape));
    let (least, most) = sizes.fold((f64::INFINITY, 0.0f64), |(a, b), n| (a.min(n), b.max(n)));
    let rule = OptimumRule::DEFAULT;
    let rows = [
        ("Text", text(starter)),
        ("Budgets", format!("{} FLOPs", listed(&budgets))),
        (
            "Models",
            format!(
                "{} to {} parameters, at least 7 for each budget",
                number::count(least, 2),
                number::count(most, 2)
            ),
        ),
        ("Size", limit(starter, hours)),
        (
            "Assumed",
            format!(
                "the best model for C FLOPs has about {} C^{} parameters, which is tested: each budget has models on both sides of it; learning rates by a rule that was measured on small models",
                rule.coefficient, rule.exponent
            ),
        ),
    ];
    let next = [
        (command("sweep plan", path), "shows what it trains".to_owned()),
        (
            command("sweep", path),
            format!("trains it and writes {}", config.study.results.join("report.html").display()),
        ),
    ];
    format!(
        "{}: {} runs, {} training FLOPs, about {} on {}\n\n{}\nNext\n{}",
        path.display(),
        grid.cells.len(),
        number::scientific(grid.train_flops(), 2),
        rough_duration(starter.seconds),
        starter.device,
        facts("  ", &rows.map(|(name, value)| (name.to_owned(), value)), terminal::width()),
        facts("  ", &next, terminal::width())
    )
}

fn text(starter: &Starter) -> String {
    let grid = &starter.grid;
    match (grid.data.train_tokens, grid.most_epochs()) {
        (Some(tokens), Some(epochs)) => format!(
            "{}: {} training tokens; the longest run passes over them {} times",
            starter.source,
            number::count(tokens as f64, 3),
            number::significant(epochs, 2)
        ),
        _ => starter.source.clone(),
    }
}

fn limit(starter: &Starter, hours: f64) -> String {
    let wished = rough_duration(3600.0 * hours);
    match starter.limit {
        StarterLimit::Time => format!("as much as {wished} have room for (`--hours`)"),
        StarterLimit::Text => "as much as the text feeds: no run passes over it more than 4 times, and the best of the largest budget once; more text has room for more".into(),
        StarterLimit::Device => "as much as the device has room for".into(),
        StarterLimit::Smallest => format!(
            "the smallest whose curves can be expected to have a bottom, though it takes longer than {wished} (`--hours`)"
        ),
    }
}

fn command(command: &str, path: &Path) -> String {
    format!("{command} {}", shell::quoted(path))
}
