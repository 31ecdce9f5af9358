//! What there is to tell while a study runs. For programs, each is an object of JSON.

use isoflop_plan::Cell;
use isoflop_record::Record;
use isoflop_report::number;
use serde::{Serialize, Serializer};

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Update<'a> {
    /// A remark.
    Note {
        /// One sentence.
        text: &'a str,
    },
    /// Something to doubt or to change.
    Warning {
        /// One sentence, and what to do.
        text: &'a str,
    },
    /// Data is being prepared.
    Preparing {
        /// What is being done to it.
        stage: &'a str,
        /// Bytes done in this stage.
        done_bytes: u64,
        /// Bytes in all, where known.
        total_bytes: Option<u64>,
    },
    /// Data is ready.
    Prepared,
    /// A device is compared with the CPU.
    Testing {
        /// What is being computed.
        operation: &'a str,
        precision: &'static str,
        /// Operations done.
        done: usize,
        /// Operations in all.
        total: usize,
        /// Seconds since the beginning.
        seconds: f64,
    },
    /// The test is over.
    Tested,
    /// Training begins.
    Started {
        /// Work in all, with what is done already.
        overall: Overall,
        /// Number of stacks.
        stacks: usize,
        /// Stacks that train at once.
        workers: usize,
        /// The stacks that train, in the order in which they are taken up.
        work: &'a [Work],
    },
    /// A stack is taken up: its weights are built, or read from a checkpoint.
    StackBegun {
        stack: StackName<'a>,
        /// The whole sweep.
        overall: Overall,
    },
    /// The weights of a stack are there; training goes on from here.
    StackReady {
        stack: StackName<'a>,
        /// Steps done.
        step: u64,
        /// FLOPs done of its work.
        done_flops: f64,
        /// The whole sweep.
        overall: Overall,
    },
    /// The kernels of a stack's first step are compiled.
    Compiling { stack: StackName<'a> },
    /// Some steps of a stack were done.
    Step {
        stack: StackName<'a>,
        /// Steps done.
        step: u64,
        /// Steps of its longest cell.
        steps: u64,
        /// Latest training loss of every replica, nats per token.
        loss_nats: &'a [f64],
        /// The same averaged exponentially over a hundredth of its steps (at least 20), for the eye.
        smoothed_loss_nats: &'a [f64],
        /// FLOPs done of the stack's work.
        done_flops: f64,
        /// Training tokens per second over all replicas.
        tokens_per_second: f64,
        /// The whole sweep.
        overall: Overall,
    },
    /// A cell ended.
    Cell {
        /// What it came to. As JSON: id, label, status, reason, losses, seconds and joules.
        #[serde(flatten, serialize_with = "cell")]
        record: &'a Record,
        /// The whole sweep.
        overall: Overall,
    },
    /// Nothing more is to come from a stack.
    StackEnded {
        stack: StackName<'a>,
        /// Whether it came to its end; else a checkpoint or nothing holds what was done.
        completed: bool,
        /// The whole sweep.
        overall: Overall,
    },
    /// Training is over, for now or for good.
    Stopped {
        /// The whole sweep.
        overall: Overall,
        /// Seconds of training in this process.
        seconds: f64,
    },
    /// The command is done.
    Spent {
        /// Seconds that it took.
        seconds: f64,
        /// Where they went.
        parts: &'a [Share],
    },
}

/// What a part of a sweep took.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Share {
    /// What was done.
    pub part: &'static str,
    /// How long.
    pub seconds: f64,
    /// What it went to, where that is worth telling.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub of_it: Vec<Share>,
}

/// The work that a stack is, for a forecast of its time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Work {
    /// The stack's.
    pub id: String,
    /// Its shape and width.
    pub label: String,
    /// Exact FLOPs of a training step of one replica.
    pub step_flops: f64,
    /// FLOPs of its training and its evaluations.
    pub flops: f64,
    /// Of these, what earlier processes have recorded.
    pub done_flops: f64,
    /// The rate that was measured for its size, if any was.
    pub flops_per_second: Option<f64>,
}

/// The whole sweep at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Overall {
    pub done_flops: f64,
    pub total_flops: f64,
    /// Cells ended.
    pub done_cells: usize,
    pub total_cells: usize,
    /// Seconds since training began in this process.
    pub seconds: f64,
    /// Seconds left; `None` while unknown.
    pub seconds_left: Option<f64>,
}

/// A stack, for programs and for people.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StackName<'a> {
    pub id: &'a str,
    /// Its shape and width.
    pub label: &'a str,
    /// The short name of its device, where several train.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<&'a str>,
}

impl std::fmt::Display for StackName<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.device {
            Some(device) => write!(f, "{device} {}", self.label),
            None => f.write_str(self.label),
        }
    }
}

impl Share {
    /// A part whose own parts are not told.
    pub fn new(part: &'static str, seconds: f64) -> Self {
        Self { part, seconds, of_it: Vec::new() }
    }
}

impl Overall {
    /// Share done, in 0..=1.
    pub fn fraction(&self) -> f64 {
        if self.total_flops > 0.0 { (self.done_flops / self.total_flops).min(1.0) } else { 1.0 }
    }
}

fn cell<S: Serializer>(record: &Record, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Line<'a> {
        id: &'a str,
        label: String,
        status: &'static str,
        reason: Option<String>,
        valid_loss_nats: Option<f64>,
        valid_bits_per_byte: Option<f64>,
        train_seconds: f64,
        energy_joules: Option<f64>,
    }
    let result = &record.result;
    Line {
        id: &record.id().0,
        label: cell_label(&result.cell),
        status: result.status.word(),
        reason: result.status.reason(),
        valid_loss_nats: result.valid.map(|valid| valid.loss_nats),
        valid_bits_per_byte: result.valid.and_then(|valid| valid.bits_per_byte),
        train_seconds: record.run.train_seconds,
        energy_joules: record.run.energy_joules,
    }
    .serialize(serializer)
}

/// `L2 d64 h2, 1.20M tokens, rate 3.00e-3, seed 1`.
pub fn cell_label(cell: &Cell) -> String {
    format!(
        "{}, {} tokens, rate {:.2e}, seed {}",
        cell.shape,
        number::count(cell.tokens() as f64, 3),
        cell.hyper.learning_rate,
        cell.seed
    )
}
