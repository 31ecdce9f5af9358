//! The self-test in a process of its own: a driver that crashes takes only that one along.

mod main;
mod process;
mod state;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use isoflop_plan::Precision;
use serde::{Deserialize, Serialize};

use super::OPENING;
use super::report::{SelfTest, SelfTestFailure, TestStep, Tested};
use super::thorough::Progress;
use crate::info::ShaderCompiler;
use crate::trial::Trial;
pub use main::self_test_child_main;
pub(super) use main::test_here;
pub(super) use process::Exit;
use process::listen;
use state::{Next, Session};

/// Set in a process that is to test a device and end: a [`Task`] as JSON.
const TASK: &str = "ISOFLOP_SELF_TEST";

/// Marks an answer among whatever a driver prints.
const MARK: &str = "isoflop-self-test:";

/// Whether this program calls [`self_test_child_main`].
static AVAILABLE: AtomicBool = AtomicBool::new(false);

/// What a process is to test.
#[derive(Serialize, Deserialize)]
struct Task {
    /// Short name of the adapter.
    id: String,
    shader: ShaderCompiler,
    test: Test,
}

#[derive(Serialize, Deserialize)]
enum Test {
    /// What a start needs to know.
    Short {
        kernels: bool,
        /// Of these, those count that the device has.
        precisions: Vec<Precision>,
        matrix_units: bool,
    },
    /// Every case, from one on.
    Thorough { from: usize },
    /// Ways to compute on matrix units in a half precision.
    Ways { precision: Precision },
}

/// What a process that tests in short tells the one that started it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Answer {
    /// The precisions to test.
    Has(Vec<Precision>),
    /// The next one is begun.
    Begins(Precision),
    /// An operation is begun in it.
    Step { operation: String, precision: Precision, done: usize, total: usize },
    /// It came to an end; after one that broke down there is no other.
    Tested(Tested),
    /// The device cannot be opened.
    Closed(SelfTestFailure),
}

/// Whether tests can run in other processes.
pub(crate) fn available() -> bool {
    AVAILABLE.load(Ordering::Relaxed)
}

fn not_opened(what: String) -> SelfTestFailure {
    SelfTestFailure::Broken { operation: OPENING.into(), what }
}

/// Tests an adapter in another process of this program. Where that one dies or the device breaks down in half precision,
/// others go on: first without matrix units, then without that precision. `known` is what is known of it already.
///
/// # Errors
/// As [`self_test`](super::self_test), and if the process dies in f32.
pub(crate) fn run(
    id: &str,
    shader: ShaderCompiler,
    kernels: bool,
    known: SelfTest,
    asked: &[Precision],
    tell: &mut dyn FnMut(&TestStep),
) -> Result<SelfTest, SelfTestFailure> {
    let started = Instant::now();
    let before = known.seconds;
    let report = in_processes(known, asked, |precisions, matrix_units| {
        let test = Test::Short { kernels, precisions: precisions.to_vec(), matrix_units };
        let mut answers = Vec::new();
        let task = Task { id: id.into(), shader, test };
        let exit = listen(&task, None, &mut |answer| match answer {
            Answer::Step { operation, precision, done, total } => {
                tell(&TestStep { operation, precision, done, total });
            }
            answer => answers.push(answer),
        });
        (answers, exit)
    });
    let seconds = before + started.elapsed().as_secs_f64();
    report.map(|report| SelfTest { seconds, ..report })
}

/// The report of as many processes as it takes: `process` tests these precisions, on matrix units or without.
fn in_processes(
    known: SelfTest,
    asked: &[Precision],
    mut process: impl FnMut(&[Precision], bool) -> (Vec<Answer>, Exit),
) -> Result<SelfTest, SelfTestFailure> {
    let mut session = Session::new(known, asked);
    loop {
        let (precisions, matrix_units) = session.task();
        let (answers, exit) = process(precisions, matrix_units);
        session = answers.into_iter().try_fold(session, Session::hear)?;
        session = match session.end(&exit)? {
            Next::Process(session) => session,
            Next::Done(report) => return Ok(report),
        };
    }
}

/// Time for a trial. It compiles some thirty kernels.
const TRIAL: Duration = Duration::from_secs(120);

/// A trial of ways to compute on matrix units in another process of this program.
///
/// # Errors
/// What became of the process, where it gave no answer.
pub(crate) fn trial(
    id: &str,
    shader: ShaderCompiler,
    precision: Precision,
) -> Result<Trial, SelfTestFailure> {
    let task = Task { id: id.into(), shader, test: Test::Ways { precision } };
    let mut found = None;
    let exit = listen(&task, Some(Instant::now() + TRIAL), &mut |answer| found = Some(answer));
    let late = || SelfTestFailure::Stopped { how: format!("no answer in {} s", TRIAL.as_secs()) };
    found.unwrap_or_else(|| Err(if exit == Exit::Silent { late() } else { exit.failure() }))
}

/// A thorough test in another process of this program, from a case on, which ends at a given time at the latest.
pub(super) fn test_each(
    id: &str,
    shader: ShaderCompiler,
    from: usize,
    until: Option<Instant>,
    tell: &mut dyn FnMut(Progress),
) -> Exit {
    listen(&Task { id: id.into(), shader, test: Test::Thorough { from } }, until, tell)
}

#[cfg(test)]
mod tests;
