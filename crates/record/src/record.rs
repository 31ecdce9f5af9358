//! One line of the ledger.

use isoflop_plan::CellId;
use serde::{Deserialize, Serialize};

use crate::energy::EnergySource;
use crate::result::{RunResult, Status};

/// Version of the line format. Lines of another version are refused, never guessed at.
pub const SCHEMA: u32 = 1;

/// One line of the ledger: what a cell came to, and how the run went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Format of the line, [`SCHEMA`].
    pub schema: u32,
    /// What follows from the configuration.
    pub result: RunResult,
    /// What does not: times, the machine, interruptions.
    pub run: RunInfo,
}

/// How a run went: nothing here takes part in comparing results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunInfo {
    /// Hash of the passport it ran under.
    pub passport: String,
    /// Stack it was trained in.
    pub stack: String,
    /// Cells trained in lock-step in that stack, this one included.
    pub stack_width: usize,
    /// Times the stack was resumed from a checkpoint.
    pub resumed: u32,
    /// Seconds of training, this cell's share of its stack's.
    pub train_seconds: f64,
    /// Seconds of held-out evaluation, this cell's share.
    pub eval_seconds: f64,
    /// Training tokens per second of its share of time; `None` where no time was measured.
    pub tokens_per_second: Option<f64>,
    /// Exact matrix-product FLOPs per second of its share of time; `None` where no time was measured.
    pub flops_per_second: Option<f64>,
    /// When this process began on the stack, UTC, RFC 3339.
    pub started_utc: String,
    /// When the cell ended, UTC, RFC 3339.
    pub ended_utc: String,
    /// Share of the device's time that the stack had while it trained: 1 / the stacks that trained at once.
    #[serde(default = "whole")]
    pub device_share: f64,
    /// Peak device memory of the stack, bytes, where the device tells.
    pub peak_memory_bytes: Option<u64>,
    /// Joules that the device drew in `train_seconds` and `eval_seconds`, idle power included: the cell's share of its stack's, and
    /// the stack's `device_share` of the device's. `None` where nothing counted them from the first step to the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_joules: Option<f64>,
    /// How they were come by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_source: Option<EnergySource>,
    /// Seconds from the start of the process that ended the cell at its stack to the end of its first step there: compiling
    /// and checking kernels. `None` in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_step_seconds: Option<f64>,
}

fn whole() -> f64 {
    1.0
}

impl Default for RunInfo {
    fn default() -> Self {
        Self {
            passport: String::new(),
            stack: String::new(),
            stack_width: 0,
            resumed: 0,
            train_seconds: 0.0,
            eval_seconds: 0.0,
            tokens_per_second: None,
            flops_per_second: None,
            started_utc: String::new(),
            ended_utc: String::new(),
            device_share: whole(),
            peak_memory_bytes: None,
            energy_joules: None,
            energy_source: None,
            first_step_seconds: None,
        }
    }
}

impl Record {
    /// A record of the present format.
    pub fn new(result: RunResult, run: RunInfo) -> Self {
        Self { schema: SCHEMA, result, run }
    }

    /// The cell's name.
    pub fn id(&self) -> &CellId {
        &self.result.cell.id
    }

    /// Held-out loss in nats per token, for cells that finished.
    pub fn valid_loss_nats(&self) -> Option<f64> {
        match self.result.status {
            Status::Finished => self.result.valid.map(|valid| valid.loss_nats),
            Status::Diverged { .. } | Status::Failed { .. } => None,
        }
    }

    /// The part that must be the same bit for bit when the same configuration is run again, as one line of
    /// JSON. Floats are written in the shortest form that reads back to the same bits, so equal strings mean
    /// equal numbers.
    pub fn deterministic_json(&self) -> String {
        serde_json::to_string(&self.result).expect("a result is plain data")
    }
}

impl RunInfo {
    /// Fills tokens per second and FLOP/s from the tokens and exact FLOPs computed in `train_seconds`.
    pub fn with_rates(mut self, tokens: f64, flops: f64) -> Self {
        let measured = self.train_seconds.is_finite() && self.train_seconds > 0.0;
        self.tokens_per_second = measured.then(|| tokens / self.train_seconds);
        self.flops_per_second = measured.then(|| flops / self.train_seconds);
        self
    }
}
