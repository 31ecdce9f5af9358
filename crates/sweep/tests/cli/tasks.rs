//! A study dealt out to tasks, trained by plain processes.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{Bench, Running, stderr, stdout};

fn slurm<'a>(results: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["slurm", "--config", "tiny.toml", "--results", results][..], more].concat()
}

fn json(bench: &Bench, args: &[&str]) -> serde_json::Value {
    let output = bench.output(args);
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn tasks_come_to_the_ledger_of_one_process() {
    let bench = Bench::new();
    bench.finish("one");
    let done = bench.output(&slurm("many", &["--tasks", "4", "--local", "2"]));
    assert!(done.status.success(), "{}", stderr(&done));
    let (one, many) = (bench.contents("one"), bench.contents("many"));
    assert_eq!(one.deterministic_jsonl(), many.deterministic_jsonl());
    assert_eq!((many.records.len(), many.repeated.len()), (6, 0));
    assert!(stdout(&done).contains("report.html"), "{}", stdout(&done));
    let shards = isoflop_ledger::shards(&bench.path("many")).unwrap();
    assert_eq!(shards.len(), 4);

    // Nothing is left: the same command only makes the report again.
    let again = bench.output(&slurm("many", &["--tasks", "4", "--local", "2"]));
    assert!(stderr(&again).contains("0 of 4 tasks not done"), "{}", stderr(&again));
    assert_eq!(bench.contents("many"), many);
    let status = json(&bench, &["status", "many", "--json"]);
    assert_eq!((&status["tasks"]["all"], &status["tasks"]["done"]), (&4.into(), &4.into()));
}

#[test]
fn a_grid_that_grows_gets_further_tasks() {
    let bench = Bench::new();
    let first = json(&bench, &slurm("many", &["--tasks", "2", "--json"]));
    assert_eq!((&first["tasks"], &first["open"]), (&2.into(), &serde_json::json!([0, 1])));
    let before = fs::read_to_string(bench.path("many/tasks.json")).unwrap();
    let same = json(&bench, &slurm("many", &["--tasks", "7", "--json"]));
    assert_eq!(same, first);
    assert_eq!(fs::read_to_string(bench.path("many/tasks.json")).unwrap(), before);
    bench.changed("budgets = [5e9, 1e10]", "budgets = [5e9, 1e10, 2e10]");
    let grown = json(&bench, &slurm("many", &["--tasks", "3", "--json", "--extend"]));
    assert_eq!(grown["open"], serde_json::json!([0, 1, 2, 3, 4]), "{grown}");

    let array = fs::read_to_string(bench.path("many/slurm/array.sh")).unwrap();
    let folder = bench.path("many");
    assert!(array.contains(&format!("task {}", folder.display())), "{array}");
    let asked = bench.output(&slurm(
        "many",
        &["--gres", "gpu:1", "--time", "2:00:00", "--at-once", "8", "--sbatch=--qos=low"],
    ));
    assert!(asked.status.success(), "{}", stderr(&asked));
    let array = fs::read_to_string(bench.path("many/slurm/array.sh")).unwrap();
    for line in ["#SBATCH --gres=gpu:1", "#SBATCH --time=2:00:00", "#SBATCH --qos=low"] {
        assert!(array.lines().any(|l| l == line), "{array}");
    }
    let submit = fs::read_to_string(bench.path("many/slurm/submit.sh")).unwrap();
    assert!(submit.contains("0-4%8"), "{submit}");
}

#[test]
fn tasks_are_even_by_what_is_known_of_speed() {
    let bench = Bench::new();
    bench.finish("one");
    let dealt = |results: &str, more: &[&str]| {
        let output = bench.output(&slurm(results, &[&["--tasks", "2"], more].concat()));
        assert!(output.status.success(), "{}", stderr(&output));
        stderr(&output)
    };
    let by_flops = dealt("a", &[]);
    assert!(by_flops.contains("even by FLOPs") && !by_flops.contains("at most"), "{by_flops}");
    let given = dealt("b", &["--flops-per-second", "1e9"]);
    assert!(given.contains("even by FLOPs") && given.contains(" s at most"), "{given}");
    let of = dealt("c", &["--speed-of", "one"]);
    assert!(of.contains("even by the speed of one") && of.contains(" at most"), "{of}");
    let measured = dealt("d", &["--measure"]);
    assert!(measured.contains("measuring the speed of a few models"), "{measured}");
    assert!(measured.contains("even by the speed of "), "{measured}");
    // Cells that have ended speak for those to come.
    bench.changed("budgets = [5e9, 1e10]", "budgets = [5e9, 1e10, 2e10]");
    let own = dealt("one", &["--extend"]);
    assert!(own.contains("even by the speed of its cells so far"), "{own}");

    let none = bench.output(&slurm("e", &["--speed-of", "a"]));
    assert_eq!(none.status.code(), Some(2), "{}", stderr(&none));
    assert!(stderr(&none).contains("no cell that says how fast"), "{}", stderr(&none));
    let zero = bench.output(&slurm("e", &["--flops-per-second", "0"]));
    assert_eq!(zero.status.code(), Some(2), "{}", stderr(&zero));
}

#[cfg(unix)]
#[test]
fn tasks_that_are_stopped_or_killed_go_on() {
    let bench = Bench::new();
    // Long enough to be met at work.
    bench.changed("budgets = [5e9, 1e10]", "budgets = [2e10, 4e10]");
    bench.finish("one");
    let start = || {
        let args = slurm("many", &["--tasks", "3", "--local", "3"]);
        bench.command(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let writers = || {
        let began = Instant::now();
        loop {
            let output = bench.output(&["status", "many", "--json"]);
            let status: Option<serde_json::Value> = serde_json::from_slice(&output.stdout).ok();
            let pids: Vec<u64> = status
                .iter()
                .flat_map(|status| status["writers"].as_array().unwrap())
                // Not the one that lays them out.
                .filter(|writer| writer["lost"] == false && writer["shard"].is_string())
                .filter_map(|writer| writer["pid"].as_u64())
                .collect();
            if !pids.is_empty() || began.elapsed() > Duration::from_secs(60) {
                return pids;
            }
        }
    };
    let kill = |signal: &str, pid: u64| {
        let pid = pid.to_string();
        std::process::Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success()
    };
    // A task is killed: the others train on, and the command says so.
    let all = start();
    let killed = writers().into_iter().any(|pid| kill("KILL", pid));
    let ended = all.wait_with_output().unwrap();
    let told = stderr(&ended);
    assert!(!killed || ended.status.code() == Some(1), "{told}");
    assert!(!killed || told.contains("the same command goes on with them"), "{told}");

    // All are asked to stop.
    fs::remove_dir_all(bench.path("many")).unwrap();
    let all = start();
    assert!(!writers().is_empty());
    assert!(kill("TERM", all.id().into()));
    let ended = all.wait_with_output().unwrap();
    let told = stderr(&ended);
    assert_eq!(ended.status.code(), Some(143), "{told}");
    assert!(told.contains("to continue:"), "{told}");
    assert!(start().wait_with_output().unwrap().status.success());
    let (one, many) = (bench.contents("one"), bench.contents("many"));
    assert_eq!(one.deterministic_jsonl(), many.deterministic_jsonl());
    assert_eq!((many.records.len(), many.repeated.len()), (6, 0));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let bench = Bench::new();
    bench.changed("batch_tokens = 256", "batch_tokens = 256\nprecision = \"auto\"");
    let auto = bench.output(&slurm("many", &[]));
    assert_eq!(auto.status.code(), Some(2), "{}", stderr(&auto));
    assert!(stderr(&auto).contains("train.precision"), "{}", stderr(&auto));
    let bench = Bench::new();
    assert!(bench.output(&slurm("many", &["--tasks", "2"])).status.success());
    for (args, part) in [
        (&["task", "many", "2"][..], "has no task 2"),
        (&["task", "nowhere", "0"], "has no task 0"),
        (&["slurm", "--config", "tiny.toml", "--tasks", "0"], "0 tasks"),
    ] {
        let refused = bench.output(args);
        let told = stderr(&refused);
        assert_eq!(refused.status.code(), Some(2), "{told}");
        assert!(told.contains(part) && told.contains("hint: "), "{told}");
    }
}

#[cfg(unix)]
#[test]
fn what_a_task_began_a_run_of_the_whole_goes_on_with() {
    let bench = Bench::new();
    bench.finish("one");
    let laid = bench.output(&slurm("many", &["--tasks", "2"]));
    assert!(laid.status.success(), "{}", stderr(&laid));
    let mut running = Running::of(bench.command(&["task", "many", "0", "--json"]));
    running.wait_for("step");
    running.signal("INT");
    running.wait_for("interrupted");
    running.child.wait().unwrap();
    let checkpoints = bench.path("many/shards/task-0000/checkpoints");
    assert!(fs::read_dir(&checkpoints).unwrap().count() > 0);

    bench.finish("many");
    let (one, many) = (bench.contents("one"), bench.contents("many"));
    assert_eq!(one.deterministic_jsonl(), many.deterministic_jsonl());
    assert!(many.records.iter().any(|record| record.run.resumed == 1));
    assert_eq!(fs::read_dir(&checkpoints).map_or(0, Iterator::count), 0);
}
