//! What a process does that trains on one device of several.

use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use isoflop_device::TrainDevice;
use isoflop_ledger::Passport;
use isoflop_plan::{Config, DeviceName, Grid};
use isoflop_speed::Rates;

use super::message::{Begin, Measure, Opened, Order, Word};
use super::wire::{Records, Stacks, Teller, Wire};
use super::{AVAILABLE, SET};
use crate::energy::Metering;
use crate::error::{StudyError, in_words};
use crate::events::{Observer, Silent};
use crate::facts::StudyData;
use crate::limits::{stack_limits, workers};
use crate::open::{build_grid, open_device, prepare_data, request};
use crate::overheads::Overheads;
use crate::passport;
use crate::run::{TRIALS, worth_measuring};
use crate::schedule::{Desk, Prepared, train_supplied};
use crate::tasks::stacks_of_cells;
use crate::widths::Measurer;

/// To be called early in `main` of a program that is to train on several devices.
///
/// In a process that was started for one of them it trains, after `prepare`, and ends the process. In any other it only notes that
/// the program may start itself so.
pub fn device_process_main(prepare: impl FnOnce()) {
    if std::env::var_os(SET).is_none() {
        AVAILABLE.store(true, Ordering::Relaxed);
        return;
    }
    prepare();
    let (wire, orders) = Wire::open();
    let ended = serve(&wire, &orders);
    match ended {
        Ok(()) => wire.say(&Word::Done),
        Err(error) => wire.say(&Word::Failed {
            device: matches!(error, StudyError::Device { .. } | StudyError::DeviceLost { .. }),
            misuse: error.is_misuse(),
            words: in_words(&error),
        }),
    }
    std::process::exit(0);
}

/// Trains what the study says.
fn serve(wire: &Wire, orders: &Receiver<Order>) -> Result<(), StudyError> {
    let next = || orders.recv().unwrap_or_else(|_| std::process::exit(1));
    let Order::Open { config, device, precision } = next() else { return Err(StudyError::Stopped) };
    let mut config = Config::parse(&config, "the study's configuration")?;
    config.device.name = DeviceName::Named(device);
    let teller = &mut Teller(wire);
    if let Some(decided) = precision.filter(|_| config.train.precision.is_auto()) {
        config.decide_precision(decided);
    }
    let known = config.train.precision.known();
    let request = request(known.into_iter().collect(), known.is_none());
    let device = open_device(&config.device, &request, teller)
        .map_err(|source| StudyError::Device { place: None, source: source.into() })?;
    let limits = stack_limits(&config, &device);
    wire.say(&Word::Opened(Opened {
        label: device.info.label(),
        precisions: device.precisions.clone(),
        auto: device.auto_precision(),
        limits,
    }));

    let Order::Begin(begin) = next() else { return Err(StudyError::Stopped) };
    if config.train.precision.is_auto() {
        config.decide_precision(begin.precision);
    }
    config.check_early(&device.info.label(), &device.precisions)?;
    // The study has told of its data.
    let corpus = prepare_data(&config, &mut Silent)?;
    if corpus.sha256() != begin.data_sha256 {
        return Err(StudyError::Misuse(
            "the data changed while the study was begun\nhint: give the same command again".into(),
        ));
    }
    let data = StudyData::of(&corpus);
    let mut grid = build_grid(&config, &corpus, &data, Some(limits))?;
    let passport = passport_of(&config, &device, &begin, teller);
    let hash = passport.hash();
    let rates = rates_of(
        &Measurer { config: &config, device: &device, limits },
        &grid,
        &begin,
        &passport,
        teller,
    )?;
    wire.say(&Word::Ready { passport: Box::new(passport), rates });

    let Order::Stacks(stacks) = next() else { return Err(StudyError::Stopped) };
    let Some(stacks) = stacks_of_cells(&stacks, &grid) else { return Err(StudyError::Stopped) };
    grid.stacks = stacks;
    let workers = workers(&config, limits, &device, grid.stacks.iter())?;
    let metering = Metering::open(&device, &config.device);
    let study = Prepared {
        config: &config,
        grid: &grid,
        corpus: &corpus,
        device: &device,
        limits,
        meter: metering.meter(),
        passport: &hash,
        rates: None,
    };
    let mut overheads = Overheads::of(workers.count());
    let supply = &Stacks { wire, places: workers.count() };
    let desk = Desk { book: &mut Records(wire), reports: &mut Teller(wire), supply, stop: wire };
    let ended = train_supplied(&study, desk, &workers, &mut overheads);
    // A device that is lost may never be done.
    ended.map(|_| device.wait())
}

/// With its peaks, unless the study has them.
fn passport_of(
    config: &Config,
    device: &TrainDevice,
    begin: &Begin,
    observer: &mut dyn Observer,
) -> Passport {
    let hash = passport::without_peaks(config, device, &begin.data_sha256).hash();
    match begin.passports.iter().find(|known| known.hash() == hash) {
        Some(known) => known.clone(),
        None => passport::measured(config, device, &begin.data_sha256, observer),
    }
}

/// Rates of a few stacks, where training takes long enough for it.
fn rates_of(
    measurer: &Measurer,
    grid: &Grid,
    begin: &Begin,
    passport: &Passport,
    observer: &mut dyn Observer,
) -> Result<Option<Rates>, StudyError> {
    let shapes = || grid.stacks.iter().filter_map(|stack| stack.cells.first());
    if let Some(known) = begin.rates.get(&measurer.device.info.label())
        && shapes().all(|cell| known.reach(cell.step_flops()))
    {
        return Ok(Some(known.clone()));
    }
    let measures = match begin.measure {
        Measure::Never => false,
        Measure::IfWorth => worth_measuring(Some(passport), grid),
        Measure::Always => true,
    };
    if !measures {
        return Ok(None);
    }
    let widths = match begin.widths {
        true => measurer.measured_widths(grid, observer)?,
        false => None,
    };
    match widths {
        Some(widths) => Ok(Some(widths)),
        None => Ok(Some(measurer.planned(grid, TRIALS, observer)?)),
    }
}
