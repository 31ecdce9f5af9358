//! From a stack of cells to their records: steps, schedules, evaluation, checkpoints.

mod checkpoint;
mod energy;
mod error;
mod evaluate;
mod event;
mod feed;
mod run;
mod schedule;
mod smoothed;
mod workers;

pub use checkpoint::path as checkpoint_path;
pub use error::TrainError;
pub use event::{Control, Event, Overhead, StackEnd, TrainOptions};
pub use run::run_stack;
pub use schedule::learning_rate;
pub use workers::Workers;
