//! Forecasts that are registered and scored.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::fit::{HEADER, RUNS};
use crate::support::{Bench, as_written, stderr, stdout};

const QUICKSTART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../results/quickstart");

fn text_of(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    stdout(output)
}

fn json_of(bench: &Bench, args: &[&str]) -> Value {
    serde_json::from_str(&text_of(&bench.output(&[args, &["--json"]].concat()))).unwrap()
}

fn refused(bench: &Bench, args: &[&str], with: &[&str]) {
    let output = bench.output(args);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
    for part in with.iter().chain(&["hint: "]) {
        assert!(text.contains(part), "{args:?}: {part} is not in {text}");
    }
}

/// A copy of the quickstart's folder without its pages, its files changed.
fn copy(bench: &Bench, name: &str, change: impl Fn(&str, String) -> String) {
    std::fs::create_dir(bench.path(name)).unwrap();
    for file in ["config.resolved.toml", "data.json", "ledger.jsonl", "passport.json"] {
        let text = std::fs::read_to_string(Path::new(QUICKSTART).join(file)).unwrap();
        std::fs::write(bench.path(name).join(file), change(file, text)).unwrap();
    }
    as_written(&bench.path(name));
}

#[test]
fn the_largest_budget_of_the_quickstart_is_forecast_from_the_rest() {
    let bench = Bench::new();
    let records = isoflop_ledger::read(Path::new(QUICKSTART)).unwrap().records;
    let mut budgets: Vec<f64> = records.iter().filter_map(|r| r.result.cell.budget_flops).collect();
    budgets.sort_unstable_by(f64::total_cmp);
    let answering = budgets.iter().filter(|b| **b == budgets[budgets.len() - 1]).count();
    budgets.dedup();
    let [.., second, largest] = budgets[..] else { panic!("{budgets:?}") };

    let (up_to, asked) = (second.to_string(), largest.to_string());
    let register = ["predict", QUICKSTART, "--up-to", &up_to, "--flops", &asked];
    let register = [&register[..], &["--register", "forecast.json"]].concat();
    let text = text_of(&bench.output(&register));
    assert!(text.contains(" up to ") && text.contains("Registered 1 forecast in "), "{text}");
    refused(&bench, &register, &["forecast.json is there already"]);

    let file: Value =
        serde_json::from_slice(&std::fs::read(bench.path("forecast.json")).unwrap()).unwrap();
    let made = &file["registration"];
    let kept = made["source"]["budgets"].as_array().unwrap();
    assert_eq!(kept.len(), budgets.len() - 1);
    assert!(kept.iter().all(|b| b["flops"].as_f64().unwrap() <= second));
    assert_eq!(made["source"]["up_to_flops"].as_f64(), Some(second));
    assert_eq!(made["source"]["runs"].as_array().unwrap().len(), records.len() - answering);
    assert_eq!(made["claims"][0]["question"]["flops"].as_f64(), Some(largest));
    assert!(made["law"]["fit"]["result"]["parameters"][0]["name"].is_string());
    assert!(made["source"]["study"]["numerics"][0].as_u64().unwrap() > 0);

    // Where the runs came from is where those that answer are looked for.
    let score = ["predict", "--score", "forecast.json"];
    let scored = json_of(&bench, &score);
    let forecast = &scored["forecasts"][0];
    assert_eq!(scored["seal"]["kind"], "whole");
    assert_eq!(scored["same_source"], true);
    assert_eq!(scored["forecast_from"].as_u64().unwrap() as usize, records.len() - answering);
    assert_eq!(forecast["answered_by"].as_array().unwrap().len(), answering);
    assert_eq!(forecast["own"], serde_json::json!([]));
    let best = &forecast["runs"][0]["loss"];
    assert_eq!(best["inside"], true, "{forecast:#}");
    assert!(best["half_widths"].as_f64().unwrap().abs() <= 1.0);
    assert!(best["relative"].as_f64().unwrap().abs() < 0.05);
    let minimum = &forecast["minimum"];
    assert!(minimum["loss"]["found"]["interval"]["lo"].is_number(), "{forecast:#}");
    assert!(minimum["params"]["half_widths"].is_number(), "{forecast:#}");
    // The quickstart was trained before this test began.
    assert_eq!(forecast["standing"]["kind"], "after");
    assert_eq!(forecast["standing"]["ended_before"], answering);
    let text = text_of(&bench.output(&score));
    for part in ["as it was written: sha256 ", "No forecast: ", "N* of the slice", "inside"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }

    // An edit is told.
    let whole = std::fs::read_to_string(bench.path("forecast.json")).unwrap();
    let edited = whole.replacen(
        &format!("\"hi\": {}", best["forecast"]["interval"]["hi"]),
        "\"hi\": 9.0",
        1,
    );
    assert_ne!(edited, whole);
    std::fs::write(bench.path("forecast.json"), edited).unwrap();
    refused(&bench, &score, &["was edited after it was registered"]);
    let anyway = [&score[..], &["--nonetheless"]].concat();
    let text = text_of(&bench.output(&anyway));
    assert!(text.starts_with("WARNING: ") && text.contains("was edited"), "{text}");
    assert!(!text.contains("as it was written"), "{text}");
    assert_eq!(json_of(&bench, &anyway)["seal"]["kind"], "broken");
}

