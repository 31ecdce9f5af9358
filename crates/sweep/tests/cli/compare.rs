//! Studies held against each other.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Bench, as_written, stderr, stdout, without_checksum};

/// A copy of a results folder, with its ledger and passports changed.
fn copied(from: &Path, to: PathBuf, ledger: impl Fn(String) -> String, passport: (&str, &str)) {
    fs::create_dir_all(&to).unwrap();
    for name in ["config.resolved.toml", "data.json"] {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
    let read = |name: &str| fs::read_to_string(from.join(name)).unwrap();
    let lines: String = read("ledger.jsonl").lines().map(|l| ledger(l.into()) + "\n").collect();
    fs::write(to.join("ledger.jsonl"), lines).unwrap();
    let text = read("passport.json");
    assert!(text.contains(passport.0), "{text}");
    fs::write(to.join("passport.json"), text.replace(passport.0, passport.1)).unwrap();
    as_written(&to);
}

const SAME: (&str, &str) = ("{", "{");

fn quickstart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results/quickstart")
}

/// The held-out loss of a line times a factor.
fn scaled(line: &str, factor: f64) -> String {
    let line = without_checksum(line);
    let mut record: serde_json::Value = serde_json::from_str(&line).unwrap();
    let loss = &mut record["result"]["valid"]["loss_nats"];
    *loss = (loss.as_f64().unwrap() * factor).into();
    record.to_string()
}

fn refusal(bench: &Bench, args: &[&str]) -> String {
    let output = bench.output(args);
    assert!(!output.status.success(), "{}", stdout(&output));
    assert!(stderr(&output).contains("\nhint: "), "{}", stderr(&output));
    stderr(&output)
}

#[test]
fn a_study_and_its_copy_are_the_same_to_the_last_bit() {
    let bench = Bench::new();
    copied(&quickstart(), bench.path("copy"), |l| l, ("AMD EPYC", "Another CPU"));
    let own = quickstart();
    let output = bench.output(&["compare", own.to_str().unwrap(), "copy"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("the same losses to the last bit, in 70 pairs"), "{text}");
    assert!(text.contains("Another CPU"), "{text}");
    let page = fs::read_to_string(bench.path("compare.html")).unwrap();
    assert!(page.contains("Another CPU") && page.contains("<svg"));
    assert!(!page.contains("src=\"http"), "the page is self-contained");
}

#[test]
fn a_machine_whose_losses_are_off_is_called_different() {
    let bench = Bench::new();
    let noisy = |line: String| {
        // Off by 3%, and by up to 0.7% at random.
        let byte = line.bytes().fold(7u8, |sum, b| sum.wrapping_mul(31).wrapping_add(b));
        scaled(&line, 1.03 + 0.007 * (f64::from(byte) / 128.0 - 1.0))
    };
    copied(&quickstart(), bench.path("off"), noisy, SAME);
    let own = quickstart();
    let args = ["compare", own.to_str().unwrap(), "off", "--json", "--page", "page.html"];
    let output = bench.output(&args);
    assert!(output.status.success(), "{}", stderr(&output));
    let json: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let losses = &json["versus"][0]["losses"];
    assert_eq!(losses["verdict"], "different", "{losses}");
    let mean = losses["log_ratio"]["point"].as_f64().unwrap();
    assert!((mean - 1.03f64.ln()).abs() < 0.005, "{mean}");
    assert_eq!(losses["margin"]["source"]["from"], "seeds");
    assert!(bench.path("page.html").is_file());
}

#[test]
fn what_does_not_compare_is_refused() {
    let bench = Bench::new();
    let own = quickstart();
    let own = own.to_str().unwrap();
    let numerics = ("\"numerics\": 3", "\"numerics\": 2");
    copied(&quickstart(), bench.path("older"), |l| l, numerics);
    assert!(
        refusal(&bench, &["compare", own, "older"]).contains("other numerics: versions 3 and 2")
    );
    copied(
        &quickstart(),
        bench.path("newer"),
        |l| l.replacen("\"schema\":1", "\"schema\":9", 1),
        SAME,
    );
    assert!(refusal(&bench, &["compare", own, "newer"]).contains("newer"), "a newer format");
    let half = |line: String| line;
    copied(&quickstart(), bench.path("half"), half, SAME);
    let ledger = fs::read_to_string(bench.path("half/ledger.jsonl")).unwrap();
    let some: String = ledger.lines().take(40).map(|l| format!("{l}\n")).collect();
    fs::write(bench.path("half/ledger.jsonl"), some).unwrap();
    assert!(refusal(&bench, &["compare", own, "half"]).contains("unfinished: 40 of 70"));
    let output = bench.output(&["compare", own, "half", "--unfinished"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("40 pairs"), "{}", stdout(&output));
    let synthetic = quickstart().join("../synthetic");
    let synthetic = synthetic.to_str().unwrap();
    assert!(refusal(&bench, &["compare", own, synthetic]).contains("other data"));
    assert!(refusal(&bench, &["compare", own, "nowhere"]).contains("neither a results folder nor"));
    assert!(refusal(&bench, &["compare", own, own, "--margin=-1"]).contains("--margin -1"));
}

#[test]
fn studies_without_a_cell_in_common_are_no_machines_of_one_study() {
    let bench = Bench::new();
    bench.finish("a");
    bench.changed("budgets = [5e9, 1e10]", "budgets = [6e9]");
    bench.finish("b");
    let said = refusal(&bench, &["compare", "a", "b", "--machines"]);
    assert!(said.contains("no cell in common"), "{said}");
    let said = refusal(&bench, &["compare", "a", "b"]);
    assert!(said.contains("shares no cell with the first"), "{said}");
}

#[test]
fn tables_are_compared_as_recipes() {
    let bench = Bench::new();
    let table = |gain: f64| {
        let mut text = String::from("params,tokens,loss,budget\n");
        for budget in [1e15, 2e15, 4e15, 8e15, 1.6e16] {
            for size in -3..=3 {
                let params = (0.12 * f64::sqrt(budget / 1.2) * 1.6f64.powi(size)).round();
                let tokens = budget / (6.0 * params);
                let (n, d) = (params * gain.sqrt(), tokens * gain.sqrt());
                // A little noise, so that minima have errors.
                let noise = 1.0 + 1e-3 * (params + gain).sin();
                let loss = noise * (1.7 + 400.0 / n.powf(0.34) + 410.0 / d.powf(0.28));
                text += &format!("{params},{tokens},{loss},{budget}\n");
            }
        }
        text
    };
    fs::write(bench.path("a.csv"), table(1.0)).unwrap();
    fs::write(bench.path("b.csv"), table(1.25)).unwrap();
    let args = ["compare", "a.csv", "b.csv", "--budget", "budget", "--recipes", "--json"];
    let output = bench.output(&args);
    assert!(output.status.success(), "{}", stderr(&output));
    let json: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let gain = &json["versus"][0]["gain"];
    assert_eq!(gain["verdict"], "gain", "{gain}");
    let interval = &gain["pooled"]["interval"];
    let end = |name: &str| interval[name].as_f64().unwrap();
    assert!(end("lo") < 1.25 && 1.25 < end("hi"), "{gain}");
}
