//! `sweep fit` and `sweep predict` from outside.

use serde_json::Value;

use crate::support::{Bench, stderr, stdout};

/// 54 made runs around a known law: E = 1.8172, alpha = .3478, beta = .3658.
pub const RUNS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fit/examples/runs.csv");

pub fn succeeds(args: &[&str]) -> String {
    let output = Bench::new().output(args);
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    assert_eq!(stderr(&output), "", "{args:?}");
    stdout(&output)
}

pub fn json(args: &[&str]) -> Value {
    let text = succeeds(&[args, &["--json"]].concat());
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?}: {e}"))
}

pub fn fails(args: &[&str], with: &str) {
    let output = Bench::new().output(args);
    let text = stderr(&output);
    assert!(!output.status.success(), "{args:?}");
    assert!(text.contains(with) && text.contains("hint: "), "{args:?}: {text}");
    assert!(!text.contains("panicked"), "{args:?}: {text}");
}

fn near(value: &Value, want: f64, tolerance: f64) {
    let got = value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"));
    assert!((got / want - 1.0).abs() < tolerance, "{got}, wanted {want}");
}

#[test]
fn fit_prints_the_three_approaches_and_a_table_of_json() {
    let text = succeeds(&["fit", "--csv", RUNS, "--draws", "50"]);
    for part in
        ["1 envelope", "2 slices, corrected", "3 law", "Best split of a budget", "converged"]
    {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let fit = json(&["fit", "--csv", RUNS, "--draws", "50"]);
    assert_eq!(fit["schema"], 1);
    assert_eq!(fit["study"]["rows"], 54);
    let law = &fit["study"]["approach3"]["given"]["result"]["exponents"]["params"];
    near(&law["point"], 0.5126, 0.02);
    assert!(law["interval"]["lo"].as_f64() < law["interval"]["hi"].as_f64());
}

#[test]
fn published_laws_stand_beside_ones_own_frontier() {
    let asked = ["fit", "--csv", RUNS, "--draws", "50", "--overlay", "epoch2024,porian2024"];
    let text = succeeds(&asked);
    assert!(text.contains("epoch2024 counts total parameters"), "{text}");
    let largest = &json(&asked)["forecasts"][0];
    let of = |k: usize| &largest["overlay"][k]["split"];
    // The runs were made about this law's exponents.
    near(&of(0)["params"]["point"], largest["law"]["params"]["point"].as_f64().unwrap(), 0.1);
    assert!(of(0)["loss_nats"].is_null() && of(1)["params"]["point"].as_f64().unwrap() > 0.0);
    fails(&["fit", "--csv", RUNS, "--overlay", "nobody2030"], "nobody2030");
}

#[test]
fn fit_answers_every_planning_question_of_ones_own_runs() {
    let asked = [
        "predict",
        "--csv",
        RUNS,
        "--draws",
        "100",
        "--flops",
        "1e21",
        "--target-loss",
        "2.3",
        "--for-params",
        "2e9",
        "--for-tokens",
        "6e10",
        "--inference-tokens",
        "1e12",
    ];
    let p = json(&asked);
    near(&p["budgets"][0]["best"]["params"]["point"], 2.78e9, 0.15);
    let budget = p["budgets"][0].as_object().unwrap();
    assert!(["by_slices", "by_law"].iter().all(|by| budget[*by]["loss_nats"]["point"].is_number()));
    // That of the budget and that of the target; no object has the key twice.
    let raw = succeeds(&[&asked[..], &["--json"]].concat());
    assert_eq!(raw.matches("\"best\":").count(), 2, "{raw}");
    near(&p["at"]["loss_nats"]["point"], 2.32, 0.02);
    assert!(p["at"]["new_run_nats"]["interval"]["lo"].is_number());
    // The size asked about comes first among those that reach the loss.
    near(&p["target"]["other"][0]["params"], 2e9, 1e-9);
    assert!(
        p["target"]["lifetime"]["params"]["point"].as_f64()
            < p["target"]["best"]["params"]["point"].as_f64()
    );
    assert!(p["for_params"][0]["interval"]["lo"].is_number());
    let text = succeeds(&asked);
    assert!(text.contains("for a new run") && text.contains("best with inference:"), "{text}");
}

#[test]
fn fit_of_a_published_law_answers_the_same_questions() {
    let asked = [
        "predict",
        "--law",
        "epoch2024",
        "--flops",
        "1e21",
        "--loss",
        "2.3",
        "--params",
        "2e9",
        "--tokens",
        "6e10",
        "--inference-tokens",
        "1e12",
    ];
    let p = json(&asked);
    near(&p["budgets"][0]["best"]["params"]["point"], 2.784e9, 0.01);
    assert!(p["budgets"][0]["sizes"][0]["smallest"]["interval"]["lo"].is_number());
    // 1.8172 + 482.01 / 2e9^.3478 + 2085.43 / 6e10^.3658, by hand.
    near(&p["at"]["loss_nats"]["point"], 2.335_829_4, 1e-7);
    assert!(p["at"]["new_run_nats"].is_null());
    near(&p["target"]["other"][0]["params"], 2e9, 1e-9);
    assert!(p["target"]["lifetime"]["extra"]["interval"]["lo"].is_number());
    near(&p["as_kaplan_counts"]["non_embedding"]["params"], 0.780_54, 2e-4);
    let text = succeeds(&asked);
    assert!(text.contains("verified: recomputed") && text.contains("C^0.781"), "{text}");
    // The long names say the same.
    let long = [
        "predict",
        "--published",
        "epoch2024",
        "--flops",
        "1e21",
        "--target-loss",
        "2.3",
        "--for-params",
        "2e9",
        "--for-tokens",
        "6e10",
        "--inference-tokens",
        "1e12",
    ];
    assert_eq!(json(&long), p);
}

#[test]
fn fit_of_published_power_laws_inverts_them() {
    let p = json(&["predict", "--law", "kaplan2020", "--params", "1.3e9", "--tokens", "2e10"]);
    // 1.3e9 parameters and 2e10 tokens at one PF-day.
    near(&p["for_params"][0]["point"], 2e10, 1e-6);
    near(&p["for_params"][1]["point"], 8.64e19, 1e-6);
    near(&p["for_tokens"][0]["point"], 1.3e9, 1e-6);
    fails(&["predict", "--law", "kaplan2020", "--loss", "2.3"], "no loss of N and D");
    fails(
        &["predict", "--law", "hoffmann2022-2", "--flops", "1e21"],
        "only its exponents were published",
    );
}

#[test]
fn fit_of_tuning_rules_gives_learning_rate_and_batch() {
    let p = json(&["predict", "--law", "steplaw2025", "--params", "1e9", "--tokens", "1e11"]);
    near(&p["tuning"][0]["learning_rate"], 1.79 * 1e9f64.powf(-0.713) * 1e11f64.powf(0.307), 1e-9);
    near(&p["tuning"][0]["batch_tokens"], 0.58 * 1e11f64.powf(0.571), 1e-9);
    let p = json(&["predict", "--law", "deepseek2024", "--flops", "1e20"]);
    near(&p["tuning"][0]["batch_tokens"], 0.2920 * 1e20f64.powf(0.3271), 1e-9);
    fails(&["predict", "--law", "steplaw2025", "--flops", "1e20"], "learning rate and batch");
}

#[test]
fn fit_lists_every_published_law_with_its_source_and_how_it_was_verified() {
    let list = json(&["predict", "--list"]);
    let laws = list["laws"].as_array().unwrap();
    assert!(laws.len() >= 16);
    for law in laws {
        assert!(law["source"].as_str().unwrap().len() > 20, "{law}");
        assert!(law["verified"]["detail"].as_str().unwrap().len() > 10, "{law}");
    }
    let text = succeeds(&["predict", "--list"]);
    assert_eq!(text.matches("verified: ").count(), laws.len());
}

#[test]
fn fit_names_what_is_wrong_with_a_question() {
    fails(&["predict", "--law", "epoch2024"], "nothing is asked");
    fails(&["predict", "--law", "epoch2024", "--flops=-1"], "-1 is not a positive number");
    fails(&["predict", "--law", "epoch2024", "--loss", "1.5"], "floor");
    fails(&["predict", "--law", "epoch2024", "--params", "many"], "--params many is not a number");
    fails(
        &["predict", "--law", "epoch2024", "--csv", RUNS, "--flops", "1e21"],
        "runs are given too",
    );
    fails(
        &["predict", "--law", "epoch2024", "--flops", "1e21", "--inference-tokens", "1e9"],
        "--target-loss",
    );
    fails(&["predict", "--law", "nobody", "--flops", "1e21"], "nobody");
    fails(&["fit", "--csv", "absent.csv"], "absent.csv");
    fails(&["fit", "--csv", RUNS, "--loss", "nats"], "there is no column `nats`");
}

#[test]
fn fit_prints_what_the_readme_shows() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let readme = std::fs::read_to_string(format!("{root}/crates/fit/README.md")).unwrap();
    let mut lines = readme.lines().peekable();
    let mut shown = 0;
    while let Some(line) = lines.next() {
        let Some(command) = line.strip_prefix("    $ sweep ") else { continue };
        let words: Vec<&str> = command.split(' ').collect();
        let output = Bench::new().command(&words).current_dir(root).output().unwrap();
        let seen = stdout(&output);
        let mut seen = seen.lines();
        // Shown is the beginning of what one sees.
        while let Some(line) = lines.next_if(|l| l.is_empty() || l.starts_with("    ")) {
            let ends = line.is_empty() && lines.peek().is_none_or(|l| !l.starts_with("    "));
            if ends {
                break;
            }
            let text = line.strip_prefix("    ").unwrap_or_default();
            assert_eq!(
                seen.next().map(str::trim_end),
                Some(text),
                "{command}: {}",
                stderr(&output)
            );
        }
        shown += 1;
    }
    assert!(shown >= 3, "{shown} commands");
}