#[test]
fn runs_whose_losses_do_not_compare_are_refused_and_ones_own_told() {
    let bench = Bench::new();
    let records = isoflop_ledger::read(Path::new(QUICKSTART)).unwrap().records;
    let largest = records.iter().filter_map(|r| r.result.cell.budget_flops).fold(0.0, f64::max);
    let budget = largest.to_string();
    let register = ["predict", QUICKSTART, "--flops", &budget, "--register", "all.json"];
    text_of(&bench.output(&register));
    // Nothing was held back: the forecast was made from the runs that answer it.
    let scored = json_of(&bench, &["predict", "--score", "all.json"]);
    let forecast = &scored["forecasts"][0];
    assert_eq!(
        forecast["own"].as_array().unwrap().len(),
        forecast["answered_by"].as_array().unwrap().len()
    );

    // A machine that trained later, with the dates to show for it.
    copy(&bench, "later", |_, text| text.replace("\"ended_utc\":\"2", "\"ended_utc\":\"9"));
    let scored = json_of(&bench, &["predict", "later", "--score", "all.json"]);
    assert_eq!(scored["forecasts"][0]["standing"]["kind"], "before");
    assert_eq!(scored["same_source"], false);

    let old = format!("\"numerics\": {}", isoflop_plan::NUMERICS_VERSION);
    copy(&bench, "numerics", |_, text| text.replace(&old, "\"numerics\": 99"));
    let score = ["predict", "numerics", "--score", "all.json"];
    refused(&bench, &score, &["numerics 99", "--nonetheless"]);
    let text = text_of(&bench.output(&[&score[..], &["--nonetheless"]].concat()));
    assert!(text.starts_with("WARNING: ") && text.contains("numerics 99"), "{text}");

    let english = concat!(env!("CARGO_MANIFEST_DIR"), "/../../results/forecast/english");
    let score = ["predict", english, "--score", "all.json", "--nonetheless"];
    refused(&bench, &score, &["other tokens"]);
}

#[test]
fn tables_and_single_runs_can_be_forecast_too() {
    let bench = Bench::new();
    let ask = ["predict", "--csv", RUNS, "--draws", "200", "--up-to", "3e19", "--flops", "1e21"];
    let split = ["--for-params", "1e9", "--for-tokens", "2e10", "--register", "table.json"];
    let text = text_of(&bench.output(&[&ask[..], &split].concat()));
    assert!(text.contains("Registered 2 forecasts"), "{text}");

    // What a law of this kind has at that N and D, and nothing at that budget.
    let loss = 1.8172 + 482.01 / 1e9f64.powf(0.3478) + 2085.43 / 2e10f64.powf(0.3658);
    let row = format!("{HEADER}\nlater,1.01e9,1.99e10,1.206e20,{loss}\n");
    std::fs::write(bench.path("later.csv"), row).unwrap();
    let score = ["predict", "--csv", "later.csv", "--score", "table.json"];
    let scored = json_of(&bench, &score);
    assert_eq!(scored["forecasts"][0]["question"]["kind"], "split", "{scored:#}");
    assert_eq!(scored["forecasts"][0]["runs"][0]["loss"]["inside"], true, "{scored:#}");
    assert_eq!(scored["forecasts"][0]["standing"]["kind"], "unknown");
    assert_eq!(scored["unanswered"][0]["question"]["kind"], "budget", "{scored:#}");
    let text = text_of(&bench.output(&score));
    assert!(text.contains("is yours to know") && text.contains("not answered"), "{text}");

    std::fs::write(bench.path("none.csv"), format!("{HEADER}\nfar,1e6,1e8,6e14,5\n")).unwrap();
    let output = bench.output(&["predict", "--csv", "none.csv", "--score", "table.json"]);
    let text = stderr(&output);
    assert!(!output.status.success() && text.contains("no run spends it"), "{text}");
    assert!(text.contains("hint: "), "{text}");
}

#[test]
fn what_cannot_be_registered_or_scored_is_refused_before_anything_is_fitted() {
    let bench = Bench::new();
    let table = |asked: &[&'static str]| [&["predict", "--csv", RUNS][..], asked].concat();
    let to = ["--register", "a.json"];
    let takes = "--register takes what a run can answer";
    for asked in [&["--target-loss", "2.5"][..], &["--for-params", "1e9"], &["--for-tokens", "1e9"]]
    {
        refused(&bench, &table(&[asked, &to].concat()), &[takes]);
    }
    refused(&bench, &table(&["--score", "a.json", "--flops", "1e21"]), &["--flops asks"]);
    refused(&bench, &table(&["--nonetheless", "--flops", "1e21"]), &["give --score FILE too"]);
    for (args, with) in [
        (table(&["--flops", "1e21", "--draws", "0", "--register", "a.json"]), "has no interval"),
        (table(&["--flops", "1e21", "--up-to=-1"]), "not a positive number"),
        (table(&["--flops", "1e21", "--up-to", "1"]), "of a budget above 1e0 FLOPs"),
        (vec!["predict", "--law", "epoch2024", "--flops", "1e21", "--up-to", "1e20"], "--up-to"),
        (table(&["--score", "nowhere.json"]), "`sweep predict --register`"),
    ] {
        let output = bench.output(&args);
        let text = stderr(&output);
        assert!(!output.status.success(), "{args:?}");
        assert!(text.contains(with) && text.contains("hint: "), "{args:?}: {text}");
    }
    assert!(!bench.path("a.json").exists());
}
