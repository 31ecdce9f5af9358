//! Limits of the system and of people: sizes of files, lengths of lines, names that a terminal would obey.

use std::process::{Command, Output, Stdio};

use crate::support::Bench;

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_limit_on_the_size_of_files_is_a_clear_error() {
    let bench = Bench::new();
    // Blocks of 512 or 1024 bytes, after the shell: the ledger fits, and the page does not.
    let limited = |blocks: u32| {
        Command::new("sh")
            .args(["-c", &format!("ulimit -f {blocks} && exec \"$@\""), "sh"])
            .arg(env!("CARGO_BIN_EXE_sweep"))
            .args(["--config", "tiny.toml", "--results", "limited"])
            .current_dir(bench.path(""))
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    for blocks in [1, 48] {
        let output = limited(blocks);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{blocks}: {:?} {said}", output.status);
        assert!(said.contains("error: ") && said.contains("File too large"), "{said}");
        assert!(said.contains("hint: a limit on the size of files is set"), "{said}");
    }
    bench.finish("limited");
}

#[test]
fn results_that_are_a_file_are_named_as_such() {
    let bench = Bench::new();
    std::fs::write(bench.path("taken"), "notes").unwrap();
    for results in ["taken", "taken/below"] {
        let output = bench.output(&["--config", "tiny.toml", "--results", results]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            said.contains("taken is a file, where results are to be kept in a folder"),
            "{said}"
        );
        assert!(said.contains("hint: name another folder"), "{said}");
    }
    assert_eq!(std::fs::read(bench.path("taken")).unwrap(), b"notes");
}

#[test]
fn no_name_tells_the_terminal_anything() {
    let odd = "odd\u{1b}[31m\u{7}\u{9b}2J";
    let bench = Bench::new();
    let quiet = |output: Output| {
        let text = said(&output) + &String::from_utf8_lossy(&output.stdout);
        let obeyed = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
        assert!(!text.contains(obeyed), "{text:?}");
        text
    };
    let none = quiet(bench.output(&["plan", "--config", &format!("{odd}.toml")]));
    assert!(none.contains("odd\\u001b[31m\\u0007\\u009b2J.toml"), "{none}");
    quiet(bench.output(&["fit", "--csv", &format!("{odd}.csv")]));
    quiet(bench.output(&["report", odd]));
    quiet(bench.output(&["--config", "tiny.toml", "--set", &format!("study.name={odd}")]));
    quiet(bench.output(&["plan", &format!("--{odd}")]));
    // Names of runs and of columns.
    let rows = |name: &str| {
        let row = |k: i32| format!("{name}{k},{}e6,{}e8,3.{k}\n", k + 1, k + 2);
        format!("run,params,tokens,loss\n{}{name},x,1e8,3\n", (0..9).map(row).collect::<String>())
    };
    std::fs::write(bench.path("rows.csv"), rows(odd)).unwrap();
    quiet(bench.output(&["fit", "--csv", "rows.csv", "--draws", "0"]));
    // Files of text, which somebody else may have named.
    let text = format!("{odd}\nerror: no.jsonl");
    std::fs::create_dir(bench.path("text")).unwrap();
    std::fs::write(bench.path("text").join(&text), "{\"text\": 1}\n".repeat(3)).unwrap();
    std::fs::write(bench.path("text").join(format!("README{odd}")), "about").unwrap();
    let config =
        "[data]\nsource = \"text\"\npaths = [\"text\"]\n[grid]\nbudgets = [1e9]\nwidths = [8]\n";
    std::fs::write(bench.path("text.toml"), config).unwrap();
    let told = quiet(bench.output(&["data", "--config", "text.toml"]));
    assert!(told.contains("odd\\u001b[31m") && !told.contains("\nerror: no.jsonl"), "{told}");
}

#[test]
fn what_is_printed_of_a_long_line_fits_a_terminal() {
    let bench = Bench::new();
    let long = "x".repeat(6 << 20);
    let texts = [
        format!("[grid]\nbudgets = [1e9]\n[study]\nname = \"{long}\"\n"),
        format!("grid = {{ budgets = [1e9], widths = [\"{long}\"] }}"),
        format!("{long}\n"),
    ];
    for text in texts {
        std::fs::write(bench.path("long.toml"), &text).unwrap();
        let output = bench.output(&["plan", "--config", "long.toml"]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{said:.2000}");
        assert!(said.len() < 1500 && said.contains("hint: "), "{} bytes: {said:.2000}", said.len());
    }
}

#[test]
fn a_configuration_in_another_encoding_is_named() {
    let bench = Bench::new();
    std::fs::write(bench.path("latin1.toml"), b"[study]\nname = \"caf\xe9\"\n").unwrap();
    let latin = said(&bench.output(&["plan", "--config", "latin1.toml"]));
    assert!(latin.contains("byte 20, 0xE9") && latin.contains("latin1.toml:2:12"), "{latin}");
    let utf_16: Vec<u8> = "\u{feff}[study]\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(bench.path("utf16.toml"), utf_16).unwrap();
    let told = said(&bench.output(&["plan", "--config", "utf16.toml"]));
    assert!(told.contains("UTF-16") && told.contains("iconv -f UTF-16 -t UTF-8"), "{told}");
}
