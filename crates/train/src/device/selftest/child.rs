//! The self-test in a process of its own: a driver that crashes takes only that one along.

use std::io::Read;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::super::info::ShaderCompiler;
use super::super::{adapters, setup};
use super::{SelfTest, SelfTestFailure, self_test};

/// Set in a process that is to test a device and end: `<short name> <shader compiler>`.
const JOB: &str = "ISOFLOP_SELF_TEST";

/// Marks the answer among whatever a driver prints.
const MARK: &str = "isoflop-self-test:";

/// How long a driver may take: software drivers compile shaders for minutes.
const PATIENCE: Duration = Duration::from_secs(600);

/// Whether this program calls [`self_test_child_main`].
static AVAILABLE: AtomicBool = AtomicBool::new(false);

#[derive(Serialize, Deserialize)]
struct Job {
    id: String,
    shader: ShaderCompiler,
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
    let result = match job {
        Ok(job) => answer(&job),
        Err(e) => Err(broken(format!("{JOB}: {e}"))),
    };
    let line = serde_json::to_string(&result).expect("plain data");
    println!("\n{MARK}{line}");
    std::process::exit(0);
}

fn answer(job: &Job) -> Result<SelfTest, SelfTestFailure> {
    let adapters = adapters::adapters();
    let adapter = adapters.iter().find(|a| a.info.id == job.id);
    let adapter = adapter.ok_or_else(|| broken(format!("there is no {} any more", job.id)))?;
    let device = setup::open(adapter, job.shader).map_err(|e| broken(e.to_string()))?;
    self_test(&device)
}

fn broken(what: String) -> SelfTestFailure {
    SelfTestFailure::Broken { operation: "opening the device".into(), what }
}

/// Whether [`run`] can be used.
pub(crate) fn available() -> bool {
    AVAILABLE.load(Ordering::Relaxed)
}

/// Tests an adapter in another process of this program.
///
/// # Errors
/// As [`self_test`], and if the process dies.
pub(crate) fn run(id: &str, shader: ShaderCompiler) -> Result<SelfTest, SelfTestFailure> {
    let job = Job { id: id.into(), shader };
    let crashed = |status: String| SelfTestFailure::Crashed { status };
    let program = std::env::current_exe().map_err(|e| crashed(e.to_string()))?;
    let mut process = Command::new(program)
        .env(JOB, serde_json::to_string(&job).expect("plain data"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| crashed(e.to_string()))?;
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
    let text = reader.join().unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(MARK));
    match line.and_then(|line| serde_json::from_str(line).ok()) {
        Some(result) => result,
        None => Err(crashed(status.to_string())),
    }
}
