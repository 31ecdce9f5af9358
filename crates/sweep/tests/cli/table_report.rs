//! `sweep report` of a table: the page of a study, without what a table has not.

use serde_json::Value;

use crate::fit::{RUNS, json};
use crate::support::{Bench, files, stderr, stdout};

fn report(bench: &Bench, args: &[&str]) -> String {
    let output = bench.output(&[&["report"], args].concat());
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    stdout(&output)
}

/// The made runs in a file of their own.
fn table(bench: &Bench, name: &str) -> String {
    std::fs::copy(RUNS, bench.path(name)).unwrap();
    name.to_owned()
}

#[test]
fn a_table_has_the_page_plots_and_fit_of_a_study() {
    let bench = Bench::new();
    let path = table(&bench, "mine.csv");
    let text = report(&bench, &["--csv", &path, "--draws", "60"]);
    let found = files(&bench.path("mine-report"));
    for file in ["fit.json", "report.html", "plots/isoflop.svg", "plots/isoflop.png"] {
        assert!(found.iter().any(|f| f == file), "{file} is not among {found:?}");
    }
    let page = std::fs::read_to_string(bench.path("mine-report/report.html")).unwrap();
    for section in ["isoflop", "optimum", "certainty", "law", "training", "runs"] {
        assert!(page.contains(&format!("id=\"{section}\"")), "{section}");
    }
    // What only a study has is not there, not even empty.
    for section in ["passport", "data", "reproduce", "hyper", "sensitivity"] {
        assert!(!page.contains(&format!("id=\"{section}\"")), "{section}");
    }
    for part in ["54 runs of mine.csv", "c5-8", "All 54 runs", "Correlations of the law", "R\u{b2}"]
    {
        assert!(page.contains(part) || text.contains(part), "{part}");
    }
    assert!(!page.contains("Runs trained"));
    let plots: Vec<&String> = found.iter().filter(|f| f.starts_with("plots/")).collect();
    assert!(plots.len() >= 14, "{plots:?}");
    for plot in plots {
        let bytes = std::fs::read(bench.path("mine-report").join(plot)).unwrap();
        match plot.ends_with(".png") {
            true => {
                assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.len() > 5000, "{plot}")
            }
            false => {
                let text = String::from_utf8(bytes).unwrap();
                assert!(text.starts_with("<svg") && text.trim_end().ends_with("</svg>"), "{plot}");
                assert!(!text.contains("NaN") && !text.contains("inf"), "{plot}");
            }
        }
    }
}

#[test]
fn its_fit_is_that_of_sweep_fit() {
    let bench = Bench::new();
    let path = table(&bench, "mine.csv");
    let options = ["--draws", "60", "--method", "parabola", "--law", "hoffmann", "--seed", "3"];
    let told =
        report(&bench, &[&["--csv", &path, "--out", "there", "--json"][..], &options].concat());
    let told: Value = serde_json::from_str(&told).unwrap();
    let written = std::fs::read_to_string(bench.path("there/fit.json")).unwrap();
    let written: Value = serde_json::from_str(&written).unwrap();
    let fitted = json(&[&["fit", "--csv", RUNS][..], &options].concat());
    assert_eq!(written["fit"], fitted["study"]);
    assert_eq!(told["fit"], written);
    assert_eq!((&told["study"], &written["schema"]), (&"mine".into(), &1.into()));
}

#[test]
fn a_results_folder_keeps_its_report_and_its_options() {
    let bench = Bench::new();
    let path = table(&bench, "mine.csv");
    std::fs::create_dir(bench.path("study")).unwrap();
    std::fs::write(bench.path("study/ledger.jsonl"), "").unwrap();
    for (args, with) in [
        (
            &["--csv", path.as_str(), "--draws", "0", "--out", "study"][..],
            "--out study is a results folder",
        ),
        (&["study", "--law", "tied"], "options of tables"),
        (&["study", "--loss", "val"], "options of tables"),
        (&["--csv", &path, "--law", "nobody"], "nobody"),
        (&[], "no runs are given"),
        (&["--csv", &path, "--jsonl", &path], "--jsonl"),
    ] {
        let output = bench.output(&[&["report"], args].concat());
        let text = stderr(&output);
        assert!(
            !output.status.success() && text.contains(with) && text.contains("hint: "),
            "{args:?}: {text}"
        );
    }
    assert_eq!(files(&bench.path("study")), ["ledger.jsonl"]);
}

#[test]
fn rows_that_no_fit_saw_are_on_the_page() {
    let bench = Bench::new();
    let text = std::fs::read_to_string(RUNS).unwrap();
    std::fs::write(bench.path("odd.csv"), text + "odd,1e8,1e9,6e17,none,\n").unwrap();
    report(&bench, &["--csv", "odd.csv", "--draws", "0"]);
    let page = std::fs::read_to_string(bench.path("odd-report/report.html")).unwrap();
    assert!(page.contains("id=\"left-out\"") && page.contains("odd (row 55)"));
}
