//! Limits of the system and of people: sizes of files, lengths of lines, names that a terminal would obey.

use std::fs::File;
use std::io::Write;
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

/// Runs the program to its end: what it said, its code, and the most memory that it held, in MiB.
#[expect(clippy::zombie_processes, reason = "`wait4` waits for it")]
fn measured(bench: &Bench, args: &[&str]) -> (String, i32, i64) {
    let said = bench.path("said");
    let child = bench
        .command(args)
        .stdout(Stdio::null())
        .stderr(File::create(&said).unwrap())
        .spawn()
        .unwrap();
    let mut status = 0;
    // SAFETY: all-zero is a valid `rusage`, and the child is ours and not waited for elsewhere.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert!(libc::wait4(child.id() as i32, &mut status, 0, &mut usage) > 0);
        usage
    };
    let unit = if cfg!(target_os = "macos") { 1 << 20 } else { 1 << 10 };
    let code = if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -1 };
    (std::fs::read_to_string(said).unwrap(), code, usage.ru_maxrss / unit)
}

#[test]
fn what_unpacks_to_one_line_takes_little_memory() {
    let bench = Bench::new();
    // 400 MB in 400 KB.
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(b"{\"text\": \"").unwrap();
    (0..400).for_each(|_| packer.write_all(&[b'a'; 1 << 20]).unwrap());
    packer.write_all(b"\"}\n").unwrap();
    std::fs::write(bench.path("line.jsonl.gz"), packer.finish().unwrap()).unwrap();
    let config =
        "[data]\nsource = \"text\"\npaths = [\"line.jsonl.gz\"]\n[grid]\nbudgets = [1e9]\n";
    std::fs::write(bench.path("text.toml"), config).unwrap();
    let (said, code, mib) = measured(&bench, &["data", "--config", "text.toml"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("line.jsonl.gz:1: longer than 67,108,864 bytes"), "{said}");
    assert!(said.contains("hint: ") && said.contains("data.max_line_bytes = "), "{said}");
    assert!(mib < 512, "{mib} MiB");
    let (said, code, mib) = measured(&bench, &["fit", "--jsonl", "line.jsonl.gz"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("line 1 is longer than 64 MiB") && said.contains("hint: "), "{said}");
    assert!(mib < 512, "{mib} MiB");
}

#[test]
fn a_tokenizer_of_sparse_ids_takes_little_memory() {
    let bench = Bench::new();
    std::fs::write(bench.path("a.txt"), "some text\n".repeat(100)).unwrap();
    let ids = |step: u64| {
        let ids: Vec<String> = (0..256).map(|k| format!("\"t{k}\": {}", k * step)).collect();
        format!(
            "{{\"version\": \"1.0\", \"model\": {{\"type\": \"WordLevel\", \"unk_token\": \"t0\", \"vocab\": {{{}}}}}}}",
            ids.join(", ")
        )
    };
    let config = "[data]\nsource = \"text\"\npaths = [\"a.txt\"]\ntokenizer = \"t.json\"\n[grid]\nbudgets = [1e9]\n";
    std::fs::write(bench.path("text.toml"), config).unwrap();
    for step in [5_000, 1_000_003, 16_000_000] {
        std::fs::write(bench.path("t.json"), ids(step)).unwrap();
        let (said, code, mib) = measured(&bench, &["data", "--config", "text.toml"]);
        assert!(
            code > 0 && said.contains("tokenizer t.json: its ") && said.contains("hint: "),
            "{said}"
        );
        assert!(said.contains("number the tokens from 0") && mib < 512, "{mib} MiB: {said}");
    }
}
