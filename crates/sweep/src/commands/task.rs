//! `sweep task`: one task of a study that was dealt out, into its shard.

use std::process::ExitCode;

use isoflop::{TaskEnd, train_task};

use crate::cli::{TaskArgs, devices, explain};
use crate::failure;
use crate::signals::Signals;
use crate::{progress, shell};

use super::run::say_interrupted;

/// Trains what is missing of the task.
pub fn run(args: &TaskArgs) -> anyhow::Result<ExitCode> {
    let mut observer = progress::observer(&args.output);
    let json = args.output.json;
    let signals = Signals::listen(Box::new(move |signal| {
        say_interrupted(signal, json);
        std::process::exit(signal.exit_code().into());
    }))?;
    let device = devices(&args.device)?;
    let command = shell::command_line();
    let end = train_task(&args.results, args.number, device, &command, &mut *observer, &signals)
        .map_err(|error| explain(error, !args.device.is_empty()))?;
    observer.clear();
    Ok(match end {
        TaskEnd::Done { failed: 0 } => ExitCode::SUCCESS,
        TaskEnd::Done { .. } => ExitCode::from(failure::FAILED),
        TaskEnd::Interrupted { .. } => {
            let signal = signals.received().expect("it was a signal that asked");
            say_interrupted(signal, json);
            ExitCode::from(signal.exit_code())
        }
    })
}
