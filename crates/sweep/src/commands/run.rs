//! `sweep run`, the main job: plan -> data -> train -> ledger -> fit -> report.

use std::path::Path;
use std::process::ExitCode;

use isoflop::{End, RunOptions, StudyError};
use isoflop_plan::Config;

use crate::cli::{OutputArgs, RunArgs};
use crate::signals::{Signal, Signals};
use crate::{failure, print, progress, shell};

/// Trains what is missing, fits all there is and writes the report.
pub fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    train(args.study.load()?, args.extend, &args.output, |error| args.study.explain(error))
}

/// The same of a configuration; `explain` has the last word on what it is refused for.
pub(super) fn train(
    config: Config,
    extend: bool,
    output: &OutputArgs,
    explain: impl FnOnce(StudyError) -> StudyError,
) -> anyhow::Result<ExitCode> {
    let mut observer = progress::observer(output);
    let json = output.json;
    // Before training there is nothing to save, so a signal ends the process from the listening thread.
    let signals = Signals::listen(Box::new(move |signal| {
        say_interrupted(signal, json);
        std::process::exit(signal.exit_code().into());
    }))?;
    let options = RunOptions { extend, command: shell::command_line() };
    let end = isoflop::run(config, &options, &mut *observer, &signals).map_err(explain)?;
    observer.clear();
    match end {
        End::Interrupted { .. } => {
            let signal = signals.received().expect("it was a signal that asked");
            say_interrupted(signal, json);
            Ok(ExitCode::from(signal.exit_code()))
        }
        End::Done { failed, published } => {
            let folder = published.report.parent().unwrap_or(Path::new("."));
            print::published(&published, json, &shell::quoted(folder))?;
            Ok(ExitCode::from(if failed > 0 { failure::FAILED } else { 0 }))
        }
    }
}

pub(super) fn say_interrupted(signal: Signal, json: bool) {
    let command = shell::command_line();
    if json {
        let line = serde_json::json!({
            "event": "interrupted",
            "signal": signal.to_string(),
            "continue": command,
        });
        print::say(&line.to_string());
    } else {
        print::say(&format!("interrupted by {signal}; to continue:\n\n    {command}\n"));
    }
}
