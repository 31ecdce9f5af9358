//! What is compared: runs of a study, from a ledger or from a table.

use isoflop_fit::Observation;
use isoflop_record::{Record, Spending, Status, Tariff};
use serde::Serialize;

/// One study, or one table of runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Side {
    pub name: String,
    /// What is known of machine, software and data, by name; those that differ between sides are told.
    pub facts: Vec<(String, String)>,
    pub runs: Vec<Run>,
    /// The machine's fastest matrix products at a precision (`"f32"`), FLOP/s, where they were measured.
    pub peaks: Vec<(String, f64)>,
    /// What an hour and a kilowatt-hour of the machine come to.
    pub tariff: Tariff,
    /// What its runs took; `None` of tables.
    pub spending: Option<Spending>,
}

/// One trained run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// As its source names it.
    pub name: String,
    /// What was to be trained, the machine and the precision aside: equal on two sides, the runs are a pair.
    #[serde(skip)]
    pub key: String,
    /// The same without the seed.
    #[serde(skip)]
    pub cell: String,
    /// `L2 d48`, or the number of parameters.
    pub shape: String,
    pub precision: Option<String>,
    pub budget_flops: Option<f64>,
    pub params: f64,
    pub tokens: f64,
    pub flops: f64,
    /// `None` where the run diverged or failed.
    pub loss_nats: Option<f64>,
    pub bits_per_byte: Option<f64>,
    /// (steps done, mean training loss since the last point), ascending.
    #[serde(skip)]
    pub curve: Vec<(u64, f64)>,
    pub pace: Option<Pace>,
}

/// How fast a run went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pace {
    /// Cells that trained in lock-step.
    pub stack_width: usize,
    /// Tokens per second of the whole device.
    pub tokens_per_second: f64,
    /// Exact matrix-product FLOPs per second of the whole device.
    pub flops_per_second: f64,
    /// Seconds of the device: training, and evaluation.
    pub train_seconds: f64,
    pub eval_seconds: f64,
    /// Until the end of the first step, kernels compiled, where it was recorded.
    pub first_step_seconds: Option<f64>,
    /// Joules of the device over these seconds, where they are known.
    pub joules: Option<f64>,
    /// RFC 3339.
    pub started_utc: String,
    pub ended_utc: String,
}

impl Run {
    /// Energy is as recorded, else by the watts of the tariff.
    pub fn of_record(record: &Record, tariff: &Tariff) -> Run {
        let (result, run) = (&record.result, &record.run);
        let (cell, shape) = (&result.cell, &result.cell.shape);
        let mut hyper = serde_json::to_value(cell.hyper).unwrap_or_default();
        if let Some(hyper) = hyper.as_object_mut() {
            hyper.remove("precision");
        }
        let trained = format!("{shape:?} {} {hyper}", cell.steps);
        // A stack has a share of the device while others train beside it.
        let share = run.device_share;
        let pace = run.tokens_per_second.zip(run.flops_per_second).map(|(tokens, flops)| Pace {
            stack_width: run.stack_width,
            tokens_per_second: tokens / share,
            flops_per_second: flops / share,
            train_seconds: run.train_seconds * share,
            eval_seconds: run.eval_seconds * share,
            first_step_seconds: run.first_step_seconds,
            joules: tariff.energy(run).map(|energy| energy.joules),
            started_utc: run.started_utc.clone(),
            ended_utc: run.ended_utc.clone(),
        });
        let finished = result.status == Status::Finished;
        Run {
            name: record.id().0.clone(),
            key: format!("{trained} {}", cell.seed),
            cell: trained,
            shape: format!("L{} d{}", shape.depth, shape.width),
            precision: Some(cell.hyper.precision.word().into()),
            budget_flops: cell.budget_flops,
            params: result.params.total() as f64,
            tokens: result.tokens as f64,
            flops: result.flops.exact,
            loss_nats: record.valid_loss_nats(),
            bits_per_byte: result.valid.filter(|_| finished).and_then(|valid| valid.bits_per_byte),
            curve: result.curve.iter().map(|point| (point.step, point.loss_nats)).collect(),
            pace,
        }
    }

    pub fn of_observation(row: &Observation) -> Run {
        let named = |v: Option<f64>| v.map_or_else(String::new, |v| v.to_string());
        let settings = [row.width, row.depth, row.learning_rate, row.batch_tokens].map(named);
        let cell = format!("{} {} {} {}", row.params, row.tokens, row.flops, settings.join(" "));
        let seed = row.seed.clone().unwrap_or_default();
        Run {
            name: row.run.clone(),
            key: format!("{cell} {seed}"),
            cell,
            shape: isoflop_text::count(row.params, 3),
            precision: None,
            budget_flops: row.budget_flops,
            params: row.params,
            tokens: row.tokens,
            flops: row.flops,
            loss_nats: Some(row.loss_nats),
            bits_per_byte: None,
            curve: Vec::new(),
            pace: None,
        }
    }
}
