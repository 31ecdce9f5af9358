//! What `sweep predict` and `sweep fit` say of answers far out and without intervals.

use crate::fit::{HEADER, RUNS, json, succeeds, table};
use crate::support::{Bench, stderr, stdout};

#[test]
fn predict_says_how_far_out_an_answer_lies_and_why_it_has_no_interval() {
    let of_runs = |asked: &[&'static str]| {
        let all = [&["predict", "--csv", RUNS, "--draws", "200"], asked].concat();
        (json(&all), succeeds(&all))
    };
    let far = "times the largest compute of the runs";
    for asked in [
        &["--flops", "1e24", "--far-extrapolation"][..],
        &["--target-loss", "1.9"],
        &["--for-params", "1e12"],
        &["--for-tokens", "1e14"],
        &["--for-params", "1e12", "--for-tokens", "1e14"],
    ] {
        let (p, text) = of_runs(asked);
        let warnings = p["fit"]["warnings"].as_array().unwrap();
        assert!(warnings.iter().any(|w| w["kind"] == "far_extrapolation"), "{asked:?}");
        assert!(text.contains(far) && !text.contains("No warnings."), "{asked:?}: {text}");
    }
    let (p, text) = of_runs(&["--target-loss", "2.5"]);
    assert!(!text.contains(far) && !text.contains("with inference"), "{text}");
    assert!(p["target"]["no_interval"].is_null());
    // Nearer to the floor than most refits can tell.
    let (p, text) = of_runs(&["--target-loss", "1.79"]);
    assert!(p["target"]["flops"]["interval"].is_null());
    assert!(text.contains("of 200 refits cannot reach it"), "{text}");
    let published = ["predict", "--law", "epoch2024", "--loss", "1.9"];
    assert_eq!(json(&published)["warnings"][0]["kind"], "far_extrapolation");
    assert!(succeeds(&published).contains(far));
    let text = succeeds(&["predict", "--law", "epoch2024", "--loss", "1.82"]);
    assert!(text.contains("of 10000 draws") && !text.contains("was published"), "{text}");
    for law in ["kaplan2020", "hoffmann2022-3"] {
        let text = succeeds(&["predict", "--law", law, "--flops", "1e21"]);
        assert!(text.contains("no intervals: no covariance of its parameters was published"));
    }
}

#[test]
fn headings_speak_of_intervals_only_where_there_are_some() {
    for (draws, why) in [("0", "--draws is 0"), ("7", "7 draws, and intervals of this level take")]
    {
        for command in [&["fit"][..], &["predict", "--flops", "1e21"]] {
            let text = succeeds(&[command, &["--csv", RUNS, "--draws", draws]].concat());
            assert!(!text.contains("with 95% intervals") && text.contains(why), "{text}");
        }
    }
    let level = ["--draws", "3000", "--level", "0.9985"];
    let text = succeeds(&[&["predict", "--csv", RUNS, "--flops", "1e21"][..], &level].concat());
    assert!(text.contains("intervals: 99.85%"), "{text}");
}

#[test]
fn fit_shows_control_characters_of_run_names_as_escapes() {
    let bench = Bench::new();
    let path = table(&bench, HEADER, |k, cells| match k {
        4 => format!("\u{1b}[31mred,nan,{},{},{}", cells[2], cells[3], cells[4]),
        _ => cells.join(","),
    });
    for command in [&["fit"][..], &["predict", "--flops", "1e21"]] {
        let text = succeeds(&[command, &["--csv", &path, "--draws", "0"]].concat());
        assert!(text.contains("\\u001b[31mred (row 5)") && !text.contains('\u{1b}'), "{text}");
    }
}

#[test]
fn slices_answer_where_the_law_has_no_result() {
    let bench = Bench::new();
    // Without a floor: E vanishes, which is no result of Hoffmann's law.
    let table = table(&bench, HEADER, |_, cells| {
        let (n, d): (f64, f64) = (cells[1].parse().unwrap(), cells[2].parse().unwrap());
        let loss = 40.0 * n.powf(-0.16) + 60.0 * d.powf(-0.15);
        format!("{},{},{},{},{loss}", cells[0], cells[1], cells[2], cells[3])
    });
    let asked = ["predict", "--csv", &table, "--law", "hoffmann", "--draws", "200"];
    let output = bench.command(&asked).args(["--flops", "1e21"]).output().unwrap();
    let seen = stdout(&output);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(seen.starts_with("power laws through 6 slice minima of 54 runs of "), "{seen}");
    assert!(seen.contains("1e21  slices  ") && !seen.contains("all together"), "{seen}");
    assert!(seen.contains("approach 3 (law) gave no result: at bound: E"), "{seen}");
    // What slices do not tell is refused as before.
    let output = bench.command(&asked).args(["--for-params", "1e9"]).output().unwrap();
    assert!(
        !output.status.success() && stderr(&output).contains("at bound: E"),
        "{}",
        stderr(&output)
    );
}
