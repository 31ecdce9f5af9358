//! Studies that train in about a second, of every kind that goes on differently.

use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::support::Bench;

/// Folder of the runs that are disturbed.
pub const RESULTS: &str = "results";

/// What no run may take.
const LIMIT: Duration = Duration::from_secs(120);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The synthetic language, each cell by itself.
    Language,
    /// Replicas that share a trunk and fork.
    Shared,
    /// Text through a tokenizer that is trained on it, and a cache.
    Text,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Language, Self::Shared, Self::Text];

    fn config(self) -> String {
        let (data, train) = match self {
            Self::Language => ("source = \"synthetic\"", "batch_tokens = 128"),
            Self::Shared => (
                "source = \"synthetic\"",
                "batch_tokens = 128\nlearning_rate = 3e-3\nwarmup_steps = 5\nschedule = \"wsd\"",
            ),
            Self::Text => (
                "source = \"text\"\npaths = [\"texts\"]\ntokenizer = \"bpe\"\nvocab = 300\ncache = \"cache\"",
                "batch_tokens = 128",
            ),
        };
        // Six runs; a law can be fitted to them where the language is synthetic.
        let (budgets, widths) = match self {
            Self::Language | Self::Shared => ("3e9, 9e9", "8, 16, 32"),
            Self::Text => ("4e9, 8e9", "16, 24, 32"),
        };
        format!(
            "[study]\nname = \"tiny\"\n[data]\n{data}\nvalid_tokens = 1024\n[model]\ncontext = 32\n\
             [grid]\nbudgets = [{budgets}]\nwidths = [{widths}]\nmin_steps = 10\n\
             [train]\n{train}\ncheckpoint_seconds = 0.1\n[device]\nname = \"cpu\"\n[fit]\nbootstrap = 0\n"
        )
    }
}

/// A study in a folder of its own, and what it comes to when nothing disturbs it.
pub struct Study {
    pub bench: Bench,
    pub kind: Kind,
    /// The part of the ledger that has to be the same, bit for bit.
    pub whole: String,
    /// How long the whole takes.
    pub seconds: Duration,
}

impl Study {
    /// Trains it once into the folder `whole`.
    pub fn new(kind: Kind) -> Self {
        let study = Self::untrained(kind);
        let begun = Instant::now();
        study.bench.finish("whole");
        let whole = study.bench.contents("whole").deterministic_jsonl();
        assert_eq!(whole.lines().count(), 6);
        Self { whole, seconds: begun.elapsed(), ..study }
    }

    /// The same study elsewhere, with nothing trained.
    pub fn again(&self) -> Self {
        let study = Self::untrained(self.kind);
        Self { whole: self.whole.clone(), seconds: self.seconds, ..study }
    }

    fn untrained(kind: Kind) -> Self {
        let bench = Bench::with(&kind.config());
        write_texts(&bench.path("texts"));
        Self { bench, kind, whole: String::new(), seconds: Duration::ZERO }
    }

    pub fn command(&self, results: &str) -> Command {
        self.bench.command(&["--config", "tiny.toml", "--results", results, "--quiet"])
    }

    /// Removes [`RESULTS`] and the cache.
    pub fn begins_anew(&self) {
        for folder in [RESULTS, "cache"] {
            let _ = std::fs::remove_dir_all(self.bench.path(folder));
        }
    }

    /// Goes on undisturbed, which must end well and with the same results.
    pub fn goes_on(&self, results: &str) -> Result<Ended, String> {
        let ended = Ended::of(self.command(results));
        if !ended.success() {
            return Err(format!("it does not go on: {ended}"));
        }
        self.is_whole(results)?;
        if self.bench.path(results).join("checkpoints").exists() {
            return Err("checkpoints are left".into());
        }
        Ok(ended)
    }

