//! The self-test in a process of its own: a driver that crashes takes only that one along.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::super::info::ShaderCompiler;
use super::super::{adapters, setup};
use super::thorough::{self, Finding, News};
use super::{
    OPENING, Refusal, SelfTest, SelfTestFailure, Steps, TestStep, Tested, compare_in, of_device,
    test_one, use_matrix_units,
};
use burn::tensor::Device;
use isoflop_plan::Precision;

/// Set in a process that is to test a device and end: a [`Job`] as JSON.
const JOB: &str = "ISOFLOP_SELF_TEST";

/// Marks the answer among whatever a driver prints.
const MARK: &str = "isoflop-self-test:";

/// How long one case may take: software drivers compile shaders for minutes.
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
    /// Precisions of a short test, of which those count that the device has.
    precisions: Vec<Precision>,
    /// Whether a short test may use matrix units.
    matrix_units: bool,
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
        Ok(job) => match open(&job.id, job.shader, job.kernels) {
            Ok(device) => short(&device, &job.precisions, job.matrix_units),
            Err(what) => say(&Answer::Closed(broken(what))),
        },
        Err(e) => say(&Answer::Closed(broken(format!("{JOB}: {e}")))),
    }
    std::process::exit(0);
}

/// A short test in this process, up to what breaks down: it may have taken the device along.
fn short(device: &Device, precisions: &[Precision], mut matrix_units: bool) {
    let all = of_device(precisions, device);
    say(&Answer::Has(all.clone()));
    let mut steps = Steps::of(&all);
    for precision in all {
        say(&Answer::Begins(precision));
        let tested = test_one(precision, matrix_units, &mut |precision, matrix_units| {
            use_matrix_units(device, matrix_units);
            compare_in(precision, device, &mut |operation| {
                let TestStep { operation, precision, done, total } =
                    steps.next(operation, precision);
                say(&Answer::Step { operation, precision, done, total });
            })
        });
        matrix_units &= tested.without_matrix_units.is_none();
        let broken = matches!(tested.result, Err(SelfTestFailure::Broken { .. }));
        say(&Answer::Tested(tested));
        if broken {
            return;
        }
    }
}

/// Tells the process that started this one.
fn say(what: &impl Serialize) {
    let line = serde_json::to_string(what).expect("plain data");
    println!("\n{MARK}{line}");
}

fn open(id: &str, shader: ShaderCompiler, kernels: bool) -> Result<Device, String> {
    let adapters = adapters::adapters();
    let adapter = adapters.iter().find(|a| a.info.id == id);
    let adapter = adapter.ok_or_else(|| format!("there is no {id} any more"))?;
    setup::open(adapter, shader, kernels).map_err(|e| e.to_string())
}

/// A thorough test in this process.
pub(super) fn run_here(id: &str, shader: ShaderCompiler, from: usize, tell: &mut dyn FnMut(News)) {
    match open(id, shader, true) {
        Ok(device) => thorough::run(&device, from, tell),
        Err(what) => {
            let operation = OPENING.into();
            tell(News::Found(Finding::Broken { operation, precision: None, what }));
            tell(News::Done);
        }
    }
}

fn broken(what: String) -> SelfTestFailure {
    SelfTestFailure::Broken { operation: OPENING.into(), what }
}

/// Whether [`run`] can be used.
pub(crate) fn available() -> bool {
    AVAILABLE.load(Ordering::Relaxed)
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
    let report = in_turn(known, asked, |precisions, matrix_units| {
        let precisions = precisions.to_vec();
        let job =
            Job { id: id.into(), shader, kernels, thorough_from: None, precisions, matrix_units };
        run_once(&job, tell)
    });
    let seconds = before + started.elapsed().as_secs_f64();
    report.map(|report| SelfTest { seconds, ..report })
}

/// A process that tested.
struct Turn {
    answers: Vec<Answer>,
    /// How it ended, if before its time.
    died: Option<SelfTestFailure>,
    /// Whether it gave no answer any more.
    hung: bool,
}

