//! The tasks as plain processes.

use std::fs::File;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::Context;
use isoflop::{Folder, Observer, Results, Stop, publish};
use isoflop_text::counted;

use super::scripts::Scripts;
use crate::cli::SlurmArgs;
use crate::commands::run::say_interrupted;
use crate::failure::FAILED;
use crate::signals::Signals;
use crate::{print, shell};

/// Between two looks at the processes.
const EVERY: Duration = Duration::from_millis(50);

/// Trains the tasks, so many at a time, then fits and reports.
pub(super) fn run(
    scripts: &Scripts,
    open: &[usize],
    at_once: usize,
    args: &SlurmArgs,
    observer: &mut dyn Observer,
) -> anyhow::Result<ExitCode> {
    let json = args.output.json;
    let signals = Signals::listen(Box::new(move |signal| {
        say_interrupted(signal, json);
        std::process::exit(signal.exit_code().into());
    }))?;
    signals.saving(true);
    let mut failed = Vec::new();
    let mut waiting = open.iter().copied();
    let mut running: Vec<(usize, Child)> = Vec::new();
    let mut told = false;
    loop {
        let stop = signals.received().is_some();
        while !stop && running.len() < at_once {
            let Some(number) = waiting.next() else { break };
            running.push((number, start(scripts, number)?));
        }
        if stop && !told {
            told = true;
            observer.note("asked to stop: the tasks write checkpoints, then leave");
            running.iter().for_each(|(_, child)| terminate(child));
        }
        let mut left = Vec::new();
        for (number, mut child) in running {
            match child.try_wait().context("cannot wait for a task")? {
                None => left.push((number, child)),
                Some(status) if status.success() => observer.note(format!("task {number} is done")),
                Some(_) if stop => {}
                Some(status) => {
                    let log = scripts.log(&number.to_string());
                    observer.warn(format!(
                        "task {number} ended with {status}; {} says why",
                        log.display()
                    ));
                    failed.push(number);
                }
            }
        }
        running = left;
        if running.is_empty() && (stop || waiting.len() == 0) {
            break;
        }
        std::thread::sleep(EVERY);
    }
    signals.saving(false);
    if let Some(signal) = signals.received() {
        say_interrupted(signal, json);
        return Ok(ExitCode::from(signal.exit_code()));
    }
    if !failed.is_empty() {
        let tasks = counted(failed.len() as u64, "task");
        observer.warn(format!("{tasks} not done; the same command goes on with them"));
    }
    let study = Folder::read(&scripts.results)?;
    let command = study.command();
    let Folder { config, grid, data, contents, path, .. } = &study;
    let published = publish(
        &Results { config, grid, data, contents, folder: path, command: &command },
        observer,
    )?;
    observer.clear();
    print::published(&published, json, &shell::quoted(path))?;
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn start(scripts: &Scripts, number: usize) -> anyhow::Result<Child> {
    let path = scripts.log(&number.to_string());
    let cannot = || format!("cannot write {}", path.display());
    let log = File::options().create(true).append(true).open(&path).with_context(cannot)?;
    let errors = log.try_clone().with_context(cannot)?;
    let mut command = Command::new(&scripts.program);
    command.args(scripts.arguments(number)).stdin(Stdio::null()).stdout(log).stderr(errors);
    command.spawn().with_context(|| format!("cannot start {}", scripts.program.display()))
}

/// Asks a task to save and leave. On Windows it ends at once, and loses what it did since its last checkpoint.
fn terminate(child: &Child) {
    #[cfg(unix)]
    // SAFETY: it sends a signal to a child that was not waited for yet, so its number is not another's.
    unsafe {
        libc::kill(child.id().cast_signed(), libc::SIGTERM);
    }
    #[cfg(not(unix))]
    let _ = child;
}
