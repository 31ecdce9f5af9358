//! The processes of devices: started, listened to, ended.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use super::message::{Order, Word};
use super::{MARK, SET};

/// Lines that are kept of what a process says besides.
const LAST_LINES: usize = 3;

/// What a process says, by its number; `None` where it says nothing any more.
pub(crate) type Heard = (u64, Option<Word>);

/// Somebody who trains on a device.
pub(crate) trait Link {
    /// Gives it an order. A process that is gone is heard of otherwise.
    fn order(&mut self, order: &Order);

    /// Has it end, if it has not, and says how it ended.
    fn end(&mut self) -> String;
}

/// Who starts somebody for a device, who is heard under this number.
pub(crate) type Start<'a> = &'a dyn Fn(u64, Sender<Heard>) -> std::io::Result<Box<dyn Link>>;

struct Process {
    child: Child,
    /// `None` once it is not to hear anything more.
    orders: Option<ChildStdin>,
    errors: Option<JoinHandle<VecDeque<String>>>,
}

/// Starts this program once more, to train on a device. It has a group of processes of its own, so that a Ctrl-C on the terminal
/// reaches the study alone.
pub(crate) fn start(number: u64, heard: Sender<Heard>) -> std::io::Result<Box<dyn Link>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.env(SET, "1").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    #[cfg(windows)]
    {
        const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;
        std::os::windows::process::CommandExt::creation_flags(
            &mut command,
            CREATE_NEW_PROCESS_GROUP,
        );
    }
    let mut child = command.spawn()?;
    let words = child.stdout.take().expect("it is piped");
    std::thread::spawn(move || listen(words, number, &heard));
    let errors = child.stderr.take().map(|pipe| std::thread::spawn(move || last_lines(pipe)));
    Ok(Box::new(Process { orders: child.stdin.take(), child, errors }))
}

fn listen(pipe: impl Read, number: u64, heard: &Sender<Heard>) {
    for line in BufReader::new(pipe).split(b'\n') {
        let Ok(line) = line else { break };
        // Drivers print what they like.
        let line = String::from_utf8_lossy(&line);
        let Some(text) = line.strip_prefix(MARK) else { continue };
        let Ok(word) = serde_json::from_str(text) else { break };
        if heard.send((number, Some(word))).is_err() {
            return;
        }
    }
    // Nobody hears it where the study is over.
    let _ = heard.send((number, None));
}

fn last_lines(pipe: impl Read) -> VecDeque<String> {
    let mut last = VecDeque::new();
    for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).trim().to_owned();
        if line.is_empty() {
            continue;
        }
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(line);
    }
    last
}

impl Link for Process {
    fn order(&mut self, order: &Order) {
        let line = serde_json::to_string(order).expect("plain data");
        let Some(pipe) = &mut self.orders else { return };
        if writeln!(pipe, "{line}").and_then(|()| pipe.flush()).is_err() {
            self.orders = None;
        }
    }

    fn end(&mut self) -> String {
        self.orders = None;
        // It fails where the process has ended.
        let _ = self.child.kill();
        let status = match self.child.wait() {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        let said = self.errors.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        match said.is_empty() {
            true => status,
            false => format!("{status}: {}", said.into_iter().collect::<Vec<_>>().join(" / ")),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
