//! From options to a checked study: configuration, data, device, grid.

use std::path::Path;

use anyhow::bail;
use isoflop_data::{Corpus, DataError};
use isoflop_ledger::{CONFIG_FILE, Contents, Ledger, Settled, now_utc};
use isoflop_plan::{
    Cell, Config, DeviceConfig, DeviceName, Grid, Kept, Precision, Stack, StackLimits, stack_memory,
};
use isoflop_report::number;
use isoflop_train::device::{self, Memory, Request, TrainDevice};

use crate::cli::StudyArgs;
use crate::facts::StudyData;
use crate::failure::Misuse;
use crate::progress::{Progress, Update};
use crate::shell::command_line;

/// Share of the device's memory that the planner may count on: the rest is for the system and for what no estimate covers.
const MEMORY_SHARE: f64 = 0.8;

/// Reads the configuration and lets the command line have the last word.
pub fn load(args: &StudyArgs) -> anyhow::Result<Config> {
    let mut config = Config::load(&args.config)?;
    if let Some(results) = &args.results {
        config.study.results.clone_from(results);
    }
    if let Some(name) = &args.device {
        config.device.name = device_name(name);
    }
    Ok(config)
}

/// The configuration that a results folder was made with, and with a precision left to the device as its cells have it.
pub fn config_of(folder: &Path, contents: &Contents) -> anyhow::Result<Config> {
    let path = folder.join(CONFIG_FILE);
    if !path.is_file() {
        bail!(Misuse(format!(
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
fn trained_in(contents: &Contents) -> Option<Precision> {
    contents.records.last().map(|record| record.result.cell.hyper.precision)
}

/// What `--device` means, in the words of `device.name`.
pub fn device_name(text: &str) -> DeviceName {
    match text {
        "auto" => DeviceName::Auto,
        "cpu" => DeviceName::Cpu,
        "gpu" => DeviceName::Gpu,
        part => DeviceName::Named(part.to_owned()),
    }
}

/// Takes the results folder for this process and makes sure that it belongs to the configuration.
pub fn open_ledger(
    config: &Config,
    extend: bool,
    progress: &mut Progress,
) -> anyhow::Result<Ledger> {
    let ledger = Ledger::open(&config.study.results, &command_line())?;
    if let Some(repair) = ledger.repair() {
        progress.warn(repair.to_string());
    }
    if let Settled::Updated(changes) = ledger.settle_config(config, extend)? {
        progress
            .note(format!("the configuration changed since the last run: {}", changes.join("; ")));
    }
    Ok(ledger)
}

/// Reads, splits and tokenises the data, or finds it in the cache.
pub fn prepare_data(config: &Config, progress: &mut Progress) -> anyhow::Result<Corpus> {
    let corpus = Corpus::prepare(&config.data, &mut progress.data()).map_err(|error| {
        let place = match &error {
            DataError::NoMatch { .. } => config.place("data.paths"),
            DataError::Option { key, .. } => config.place(&format!("data.{key}")),
            _ => None,
        };
        let of = place.map(|place| format!(" of {place}")).unwrap_or_default();
        anyhow::Error::new(error).context(format!("cannot prepare the data{of}"))
    });
    progress.tell(&Update::Prepared);
    let corpus = corpus?;
    for note in corpus.notes() {
        progress.note(format!("data: {note}"));
    }
    Ok(corpus)
}

/// Opens the device, settles a precision that is left to it, and checks what can be checked before the data is read, which may
/// take long.
pub fn open_device_for(
    args: &StudyArgs,
    config: &mut Config,
    progress: &mut Progress,
) -> anyhow::Result<TrainDevice> {
    let place = config.place("device.name").filter(|_| args.device.is_none());
    let auto = config.train.precision.is_auto();
    let earlier = match auto {
        true => trained_in(&isoflop_ledger::read(&config.study.results)?),
        false => None,
    };
    let precisions = config.train.precision.known().or(earlier).into_iter().collect();
    let request = request(precisions, auto);
    let device = open_device(&config.device, &request, progress).map_err(|error| match place {
        Some(place) => error.context(format!("cannot open the device of {place}")),
        None => error,
    })?;
    if auto {
        decide_precision(config, earlier, &device, progress)?;
    }
    config.check_early(&device.info.label(), &device.precisions)?;
    Ok(device)
}

/// A device for these precisions, with what the user's cache folder knows of it.
pub fn request(precisions: Vec<Precision>, auto: bool) -> Request {
    Request { precisions, auto, memory: Memory::of_user(now_utc()), anew: false }
}

/// Settles `train.precision = "auto"`: a folder's cells decide, so that none of them is trained twice, else the device.
fn decide_precision(
    config: &mut Config,
    earlier: Option<Precision>,
    device: &TrainDevice,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let (folder, label) = (config.study.results.display(), device.info.label());
    let now = device.auto_precision();
    let decided = earlier.unwrap_or(now);
    if !device.precisions.contains(&decided) {
        bail!(Misuse(format!(
            "the cells in {folder} were trained in {}, which {label} does not compute right\nhint: go on with the device of these cells, or begin anew with `--results`",
            decided.word()
        )));
    }
    let word = decided.word();
    progress.note(match earlier {
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

/// Opens and tests the device, and says which it is.
pub fn open_device(
    config: &DeviceConfig,
    request: &Request,
    progress: &mut Progress,
) -> anyhow::Result<TrainDevice> {
    let device = device::open_for(config, request, &mut progress.opening());
    progress.clear();
    let device = device?;
    for warning in &device.warnings {
        progress.warn(warning);
    }
    progress.note(format!("device: {} ({})", device.info.label(), device.why));
    Ok(device)
}

/// Lays out the cells, in stacks that fit the device; without one, in stacks that fit what the configuration says.
pub fn build_grid(
    config: &Config,
    corpus: &Corpus,
    data: &StudyData,
    device: Option<&TrainDevice>,
) -> anyhow::Result<Grid> {
    corpus.check_context(config.model.context)?;
    let mut grid = Grid::build(config, &data.facts())?;
    if let Some(device) = device {
        grid.restack(stack_limits(config, device), None);
    }
    Ok(grid)
}

/// Refuses models whose weights, gradients and moments alone are more than the device's memory: no batch is small enough.
pub fn refuse_too_large(config: &Config, grid: &Grid, device: &TrainDevice) -> anyhow::Result<()> {
    let Some(available) = memory_bytes(config, device) else { return Ok(()) };
    let needed = |cell: &Cell| {
        let estimate = stack_memory(&cell.shape, &cell.hyper, 1, 1, Kept::Pieces);
        estimate.weights + estimate.gradients + estimate.moments
    };
    let cells = grid.cells.iter().map(|planned| &planned.cell);
    match cells.map(|cell| (needed(cell), cell)).max_by_key(|(bytes, _)| *bytes) {
        Some((bytes, cell)) if bytes > available => bail!(Misuse(format!(
            "{} needs {} for its weights, gradients and moments alone, and training may use {} of {}\nhint: take smaller models, or say with `device.memory_gib` how much memory there is",
            cell.shape,
            number::bytes(bytes as f64),
            number::bytes(available as f64),
            device.info.label(),
        ))),
        _ => Ok(()),
    }
}

/// How large a stack may become on this device.
pub fn stack_limits(config: &Config, device: &TrainDevice) -> StackLimits {
    StackLimits {
        memory_bytes: memory_bytes(config, device),
        ..of_device(device, StackLimits::of(config))
    }
}

/// The limits with what the device's operations keep and its buffers hold.
pub fn of_device(device: &TrainDevice, limits: StackLimits) -> StackLimits {
    StackLimits { tensor_bytes: device.tensor_bytes, kept: kept(device, device.kernels), ..limits }
}

/// What the device's operations keep.
pub fn kept(device: &TrainDevice, kernels: bool) -> Kept {
    match kernels {
        _ if device.info.is_cpu() => Kept::All,
        true => Kept::Pieces,
        false => Kept::Scores,
    }
}

/// Replicas of a stack that are evaluated side by side, at most; the CPU's estimates are too high to go by.
pub fn evaluated_at_once(config: &Config, device: &TrainDevice, stack: &Stack) -> Option<usize> {
    let limits = stack_limits(config, device);
    let most = || limits.evaluated_at_once(stack, config.train.eval_sequences);
    (!device.info.is_cpu()).then(most)
}

/// Memory that training may use, in bytes: what the user says, or most of what the device has.
fn memory_bytes(config: &Config, device: &TrainDevice) -> Option<u64> {
    config.device.memory_bytes().or_else(|| usable_memory_bytes(device))
}

/// Most of the device's memory, in bytes; `None` where it does not tell.
pub fn usable_memory_bytes(device: &TrainDevice) -> Option<u64> {
    device.info.memory_bytes.map(|bytes| (bytes as f64 * MEMORY_SHARE) as u64)
}
