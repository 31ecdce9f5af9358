//! `sweep run`, the main job: plan -> data -> train -> ledger -> fit -> report.

use std::process::ExitCode;

use anyhow::Context;
use isoflop_device::TrainDevice;
use isoflop_ledger::{CHECKPOINT_FOLDER, Ledger};
use isoflop_plan::{Config, Grid};

use crate::cli::RunArgs;
use crate::clock::Clock;
use crate::facts::StudyData;
use crate::measure::{Effort, measure};
use crate::progress::{Progress, Update};
use crate::publish::{Results, publish};
use crate::shell::command_line;
use crate::signals::{Signal, Signals};
use crate::train::{End, Job, train};
use crate::{failure, passport, print, study, widths};

/// A forecast is worth a measurement where training takes longer than the device's peak rate needs for this many seconds'
/// worth of FLOPs. Small models reach a tenth of the peak or less.
const MEASURE_ABOVE_PEAK_SECONDS: f64 = 10.0;

/// Each of a few samples for the forecast takes so small a share of the training.
const MEASUREMENT: Effort = Effort::OneIn(600);

/// Trains what is missing, fits all there is and writes the report.
pub fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let mut progress = Progress::new(&args.output);
    let signals = listen(args)?;
    let mut clock = Clock::start();

    // plan
    let mut config = study::load(&args.study)?;
    let device = study::open_device_for(&args.study, &mut config, &mut progress)?;
    let mut failed = 0;
    let mut ledger = study::open_ledger(&config, args.extend, &mut progress)?;
    clock.lap("device");

    // data
    let corpus = study::prepare_data(&config, &mut progress)?;
    let data = StudyData::of(&corpus);
    let mut grid = study::build_grid(&config, &corpus, &data, Some(&device))?;
    study::refuse_too_large(&config, &grid, &device)?;
    data.write(ledger.folder())?;
    for warning in &grid.warnings {
        progress.warn(format!("{warning}\nhint: {}", warning.advice()));
    }

    clock.lap("data");

    // train -> ledger
    if !ledger.remaining(grid.cells.iter().map(|planned| &planned.cell)).is_empty() {
        let passport =
            keep_passport(&mut ledger, &config, &device, corpus.sha256(), &mut progress)?;
        let worth_measuring = worth_measuring(&ledger, &grid, &passport);
        let folder = ledger.folder();
        let found =
            widths::of_study(&config, &grid, &device, folder, worth_measuring, &mut progress)?;
        grid.restack(study::stack_limits(&config, &device), found.as_ref());
        let throughput = match found {
            Some(widths) if widths.device == device.info.label() => Some(widths.throughput()),
            _ if worth_measuring => {
                Some(measure(&config, &grid, &corpus, &device, MEASUREMENT, &mut progress)?)
            }
            _ => None,
        };
        clock.lap("measurements");
        let trained_before = ledger.contents().records.len();
        let job = Job {
            config: &config,
            grid: &grid,
            corpus: &corpus,
            device: &device,
            passport: &passport,
            throughput: throughput.as_ref(),
        };
        let end = signals.while_saving(|| train(&job, &mut ledger, &mut progress, &signals));
        device.wait();
        clock.lap_training(&ledger.contents().records[trained_before..]);
        progress.clear();
        match end? {
            End::Interrupted(signal) => {
                say_interrupted(signal, args.output.json);
                return Ok(ExitCode::from(signal.exit_code()));
            }
            End::Completed { failed: 0 } => remove_checkpoints(&ledger)?,
            End::Completed { failed: cells } => {
                failed = cells;
                progress.warn(format!(
                    "{failed} cells failed and are left out of the fit; the same command tries them again"
                ));
            }
        }
    } else {
        // A process that was killed behind its last cell has left them.
        remove_checkpoints(&ledger)?;
        progress.note(format!(
            "all {} cells are in {}",
            grid.cells.len(),
            ledger.folder().display()
        ));
    }

    // fit -> report
    let results = Results {
        config: &config,
        grid: &grid,
        data: &data,
        contents: ledger.contents(),
        folder: ledger.folder(),
    };
    publish(&results, &args.output, &mut progress)?;
    clock.lap("fit and report");
    let parts = clock.parts();
    let seconds = parts.iter().map(|part| part.seconds).sum();
    progress.tell(&Update::Spent { seconds, parts });
    Ok(ExitCode::from(if failed > 0 { failure::FAILED } else { 0 }))
}

/// Before training there is nothing to save, so a signal ends the process from the listening thread.
fn listen(args: &RunArgs) -> anyhow::Result<Signals> {
    let json = args.output.json;
    Signals::listen(Box::new(move |signal| {
        say_interrupted(signal, json);
        std::process::exit(signal.exit_code().into());
    }))
}

fn say_interrupted(signal: Signal, json: bool) {
    let command = command_line();
    if json {
        let line = serde_json::json!({
            "event": "interrupted",
            "signal": signal.to_string(),
            "continue": command,
        });
        print::say(&line.to_string());
    } else {
        print::say(&format!("interrupted by {signal}; to continue:\n\n    {command}\n"));
    }
}

/// Keeps this process's passport. Peaks are measured once per folder and machine.
fn keep_passport(
    ledger: &mut Ledger,
    config: &Config,
    device: &TrainDevice,
    data_sha256: &str,
    progress: &mut Progress,
) -> anyhow::Result<String> {
    let hash = passport::without_peaks(config, device, data_sha256).hash();
    if ledger.passport(&hash).is_some_and(|known| !known.peaks.is_empty()) {
        return Ok(hash);
    }
    if !device.info.is_cpu() {
        progress.note("measuring the device's fastest products");
    }
    Ok(ledger.keep_passport(passport::measured(config, device, data_sha256, progress))?)
}

fn worth_measuring(ledger: &Ledger, grid: &Grid, passport: &str) -> bool {
    let peak = ledger.passport(passport).and_then(|passport| {
        passport.peaks.iter().map(|peak| peak.flops_per_second).max_by(f64::total_cmp)
    });
    peak.is_some_and(|peak| grid.train_flops() / peak > MEASURE_ABOVE_PEAK_SECONDS)
}

fn remove_checkpoints(ledger: &Ledger) -> anyhow::Result<()> {
    let folder = ledger.folder().join(CHECKPOINT_FOLDER);
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
