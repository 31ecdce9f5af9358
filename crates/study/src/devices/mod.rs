//! A study on several devices of one machine. Each has a process of its own, since a driver that crashes takes its process along;
//! this one opens no device, keeps the one ledger and says who trains what.
//!
//! A device that is free asks for a stack; it gets the costliest that it would be done with first ([`isoflop_speed::share`]), by its
//! measured speed. Records come back over a pipe, and a cell is not over before its record is on the disk. Checkpoints lie where those
//! of one device do, so that any device goes on from what another one left.

mod child;
mod compare;
mod crew;
mod device;
mod hand_out;
mod message;
mod pace;
mod process;
#[cfg(test)]
mod tests;
mod train;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use isoflop_data::Corpus;
use isoflop_device::{Choice, DeviceError};
use isoflop_durable::write_sealed;
use isoflop_ledger::{Ledger, Locks};
use isoflop_plan::{CellId, Config, DeviceName, Grid, Precision, Stack, StackLimits, deal};
use isoflop_speed::Rates;

use crate::begun::{keep_begun, take_from_shards};
use crate::calibration::fit_calibrations;
use crate::clock::Clock;
use crate::error::StudyError;
use crate::events::{Observer, Training};
use crate::facts::StudyData;
use crate::limits::refuse_too_large;
use crate::open::{build_grid, open_ledger, prepare_data, settle, trained_in};
use crate::run::{Ended, RunOptions, tell_doubts};
use crate::schedule::End;
use crate::sealed::read_sealed;
use crate::stop::Stop;
use crate::widths::restack;
pub use child::device_process_main;
pub(crate) use crew::Crew;
use device::Device;
use message::{Begin, Measure, Opened};
use process::Start;
pub(crate) use process::start;
use train::Work;

/// Set in a process that is to train on one device.
const SET: &str = "ISOFLOP_DEVICE_PROCESS";

/// Marks a word among whatever a driver prints.
const MARK: &str = "isoflop-device:";

/// Whether this program calls [`device_process_main`].
static AVAILABLE: AtomicBool = AtomicBool::new(false);

/// Rates of the devices of a study, beside its ledger.
pub(crate) const RATES_FILE: &str = "devices.json";

/// The devices that a configuration means. Where it is one, the configuration names it from now on.
///
/// # Errors
/// [`StudyError::Device`]; [`StudyError::Misuse`] where this program cannot train on several.
pub(crate) fn several(
    config: &mut Config,
    observer: &mut dyn Observer,
) -> Result<Option<Vec<Choice>>, StudyError> {
    if !config.device.name.is_several() {
        return Ok(None);
    }
    let list = isoflop_device::list();
    let mut choices = list.pick_each(&config.device).map_err(|source| of_device(config, source))?;
    if choices.len() == 1 {
        let one = choices.remove(0);
        observer.note(format!("the only device that is meant: {}", one.info.label()));
        config.device.name = DeviceName::Named(one.info.id);
        return Ok(None);
    }
    if !AVAILABLE.load(Ordering::Relaxed) {
        return Err(StudyError::Misuse(
            "several devices need processes of their own, which this program does not offer\nhint: name one device, or have `main` call `isoflop::device_process_main`".into(),
        ));
    }
    Ok(Some(choices))
}

fn of_device(config: &Config, source: DeviceError) -> StudyError {
    let place = config.place("device.name").map(|place| place.to_string());
    StudyError::Device { place, source: source.into() }
}