/// A table of the made runs, with some cells replaced, in a file of its own.
pub fn table(bench: &Bench, header: &str, change: impl Fn(usize, &[&str]) -> String) -> String {
    let text = std::fs::read_to_string(RUNS).unwrap();
    let mut out = format!("{header}\n");
    for (k, line) in text.lines().skip(1).enumerate() {
        let cells: Vec<&str> = line.split(',').take(5).collect();
        out += &change(k, &cells);
        out.push('\n');
    }
    let path = bench.path("table.csv");
    std::fs::write(&path, out).unwrap();
    path.to_str().unwrap().to_owned()
}

pub const HEADER: &str = "run,params,tokens,flops,loss";

#[test]
fn fit_refuses_numbers_outside_their_range_by_the_name_of_the_flag() {
    for command in ["fit", "predict"] {
        let at: &[&str] = if command == "predict" { &["--flops", "1e21"] } else { &[] };
        let args = |flag: &'static str| [&[command, "--csv", RUNS, flag], at].concat();
        for delta in ["--delta=nan", "--delta=-1", "--delta=0"] {
            fails(&args(delta), "--delta");
            fails(&[&args(delta)[..], &["--objective", "likelihood"]].concat(), "--delta");
        }
        for level in ["--level=0", "--level=95", "--level=nan"] {
            fails(&args(level), "--level");
        }
        fails(&args("--tolerance=-1"), "--tolerance");
    }
    fails(&["fit", "--csv", RUNS, "--at", "0"], "--at 0");
    fails(&["fit", "--csv", RUNS, "--bayes", "--law", "tied"], "--law is tied");
    fails(&["fit", "--csv", RUNS, "--bayes", "--prior", "gamma=1,1"], "no prior of `gamma`");
    fails(&["fit", "--csv", RUNS, "--skip", "run=nobody"], "matches no row");
    fails(&["fit", "--csv", RUNS, "--convention", "exact"], "column of that count");
}

