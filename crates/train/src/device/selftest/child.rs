//! The self-test in a process of its own: a driver that crashes takes only that one along.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::super::info::ShaderCompiler;
use super::super::{adapters, setup};
use super::precisions;
use super::thorough::{self, Finding, News};
use super::{Extent, Refusal, SelfTest, SelfTestFailure, self_test_of_new};
use burn::tensor::Device;
use isoflop_model::kernels::enable as use_kernels;
use isoflop_plan::Precision;

/// Set in a process that is to test a device and end: a [`Job`] as JSON.
const JOB: &str = "ISOFLOP_SELF_TEST";

/// Marks the answer among whatever a driver prints.
const MARK: &str = "isoflop-self-test:";

/// How long a driver may take: software drivers compile shaders for minutes.
const PATIENCE: Duration = Duration::from_secs(600);

/// How long one case of a thorough test may take.
const PATIENCE_PER_CASE: Duration = Duration::from_secs(300);

/// Whether this program calls [`self_test_child_main`].
static AVAILABLE: AtomicBool = AtomicBool::new(false);

#[derive(Serialize, Deserialize)]
struct Job {
    id: String,
    shader: ShaderCompiler,
    /// Whether the model's operations are kernels in a short test; a thorough one has them both ways.
    kernels: bool,
    /// First case of a thorough test; `None` for the short one.
    thorough_from: Option<usize>,
    /// How much a short test covers.
    extent: Extent,
}

/// What a process that tests in short tells the one that started it.
#[derive(Serialize, Deserialize)]
enum Answer {
    /// A precision passed.
    Passed(Precision),
    /// The end, and the precisions that the device has.
    Report(Result<SelfTest, SelfTestFailure>, Vec<Precision>),
}

/// To be called first in `main` of a program that opens devices.
///
/// In a process that was started for a self-test it runs the test and ends the process. In any
/// other it only notes that the program may start itself for such tests; without this call
/// [`open`](super::super::open) tests in its own process, and a crash of a driver ends it.
pub fn self_test_child_main() {
    let Some(job) = std::env::var_os(JOB) else {
        AVAILABLE.store(true, Ordering::Relaxed);
        return;
    };
    let job: Result<Job, _> = serde_json::from_str(&job.to_string_lossy());
    match job {
        Ok(Job { id, shader, thorough_from: Some(from), .. }) => {
            run_here(&id, shader, from, &mut |news| say(&news));
        }
        Ok(Job { id, shader, kernels, thorough_from: None, extent }) => {
            use_kernels(kernels);
            say(&match open(&id, shader) {
                Ok(device) => {
                    let passed = |precision| say(&Answer::Passed(precision));
                    let report = self_test_of_new(&device, extent, passed);
                    Answer::Report(report, precisions(&device))
                }
                Err(what) => Answer::Report(Err(broken(what)), Vec::new()),
            });
        }
        Err(e) => say(&Answer::Report(Err(broken(format!("{JOB}: {e}"))), Vec::new())),
    }
    std::process::exit(0);
}

/// Tells the process that started this one.
fn say(what: &impl Serialize) {
    let line = serde_json::to_string(what).expect("plain data");
    println!("\n{MARK}{line}");
}

fn open(id: &str, shader: ShaderCompiler) -> Result<Device, String> {
    let adapters = adapters::adapters();
    let adapter = adapters.iter().find(|a| a.info.id == id);
    let adapter = adapter.ok_or_else(|| format!("there is no {id} any more"))?;
    setup::open(adapter, shader).map_err(|e| e.to_string())
}

/// A thorough test in this process.
pub(super) fn run_here(id: &str, shader: ShaderCompiler, from: usize, tell: &mut dyn FnMut(News)) {
    match open(id, shader) {
        Ok(device) => thorough::run(&device, from, tell),
        Err(what) => {
            let operation = "opening the device".into();
            tell(News::Found(Finding::Broken { operation, precision: None, what }));
            tell(News::Done);
        }
    }
}

fn broken(what: String) -> SelfTestFailure {
    SelfTestFailure::Broken { operation: "opening the device".into(), what }
}

/// Whether [`run`] can be used.
pub(crate) fn available() -> bool {
    AVAILABLE.load(Ordering::Relaxed)
}

/// Tests an adapter in another process of this program. If that one dies or the device breaks down in half precision, another
/// tests without matrix units, and at last one f32 alone.
///
/// # Errors
/// As [`self_test`](super::self_test), and if the process dies in f32.
pub(crate) fn run(
    id: &str,
    shader: ShaderCompiler,
    kernels: bool,
) -> Result<SelfTest, SelfTestFailure> {
    in_turn(|extent| run_once(&Job { id: id.into(), shader, kernels, thorough_from: None, extent }))
}

/// The report of the first extent that comes to an end. Half precisions that an earlier process had, and the last one was
/// not to look at, are refused.
fn in_turn(mut once: impl FnMut(Extent) -> Run) -> Result<SelfTest, SelfTestFailure> {
    let mut failed = None;
    for extent in [Extent::All, Extent::WithoutMatrixUnits, Extent::F32] {
        let Run { result, passed, has } = once(extent);
        let ended_early = |f: &SelfTestFailure| !matches!(f, SelfTestFailure::Wrong { .. });
        match result {
            Err(failure) if ended_early(&failure) && passed.contains(&Precision::F32) => {
                failed = Some(failure);
            }
            Ok(mut report) => {
                if let Some(failure) = failed.filter(|_| extent == Extent::F32) {
                    let halves = has.into_iter().filter(|&p| p != Precision::F32);
                    let refusal = |precision| Refusal { precision, failure: failure.clone() };
                    report.refused.extend(halves.map(refusal));
                }
                return Ok(report);
            }
            Err(failure) => return Err(failure),
        }
    }
    Err(failed.expect("something failed in every turn"))
}

