//! `sweep slurm`: a study as tasks, of a job array or of plain processes.

mod local;
mod scripts;
mod submit;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use isoflop::{LaidOut, TaskSpeed, TaskWishes, lay_out};
use isoflop_plan::Limit;
use isoflop_report::number;
use isoflop_text::counted;
use serde::Serialize;

use crate::cli::SlurmArgs;
use crate::failure::{Misuse, misuse};
use crate::{print, progress, shell};
use scripts::{Scripts, numbers};

/// Everything that the command prints.
#[derive(Serialize)]
struct Told<'a> {
    schema: u32,
    results: &'a Path,
    /// Where the scripts are.
    scripts: &'a Path,
    tasks: usize,
    /// Numbers of the tasks that are not done.
    open: &'a [usize],
    /// Job numbers that Slurm gave: of the array and of the report.
    jobs: Option<&'a [String]>,
}

/// Deals the study out to tasks, and writes what hands them over to Slurm; or has them trained.
pub fn run(args: &SlurmArgs) -> anyhow::Result<ExitCode> {
    if args.tasks == 0 || args.local == Some(0) || args.ask.nodes == Some(0) {
        bail!(Misuse("0 tasks or nodes train nothing\nhint: give a number from 1 on".into()));
    }
    let mut config = args.study.load()?;
    let mut observer = progress::observer(&args.output);
    let wishes = TaskWishes {
        count: args.tasks,
        speed: speed(args)?,
        extend: args.extend,
        command: shell::command_line(),
    };
    let laid_out =
        lay_out(&mut config, &wishes, &mut *observer).map_err(|error| args.study.explain(error))?;
    observer.clear();
    observer.note(told(&laid_out));
    // Jobs begin in folders of their own.
    let results = std::path::absolute(&config.study.results)
        .with_context(|| format!("cannot tell where {} is", config.study.results.display()))?;
    let scripts = Scripts::new(&results, &config.study.name, args)?;
    scripts.write(&laid_out.open)?;
    if let Some(at_once) = args.local {
        return local::run(&scripts, &laid_out.open, at_once, args, &mut *observer);
    }
    let jobs = match args.submit {
        true => submit::submit(&scripts, &laid_out.open, &mut *observer)?,
        false => None,
    };
    if args.output.json {
        print::json(&Told {
            schema: 1,
            results: &results,
            scripts: &scripts.folder,
            tasks: laid_out.tasks.tasks.len(),
            open: &laid_out.open,
            jobs: jobs.as_ref().map(|jobs| &jobs[..]),
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let folder = shell::quoted(&results);
    let next = match (&jobs, args.submit) {
        (Some([array, report]), _) => format!(
            "job array {array} trains tasks {}; job {report} then fits and reports\n`sweep status {folder} --watch` follows them\n",
            numbers(&laid_out.open)
        ),
        (None, true) => {
            "nothing was handed over: what is missing is queued or running already\n".to_owned()
        }
        (None, false) => format!(
            "{} tells Slurm to train tasks {}, and to fit and report then; `--submit` does that\n",
            shell::quoted(&scripts.submit()),
            numbers(&laid_out.open)
        ),
    };
    print::text(&next)?;
    Ok(ExitCode::SUCCESS)
}

/// What makes tasks equally long.
fn speed(args: &SlurmArgs) -> anyhow::Result<TaskSpeed> {
    Ok(match (&args.speed_of, args.flops_per_second) {
        (Some(folder), _) => TaskSpeed::Of(folder.clone()),
        (None, Some(rate)) if rate > 0.0 && rate.is_finite() => TaskSpeed::Given(rate),
        (None, Some(rate)) => {
            misuse!("--flops-per-second is {rate}\nhint: give a number above 0, such as 2e13")
        }
        (None, None) if args.measure => TaskSpeed::Here,
        (None, None) => TaskSpeed::Own,
    })
}

fn told(laid_out: &LaidOut) -> String {
    let LaidOut { tasks, open, added, balance, limit, by, seconds } = laid_out;
    let all = counted(tasks.tasks.len() as u64, "task");
    if *added == 0 {
        return format!("{} of {all} not done", open.len());
    }
    let why = match limit {
        Limit::Nothing => "",
        Limit::LongestRun => ": the longest run is longer than the mean of the tasks",
        Limit::FewRuns => ": there are fewer runs than tasks",
        Limit::Grain => ": the runs are too long beside the tasks to come out even",
    };
    let longest = seconds.map(|seconds| format!("; {} at most", number::duration(seconds)));
    format!(
        "{all}, {added} of them new, {:.0}% even by {by}{why}{}",
        100.0 * balance,
        longest.unwrap_or_default()
    )
}
