//! The main job: plan -> data -> train -> ledger -> fit -> report.

use isoflop_device::TrainDevice;
use isoflop_durable::FileError;
use isoflop_ledger::{CHECKPOINT_FOLDER, Ledger, Locks, Passport};
use isoflop_plan::{Config, Grid, StackLimits};
use isoflop_speed::Effort;
use isoflop_text::counted;

use crate::begun::{keep_begun, take_from_shards};
use crate::clock::Clock;
use crate::devices::{self, Part};
use crate::energy::{self, Metering};
use crate::error::StudyError;
use crate::events::{Observer, Update};
use crate::facts::StudyData;
use crate::folder::MAKE_AGAIN;
use crate::limits::{refuse_too_large, stack_limits};
use crate::open::{build_grid, open_ledger, open_study_device, prepare_data, settle};
use crate::overheads::Overheads;
use crate::passport;
use crate::publish::{Published, Results, publish};
use crate::schedule::{self, Prepared, train};
use crate::stop::Stop;
use crate::widths::{self, Measurer};

/// A forecast is worth a measurement where training takes longer than the device's peak rate needs for this many seconds'
/// worth of FLOPs. Small models reach a tenth of the peak or less.
const MEASURE_ABOVE_PEAK_SECONDS: f64 = 10.0;

/// Each of a few trials for the forecast takes so small a share of the training.
pub(crate) const TRIALS: Effort = Effort::OneIn(600);

/// How a study is to be run.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Accept a grid that changed since the results were begun: cells in common are kept.
    pub extend: bool,
    /// What a second process that wants the folder is told this one runs.
    pub command: String,
}

/// How a run ended.
pub enum End {
    /// Every cell has a record, and the report is written.
    Done {
        /// Cells that failed and would be tried again.
        failed: usize,
        /// What was made of the records.
        published: Box<Published>,
    },
    /// It was asked to stop while it trained. Checkpoints hold what is not done: the same call goes on.
    Interrupted { by: String },
}

/// Trains what a configuration's results folder (`study.results`) does not hold yet, fits all it holds and writes the report.
///
/// # Errors
/// [`StudyError`]. What a device does wrong while it trains ends in records of failed cells, not here.
pub fn run(
    mut config: Config,
    options: &RunOptions,
    observer: &mut dyn Observer,
    stop: &dyn Stop,
) -> Result<End, StudyError> {
    let mut metering = None;
    let ended = match devices::several(&mut config, observer)? {
        Some(choices) => {
            devices::run(&mut config, &choices, options, &devices::start, observer, stop)?
        }
        None => on_one_device(&mut config, options, &mut metering, observer, stop)?,
    };
    let Ended { grid, data, mut ledger, end, mut clock } = ended;
    let mut failed = 0;
    match end {
        Some(schedule::End::Interrupted { by }) => return Ok(End::Interrupted { by }),
        Some(schedule::End::Completed { failed: 0 }) => remove_checkpoints(&ledger)?,
        Some(schedule::End::Completed { failed: cells }) => {
            failed = cells;
            observer.warn(format!(
                "{failed} cells failed and are left out of the fit; the same command tries them again"
            ));
        }
        None => {
            // A process that was killed behind its last cell has left them.
            remove_checkpoints(&ledger)?;
            observer.note(format!(
                "all {} cells are in {}",
                grid.cells.len(),
                ledger.folder().display()
            ));
        }
    }

    // fit -> report
    let results = Results {
        config: &config,
        grid: &grid,
        data: &data,
        contents: ledger.contents(),
        folder: ledger.folder(),
        command: MAKE_AGAIN,
    };
    let published = publish(&results, observer);
    // What was published would lie in a folder that nobody finds.
    ledger.check()?;
    let published = Box::new(published?);
    clock.lap("fit and report");
    energy::tell(&published.spending, metering.as_ref(), observer);
    let (seconds, parts) = clock.end();
    observer.tell(&Update::Spent { seconds, parts: &parts });
    Ok(End::Done { failed, published })
}

/// A study behind its training.
pub(crate) struct Ended {
    pub grid: Grid,
    pub data: StudyData,
    pub ledger: Ledger,
    /// `None` where nothing was left to train.
    pub end: Option<schedule::End>,
    pub clock: Clock,
}

