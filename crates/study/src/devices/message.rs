//! What a study and the processes of its devices tell each other: lines of JSON.

use std::collections::BTreeMap;

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
        /// What `train.precision = "auto"` was settled as, once it was.
        precision: Option<Precision>,
    },
    /// Says what it is, and measures it.
    Begin(Begin),
    /// The cells of every stack of the study. The last order before training.
    Stacks(Vec<Vec<CellId>>),
    /// Trains this stack but for cells that are `done`. Those to be trained `again` may have ended before.
    Train { stack: usize, done: Vec<CellId>, again: Vec<CellId> },
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
    pub measure: Measure,
    /// Whether stacks may be laid out anew, so that it matters how wide they pay.
    pub widths: bool,
    /// Those whose peaks are known.
    pub passports: Vec<Passport>,
    /// What was measured before, by the devices' labels.
    pub rates: BTreeMap<String, Rates>,
}

/// When rates are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Measure {
    Never,
    /// Where training takes much longer than measuring.
    IfWorth,
    /// The devices are not alike.
    Always,
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
        /// As of [`StudyError::is_misuse`](crate::StudyError::is_misuse).
        misuse: bool,
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