    /// Whether a folder holds what the undisturbed run came to.
    pub fn is_whole(&self, results: &str) -> Result<(), String> {
        let contents =
            isoflop_ledger::read(&self.bench.path(results)).map_err(|e| e.to_string())?;
        let found = contents.deterministic_jsonl();
        if found == self.whole {
            return Ok(());
        }
        let same = found.lines().filter(|line| self.whole.lines().any(|known| known == *line));
        Err(format!(
            "{} records in {results}, {} of them as they should be",
            found.lines().count(),
            same.count()
        ))
    }

    /// Cells with a record, as lines that have to be the same.
    pub fn ended_cells(&self, results: &str) -> Result<Vec<String>, String> {
        let contents =
            isoflop_ledger::read(&self.bench.path(results)).map_err(|e| e.to_string())?;
        Ok(contents.deterministic_jsonl().lines().map(str::to_owned).collect())
    }
}

/// How a process ended and what it said.
#[derive(Debug, Clone)]
pub struct Ended {
    /// `None`: it was killed here, because it hung.
    pub status: Option<ExitStatus>,
    pub said: String,
    pub printed: String,
}

impl Ended {
    /// Runs a command to its end.
    pub fn of(command: Command) -> Self {
        Process::start(command).wait()
    }

    pub fn code(&self) -> Option<i32> {
        self.status.and_then(|status| status.code())
    }

    pub fn success(&self) -> bool {
        self.code() == Some(0) && !self.panicked()
    }

    /// Killed by `SIGKILL`, as was asked for.
    pub fn killed(&self) -> bool {
        use std::os::unix::process::ExitStatusExt;
        self.status.and_then(|status| status.signal()) == Some(9)
    }

    pub fn panicked(&self) -> bool {
        self.said.contains("panicked")
    }

    /// An error as it should be: one that names what is at fault, and says what to do.
    pub fn refuses(&self, name: &str) -> Result<(), String> {
        let hints = self.said.contains("hint: ") || self.said.contains("\"hints\":[\"");
        match self.code() {
            Some(1 | 2) if hints && self.said.contains(name) && !self.panicked() => Ok(()),
            _ => Err(format!("no clear error about {name}: {self}")),
        }
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let said: Vec<&str> =
            self.said.lines().filter(|line| !line.starts_with("warning: ")).collect();
        match self.status {
            Some(status) => write!(f, "{status}: {}", said.join(" / ")),
            None => write!(f, "it hung: {}", said.join(" / ")),
        }
    }
}

/// A process whose output goes to files, so that nobody has to read it.
pub struct Process {
    pub child: std::process::Child,
    output: tempfile::TempDir,
}

impl Process {
    pub fn start(mut command: Command) -> Self {
        let output = tempfile::tempdir().unwrap();
        let file = |name: &str| std::fs::File::create(output.path().join(name)).unwrap();
        command.stdin(Stdio::null()).stdout(file("stdout")).stderr(file("stderr"));
        Self { child: command.spawn().unwrap(), output }
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Whether it has ended by itself.
    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub fn wait(mut self) -> Ended {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break Some(status);
            }
            if begun.elapsed() > LIMIT {
                break None;
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let text = |name: &str| {
            let bytes = std::fs::read(self.output.path().join(name)).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Ended { status, said: text("stderr"), printed: text("stdout") }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sentences of a small vocabulary, in files.
fn write_texts(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let mut word = || -> String {
        let letters = random.random_range(2..8);
        (0..letters).map(|_| char::from(b'a' + random.random_range(0..22))).collect()
    };
    let words: Vec<String> = (0..200).map(|_| word()).collect();
    for file in 0..24 {
        let mut line = || {
            let words: Vec<&str> =
                (0..8).map(|_| words[random.random_range(0..words.len())].as_str()).collect();
            words.join(" ") + "\n"
        };
        let text: String = (0..40).map(|_| line()).collect();
        std::fs::write(folder.join(format!("{file}.txt")), text).unwrap();
    }
}