/// The report of as many processes as it takes: `turn` tests these precisions.
fn in_turn(
    mut report: SelfTest,
    asked: &[Precision],
    mut turn: impl FnMut(&[Precision], bool) -> Turn,
) -> Result<SelfTest, SelfTestFailure> {
    let mut left = asked.to_vec();
    let mut matrix_units = report.without_matrix_units.is_none();
    // What befell a precision with matrix units, while it is tried without.
    let mut with_units: Option<SelfTestFailure> = None;
    loop {
        let Turn { answers, died, hung } = turn(&left, matrix_units);
        let mut to_come = std::mem::take(&mut left);
        let (mut at, mut broken, mut closed, mut with_units_again) = (None, None, None, false);
        for answer in answers {
            match answer {
                Answer::Step { .. } => {}
                Answer::Has(all) => to_come = all,
                Answer::Begins(precision) => {
                    to_come.retain(|&p| p != precision);
                    at = Some(precision);
                }
                Answer::Closed(failure) => closed = Some(failure),
                Answer::Tested(mut tested) => {
                    at = None;
                    match &tested.result {
                        Err(failure @ SelfTestFailure::Broken { .. }) => {
                            broken = Some((tested.precision, failure.clone()));
                            continue;
                        }
                        // It is wrong without matrix units too, so that nothing is known against them.
                        Err(_) => with_units_again = with_units.take().is_some(),
                        Ok(_) => {
                            let before = with_units.take();
                            tested.without_matrix_units = tested.without_matrix_units.or(before);
                        }
                    }
                    report.add(tested)?;
                    if with_units_again {
                        break;
                    }
                }
            }
        }
        if !with_units_again && broken.is_none() {
            let silent =
                || SelfTestFailure::Crashed { status: "it ended without an answer".into() };
            let failure = closed.or(died).unwrap_or_else(silent);
            let has_f32 = report.precisions.contains(&Precision::F32);
            match at {
                Some(precision) => broken = Some((precision, failure)),
                // All is done; what happens on a process's way out is no matter.
                None if has_f32 && to_come.is_empty() => return Ok(report),
                None if has_f32 => {
                    let refusal = |precision| Refusal { precision, failure: failure.clone() };
                    report.refused.extend(to_come.into_iter().map(refusal));
                    return Ok(report);
                }
                None => return Err(failure),
            }
        }
        if let Some((precision, failure)) = broken {
            if precision == Precision::F32 {
                return Err(failure);
            }
            if matrix_units && report.without_matrix_units.is_none() && !hung {
                with_units = Some(failure);
                to_come.insert(0, precision);
            } else {
                with_units = None;
                report.refused.push(Refusal { precision, failure });
            }
        }
        if to_come.is_empty() {
            return Ok(report);
        }
        matrix_units = with_units.is_none() && report.without_matrix_units.is_none();
        left = to_come;
    }
}

fn run_once(job: &Job, tell: &mut dyn FnMut(&TestStep)) -> Turn {
    let mut answers = Vec::new();
    let end = listen(job, None, &mut |line| match serde_json::from_str(line) {
        Ok(Answer::Step { operation, precision, done, total }) => {
            tell(&TestStep { operation, precision, done, total });
        }
        Ok(answer) => answers.push(answer),
        Err(_) => {}
    });
    let died = match &end {
        End::Well => None,
        End::Badly { status, stopped: true } => {
            Some(SelfTestFailure::Stopped { how: status.clone() })
        }
        End::Badly { status, .. } => Some(SelfTestFailure::Crashed { status: status.clone() }),
        End::Silent => Some(SelfTestFailure::Crashed { status: end.to_string() }),
        End::Unknown(what) => Some(broken(what.clone())),
    };
    Turn { answers, died, hung: matches!(end, End::Silent) }
}

/// How a process ended.
#[derive(Debug)]
enum End {
    Well,
    Badly {
        status: String,
        /// By a signal that drivers do not send.
        stopped: bool,
    },
    /// It gave no answer any more.
    Silent,
    /// It could not be started or waited for.
    Unknown(String),
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Well => f.write_str("it ended well"),
            Self::Badly { status, .. } => f.write_str(status),
            Self::Silent => write!(f, "no answer in {} s", PATIENCE_PER_CASE.as_secs()),
            Self::Unknown(what) => f.write_str(what),
        }
    }
}

