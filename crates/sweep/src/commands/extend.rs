//! `sweep extend`: more widths where a budget's best size is at an end of those that a study has.

use std::path::Path;
use std::process::ExitCode;

use isoflop::{Extension, Folder, extension};
use isoflop_report::number;
use isoflop_text::counted;

use super::run::train;
use crate::cli::{ExtendArgs, devices, explain};
use crate::{print, progress, shell};

/// Names what every open slice lacks, and trains it.
pub fn run(args: &ExtendArgs) -> anyhow::Result<ExitCode> {
    let folder = Folder::read(&args.results)?;
    let extension = extension(&folder)?;
    if args.dry_run && args.output.json {
        let Extension { open, slices, cells, flops, .. } = &extension;
        print::json(&serde_json::json!({
            "schema": 1, "slices": slices, "open": open, "cells": cells, "flops": flops, "toml": extension.toml(),
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.dry_run || extension.cells == 0 {
        print::text(&told(&extension, &args.results))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut observer = progress::observer(&args.output);
    for line in named(&extension).lines() {
        observer.note(line);
    }
    drop(observer);
    let mut config = extension.config;
    if let Some(name) = devices(&args.device)? {
        config.device.name = name;
    }
    train(config, true, &args.output, |error| explain(error, !args.device.is_empty()))
}

/// What every open slice lacks, the lines that ask for it, and the command that trains it.
pub(super) fn told(extension: &Extension, folder: &Path) -> String {
    let mut text = named(extension);
    if extension.cells > 0 {
        text += &format!("\n`sweep extend {}` trains them.\n", shell::quoted(folder));
    }
    text
}

/// What every open slice lacks, and the lines that ask for it.
fn named(extension: &Extension) -> String {
    let slices = counted(extension.slices, "budget");
    if extension.open.is_empty() {
        return format!("nothing to add: {slices}, each with a bracketed minimum\n");
    }
    let mut text = format!("{} of {slices} without a bracketed minimum\n", extension.open.len());
    for open in &extension.open {
        let widths: Vec<String> = open.widths.iter().map(usize::to_string).collect();
        let add = match &widths[..] {
            [] => "there are no models beyond: leave this budget out, or move it".to_owned(),
            some => format!("add the widths {}", some.join(", ")),
        };
        let budget = number::scientific(open.budget, 2);
        text += &format!("  {budget} FLOPs: {}; {add}\n", open.why);
    }
    if extension.cells > 0 {
        text += &format!(
            "\nIn the configuration ({}, {} training FLOPs):\n\n{}",
            counted(extension.cells, "more run"),
            number::scientific(extension.flops, 2),
            extension.toml()
        );
    }
    text
}