#[test]
fn fit_of_a_published_law_refuses_options_of_fits_and_keeps_the_level() {
    let asked = ["predict", "--law", "epoch2024", "--flops", "1e17"];
    for option in [
        ["--convention", "exact"],
        ["--objective", "absolute"],
        ["--draws", "10"],
        ["--seed", "1"],
        ["--run", "name"],
        ["--cluster", "name"],
        ["--skip", "a=1"],
        ["--exclude", "a"],
    ] {
        fails(&[&asked[..], &option].concat(), &format!("error: {} ", option[0]));
    }
    fails(&[&asked[..], &["--loss-in-bits"]].concat(), "error: --loss-in-bits ");
    fails(
        &["predict", "--published", "epoch2024", "--law", "tied", "--flops", "1e21"],
        "--law says how runs are fitted",
    );
    let width = |level: &'static str| {
        let p = json(&[&asked[..], &["--level", level]].concat());
        let i = &p["budgets"][0]["best"]["params"]["interval"];
        (i["hi"].as_f64().unwrap() / i["lo"].as_f64().unwrap()).ln()
    };
    // Of draws, not of a formula.
    near(&Value::from(width("0.95") / width("0.5")), 1.959_964 / 0.674_49, 0.05);
    fails(&[&asked[..], &["--level", "0.999999"]].concat(), "at most 0.9998");
    let text = succeeds(&asked);
    assert!(text.contains("below the smallest run of the law") && text.contains("95%"), "{text}");
}