impl End {
    fn of(status: ExitStatus) -> Self {
        match status.success() {
            true => Self::Well,
            false => Self::Badly { status: status.to_string(), stopped: was_stopped(status) },
        }
    }
}

/// Whether a process was ended by a signal that people and systems send: SIGHUP, SIGINT, SIGKILL (as for want of memory), SIGTERM.
#[cfg(unix)]
fn was_stopped(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    matches!(status.signal(), Some(1 | 2 | 9 | 15))
}

#[cfg(not(unix))]
fn was_stopped(_: ExitStatus) -> bool {
    false
}

/// Starts a process and hands on its answers, one by one, until it ends, says nothing for too long or the time is up.
fn listen(job: &Job, until: Option<Instant>, answer: &mut dyn FnMut(&str)) -> End {
    let mut process = match start(job) {
        Ok(process) => process,
        Err(what) => return End::Unknown(what),
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
                if let Some(text) = line.strip_prefix(MARK) {
                    answer(text);
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
        _ if late => End::Silent,
        Ok(status) => End::of(status),
        Err(e) => End::Unknown(e.to_string()),
    }
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
    let job = Job {
        id: id.into(),
        shader,
        kernels: true,
        thorough_from: Some(from),
        precisions: Vec::new(),
        matrix_units: true,
    };
    let end = listen(&job, until, &mut |line| {
        if let Ok(news) = serde_json::from_str(line) {
            tell(news);
        }
    });
    end.to_string()
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
    use super::super::tests::{ALL, wrong};
    use super::*;

    fn crashed() -> SelfTestFailure {
        SelfTestFailure::Crashed { status: "signal 11".into() }
    }

    fn broken() -> SelfTestFailure {
        super::broken("lost".into())
    }

    /// A device on which `what` becomes of a precision with matrix units or without, and the turns it took.
    fn report_of(
        what: impl Fn(Precision, bool) -> Result<(), SelfTestFailure>,
        hangs: bool,
    ) -> (usize, Result<SelfTest, SelfTestFailure>) {
        let mut turns = 0;
        let report = in_turn(SelfTest::default(), &ALL, |precisions, matrix_units| {
            turns += 1;
            let all = precisions.to_vec();
            let mut answers = vec![Answer::Has(all.clone())];
            for precision in all {
                answers.push(Answer::Begins(precision));
                let mut compare = |p, units| what(p, units).map(|()| Vec::new());
                let tested = test_one(precision, matrix_units, &mut compare);
                if let Err(failure @ SelfTestFailure::Crashed { .. }) = tested.result {
                    return Turn { answers, died: Some(failure), hung: hangs };
                }
                let lost = matches!(tested.result, Err(SelfTestFailure::Broken { .. }));
                answers.push(Answer::Tested(tested));
                if lost {
                    // And crashes on its way out, as lost devices make drivers do.
                    return Turn { answers, died: Some(crashed()), hung: false };
                }
            }
            Turn { answers, died: None, hung: false }
        });
        (turns, report)
    }

    #[test]
    fn what_breaks_down_is_tried_without_matrix_units_and_then_left_out() {
        let at = |bad: Precision, also_without: bool, failure: fn() -> SelfTestFailure| {
            move |precision, units| match precision == bad && (units || also_without) {
                true => Err(failure()),
                false => Ok(()),
            }
        };
        let all_well = report_of(|_, _| Ok(()), false);
        assert_eq!(all_well.0, 1);
        assert_eq!(all_well.1.unwrap().precisions, ALL);
        for failure in [crashed, broken] {
            let (turns, report) = report_of(at(Precision::F16, false, failure), false);
            let report = report.unwrap();
            assert_eq!((turns, &report.precisions[..]), (2, &ALL[..]));
            assert_eq!((report.without_matrix_units, report.refused), (Some(failure()), vec![]));
            // The other half precision is not lost with it.
            let (turns, report) = report_of(at(Precision::F16, true, failure), false);
            let report = report.unwrap();
            assert_eq!((turns, &report.precisions[..]), (3, &[ALL[0], ALL[2]][..]));
            let refusal = Refusal { precision: Precision::F16, failure: failure() };
            assert_eq!((report.without_matrix_units, report.refused), (None, vec![refusal]));
            // The last one has nothing behind it.
            let (turns, report) = report_of(at(Precision::Bf16, true, failure), false);
            assert_eq!((turns, report.unwrap().precisions.len()), (2, 2));
            let (turns, report) = report_of(at(Precision::F32, true, failure), false);
            assert_eq!((turns, report), (1, Err(failure())));
        }
        let (turns, report) = report_of(at(Precision::F16, true, wrong), false);
        assert_eq!((turns, report.unwrap().refused.len()), (1, 1));
        // Crashes with matrix units and is wrong without: the other one keeps them.
        let both = |precision, units| match (precision, units) {
            (Precision::F16, true) => Err(crashed()),
            (Precision::F16, false) => Err(wrong()),
            _ => Ok(()),
        };
        let (turns, report) = report_of(both, false);
        let report = report.unwrap();
        assert_eq!((turns, report.precisions.len()), (3, 2));
        assert_eq!(report.refused, [Refusal { precision: Precision::F16, failure: wrong() }]);
        assert_eq!(report.without_matrix_units, None);
        let (turns, report) = report_of(at(Precision::F16, false, crashed), true);
        assert_eq!((turns, report.unwrap().refused.len()), (2, 1), "who hangs is not asked again");
    }

    #[test]
    fn a_process_that_says_nothing_has_crashed() {
        let silent =
            |died| move |_: &[Precision], _| Turn { answers: Vec::new(), died, hung: false };
        assert_eq!(
            in_turn(SelfTest::default(), &ALL, |a, b| silent(Some(crashed()))(a, b)),
            Err(crashed())
        );
        let said =
            in_turn(SelfTest::default(), &ALL, |a, b| silent(None)(a, b)).unwrap_err().to_string();
        assert!(said.contains("without an answer"), "{said}");
        let closed = || vec![Answer::Closed(broken())];
        let turn = |_: &[Precision], _| Turn { answers: closed(), died: None, hung: false };
        assert_eq!(in_turn(SelfTest::default(), &ALL, turn), Err(broken()));
        let f32_alone = || {
            let (precision, result) = (Precision::F32, Ok(Vec::new()));
            let tested = Tested { precision, result, without_matrix_units: None };
            vec![Answer::Has(vec![precision]), Answer::Begins(precision), Answer::Tested(tested)]
        };
        let on_its_way_out =
            |_: &[Precision], _| Turn { answers: f32_alone(), died: Some(crashed()), hung: false };
        assert_eq!(
            in_turn(SelfTest::default(), &ALL, on_its_way_out).unwrap().precisions,
            [Precision::F32]
        );
        // What it had still to say is refused, and so is what a later process cannot open the device for.
        let cut_off = |_: &[Precision], _| {
            let mut answers = f32_alone();
            answers[0] = Answer::Has(ALL.to_vec());
            Turn { answers, died: None, hung: false }
        };
        let report = in_turn(SelfTest::default(), &ALL, cut_off).unwrap();
        assert_eq!((report.precisions.len(), report.refused.len()), (1, 2));
        let then_closed = |precisions: &[Precision], _| {
            let mut answers = f32_alone();
            answers[0] = Answer::Has(ALL.to_vec());
            answers.push(Answer::Begins(Precision::F16));
            let answers = if precisions.len() < ALL.len() { closed() } else { answers };
            Turn { answers, died: Some(crashed()), hung: false }
        };
        let report = in_turn(SelfTest::default(), &ALL, then_closed).unwrap();
        assert_eq!((report.precisions.len(), report.refused.len()), (1, 2));
    }
}
