//! Tables and options that cannot be what was meant, refused with the cure.

use crate::fit::{HEADER, RUNS, fails, succeeds, table};
use crate::support::{Bench, stderr};
use crate::tables::{agrees, file, fitted, notes, write};

#[test]
fn other_units_are_refused_until_they_are_named() {
    let bench = Bench::new();
    for (name, [params, tokens, flops], looks, cure) in [
        ("c", [1.0, 1.0, 1e9], "C looks like GFLOPs: C / 6ND = 1", ["--flops-unit", "GFLOPs"]),
        ("p", [1.0, 1.0, 8.64e19], "C looks like PF-days: ", ["--flops-unit", "pf-days"]),
        ("n", [1e6, 1.0, 1.0], "N looks like millions (M): C / 6ND = 1", ["--params-unit", "M"]),
        ("d", [1.0, 1e9, 1.0], "D looks like billions (B): C / 6ND = 1", ["--tokens-unit", "B"]),
        (
            "s",
            [1.0, 524_288.0, 1.0],
            "it counts steps, of about 5.24e5 tokens each",
            ["--tokens-unit", "524288"],
        ),
    ] {
        let path = file(&bench, &format!("{name}.csv"), HEADER, |r| {
            let (n, d, c) = (r.params / params, r.tokens / tokens, r.flops / flops);
            format!("{},{n:e},{d:e},{c:e},{}", r.name, r.loss)
        });
        fails(&["fit", "--csv", &path], looks);
        fails(&["predict", "--csv", &path, "--flops", "1e20"], looks);
        fails(&["compare", &path, RUNS, "--recipes"], looks);
        let output = bench.output(&["fit", "--csv", &path]);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        let fit = agrees(&[&["--csv", path.as_str()], &cure[..]].concat());
        assert!(notes(&fit).contains("as asked"), "{}", notes(&fit));
        assert_eq!(fitted(&["--csv", &path, "--trust-units"])["study"]["rows"], 54);
    }
    // Without C the levels of D / N tell.
    let path = file(&bench, "no-c.csv", "run,params,tokens,loss", |r| {
        format!("{},{},{},{}", r.name, r.params, r.tokens / 1e9, r.loss)
    });
    fails(&["fit", "--csv", &path], "D looks like billions (B): D / N = ");
    agrees(&["--csv", &path, "--tokens-unit", "b"]);
    // Half of the rows in another unit.
    let path = table(&bench, HEADER, |k, c| {
        let million = if k % 2 == 0 { 1e6 } else { 1.0 };
        let n: f64 = c[1].parse().unwrap();
        format!("{},{},{},{},{}", c[0], n / million, c[2], c[3], c[4])
    });
    fails(&["fit", "--csv", &path], "C / 6ND");
    let path = file(&bench, "perplexity.csv", HEADER, |r| {
        format!("{},{},{},{},{}", r.name, r.params, r.tokens, r.flops, r.loss.exp())
    });
    fails(&["fit", "--csv", &path], "ln of a perplexity");
}

#[test]
fn budgets_far_beyond_the_runs_are_refused_until_wanted() {
    let asked = ["predict", "--csv", RUNS, "--draws", "0", "--flops", "1e25"];
    fails(&asked, "times the largest run");
    assert!(succeeds(&[&asked[..], &["--far-extrapolation"]].concat()).contains("1e25"));
}

