//! A study on several devices of one machine: the CPU, and software adapters.
//!
//!     VK_DRIVER_FILES=/usr/lib/chromium/vk_swiftshader_icd.json ISOFLOP_LAVAPIPE=$(scripts/lavapipe.sh) \
//!         cargo test --release -p isoflop-sweep --test cli devices::
//!
//! Without them the tests say that they are skipped; with `ISOFLOP_REQUIRE_SWIFTSHADER=1` they fail.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use isoflop_ledger::Contents;

use crate::support::{Bench, Running, stderr};

/// Small cells, each a stack of its own: a slow device gets some of them.
const STUDY: &str = r#"
[study]
name = "several"
[data]
source = "synthetic"
valid_tokens = 2048
[model]
context = 32
[grid]
budgets = [CELL]
widths = [16]
seeds = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31]
min_steps = 1
[train]
batch_tokens = 256
stack = 1
precision = "f32"
checkpoint_seconds = 0.2
[device]
stacks_at_once = 1
[fit]
bootstrap = 50
"#;

const CELLS: usize = 32;

/// Drivers of two software adapters, lavapipe's first.
fn drivers() -> Option<[String; 2]> {
    let found = ["ISOFLOP_LAVAPIPE", "VK_DRIVER_FILES"].map(|name| std::env::var(name).ok());
    match found {
        [Some(lavapipe), Some(other)] if lavapipe != other => Some([lavapipe, other]),
        found => {
            let required = std::env::var("ISOFLOP_REQUIRE_SWIFTSHADER").is_ok_and(|v| v == "1");
            assert!(!required, "ISOFLOP_REQUIRE_SWIFTSHADER is 1 and there is only {found:?}");
            eprintln!("skipped: two software adapters are needed");
            None
        }
    }
}

/// Of cells that cost this much.
fn study(cell: &str) -> Bench {
    Bench::with(&STUDY.replace("CELL", cell))
}

/// Any command, where there are devices of these drivers. Verdicts of self-tests are shared among the tests.
fn command(bench: &Bench, drivers: &[String], args: &[&str]) -> Command {
    let mut command = bench.command(args);
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("devices");
    command.env("VK_DRIVER_FILES", drivers.join(":")).env("XDG_CACHE_HOME", cache);
    command
}

fn sweep(bench: &Bench, drivers: &[String], args: &[&str]) -> Command {
    let always = ["--config", "tiny.toml", "--results", "many"];
    command(bench, drivers, &[&always[..], args].concat())
}

fn start(bench: &Bench, drivers: &[String], args: &[&str]) -> Running {
    Running::of(sweep(bench, drivers, &[args, &["--json"]].concat()))
}

/// Cells by the kind of device that trained them.
fn by_device(contents: &Contents) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for record in contents.current().values() {
        assert!(record.result.status.is_final(), "{:?}", record.result.status);
        let passport = &contents.passports[&record.run.passport];
        *counts.entry(passport.device.adapter.clone()).or_default() += 1;
    }
    counts
}

/// Processes that this one started and that live.
fn children(of: u32) -> Vec<u32> {
    let parent = |process: u32| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        (fields[0] != "Z").then(|| fields[1].parse::<u32>().ok())?
    };
    let all = fs::read_dir("/proc").unwrap().flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter(|&process| parent(process) == Some(of)).collect()
}

fn kill(process: u32) {
    // SAFETY: it sends a signal to a process that this test started.
    unsafe {
        libc::kill(process.cast_signed(), libc::SIGKILL);
    }
}

#[test]
fn the_cpu_and_an_adapter_share_a_study() {
    let Some(drivers) = drivers() else { return };
    let bench = study("2e9");
    let one = bench.output(&["--config", "tiny.toml", "--results", "one", "--device", "cpu"]);
    assert!(one.status.success(), "{}", stderr(&one));
    let devices = ["--device", "cpu", "--device", "llvmpipe"];
    let many = sweep(&bench, &drivers[..1], &devices).output().unwrap();
    let said = stderr(&many);
    assert!(many.status.success(), "{said}");
    assert!(said.contains("training on 2 devices: "), "{said}");

    let (one, many) = (bench.contents("one"), bench.contents("many"));
    let counts = by_device(&many);
    assert_eq!((counts.len(), counts.values().sum::<usize>()), (2, CELLS), "{counts:?}\n{said}");
    let cpu = &one.passports.values().next().unwrap().device.adapter;
    for (id, record) in many.current() {
        let alone = one.current()[id];
        if many.passports[&record.run.passport].device.adapter == *cpu {
            assert_eq!(record.deterministic_json(), alone.deterministic_json());
        } else {
            let [loss, other] = [record, alone].map(|r| r.valid_loss_nats().unwrap());
            assert!((loss / other - 1.0).abs() < 0.01, "{loss} {other}");
        }
    }
    // The ledger is one, and its folder that of any study.
    assert!(!bench.path("many/shards").exists() && !bench.path("many/checkpoints").exists());
    let status = bench.output(&["status", "many", "--json"]);
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["cells"]["finished"], CELLS, "{status}");
    // Nothing is left to do, and no device is opened for it.
    let began = Instant::now();
    let again = sweep(&bench, &drivers[..1], &devices).output().unwrap();
    assert!(again.status.success(), "{} {:?}", stderr(&again), began.elapsed());
    assert!(stderr(&again).contains("all 32 cells are in"), "{}", stderr(&again));
}

