//! `sweep check`: is everything in a results folder as it was written?

use std::process::ExitCode;

use isoflop::{Checked, CheckedPart, CheckedState, check, mend};
use isoflop_text::{Align, columns, counted};
use serde::Serialize;

use crate::cli::CheckArgs;
use crate::failure::FAILED;
use crate::{print, progress};

/// Everything that the command prints.
#[derive(Serialize)]
struct Told<'a> {
    schema: u32,
    sound: bool,
    writer: Option<String>,
    mended: &'a [String],
    parts: &'a [CheckedPart],
}

/// Prints how each file stands. The process returns 1 where one is damaged or missing.
pub fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let mut observer = progress::observer(&args.output);
    let folder = &args.results;
    let mended = match args.mend {
        true => mend(folder, &format!("sweep check --mend {}", folder.display()))?,
        false => Vec::new(),
    };
    let checked = check(folder)?;
    let Checked { parts, writer } = &checked;
    let faults = checked.faults().count();
    let code = if faults == 0 { ExitCode::SUCCESS } else { ExitCode::from(FAILED) };
    if args.output.json {
        let writer = writer.as_ref().map(ToString::to_string);
        print::json(&Told { schema: 1, sound: faults == 0, writer, mended: &mended, parts })?;
        return Ok(code);
    }
    for text in &mended {
        observer.note(text);
    }
    if let Some(writer) = writer {
        observer.note(format!("{} is being trained by {writer}", folder.display()));
    }
    print::text(&told(parts))?;
    print::text(&match faults {
        0 => format!("{} is sound", folder.display()),
        faults => format!("{} of {}", counted(faults as u64, "fault"), folder.display()),
    })?;
    Ok(code)
}

fn told(parts: &[CheckedPart]) -> String {
    let row = |part: &CheckedPart| {
        let state = match part.state {
            CheckedState::Sound => "sound",
            CheckedState::Unprotected => "readable",
            CheckedState::Missing => "MISSING",
            CheckedState::Damaged => "DAMAGED",
        };
        let text = [Some(part.text.clone()), part.cure.clone()].into_iter().flatten();
        let text: Vec<String> = text.filter(|text| !text.is_empty()).collect();
        vec![state.to_owned(), part.file.clone(), text.join("; ")]
    };
    let rows: Vec<Vec<String>> = parts.iter().map(row).collect();
    columns(&[Align::Left; 3], &rows).join("\n")
}
