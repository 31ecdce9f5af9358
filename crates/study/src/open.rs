//! From a configuration to what a study needs: ledger, device, data, grid.

use std::path::Path;

use isoflop_data::{Corpus, DataError};
use isoflop_device::{DeviceError, Request, SelfTestCache, TrainDevice};
use isoflop_ledger::{CONFIG_FILE, Contents, Ledger, Locks, Settled, now_utc};
use isoflop_plan::{Config, DeviceConfig, Grid, Precision, StackLimits};
use isoflop_text::path_in_words;

use crate::calibration::fit_calibrations;
use crate::error::StudyError;
use crate::events::{Observer, Update};
use crate::facts::{self, StudyData};
use crate::folder::notes;
use crate::sources::{self, Source};

/// The configuration that a results folder was made with, and with a precision left to the device as its cells have it.
///
/// # Errors
/// [`StudyError::Misuse`] where the folder is not of a study, [`StudyError::Config`] where it cannot be read.
pub fn config_of(folder: &Path, contents: &Contents) -> Result<Config, StudyError> {
    let path = folder.join(CONFIG_FILE);
    if !path.is_file() {
        return Err(StudyError::Misuse(format!(
            "{} is not the results folder of a study: it holds no {CONFIG_FILE}\nhint: give the folder that `study.results` names, such as runs/quickstart",
            folder.display()
        )));
    }
    let mut config = Config::load(path)?;
    if let Some(precision) = trained_in(contents) {
        config.decide_precision(precision);
    }
    Ok(config)
}

/// The precision that a folder's cells were trained in; `None` where there are none.
pub(crate) fn trained_in(contents: &Contents) -> Option<Precision> {
    contents.records.last().map(|record| record.result.cell.hyper.precision)
}

/// Takes the results folder for this process and makes sure that it belongs to the configuration. Nothing is written there:
/// [`settle`] does that once the data is known to be the same.
pub(crate) fn open_ledger(
    config: &Config,
    extend: bool,
    command: &str,
    locks: Locks,
    observer: &mut dyn Observer,
) -> Result<Ledger, StudyError> {
    let folder = &config.study.results;
    refuse_file(config, folder)?;
    let apart = |source: &Source| source.file != CONFIG_FILE;
    if sources::read(folder)?.is_some_and(|sources| sources.iter().any(apart)) {
        return Err(StudyError::Misuse(format!(
            "{} was merged from studies of several grids: no configuration has all of its cells\nhint: train in the folders that it was merged from, and merge them again",
            folder.display()
        )));
    }
    let ledger = Ledger::open_with(folder, command, locks)?;
    tell_opened(&ledger, observer);
    for text in notes(folder, ledger.contents()) {
        observer.note(text);
    }
    ledger.check_config(config, extend)?;
    Ok(ledger)
}

/// What is to be said of a ledger that was opened.
pub(crate) fn tell_opened(ledger: &Ledger, observer: &mut dyn Observer) {
    if let Some(repair) = ledger.repair() {
        observer.warn(repair.to_string());
    }
    if !ledger.is_locked() {
        observer.note(format!(
            "the file system of {} has no locks: whoever starts tasks must not start one twice at a time",
            ledger.folder().display()
        ));
    }
}

/// What is no folder cannot hold results.
fn refuse_file(config: &Config, folder: &Path) -> Result<(), StudyError> {
    // The first part of the path that is there: all above it are folders.
    let there = folder.ancestors().find(|part| part.symlink_metadata().is_ok());
    let Some(file) = there.filter(|part| part.exists() && !part.is_dir()) else { return Ok(()) };
    let place = config.place("study.results");
    Err(StudyError::Misuse(format!(
        "{} is a file, where results are to be kept in a folder{}\nhint: name another folder by `study.results`, or move the file away",
        path_in_words(file),
        place.map(|place| format!(" ({place})")).unwrap_or_default(),
    )))
}

/// Has the results folder remember the configuration and its data.
///
/// # Errors
/// As [`Ledger::settle_config`].
pub(crate) fn settle(
    config: &Config,
    extend: bool,
    ledger: &mut Ledger,
    data: &StudyData,
    observer: &mut dyn Observer,
) -> Result<(), StudyError> {
    if let Settled::Updated(changes) = ledger.settle_config(config, extend)? {
        observer
            .note(format!("the configuration changed since the last run: {}", changes.join("; ")));
    }
    data.write(ledger.folder())?;
    Ok(ledger.hold(facts::FILE)?)
}

