//! From a stack of cells to outcomes: steps, schedules, evaluation, checkpoints.

mod checkpoint;
mod error;
mod evaluate;
mod feed;
mod measure;
mod operations;
mod outcome;
mod replica;
mod run;
mod schedule;
mod workers;

pub use checkpoint::path as checkpoint_path;
pub use error::TrainError;
pub use measure::{Load, MeasureError, Speed, measure};
pub use operations::{OperationTime, time_operations};
pub use outcome::{Control, CurvePoint, Event, Outcome, StackEnd, Status, TrainOptions};
pub use run::run_stack;
pub use schedule::learning_rate;
pub use workers::Workers;
