//! From what training says of a cell to a record.

use isoflop_ledger::{CurvePoint, Record, RunInfo, RunResult, Status, Valid, ValidPoint, now_utc};
use isoflop_plan::{Cell, Stack};
use isoflop_train::Outcome;

/// What all records of a process and a stack share.
pub struct Origin<'a> {
    /// The study's name.
    pub study: &'a str,
    /// The data's name.
    pub data_sha256: &'a str,
    /// Hash of the passport.
    pub passport: &'a str,
    /// The stack.
    pub stack: &'a Stack,
    /// Share of the device's time that the stack has.
    pub device_share: f64,
    /// When this process began on the stack.
    pub started_utc: &'a str,
}

impl Origin<'_> {
    /// The record of a cell that trained to an end.
    pub fn record(&self, cell: &Cell, outcome: Outcome) -> Record {
        let status = match outcome.status {
            isoflop_train::Status::Finished => Status::Finished,
            isoflop_train::Status::Diverged { step, reason } => Status::Diverged { step, reason },
        };
        let mut result = RunResult::new(self.study, self.data_sha256, cell.clone(), status);
        result.valid = outcome.valid_loss_nats.map(|loss_nats| Valid {
            loss_nats,
            bits_per_byte: outcome.valid_bits_per_byte,
            tokens: outcome.valid_tokens,
            true_loss_nats: outcome.valid_true_nats,
        });
        let point = |point: &isoflop_train::CurvePoint| CurvePoint {
            step: point.step,
            tokens: point.tokens,
            loss_nats: point.loss_nats,
            learning_rate: point.learning_rate,
            grad_norm: point.grad_norm,
        };
        result.curve = outcome.curve.iter().map(point).collect();
        let valid_point = |&(step, loss_nats): &(u64, f64)| ValidPoint { step, loss_nats };
        result.valid_curve = outcome.valid_curve.iter().map(valid_point).collect();

        // Rates are of what was computed: steps that cells share were computed once.
        let tokens = outcome.computed_steps * cell.batch_tokens() as f64;
        let flops = outcome.computed_steps * cell.step_flops();
        let run = RunInfo {
            stack_width: outcome.stack_width,
            resumed: outcome.resumed,
            train_seconds: outcome.train_seconds,
            eval_seconds: outcome.eval_seconds,
            peak_memory_bytes: outcome.peak_memory_bytes,
            ..self.run_info()
        };
        Record::new(result, run.with_rates(tokens, flops))
    }

    /// The record of a cell that an error outside the mathematics ended.
    pub fn failed(&self, cell: &Cell, error: String) -> Record {
        let status = Status::Failed { error };
        let result = RunResult::new(self.study, self.data_sha256, cell.clone(), status);
        Record::new(result, self.run_info())
    }

    fn run_info(&self) -> RunInfo {
        RunInfo {
            passport: self.passport.to_owned(),
            stack: self.stack.id.clone(),
            stack_width: self.stack.cells.len(),
            started_utc: self.started_utc.to_owned(),
            ended_utc: now_utc(),
            device_share: self.device_share,
            ..RunInfo::default()
        }
    }
}
