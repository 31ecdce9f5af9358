//! Results of several machines as one study.

use std::path::{Path, PathBuf};

use isoflop_ledger::{
    DevicePassport, Host, Ledger, Passport, Record, RunInfo, RunResult, Status, Valid, Versions,
    read,
};
use isoflop_plan::{Cell, Config, DataFacts, Grid};
use serde_json::{Value, json};

use crate::support::{Bench, as_written, files, page_text, stderr, stdout, without_checksum};

const BUDGETS: [&str; 3] = ["[5e9, 1e10]", "[1e10, 2e10]", "[5e9, 1e10, 2e10]"];
const SHA: &str = "c0ffee";

fn config(budgets: &str, more: &str) -> String {
    format!(
        "[study]\nname = \"made\"\n[data]\nsource = \"synthetic\"\n[model]\ncontext = 32\n[grid]\nbudgets = {budgets}\nwidths = [12, 16, 24, 32]\n{more}\n[train]\nbatch_tokens = 256\n[device]\nname = \"cpu\"\n[fit]\nbootstrap = 50\n"
    )
}

fn facts() -> DataFacts {
    let data_sha256 = SHA.into();
    DataFacts { vocab: 64, train_tokens: None, data_sha256, bytes_per_token: None }
}

fn grid(text: &str) -> Grid {
    let config = Config::parse(text, "made.toml").unwrap_or_else(|e| panic!("{e}"));
    Grid::build(&config, &facts()).unwrap_or_else(|e| panic!("{e}"))
}

fn passport(adapter: &str) -> Passport {
    Passport {
        device: DevicePassport {
            adapter: adapter.into(),
            kind: "discrete gpu".into(),
            backend: "vulkan".into(),
            shader_compiler: Some("spirv".into()),
            driver: None,
            precisions: vec!["f32".into()],
            details: [].into(),
        },
        host: Host::this(),
        versions: Versions::new("0.0.0", None, None),
        data_sha256: SHA.into(),
        peaks: Vec::new(),
    }
}

/// A loss that has a minimum in every slice, with a little noise that the cell and `machine` decide.
fn loss(cell: &Cell, machine: &str) -> f64 {
    let (n, d) = (cell.shape.params().total() as f64, cell.tokens() as f64);
    let law = 1.5 + 25.0 / n.powf(0.4) + 60.0 / d.powf(0.4);
    let chance = machine
        .bytes()
        .chain(cell.id.0.bytes())
        .fold(7_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3).rotate_left(17));
    law * (1e-4 * (chance % 1000) as f64 / 1000.0).exp()
}

/// The results folder of a machine whose losses are `times` those of the others; `None` failed.
fn made(
    bench: &Bench,
    name: &str,
    text: &str,
    passport: &Passport,
    times: impl Fn(&Cell) -> Option<f64>,
) -> PathBuf {
    let folder = bench.path(name);
    let config = Config::parse(text, "made.toml").unwrap();
    let mut ledger = Ledger::open(&folder, "").unwrap();
    ledger.settle_config(&config, false).unwrap();
    let hash = ledger.keep_passport(passport.clone()).unwrap();
    for planned in grid(text).cells {
        let cell = planned.cell;
        let times = times(&cell);
        let status = match times {
            Some(_) => Status::Finished,
            None => Status::Failed { error: "out of memory".into() },
        };
        let loss_nats = times.map(|times| times * loss(&cell, &passport.device.adapter));
        let mut result = RunResult::new("made", SHA, cell, status);
        result.valid = loss_nats.map(|loss_nats| Valid {
            loss_nats,
            bits_per_byte: None,
            tokens: 1024,
            true_loss_nats: None,
        });
        let run = RunInfo { passport: hash.clone(), ..RunInfo::default() };
        ledger.append(Record::new(result, run)).unwrap();
    }
    data(&folder, 64, SHA);
    folder
}

fn data(folder: &Path, vocab: usize, sha256: &str) {
    let data = json!({
        "vocab": vocab, "train_tokens": null, "sha256": sha256, "bytes_per_token": null,
        "source": "a synthetic language", "figures": [], "notes": [],
    });
    std::fs::write(folder.join("data.json"), data.to_string()).unwrap();
}

