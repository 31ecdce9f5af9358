//! What a study took in energy, money and CO2, where no meter is needed for it.

use isoflop_ledger::EnergySource;

use crate::support::{Bench, stderr, stdout};

#[test]
fn devices_say_what_counts_their_energy() {
    let bench = Bench::new();
    let text = stdout(&bench.output(&["devices"]));
    let json = stdout(&bench.output(&["devices", "--json"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let devices = json["devices"].as_array().unwrap();
    let energy = json["energy"].as_array().unwrap();
    assert_eq!(text.lines().filter(|line| line.contains(" energy: ")).count(), devices.len());
    assert_eq!(energy.len(), devices.len());
    for (device, energy) in devices.iter().zip(energy) {
        assert_eq!(device["id"], energy["id"]);
        match energy["source"].as_str() {
            Some(source) => assert!(["nvml", "rapl"].contains(&source), "{energy}"),
            None => {
                assert!(energy["needed"].as_str().unwrap().contains("device.watts"), "{energy}")
            }
        }
    }
}

#[test]
fn a_study_says_what_it_took() {
    let bench = Bench::new();
    let settings = "name = \"cpu\"\nwatts = 50\nprice_per_hour = 3.6\ngrams_co2_per_kwh = 400";
    bench.changed("name = \"cpu\"", settings);
    let output = bench.output(&["--config", "tiny.toml", "--results", "results", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let said = stderr(&output);
    let notes = said.lines().filter(|line| line.contains("spent: ")).collect::<Vec<_>>();
    assert!(notes.len() == 1 && notes[0].contains(", cost "), "{said}");

    let records = bench.contents("results").records;
    let (mut joules, mut seconds) = (0.0, 0.0);
    for run in records.iter().map(|record| &record.run) {
        let own = run.energy_joules.expect("a power was given");
        if run.energy_source == Some(EnergySource::Given) {
            let expected = 50.0 * run.device_seconds();
            assert!((own / expected - 1.0).abs() < 1e-6, "{own} J for {expected} J");
        }
        joules += own;
        seconds += run.device_seconds();
    }
    let json: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let spending = |key: &str| json["spending"][key].as_f64().unwrap();
    let near = |found: f64, expected: f64| {
        assert!((found / expected - 1.0).abs() < 1e-9, "{found} is not {expected}");
    };
    near(spending("device_seconds"), seconds);
    near(spending("joules"), joules);
    near(spending("cost"), seconds * 3.6 / 3600.0);
    near(spending("grams_co2"), joules * 400.0 / 3.6e6);
    assert_eq!(json["spending"]["cells_without_energy"], 0);

    let page = std::fs::read_to_string(bench.path("results/report.html")).unwrap();
    assert!(page.contains("Spent on its cells") && page.contains(", cost "));
}

#[test]
fn without_a_meter_one_line_says_what_would_be_needed() {
    let bench = Bench::new();
    let said = stderr(&bench.finish("results"));
    let counted = bench.contents("results").records.iter().all(|r| r.run.energy_joules.is_some());
    let lines = |what: &str| said.lines().filter(|line| line.contains(what)).count();
    let expected = if counted { (1, 0) } else { (0, 1) };
    assert_eq!((lines("spent: "), lines("energy: not counted")), expected, "{said}");
    assert!(!said.contains("warning: energy"), "{said}");
    let ledger = std::fs::read_to_string(bench.path("results/ledger.jsonl")).unwrap();
    assert_eq!(ledger.contains("energy"), counted, "what is missing is left out");
    // Nothing is trained, so nothing is missing.
    let said = stderr(&bench.finish("results"));
    assert!(!said.contains("energy: not counted"), "{said}");
}
