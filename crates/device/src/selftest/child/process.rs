//! Another process of this program: started, listened to, stopped.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::super::report::SelfTestFailure;
use super::{MARK, TASK, Task, not_opened};

/// How long one case may take: software drivers compile shaders for minutes.
const PATIENCE_PER_CASE: Duration = Duration::from_secs(300);

/// How a process ended.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Exit {
    Well,
    Badly {
        status: String,
        /// By a signal that drivers do not send.
        stopped: bool,
    },
    /// It was stopped, since it gave no answer any more.
    Silent,
    /// It was stopped, since its answer could not be read.
    Unreadable(String),
    /// It could not be started or waited for.
    Unknown(String),
}

impl Exit {
    fn of(status: ExitStatus) -> Self {
        match status.success() {
            true => Self::Well,
            false => Self::Badly { status: status.to_string(), stopped: was_stopped(status) },
        }
    }

    /// What it means for what was being tested.
    pub(in super::super) fn failure(&self) -> SelfTestFailure {
        let crashed = |status: String| SelfTestFailure::Crashed { status };
        match self {
            Self::Well => crashed("it ended without an answer".into()),
            Self::Badly { status, stopped: true } => {
                SelfTestFailure::Stopped { how: status.clone() }
            }
            Self::Badly { status, stopped: false } => crashed(status.clone()),
            Self::Silent => crashed(format!("no answer in {} s", PATIENCE_PER_CASE.as_secs())),
            Self::Unreadable(why) => {
                SelfTestFailure::Stopped { how: format!("its answer cannot be read: {why}") }
            }
            Self::Unknown(what) => not_opened(what.clone()),
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

/// Starts a process and hands on its answers, one by one, until it ends, says nothing for too long, says what cannot be read, or
/// the time is up.
pub(super) fn listen<T: serde::de::DeserializeOwned>(
    task: &Task,
    until: Option<Instant>,
    answer: &mut dyn FnMut(T),
) -> Exit {
    let mut process = match start(task) {
        Ok(process) => process,
        Err(what) => return Exit::Unknown(what),
    };
    let pipe = BufReader::new(process.stdout.take().expect("it is piped"));
    let (send, lines) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in pipe.split(b'\n') {
            // Drivers print what they like.
            let line = line.map(|line| String::from_utf8_lossy(&line).into_owned());
            if send.send(line).is_err() {
                break;
            }
        }
    });
    let stopped = loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        match lines.recv_timeout(left.unwrap_or(PATIENCE_PER_CASE).min(PATIENCE_PER_CASE)) {
            Ok(Ok(line)) => {
                let Some(text) = line.strip_prefix(MARK) else { continue };
                match serde_json::from_str(text) {
                    Ok(said) => answer(said),
                    Err(why) => break Some(Exit::Unreadable(why.to_string())),
                }
            }
            Ok(Err(why)) => break Some(Exit::Unreadable(why.to_string())),
            Err(RecvTimeoutError::Disconnected) => break None,
            Err(RecvTimeoutError::Timeout) => break Some(Exit::Silent),
        }
    };
    if stopped.is_some() {
        // It fails where the process has ended meanwhile.
        let _ = process.kill();
    }
    drop(lines);
    let status = process.wait();
    reader.join().expect("reading lines does not panic");
    match (stopped, status) {
        (Some(exit), _) => exit,
        (None, Ok(status)) => Exit::of(status),
        (None, Err(why)) => Exit::Unknown(why.to_string()),
    }
}

fn start(task: &Task) -> Result<Child, String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    Command::new(program)
        .env(TASK, serde_json::to_string(task).expect("plain data"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| e.to_string())
}
