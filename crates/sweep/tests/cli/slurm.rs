//! A study as a job array of a Slurm on this machine, with everything that happens to jobs.
//!
//! Needs Debian's `slurm-wlm` and `munge`; without them it is passed over, unless `ISOFLOP_REQUIRE_SLURM` is set.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Bench, stderr, stdout};

/// Twelve runs of a second or two, but for one, of task 0, that lasts long enough to be stopped.
const STUDY: &str = r#"
[study]
name = "array"
[data]
source = "synthetic"
valid_tokens = 2048
[model]
context = 32
[grid]
cells = [
    { width = 16, flops = 2e10 },
    { width = 24, flops = 2e10 },
    { width = 32, flops = 2e10 },
    { width = 40, flops = 2e10 },
    { width = 48, flops = 2e10 },
    { width = 16, flops = 4e10 },
    { width = 24, flops = 4e10 },
    { width = 32, flops = 4e10 },
    { width = 40, flops = 4e10 },
    { width = 48, flops = 4e10 },
    { width = 56, flops = 4e10 },
    { width = 64, flops = 4e11 },
]
[train]
batch_tokens = 256
stack = 1
checkpoint_seconds = 0.5
[device]
name = "cpu"
[fit]
bootstrap = 50
"#;
/// How long a wait may last, and a queue stay as it is.
const PATIENCE: Duration = Duration::from_secs(400);
/// How long all jobs together may take, however often they begin anew.
const AT_MOST: Duration = Duration::from_secs(1200);

/// A cluster, ended when dropped.
struct Cluster {
    folder: tempfile::TempDir,
}

impl Cluster {
    fn start(nodes: usize) -> Option<Self> {
        let there = |program: &str| {
            ["/usr/sbin", "/usr/bin"].iter().any(|at| Path::new(at).join(program).exists())
        };
        if !(there("slurmctld") && there("slurmd") && there("munged") && there("sbatch")) {
            let required = std::env::var_os("ISOFLOP_REQUIRE_SLURM").is_some();
            assert!(!required, "slurm-wlm and munge are not installed");
            return None;
        }
        let cluster = Self { folder: tempfile::tempdir().unwrap() };
        cluster.script("start", &[&nodes.to_string()]);
        Some(cluster)
    }

    fn script(&self, action: &str, more: &[&str]) {
        let (ended, told) = self.try_script(action, more);
        assert!(ended, "{action}: {told}");
    }

    /// Whether it ended well, and what it said.
    fn try_script(&self, action: &str, more: &[&str]) -> (bool, String) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/slurm_here.sh");
        // Daemons keep what they were given open.
        let path = self.folder.path().join("script.log");
        let log = fs::File::create(&path).unwrap();
        let mut command = Command::new(script);
        command.arg(action).arg(self.folder.path()).args(more);
        let ended = command.stdout(log.try_clone().unwrap()).stderr(log).status();
        (ended.is_ok_and(|ended| ended.success()), fs::read_to_string(path).unwrap_or_default())
    }

    fn with<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("SLURM_CONF", self.folder.path().join("slurm.conf"))
    }

    fn run(&self, program: &str, args: &[&str]) -> String {
        let output = self.with(Command::new(program).args(args)).output().unwrap();
        assert!(output.status.success(), "{program} {args:?}: {}", stderr(&output));
        stdout(&output)
    }

    /// Jobs that are not over: number and state.
    fn queue(&self) -> Vec<(String, String)> {
        let all = self.run("squeue", &["--noheader", "--array", "--format=%i %T"]);
        let jobs = all.lines().filter_map(|line| line.trim().split_once(' '));
        jobs.map(|(job, state)| (job.to_owned(), state.to_owned())).collect()
    }

    /// Everything that says why a job does not run.
    fn told(&self, bench: &Bench) -> String {
        let jobs = self.run("scontrol", &["show", "job"]);
        let nodes = self.run("scontrol", &["show", "node"]);
        let status = stdout(&bench.output(&["status", "many"]));
        let logs = ["slurmctld.log", "n1.log", "n2.log", "n3.log", "n4.log"]
            .map(|name| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default())
            .join("\n\n");
        format!("{jobs}\n{nodes}\n{status}\n{logs}")
    }

    fn wait_for_all(&self, bench: &Bench) {
        let began = Instant::now();
        let (mut before, mut changed) = (Vec::new(), began);
        loop {
            let queue = self.queue();
            if queue.is_empty() {
                return;
            }
            if queue != before {
                (before, changed) = (queue, Instant::now());
            }
            let is_late = changed.elapsed() >= PATIENCE || began.elapsed() >= AT_MOST;
            assert!(!is_late, "{}", self.told(bench));
            std::thread::sleep(Duration::from_millis(300));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.try_script("stop", &[]);
    }
}

