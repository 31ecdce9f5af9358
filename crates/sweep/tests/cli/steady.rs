//! On an adapter nothing is compiled once training is under way, nothing is ever tuned, and a second process knows the verdict of
//! the first one's self-test. Seen in cubecl's own log, on SwiftShader where it is installed.

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
        command.env("CUBECL_DEBUG_LOG", bench.path(log)).env("XDG_CACHE_HOME", bench.path("cache"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let log = std::fs::read_to_string(bench.path(log)).unwrap();
        let count = |what: &str| log.lines().filter(|line| line.contains(what)).count();
        assert_eq!(count("Fastest result "), 0, "kernels are chosen by rule");
        let tested = stderr(&output).contains("self-test passed");
        (count("[START_KERNEL_COMPILATION]"), tested)
    };
    let (first, tested) = worked("first.log", "1", "0.1");
    assert!(tested);
    let (short, tested) = worked("short.log", "1", "0.1");
    assert!(!tested && 0 < short && short < first, "{short}, {first}");
    assert_eq!(worked("long.log", "3", "1"), (short, false));
    // What is damaged is made again, and said.
    let verdict = bench.path("cache/isoflop/self-test.json");
    std::fs::write(&verdict, "{").unwrap();
    let (again, tested) = worked("again.log", "1", "0.1");
    assert!(tested && again > short, "{again}, {short}");
    assert!(std::fs::read_to_string(&verdict).unwrap().contains("SwiftShader"));
}
