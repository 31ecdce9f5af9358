//! Measurements of speed: what they print, and what they refuse.

use crate::support::{Bench, stderr, stdout};

const SHAPE: &str = "L1d16h2V64x2x16";

#[test]
fn figures_for_programs() {
    let bench = Bench::new();
    let output = bench.output(&[
        "bench",
        "--shapes",
        SHAPE,
        "gpt2:L1d16h2H40V64x2x16",
        "--replicas",
        "1,3",
        "--stacks-at-once",
        "1,2",
        "--device",
        "cpu",
        "--seconds",
        "0.1",
        "--rounds",
        "3",
        "--json",
    ]);
    assert!(output.status.success(), "{}", stderr(&output));
    let json: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 9, "{keys:?}");
    for end in ["", "@3", "@2w", "@3x2w"] {
        let one = &json[format!("{SHAPE}{end}")];
        assert!(one["tokens_per_second"].as_f64().unwrap() > 0.0, "{end}: {one}");
        assert_eq!(one["rounds"].as_array().unwrap().len(), 3);
        assert_eq!(one["shape"]["family"], "llama");
        assert_eq!(one["precision"], "f32");
        let rates = ["flops_per_second", "share_of_peak", "step_seconds", "first_step_seconds"];
        assert!(rates.iter().all(|key| one[key].as_f64().unwrap() > 0.0), "{end}: {one}");
    }
    assert_eq!(json["gpt2:L1d16h2H40V64x2x16"]["shape"]["hidden"], 40);
    let passport = &json["passport"];
    assert_eq!(passport["device"]["kind"], "cpu");
    assert!(passport["peaks"][0]["flops_per_second"].as_f64().unwrap() > 0.0);
    assert!(passport.get("data_sha256").is_none(), "no data took part");
}

#[test]
fn a_table_for_people() {
    let bench = Bench::new();
    let args = ["bench", "--shapes", SHAPE, "--device", "cpu", "--seconds", "0.05", "--quiet"];
    let output = bench.output(&args);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("Tokens/s") && text.contains(SHAPE), "{text}");
    assert!(stderr(&output).is_empty(), "{}", stderr(&output));
}

#[test]
fn replicas_are_doubled_while_it_pays() {
    let bench = Bench::new();
    let output = bench.output(&[
        "bench",
        "--shapes",
        SHAPE,
        "--replicas",
        "auto",
        "--device",
        "cpu",
        "--seconds",
        "0.05",
        "--json",
    ]);
    assert!(output.status.success(), "{}", stderr(&output));
    let json: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert!(json[SHAPE].is_object() && json[format!("{SHAPE}@2")].is_object(), "{json}");
}

#[test]
fn what_cannot_be_measured_is_told_beside_what_can() {
    let bench = Bench::new();
    let large = "L1024d65536h1024V64x1x8";
    let output = bench.output(&[
        "bench",
        "--shapes",
        SHAPE,
        large,
        "--device",
        "cpu",
        "--seconds",
        "0.05",
        "--json",
    ]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let json: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert!(json[SHAPE]["tokens_per_second"].is_f64(), "{json}");
    let failed = json[large]["failed"].as_str().unwrap();
    assert!(failed.contains("GiB") && failed.contains("\nhint: "), "{failed}");
    assert!(stderr(&output).contains(large), "{}", stderr(&output));
}

#[test]
fn mistakes_are_misuse_with_a_hint() {
    let cases: [(&[&str], &str, &str); 7] = [
        (
            &["--shapes", "L4d64h2"],
            "error: shape \"L4d64h2\": V<vocabulary> is missing at the end",
            "hint: write [gpt2:]L<depth>d<width>h<heads>[H<hidden>]V<vocabulary>x<sequences>x<context>, such as L2d32h1V256x16x64",
        ),
        (
            &["--shapes", "L4d64h3V256x16x128"],
            "error: shape \"L4d64h3V256x16x128\": 3 heads do not divide width 64 into heads of even size",
            "hint: heads must divide 32",
        ),
        (
            &["--shapes", SHAPE, SHAPE],
            "error: --shapes has L1d16h2V64x2x16 twice",
            "hint: leave one out",
        ),
        (
            &["--shapes", SHAPE, "--replicas", "0"],
            "error: --replicas has \"0\"",
            "hint: give numbers from 1 to 256 such as --replicas 1,4, or --replicas auto",
        ),
        (
            &["--shapes", SHAPE, "--precision", "f64"],
            "error: --precision is \"f64\"",
            "hint: use f32, f16 or bf16",
        ),
        (
            &["--shapes", SHAPE, "--seconds", "0"],
            "error: --seconds is 0",
            "hint: give seconds above 0, up to 3600",
        ),
        (
            &["--shapes", SHAPE, "--shader", "hlsl"],
            "error: --shader is \"hlsl\"",
            "hint: use auto, spirv or wgsl",
        ),
    ];
    let bench = Bench::new();
    for (args, error, hint) in cases {
        let output = bench.output(&[&["bench"], args].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty());
        let text = stderr(&output);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines, [error, hint], "{args:?}");
    }
}

#[test]
fn the_cpu_is_the_reference_of_tests() {
    let bench = Bench::new();
    let output = bench.output(&["devices", "--test", "--device", "cpu", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let json: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(
        (json["failed"].as_u64(), json["tests"].as_array().map(Vec::len)),
        (Some(0), Some(0))
    );
    assert!(stderr(&output).contains("nothing to test"), "{}", stderr(&output));
}