/// Trains what a study lacks on the one device that is meant.
fn on_one_device(
    config: &mut Config,
    options: &RunOptions,
    metering: &mut Option<Metering>,
    observer: &mut dyn Observer,
    stop: &dyn Stop,
) -> Result<Ended, StudyError> {
    let mut clock = Clock::start();

    // plan
    let device = open_study_device(config, observer)?;
    let limits = stack_limits(config, &device);
    let mut ledger =
        open_ledger(config, options.extend, &options.command, Locks::Needed, observer)?;
    clock.lap("device");

    // data
    let corpus = prepare_data(config, observer)?;
    let data = StudyData::of(&corpus);
    data.check_same(ledger.folder(), ledger.contents().records.len(), observer)?;
    let mut grid = build_grid(config, &corpus, &data, Some(limits))?;
    refuse_too_large(&grid, limits, &device.info.label())?;
    settle(config, options.extend, &mut ledger, &data, observer)?;
    tell_doubts(&grid, ledger.contents().records.is_empty(), observer);
    clock.lap("data");

    // train -> ledger
    if ledger.remaining(grid.cells.iter().map(|planned| &planned.cell)).is_empty() {
        return Ok(Ended { grid, data, ledger, end: None, clock });
    }
    let part = Part { config, corpus: &corpus, free: true };
    let here = Here { device: &device, limits, metering };
    let end = train_here(here, &part, &mut ledger, &mut grid, observer, stop, &mut clock)?;
    Ok(Ended { grid, data, ledger, end: Some(end), clock })
}

/// The one device that trains.
pub(crate) struct Here<'a> {
    pub device: &'a TrainDevice,
    pub limits: StackLimits,
    /// What counted its energy goes in here.
    pub metering: &'a mut Option<Metering>,
}

/// Trains what a ledger lacks of a grid's stacks.
///
/// # Errors
/// What keeps the study from being done.
pub(crate) fn train_here(
    here: Here,
    part: &Part,
    ledger: &mut Ledger,
    grid: &mut Grid,
    observer: &mut dyn Observer,
    stop: &dyn Stop,
    clock: &mut Clock,
) -> Result<schedule::End, StudyError> {
    let Here { device, limits, metering } = here;
    let &Part { config, corpus, free } = part;
    let passport = keep_passport(ledger, config, device, corpus.sha256(), observer)?;
    let mut rates = None;
    if free {
        let worth = worth_measuring(ledger.passport(&passport), grid);
        let measurer = Measurer { config, device, limits };
        let widths = measurer.widths(grid, worth, observer)?;
        measurer.restack(grid, widths.as_ref());
        take_from_shards(ledger.folder())?;
        ledger.hold(widths::FILE)?;
        rates = match widths {
            Some(widths) if widths.device == device.info.label() => Some(widths),
            _ if worth => Some(measurer.planned(grid, TRIALS, observer)?),
            _ => None,
        };
        clock.lap("measurements");
    }
    keep_begun(grid, ledger.folder(), |id| ledger.is_done(id))?;
    let metering = metering.insert(Metering::open(device, &config.device));
    let study = Prepared {
        config,
        grid,
        corpus,
        device,
        limits,
        meter: metering.meter(),
        passport: &passport,
        rates: rates.as_ref(),
    };
    let before = ledger.contents().records.len();
    let mut overheads = Overheads::default();
    stop.saving(true);
    let end = train(&study, ledger, observer, stop, &mut overheads);
    stop.saving(false);
    device.wait();
    let records = ledger.contents().records.get(before..).unwrap_or_default();
    clock.lap_training(records, &overheads);
    observer.clear();
    ledger.check()?;
    end
}

/// In short: the end of the run has them with what to do about them.
pub(crate) fn tell_doubts(grid: &Grid, begins: bool, observer: &mut dyn Observer) {
    let doubts = grid.doubts();
    match begins {
        _ if doubts.is_empty() => {}
        true => {
            doubts.iter().for_each(|doubt| observer.warn(doubt.text()));
            observer.note("`sweep plan` says what to do about that");
        }
        false => {
            let doubts = counted(doubts.len() as u64, "doubt");
            observer.note(format!("{doubts} about this grid, as `sweep plan` tells"));
        }
    }
}

/// Keeps this process's passport. Peaks are measured once per folder and machine.
fn keep_passport(
    ledger: &mut Ledger,
    config: &Config,
    device: &TrainDevice,
    data_sha256: &str,
    observer: &mut dyn Observer,
) -> Result<String, StudyError> {
    let hash = passport::without_peaks(config, device, data_sha256).hash();
    if ledger.passport(&hash).is_some_and(|known| !known.peaks.is_empty()) {
        return Ok(hash);
    }
    if !device.info.is_cpu() {
        observer.note("measuring the device's fastest products");
    }
    Ok(ledger.keep_passport(passport::measured(config, device, data_sha256, observer))?)
}

/// Whether the training of a grid takes long enough for a measurement beforehand, by the device's peak.
pub(crate) fn worth_measuring(passport: Option<&Passport>, grid: &Grid) -> bool {
    let peaks = passport.into_iter().flat_map(|passport| &passport.peaks);
    let peak = peaks.map(|peak| peak.flops_per_second).max_by(f64::total_cmp);
    peak.is_some_and(|peak| grid.train_flops() / peak > MEASURE_ABOVE_PEAK_SECONDS)
}

pub(crate) fn remove_checkpoints(ledger: &Ledger) -> Result<(), StudyError> {
    let path = ledger.folder().join(CHECKPOINT_FOLDER);
    match std::fs::remove_dir_all(&path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(FileError { action: "remove", path, source }.into())
        }
        _ => Ok(()),
    }
}
