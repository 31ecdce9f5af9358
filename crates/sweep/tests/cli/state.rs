//! A study under way says so.

use crate::support::{Bench, stderr, stdout};

#[test]
fn a_study_under_way_says_how_far_it_is_and_who_trains_it() {
    let bench = Bench::new();
    let running = bench.start("results");
    let process = format!("being trained by process {} on ", running.child.id());
    let output = bench.output(&["report", "results", "--out", "page"]);
    let told = stderr(&output);
    assert!(told.contains(" of 6 cells done, ") && told.contains(&process), "{told}");
    let output = bench.output(&["fit", "results", "--draws", "0"]);
    let told = stderr(&output) + &stdout(&output);
    assert!(told.contains(" of 6 cells done, "), "{told}");
    drop(running);

    let output = bench.output(&["report", "results", "--out", "page"]);
    let told = stderr(&output);
    let goes_on =
        "nobody trains the others; `sweep results/config.resolved.toml --results results` goes on";
    assert!(told.contains(goes_on) || told.contains("or was killed"), "{told}");
    let output = bench.output(&["results/config.resolved.toml", "--results", "results", "--quiet"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let output = bench.output(&["report", "results", "--out", "page"]);
    assert!(!stderr(&output).contains("cells done"), "{}", stderr(&output));
}