#[test]
fn fit_names_every_row_that_it_leaves_out_and_predict_says_what_is_doubtful() {
    let bench = Bench::new();
    let path = table(&bench, HEADER, |k, cells| match k {
        4 => format!("{},abc,{},{},{}", cells[0], cells[2], cells[3], cells[4]),
        9 => format!("{},{},,{},{}", cells[0], cells[1], cells[3], cells[4]),
        _ => cells.join(","),
    });
    let text = succeeds(&["fit", "--csv", &path, "--draws", "20", "--exclude", "c5-8"]);
    for part in ["`abc`, and no number", "D (tokens) is missing", "c5-8 (row 54)"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let asked = ["predict", "--csv", path.as_str(), "--flops", "1e21", "--draws", "50"];
    let text = succeeds(&asked);
    for part in ["converged", "Rows left out", "`abc`, and no number", "2 rows left out"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let p = json(&asked);
    assert_eq!(p["fit"]["rows"], 52);
    assert_eq!(p["fit"]["left_out"].as_array().unwrap().len(), 2);
    assert_eq!(p["fit"]["left_out"][0]["row"], 5, "as the text counts");
    assert_eq!(p["fit"]["outcome"]["kind"], "converged");
    assert!(!p["fit"]["warnings"].as_array().unwrap().is_empty());
    assert_eq!(p["fit"]["failed_draws"], 0);
    // Few clusters: no interval, and the reason.
    let named = table(&bench, HEADER, |_, cells| format!("x,{}", cells[1..].join(",")));
    let p = json(&["predict", "--csv", &named, "--flops", "1e21", "--draws", "50"]);
    assert!(p["budgets"][0]["best"]["params"]["interval"].is_null());
    assert!(p["fit"]["no_interval"].as_str().unwrap().contains("1 cluster "));
    // Profiles know nothing of clusters, and say so.
    let f = json(&["fit", "--csv", &named, "--draws", "50", "--profile"]);
    let warnings = f["study"]["warnings"].as_array().unwrap();
    let ignored = |w: &&serde_json::Value| w["kind"] == "clusters_ignored";
    assert_eq!(warnings.iter().find(ignored).unwrap()["method"], "profiles");
}

#[test]
fn fit_takes_cells_of_columns_that_nobody_named_as_missing_and_counts_them() {
    let bench = Bench::new();
    let header = format!("{HEADER},depth,width,learning_rate");
    let path = table(&bench, &header, |k, cells| {
        format!("{},{},wide,0", cells.join(","), if k == 0 { "nan" } else { "4" })
    });
    let fit = json(&["fit", "--csv", &path, "--draws", "0"]);
    assert_eq!(fit["study"]["rows"], 54);
    let notes = fit["source"]["notes"].as_array().unwrap();
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert!(notes[0].as_str().unwrap().contains("`width`"), "{notes:?}");
    assert!(succeeds(&["fit", "--csv", &path, "--draws", "0"]).contains("note: column `depth`"));
    // A column that is asked for must hold.
    fails(&["fit", "--csv", &path, "--draws", "0", "--width", "width"], "`wide` in column `width`");
    let twice = table(&bench, &format!("{HEADER},loss"), |_, cells| {
        format!("{},{}", cells.join(","), cells[4])
    });
    fails(&["fit", "--csv", &twice], "both named `loss`");
}

#[test]
fn fit_counts_by_other_conventions_only_what_a_column_says() {
    let bench = Bench::new();
    let plain = json(&["fit", "--csv", RUNS, "--draws", "50"]);
    assert_eq!(plain["study"]["conventions"].as_array().unwrap().len(), 1);
    let text = succeeds(&["fit", "--csv", RUNS, "--draws", "50"]);
    assert!(!text.contains("with embeddings") && text.contains("with 95% intervals"), "{text}");
    let path = table(&bench, &format!("{HEADER},params_total"), |_, cells| {
        let n: f64 = cells[1].parse().unwrap();
        format!("{},{}", cells.join(","), 1.2 * n)
    });
    let text = succeeds(&["fit", "--csv", &path, "--draws", "20"]);
    assert!(text.contains("N with embeddings; C = 6ND"), "{text}");
}

#[test]
fn fit_prints_the_prior_and_what_it_was_held_against() {
    let asked = ["fit", "--csv", RUNS, "--draws", "0", "--bayes", "--prior", "alpha=0.35,0.02"];
    let text = succeeds(&asked);
    for part in ["Student-t", "alpha normal(0.3500, 0.0200), beta weak"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}
