//! A precision that is left to the device.

use isoflop_ledger::Contents;
use isoflop_plan::{Cell, Hyper, Precision};

use crate::support::{Bench, files, stderr, stdout};

const AUTO: &str = "batch_tokens = 256\nprecision = \"auto\"";

fn ids(contents: &Contents) -> Vec<String> {
    let mut ids: Vec<String> = contents.records.iter().map(|r| r.id().to_string()).collect();
    ids.sort();
    ids
}

#[test]
fn on_the_cpu_auto_is_f32() {
    let bench = Bench::new();
    bench.finish("asked");
    bench.changed("batch_tokens = 256", AUTO);
    let said = stderr(&bench.finish("auto"));
    assert!(said.contains("precision: f32, by auto"), "{said}");
    let (asked, auto) = (bench.contents("asked"), bench.contents("auto"));
    assert_eq!(ids(&asked), ids(&auto));
    let passport = auto.passports.values().next().unwrap();
    assert_eq!(passport.device.details["precision of products"], "f32, chosen by auto");
    let report = std::fs::read_to_string(bench.path("auto/report.html")).unwrap();
    assert!(report.contains("auto, for this device"), "the report says who chose");

    // It goes on with what the folder has, and everything else reads it so.
    let said = stderr(&bench.finish("auto"));
    assert!(said.contains("precision: f32, by auto and as the cells in auto have it"), "{said}");
    assert!(said.contains("all 6 cells are in auto"), "{said}");
    for args in [&["report", "auto"][..], &["fit", "auto"]] {
        let output = bench.output(args);
        assert!(!stderr(&output).contains("no such cell"), "{args:?}: {}", stderr(&output));
    }
    let plan = bench.output(&["plan", "--config", "tiny.toml", "--no-measure"]);
    assert!(stdout(&plan).contains("F32 (auto, for this device)"), "{}", stdout(&plan));
}

#[test]
fn a_plan_without_a_device_says_that_auto_is_open() {
    let bench = Bench::with(
        "[data]\nsource = \"synthetic\"\nvalid_tokens = 2048\n[model]\ncontext = 32\n[grid]\nbudgets = [5e9]\nwidths = [16]\n[train]\nprecision = \"auto\"\n[device]\nname = \"a card elsewhere\"\n",
    );
    let output = bench.output(&["plan", "--config", "tiny.toml", "--no-measure"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("auto is decided when the device is opened"));
    assert!(stdout(&output).contains("F32 (assumed: auto is decided"), "{}", stdout(&output));
}

#[test]
fn cells_of_a_precision_that_the_device_lacks_are_not_trained_again() {
    let bench = Bench::new();
    bench.changed("batch_tokens = 256", AUTO);
    bench.finish("auto");
    // As if they came from another device.
    let path = bench.path("auto/ledger.jsonl");
    let mut contents = bench.contents("auto");
    for record in &mut contents.records {
        let Cell { budget_flops, shape, steps, hyper, seed, .. } = record.result.cell;
        let hyper = Hyper { precision: Precision::Bf16, ..hyper };
        let data = &record.result.data_sha256;
        record.result.cell = Cell::new(budget_flops, shape, steps, hyper, seed, data);
    }
    std::fs::write(&path, contents.ledger_jsonl()).unwrap();
    let before = files(&bench.path("auto"));
    let output = bench.output(&["--config", "tiny.toml", "--results", "auto"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("trained in bf16") && said.contains("hint: go on with"), "{said}");
    assert_eq!(files(&bench.path("auto")), before);
}