/// Two machines with a budget in common; losses of the second are 1% higher.
fn two(bench: &Bench) {
    made(bench, "a", &config(BUDGETS[0], ""), &passport("Card A"), |_| Some(1.0));
    made(bench, "b", &config(BUDGETS[1], ""), &passport("Card B"), |_| Some(1.01));
}

fn succeeds(bench: &Bench, args: &[&str]) -> String {
    let output = bench.output(args);
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    stdout(&output)
}

fn json_of(bench: &Bench, args: &[&str]) -> Value {
    let text = succeeds(bench, &[args, &["--json"]].concat());
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?}: {e}"))
}

fn refused(bench: &Bench, args: &[&str], with: &str) {
    let output = bench.output(args);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
    assert!(text.contains(with) && text.contains("\nhint: "), "{args:?}: {text}");
}

#[test]
fn two_machines_become_one_study() {
    let bench = Bench::new();
    two(&bench);
    let told = json_of(&bench, &["merge", "a", "b", "--into", "c"]);
    assert_eq!((&told["cells"], &told["records"]), (&json!(12), &json!(16)));
    assert_eq!(told["taken"][1]["machine"], "Card B");
    assert_eq!(told["taken"][1]["finished"], 8);
    assert_eq!(told["repeats"].as_array().unwrap().len(), 4);
    assert_eq!(told["missing"], json!([]));

    // The folder is one of the grid of all budgets.
    let both = grid(&config(BUDGETS[2], ""));
    let resolved = std::fs::read_to_string(bench.path("c/config.resolved.toml")).unwrap();
    let ids = |grid: &Grid| grid.cells.iter().map(|c| c.cell.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&grid(&resolved)), ids(&both));
    let contents = read(&bench.path("c")).unwrap();
    assert_eq!((contents.records.len(), contents.repeats().len()), (16, 12));

    // Whoever reads it sees every run, and what the machine does.
    let fit = json_of(&bench, &["fit", "c", "--draws", "0"]);
    assert_eq!(fit["study"]["rows"], 16);
    let effect = &fit["study"]["machines"]["effects"][0];
    let close = |value: &Value, want: f64| (value.as_f64().unwrap() - want).abs() < 2e-4;
    assert!(close(&effect["shift"]["point"], 1.01_f64.ln()), "{effect}");
    assert_eq!((&effect["differs"], &effect["cells"]), (&json!(true), &json!(4)));
    succeeds(&bench, &["report", "c"]);
    let text = page_text(&bench.path("c/report.html"));
    assert!(text.contains("Losses by machine") && text.contains("losses differ"), "{text}");
    assert!(text.contains("losses of Card B are +1.0"), "{text}");
    let page = std::fs::read_to_string(bench.path("c/report.html")).unwrap();
    assert!(page.contains("Do the machines agree?") && page.contains("All 16 runs"));
    succeeds(&bench, &["predict", "c", "--flops", "1e11", "--draws", "0"]);

    // In memory it is the same.
    let memory = json_of(&bench, &["fit", "a", "b", "--draws", "0"]);
    assert_eq!(memory["study"], fit["study"]);
    assert!(memory["source"]["path"] == "a + b" && memory["source"]["notes"][0].is_string());
    succeeds(&bench, &["report", "a", "b", "--out", "page"]);
    assert!(files(&bench.path("page")).contains(&"report.html".to_owned()));
    assert!(!bench.path("a/report.html").exists());
    refused(&bench, &["report", "a", "b"], "no place for their report");
    refused(&bench, &["report", "a", "b", "--out", "c"], "is a results folder");
}

