//! Learning rates against those of the golden training runs, which PyTorch was trained with.

use isoflop_plan::Hyper;
use isoflop_train::learning_rate;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    steps: u64,
    hyper: Hyper,
    rates: Vec<f64>,
}

#[test]
fn schedules_are_those_of_the_golden_runs() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../model/tests/golden/llama.json");
    let golden: Golden = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for run in golden.runs {
        assert_eq!(run.rates.len() as u64, run.steps);
        for (step, expected) in (0..).zip(run.rates) {
            let rate = learning_rate(&run.hyper, step, run.steps);
            // The file holds ten digits.
            let off = (rate - expected).abs() / expected;
            assert!(off < 1e-9, "{:?}, step {step}: {rate}, not {expected}", run.hyper.schedule);
        }
    }
}
