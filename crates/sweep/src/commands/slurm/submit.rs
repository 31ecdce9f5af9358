//! Handing over to Slurm what it does not have already.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, bail};
use isoflop::Observer;
use isoflop_durable::{read_if_there, write_atomic};
use isoflop_text::counted;

use super::scripts::Scripts;

/// Where the number of the last array is kept.
const JOB_FILE: &str = "job.txt";

/// Submits the tasks that are not done, but for those that are queued or running; the numbers of array and report. `None` where
/// that leaves none.
pub(super) fn submit(
    scripts: &Scripts,
    open: &[usize],
    observer: &mut dyn Observer,
) -> anyhow::Result<Option<[String; 2]>> {
    let path = scripts.folder.join(JOB_FILE);
    let before = read_if_there(&path)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let mut queued = BTreeSet::new();
    for job in before.iter().flat_map(|jobs| jobs.split_whitespace()) {
        queued.extend(members(job)?);
    }
    let new: Vec<usize> = open.iter().copied().filter(|number| !queued.contains(number)).collect();
    if new.len() < open.len() {
        let left = counted((open.len() - new.len()) as u64, "task");
        observer.note(format!("{left} not handed over again: queued or running already"));
    }
    if new.is_empty() {
        return Ok(None);
    }
    let output = Command::new("bash")
        .arg(scripts.submit())
        .arg(scripts.members(&new))
        .output()
        .context("cannot run bash\nhint: give the commands of submit.sh by hand")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let jobs: Vec<&str> = said.split_whitespace().collect();
    match (output.status.success(), &jobs[..]) {
        // Federated clusters name themselves behind a semicolon.
        (true, [array, report]) => {
            let number = |job: &str| job.split(';').next().unwrap_or(job).to_owned();
            let jobs = [number(array), number(report)];
            let all = before.into_iter().chain([jobs[0].clone()]).collect::<Vec<_>>().join(" ");
            write_atomic(&path, all.as_bytes())?;
            Ok(Some(jobs))
        }
        _ => bail!(
            "Slurm refused the jobs: {}\nhint: sbatch must be on the path here, and take the options of {}/array.sh",
            String::from_utf8_lossy(&output.stderr).trim(),
            scripts.folder.display()
        ),
    }
}

/// Members of an array that are queued or running.
fn members(job: &str) -> anyhow::Result<Vec<usize>> {
    let output = Command::new("squeue")
        .args(["--noheader", "--array", "--format=%K", "--jobs", job])
        .output()
        .context("cannot run squeue\nhint: submit where Slurm's commands are")?;
    // Of a job that Slurm has forgotten nothing is queued.
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(said.split_whitespace().filter_map(|number| number.parse().ok()).collect())
}
