//! The system calls of a run, as strace prints them, and runs that strace disturbs at one of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::studies::{Ended, RESULTS};
use crate::volume::Moment;

/// Calls that change what lies on the disk, and those without which they cannot be understood.
const CALLS: &str = "openat,open,creat,write,pwrite64,writev,pwritev,pwritev2,lseek,fsync,fdatasync,sync_file_range,rename,\
    renameat,renameat2,unlink,unlinkat,ftruncate,truncate,fallocate,mkdir,mkdirat,rmdir,link,linkat,symlink,symlinkat,\
    copy_file_range,sendfile,splice";

/// One call of one thread.
#[derive(Debug)]
pub struct Call {
    pub thread: u32,
    pub name: String,
    /// As printed, without strings decoded.
    pub arguments: Vec<String>,
    /// What it returned, and the file descriptor's path where it is one; `None` for errors.
    pub result: Option<(u64, Option<PathBuf>)>,
    pub began: Moment,
    pub ended: Moment,
}

/// Whether strace works here; where it must, it does.
pub fn available() -> bool {
    let found = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).output();
    let works = found.as_ref().is_ok_and(|output| output.status.success());
    if !works {
        let demanded = std::env::var_os("ISOFLOP_REQUIRE_STRACE").is_some_and(|v| v == "1");
        assert!(!demanded, "ISOFLOP_REQUIRE_STRACE=1, but `strace true` does not work: {found:?}");
        println!("skipped: no `strace` that works");
    }
    works
}

/// The command with every call recorded, data included.
pub fn record(command: &Command) -> Vec<Call> {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut strace = under_strace(
        command,
        &["--seccomp-bpf", "-y", "-xx", "-s", "100000000", "-e", &format!("trace={CALLS}")],
        &log,
    );
    let output = strace.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    parse(&std::fs::read_to_string(&log).unwrap())
}

/// A command to which something happens when one of its threads makes a call for the n-th time.
pub struct Disturbance<'a> {
    pub command: &'a Command,
    /// Name of the system call.
    pub call: String,
    /// `signal=SIGKILL`, `error=ENOSPC`: what strace is to do.
    pub what: &'a str,
    /// Which of the calls, as strace takes it: `3`, or `3+` for the third and all that follow.
    pub when: String,
    /// Only calls on these paths, where there are any.
    pub paths: Vec<PathBuf>,
}

/// How a disturbed command ended.
pub struct Disturbed {
    pub ended: Ended,
    /// Whether the instant came, for something of the study.
    pub hit: bool,
    /// Whether all that was met was files being opened to read.
    pub looked: bool,
    /// Whether it came for what the program had to say as well: each thread counts for itself.
    pub mute: bool,
}

impl Disturbance<'_> {
    pub fn run(&self) -> Disturbed {
        let (call, what, when) = (&self.call, self.what, &self.when);
        let options = ["trace=".to_owned() + call, format!("inject={call}:{what}:when={when}")];
        let mut options: Vec<&str> = options.iter().flat_map(|option| ["-e", option]).collect();
        options.extend(["-qq", "-y", "-e", "signal=none"]);
        // A filter in the kernel is quicker; signals are lost with it.
        if what.starts_with("error=") {
            options.push("--seccomp-bpf");
        }
        for path in &self.paths {
            options.extend(["-P", path.to_str().expect("UTF-8")]);
        }
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut ended = Ended::of(under_strace(self.command, &options, &log));
        let log = std::fs::read_to_string(&log).unwrap();
        let injected = || log.lines().filter(|line| line.contains("(INJECTED)"));
        let hit = ended.killed() || injected().any(|line| self.concerns(line));
        let mute = injected().any(|line| line.contains(" write(2<"));
        let own = || injected().filter(|line| self.concerns(line));
        let looked = own().all(|line| line.contains("openat(") && line.contains("O_RDONLY"));
        // What strace itself says is not the program's.
        let own = |line: &&str| !line.starts_with("strace: ");
        ended.said = ended.said.lines().filter(own).map(|line| format!("{line}\n")).collect();
        Disturbed { ended, hit, looked, mute }
    }

    /// Whether a call has to do with the folder that the command runs in.
    fn concerns(&self, line: &str) -> bool {
        let home = self.command.get_current_dir().expect("a folder to run in").display();
        let line = line.replace(&format!("AT_FDCWD<{home}>"), "");
        let named = [format!("{home}"), format!("\"{RESULTS}"), "\"cache".into(), "\".\"".into()];
        named.iter().any(|name| line.contains(name))
    }
}

