//! The flat table of runs, and what goes back into fits.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Bench, stderr, stdout};

fn committed(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join("results").join(name).display().to_string()
}

fn csv_of(bench: &Bench, folder: &str) -> PathBuf {
    let output = bench.output(&["runs", folder, "--csv"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let path = bench.path("runs.csv");
    std::fs::write(&path, &output.stdout).unwrap();
    path
}

fn fit(bench: &Bench, args: &[&str]) -> Value {
    let output = bench.output(&[&["fit", "--json", "--draws", "100"], args].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

/// Every number of one is that of the other.
fn same(a: &Value, b: &Value, at: &str) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>(), "{at}");
            a.iter().for_each(|(key, value)| same(value, &b[key], &format!("{at}.{key}")));
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{at}");
            a.iter().zip(b).enumerate().for_each(|(i, (a, b))| same(a, b, &format!("{at}[{i}]")));
        }
        _ => assert_eq!(a, b, "{at}"),
    }
}

#[test]
fn the_csv_of_a_study_fits_as_its_folder_does() {
    let bench = Bench::new();
    // The second has runs off the rule, which its fits leave out.
    for (study, skip) in [("quickstart", &[][..]), ("calibration", &["--skip", "in_fit=false"])] {
        let folder = committed(study);
        let path = csv_of(&bench, &folder);
        let of_folder = fit(&bench, &[&folder]);
        let of_csv = fit(&bench, &[&["--csv", path.to_str().unwrap()], skip].concat());
        for approach in ["approach1", "approach2", "approach3", "forecast"] {
            let (a, b) = (&of_folder["study"][approach], &of_csv["study"][approach]);
            assert!(!a.is_null(), "{study}: {approach}");
            same(a, b, &format!("{study}: {approach}"));
        }
    }
}

#[test]
fn standard_input_is_a_table_too() {
    let bench = Bench::new();
    let path = csv_of(&bench, &committed("quickstart"));
    let mut command = bench.command(&["fit", "--csv", "-", "--json", "--draws", "0"]);
    let output = command.stdin(std::fs::File::open(&path).unwrap()).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let json: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(json["study"]["rows"], 70, "{json}");
}

#[test]
fn a_row_tells_all_of_a_run() {
    let bench = Bench::new();
    bench.finish("results");
    let output = bench.output(&["runs", "results", "--json"]);
    let json: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let runs = json["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 6);
    let contents = bench.contents("results");
    for run in runs {
        let record = contents.records.iter().find(|r| r.id().0 == run["run"].as_str().unwrap());
        let record = record.unwrap_or_else(|| panic!("{run}"));
        let (result, cell) = (&record.result, &record.result.cell);
        assert_eq!(run["flops"], result.flops.exact);
        assert_eq!(run["flops_6nd_total"], result.flops.six_nd_total);
        assert_eq!(run["params"], result.params.total());
        assert_eq!(run["params_non_embedding"], result.params.non_embedding());
        assert_eq!(run["tokens"], result.tokens);
        assert_eq!(
            (&run["width"], &run["heads"]),
            (&cell.shape.width.into(), &cell.shape.heads.into())
        );
        assert_eq!(run["loss"], result.valid.unwrap().loss_nats);
        assert_eq!(run["seconds"], record.run.train_seconds);
        assert_eq!((&run["status"], &run["in_fit"]), (&"finished".into(), &true.into()));
    }
    // As many columns as fit, in lines that do.
    for columns in ["60", "80", "120"] {
        let output = bench.command(&["runs", "results"]).env("COLUMNS", columns).output().unwrap();
        let text = stdout(&output);
        let width = columns.parse().unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= width), "{columns}:\n{text}");
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("loss") && words.contains("; `--csv` has every column"), "{text}");
        // What every run has in common is said once where there is no room for a column.
        let finished = words.matches("finished").count();
        assert!(finished == 6 || finished == 1, "{text}");
    }
}
