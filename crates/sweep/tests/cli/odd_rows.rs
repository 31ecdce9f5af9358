//! Tables of thousands of rows, many of them odd: messages name a few and count the rest.

use crate::fit::{json, succeeds};
use crate::support::Bench;

/// 5,000 rows: ten slices of 300 runs, and 2,000 rows that are odd in four ways.
fn odd_table(bench: &Bench) -> String {
    let mut lines = vec!["run,params,tokens,flops,loss".to_owned()];
    for k in 0..5000_u32 {
        let kind = if k % 5 < 3 { 9 } else { k % 4 };
        // A run of another row under a name of its own.
        let of = if kind == 0 { k - k % 5 } else { k };
        let spread = f64::from(of.wrapping_mul(2_654_435_761) % 1000) / 1000.0;
        let flops = 1e17 * 3f64.powi((k / 500) as i32);
        let best = 0.09 * flops.powf(0.49);
        let params = best * (4.0 * (spread - 0.5)).exp();
        let tokens = flops / 6.0 / params;
        let noise = 1.0 + 0.002 * (f64::from(of.wrapping_mul(40_503) % 997) / 997.0 - 0.5);
        let loss = (1.8 + 480.0 / params.powf(0.35) + 2000.0 / tokens.powf(0.37)) * noise;
        let (params, loss) = match kind {
            1 => (params, format!("oops{k}")),
            2 => (params, format!("-{loss}")),
            3 => (params, format!("{}", 1.2 * loss)),
            _ => (params, loss.to_string()),
        };
        lines.push(format!("run-{k},{params},{tokens},{flops},{loss}"));
    }
    let path = bench.path("odd.csv");
    std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn names_of_thousands_of_odd_rows_are_cut_to_a_few() {
    let bench = Bench::new();
    let path = odd_table(&bench);
    let text = succeeds(&["fit", "--csv", &path, "--draws", "0", "--law", "hoffmann"]);
    for line in text.lines() {
        assert!(line.len() < 700, "{} characters: {}..", line.len(), &line[..200]);
        let names = line.matches("run-").count();
        assert!(names <= 45, "{names} names: {line}");
    }
    for part in [
        "  500, loss is no number: run-9 (row 10), ",
        "  500, loss is not above 0: ",
        "  500, repeats a run of another name ",
        " and 492 more\n",
        " well above the law: run-",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let fit = json(&["fit", "--csv", &path, "--draws", "0", "--law", "hoffmann"]);
    assert_eq!(fit["study"]["left_out"].as_array().unwrap().len(), 1500);
    let warnings = fit["study"]["warnings"].as_array().unwrap();
    let left_out = warnings.iter().find(|w| w["kind"] == "rows_left_out").unwrap();
    for reason in left_out["reasons"].as_array().unwrap() {
        assert!(reason.as_str().unwrap().len() < 200, "{reason}");
    }
}
