//! `sweep fit --test-law`: whether the runs reject published laws.

use crate::fit::{RUNS, fails, json, succeeds};

#[test]
fn the_law_behind_the_runs_stands_and_hoffmanns_does_not() {
    // The runs were made about Besiroglu et al.'s law.
    let asked = [
        "fit",
        "--csv",
        RUNS,
        "--draws",
        "300",
        "--test-law",
        "epoch2024,hoffmann2022-3,porian2024",
    ];
    let text = succeeds(&asked);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "Do the runs reject published laws? (at 5%)",
        "hoffmann2022-3 alpha, beta 0.339, 0.285",
        "porian2024 a, by the slices",
        "p from 300 tables drawn under the null",
        "epoch2024 counts total parameters",
        "its interval of a is counted",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let fit = json(&asked);
    let of = |law: usize, kind: &str| {
        let tests = fit["law_tests"][law]["tests"].as_array().unwrap();
        tests.iter().find(|t| t["null"]["kind"] == kind).unwrap()["rejected"].as_bool().unwrap()
    };
    assert!(!of(0, "exponents") && !of(0, "split"));
    assert!(of(1, "exponents") && of(1, "whole_law") && of(1, "split"));
    assert_eq!(fit["law_tests"][2]["tests"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_no_law_to_test_is_refused_by_name() {
    fails(&["fit", "--csv", RUNS, "--draws", "0", "--test-law", "nobody2030"], "nobody2030");
    fails(&["fit", "--csv", RUNS, "--draws", "0", "--test-law", "steplaw2025"], "steplaw2025");
    let text = succeeds(&["fit", "--csv", RUNS, "--draws", "0", "--test-law", "epoch2024"]);
    assert!(text.contains("refused") && text.contains("`draws` is 0"), "{text}");
}
