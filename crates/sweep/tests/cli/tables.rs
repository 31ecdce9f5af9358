//! Tables as other people write them, read as they were meant.

use serde_json::Value;

use crate::fit::{HEADER, RUNS, fails, json, succeeds, table};
use crate::support::{Bench, stderr, stdout};

/// One of the made runs as it stands in the file.
pub struct Run {
    pub name: String,
    pub params: f64,
    pub tokens: f64,
    pub flops: f64,
    pub loss: f64,
}

pub fn runs() -> Vec<Run> {
    let text = std::fs::read_to_string(RUNS).unwrap();
    let run = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |k: usize| cells[k].parse::<f64>().unwrap();
        Run {
            name: cells[0].into(),
            params: number(1),
            tokens: number(2),
            flops: number(3),
            loss: number(4),
        }
    };
    text.lines().skip(1).map(run).collect()
}

/// A file of the made runs with a header, line by line.
pub fn file(bench: &Bench, name: &str, header: &str, line: impl Fn(&Run) -> String) -> String {
    let lines: Vec<String> = runs().iter().map(line).collect();
    write(bench, name, &format!("{header}\n{}\n", lines.join("\n")))
}

pub fn write(bench: &Bench, name: &str, text: &str) -> String {
    let path = bench.path(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

pub fn fitted(args: &[&str]) -> Value {
    json(&[&["fit", "--draws", "0"], args].concat())
}

/// ln N* at 1e20 FLOPs by the law, which the units of every column enter.
pub fn log_best(fit: &Value) -> f64 {
    fit["forecasts"][0]["law"]["params"]["point"].as_f64().unwrap().ln()
}

/// That a table says what the made runs say.
pub fn agrees(args: &[&str]) -> Value {
    let (plain, fit) = (fitted(&["--csv", RUNS]), fitted(args));
    assert_eq!(fit["study"]["rows"], 54, "{args:?}");
    let off = log_best(&fit) - log_best(&plain);
    assert!(off.abs() < 0.02, "{args:?}: {off}");
    fit
}

pub fn notes(fit: &Value) -> String {
    let notes = fit["source"]["notes"].as_array();
    let all = notes.into_iter().flatten().map(|note| note.as_str().unwrap());
    all.collect::<Vec<_>>().join("\n")
}

#[test]
fn units_in_headers_are_understood_and_told() {
    let bench = Bench::new();
    let header = "run,params_m,tokens (B),compute_pf_days,loss";
    let path = file(&bench, "units.csv", header, |r| {
        let (n, d, c) = (r.params / 1e6, r.tokens / 1e9, r.flops / 8.64e19);
        format!("{},{n:e},{d:e},{c:e},{}", r.name, r.loss)
    });
    let fit = agrees(&["--csv", &path]);
    for part in ["`params_m` is read in M", "`tokens (B)` is read in B", "is read in PF-days"] {
        assert!(notes(&fit).contains(part), "{}", notes(&fit));
    }
    // A name that says another unit than the numbers.
    let header = "run,params_m,tokens,total_gflops,loss";
    let path = file(&bench, "whole.csv", header, |r| {
        format!("{},{},{},{},{}", r.name, r.params, r.tokens, r.flops, r.loss)
    });
    let fit = agrees(&["--csv", &path]);
    assert!(notes(&fit).contains("`params_m` is read as it stands"), "{}", notes(&fit));
}

#[test]
fn what_is_missing_of_n_d_and_c_follows_from_the_others() {
    let bench = Bench::new();
    let no_tokens = file(&bench, "d.csv", "run,params,flops,loss", |r| {
        format!("{},{},{},{}", r.name, r.params, r.flops, r.loss)
    });
    fails(&["fit", "--csv", &no_tokens], "--assume-6nd takes D = C / 6 N");
    let fit = agrees(&["--csv", &no_tokens, "--assume-6nd"]);
    assert!(notes(&fit).contains("D = C / 6 N"), "{}", notes(&fit));
    let no_params = file(&bench, "n.csv", "run,tokens,flops,loss", |r| {
        format!("{},{},{},{}", r.name, r.tokens, r.flops, r.loss)
    });
    fails(&["fit", "--csv", &no_params], "--assume-6nd takes N = C / 6 D");
    agrees(&["--csv", &no_params, "--assume-6nd"]);
    let only_one = write(&bench, "one.csv", "params,loss\n1e6,3\n");
    fails(&["fit", "--csv", &only_one, "--assume-6nd"], "no column `tokens`");
    // Cells that are empty here and there.
    let holes = table(&bench, HEADER, |k, c| {
        let tokens = if k % 3 == 0 { "" } else { c[2] };
        format!("{},{},{tokens},{},{}", c[0], c[1], c[3], c[4])
    });
    agrees(&["--csv", &holes, "--assume-6nd"]);
    assert_eq!(fitted(&["--csv", &holes])["study"]["rows"], 36);
}

#[test]
fn of_histories_the_last_rows_count() {
    let bench = Bench::new();
    let path = file(&bench, "history.csv", HEADER, |r| {
        let point = |k: i32| {
            let share = 1.0 / f64::from(k);
            let (d, c) = (share * r.tokens, share * r.flops);
            format!("{},{},{d},{c},{}", r.name, r.params, r.loss + 1.0 - share)
        };
        [4, 3, 2, 1].map(point).join("\n")
    });
    let fit = agrees(&["--csv", &path]);
    let note = notes(&fit);
    assert!(note.contains("54 runs have several rows with rising tokens"), "{note}");
    assert!(note.contains("162 earlier rows are left out"), "{note}");
    let left_out = fit["study"]["left_out"].as_array().unwrap();
    assert!(left_out.len() == 162 && left_out.iter().all(|l| l["kind"] == "not_last"));
    let text = succeeds(&["fit", "--csv", &path, "--draws", "0"]);
    assert!(text.contains(" and 154 more\n"), "{text}");
    // Who wants checkpoints says so.
    assert_eq!(fitted(&["--csv", &path, "--cluster", "run"])["study"]["rows"], 216);
}

#[test]
fn runs_under_two_names_and_rows_off_the_rule_are_named() {
    let bench = Bench::new();
    let path = table(&bench, HEADER, |k, c| match k {
        7 => format!("{0}\nagain,{1}", c.join(","), c[1..].join(",")),
        20 => format!("{}\ncrashed,{},2.6e6,{},9.77", c.join(","), c[1], c[3]),
        _ => c.join(","),
    });
    let fit = agrees(&["--csv", &path]);
    let left_out = fit["study"]["left_out"].as_array().unwrap();
    let told: Vec<(&str, &str)> = left_out
        .iter()
        .map(|l| (l["run"].as_str().unwrap(), l["kind"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [("again", "renamed"), ("crashed", "off_rule")]);
    let text = succeeds(&["fit", "--csv", &path, "--draws", "0"]);
    assert!(text.contains("of another name") && text.contains("crashed (row 23)"), "{text}");
}

#[test]
fn numbers_of_tiers_are_no_budgets() {
    let bench = Bench::new();
    let header = format!("{HEADER},budget");
    let path = table(&bench, &header, |k, c| format!("{},{}", c.join(","), k / 9 + 1));
    let fit = agrees(&["--csv", &path]);
    assert!(notes(&fit).contains("column `budget` is not used"), "{}", notes(&fit));
    fails(&["fit", "--csv", &path, "--budget", "budget"], "are no FLOPs");
    // Budgets that are FLOPs stay.
    let path = table(&bench, &header, |_, c| format!("{},{}", c.join(","), c[3]));
    let fit = agrees(&["--csv", &path]);
    assert_eq!(notes(&fit), "");
}

#[test]
fn numbers_are_read_as_people_write_them() {
    let bench = Bench::new();
    let with_suffix = file(&bench, "suffix.csv", HEADER, |r| {
        let (n, d) = (r.params / 1e6, r.tokens / 1e9);
        format!("{},{n:.4}M,{d:.4}B,{},{}", r.name, r.flops, r.loss)
    });
    let fit = agrees(&["--csv", &with_suffix]);
    assert!(notes(&fit).contains("such as `8.3470M` are read as 8.347e6"), "{}", notes(&fit));
    let comma = |value: f64| format!("{value:e}").replace('.', ",");
    let european = file(&bench, "comma.csv", "run;params;tokens;flops;loss", |r| {
        let cells = [r.params, r.tokens, r.flops].map(comma).join(";");
        format!("{};{cells};{}", r.name, r.loss.to_string().replace('.', ","))
    });
    assert!(notes(&agrees(&["--csv", &european])).contains("commas in numbers part decimals"));
    let thousands = file(&bench, "groups.csv", HEADER, |r| {
        let digits = format!("{:.0}", r.tokens);
        let groups: Vec<&str> =
            digits.as_bytes().rchunks(3).rev().map(|g| std::str::from_utf8(g).unwrap()).collect();
        format!("{},{},\"{}\",{},{}", r.name, r.params, groups.join(","), r.flops, r.loss)
    });
    assert!(notes(&agrees(&["--csv", &thousands])).contains("part thousands"));
    let either = write(&bench, "either.csv", "params;tokens;loss\n1e8;2e9;5,027\n2e8;2e9;4,879\n");
    fails(&["fit", "--csv", &either], "`5,027` may have a decimal comma");
}

#[test]
fn tables_are_read_in_the_forms_that_tools_write() {
    let bench = Bench::new();
    let plain = |r: &Run| format!("{},{},{},{},{}", r.name, r.params, r.tokens, r.flops, r.loss);
    let semicolons = |r: &Run| plain(r).replace(',', ";");
    let sep = file(&bench, "sep.csv", "sep=;\nrun;params;tokens;flops;loss", semicolons);
    agrees(&["--csv", &sep]);
    let hash = file(&bench, "hash.csv", "# run,params,tokens,flops,loss", plain);
    agrees(&["--csv", &hash]);
    let object = |r: &Run| {
        let (n, d, c, l) = (r.params, r.tokens, r.flops, r.loss);
        format!(
            "{{\"run\":\"{}\",\"params\":{n},\"tokens\":{d},\"flops\":{c},\"loss\":{l}}}",
            r.name
        )
    };
    let objects: Vec<String> = runs().iter().map(object).collect();
    let array = write(&bench, "array.json", &format!("[\n{}\n]\n", objects.join(",\n")));
    agrees(&["--jsonl", &array]);
    agrees(&["--csv", &array]);
    let column = |name: &str, of: fn(&Run) -> f64| {
        let cells: Vec<String> = runs().iter().map(|r| of(r).to_string()).collect();
        format!("\"{name}\": [{}]", cells.join(", "))
    };
    let columns = [
        column("params", |r| r.params),
        column("tokens", |r| r.tokens),
        column("flops", |r| r.flops),
        column("loss", |r| r.loss),
    ];
    let by_column = write(&bench, "columns.json", &format!("{{{}}}", columns.join(",\n")));
    agrees(&["--jsonl", &by_column]);
    let nested: Vec<String> = runs()
        .iter()
        .map(|r| {
            let (n, d, l) = (r.params, r.tokens, r.loss);
            format!("{{\"config\":{{\"model\":{{\"n\":{n}}},\"tokens\":{d}}},\"summary\":{{\"eval/loss\":{l}}}}}\n")
        })
        .collect();
    let nested = write(&bench, "nested.jsonl", &nested.concat());
    let named = ["--params", "config.model.n", "--tokens", "config.tokens", "--loss"];
    agrees(&[&["--jsonl", nested.as_str()], &named[..], &["summary.eval/loss"]].concat());
    let csv = std::fs::read(RUNS).unwrap();
    let packed = bench.path("runs.csv.gz");
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packer, &csv).unwrap();
    std::fs::write(&packed, packer.finish().unwrap()).unwrap();
    agrees(&["--csv", packed.to_str().unwrap()]);
    let parquet = write(&bench, "runs.parquet", "PAR1 and so on");
    fails(&["fit", "--csv", &parquet], "it is a Parquet file");
    fails(&["fit", "--jsonl", RUNS], "--csv");
}

#[test]
fn exports_of_spreadsheets_and_of_wandb_are_read() {
    let bench = Bench::new();
    let csv = std::fs::read_to_string(RUNS).unwrap();
    let little: Vec<u8> = csv.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf_16 = bench.path("utf-16.csv");
    std::fs::write(&utf_16, [b"\xff\xfe", &little[..]].concat()).unwrap();
    agrees(&["--csv", utf_16.to_str().unwrap()]);
    let packed = bench.path("runs.csv.zst");
    let fastest = ruzstd::encoding::CompressionLevel::Fastest;
    std::fs::write(&packed, ruzstd::encoding::compress_to_vec(csv.as_bytes(), fastest)).unwrap();
    agrees(&["--csv", packed.to_str().unwrap()]);
    let line = |name: &str, r: &Run| {
        format!("{name},finished,{},{},{},{}", r.params, r.tokens, r.flops, r.loss)
    };
    let header = "Name,State,params,tokens,flops,loss";
    let named = file(&bench, "wandb.csv", header, |r| line(&r.name, r));
    let fit = agrees(&["--csv", &named]);
    assert!(notes(&fit).contains("column `Name` names the runs"), "{}", notes(&fit));
    let first = runs()[0].name.clone();
    assert_eq!(fitted(&["--csv", &named, "--exclude", &first])["study"]["rows"], 53);
    // Names that runs share name none of them.
    let shared = file(&bench, "shared.csv", header, |r| line("baseline", r));
    let fit = agrees(&["--csv", &shared]);
    assert!(notes(&fit).contains("--run Name takes it"), "{}", notes(&fit));
}

#[test]
fn the_ledger_of_a_study_is_a_table() {
    let bench = Bench::new();
    bench.finish("r");
    let path = bench.path("r/ledger.jsonl");
    let output =
        bench.output(&["fit", "--jsonl", path.to_str().unwrap(), "--draws", "0", "--json"]);
    let fit: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(fit["study"]["rows"], bench.contents("r").records.len(), "{}", stderr(&output));
    assert!(notes(&fit).contains("it is a study's ledger"), "{}", notes(&fit));
}
