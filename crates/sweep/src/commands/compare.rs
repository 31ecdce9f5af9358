//! `sweep compare`: folders and tables -> comparison -> page, and a table for people, or JSON.

use std::path::Path;

use anyhow::Context;
use isoflop::{ComparedFolder, refuse_incomparable};
use isoflop_compare::{
    CompareOptions, Compared, Comparison, LossOptions, Mode, Run, Side, compare,
};
use isoflop_durable::write_atomic;
use isoflop_ledger::{now_utc, seconds_of_utc};
use isoflop_report::Notice;
use isoflop_report::comparison::{Around, document};
use serde::Serialize;

use crate::cli::CompareArgs;
use crate::failure::misuse;
use crate::{print, runs, terminal};

/// Version of the JSON.
const SCHEMA: u32 = 1;

/// Everything that the command prints.
#[derive(Debug, Serialize)]
struct Output<'a> {
    schema: u32,
    page: &'a Path,
    #[serde(flatten)]
    comparison: &'a Comparison,
}

/// Compares, and writes the page.
pub fn run(args: &CompareArgs) -> anyhow::Result<()> {
    let mode = match (args.machines, args.recipes) {
        (true, _) => Some(Mode::Machines),
        (_, true) => Some(Mode::Recipes),
        _ => None,
    };
    let options = CompareOptions {
        mode,
        losses: LossOptions { margin: margin(args)?, level: args.level, ..LossOptions::default() },
        draws: args.draws,
        seed: args.seed,
    };
    if !(args.level > 0.0 && args.level < 1.0) {
        misuse!("--level {} is not between 0 and 1\nhint: 0.95 is usual", args.level);
    }
    let (sides, notices) = sides(args, mode)?;
    let comparison = compare(&sides, &options, seconds_of_utc)?;
    let command = command(args);
    let footer = format!("Made by isoflop {} on {}.", env!("CARGO_PKG_VERSION"), &now_utc()[..10]);
    let around = Around { command: &command, footer: &footer, notices };
    let document = document(&comparison, &around);
    write_atomic(&args.page, document.to_html().as_bytes())
        .with_context(|| format!("cannot write {}", args.page.display()))?;
    if args.output.json {
        return print::json(&Output { schema: SCHEMA, page: &args.page, comparison: &comparison });
    }
    print::text(&document.to_text(terminal::width()))?;
    if !args.output.quiet {
        print::say(&format!("page: {}", args.page.display()));
    }
    Ok(())
}

/// In ln L.
fn margin(args: &CompareArgs) -> anyhow::Result<Option<f64>> {
    match args.margin {
        Some(percent) if !(percent > 0.0 && percent < 100.0) => misuse!(
            "--margin {percent} is not a percentage above 0 and below 100\nhint: 1 counts losses within 1% as equal"
        ),
        margin => Ok(margin.map(|percent| (percent / 100.0).ln_1p())),
    }
}

/// The sides, and what is to be known about their tables.
fn sides(args: &CompareArgs, mode: Option<Mode>) -> anyhow::Result<(Vec<Compared>, Vec<Notice>)> {
    if !args.names.is_empty() && args.names.len() != args.sources.len() {
        misuse!(
            "--names has {} names for {} sources\nhint: give one for each, as --names laptop,h200",
            args.names.len(),
            args.sources.len()
        );
    }
    let names = names(args);
    let (mut folders, mut tables, mut notices) = (Vec::new(), Vec::new(), Vec::new());
    for (path, name) in args.sources.iter().zip(&names) {
        if path.is_dir() {
            folders.push(ComparedFolder::read(path, name)?);
        } else if path.is_file() {
            let (table, notes) = table(args, path, name)?;
            tables.push(table);
            let notice = |note: String| Notice {
                text: format!("{name}: {note}").into(),
                advice: "its fit alone says more: `sweep fit`".into(),
            };
            notices.extend(notes.into_iter().map(notice));
        } else {
            misuse!(
                "{} is neither a results folder nor a table of runs\nhint: folders are those that `study.results` names, such as runs/quickstart",
                path.display()
            );
        }
    }
    refuse_incomparable(&mut folders, mode, args.unfinished)?;
    if !folders.is_empty() && !tables.is_empty() {
        misuse!(
            "a results folder and a table of runs do not tell whether they had the same data\nhint: `sweep fit` reads both; compare folders with folders, or tables with tables"
        );
    }
    Ok((folders.into_iter().map(|folder| folder.compared).chain(tables).collect(), notices))
}

fn table(args: &CompareArgs, path: &Path, name: &str) -> anyhow::Result<(Compared, Vec<String>)> {
    let (table, source) = runs::read(&args.table(path.to_owned()))?;
    let runs = table.rows().iter().map(Run::of_observation).collect();
    let side = Side { name: name.into(), runs, ..Side::default() };
    Ok((Compared { side, table: Some(table) }, source.notes))
}

/// The shortest ends of the paths that tell them apart.
fn names(args: &CompareArgs) -> Vec<String> {
    if !args.names.is_empty() {
        return args.names.clone();
    }
    let parts = |path: &Path| -> Vec<String> {
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect()
    };
    let all: Vec<Vec<String>> = args.sources.iter().map(|path| parts(path)).collect();
    let longest = all.iter().map(Vec::len).max().unwrap_or(1);
    let ends = |many: usize| -> Vec<String> {
        all.iter().map(|parts| parts[parts.len().saturating_sub(many)..].join("/")).collect()
    };
    let differ = |names: &[String]| (1..names.len()).all(|i| !names[..i].contains(&names[i]));
    (1..=longest).map(ends).find(|names| differ(names)).unwrap_or_else(|| {
        (1..).zip(ends(1)).map(|(number, name)| format!("{name} ({number})")).collect()
    })
}

/// As typed, for the page.
fn command(args: &CompareArgs) -> String {
    let sources: Vec<String> = args.sources.iter().map(|p| p.display().to_string()).collect();
    let mut command = format!("sweep compare {}", sources.join(" "));
    if !args.names.is_empty() {
        command += &format!(" --names {}", args.names.join(","));
    }
    for (flag, on) in [
        ("--machines", args.machines),
        ("--recipes", args.recipes),
        ("--unfinished", args.unfinished),
    ] {
        if on {
            command += &format!(" {flag}");
        }
    }
    if let Some(margin) = args.margin {
        command += &format!(" --margin {margin}");
    }
    command
}
