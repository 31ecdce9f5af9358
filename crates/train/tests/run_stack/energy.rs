//! Energy goes to cells as their seconds do, and survives checkpoints.

use std::sync::Arc;
use std::time::Duration;

use isoflop_device::{Gauge, Meter, Reading};
use isoflop_record::{EnergySource, RunInfo};

use super::*;

const WATTS: f64 = 100.0;
const SHARE: f64 = 0.5;

/// Always the same power, until it has been read so often.
struct Steady(usize);

impl Gauge for Steady {
    fn read(&mut self) -> Result<Reading, String> {
        self.0 = self.0.checked_sub(1).ok_or("it was unplugged")?;
        Ok(Reading::Watts(WATTS))
    }

    fn interval(&self) -> Option<Duration> {
        None
    }
}

fn metered(dir: Option<&Path>, source: EnergySource, readings: usize) -> TrainOptions {
    let meter = Meter::open(source, "a fake".into(), Steady(readings)).expect("it can be read");
    let attempt = Attempt { device_share: SHARE, ..attempt() };
    TrainOptions { attempt, meter: Some(Arc::new(meter)), ..options(dir) }
}

/// Three cells that fork, end and are evaluated at different steps.
fn cells(corpus: &Corpus) -> Vec<Cell> {
    vec![
        cell(corpus, 300, WSD, 1e-2, 1),
        cell(corpus, 200, WSD, 1e-2, 1),
        cell(corpus, 250, COSINE, 3e-3, 2),
    ]
}

fn assert_drawn(run: &RunInfo, source: EnergySource) {
    let expected = WATTS * SHARE * (run.train_seconds + run.eval_seconds);
    let joules = run.energy_joules.expect("it was counted");
    assert!((joules / expected - 1.0).abs() < 1e-6, "{joules} J for {expected} J");
    assert_eq!(run.energy_source, Some(source));
}

#[test]
fn shares_add_up_to_what_the_meter_counted() {
    let corpus = corpus();
    let options = metered(None, EnergySource::Rapl, usize::MAX);
    let mut done = Records::new();
    train(&stack("j", cells(&corpus)), &corpus, &options, &mut done, None);
    assert_eq!(done.len(), 3);
    done.values().for_each(|record| assert_drawn(&record.run, EnergySource::Rapl));
    let sum: f64 = done.values().filter_map(|record| record.run.energy_joules).sum();
    let (_, counted) = options.meter.as_ref().and_then(|meter| meter.joules()).expect("it counts");
    assert!(sum <= counted * SHARE && sum > 0.0, "{sum} J of {counted} J");
}

#[test]
fn a_stack_that_is_resumed_keeps_what_was_counted_before() {
    let corpus = corpus();
    let stack = stack("k", cells(&corpus));
    let dir = tempfile::tempdir().expect("a folder");
    let (mut done, mut stops) = (Records::new(), 0);
    let next = || metered(Some(dir.path()), EnergySource::Nvml, usize::MAX);
    while train(&stack, &corpus, &next(), &mut done, Some(1)) == StackEnd::Interrupted {
        stops += 1;
        assert!(stops < 1000);
    }
    assert!(done.values().any(|record| record.run.resumed > 0), "it was never interrupted");
    done.values().for_each(|record| assert_drawn(&record.run, EnergySource::Nvml));
}

#[test]
fn a_part_that_was_not_counted_leaves_the_whole_unknown() {
    let corpus = corpus();
    let unplugged = metered(None, EnergySource::Rapl, 3);
    let mut done = Records::new();
    train(&stack("u", cells(&corpus)), &corpus, &unplugged, &mut done, None);
    assert!(done.values().all(|record| record.run.energy_joules.is_none()));
    assert!(unplugged.meter.and_then(|meter| meter.failure()).is_some());

    // Begun without a meter, or under one of another kind.
    let stack = stack("v", vec![cell(&corpus, 2000, COSINE, 1e-2, 1)]);
    let before = [None, Some(EnergySource::Given)];
    for before in before {
        let dir = tempfile::tempdir().expect("a folder");
        let first = match before {
            Some(source) => metered(Some(dir.path()), source, usize::MAX),
            None => options(Some(dir.path())),
        };
        let mut done = Records::new();
        let end = train(&stack, &corpus, &first, &mut done, Some(1));
        assert_eq!(end, StackEnd::Interrupted);
        let then = metered(Some(dir.path()), EnergySource::Rapl, usize::MAX);
        train(&stack, &corpus, &then, &mut done, None);
        let run = &done.values().next().expect("it ended").run;
        assert_eq!((run.energy_joules, run.energy_source), (None, None));
    }
}