#[test]
fn what_was_taken_is_told_to_people() {
    let bench = Bench::new();
    two(&bench);
    // A third folder: a copy of the first, and a machine that failed where others did not.
    made(&bench, "copy", &config(BUDGETS[0], ""), &passport("Card A"), |_| Some(1.0));
    made(&bench, "again", &config(BUDGETS[0], ""), &passport("Card B"), |_| Some(1.02));
    made(&bench, "weak", &config(BUDGETS[2], "seeds = [0, 1]"), &passport("Card C"), |_| None);
    let output = bench.output(&["merge", "a", "b", "copy", "again", "weak", "--into", "runs/c"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    let line = |name: &str| {
        let starts = |l: &&str| l.trim().starts_with(&format!("{name} "));
        text.lines().find(starts).unwrap_or_else(|| panic!("{text}")).to_owned()
    };
    assert!(text.starts_with("12 of 24 planned cells have a result."), "{text}");
    assert!(line("copy").ends_with("8 copies"), "{text}");
    assert!(line("again").contains("4 of the same passport with another result"), "{text}");
    assert!(line("weak").ends_with("12 failed here and not elsewhere"), "{text}");
    assert!(text.contains("on Card A, ") && text.contains("Without a result"), "{text}");
    assert!(stderr(&output).contains("sweep report runs/c"), "{}", stderr(&output));
    assert_eq!(files(&bench.path("runs")).iter().filter(|f| f.contains("tmp")).count(), 0);
}

#[test]
fn grids_that_no_configuration_has_are_kept_side_by_side() {
    let bench = Bench::new();
    made(&bench, "a", &config(BUDGETS[0], ""), &passport("Card A"), |_| Some(1.0));
    let tuned = config(BUDGETS[1], "lr_multipliers = [0.5, 1, 2]");
    made(&bench, "b", &tuned, &passport("Card B"), |_| Some(1.0));
    let told = json_of(&bench, &["merge", "a", "b", "--into", "c"]);
    assert_eq!((&told["cells"], &told["missing"]), (&json!(28), &json!([])));
    assert!(told["notes"][0].as_str().unwrap().contains("side by side"), "{told}");
    let fit = json_of(&bench, &["fit", "c", "--draws", "0"]);
    assert_eq!(fit["study"]["rows"], 16);
    assert_eq!(json_of(&bench, &["fit", "a", "b", "--draws", "0"])["study"], fit["study"]);
    succeeds(&bench, &["report", "c"]);
    let text = page_text(&bench.path("c/report.html"));
    assert!(text.contains("sweep --config config.2.toml --results NEW2"), "{text}");
    assert!(text.contains("sweep merge NEW1 NEW2 --into NEW"), "{text}");
    refused(
        &bench,
        &["--config", "c/config.resolved.toml"],
        "was merged from studies of several grids",
    );
    // A merged folder can be merged again.
    made(&bench, "d", &config("[4e10]", ""), &passport("Card D"), |_| Some(1.0));
    let again = json_of(&bench, &["merge", "c", "d", "--into", "e"]);
    assert_eq!((&again["cells"], &again["repeats"].as_array().unwrap().len()), (&json!(32), &4));
    let text = succeeds(&bench, &["fit", "e", "--draws", "0"]);
    assert!(text.contains("on both sides of Card A + Card B | Card D: whether"), "{text}");
}

#[test]
fn what_is_no_one_study_is_refused() {
    let bench = Bench::new();
    two(&bench);
    let merge = |other: &str, with: &str| {
        for args in [
            &["merge", "a", other, "--into", "c"][..],
            &["fit", "a", other],
            &["report", "a", other, "--out", "page"],
            &["predict", "a", other, "--flops", "1e11"],
        ] {
            refused(&bench, args, with);
        }
        assert!(!bench.path("c").exists() && !bench.path("page").exists());
    };
    let other = |name: &str, more: &str| {
        made(&bench, name, &config(BUDGETS[0], more), &passport("Card C"), |_| Some(1.0))
    };
    data(&other("text", ""), 64, "decaf");
    merge("text", "their tokens differ (SHA-256 c0ffee... and decaf...)");
    data(&other("tokens", ""), 80, "decaf");
    merge("tokens", "their tokenizers have 64 and 80 tokens");
    let recipe = config(BUDGETS[0], "").replace("context = 32", "context = 32\nmlp_ratio = 2");
    made(&bench, "recipe", &recipe, &passport("Card C"), |_| Some(1.0));
    merge("recipe", "model.mlp_ratio: \"auto\" -> 2");
    let mut old = passport("Card C");
    old.versions.numerics = 1;
    made(&bench, "old", &config(BUDGETS[0], ""), &old, |_| Some(1.0));
    merge("old", "their numerics versions are 3 and 1");
    std::fs::remove_file(other("empty", "").join("ledger.jsonl")).unwrap();
    merge("empty", "empty holds no ledger.jsonl");
    merge("a", "a is named twice");

    // A newer format, of the ledger and of the list of a merged folder.
    let newer = other("newer", "").join("ledger.jsonl");
    let text = std::fs::read_to_string(&newer).unwrap();
    std::fs::write(&newer, text.replace("\"schema\":1", "\"schema\":2")).unwrap();
    as_written(newer.parent().unwrap());
    let output = bench.output(&["merge", "a", "newer", "--into", "c"]);
    assert!(stderr(&output).contains("written in format 2"), "{}", stderr(&output));
    succeeds(&bench, &["merge", "a", "b", "--into", "ab"]);
    let list = bench.path("ab/sources.json");
    let text = std::fs::read_to_string(&list).unwrap();
    let text = text.replace("\"schema\": 1", "\"schema\": 2");
    std::fs::write(&list, without_checksum(&text)).unwrap();
    let output = bench.output(&["merge", "ab", "b", "--into", "c"]);
    assert!(stderr(&output).contains("written in format 2"), "{}", stderr(&output));

    // What is there stays there.
    refused(&bench, &["merge", "a", "b", "--into", "b"], "b is there already");
    std::fs::create_dir(bench.path("new")).unwrap();
    succeeds(&bench, &["merge", "a", "b", "--into", "new"]);
    refused(&bench, &["merge", "a", "--into", "c"], "2 values required");
}

#[test]
fn a_folder_that_is_being_trained_is_read_as_it_stands() {
    let bench = Bench::new();
    two(&bench);
    let _held = Ledger::open(&bench.path("b"), "sweep --config b.toml").unwrap();
    let told = json_of(&bench, &["merge", "a", "b", "--into", "c"]);
    let note = told["notes"][0].as_str().unwrap();
    assert!(note.starts_with("b: 8 of 8 cells done, being trained by process "), "{note}");
    assert!(note.ends_with("sweep --config b.toml"), "{note}");
}

#[test]
fn one_machine_in_two_folders_leaves_copies() {
    let bench = Bench::new();
    bench.changed("budgets = [5e9, 1e10]", "budgets = [5e9]");
    bench.finish("low");
    bench.changed("budgets = [5e9, 1e10]", "budgets = [5e9, 1e10]");
    bench.finish("all");
    let told = json_of(&bench, &["merge", "low", "all", "--into", "c"]);
    assert_eq!((&told["cells"], &told["records"]), (&json!(6), &json!(6)));
    assert_eq!((&told["taken"][1]["copies"], &told["repeats"]), (&json!(3), &json!([])));
    // Trained cells are those of the configuration in the folder, so that a run has nothing to do.
    let output = bench.output(&["--config", "c/config.resolved.toml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("all 6 cells are in c"), "{}", stderr(&output));
    let merged = std::fs::read_to_string(bench.path("c/fit.json")).unwrap();
    assert_eq!(merged, std::fs::read_to_string(bench.path("all/fit.json")).unwrap());
}

#[test]
fn a_table_with_a_column_of_machines_shows_the_same_effect() {
    let bench = Bench::new();
    let mut csv = "params,tokens,flops,loss,hardware\n".to_owned();
    for planned in grid(&config(BUDGETS[2], "")).cells {
        let cell = planned.cell;
        let (n, d) = (cell.shape.params().total(), cell.tokens());
        for (machine, times) in [("x", 1.0), ("y", 1.005)] {
            let loss = times * loss(&cell, machine);
            csv += &format!("{n},{d},{},{loss},{machine}\n", cell.flops());
        }
    }
    std::fs::write(bench.path("runs.csv"), csv).unwrap();
    let fit = json_of(&bench, &["fit", "--csv", "runs.csv", "--draws", "0"]);
    let effect = &fit["study"]["machines"]["effects"][0];
    assert!((effect["shift"]["point"].as_f64().unwrap() - 0.005).abs() < 2e-4, "{effect}");
    assert_eq!((&effect["machine"], &effect["differs"]), (&json!("y"), &json!(true)));
    let text =
        succeeds(&bench, &["predict", "--csv", "runs.csv", "--flops", "1e11", "--draws", "0"]);
    assert!(text.contains("losses of y are +0.5"), "{text}");
}
