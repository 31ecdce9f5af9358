//! Running the program in folders of its own.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use isoflop_durable::seal_json;
use isoflop_ledger::{Contents, Passport, read};

/// A study of a few seconds on two cores.
const TINY: &str = include_str!("tiny.toml");

/// A folder with a configuration, in which the program runs.
pub struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(TINY)
    }

    pub fn with(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tiny.toml"), config).unwrap();
        Self { folder }
    }

    /// The tiny study with a line of its configuration replaced.
    pub fn changed(&self, from: &str, to: &str) {
        assert!(TINY.contains(from), "{from}");
        std::fs::write(self.path("tiny.toml"), TINY.replace(from, to)).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sweep"));
        command.args(args).current_dir(self.folder.path()).stdin(Stdio::null());
        // Whatever terminal the tests were started from.
        command.env_remove("COLUMNS");
        command
    }

    pub fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Starts training into a results folder and waits until it is under way.
    pub fn start(&self, results: &str) -> Running {
        let mut running =
            Running::of(self.command(&["--config", "tiny.toml", "--results", results, "--json"]));
        running.wait_for("started");
        running
    }

    /// Trains into a results folder to the end.
    pub fn finish(&self, results: &str) -> Output {
        let output = self.output(&["--config", "tiny.toml", "--results", results]);
        assert!(output.status.success(), "{}", stderr(&output));
        output
    }

    pub fn contents(&self, results: &str) -> Contents {
        read(&self.path(results)).unwrap()
    }
}

/// A process that trains, killed when dropped.
pub struct Running {
    pub child: Child,
    pub stderr: BufReader<ChildStderr>,
}

impl Running {
    /// Starts a command that tells its progress as JSON.
    pub fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, stderr }
    }

    /// Reads progress up to an event of this name.
    pub fn wait_for(&mut self, event: &str) -> serde_json::Value {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            if self.stderr.read_line(&mut line).unwrap() == 0 {
                panic!("the process ended without {event:?}:\n{seen}");
            }
            if let Ok(value) = serde_json::from_str::<serde_json::Value>(&line)
                && value["event"] == event
            {
                return value;
            }
            seen += &line;
        }
    }

    /// Sends a signal by its name.
    #[cfg(unix)]
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Files of a folder, by name, those of subfolders with their path.
pub fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}

/// What a page says, without tags.
pub fn page_text(path: &Path) -> String {
    let html = std::fs::read_to_string(path).unwrap();
    let body = html.split_once("<body").map_or(html.as_str(), |(_, body)| body);
    let text: String =
        body.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text)).collect();
    let names = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    names.iter().fold(text, |text, (name, shown)| text.replace(name, shown))
}

/// Gives the files of a folder that a test has edited the checksums, and its passports the names, that they would have had.
pub fn as_written(folder: &Path) {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let passports: BTreeMap<String, Passport> =
        serde_json::from_str(&without_checksum(&read("passport.json"))).unwrap();
    let mut ledger = read("ledger.jsonl");
    let mut contents = Contents::default();
    for (old, passport) in passports {
        let new = passport.hash();
        ledger =
            ledger.replace(&format!("\"passport\":\"{old}\""), &format!("\"passport\":\"{new}\""));
        contents.passports.insert(new, passport);
    }
    let lines = ledger.lines().map(|line| seal_json(&without_checksum(line)) + "\n");
    std::fs::write(folder.join("ledger.jsonl"), lines.collect::<String>()).unwrap();
    std::fs::write(folder.join("passport.json"), contents.passport_json()).unwrap();
    let path = folder.join("data.json");
    if let Ok(text) = std::fs::read_to_string(&path) {
        std::fs::write(path, seal_json(&without_checksum(&text))).unwrap();
    }
}

/// The text of a JSON object without the checksum that is its last key.
pub fn without_checksum(text: &str) -> String {
    let Some((body, last)) = text.trim_end().rsplit_once(',') else { return text.to_owned() };
    match last.trim_start().starts_with("\"checksum\"") {
        true => format!("{body}{}", &last[last.rfind('"').unwrap() + 1..]),
        false => text.to_owned(),
    }
}
