//! How a study stands, by what lies in its folder: asked of from any machine that sees it, at work or not.

use std::path::Path;
use std::time::SystemTime;

use isoflop_ledger::{Holder, Part, Presence, Status, seconds_of_utc};
use serde::Serialize;

use crate::error::StudyError;
use crate::folder::Folder;
use crate::tasks::Tasks;

/// Cells of a study, by how they stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct CellCounts {
    pub all: usize,
    pub finished: usize,
    pub diverged: usize,
    /// The device failed; they are tried again.
    pub failed: usize,
    /// Neither: in training, or to come.
    pub open: usize,
}

/// A process that writes to a folder or one of its shards, or that did and was lost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WriterStatus {
    /// The shard; `None` for the folder's own ledger.
    pub shard: Option<String>,
    #[serde(flatten)]
    pub holder: Holder,
    /// It ended without a word: killed, or its machine was.
    pub lost: bool,
    /// Cells that have ended there since it began.
    pub cells: usize,
    /// Seconds since it began, by this machine's clock.
    pub seconds: Option<f64>,
    /// Seconds since it last wrote: a record, a checkpoint or its name.
    pub last_sign_seconds: Option<f64>,
}

/// Tasks of a study that was dealt out, by how they stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct TaskCounts {
    pub all: usize,
    pub done: usize,
    /// A process is at work.
    pub running: usize,
    /// A process was, and ended without a word.
    pub lost: usize,
    /// To come, queued or stopped.
    pub waiting: usize,
}

/// How a study stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StudyStatus {
    pub study: String,
    pub cells: CellCounts,
    /// `None` where it was not dealt out.
    pub tasks: Option<TaskCounts>,
    /// Training FLOPs of the cells that need no more work.
    pub flops_done: f64,
    /// Training FLOPs of all cells.
    pub flops_all: f64,
    pub writers: Vec<WriterStatus>,
    /// Seconds to the end at the rate of those who are at work now; `None` where nobody is, or before the first of their cells has
    /// ended.
    pub seconds_left: Option<f64>,
    /// Results that several shards have of one cell by one machine, and of these, those that differ from the first.
    pub repeated: usize,
    pub contradicting: usize,
    /// The command that trains what is missing; `None` where somebody does, or nothing is.
    pub go_on: Option<String>,
}

/// Reads how a study stands. Takes no lock.
///
/// # Errors
/// As [`Folder::read`].
pub fn status(path: &Path) -> Result<StudyStatus, StudyError> {
    let folder = Folder::read(path)?;
    let parts = isoflop_ledger::parts(path)?;
    let now = SystemTime::now();
    let writers: Vec<(WriterStatus, f64)> =
        parts.iter().filter_map(|part| writer(part, now)).collect();
    let (cells, flops_done, flops_all) = counts(&folder);
    // FLOP/s of each that is at work.
    let rates = writers.iter().filter(|(writer, _)| !writer.lost);
    let rate: f64 = rates.filter_map(|(writer, flops)| Some(flops / writer.seconds?)).sum();
    let seconds_left = (rate > 0.0).then(|| (flops_all - flops_done) / rate);
    let writers: Vec<WriterStatus> = writers.into_iter().map(|(writer, _)| writer).collect();
    let missing = cells.open + cells.failed > 0;
    let nobody = writers.iter().all(|writer| writer.lost);
    let repeated = &folder.contents.repeated;
    let tasks = Tasks::read(path)?;
    let dealt_out = !tasks.tasks.is_empty();
    Ok(StudyStatus {
        study: folder.config.study.name.clone(),
        cells,
        tasks: dealt_out.then(|| task_counts(&tasks, &folder, &writers)),
        flops_done,
        flops_all,
        seconds_left,
        repeated: repeated.len(),
        contradicting: repeated.iter().filter(|repeated| !repeated.same).count(),
        go_on: (missing && nobody).then(|| match dealt_out {
            true => {
                "the `sweep slurm` command that dealt them out hands over what is missing".into()
            }
            false => folder.go_on(),
        }),
        writers,
    })
}

fn task_counts(tasks: &Tasks, folder: &Folder, writers: &[WriterStatus]) -> TaskCounts {
    let open = tasks.open(&folder.contents);
    let all = tasks.tasks.len();
    let mut counts = TaskCounts { all, done: all - open.len(), ..TaskCounts::default() };
    for number in open {
        let name = Some(&tasks.tasks[number].name);
        let writer = writers.iter().find(|writer| writer.shard.as_ref() == name);
        *match writer {
            None => &mut counts.waiting,
            Some(writer) if writer.lost => &mut counts.lost,
            Some(_) => &mut counts.running,
        } += 1;
    }
    counts
}

/// Cells by how they stand, and training FLOPs of what has ended and of all.
fn counts(folder: &Folder) -> (CellCounts, f64, f64) {
    let current = folder.contents.current();
    let mut counts = CellCounts { all: folder.grid.cells.len(), ..CellCounts::default() };
    let (mut ended, mut all) = (0.0, 0.0);
    for planned in &folder.grid.cells {
        let status = current.get(&planned.cell.id).map(|record| &record.result.status);
        *match status {
            Some(Status::Finished) => &mut counts.finished,
            Some(Status::Diverged { .. }) => &mut counts.diverged,
            Some(Status::Failed { .. }) => &mut counts.failed,
            None => &mut counts.open,
        } += 1;
        let flops = planned.cell.flops();
        all += flops;
        if status.is_some_and(Status::is_final) {
            ended += flops;
        }
    }
    (counts, ended, all)
}

/// A part's writer, and the training FLOPs of the cells that have ended there since it began.
fn writer(part: &Part, now: SystemTime) -> Option<(WriterStatus, f64)> {
    let (holder, lost) = match &part.presence {
        Presence::Nobody => return None,
        Presence::Writing(holder) => (holder.clone(), false),
        Presence::Lost(holder) => (holder.clone(), true),
    };
    let began = seconds_of_utc(&holder.started_utc);
    let own = part.contents.records.iter().filter(|record| {
        let ended = seconds_of_utc(&record.run.ended_utc);
        began.zip(ended).is_some_and(|(began, ended)| began <= ended)
    });
    let (mut cells, mut flops) = (0, 0.0);
    for record in own {
        cells += 1;
        flops += record.result.cell.flops();
    }
    let since = |time: SystemTime| now.duration_since(time).map_or(0.0, |d| d.as_secs_f64());
    let now_seconds = since(SystemTime::UNIX_EPOCH);
    let writer = WriterStatus {
        shard: part.name.clone(),
        holder,
        lost,
        cells,
        seconds: began.map(|began| (now_seconds - began).max(0.0)),
        last_sign_seconds: part.written.map(since),
    };
    Some((writer, flops))
}
