//! On an adapter nothing is compiled or tuned once training is under way, and nothing is tuned by a second process. Seen in cubecl's
//! own log, on SwiftShader where it is installed.

use crate::support::{Bench, stderr, stdout};

#[test]
fn nothing_is_compiled_or_tuned_in_the_steady_state() {
    let bench = Bench::new();
    let devices = stdout(&bench.output(&["devices"]));
    if !devices.contains("SwiftShader") {
        let required = std::env::var("ISOFLOP_REQUIRE_SWIFTSHADER").is_ok_and(|v| v == "1");
        assert!(!required, "ISOFLOP_REQUIRE_SWIFTSHADER is 1 and there is only\n{devices}");
        eprintln!("skipped: no adapter is called SwiftShader");
        return;
    }
    // Kernels compiled and choices made by timing, of a process that trains in so many rounds of so many seconds.
    let worked = |log: &str, rounds: &str, seconds: &str| {
        let args = ["bench", "--device", "SwiftShader", "--shapes", "L1d16h2V64x2x16"];
        let mut command =
            bench.command(&[&args[..], &["--rounds", rounds, "--seconds", seconds]].concat());
        let output = command.env("CUBECL_DEBUG_LOG", bench.path(log)).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let log = std::fs::read_to_string(bench.path(log)).unwrap();
        let count = |what: &str| log.lines().filter(|line| line.contains(what)).count();
        (count("[START_KERNEL_COMPILATION]"), count("Fastest result "))
    };
    // The user's own cache, with choices of earlier runs or without: making them takes a minute and more there.
    let (first, _) = worked("first.log", "1", "0.1");
    let (short, tuned) = worked("short.log", "1", "0.1");
    assert_eq!(tuned, 0, "the first process has left its choices");
    assert!(0 < short && short <= first, "{short}, {first}");
    assert_eq!(worked("long.log", "3", "1"), (short, 0));
}