fn under_strace(command: &Command, options: &[&str], log: &Path) -> Command {
    let mut strace = Command::new("strace");
    strace.arg("-f").args(options).arg("-o").arg(log);
    strace.arg("--").arg(command.get_program()).args(command.get_args());
    strace.current_dir(command.get_current_dir().expect("a folder to run in"));
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => strace.env(key, value),
            None => strace.env_remove(key),
        };
    }
    strace
}

fn parse(log: &str) -> Vec<Call> {
    let mut begun: std::collections::HashMap<u32, (Moment, String)> = Default::default();
    let mut calls = Vec::new();
    for (moment, line) in log.lines().enumerate() {
        let (thread, rest) = line.split_once(' ').expect("a thread and what it did");
        let (thread, rest) = (thread.parse().expect("its number"), rest.trim_start());
        if rest.starts_with("+++") || rest.starts_with("---") {
            continue;
        }
        if let Some(start) = rest.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, (moment, start.to_owned()));
        } else if let Some(resumed) = rest.strip_prefix("<... ") {
            let (_, tail) = resumed.split_once(" resumed>").expect("a call that is resumed");
            let (began, start) = begun.remove(&thread).expect("its beginning");
            calls.push(call(thread, &(start + tail), began, moment));
        } else {
            calls.push(call(thread, rest, moment, moment));
        }
    }
    calls
}

fn call(thread: u32, text: &str, began: Moment, ended: Moment) -> Call {
    let (call, result) = text.split_once(" = ").unwrap_or_else(|| panic!("{text:.200}"));
    let (name, arguments) = call.split_once('(').expect("arguments");
    let arguments = arguments.trim_end().strip_suffix(')').expect("their end");
    let number = result.split(['<', ' ']).next().expect("a result");
    let result = number.parse().ok().map(|number| (number, described(result)));
    // Strings are in hex: what separates arguments is no part of one.
    let arguments = arguments.split(", ").map(str::to_owned).collect();
    Call { thread, name: name.to_owned(), arguments, result, began, ended }
}

/// The path behind a file descriptor, `3<path>`.
pub fn described(text: &str) -> Option<PathBuf> {
    let (_, rest) = text.split_once('<')?;
    let bytes = unhex(rest.split_once('>')?.0);
    Some(PathBuf::from(String::from_utf8(bytes).expect("paths are UTF-8")))
}

/// A string in quotes.
pub fn quoted(text: &str) -> Vec<u8> {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    unhex(inner.unwrap_or_else(|| panic!("no whole string: {text:.200}")))
}

/// `\x41\x42` and what is not in hex as it stands.
fn unhex(text: &str) -> Vec<u8> {
    let text = text.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a hex digit") as u8;
    let (mut bytes, mut at) = (Vec::with_capacity(text.len() / 4), 0);
    while at < text.len() {
        if text[at..].starts_with(b"\\x") {
            bytes.push(digit(text[at + 2]) * 16 + digit(text[at + 3]));
            at += 4;
        } else {
            bytes.push(text[at]);
            at += 1;
        }
    }
    bytes
}

#[test]
fn lines_of_strace_are_understood() {
    let log = concat!(
        "7 openat(AT_FDCWD</w>, \"\\x72\\x2f\\x61\", O_RDWR|O_CREAT, 0666 <unfinished ...>\n",
        "8 mkdir(\"\\x72\", 0777) = -1 EEXIST (File exists)\n",
        "7 <... openat resumed>)              = 5<\\x2f\\x77\\x2f\\x72\\x2f\\x61>\n",
        "7 write(5<\\x2f\\x77\\x2f\\x72\\x2f\\x61>, \"\\x2c\\x20\", 2) = 2\n",
        "7 +++ exited with 0 +++\n",
    );
    let calls = parse(log);
    let names: Vec<&str> = calls.iter().map(|call| call.name.as_str()).collect();
    assert_eq!(names, ["mkdir", "openat", "write"]);
    assert_eq!((calls[0].result.is_none(), calls[1].began, calls[1].ended), (true, 0, 2));
    assert_eq!(calls[1].result, Some((5, Some("/w/r/a".into()))));
    assert_eq!(quoted(&calls[1].arguments[1]), b"r/a");
    assert_eq!(described(&calls[2].arguments[0]), Some("/w/r/a".into()));
    assert_eq!(quoted(&calls[2].arguments[1]), b", ");
}