fn submit(bench: &Bench, cluster: &Cluster) -> serde_json::Value {
    let args = ["slurm", "--config", "tiny.toml", "--results", "many", "--tasks", "12", "--submit"];
    let limits = ["--time", "2", "--save-seconds", "90", "--json"];
    let output = cluster.with(&mut bench.command(&[&args[..], &limits].concat())).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Tasks at work: number and process.
fn at_work(bench: &Bench) -> Vec<(usize, u64)> {
    let output = bench.output(&["status", "many", "--json"]);
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let writers = status["writers"].as_array().unwrap().iter();
    writers
        .filter(|writer| writer["lost"] == false)
        .filter_map(|writer| {
            let number = writer["shard"].as_str()?.strip_prefix("task-")?.parse().ok()?;
            Some((number, writer["pid"].as_u64()?))
        })
        .collect()
}

/// Tries something on tasks at work, other than the first, until it did what it should.
fn until_one(bench: &Bench, what: &str, mut done: impl FnMut(usize, u64) -> bool) -> usize {
    let began = Instant::now();
    loop {
        for (number, pid) in at_work(bench) {
            if number != 0 && done(number, pid) {
                return number;
            }
        }
        assert!(began.elapsed() < PATIENCE, "no task {what}");
    }
}

fn signal(name: &str, pid: u64) -> bool {
    Command::new("kill").args(["-s", name, &pid.to_string()]).status().unwrap().success()
}

/// Whether a stopped process was sent SIGTERM, number 15; `None` where it is gone.
fn has_sigterm_before_it(pid: u64) -> Option<bool> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let pending = status.lines().find_map(|line| line.strip_prefix("ShdPnd:"))?;
    Some(u64::from_str_radix(pending.trim(), 16).ok()? >> 14 & 1 == 1)
}

fn log(bench: &Bench, name: &str) -> String {
    let path: PathBuf = bench.path("many/slurm").join(name);
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn an_array_comes_to_the_ledger_of_one_process_whatever_happens_to_its_jobs() {
    let bench = Bench::with(STUDY);
    let Some(cluster) = Cluster::start(4) else { return };
    bench.finish("one");
    let submitted = submit(&bench, &cluster);
    assert_eq!(submitted["open"].as_array().unwrap().len(), 12, "{submitted}");
    let array = submitted["jobs"][0].as_str().unwrap();

    // However fast or slow the machine is, the long one is at work when Slurm looks at time limits, every half minute.
    let began = Instant::now();
    let long = loop {
        if let Some((_, pid)) = at_work(&bench).into_iter().find(|(number, _)| *number == 0) {
            break pid;
        }
        assert!(began.elapsed() < PATIENCE, "task 0 did not begin");
    };
    assert!(signal("STOP", long));
    let killed = until_one(&bench, "was killed", |number, pid| {
        let sent = signal("KILL", pid);
        std::thread::sleep(Duration::from_millis(300));
        sent && log(&bench, &format!("task-{number}.log")).contains("Killed")
    });
    cluster.script("restart", &[]);
    let cancelled = until_one(&bench, "was cancelled", |number, _| {
        if number == killed {
            return false;
        }
        cluster.run("scancel", &[&format!("{array}_{number}")]);
        std::thread::sleep(Duration::from_millis(1500));
        let output = bench.output(&["status", "many", "--json"]);
        let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        // Unless it had just ended.
        log(&bench, &format!("task-{number}.log")).contains("CANCELLED")
            && status["cells"]["open"] != 0
    });
    // Handed over again meanwhile, nothing is queued twice.
    let again = submit(&bench, &cluster);
    let queued = again["jobs"].as_array().map_or(0, Vec::len);
    assert!(queued == 0 || again["jobs"][0] != array, "{again}");
    let began = Instant::now();
    while has_sigterm_before_it(long) != Some(true) {
        let is_there = has_sigterm_before_it(long).is_some();
        let is_late = began.elapsed() >= PATIENCE;
        assert!(is_there && !is_late, "no time limit\n{}", cluster.told(&bench));
        std::thread::sleep(Duration::from_millis(300));
    }
    assert!(signal("CONT", long));
    cluster.wait_for_all(&bench);

    let limit = log(&bench, "task-0.log");
    assert!(limit.contains("interrupted by SIGTERM"), "{limit}");
    // The killed one and the one that met its limit have had another turn.
    let left = submit(&bench, &cluster);
    cluster.wait_for_all(&bench);
    let open = left["open"].as_array().unwrap();
    assert!(open.is_empty() || *open == [cancelled], "{left}");
    let (one, many) = (bench.contents("one"), bench.contents("many"));
    assert_eq!(one.deterministic_jsonl(), many.deterministic_jsonl());
    // Nothing was trained twice that was recorded.
    assert_eq!((many.records.len(), many.repeated.len()), (12, 0));
    let told = log(&bench, "report.log");
    assert!(told.contains("report.html"), "{told}");
    assert!(bench.path("many/report.html").is_file());
}
