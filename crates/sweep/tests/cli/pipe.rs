//! A reader that stops reading is no failure of the program.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::support::Bench;

/// Runs a command, reads one line of its stdout and closes the pipe.
fn first_line(args: &[&str]) -> (String, String, Option<i32>) {
    let bench = Bench::new();
    let mut child =
        bench.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    // A buffer of one line's size, so that the rest stays in the pipe, which is then closed.
    let mut stdout = BufReader::with_capacity(16, child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    drop(stdout);
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (line, said, child.wait().unwrap().code())
}

#[test]
fn a_closed_pipe_ends_quietly() {
    // More than a pipe holds (64 KiB), so that the program is still writing when it closes.
    let runs = concat!(env!("CARGO_MANIFEST_DIR"), "/../fit/examples/runs.csv");
    let (line, said, code) = first_line(&["fit", "--csv", runs, "--draws", "0", "--json"]);
    assert_eq!(line, "{\n");
    assert_eq!((said.as_str(), code), ("", Some(0)));
    // Less than a pipe holds: both ends are as quiet.
    let (line, said, code) = first_line(&["predict", "--list"]);
    assert!(line.starts_with("kaplan2020"), "{line}");
    assert_eq!((said.as_str(), code), ("", Some(0)));
}
