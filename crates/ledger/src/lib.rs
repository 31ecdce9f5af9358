//! What is known of a study's cells: one folder, one append-only file, one writer.
//!
//! This crate owns the results folder's memory:
//!
//! | file | what it holds |
//! | --- | --- |
//! | `ledger.jsonl` | one [`Record`] per line, in the order the cells ended; synced to disk line by line |
//! | `passport.json` | every distinct [`Passport`] that records refer to, by hash |
//! | `shards/NAME` | parts of the ledger that other processes write: folders like this one; readers see one ledger |
//! | `config.resolved.toml` | the resolved configuration the records belong to |
//! | `ledger.lock`, `ledger.holder.json` | who writes here now; released by death |
//! | `ledger.torn` | what was cut off a half-written last line, kept for inspection |
//!
//! A record has two parts. [`Record::result`] follows from the configuration alone: on one machine's CPU it is
//! the same, bit for bit, however often the work was interrupted. [`Record::run`] says how it went this time.
//!
//! ```
//! use isoflop_ledger::{Append, Ledger, Record, RunInfo, RunResult, Status};
//! # use isoflop_plan::{Cell, Family, Hyper, Optimizer, Precision, Schedule, Shape};
//! # let folder = tempfile::tempdir().unwrap();
//! # let folder = folder.path();
//! # let shape = Shape { family: Family::Llama, depth: 2, width: 64, heads: 2, hidden: 176, vocab: 256, context: 128 };
//! # let hyper = Hyper {
//! #     batch_sequences: 8, learning_rate: 3e-3, warmup_steps: 4, schedule: Schedule::Cosine { final_fraction: 0.1 },
//! #     optimizer: Optimizer::AdamW, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weight_decay: 0.1, clip_norm: Some(1.0),
//! #     z_loss: 0.0, precision: Precision::F32,
//! # };
//! # let cell = |seed| Cell::new(Some(1e12), shape, 100, hyper, seed, "c0ffee");
//! let cells = vec![cell(0), cell(1)];
//!
//! // One process may write; a second is told who does.
//! let mut ledger = Ledger::open(folder, "sweep --config grid.toml")?;
//! assert!(Ledger::open(folder, "sweep --config grid.toml").unwrap_err().to_string().contains("is in use by"));
//!
//! // A cell that ended badly is an outcome like any other.
//! let status = Status::Diverged { step: 41, reason: "loss is NaN".into() };
//! let result = RunResult::new("demo", "c0ffee", cells[0].clone(), status);
//! assert_eq!(ledger.append(Record::new(result, RunInfo::default()))?, Append::Written);
//! assert_eq!(ledger.remaining(&cells), vec![&cells[1]]);
//!
//! // Anybody may read, also while another process writes.
//! assert_eq!(isoflop_ledger::read(folder)?.records.len(), 1);
//! # Ok::<(), isoflop_ledger::LedgerError>(())
//! ```

mod error;
mod host;
mod jsonl;
mod ledger;
mod line;
mod lock;
mod machine;
mod mend;
mod passport;
mod read;
mod rescue;
mod shards;
mod snapshot;
mod sound;

pub use error::LedgerError;
pub use host::{Host, now_utc, seconds_of_utc};
pub use isoflop_record::{
    Attempt, CurvePoint, EnergySource, Record, RunFlops, RunInfo, RunResult, SCHEMA, Spending,
    Status, Tariff, Valid, ValidPoint,
};
pub use jsonl::Repair;
pub use ledger::{Append, Ledger};
pub use lock::{Holder, Locks, Presence, writer};
pub use machine::Machine;
pub use mend::{Inspection, Mended, Mending, inspect};
pub use passport::{DevicePassport, Passport, PeakFlops, Versions};
pub use read::{
    CHECKPOINT_FOLDER, CONFIG_FILE, Contents, LEDGER_FILE, PASSPORT_FILE, read, read_bytes,
    read_with_hash,
};
pub use shards::{
    Part, Repeated, SHARD_FOLDER, has_ledger, parts, shard, shard_name, shard_writers, shards,
};
pub use snapshot::Settled;