/// Trains what a study lacks on these devices.
///
/// # Errors
/// [`StudyError`].
pub(crate) fn run(
    config: &mut Config,
    choices: &[Choice],
    options: &RunOptions,
    start: Start,
    observer: &mut dyn Observer,
    stop: &dyn Stop,
) -> Result<Ended, StudyError> {
    let mut clock = Clock::start();
    fit_calibrations(config, observer)?;
    let mut ledger =
        open_ledger(config, options.extend, &options.command, Locks::Needed, observer)?;
    if config.train.precision.known().is_none()
        && let Some(earlier) = trained_in(ledger.contents())
    {
        observer.note(format!("precision: {}, as the cells there have it", earlier.word()));
        config.decide_precision(earlier);
    }

    // plan, data: the devices open while the data is prepared, unless there may be nothing to do for them
    let decided = config.train.precision.known().is_some();
    let begins = ledger.contents().records.is_empty() || !decided;
    let crew = begins.then(|| Crew::start(choices, config, start, observer)).transpose()?;
    let corpus = prepare_data(config, observer)?;
    let data = StudyData::of(&corpus);
    data.check_same(ledger.folder(), ledger.contents().records.len(), observer)?;
    clock.lap("data");
    let mut crew = match crew {
        Some(crew) => crew,
        None => {
            let grid = build_grid(config, &corpus, &data, None)?;
            if ledger.remaining(grid.cells.iter().map(|planned| &planned.cell)).is_empty() {
                settle(config, options.extend, &mut ledger, &data, observer)?;
                return Ok(Ended { grid, data, ledger, end: None, clock });
            }
            Crew::start(choices, config, start, observer)?
        }
    };
    let limits = open(&mut crew, config, observer)?;
    let mut grid = build_grid(config, &corpus, &data, Some(limits))?;
    refuse_for_all(&grid, &crew)?;
    settle(config, options.extend, &mut ledger, &data, observer)?;
    tell_doubts(&grid, ledger.contents().records.is_empty(), observer);
    clock.lap("device");

    // train -> ledger
    if ledger.remaining(grid.cells.iter().map(|planned| &planned.cell)).is_empty() {
        return Ok(Ended { grid, data, ledger, end: None, clock });
    }
    let planned = grid.clone();
    let part = Part { config, corpus: &corpus, free: true };
    let end = train(&mut crew, &part, &mut ledger, &mut grid, observer, stop, &mut clock)?;
    Ok(Ended { grid: planned, data, ledger, end: Some(end), clock })
}

/// Waits until the devices are open, and settles the precision that is left to them. Limits of the first of them.
///
/// # Errors
/// As [`Crew::gather`].
pub(crate) fn open(
    crew: &mut Crew,
    config: &mut Config,
    observer: &mut dyn Observer,
) -> Result<StackLimits, StudyError> {
    crew.gather(observer, |device| device.opened.is_some())?;
    let opened: Vec<&Opened> = crew.devices.iter().filter_map(|d| d.opened.as_ref()).collect();
    decide_precision(config, &opened, observer);
    Ok(opened.first().expect("a device is open").limits)
}

/// What is trained of a study.
pub(crate) struct Part<'a> {
    pub config: &'a Config,
    pub corpus: &'a Corpus,
    /// Whether its cells may be grouped anew into stacks.
    pub free: bool,
}

/// Trains what a ledger lacks of a grid's stacks.
///
/// # Errors
/// What keeps the study from being done.
pub(crate) fn train(
    crew: &mut Crew,
    part: &Part,
    ledger: &mut Ledger,
    grid: &mut Grid,
    observer: &mut dyn Observer,
    stop: &dyn Stop,
    clock: &mut Clock,
) -> Result<End, StudyError> {
    measure(crew, part, ledger, observer)?;
    clock.lap("measurements");
    let cells = grid.stacks.iter().flat_map(|stack| &stack.cells).map(|cell| cell.id.clone());
    let done: BTreeSet<CellId> = cells.filter(|id| ledger.is_done(id)).collect();
    if part.free {
        // A device that could not hold such a stack is not given it.
        let (limits, widths) = fastest(&crew.devices, grid);
        restack(grid, limits, widths);
        take_from_shards(ledger.folder())?;
    }
    spread(grid, &done, crew.devices.iter().filter(|device| device.is_there()).count());
    keep_begun(grid, ledger.folder(), |id| done.contains(id))?;
    let cells = |stack: &Stack| stack.cells.iter().map(|cell| cell.id.clone()).collect();
    crew.lay_out(grid.stacks.iter().map(cells).collect());
    stop.saving(true);
    let order: Vec<usize> = (0..grid.stacks.len()).rev().collect();
    let training = Training::new(observer, grid, None, &order, crew.devices.len(), done);
    let end = Work::new(crew, ledger, training, &grid.stacks, part).go(stop);
    stop.saving(false);
    clock.lap("training");
    observer.clear();
    ledger.check()?;
    end
}

