//! A file system without locks.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::{Bench, stderr};
use crate::trace;

/// The program where every lock is refused, as by a network file system that has none.
fn without_locks(bench: &Bench, args: &[&str]) -> Output {
    let program = bench.command(args);
    let mut strace = Command::new("strace");
    strace.args(["-f", "--seccomp-bpf", "-qq", "-o", "/dev/null"]);
    strace.args(["-e", "trace=flock", "-e", "inject=flock:error=ENOLCK", "--"]);
    strace.arg(program.get_program()).args(program.get_args());
    strace.current_dir(program.get_current_dir().expect("a folder to run in"));
    strace.output().unwrap()
}

#[test]
fn tasks_need_no_locks_and_a_run_says_that_it_does() {
    if !trace::available() {
        return;
    }
    let bench = Bench::new();
    bench.finish("one");
    let run = without_locks(&bench, &["--config", "tiny.toml", "--results", "many"]);
    assert_eq!(run.status.code(), Some(1), "{}", stderr(&run));
    let said = stderr(&run);
    assert!(said.contains("cannot lock files") && said.contains("hint: "), "{said}");

    let slurm = ["slurm", "--config", "tiny.toml", "--results", "many", "--tasks", "3"];
    let dealt = without_locks(&bench, &slurm);
    assert!(dealt.status.success(), "{}", stderr(&dealt));
    assert!(stderr(&dealt).contains("has no locks"), "{}", stderr(&dealt));
    for task in ["0", "1", "2"] {
        let trained = without_locks(&bench, &["task", "many", task]);
        assert!(trained.status.success(), "{}", stderr(&trained));
        let status = without_locks(&bench, &["status", "many", "--json"]);
        let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
        assert_eq!(status["writers"], serde_json::json!([]), "{status}");
    }
    let (one, many) = (bench.contents("one"), bench.contents("many"));
    assert_eq!(one.deterministic_jsonl(), many.deterministic_jsonl());
    assert!(without_locks(&bench, &["report", "many"]).status.success());
    assert!(Path::new(&bench.path("many/report.html")).exists());
}
