//! One process at one stack.

use isoflop_plan::{Cell, Stack};

use crate::{Record, RunInfo, RunResult, Status};

/// What all records share that one process makes of one stack.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Name of the study.
    pub study: String,
    /// SHA-256 of the tokenised data, in hex.
    pub data_sha256: String,
    /// Hash of the passport.
    pub passport: String,
    /// Share of the device's time that the stack has.
    pub device_share: f64,
    /// When the process began on the stack, UTC, RFC 3339.
    pub started_utc: String,
    /// The time, in the same form.
    pub now: fn() -> String,
}

impl Attempt {
    /// The record of a cell that has just ended so, without losses and times.
    pub fn record(&self, stack: &Stack, cell: &Cell, status: Status) -> Record {
        let result = RunResult::new(&self.study, &self.data_sha256, cell.clone(), status);
        let run = RunInfo {
            passport: self.passport.clone(),
            stack: stack.id.clone(),
            stack_width: stack.cells.len(),
            started_utc: self.started_utc.clone(),
            ended_utc: (self.now)(),
            device_share: self.device_share,
            ..RunInfo::default()
        };
        Record::new(result, run)
    }
}