/// Has the devices say what they are and how fast, as far as it is not known.
fn measure(
    crew: &mut Crew,
    part: &Part,
    ledger: &mut Ledger,
    observer: &mut dyn Observer,
) -> Result<(), StudyError> {
    let mut rates = known_rates(ledger.folder())?;
    let with_peaks = |ledger: &Ledger| {
        let all = ledger.contents().passports.values();
        all.filter(|passport| !passport.peaks.is_empty()).cloned().collect()
    };
    let labels: BTreeSet<&str> =
        crew.devices.iter().filter_map(|d| Some(&d.opened.as_ref()?.label[..])).collect();
    crew.begin(Begin {
        precision: part.config.train.precision.known().unwrap_or(Precision::F32),
        data_sha256: part.corpus.sha256().to_owned(),
        measure: match part.free {
            _ if labels.len() > 1 => Measure::Always,
            true => Measure::IfWorth,
            // Stacks are as they were dealt out, and the devices are alike.
            false => Measure::Never,
        },
        widths: part.free,
        passports: with_peaks(ledger),
        rates: rates.clone(),
    });
    crew.gather(observer, |device| device.ready.is_some())?;
    for device in &mut crew.devices {
        let Some(ready) = &mut device.ready else { continue };
        let hash = ledger.keep_passport(ready.passport.clone())?;
        if let Some(known) = ledger.passport(&hash) {
            ready.passport = known.clone();
        }
        if let Some(found) = &ready.rates {
            rates.insert(found.device.clone(), found.clone());
        }
    }
    crew.measured(with_peaks(ledger), rates.clone());
    if !rates.is_empty() {
        write_sealed(&ledger.folder().join(RATES_FILE), &rates)?;
        ledger.hold(RATES_FILE)?;
    }
    Ok(())
}

/// Refuses models that none of the devices could hold.
pub(crate) fn refuse_for_all(grid: &Grid, crew: &Crew) -> Result<(), StudyError> {
    let opened = crew.devices.iter().filter_map(|device| device.opened.as_ref());
    let mut refusals: Vec<StudyError> = Vec::new();
    for device in opened {
        match refuse_too_large(grid, device.limits, &device.label) {
            Ok(()) => return Ok(()),
            Err(refusal) => refusals.push(refusal),
        }
    }
    refusals.into_iter().next().map_or(Ok(()), Err)
}

/// Settles `train.precision = "auto"`: what all devices take, else what all of them compute.
fn decide_precision(config: &mut Config, opened: &[&Opened], observer: &mut dyn Observer) {
    if config.train.precision.known().is_some() {
        return;
    }
    let mut autos = opened.iter().map(|opened| opened.auto);
    let first = autos.next().unwrap_or(Precision::F32);
    let decided = if autos.all(|auto| auto == first) { first } else { Precision::F32 };
    let why = if decided == first { "by auto" } else { "since the devices would take others" };
    observer.note(format!("precision: {}, {why}", decided.word()));
    config.decide_precision(decided);
}

/// Limits and rates of the device that trains the whole grid fastest, as far as is known.
fn fastest<'c>(devices: &'c [Device], grid: &Grid) -> (StackLimits, Option<&'c Rates>) {
    let seconds = |rates: Option<&Rates>| {
        let of = |stack: &Stack| Some(stack.cost_flops() / rates?.of(stack)?.flops_per_second);
        let all: Option<f64> = grid.stacks.iter().map(of).sum();
        all.zip(rates).map_or(f64::INFINITY, |(all, rates)| all / rates.stacks_at_once as f64)
    };
    let of = |device: &'c Device| {
        Some((device.opened.as_ref()?.limits, device.ready.as_ref()?.rates.as_ref()))
    };
    let first = devices.iter().filter_map(of).min_by(|a, b| seconds(a.1).total_cmp(&seconds(b.1)));
    first.expect("a device is ready")
}

/// Halves wide stacks where the devices would not be done at the same time else. Cells that have ended are in stacks of their own.
fn spread(grid: &mut Grid, done: &BTreeSet<CellId>, devices: usize) {
    let (mut open, mut stacks) = (Vec::new(), Vec::new());
    for stack in std::mem::take(&mut grid.stacks) {
        let (ended, left): (Vec<_>, Vec<_>) =
            stack.cells.into_iter().partition(|cell| done.contains(&cell.id));
        stacks.extend((!ended.is_empty()).then(|| Stack::of(ended)));
        open.extend((!left.is_empty()).then(|| Stack::of(left)));
    }
    let dealt = deal(&open, devices, Stack::cost_flops, |_| false);
    stacks.extend(dealt.packings.into_iter().flat_map(|packing| packing.stacks));
    stacks.sort_by(|a, b| a.cost_flops().total_cmp(&b.cost_flops()));
    grid.stacks = stacks;
}

/// What was measured for this study before, by the devices' labels.
pub(crate) fn known_rates(folder: &std::path::Path) -> Result<BTreeMap<String, Rates>, StudyError> {
    let hint = "remove it, and it is measured again";
    Ok(read_sealed(&folder.join(RATES_FILE), hint)?.unwrap_or_default())
}