#[test]
fn killed_processes_lose_nothing() {
    let Some(drivers) = drivers() else { return };
    let bench = study("4e9");
    let devices = ["--device", "cpu", "--device", "llvmpipe", "--device", "swiftshader"];
    let mut running = start(&bench, &drivers, &devices);
    running.wait_for("cell");
    let processes = children(running.child.id());
    assert_eq!(processes.len(), 3, "a process for each device");
    processes.iter().for_each(|&process| kill(process));
    for _ in 0..3 {
        loop {
            let told = running.wait_for("warning");
            let text = told["text"].as_str().unwrap();
            if text.contains("its process ended (signal: 9 (SIGKILL))") {
                assert!(text.contains("it is opened again"), "{text}");
                break;
            }
        }
    }
    // The study itself is killed: no process is left behind, and the same command goes on.
    running.wait_for("cell");
    let processes = children(running.child.id());
    assert!(!processes.is_empty());
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    let gone = Instant::now();
    let lives = |process: &u32| {
        fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    };
    while processes.iter().any(lives) {
        assert!(gone.elapsed() < Duration::from_secs(10), "a process is left behind");
        std::thread::sleep(Duration::from_millis(20));
    }
    let before = bench.contents("many").records.len();
    assert!(before >= 2, "{before}");

    // Asked to stop, all save.
    let mut running = start(&bench, &drivers, &devices);
    running.wait_for("step");
    running.signal("INT");
    running.wait_for("interrupted");
    assert_eq!(running.child.wait().unwrap().code(), Some(130));
    let checkpoints = fs::read_dir(bench.path("many/checkpoints")).unwrap().count();
    assert!(checkpoints > 0);

    // One device goes on with what several have left.
    let rest = sweep(&bench, &drivers, &["--device", "cpu"]).output().unwrap();
    assert!(rest.status.success(), "{}", stderr(&rest));
    let contents = bench.contents("many");
    let counts = by_device(&contents);
    assert_eq!(counts.values().sum::<usize>(), CELLS, "{counts:?}");
    assert_eq!(contents.records.len(), CELLS, "no cell was trained twice");
    assert!(contents.records.iter().any(|record| record.run.resumed > 0));
}

#[test]
fn two_adapters_share_a_study() {
    let Some(drivers) = drivers() else { return };
    let bench = study("3e8");
    let devices = ["--device", "llvmpipe", "--device", "swiftshader"];
    let output = sweep(&bench, &drivers, &devices).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let counts = by_device(&bench.contents("many"));
    assert_eq!((counts.len(), counts.values().sum::<usize>()), (2, CELLS), "{counts:?}");
}

#[test]
fn a_task_takes_all_devices_of_its_node() {
    let Some(drivers) = drivers() else { return };
    let bench = study("2e9");
    let devices = ["--device", "cpu", "--device", "llvmpipe"];
    let done = |args: &[&str]| {
        let all = [args, &devices[..]].concat();
        let output = command(&bench, &drivers[..1], &all).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    };
    let slurm = ["slurm", "--config", "tiny.toml", "--results", "many", "--tasks", "2"];
    done(&[&slurm[..], &["--nodes", "1"]].concat());
    let array = fs::read_to_string(bench.path("many/slurm/array.sh")).unwrap();
    assert!(
        array.contains("--exclusive") && array.contains("--device cpu --device llvmpipe"),
        "{array}"
    );
    done(&["task", "many", "0"]);
    let contents = bench.contents("many");
    let counts = by_device(&contents);
    assert_eq!(counts.values().sum::<usize>(), CELLS / 2, "{counts:?}");
    assert_eq!(contents.records.len(), CELLS / 2);
    assert!(bench.path("many/shards/task-0000/devices.json").exists());
}

#[test]
fn devices_that_do_not_go_together_are_refused() {
    let bench = study("2e9");
    let refused = |args: &[&str]| {
        let output =
            bench.output(&[&["--config", "tiny.toml", "--results", "many"], args].concat());
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        let said = stderr(&output);
        assert!(said.contains("hint: "), "{said}");
        said
    };
    let twice = refused(&["--device", "cpu", "--device", "cpu"]);
    assert!(twice.contains("twice"), "{twice}");
    let all = refused(&["--device", "all", "--device", "cpu"]);
    assert!(all.contains("`--device all` does not go together with others"), "{all}");
    let unknown = refused(&["--device", "cpu", "--device", "no such card"]);
    assert!(unknown.contains("no such card"), "{unknown}");
    let listed = refused(&["--set", "device.name=[\"auto\", \"cpu\"]"]);
    assert!(listed.contains("\"auto\" stands alone"), "{listed}");
    let same = refused(&["--set", "device.name=[\"cpu\", \"cpu\"]"]);
    assert!(same.contains("a second time"), "{same}");
    assert!(!bench.path("many").join("ledger.jsonl").exists());
}