/// What came of a process.
struct Run {
    result: Result<SelfTest, SelfTestFailure>,
    /// Precisions that it passed.
    passed: Vec<Precision>,
    /// Precisions that the device has, where it came to tell.
    has: Vec<Precision>,
}

fn run_once(job: &Job) -> Run {
    let (mut passed, mut has) = (Vec::new(), Vec::new());
    let result = text_of(job).and_then(|(text, status)| {
        let answers = text.lines().filter_map(|line| line.strip_prefix(MARK));
        let mut report = Err(SelfTestFailure::Crashed { status });
        for answer in answers.filter_map(|answer| serde_json::from_str(answer).ok()) {
            match answer {
                Answer::Passed(precision) => passed.push(precision),
                Answer::Report(found, precisions) => (report, has) = (found, precisions),
            }
        }
        report
    });
    Run { result, passed, has }
}

/// What a process prints, and how it ends.
fn text_of(job: &Job) -> Result<(String, String), SelfTestFailure> {
    let crashed = |status: String| SelfTestFailure::Crashed { status };
    let mut process = start(job).map_err(crashed)?;
    let mut pipe = process.stdout.take().expect("it is piped");
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = pipe.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let started = Instant::now();
    let status: ExitStatus = loop {
        match process.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if started.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Ok(None) => {
                let _ = process.kill();
                let _ = process.wait();
                return Err(crashed(format!("no answer in {} s", PATIENCE.as_secs())));
            }
            Err(e) => return Err(crashed(e.to_string())),
        }
    };
    Ok((reader.join().unwrap_or_default(), status.to_string()))
}

/// A thorough test in another process of this program, from a case on. Says how the process ended,
/// which it does at a given time at the latest.
pub(super) fn run_each(
    id: &str,
    shader: ShaderCompiler,
    from: usize,
    until: Option<Instant>,
    tell: &mut dyn FnMut(News),
) -> String {
    let (thorough_from, extent) = (Some(from), Extent::All);
    let job = Job { id: id.into(), shader, kernels: true, thorough_from, extent };
    let mut process = match start(&job) {
        Ok(process) => process,
        Err(status) => return status,
    };
    let pipe = BufReader::new(process.stdout.take().expect("it is piped"));
    let (send, lines) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        // Drivers print what they like.
        for line in pipe.split(b'\n').map_while(Result::ok) {
            if send.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                break;
            }
        }
    });
    let late = loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        match lines.recv_timeout(left.unwrap_or(PATIENCE_PER_CASE).min(PATIENCE_PER_CASE)) {
            Ok(line) => {
                let news = line.strip_prefix(MARK).map(serde_json::from_str);
                if let Some(Ok(news)) = news {
                    tell(news);
                }
            }
            Err(RecvTimeoutError::Disconnected) => break false,
            Err(RecvTimeoutError::Timeout) => break true,
        }
    };
    if late {
        let _ = process.kill();
    }
    let status = process.wait();
    let _ = reader.join();
    match status {
        _ if late => format!("no answer in {} s", PATIENCE_PER_CASE.as_secs()),
        Ok(status) => status.to_string(),
        Err(e) => e.to_string(),
    }
}

fn start(job: &Job) -> Result<Child, String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    Command::new(program)
        .env(JOB, serde_json::to_string(job).expect("plain data"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_that_breaks_down_is_tried_without_matrix_units_and_then_left_out() {
        let all = [Precision::F32, Precision::F16];
        let report = |precisions: &[Precision]| SelfTest {
            checks: Vec::new(),
            precisions: precisions.to_vec(),
            matrix_units: false,
            refused: Vec::new(),
            seconds: 0.0,
        };
        let crashed = || SelfTestFailure::Crashed { status: "signal 11".into() };
        // The first `bad` extents crash after f32, or in it.
        let tried = |bad: usize, in_f32: bool| {
            let mut turns = Vec::new();
            let result = in_turn(|extent| {
                turns.push(extent);
                let passed = if in_f32 { vec![] } else { vec![Precision::F32] };
                match turns.len() <= bad {
                    true => Run { result: Err(crashed()), passed, has: vec![] },
                    false => {
                        let to = if extent == Extent::F32 { 1 } else { 2 };
                        Run { result: Ok(report(&all[..to])), passed, has: all.to_vec() }
                    }
                }
            });
            (turns.len(), result)
        };
        assert_eq!(tried(0, false), (1, Ok(report(&all))));
        assert_eq!(tried(1, false), (2, Ok(report(&all))));
        let (turns, last) = tried(2, false);
        let refused = vec![Refusal { precision: Precision::F16, failure: crashed() }];
        assert_eq!((turns, last), (3, Ok(SelfTest { refused, ..report(&all[..1]) })));
        assert_eq!(tried(3, false), (3, Err(crashed())));
        assert_eq!(tried(1, true), (1, Err(crashed())));
    }
}