/// Reads, splits and tokenises the data, or finds it in the cache.
///
/// # Errors
/// [`StudyError::Data`].
pub fn prepare_data(config: &Config, observer: &mut dyn Observer) -> Result<Corpus, StudyError> {
    let corpus = Corpus::prepare(&config.data, &mut observer.data()).map_err(|source| {
        let place = match &source {
            DataError::NoMatch { .. } => config.place("data.paths"),
            DataError::Option { key, .. } => config.place(&format!("data.{key}")),
            _ => None,
        };
        StudyError::Data { place: place.map(|place| place.to_string()), source: source.into() }
    });
    observer.tell(&Update::Prepared);
    let corpus = corpus?;
    for note in corpus.notes() {
        observer.note(format!("data: {note}"));
    }
    Ok(corpus)
}

/// Fits the laws that are taken from calibrations, opens a study's device, settles a precision that is left to it, and checks what can be checked before the data is read,
/// which may take long.
///
/// # Errors
/// As [`fit_calibrations`]; [`StudyError::Device`]; [`StudyError::Config`] and [`StudyError::Misuse`] where the device cannot do what is configured.
pub fn open_study_device(
    config: &mut Config,
    observer: &mut dyn Observer,
) -> Result<TrainDevice, StudyError> {
    fit_calibrations(config, observer)?;
    let auto = config.train.precision.is_auto();
    let earlier = match auto {
        true => trained_in(&isoflop_ledger::read(&config.study.results)?),
        false => None,
    };
    let precisions = config.train.precision.known().or(earlier).into_iter().collect();
    let request = request(precisions, auto);
    let device = open_device(&config.device, &request, observer).map_err(|source| {
        let place = config.place("device.name").map(|place| place.to_string());
        StudyError::Device { place, source: source.into() }
    })?;
    if auto {
        decide_precision(config, earlier, &device, observer)?;
    }
    config.check_early(&device.info.label(), &device.precisions)?;
    Ok(device)
}

/// A device for these precisions, with what the user's cache folder knows of it.
pub fn request(precisions: Vec<Precision>, auto: bool) -> Request {
    Request { precisions, auto, cache: SelfTestCache::of_user(now_utc()), anew: false }
}

/// Settles `train.precision = "auto"`: a folder's cells decide, so that none of them is trained twice, else the device.
fn decide_precision(
    config: &mut Config,
    earlier: Option<Precision>,
    device: &TrainDevice,
    observer: &mut dyn Observer,
) -> Result<(), StudyError> {
    let (folder, label) = (config.study.results.display(), device.info.label());
    let now = device.auto_precision();
    let decided = earlier.unwrap_or(now);
    if !device.precisions.contains(&decided) {
        return Err(StudyError::Misuse(format!(
            "the cells in {folder} were trained in {}, which {label} does not compute right\nhint: go on with the device of these cells, or begin anew in another results folder",
            decided.word()
        )));
    }
    let word = decided.word();
    observer.note(match earlier {
        Some(earlier) if earlier != now => format!(
            "precision: {word}, as the cells in {folder} have it; auto would take {} on {label}",
            now.word()
        ),
        Some(_) => format!("precision: {word}, by auto and as the cells in {folder} have it"),
        None => format!("precision: {word}, by auto"),
    });
    config.decide_precision(decided);
    Ok(())
}

/// Opens and tests a device, and says which it is.
///
/// # Errors
/// As [`isoflop_device::open_for`].
pub fn open_device(
    config: &DeviceConfig,
    request: &Request,
    observer: &mut dyn Observer,
) -> Result<TrainDevice, DeviceError> {
    let device = isoflop_device::open_for(config, request, &mut observer.opening());
    observer.clear();
    let device = device?;
    for warning in &device.warnings {
        observer.warn(warning);
    }
    observer.note(format!("device: {} ({})", device.info.label(), device.why));
    Ok(device)
}

/// Lays out the cells, in stacks within the limits of a device; without one, in stacks that fit what the configuration says.
///
/// # Errors
/// [`StudyError::Data`] where the text is too short for the context, [`StudyError::Config`] where the grid is refused.
pub fn build_grid(
    config: &Config,
    corpus: &Corpus,
    data: &StudyData,
    limits: Option<StackLimits>,
) -> Result<Grid, StudyError> {
    corpus
        .check_context(config.model.context)
        .map_err(|source| StudyError::Data { place: None, source: source.into() })?;
    let mut grid = Grid::build(config, &data.facts())?;
    if let Some(limits) = limits {
        grid.restack(limits, None);
    }
    Ok(grid)
}