#[test]
fn tables_that_cannot_be_what_was_meant_end_with_code_2() {
    let bench = Bench::new();
    let rows = "a,1e8,2e9,3.1\nb,2e8,2e9,3.0\n";
    let plain = format!("run,params,tokens,loss\n{rows}");
    let files = [
        ("empty", String::new()),
        ("header-only", "run,params,tokens,loss\n".into()),
        ("no-loss", plain.replace("loss", "nats")),
        ("no-tokens", plain.replace("tokens", "steps")),
        ("ragged", "params,tokens,loss\n1e8,2e9\n".into()),
        ("twice", plain.replace("run,", "loss,")),
        ("words", "params,tokens,loss\nbig,many,low\n".into()),
        ("negative", "params,tokens,loss\n-1,2e9,3\n".into()),
        ("one-column", "params,tokens,loss\n1e8,1e8,3\n2e8,2e8,2.9\n".into()),
        ("torn.json", "[{\"params\": 1e8".into()),
        ("numbers.json", "[1, 2]".into()),
        ("parquet", "PAR1 and so on".into()),
        ("millions", plain.replace("e8", "e2").replace("e9", "e3")),
        ("perplexity", plain.replace("3.1", "22.2").replace("3.0", "20.1")),
        ("commas", "params;tokens;loss\n1e8;2e9;5,027\n2e8;2e9;4,879\n".into()),
    ];
    let refused = |args: &[&str]| {
        let output = bench.output(args);
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {told}");
        assert!(told.contains("hint: ") && !told.contains("panicked"), "{args:?}: {told}");
    };
    for (name, text) in &files {
        let path = write(&bench, name, text);
        refused(&["fit", "--csv", &path]);
        refused(&["predict", "--csv", &path, "--flops", "1e20"]);
        refused(&["compare", RUNS, &path, "--recipes"]);
    }
    let good = write(&bench, "good.csv", &plain);
    for args in [
        &["fit"][..],
        &["fit", "no-such-folder"],
        &["fit", "--csv", "no-such-file.csv"],
        &["fit", "--jsonl", &good],
        &["fit", "--csv", &good, "--loss", "nats"],
        &["fit", "--csv", &good, "--flops", "compute"],
        &["fit", "--csv", &good, "--width", "width"],
        &["fit", "--csv", &good, "--width", "run"],
        &["fit", "--csv", &good, "--skip", "run"],
        &["fit", "--csv", &good, "--skip", "run=z"],
        &["fit", "--csv", &good, "--skip", "loss=3.1", "--exclude", "b"],
        &["fit", "--csv", &good, "--exclude", "z"],
        &["fit", "--csv", &good, "--convention", "exact"],
        &["fit", "--csv", &good, "--objective", "cubic"],
        &["fit", "--csv", &good, "--params-unit", "GB"],
        &["predict", "--csv", &good, "--flops", "-1"],
        &["predict", "--csv", &good],
        &["compare", "no-such-file.csv", RUNS],
        &["compare", &good, RUNS, "--names", "one"],
        &["compare", &good, RUNS, "--level", "2"],
    ] {
        refused(args);
    }
}

#[test]
fn names_where_numbers_are_due_and_numbers_where_names_are_end_in_the_flag_meant() {
    fails(&["predict", "--csv", RUNS, "--flops", "1e20", "--loss", "2.5"], "--target-loss 2.5");
    fails(&["fit", "--csv", RUNS, "--flops", "1e20"], "`sweep fit --at 1e20`");
    fails(&["predict", "--law", "chinchilla", "--flops", "1e20"], "`sweep predict --list`");
    fails(&["predict", "--law", "epoch2024", "--flops", "1e20", "--trust-units"], "--trust-units");
    fails(&["fit", "--csv", RUNS, "--tokens-unit", "GB"], "--tokens-unit GB is not known");
}

#[test]
fn errors_show_no_more_of_the_input_than_one_reads() {
    let bench = Bench::new();
    let long = "x".repeat(100_000);
    let names: Vec<String> = (0..9000).map(|k| format!("metric/{k}")).collect();
    for (name, text) in [
        ("header.csv", format!("{}\n{}\n", names.join(","), vec!["1"; 9000].join(","))),
        ("name.csv", format!("{long},b\n1,2\n")),
        ("cell.csv", format!("params,tokens,loss\n{long},2e9,3\n")),
        ("run.csv", format!("run,params,tokens,loss\n{long},abc,2e9,3\n")),
        ("sep.csv", format!("sep={long}\n")),
        ("line.jsonl", format!("{{\"a\": 1}}\n{long}\n")),
        ("key.jsonl", format!("{{\"{long}\": 1}}\n")),
    ] {
        let path = write(&bench, name, &text);
        let output = bench.output(&["fit", "--csv", &path]);
        let told = stderr(&output);
        assert!(!output.status.success() && told.contains("hint: "), "{name}: {told}");
        assert!(told.len() < 2000, "{name}: {} characters", told.len());
    }
}
