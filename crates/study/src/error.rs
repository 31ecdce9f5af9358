//! What can keep a study from being done.

use std::path::PathBuf;

use isoflop_data::DataError;
use isoflop_device::DeviceError;
use isoflop_durable::FileError;
use isoflop_fit::FitError;
use isoflop_ledger::LedgerError;
use isoflop_plan::ConfigErrors;
use isoflop_train::TrainError;

/// What can keep a study from being done. What can be done about it is on the last line, of this error or of its source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudyError {
    /// The configuration.
    #[error(transparent)]
    Config(ConfigErrors),
    /// What was asked for does not go together: message and hint.
    #[error("{0}")]
    Misuse(String),
    /// The data, and where the configuration names it.
    #[error("cannot prepare the data{}", of(place))]
    Data {
        /// File, line and key.
        place: Option<String>,
        /// Why not.
        source: Box<DataError>,
    },
    /// The device, and where the configuration names it.
    #[error("cannot open the device{}", of(place))]
    Device {
        /// File, line and key.
        place: Option<String>,
        /// Why not.
        source: Box<DeviceError>,
    },
    /// The results folder.
    #[error(transparent)]
    Ledger(LedgerError),
    /// A stack.
    #[error("cannot train stack {stack}")]
    Train {
        /// Its id.
        stack: String,
        /// Why not.
        source: Box<TrainError>,
    },
    /// The threads of the CPU.
    #[error(transparent)]
    Workers(TrainError),
    /// The records do not make a table.
    #[error(transparent)]
    Table(FitError),
    /// A file beside the ledger that is not what a study writes there.
    #[error("cannot read {}\nhint: {hint}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What to do.
        hint: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file system refused.
    #[error(transparent)]
    Io(FileError),
    /// A plot could not be drawn.
    #[error("cannot draw the plot {id}")]
    Plot {
        /// Its name.
        id: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The device does not compute any more.
    #[error(
        "the device no longer answers ({words}), after it failed in stack {stack}: {what}\nhint: what was recorded is kept, and checkpoints hold the rest: the same command goes on; if it happens again, the system's log (dmesg, nvidia-smi) may say why"
    )]
    DeviceLost {
        /// Id of the stack that was trained.
        stack: String,
        /// What failed first.
        what: String,
        /// What it says now.
        words: String,
    },
    /// One of several devices cannot go on with the study.
    #[error("{device}: {words}")]
    OnDevice {
        /// Its short name.
        device: String,
        /// What it says, with hints.
        words: String,
        /// As of [`StudyError::is_misuse`].
        misuse: bool,
    },
    /// None of several devices is left.
    #[error(
        "no device is left to train on: the last one, {device}, ended with: {words}\nhint: what was recorded is kept, and checkpoints hold the rest: the same command goes on; the system's log (dmesg, nvidia-smi) may say why"
    )]
    NoDeviceLeft {
        /// Its short name.
        device: String,
        /// How it ended.
        words: String,
    },
    /// Training ended without a reason: a fault of this program.
    #[error(
        "training stopped without being asked to\nhint: the same command goes on from the last checkpoint"
    )]
    Stopped,
}

fn of(place: &Option<String>) -> String {
    place.as_ref().map(|place| format!(" of {place}")).unwrap_or_default()
}

/// An error with its causes on one line, and their hints behind it.
pub(crate) fn in_words(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let (mut words, mut hints): (Vec<String>, Vec<String>) = Default::default();
    for cause in causes {
        let text = cause.to_string();
        let mut parts = text.split("\nhint: ").map(str::to_owned);
        // Some errors repeat their source in their own words.
        words.extend(parts.next().filter(|new| !words.iter().any(|word| word.contains(new))));
        hints.extend(parts);
    }
    let hints: String = hints.into_iter().map(|hint| format!("\nhint: {hint}")).collect();
    format!("{}{hints}", words.join(": "))
}

impl From<ConfigErrors> for StudyError {
    fn from(errors: ConfigErrors) -> Self {
        Self::Config(errors)
    }
}

impl From<FileError> for StudyError {
    fn from(error: FileError) -> Self {
        Self::Io(error)
    }
}

impl From<LedgerError> for StudyError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<FitError> for StudyError {
    fn from(error: FitError) -> Self {
        Self::Table(error)
    }
}

impl StudyError {
    /// Whether nothing was begun: the command, the configuration or the folder cannot be what was meant.
    pub fn is_misuse(&self) -> bool {
        match self {
            Self::Config(_) | Self::Misuse(_) | Self::Device { .. } => true,
            Self::OnDevice { misuse, .. } => *misuse,
            Self::Data { source, .. } => source.is_misuse(),
            Self::Ledger(error) => matches!(
                error,
                LedgerError::Locked { .. }
                    | LedgerError::ConfigChanged { .. }
                    | LedgerError::ConfigMissing { .. }
                    | LedgerError::Twice { .. }
                    | LedgerError::OtherShard { .. }
            ),
            _ => false,
        }
    }
}
