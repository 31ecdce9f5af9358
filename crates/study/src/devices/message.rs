//! What a study and the processes of its devices tell each other: lines of JSON.

use isoflop_ledger::Passport;
use isoflop_plan::{CellId, Precision, StackLimits};
use isoflop_record::Record;
use isoflop_speed::Rates;
use serde::{Deserialize, Serialize};

/// From the study to a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Opens this device. The first order.
    Open {
        /// The resolved configuration.
        config: String,
        /// Its short name.
        device: String,
    },
    /// Says what it is, and measures it.
    Begin(Begin),
    /// The cells of every stack of the study. The last order before training.
    Stacks(Vec<Vec<CellId>>),
    /// Trains this stack but for cells that are `done`.
    Train { stack: usize, done: Vec<CellId> },
    /// Nothing more is to come.
    NoMore,
    /// The record is on the disk.
    Kept,
    /// Checkpoints go here.
    SaveIn(std::path::PathBuf),
    /// Saves and leaves.
    Stop,
}

/// What is decided for all devices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Begin {
    pub precision: Precision,
    /// Of the data, in hex.
    pub data_sha256: String,
    /// Whether rates are measured even where training takes little longer: the devices are not alike.
    pub measure: bool,
    /// Hashes of passports whose peaks are known.
    pub measured: Vec<String>,
    /// What was measured on this device before.
    pub rates: Option<Rates>,
}

/// From a device to the study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Word {
    Note(String),
    Warning(String),
    /// A self-test is on its way.
    Testing {
        operation: String,
        precision: Precision,
        done: usize,
        total: usize,
        seconds: f64,
    },
    Tested,
    /// The device is open.
    Opened(Opened),
    /// The device is measured: peak in FLOP/s of its fastest products, where that was measured now; rates of stacks, where they are
    /// worth their time.
    Ready {
        passport: Box<Passport>,
        rates: Option<Rates>,
    },
    /// One of so many places is free.
    Ask {
        places: usize,
    },
    Begun {
        stack: usize,
    },
    Compiling {
        stack: usize,
    },
    /// Weights are there, at this step.
    At {
        stack: usize,
        step: u64,
    },
    Step {
        stack: usize,
        step: u64,
        loss_nats: Vec<Option<f64>>,
        smoothed_loss_nats: Vec<Option<f64>>,
        tokens_per_second: f64,
    },
    /// A cell ended. The device waits until it is kept.
    Record(Box<Record>),
    /// A checkpoint is to be written. The device waits to be told where.
    Saving,
    Ended {
        stack: usize,
        completed: bool,
    },
    /// It came to its end.
    Done,
    /// It cannot go on.
    Failed {
        words: String,
        /// Whether the device is at fault, and not the study.
        device: bool,
    },
}

/// A device that was opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Opened {
    pub label: String,
    pub precisions: Vec<Precision>,
    /// What `train.precision = "auto"` stands for.
    pub auto: Precision,
    pub limits: StackLimits,
}

/// Losses may be no numbers, which JSON does not have.
pub(super) fn told(losses: &[f64]) -> Vec<Option<f64>> {
    losses.iter().map(|loss| Some(*loss).filter(|loss| loss.is_finite())).collect()
}

/// As [`told`], back.
pub(super) fn heard(losses: &[Option<f64>]) -> Vec<f64> {
    losses.iter().map(|loss| loss.unwrap_or(f64::NAN)).collect()
}
